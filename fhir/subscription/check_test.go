package subscription_test

import (
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/subscription"
	"khamxa/internal/fault"
)

func TestCheck(t *testing.T) {
	good := hookWithBody("s")
	with := func(old, now string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the example", old)
		}
		return strings.Replace(good, old, now, 1)
	}
	cases := []struct {
		name, body string
		code       fault.Code
		path       string
	}{
		{"a rest-hook", good, "", ""},
		{"turned off", with("requested", "off"), "", ""},
		{"a websocket", asked("s", `"type":"websocket"`), "", ""},
		{"a loose end of a prefix", with("his.example/told", "his.example"), "", ""},
		{"another type", `{"resourceType":"Patient"}`, "", ""},
		{"made active by the client", with("requested", "active"), fault.Invalid, "Subscription.status"},
		{"an endpoint that only begins alike", with("his.example", "his.example.net"), fault.Forbidden, "Subscription.channel.endpoint"},
		{"an endpoint with a password", with("his.example", "a:b@his.example"), fault.Invalid, "Subscription.channel.endpoint"},
		{"an endpoint that is no address", with(hook, "his"), fault.Invalid, "Subscription.channel.endpoint"},
		{"an endpoint of another kind", with(hook, "file:///etc/passwd"), fault.Invalid, "Subscription.channel.endpoint"},
		{"email", with("rest-hook", "email"), fault.Unsupported, "Subscription.channel.type"},
		{"xml", with("fhir+json", "fhir+xml"), fault.Unsupported, "Subscription.channel.payload"},
		{"a payload over a websocket", asked("s", `"type":"websocket","payload":"application/fhir+json"`), fault.Unsupported, "Subscription.channel.payload"},
		{"no type", with("Observation?code=glucose", "?code=glucose"), fault.Invalid, "Subscription.criteria"},
		{"an unknown parameter", with("code=glucose", "colour=red"), fault.Unsupported, "Subscription.criteria"},
		{"a chain", with("code=glucose", "subject:Patient.name=a"), fault.Unsupported, "Subscription.criteria"},
		{"_has", with("code=glucose", "_has:Provenance:target:agent=a"), fault.Unsupported, "Subscription.criteria"},
		{"a value set", with("code=glucose", "code:in=http://example.org/vs"), fault.Unsupported, "Subscription.criteria"},
		{"sorting", with("code=glucose", "_sort=date"), fault.Unsupported, "Subscription.criteria"},
		{"the audit trail", with("Observation?code=glucose", "AuditEvent"), fault.Unsupported, "Subscription.criteria"},
		{"a header of the connection", with("Authorization:", "Host:"), fault.Invalid, "Subscription.channel.header"},
		{"a header with a line end", with("s3cret", `s\r\nX: y`), fault.Invalid, "Subscription.channel.header"},
		{"a header without a name", with("Authorization:", " :"), fault.Invalid, "Subscription.channel.header"},
		{"an end that is no instant", with(`"reason"`, `"end":"tomorrow","reason"`), fault.Invalid, "Subscription.end"},
	}
	hooks := subscription.HookPrefixes([]string{"https://his.example/", ""})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			err = subscription.Check(r, hooks)
			if fault.CodeOf(err) != c.code || fault.PathOf(err) != c.path {
				t.Errorf("got %v, want %q at %q", err, c.code, c.path)
			}
		})
	}
	t.Run("without an operator's word", func(t *testing.T) {
		r, err := fhir.Parse([]byte(good))
		if err != nil {
			t.Fatal(err)
		}
		if err := subscription.Check(r, nil); !fault.Is(err, fault.Forbidden) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzCheck(f *testing.F) {
	f.Add(hookWithBody("s"))
	f.Add(asked("s", `"type":"websocket"`))
	f.Add(asked("s", `"type":"rest-hook","endpoint":"http://[::1","header":[":"," a:b",1,null]`))
	f.Fuzz(func(t *testing.T, body string) {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			return
		}
		if err := subscription.Check(r, func(string) bool { return true }); err != nil && fault.CodeOf(err) == fault.Internal {
			t.Error(err)
		}
	})
}
