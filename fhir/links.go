package fhir

import (
	"bytes"
	"strings"
)

// Links says what the resources of a Bundle's entries are kept under: fullUrl to "Type/id". It is how references between entries get
// their meaning (R4, bundle.html#references, http.html#trules).
type Links map[string]string

// Resolve gives what a literal reference means that stands in the entry with the fullUrl own: the fullUrl of an entry, or a relative
// reference that is below the same base as own. ok is false if it names no entry.
func (l Links) Resolve(reference, own string) (target string, ok bool) {
	if target, ok = l[reference]; ok {
		return target, true
	}
	ref := ParseReference(reference)
	if ref.Kind != Local {
		return "", false
	}
	base := ParseReference(own).Base
	if base == "" {
		return "", false
	}
	target, ok = l[base+ref.Type+"/"+ref.ID]
	return target, ok
}

// addressNames are the names of members of the types uri, url, uuid and oid that may name an entry, as they stand in compact JSON
// before the value. A quote inside a JSON string is escaped, so none of them can be text that a person wrote.
const addressNames = `"url":" "uri":" "valueUri":" "valueUrl":" "valueUuid":" "valueOid":"`

// RewriteAddresses replaces, in the compact JSON of a resource, what is no literal reference and may name another entry of a Bundle all
// the same: urn:uuid: and urn:oid: in elements of the types uri, url, uuid and oid, and in links and pictures of the narrative. f is
// asked for each and answers as in RewriteReferences. A resource's own canonical url is f's to leave. Without a replacement the
// result is raw.
func RewriteAddresses(raw []byte, f func(urn string) (string, bool)) []byte {
	var out []byte
	copied := 0
	for at := 0; ; {
		i := bytes.Index(raw[at:], []byte("urn:"))
		if i < 0 {
			break
		}
		start := at + i
		end := urnEnd(raw, start)
		at = start + len("urn:")
		if end < 0 || !atAddress(raw[:start]) || !closed(raw[end:]) {
			continue
		}
		if with, ok := f(string(raw[start:end])); ok {
			out = append(append(out, raw[copied:start]...), with...)
			copied = end
		}
		at = end
	}
	if copied == 0 {
		return raw
	}
	return append(out, raw[copied:]...)
}

// urnEnd is the end of the urn:uuid: or urn:oid: at start, -1 if it is neither.
func urnEnd(raw []byte, start int) int {
	rest := raw[start+len("urn:"):]
	name := start + len("urn:uuid:")
	switch {
	case bytes.HasPrefix(rest, []byte("uuid:")):
	case bytes.HasPrefix(rest, []byte("oid:")):
		name--
	default:
		return -1
	}
	end := name
	for end < len(raw) && IsID(string(raw[end:end+1])) {
		end++
	}
	if end == name {
		return -1
	}
	return end
}

// atAddress reports whether what stands before is the beginning of an address.
func atAddress(before []byte) bool {
	if quoted, ok := bytes.CutSuffix(before, []byte(`\"`)); ok {
		return bytes.HasSuffix(quoted, []byte("href=")) || bytes.HasSuffix(quoted, []byte("src="))
	}
	if quoted, ok := bytes.CutSuffix(before, []byte("'")); ok {
		return bytes.HasSuffix(quoted, []byte("href=")) || bytes.HasSuffix(quoted, []byte("src="))
	}
	for name := range strings.FieldsSeq(addressNames) {
		if bytes.HasSuffix(before, []byte(name)) {
			return true
		}
	}
	return false
}

// closed reports whether a quote follows.
func closed(after []byte) bool {
	return bytes.HasPrefix(after, []byte(`"`)) || bytes.HasPrefix(after, []byte(`\"`)) || bytes.HasPrefix(after, []byte("'"))
}
