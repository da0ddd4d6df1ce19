package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// Refusal is one thing that was not imported: where it stands and why. Err is a *fault.Error, or several joined. Path is the place in
// the line's document ("Bundle.entry[3].resource"), "" for a resource that is a line by itself; Resources is how many it stands for: a
// transaction Bundle is refused as a whole.
type Refusal struct {
	Source    string
	Line      int // where it begins, from 1; 0 when the source itself cannot be read
	Path      string
	Resources int
	Err       error
}

// String is the line that a person reads: file, line, place, reason, and how many reasons more there are.
func (r Refusal) String() string {
	var b strings.Builder
	b.WriteString(r.Source)
	if r.Line > 0 {
		fmt.Fprintf(&b, ":%d", r.Line)
	}
	list := causes(r.Err)
	b.WriteString(": ")
	if where := join(r.Path, fault.PathOf(list[0])); where != "" {
		b.WriteString(where + ": ")
	}
	b.WriteString(fault.MessageOf(list[0]))
	if more := len(list) - 1; more > 0 {
		fmt.Fprintf(&b, " (and %d more)", more)
	}
	if r.Resources > 1 {
		fmt.Fprintf(&b, " (%d resources, none kept)", r.Resources)
	}
	return b.String()
}

// join puts the place of a document before a place inside it.
func join(path, inside string) string {
	switch {
	case path == "" || strings.HasPrefix(inside, "Bundle."):
		return inside
	case inside == "":
		return path
	}
	if _, member, ok := strings.Cut(inside, "."); ok {
		return path + "." + member
	}
	return path
}

// causes takes joined errors apart; there is at least one.
func causes(err error) []error {
	var list interface{ Unwrap() []error }
	if errors.As(err, &list) {
		var out []error
		for _, e := range list.Unwrap() {
			out = append(out, causes(e)...)
		}
		if len(out) > 0 {
			return out
		}
	}
	return []error{err}
}

// SourceExtension is the URL of the extension by which an OperationOutcome of a report says what it is about: "file:line" and the path.
const SourceExtension = "urn:khamxa:import-source"

// Outcome is the refusal as one line of a report: an OperationOutcome (R4) with the extension SourceExtension.
func (r Refusal) Outcome() []byte {
	where := r.Source
	if r.Line > 0 {
		where = fmt.Sprintf("%s:%d", where, r.Line)
	}
	if r.Path != "" {
		where += " " + r.Path
	}
	text, _ := json.Marshal(where) // a string: it cannot fail
	head := []byte(`{"resourceType":"OperationOutcome",`)
	extension := fmt.Appendf(bytes.Clone(head), `"extension":[{"url":%q,"valueString":%s}],`, SourceExtension, text)
	return append(extension, bytes.TrimPrefix(fhir.Outcome(r.Err), head)...)
}

// relocate turns line and column that a parser counted inside a resource into those of the file that it stands in. line and column are
// where the resource begins.
func relocate(err error, line, column int) error {
	var f *fault.Error
	if !errors.As(err, &f) || line == 1 && column == 1 {
		return err
	}
	at := strings.LastIndex(f.Message, "(line ")
	var l, c int
	if at < 0 {
		return err
	}
	if _, scan := fmt.Sscanf(f.Message[at:], "(line %d, column %d)", &l, &c); scan != nil {
		return err
	}
	if l == 1 {
		c += column - 1
	}
	moved := *f
	moved.Message = fmt.Sprintf("%s(line %d, column %d).", f.Message[:at], l+line-1, c)
	return &moved
}

// relocateAll is relocate for each of several joined errors.
func relocateAll(err error, line, column int) error {
	if err == nil {
		return nil
	}
	list := causes(err)
	for i := range list {
		list[i] = relocate(list[i], line, column)
	}
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}
