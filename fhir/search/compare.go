package search

// Prefix is the comparison in front of a date, a number or a quantity (R4, search.html#prefix).
type Prefix string

// The prefixes.
const (
	Eq Prefix = "eq"
	Ne Prefix = "ne"
	Gt Prefix = "gt"
	Lt Prefix = "lt"
	Ge Prefix = "ge"
	Le Prefix = "le"
	Sa Prefix = "sa"
	Eb Prefix = "eb"
	Ap Prefix = "ap"
)

// matchInterval compares a resource's interval v with the query's, as R4 defines it: eq is containment of v in the query's
// interval, gt and lt ask whether v reaches above or below it, sa and eb whether v lies wholly above or below, ap for
// overlap with the interval that the query's is widened to (see approximate).
func (t *term) matchInterval(v interval) bool {
	q := t.when
	contained := q.lo <= v.lo && v.hi <= q.hi
	switch t.prefix {
	case Ne:
		return !contained
	case Gt:
		return v.hi > q.hi
	case Lt:
		return v.lo < q.lo
	case Ge:
		return v.hi > q.hi || contained
	case Le:
		return v.lo < q.lo || contained
	case Sa:
		return v.lo >= q.hi
	case Eb:
		return v.hi <= q.lo
	case Ap:
		a := approximate(q)
		return v.lo < a.hi && v.hi > a.lo
	default: // eq, said or not
		return contained
	}
}

// approximate widens an interval by its own length on both sides: ap2026-03 is about 29 January to 2 May. R4 leaves the width to the
// server; its suggestion, a tenth of the time until now, would make the same query mean something else every day.
func approximate(q interval) interval {
	length := q.hi - q.lo
	return interval{q.lo - length, q.hi + length}
}

// dateForms are the three forms of date keys for resources with only one value, and for those with several.
type dateForms struct{ short, long, longEnd string }

var (
	onlyValue  = dateForms{"d|", "l|", "h|"}
	someValues = dateForms{"e|", "m|", "n|"}
)

// keys appends the keys of an interval.
func (f dateForms) keys(prefix string, v interval, out []string) []string {
	lo, hi := encodeMS(v.lo), encodeMS(v.hi)
	if v.hi-v.lo <= dayMS {
		return append(out, prefix+f.short+lo+hi)
	}
	return append(out, prefix+f.long+lo+hi, prefix+f.longEnd+hi+lo)
}

// window is where the keys of matching intervals must lie: the start of short ones, and both the start and the end of long
// ones. Each is lo <= ms < hi.
type window struct{ short, longStart, longEnd interval }

var everywhere = interval{noStart, noEnd + 1}

// window gives the narrowest window that holds every interval that satisfies the term.
func (t *term) window() window {
	q := t.when
	w := window{everywhere, everywhere, everywhere}
	starts := func(lo, hi int64) { w.short, w.longStart = interval{lo, hi}, interval{lo, hi} }
	switch t.prefix {
	case Ne:
	case Gt: // v.hi > q.hi
		w.short.lo, w.longEnd.lo = q.hi-dayMS, q.hi+1
	case Lt: // v.lo < q.lo
		starts(noStart, q.lo)
	case Ge: // v.hi > q.hi, or q.lo <= v.lo and then v.hi > q.lo
		w.short.lo, w.longEnd.lo = min(q.lo, q.hi-dayMS), q.lo+1
	case Le: // v.lo < q.hi in both cases
		starts(noStart, q.hi)
	case Sa: // v.lo >= q.hi
		starts(q.hi, noEnd+1)
	case Eb: // v.hi <= q.lo, so v.lo < q.lo
		starts(noStart, q.lo)
		w.longEnd.hi = q.lo + 1
	case Ap:
		a := approximate(q)
		starts(noStart, a.hi)
		w.short.lo, w.longEnd.lo = a.lo-dayMS, a.lo+1
	default: // q.lo <= v.lo and v.hi <= q.hi
		starts(q.lo, q.hi)
		w.longEnd = interval{q.lo + 1, q.hi + 1}
	}
	return w
}

// and is what lies in both windows.
func (w window) and(o window) window {
	return window{both(w.short, o.short), both(w.longStart, o.longStart), both(w.longEnd, o.longEnd)}
}

func both(a, b interval) interval { return interval{max(a.lo, b.lo), min(a.hi, b.hi)} }

// ranges appends the key ranges of the window. Long values have a key by start and one by end: the narrower side is read.
func (f dateForms) ranges(prefix string, w window, out []Range) []Range {
	out = span(prefix+f.short, w.short, out)
	if w.longEnd.hi-w.longEnd.lo < w.longStart.hi-w.longStart.lo {
		return span(prefix+f.longEnd, w.longEnd, out)
	}
	return span(prefix+f.long, w.longStart, out)
}

func span(prefix string, i interval, out []Range) []Range {
	i = both(i, everywhere)
	if i.lo >= i.hi {
		return out
	}
	r := PrefixRange(prefix)
	r.Lo = prefix + encodeMS(i.lo)
	if i.hi <= noEnd {
		r.Hi = prefix + encodeMS(i.hi)
	}
	return append(out, r)
}

// dateRanges are the keys of values that can satisfy the term. together are all windows that the resource must satisfy
// with date clauses on the same parameter: they apply at once to a resource's only value.
func (t *term) dateRanges(prefix string, together window, out []Range) []Range {
	own := t.window()
	out = onlyValue.ranges(prefix, own.and(together), out)
	return someValues.ranges(prefix, own, out)
}
