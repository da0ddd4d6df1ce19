package storetest

import (
	"fmt"
	"strings"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var chartsTests = []test{
	{"a compartment holds what is the patient's and nothing else", compartmentHolds},
	{"a compartment is one position of the log, page by page", compartmentPages},
	{"a confined caller sees the record of their own patients only", compartmentConfined},
	{"resources are read as they were", readAt},
	{"the last change of a type counts deletions", lastChange},
}

// record lists the references of a patient's record, page by page.
func (s *suite) record(q store.CompartmentRequest) string {
	s.Helper()
	var all []string
	for {
		page, err := s.Compartment(s.Context(), q)
		if err != nil {
			s.Fatalf("Compartment: %v", err)
		}
		if len(page.Resources) > store.MaxCompartment || q.Count > 0 && len(page.Resources) > q.Count {
			s.Fatalf("%d resources on a page", len(page.Resources))
		}
		for _, v := range page.Resources {
			all = append(all, v.Type+"/"+v.ID+"@"+v.VersionID)
		}
		if q.At, q.After = page.At, page.Next; q.After == 0 {
			return strings.Join(all, " ")
		}
	}
}

func compartmentHolds(s *suite) {
	fill(s)
	s.commit(put(patient("other", "tyt-a")), put(observation("o3", "other", 1)))
	s.equal("record", s.record(store.CompartmentRequest{Patient: "p"}), "Patient/p@2 Observation/o1@3 Observation/o2@2")
	s.equal("of types", s.record(store.CompartmentRequest{Patient: "p", Types: []string{"Patient"}}), "Patient/p@2")
	s.equal("of no type", s.record(store.CompartmentRequest{Patient: "p", Types: []string{}}), "")
	s.equal("of nobody", s.record(store.CompartmentRequest{Patient: "none"}), "")
	v, err := s.Read(s.Context(), "Observation", "o1")
	s.wantCode(err, "")
	s.equal("since", s.record(store.CompartmentRequest{Patient: "p", Since: v.Updated.Add(1)}), "")
	s.commit(remove("Observation", "o1"), put(observation("o2", "other", 1)))
	s.equal("without what went", s.record(store.CompartmentRequest{Patient: "p"}), "Patient/p@2")
}

func compartmentPages(s *suite) {
	var changes []store.Change
	want := []string{"Patient/p@1"}
	for i := range 7 {
		changes = append(changes, put(observation(fmt.Sprint("o", i), "p", i+1)))
		want = append(want, fmt.Sprintf("Observation/o%d@1", i))
	}
	s.commit(append([]store.Change{put(patient("p", "tyt-a"))}, changes...)...)
	for count := range 9 {
		s.equal("record", s.record(store.CompartmentRequest{Patient: "p", Count: count}), strings.Join(want, " "))
	}
	first, err := s.Compartment(s.Context(), store.CompartmentRequest{Patient: "p", Count: 3})
	s.wantCode(err, "")
	s.commit(put(observation("o5", "p", 20)), remove("Observation", "o6"), put(observation("new", "p", 21)))
	rest := s.record(store.CompartmentRequest{Patient: "p", At: first.At, After: first.Next})
	s.equal("the rest, as it was", rest, strings.Join(want[3:], " "))
	_, err = s.Compartment(s.Context(), store.CompartmentRequest{Patient: "p", At: 99})
	s.wantCode(err, fault.Invalid)
	_, err = s.Compartment(s.Context(), store.CompartmentRequest{Patient: "p", Count: -1})
	s.wantCode(err, fault.Invalid)
}

func compartmentConfined(s *suite) {
	s.commit(put(patient("p", "tyt-a")), put(observation("o", "p", 1)))
	s.equal("own", s.record(store.CompartmentRequest{Patient: "p", Within: []string{holderA}}), "Patient/p@1 Observation/o@1")
	s.equal("another's", s.record(store.CompartmentRequest{Patient: "p", Within: []string{holderB}}), "")
}

func readAt(s *suite) {
	s.commit(put(shared("x")), put(shared("y")))
	at, err := s.Head(s.Context())
	s.wantCode(err, "")
	s.commit(put(`{"resourceType":"Organization","id":"x","name":"new"}`), remove("Organization", "y"), put(shared("z")))
	ask := func(at store.Seq) string {
		list, err := s.ReadAt(s.Context(), at, []string{"Organization/y", "Organization/x", "Organization/z", "Organization/none", "#a", "urn:uuid:1"})
		s.wantCode(err, "")
		var all []string
		for _, v := range list {
			all = append(all, v.ID+"@"+v.VersionID)
		}
		return strings.Join(all, " ")
	}
	s.equal("then", ask(at), "y@1 x@1")
	s.equal("now", ask(at+1), "x@2 z@1")
	_, err = s.ReadAt(s.Context(), at, make([]string, store.MaxReadAt+1))
	s.wantCode(err, fault.TooCostly)
}

func lastChange(s *suite) {
	last := func(types ...string) store.Seq {
		seq, err := s.LastChange(s.Context(), types...)
		s.wantCode(err, "")
		return seq
	}
	s.equal("of an empty store", last("ValueSet"), store.Seq(0))
	fill(s)
	s.equal("of a type that is not there", last("ValueSet"), store.Seq(0))
	s.equal("of patients", last("Patient"), store.Seq(3))
	s.equal("of a deleted one", last("Basic"), store.Seq(5))
	s.equal("of several", last("Patient", "Basic", "ValueSet"), store.Seq(5))
	s.equal("of none", last(), store.Seq(0))
}
