package validate

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// The severities of findings (R4, valueset-issue-severity.html). That of a finding which says none is error.
const (
	warning     = "warning"
	information = "information"
)

// mostChecked is how many findings Check reports for one resource.
const mostChecked = 200

// Validator does what $validate does: Write, the invariants of R4, and the profiles that Khamxa ships. Expressions are compiled
// once each, when they are first needed. It is safe for concurrent use.
type Validator struct {
	programs    [len(rules)]program
	matching    sync.Mutex // held while an expression with a regular expression is evaluated
	profiles    []*profile
	elementPath *regexp.Regexp
	plainPath   *regexp.Regexp
}

// New makes a Validator with the profiles that are shipped. Errors are fault.Internal: a profile of ours that cannot be read.
func New() (*Validator, error) {
	v := &Validator{elementPath: regexp.MustCompile(elementPathForm), plainPath: regexp.MustCompile(plainPathForm)}
	var err error
	if v.profiles, err = shippedProfiles(); err != nil {
		return nil, fault.Wrap(err, fault.Internal, "validate.New", "A profile of this program cannot be read.")
	}
	return v, nil
}

// Profiles are the canonical URLs of the shipped profiles of a resource type, sorted.
func (v *Validator) Profiles(resourceType string) (urls []string) {
	for _, p := range v.profiles {
		if p.typ == resourceType {
			urls = append(urls, p.url)
		}
	}
	return urls
}

// Check tells all that is to be said of a resource: what Write finds, the invariants that do not hold (warnings among them), and
// where it does not follow its profiles: those that its meta.profile claims and those named here, by canonical URL, a |version
// allowed. It is empty when there is nothing. An unknown profile that is named is an error; one that is claimed is only told.
// Expression and sentence are as in Write; the list is in the order of the text, 200 issues and one at most.
//
// The work is bounded by ctx: when it ends, the error is fault.TooCostly.
func (v *Validator) Check(ctx context.Context, r *fhir.Resource, profiles ...string) ([]fhir.Issue, error) {
	c := &checker{root: r.Root, most: mostChecked}
	c.resource(r.Root)
	if n := boundless(r.Root); n != nil {
		c.wrong(n, value, "The invariants are not evaluated, for the exponent of this number is out of all measure")
		return c.issues(), nil
	}
	w := &walker{v: v, c: c, s: scene{ctx: ctx}, skipped: map[string]bool{}}
	w.resource(r.Root, false)
	w.follow(r, profiles)
	if ctx.Err() != nil {
		return nil, fault.Wrap(errors.Join(ctx.Err()), fault.TooCostly, "validate.Check", "The resource takes longer to validate than is allowed.")
	}
	if len(w.skipped) > 0 {
		keys := strings.Join(slices.Sorted(maps.Keys(w.skipped)), ", ")
		c.report(finding{at: r.Root, severity: information, code: processing, text: "Not evaluated, for the expressions do not fit what is here: " + keys})
	}
	return c.issues(), nil
}
