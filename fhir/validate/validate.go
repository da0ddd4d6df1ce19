// Package validate checks FHIR R4 (4.0.1) resources against the official definitions.
//
// Write is what every write must pass: known elements, cardinality, the forms of the data types, one type of each choice,
// required bindings to value sets that can be enumerated, the form of references and their allowed targets, contained
// resources, extensions, and narrative without active content. It checks one resource and everything in it (contained
// resources, the entries of a Bundle, the parameters of Parameters) and reads nothing else: whether what a reference names
// exists is the store's to say. All of it works on tables made from the definitions (table_gen.go), which are constant data.
//
// It is pure: no network, no database, no clock. Every package that takes in resources may call it.
package validate

//go:generate go run ./gen ${R4}

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/internal/fault"
)

// MaxFindings is how many findings are reported for one resource. One more says that there are more.
const MaxFindings = 50

// The codes of findings (R4, valueset-issue-type.html).
const (
	structure   = "structure"
	required    = "required"
	value       = "value"
	codeInvalid = "code-invalid"
	invariant   = "invariant"
	notFound    = "not-found"
	processing  = "processing"
)

// Write checks what every write must pass; the package comment says what that is. The error is nil or an errors.Join of
// *fault.Error, one a finding in the order of the text, at most MaxFindings and one: code Invalid, Path the FHIRPath place
// ("Patient.contact[0].gender", a choice without its type: "Observation.value"), an fhir.IssueType as the cause, and a sentence that ends with line and
// column in the text that was parsed.
//
// References may be conditional ("Patient?identifier=..."), as entries of a transaction have them (R4, http.html#trules).
// Whether they may stand is for the caller to say.
func Write(r *fhir.Resource) error {
	c := checker{root: r.Root, most: MaxFindings}
	c.resource(r.Root)
	return c.err()
}

// finding is something wrong. The place is kept as a node of the tree: paths are only put together when there is an error.
type finding struct {
	at   *fhir.Value
	name bool   // the name of at is what is wrong, not its value
	lack string // an element that at should have
	code string
	text string // a sentence without its full stop

	severity string // "" for error
}

// checker walks one resource.
type checker struct {
	root     *fhir.Value
	holder   *fhir.Value // the resource that "#x" is looked for in
	inside   bool        // whether a contained resource is being read
	findings []finding
	most     int
	more     bool
}

func (c *checker) report(f finding) {
	if len(c.findings) == c.most {
		c.more = true
		return
	}
	c.findings = append(c.findings, f)
}

// wrong reports what is wrong with the value v.
func (c *checker) wrong(v *fhir.Value, code string, text string) {
	c.report(finding{at: v, code: code, text: text})
}

// issues are the findings, in the order of the text.
func (c *checker) issues() []fhir.Issue {
	list := make([]fhir.Issue, 0, len(c.findings)+1)
	slices.SortStableFunc(c.findings, func(a, b finding) int {
		aLine, aColumn := a.at.Position()
		bLine, bColumn := b.at.Position()
		return cmp.Or(aLine-bLine, aColumn-bColumn)
	})
	for _, f := range c.findings {
		list = append(list, f.issue(c.root))
	}
	if c.more {
		list = append(list, fhir.Issue{
			Severity: "error", Code: processing, Fault: fault.Invalid,
			Text: "There are more findings than these " + strconv.Itoa(c.most) + ".",
		})
	}
	return list
}

// err is what was found, nil when nothing was.
func (c *checker) err() error {
	if len(c.findings) == 0 {
		return nil
	}
	var list []error
	for _, i := range c.issues() {
		list = append(list, &fault.Error{Code: fault.Invalid, Op: "validate.Write", Message: i.Text, Path: i.Expression, Err: fhir.IssueType(i.Code)})
	}
	return errors.Join(list...)
}

// issue is the finding as people are told it.
func (f finding) issue(root *fhir.Value) fhir.Issue {
	i := fhir.Issue{Severity: f.severity, Code: f.code, Expression: pathOf(root, f.at)}
	if f.severity == "" {
		i.Severity, i.Fault = "error", fault.Invalid
	}
	if f.lack != "" {
		i.Expression += "." + f.lack
	}
	line, column := f.at.Position()
	if f.name {
		line, column = f.at.NamePosition()
	}
	i.Text = f.text + " (line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column) + ")."
	return i
}

// pathOf is the FHIRPath place of v below root. Elements that the definitions do not have go by the name they have in JSON.
func pathOf(root, v *fhir.Value) string {
	at, path := nodeOf(root.Get("resourceType").String()), root.Get("resourceType").String()
	if path == "" {
		path = "Resource"
	}
	for from := root; from != v; {
		if from.Kind() == fhir.Array {
			i := 0
			item := from.First()
			for ; item != nil && !item.Holds(v); item = item.Next() {
				i++
			}
			if item == nil {
				return path
			}
			path += "[" + strconv.Itoa(i) + "]"
			from = item
		} else {
			member := from.First()
			for ; member != nil && !member.Holds(v); member = member.Next() {
			}
			if member == nil {
				return path
			}
			from = member
			var name string
			if name, at = step(at, member.Name()); name != "" {
				path += "." + name
			}
		}
		if typ := from.Get("resourceType").String(); typ != "" && at == 0 {
			at = nodeOf(typ)
		}
	}
	return path
}

// step goes from a node to a member of it: its name in FHIRPath, and the node of what is in it, 0 if that is not known.
func step(at uint16, member string) (name string, next uint16) {
	name = strings.TrimPrefix(member, "_")
	fs := fields[nodes[at].from:nodes[at].to]
	i := slices.IndexFunc(fs, func(f field) bool { return f.name == name })
	if i < 0 {
		return short(member), 0
	}
	if fs[i].kind.primitive() {
		return fs[i].elementName(), nodeElement
	}
	return fs[i].elementName(), fs[i].node
}

// short cuts what a stranger wrote, so that a sentence stays readable.
func short(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

func quoted(s string) string { return strconv.Quote(short(s)) }
