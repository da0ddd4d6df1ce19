package rest

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// mostLast bounds the observations that $lastn chooses from, and mostLastMax what it takes of each code.
const (
	mostLast    = 20_000
	mostLastMax = 1_000
	mostLastOf  = 64 << 20 // bytes of them
)

// lastn gives the most recent observations of each code: max of them (1 if it is not given), and more where the last ones have the same
// time. The other parameters are those of a search for observations, and choose which are looked at; of them patient or subject is needed, and
// category or one of the codes. Codes are the same when they share a coding, also by way of a third one; without codings the text
// counts as it is written. There are no pages. https://hl7.org/fhir/R4/observation-operation-lastn.html
func (s *server) lastn(ctx context.Context, c *call) (answer, error) {
	q, most, err := s.lastnQuestion(c)
	if err != nil {
		return answer{}, err
	}
	if err := q.Resolve(ctx, s.terms); err != nil {
		return answer{}, err
	}
	var all []observed
	size := 0
	req := store.SearchRequest{Query: q, Within: c.access.Within}
	for {
		page, err := s.Store.Search(ctx, req)
		if err != nil {
			return answer{}, tooSlow(err)
		}
		for _, v := range page.Matches {
			o, err := observedOf(v)
			if err != nil {
				return answer{}, err
			}
			all = append(all, o)
			size += len(v.Body)
		}
		if len(all) > mostLast || size > mostLastOf {
			return answer{}, fault.Newf(fault.TooCostly, "rest.lastn", "There are more than %d observations to choose from, or more than %d MiB of them; ask for a category, a code or a period.", mostLast, mostLastOf>>20)
		}
		if page.Next == "" {
			break
		}
		req.At, req.Cursor = page.At, page.Next
	}
	latest := newest(all, most)
	values := url.Values{"max": {strconv.Itoa(most)}}
	for name, list := range q.Values {
		if name != "_count" {
			values[name] = list
		}
	}
	b := beginBundle("searchset", len(latest), []link{{"self", c.base + "/Observation/$lastn?" + values.Encode()}}, 1024*len(latest))
	a := answer{status: http.StatusOK, query: values.Encode()}
	for _, o := range latest {
		b.found(c.base, o.version, "match")
		a.shown = append(a.shown, o.version.Type+"/"+o.version.ID)
	}
	a.body = b.end()
	return a, nil
}

// lastnQuestion reads max and makes a search of the rest.
func (s *server) lastnQuestion(c *call) (*search.Query, int, error) {
	const op = "rest.lastnQuestion"
	given, err := c.parameters()
	if err != nil {
		return nil, 0, err
	}
	values := url.Values{}
	for name, list := range c.values {
		if !slices.Contains(everywhere(), name) {
			values[name] = slices.Clone(list)
		}
	}
	for _, a := range given {
		if a.value != nil || a.resource != nil {
			return nil, 0, fault.Newf(fault.Invalid, op, "The parameter %s must be a primitive value.", clip(a.name)).At(clip(a.name))
		}
		values.Add(a.name, a.text)
	}
	most := 1
	if values.Has("max") {
		if most, err = strconv.Atoi(values.Get("max")); err != nil || most < 1 || most > mostLastMax || len(values["max"]) > 1 {
			return nil, 0, fault.Newf(fault.Invalid, op, "max must be a whole number from 1 to %d.", mostLastMax).At("max")
		}
		values.Del("max")
	}
	subject, code := false, false
	for name := range values {
		base, _, _ := strings.Cut(name, ":")
		base, _, _ = strings.Cut(base, ".")
		subject = subject || base == "patient" || base == "subject"
		code = code || base == "category" || strings.Contains(base, "code")
		switch base {
		case "_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", pageParam:
			return nil, 0, fault.Newf(fault.Invalid, op, "%s is not known to $lastn: it decides itself how many observations there are, and their order.", clip(name)).At(clip(name))
		}
	}
	switch {
	case !subject:
		return nil, 0, fault.New(fault.Invalid, op, "Say whose observations: patient or subject is needed.").At("patient")
	case !code:
		return nil, 0, fault.New(fault.Invalid, op, "Say which observations: category or code is needed.").At("category")
	case count(values) > mostParams:
		return nil, 0, fault.Newf(fault.Invalid, op, "The search has more than %d parameters.", mostParams)
	}
	c.relateValues(values)
	values.Set("_count", strconv.Itoa(search.MaxCount))
	q, err := search.Parse("Observation", values)
	if err != nil {
		return nil, 0, err
	}
	q, err = c.mayAsk(q)
	return q, most, err
}

// observed is an observation with what $lastn looks at.
type observed struct {
	version store.Version
	codes   []string // each coding; or the text when there is none
	when    string   // a later moment is a greater text; "" for none
}

func observedOf(v store.Version) (observed, error) {
	o := observed{version: v}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return o, fault.Wrap(err, fault.Internal, "rest.observedOf", "A stored resource cannot be read. It has been written to the log.")
	}
	code := r.Root.Get("code")
	for x := code.Get("coding").First(); x != nil; x = x.Next() {
		o.codes = append(o.codes, "c"+x.Get("system").String()+"|"+x.Get("code").String())
	}
	if o.codes == nil {
		o.codes = []string{"t" + code.Get("text").String()}
	}
	o.when = search.SortKey{Param: search.Lookup("Observation", "date"), Descending: true}.Value(r)
	return o, nil
}

// newest takes the latest of each group of codes, and sorts what it took from the most recent to the oldest.
func newest(all []observed, most int) []observed {
	slices.SortFunc(all, func(a, b observed) int {
		return cmp.Or(cmp.Compare(b.when, a.when), cmp.Compare(b.version.Seq, a.version.Seq), cmp.Compare(a.version.ID, b.version.ID))
	})
	groups := joined{}
	for _, o := range all {
		for _, code := range o.codes[1:] {
			groups.join(o.codes[0], code)
		}
	}
	taken := map[string]int{}
	last := map[string]string{}
	var latest []observed
	for _, o := range all {
		group := groups.root(o.codes[0])
		if taken[group] >= most && (o.when == "" || last[group] != o.when) {
			continue
		}
		taken[group]++
		last[group] = o.when
		latest = append(latest, o)
	}
	return latest
}

// joined keeps which codes are the same: a forest in which each code points towards the one that stands for its group.
type joined map[string]string

func (j joined) root(code string) string {
	for {
		up, ok := j[code]
		if !ok {
			return code
		}
		if above, ok := j[up]; ok {
			j[code] = above // shortens the way for the next one
		}
		code = up
	}
}

func (j joined) join(a, b string) {
	if a, b = j.root(a), j.root(b); a != b {
		j[a] = b
	}
}
