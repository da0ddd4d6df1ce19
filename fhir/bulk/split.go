package bulk

import (
	"bytes"

	"khamxa/internal/fault"
)

// The skeleton of a JSON document: where its members and items begin and end, without a tree of what is in them. A Bundle of 100 MB is
// taken apart with it, and each resource in it is then parsed strictly, by itself and within its own limits.

// malformed is the error of a skeleton that is no JSON; at is an offset in raw.
func malformed(raw []byte, at int, why string) error {
	line, column := position(raw, at)
	return fault.Newf(fault.Invalid, "bulk.split", "%s (line %d, column %d).", why, line, column)
}

// position counts line and column from 1, columns in bytes.
func position(raw []byte, at int) (line, column int) {
	before := raw[:min(at, len(raw))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// members calls f for each member of the object that starts at raw[at:] (white space before it is skipped): its name as it is written
// between the quotes, and the place of its value. It gives the offset after the object.
func members(raw []byte, at int, f func(name string, start, end int) error) (int, error) {
	return each(raw, at, '{', '}', func(at int) (int, error) {
		if at >= len(raw) || raw[at] != '"' {
			return 0, malformed(raw, at, "A member name in double quotes should be here")
		}
		start := at + 1
		at = stringEnd(raw, at)
		if at < 0 {
			return 0, malformed(raw, len(raw), "The text ends inside a string")
		}
		name := string(raw[start : at-1])
		if at = space(raw, at); at >= len(raw) || raw[at] != ':' {
			return 0, malformed(raw, at, "A colon should follow the member name")
		}
		at = space(raw, at+1)
		end, err := valueEnd(raw, at)
		if err != nil {
			return 0, err
		}
		return end, f(name, at, end)
	})
}

// items calls f for the place of each item of the array that starts at raw[at:].
func items(raw []byte, at int, f func(start, end int) error) (int, error) {
	return each(raw, at, '[', ']', func(at int) (int, error) {
		end, err := valueEnd(raw, at)
		if err != nil {
			return 0, err
		}
		return end, f(at, end)
	})
}

// each walks what stands between two brackets, with commas between.
func each(raw []byte, at int, open, closing byte, one func(at int) (int, error)) (int, error) {
	at = space(raw, at)
	if at >= len(raw) || raw[at] != open {
		return 0, malformed(raw, at, "There should be a "+string(open)+" here")
	}
	if at = space(raw, at+1); at < len(raw) && raw[at] == closing {
		return at + 1, nil
	}
	for {
		var err error
		if at, err = one(at); err != nil {
			return 0, err
		}
		at = space(raw, at)
		switch {
		case at >= len(raw):
			return 0, malformed(raw, at, "The text ends before its last bracket")
		case raw[at] == closing:
			return at + 1, nil
		case raw[at] != ',':
			return 0, malformed(raw, at, "A comma or a closing bracket should be here")
		}
		at = space(raw, at+1)
	}
}

func space(raw []byte, at int) int {
	for at < len(raw) && (raw[at] == ' ' || raw[at] == '\t' || raw[at] == '\n' || raw[at] == '\r') {
		at++
	}
	return at
}

// stringEnd is the offset after the string whose opening quote is at raw[at]; -1 if it does not end.
func stringEnd(raw []byte, at int) int {
	for at++; ; {
		i := bytes.IndexByte(raw[at:], '"')
		if i < 0 {
			return -1
		}
		at += i
		escapes := 0
		for raw[at-1-escapes] == '\\' {
			escapes++
		}
		at++
		if escapes%2 == 0 {
			return at
		}
	}
}

// valueEnd is the offset after the value at raw[at:]. It looks at brackets and quotes only.
func valueEnd(raw []byte, at int) (int, error) {
	depth := 0
	for i := at; i < len(raw); {
		switch raw[i] {
		case '"':
			end := stringEnd(raw, i)
			if end < 0 {
				return 0, malformed(raw, len(raw), "The text ends inside a string")
			}
			if i = end; depth == 0 {
				return i, nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
			if depth < 0 {
				return scalarEnd(raw, at, i)
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return scalarEnd(raw, at, i)
			}
		}
		i++
	}
	if depth > 0 {
		return 0, malformed(raw, len(raw), "The text ends before its last bracket")
	}
	return scalarEnd(raw, at, len(raw))
}

func scalarEnd(raw []byte, at, end int) (int, error) {
	if at == end {
		return 0, malformed(raw, at, "A value should be here")
	}
	return end, nil
}

// plainText is the content of a JSON string without escapes; "" for anything else, which none of the words looked for is.
func plainText(value []byte) string {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return ""
	}
	return string(value[1 : len(value)-1])
}
