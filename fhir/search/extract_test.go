package search_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"khamxa/fhir"
	"khamxa/fhir/search"
)

func load(t testing.TB, name string) *fhir.Resource {
	t.Helper()
	raw, err := os.ReadFile("../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return read(t, string(raw))
}

func read(t testing.TB, raw string) *fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return r
}

var dateValue = regexp.MustCompile(`([|␁][dlhemn]\|)([0-9A-V]{10})([0-9A-V]{10})$`)

// visible makes keys readable: the separator as a box, and the two times of a date in UTC.
func visible(keys []string) []string {
	var out []string
	for _, k := range keys {
		k = strings.ReplaceAll(k, "\x01", "␁")
		if m := dateValue.FindStringSubmatch(k); m != nil {
			k = strings.TrimSuffix(k, m[2]+m[3]) + decode(m[2]) + "/" + decode(m[3])
		}
		if m := numberValue.FindStringSubmatch(k); m != nil {
			k = strings.TrimSuffix(k, m[2]) + decodeNumber(m[2])
		}
		out = append(out, k)
	}
	return out
}

var numberValue = regexp.MustCompile(`([|␁]q\||[|␁]u\|[^␁]*␁)([0-9A-V]{10})$`)

// decodeNumber reads ten digits of base 32: the first 50 bits of a float64, so mirrored that greater numbers are greater.
func decodeNumber(digits string) string {
	n, err := strconv.ParseUint(digits, 32, 64)
	if err != nil {
		return err.Error()
	}
	bits := n << 14
	if bits>>63 == 1 {
		bits &^= 1 << 63
	} else {
		bits = ^bits
	}
	return strconv.FormatFloat(math.Float64frombits(bits), 'g', 9, 64)
}

// decode reads ten digits of base 32: milliseconds since 1970, plus 2 to the power of 48.
func decode(digits string) string {
	n, err := strconv.ParseInt(digits, 32, 64)
	ms := n - 1<<48
	switch {
	case err != nil:
		return err.Error()
	case ms > 253402300800000+dayMS:
		return "open"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.999Z")
}

const dayMS = 24 * 60 * 60 * 1000

func checkExtract(t *testing.T, name string, keys, patients []string) {
	t.Helper()
	got := search.Extract(load(t, name))
	if !slices.IsSorted(got.Keys) {
		t.Error("keys are not sorted")
	}
	have := visible(got.Keys)
	slices.Sort(keys) // the readable forms sort a little differently
	slices.Sort(have)
	if diff := cmp.Diff(keys, have); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(patients, got.Patients); diff != "" {
		t.Error(diff)
	}
}

func TestExtractPatient(t *testing.T) {
	checkExtract(t, "patient", []string{
		"Patient|",
		"Patient|_id|t|hoa␁",
		"Patient|_lastUpdated|d|2026-03-02T01:15:30.25Z/2026-03-02T01:15:30.251Z",
		"Patient|_tag|t|screening␁urn:khamxa:source",
		"Patient|active|t|true␁",
		"Patient|address-country|s|vn",
		"Patient|address-state|s|ninh binh",
		"Patient|address|s|5, xa hai thinh, tinh ninh binh",
		"Patient|address|s|binh",
		"Patient|address|s|hai thinh",
		"Patient|address|s|hai thinh, tinh ninh binh",
		"Patient|address|s|ninh binh",
		"Patient|address|s|thinh, tinh ninh binh",
		"Patient|address|s|tinh ninh binh",
		"Patient|address|s|vn",
		"Patient|address|s|xa hai thinh, tinh ninh binh",
		"Patient|address|s|xom 5",
		"Patient|address|s|xom 5, xa hai thinh, tinh ninh binh",
		"Patient|birthdate|l|1958-08-31T17:00:00Z/1958-09-30T17:00:00Z",
		"Patient|birthdate|h|1958-09-30T17:00:00Z/1958-08-31T17:00:00Z",
		"Patient|deceased|t|false␁",
		"Patient|family|s|nguyen",
		"Patient|gender|t|female␁http://hl7.org/fhir/administrative-gender",
		"Patient|general-practitioner|r|duc␁Practitioner",
		"Patient|given|s|hoa",
		"Patient|given|s|thi",
		"Patient|identifier|t|036158004321␁http://fhir.hl7.org.vn/core/sid/cccd",
		"Patient|identifier|t|GD4363620012345␁http://fhir.hl7.org.vn/core/sid/bhyt",
		"Patient|name|s|hoa",
		"Patient|name|s|nguyen",
		"Patient|name|s|nguyen thi hoa",
		"Patient|name|s|thi",
		"Patient|name|s|thi hoa",
		"Patient|organization|r|tyt-14221␁Organization",
		"Patient|telecom|t|+84912345678␁",
		"Patient|telecom|t|hoa.nguyen@example.vn␁",
		"compartment|Patient/hoa",
	}, []string{"hoa"})
}

func TestExtractBloodPressure(t *testing.T) {
	checkExtract(t, "blood-pressure", []string{
		"Observation|",
		"Observation|_id|t|bp-1␁",
		"Observation|category|t|vital-signs␁http://terminology.hl7.org/CodeSystem/observation-category",
		"Observation|code|t|85354-9␁http://loinc.org",
		"Observation|code|t|HA␁urn:khamxa:local",
		"Observation|component-code-value-quantity|c|8462-4␁q|95",
		"Observation|component-code-value-quantity|c|8480-6␁q|150",
		"Observation|component-value-quantity|q|150",
		"Observation|component-value-quantity|q|95",
		"Observation|component-code|t|8462-4␁http://loinc.org",
		"Observation|component-code|t|8480-6␁http://loinc.org",
		"Observation|date|d|2026-03-01T01:20:00Z/2026-03-01T01:20:01Z",
		"Observation|encounter|r|kham-1␁Encounter",
		"Observation|identifier|t|urn:uuid:0b6c8a1e-6a57-4a4e-9b0c-0d1d5f0b5a10␁urn:ietf:rfc:3986",
		"Observation|performer|i|36221␁urn:khamxa:cskcb",
		"Observation|performer|r|duc␁Practitioner",
		"Observation|status|t|final␁http://hl7.org/fhir/observation-status",
		"Observation|subject|r|hoa␁Patient",
		"compartment|Patient/hoa",
	}, []string{"hoa"})
}

func TestExtractGlucose(t *testing.T) {
	checkExtract(t, "glucose", []string{
		"Observation|",
		"Observation|_id|t|glu-1␁",
		"Observation|code|t|15074-8␁http://loinc.org",
		"Observation|code-value-quantity|c|15074-8␁q|6.3",
		"Observation|value-quantity|q|6.3",
		"Observation|date|h|2026-03-02T17:00:00Z/2026-02-26T17:00:00Z",
		"Observation|date|l|2026-02-26T17:00:00Z/2026-03-02T17:00:00Z",
		"Observation|device|p|",
		"Observation|status|t|preliminary␁http://hl7.org/fhir/observation-status",
		"Observation|subject|r|https://his.example.vn/fhir/Patient/77␁",
	}, nil)
}

// has reports which keys of one parameter the resource has.
func has(t testing.TB, raw, prefix string) []string {
	t.Helper()
	var keys []string
	for _, k := range visible(search.Extract(read(t, raw)).Keys) {
		if rest, ok := strings.CutPrefix(k, prefix); ok {
			keys = append(keys, rest)
		}
	}
	return keys
}

func TestExtractForms(t *testing.T) {
	long := strings.Repeat("ễ", 150)
	tests := []struct {
		name, raw, prefix string
		want              []string
	}{
		{"choice as a date", `{"resourceType":"Condition","onsetDateTime":"2026"}`, "Condition|onset-date|l|", []string{"2025-12-31T17:00:00Z/2026-12-31T17:00:00Z"}},
		{"choice as a string", `{"resourceType":"Condition","onsetString":"Từ nhỏ"}`, "Condition|onset-info|", []string{"s|tu nho"}},
		{"choice of another type", `{"resourceType":"Condition","onsetString":"2026"}`, "Condition|onset-date|", nil},
		{"other subject is no patient", `{"resourceType":"Encounter","subject":{"reference":"Group/g"}}`, "Encounter|patient|", nil},
		{"patient is found by subject", `{"resourceType":"Encounter","subject":{"reference":"Patient/g"}}`, "Encounter|", []string{"", "subject|r|g␁Patient"}},
		{"type by member", `{"resourceType":"Encounter","subject":{"type":"Patient","identifier":{"value":"7"}}}`, "Encounter|subject|", []string{"i|7␁"}},
		{"where literal", `{"resourceType":"Practitioner","telecom":[{"system":"email","value":"A@b.vn"},{"system":"phone","value":"1"}]}`, "Practitioner|telecom|", []string{"t|1␁", "t|a@b.vn␁"}},
		{"canonical without version", `{"resourceType":"PlanDefinition","relatedArtifact":[{"type":"depends-on","resource":"http://a/Library/x|1.0"},{"type":"citation","resource":"http://a/y"}]}`, "PlanDefinition|depends-on|", []string{"r|http://a/Library/x␁"}},
		{"where literal and two parents", `{"resourceType":"PlanDefinition","relatedArtifact":[{"type":"derived-from","resource":"http://a/y"}]}`, "PlanDefinition|derived-from|", []string{"r|http://a/y␁"}},
		{"derived", `{"resourceType":"Practitioner","telecom":[{"system":"email","value":"a@b.vn"}],"name":[{"family":"An"}]}`, "Practitioner|email|", nil},
		{"a concept for a code", `{"resourceType":"Observation","code":{"coding":[{"system":"s","code":"a"},{"code":"b"}]},"valueCodeableConcept":{"coding":[{"system":"t","code":"x"}]}}`, "Observation|code-value-concept|", []string{"c|a␁t|x␁t", "c|b␁t|x␁t"}},
		{"a text for a code", `{"resourceType":"Observation","code":{"coding":[{"code":"a"}]},"valueString":"Đỏ"}`, "Observation|code-value-string|", []string{"c|a␁s|do"}},
		{"a date for a code", `{"resourceType":"Observation","code":{"coding":[{"code":"a"}]},"valueDateTime":"2026-03-01T00:00:00Z"}`, "Observation|code-value-date|", []string{"c|a␁e|2026-03-01T00:00:00Z/2026-03-01T00:00:01Z"}},
		{"a composite without its second part", `{"resourceType":"Observation","code":{"coding":[{"code":"a"}]}}`, "Observation|code-value-quantity|", nil},
		{"a composite that cannot be compared", `{"resourceType":"Observation","code":{"text":"a"},"valueQuantity":{"value":1}}`, "Observation|code-value-quantity|", []string{"p|"}},
		{"three parts", `{"resourceType":"MolecularSequence","referenceSeq":{"chromosome":{"coding":[{"code":"1"}]}},"variant":[{"start":10,"end":20},{"start":30}]}`, "MolecularSequence|chromosome-variant-coordinate|", []string{"c|1␁q|10"}},
		{"a reference for a code", `{"resourceType":"DocumentReference","relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/1"}}]}`, "DocumentReference|relationship|", []string{"c|replaces␁r|1␁DocumentReference"}},
		{"a position", `{"resourceType":"Location","position":{"latitude":20.25,"longitude":106.2}}`, "Location|near|", []string{"p|"}},
		{"text has no keys", `{"resourceType":"Location","text":{"div":"<div>Trạm</div>"}}`, "Location|_", nil},
		{"first entry only", `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Composition","id":"c1"}},{"resource":{"resourceType":"Composition","id":"c2"}}]}`, "Bundle|composition|", []string{"r|c1␁Composition"}},
		{"deceased by date", `{"resourceType":"Patient","deceasedDateTime":"2026-01"}`, "Patient|deceased|", []string{"t|true␁"}},
		{
			"several dates", `{"resourceType":"Encounter","location":[{"period":{"start":"2026-03-01","end":"2026-03-01"}},{"period":{"start":"2026-03-02"}}]}`, "Encounter|location-period|",
			[]string{"e|2026-02-28T17:00:00Z/2026-03-01T17:00:00Z", "m|2026-03-01T17:00:00Z/open", "n|open/2026-03-01T17:00:00Z"},
		},
		{"timing by its limits", `{"resourceType":"Observation","effectiveTiming":{"event":["2026-03-02","2026-03-01"]}}`, "Observation|date|l|", []string{"2026-02-28T17:00:00Z/2026-03-02T17:00:00Z"}},
		{"timing without limits", `{"resourceType":"Observation","effectiveTiming":{"repeat":{"frequency":2}}}`, "Observation|date|", []string{"p|"}},
		{"no date", `{"resourceType":"Observation","effectiveDateTime":"yesterday"}`, "Observation|date|", []string{"p|"}},
		{"a concept without coding", `{"resourceType":"Observation","code":{"text":"Huyết áp"}}`, "Observation|code|", []string{"p|"}},
		{"wrong JSON type", `{"resourceType":"Patient","gender":7,"name":"x","birthDate":{},"managingOrganization":[[]]}`, "Patient|gender|", []string{"p|"}},
		{"null items", `{"resourceType":"Patient","name":[{"given":[null,"An"]}]}`, "Patient|given|", []string{"s|an"}},
		{"long text is cut at a character", `{"resourceType":"Patient","name":[{"family":"a` + long + `"}]}`, "Patient|family|s|", []string{"a" + strings.Repeat("e", 150)}},
		{"long text is cut", `{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("Ω", 150) + `"}]}`, "Patient|family|s|", []string{strings.Repeat("ω", 100)}},
		{"a number", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":0.140},{"probabilityDecimal":-1e2}]}`, "RiskAssessment|probability|", []string{"q|-100", "q|0.14"}},
		{"a range", `{"resourceType":"RiskAssessment","prediction":[{"probabilityRange":{"low":{"value":0.1}}},{"probabilityRange":{}}]}`, "RiskAssessment|probability|", []string{"w|"}},
		{"no number", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":"0.1"}]}`, "RiskAssessment|probability|", []string{"p|"}},
		{"a number beyond reason", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":1e999999999}]}`, "RiskAssessment|probability|", []string{"p|"}},
		{"a large number", `{"resourceType":"RiskAssessment","prediction":[{"probabilityDecimal":1e400}]}`, "RiskAssessment|probability|", []string{"q|+Inf"}},
		{"a quantity without a unit", `{"resourceType":"Observation","valueQuantity":{"value":5}}`, "Observation|value-quantity|", []string{"q|5"}},
		{"a unit that UCUM does not know", `{"resourceType":"Observation","valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"viên"}}`, "Observation|value-quantity|", []string{"q|5"}},
		{"a comparator", `{"resourceType":"Observation","valueQuantity":{"value":5,"comparator":"<","system":"http://unitsofmeasure.org","code":"mg"}}`, "Observation|value-quantity|", []string{"w|"}},
		{"a unit alone", `{"resourceType":"Observation","valueQuantity":{"unit":"mg"}}`, "Observation|value-quantity|", []string{"p|"}},
		{"a home unit", `{"resourceType":"Observation","valueQuantity":{"value":37.00,"system":"http://unitsofmeasure.org","code":"Cel"}}`, "Observation|value-quantity|", []string{"q|37"}},
		{"another unit", `{"resourceType":"Observation","valueQuantity":{"value":98.6,"system":"http://unitsofmeasure.org","code":"[degF]"}}`, "Observation|value-quantity|", []string{"q|98.6", "u|K␁310.15"}},
		{"a unit without a home", `{"resourceType":"Observation","valueQuantity":{"value":2,"system":"http://unitsofmeasure.org","code":"mV"}}`, "Observation|value-quantity|", []string{"q|2", "u|C-1.g.m2.s-2␁2"}},
		{"money", `{"resourceType":"Invoice","totalNet":{"value":250000,"currency":"VND"}}`, "Invoice|totalnet|", []string{"q|250000"}},
		{"a URL", `{"resourceType":"ValueSet","url":"http://x/ValueSet/a"}`, "ValueSet|url|", []string{"x|http://x/ValueSet/a"}},
		{"a canonical", `{"resourceType":"Patient","meta":{"profile":["http://x/a|1.0","http://x/a|1.1"]}}`, "Patient|_profile|", []string{"x|http://x/a"}},
		{"marks alone", `{"resourceType":"Patient","name":[{"family":"\u0301"}]}`, "Patient|family|", []string{"p|"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, has(t, tt.raw, tt.prefix)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A resource with thousands of values gets one key in their place, and is found by it.
func TestExtractOverflow(t *testing.T) {
	var members strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&members, `{"entity":{"reference":"Patient/p%d"}},`, i)
	}
	raw := `{"resourceType":"Group","member":[` + members.String() + `{"entity":{"reference":"Patient/last"}}]}`
	if diff := cmp.Diff([]string{"o|"}, has(t, raw, "Group|member|")); diff != "" {
		t.Error(diff)
	}
	r := read(t, raw)
	q := parse(t, "Group", "member=Patient/last")
	if !q.Match(r) || !reached(t, &q.Clauses[0], search.Extract(r).Keys) {
		t.Error("not found")
	}
}

func TestPatients(t *testing.T) {
	tests := []struct {
		name, raw string
		want      []string
	}{
		{"linked patients", `{"resourceType":"Patient","id":"b","link":[{"other":{"reference":"Patient/a"}}]}`, []string{"b", "a"}},
		{"subject before performer", `{"resourceType":"Observation","performer":[{"reference":"Patient/p"}],"subject":{"reference":"Patient/s"}}`, []string{"s", "p"}},
		{"a group", `{"resourceType":"Group","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Device/d"}},{"entity":{"reference":"Patient/a"}}]}`, []string{"a"}},
		{"appointment", `{"resourceType":"Appointment","participant":[{"actor":{"reference":"Practitioner/x"}},{"actor":{"reference":"Patient/a/_history/3"}}]}`, []string{"a"}},
		{"other server", `{"resourceType":"Observation","subject":{"reference":"http://x/Patient/a"}}`, nil},
		{"display only", `{"resourceType":"Observation","subject":{"type":"Patient","display":"An"}}`, nil},
		{"identifier only", `{"resourceType":"Observation","subject":{"type":"Patient","identifier":{"value":"a"}}}`, nil},
		{"contained", `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"a"}],"subject":{"reference":"#a"}}`, nil},
		{"a task, which R4 leaves out", `{"resourceType":"Task","for":{"reference":"Patient/a"},"focus":{"reference":"Patient/b"}}`, []string{"a"}},
		{"a device, which R4 leaves out", `{"resourceType":"Device","patient":{"reference":"Patient/a"}}`, []string{"a"}},
		{"in no compartment", `{"resourceType":"Organization","id":"o"}`, nil},
		{"patient without id", `{"resourceType":"Patient"}`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(t, tt.raw)
			if diff := cmp.Diff(tt.want, search.Patients(r)); diff != "" {
				t.Error(diff)
			}
			index := search.Extract(r)
			if diff := cmp.Diff(tt.want, index.Patients); diff != "" {
				t.Error(diff)
			}
			for _, id := range tt.want {
				if !slices.Contains(index.Keys, search.CompartmentKey(id)) {
					t.Errorf("no compartment key of %s", id)
				}
			}
		})
	}
}

// TestPersonal: every type of R4 is on one side, and the shared ones are written out, so that a new one is a decision.
func TestPersonal(t *testing.T) {
	var shared []string
	for _, typ := range search.Types() {
		if !search.Personal(typ) {
			shared = append(shared, typ)
		}
	}
	want := strings.Fields(`ActivityDefinition BiologicallyDerivedProduct CapabilityStatement CatalogEntry ChargeItemDefinition CodeSystem
		CompartmentDefinition ConceptMap DeviceDefinition EffectEvidenceSynthesis Endpoint EventDefinition Evidence EvidenceVariable
		ExampleScenario GraphDefinition HealthcareService ImplementationGuide InsurancePlan Library Location Measure Medication
		MedicationKnowledge MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication
		MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured MedicinalProductPackaged
		MedicinalProductPharmaceutical MedicinalProductUndesirableEffect MessageDefinition NamingSystem ObservationDefinition OperationDefinition OperationOutcome
		Organization OrganizationAffiliation PlanDefinition Practitioner PractitionerRole Questionnaire ResearchDefinition
		ResearchElementDefinition ResearchStudy RiskEvidenceSynthesis SearchParameter Slot SpecimenDefinition StructureDefinition
		StructureMap Subscription Substance SubstanceNucleicAcid SubstancePolymer SubstanceProtein SubstanceReferenceInformation
		SubstanceSourceMaterial SubstanceSpecification TerminologyCapabilities TestReport TestScript ValueSet`)
	if diff := cmp.Diff(want, shared); diff != "" {
		t.Error(diff)
	}
	for typ, params := range search.Compartments() {
		for _, code := range params {
			if p := search.Lookup(typ, code); p == nil || p.Kind != search.Reference {
				t.Errorf("%s has no reference parameter %s", typ, code)
			}
		}
	}
}

func TestUpdatedKey(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 123_900_000, time.UTC)
	r := read(t, `{"resourceType":"Basic"}`)
	stamped := read(t, string(r.Stamp("a", "1", at)))
	if key := search.UpdatedKey("Basic", at); !slices.Contains(search.Extract(stamped).Keys, key) {
		t.Errorf("%q is not in %q", key, search.Extract(stamped).Keys)
	}
	if !slices.Contains(search.Extract(r).Keys, search.TypeKey("Basic")) {
		t.Error("no type key")
	}
	if search.HolderKey("Organization/x") != "holder|Organization/x" {
		t.Error("holder key")
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Nguyễn Thị Hòa":         "nguyen thi hoa",
		"NGUYỄN  THỊ\tHOÀ ":      "nguyen thi hoa",
		"Đặng Văn Đức":           "dang van duc",
		"Mu\u0308ller":           "muller",
		"Ơ Ư Ă Â Ê Ô":            "o u a a e o",
		"":                       "",
		"\u0301 ":                "",
		"Hải Thịnh, Ninh Bình 5": "hai thinh, ninh binh 5",
	} {
		if got := search.Fold(in); got != want {
			t.Errorf("Fold(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestPrefixRange(t *testing.T) {
	for prefix, hi := range map[string]string{
		"a|":                  "a}",
		"aé":                  "aê",
		"a\U0010FFFF":         "b",
		"a\uD7FF":             "a\uE000",
		"\U0010FFFF":          strings.Repeat("\U0010FFFF", 4),
		"Patient|name|s|hoà~": "Patient|name|s|hoà\x7f",
	} {
		if got := search.PrefixRange(prefix); got.Lo != prefix || got.Hi != hi {
			t.Errorf("PrefixRange(%q) is %q", prefix, got)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	for _, name := range []string{"patient", "blood-pressure"} {
		b.Run(name, func(b *testing.B) {
			r := load(b, name)
			b.ReportAllocs()
			for b.Loop() {
				search.Extract(r)
			}
		})
	}
}

// TestFoldByCharacter: folding does not depend on how the text is composed, and folded text folds to itself.
func TestFoldByCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z đĐảạấờỹ가한ẞ\x{0300}-\x{0323}]{0,20}`)).Draw(t, "text")
		folded := search.Fold(s)
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if got := search.Fold(form.String(s)); got != folded {
				t.Fatalf("%q folds to %q, composed otherwise to %q", s, folded, got)
			}
		}
		if again := search.Fold(folded); again != folded {
			t.Fatalf("%q folds to %q, and that to %q", s, folded, again)
		}
	})
}
