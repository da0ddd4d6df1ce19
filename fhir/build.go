package fhir

import (
	"math"
	"strconv"
	"time"
)

// Builder writes a JSON object member by member, in the order of the calls, for resources that Khamxa authors itself.
// Members that would be empty ("" strings, nil objects, empty lists) are left out, because FHIR allows none. It does not know
// the elements of a resource: a wrong name is a wrong name. A nil *Builder is an empty object.
//
//	raw := fhir.BuildResource("Observation", id).
//		String("status", "final").
//		Object("code", fhir.Concept("http://loinc.org", "85354-9", "Blood pressure panel")).
//		Object("subject", fhir.Ref("Patient/1")).
//		Bytes()
type Builder struct{ b []byte }

// Build starts an object.
func Build() *Builder { return &Builder{} }

// BuildResource starts a resource. An empty id is left out.
func BuildResource(resourceType, id string) *Builder {
	return Build().String("resourceType", resourceType).String("id", id)
}

// name starts a member.
func (o *Builder) name(name string) {
	if len(o.b) > 0 {
		o.b = append(o.b, ',')
	}
	o.b = append(appendQuoted(o.b, name), ':')
}

// String writes a string, code, uri, date or any other primitive that JSON keeps in quotes.
func (o *Builder) String(name, value string) *Builder {
	if value != "" {
		o.name(name)
		o.b = appendQuoted(o.b, value)
	}
	return o
}

// Strings writes an array of strings; empty ones are left out.
func (o *Builder) Strings(name string, values ...string) *Builder {
	var items []byte
	for _, v := range values {
		if v == "" {
			continue
		}
		if items != nil {
			items = append(items, ',')
		}
		items = appendQuoted(items, v)
	}
	return o.array(name, items)
}

// Bool writes a boolean.
func (o *Builder) Bool(name string, value bool) *Builder {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
	return o
}

// Int writes an integer.
func (o *Builder) Int(name string, value int) *Builder {
	o.name(name)
	o.b = strconv.AppendInt(o.b, int64(value), 10)
	return o
}

// Decimal writes a decimal with the given number of digits after the point: its precision is part of its meaning (R4,
// datatypes.html#decimal). What is no number is left out.
func (o *Builder) Decimal(name string, value float64, digits int) *Builder {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return o
	}
	o.name(name)
	o.b = strconv.AppendFloat(o.b, value, 'f', digits, 64)
	return o
}

// Instant writes an instant or dateTime with seconds and the offset of t's zone. The zero time is left out.
func (o *Builder) Instant(name string, t time.Time) *Builder {
	if t.IsZero() {
		return o
	}
	return o.String(name, t.Format(time.RFC3339))
}

// Object writes an object. A nil or empty one is left out.
func (o *Builder) Object(name string, value *Builder) *Builder {
	if !value.Empty() {
		o.name(name)
		o.b = append(o.b, value.Bytes()...)
	}
	return o
}

// List writes an array of objects; nil and empty ones are left out.
func (o *Builder) List(name string, values ...*Builder) *Builder {
	var items []byte
	for _, v := range values {
		if v.Empty() {
			continue
		}
		if items != nil {
			items = append(items, ',')
		}
		items = append(items, v.Bytes()...)
	}
	return o.array(name, items)
}

// Raw writes JSON that is already known to be valid, such as Value.Bytes of a parsed resource. Empty text is left out.
func (o *Builder) Raw(name string, json []byte) *Builder {
	if len(json) > 0 {
		o.name(name)
		o.b = append(o.b, json...)
	}
	return o
}

func (o *Builder) array(name string, items []byte) *Builder {
	if len(items) > 0 {
		o.name(name)
		o.b = append(append(append(o.b, '['), items...), ']')
	}
	return o
}

// Empty reports whether nothing was written.
func (o *Builder) Empty() bool { return o == nil || len(o.b) == 0 }

// Bytes is the object as compact JSON, "{}" when empty. It is a new slice each time.
func (o *Builder) Bytes() []byte {
	if o.Empty() {
		return []byte("{}")
	}
	out := make([]byte, 0, len(o.b)+2)
	return append(append(append(out, '{'), o.b...), '}')
}

// Coding is a Coding; display may be "".
func Coding(system, code, display string) *Builder {
	return Build().String("system", system).String("code", code).String("display", display)
}

// Concept is a CodeableConcept with one coding; display may be "".
func Concept(system, code, display string) *Builder {
	return Build().List("coding", Coding(system, code, display))
}

// Ref is a Reference to a literal ("Patient/1", "urn:uuid:..."); nil for "", so that it is left out.
func Ref(reference string) *Builder {
	if reference == "" {
		return nil
	}
	return Build().String("reference", reference)
}

// Quantity is a Quantity in a UCUM unit: value with the given digits after the point, unit as people write it ("mmHg"), code
// as UCUM does ("mm[Hg]").
func Quantity(value float64, digits int, unit, code string) *Builder {
	return Build().Decimal("value", value, digits).String("unit", unit).
		String("system", "http://unitsofmeasure.org").String("code", code)
}
