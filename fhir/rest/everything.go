package rest

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Limits of $everything.
const (
	mostEverything = 5_000    // resources of the record on one page, also when no _count was given
	mostBytes      = 24 << 20 // bytes of them, after which the page is cut short
	mostWalked     = 20_000   // resources of the record that one page looks at
	mostRounds     = 3        // how far references are followed from the record
)

// everythingAsked is the question: what to leave out of the record, and how much of it a page holds.
type everythingAsked struct {
	types      []string // to show; nil for all but the audit trail
	since      time.Time
	start, end string // of care; "" for open
	count      int
	values     url.Values // as it was asked

	care map[string][]*search.Query // of each type: what is outside of start and end
}

// everything gives a patient's whole record, or what belongs to one encounter, with what it refers to outside of the record:
// practitioners, organisations, places, medications and the like. Everything is as it was at one position of the log, also on further
// pages; what several pages refer to is on each of them. Who is confined gets what they could read one by one. AuditEvents
// come only when _type names them.
// https://hl7.org/fhir/R4/patient-operation-everything.html, https://hl7.org/fhir/R4/encounter-operation-everything.html
func (s *server) everything(ctx context.Context, c *call) (answer, error) {
	if s.Charts == nil {
		return answer{}, noCharts()
	}
	asked, from, err := s.everythingQuestion(c)
	if err != nil {
		return answer{}, err
	}
	v, err := s.current(ctx, c.access, c.typ, c.id)
	if err != nil {
		return answer{}, err
	}
	e := &everything{s: s, c: c, asked: asked, patient: c.id, seen: map[string]bool{}}
	if c.typ == "Encounter" {
		if err := e.ofEncounter(&v); err != nil {
			return answer{}, err
		}
	}
	next, err := e.walk(ctx, from)
	if err != nil {
		return answer{}, tooSlow(err)
	}
	included, err := e.outside(ctx)
	if err != nil {
		return answer{}, tooSlow(err)
	}
	return e.page(included, next, from.After == 0)
}

// everythingQuestion reads the parameters: of a first page from the call, of another one from its link.
func (s *server) everythingQuestion(c *call) (*everythingAsked, store.CompartmentRequest, error) {
	var from store.CompartmentRequest
	p, resumed, err := s.resume(c)
	if err != nil {
		return nil, from, err
	}
	values := url.Values{}
	if resumed {
		values, err = url.ParseQuery(p.Query)
		if err == nil {
			from.After, err = strconv.ParseInt(p.Cursor, 10, 64)
		}
		if from.At = p.At; err != nil || p.Kind != c.rt.code {
			return nil, from, unknownPage()
		}
	} else {
		known := []string{"_since", "_type*", "_count"}
		if c.typ == "Patient" {
			known = append(known, "start", "end")
		}
		args, err := c.arguments(known...)
		if err != nil {
			return nil, from, err
		}
		for _, a := range args {
			values.Add(a.name, a.text)
		}
	}
	asked, err := askEverything(values)
	return asked, from, err
}

func askEverything(values url.Values) (*everythingAsked, error) {
	const op = "rest.askEverything"
	a := &everythingAsked{count: mostEverything, values: values, start: values.Get("start"), end: values.Get("end"), care: map[string][]*search.Query{}}
	var err error
	if text := values.Get("_since"); text != "" {
		if a.since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fault.New(fault.Invalid, op, "_since must be a moment with its zone, as in 2026-07-01T00:00:00+07:00.").At("_since")
		}
	}
	if text := values.Get("_count"); text != "" {
		if a.count, err = strconv.Atoi(text); err != nil || a.count < 1 {
			return nil, fault.New(fault.Invalid, op, "_count must be a whole number from 1.").At("_count")
		}
		a.count = min(a.count, mostEverything)
	}
	for _, list := range values["_type"] {
		for typ := range strings.SplitSeq(list, ",") {
			if typ = strings.TrimSpace(typ); !fhir.IsType(typ) {
				return nil, fault.Newf(fault.Invalid, op, "There is no resource type %q in FHIR R4.", clip(typ)).At("_type")
			}
			a.types = append(a.types, typ)
		}
	}
	for _, name := range []string{"start", "end"} {
		if text := values.Get(name); text != "" {
			if _, err := search.Parse("Observation", url.Values{"date": {text}}); err != nil || text[0] < '0' || text[0] > '9' {
				return nil, fault.Newf(fault.Invalid, op, "%s must be a date, as in 2026-07-01.", name).At(name)
			}
		}
	}
	return a, nil
}

// shows reports whether a type is wanted.
func (a *everythingAsked) shows(typ string) bool {
	if a.types == nil {
		return typ != "AuditEvent"
	}
	return slices.Contains(a.types, typ)
}

// careDate is the date parameter of the types whose care has a date other than "date".
func careDate(typ string) string {
	switch typ {
	case "Condition":
		return "onset-date"
	case "ServiceRequest", "QuestionnaireResponse":
		return "authored"
	case "MedicationRequest":
		return "authoredon"
	case "MedicationStatement":
		return "effective"
	case "MedicationAdministration":
		return "effective-time"
	case "MedicationDispense":
		return "whenhandedover"
	case "Goal":
		return "start-date"
	case "Communication":
		return "sent"
	case "Claim", "ClaimResponse", "ExplanationOfBenefit":
		return "created"
	case "ImagingStudy":
		return "started"
	case "Task":
		return "period"
	default:
		return "date"
	}
}

// inCare reports whether the care that a resource is about falls between start and end, or overlaps with that time. What has no such
// date does: it belongs to no time.
func (a *everythingAsked) inCare(r *fhir.Resource) bool {
	if a.start == "" && a.end == "" {
		return true
	}
	outside, made := a.care[r.Type]
	if !made {
		code := careDate(r.Type)
		for _, bound := range []string{"eb" + a.start, "sa" + a.end} { // ends before, starts after
			if p := search.Lookup(r.Type, code); p == nil || p.Kind != search.Date || len(bound) == len("eb") {
				continue
			}
			if q, err := search.Parse(r.Type, url.Values{code: {bound}}); err == nil {
				outside = append(outside, q)
			}
		}
		a.care[r.Type] = outside
	}
	return !slices.ContainsFunc(outside, func(q *search.Query) bool { return q.Match(r) })
}
