package rest

import (
	"context"
	"errors"
	"net/http"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// valid checks what is to be written, by Options.Validate.
func (s *server) valid(r *fhir.Resource) error {
	if s.Validate == nil {
		return nil
	}
	return s.Validate(r)
}

// eachOf applies f to an error, or to each of those that errors.Join put together: findings stay findings of their own.
func eachOf(err error, f func(error) error) error {
	joined, ok := err.(interface{ Unwrap() []error }) // only a join at the top is a list, as in fhir.Outcome
	if !ok {
		return f(err)
	}
	var list []error
	for _, one := range joined.Unwrap() {
		list = append(list, f(one))
	}
	return errors.Join(list...)
}

// validateRoutes are those of $validate, which keeps nothing: a type's needs the right to create, an instance's the right to read.
// https://hl7.org/fhir/R4/resource-operation-validate.html
func validateRoutes() []route {
	const (
		code = "$validate"
		typ  = "/{type}/$validate"
		inst = "/{type}/{id}/$validate"
	)
	return []route{
		{code, "POST", typ, Create, typeLevel, operationBody, readTime, (*server).validate},
		{code, "GET", inst, Read, instanceLevel, noBody, readTime, (*server).validate},
		{code, "POST", inst, Read, instanceLevel, operationBody, readTime, (*server).validate},
	}
}

// The modes of $validate (R4, valueset-resource-validation-mode.html); "" and profile ask about the content alone.
const (
	modeCreate  = "create"
	modeUpdate  = "update"
	modeDelete  = "delete"
	modeProfile = "profile"
)

// validate answers 200 with what was found, unless the request itself is wrong. The resource is the body, or the parameter
// resource of a Parameters resource; without it, that of the address.
func (s *server) validate(ctx context.Context, c *call) (answer, error) {
	args, r, findings, err := c.toValidate()
	if err != nil {
		return answer{}, err
	}
	mode := args.text("mode")
	switch mode {
	case "", modeCreate, modeUpdate, modeProfile:
	case modeDelete:
		return s.validateDelete(ctx, c)
	default:
		return answer{}, fault.New(fault.Invalid, "rest.validate", "The mode must be create, update, delete or profile.").At("mode")
	}
	if findings != nil {
		return answer{status: http.StatusOK, body: fhir.OutcomeOf(findings...)}, nil
	}
	a := answer{status: http.StatusOK}
	if r == nil {
		v, err := s.stored(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if r, err = fhir.Parse(v.body); err != nil {
			return answer{}, fault.Wrap(err, fault.Internal, "rest.validate", "A stored resource cannot be read. It has been written to the log.")
		}
		a.shown = v.shown
	}
	if findings, err = s.checks.Check(ctx, r, args.texts("profile")...); err != nil {
		return answer{}, err
	}
	a.body = fhir.OutcomeOf(append(findings, c.identified(mode, r)...)...)
	return a, nil
}

// toValidate reads the parameters and the resource, nil if none was sent. Findings are what the parser says of a body that is no resource.
func (c *call) toValidate() (args arguments, r *fhir.Resource, findings []fhir.Issue, err error) {
	known := []string{"resource=" + c.typ, "mode", "profile*"}
	bare := c.nested
	if bare == nil && len(c.body) > 0 {
		if bare, err = fhir.Parse(c.body); err != nil {
			args, argsErr := c.without().arguments(known...)
			return args, nil, fhir.Issues(err), argsErr
		}
	}
	switch {
	case bare == nil && c.rt.level == typeLevel:
		return nil, nil, nil, fault.New(fault.Invalid, "rest.validate", "There is nothing to validate: send the resource as the body, or as the parameter resource of a Parameters resource.").At("resource")
	case bare == nil || bare.Type == "Parameters" && (c.typ != "Parameters" || wraps(bare)):
		if args, err = c.arguments(known...); err != nil {
			return nil, nil, nil, err
		}
		if r = args.resource("resource"); r == nil && c.rt.level == typeLevel && args.text("mode") != modeDelete {
			err = fault.New(fault.Invalid, "rest.validate", "There is nothing to validate: the parameter resource is missing.").At("resource")
		}
		return args, r, nil, err
	case bare.Type != c.typ:
		return nil, nil, nil, fault.Newf(fault.Invalid, "rest.validate", "The body is a %s, and the address is for %s.", bare.Type, c.typ).At(bare.Type + ".resourceType")
	}
	args, err = c.without().arguments(known...)
	return args, bare, nil, err
}

// without is the call with the parameters of its address only.
func (c *call) without() *call {
	bare := *c
	bare.body, bare.nested = nil, nil
	return &bare
}

// wraps reports whether a Parameters resource is what an operation is given, not what is to be validated.
func wraps(r *fhir.Resource) bool {
	for _, p := range r.Root.Get("parameter").Items() {
		if p.Get("name").IsString("resource") && p.Get("resource") != nil {
			return true
		}
	}
	return false
}

// stored gives the resource of the address, as reading it would.
func (s *server) stored(ctx context.Context, c *call) (storedResource, error) {
	v, err := s.current(ctx, c.access, c.typ, c.id)
	return storedResource{v.Body, []string{c.typ + "/" + c.id}}, err
}

type storedResource struct {
	body  []byte
	shown []string // for the audit trail
}

// identified checks the id for an update: the body's must be that of the address.
func (c *call) identified(mode string, r *fhir.Resource) []fhir.Issue {
	issue := fhir.Issue{Severity: "error", Code: "invalid", Fault: fault.Invalid, Expression: r.Type + ".id"}
	switch {
	case mode != modeUpdate:
		return nil
	case r.ID == "":
		issue.Code, issue.Text = "required", "A resource that is to be updated needs its id."
	case c.rt.level == instanceLevel && r.ID != c.id:
		issue.Text = "The id of the resource is not the one of the address."
	default:
		return nil
	}
	return []fhir.Issue{issue}
}

// validateDelete says whether the resource of the address could be deleted. Nothing that refers to it stands against that.
func (s *server) validateDelete(ctx context.Context, c *call) (answer, error) {
	if c.rt.level != instanceLevel {
		return answer{}, fault.New(fault.Invalid, "rest.validate", "A deletion is validated at the address of the resource, as in Patient/1/$validate.").At("mode")
	}
	v, err := s.stored(ctx, c)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK, shown: v.shown, body: done()}
	if !c.access.allows(c.typ, Delete) {
		a.body = fhir.OutcomeOf(fhir.Issue{Severity: "error", Code: "forbidden", Fault: fault.Forbidden, Text: "You may not delete resources of type " + c.typ + "."})
	}
	return a, nil
}
