package web_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"khamxa/fhir/store"
	"khamxa/registry"
	"khamxa/registry/cohort"
	"khamxa/registry/guideline"
	"khamxa/registry/place"
)

const reportPath = "/reports/hypertension"

func (w *world) figure(m cohort.Month, communes []string) cohort.Figure {
	w.t.Helper()
	r, err := w.book.Figures(cohort.Query{Month: m, Months: 1, Communes: communes})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Total[0]
}

// attr is the value of an attribute in the first tag that holds mark.
func attr(t testing.TB, page, mark, name string) string {
	t.Helper()
	at := strings.Index(page, mark)
	if at < 0 {
		t.Fatalf("the page does not hold %s", mark)
	}
	tag := page[strings.LastIndex(page[:at], "<"):]
	tag = tag[:strings.Index(tag, ">")]
	_, rest, ok := strings.Cut(tag, " "+name+`="`)
	if !ok {
		t.Fatalf("no %s in %s", name, tag)
	}
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

func number(t testing.TB, page, mark, name string) int {
	t.Helper()
	n, err := strconv.Atoi(attr(t, page, mark, name))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReportShowsTheBook(t *testing.T) {
	w := newWorld(t, 300)
	running := cohort.MonthOf(now)
	for _, c := range []struct {
		name, query string
		month       cohort.Month
		communes    []string
	}{
		{"running month", "", running, nil},
		{"half a year ago", "?month=2026-05", running - 6, nil},
		{"before the chart's months", "?month=2025-02", running - 21, nil},
		{"one commune", "?commune=14308", running, []string{"14308"}},
		{"a commune of another month", "?commune=14221&month=2026-09", running - 2, []string{"14221"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			page, f := w.get(reportPath+c.query), w.figure(c.month, c.communes)
			for name, want := range map[string]int{"data-numerator": f.Numerator, "data-denominator": f.Denominator, "data-not-assessable": f.NotAssessable} {
				if got := number(t, page, `id="control"`, name); got != want {
					t.Errorf("%s is %d, the book says %d", name, got, want)
				}
			}
			for _, s := range cohort.States() {
				if got := number(t, page, `id="state-`+s.String()+`"`, "data-count"); got != f.Count(s) {
					t.Errorf("%s is %d, the book says %d", s, got, f.Count(s))
				}
			}
			if got := attr(t, page, `id="month"`, "data-month"); got != c.month.String() {
				t.Errorf("the month is %s", got)
			}
			if provisional := strings.Contains(page, `id="provisional"`); provisional != (c.month == running) {
				t.Errorf("provisional is %v", provisional)
			}
			seq, _ := w.book.Position()
			if got := number(t, page, `id="position"`, "data-position"); got != int(seq) {
				t.Errorf("position %d, the book is at %d", got, seq)
			}
		})
	}
}

func TestReportByCommune(t *testing.T) {
	w := newWorld(t, 300)
	page := w.get(reportPath)
	sum := 0
	for _, u := range place.Communes() {
		f := w.figure(cohort.MonthOf(now), []string{u.Code})
		mark := `data-commune="` + u.Code + `"`
		if got := [3]int{number(t, page, mark, "data-numerator"), number(t, page, mark, "data-denominator"), number(t, page, mark, "data-not-assessable")}; got != [3]int{f.Numerator, f.Denominator, f.NotAssessable} {
			t.Errorf("%s: %v, the book says %d of %d, %d outside", u.Name, got, f.Numerator, f.Denominator, f.NotAssessable)
		}
		sum += f.Denominator
	}
	if total := number(t, page, `id="total"`, "data-denominator"); total != sum || sum == 0 {
		t.Errorf("the total is %d, the rows add up to %d", total, sum)
	}
	names := regexp.MustCompile(`<tr data-commune[^>]*>\s*<th scope="row"><a [^>]*>([^<]+)</a>`).FindAllStringSubmatch(page, -1)
	if len(names) != 22 || names[0][1] != "Xã Đồng Thịnh" || names[1][1] != "Xã Giao Bình" || names[21][1] != "Xã Rạng Đông" {
		t.Errorf("%d rows, from %v to %v", len(names), names[:2], names[len(names)-1])
	}
}

// Every number of a report leads to a list that has exactly so many people.
func TestEveryNumberOpensItsPeople(t *testing.T) {
	w := newWorld(t, 250)
	link := regexp.MustCompile(`<a[^>]* href="(/reports/hypertension/people[^"]+)"[^>]*data-count="(\d+)"`)
	cell := regexp.MustCompile(`<td class="number"><a href="(/reports/hypertension/people[^"]+)">([\d.]+)</a>`)
	for _, query := range []string{"", "?month=2026-03&commune=14221"} {
		page := w.get(reportPath + query)
		found := append(link.FindAllStringSubmatch(page, -1), cell.FindAllStringSubmatch(page, -1)...)
		if len(found) < 150 {
			t.Fatalf("only %d numbers of %s are links", len(found), query)
		}
		seen := map[string]int{}
		for _, f := range found {
			path := html.UnescapeString(f[1])
			want, err := strconv.Atoi(strings.ReplaceAll(f[2], ".", ""))
			if err != nil {
				t.Fatal(err)
			}
			if before, ok := seen[path]; ok {
				if before != want {
					t.Errorf("%s stands under both %d and %d", path, before, want)
				}
				continue
			}
			seen[path] = want
			list := w.get(path)
			if rows := strings.Count(list, `<tr class="person"`); rows != want || number(t, list, `id="people"`, "data-count") != want {
				t.Errorf("%s: the number is %d, the list has %d rows and says %s", path, want, rows, attr(t, list, `id="people"`, "data-count"))
			}
		}
		if plain := strings.Count(page, "<span data-figure"); plain != 0 {
			t.Errorf("%d numbers are no links", plain)
		}
	}
}

// The last blood pressure moves numerator and denominator by one, and the person into the list, within one answer.
func TestAMeasurementMovesTheReport(t *testing.T) {
	w := newWorld(t, 100)
	w.actor = doctor
	before := w.get(reportPath)
	if got := attr(t, w.get("/patients/"+w.demo), `id="state"`, "data-state"); got != "lost" {
		t.Fatalf("the patient is %s at first", got)
	}
	code, body, to := w.post("/screenings", "patient", w.demo, "readings.0.systolic", "128", "readings.0.diastolic", "78", "readings.1.systolic", "126", "readings.1.diastolic", "76", "arm", "left", "position", "sitting")
	if code != http.StatusSeeOther {
		t.Fatalf("%d: %s", code, body)
	}
	wants(t, w.get(to.Get("Location")), `data-systolic="127" data-diastolic="77" data-rule="bp-grade-vn-3192"`, `data-state="controlled"`, "3192/QĐ-BYT", "Huyết áp bình thường")
	after := w.get(reportPath)
	for _, name := range []string{"data-numerator", "data-denominator"} {
		if a, b := number(t, before, `id="control"`, name), number(t, after, `id="control"`, name); b != a+1 {
			t.Errorf("%s went from %d to %d", name, a, b)
		}
	}
	list := w.get(reportPath + "/people?month=2026-11&commune=" + haiThinh + "&state=controlled")
	wants(t, list, `data-patient="`+w.demo+`"`, "Nguyễn Thị Mẫu", "127/77")
	if strings.Contains(w.get(reportPath+"/people?month=2026-11&commune="+haiThinh+"&state=lost"), "Nguyễn Thị Mẫu") {
		t.Error("the person is still among the lost")
	}
}

func TestScopes(t *testing.T) {
	w := newWorld(t, 200)
	people := reportPath + "/people?month=2026-11&state=all"
	for _, c := range []struct {
		name, path string
		actor      func() // who asks
		want       int
	}{
		{"own commune", reportPath + "?commune=" + haiThinh, func() { w.actor = doctor }, 200},
		{"another commune", reportPath + "?commune=14308", func() { w.actor = doctor }, 404},
		{"no such commune", reportPath + "?commune=99999", func() { w.actor = province }, 404},
		{"a commune of before 2025", reportPath + "?commune=14284", func() { w.actor = province }, 404},
		{"elsewhere, confined", reportPath + "?commune=other", func() { w.actor = doctor }, 404},
		{"elsewhere, province", reportPath + "?commune=other", func() { w.actor = province }, 200},
		{"own list", people, func() { w.actor = doctor }, 200},
		{"list of another commune", people + "&commune=14308", func() { w.actor = doctor }, 404},
		{"list with figures but not people of one commune", people, func() { w.actor = two }, 403},
		{"its part with people", people + "&commune=" + haiThinh, func() { w.actor = two }, 200},
		{"list of a manager", people, func() { w.actor = manager }, 403},
		{"report of a manager", reportPath, func() { w.actor = manager }, 200},
		{"months ahead", reportPath + "?month=2026-12", func() { w.actor = province }, 400},
		{"no month", reportPath + "?month=november", func() { w.actor = province }, 400},
		{"ages ago", reportPath + "?month=1990-01", func() { w.actor = province }, 400},
		{"no such state", reportPath + "/people?state=rich", func() { w.actor = province }, 400},
		{"no such page", people + "&page=2", func() { w.actor = province }, 404},
		{"nobody", reportPath, func() { w.nobody = true }, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.nobody = false
			c.actor()
			code, body, _ := w.do(http.MethodGet, c.path, nil)
			if code != c.want {
				t.Errorf("%d, want %d", code, c.want)
			}
			if code != 200 && (strings.Contains(body, "data-patient") || strings.Contains(body, "data-count")) {
				t.Error("a refused page shows figures or people")
			}
		})
	}
}

func TestConfinedReports(t *testing.T) {
	w := newWorld(t, 200)
	w.actor = doctor
	page := w.get(reportPath)
	f := w.figure(cohort.MonthOf(now), []string{haiThinh})
	if got := number(t, page, `id="control"`, "data-denominator"); got != f.Denominator {
		t.Errorf("denominator %d, that of the commune is %d", got, f.Denominator)
	}
	if n := strings.Count(page, "<tr data-commune="); n != 1 {
		t.Errorf("%d communes in the table", n)
	}
	if strings.Contains(page, "14308") || strings.Contains(page, `<select id="commune"`) {
		t.Error("a doctor of one commune is shown others")
	}
	w.actor = manager
	page = w.get(reportPath)
	if strings.Contains(page, "/people?") || !strings.Contains(page, `<span data-figure="controlled"`) {
		t.Error("a manager without lists has links to people")
	}
	w.actor = two
	page = w.get(reportPath)
	if n := strings.Count(page, "<tr data-commune="); n != 2 || !strings.Contains(page, "commune=14221&amp;month=2026-11&amp;state=controlled") || strings.Contains(page, "commune=14308&amp;month=2026-11&amp;state") {
		t.Errorf("%d communes; links must lead to the people of one of them only", n)
	}
}

// Somebody who has moved on is counted in the month before, but not named.
func TestTransferredPersonIsCountedWithoutName(t *testing.T) {
	w := newWorld(t, 0)
	w.measure(t, w.demo, 150, 95)
	w.actor = doctor
	people := reportPath + "/people?month=2026-11&state=uncontrolled"
	wants(t, w.get(people), "Nguyễn Thị Mẫu", `data-patient="demo-patient"`)
	moved := registry.PatientResource{ID: w.demo, Name: "Nguyễn Thị Mẫu", Gender: registry.Female, Birth: "1957-08-19", Commune: "14308"}
	receipt, err := w.db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{{Method: store.Put, Type: "Patient", ID: w.demo, Body: moved.Body()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.book.WaitFor(t.Context(), receipt.Seq); err != nil {
		t.Fatal(err)
	}
	list := w.get(people)
	if number(t, list, `id="people"`, "data-count") != 1 || strings.Count(list, `<tr class="person" data-patient=""`) != 1 {
		t.Error("the person is not in the list without a name")
	}
	for _, secret := range []string{"Nguyễn Thị Mẫu", "demo-patient", "150/95", "1957"} {
		if strings.Contains(list, secret) {
			t.Errorf("the list holds %q", secret)
		}
	}
	wants(t, list, "Người này nay do trạm khác quản lý.")
}

// measure keeps a pressure and waits for the figures.
func (w *world) measure(t testing.TB, id string, systolic, diastolic int) {
	t.Helper()
	done, err := w.service.RecordScreening(t.Context(), registry.Actor{Reference: "Practitioner/d1"}, registry.Screening{
		PatientID: id, Readings: []registry.BPReading{{Systolic: systolic, Diastolic: diastolic}, {Systolic: systolic, Diastolic: diastolic}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.book.WaitFor(t.Context(), done.Seq); err != nil {
		t.Fatal(err)
	}
}

func TestReportPrintsItsDefinition(t *testing.T) {
	w := newWorld(t, 0)
	rules := cohort.HEARTS360.Rules()
	rule, _ := guideline.ByID(rules.Control.ID)
	wants(t, w.get(reportPath), `data-definition="hearts360" data-version="1"`, "HEARTS360 / Simple, phiên bản 1", rule.ID, rule.Source.Document, "Wilson")
	wants(t, w.get(reportPath+"?lang=en"), "HEARTS360 / Simple, version 1", "Provisional", "November 2026")
	// Nobody in the denominator: no rate is made up.
	page := w.get(reportPath)
	if number(t, page, `id="control"`, "data-denominator") != 0 || strings.Contains(page, "data-rate") || !strings.Contains(page, "Chưa có ai trong mẫu số.") {
		t.Error("an empty denominator has a rate")
	}
}

func TestListsAreAudited(t *testing.T) {
	w := newWorld(t, 120)
	w.actor = province
	list := w.get(reportPath + "/people?month=2026-11&state=all")
	want := number(t, list, `id="people"`, "data-count")
	var named []string
	for _, e := range w.audit.Events() {
		if e.Kind == "registry.report.people" {
			named = append(named, e.Objects...)
		}
	}
	slices.Sort(named)
	if n := len(slices.Compact(named)); n != want || want == 0 {
		t.Errorf("%d people are in the audit, the list has %d", n, want)
	}
	w.audit.Fail = fmt.Errorf("the disk is full")
	for _, path := range []string{reportPath + "/people?month=2026-11&state=all", "/patients", "/patients/" + w.demo} {
		if code, body, _ := w.do(http.MethodGet, path, nil); code != 500 || strings.Contains(body, "data-patient") {
			t.Errorf("%s without an audit: %d", path, code)
		}
	}
}
