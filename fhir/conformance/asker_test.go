//go:build conformance

package conformance_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// asker makes questions from what is stored, so that most of them find something: it takes a resource and asks for what it holds,
// exactly, nearly, or the other way about.
type asker struct {
	*world
	r       *rand.Rand
	targets map[string][]string  // of reference parameters, by "Type.code"
	back    map[string][]pointer // who points to a resource
}

// pointer is a resource that points to another one by a parameter.
type pointer struct {
	from *item
	code string
}

// pointers finds who points to what.
func (w *world) pointers() map[string][]pointer {
	back := map[string][]pointer{}
	for _, it := range w.items {
		for _, code := range slices.Sorted(maps.Keys(it.nodes)) {
			if w.kind(it.typ, code) != "reference" {
				continue
			}
			for _, ref := range w.pointsTo(it, code) {
				back[ref] = append(back[ref], pointer{it, code})
			}
		}
	}
	return back
}

func (a *asker) chance(percent int) bool { return a.r.IntN(100) < percent }

func one[T any](a *asker, list []T) T { return list[a.r.IntN(len(list))] }

// condition is one parameter of a question.
type condition struct{ name, value string }

// condition asks something about a resource; it may be asked by way of another one. It tries until there is something to ask.
func (a *asker) condition(it *item, depth int) condition {
	for {
		switch n := a.r.IntN(100); {
		case n < 14 && depth < 3:
			if c, ok := a.chained(it, depth); ok {
				return c
			}
		case n < 22 && depth < 3:
			if c, ok := a.reversed(it, depth); ok {
				return c
			}
		default:
			if c, ok := a.own(it); ok {
				return c
			}
		}
	}
}

// chained asks about what the resource points to.
func (a *asker) chained(it *item, depth int) (c condition, ok bool) {
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(it.nodes)), func(code string) bool {
		return a.kind(it.typ, code) != "reference" || !slices.ContainsFunc(a.pointsTo(it, code), func(ref string) bool { return a.byReference[ref] != nil })
	})
	if len(codes) == 0 {
		return c, false
	}
	code := one(a, codes)
	refs := slices.DeleteFunc(a.pointsTo(it, code), func(ref string) bool { return a.byReference[ref] == nil })
	other := a.byReference[one(a, refs)]
	inner := a.condition(other, depth+1)
	name := code
	if open := a.targets[it.typ+"."+code]; len(open) == 0 || len(open) > 6 || depth > 0 || strings.ContainsAny(inner.name, ".:") || a.chance(50) {
		name += ":" + other.typ
	}
	return condition{name + "." + inner.name, inner.value}, true
}

// reversed asks about what points to the resource.
func (a *asker) reversed(it *item, depth int) (c condition, ok bool) {
	pointers := a.back[it.reference()]
	if len(pointers) == 0 {
		return c, false
	}
	p := one(a, pointers)
	inner := a.condition(p.from, depth+1)
	return condition{"_has:" + p.from.typ + ":" + p.code + ":" + inner.name, inner.value}, true
}

// own asks about one of the resource's parameters.
func (a *asker) own(it *item) (c condition, ok bool) {
	codes := slices.Sorted(maps.Keys(it.found))
	if len(codes) == 0 {
		return c, false
	}
	code := one(a, codes)
	kind := a.kind(it.typ, code)
	if a.chance(6) && kind != "special" {
		return condition{code + ":missing", one(a, []string{"true", "false"})}, true
	}
	if kind == "composite" {
		value, ok := a.compositeValue(it, code)
		return condition{code, value}, ok
	}
	if len(it.nodes[code]) == 0 {
		return c, false
	}
	l := one(a, it.nodes[code])
	modifier, value := a.value(kind, l)
	if value == "" {
		return c, false
	}
	for a.chance(15) && modifier != "missing" { // or something else
		more := ""
		if m, v := a.value(kind, one(a, it.nodes[code])); m == modifier {
			more = v
		}
		if more != "" {
			value += "," + more
		}
	}
	if modifier != "" {
		code += ":" + modifier
	}
	return condition{code, value}, true
}

func (a *asker) compositeValue(it *item, code string) (string, bool) {
	if len(it.parts[code]) == 0 {
		return "", false
	}
	element := one(a, it.parts[code])
	kinds := a.componentKinds(it.typ, code)
	var values []string
	for i, nodes := range element {
		if len(nodes) == 0 {
			return "", false
		}
		value := ""
		for range 20 { // a value without a modifier
			if m, v := a.value(kinds[i], one(a, nodes)); m == "" && v != "" {
				value = v
				break
			}
		}
		if value == "" {
			return "", false
		}
		values = append(values, value)
	}
	return strings.Join(values, "$"), true
}

// value asks for a node; "" if it holds nothing to ask for.
func (a *asker) value(kind string, l leaf) (modifier, value string) {
	switch kind {
	case "token":
		return a.tokenValue(l)
	case "string":
		return a.textValue(l)
	case "reference":
		return a.referenceValue(l)
	case "date":
		return "", a.timeValue(l)
	case "number":
		return "", a.numberValue()
	case "quantity":
		return "", a.quantityValue(l)
	case "uri":
		return a.uriValue(l)
	}
	return "", ""
}

func (a *asker) tokenValue(l leaf) (modifier, value string) {
	pairs := pairsOf(l)
	if labels := labelsOf(l); len(labels) > 0 && a.chance(10) {
		words := strings.Fields(one(a, labels))
		return "text", escaped(one(a, words))
	}
	if types := list(member(member(l.value, "type"), "coding")); l.typ == "Identifier" && len(types) > 0 && a.chance(25) {
		return "of-type", escaped(text(member(types[0], "system"))) + "|" + escaped(text(member(types[0], "code"))) + "|" + escaped(text(member(l.value, "value")))
	}
	if len(pairs) == 0 {
		return "", ""
	}
	p := one(a, pairs)
	if a.chance(10) {
		modifier = "not"
	}
	code := p.code
	if a.chance(8) {
		code = strings.ToUpper(code)
	}
	switch n := a.r.IntN(10); {
	case p.code == "" || n == 0 && p.system != "":
		return modifier, escaped(p.system) + "|"
	case n < 4 && p.system != "":
		return modifier, escaped(p.system) + "|" + escaped(code)
	case n == 4:
		return modifier, "|" + escaped(code)
	}
	return modifier, escaped(code)
}

func labelsOf(l leaf) (out []string) {
	for _, v := range []any{member(l.value, "text"), member(l.value, "display"), member(member(l.value, "type"), "text")} {
		if s := text(v); s != "" && l.typ != "HumanName" {
			out = append(out, s)
		}
	}
	return out
}

func (a *asker) textValue(l leaf) (modifier, value string) {
	phrases := slices.DeleteFunc(phrasesOf(l), func(p phrase) bool { return folded(p.text) == "" })
	if len(phrases) == 0 {
		return "", ""
	}
	s := one(a, phrases).text
	letters := []rune(s)
	switch a.r.IntN(8) {
	case 0:
		return "exact", escaped(s)
	case 1:
		from := a.r.IntN(len(letters))
		if part := string(letters[from:min(len(letters), from+4)]); folded(part) != "" {
			return "contains", escaped(part)
		}
	case 2:
		s = folded(s)
	case 3:
		s = strings.ToUpper(s)
	case 4:
		if words := strings.Fields(s); len(words) > 1 {
			s = words[len(words)-1]
		}
	case 5:
		s = string(letters[:1+a.r.IntN(len(letters))])
	}
	if folded(s) == "" {
		return "", ""
	}
	return "", escaped(s)
}

func (a *asker) referenceValue(l leaf) (modifier, value string) {
	t := targetOf(l)
	if i := member(l.value, "identifier"); i != nil && (a.chance(30) || t == target{}) {
		if system := text(member(i, "system")); system != "" && a.chance(50) {
			return "identifier", escaped(system) + "|" + escaped(text(member(i, "value")))
		}
		return "identifier", escaped(text(member(i, "value")))
	}
	switch {
	case t.url != "" && t.version != "" && a.chance(50):
		return "", escaped(t.url) + `|` + escaped(t.version)
	case t.url != "":
		return "", escaped(t.url)
	case t.id == "":
		return "", ""
	}
	switch a.r.IntN(4) {
	case 0:
		return "", t.id
	case 1:
		return t.typ, t.id
	}
	return "", t.typ + "/" + t.id
}

var dateForms = []int{4, 7, 10, 25}

// timeValue asks for one of the dates in a node, as a whole or for the month or year that it is in.
func (a *asker) timeValue(l leaf) string {
	var dates []string
	switch l.typ {
	case "Period":
		dates = append(dates, text(member(l.value, "start")), text(member(l.value, "end")))
	case "Timing":
		for _, e := range list(member(l.value, "event")) {
			dates = append(dates, text(e))
		}
	default:
		dates = append(dates, text(l.value))
	}
	dates = slices.DeleteFunc(dates, func(s string) bool { return s == "" })
	if len(dates) == 0 {
		return ""
	}
	date := one(a, dates)
	if cut := one(a, dateForms); cut < len(date) && cut < 11 {
		date = date[:cut]
	}
	return one(a, []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}) + date
}

func (a *asker) numberValue() string {
	return one(a, []string{"", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}) + one(a, crowdDecimals)
}

func (a *asker) quantityValue(l leaf) string {
	s, _ := stretchOf(l)
	value := a.numberValue()
	switch a.r.IntN(5) {
	case 0:
		return value
	case 1:
		if s.unit != "" {
			return value + "||" + escaped(s.unit)
		}
		return value
	case 2:
		return value + "|http://unitsofmeasure.org|" + one(a, crowdUnits)
	case 3:
		return value + "||" + escaped(s.code)
	}
	return value + "|" + escaped(s.system) + "|" + escaped(s.code)
}

func (a *asker) uriValue(l leaf) (modifier, value string) {
	uri := text(l.value)
	url, _, _ := strings.Cut(uri, "|")
	parts := strings.Split(url, "/")
	isURL := strings.Contains(url, "://")
	switch a.r.IntN(5) {
	case 0:
		if isURL {
			return "below", escaped(strings.Join(parts[:3+a.r.IntN(len(parts)-2)], "/"))
		}
	case 1:
		if isURL {
			return "above", escaped(url + one(a, []string{"", "/more", "more", "?x=1"}))
		}
	case 2:
		return "", escaped(url)
	}
	return "", escaped(uri)
}
