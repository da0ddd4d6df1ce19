package place_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/registry/place"
)

func day(s string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, s, place.Zone())
	if err != nil {
		panic(err)
	}
	return t
}

func TestLookupNeedsTheDay(t *testing.T) {
	for _, c := range []struct{ name, code, on, want string }{
		{"recycled code, before", "14281", "2025-06-30", "Xã Hải Phong"},
		{"recycled code, after", "14281", "2025-07-01", "Xã Hải An"},
		{"the old Hải An had another code", "14284", "2025-06-30", "Xã Hải An"},
		{"a town before", "14221", "2024-01-01", "Thị trấn Thịnh Long"},
		{"a commune after", "14221", "2026-01-01", "Xã Hải Thịnh"},
		{"same name, new area", "13900", "2026-01-01", "Xã Đồng Thịnh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, ok := place.Lookup(c.code, day(c.on))
			if !ok || u.FullName() != c.want {
				t.Errorf("%s on %s is %q (%v), want %q", c.code, c.on, u.FullName(), ok, c.want)
			}
		})
	}
	t.Run("a code that ended", func(t *testing.T) {
		if u, ok := place.Lookup("14284", day("2025-07-01")); ok {
			t.Errorf("14284 is %s after June 2025, want nothing", u.FullName())
		}
	})
	t.Run("the day is Vietnam's", func(t *testing.T) {
		u, _ := place.Lookup("14281", time.Date(2025, 6, 30, 18, 0, 0, 0, time.UTC)) // 1 July, 01:00 in Vietnam
		if u.Name != "Hải An" {
			t.Errorf("got %s, want Hải An", u.Name)
		}
	})
}

func TestTable(t *testing.T) {
	now := place.Communes()
	if len(now) != 22 {
		t.Fatalf("%d communes, want 22", len(now))
	}
	old, sea, district := 0, 0, map[string]int{}
	for _, u := range now {
		district[u.District]++
		if u.Sea {
			sea++
		}
		if u.From != "2025-07-01" || u.To != "" || u.Kind != place.Xa || u.Province != "Tỉnh Ninh Bình" {
			t.Errorf("%s: %+v", u.Code, u)
		}
		if u.Latitude < 19.8 || u.Latitude > 20.4 || u.Longitude < 106 || u.Longitude > 106.7 {
			t.Errorf("%s lies at %v, %v: not on that coast", u.FullName(), u.Latitude, u.Longitude)
		}
		for _, m := range u.Merged {
			old++
			was, ok := place.Lookup(m.Code, day("2025-06-30"))
			if !ok || was.Successor != u.Ref() || was.To != "2025-06-30" {
				t.Errorf("%s was merged from %s, which says it went to %v", u.Code, m.Code, was.Successor)
			}
		}
	}
	if old != 64 || sea != 9 {
		t.Errorf("%d old units and %d by the sea, want 64 and 9", old, sea)
	}
	if diff := cmp.Diff(map[string]int{"Giao Thủy": 7, "Hải Hậu": 8, "Nghĩa Hưng": 7}, district); diff != "" {
		t.Error(diff)
	}
	now[0].Merged[0].Code = "changed"
	if place.Communes()[0].Merged[0].Code == "changed" {
		t.Error("a caller can change the table")
	}
}

func TestByName(t *testing.T) {
	for _, c := range []struct {
		name, on string
		want     []string
	}{
		{"Giao Thủy", "2026-01-01", []string{"14167"}},
		{"xã giao thuỷ", "2026-01-01", []string{"14167"}},
		{"hai thinh", "2026-01-01", []string{"14221"}},
		{"Nghĩa Hưng", "2026-01-01", []string{"13891"}},
		{"Nghĩa Hùng", "2025-01-01", []string{"13942"}},
		{"dong thinh", "2026-01-01", []string{"13900"}},
		{"Hải Phong", "2026-01-01", nil},
		{"", "2026-01-01", nil},
	} {
		t.Run(c.name+" "+c.on, func(t *testing.T) {
			var got []string
			for _, u := range place.ByName(c.name, day(c.on)) {
				got = append(got, u.Code)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	u, ok := place.Current("14221")
	if !ok {
		t.Fatal("14221 is not current")
	}
	if _, ok := place.Current("14284"); ok {
		t.Error("14284 ended in June 2025 and is given as current")
	}
	org, err := fhir.Parse(u.Organization())
	if err != nil {
		t.Fatal(err)
	}
	if org.Type != "Organization" || org.ID != "tyt-14221" || org.Root.Get("name").String() != "Trạm Y tế xã Hải Thịnh" {
		t.Errorf("%s", org.Raw)
	}
	loc, err := fhir.Parse(u.Location())
	if err != nil {
		t.Fatal(err)
	}
	if loc.ID != place.LocationID("14221") || loc.Root.Get("managingOrganization").Get("reference").String() != "Organization/tyt-14221" {
		t.Errorf("%s", loc.Raw)
	}
	if !json.Valid(u.Location()) {
		t.Error("the location is not JSON")
	}
	if code, ok := place.CommuneOf("Organization/tyt-14221"); !ok || code != "14221" {
		t.Errorf("CommuneOf gives %q %v", code, ok)
	}
	if _, ok := place.CommuneOf("Organization/hospital"); ok {
		t.Error("a hospital is taken for a station")
	}
}
