package rest

import (
	"strings"

	"khamxa/internal/fault"
)

// etag is the weak entity tag of a version. https://hl7.org/fhir/R4/http.html#versioning
func etag(version string) string { return `W/"` + version + `"` }

// tags reads a list of entity tags into version ids. Weak, strong and bare forms mean the same; "*" stays as it is.
func tags(header string) []string {
	var versions []string
	for _, one := range strings.Split(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if len(one) >= 2 && one[0] == '"' && one[len(one)-1] == '"' {
			one = one[1 : len(one)-1]
		}
		if one != "" {
			versions = append(versions, one)
		}
	}
	return versions
}

// matchVersion reads If-Match: the one version that must be current, "" when the caller states none.
func matchVersion(header string) (string, error) {
	if strings.TrimSpace(header) == "" {
		return "", nil
	}
	versions := tags(header)
	if len(versions) != 1 || strings.Trim(versions[0], "0123456789") != "" {
		return "", fault.New(fault.Invalid, "rest.matchVersion", `If-Match must name one version, as in W/"3".`).At("If-Match")
	}
	return versions[0], nil
}
