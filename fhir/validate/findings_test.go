package validate_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

// TestPlaces: every finding is told, in the order of the text, with its line and column there.
func TestPlaces(t *testing.T) {
	text := `{
  "resourceType": "Observation",
  "code": { "text": "Huyết áp", "txt": 1 },
  "valueQuantity": { "value": "120" }, "valueString": "x",
  "component": [
    { "code": { "text": "ổn" }, "valueQuantity": { "comparator": "~" } },
    { }
  ]
}`
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range fhir.Issues(validate.Write(r)) {
		place := i.Text[strings.LastIndex(i.Text, "line "):]
		got = append(got, i.Expression+" "+i.Code+" "+place)
	}
	want := []string{
		"Observation.status required line 1, column 1).",
		"Observation.code.txt structure line 3, column 33).",
		"Observation.value.value structure line 4, column 31).",
		"Observation.value structure line 4, column 40).",
		"Observation.component[0].value.comparator code-invalid line 6, column 66).",
		"Observation.component[1] structure line 7, column 5).",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestMany: findings are bounded, and it is said that there are more.
func TestMany(t *testing.T) {
	for _, n := range []int{validate.MaxFindings, validate.MaxFindings + 1, 20_000} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			r, err := fhir.Parse([]byte(patient(`"name":[` + strings.Repeat(`{"x":1},`, n-1) + `{"x":1}]`)))
			if err != nil {
				t.Fatal(err)
			}
			list := fhir.Issues(validate.Write(r))
			want := min(n, validate.MaxFindings+1)
			if len(list) != want {
				t.Fatalf("%d findings, want %d", len(list), want)
			}
			if told := strings.Contains(list[len(list)-1].Text, "more findings"); told != (n > validate.MaxFindings) {
				t.Errorf("the last one says %q", list[len(list)-1].Text)
			}
		})
	}
}

// FuzzWrite: whatever the parser accepts is accepted or refused with findings that have a path and a place.
func FuzzWrite(f *testing.F) {
	for _, list := range wrongs {
		for _, c := range list {
			f.Add([]byte(c.body))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := fhir.Parse(raw)
		if err != nil {
			return
		}
		if err = validate.Write(r); err == nil {
			return
		}
		for _, i := range fhir.Issues(err) {
			if i.Code == "processing" {
				continue
			}
			if i.Expression == "" || !strings.Contains(i.Text, "(line ") || i.Fault != "invalid" {
				t.Errorf("%+v", i)
			}
		}
		if out, err := fhir.Parse(fhir.Outcome(err)); err != nil || validate.Write(out) != nil {
			t.Errorf("the outcome is not valid: %v, %s", err, fhir.Outcome(validate.Write(out)))
		}
	})
}

// FuzzCheck: $validate of whatever the parser accepts ends, without a panic, with an outcome that is valid itself.
func FuzzCheck(f *testing.F) {
	for _, list := range wrongs {
		for i := 0; i < len(list); i += 5 {
			f.Add([]byte(list[i].body))
		}
	}
	f.Add([]byte(pressure))
	f.Add([]byte(citizen("cccd", "036158000001")))
	v, err := validate.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := fhir.Parse(raw)
		if err != nil {
			return
		}
		list, err := v.Check(t.Context(), r, v.Profiles(r.Type)...)
		if err != nil {
			t.Fatal(err)
		}
		out, err := fhir.Parse(fhir.OutcomeOf(list...))
		if err != nil || validate.Write(out) != nil {
			t.Errorf("the outcome is not valid: %v, %s", err, fhir.Outcome(validate.Write(out)))
		}
	})
}
