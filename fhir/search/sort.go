package search

import "khamxa/fhir"

// Value is what the resource is sorted by: byte order of the text is the order of the values. "" means that it has none; such
// resources come last, whichever way is sorted. Of several values the least counts when ascending and the greatest when
// descending (R4, search.html#sort). Dates sort by their start, then their end; strings as folded for search, a HumanName or
// Address by its text or else its first part; tokens by code, then system; numbers by
// value; quantities by unit, then value, where those in UCUM units are in base units, so that 1 g and 1000 mg are
// the same and what cannot be compared is kept apart.
func (k SortKey) Value(r *fhir.Resource) string {
	best := ""
	consider := func(s string) bool {
		if s != "" && (best == "" || (s > best) == k.Descending) {
			best = s
		}
		return true
	}
	k.Param.each(r.Root, func(v *fhir.Value, p *path) bool {
		switch k.Param.Kind {
		case Token:
			eachToken(v, p, func(t token) bool { return consider(tokenKey(t)) })
		case Date:
			eachInterval(v, p, func(i interval) bool { return consider(encodeMS(i.lo) + encodeMS(i.hi)) })
		case Number, Quantity:
			eachAmount(v, p, func(a *amount) bool { return consider(sortAmount(a, k.Param.Kind == Quantity)) })
		case URI:
			eachURI(v, p, func(url, _ string) bool { return consider(cut(url, maxToken)) })
		case Reference:
			if t := targetOf(v, p); t.searchable() {
				consider(targetKey(t))
			}
		case String:
			eachText(v, p, func(text string, _ bool) bool {
				folded := Fold(text)
				consider(cut(folded, maxText))
				return folded == ""
			})
		default: // Parse refuses what is not served
		}
		return true
	})
	return best
}
