//go:build conformance

package conformance_test

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"khamxa/fhir"
)

// What a node means for a search (R4, search.html), read here a second time and independently of fhir/search.

// meaning gives the entries of one node of a parameter of that kind. known is false for a data type that R4 gives no meaning for
// the kind.
func (d definitions) meaning(kind, resourceType string, n *node, value any) (entries []entry, known bool) {
	switch kind {
	case "token":
		return d.tokens(resourceType, n, value)
	case "string":
		return texts(n.typ, value)
	case "reference":
		return references(n.typ, value)
	case "date":
		return times(n.typ, value)
	case "number", "quantity":
		return amounts(n, value)
	case "uri":
		return uris(n.typ, value)
	case "special": // near, whose place is looked at
		return nil, n.typ == "BackboneElement"
	}
	return nil, false
}

func member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

func (d definitions) tokens(resourceType string, n *node, value any) (out []entry, known bool) {
	pair := func(v any, name string) {
		if system, code := text(member(v, "system")), text(member(v, name)); system != "" || code != "" {
			out = append(out, tokenEntry(system, code))
		}
	}
	switch n.typ {
	case "CodeableConcept":
		for _, coding := range list(member(value, "coding")) {
			pair(coding, "code")
		}
	case "Coding":
		pair(value, "code")
	case "Identifier":
		pair(value, "value")
	case "ContactPoint": // its system is a channel and no namespace; case does not count
		if v := text(member(value, "value")); v != "" {
			out = append(out, tokenEntry("", strings.ToLower(v)))
		}
	case "string":
		if v := text(value); v != "" {
			out = append(out, tokenEntry("", strings.ToLower(v)))
		}
	case "code":
		if v := text(value); v != "" {
			out = append(out, tokenEntry(d.systemOf(resourceType, n.place), v))
		}
	case "id", "uri", "canonical", "System.String":
		if v := text(value); v != "" {
			out = append(out, tokenEntry("", v))
		}
	case "boolean", "System":
		if b, ok := value.(bool); ok {
			out = append(out, tokenEntry("", map[bool]string{true: "true", false: "false"}[b]))
		}
	default:
		return nil, false
	}
	return out, true
}

// folded is the text as it is compared: without case and marks, đ as d, one blank between words.
func folded(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r == 'đ' || r == 'Đ':
			b.WriteByte('d')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func texts(typ string, value any) (out []entry, known bool) {
	add := func(s string) {
		if f := folded(s); f != "" {
			out = append(out, textEntry(f))
		}
	}
	parts := func(whole string, single, several []string) {
		// A name in one string is found by each of its words: in Vietnamese the given name is the last.
		words := strings.Fields(folded(text(member(value, whole))))
		for i := range min(len(words), 16) {
			add(strings.Join(words[i:], " "))
		}
		for _, name := range single {
			add(text(member(value, name)))
		}
		for _, name := range several {
			for _, item := range list(member(value, name)) {
				add(text(item))
			}
		}
	}
	switch typ {
	case "string", "markdown":
		add(text(value))
	case "HumanName":
		parts("text", []string{"family"}, []string{"given", "prefix", "suffix"})
	case "Address":
		parts("text", []string{"city", "district", "state", "postalCode", "country"}, []string{"line"})
	default:
		return nil, false
	}
	return out, true
}

var literal = regexp.MustCompile(`^((?:https?|HTTPS?)://[^#]*?/)?([A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?(#.*)?$`)

// references: a relative literal is a resource here, an absolute URL one elsewhere, without its version; what begins with # is inside
// the resource itself and cannot be searched for.
func references(typ string, value any) (out []entry, known bool) {
	switch typ {
	case "Reference":
		ref := text(member(value, "reference"))
		switch m := literal.FindStringSubmatch(ref); {
		case ref == "" || strings.HasPrefix(ref, "#"):
		case m != nil && m[1] == "" && fhir.IsType(m[2]):
			out = append(out, localEntry(m[2], m[3]))
		case m != nil && m[1] != "" && fhir.IsType(m[2]):
			out = append(out, urlEntry(m[1]+m[2]+"/"+m[3]))
		case strings.Contains(ref, ":"):
			out = append(out, urlEntry(ref))
		}
		identifier := member(value, "identifier")
		if system, v := text(member(identifier, "system")), text(member(identifier, "value")); system != "" || v != "" {
			out = append(out, identifierEntry(system, v))
		}
	case "canonical", "uri":
		url, _, _ := strings.Cut(text(value), "#")
		url, _, _ = strings.Cut(url, "|")
		if url != "" {
			out = append(out, urlEntry(url))
		}
	default:
		resourceType, id := text(member(value, "resourceType")), text(member(value, "id"))
		if !fhir.IsType(typ) {
			return nil, false
		}
		if id != "" {
			out = append(out, localEntry(resourceType, id))
		}
	}
	return out, true
}

// The ends of a period that is open, and the zone of dates that name none (search.html#date: the server's).
const (
	beginning = -(1 << 48)
	never     = 1<<49 - 1
)

var saigon = time.FixedZone("+07", 7*60*60)

// span is the stretch of time that a date means: what lies within its precision.
func span(s string) (lo, hi int64, ok bool) {
	for _, form := range []struct {
		layout string
		end    func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04:05.999999999Z07:00", func(t time.Time) time.Time { return t.Truncate(time.Millisecond).Add(time.Millisecond) }},
	} {
		t, err := time.ParseInLocation(form.layout, s, saigon)
		if err != nil {
			continue
		}
		end := form.end(t)
		if strings.Contains(s, "T") && !strings.Contains(s, ".") {
			end = t.Add(time.Second)
		}
		return t.Truncate(time.Millisecond).UnixMilli(), end.UnixMilli(), true
	}
	return 0, 0, false
}

func period(v any) (lo, hi int64, ok bool) {
	start, _, hasStart := span(text(member(v, "start")))
	_, end, hasEnd := span(text(member(v, "end")))
	lo, hi = beginning, never
	if hasStart {
		lo = start
	}
	if hasEnd {
		hi = end
	}
	return lo, hi, (hasStart || hasEnd) && lo < hi
}

func times(typ string, value any) (out []entry, known bool) {
	lo, hi, ok, known := interval(typ, value)
	if ok {
		out = timeEntries(lo, hi)
	}
	return out, known
}

// interval is the stretch of time that a node means, in milliseconds since 1970, its end exclusive.
func interval(typ string, value any) (lo, hi int64, ok, known bool) {
	switch typ {
	case "date", "dateTime", "instant":
		lo, hi, ok = span(text(value))
	case "Period":
		lo, hi, ok = period(value)
	case "Timing": // its outer limits
		lo, hi, ok = period(member(member(value, "repeat"), "boundsPeriod"))
		for _, event := range list(member(value, "event")) {
			from, to, good := span(text(event))
			if good && !ok {
				lo, hi, ok = from, to, true
			} else if good {
				lo, hi = min(lo, from), max(hi, to)
			}
		}
	default:
		return 0, 0, false, false
	}
	return lo, hi, ok, true
}
