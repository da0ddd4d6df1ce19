package validate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// repeated writes the items 0 to n-1 of an array.
func repeated(n int, form string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(form, i)
	}
	return strings.Join(items, ",")
}

// TestLarge: what has many parts is checked in full, though its invariants compare each part with every other. With a cost that grows with
// the square, this test takes minutes.
func TestLarge(t *testing.T) {
	v := validator(t)
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"codes", `{"resourceType":"CodeSystem",` + told + `,"url":"http://x","name":"X","status":"draft","content":"complete","concept":[` + repeated(30_000, `{"code":"%d"}`) + `]}`, nil},
		{"entries", `{"resourceType":"Bundle","type":"collection","entry":[` + repeated(3_000, `{"fullUrl":"http://x/%d","resource":{"resourceType":"Binary","contentType":"a"}}`) + `]}`, nil},
		{"contained", patient(told + `,"contained":[` + repeated(3_000, `{"resourceType":"Organization","id":"o%d","name":"x"}`) + `],"managingOrganization":{"reference":"#o1"}`), []string{"error invariant Patient [dom-3]"}},
		{"components", observation(told + `,"component":[` + repeated(3_000, `{"code":{"text":"%d"},"valueString":"a"}`) + `]`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, check(t, v, c.body)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
