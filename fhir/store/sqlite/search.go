package sqlite

import (
	"context"
	"math"
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
)

// finder is one search at one position of the log.
type finder struct {
	conn   *lite.Conn
	q      *search.Query
	within []string
	at     store.Seq
	plan   *plan
	budget int
	counts int // budget for counting all matches
	guess  int // budget for estimating them
}

// hit is a candidate that matched.
type hit struct {
	cur  current
	body []byte
	res  *fhir.Resource
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
		at := q.At
		if at == 0 {
			at = store.Seq(applied)
		}
		if at < 0 || at > store.Seq(applied) {
			return fault.New(fault.Invalid, op, "The page link names a state that this store never had.")
		}
		f := &finder{conn: conn, q: q.Query, within: q.Within, at: at, budget: pageBudget, counts: totalBudget, guess: estimateBudget}
		page, err = f.page(cur)
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

// page finds one page and what is to be included with it.
func (f *finder) page(from cursor) (store.Page, error) {
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
	page.Included, page.Truncated, err = f.included(hits)
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
		if hits, next, all, err = f.sorted(from); wanted {
			*total, wanted = all, false
		}
	}
	if err == nil && wanted {
		*total, err = f.total()
	}
	return hits, next, err
}

func (f *finder) prepare() (err error) {
	var holder []string
	if f.within != nil {
		holder = f.reach()
	}
	f.plan, err = makePlan(f.conn, f.q, holder)
	return err
}

// reach are the keys of everything of the type that the caller may see.
func (f *finder) reach() []string {
	if f.within == nil {
		return []string{search.TypeKey(f.q.Type)}
	}
	keys := []string{holderKey(f.q.Type, "")}
	for _, h := range f.within {
		if h != store.Nobody {
			keys = append(keys, holderKey(f.q.Type, h))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// inOrder finds matches after a rid in the order of creation. When the budget ends first, next continues where it ended.
func (f *finder) inOrder(after int64) (hits []hit, next *cursor, err error) {
	if f.q.Count == 0 {
		return nil, nil, nil
	}
	source, err := f.plan.candidates(f.conn)
	if err != nil {
		return nil, nil, err
	}
	for {
		rids, err := source(after)
		if err != nil || len(rids) == 0 {
			return hits, nil, err
		}
		for _, rid := range rids {
			if f.budget--; f.budget < 0 {
				return hits, &cursor{RID: after}, nil
			}
			h, ok, err := f.match(rid)
			if err != nil {
				return nil, nil, err
			}
			if ok && len(hits) == f.q.Count {
				return hits, &cursor{RID: hits[len(hits)-1].cur.rid}, nil
			}
			if ok {
				hits = append(hits, h)
			}
			after = rid
		}
	}
}

// match reads a candidate and decides.
func (f *finder) match(rid int64) (h hit, ok bool, err error) {
	if ok, err := f.plan.passes(f.conn, rid); err != nil || !ok {
		return hit{}, false, err
	}
	err = run(f.conn, currentRow+"r.rid = ?",
		func(s *lite.Stmt) error {
			h.cur = scanCurrent(s)
			if ok = f.eligible(&h.cur); ok {
				h.body = blob(s, 9)
			}
			return nil
		}, rid)
	if err != nil || !ok || h.body == nil {
		return hit{}, false, err
	}
	if h.res, err = parseStored(h.body); err != nil {
		return hit{}, false, err
	}
	return h, f.q.Match(h.res), nil
}

// eligible is what must hold of a candidate whatever the query says.
func (f *finder) eligible(c *current) bool {
	return c.live() && c.typ == f.q.Type && seqOf(c.place) <= f.at && store.Visible(f.within, c.holder)
}

// total counts all matches, or estimates them when they are too many to count and the query takes an estimate.
func (f *finder) total() (int, error) {
	if len(f.q.Clauses) == 0 && f.within == nil {
		n, err := number(f.conn, "SELECT count(*) FROM idx WHERE k = ?", []byte(search.TypeKey(f.q.Type)))
		return int(n), err
	}
	n, _, all, err := f.countUpTo(f.plan, f.counts)
	switch {
	case err != nil || all:
		return n, err
	case f.q.Total == search.TotalEstimate:
		return f.estimate()
	}
	return 0, fault.Newf(fault.TooCostly, "store.Search",
		"Counting would look at more than %d resources. Narrow the search, or ask for an estimate or no total.", f.counts)
}

// estimate scales the share of matches among some of what the caller may see by how much that is. Nothing out of reach goes into
// it: what it says of the size of the store is the size of the caller's part.
func (f *finder) estimate() (int, error) {
	reach := &plan{driver: way{keys: f.reach()}}
	n, seen, all, err := f.countUpTo(reach, f.guess)
	if err != nil || all || seen == 0 {
		return n, err
	}
	rows := 0.0
	for _, k := range reach.driver.keys {
		some, err := number(f.conn, "SELECT count(*) FROM idx WHERE k = ?", []byte(k))
		if err != nil {
			return 0, err
		}
		rows += float64(some)
	}
	return int(math.Round(rows * float64(n) / float64(seen))), nil
}

// countUpTo counts the matches among the first candidates of a plan, at most limit of them; all says that there are no more.
func (f *finder) countUpTo(p *plan, limit int) (n, seen int, all bool, err error) {
	before := f.plan
	f.plan = p
	defer func() { f.plan = before }()
	err = f.each(func(rid int64) error {
		if seen == limit {
			return errStop
		}
		seen++
		_, ok, err := f.match(rid)
		if ok {
			n++
		}
		return err
	})
	return n, seen, err == nil, stopped(err)
}

// each calls do with every candidate, in the order of creation.
func (f *finder) each(do func(rid int64) error) error {
	source, err := f.plan.candidates(f.conn)
	if err != nil {
		return err
	}
	for last := int64(0); ; {
		rids, err := source(last)
		if err != nil || len(rids) == 0 {
			return err
		}
		for _, rid := range rids {
			if err := do(rid); err != nil {
				return err
			}
			last = rid
		}
	}
}

// firstMatches finds current matches of a condition of a commit: all, up to two more than it expects.
func firstMatches(conn *lite.Conn, a *store.Absence) ([]store.Version, error) {
	few := *a.Query
	few.Count, few.Sort = len(a.Except)+2, nil
	f := &finder{conn: conn, q: &few, within: a.Within, at: noSeq, budget: absentBudget}
	if err := f.prepare(); err != nil {
		return nil, err
	}
	hits, next, err := f.inOrder(0)
	if err != nil {
		return nil, err
	}
	if next != nil && len(hits) < few.Count {
		return nil, fault.Newf(fault.TooCostly, opCommit,
			"The condition would look at more than %d resources. Use one that names a business identifier.", absentBudget)
	}
	var found []store.Version
	for i := range hits {
		found = append(found, hits[i].cur.version(hits[i].body))
	}
	return found, nil
}
