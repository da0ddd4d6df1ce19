package patch

import (
	"strconv"

	"khamxa/fhir"
	"khamxa/fhir/validate"
)

// change is one operation of a FHIRPath Patch.
type change struct {
	at    string // "Parameters.parameter[2]"
	kind  string
	steps []step
	name  string
	value *fhir.Value // the parameter part that holds the value
	numbers
}

// numbers are the places in a list; -1 for one that is not given.
type numbers struct{ index, source, destination int }

// ParseParameters reads a FHIRPath Patch: a Parameters resource with parameters named operation, whose parts are type (add, insert,
// delete, replace, move), path, name, value, index, source and destination (R4, fhirpatch.html). Errors are fault.Invalid with the parameter as Path, and fault.TooLarge.
//
// A value may be written in each form that the specification has: value[x], a resource, or parts for an element that has no type
// of its own (Patient.contact).
func ParseParameters(r *fhir.Resource) (*Patch, error) {
	if r.Type != "Parameters" {
		return nil, wrong(r.Type+".resourceType", "A FHIRPath Patch is a Parameters resource.")
	}
	list := r.Root.Get("parameter").Items()
	if len(list) > MaxOperations {
		return nil, tooMany(len(list))
	}
	p := &Patch{}
	for i, v := range list {
		at := "Parameters.parameter[" + strconv.Itoa(i) + "]"
		if !v.Get("name").IsString("operation") {
			return nil, wrong(at+".name", "Each parameter of a FHIRPath Patch is an operation.")
		}
		o, err := readChange(v, at)
		if err != nil {
			return nil, err
		}
		p.operations = append(p.operations, o)
	}
	return p, nil
}

func readChange(v *fhir.Value, at string) (*change, error) {
	o := &change{at: at, numbers: numbers{-1, -1, -1}}
	path := ""
	for _, part := range v.Get("part").Items() {
		var err error
		switch name := part.Get("name").String(); name {
		case "type":
			o.kind = part.Get("valueCode").String()
		case "path":
			path = part.Get("valueString").String()
		case "name":
			o.name = part.Get("valueString").String()
		case "value":
			o.value = part
		case "index":
			o.index, err = whole(part, at)
		case "source":
			o.source, err = whole(part, at)
		case "destination":
			o.destination, err = whole(part, at)
		default:
			err = wrong(at, "The part %s is none of type, path, name, value, index, source and destination.", short(name))
		}
		if err != nil {
			return nil, err
		}
	}
	return o, o.check(path)
}

func whole(part *fhir.Value, at string) (int, error) {
	n, err := strconv.Atoi(part.Get("valueInteger").String())
	if err != nil || n < 0 || n > fhir.MaxTokens {
		return -1, wrong(at, "The part %s needs a valueInteger from 0.", part.Get("name").String())
	}
	return n, nil
}

// check demands the parts that the operation needs, and reads the path.
func (o *change) check(path string) error {
	need := map[string]bool{"path": path == ""}
	switch o.kind {
	case "add":
		need["name"], need["value"] = o.name == "", o.value == nil
	case "insert":
		need["index"], need["value"] = o.index < 0, o.value == nil
	case "replace":
		need["value"] = o.value == nil
	case "move":
		need["source"], need["destination"] = o.source < 0, o.destination < 0
	case "delete":
	default:
		return wrong(o.at, "The type of the operation is none of add, insert, delete, replace and move.")
	}
	for _, part := range [...]string{"path", "name", "value", "index", "source", "destination"} {
		if need[part] {
			return wrong(o.at, "The operation %s needs the part %s.", o.kind, part)
		}
	}
	steps, why := parsePath(path)
	if why != "" {
		return wrong(o.at, "The path %s.", why)
	}
	o.steps = steps
	return nil
}

func (o *change) do(root *node, left *budget) error {
	if o.value != nil {
		if err := left.add(len(o.value.Bytes()), o.at); err != nil {
			return err
		}
	}
	base := rootOf(root)
	steps := o.steps
	if first := steps[0]; first.kind == member && (first.name == root.get("resourceType").text() || first.name == "Resource" || first.name == "DomainResource") {
		steps = steps[1:]
	}
	switch o.kind {
	case "insert", "move":
		return o.inList(base, steps, left)
	}
	found, why := left.eval([]place{base}, steps)
	switch {
	case left.looks < 0:
		return tooCostly(o.at)
	case why != "":
		return wrong(o.at, "The path %s.", why)
	case len(found) == 0 && o.kind == "delete":
		return nil // nothing is there already
	case len(found) == 0:
		return wrong(o.at, "The path names nothing that is there.")
	case len(found) > 1:
		return wrong(o.at, "The path names %d elements; it must name one.", len(found))
	case o.kind == "add":
		return o.add(&found[0])
	case found[0].in == nil:
		return wrong(o.at, "The whole resource cannot be replaced or deleted by a patch: use update or delete.")
	case o.kind == "delete":
		found[0].delete()
		return nil
	}
	return o.replace(&found[0])
}

// target finds what the name in an object stands for, given the type of the value.
func (o *change) target(p *place, name string, value *fhir.Value) (validate.Member, error) {
	typed := name + valueType(value)
	for _, m := range members(p.inside(), name) {
		if m.Name == name || m.Name == typed {
			return m, nil
		}
	}
	return validate.Member{}, wrong(o.at, "There is no element %s that could have this value.", short(name))
}

// add puts a new element into the one that the path names, at the end of its list.
func (o *change) add(p *place) error {
	object := p.value()
	if p.in != nil && object.kind() != fhir.Object {
		if object = p.beside(); object == nil {
			object = newObject()
			p.putBeside(object)
		}
		p = &place{in: nil, own: object, item: -1}
	}
	e, err := o.target(p, o.name, o.value)
	if err != nil {
		return err
	}
	v, beside, err := o.build(o.value, e.Inside)
	if err != nil {
		return err
	}
	list := object.get(e.Name).items()
	if !e.Repeats {
		if len(p.children(o.name)) > 0 {
			return wrong(o.at, "The element %s is there already: replace it.", short(o.name))
		}
		put(object, e.Name, v, beside)
		return nil
	}
	insertAt(object, e.Name, max(len(list), len(object.get("_"+e.Name).items())), v, beside)
	return nil
}

// inList does insert and move, whose path names a list.
func (o *change) inList(base place, steps []step, left *budget) error {
	if len(steps) == 0 || steps[len(steps)-1].kind != member {
		return wrong(o.at, "The path of an %s names a list, by the name of its element.", o.kind)
	}
	name := steps[len(steps)-1].name
	found, why := left.eval([]place{base}, steps[:len(steps)-1])
	switch {
	case left.looks < 0:
		return tooCostly(o.at)
	case why != "":
		return wrong(o.at, "The path %s.", why)
	case len(found) != 1:
		return wrong(o.at, "The path leads to %d elements; it must lead to one list.", len(found))
	case found[0].value().kind() != fhir.Object:
		return wrong(o.at, "The path leads to a primitive, which has no lists.")
	}
	p := &found[0]
	object := p.value()
	if o.kind == "move" {
		return o.move(object, name)
	}
	e, err := o.target(p, name, o.value)
	if err != nil {
		return err
	}
	n := max(len(object.get(e.Name).items()), len(object.get("_"+e.Name).items()))
	if !e.Repeats || o.index > n {
		return wrong(o.at, "The element %s is no list, or has only %d items.", short(name), n)
	}
	v, beside, err := o.build(o.value, e.Inside)
	if err != nil {
		return err
	}
	insertAt(object, e.Name, o.index, v, beside)
	return nil
}

func (o *change) move(object *node, name string) error {
	n := max(len(object.get(name).items()), len(object.get("_"+name).items()))
	if o.source >= n || o.destination >= n {
		return wrong(o.at, "The list has %d items: source and destination are below that.", n)
	}
	for _, member := range [...]string{name, "_" + name} {
		array := object.get(member)
		if array.kind() != fhir.Array {
			continue
		}
		fill(array, n)
		array.insert(o.destination, "", array.remove(o.source))
	}
	trim(object, name)
	return nil
}

// replace puts another value in the place of an element; one of a choice may become another type.
func (o *change) replace(p *place) error {
	name, inside := p.member, p.shape
	if p.item < 0 {
		for _, e := range p.of.Members(p.name) {
			if e.Name == p.name+valueType(o.value) && e.Name != p.member {
				p.in.rename(p.member, e.Name)
				p.in.drop("_" + p.member)
				name, inside = e.Name, e.Inside
			}
		}
	}
	v, beside, err := o.build(o.value, inside)
	if err != nil {
		return err
	}
	if p.item < 0 {
		put(p.in, name, v, beside)
		return nil
	}
	setItem(p.in, name, p.item, v)
	setItem(p.in, "_"+name, p.item, beside)
	trim(p.in, name)
	return nil
}
