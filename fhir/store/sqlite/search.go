package sqlite

import (
	"context"
	"slices"

	lite "zombiezen.com/go/sqlite"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Work that one answer may cost, in candidates that are read and checked.
const (
	pageBudget     = 20_000  // for a page; then it is cut short and has a Next
	totalBudget    = 200_000 // for counting all matches; then an accurate total is refused
	estimateBudget = 20_000  // for estimating how many there are, when they are too many to count
	absentBudget   = 1_000   // for a condition of a commit, since all writers wait for it; then it is refused
	commitBudget   = 20_000  // for all conditions of a commit, with what their links look at
)

// finder is one search at one position of the log.
type finder struct {
	conn    *lite.Conn
	q       *search.Query
	within  []string
	at      store.Seq
	applied store.Seq // the last commit that the connection sees; noSeq when it sees what is not committed yet
	parts   []*part
	related *related // what links ask; shared by the finders of the inner queries
	bare    bool     // bodies are not wanted of what matches without being read
	size    int      // bytes of the page's matches
	most    int      // bytes after which the page takes no more; 0: no limit
	budget  int
	counts  int // budget for counting all matches
	guess   int // budget for estimating them
}

// part is one type of what is searched.
type part struct {
	q    *search.Query
	plan *plan
}

// hit is a candidate that matched.
type hit struct {
	cur  current
	body []byte
	part *part
	res  *fhir.Resource // nil when it was not needed to decide; see resource
}

// resource parses the body if nobody has yet.
func (h *hit) resource() (*fhir.Resource, error) {
	if h.res != nil {
		return h.res, nil
	}
	r, err := parseStored(h.body)
	h.res = r
	return r, err
}

// Search implements store.Store.
func (db *DB) Search(ctx context.Context, q store.SearchRequest) (store.Page, error) {
	const op = "store.Search"
	if q.Query == nil {
		return store.Page{}, fault.New(fault.Invalid, op, "A search needs a query.")
	}
	cur, err := openCursor(q.Cursor, len(q.Query.Sort))
	if err != nil {
		return store.Page{}, err
	}
	var page store.Page
	err = db.readLong(ctx, op, func(conn *lite.Conn) error {
		applied, err := metaGet(conn, "applied")
		if err != nil {
			return err
		}
		f := &finder{
			conn: conn, q: q.Query, within: q.Within, at: q.At, applied: store.Seq(applied),
			budget: pageBudget, counts: totalBudget, guess: estimateBudget, most: store.MaxPage,
		}
		if f.at == 0 {
			f.at = f.applied
		}
		if f.at < 0 || f.at > f.applied {
			return fault.New(fault.Invalid, op, "The page link names a state that this store never had.")
		}
		page, err = f.page(cur, q.Readable)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// page finds one page and what is to be included with it.
func (f *finder) page(from cursor, readable func(string) bool) (store.Page, error) {
	if err := f.prepare(); err != nil {
		return store.Page{}, err
	}
	page := store.Page{At: f.at, Total: from.Total}
	hits, next, err := f.hits(from, &page.Total)
	if err != nil {
		return store.Page{}, err
	}
	if next != nil {
		next.Total = page.Total
		page.Next = next.seal()
	}
	for i := range hits {
		page.Matches = append(page.Matches, hits[i].cur.version(hits[i].body))
	}
	page.Included, page.Truncated, err = f.included(hits, readable)
	return page, err
}

// hits finds the page's matches in the order that the query asks for. total becomes the number of all matches if the query
// asks for it and from does not know it.
func (f *finder) hits(from cursor, total *int) (hits []hit, next *cursor, err error) {
	wanted := *total < 0 && f.q.Total != "" && f.q.Total != search.TotalNone
	switch {
	case len(f.q.Sort) == 0:
		hits, next, err = f.inOrder(from.RID)
	case kept(f.q.Sort):
		hits, next, err = f.inKeptOrder(from)
	default:
		var all int
		if hits, next, all, err = f.sorted(from); wanted && all >= 0 {
			*total, wanted = all, false
		}
	}
	if err == nil && wanted {
		*total, err = f.total()
	}
	return hits, next, err
}

// prepare plans every part.
func (f *finder) prepare() error {
	if f.related == nil {
		f.related = newRelated(f)
	}
	for _, q := range f.q.Each() {
		p, err := f.makePlan(q)
		if err != nil {
			return err
		}
		f.parts = append(f.parts, &part{q: q, plan: p})
	}
	return nil
}

// reach are the keys of everything of the type that the caller may see.
func (f *finder) reach(typ string) []string {
	if f.within == nil {
		return []string{search.TypeKey(typ)}
	}
	keys := []string{holderKey(typ, "")}
	for _, h := range f.within {
		if h != store.Nobody {
			keys = append(keys, holderKey(typ, h))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// full reports whether a page with that many matches takes no more.
func (f *finder) full(hits int) bool { return hits == f.q.Count || f.most > 0 && f.size > f.most }

// inOrder finds matches after a rid in the order of creation. When the budget ends first, next continues where it ended.
func (f *finder) inOrder(after int64) (hits []hit, next *cursor, err error) {
	if f.q.Count == 0 {
		return nil, nil, nil
	}
	candidates, err := f.stream(after)
	if err != nil {
		return nil, nil, err
	}
	for {
		c, ok, err := candidates.next()
		if err != nil || !ok {
			return hits, nil, err
		}
		if f.budget--; f.budget < 0 {
			return hits, &cursor{RID: after}, nil
		}
		h, ok, err := f.match(c)
		if err != nil {
			return nil, nil, err
		}
		if ok && f.full(len(hits)) {
			return hits, &cursor{RID: hits[len(hits)-1].cur.rid}, nil
		}
		if ok {
			hits = append(hits, h)
			f.size += len(h.body)
		}
		after = c.rid
	}
}

// currentNoBody is currentRow by rid, with something instead of the body that is NULL when there is none.
const currentNoBody = "SELECT " + currentColumns + ", (SELECT CASE WHEN b.data IS NULL THEN NULL ELSE 1 END FROM body b WHERE b.place = r.place) FROM res r WHERE r.rid = ?"

// match reads a candidate and decides.
func (f *finder) match(c candidate) (h hit, ok bool, err error) {
	p := c.part
	if ok, err := p.plan.passes(f.conn, c.rid); err != nil || !ok {
		return hit{}, false, err
	}
	h.part = p
	query, bare := currentRow+"r.rid = ?", f.bare && p.plan.sure
	if bare {
		query = currentNoBody
	}
	err = run(f.conn, query,
		func(s *lite.Stmt) error {
			h.cur = scanCurrent(s)
			if ok = f.eligible(&h.cur, p.q.Type) && !s.ColumnIsNull(9); ok && !bare {
				h.body = blob(s, 9)
			}
			return nil
		}, c.rid)
	if err != nil || !ok {
		return hit{}, false, err
	}
	if p.plan.sure {
		return h, true, nil
	}
	if h.res, err = parseStored(h.body); err != nil || !p.q.Match(h.res) {
		return hit{}, false, err
	}
	ok, err = p.q.Linked(h.res, f.related)
	return h, ok, err
}

// eligible is what must hold of a candidate whatever the query says.
func (f *finder) eligible(c *current, typ string) bool {
	return c.live() && c.typ == typ && seqOf(c.place) <= f.at && store.Visible(f.within, c.holder)
}

// each calls do with every candidate, in the order of creation.
func (f *finder) each(do func(c candidate) error) error { return f.run(0, do) }

// eachAfter calls do with the candidates after a rid, until it gives errStop.
func (f *finder) eachAfter(after int64, do func(c candidate) error) error {
	return stopped(f.run(after, do))
}

func (f *finder) run(after int64, do func(c candidate) error) error {
	candidates, err := f.stream(after)
	if err != nil {
		return err
	}
	for {
		c, ok, err := candidates.next()
		if err != nil || !ok {
			return err
		}
		if err := do(c); err != nil {
			return err
		}
	}
}

// atMost reports whether all drivers together have no more index rows than limit.
func (f *finder) atMost(limit int) (bool, error) {
	rows, err := f.rows(limit)
	return rows <= limit, err
}

// countedByRows reports whether the matches are as many as the index rows of the drivers: each has one key, which proves everything.
func (f *finder) countedByRows() bool {
	for _, p := range f.parts {
		if !p.plan.sure || len(p.plan.driver.keys) != 1 || len(p.plan.checks) > 0 || f.within != nil {
			return false
		}
	}
	return true
}

// rows counts the index rows of all drivers, up to just above the limit.
func (f *finder) rows(limit int) (rows int, err error) {
	for _, p := range f.parts {
		if _, err := p.plan.atMost(f.conn, limit-rows); err != nil {
			return 0, err
		}
		if rows += p.plan.driver.rows; rows > limit {
			break
		}
	}
	return rows, nil
}

// firstMatches finds current matches of a condition of a commit: all, up to two more than it expects. left is what the conditions of the
// commit may still look at.
func firstMatches(conn *lite.Conn, a *store.Absence, left *int) ([]store.Version, error) {
	few := *a.Query
	few.Count, few.Sort = len(a.Except)+2, nil
	f := &finder{conn: conn, q: &few, within: a.Within, at: noSeq, applied: noSeq, budget: absentBudget}
	f.related = newRelated(f)
	f.related.left = left
	if err := f.prepare(); err != nil {
		return nil, err
	}
	hits, next, err := f.inOrder(0)
	if err != nil {
		return nil, err
	}
	*left -= absentBudget - max(f.budget, 0)
	if next != nil && len(hits) < few.Count || *left < 0 {
		return nil, tooMuchToCheck()
	}
	var found []store.Version
	for i := range hits {
		found = append(found, hits[i].cur.version(hits[i].body))
	}
	return found, nil
}

func tooMuchToCheck() error {
	return fault.Newf(fault.TooCostly, opCommit,
		"The condition would look at more than %d resources, or all conditions of the transaction at more than %d. Use conditions that name a business identifier.",
		absentBudget, commitBudget)
}
