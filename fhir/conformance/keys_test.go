//go:build conformance

package conformance_test

import (
	"fmt"
	"math"
	"strings"
)

// This file alone knows how fhir/search writes its keys ("Type|code|form|value", search/key.go); the rest compares entries.

// entry is one thing that a resource can be found by under a parameter, in a writing of this package: "token CODE of SYSTEM".
type entry string

func tokenEntry(system, code string) entry { return entry("token " + cut(code) + " of " + cut(system)) }

func identifierEntry(system, value string) entry {
	return entry("identifier " + cut(value) + " of " + cut(system))
}
func localEntry(typ, id string) entry { return entry("reference " + cut(typ) + "/" + cut(id)) }
func urlEntry(url string) entry       { return entry("reference " + cut(url)) }
func textEntry(folded string) entry   { return entry("text " + cut(folded)) }

// timeEntries: a time longer than a day is also found by its end.
func timeEntries(lo, hi int64) []entry {
	e := entry(fmt.Sprintf("time %d to %d", lo, hi))
	if hi-lo > dayMS {
		return []entry{e, "end of " + e}
	}
	return []entry{e}
}

// numberEntry is a number, to the digits that its key keeps. A wide one is no point: a range, a comparator.
func numberEntry(f float64) entry { return entry(fmt.Sprintf("number %.9g", f)) }

func baseEntry(unit string, f float64) entry {
	return entry(fmt.Sprintf("base units %.6g %s", f, unit))
}
func uriEntry(url string) entry { return entry("uri " + cut(url)) }

const wide = entry("wide")

const dayMS = 24 * 60 * 60 * 1000

const (
	presence = entry("presence") // populated, with nothing that can be searched
	overflow = entry("overflow") // more than is kept
)

// cut shortens to what a key keeps of a component.
func cut(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	s = s[:most+1]
	for i := most; ; i-- {
		if s[i]&0xC0 != 0x80 {
			return s[:i]
		}
	}
}

// decodeKeys gives the entries of a resource's keys by parameter code. Keys that are no parameter's are left out.
func decodeKeys(resourceType string, keys []string) (map[string][]entry, error) {
	all := map[string][]entry{}
	for _, key := range keys {
		rest, ok := strings.CutPrefix(key, resourceType+"|")
		if !ok || rest == "" {
			continue
		}
		parts := strings.SplitN(rest, "|", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("the key %q has no form", key)
		}
		e, err := decodeKey(parts[1], parts[2])
		if err != nil {
			return nil, fmt.Errorf("the key %q: %w", key, err)
		}
		all[parts[0]] = append(all[parts[0]], e...)
	}
	return all, nil
}

func decodeKey(form, value string) ([]entry, error) {
	const separator = "\x01"
	first, second, two := strings.Cut(value, separator)
	switch form {
	case "t", "i":
		if !two {
			return nil, fmt.Errorf("no system")
		}
		if form == "i" {
			return []entry{identifierEntry(second, first)}, nil
		}
		return []entry{tokenEntry(second, first)}, nil
	case "r":
		if second == "" {
			return []entry{urlEntry(first)}, nil
		}
		return []entry{localEntry(second, first)}, nil
	case "s":
		return []entry{textEntry(value)}, nil
	case "d", "l", "h", "e", "m", "n":
		return decodeTime(form, value)
	case "q":
		f, err := decodeNumber(value)
		return []entry{numberEntry(f)}, err
	case "u":
		f, err := decodeNumber(second)
		return []entry{baseEntry(first, f)}, err
	case "w":
		return []entry{wide}, nil
	case "x":
		return []entry{uriEntry(value)}, nil
	case "c":
		return decodeComposite(first, second)
	case "p":
		return []entry{presence}, nil
	case "o":
		return []entry{overflow}, nil
	}
	return nil, fmt.Errorf("the form %q is not known here", form)
}

// compositeEntry joins the code of a token and what stands beside it.
func compositeEntry(token, second entry) entry {
	code, _, _ := strings.Cut(strings.TrimPrefix(string(token), "token "), " of ")
	return entry("composite " + code + " with " + string(second))
}

func decodeComposite(code, key string) ([]entry, error) {
	form, value, _ := strings.Cut(key, "|")
	second, err := decodeKey(form, value)
	for i := range second {
		second[i] = compositeEntry(tokenEntry("", code), second[i])
	}
	return second, err
}

// decodeTime reads two times of ten digits in base 32, milliseconds above -2^48.
func decodeTime(form, value string) ([]entry, error) {
	if len(value) != 20 {
		return nil, fmt.Errorf("not two times")
	}
	lo, hi := decodeMS(value[:10]), decodeMS(value[10:])
	byEnd := form == "h" || form == "n"
	if byEnd {
		lo, hi = hi, lo
	}
	short := form == "d" || form == "e"
	switch both := timeEntries(lo, hi); {
	case short != (len(both) == 1):
		return nil, fmt.Errorf("the form does not suit its length")
	case byEnd:
		return both[1:], nil
	default:
		return both[:1], nil
	}
}

const base32 = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

func decodeMS(digits string) int64 {
	var n int64
	for _, c := range digits {
		n = n<<5 | int64(strings.IndexRune(base32, c))
	}
	return n - 1<<48
}

// decodeNumber reads the first 50 bits of a float, mirrored so that greater numbers have greater ones. The bits that are cut off make
// up to a step; half of one is added back.
func decodeNumber(digits string) (float64, error) {
	if len(digits) != 10 {
		return 0, fmt.Errorf("no number")
	}
	var n uint64
	for _, c := range digits {
		n = n<<5 | uint64(strings.IndexRune(base32, c))
	}
	n <<= 14
	if n == 1<<63 {
		return 0, nil
	}
	n |= 1 << 13
	if n>>63 == 1 {
		return math.Float64frombits(n &^ (1 << 63)), nil
	}
	return math.Float64frombits(^n), nil
}
