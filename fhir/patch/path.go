package patch

import (
	"strconv"
	"strings"

	"khamxa/fhir"
)

// The part of FHIRPath by which a FHIRPath Patch names elements: member names, [n], where(...), extension('url'), first(), last(),
// single() and ofType(T). In where stand comparisons (=, !=) of a relative path with a literal, exists() and empty(), joined by
// and, or. Everything has an end that the length of the text bounds.

const (
	maxPath  = 2_000 // bytes of a path
	maxSteps = 64    // steps of a path
)

// stepKind says what a step does.
type stepKind uint8

const (
	member stepKind = iota // name
	item                   // [number]
	where                  // condition
	last
	single
	ofType // name
)

type step struct {
	kind   stepKind
	name   string
	number int
	cond   *condition
}

// condition is what where holds: a comparison, or two conditions.
type condition struct {
	path     []step
	op       string // "=", "!=", "exists", "empty", "and", "or"
	literal  string
	quoted   bool // the literal is a string or a date
	of, with *condition
}

// pathParser reads a path from the left.
type pathParser struct {
	text  string
	pos   int
	steps int
	bad   string // the first thing that is wrong
}

// parsePath reads a path; why says what is wrong with it.
func parsePath(text string) (steps []step, why string) {
	p := &pathParser{text: text}
	if len(text) > maxPath {
		return nil, "is longer than " + strconv.Itoa(maxPath) + " bytes"
	}
	steps = p.path()
	if p.space(); p.bad == "" && p.pos < len(p.text) {
		p.fail("cannot be read from character " + strconv.Itoa(p.pos+1))
	}
	return steps, p.bad
}

func (p *pathParser) fail(why string) {
	if p.bad == "" {
		p.bad = why
	}
}

func (p *pathParser) space() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\n') {
		p.pos++
	}
}

// takes reads a token if it is there.
func (p *pathParser) takes(token string) bool {
	p.space()
	if p.bad != "" || !strings.HasPrefix(p.text[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	return true
}

func (p *pathParser) needs(token string) {
	if !p.takes(token) {
		p.fail("needs " + token + " at character " + strconv.Itoa(p.pos+1))
	}
}

// word reads an identifier, "" if there is none.
func (p *pathParser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (p.pos == start || c < '0' || c > '9') {
			break
		}
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *pathParser) path() (steps []step) {
	for {
		name := p.word()
		if name == "" && p.bad == "" {
			p.fail("needs a name at character " + strconv.Itoa(p.pos+1))
		}
		if p.steps++; p.steps > maxSteps {
			p.fail("has more than " + strconv.Itoa(maxSteps) + " steps")
		}
		if p.bad != "" {
			return nil
		}
		if p.takes("(") {
			steps = append(steps, p.function(name)...)
		} else {
			steps = append(steps, step{kind: member, name: name})
		}
		for p.takes("[") {
			steps = append(steps, step{kind: item, number: p.number()})
			p.needs("]")
		}
		before := p.pos
		if !p.takes(".") {
			return steps
		}
		if p.ends() { // .exists() and .empty() belong to the condition
			p.pos = before
			return steps
		}
	}
}

// ends reports whether a function of a condition follows.
func (p *pathParser) ends() bool {
	rest := strings.TrimLeft(p.text[p.pos:], " ")
	return strings.HasPrefix(rest, "exists()") || strings.HasPrefix(rest, "empty()")
}

func (p *pathParser) number() int {
	p.space()
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	n, err := strconv.Atoi(p.text[start:p.pos])
	if err != nil || n > fhir.MaxTokens {
		p.fail("needs a number at character " + strconv.Itoa(start+1))
	}
	return n
}

// function reads the rest of a function, whose name and opening bracket have been read.
func (p *pathParser) function(name string) []step {
	defer p.needs(")")
	switch name {
	case "first":
		return []step{{kind: item}}
	case "last":
		return []step{{kind: last}}
	case "single":
		return []step{{kind: single}}
	case "ofType", "as":
		return []step{{kind: ofType, name: p.word()}}
	case "where":
		return []step{{kind: where, cond: p.condition(0)}}
	case "extension":
		c := &condition{path: []step{{kind: member, name: "url"}}, op: "="}
		c.literal, c.quoted = p.literal()
		return []step{{kind: member, name: "extension"}, {kind: where, cond: c}}
	}
	p.fail("uses the function " + strconv.Quote(name) + ", which is not served in a patch; where, extension, first, last, single and ofType are")
	return nil
}

// condition reads comparisons joined by or (binding 0) or and (binding 1).
func (p *pathParser) condition(binding int) *condition {
	if binding == 2 {
		return p.comparison()
	}
	joint := [...]string{"or", "and"}[binding]
	c := p.condition(binding + 1)
	for p.bad == "" {
		before := p.pos
		if p.word() != joint {
			p.pos = before
			break
		}
		if p.steps++; p.steps > maxSteps {
			p.fail("has more than " + strconv.Itoa(maxSteps) + " steps")
		}
		c = &condition{op: joint, of: c, with: p.condition(binding + 1)}
	}
	return c
}

func (p *pathParser) comparison() *condition {
	if p.takes("(") {
		if p.steps++; p.steps > maxSteps {
			p.fail("has more than " + strconv.Itoa(maxSteps) + " steps")
			return nil
		}
		c := p.condition(0)
		p.needs(")")
		return c
	}
	c := &condition{path: p.path()}
	switch {
	case p.takes(".exists()"):
		c.op = "exists"
	case p.takes(".empty()"):
		c.op = "empty"
	case p.takes("!="):
		c.op = "!="
		c.literal, c.quoted = p.literal()
	default:
		p.needs("=")
		c.op = "="
		c.literal, c.quoted = p.literal()
	}
	return c
}

// literal reads a string, a date, a number or a boolean.
func (p *pathParser) literal() (text string, quoted bool) {
	p.space()
	if p.takes("'") {
		return p.quoted(), true
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(" )]=!", rune(p.text[p.pos])) {
		p.pos++
	}
	text = p.text[start:p.pos]
	if date, ok := strings.CutPrefix(text, "@"); ok {
		return strings.TrimPrefix(date, "T"), true
	}
	if _, ok := decimalOf(text); text != "true" && text != "false" && (!ok || strings.Trim(text, "-0123456789.") != "") || text == "" {
		p.fail("needs a literal at character " + strconv.Itoa(start+1))
	}
	return text, false
}

// quoted reads a string to its closing quote.
func (p *pathParser) quoted() string {
	var b strings.Builder
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		p.pos++
		if c == '\'' {
			return b.String()
		}
		if c != '\\' || p.pos == len(p.text) {
			b.WriteByte(c)
			continue
		}
		escaped := p.text[p.pos]
		p.pos++
		switch escaped {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '\'', '"', '`', '\\', '/':
			b.WriteByte(escaped)
		default:
			p.fail("has an escape that is not served at character " + strconv.Itoa(p.pos))
		}
	}
	p.fail("has a string without an end")
	return ""
}
