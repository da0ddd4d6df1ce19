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

// matchVersions reads If-Match: versions of which one must be current, or "*" for any; nil when the caller demands nothing. Only what
// can be a version of this server is taken. https://hl7.org/fhir/R4/http.html#concurrency
func matchVersions(header string) ([]string, error) {
	if strings.TrimSpace(header) == "" {
		return nil, nil
	}
	versions := tags(header)
	for _, v := range versions {
		if v != "*" && strings.Trim(v, "0123456789") != "" {
			versions = nil
		}
	}
	if len(versions) == 0 {
		return nil, fault.New(fault.Invalid, "rest.matchVersions", `If-Match must name a version, as in W/"3", or several with commas between them.`).At("If-Match")
	}
	return versions, nil
}
