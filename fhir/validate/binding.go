package validate

import (
	"strings"

	"khamxa/fhir"
)

// concept checks a CodeableConcept's required binding: one of its codings must be from the value set.
func (c *checker) concept(v *fhir.Value, f *field) {
	if f.set == 0 {
		return
	}
	set := &sets[f.set]
	list := v.Get("coding")
	for coding := list.First(); coding != nil; coding = coding.Next() {
		if set.holds(coding) {
			return
		}
	}
	at := v
	if list.Len() > 0 {
		at = list
	}
	c.wrong(at, codeInvalid, "One coding must be from "+set.described())
}

// coding checks a Coding's required binding.
func (c *checker) coding(v *fhir.Value, f *field) {
	if f.set != 0 && !sets[f.set].holds(v) {
		c.wrong(v, codeInvalid, "The coding must be from "+sets[f.set].described())
	}
}

func (s *valueSet) holds(coding *fhir.Value) bool {
	return s.has(coding.Get("code").String()) && (s.system == "" || coding.Get("system").IsString(s.system))
}

// notIn is the sentence for a code that is not in the value set.
func notIn(code string, s *valueSet) string {
	return "The code " + quoted(code) + " is not in " + s.described()
}

// described names a value set and, when they are few, its codes.
func (s *valueSet) described() string {
	const few = 15
	text := "the value set " + s.url
	if s.system != "" {
		text += " of " + s.system
	}
	if list := codes[s.from:s.to]; len(list) <= few {
		text += " (" + strings.Join(list, ", ") + ")"
	}
	return text
}
