package rest

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// condition is the search that a conditional interaction hangs on: create (If-None-Exist), update, patch and delete (parameters in
// the address). What it found stands at the commit as well: the store checks there that exactly these match, among what the
// caller may see. What is out of reach counts as not there.
// https://hl7.org/fhir/R4/http.html#ccreate, #cond-update, #3.1.0.7.1
type condition struct {
	query *search.Query
	name  string // what a sentence calls it: "If-None-Exist", "the condition"
	undo  string // what a refusal says did not happen: "created", "changed", "deleted"
	most  int    // matches that are dealt with; more are refused
	found []store.Version
}

// mostDeleted is how many resources one conditional delete may delete when it asks for more than one by _count.
const mostDeleted = store.MaxExcept

// criteria reads search parameters as a condition. Only the filters count: what shapes a list of results is refused.
func (c *call) criteria(values url.Values, at string) (*condition, error) {
	const op = "rest.criteria"
	what := at
	if at == "" {
		what = "The address of a conditional " + verbName(c.rt.verb)
	}
	if !c.access.allows(c.typ, Search) {
		return nil, fault.Newf(fault.Forbidden, op, "%s asks what is there, and you may not search resources of type %s.", what, c.typ).At(at)
	}
	if len(values) == 0 {
		return nil, fault.Newf(fault.Invalid, op, "%s must hold search parameters, as in identifier=system|value.", what).At(at)
	}
	for _, control := range []string{"_count", "_sort", "_include", "_revinclude", "_total", "_summary", "_elements"} {
		for name := range values {
			if base, _, _ := strings.Cut(name, ":"); base == control {
				return nil, fault.Newf(fault.Invalid, op, "%s takes no %s: it asks only whether there is a match.", what, control).At(at)
			}
		}
	}
	if n := count(values); n > mostParams {
		return nil, fault.Newf(fault.Invalid, op, "The condition has %d parameters; %d are the most.", n, mostParams).At(at)
	}
	c.relateValues(values)
	values.Set("_count", "2") // two are enough to know that it is not one
	q, err := search.Parse(c.typ, values)
	if err == nil {
		q, err = c.mayAsk(q)
	}
	if err != nil {
		return nil, err
	}
	cond := &condition{query: q, name: at, undo: "changed", most: 1}
	switch {
	case at != "":
		cond.undo = "created"
	default:
		cond.name = "the condition"
	}
	return cond, nil
}

// ifNoneExists reads If-None-Exist, nil if there is none.
func (c *call) ifNoneExists() (*condition, error) {
	if c.ifNoneExist == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(strings.TrimPrefix(strings.TrimPrefix(c.ifNoneExist, c.typ), "?"))
	if err != nil {
		return nil, fault.New(fault.Invalid, "rest.ifNoneExists", "If-None-Exist must hold search parameters, as in identifier=system|value.").At("If-None-Exist")
	}
	return c.criteria(values, "If-None-Exist")
}

// addressed reads the condition in the address of a conditional update, patch or delete.
func (c *call) addressed() (*condition, error) {
	values := url.Values{}
	for name, list := range c.values {
		if !slices.Contains(everywhere(), name) && (c.rt.verb != Delete || name != "_count") {
			values[name] = slices.Clone(list)
		}
	}
	return c.criteria(values, "")
}

// lookFor finds what the condition of a write is about, among what the caller may see, and what follows from it.
func (s *server) lookFor(ctx context.Context, access Access, w *write) error {
	if err := s.findAll(ctx, access, w.cond); err != nil {
		return err
	}
	if len(w.cond.found) > w.cond.most {
		return w.cond.tooMany()
	}
	switch {
	case w.change.Method == store.Delete:
		return w.expandDelete()
	case w.c.rt.verb == Create:
		if len(w.cond.found) == 1 {
			w.existing = &w.cond.found[0]
		}
		return nil
	case w.patch != nil:
		return w.patchFound()
	}
	return s.targetUpdate(ctx, access, w)
}

// findAll finds what matches, up to one more than is allowed.
func (s *server) findAll(ctx context.Context, access Access, cond *condition) error {
	cond.found = nil
	if err := cond.query.Resolve(ctx, s.terms); err != nil {
		return err
	}
	req := store.SearchRequest{Query: cond.query, Within: access.Within}
	for {
		page, err := s.Store.Search(ctx, req)
		if err != nil {
			return err
		}
		cond.found = append(cond.found, page.Matches...)
		switch {
		case len(cond.found) > cond.most || page.Next == "":
			return nil
		case len(page.Matches) < cond.query.Count: // cut short: whether there is another is not known
			return fault.Newf(fault.TooCostly, "rest.findAll", "Looking for what matches %s would look at too many resources; nothing was %s. Use a condition that names a business identifier.", cond.name, cond.undo)
		}
		req.At, req.Cursor = page.At, page.Next
	}
}

func (cond *condition) tooMany() error {
	const op = "rest.tooMany"
	if cond.most > 1 {
		return fault.Newf(fault.Precondition, op, "More than the %d resources that _count allows match the condition; nothing was deleted. Make it narrower, or allow more.", cond.most)
	}
	return fault.Newf(fault.Precondition, op, "More than one resource matches %s; nothing was %s. Make the condition narrower.", cond.name, cond.undo)
}

// absence is what must still hold of the condition when the write gets to the log.
func (cond *condition) absence(access Access) store.Absence {
	a := store.Absence{Query: cond.query, Within: access.Within}
	for _, v := range cond.found {
		a.Except = append(a.Except, v.Type+"/"+v.ID)
	}
	return a
}

// targetUpdate decides what a conditional update writes: the one that matches, or a new resource. The id in the body, if there is
// one, must be that of the match; without a match it is the new id, and must be free.
func (s *server) targetUpdate(ctx context.Context, access Access, w *write) error {
	const op = "rest.targetUpdate"
	if len(w.cond.found) == 1 {
		v := &w.cond.found[0]
		if w.sent != "" && w.sent != v.ID {
			return fault.Newf(fault.Invalid, op, "The id in the body, %q, is not the one of the %s that matches.", w.sent, w.c.typ).At(w.c.typ + ".id")
		}
		if w.change.IfAbsent {
			return fault.New(fault.Precondition, op, "If-None-Match says that the resource must not exist, and one matches; nothing was changed.").At("If-None-Match")
		}
		if w.staleFor(v) {
			return notCurrent(nil)
		}
		w.change.ID = v.ID
		w.pin(v)
		return nil
	}
	w.change.ID = w.chosen
	if w.sent != "" {
		w.change.ID = w.sent
		_, err := s.current(ctx, access, w.c.typ, w.sent)
		switch {
		case err == nil:
			return fault.Newf(fault.Conflict, op, "The id in the body belongs to a %s that does not match the condition; nothing was changed.", w.c.typ).At(w.c.typ + ".id")
		case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Gone):
			return err
		}
	}
	if w.change.IfMatch != "" || w.oneOf != nil {
		return fault.New(fault.Precondition, op, "If-Match names a version, and no resource matches the condition; nothing was changed.").At("If-Match")
	}
	w.pin(nil)
	return nil
}

// staleFor reports whether the caller's If-Match names another version than the one that was found.
func (w *write) staleFor(v *store.Version) bool {
	return w.change.IfMatch != "" && w.change.IfMatch != v.VersionID
}

// expandDelete makes a deletion of each match.
func (w *write) expandDelete() error {
	if w.skip = len(w.cond.found) == 0; w.skip && (w.change.IfMatch != "" || w.oneOf != nil) {
		return notCurrent(nil)
	}
	for i := range w.cond.found {
		v := &w.cond.found[i]
		if w.staleFor(v) && i == 0 {
			return notCurrent(nil)
		}
		one := w
		if i > 0 {
			one = &write{c: w.c, path: w.path, change: store.Change{Method: store.Delete, Type: v.Type}}
			w.more = append(w.more, one)
		}
		one.change.ID = v.ID
		one.pin(v)
	}
	return nil
}

// each lists writes together with those that conditional deletes have become.
func each(ws []*write) (all []*write) {
	for _, w := range ws {
		all = append(append(all, w), w.more...)
	}
	return all
}
