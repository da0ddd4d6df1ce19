package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/validate/validatetest"
	"khamxa/internal/fault"
	"khamxa/registry"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

var now = time.Date(2026, 11, 23, 9, 30, 0, 0, place.Zone())

var (
	doctor   = registry.Actor{Reference: "Practitioner/d1", Within: []string{"Organization/tyt-14221"}}
	stranger = registry.Actor{Reference: "Practitioner/d2", Within: []string{"Organization/tyt-14308"}}
	province = registry.Actor{Reference: "Practitioner/m1"}
)

// service makes a service on a store of its own.
func service(t *testing.T) (*registry.Service, *sqlite.DB) {
	t.Helper()
	clock := func() time.Time { return now }
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: t.TempDir(), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		validatetest.Log(t, db)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if n, err := registry.InstallPlaces(context.Background(), db); err != nil || n != 44 {
		t.Fatalf("%d places installed, %v", n, err)
	}
	return registry.NewService(registry.Options{
		Store: db, Clock: clock,
		Standing: func(id string) (string, string, bool) { return "missed", "cohort.state.missed", id != "" },
	}), db
}

func form() registry.PatientForm {
	return registry.PatientForm{
		Name: "  Trần   Thị Hoa ", Gender: registry.Female, Birth: "3/2/1958", Phone: "0912 345.678", CCCD: "036158001234",
		Address: "Xóm 5", Commune: "14221",
	}
}

func register(t *testing.T, s *registry.Service, f registry.PatientForm) string {
	t.Helper()
	r, err := s.RegisterPatient(t.Context(), province, f)
	if err != nil {
		t.Fatal(err)
	}
	return r.PatientID
}

func readings(pairs ...[2]int) (out []registry.BPReading) {
	for _, p := range pairs {
		out = append(out, registry.BPReading{Systolic: p[0], Diastolic: p[1], Pulse: 70 + len(out)})
	}
	return out
}

func TestInstallPlacesTwice(t *testing.T) {
	_, db := service(t)
	if n, err := registry.InstallPlaces(t.Context(), db); err != nil || n != 0 {
		t.Errorf("the second time %d were written, %v", n, err)
	}
}

// TestInstallPlacesPutsBack: what was deleted comes back, what was edited stays as it is.
func TestInstallPlacesPutsBack(t *testing.T) {
	_, db := service(t)
	edited := []byte(`{"resourceType":"Organization","id":"tyt-14215","name":"Trạm có tên mới"}`)
	_, err := db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{
		{Method: store.Delete, Type: "Organization", ID: "tyt-14221"},
		{Method: store.Delete, Type: "Location", ID: "xa-14221"},
		{Method: store.Put, Type: "Organization", ID: "tyt-14215", Body: edited},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := registry.InstallPlaces(t.Context(), db); err != nil || n != 2 {
		t.Errorf("%d were written, %v; want the two that were deleted", n, err)
	}
	for name, want := range map[string]string{"Organization/tyt-14221": "3", "Location/xa-14221": "3", "Organization/tyt-14215": "2"} {
		typ, id, _ := strings.Cut(name, "/")
		if v, err := db.Read(t.Context(), typ, id); err != nil || v.VersionID != want {
			t.Errorf("%s is version %s, %v; want %s", name, v.VersionID, err, want)
		}
	}
}

// The whole way: register, measure on two days, enrol, read the chart.
func TestStory(t *testing.T) {
	s, db := service(t)
	id := register(t, s, form())
	if _, err := s.EnrolHypertension(t.Context(), doctor, registry.Enrolment{PatientID: id, Basis: registry.Measured}); firstKey(err) != "registry.problem.basis.measured" {
		t.Errorf("enrolled without a measurement: %v", err)
	}
	for _, days := range []int{14, 0} {
		r, err := s.RecordScreening(t.Context(), doctor, registry.Screening{
			PatientID: id, At: now.AddDate(0, 0, -days), Readings: readings([2]int{170, 99}, [2]int{151, 91}, [2]int{148, 90}),
			Arm: registry.LeftArm, Position: registry.Sitting, Device: "Omron HEM-7156", Note: "Sau khi nghỉ 5 phút",
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Value != (guideline.Pressure{Systolic: 149.5, Diastolic: 90.5}) || r.Grading.Level != guideline.Grade1 || len(r.Warnings) > 0 {
			t.Errorf("recorded %+v", r)
		}
	}
	enrolled, err := s.EnrolHypertension(t.Context(), doctor, registry.Enrolment{PatientID: id, Basis: registry.Measured})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.EnrolHypertension(t.Context(), doctor, registry.Enrolment{PatientID: id, Basis: registry.Treated}); firstKey(err) != "registry.problem.enrolled" {
		t.Errorf("enrolled twice: %v", err)
	}
	c, err := s.PatientChart(t.Context(), doctor, id)
	if err != nil {
		t.Fatal(err)
	}
	want := registry.Patient{
		ID: id, Name: "Trần Thị Hoa", Gender: registry.Female, Birth: "1958-02-03", Age: 68, Phone: "+84912345678", CCCD: "036158001234",
		Address: "Xóm 5, Xã Hải Thịnh, Tỉnh Ninh Bình", Commune: "14221", Version: "1",
	}
	if diff := cmp.Diff(want, c.Patient); diff != "" {
		t.Error(diff)
	}
	if e, ok := c.Enrolled(); !ok || e.ID != enrolled.EpisodeID || e.Start != "2026-11-23" || e.Commune != "14221" {
		t.Errorf("the enrolment is %+v", e)
	}
	if len(c.Pressures) != 2 || len(c.Visits) != 2 || !c.Pressures[0].At.Equal(now) {
		t.Fatalf("%d pressures, %d visits, the newest of %v", len(c.Pressures), len(c.Visits), c.Pressures[0].At)
	}
	p := c.Pressures[0]
	if p.Systolic != 149.5 || p.Pulse != 71 || len(p.Readings) != 3 || p.Readings[0].Systolic != 170 || p.EncounterID != c.Visits[0].EncounterID || p.Note == "" {
		t.Errorf("the newest pressure is %+v", p)
	}
	if v := c.Visits[0]; v.Class != "AMB" || v.Status != "finished" || v.Commune != "14221" {
		t.Errorf("the newest visit is %+v", v)
	}
	if c.State != "missed" || c.StateText != "cohort.state.missed" {
		t.Errorf("the state is %q %q", c.State, c.StateText)
	}
	v, err := db.Read(t.Context(), "Observation", p.ObservationID)
	if err != nil || v.Holder != "Organization/tyt-14221" {
		t.Errorf("the observation is held by %q, %v", v.Holder, err)
	}
}

// firstKey is the message key of the first problem behind an error.
func firstKey(err error) string {
	if p := registry.ProblemsOf(err); len(p) > 0 {
		return p[0].Key
	}
	return ""
}

func TestRegisterRefuses(t *testing.T) {
	s, _ := service(t)
	for _, c := range []struct {
		name       string
		change     func(*registry.PatientForm)
		field, key string
	}{
		{"no name", func(f *registry.PatientForm) { f.Name = "  " }, "name", "registry.problem.name.missing"},
		{"a name with digits", func(f *registry.PatientForm) { f.Name = "Hoa 2" }, "name", "registry.problem.name.unusable"},
		{"markup", func(f *registry.PatientForm) { f.Name = "<b>Hoa</b>" }, "name", "registry.problem.name.unusable"},
		{"no gender", func(f *registry.PatientForm) { f.Gender = "" }, "gender", "registry.problem.gender"},
		{"no birth", func(f *registry.PatientForm) { f.Birth = "" }, "birth", "registry.problem.birth"},
		{"31 February", func(f *registry.PatientForm) { f.Birth = "31/2/1958" }, "birth", "registry.problem.birth"},
		{"born tomorrow", func(f *registry.PatientForm) { f.Birth = "2026-11-24" }, "birth", "registry.problem.birth.range"},
		{"born in 1858", func(f *registry.PatientForm) { f.Birth = "1858" }, "birth", "registry.problem.birth.range"},
		{"a short number", func(f *registry.PatientForm) { f.Phone = "09123" }, "phone", "registry.problem.phone"},
		{"words for a number", func(f *registry.PatientForm) { f.Phone = "hỏi con trai" }, "phone", "registry.problem.phone"},
		{"eleven digits", func(f *registry.PatientForm) { f.CCCD = "03615800123" }, "cccd", "registry.problem.cccd"},
		{"an old code", func(f *registry.PatientForm) { f.Commune = "14284" }, "commune", "registry.problem.commune"},
		{"another's commune", func(f *registry.PatientForm) { f.Commune = "14308" }, "commune", "registry.problem.commune.not-yours"},
		{"a long address", func(f *registry.PatientForm) { f.Address = strings.Repeat("x", 201) }, "address", "registry.problem.too-long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := form()
			c.change(&f)
			_, err := s.RegisterPatient(t.Context(), doctor, f)
			if !fault.Is(err, fault.Invalid) || fault.PathOf(err) != c.field || firstKey(err) != c.key {
				t.Errorf("got %v (%s), want %s at %s", err, firstKey(err), c.key, c.field)
			}
			if m := fault.MessageOf(err); strings.Contains(m, "registry.") || strings.Contains(m, "%!") {
				t.Errorf("the sentence is %q", m)
			}
		})
	}
}

func TestPhonesAndBirths(t *testing.T) {
	s, _ := service(t)
	for i, c := range []struct{ phone, want, birth, wantBirth string }{
		{"", "", "1958", "1958"},
		{"0912345678", "+84912345678", "02/1958", "1958-02"},
		{"+84 912 345 678", "+84912345678", "1958-02", "1958-02"},
		{"84912345678", "+84912345678", "3.2.1958", "1958-02-03"},
		{"0168 345 6789", "+84383456789", "1958-02-03", "1958-02-03"},
		{"0228 3 654 321", "+842283654321", "3-2-1958", "1958-02-03"},
	} {
		t.Run(c.phone+" "+c.birth, func(t *testing.T) {
			f := form()
			f.Phone, f.Birth, f.CCCD = c.phone, c.birth, fmt.Sprintf("03615800%04d", i)
			chart, err := s.PatientChart(t.Context(), doctor, register(t, s, f))
			if err != nil {
				t.Fatal(err)
			}
			if chart.Patient.Phone != c.want || chart.Patient.Birth != c.wantBirth {
				t.Errorf("kept %q and %q, want %q and %q", chart.Patient.Phone, chart.Patient.Birth, c.want, c.wantBirth)
			}
		})
	}
}

// Two desks register the same citizen's number at the same moment: one record.
func TestSameCitizenTwice(t *testing.T) {
	s, _ := service(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.RegisterPatient(t.Context(), doctor, form()) })
	}
	wg.Wait()
	ok := 0
	for _, err := range errs {
		switch {
		case err == nil:
			ok++
		case !fault.Is(err, fault.Conflict) || fault.PathOf(err) != "cccd" || firstKey(err) != "registry.problem.cccd.taken":
			t.Errorf("got %v", err)
		}
	}
	if ok != 1 {
		t.Errorf("%d records were made, want 1", ok)
	}
}

func TestWarnings(t *testing.T) {
	s, _ := service(t)
	f := form()
	f.CCCD = "036058001234" // a man of 1958
	r, err := s.RegisterPatient(t.Context(), doctor, f)
	if err != nil || len(r.Warnings) != 1 || r.Warnings[0].Key != "registry.warning.cccd" {
		t.Errorf("warnings %v, %v", r.Warnings, err)
	}
	rec, err := s.RecordScreening(t.Context(), doctor, registry.Screening{PatientID: r.PatientID, Readings: readings([2]int{225, 135})})
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	for _, w := range rec.Warnings {
		fields = append(fields, w.Field)
	}
	if diff := cmp.Diff([]string{"readings.0.systolic", "readings.0.diastolic", "readings"}, fields); diff != "" {
		t.Error(diff)
	}
	if rec.Grading.Step != guideline.StepEmergency {
		t.Errorf("225/135 asks for %s", rec.Grading.Step)
	}
}

func TestScreeningRefuses(t *testing.T) {
	s, _ := service(t)
	id := register(t, s, form())
	ok := registry.Screening{PatientID: id, Readings: readings([2]int{130, 80})}
	for _, c := range []struct {
		name   string
		change func(*registry.Screening)
		field  string
	}{
		{"no reading", func(f *registry.Screening) { f.Readings = nil }, "readings"},
		{"four readings", func(f *registry.Screening) { f.Readings = make([]registry.BPReading, 4) }, "readings"},
		{"systolic too low", func(f *registry.Screening) { f.Readings = readings([2]int{130, 80}, [2]int{49, 40}) }, "readings.1.systolic"},
		{"systolic too high", func(f *registry.Screening) { f.Readings = readings([2]int{301, 80}) }, "readings.0.systolic"},
		{"diastolic too low", func(f *registry.Screening) { f.Readings = readings([2]int{130, 19}) }, "readings.0.diastolic"},
		{"diastolic too high", func(f *registry.Screening) { f.Readings = readings([2]int{250, 201}) }, "readings.0.diastolic"},
		{"swapped", func(f *registry.Screening) { f.Readings = readings([2]int{80, 130}) }, "readings.0.diastolic"},
		{"an impossible pulse", func(f *registry.Screening) { f.Readings[0].Pulse = 7 }, "readings.0.pulse"},
		{"tomorrow", func(f *registry.Screening) { f.At = now.AddDate(0, 0, 1) }, "at"},
		{"long ago", func(f *registry.Screening) { f.At = now.AddDate(-6, 0, 0) }, "at"},
		{"a third arm", func(f *registry.Screening) { f.Arm = "middle" }, "arm"},
		{"hanging", func(f *registry.Screening) { f.Position = "hanging" }, "position"},
		{"nowhere", func(f *registry.Screening) { f.Commune = "00000" }, "commune"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ok
			f.Readings = append([]registry.BPReading(nil), ok.Readings...)
			c.change(&f)
			if _, err := s.RecordScreening(t.Context(), doctor, f); !fault.Is(err, fault.Invalid) || fault.PathOf(err) != c.field {
				t.Errorf("got %v, want invalid at %s", err, c.field)
			}
		})
	}
	if c, err := s.PatientChart(t.Context(), doctor, id); err != nil || len(c.Visits) > 0 || len(c.Pressures) > 0 {
		t.Errorf("something was kept of what was refused: %+v %v", c, err)
	}
}

func TestEnrolRefuses(t *testing.T) {
	s, db := service(t)
	adult := register(t, s, form())
	f := form()
	f.CCCD, f.Birth = "", "2010-01-01"
	child := register(t, s, f)
	dead := registry.PatientResource{ID: "dead", Name: "Lê Văn Cũ", Gender: registry.Male, Birth: "1940", Commune: "14221", Deceased: "2026-01-02"}
	if _, err := db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{{Method: store.Put, Type: "Patient", ID: dead.ID, Body: dead.Body()}}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		e    registry.Enrolment
		key  string
	}{
		{"a child", registry.Enrolment{PatientID: child, Basis: registry.Treated}, "registry.problem.too-young"},
		{"the dead", registry.Enrolment{PatientID: "dead", Basis: registry.Treated}, "registry.problem.dead"},
		{"no basis", registry.Enrolment{PatientID: adult}, "registry.problem.basis"},
		{"the future", registry.Enrolment{PatientID: adult, Basis: registry.Treated, On: now.AddDate(0, 0, 2)}, "registry.problem.on"},
		{"before birth", registry.Enrolment{PatientID: adult, Basis: registry.Treated, On: now.AddDate(-70, 0, 0)}, "registry.problem.on"},
		{"another's station", registry.Enrolment{PatientID: adult, Basis: registry.Treated, Commune: "14308"}, "registry.problem.commune.not-yours"},
		{"no station", registry.Enrolment{PatientID: adult, Basis: registry.Treated, Commune: "14284"}, "registry.problem.commune"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := s.EnrolHypertension(t.Context(), doctor, c.e); !fault.Is(err, fault.Invalid) || firstKey(err) != c.key {
				t.Errorf("got %v (%s), want %s", err, firstKey(err), c.key)
			}
		})
	}
	if c, err := s.PatientChart(t.Context(), doctor, "dead"); err != nil || c.Patient.Age != 86 || !c.Patient.Deceased {
		t.Errorf("the dead are %+v %v", c.Patient, err)
	}
}

// Somebody of another commune can do nothing with a patient, and cannot tell that there is one.
func TestConfinement(t *testing.T) {
	s, _ := service(t)
	id := register(t, s, form())
	_, charted := s.PatientChart(t.Context(), stranger, id)
	_, recorded := s.RecordScreening(t.Context(), stranger, registry.Screening{PatientID: id, Readings: readings([2]int{130, 80})})
	_, enrolled := s.EnrolHypertension(t.Context(), stranger, registry.Enrolment{PatientID: id, Basis: registry.Treated})
	_, missing := s.PatientChart(t.Context(), stranger, "nobody")
	for name, err := range map[string]error{"chart": charted, "screening": recorded, "enrolment": enrolled} {
		if !fault.Is(err, fault.NotFound) || err.Error() != missing.Error() {
			t.Errorf("%s: %v, want exactly %v", name, err, missing)
		}
	}
	if got, err := s.FindPatients(t.Context(), stranger, registry.Find{Text: "hoa"}); err != nil || len(got.List) > 0 {
		t.Errorf("a stranger finds %v, %v", got.List, err)
	}
	if _, err := s.PatientChart(t.Context(), province, "../etc"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a bad id gives %v", err)
	}
}

func TestFindPatients(t *testing.T) {
	s, _ := service(t)
	ids := map[string]string{}
	for i, name := range []string{"Trần Thị Hoa", "Nguyễn Văn Đạt", "Nguyễn Thị Hòa", "Lê Quý Đôn"} {
		f := form()
		f.Name, f.Phone, f.CCCD = name, fmt.Sprintf("091234567%d", i), fmt.Sprintf("03615800000%d", i)
		ids[name] = register(t, s, f)
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{"hoa", []string{"Nguyễn Thị Hòa", "Trần Thị Hoa"}},
		{"tran thi hoa", []string{"Trần Thị Hoa"}},
		{"Hòa Nguyễn", []string{"Nguyễn Thị Hòa"}},
		{"ĐẠT", []string{"Nguyễn Văn Đạt"}},
		{"dat", []string{"Nguyễn Văn Đạt"}},
		{"0912 345 673", []string{"Lê Quý Đôn"}},
		{"+84912345671", []string{"Nguyễn Văn Đạt"}},
		{"036158000002", []string{"Nguyễn Thị Hòa"}},
		{ids["Lê Quý Đôn"], []string{"Lê Quý Đôn"}},
		{"nobody", nil},
		{"a,b|c$d\\e", nil},
		{"", []string{"Lê Quý Đôn", "Nguyễn Thị Hòa", "Nguyễn Văn Đạt", "Trần Thị Hoa"}},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := s.FindPatients(t.Context(), doctor, registry.Find{Text: c.text})
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, p := range got.List {
				seen[p.Name] = true
			}
			want := map[string]bool{}
			for _, n := range c.want {
				want[n] = true
			}
			if diff := cmp.Diff(want, seen); diff != "" {
				t.Error(diff)
			}
		})
	}
	var all []string
	for next, pages := "", 0; pages == 0 || next != ""; pages++ {
		got, err := s.FindPatients(t.Context(), doctor, registry.Find{Text: "nguyen", Count: 1, Next: next})
		if err != nil || len(got.List) > 1 {
			t.Fatalf("%v %v", got, err)
		}
		for _, p := range got.List {
			all = append(all, p.Name)
		}
		next = got.Next
	}
	if len(all) != 2 || all[0] == all[1] {
		t.Errorf("page by page: %v", all)
	}
	if _, err := s.FindPatients(t.Context(), doctor, registry.Find{Next: "nonsense"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a bad page gives %v", err)
	}
}

// What is written has the shapes that everybody agreed on.
func TestShapes(t *testing.T) {
	at := time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		body []byte
		want string
	}{
		{"patient", registry.PatientResource{
			ID: "p", Name: "Nguyễn Thị Hòa", Gender: registry.Female, Birth: "1958", Phone: "+84912345678", CCCD: "036158001234", Commune: "14221", Deceased: "2026-02-03",
		}.Body(), `{"resourceType":"Patient","id":"p","identifier":[{"system":"http://fhir.hl7.org.vn/core/sid/cccd","value":"036158001234"}],"active":true,
			"name":[{"use":"official","text":"Nguyễn Thị Hòa","family":"Nguyễn","given":["Thị","Hòa"]}],
			"telecom":[{"system":"phone","value":"+84912345678","use":"mobile"}],"gender":"female","birthDate":"1958","deceasedDateTime":"2026-02-03",
			"address":[{"text":"Xã Hải Thịnh, Tỉnh Ninh Bình","city":"Xã Hải Thịnh","state":"Tỉnh Ninh Bình","country":"VN"}],
			"managingOrganization":{"reference":"Organization/tyt-14221"}}`},
		{
			"finished episode", registry.EpisodeResource{ID: "e", Patient: "p", Programme: registry.Hypertension(), Commune: "14221", Start: "2026-01-02", End: "2026-02-03"}.Body(),
			`{"resourceType":"EpisodeOfCare","id":"e","status":"finished","type":[{"coding":[{"system":"urn:khamxa:programme","code":"hypertension","display":"Quản lý tăng huyết áp"}]}],
			"patient":{"reference":"Patient/p"},"managingOrganization":{"reference":"Organization/tyt-14221"},"period":{"start":"2026-01-02","end":"2026-02-03"}}`,
		},
		{
			"single pressure", registry.PressureResource{ID: "o", Patient: "p", Encounter: "v", At: at, Readings: []registry.BPReading{{Systolic: 130, Diastolic: 80}}}.Body(),
			`{"resourceType":"Observation","id":"o","status":"final",
			"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],
			"code":{"coding":[{"system":"http://loinc.org","code":"85354-9","display":"Blood pressure panel with all children optional"}]},
			"subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/v"},"effectiveDateTime":"2026-03-01T08:00:00+07:00","component":[
			{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}]},"valueQuantity":{"value":130,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}},
			{"code":{"coding":[{"system":"http://loinc.org","code":"8462-4","display":"Diastolic blood pressure"}]},"valueQuantity":{"value":80,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}]}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := fhir.Parse(c.body); err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(c.body, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every key that the source names has words in both languages, with the same number of arguments.
func TestMessages(t *testing.T) {
	words := map[string]map[string]string{}
	for _, lang := range []string{"vi", "en"} {
		raw, err := registry.Messages.ReadFile("messages/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		words[lang] = m
	}
	for k, vi := range words["vi"] {
		if en := words["en"][k]; en == "" || strings.Count(en, "%s") != strings.Count(vi, "%s") {
			t.Errorf("%s: %q and %q", k, vi, en)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`"(registry\.(?:problem|warning)\.[a-z.-]+)"`)
	used := map[string]bool{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(raw), -1) {
			used[m[1]] = true
			if words["vi"][m[1]] == "" {
				t.Errorf("%s names %s, which has no words", file, m[1])
			}
		}
	}
	for k := range words["vi"] {
		if !used[k] {
			t.Errorf("nobody uses %s", k)
		}
	}
	if len(words["vi"]) != len(words["en"]) {
		t.Errorf("%d Vietnamese and %d English messages", len(words["vi"]), len(words["en"]))
	}
}
