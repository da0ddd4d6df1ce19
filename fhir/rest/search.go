package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// searchRoutes are the ways to search: one type, several types, the compartment of one resource.
func searchRoutes() []route {
	const within = "/{type}/{id}/{inner:[*A-Z].*}"
	return []route{
		{"search-type", "GET", "/{type}", Search, typeLevel, noBody, readTime, (*server).search},
		{"search-type", "POST", "/{type}/_search", Search, typeLevel, formBody, readTime, (*server).search},
		{"search-system", "GET", "/", Search, systemLevel, noBody, readTime, (*server).search},
		{"search-system", "POST", "/_search", Search, systemLevel, formBody, readTime, (*server).search},
		{"search-compartment", "GET", within, Search, compartmentLevel, noBody, readTime, (*server).search},
		{"search-compartment", "POST", within + "/_search", Search, compartmentLevel, formBody, readTime, (*server).search},
	}
}

// search gives one page of the resources that match, by GET or by POST to _search. An unknown parameter is refused: a typing
// error must not answer with everybody. "Prefer: handling=lenient" leaves it out and says so.
// https://hl7.org/fhir/R4/http.html#search
func (s *server) search(ctx context.Context, c *call) (answer, error) {
	q, req, ignored, err := s.question(c)
	if err != nil {
		return answer{}, err
	}
	if err := q.Resolve(ctx, s.terms); err != nil {
		return answer{}, err
	}
	req.Query, req.Within = q, c.access.Within
	req.Readable = func(typ string) bool { return c.access.allows(typ, Read) }
	page, err := s.Store.Search(ctx, req)
	if err != nil {
		return answer{}, tooSlow(err)
	}
	links, err := s.searchLinks(c, q, &page)
	if err != nil {
		return answer{}, err
	}
	b := beginBundle("searchset", total(q, req, &page), links, sizeOf(page.Matches)+sizeOf(page.Included))
	a := answer{status: http.StatusOK, query: q.Values.Encode()}
	for _, v := range page.Matches {
		if v, err = shaped(q, v, true); err != nil {
			return answer{}, err
		}
		b.found(c.base, v, "match")
		a.shown = append(a.shown, v.Type+"/"+v.ID)
	}
	for _, v := range page.Included {
		if !c.access.allows(v.Type, Read) || !store.Visible(c.access.Within, v.Holder) {
			continue
		}
		if v, err = shaped(q, v, false); err != nil {
			return answer{}, err
		}
		b.found(c.base, v, "include")
		a.shown = append(a.shown, v.Type+"/"+v.ID)
	}
	if notes := notices(ignored, page.Truncated); len(notes) > 0 {
		b.outcome(fhir.OutcomeOf(notes...))
	}
	a.body = b.end()
	return a, nil
}

// total is what the search counted; or the matches of a first page that no other follows, for clients that look at it without
// asking for it; or -1, which leaves it out. https://hl7.org/fhir/R4/search.html#total
func total(q *search.Query, req store.SearchRequest, page *store.Page) int {
	if page.Total < 0 && req.Cursor == "" && page.Next == "" && !q.Values.Has("_total") {
		return len(page.Matches)
	}
	return page.Total
}

// searchLinks gives the link to the page itself and the one to the next.
func (s *server) searchLinks(c *call, q *search.Query, page *store.Page) ([]link, error) {
	address := c.base
	for _, part := range []string{c.typ, c.id, c.inner} {
		if part != "" {
			address += "/" + part
		}
	}
	query := q.Values.Encode()
	self := address
	if query != "" {
		self += "?" + query
	}
	links := []link{{"self", self}}
	if page.Next == "" {
		return links, nil
	}
	next, err := s.pages.seal(place{
		Kind: c.rt.code, Type: c.typ, ID: c.id, Inner: c.inner, Query: query, At: page.At, Cursor: page.Next,
	}, c.access.Author)
	return append(links, link{"next", address + "?" + pageParam + "=" + next}), err
}

// question reads what is asked, and may be: a first page from the parameters, another one from its link.
func (s *server) question(c *call) (*search.Query, store.SearchRequest, []string, error) {
	var req store.SearchRequest
	p, resumed, err := s.resume(c)
	if err != nil {
		return nil, req, nil, err
	}
	values := url.Values{}
	var ignored []string
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
		c.relateValues(values)
		if c.prefer.lenient {
			ignored = c.dropUnknown(values)
		}
	}
	if n := count(values); n > mostParams {
		return nil, req, nil, fault.Newf(fault.Invalid, "rest.question", "The search has %d parameters; %d are the most.", n, mostParams)
	}
	q, err := c.parse(values)
	if err == nil {
		q, err = c.mayAsk(q)
	}
	return q, req, ignored, err
}

// parse reads the parameters of the search that the address is of.
func (c *call) parse(values url.Values) (*search.Query, error) {
	switch c.rt.level {
	case compartmentLevel:
		return search.ParseCompartment(c.typ, c.id, c.inner, values)
	case systemLevel:
		return search.ParseSystem(values)
	default:
		return search.Parse(c.typ, values)
	}
}

// mostParams bounds the work that one question can ask for.
const mostParams = 50

func count(values url.Values) (n int) {
	for _, v := range values {
		n += len(v)
	}
	return n
}

// mayAsk takes from a search what the caller may not look into: of several types that none is named of, those that the caller
// may not search; and links to such types. A search that cannot do without is refused, for its answer would tell of them.
func (c *call) mayAsk(q *search.Query) (*search.Query, error) {
	allowed := func(typ string) bool { return c.access.allows(typ, Search) }
	if q.Parts != nil && !q.Values.Has("_type") {
		if q = q.Only(allowed); q == nil {
			return nil, fault.New(fault.Forbidden, "rest.mayAsk", "You may not search resources of any of these types.")
		}
	}
	for _, part := range q.Parts {
		if !allowed(part.Type) {
			return nil, fault.Newf(fault.Forbidden, "rest.mayAsk", "You may not search resources of type %s.", part.Type)
		}
	}
	permitted, denied := q.Permit(allowed)
	if denied != "" {
		return nil, fault.Newf(fault.Forbidden, "rest.mayAsk", "The search looks into resources of type %s, which you may not search.", denied)
	}
	return permitted, nil
}

// dropUnknown removes parameters that are not served, and names them.
func (c *call) dropUnknown(values url.Values) []string {
	var dropped []string
	types := strings.Join(values["_type"], ",")
	for name := range values {
		if !c.takes(name, types) {
			delete(values, name)
			dropped = append(dropped, clip(name))
		}
	}
	slices.Sort(dropped)
	return dropped
}

// takes reports whether the search takes a parameter of that name. Of a search of several types it is one that every type has.
func (c *call) takes(name, types string) bool {
	list := []string{c.typ}
	switch {
	case c.rt.level == compartmentLevel && c.inner != "*":
		list = []string{c.inner}
	case c.rt.level != typeLevel && name == "_type":
		return true
	case c.rt.level != typeLevel && types != "":
		list = strings.Split(types, ",")
	case c.rt.level != typeLevel:
		list = search.Types()
	}
	return !slices.ContainsFunc(list, func(typ string) bool { return !search.Serves(typ, name) })
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
