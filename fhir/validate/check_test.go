package validate_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
)

const told = `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}`

func validator(t *testing.T) *validate.Validator {
	t.Helper()
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// check gives what is found, each as "severity code place [key of the invariant]".
func check(t *testing.T, v *validate.Validator, body string, profiles ...string) (got []string) {
	t.Helper()
	r, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	list, err := v.Check(t.Context(), r, profiles...)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		line := i.Severity + " " + i.Code + " " + i.Expression
		if from, to := strings.LastIndex(i.Text, "["), strings.LastIndex(i.Text, "]"); from >= 0 && from < to && i.Code == "invariant" {
			line += " " + i.Text[from:to+1]
		}
		got = append(got, line)
	}
	return got
}

func TestInvariants(t *testing.T) {
	v := validator(t)
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"nothing", patient(told), nil},
		{"no narrative", patient(`"active":true`), []string{"warning invariant Patient [dom-6]"}},
		{"a contact of nobody", patient(told + `,"contact":[{"gender":"male"}]`), []string{"error invariant Patient.contact[0] [pat-1]"}},
		{"a contained resource that nobody names", patient(told + `,"contained":[{"resourceType":"Organization","id":"o","name":"x"}]`), []string{"error invariant Patient [dom-3]"}},
		{"a contained resource that names its container", observation(told + `,"contained":[{"resourceType":"Provenance","id":"v","target":[{"reference":"#"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}]`), nil},
		{"a contained resource with a version", patient(told + `,"contained":[{"resourceType":"Organization","id":"o","name":"x","meta":{"versionId":"1"}}],"managingOrganization":{"reference":"#o"}`), []string{"error invariant Patient [dom-4]"}},
		{"an organization of nothing in another", patient(told + `,"contained":[{"resourceType":"Organization","id":"o","active":true}],"managingOrganization":{"reference":"#o"}`), []string{"error invariant Patient.contained[0] [org-1]"}},
		{"a narrative of white space", patient(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"> <p> &#160;</p> <!-- x --></div>"}`), []string{"error invariant Patient.text.div [txt-2]"}},
		{"a narrative of an image", patient(`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><img src=\"#a\" alt=\"\"/></div>"}`), nil},
		{"a value and the reason why there is none", observation(told + `,"valueString":"x","dataAbsentReason":{"text":"x"}`), []string{"error invariant Observation [obs-6]"}},
		{"a component of the same code", `{"resourceType":"Observation","status":"final",` + told + `,"code":{"coding":[{"system":"http://x","code":"a"}]},"valueString":"x","component":[{"code":{"coding":[{"system":"http://x","code":"a"}]},"valueString":"x"}]}`, []string{"error invariant Observation [obs-7]"}},
		{"an empty reference range", observation(told + `,"valueString":"x","referenceRange":[{"type":{"text":"x"}}]`), []string{"error invariant Observation.referenceRange[0] [obs-3]"}},
		{"a unit without system", observation(told + `,"valueQuantity":{"value":1,"code":"mm[Hg]"}`), []string{"error invariant Observation.value [qty-3]"}},
		{"a simple quantity with a comparator", observation(told + `,"valueRange":{"low":{"value":1,"comparator":"<"}}`), []string{"error invariant Observation.value.low [sqt-1]"}},
		{"a period that ends before it begins", patient(told + `,"identifier":[{"value":"1","period":{"start":"2021-01-01","end":"2020-01-01"}}]`), []string{"error invariant Patient.identifier[0].period [per-1]"}},
		{"a range upside down", observation(told + `,"valueRange":{"low":{"value":2,"unit":"a"},"high":{"value":1,"unit":"a"}}`), []string{"error invariant Observation.value [rng-2]"}},
		{"a range of different units", observation(told + `,"valueRange":{"low":{"value":2,"unit":"a"},"high":{"value":1,"unit":"b"}}`), nil},
		{"a telecom without system", patient(told + `,"telecom":[{"value":"1"}]`), []string{"error invariant Patient.telecom[0] [cpt-2]"}},
		{"an attachment without type", patient(told + `,"photo":[{"data":"aGk="}]`), []string{"error invariant Patient.photo[0] [att-1]"}},
		{"an age in metres", patient(told + `,"extension":[{"url":"http://x","valueAge":{"value":1,"code":"m","system":"http://unitsofmeasure.org"}}]`), nil},
		{"an age in another system", patient(told + `,"extension":[{"url":"http://x","valueAge":{"value":1,"code":"a","system":"http://x"}}]`), []string{"error invariant Patient.extension[0].value [age-1]"}},
		{"an age below nought", patient(told + `,"extension":[{"url":"http://x","valueAge":{"value":-1,"code":"a","system":"http://unitsofmeasure.org"}}]`), []string{"error invariant Patient.extension[0].value [age-1]"}},
		{"a condition that ended and is active", `{"resourceType":"Condition",` + told + `,"subject":{"reference":"Patient/1"},"abatementDateTime":"2020","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`, []string{"error invariant Condition [con-4]"}},
		{"an appointment with a start and no end", `{"resourceType":"Appointment",` + told + `,"status":"booked","start":"2020-01-01T00:00:00Z","participant":[{"status":"accepted","actor":{"display":"x"}}]}`, []string{"error invariant Appointment [app-2]", "error invariant Appointment [app-3]"}},
		{"a participant who is nobody", `{"resourceType":"Appointment",` + told + `,"status":"proposed","participant":[{"status":"accepted"}]}`, []string{"error invariant Appointment.participant[0] [app-1]"}},
		{"a total of a collection", `{"resourceType":"Bundle","type":"collection","total":1}`, []string{"error invariant Bundle [bdl-1]"}},
		{"an entry twice", `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"http://x/a","resource":` + patient(told) + `},{"fullUrl":"http://x/a","resource":` + patient(told) + `}]}`, []string{"error invariant Bundle [bdl-7]"}},
		{"in an entry", bundle(patient(told + `,"contact":[{"gender":"male"}]`)), []string{"error invariant Bundle.entry[0].resource.contact[0] [pat-1]"}},
		{"two items of one link", `{"resourceType":"Questionnaire",` + told + `,"status":"draft","item":[{"linkId":"1","type":"string"},{"linkId":"1","type":"string"}]}`, []string{"error invariant Questionnaire [que-2]"}},
		{"two items of one link, one in another", `{"resourceType":"Questionnaire",` + told + `,"status":"draft","item":[{"linkId":"1","type":"group","item":[{"linkId":"2","type":"string"}]},{"linkId":"2","type":"string"}]}`, []string{"error invariant Questionnaire [que-2]"}},
		{"codes twice, one below the other", `{"resourceType":"CodeSystem",` + told + `,"url":"http://x","name":"X","status":"draft","content":"complete","concept":[{"code":"a","concept":[{"code":"a"}]}]}`, []string{"error invariant CodeSystem [csd-1]"}},
		{"versions of one entry", `{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"http://x/a","resource":{"resourceType":"Binary","contentType":"a","meta":{"versionId":"1"}}},{"fullUrl":"http://x/a","resource":{"resourceType":"Binary","contentType":"a","meta":{"versionId":"2"}}}]}`, nil},
		{"a group without items", `{"resourceType":"Questionnaire",` + told + `,"status":"draft","item":[{"linkId":"1","type":"group"}]}`, []string{"error invariant Questionnaire.item[0] [que-1]"}},
		{"an item with answers and items", `{"resourceType":"QuestionnaireResponse",` + told + `,"status":"completed","item":[{"linkId":"1","answer":[{"valueString":"x"}],"item":[{"linkId":"2"}]}]}`, []string{"error invariant QuestionnaireResponse.item[0] [qrs-1]"}},
		{"codes twice", `{"resourceType":"CodeSystem",` + told + `,"url":"http://x","name":"X","status":"draft","content":"complete","concept":[{"code":"a"},{"code":"a"}]}`, []string{"error invariant CodeSystem [csd-1]"}},
		{"a name that no program can use", `{"resourceType":"CodeSystem",` + told + `,"url":"http://x","name":"a name","status":"draft","content":"complete"}`, []string{"warning invariant CodeSystem [csd-0]"}},
		{"a timing that repeats in nothing", `{"resourceType":"ServiceRequest",` + told + `,"status":"active","intent":"order","subject":{"reference":"Patient/1"},"occurrenceTiming":{"repeat":{"frequency":1,"period":1}}}`, []string{"error invariant ServiceRequest.occurrence.repeat [tim-2]"}},
		{"structure and invariants together", patient(told + `,"gender":"M","contact":[{"gender":"male"}]`), []string{"error code-invalid Patient.gender", "error invariant Patient.contact[0] [pat-1]"}},
		{"a number out of all measure", patient(told + `,"extension":[{"url":"http://x","valueAge":{"value":1e999999999}}]`), []string{"error value Patient.extension[0].value.value"}},
		{"a path of an element", `{"resourceType":"StructureDefinition",` + told + `,"url":"http://x","name":"X","status":"draft","kind":"resource","abstract":false,"type":"Patient","baseDefinition":"http://hl7.org/fhir/StructureDefinition/Patient","derivation":"constraint","differential":{"element":[{"id":"Patient","path":"Patient"},{"id":"Patient.a b","path":"Patient.a b"}]}}`, []string{"error invariant StructureDefinition.differential.element[1] [eld-19]", "warning invariant StructureDefinition.differential.element[1] [eld-20]"}},
		{"an unknown profile", patient(told + `,"meta":{"profile":["http://x"]}`), []string{"information not-found Patient.meta.profile[0]"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, v, c.body)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestDeadline: work that takes longer than it may is given up.
func TestDeadline(t *testing.T) {
	r, err := fhir.Parse([]byte(patient(told)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if list, err := validator(t).Check(ctx, r); !fault.Is(err, fault.TooCostly) || list != nil {
		t.Errorf("got %v, %v", list, err)
	}
}

// TestShippedProfiles: the profiles are valid resources themselves, and listed by type.
func TestShippedProfiles(t *testing.T) {
	v := validator(t)
	files, err := filepath.Glob("profiles/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	sets, err := filepath.Glob("profiles/codes-*.json")
	if err != nil {
		t.Fatal(err)
	}
	listed := len(sets)
	for _, typ := range fhir.Types() {
		listed += len(v.Profiles(typ))
	}
	if listed != len(files) {
		t.Errorf("%d profiles and value sets are listed, there are %d", listed, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := check(t, v, string(raw))
			if len(got) != 1 || !strings.HasSuffix(got[0], "[dom-6]") {
				t.Errorf("found %q", got)
			}
		})
	}
}

// TestConcurrent: one Validator serves many at once, from the first use of each expression on.
func TestConcurrent(t *testing.T) {
	v := validator(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, body := range []string{pressure, citizen("cccd", "036158000001")} {
				r, err := fhir.Parse([]byte(body))
				if err != nil {
					t.Error(err)
					return
				}
				if list, err := v.Check(t.Context(), r, v.Profiles(r.Type)...); err != nil || r.Type == "Patient" && len(list) != 0 {
					t.Errorf("got %v, %v", list, err)
				}
			}
		})
	}
	group.Wait()
}

func BenchmarkCheck(b *testing.B) {
	v, err := validate.New()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ name, body string }{{"observation", bloodPressure}, {"patient", person}} {
		b.Run(c.name, func(b *testing.B) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Check(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
