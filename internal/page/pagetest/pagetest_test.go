package pagetest_test

import (
	"strings"
	"testing"

	"khamxa/internal/page/pagetest"
)

func TestCheck(t *testing.T) {
	for html, want := range map[string]string{
		`<h1>a</h1>`:                                    "",
		`<p>a</p>`:                                      "has 0 h1",
		`<h1>a</h1><h1>b</h1>`:                          "has 2 h1",
		`<h1>%!d(string=a)</h1>`:                        "holds %!",
		`<h1><a href="#ZgotmplZ">a</a></h1>`:            "holds ZgotmplZ",
		`<h1>a</h1><p id="a">b</p><p id="a">c</p>`:      "id a is there twice",
		`<h1>a</h1><label for="x">b</label>`:            "missing id x",
		`<h1>a</h1><input id="x">`:                      "no label",
		`<h1>a</h1><input type="hidden">`:               "",
		`<h1>a</h1><img src="x">`:                       "no alt",
		`<h1>a</h1><button>b</button>`:                  "no type",
		`<h1>a</h1><div><p>b</div>`:                     "</div> closes",
		`<h1>a</h1><div>`:                               "never closed: [div]",
		`<h1>a</h1><script>if (a<b) x("</p>")</script>`: "",
		`<h1 title="a > b">a</h1><br><path d="M1"/>`:    "",
	} {
		got := strings.Join(pagetest.Check(html), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", html, got, want)
		}
	}
}
