package validate

import (
	"strconv"

	"khamxa/fhir"
)

// form is what JSON a primitive is written in, whether a text of it is right, and the sentence for one that is not.
type form struct {
	json  fhir.Kind
	right func(string) bool
	wrong string
}

// formOf gives the forms of R4's primitive types (datatypes.html). Strings that must not be empty are checked before.
func formOf(k kind) form {
	switch k {
	case kindBoolean:
		return form{fhir.Bool, anything, ""}
	case kindInteger:
		return form{fhir.Number, isInteger, "An integer is a whole number from -2147483648 to 2147483647"}
	case kindPositiveInt:
		return form{fhir.Number, isPositive, "A positiveInt is a whole number from 1 to 2147483647"}
	case kindUnsignedInt:
		return form{fhir.Number, isUnsigned, "An unsignedInt is a whole number from 0 to 2147483647"}
	case kindDecimal:
		return form{fhir.Number, anything, ""}
	case kindCode:
		return form{fhir.String, isCode, "A code has no white space at its ends and only single white space inside"}
	case kindURI:
		return form{fhir.String, isURI, "A URI has no white space"}
	case kindOID:
		return form{fhir.String, isOID, "An oid is written as urn:oid:1.2.3"}
	case kindUUID:
		return form{fhir.String, isUUID, "A uuid is written as urn:uuid: and 32 hexadecimal digits in lower case in groups of 8, 4, 4, 4 and 12"}
	case kindID:
		return form{fhir.String, fhir.IsID, "An id is 1 to 64 letters, digits, '-' and '.'"}
	case kindDate:
		return form{fhir.String, isDate, "A date is YYYY, YYYY-MM or YYYY-MM-DD, and a day of the calendar"}
	case kindDateTime:
		return form{fhir.String, isDateTime, "A dateTime is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with seconds and Z or +hh:mm, and a time of the calendar"}
	case kindInstant:
		return form{fhir.String, isInstant, "An instant is YYYY-MM-DDThh:mm:ss with Z or +hh:mm, and a time of the calendar"}
	case kindTime:
		return form{fhir.String, isTime, "A time is hh:mm:ss, and has no zone"}
	case kindBase64:
		return form{fhir.String, isBase64, "A base64Binary is base64 with its padding"}
	default: // string, markdown
		return form{fhir.String, anything, ""}
	}
}

// primitive checks a primitive value and its binding.
func (c *checker) primitive(v *fhir.Value, f *field) {
	form := formOf(f.kind)
	switch text := v.String(); {
	case v.Kind() != form.json:
		c.wrong(v, structure, "The element "+f.elementName()+" is "+written(form.json)+", and this is "+what(v))
	case text == "":
		c.wrong(v, value, "A string must not be empty; leave the element out")
	case f.kind == kindXHTML:
		c.narrative(v)
	case !form.right(text):
		c.wrong(v, value, form.wrong)
	case f.set != 0 && !sets[f.set].has(text):
		c.wrong(v, codeInvalid, notIn(text, &sets[f.set]))
	}
}

func written(k fhir.Kind) string {
	switch k {
	case fhir.Bool:
		return "true or false"
	case fhir.Number:
		return "a number"
	default:
		return "a string"
	}
}

func anything(string) bool { return true }

// whole is the number that s writes; ok is false when it is no integer of 32 bits.
func whole(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return n, err == nil
}

func isInteger(s string) bool {
	_, ok := whole(s)
	return ok
}

func isPositive(s string) bool {
	n, ok := whole(s)
	return ok && n > 0
}

func isUnsigned(s string) bool {
	n, ok := whole(s)
	return ok && n >= 0 && s[0] != '-'
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// isCode is R4's [^\s]+(\s[^\s]+)*
func isCode(s string) bool {
	space := true
	for i := 0; i < len(s); i++ {
		now := isSpace(s[i])
		if now && space {
			return false
		}
		space = now
	}
	return !space
}

func isURI(s string) bool {
	for i := 0; i < len(s); i++ {
		if isSpace(s[i]) {
			return false
		}
	}
	return true
}

// isOID is R4's urn:oid:[0-2](\.(0|[1-9][0-9]*))+
func isOID(s string) bool {
	const prefix = "urn:oid:"
	if len(s) < len(prefix)+3 || s[:len(prefix)] != prefix || s[len(prefix)] < '0' || s[len(prefix)] > '2' {
		return false
	}
	s = s[len(prefix)+1:]
	for len(s) > 0 {
		if s[0] != '.' {
			return false
		}
		n := 1
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n == 1 || s[1] == '0' && n > 2 {
			return false
		}
		s = s[n:]
	}
	return true
}

// isUUID is R4's urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
func isUUID(s string) bool {
	const prefix = "urn:uuid:"
	if len(s) != len(prefix)+36 || s[:len(prefix)] != prefix {
		return false
	}
	for i := len(prefix); i < len(s); i++ {
		switch c := s[i]; i - len(prefix) {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// isBase64 allows white space between characters, as R4 does.
func isBase64(s string) bool {
	digits, padding := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isSpace(c):
		case c == '=':
			padding++
		case padding > 0:
			return false
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/':
			digits++
		default:
			return false
		}
	}
	return padding <= 2 && (digits+padding)%4 == 0 && digits > 0
}
