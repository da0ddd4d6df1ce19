package fhir

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"khamxa/internal/fault"
)

// str reads the string at pos and gives its content. A string without escapes shares the text's memory.
func (s *scanner) str() (string, error) {
	start := s.pos + 1
	for i := start; i < len(s.text); {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return s.text[start:i], nil
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			return "", s.fail(i, "A string holds a control character that JSON wants escaped")
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRuneInString(s.text[i:])
			if r == utf8.RuneError && n == 1 {
				return "", s.fail(i, "A string is not valid UTF-8")
			}
			i += n
		}
	}
	return "", s.fail(len(s.text), "The text ends inside a string")
}

// escaped goes on with a string whose content starts at start and whose first escape is at i.
func (s *scanner) escaped(start, i int) (string, error) {
	b := append(make([]byte, 0, i-start+32), s.text[start:i]...)
	for i < len(s.text) {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return string(b), nil
		case c == '\\':
			r, n, why := unescape(s.text[i:])
			if why != "" {
				return "", s.fail(i, why)
			}
			b = utf8.AppendRune(b, r)
			i += n
		case c < ' ':
			return "", s.fail(i, "A string holds a control character that JSON wants escaped")
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s.text[i:])
			if r == utf8.RuneError && n == 1 {
				return "", s.fail(i, "A string is not valid UTF-8")
			}
			b = append(b, s.text[i:i+n]...)
			i += n
		}
	}
	return "", s.fail(len(s.text), "The text ends inside a string")
}

// unescape reads the escape at the start of t: the character, the length of the escape, and why it is refused.
func unescape(t string) (r rune, n int, why string) {
	if len(t) < 2 {
		return 0, 0, "The text ends inside a string"
	}
	switch t[1] {
	case '"', '\\', '/':
		return rune(t[1]), 2, ""
	case 'n':
		return '\n', 2, ""
	case 't':
		return '\t', 2, ""
	case 'r':
		return '\r', 2, ""
	case 'b', 'f':
		return 0, 0, forbidden
	case 'u':
	default:
		return 0, 0, "A string holds an escape that JSON does not know"
	}
	r = hex4(t[2:])
	switch {
	case r < 0:
		return 0, 0, "A string holds a \\u escape without four hexadecimal digits"
	case r < ' ' && r != '\n' && r != '\t' && r != '\r':
		return 0, 0, forbidden
	case !utf16.IsSurrogate(r):
		return r, 6, ""
	case len(t) >= 12 && t[6] == '\\' && t[7] == 'u':
		if pair := utf16.DecodeRune(r, hex4(t[8:])); pair != utf8.RuneError {
			return pair, 12, ""
		}
	}
	return 0, 0, "A string holds half of a surrogate pair"
}

// FHIR R4, datatypes.html#string: no characters below 32 but tab, carriage return and line feed.
const forbidden = "A string holds a control character, which FHIR does not allow"

// hex4 is the number that the first four characters of t write, -1 if they do not.
func hex4(t string) rune {
	if len(t) < 4 {
		return -1
	}
	var r rune
	for i := range 4 {
		c := t[i]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return -1
		}
	}
	return r
}

// number reads the number at pos (RFC 8259, section 6) and gives its text.
func (s *scanner) number() (string, error) {
	start, i := s.pos, s.pos
	if s.text[i] == '-' {
		i++
	}
	whole := i
	i = s.digits(i)
	if i == whole || s.text[whole] == '0' && i > whole+1 {
		return "", s.fail(start, "A number is not written as JSON wants it")
	}
	if i < len(s.text) && s.text[i] == '.' {
		fraction := i + 1
		if i = s.digits(fraction); i == fraction {
			return "", s.fail(start, "A number is not written as JSON wants it")
		}
	}
	if i < len(s.text) && (s.text[i] == 'e' || s.text[i] == 'E') {
		i++
		if i < len(s.text) && (s.text[i] == '+' || s.text[i] == '-') {
			i++
		}
		exponent := i
		if i = s.digits(exponent); i == exponent {
			return "", s.fail(start, "A number is not written as JSON wants it")
		}
	}
	s.pos = i
	return s.text[start:i], nil
}

func (s *scanner) digits(i int) int {
	for i < len(s.text) && s.text[i] >= '0' && s.text[i] <= '9' {
		i++
	}
	return i
}

// fail makes the error for the byte at offset, with the path of what is being read.
func (s *scanner) fail(offset int, sentence string) error {
	return s.failAt(offset, s.path(), sentence)
}

func (s *scanner) failAt(offset int, path, sentence string) error {
	line, column := position(s.text, offset)
	return fault.Newf(fault.Invalid, "fhir.Parse", "%s (line %d, column %d).", sentence, line, column).At(path)
}

// semantic makes the error for a well-formed text that is no resource; it points at the member that the path names.
func (s *scanner) semantic(root *Value, path, sentence string) error {
	at := root
	if _, member, ok := strings.Cut(path, "."); ok {
		at = root.Get(member)
	}
	return s.failAt(s.source(at), path, sentence)
}

// path is the place of what is being read, as a FHIRPath-like expression.
func (s *scanner) path() string {
	b := append(make([]byte, 0, 64), s.typ...)
	if s.typ == "" {
		b = append(b, "Resource"...)
	}
	for _, f := range s.stack {
		switch {
		case f.v.kind == Array:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(f.index), 10)
			b = append(b, ']')
		case f.member != "":
			b = append(b, '.')
			b = append(b, short(f.member)...)
		}
	}
	return string(b)
}

// here describes the character at pos for a sentence.
func (s *scanner) here() string {
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return strconv.QuoteRune(r)
}

// position counts lines and columns from 1; a column is a character.
func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}

// short cuts a name that a stranger chose, so that an error stays readable.
func short(name string) string {
	const most = 40
	if len(name) <= most {
		return name
	}
	cut := most
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + "..."
}

func quoteShort(name string) string { return strconv.Quote(short(name)) }

// source is the place in the text of the byte that stands at offset in the compact form.
func (s *scanner) source(v *Value) int {
	if v == nil {
		return 0
	}
	quoted := false
	for i, left := 0, int(v.start); i < len(s.text); i++ {
		switch c := s.text[i]; {
		case quoted && c == '\\':
			i++
			left--
		case c == '"':
			if left <= 0 {
				return i
			}
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			continue
		}
		if left <= 0 {
			return i
		}
		left--
	}
	return len(s.text)
}
