package search

import (
	"strings"

	"khamxa/fhir"
)

// eachURI calls f for the URI of a node, until f answers false; it reports whether f never did. The version and the fragment
// of a canonical URL are apart: a search that names no version finds them all.
func eachURI(v *fhir.Value, p *path, f func(url, version string) bool) bool {
	if v.Kind() != fhir.String || v.String() == "" {
		return true
	}
	if p.leaf == "canonical" {
		return f(splitCanonical(v.String()))
	}
	return f(v.String(), "")
}

// uriTerm reads a URI. With :above and :below it must be a URL: an OID or a UUID has no parts (R4, search.html#uri).
func (c *Clause) uriTerm(name, text string) (term, error) {
	if c.Modifier != NoModifier && !strings.Contains(text, "://") {
		return term{}, invalid(name, "The modifier :%s compares URLs part by part; the value of %s is no URL.", c.Modifier, name)
	}
	t := term{url: text}
	if c.canonical() {
		t.url, t.version = splitCanonical(text)
	}
	if t.url == "" {
		return term{}, invalid(name, "The value of %s is no URL.", name)
	}
	return t, nil
}

// canonical reports whether the parameter's values are canonical URLs.
func (c *Clause) canonical() bool {
	for i := range c.Param.paths {
		if c.Param.paths[i].leaf != "canonical" {
			return false
		}
	}
	return true
}

// matchURI reports whether the URL satisfies the term: the same text, or with :below one that begins with the term's, and
// with :above one that the term's begins with, where only whole parts of the path count.
func (t *term) matchURI(modifier Modifier, url, version string) bool {
	switch modifier {
	case BelowModifier:
		return within(t.url, url)
	case AboveModifier:
		return within(url, t.url)
	default:
		return url == t.url && (t.version == "" || t.version == version)
	}
}

// within reports whether the URL is base or goes on from it after a slash, a query or a fragment.
func within(base, url string) bool {
	rest, ok := strings.CutPrefix(url, base)
	return ok && (rest == "" || strings.HasSuffix(base, "/") || strings.ContainsRune("/?#", rune(rest[0])))
}

// uriRanges are the keys that can satisfy the term.
func (t *term) uriRanges(prefix string, modifier Modifier, out []Range) []Range {
	switch modifier {
	case BelowModifier:
		return append(out, PrefixRange(prefix+cut(t.url, maxToken)))
	case AboveModifier:
		for i := 0; i < len(t.url); i++ {
			if strings.IndexByte("/?#", t.url[i]) >= 0 && i > 0 {
				out = append(out, ExactRange(prefix+cut(t.url[:i], maxToken)))
			}
			if t.url[i] == '/' {
				out = append(out, ExactRange(prefix+cut(t.url[:i+1], maxToken)))
			}
		}
	default:
	}
	return append(out, ExactRange(prefix+cut(t.url, maxToken)))
}
