package search

import (
	"slices"
	"strings"

	"khamxa/fhir"
)

// token is one value of a token parameter.
type token struct {
	system, code string
	implied      bool // the system is not written but follows from the element (type code)
	bare         bool // the element holds a code without a system, which could be of several
	folded       bool // case does not count: strings, contact points (R4, search.html#token)
}

// eachToken calls f for the tokens of a node, until f answers false; it reports whether f never did.
func eachToken(v *fhir.Value, p *path, f func(token) bool) bool {
	switch p.leaf {
	case "CodeableConcept":
		for c := v.Get("coding").First(); c != nil; c = c.Next() {
			if !pair(c, "code", f) {
				return false
			}
		}
		return true
	case "Coding":
		return pair(v, "code", f)
	case "Identifier":
		return pair(v, "value", f)
	case "ContactPoint":
		value := v.Get("value").String()
		return value == "" || f(token{code: value, folded: true})
	case "string":
		return v.Kind() != fhir.String || v.String() == "" || f(token{code: v.String(), folded: true})
	case "deceased":
		return f(token{code: deceased(v)})
	}
	// code, id, uri, boolean
	if k := v.Kind(); k != fhir.String && k != fhir.Bool || v.String() == "" {
		return true
	}
	return f(token{code: v.String(), system: p.system, implied: p.system != "", bare: p.system == ""})
}

// pair gives the token of a Coding or an Identifier, if it has a code or a system.
func pair(v *fhir.Value, member string, f func(token) bool) bool {
	t := token{system: v.Get("system").String(), code: v.Get(member).String()}
	return t == token{} || f(t)
}

// eachLabel calls f for the texts of a node that name its code to people, until f answers false; it reports whether f never did
// (R4, search.html#token, the modifier :text).
func eachLabel(v *fhir.Value, p *path, f func(string) bool) bool {
	text := func(v *fhir.Value) bool { return v.Kind() != fhir.String || f(v.String()) }
	switch p.leaf {
	case "CodeableConcept":
		for c := v.Get("coding").First(); c != nil; c = c.Next() {
			if !text(c.Get("display")) {
				return false
			}
		}
		return text(v.Get("text"))
	case "Coding":
		return text(v.Get("display"))
	case "Identifier":
		return text(v.Get("type").Get("text"))
	}
	return true // other tokens have none
}

// typedTerm reads system|code|value of the modifier :of-type.
func (c *Clause) typedTerm(name, text string) (term, error) {
	if !slices.ContainsFunc(c.Param.paths, func(p path) bool { return p.leaf == "Identifier" }) {
		return term{}, invalid(name, "The modifier :of-type is for identifiers, and %s is none.", c.Param.Code)
	}
	parts := split(text, '|')
	if len(parts) != 3 || parts[1] == "" || parts[2] == "" {
		return term{}, invalid(name, "The value of %s must be written system|code|value: the type of the identifier, and its value.", name)
	}
	for i := range parts {
		var err error
		if parts[i], err = unescape(name, parts[i]); err != nil {
			return term{}, err
		}
	}
	return term{system: parts[0], typ: parts[1], code: parts[2]}, nil
}

// matchTyped reports whether the node is an identifier of the term's type with its value.
func (t *term) matchTyped(v *fhir.Value, p *path) bool {
	if p.leaf != "Identifier" || !v.Get("value").IsString(t.code) {
		return false
	}
	for c := v.Get("type").Get("coding").First(); c != nil; c = c.Next() {
		if c.Get("code").IsString(t.typ) && c.Get("system").String() == t.system {
			return true
		}
	}
	return false
}

// deceased evaluates Patient.deceased.exists() and Patient.deceased != false.
func deceased(patient *fhir.Value) string {
	if yes, ok := patient.Get("deceasedBoolean").Bool(); ok && yes || patient.Get("deceasedDateTime") != nil {
		return "true"
	}
	return "false"
}

// tokenKey is the value of a token's key.
func tokenKey(t token) string {
	code := t.code
	if t.folded {
		code = strings.ToLower(code)
	}
	return cut(code, maxToken) + separator + cut(t.system, maxToken)
}

// matchToken reports whether the token satisfies the term: code, system|code, |code or system| (R4, search.html#token).
func (t *term) matchToken(v token) bool {
	if t.hasSystem && t.system != v.system && (t.system != "" || !v.implied) {
		return false
	}
	switch {
	case t.anyCode, t.code == v.code:
		return true
	case v.folded:
		return strings.ToLower(t.code) == strings.ToLower(v.code) //nolint:staticcheck // the same folding as in the keys
	}
	return false
}

// tokenRanges are the keys of the form that can satisfy the term.
func (t *term) tokenRanges(prefix string, out []Range) []Range {
	if t.anyCode {
		return append(out, PrefixRange(prefix))
	}
	code := cut(t.code, maxToken)
	codes := []string{code}
	if lower := cut(strings.ToLower(t.code), maxToken); lower != code {
		codes = append(codes, lower)
	}
	for _, c := range codes {
		key := prefix + c + separator
		if t.hasSystem && t.system != "" {
			out = append(out, ExactRange(key+cut(t.system, maxToken)))
		} else {
			out = append(out, Range{key, prefix + c + above})
		}
	}
	return out
}
