package sqlite

import (
	"slices"
	"strings"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// A search sorted by a parameter whose keys are in the order of its values need not read all candidates: the keys are walked in
// that order and each resource is checked against the rest of the query, until the page is full. That is the better way when
// there are many candidates, and the only one when they are too many to sort in memory. What has no value comes last: then the
// candidates are gone through once more, in the order of creation.

const (
	walkFrom = 2_000  // candidates from which walking is tried first
	walkLook = 2_000  // candidates that are looked at while it is not known whether they could be sorted in memory
	groupMax = 20_000 // candidates with the same first sort value that are sorted by the others
)

// walker walks the keys of one sort key.
type walker struct {
	f     *finder
	part  *part // with a plan that checks what the driver would have proved
	key   search.SortKey
	forms []walkForm
}

// walkForm is one form's place in the walk.
type walkForm struct {
	search.Form
	span search.Range // what is still to be walked
	next string       // the value of its next key; "" when it is not known
	done bool
}

// newWalker opens the walk of the query's first sort key behind the value that a page begins at, which it gives again; nil if its
// keys cannot be walked.
func (f *finder) newWalker(from cursor) (*walker, error) {
	p := f.parts[0]
	key := p.q.Sort[0]
	way, ok := key.Walk()
	if !ok || key.Param.Code == "_lastUpdated" || key.Param.Code == "_id" {
		return nil, nil
	}
	if n, err := countUpTo(f.conn, search.ExactRange(way.Overflow), 1); err != nil || n > 0 {
		return nil, err
	}
	w := &walker{f: f, key: key, part: &part{q: p.q, plan: p.plan.asCheck(p.q.Type)}}
	for _, form := range way.Forms {
		span := p.q.Within(key, form)
		if len(from.Values) > 0 && from.Values[0] != "" {
			at := form.Prefix + from.Values[0]
			if key.Descending {
				span.Hi = min(span.Hi, at+"\x00")
			} else {
				span.Lo = max(span.Lo, at)
			}
		}
		w.forms = append(w.forms, walkForm{Form: form, span: span})
	}
	return w, nil
}

// asCheck is the plan for candidates that come from elsewhere: the driver is checked like the rest.
func (p *plan) asCheck(typ string) *plan {
	c := &plan{checks: p.checks, sure: p.sure}
	switch d := &p.driver; {
	case p.collected != nil:
		c.among = p.collected
	case d.ranges != nil:
		c.sure = false
	case len(d.keys) == 1 && d.keys[0] == search.TypeKey(typ):
	case len(d.keys) <= keysMost:
		c.checks = append(slices.Clone(p.checks), d.keys)
	default:
		c.sure = false
	}
	return c
}

// group gives the next value and the keys that have it; ok is false at the end.
func (w *walker) group() (value string, keys []string, only, ok bool, err error) {
	for i := range w.forms {
		form := &w.forms[i]
		if form.next == "" && !form.done {
			if err := w.advance(form); err != nil {
				return "", nil, false, false, err
			}
		}
		if !form.done && (!ok || (form.next < value) != w.key.Descending && form.next != value) {
			value, ok = form.next, true
		}
	}
	only = true
	for i := range w.forms {
		if form := &w.forms[i]; ok && !form.done && form.next == value {
			keys = append(keys, form.Prefix+value)
			only = only && form.Only
			form.next = ""
		}
	}
	return value, keys, only, ok, nil
}

// advance finds a form's next key.
func (w *walker) advance(form *walkForm) error {
	query := "SELECT min(k) FROM idx WHERE k >= ? AND k < ?"
	if w.key.Descending {
		query = "SELECT max(k) FROM idx WHERE k >= ? AND k < ?"
	}
	key := ""
	err := run(w.f.conn, query, func(s *lite.Stmt) error { key = string(blob(s, 0)); return nil }, []byte(form.span.Lo), []byte(form.span.Hi))
	if form.done = key == ""; form.done {
		return err
	}
	form.next = strings.TrimPrefix(key, form.Prefix)
	if w.key.Descending {
		form.span.Hi = key
	} else {
		form.span.Lo = key + "\x00"
	}
	return err
}

// walkPage is a page that is being filled by walking.
type walkPage struct {
	f      *finder
	from   cursor
	budget int // candidates that may still be looked at
	hits   []hit
	next   *cursor
	full   bool // there is a match more than the page holds
	cut    bool // the budget ended first: next goes on where it ended
}

// walked finds the page after from by walking; nil when that is not possible.
func (f *finder) walked(from cursor, budget int) (*walkPage, error) {
	page := &walkPage{f: f, from: from, budget: budget}
	f.size = 0
	if len(f.parts) != 1 {
		return nil, nil
	}
	w, err := f.newWalker(from)
	if err != nil || w == nil {
		return nil, err
	}
	for len(from.Values) == 0 || from.Values[0] != "" {
		value, keys, only, ok, err := w.group()
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if err := page.group(w, value, keys, only); err != nil {
			return nil, err
		}
		if page.full || page.cut {
			return page, nil
		}
	}
	if err := page.rest(w); err != nil {
		return nil, err
	}
	return page, nil
}

// group takes the matches of which the first sort value is the value.
func (p *walkPage) group(w *walker, value string, keys []string, only bool) error {
	if len(p.f.q.Sort) == 1 {
		return p.streamGroup(w, value, keys, only)
	}
	var list []ranked
	looked := 0
	err := eachRID(merged(p.f.conn, keys), 0, func(rid int64) error {
		if looked++; looked > groupMax {
			return tooMany()
		}
		p.budget--
		r, ok, err := w.match(rid, value, only)
		if ok {
			r.hit = hit{} // bodies of so many are not held
			list = append(list, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := p.addSorted(list); err != nil {
		return err
	}
	again := len(p.from.Values) > 0 && p.from.Values[0] == value // the page began in this group, and must get beyond it
	if p.budget < 0 && !p.full && !again {
		p.cut, p.next = true, &cursor{RID: noSeq, Values: make([]string, len(p.f.q.Sort))}
		p.next.Values[0] = value
	}
	return nil
}

// streamGroup is group when there is no other sort key: the order of creation is the order.
func (p *walkPage) streamGroup(w *walker, value string, keys []string, only bool) error {
	after := p.resume(value)
	return stopped(eachRID(merged(p.f.conn, keys), after, func(rid int64) error {
		if p.spent(after, value) {
			return errStop
		}
		after = rid
		r, ok, err := w.match(rid, value, only)
		if ok {
			p.add(&r)
		}
		if p.full {
			return errStop
		}
		return err
	}))
}

// eachRID calls do with what a source gives after a rid.
func eachRID(source source, after int64, do func(rid int64) error) error {
	for {
		rids, err := source(after)
		if err != nil || len(rids) == 0 {
			return err
		}
		for _, rid := range rids {
			if err := do(rid); err != nil {
				return err
			}
			after = rid
		}
	}
}

// resume is the rid behind which the page begins among the resources that have the first sort value; 0 for all of them.
func (p *walkPage) resume(value string) int64 {
	if len(p.from.Values) > 0 && p.from.Values[0] == value {
		return p.from.RID
	}
	return 0
}

// spent takes one candidate from the budget. When there is none left, the page is cut, to go on after the rid.
func (p *walkPage) spent(after int64, value string) bool {
	if p.budget--; p.budget >= 0 {
		return false
	}
	p.cut, p.next = true, &cursor{RID: after, Values: []string{value}}
	return true
}

// match decides about a candidate with a key of the value.
func (w *walker) match(rid int64, value string, only bool) (r ranked, ok bool, err error) {
	c := candidate{rid, w.part}
	h, ok, err := w.f.match(c)
	if err != nil || !ok {
		return ranked{}, false, err
	}
	r = ranked{candidate: c, values: []string{value}, hit: h}
	if only && len(w.part.q.Sort) == 1 {
		return r, true, nil
	}
	if only {
		r.values, err = sortValuesAfter(&h, r.values)
		return r, err == nil, err
	}
	r.values, err = sortValues(&h)
	return r, err == nil && r.values[0] == value, err
}

// add puts the next match on the page.
func (p *walkPage) add(r *ranked) {
	if p.f.full(len(p.hits)) {
		p.full = true
		return
	}
	p.hits = append(p.hits, r.hit)
	p.f.size += len(r.hit.body)
	p.next = &cursor{RID: r.rid, Values: r.values}
}

// addSorted puts matches on the page, in their order and behind the place that it begins at. It reads them again.
func (p *walkPage) addSorted(list []ranked) (err error) {
	slices.SortFunc(list, func(a, b ranked) int { return order(p.f.q.Sort, &a, &b) })
	last := ranked{candidate: candidate{rid: p.from.RID}, values: p.from.Values}
	for i := range list {
		if len(p.from.Values) > 0 && order(p.f.q.Sort, &list[i], &last) <= 0 {
			continue
		}
		if list[i].hit, _, err = p.f.match(list[i].candidate); err != nil {
			return err
		}
		if p.add(&list[i]); p.full {
			return nil
		}
	}
	return nil
}

// rest takes the matches that have no value of the first sort key.
func (p *walkPage) rest(w *walker) error {
	all, err := w.everybody()
	if err == nil && !all {
		if len(p.f.q.Sort) == 1 {
			err = p.streamRest()
		} else {
			err = p.gatherRest()
		}
	}
	if !p.full && !p.cut {
		p.next = nil
	}
	return err
}

// streamRest is rest when there is no other sort key.
func (p *walkPage) streamRest() error {
	after := p.resume("")
	return p.f.eachAfter(after, func(c candidate) error {
		if p.spent(after, "") {
			return errStop
		}
		after = c.rid
		r, ok, err := p.without(c)
		if ok {
			p.add(&r)
		}
		if p.full {
			return errStop
		}
		return err
	})
}

// gatherRest is rest when other sort keys decide about the order.
func (p *walkPage) gatherRest() error {
	var list []ranked
	looked := 0
	err := p.f.eachAfter(0, func(c candidate) error {
		if looked++; looked > groupMax {
			return tooMany()
		}
		r, ok, err := p.without(c)
		if ok {
			r.hit = hit{}
			list = append(list, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.addSorted(list)
}

// without decides whether a candidate matches and has no value of the first sort key.
func (p *walkPage) without(c candidate) (r ranked, ok bool, err error) {
	h, ok, err := p.f.match(c)
	if err != nil || !ok {
		return ranked{}, false, err
	}
	values, err := sortValues(&h)
	return ranked{candidate: c, values: values, hit: h}, err == nil && values[0] == "", err
}

// everybody reports whether every resource of the type has a value, where that can be counted: its only one each.
func (w *walker) everybody() (bool, error) {
	have := int64(0)
	for _, form := range w.forms {
		if !form.Only {
			continue
		}
		r := search.PrefixRange(form.Prefix)
		n, err := number(w.f.conn, "SELECT count(*) FROM idx WHERE k >= ? AND k < ?", []byte(r.Lo), []byte(r.Hi))
		if err != nil {
			return false, err
		}
		have += n
	}
	all, err := number(w.f.conn, "SELECT count(*) FROM idx WHERE k = ?", []byte(search.TypeKey(w.part.q.Type)))
	return have >= all, err
}

func tooMany() error {
	return fault.Newf(fault.TooCostly, "store.Search",
		"Sorting would look at more than %d resources. Narrow the search, for example by patient or date, or sort by _lastUpdated or _id.", store.MaxSorted)
}
