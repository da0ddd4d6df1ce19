package rest

import (
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// operationRoutes are the operations (https://hl7.org/fhir/R4/operations.html): by GET with the parameters in the address, or by POST
// with a Parameters resource. An unknown parameter is refused, as everywhere.
func operationRoutes() []route {
	const (
		systems = "/CodeSystem"
		sets    = "/ValueSet"
	)
	var list []route
	both := func(code, base string, verb Verb, l level, within time.Duration, run handler) {
		list = append(list,
			route{code, "GET", base + "/" + code, verb, l, noBody, within, run},
			route{code, "POST", base + "/" + code, verb, l, operationBody, within, run})
	}
	both("$lookup", systems, Read, typeLevel, readTime, (*server).lookup)
	both("$validate-code", systems, Read, typeLevel, readTime, (*server).validateSystemCode)
	both("$validate-code", systems+"/{id}", Read, instanceLevel, readTime, (*server).validateSystemCode)
	both("$subsumes", systems, Read, typeLevel, readTime, (*server).subsumes)
	both("$subsumes", systems+"/{id}", Read, instanceLevel, readTime, (*server).subsumes)
	both("$expand", sets, Read, typeLevel, readTime, (*server).expand)
	both("$expand", sets+"/{id}", Read, instanceLevel, readTime, (*server).expand)
	both("$validate-code", sets, Read, typeLevel, readTime, (*server).validateSetCode)
	both("$validate-code", sets+"/{id}", Read, instanceLevel, readTime, (*server).validateSetCode)
	both("$everything", "/Patient/{id}", Read, instanceLevel, readTime, (*server).everything)
	both("$everything", "/Encounter/{id}", Read, instanceLevel, readTime, (*server).everything)
	both("$lastn", "/Observation", Search, typeLevel, readTime, (*server).lastn)
	return append(list, route{"$purge", "POST", "/Patient/{id}/$purge", Purge, instanceLevel, operationBody, bundleTime, (*server).purge})
}

// operation reports whether the route is one.
func (rt *route) operation() bool { return strings.HasPrefix(rt.code, "$") }

// ofType is the resource type that the pattern names itself ("/Patient/{id}/$everything"), "" when it is a variable.
func (rt *route) ofType() string {
	first, _, _ := strings.Cut(strings.TrimPrefix(rt.pattern, "/"), "/")
	if fhir.IsType(first) {
		return first
	}
	return ""
}

// mostArguments bounds the parameters of an operation.
const mostArguments = 1_000

// argument is one parameter that an operation was given: text for a primitive value, value for another data type, resource for a
// resource.
type argument struct {
	name     string
	text     string
	value    *fhir.Value
	resource *fhir.Resource
}

// arguments are those of one call.
type arguments []argument

// text is the value of a primitive parameter, "" when it was not given.
func (a arguments) text(name string) string {
	for i := range a {
		if a[i].name == name {
			return a[i].text
		}
	}
	return ""
}

// texts are the values of one that may be given many times.
func (a arguments) texts(name string) (list []string) {
	for i := range a {
		if a[i].name == name {
			list = append(list, a[i].text)
		}
	}
	return list
}

// value is that of a parameter that is no primitive, nil when it was not given.
func (a arguments) value(name string) *fhir.Value {
	for i := range a {
		if a[i].name == name {
			return a[i].value
		}
	}
	return nil
}

// resource is the resource that was given, nil when none was.
func (a arguments) resource(name string) *fhir.Resource {
	for i := range a {
		if a[i].name == name {
			return a[i].resource
		}
	}
	return nil
}

// truth is the value of a boolean parameter.
func (a arguments) truth(name string) (bool, error) {
	switch text := a.text(name); text {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	default:
		return false, fault.Newf(fault.Invalid, "rest.truth", "%s must be true or false.", name).At(name)
	}
}

// arguments reads what an operation was given. known are its parameters: "code", "property*" (may be given many times),
// "coding=Coding" (a data type that is no primitive, or a resource type).
func (c *call) arguments(known ...string) (arguments, error) {
	forms := map[string]string{}
	many := map[string]bool{}
	for _, k := range known {
		name, form, _ := strings.Cut(k, "=")
		name, repeats := strings.CutSuffix(name, "*")
		forms[name], many[name] = form, repeats
	}
	var all arguments
	for name, values := range c.values {
		if slices.Contains(everywhere(), name) {
			continue
		}
		if form, ok := forms[name]; ok && form != "" {
			return nil, fault.Newf(fault.Invalid, "rest.arguments", "The parameter %s is a %s: it can only come in a Parameters resource, by POST.", name, form).At(name)
		}
		for _, text := range values {
			all = append(all, argument{name: name, text: text})
		}
	}
	given, err := c.parameters()
	if err != nil {
		return nil, err
	}
	all = append(all, given...)
	if len(all) > mostArguments {
		return nil, fault.Newf(fault.Invalid, "rest.arguments", "An operation takes at most %d parameters.", mostArguments)
	}
	seen := map[string]bool{}
	for i := range all {
		form, ok := forms[all[i].name]
		switch {
		case !ok:
			return nil, unknownArgument(c, all[i].name, known)
		case seen[all[i].name] && !many[all[i].name]:
			return nil, fault.Newf(fault.Invalid, "rest.arguments", "The parameter %s may be given once only.", all[i].name).At(all[i].name)
		}
		if err := all[i].fits(form); err != nil {
			return nil, err
		}
		seen[all[i].name] = true
	}
	return all, nil
}

func unknownArgument(c *call, name string, known []string) error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i], _, _ = strings.Cut(k, "=")
		names[i] = strings.TrimSuffix(names[i], "*")
	}
	if len(names) == 0 {
		return fault.Newf(fault.Invalid, "rest.arguments", "The parameter %q is not known here: %s takes none.", clip(name), c.rt.code).At(clip(name))
	}
	return fault.Newf(fault.Invalid, "rest.arguments", "The parameter %q is not known here; %s takes %s.", clip(name), c.rt.code, sentenceList(names)).At(clip(name))
}

// fits checks that the argument has the form that its operation knows.
func (a *argument) fits(form string) error {
	ok := false
	switch {
	case form == "":
		ok = a.value == nil && a.resource == nil
	case fhir.IsType(form):
		ok = a.resource != nil && a.resource.Type == form
	default:
		ok = a.value != nil
	}
	if ok {
		return nil
	}
	if form == "" {
		form = "primitive value"
	}
	return fault.Newf(fault.Invalid, "rest.arguments", "The parameter %s must be a %s.", a.name, form).At(a.name)
}

// parameters reads the Parameters resource in the body, which may be left out. https://hl7.org/fhir/R4/parameters.html
func (c *call) parameters() (arguments, error) {
	const op = "rest.parameters"
	r := c.nested
	if r == nil {
		if len(c.body) == 0 {
			return nil, nil
		}
		var err error
		if r, err = fhir.Parse(c.body); err != nil {
			return nil, err
		}
	}
	if r.Type != "Parameters" {
		return nil, fault.Newf(fault.Invalid, op, "The body of %s must be a Parameters resource; this is a %s.", c.rt.code, r.Type).At(r.Type + ".resourceType")
	}
	var all arguments
	for v := r.Root.Get("parameter").First(); v != nil; v = v.Next() {
		a := argument{name: v.Get("name").String()}
		values := 0
		for member, x := range v.Members() {
			switch {
			case member == "resource":
				values++
				var err error
				if a.resource, err = fhir.ResourceAt(x); err != nil {
					return nil, err
				}
			case member == "part":
				values++
				a.value = x
			case strings.HasPrefix(member, "value"):
				values++
				if a.text = x.String(); x.Kind() == fhir.Object {
					a.value = x
				}
			}
		}
		if a.name == "" || values != 1 {
			return nil, fault.New(fault.Invalid, op, "Each parameter has a name and exactly one value, resource or list of parts.").At("Parameters.parameter")
		}
		all = append(all, a)
	}
	return all, nil
}
