package search

import (
	"strings"
	"time"
	"unicode/utf8"
)

// The key space. A key is "Type|code|form|value", readable UTF-8 whose byte order is the order of the values. Forms:
//
//	t  token      code U+0001 system
//	i  token      the same of a reference's logical identifier
//	r  reference  id U+0001 Type, or an absolute URL U+0001
//	s  string     folded text
//	d  date       lo hi, of a value no longer than a day, when it is the resource's only value of the parameter
//	l  date       lo hi, of a longer one;  h  the same as hi lo
//	e, m, n       as d, l, h, when the resource has several values of the parameter
//	q  number     10 digits, of a number or of the value of a quantity as it is stated
//	u  quantity   unit U+0001 10 digits, of a quantity with a UCUM unit, in base units; not when it is in a home unit (units.go)
//	w  wide       a number or quantity that is no point: a range, a comparator, sampled data
//	x  uri        a URL without a canonical's version
//	c  composite  code U+0001, and a key of the second part from its form on
//	p  presence   populated with nothing that can be searched
//	o  overflow   more keys than are kept
//
// Every component is cut to a fixed number of bytes, in keys and in ranges alike, so that ranges stay complete.
const (
	formToken      = "t|"
	formIdentifier = "i|"
	formReference  = "r|"
	formString     = "s|"
	formNumber     = "q|"
	formBase       = "u|"
	formWide       = "w|"
	formURI        = "x|"
	formComposite  = "c|"
	formPresence   = "p|"
	formOverflow   = "o|"

	separator = "\x01" // fhir.Parse accepts no string that holds it
	above     = "\x02" // just above everything that goes on with the separator

	maxText  = 200  // bytes of a folded string in a key
	maxToken = 200  // bytes of a code, a system or a URL in a key
	maxKeys  = 4096 // keys of one parameter of one resource
)

// TypeKey is the key that every resource of the type has, so that a search without clauses can be driven.
func TypeKey(resourceType string) string { return resourceType + "|" }

// HolderKey is the key of the organisation that holds the patient whose compartment the resource is in. Extract does not
// know it; the store adds it. holder is a reference ("Organization/tyt-14221").
func HolderKey(holder string) string { return "holder|" + holder }

// CompartmentKey is the key of every resource in a patient's compartment, the Patient itself included.
func CompartmentKey(patientID string) string { return "compartment|Patient/" + patientID }

// UpdatedKey is the _lastUpdated key of a resource of the type that was written at that time (millisecond precision).
func UpdatedKey(resourceType string, t time.Time) string {
	ms := t.UnixMilli()
	return resourceType + "|_lastUpdated|" + onlyValue.short + encodeMS(ms) + encodeMS(ms+1)
}

// ExactRange is the range that holds one key and nothing else.
func ExactRange(key string) Range { return Range{key, key + "\x00"} }

// PrefixRange is the range of all keys that begin with prefix. Both bounds are valid UTF-8 if prefix is.
func PrefixRange(prefix string) Range { return Range{prefix, successor(prefix)} }

// successor is the least string above all strings that begin with s: s with its last character made one greater. A
// character that cannot grow is dropped and the one before it grows. "" has none and gives a string above every key.
func successor(s string) string {
	for s != "" {
		r, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
		switch {
		case r == utf8.MaxRune:
			continue
		case r == 0xD7FF: // the surrogates are no characters
			r = 0xDFFF
		}
		return s + string(r+1)
	}
	return strings.Repeat(string(utf8.MaxRune), 4)
}

// base32 writes the lowest 50 bits of n as 10 digits whose byte order is the order of the numbers.
func base32(n uint64) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
	var b [10]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[n&31]
		n >>= 5
	}
	return string(b[:])
}

// cut shortens s to at most n bytes, at a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
