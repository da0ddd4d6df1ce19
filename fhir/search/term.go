package search

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"khamxa/fhir"
)

// term reads one value of the clause, still escaped.
func (c *Clause) term(name, text string) (term, error) {
	if text == "" {
		return term{}, invalid(name, "The list of values of %s has an empty one.", name)
	}
	switch {
	case c.Modifier == MissingModifier:
		missing, err := strconv.ParseBool(text)
		if err != nil || text != "true" && text != "false" {
			return term{}, invalid(name, ":missing takes true or false, not %s.", strconv.Quote(text))
		}
		return term{missing: missing}, nil
	case c.needsTerms():
		return c.conceptTerm(name, text)
	case c.Modifier == IdentifierModifier:
		return tokenTerm(name, text)
	case c.Modifier == OfTypeModifier:
		return c.typedTerm(name, text)
	case c.Modifier == TextModifier:
		return c.plainTerm(String, name, text)
	case c.Param.Kind == Composite:
		return c.compositeTerm(name, text)
	case c.Param.searchesText():
		text, err := unescape(name, text)
		if err != nil {
			return term{}, err
		}
		return wordsTerm(name, text)
	}
	return c.plainTerm(c.Param.Kind, name, text)
}

// plainTerm reads one value, still escaped, as the kind writes it.
func (c *Clause) plainTerm(kind Kind, name, text string) (term, error) {
	switch kind { // those that take bars apart before they unescape
	case Token:
		return tokenTerm(name, text)
	case Quantity:
		return quantityTerm(name, text)
	case Special:
		return nearTerm(name, text)
	default:
	}
	text, err := unescape(name, text)
	if err != nil {
		return term{}, err
	}
	switch kind {
	case Date:
		return dateTerm(name, text)
	case Number:
		return numberTerm(name, text)
	case URI:
		return c.uriTerm(name, text)
	case Reference:
		return c.referenceTerm(name, text)
	default:
		return textTerm(name, text)
	}
}

func textTerm(name, text string) (term, error) {
	folded := Fold(text)
	if folded == "" {
		return term{}, invalid(name, "The value of %s holds nothing to search for.", name)
	}
	return term{text: text, folded: folded}, nil
}

// tokenTerm reads code, system|code, |code or system|.
func tokenTerm(name, text string) (term, error) {
	system, code, hasSystem := text, text, false
	if i := len(split(text, '|')[0]); i < len(text) {
		system, code, hasSystem = text[:i], text[i+1:], true
	}
	if hasSystem && system == "" && code == "" {
		return term{}, invalid(name, "The value of %s has neither system nor code.", name)
	}
	var t term
	var err error
	if t.code, err = unescape(name, code); err != nil {
		return term{}, err
	}
	if hasSystem {
		if t.system, err = unescape(name, system); err != nil {
			return term{}, err
		}
	}
	t.hasSystem, t.anyCode = hasSystem, hasSystem && code == ""
	return t, nil
}

var prefixes = []Prefix{Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap}

// cutPrefix takes the comparison off the front of a value; eq if there is none.
func cutPrefix(name, text string) (prefix Prefix, rest string, err error) {
	if len(text) < 2 || strings.IndexByte("0123456789+-.", text[0]) >= 0 {
		return Eq, text, nil
	}
	n := 2
	for n < len(text) && !utf8.RuneStart(text[n]) {
		n++ // not in the middle of a character
	}
	if prefix = Prefix(text[:n]); !slices.Contains(prefixes, prefix) {
		return "", "", invalid(name, "The value of %s begins with %s, which is no prefix. The prefixes are: eq, ne, gt, lt, ge, le, sa, eb, ap.",
			name, strconv.Quote(string(prefix)))
	}
	return prefix, text[n:], nil
}

// dateTerm reads an optional prefix and a date.
func dateTerm(name, text string) (term, error) {
	prefix, text, err := cutPrefix(name, text)
	if err != nil {
		return term{}, err
	}
	t := term{prefix: prefix}
	// A plus sign that was not percent-encoded arrives as a blank: 2026-03-01T08:00:00 07:00.
	if i := len(text) - len("+07:00"); i > 0 && text[i] == ' ' {
		text = text[:i] + "+" + text[i+1:]
	}
	when, ok := parseDate(text)
	if !ok {
		return term{}, invalid(name, "The value of %s is no date. Write 2026, 2026-03, 2026-03-01 or 2026-03-01T08:00:00+07:00.", name)
	}
	t.when = when
	return t, nil
}

// referenceTerm reads id, Type/id or an absolute URL.
func (c *Clause) referenceTerm(name, text string) (term, error) {
	if fhir.IsID(text) {
		return term{id: text}, nil
	}
	ref := fhir.ParseReference(text)
	switch ref.Kind {
	case fhir.Local:
		if ref.Version != "" {
			return term{}, unsupported(name, "A search for one version of a resource is not served; leave out /_history.")
		}
		if !c.Param.AllowsTarget(ref.Type) {
			return term{}, invalid(name, "%s cannot point to %s. It points to: %s.", c.Param.Code, ref.Type, strings.Join(c.Param.Targets, ", "))
		}
		return term{typ: ref.Type, id: ref.ID}, nil
	case fhir.Remote:
		return term{url: ref.Unversioned()}, nil
	case fhir.URN, fhir.OtherURL:
		url, version := splitCanonical(text)
		return term{url: url, version: version}, nil
	case fhir.NoReference, fhir.Contained:
	}
	return term{}, invalid(name, "The value of %s is no reference. Write an id, Type/id or an absolute URL.", name)
}

// confine applies the modifier [type].
func (t *term) confine(name, resourceType string) error {
	if t.url != "" || t.typ != "" && t.typ != resourceType {
		return invalid(name, "With the modifier :%s the value must be an id or %s/id.", resourceType, resourceType)
	}
	t.typ = resourceType
	return nil
}
