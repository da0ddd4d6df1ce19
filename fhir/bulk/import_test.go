package bulk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

const (
	pat1 = `{"resourceType":"Patient","id":"p1","active":true}`
	pat2 = `{"resourceType":"Patient","id":"p2","active":true}`
	obs1 = `{"resourceType":"Observation","id":"o1","status":"final","subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.50}}`
)

// TestImportForms: what is kept of each form of a source, and that bytes stay what they were.
func TestImportForms(t *testing.T) {
	both := pat1 + "\n" + obs1 + "\n"
	searchset := `{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"https://x.example/fhir/Patient/p1","resource":` + pat1 +
		`},{"search":{"mode":"include"},"resource":` + obs1 + `},{"resource":{"resourceType":"OperationOutcome","issue":[]},"search":{"mode":"outcome"}}]}`
	for _, c := range []struct{ name, file, content string }{
		{"lines", "a.ndjson", both},
		{"lines without a name", "standard input", both},
		{"the last line has no end, blank ones between", "a.ndjson", "\n" + pat1 + "\r\n  \n" + obs1},
		{"gzip", "a.ndjson.gz", gzipped(both)},
		{"two gzip members", "a.ndjson.gz", gzipped(pat1+"\n") + gzipped(obs1)},
		{"zstd", "a.zst", zstandard(both)},
		{"a collection over several lines", "b.json", "{\n \"resourceType\": \"Bundle\",\n \"type\": \"collection\",\n \"entry\": [\n  {\"resource\": " + pat1 + "},\n  {\"resource\":" + obs1 + "} ]\n}\n"},
		{"type after the entries", "b.json", `{"entry":[{"resource":` + pat1 + `},{"resource":` + obs1 + `}],"type":"collection","resourceType":"Bundle"}`},
		{"a searchset", "b.json", searchset},
		{"a searchset as a line", "b.ndjson", searchset + "\n"},
		{"a transaction", "t.json", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}},{"resource":` + obs1 + `,"request":{"method":"POST","url":"Observation"}}]}`},
		{"a batch", "t.json", `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}},{"resource":` + obs1 + `,"request":{"method":"PUT","url":"Observation/o1"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			db := open(t)
			sum, refused := load(t, db, nil, text(c.file, c.content))
			if sum.Kept != 2 || sum.Read != 2 || sum.Refused != 0 || len(refused) != 0 {
				t.Errorf("sum %+v, refused %v", sum, refused)
			}
			if got := body(t, db, "Observation", "o1"); got != obs1 {
				t.Errorf("kept %s\nwant %s", got, obs1)
			}
			body(t, db, "Patient", "p1")
		})
	}
}

// TestImportLinks: entries refer to each other; what is kept refers to what is kept.
func TestImportLinks(t *testing.T) {
	entries := func(kind string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[
			{"fullUrl":"urn:uuid:0a","resource":{"resourceType":"Patient","link":[{"other":{"reference":"urn:uuid:0b"}}]},"request":{"method":"POST","url":"Patient"}},
			{"fullUrl":"urn:uuid:0b","resource":{"resourceType":"Patient","id":"named","text":{"div":"<a href=\"urn:uuid:0a\"/>"}},"request":{"method":"POST","url":"Patient"}},
			{"fullUrl":"https://x.example/fhir/Basic/1","resource":{"resourceType":"Basic","id":"1","subject":{"reference":"Patient/2"}},"request":{"method":"PUT","url":"Basic/1"}},
			{"fullUrl":"https://x.example/fhir/Patient/2","resource":{"resourceType":"Patient","id":"2","managingOrganization":{"reference":"https://own.example/fhir/Organization/o"}},"request":{"method":"PUT","url":"Patient/2"}}]}`
	}
	for _, kind := range []string{"transaction", "collection", "batch"} {
		t.Run(kind, func(t *testing.T) {
			db := open(t)
			sum, refused := load(t, db, func(o *bulk.ImportOptions) { o.Base = "https://own.example/fhir" }, text("b.json", entries(kind)))
			if sum.Kept != 4 || len(refused) != 0 {
				t.Fatalf("sum %+v, refused %v", sum, refused)
			}
			for id, want := range map[string]string{
				"0a":    `{"resourceType":"Patient","id":"0a","link":[{"other":{"reference":"Patient/named"}}]}`,
				"named": `{"resourceType":"Patient","id":"named","text":{"div":"<a href=\"Patient/0a\"/>"}}`,
				"2":     `{"resourceType":"Patient","id":"2","managingOrganization":{"reference":"Organization/o"}}`,
			} {
				if got := body(t, db, "Patient", id); got != want {
					t.Errorf("Patient/%s\ngot  %s\nwant %s", id, got, want)
				}
			}
			head, err := db.Head(t.Context())
			if err != nil || kind == "transaction" && head != 1 {
				t.Errorf("head %d, %v", head, err)
			}
		})
	}
}

// TestImportRefuses: each refusal has its file, line and reason, and the rest is kept.
func TestImportRefuses(t *testing.T) {
	long := `{"resourceType":"Basic","id":"big","text":"` + strings.Repeat("x", bulk.MaxResource) + `"}`
	collection := "{\n\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[\n{\"resource\":" + pat1 + "},\n{\"resource\":\n  {\"resourceType\":\"Patient\"}},{\"resource\":{\"resourceType\":\"Patient\",\n\"id\":1}},\n{}]}"
	tx := func(second string) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}},` + second + `]}`
	}
	for _, c := range []struct {
		name, file, content string
		kept                int
		want                []string
	}{
		{"broken lines", "a.ndjson", pat1 + "\nnothing\n{\"resourceType\":\"Patient\",\"id\":\"x\"\n" + pat2, 2, []string{
			`a.ndjson:2: Resource: A value should be here, not 'n' (line 2, column 1).`,
			`a.ndjson:3: Patient: The text ends inside the object (line 3, column 35).`,
		}},
		{"bad UTF-8", "a.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"p\",\"language\":\"\xff\"}\n" + pat2, 1, []string{
			`a.ndjson:1: Patient.language: A string is not valid UTF-8 (line 1, column 48).`,
		}},
		{"no resource type", "a.ndjson", "{\"id\":\"x\"}\n{\"resourceType\":\"Human\",\"id\":\"x\"}\n", 0, []string{
			`a.ndjson:1: Resource: The member resourceType is missing (line 1, column 1).`,
			`a.ndjson:2: Resource.resourceType: The resourceType "Human" is not a resource type of FHIR R4 (line 2, column 17).`,
		}},
		{"no id", "a.ndjson", `{"resourceType":"Patient"}`, 0, []string{`a.ndjson:1: Patient.id: The Patient has no id, and an import keeps ids.`}},
		{"too large", "a.ndjson", long + "\n" + pat1, 1, []string{`a.ndjson:1: The resource is larger than 8 MiB, the most that is kept.`}},
		{"inside a collection", "b.json", collection, 1, []string{
			`b.json:5: Bundle.entry[1].resource.id: The Patient has no id, and an import keeps ids.`,
			`b.json:5: Bundle.entry[2].resource.id: The id must be a string of 1 to 64 letters, digits, '-' and '.' (line 6, column 6).`,
			`b.json:7: Bundle.entry[3]: The entry has no resource to keep.`,
		}},
		{"references by search", "a.ndjson", `{"resourceType":"Basic","id":"x","subject":{"reference":"Patient?identifier=1"}}` + "\n" + `{"resourceType":"Basic","id":"y","subject":{"reference":"https://other.example/fhir/Patient?identifier=1"}}`, 1, []string{
			`a.ndjson:1: Basic: References by search (Patient?identifier=...) are resolved in transactions only: name the resource, or send this as a transaction.`,
		}},
		{"references by search in a collection", "b.json", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","id":"x","subject":{"reference":"Patient?identifier=1"}}}]}`, 0, []string{
			`b.json:1: Bundle.entry[0].resource: References by search (Patient?identifier=...) are resolved in transactions only: name the resource, or send this as a transaction.`,
		}},
		{"a transaction is refused whole", "t.ndjson", tx(`{"resource":{"resourceType":"Basic","id":"x","subject":{"reference":"urn:uuid:nobody"}},"request":{"method":"PUT","url":"Basic/x"}}`) + "\n" + pat2, 1, []string{
			`t.ndjson:1: A Bundle with conditions or other requests than PUT and POST cannot be imported this way. (2 resources, none kept)`,
		}},
		{"a transaction that writes twice", "t.ndjson", tx(`{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}}`), 0, []string{
			`t.ndjson:1: Bundle.entry[1].resource: Another entry of the transaction writes the same resource; each may appear once. (2 resources, none kept)`,
		}},
		{"a transaction with a broken entry", "t.ndjson", tx(`{"resource":{"resourceType":"Basic","id":"x","x":01},"request":{"method":"PUT","url":"Basic/x"}}`), 0, []string{
			`t.ndjson:1: Bundle.entry[1].resource.x: A number is not written as JSON wants it (line 1, column 215). (2 resources, none kept)`,
		}},
		{"one fullUrl twice", "t.ndjson", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}},{"fullUrl":"urn:uuid:1","resource":` + pat2 + `,"request":{"method":"PUT","url":"Patient/p2"}}]}`, 0, []string{
			`t.ndjson:1: Bundle.entry[1].fullUrl: Another entry has the same fullUrl. (2 resources, none kept)`,
		}},
		{"a Bundle that does not end", "b.json", "{\"resourceType\":\"Bundle\",\"type\":\"collection\",\n\"entry\":[", 0, []string{
			`b.json:1: The text ends before its last bracket (line 2, column 10).`,
		}},
		{"text after the Bundle", "b.ndjson", `{"resourceType":"Bundle","type":"collection","entry":[]} x`, 0, []string{
			`b.ndjson:1: There is more text after the end of the Bundle (line 1, column 57).`,
		}},
		{"a gzip file that is cut", "a.ndjson.gz", gzipped(strings.Repeat(pat1+"\n", 3))[:30], 0, []string{
			`a.ndjson.gz:1: The file cannot be read to its end; what comes after this line was not imported.`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sum, refused := load(t, open(t), nil, text(c.file, c.content))
			if diff := cmp.Diff(c.want, refused); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			if sum.Kept != c.kept || sum.Read != sum.Kept+sum.Refused {
				t.Errorf("sum %+v, want %d kept", sum, c.kept)
			}
		})
	}
}

// giant gives a line of n bytes without keeping it.
type giant struct {
	n    int
	tail string
}

func (g *giant) Read(p []byte) (int, error) {
	if g.n == 0 {
		n := copy(p, g.tail)
		if g.tail = g.tail[n:]; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	n := min(len(p), g.n)
	for i := range n {
		p[i] = 'x'
	}
	g.n -= n
	return n, nil
}

func TestImportGiantLine(t *testing.T) {
	source := bulk.Source{Name: "a.ndjson", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(&giant{n: bulk.MaxDocument + 1, tail: "\n" + pat1 + "\n"}), nil
	}}
	sum, refused := load(t, &ledger{}, nil, source)
	want := []string{`a.ndjson:1: The line is longer than 64 MiB, the most that is read at once.`}
	if diff := cmp.Diff(want, refused); diff != "" || sum.Kept != 1 {
		t.Errorf("sum %+v, refusals (-want +got):\n%s", sum, diff)
	}
}

func TestImportWholeBundles(t *testing.T) {
	document := `{"resourceType":"Bundle","id":"doc","type":"document","entry":[{"resource":` + pat1 + `}]}`
	stored := `{"resourceType":"Bundle","id":"col","type":"collection","entry":[{"resource":` + pat1 + `}]}`
	l := &ledger{}
	sum, refused := load(t, l, nil, text("docs.ndjson", document), text("out/Bundle.ndjson.gz", gzipped(stored)))
	if diff := cmp.Diff([][]string{{"Bundle/doc", "Bundle/col"}}, l.commits); diff != "" || sum.Kept != 2 {
		t.Errorf("sum %+v, refused %v, commits (-want +got):\n%s", sum, refused, diff)
	}
}

// TestImportLastWins: of several versions of a resource the last one is current, whatever is on its way at the same time.
func TestImportLastWins(t *testing.T) {
	db := open(t)
	var b strings.Builder
	const rounds = 40
	for i := range rounds {
		for j := range 30 {
			fmt.Fprintf(&b, `{"resourceType":"Basic","id":"b%d","language":"x%d"}`+"\n", j, i)
		}
	}
	sum, _ := load(t, db, nil, text("a.ndjson", b.String()))
	if sum.Kept+sum.Unchanged != 30*rounds {
		t.Errorf("sum %+v", sum)
	}
	for j := range 30 {
		if got := body(t, db, "Basic", fmt.Sprintf("b%d", j)); !strings.Contains(got, fmt.Sprintf(`"x%d"`, rounds-1)) {
			t.Errorf("b%d is %s", j, got)
		}
	}
}

func TestImportChecks(t *testing.T) {
	invalid := errors.Join(fault.New(fault.Invalid, "x", "The birth date is no date.").At("Patient.birthDate"), fault.New(fault.Invalid, "x", "The gender is unknown.").At("Patient.gender"))
	var outcome string
	sum, refused := load(t, &ledger{}, func(o *bulk.ImportOptions) {
		o.Allows = func(typ string) error {
			if typ == "AuditEvent" {
				return fault.New(fault.Forbidden, "x", "Not from outside.").At(typ)
			}
			return nil
		}
		o.Validate = func(r *fhir.Resource) error {
			if r.ID == "p1" {
				return invalid
			}
			return nil
		}
		told := o.Refused
		o.Refused = func(r bulk.Refusal) error { outcome += string(r.Outcome()); return told(r) }
	}, text("a.ndjson", `{"resourceType":"AuditEvent","id":"a"}`+"\n"+pat1+"\n"+pat2))
	want := []string{`a.ndjson:1: AuditEvent: Not from outside.`, `a.ndjson:2: Patient.birthDate: The birth date is no date. (and 1 more)`}
	if diff := cmp.Diff(want, refused); diff != "" || sum.Kept != 1 {
		t.Errorf("sum %+v (-want +got):\n%s", sum, diff)
	}
	for _, part := range []string{`"valueString":"a.ndjson:2"`, `"expression":["Patient.gender"]`} {
		if !strings.Contains(outcome, part) {
			t.Errorf("no %s in %s", part, outcome)
		}
	}
}

// TestImportPacks: single resources share commits, a transaction keeps its own, and one that the store refuses takes no other along.
func TestImportPacks(t *testing.T) {
	bad := func(tx store.Transaction) error {
		if slices.ContainsFunc(tx.Changes, func(c store.Change) bool { return c.ID == "bad" }) {
			return fault.New(fault.Conflict, "x", "Somebody else was first.")
		}
		return nil
	}
	l := &ledger{refuse: bad}
	sum, refused := load(t, l, nil, text("a.ndjson", pat1+"\n"+`{"resourceType":"Patient","id":"bad"}`+"\n"+pat2))
	if diff := cmp.Diff([][]string{{"Patient/p1"}, {"Patient/p2"}}, l.commits); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.ndjson:2: Somebody else was first."}, refused); diff != "" || sum.Kept != 2 || sum.Commits != 2 {
		t.Errorf("sum %+v (-want +got):\n%s", sum, diff)
	}
	var many strings.Builder
	for i := range 2500 {
		fmt.Fprintf(&many, `{"resourceType":"Basic","id":"b%d"}`+"\n", i)
	}
	l = &ledger{}
	sum, _ = load(t, l, nil, text("a.ndjson", many.String()))
	if sum.Commits != 3 || sum.Kept != 2500 {
		t.Errorf("sum %+v", sum)
	}
}

func TestImportRequests(t *testing.T) {
	conditional := `{"resourceType":"Bundle","type":"batch","entry":[{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}},{"resource":` + pat2 + `,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=x"}}]}`
	mixed := `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},{"request":{"method":"DELETE","url":"Patient/p9"}}]}`
	var got []string
	l := &ledger{}
	sum, refused := load(t, l, func(o *bulk.ImportOptions) {
		o.Transaction = func(_ context.Context, bundle []byte) error {
			if _, err := fhir.Parse(bundle); err != nil {
				t.Errorf("not a Bundle: %v", err)
			}
			got = append(got, string(bundle))
			return nil
		}
	}, text("t.ndjson", conditional+"\n"+mixed))
	want := []string{
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + pat2 + `,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=x"}}]}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"1","meta":{"versionId":"1","lastUpdated":"2026-11-24T08:00:00.000Z"}},"request":{"method":"PUT","url":"Patient/1"}},{"request":{"method":"DELETE","url":"Patient/p9"}}]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" || sum.Kept != 4 || len(refused) != 0 {
		t.Errorf("sum %+v, refused %v (-want +got):\n%s", sum, refused, diff)
	}
}

// TestImportEnds: what makes the whole import end ends it, and nothing is left running.
func TestImportEnds(t *testing.T) {
	var many strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&many, `{"resourceType":"Basic","id":"b%d"}`+"\n", i)
	}
	t.Run("the store is down", func(t *testing.T) {
		o := bulk.ImportOptions{Store: &ledger{refuse: func(store.Transaction) error { return unavailable() }}, Author: "system"}
		_, err := bulk.Import(t.Context(), o, []bulk.Source{text("a.ndjson", many.String())})
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("it is stopped", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		o := bulk.ImportOptions{Store: &ledger{hold: stop}, Author: "system"}
		sum, err := bulk.Import(ctx, o, []bulk.Source{text("a.ndjson", many.String())})
		if !fault.Is(err, fault.Timeout) || sum.Kept == 20_000 {
			t.Errorf("sum %+v, err = %v", sum, err)
		}
	})
	t.Run("the report cannot be written", func(t *testing.T) {
		o := bulk.ImportOptions{Store: &ledger{}, Author: "system", Refused: func(bulk.Refusal) error { return unavailable() }}
		_, err := bulk.Import(t.Context(), o, []bulk.Source{text("a.ndjson", "x\n"+many.String())})
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("without a store", func(t *testing.T) {
		if _, err := bulk.Import(t.Context(), bulk.ImportOptions{}, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("err = %v", err)
		}
	})
}

// FuzzImport: no text ends in a panic; what is read is kept or refused; and what is kept is what the parser accepts.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		pat1, "{", "[]", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":` + pat1 + `,"request":{"method":"PUT","url":"Patient/p1"}}]}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Basic"}},{}]}`,
		`{"resourceType":"Bundle","type":"batch","entry":[1,"\"",{"request":[]}]}`, "\x1f\x8b", "\x28\xb5\x2f\xfd", `{"a":"\\`, "{\"resourceType\":\"Bundle\",\n\"entry\":[{]}",
	} {
		f.Add(seed, "a.json")
		f.Add(seed, "a.ndjson")
	}
	f.Fuzz(func(t *testing.T, content, name string) {
		l := &ledger{}
		o := bulk.ImportOptions{Store: l, Author: "system", Transaction: func(context.Context, []byte) error { return nil }}
		sum, err := bulk.Import(t.Context(), o, []bulk.Source{text(name, content)})
		if err != nil || sum.Read != sum.Kept+sum.Refused {
			t.Errorf("sum %+v, %v", sum, err)
		}
	})
}
