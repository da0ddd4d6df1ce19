package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// chronicle is what must be in the service, by all that was acknowledged and all that was seen there once.
type chronicle struct {
	must map[string]map[int]entry // reference -> version -> what is there

	mu    sync.Mutex
	wrong []string
}

// possible is a write of unknown outcome on its way to be settled: it is there now, or it will never be.
type possible struct {
	entry

	patient string // what it refers to, once that is known
	seen    bool
}

// doubt is an attempt of unknown outcome. Its writes are there together or not at all.
type doubt struct {
	attempt

	writes []*possible
}

// readers is how many resources are looked at at once.
const readers = 12

func newChronicle() *chronicle { return &chronicle{must: map[string]map[int]entry{}} }

func (c *chronicle) wrongf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// findings gives what was found wrong since the last time.
func (c *chronicle) findings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.wrong
	c.wrong = nil
	return found
}

// current is what the writer of a resource may hold to be current.
func (c *chronicle) current(ref string) held {
	newest := len(c.must[ref])
	return held{version: newest, deleted: newest > 0 && c.must[ref][newest].Deleted}
}

// versions is how many versions must be there.
func (c *chronicle) versions() (n int) {
	for _, versions := range c.must {
		n += len(versions)
	}
	return n
}

// inspect takes up what was attempted since a moment, and compares every resource that was touched with what the service says. What was
// in doubt is settled by it.
func (c *chronicle) inspect(f *fhirCaller, attempts []attempt, since time.Time) []string {
	touched := map[string][]*possible{}
	touch := func(e entry, p ...*possible) { touched[e.ref()] = append(touched[e.ref()], p...) }
	var doubts []doubt
	for _, a := range attempts {
		switch a.Outcome {
		case outcomeAcked:
			for _, e := range a.Writes {
				c.learn(a.Name, e)
				touch(e)
			}
		case outcomeRefused:
			for _, e := range a.Writes {
				touch(e) // its mark belongs to nobody
			}
		case outcomeUnknown:
			d := c.raise(f, a)
			doubts = append(doubts, d)
			for _, p := range d.writes {
				if p.ID != "" {
					touch(p.entry, p)
				}
			}
		}
	}
	refs := slices.Sorted(maps.Keys(touched))
	eachOf(refs, func(ref string) {
		if history := c.inspectHistory(f, ref, touched[ref]); len(history) > 0 {
			c.inspectReads(f, ref, history)
		}
	})
	for _, d := range doubts {
		c.whole(d)
	}
	c.inspectTrail(f, attempts, since)
	return c.findings()
}

// learn takes up one acknowledged write.
func (c *chronicle) learn(name string, e entry) {
	c.mu.Lock()
	versions := c.must[e.ref()]
	if versions == nil {
		versions = map[int]entry{}
		c.must[e.ref()] = versions
	}
	before, twice := versions[e.Version]
	versions[e.Version] = e
	c.mu.Unlock()
	if twice && before != e {
		c.wrongf("%s: version %d was acknowledged twice: to %s as %+v, and before as %+v", e.ref(), e.Version, name, e, before)
	}
}

// raise looks for what an attempt of unknown outcome may have created under ids that nobody was told.
func (c *chronicle) raise(f *fhirCaller, a attempt) doubt {
	d := doubt{attempt: a}
	patient := "Patient/nobody"
	for _, e := range a.Writes {
		p := &possible{entry: e}
		d.writes = append(d.writes, p)
		if p.ID == "" {
			ids, err := f.marked(p.Type, p.Mark)
			switch {
			case err != nil:
				c.wrongf("%s: looking for %s %s: %v", a.Name, p.Type, p.Mark, err)
			case len(ids) > 1:
				c.wrongf("%s: %d resources of type %s have the mark %s, which one request wrote: %v", a.Name, len(ids), p.Type, p.Mark, ids)
			case len(ids) == 1:
				p.ID = ids[0]
			}
		}
		if p.Type == "Patient" && len(a.Writes) > 1 && p.ID != "" {
			patient = p.ref()
		}
		if p.Type != "Patient" && (p.Type != "Basic" || len(a.Writes) > 1) {
			p.patient = patient
		}
	}
	return d
}

// whole demands that all or nothing of an attempt is there.
func (c *chronicle) whole(d doubt) {
	var there, missing []string
	for _, p := range d.writes {
		if p.seen {
			there = append(there, p.ref())
		} else {
			missing = append(missing, p.Type+" "+p.Mark)
		}
	}
	if len(there) > 0 && len(missing) > 0 {
		c.wrongf("%s: half there: %s, but not %s", d.Name, strings.Join(there, ", "), strings.Join(missing, ", "))
	}
}

// inspectHistory compares the history of a resource with what must be there, and gives it, newest first, if it can be read.
func (c *chronicle) inspectHistory(f *fhirCaller, ref string, possibles []*possible) []bundled {
	history, err := f.pages("/" + ref + "/_history?_count=200")
	if err != nil {
		c.wrongf("%s: its history: %v", ref, err)
		return nil
	}
	c.mu.Lock()
	must := maps.Clone(c.must[ref])
	c.mu.Unlock()
	for i, b := range history {
		version := versionOf(b.Response.Etag)
		if version != len(history)-i {
			c.wrongf("%s: a gap: its history of %d versions has version %d in place %d from the end", ref, len(history), version, len(history)-i)
			return nil
		}
		c.inspectVersion(ref, version, b, must, possibles)
		delete(must, version)
	}
	for version, e := range must {
		c.wrongf("%s: version %d (%s) was acknowledged and is lost; the history ends with version %d", ref, version, titled(e), len(history))
	}
	return history
}

// inspectVersion compares one version with what must be there; a version that nobody was told of is a write of unknown outcome, whole.
func (c *chronicle) inspectVersion(ref string, version int, b bundled, must map[int]entry, possibles []*possible) {
	deleted := b.Request.Method == http.MethodDelete
	if e, ok := must[version]; ok {
		if e.Deleted != deleted || e.Hash != hashOf(b.Resource) {
			c.wrongf("%s: version %d (%s) is not what was acknowledged: %s %s", ref, version, titled(e), b.Request.Method, b.Resource)
		}
		return
	}
	for _, p := range possibles {
		if !p.seen && p.Deleted == deleted && (deleted || sameContent(bodyOf(p.Type, p.ID, p.Mark, p.patient), b.Resource)) {
			p.seen = true
			e := p.entry
			e.Version, e.Hash = version, hashOf(b.Resource)
			c.learn("nobody", e)
			return
		}
	}
	c.wrongf("%s: version %d is not what anybody wrote: %s %s", ref, version, b.Request.Method, b.Resource)
}

// titled names a write in a message.
func titled(e entry) string {
	if e.Deleted {
		return "a deletion"
	}
	return e.Mark
}

// inspectReads compares what a read, a read of a version and searches say with the history, newest first.
func (c *chronicle) inspectReads(f *fhirCaller, ref string, history []bundled) {
	c.inspectRead(f, "/"+ref, history[0])
	if len(history) > 1 {
		middle := history[len(history)/2]
		c.inspectRead(f, "/"+ref+"/_history/"+fmt.Sprint(versionOf(middle.Response.Etag)), middle)
	}
	typ, id := split(ref)
	for i, b := range history[:min(2, len(history))] {
		mark := markOf(b.Resource)
		if mark == "" {
			continue // a deletion
		}
		want := []string(nil)
		if i == 0 {
			want = []string{id}
		}
		if got, err := f.marked(typ, mark); err != nil || !slices.Equal(got, want) {
			c.wrongf("%s: a search for the mark of version %s finds %v, and should find %v (error: %v)", ref, b.Response.Etag, got, want, err)
		}
	}
}

// inspectRead demands the exact bytes of a version, or that it is gone.
func (c *chronicle) inspectRead(f *fhirCaller, path string, want bundled) {
	got, err := f.do(http.MethodGet, path, nil)
	switch gone := want.Request.Method == http.MethodDelete; {
	case err != nil:
		c.wrongf("GET %s: %v", path, err)
	case gone && got.status != http.StatusGone:
		c.wrongf("GET %s: status %d for what was deleted: %s", path, got.status, got.body)
	case !gone && (got.status != http.StatusOK || string(got.body) != string(want.Resource) || etagOf(got.version) != want.Response.Etag):
		c.wrongf("GET %s: status %d, version %d, and not what the history has as %s: %s", path, got.status, got.version, want.Response.Etag, got.body)
	}
}

// inspectTrail demands that the audit trail names what was written as often as it was acknowledged. The event of a write is a commit of
// its own after it, and before the acknowledgement.
func (c *chronicle) inspectTrail(f *fhirCaller, attempts []attempt, since time.Time) {
	least := map[string]int{}
	for _, a := range attempts {
		if a.Outcome == outcomeAcked {
			for _, e := range a.Writes {
				least[e.ref()]++
			}
		}
	}
	events, err := f.pages("/AuditEvent?action=C,U,D&outcome=0&_count=200&date=ge" + since.UTC().Format("2006-01-02T15:04:05.000Z"))
	if err != nil {
		c.wrongf("the audit trail: %v", err)
		return
	}
	for _, b := range events {
		for _, ref := range namedIn(b.Resource) {
			least[ref]--
		}
	}
	for ref, missing := range least {
		if missing > 0 {
			c.wrongf("%s: acknowledged, and lost from the audit trail: %d of its writes", ref, missing)
		}
	}
}

// inspectAll demands that exactly what must be there is there, of every resource that was ever touched: the current bytes by searches for
// everything, and the histories of those that have more than these.
func (c *chronicle) inspectAll(f *fhirCaller) []string {
	var longer []string
	live := map[string]int{}
	for _, ref := range slices.Sorted(maps.Keys(c.must)) {
		h := c.current(ref)
		if h.version != 1 {
			longer = append(longer, ref)
		}
		if !h.deleted {
			typ, _ := split(ref)
			live[typ]++
		}
	}
	eachOf(longer, func(ref string) { c.inspectHistory(f, ref, nil) })
	for _, typ := range crashTypes {
		found, err := f.pages("/" + typ + "?_count=200")
		if err != nil || len(found) != live[typ] {
			c.wrongf("a search for all of type %s finds %d, and %d must be there (error: %v)", typ, len(found), live[typ], err)
		}
		for _, b := range found {
			ref := typ + "/" + idIn(b.Resource)
			if e := c.must[ref][c.current(ref).version]; e.Deleted || e.Hash != hashOf(b.Resource) {
				c.wrongf("%s: a search for all of its type finds what must not be there: %s", ref, b.Resource)
			}
		}
	}
	return c.findings()
}

// eachOf calls do for all, several at once.
func eachOf(all []string, do func(string)) {
	work := make(chan string)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for one := range work {
				do(one)
			}
		})
	}
	for _, one := range all {
		work <- one
	}
	close(work)
	wg.Wait()
}
