package validate

import (
	"strings"

	"khamxa/fhir"
)

// byHand decides the invariants that are not evaluated as FHIRPath; known is false for all others.
func (v *Validator) byHand(key string, at *fhir.Value) (ok, known bool) {
	switch key {
	case "txt-1", "ref-1": // Write has the elements of narratives and the ids of contained resources
		return true, true
	case "txt-2": // htmlChecks() is no function of FHIRPath
		return hasContent(at.String()), true
	case "dom-3": // as FHIRPath, its cost grows with the square of the resource, and so does that of the next three
		return allReferred(at), true
	case "csd-1":
		return distinct(at, "concept", "code", map[string]bool{}), true
	case "que-2":
		return distinct(at, "item", "linkId", map[string]bool{}), true
	case "bdl-7":
		return at.Get("type").IsString("history") || distinctEntries(at.Get("entry")), true
	case "rng-2": // FHIRPath compares no Quantities of FHIR
		return ascends(at), true
	case "eld-19": // the library takes the form for a dangerous one
		return v.elementPath.MatchString(at.Get("path").String()), true
	case "eld-20": // as eld-19
		return v.plainPath.MatchString(at.Get("path").String()), true
	}
	return false, false
}

// The forms of eld-19 and eld-20.
const (
	elementPathForm = `^[^\s.,:;'"/|?!@#$%&*()\[\]{}]{1,64}(\.[^\s.,:;'"/|?!@#$%&*()\[\]{}]{1,64}(\[x\])?(:[^\s.]+)?)*$`
	plainPathForm   = `^[A-Za-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*(\[x])?)*$`
)

// hasContent reports whether a narrative has text that is not white space, or an image.
func hasContent(div string) bool {
	for div != "" {
		text, rest, _ := strings.Cut(div, "<")
		if strings.TrimSpace(strings.NewReplacer("&#160;", "", "&nbsp;", "").Replace(text)) != "" {
			return true
		}
		switch {
		case strings.HasPrefix(rest, "!--"):
			_, rest, _ = strings.Cut(rest, "-->")
		case strings.HasPrefix(rest, "img"):
			return true
		default:
			_, rest, _ = strings.Cut(rest, ">")
		}
		div = rest
	}
	return false
}

// allReferred reports whether each contained resource is named by "#id" somewhere, or names its container by "#".
func allReferred(resource *fhir.Value) bool {
	contained := resource.Get("contained")
	if contained.Len() == 0 {
		return true
	}
	named := map[string]bool{}
	local(resource, named)
	for c := contained.First(); c != nil; c = c.Next() {
		if named["#"+c.Get("id").String()] {
			continue
		}
		up := map[string]bool{}
		if local(c, up); !up["#"] {
			return false
		}
	}
	return true
}

// local collects the strings that begin as local references do.
func local(v *fhir.Value, into map[string]bool) {
	if v.Kind() == fhir.String && strings.HasPrefix(v.String(), "#") {
		into[v.String()] = true
	}
	for m := v.First(); m != nil; m = m.Next() {
		local(m, into)
	}
}

// ascends reports whether a Range's low is not above its high. Quantities of different units are not compared.
func ascends(rng *fhir.Value) bool {
	low, high := rng.Get("low"), rng.Get("high")
	if low.Get("code").String() != high.Get("code").String() || low.Get("unit").String() != high.Get("unit").String() {
		return true
	}
	from, okFrom := low.Get("value").Float()
	to, okTo := high.Get("value").Float()
	return !okFrom || !okTo || from <= to
}

// distinct reports whether what lies under a name, at any depth, has no value of key twice.
func distinct(v *fhir.Value, under, key string, seen map[string]bool) bool {
	for item := v.Get(under).First(); item != nil; item = item.Next() {
		if text := item.Get(key).String(); text != "" {
			if seen[text] {
				return false
			}
			seen[text] = true
		}
		if !distinct(item, under, key, seen) {
			return false
		}
	}
	return true
}

// distinctEntries reports whether no two entries have the same fullUrl and version.
func distinctEntries(entries *fhir.Value) bool {
	seen := map[string]bool{}
	for e := entries.First(); e != nil; e = e.Next() {
		name := e.Get("fullUrl").String() + e.Get("resource").Get("meta").Get("versionId").String()
		if e.Get("fullUrl") != nil && seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}
