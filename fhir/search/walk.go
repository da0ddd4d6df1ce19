package search

import "strings"

// Form is a kind of index keys by which resources can be walked in the order of a sort key: what follows Prefix in a key is a sort
// value, as SortKey.Value gives it.
type Form struct {
	Prefix string
	Only   bool // the resource has no other value, so its sort value is this one
}

// Walk is how resources are found in the order of a sort key without reading them all: the keys of all forms, merged by what
// follows the prefix. A resource with several values, or whose text is searched from every word, has more keys than one; only the
// key that is its sort value counts. One that has no value has no key. A resource that has the key Overflow may have a value
// and no key of it.
type Walk struct {
	Forms    []Form
	Overflow string
}

// Walk gives the way; ok is false when no keys are in the order of the sort key.
func (k SortKey) Walk() (w Walk, ok bool) {
	p := k.Param
	if p.Derived() {
		return Walk{}, false
	}
	switch p.Kind {
	case Date:
		for i, f := range []dateForms{onlyValue, someValues} {
			w.Forms = append(w.Forms, Form{p.prefix + f.short, i == 0}, Form{p.prefix + f.long, i == 0})
		}
	case Token:
		w.Forms = []Form{{Prefix: p.prefix + formToken}}
	case String:
		w.Forms = []Form{{Prefix: p.prefix + formString}}
	case Reference:
		w.Forms = []Form{{Prefix: p.prefix + formReference}}
	case URI:
		w.Forms = []Form{{Prefix: p.prefix + formURI}}
	default:
		return Walk{}, false
	}
	w.Overflow = p.prefix + formOverflow
	return w, true
}

// Within is the range of the form's keys that resources can have which the query matches: what the query asks of the same
// parameter narrows the keys of resources that have only one value.
func (q *Query) Within(k SortKey, f Form) Range {
	all := PrefixRange(f.Prefix)
	if !f.Only || !strings.HasSuffix(f.Prefix, onlyValue.short) {
		return all
	}
	for i := range q.Clauses {
		c := &q.Clauses[i]
		if c.Param != k.Param || c.Modifier != NoModifier {
			continue
		}
		hull := Range{Lo: all.Hi, Hi: all.Lo}
		ranges, _ := c.Ranges()
		for _, r := range ranges {
			if strings.HasPrefix(r.Lo, f.Prefix) {
				hull = Range{min(hull.Lo, r.Lo), max(hull.Hi, r.Hi)}
			}
		}
		all = Range{max(all.Lo, hull.Lo), min(all.Hi, hull.Hi)}
	}
	return all
}
