package patch

import (
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// jsonOperation is one operation of a JSON Patch.
type jsonOperation struct {
	at         string // "[2]"
	op         string
	path, from []string // pointers (RFC 6901), taken apart
	value      *fhir.Value
}

// ParseJSON reads a JSON Patch document (RFC 6902): an array of add, remove, replace, move, copy and test. Members that an
// operation does not have are ignored, as the RFC demands. Errors are fault.Invalid with the operation as Path ("[2].path"), and
// fault.TooLarge.
func ParseJSON(document []byte) (*Patch, error) {
	root, err := fhir.ParseJSON(document)
	if err != nil {
		return nil, err
	}
	if root.Kind() != fhir.Array {
		return nil, wrong("", "A JSON Patch is an array of operations.")
	}
	if root.Len() > MaxOperations {
		return nil, tooMany(root.Len())
	}
	p := &Patch{}
	i := 0
	for v := root.First(); v != nil; v = v.Next() {
		o, err := readOperation(v, "["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		p.operations = append(p.operations, o)
		i++
	}
	return p, nil
}

func readOperation(v *fhir.Value, at string) (*jsonOperation, error) {
	name := v.Get("op")
	if v.Kind() != fhir.Object || name.Kind() != fhir.String {
		return nil, wrong(at, `An operation is an object with a member "op".`)
	}
	o := &jsonOperation{at: at, op: name.String(), value: v.Get("value")}
	var err error
	if o.path, err = pointer(v, "path", at); err != nil {
		return nil, err
	}
	switch o.op {
	case "add", "replace", "test":
		if o.value == nil {
			return nil, wrong(at+".value", "The operation %s needs a value.", o.op)
		}
	case "move", "copy":
		if o.from, err = pointer(v, "from", at); err != nil {
			return nil, err
		}
		if o.op == "move" && len(o.from) < len(o.path) && starts(o.path, o.from) {
			return nil, wrong(at+".path", "A value cannot be moved into itself.")
		}
	case "remove":
	default:
		return nil, wrong(at+".op", "The operation %s is none of add, remove, replace, move, copy and test.", short(o.op))
	}
	return o, nil
}

// pointer reads a JSON Pointer (RFC 6901).
func pointer(v *fhir.Value, member, at string) ([]string, error) {
	at += "." + member
	p := v.Get(member)
	if p.Kind() != fhir.String {
		return nil, wrong(at, "The operation needs a %s, a JSON Pointer.", member)
	}
	text := p.String()
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, wrong(at, "A JSON Pointer begins with a slash.")
	}
	parts := strings.Split(text[1:], "/")
	if len(parts) > fhir.MaxDepth {
		return nil, wrong(at, "The pointer has more than %d parts.", fhir.MaxDepth)
	}
	for i, part := range parts {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
			return nil, wrong(at, "In a JSON Pointer, ~ is written as ~0 and / as ~1.")
		}
		parts[i] = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
	}
	return parts, nil
}

func starts(path, with []string) bool {
	for i := range with {
		if path[i] != with[i] {
			return false
		}
	}
	return true
}

func (o *jsonOperation) do(root *node, left *budget) error {
	switch o.op {
	case "add":
		if err := left.add(len(o.value.Bytes()), o.at); err != nil {
			return err
		}
		return o.add(root, nodeOf(o.value))
	case "remove":
		_, err := o.remove(root, o.path, o.at+".path")
		return err
	case "replace":
		if err := left.add(len(o.value.Bytes()), o.at); err != nil {
			return err
		}
		return o.replace(root)
	case "move":
		v, err := o.remove(root, o.from, o.at+".from")
		if err != nil {
			return err
		}
		return o.add(root, v)
	case "copy":
		return o.copy(root, left)
	default:
		return o.test(root)
	}
}

// find gives the value at a pointer.
func (o *jsonOperation) find(root *node, path []string, at string) (*node, error) {
	n := root
	for _, part := range path {
		var next *node
		switch n.kind() {
		case fhir.Object:
			next = n.get(part)
		case fhir.Array:
			if i := itemIndex(part, len(n.items())-1); i >= 0 {
				next = n.items()[i]
			}
		default: // nothing is inside
		}
		if next == nil {
			return nil, wrong(at, "There is nothing at %s.", short("/"+strings.Join(path, "/")))
		}
		n = next
	}
	return n, nil
}

// parent gives the object or array that a pointer's last part is in, and that part.
func (o *jsonOperation) parent(root *node, path []string, at string) (*node, string, error) {
	if len(path) == 0 {
		return nil, "", wrong(at, "The whole resource cannot be replaced or removed by a patch: use update or delete.")
	}
	n, err := o.find(root, path[:len(path)-1], at)
	if err != nil {
		return nil, "", err
	}
	if k := n.kind(); k != fhir.Object && k != fhir.Array {
		return nil, "", wrong(at, "At %s there is no object or array.", short("/"+strings.Join(path[:len(path)-1], "/")))
	}
	return n, path[len(path)-1], nil
}

func (o *jsonOperation) add(root, v *node) error {
	in, last, err := o.parent(root, o.path, o.at+".path")
	if err != nil {
		return err
	}
	if in.kind() == fhir.Object {
		in.set(last, v)
		return nil
	}
	i := len(in.items())
	if last != "-" {
		if i = itemIndex(last, len(in.items())); i < 0 {
			return wrong(o.at+".path", "An item can be added at 0 to %d, or at the end with -.", len(in.items()))
		}
	}
	in.insert(i, "", v)
	return nil
}

func (o *jsonOperation) remove(root *node, path []string, at string) (*node, error) {
	in, last, err := o.parent(root, path, at)
	if err != nil {
		return nil, err
	}
	i := in.index(last)
	if in.kind() == fhir.Array {
		i = itemIndex(last, len(in.items())-1)
	}
	if i < 0 {
		return nil, wrong(at, "There is nothing at %s.", short("/"+strings.Join(path, "/")))
	}
	return in.remove(i), nil
}

func (o *jsonOperation) replace(root *node) error {
	in, last, err := o.parent(root, o.path, o.at+".path")
	if err != nil {
		return err
	}
	if _, err := o.find(root, o.path, o.at+".path"); err != nil {
		return err
	}
	if in.kind() == fhir.Object {
		in.set(last, nodeOf(o.value))
		return nil
	}
	in.items()[itemIndex(last, len(in.items())-1)] = nodeOf(o.value)
	return nil
}

func (o *jsonOperation) copy(root *node, left *budget) error {
	v, err := o.find(root, o.from, o.at+".from")
	if err != nil {
		return err
	}
	raw := v.bytes()
	if err := left.add(len(raw), o.at); err != nil {
		return err
	}
	copied, err := fhir.ParseJSON(raw) // later operations change one and not the other
	if err != nil {
		return wrong(o.at, "The copy would be too deep or too large.")
	}
	return o.add(root, nodeOf(copied))
}

// test compares as RFC 6902 says: numbers by value, strings by content, objects without regard to the order of members.
func (o *jsonOperation) test(root *node) error {
	v, err := o.find(root, o.path, o.at+".path")
	if err != nil {
		return err
	}
	now, err := fhir.ParseJSON(v.bytes())
	if err != nil {
		return wrong(o.at, "What is to be tested is too deep or too large.")
	}
	if !equal(now, o.value) {
		return fault.New(fault.Precondition, "patch.test", "The test does not hold, so nothing was changed.").At(o.at)
	}
	return nil
}

func equal(a, b *fhir.Value) bool {
	if a.Kind() != b.Kind() || a.Len() != b.Len() {
		return false
	}
	switch a.Kind() {
	case fhir.Number:
		return sameNumber(a.String(), b.String())
	case fhir.Object:
		byName := make(map[string]*fhir.Value, b.Len())
		for name, m := range b.Members() {
			byName[name] = m
		}
		for name, m := range a.Members() {
			if other, ok := byName[name]; !ok || !equal(m, other) {
				return false
			}
		}
		return true
	case fhir.Array:
		for x, y := a.First(), b.First(); x != nil; x, y = x.Next(), y.Next() {
			if !equal(x, y) {
				return false
			}
		}
		return true
	default:
		return a.String() == b.String()
	}
}

// sameNumber compares two numbers of JSON by value, whatever their size.
func sameNumber(a, b string) bool {
	x, okX := decimalOf(a)
	y, okY := decimalOf(b)
	if !okX || !okY {
		return a == b
	}
	return x == y
}

// decimal is a number in one form: digits without zeros at either end, times ten to the exponent.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// decimalOf reads a number of JSON. ok is false when its exponent is too large to be counted with.
func decimalOf(text string) (d decimal, ok bool) {
	text, d.negative = strings.CutPrefix(text, "-")
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	if scientific {
		var err error
		if d.exponent, err = strconv.Atoi(exponent); err != nil || max(d.exponent, -d.exponent) > 1<<30 {
			return d, false
		}
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	d.exponent -= len(fraction)
	d.digits = strings.TrimLeft(whole+fraction, "0")
	trimmed := strings.TrimRight(d.digits, "0")
	d.exponent += len(d.digits) - len(trimmed)
	if d.digits = trimmed; d.digits == "" {
		return decimal{}, true // zero has no sign
	}
	return d, true
}
