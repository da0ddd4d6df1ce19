// Package patch changes resources in part: JSON Patch (RFC 6902) and FHIRPath Patch (HL7 FHIR R4, fhirpatch.html).
//
// A patch is read once and applied to the bytes of a resource. What it does not touch stays as it is: the text of numbers, the
// escapes of strings, the order of members. All operations are done or none: Apply gives a new resource and leaves the old one. The type
// and the id cannot be changed. Whether the result is a valid resource is not judged here but by who keeps it.
//
// It is pure: no network, no store, no clock. fhir/rest calls it.
package patch

import (
	"strconv"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Limits of a patch; TooLarge past them.
const (
	MaxOperations = 1_000
	MaxAdded      = 4 << 20 // bytes that all operations together may add, so that copies of copies end

	mostLooks = 2_000_000 // elements that the paths of all operations together may look at
)

// Patch is a list of operations. It is read-only and may be applied any number of times.
type Patch struct{ operations []operation }

// operation is one step.
type operation interface {
	do(root *node, left *budget) error
}

// budget is what is left of the work that a patch may cost.
type budget struct{ added, looks int }

// Apply gives the resource that the operations make of r. Errors are fault.Invalid when an operation cannot be done, with the
// operation as Path ("[2]" or "Parameters.parameter[2]"); fault.Precondition when a test fails; fault.TooLarge and fault.TooCostly past the limits.
func (p *Patch) Apply(r *fhir.Resource) (*fhir.Resource, error) {
	const op = "patch.Apply"
	root := nodeOf(r.Root)
	left := &budget{MaxAdded, mostLooks}
	for _, o := range p.operations {
		if err := o.do(root, left); err != nil {
			return nil, err
		}
	}
	result, err := fhir.Parse(root.bytes())
	switch {
	case err != nil:
		return nil, err
	case result.Type != r.Type:
		return nil, fault.New(fault.Invalid, op, "A patch cannot change the type of a resource.").At(r.Type + ".resourceType")
	case result.ID != r.ID:
		return nil, fault.New(fault.Invalid, op, "A patch cannot change the id of a resource.").At(r.Type + ".id")
	}
	return result, nil
}

// add takes what a value adds off the budget.
func (b *budget) add(size int, at string) error {
	if b.added -= size; b.added < 0 {
		return fault.Newf(fault.TooLarge, "patch.add", "The patch adds more than %d MiB.", MaxAdded>>20).At(at)
	}
	return nil
}

// look takes elements that are looked at off the budget; over reports that it is used up.
func (b *budget) look(n int) (over bool) {
	b.looks -= n
	return b.looks < 0
}

func tooCostly(at string) error {
	return fault.New(fault.TooCostly, "patch.tooCostly", "The patch looks at too much of the resource: use fewer operations or simpler paths.").At(at)
}

func tooMany(n int) error {
	return fault.Newf(fault.TooLarge, "patch.tooMany", "The patch has %d operations; %d are the most.", n, MaxOperations)
}

// wrong is an operation that cannot be done.
func wrong(at, format string, args ...any) error {
	return fault.Newf(fault.Invalid, "patch.wrong", format, args...).At(at)
}

// short keeps what a stranger wrote short enough to repeat.
func short(s string) string {
	const most = 80
	if len(s) <= most {
		return strconv.Quote(s)
	}
	r := []rune(s[:most])
	return strconv.Quote(string(r[:len(r)-1]) + "…")
}
