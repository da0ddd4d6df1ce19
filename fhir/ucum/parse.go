package ucum

import (
	"math/big"
	"strconv"
	"strings"
)

// parse reads a whole code: a term, or '/' and a term.
func parse(code string) (quantity, bool) {
	if code == "" || len(code) > maxCode {
		return quantity{}, false
	}
	return parseWith(code, units())
}

func parseWith(code string, table map[string]unit) (quantity, bool) {
	p := parser{rest: code, table: table}
	q, ok := p.term(0)
	return q, ok && p.rest == ""
}

// parser eats the code from the left. The grammar is UCUM's (section 2.1.1 of the specification, "the syntax of terms"), with annotations
// also after factors and parentheses, as common codes have them ("/100{WBCs}", "g/(8.h){shift}").
type parser struct {
	rest  string
	table map[string]unit
}

// term reads components that are multiplied and divided from left to right.
func (p *parser) term(depth int) (q quantity, ok bool) {
	if depth > maxDepth {
		return quantity{}, false
	}
	if p.take("/") {
		q, ok = p.component(depth)
		if ok {
			q, ok = one().times(q, -1)
		}
	} else {
		q, ok = p.component(depth)
	}
	for ok && p.rest != "" && p.rest[0] != ')' {
		sign := 1
		if p.take("/") {
			sign = -1
		} else if !p.take(".") {
			return quantity{}, false
		}
		var next quantity
		if next, ok = p.component(depth); ok {
			q, ok = q.times(next, sign)
		}
	}
	return q, ok
}

// component reads a unit with its exponent, a number, a term in parentheses or an annotation alone, and the annotation after it.
func (p *parser) component(depth int) (q quantity, ok bool) {
	switch {
	case p.rest == "":
		return quantity{}, false
	case p.rest[0] == '{':
		return one(), p.annotation()
	case p.take("("):
		if q, ok = p.term(depth + 1); !ok || !p.take(")") {
			return quantity{}, false
		}
	case isDigit(p.rest[0]) && !strings.HasPrefix(p.rest, "10*") && !strings.HasPrefix(p.rest, "10^"):
		if q, ok = p.factor(); !ok {
			return quantity{}, false
		}
	default:
		if q, ok = p.annotatable(); !ok {
			return quantity{}, false
		}
	}
	if strings.HasPrefix(p.rest, "{") {
		return q, p.annotation()
	}
	return q, true
}

// annotation reads {...}. What it says is not part of the dimension.
func (p *parser) annotation() bool {
	end := strings.IndexByte(p.rest, '}')
	if end < 0 {
		return false
	}
	for _, c := range []byte(p.rest[1:end]) {
		if c < ' ' || c > '~' || c == '{' {
			return false
		}
	}
	p.rest = p.rest[end+1:]
	return true
}

// factor reads a positive whole number.
func (p *parser) factor() (quantity, bool) {
	digits := p.digits()
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n == 0 || len(digits) > maxDigits {
		return quantity{}, false
	}
	return quantity{factor: new(big.Rat).SetInt64(n)}, true
}

// annotatable reads a simple unit and its exponent.
func (p *parser) annotatable() (quantity, bool) {
	q, ok := p.simple()
	if !ok || p.rest == "" {
		return q, ok
	}
	sign := 1
	switch {
	case p.take("-"):
		sign = -1
	case p.take("+"):
	case !isDigit(p.rest[0]):
		return q, true
	}
	digits := p.digits()
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxExponent || len(digits) > maxDigits {
		return quantity{}, false
	}
	return q.power(sign * n)
}

// simple reads the symbol of a unit, or of a metric unit after a prefix.
func (p *parser) simple() (quantity, bool) {
	symbol := p.symbol()
	if u, ok := p.table[symbol]; ok {
		return u.quantity, true
	}
	for i := range prefixes {
		if code, has := strings.CutPrefix(symbol, prefixes[i].code); has {
			if u, ok := p.table[code]; ok && u.metric {
				q := u.quantity
				q.factor = new(big.Rat).Mul(q.factor, rational(prefixes[i].factor))
				return q, true
			}
		}
	}
	return quantity{}, false
}

// symbol takes what may be the symbol of a unit: up to a sign of the grammar or a digit. Between brackets everything belongs to it.
func (p *parser) symbol() string {
	for _, ten := range [...]string{"10*", "10^"} {
		if p.take(ten) {
			return ten
		}
	}
	i := 0
	for i < len(p.rest) && !isDigit(p.rest[i]) && !strings.ContainsRune("./(){}+-", rune(p.rest[i])) {
		if p.rest[i] != '[' {
			i++
			continue
		}
		end := strings.IndexByte(p.rest[i:], ']')
		if end < 0 {
			return "" // no unit
		}
		i += end + 1
	}
	s := p.rest[:i]
	p.rest = p.rest[i:]
	return s
}

func (p *parser) digits() string {
	i := 0
	for i < len(p.rest) && isDigit(p.rest[i]) {
		i++
	}
	s := p.rest[:i]
	p.rest = p.rest[i:]
	return s
}

func (p *parser) take(sign string) bool {
	rest, ok := strings.CutPrefix(p.rest, sign)
	p.rest = rest
	return ok
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
