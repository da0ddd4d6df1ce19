package identity

import (
	"slices"
	"strings"
)

// Verb is one right of a SMART scope: create, read, update, delete, search (SMART App Launch 2.2.0, "Scopes for requesting
// FHIR Resources").
type Verb byte

// The verbs, with the letters of the specification.
const (
	CreateVerb Verb = 'c'
	ReadVerb   Verb = 'r'
	UpdateVerb Verb = 'u'
	DeleteVerb Verb = 'd'
	SearchVerb Verb = 's'
)

// verbOrder is the order in which the specification wants the letters.
const verbOrder = "cruds"

// Scope is one system scope: rights on a resource type, or on all with Resource "*". Verbs holds letters of "cruds" in
// that order, each once.
type Scope struct {
	Resource string
	Verbs    string
}

// String is the scope in the form of SMART version 2.
func (s Scope) String() string { return "system/" + s.Resource + "." + s.Verbs }

// Scopes is a set of scopes.
type Scopes []Scope

// ParseScopes reads a space-separated list. It takes system scopes in the form of version 2 (system/Observation.rs,
// system/*.cruds) and version 1 (.read is rs, .write is cud, .* is cruds). Everything else (user/ and patient/ scopes,
// launch, search restrictions, letters out of order) grants nothing and is returned in unknown.
func ParseScopes(text string) (known Scopes, unknown []string) {
	for _, word := range strings.Fields(text) {
		if s, ok := parseScope(word); ok {
			known = append(known, s)
		} else {
			unknown = append(unknown, word)
		}
	}
	return known.normal(), unknown
}

func parseScope(word string) (Scope, bool) {
	rest, ok := strings.CutPrefix(word, "system/")
	if !ok {
		return Scope{}, false
	}
	resource, verbs, ok := strings.Cut(rest, ".")
	if !ok || !validScopeType(resource) {
		return Scope{}, false
	}
	switch verbs {
	case "read":
		return Scope{resource, "rs"}, true
	case "write":
		return Scope{resource, "cud"}, true
	case "*":
		return Scope{resource, verbOrder}, true
	}
	from := 0
	for _, letter := range verbs {
		at := strings.IndexRune(verbOrder[from:], letter)
		if at < 0 {
			return Scope{}, false
		}
		from += at + 1
	}
	return Scope{resource, verbs}, verbs != ""
}

// validScopeType takes "*" or a name of the form that every R4 resource type has.
func validScopeType(name string) bool {
	if name == "*" {
		return true
	}
	if len(name) < 3 || len(name) > 64 || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
}

// normal merges scopes of one type and sorts them.
func (s Scopes) normal() Scopes {
	merged := map[string]string{}
	for _, scope := range s {
		merged[scope.Resource] += scope.Verbs
	}
	var out Scopes
	for resource, verbs := range merged {
		out = append(out, Scope{resource, orderVerbs(verbs)})
	}
	slices.SortFunc(out, func(a, b Scope) int { return strings.Compare(a.Resource, b.Resource) })
	return out
}

func orderVerbs(letters string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(letters, r) {
			return r
		}
		return -1
	}, verbOrder)
}

// Allows reports whether the scopes hold the verb on the type.
func (s Scopes) Allows(resource string, verb Verb) bool {
	return slices.ContainsFunc(s, func(scope Scope) bool {
		return (scope.Resource == "*" || scope.Resource == resource) && strings.IndexByte(scope.Verbs, byte(verb)) >= 0
	})
}

// Names reports whether a scope that names the type holds the verb; "*" names none.
func (s Scopes) Names(resource string, verb Verb) bool {
	return resource != "*" && slices.ContainsFunc(s, func(scope Scope) bool {
		return scope.Resource == resource && strings.IndexByte(scope.Verbs, byte(verb)) >= 0
	})
}

// Narrow returns what is in both sets.
func (s Scopes) Narrow(other Scopes) Scopes {
	var out Scopes
	for _, a := range s {
		for _, b := range other {
			resource := a.Resource
			switch {
			case a.Resource == "*":
				resource = b.Resource
			case b.Resource != "*" && b.Resource != a.Resource:
				continue
			}
			verbs := strings.Map(func(r rune) rune {
				if strings.ContainsRune(b.Verbs, r) {
					return r
				}
				return -1
			}, a.Verbs)
			if verbs != "" {
				out = append(out, Scope{resource, verbs})
			}
		}
	}
	return out.normal()
}

// String is the space-separated list in the form of version 2.
func (s Scopes) String() string {
	words := make([]string, len(s))
	for i, scope := range s {
		words[i] = scope.String()
	}
	return strings.Join(words, " ")
}
