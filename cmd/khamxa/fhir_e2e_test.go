//go:build e2e

package main_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// client is a program that uses /fhir.
type client struct {
	base          string
	ID            string `json:"client_id"`
	Secret        string `json:"client_secret"`
	authorization string
}

// newClient registers a program, as an administrator does, while the service runs.
func newClient(t *testing.T, b binary, dir, base string) *client {
	t.Helper()
	c := &client{base: base}
	line := b.run(t, "client", "create", "--data", dir, "--name", "story", "--scope", "system/*.rs")
	if err := json.Unmarshal([]byte(line), c); err != nil || c.ID == "" || c.Secret == "" {
		t.Fatalf("khamxa client create printed %q (%v)", line, err)
	}
	return c
}

// signIn gets an access token (RFC 6749 section 4.4).
func (c *client) signIn(t *testing.T) {
	t.Helper()
	basic := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(c.ID+":"+c.Secret))}}
	status, raw, err := request(t.Context(), http.MethodPost, c.base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}}, basic)
	if err != nil || status != http.StatusOK {
		t.Fatalf("/oauth/token: %d %s %v", status, raw, err)
	}
	var token struct {
		Text string `json:"access_token"`
	}
	if err := json.Unmarshal(raw, &token); err != nil || token.Text == "" {
		t.Fatalf("/oauth/token: %s %v", raw, err)
	}
	c.authorization = "Bearer " + token.Text
}

// get reads one path of /fhir, which must be there.
func (c *client) get(t *testing.T, path string) []byte {
	t.Helper()
	status, raw, err := request(t.Context(), http.MethodGet, c.base+"/fhir/"+path, nil, http.Header{"Authorization": {c.authorization}})
	if err != nil || status != http.StatusOK {
		t.Fatalf("/fhir/%s: %d %s %v", path, status, raw, err)
	}
	return raw
}

type coded struct {
	Coding []struct{ System, Code string }
}

func (c coded) has(system, code string) bool {
	for _, one := range c.Coding {
		if one.System == system && one.Code == code {
			return true
		}
	}
	return false
}

// resource is what the story reads of resources.
type resource struct {
	ResourceType, ID, Status string
	Code, Type               json.RawMessage
	Class                    struct{ Code string }
	Subject                  struct{ Reference string }
	Component                []struct {
		Code          coded
		ValueQuantity struct {
			Value        json.Number
			System, Code string
		}
	}
	Section []struct {
		Title string
		Text  struct{ Div string }
	}
	Issue []struct {
		Severity, Code string
		Details        struct{ Text string }
	}
}

// search gives every resource that matches; the story has a handful of each.
func (c *client) search(t *testing.T, query string) []resource {
	t.Helper()
	var bundle struct {
		Link  []struct{ Relation string }
		Entry []struct{ Resource resource }
	}
	raw := c.get(t, query)
	if err := json.Unmarshal(raw, &bundle); err != nil {
		t.Fatalf("/fhir/%s: %v", query, err)
	}
	for _, l := range bundle.Link {
		if l.Relation == "next" {
			t.Fatalf("/fhir/%s: more than a page", query)
		}
	}
	found := make([]resource, len(bundle.Entry))
	for i, e := range bundle.Entry {
		found[i] = e.Resource
	}
	return found
}

// one gives the only resource that matches.
func (c *client) one(t *testing.T, query string) resource {
	t.Helper()
	found := c.search(t, query)
	if len(found) != 1 {
		t.Fatalf("/fhir/%s finds %d resources, not one", query, len(found))
	}
	return found[0]
}

// pressures are a patient's blood pressures from a consult, as "126/78" in the order of their ids.
func (c *client) pressures(t *testing.T, patient, consult string) []string {
	t.Helper()
	var out []string
	for _, o := range c.search(t, "Observation?patient="+patient+"&encounter="+consult+"&code="+url.QueryEscape("http://loinc.org|85354-9")) {
		value := func(code string) string {
			for _, part := range o.Component {
				if q := part.ValueQuantity; part.Code.has("http://loinc.org", code) && q.System == "http://unitsofmeasure.org" && q.Code == "mm[Hg]" {
					return q.Value.String()
				}
			}
			return "?"
		}
		if o.Status != "final" || o.Subject.Reference != "Patient/"+patient {
			t.Errorf("Observation/%s is %s, of %s", o.ID, o.Status, o.Subject.Reference)
		}
		out = append(out, fmt.Sprintf("%s/%s", value("8480-6"), value("8462-4")))
	}
	return out
}
