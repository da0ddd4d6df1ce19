package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// searchRoutes are the ways to search.
func searchRoutes() []route {
	return []route{
		{"search-type", "GET", "/{type}", Search, typeLevel, noBody, readTime, (*server).search},
		{"search-type", "POST", "/{type}/_search", Search, typeLevel, formBody, readTime, (*server).search},
	}
}

// search gives one page of the resources of a type that match, by GET or by POST to _search. An unknown parameter is
// refused: a typing error must not answer with everybody. "Prefer: handling=lenient" leaves it out and says so.
// https://hl7.org/fhir/R4/http.html#search
func (s *server) search(ctx context.Context, c *call) (answer, error) {
	q, req, ignored, err := s.question(c)
	if err != nil {
		return answer{}, err
	}
	if err := q.Resolve(ctx, s.terms); err != nil {
		return answer{}, err
	}
	if q, err = c.mayAsk(q); err != nil {
		return answer{}, err
	}
	req.Query, req.Within = q, c.access.Within
	req.Readable = func(typ string) bool { return c.access.allows(typ, Read) }
	page, err := s.Store.Search(ctx, req)
	if err != nil {
		return answer{}, tooSlow(err)
	}
	self := c.base + "/" + c.typ
	if len(q.Values) > 0 {
		self += "?" + q.Values.Encode()
	}
	links := []link{{"self", self}}
	if page.Next != "" {
		next, err := s.pages.seal(place{Type: c.typ, Query: q.Values.Encode(), At: page.At, Cursor: page.Next}, c.access.Author)
		if err != nil {
			return answer{}, err
		}
		links = append(links, link{"next", c.base + "/" + c.typ + "?" + pageParam + "=" + next})
	}
	b := beginBundle("searchset", page.Total, links, sizeOf(page.Matches)+sizeOf(page.Included))
	a := answer{status: http.StatusOK, query: q.Values.Encode()}
	for _, v := range page.Matches {
		b.found(c.base, v, "match")
		a.shown = append(a.shown, v.Type+"/"+v.ID)
	}
	for _, v := range page.Included {
		if c.access.allows(v.Type, Read) && store.Visible(c.access.Within, v.Holder) {
			b.found(c.base, v, "include")
			a.shown = append(a.shown, v.Type+"/"+v.ID)
		}
	}
	if notes := notices(ignored, page.Truncated); len(notes) > 0 {
		b.outcome(fhir.OutcomeOf(notes...))
	}
	a.body = b.end()
	return a, nil
}

// question reads what is asked: a first page from the parameters, another one from its link.
func (s *server) question(c *call) (*search.Query, store.SearchRequest, []string, error) {
	var req store.SearchRequest
	p, resumed, err := s.resume(c)
	if err != nil {
		return nil, req, nil, err
	}
	values := url.Values{}
	if resumed {
		req.At, req.Cursor = p.At, p.Cursor
		if values, err = url.ParseQuery(p.Query); err != nil {
			return nil, req, nil, fault.Wrap(err, fault.Internal, "rest.question", "The page link could not be read.")
		}
	} else {
		for name, v := range c.values {
			if !slices.Contains(everywhere(), name) {
				values[name] = slices.Clone(v)
			}
		}
	}
	if !resumed {
		c.relateValues(values)
	}
	var ignored []string
	if c.prefer.lenient && !resumed {
		ignored = dropUnknown(c.typ, values)
	}
	if n := count(values); n > mostParams {
		return nil, req, nil, fault.Newf(fault.Invalid, "rest.question", "The search has %d parameters; %d are the most.", n, mostParams)
	}
	q, err := search.Parse(c.typ, values)
	return q, req, ignored, err
}

// mostParams bounds the work that one question can ask for.
const mostParams = 50

func count(values url.Values) (n int) {
	for _, v := range values {
		n += len(v)
	}
	return n
}

// mayAsk takes from a search what the caller may not look into: links to types that the caller may not search. A search that
// cannot do without is refused, for its answer would tell of them.
func (c *call) mayAsk(q *search.Query) (*search.Query, error) {
	permitted, denied := q.Permit(func(typ string) bool { return c.access.allows(typ, Search) })
	if denied != "" {
		return nil, fault.Newf(fault.Forbidden, "rest.mayAsk", "The search looks into resources of type %s, which you may not search.", denied)
	}
	return permitted, nil
}

// dropUnknown removes parameters that are not served, and names them.
func dropUnknown(typ string, values url.Values) []string {
	var dropped []string
	for name := range values {
		if !search.Serves(typ, name) {
			delete(values, name)
			dropped = append(dropped, clip(name))
		}
	}
	slices.Sort(dropped)
	return dropped
}

// notices says what a page leaves out.
func notices(ignored []string, truncated bool) (list []fhir.Issue) {
	for _, name := range ignored {
		list = append(list, fhir.Issue{
			Severity: "warning", Code: "not-supported", Expression: name,
			Text: "The search parameter " + name + " is not served and was left out; there are more results than were asked for.",
		})
	}
	if truncated {
		list = append(list, fhir.Issue{
			Severity: "warning", Code: "incomplete",
			Text: "More resources were to be included than one page holds; ask for fewer matches a page.",
		})
	}
	return list
}

// tooSlow puts a deadline that passed in the store into words that help.
func tooSlow(err error) error {
	if fault.Is(err, fault.Timeout) || errors.Is(err, context.DeadlineExceeded) {
		return &fault.Error{
			Code: fault.Timeout, Op: "rest.search", Err: err,
			Message: "The search took longer than 5 seconds and was stopped. Ask for less: one patient, a shorter period, a single code.",
		}
	}
	return err
}

func sizeOf(list []store.Version) (n int) {
	for _, v := range list {
		n += len(v.Body) + 160 // what an entry adds around its resource
	}
	return n
}
