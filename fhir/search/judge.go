package search

import "strings"

// Verdict is what one index key tells about a clause.
type Verdict uint8

// The verdicts.
const (
	Unsure Verdict = iota // the resource must be read
	Holds                 // every resource that has the key satisfies the clause
	Beside                // the key is not why a resource would satisfy it; another one may be
)

// Judge decides from a key in one of the clause's Ranges whether a resource that has the key satisfies the clause, so that most
// candidates need not be parsed. It is never wrong about Holds and Beside; what it cannot tell is Unsure.
func (c *Clause) Judge(key string) Verdict {
	rest, ok := c.Param.proof(key)
	if !ok || len(rest) < 2 {
		return Unsure
	}
	form, value := rest[:2], rest[2:]
	switch {
	case c.Param.Kind == Date && c.Modifier == NoModifier:
		return c.judgeDate(form, value)
	case c.Param.Kind == Token && c.Modifier == NoModifier && form == formToken:
		return c.judge(func(t *term) bool { return t.provenToken(value) })
	case c.Param.Kind == Reference && (c.Modifier == NoModifier || c.Modifier == TypeModifier) && form == formReference:
		return c.judge(func(t *term) bool { return t.provenTarget(value) && c.Param.shows(value) })
	case c.Param.Kind == String && c.Modifier == NoModifier && form == formString:
		return c.judge(func(t *term) bool { return len(t.folded) <= maxText && strings.HasPrefix(value, t.folded) })
	case c.Param.Kind == String && c.Modifier == ContainsModifier && form == formString:
		return c.judge(func(t *term) bool { return strings.Contains(value, t.folded) })
	case c.Modifier == MissingModifier:
		return Unsure
	case c.Param.Kind == Number, c.Param.Kind == Quantity:
		return c.judge(func(t *term) bool { return t.provenAmount(form, value) })
	case c.Param.Kind == URI && form == formURI:
		return c.judge(func(t *term) bool { return t.provenURI(c.Modifier, value) })
	case c.Param.Kind == Composite && form == formComposite:
		return c.judge(func(t *term) bool { return t.provenParts(c.Param, value) })
	}
	return Unsure
}

// judge is Holds when a term is proven.
func (c *Clause) judge(proven func(*term) bool) Verdict {
	if c.any(proven) {
		return Holds
	}
	return Unsure
}

// judgeDate compares the very interval that the key holds.
func (c *Clause) judgeDate(form, value string) Verdict {
	if len(value) != 2*msDigits {
		return Unsure
	}
	a, okA := decodeMS(value[:msDigits])
	b, okB := decodeMS(value[msDigits:])
	v := interval{a, b}
	switch form {
	case onlyValue.short, someValues.short, onlyValue.long, someValues.long:
	case onlyValue.longEnd, someValues.longEnd:
		v = interval{b, a}
	default:
		return Unsure
	}
	switch {
	case !okA || !okB:
		return Unsure
	case c.any(func(t *term) bool { return t.matchInterval(v) }):
		return Holds
	}
	return Beside
}

// provenToken reports whether a token key's value shows that the term is satisfied. Codes of which case does not count are kept in
// lower case: a key proves a term that is written the same. A system that is not asked for may be any; an empty one that is asked
// for is not told from one that the element implies.
func (t *term) provenToken(value string) bool {
	code, system, ok := strings.Cut(value, separator)
	switch {
	case !ok || len(code) >= maxToken || len(system) >= maxToken:
		return false
	case t.hasSystem && (t.system == "" || t.system != system):
		return false
	}
	return t.anyCode || t.code == code
}

// provenTarget reports whether a reference key's value shows that the term is satisfied.
func (t *term) provenTarget(value string) bool {
	name, typ, ok := strings.Cut(value, separator)
	switch {
	case !ok || len(name) >= maxToken || len(typ) >= maxToken:
		return false
	case t.url != "":
		return t.version == "" && typ == "" && name == t.url
	case t.id == "" || name != t.id:
		return false
	}
	return typ != "" && (t.typ == "" || t.typ == typ)
}

// msDigits is the length of what encodeMS writes.
const msDigits = 10

// decodeMS reads what encodeMS wrote.
func decodeMS(text string) (ms int64, ok bool) {
	var n uint64
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9':
			n = n<<5 | uint64(c-'0')
		case c >= 'A' && c <= 'V':
			n = n<<5 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return int64(n) + noStart, true //nolint:gosec // 50 bits
}
