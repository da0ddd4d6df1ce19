package validate

import (
	"context"
	"fmt"
	"math/big"
	"sort"
	"strings"
	"sync"

	"github.com/gofhir/fhirpath"
	"github.com/gofhir/fhirpath/eval"
	"github.com/gofhir/fhirpath/types"

	"khamxa/fhir"
)

// program is an invariant's expression, compiled when it is first needed.
type program struct {
	once sync.Once
	expr *fhirpath.Expression
	err  error
}

func (p *program) compiled(text string) (*fhirpath.Expression, error) {
	p.once.Do(func() {
		defer func() {
			if r := recover(); r != nil {
				p.err = fmt.Errorf("the compiler panicked: %v", r)
			}
		}()
		p.expr, p.err = fhirpath.Compile(text)
	})
	return p.expr, p.err
}

// scene is what invariants are evaluated in: the resource that they are about, and the one that contains it.
type scene struct {
	ctx            context.Context
	resource, root types.Collection
}

// holds evaluates an invariant on one element at a path of the definitions ("Observation.component"). An invariant that
// says nothing holds. The library's panics are errors.
func (s *scene) holds(expr *fhirpath.Expression, element []byte, path string) (ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the evaluation panicked: %v", r)
		}
	}()
	c := eval.NewContext(element)
	c.SetVariable("resource", s.resource)
	c.SetVariable("rootResource", s.root)
	c.SetVariable("ucum", types.Collection{types.NewString("http://unitsofmeasure.org")})
	c.SetContext(s.ctx)
	c.SetLimit("maxDepth", fhir.MaxDepth)
	c.SetModel(model{})
	c.SetPath(path)
	if element[0] == '{' { // the library would guess the type from the members
		c = c.WithThis(types.Collection{types.NewObjectValueWithType(element, path)})
	}
	result, err := expr.EvaluateWithContext(c)
	if err != nil || len(result) == 0 {
		return true, err
	}
	b, isBool := result[0].(types.Boolean)
	return !isBool || b.Bool(), nil
}

// walker evaluates the invariants of one resource and everything in it, and reports those that do not hold.
type walker struct {
	v       *Validator
	c       *checker
	s       scene
	inside  bool            // a contained resource
	skipped map[string]bool // invariants that could not be evaluated
}

func (w *walker) resource(v *fhir.Value, contained bool) {
	n := nodeOf(v.Get("resourceType").String())
	it, err := types.JSONToCollection(v.Bytes())
	if err != nil || n == 0 || w.s.ctx.Err() != nil {
		return // what is no resource has been told
	}
	before, inside := w.s, w.inside
	w.s.resource, w.inside = it, contained
	if !contained {
		w.s.root = it
	}
	w.object(v, n)
	w.s, w.inside = before, inside
}

func (w *walker) object(v *fhir.Value, n uint16) {
	if v.Kind() != fhir.Object {
		return
	}
	for _, r := range rulesAt(nodeRules[:], n) {
		w.official(v, r.rule, nodes[n].name)
	}
	list := fields[nodes[n].from:nodes[n].to]
	after := 0
	for m := v.First(); m != nil; m = m.Next() {
		i := find(list, m.Name(), after)
		if i < 0 {
			continue
		}
		after = i
		at := nodes[n].from + uint16(i)
		if m.Kind() != fhir.Array {
			w.value(m, at, n)
			continue
		}
		for item := m.First(); item != nil; item = item.Next() {
			w.value(item, at, n)
		}
	}
}

func (w *walker) value(v *fhir.Value, at, in uint16) {
	f := &fields[at]
	for _, r := range rulesAt(fieldRules[:], at) {
		w.official(v, r.rule, nodes[in].name+"."+f.elementName())
	}
	switch {
	case f.kind == kindResource:
		w.resource(v, f.name == "contained")
	case f.kind >= kindComplex:
		w.object(v, f.node)
	}
}

// official evaluates an invariant of R4.
func (w *walker) official(v *fhir.Value, i uint16, path string) {
	r := &rules[i]
	if w.inside && r.key == "dom-6" {
		return // what is contained is told of in the narrative of its container
	}
	if ok, known := w.v.byHand(r.key, v); !known {
		w.evaluate(v, r, &w.v.programs[i], path)
	} else if !ok {
		w.broken(v, r)
	}
}

func (w *walker) evaluate(v *fhir.Value, r *rule, p *program, path string) {
	if w.s.ctx.Err() != nil {
		return
	}
	expr, err := p.compiled(r.expression)
	ok := true
	if err == nil {
		ok, err = w.holds(expr, r, v, path)
	}
	switch {
	case err != nil && w.s.ctx.Err() == nil:
		w.skipped[r.key] = true
	case !ok:
		w.broken(v, r)
	}
}

// holds evaluates an invariant. Those with regular expressions go one at a time: the library's cache of them has a data race.
func (w *walker) holds(expr *fhirpath.Expression, r *rule, v *fhir.Value, path string) (bool, error) {
	if strings.Contains(r.expression, "matches(") || strings.Contains(r.expression, "replaceMatches(") {
		w.v.matching.Lock()
		defer w.v.matching.Unlock()
	}
	return w.s.holds(expr, v.Bytes(), path)
}

func (w *walker) broken(v *fhir.Value, r *rule) {
	f := finding{at: v, code: invariant, text: strings.TrimRight(r.human, ". ") + " [" + r.key + "]"}
	if r.warning {
		f.severity = warning
	}
	w.c.report(f)
}

// rulesAt are the entries of a sorted list for a node or field.
func rulesAt(list []ruled, at uint16) []ruled {
	from := sort.Search(len(list), func(i int) bool { return list[i].at >= at })
	to := from
	for to < len(list) && list[to].at == at {
		to++
	}
	return list[from:to]
}

// mostExponent bounds the numbers that invariants compare: the library writes them out in full.
const mostExponent = 1000

// boundless finds a number whose exponent is out of all measure, nil if there is none.
func boundless(v *fhir.Value) *fhir.Value {
	if v.Kind() == fhir.Number {
		_, exponent, _ := strings.Cut(strings.ToLower(v.String()), "e")
		n, ok := new(big.Int).SetString(strings.TrimPrefix(exponent, "+"), 10)
		if exponent != "" && (!ok || n.CmpAbs(big.NewInt(mostExponent)) > 0) {
			return v
		}
		return nil
	}
	for m := v.First(); m != nil; m = m.Next() {
		if found := boundless(m); found != nil {
			return found
		}
	}
	return nil
}
