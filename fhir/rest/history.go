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

// history lists the versions of one resource, newest first, deletions included. https://hl7.org/fhir/R4/http.html#history
func (s *server) history(ctx context.Context, c *call) (answer, error) {
	asked, p, err := s.historyQuestion(c)
	if err != nil {
		return answer{}, err
	}
	most, since, err := historyRange(asked)
	if err != nil {
		return answer{}, err
	}
	if err := s.known(ctx, c); err != nil {
		return answer{}, err
	}
	versions, err := s.Store.History(ctx, store.HistoryRequest{Type: c.typ, ID: c.id, Count: most + 1, Before: p.Before})
	if fault.Is(err, fault.NotFound) {
		return answer{}, noSuch(c.typ)
	}
	if err != nil {
		return answer{}, err
	}
	more := len(versions) > most
	versions = versions[:min(most, len(versions))]
	if more && versions[most-1].Updated.Before(since) {
		more = false
	}
	before := 0
	if more {
		if before, err = strconv.Atoi(versions[most-1].VersionID); err != nil {
			return answer{}, fault.Wrap(err, fault.Internal, "rest.history", "The history could not be read.")
		}
	}
	versions = slices.DeleteFunc(versions, func(v store.Version) bool { return v.Updated.Before(since) })
	if versions, err = s.visibleVersions(ctx, c.access, versions); err != nil {
		return answer{}, err
	}
	return s.historyPage(c, asked.Encode(), versions, before)
}

// historyQuestion reads the parameters: of a first page from the address, of another one from its link.
func (s *server) historyQuestion(c *call) (url.Values, place, error) {
	p, resumed, err := s.resume(c)
	if err != nil {
		return nil, p, err
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
	return asked, p, c.only("_count", "_since")
}

// historyRange reads _count (1 to the most that a search gives; larger ones are cut) and _since.
func historyRange(asked url.Values) (most int, since time.Time, err error) {
	const op = "rest.historyRange"
	most = search.DefaultCount
	if text := asked.Get("_count"); asked.Has("_count") {
		if most, err = strconv.Atoi(text); err != nil || most < 1 {
			return 0, since, fault.New(fault.Invalid, op, "_count must be a whole number from 1.").At("_count")
		}
		most = min(most, search.MaxCount)
	}
	if text := asked.Get("_since"); asked.Has("_since") {
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			return 0, since, fault.New(fault.Invalid, op, "_since must be a moment with its zone, as in 2026-07-01T00:00:00+07:00.").At("_since")
		}
	}
	return most, since, nil
}

// historyPage writes a page of versions; before is where the next one goes on, 0 on the last.
func (s *server) historyPage(c *call, query string, versions []store.Version, before int) (answer, error) {
	address := c.base + "/" + c.typ + "/" + c.id + "/_history"
	self := address
	if query != "" {
		self += "?" + query
	}
	links := []link{{"self", self}}
	if before > 0 {
		next, err := s.pages.seal(place{Type: c.typ, ID: c.id, Query: query, Before: before}, c.access.Author)
		if err != nil {
			return answer{}, err
		}
		links = append(links, link{"next", address + "?" + pageParam + "=" + next})
	}
	b := beginBundle("history", -1, links, sizeOf(versions))
	a := answer{status: http.StatusOK, query: query}
	for _, v := range versions {
		b.past(c.base, v)
		a.shown = append(a.shown, versionPath(v.Type, v.ID, v.VersionID))
	}
	a.body = b.end()
	return a, nil
}
