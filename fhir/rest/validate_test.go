package rest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
