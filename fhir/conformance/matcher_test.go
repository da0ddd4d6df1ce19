//go:build conformance

package conformance_test

import (
	"encoding/json"
	"slices"
	"strings"
)

// The matcher answers searches the slow way: it looks at every resource and asks of the nodes that HL7's FHIRPath finds in it what R4
// says of the parameter's type (search.html). It shares nothing with the code that serves: no parser, no table, no index, no tree.
// Where R4 leaves something to the server, it follows what fhir/search and fhir/rest document.

// world is what is stored, in the order of creation.
type world struct {
	definitions
	items       []*item
	byReference map[string]*item
}

// item is one resource.
type item struct {
	typ, id string
	written int // its place among the last writes of all
	tree    object
	found   judged
	nodes   map[string][]leaf     // by parameter
	parts   map[string][][][]leaf // of composite parameters: elements, components, nodes
}

func (i *item) reference() string { return i.typ + "/" + i.id }

// leaf is a node with its value.
type leaf struct {
	typ    string
	value  any
	system string // of a code: the one that the binding implies
}

func newWorld(d definitions, bodies [][]byte, found []judged, trees []object) *world {
	w := &world{definitions: d, byReference: map[string]*item{}}
	for i := range bodies {
		it := &item{
			written: i, typ: text(trees[i]["resourceType"]), id: text(trees[i]["id"]), tree: trees[i], found: found[i],
			nodes: map[string][]leaf{}, parts: map[string][][][]leaf{},
		}
		for code, raw := range found[i] {
			if w.kind(it.typ, code) == "composite" {
				var elements [][][]node
				if json.Unmarshal(raw, &elements) == nil {
					for _, e := range elements {
						var components [][]leaf
						for _, nodes := range e {
							components = append(components, w.leaves(it, code, nodes))
						}
						it.parts[code] = append(it.parts[code], components)
					}
				}
				continue
			}
			var nodes []node
			if json.Unmarshal(raw, &nodes) == nil {
				it.nodes[code] = w.leaves(it, code, nodes)
			}
		}
		w.items = append(w.items, it)
		w.byReference[it.reference()] = it
	}
	return w
}

func (w *world) leaves(it *item, code string, nodes []node) (out []leaf) {
	for i := range nodes {
		n := &nodes[i]
		value := n.in(it.tree)
		if value == nil || meaningless[it.typ+"."+code+" of "+n.typ] != "" {
			continue
		}
		l := leaf{typ: n.typ, value: value}
		if n.typ == "code" {
			l.system = w.systemOf(it.typ, n.place)
		}
		out = append(out, l)
	}
	return out
}

// kind is the type of a parameter; "" if the resource type has none of that name.
func (w *world) kind(resourceType, code string) string {
	for _, base := range []string{resourceType, "DomainResource", "Resource"} {
		if kind := w.kinds[base][code]; kind != "" {
			return kind
		}
	}
	return ""
}

// holds reports whether a parameter with its value, as both are written in a query, holds of a resource.
func (w *world) holds(it *item, name, value string) bool {
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		parts := strings.SplitN(rest, ":", 3)
		return slices.ContainsFunc(w.items, func(other *item) bool {
			return other.typ == parts[0] && slices.Contains(w.pointsTo(other, parts[1]), it.reference()) && w.holds(other, parts[2], value)
		})
	}
	if head, rest, chained := strings.Cut(name, "."); chained {
		code, typ, _ := strings.Cut(head, ":")
		return slices.ContainsFunc(w.pointsTo(it, code), func(ref string) bool {
			other := w.byReference[ref]
			return other != nil && (typ == "" || other.typ == typ) && w.holds(other, rest, value)
		})
	}
	if name == "_type" {
		return slices.Contains(strings.Split(value, ","), it.typ)
	}
	if name == "_list" {
		l := w.byReference["List/"+value]
		return l != nil && slices.Contains(w.pointsTo(l, "item"), it.reference())
	}
	code, modifier, _ := strings.Cut(name, ":")
	return w.satisfies(it, code, modifier, value)
}

// pointsTo are the references of the form Type/id that a parameter has.
func (w *world) pointsTo(it *item, code string) (out []string) {
	for _, l := range it.nodes[code] {
		if t := targetOf(l); t.id != "" {
			out = append(out, t.typ+"/"+t.id)
		}
	}
	return out
}

// satisfies: a parameter of the resource's own, of whose values any may be met.
func (w *world) satisfies(it *item, code, modifier, value string) bool {
	kind := w.kind(it.typ, code)
	if modifier == "missing" {
		populated := len(it.nodes[code]) > 0
		for _, components := range it.parts[code] {
			populated = populated || !slices.ContainsFunc(components, func(nodes []leaf) bool { return len(nodes) == 0 })
		}
		return populated == (value == "false")
	}
	values := separated(value, ',')
	some := slices.ContainsFunc(values, func(value string) bool {
		if kind == "composite" {
			return w.composite(it, code, value)
		}
		return slices.ContainsFunc(it.nodes[code], func(l leaf) bool { return meets(kind, modifier, l, value) })
	})
	return some != (modifier == "not")
}

func (w *world) composite(it *item, code, value string) bool {
	values := separated(value, '$')
	kinds := w.componentKinds(it.typ, code)
	return slices.ContainsFunc(it.parts[code], func(components [][]leaf) bool {
		for i, nodes := range components {
			if i >= len(values) || !slices.ContainsFunc(nodes, func(l leaf) bool { return meets(kinds[i], "", l, values[i]) }) {
				return false
			}
		}
		return true
	})
}

// meets reports whether a node meets one value.
func meets(kind, modifier string, l leaf, value string) bool {
	switch kind {
	case "token":
		return meetsToken(modifier, l, value)
	case "string":
		return meetsText(modifier, l, unescaped(value))
	case "reference":
		return meetsReference(modifier, l, value)
	case "date":
		return meetsTime(l, unescaped(value))
	case "number":
		return meetsNumber(l, unescaped(value))
	case "quantity":
		return meetsQuantity(l, value)
	case "uri":
		return meetsURI(modifier, l, unescaped(value))
	}
	return false
}

// separated cuts at what no backslash escapes; the backslashes stay.
func separated(s string, at rune) (parts []string) {
	var b strings.Builder
	escaped := false
	for _, c := range s {
		if c == at && !escaped {
			parts = append(parts, b.String())
			b.Reset()
			continue
		}
		b.WriteRune(c)
		escaped = c == '\\' && !escaped
	}
	return append(parts, b.String())
}

func unescaped(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`).Replace(s)
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(s)
}

// pair is a system and a code.
type pair struct {
	system, code string
	implied      bool // the system is not written there
	anyCase      bool
}

func pairsOf(l leaf) (out []pair) {
	of := func(v any, name string) {
		if p := (pair{system: text(member(v, "system")), code: text(member(v, name))}); p != (pair{}) {
			out = append(out, p)
		}
	}
	switch l.typ {
	case "CodeableConcept":
		for _, coding := range list(member(l.value, "coding")) {
			of(coding, "code")
		}
	case "Coding":
		of(l.value, "code")
	case "Identifier":
		of(l.value, "value")
	case "ContactPoint":
		if v := text(member(l.value, "value")); v != "" {
			out = append(out, pair{code: v, anyCase: true})
		}
	case "boolean", "System":
		if b, ok := l.value.(bool); ok {
			out = append(out, pair{code: map[bool]string{true: "true", false: "false"}[b]})
		}
	default:
		if s := text(l.value); s != "" {
			out = append(out, pair{code: s, system: l.system, implied: l.system != "", anyCase: l.typ == "string"})
		}
	}
	return out
}

// meetsPair: code, system|code, |code for one without a system, system| for any code of it.
func meetsPair(p pair, value string) bool {
	parts := separated(value, '|')
	code := unescaped(parts[len(parts)-1])
	if len(parts) == 2 {
		system := unescaped(parts[0])
		if system != p.system && (system != "" || !p.implied) {
			return false
		}
		if code == "" {
			return true
		}
	}
	return p.code == code || p.anyCase && strings.EqualFold(p.code, code)
}

func meetsToken(modifier string, l leaf, value string) bool {
	switch modifier {
	case "text": // the words that people see, from the beginning of any word
		var labels []string
		switch l.typ {
		case "CodeableConcept":
			labels = append(labels, text(member(l.value, "text")))
			for _, coding := range list(member(l.value, "coding")) {
				labels = append(labels, text(member(coding, "display")))
			}
		case "Coding":
			labels = append(labels, text(member(l.value, "display")))
		case "Identifier":
			labels = append(labels, text(member(member(l.value, "type"), "text")))
		}
		return slices.ContainsFunc(labels, func(s string) bool { return startsWord(s, unescaped(value)) })
	case "of-type":
		parts := separated(value, '|')
		return text(member(l.value, "value")) == unescaped(parts[2]) && slices.ContainsFunc(list(member(member(l.value, "type"), "coding")), func(coding any) bool {
			return text(member(coding, "system")) == unescaped(parts[0]) && text(member(coding, "code")) == unescaped(parts[1])
		})
	}
	return slices.ContainsFunc(pairsOf(l), func(p pair) bool { return meetsPair(p, value) })
}

// startsWord reports whether a text, or what is left of it from one of its words, begins with the value.
func startsWord(s, value string) bool {
	words := strings.Fields(folded(s))
	for i := range words {
		if strings.HasPrefix(strings.Join(words[i:], " "), folded(value)) {
			return true
		}
	}
	return false
}
