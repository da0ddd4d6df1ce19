//go:build conformance

package conformance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

const (
	noBase    = "an extension to search by whose definition says no base (R4, SearchParameter.base is 1..*)"
	badTarget = "it refers to a type that the definition of the element does not allow"
)

// invalid are the published examples that are not valid by the published definitions: why, and where the first finding is.
// One that is accepted all the same is an error too, so this table stays true.
var invalid = map[string]exception{
	"DeviceMetric-example.json":                                       {badTarget, "DeviceMetric.parent.reference"},
	"DeviceUseStatement-example.json":                                 {badTarget, "DeviceUseStatement.reasonReference[0].reference"},
	"MedicationRequest-medrx0301.json":                                {badTarget, "MedicationRequest.dispenseRequest.performer.reference"},
	"Observation-clinical-gender.json":                                {badTarget, "Observation.performer[0].reference"},
	"ImplementationGuide-fhir.json":                                   {"it has neither name nor status, and refers to a resource by an id of more than 64 characters", "ImplementationGuide.name"},
	"Questionnaire-qs1.json":                                          {"its items have no linkId (R4, Questionnaire.item.linkId is 1..1)", "Questionnaire.item[0].item[0].linkId"},
	"SearchParameter-codesystem-extensions-CodeSystem-author.json":    {noBase, "SearchParameter.base"},
	"SearchParameter-codesystem-extensions-CodeSystem-effective.json": {noBase, "SearchParameter.base"},
	"SearchParameter-codesystem-extensions-CodeSystem-end.json":       {noBase, "SearchParameter.base"},
	"SearchParameter-codesystem-extensions-CodeSystem-keyword.json":   {noBase, "SearchParameter.base"},
	"SearchParameter-codesystem-extensions-CodeSystem-workflow.json":  {noBase, "SearchParameter.base"},
	"SearchParameter-valueset-extensions-ValueSet-author.json":        {noBase, "SearchParameter.base"},
	"SearchParameter-valueset-extensions-ValueSet-effective.json":     {noBase, "SearchParameter.base"},
	"SearchParameter-valueset-extensions-ValueSet-end.json":           {noBase, "SearchParameter.base"},
	"SearchParameter-valueset-extensions-ValueSet-keyword.json":       {noBase, "SearchParameter.base"},
	"SearchParameter-valueset-extensions-ValueSet-workflow.json":      {noBase, "SearchParameter.base"},
}

// TestWrite: what every write must pass accepts every example but those.
func TestWrite(t *testing.T) {
	met := 0
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		err := validate.Write(r)
		rule, listed := invalid[e.name]
		switch list := fhir.Issues(err); {
		case listed && err == nil:
			t.Errorf("%s: accepted, and it is listed as wrong: %s", e.name, rule.why)
		case listed:
			met++
			if list[0].Expression != rule.sentence {
				t.Errorf("%s: the first finding is at %s, want %s", e.name, list[0].Expression, rule.sentence)
			}
		case err != nil:
			t.Errorf("%s: %d findings, the first %s: %s", e.name, len(list), list[0].Expression, list[0].Text)
		}
	})
	if met != len(invalid) {
		t.Errorf("%d of %d listed examples were seen", met, len(invalid))
	}
}

// TestWriteEntriesOfLargeBundles: what is too much in one piece is valid piece by piece.
func TestWriteEntriesOfLargeBundles(t *testing.T) {
	count := 0
	for _, e := range examples(t) {
		if refused[e.name].why != manyTokens {
			continue
		}
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal(e.raw, &bundle); err != nil {
			t.Fatal(err)
		}
		for i, entry := range bundle.Entry {
			r, err := fhir.Parse(entry.Resource)
			if err != nil {
				t.Errorf("%s, entry %d: %v", e.name, i, err)
				continue
			}
			count++
			if err := validate.Write(r); err != nil {
				t.Errorf("%s, entry %d: %s/%s: %s", e.name, i, r.Type, r.ID, fhir.Issues(err)[0].Text)
			}
		}
	}
	if count < 1000 {
		t.Errorf("only %d entries: this is not what was published", count)
	}
}

// broken are the invariants that published examples do not keep, each with those examples: a structure that is neither abstract
// nor based on another, and narratives without text.
var broken = map[string][]string{
	"sdf-4": {"StructureDefinition-Event.json"},
	"txt-2": {
		"ActivityDefinition-blood-tubes-supply.json", "ActivityDefinition-heart-valve-replacement.json",
		"EventDefinition-example.json", "Questionnaire-zika-virus-exposure-assessment.json",
	},
}

// TestCheck: $validate finds no more wrong with the examples than TestWrite does, but for the invariants above, and can evaluate every
// invariant that they meet. The definitions of elements and search parameters are left out but for a tenth: there are two thousand
// of a kind, and they take minutes.
func TestCheck(t *testing.T) {
	v, err := validate.New()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	nth := 0
	accepted(t, func(t *testing.T, e example, r *fhir.Resource) {
		if r.Type == "StructureDefinition" || r.Type == "SearchParameter" {
			if nth++; nth%10 != 0 {
				return
			}
		}
		if len(e.raw) > 200_000 {
			return
		}
		list, err := v.Check(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		for _, i := range list {
			_, listed := invalid[e.name]
			switch {
			case i.Code == "processing":
				t.Errorf("%s: %s", e.name, i.Text)
			case i.Severity != "error":
			case i.Code == "invariant":
				key := i.Text[strings.LastIndexByte(i.Text, '[')+1 : strings.LastIndexByte(i.Text, ']')]
				if !slices.Contains(got[key], e.name) {
					got[key] = append(got[key], e.name)
				}
			case !listed:
				t.Errorf("%s: %s: %s", e.name, i.Expression, i.Text)
			}
		}
	})
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if slices.Sort(got[key]); !slices.Equal(got[key], broken[key]) {
			t.Errorf("%s is not kept by %q, want %q", key, got[key], broken[key])
		}
	}
	for key := range broken {
		if got[key] == nil {
			t.Errorf("%s is kept by all", key)
		}
	}
}
