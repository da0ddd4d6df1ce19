package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/validate"
)

func validating(o *rest.Options) { o.Validate = validate.Write }

// found are the issues of an outcome: code and place each.
func (r *reply) found() (list []string) {
	for _, i := range r.root.Get("issue").Items() {
		list = append(list, i.Get("code").String()+" "+i.Get("expression").At(0).String())
	}
	return list
}

// TestValidWrites: what is not valid is refused with all that is wrong with it, alone and in Bundles, and nothing of it is kept.
func TestValidWrites(t *testing.T) {
	s := start(t, validating)
	const (
		wrong   = `{"resourceType":"Patient","id":"w","gender":"M","birthDate":"1.1.1970"}`
		invalid = 400
	)
	want := []string{"code-invalid Patient.gender", "value Patient.birthDate"}
	inside := []string{"code-invalid Bundle.entry[1].resource.gender", "value Bundle.entry[1].resource.birthDate"}
	entries := `"entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"resource":` + wrong + `,"request":{"method":"PUT","url":"Patient/w"}}]}`
	for _, c := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"create", "POST", "/Patient", wrong, want},
		{"update", "PUT", "/Patient/w", wrong, want},
		{"transaction", "POST", "", `{"resourceType":"Bundle","type":"transaction",` + entries, inside},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, c.method, c.path, c.body).is(invalid)
			if diff := cmp.Diff(c.want, r.found()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if n := len(s.do(anybody, "GET", "/Patient", "").is(200).entries()); n != 0 {
				t.Errorf("%d patients are kept", n)
			}
		})
	}
	t.Run("batch", func(t *testing.T) {
		s.in(t)
		r := s.do(anybody, "POST", "", `{"resourceType":"Bundle","type":"batch",`+entries).is(200)
		second := r.root.Get("entry").At(1).Get("response")
		if !second.Get("status").IsString("400 Bad Request") || second.Get("outcome").Get("issue").Len() != 2 {
			t.Errorf("got %s", second.Bytes())
		}
		if n := len(s.do(anybody, "GET", "/Patient", "").is(200).entries()); n != 1 {
			t.Errorf("%d patients are kept, want the valid one", n)
		}
	})
}

// TestValidate: what is found is answered with 200, in every form that R4 has for asking; nothing is kept.
func TestValidate(t *testing.T) {
	s := start(t, validating)
	s.put("Patient", "pa", patient("pa", "Nguyễn Văn A", stationA)).is(201)
	events := len(s.seen())
	const (
		good    = `{"resourceType":"Patient","id":"pa","active":true,"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"}}`
		bad     = `{"resourceType":"Patient","gender":"M","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"},"contact":[{"gender":"male"}]}`
		profile = "urn:khamxa:profile:patient"
	)
	params := func(resource, more string) string {
		return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":` + resource + `}` + more + `]}`
	}
	fine := []string{"informational "}
	wrong := []string{"code-invalid Patient.gender", "invariant Patient.contact[0]"}
	for _, c := range []struct {
		name, method, path, body string
		want                     []string
	}{
		{"a good body", "POST", "/Patient/$validate", good, fine},
		{"a bad body", "POST", "/Patient/$validate", bad, wrong},
		{"a bad parameter", "POST", "/Patient/$validate", params(bad, ""), wrong},
		{"create", "POST", "/Patient/$validate?mode=create", bad, wrong},
		{"update without id", "POST", "/Patient/$validate?mode=update", bad, append(wrong, "required Patient.id")},
		{"update of another", "POST", "/Patient/pb/$validate", params(good, `,{"name":"mode","valueCode":"update"}`), []string{"invalid Patient.id"}},
		{"update", "POST", "/Patient/pa/$validate", params(good, `,{"name":"mode","valueCode":"update"}`), fine},
		{"a profile in the address", "POST", "/Patient/$validate?profile=" + profile, good, []string{"required Patient.birthDate", "required Patient.gender", "required Patient.name"}},
		{"a profile as a parameter", "POST", "/Patient/$validate", params(good, `,{"name":"profile","valueUri":"`+profile+`|1"}`), []string{"required Patient.birthDate", "required Patient.gender", "required Patient.name"}},
		{"a profile of another type", "POST", "/Patient/$validate?profile=urn:khamxa:profile:hba1c", good, []string{"structure Patient"}},
		{"an unknown profile", "POST", "/Patient/$validate?profile=http://x", good, []string{"not-found Patient"}},
		{"what is kept", "GET", "/Patient/pa/$validate", "", []string{"invariant Patient"}}, // a warning: it has no narrative
		{"what is kept, by POST", "POST", "/Patient/pa/$validate?mode=profile", "", []string{"invariant Patient"}},
		{"a deletion", "POST", "/Patient/pa/$validate?mode=delete", "", fine},
		{"a duplicate member", "POST", "/Patient/$validate", `{"resourceType":"Patient","active":true,"active":true}`, []string{"invalid Patient.active"}},
		{"no resource of R4", "POST", "/Patient/$validate", `{"resourceType":"Patent"}`, []string{"invalid Resource.resourceType"}},
		{"Parameters as a resource", "POST", "/Parameters/$validate", `{"resourceType":"Parameters","parameter":[{"valueCode":"a"}]}`, []string{"required Parameters.parameter[0].name"}},
		{"Parameters in Parameters", "POST", "/Parameters/$validate", params(`{"resourceType":"Parameters","parameter":[{"valueCode":"a"}]}`, ""), []string{"required Parameters.parameter[0].name"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			r := s.do(anybody, c.method, c.path, c.body).is(200)
			got := r.found()
			slices.Sort(got)
			slices.Sort(c.want)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s\n%s", diff, r.body)
			}
		})
	}
	t.Run("nothing is kept", func(t *testing.T) {
		s.in(t)
		if n := len(s.do(anybody, "GET", "/Patient", "").is(200).entries()); n != 1 {
			t.Errorf("%d patients are kept", n)
		}
	})
	t.Run("what was shown is recorded", func(t *testing.T) {
		shown := 0
		for _, e := range s.seen()[events:] {
			if e.Interaction == "$validate" && slices.Equal(e.Resources, []string{"Patient/pa"}) {
				shown++
			}
		}
		if shown != 3 {
			t.Errorf("%d events show the patient, want 3", shown)
		}
	})
}

// TestValidateRefused: requests that are wrong themselves.
func TestValidateRefused(t *testing.T) {
	s := start(t, validating)
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		code, expression         string
	}{
		{"nothing", "POST", "/Patient/$validate", "", 400, "invalid", "resource"},
		{"no resource", "POST", "/Patient/$validate", `{"resourceType":"Parameters","parameter":[{"name":"mode","valueCode":"create"}]}`, 400, "invalid", "resource"},
		{"another type", "POST", "/Patient/$validate", `{"resourceType":"Group"}`, 400, "invalid", "Group.resourceType"},
		{"another type as a parameter", "POST", "/Patient/$validate", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":{"resourceType":"Group"}}]}`, 400, "invalid", "resource"},
		{"an unknown mode", "POST", "/Patient/$validate?mode=x", `{"resourceType":"Patient"}`, 400, "invalid", "mode"},
		{"an unknown parameter", "POST", "/Patient/$validate?profil=x", `{"resourceType":"Patient"}`, 400, "invalid", "profil"},
		{"a deletion of a type", "POST", "/Patient/$validate?mode=delete", `{"resourceType":"Patient"}`, 400, "invalid", "mode"},
		{"an unknown type", "POST", "/Patent/$validate", `{"resourceType":"Patient"}`, 404, "not-found", ""},
		{"what is not there", "GET", "/Patient/none/$validate", "", 404, "not-found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			s.do(anybody, c.method, c.path, c.body).refused(c.status, c.code, c.expression)
		})
	}
	t.Run("without the right", func(t *testing.T) {
		s.in(t)
		s.do(reader, "POST", "/Patient/$validate", `{"resourceType":"Patient"}`).is(403)
	})
}

// TestValidateConfined: what is out of reach is not there, whatever is asked about it.
func TestValidateConfined(t *testing.T) {
	s := start(t, validating)
	s.put("Patient", "pa", patient("pa", "Nguyễn Văn A", stationA)).is(201)
	for _, path := range []string{"/Patient/%s/$validate", "/Patient/%s/$validate?mode=delete"} {
		there := s.do(doctorB, "POST", strings.Replace(path, "%s", "pa", 1), "").is(404)
		never := s.do(doctorB, "POST", strings.Replace(path, "%s", "px", 1), "").is(404)
		if string(there.body) != string(never.body) {
			t.Errorf("%s: %s, and for what never was %s", path, there.body, never.body)
		}
	}
	s.do(doctorA, "GET", "/Patient/pa/$validate", "").is(200)
}

// TestOwnAnswers: what the service says of itself is valid too: its CapabilityStatement, outcomes, result lists, histories, and answers
// of Bundles.
func TestOwnAnswers(t *testing.T) {
	s := start(t, validating)
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	s.put("Patient", "pa", patient("pa", "Nguyễn Văn A", stationA)).is(201)
	s.put("Observation", "o", observation("o", "pa")).is(201)
	s.do(anybody, "DELETE", "/Observation/o", "").is(204)
	for _, c := range []struct{ name, method, path, body string }{
		{"capabilities", "GET", "/metadata", ""},
		{"a search", "GET", "/Patient?_include=*&_count=1", ""},
		{"a search that finds nothing", "GET", "/Patient?_id=none", ""},
		{"a history", "GET", "/Observation/o/_history", ""},
		{"the history of a type", "GET", "/Patient/_history", ""},
		{"a refusal", "GET", "/Patient/none", ""},
		{"many findings", "POST", "/Patient", `{"resourceType":"Patient","gender":"M","birthDate":"1"}`},
		{"a batch", "POST", "", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/pa"}},{"request":{"method":"GET","url":"Patient/none"}}]}`},
		{"a transaction", "POST", "", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.in(t)
			r, err := fhir.Parse(s.do(anybody, c.method, c.path, c.body).body)
			if err != nil {
				t.Fatal(err)
			}
			list, err := v.Check(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range list {
				if i.Severity == "error" {
					t.Errorf("%s: %s", i.Expression, i.Text)
				}
			}
		})
	}
}
