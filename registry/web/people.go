package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"khamxa/internal/fault"
	"khamxa/internal/page"
	"khamxa/registry/cohort"
)

// peoplePerPage bounds how many names are read for one answer. Almost every list fits.
const peoplePerPage = 1000

type peopleView struct {
	Set         set
	Scope       string
	MonthName   string
	Provisional bool
	Total       int
	Figure      string
	Back        string
	People      []memberView
	ManyStates  bool // the list mixes states: each row says its own
	ManyPlaces  bool // and communes
	First, Last int  // numbers of the rows on this page
	Prev, Next  string
	Position    int64
	Name        string // set in addresses
	Month, Code string
	MayRecord   bool // names lead to charts
}

// memberView is one person behind a number and the reason why. A person without ID has moved to a station whose people the viewer may
// not know; only the place in the count is shown.
type memberView struct {
	N          int
	ID         string
	Person     personView
	Commune    string // that answered for them in the month
	State      stateView
	Registered string // FHIR date
	HasBP      bool
	BP         cohort.Pressure
	Over       bool
	LastVisit  string // FHIR date, "" none
}

// people is the list behind a number of the report.
func (w *Web) people(rw http.ResponseWriter, r *http.Request, a Actor) error {
	lang, q := w.o.Shell.Lang(r), r.URL.Query()
	s, err := w.scope(lang, a, q.Get("commune"))
	if err != nil {
		return err
	}
	month, err := w.readMonth(q.Get("month"))
	if err != nil {
		return err
	}
	which, ok := setOf(q.Get("state"))
	if !ok {
		return fault.New(fault.Invalid, "registry/web.people", "registry.unknown.state").At("state")
	}
	if !a.lists(s.Codes) {
		return fault.New(fault.Forbidden, "registry/web.people", "registry.forbidden.list")
	}
	members, position := w.o.Book.List(cohort.PeopleQuery{Month: month, Communes: s.Codes, States: which.States})
	byUrgency(members)
	v := peopleView{
		Set: which, Scope: s.Name, MonthName: monthName(lang, month), Provisional: month >= w.month(), Total: len(members), Figure: which.Name,
		Back: reportLink(s.Code, month), ManyStates: len(which.States) > 1, ManyPlaces: len(s.Codes) != 1, Position: int64(position),
		Name: which.Name, Month: month.String(), Code: s.Code, MayRecord: a.MayRecord,
	}
	if members, err = v.paginate(members, q.Get("page"), s.Code, month); err != nil {
		return err
	}
	if err := w.addMembers(r, a, &v, members); err != nil {
		return err
	}
	w.o.Shell.Render(rw, r, page.Page{Template: "registry/people", Title: which.Text, Nav: "reports", View: v})
	return nil
}

// byUrgency puts first whom somebody should call first: by state, then the highest pressure or the longest absence.
func byUrgency(members []cohort.Member) {
	slices.SortStableFunc(members, func(a, b cohort.Member) int {
		if c := cmp.Compare(a.State, b.State); c != 0 {
			return c
		}
		if a.State == cohort.Uncontrolled {
			return cmp.Or(cmp.Compare(b.LastBP.Systolic, a.LastBP.Systolic), cmp.Compare(b.LastBP.Diastolic, a.LastBP.Diastolic))
		}
		return a.LastVisit.Compare(b.LastVisit)
	})
}

// paginate cuts out the page that is asked for.
func (v *peopleView) paginate(members []cohort.Member, text, code string, m cohort.Month) ([]cohort.Member, error) {
	n := 1
	if text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1 && (n-1)*peoplePerPage >= len(members) {
			return nil, fault.New(fault.NotFound, "registry/web.people", "registry.unknown.page").At("page")
		}
	}
	from := (n - 1) * peoplePerPage
	to := min(len(members), from+peoplePerPage)
	v.First, v.Last = from+1, to
	if n > 1 {
		v.Prev = peopleLink(code, m, v.Name, n-1)
	}
	if to < len(members) {
		v.Next = peopleLink(code, m, v.Name, n+1)
	}
	return members[from:to], nil
}

// addMembers reads the names and keeps that they were shown.
func (w *Web) addMembers(r *http.Request, a Actor, v *peopleView, members []cohort.Member) error {
	lang := w.o.Shell.Lang(r)
	ids := make([]string, len(members))
	for i, m := range members {
		ids[i] = m.PatientID
	}
	known, err := w.o.Service.People(r.Context(), a.who(), ids)
	if err != nil {
		return err
	}
	var seen []personView
	for i, m := range members {
		row := memberView{N: v.First + i, Commune: w.communeName(lang, m.Commune), State: stateOf(m.State)}
		if p, ok := known[m.PatientID]; ok {
			row.ID, row.Person = p.ID, w.personView(lang, p)
			row.Registered = civil(m.Registered).Format("2006-01-02")
			row.BP, row.HasBP = m.LastBP, !m.LastBP.At.IsZero()
			row.Over = row.HasBP && raised(m.LastBP)
			if !m.LastVisit.IsZero() {
				row.LastVisit = civil(m.LastVisit).Format("2006-01-02")
			}
			seen = append(seen, row.Person)
		}
		v.People = append(v.People, row)
	}
	return w.sawPeople(r, "registry.report.people", seen)
}
