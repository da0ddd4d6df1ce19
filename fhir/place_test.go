package fhir_test

import (
	"strings"
	"testing"

	"khamxa/fhir"
)

func TestPosition(t *testing.T) {
	text := "{ \"resourceType\" : \"Patient\",\n\t\"name\": [ {\"family\": \"Đỗ \\\"x\\\" {\",\n \"given\":[\"a\"  ,\"b\"]}]\n,\"active\":true}"
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	name := r.Root.Get("name").At(0)
	for _, c := range []struct {
		what         string
		line, column int
		v            *fhir.Value
		name         bool
	}{
		{"the root", 1, 1, r.Root, false},
		{"a member", 1, 20, r.Root.Get("resourceType"), false},
		{"its name", 1, 3, r.Root.Get("resourceType"), true},
		{"an array", 2, 10, r.Root.Get("name"), false},
		{"an object in it", 2, 12, name, false},
		{"the object has no name", 2, 12, name, true},
		{"a string with escapes", 2, 23, name.Get("family"), false},
		{"after letters of several bytes", 3, 2, name.Get("given"), true},
		{"an item", 3, 17, name.Get("given").At(1), false},
		{"the last", 4, 11, r.Root.Get("active"), false},
		{"nothing", 0, 0, nil, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			line, column := c.v.Position()
			if c.name {
				line, column = c.v.NamePosition()
			}
			if line != c.line || column != c.column {
				t.Errorf("line %d, column %d, want %d, %d", line, column, c.line, c.column)
			}
		})
	}
}

// TestPositionFar: places beyond the marks of a long text, which has strings longer than a mark's distance.
func TestPositionFar(t *testing.T) {
	var b strings.Builder
	b.WriteString("{\"resourceType\":\"Basic\",\"x\":[\n")
	for i := range 5000 {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("  \"" + strings.Repeat("ấ", i%7*600) + "\", " + "1")
	}
	b.WriteString("]}")
	r, err := fhir.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for v := r.Root.Get("x").First(); v != nil; v = v.Next() {
		line, column := v.Position()
		wantColumn := 3
		if i%2 == 1 {
			wantColumn = 7 + i/2%7*600
		}
		if line != 2+i/2 || column != wantColumn {
			t.Fatalf("item %d: line %d, column %d, want %d, %d", i, line, column, 2+i/2, wantColumn)
		}
		i++
	}
	if !r.Root.Holds(r.Root.Get("x").At(3)) || r.Root.Get("x").At(3).Holds(r.Root) || r.Root.Get("x").At(1).Holds(r.Root.Get("x").At(2)) {
		t.Error("Holds")
	}
}
