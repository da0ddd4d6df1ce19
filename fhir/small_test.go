package fhir_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

func TestParseReference(t *testing.T) {
	tests := []struct {
		text string
		want fhir.Reference
		bare string
	}{
		{"Patient/1", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1"}, "Patient/1"},
		{"Patient/1/_history/2", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1", Version: "2"}, "Patient/1"},
		{"https://a.vn/fhir/Patient/1", fhir.Reference{Kind: fhir.Remote, Base: "https://a.vn/fhir/", Type: "Patient", ID: "1"}, "https://a.vn/fhir/Patient/1"},
		{"https://a.vn/fhir/Patient/1/_history/2", fhir.Reference{Kind: fhir.Remote, Base: "https://a.vn/fhir/", Type: "Patient", ID: "1", Version: "2"}, "https://a.vn/fhir/Patient/1"},
		{"urn:uuid:0b6c", fhir.Reference{Kind: fhir.URN}, "urn:uuid:0b6c"},
		{"#bs", fhir.Reference{Kind: fhir.Contained, Fragment: "bs"}, "#bs"},
		{"https://a.vn/ValueSet|2", fhir.Reference{Kind: fhir.OtherURL}, "https://a.vn/ValueSet|2"},
		{"https://a.vn/things/1", fhir.Reference{Kind: fhir.OtherURL}, "https://a.vn/things/1"},
		{"Patiant/1", fhir.Reference{}, "Patiant/1"},
		{"Patient/a b", fhir.Reference{}, "Patient/a b"},
		{"x/Patient/1", fhir.Reference{}, "x/Patient/1"},
		{"/Patient/1", fhir.Reference{}, "/Patient/1"},
		{"Patient/1/_history/", fhir.Reference{}, "Patient/1/_history/"},
		{"Patient", fhir.Reference{}, "Patient"},
		{"", fhir.Reference{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := fhir.ParseReference(tt.text)
			tt.want.Text = tt.text
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if got.Unversioned() != tt.bare {
				t.Errorf("unversioned %q", got.Unversioned())
			}
		})
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var ids []string
	for i := range 100 {
		ids = append(ids, fhir.NewID(at.Add(time.Duration(i)*time.Millisecond)))
	}
	if !slices.IsSorted(ids) {
		t.Error("ids do not sort by time")
	}
	for _, id := range ids {
		if !fhir.IsID(id) || len(id) != 26 {
			t.Errorf("%q", id)
		}
	}
	if a, b := fhir.NewID(at), fhir.NewID(at); a == b || a[:9] != b[:9] {
		t.Errorf("%s and %s of one millisecond", a, b)
	}
}

func TestOutcome(t *testing.T) {
	const head = `{"resourceType":"OperationOutcome","issue":[`
	detail := func(code, text string) string {
		return `"details":{"coding":[{"system":"urn:khamxa:fault","code":"` + code + `"}],"text":"` + text + `"}`
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{
			"with a place", fault.New(fault.Invalid, "op", `No "such" date.`).At("Patient.birthDate"),
			head + `{"severity":"error","code":"invalid",` + detail("invalid", `No \"such\" date.`) + `,"expression":["Patient.birthDate"]}]}`,
		},
		{
			"line and column", fault.New(fault.Invalid, "op", "No date (line 2, column 14)."),
			head + `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line","valueInteger":2},` +
				`{"url":"http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col","valueInteger":14}],"severity":"error","code":"invalid",` +
				detail("invalid", "No date (line 2, column 14).") + `}]}`,
		},
		{
			"what only looks like line and column", fault.New(fault.Invalid, "op", `There is no "(line 2, column 14)." here.`),
			head + `{"severity":"error","code":"invalid",` + detail("invalid", `There is no \"(line 2, column 14).\" here.`) + `}]}`,
		},
		{
			"conflict", fault.New(fault.Conflict, "op", "Somebody was first."),
			head + `{"severity":"error","code":"conflict",` + detail("conflict", "Somebody was first.") + `}]}`,
		},
		{
			"unknown causes stay inside", errors.New("password=1234"),
			head + `{"severity":"fatal","code":"exception",` + detail("internal", "Something went wrong on the server. It has been written to the log.") + `}]}`,
		},
		{
			"what a stranger wrote is cut at a character", fault.New(fault.Invalid, "op", "No "+strings.Repeat("đ", 2000)),
			head + `{"severity":"error","code":"invalid",` + detail("invalid", "No "+strings.Repeat("đ", 748)+"...") + `}]}`,
		},
		{
			"several", errors.Join(fault.New(fault.Gone, "op", "a"), fault.New(fault.TooCostly, "op", "b")),
			head + `{"severity":"error","code":"deleted",` + detail("gone", "a") + `},{"severity":"error","code":"too-costly",` + detail("too-costly", "b") + `}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fhir.Outcome(tt.err)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
			parse(t, string(got))
		})
	}
	parse(t, string(fhir.OutcomeOf()))
}

// TestOutcomeCodes: every fault code has a code of R4's IssueType.
func TestOutcomeCodes(t *testing.T) {
	issueTypes := []string{"invalid", "login", "forbidden", "not-found", "deleted", "conflict", "business-rule", "too-long", "throttled", "too-costly", "not-supported", "transient", "timeout", "incomplete", "exception"}
	for _, code := range []fault.Code{
		fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Gone, fault.Conflict, fault.Precondition, fault.State,
		fault.TooLarge, fault.TooMany, fault.TooCostly, fault.Unsupported, fault.Unavailable, fault.Timeout, fault.Unknown, fault.Internal,
	} {
		r := parse(t, string(fhir.Outcome(fault.New(code, "op", "x"))))
		got := r.Root.Get("issue").At(0).Get("code").String()
		if !slices.Contains(issueTypes, got) || got == "exception" && code != fault.Internal {
			t.Errorf("%s gives %q", code, got)
		}
	}
}

func TestBuilder(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 20, 0, 0, time.FixedZone("", 7*3600))
	got := fhir.BuildResource("Observation", "").
		String("status", "final").
		String("empty", "").
		Object("code", fhir.Concept("http://loinc.org", "8480-6", "")).
		Object("subject", fhir.Ref("Patient/1")).
		Object("encounter", fhir.Ref("")).
		Object("meta", fhir.Build()).
		Instant("effectiveDateTime", at).
		Instant("issued", time.Time{}).
		Object("valueQuantity", fhir.Quantity(6.3, 2, "mmol/L", "mmol/L")).
		Decimal("nan", math.NaN(), 1).
		Bool("x", false).
		Int("n", -3).
		Strings("given", "Thị", "", `H"òa\`+"\n\x01").
		Strings("none", "").
		List("note", fhir.Build().String("text", "a"), nil, fhir.Build()).
		List("nothing").
		Raw("raw", []byte(`[1.50]`)).
		Raw("no raw", nil).
		Bytes()
	want := `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},` +
		`"subject":{"reference":"Patient/1"},"effectiveDateTime":"2026-03-01T08:20:00+07:00",` +
		`"valueQuantity":{"value":6.30,"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"},"x":false,"n":-3,` +
		`"given":["Thị","H\"òa\\\n"],"note":[{"text":"a"}],"raw":[1.50]}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	parse(t, string(got))
	var none *fhir.Builder
	if !none.Empty() || string(none.Bytes()) != "{}" {
		t.Error("a nil builder is no empty object")
	}
}

// TestIssueType: an IssueType among the causes is the issue's code; the fault code stays the word for programs.
func TestIssueType(t *testing.T) {
	one := &fault.Error{Code: fault.Invalid, Message: "It is wrong.", Path: "Patient.gender", Err: fhir.IssueType("code-invalid")}
	list := fhir.Issues(errors.Join(one, &fault.Error{Code: fault.Invalid, Message: "So is this.", Err: one}, fault.New(fault.Invalid, "", "And this.")))
	want := []fhir.Issue{
		{Severity: "error", Code: "code-invalid", Fault: fault.Invalid, Text: "It is wrong.", Expression: "Patient.gender"},
		{Severity: "error", Code: "code-invalid", Fault: fault.Invalid, Text: "So is this."},
		{Severity: "error", Code: "invalid", Fault: fault.Invalid, Text: "And this."},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if list := fhir.Issues(nil); list != nil {
		t.Errorf("issues of nothing: %v", list)
	}
}
