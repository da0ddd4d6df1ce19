package rest

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// history lists the versions of one resource, newest first, deletions included. _since leaves out older versions, _at those that
// were current at no time of a period. https://hl7.org/fhir/R4/http.html#history
func (s *server) history(ctx context.Context, c *call) (answer, error) {
	asked, p, err := s.historyQuestion(c, "_count", "_since", "_at", "_sort")
	if err != nil {
		return answer{}, err
	}
	span, err := historyRange(asked)
	if err != nil {
		return answer{}, err
	}
	if err := s.known(ctx, c); err != nil {
		return answer{}, err
	}
	versions, err := s.versions(ctx, c, p.Before, span.most)
	if err != nil {
		return answer{}, err
	}
	var after *store.Version // the version that followed the first one of the page
	if p.Before > 0 {
		after, versions = &versions[0], versions[1:]
	}
	versions = versions[:min(span.most, len(versions))]
	next := ""
	if last := &versions[len(versions)-1]; last.VersionID != "1" && !last.Updated.Before(span.since) {
		before, err := strconv.Atoi(last.VersionID)
		if err != nil {
			return answer{}, fault.Wrap(err, fault.Internal, "rest.history", "The history could not be read.")
		}
		next, err = s.pages.seal(place{Kind: c.rt.code, Type: c.typ, ID: c.id, Query: asked.Encode(), Before: before}, c.access.Author)
		if err != nil {
			return answer{}, err
		}
	}
	if versions, err = s.visibleVersions(ctx, c.access, span.within(versions, after)); err != nil {
		return answer{}, err
	}
	return c.historyPage(asked.Encode(), versions, next, p.Before == 0), nil
}

// versions reads a page, shorter when the versions are large, and on further pages the one that followed the page's first.
func (s *server) versions(ctx context.Context, c *call, before, most int) ([]store.Version, error) {
	q := store.HistoryRequest{Type: c.typ, ID: c.id, Count: most}
	if before > 0 {
		q.Before, q.Count = before+1, most+1
	}
	list, err := s.Store.History(ctx, q)
	if fault.Is(err, fault.NotFound) || err == nil && len(list) == 0 {
		return nil, noSuch(c.typ)
	}
	return list, err
}

// historyQuestion reads the parameters: of a first page from the address, of another one from its link.
func (s *server) historyQuestion(c *call, known ...string) (url.Values, place, error) {
	p, resumed, err := s.resume(c)
	if err != nil {
		return nil, p, err
	}
	if resumed && p.Kind != c.rt.code {
		return nil, p, unknownPage()
	}
	if resumed {
		asked, err := url.ParseQuery(p.Query)
		return asked, p, fault.Wrap(err, fault.Internal, "rest.history", "The page link could not be read.")
	}
	asked := url.Values{}
	for name, v := range c.values {
		if !slices.Contains(everywhere(), name) {
			asked[name] = v
		}
	}
	return asked, p, c.only(known...)
}

// span is what part of a history is asked for.
type span struct {
	most     int
	since    time.Time
	from, to time.Time // of _at; to is zero without it
}

// historyRange reads _count (1 to the most that a search gives; larger ones are cut), _since, _at and _sort, which only has the
// order that a history always has.
func historyRange(asked url.Values) (r span, err error) {
	const op = "rest.historyRange"
	r.most = search.DefaultCount
	for name, list := range asked {
		if len(list) > 1 {
			return r, fault.Newf(fault.Invalid, op, "%s may be given once.", name).At(name)
		}
	}
	if text := asked.Get("_count"); asked.Has("_count") {
		if r.most, err = strconv.Atoi(text); err != nil || r.most < 1 {
			return r, fault.New(fault.Invalid, op, "_count must be a whole number from 1.").At("_count")
		}
		r.most = min(r.most, search.MaxCount)
	}
	if text := asked.Get("_since"); asked.Has("_since") {
		if r.since, err = time.Parse(time.RFC3339, text); err != nil {
			return r, fault.New(fault.Invalid, op, "_since must be a moment with its zone, as in 2026-07-01T00:00:00+07:00.").At("_since")
		}
	}
	if text := asked.Get("_at"); asked.Has("_at") {
		var ok bool
		if r.from, r.to, ok = search.Period(text); !ok {
			return r, fault.New(fault.Invalid, op, "_at must be a date or a moment, as in 2026-07 or 2026-07-01T08:00:00+07:00.").At("_at")
		}
	}
	if sort := asked.Get("_sort"); asked.Has("_sort") && sort != "-_lastUpdated" {
		return r, fault.New(fault.Unsupported, op, "A history is sorted by -_lastUpdated, newest first, and in no other way.").At("_sort")
	}
	return r, nil
}

// within leaves the versions of the span. A version was current from its time to that of the one that followed; after is what
// followed the first of the list, nil if nothing did.
func (r *span) within(versions []store.Version, after *store.Version) []store.Version {
	var kept []store.Version
	for i := range versions {
		v := &versions[i]
		outside := v.Updated.Before(r.since)
		if !r.to.IsZero() {
			outside = outside || !v.Updated.Before(r.to) || after != nil && !after.Updated.After(r.from)
		}
		if !outside {
			kept = append(kept, *v)
		}
		after = v
	}
	return kept
}

// historyPage writes a page of versions; next is the sealed place of another one, "" on the last. A first page that is also the
// last says how many versions there are; of others nobody counts them.
func (c *call) historyPage(query string, versions []store.Version, next string, first bool) answer {
	address := c.base
	for _, part := range []string{c.typ, c.id, "_history"} {
		if part != "" {
			address += "/" + part
		}
	}
	self := address
	if query != "" {
		self += "?" + query
	}
	links := []link{{"self", self}}
	if next != "" {
		links = append(links, link{"next", address + "?" + pageParam + "=" + next})
	}
	total := -1
	if first && next == "" {
		total = len(versions)
	}
	b := beginBundle("history", total, links, sizeOf(versions))
	a := answer{status: http.StatusOK, query: query}
	for _, v := range versions {
		b.past(c.base, v)
		a.shown = append(a.shown, versionPath(v.Type, v.ID, v.VersionID))
	}
	a.body = b.end()
	return a
}
