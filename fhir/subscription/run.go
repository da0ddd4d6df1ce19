package subscription

import (
	"context"
	"net/url"
	"sync"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Run serves the subscriptions until ctx ends; then it returns when all deliveries have stopped. It is called once. Connections
// that are bound by Handler end with it.
func (d *Dispatcher) Run(ctx context.Context) {
	r := &runner{Dispatcher: d}
	defer d.hub.close()
	defer r.running.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var at store.Seq
	for begun := false; ctx.Err() == nil; {
		var err error
		if !begun {
			at, err = r.begin(ctx)
			begun = err == nil
		} else {
			at, err = r.follow(ctx, at)
		}
		if err != nil && ctx.Err() == nil {
			d.Logger.Error("subscriptions cannot be served; trying again", "op", "subscription.Run", "err", err)
			pause(ctx, readAgainAfter)
		}
	}
}

// runner is one run of a dispatcher. Only Run's goroutine uses it.
type runner struct {
	*Dispatcher
	running sync.WaitGroup
}

// begin starts what is active and gives the position that this was the state of.
func (r *runner) begin(ctx context.Context) (store.Seq, error) {
	q, err := search.Parse("Subscription", url.Values{"status": {requested + "," + active}, "_count": {"200"}})
	if err != nil {
		return 0, err
	}
	req := store.SearchRequest{Query: q}
	for {
		page, err := r.Store.Search(ctx, req)
		if err != nil {
			return 0, err
		}
		for i := range page.Matches {
			if err := r.resume(ctx, &page.Matches[i]); err != nil {
				return 0, err
			}
		}
		if page.Next == "" {
			return page.At, nil
		}
		req.At, req.Cursor = page.At, page.Next
	}
}

// resume starts a subscription that was found at the beginning.
func (r *runner) resume(ctx context.Context, v *store.Version) error {
	res, err := fhir.Parse(v.Body)
	if err != nil {
		return err
	}
	if res.Root.Get("status").IsString(requested) {
		entries, err := r.Log.Entries(ctx, v.Seq-1, 1)
		if err != nil || len(entries) == 0 {
			return err
		}
		return r.activate(ctx, res, entries[0].Author, v.Seq)
	}
	st, err := r.load(ctx, v.ID)
	if fault.Is(err, fault.NotFound) {
		return r.setStatus(ctx, res, failed, "What this subscription had been told of is not known any more. Write it again with the status requested.")
	}
	if err != nil {
		return err
	}
	d, err := define(res)
	if err != nil {
		return r.setStatus(ctx, res, failed, fault.MessageOf(err))
	}
	r.start(ctx, res, d, st)
	return nil
}

// follow handles the next changes of subscriptions.
func (r *runner) follow(ctx context.Context, at store.Seq) (store.Seq, error) {
	head, err := r.skip(ctx, at)
	if err != nil || head > at {
		return max(at, head), err
	}
	list, err := r.feed.after(ctx, at)
	if err != nil {
		return at, err
	}
	for _, c := range list {
		for _, ch := range c.changes {
			if ch.Type != "Subscription" {
				continue
			}
			if err := r.changed(ctx, ch, c.author); err != nil {
				return at, err
			}
		}
		at = c.seq
	}
	return at, nil
}

// skip waits for a commit after the position and gives the head when nothing up to there is about subscriptions, so that nothing is
// read where nobody has subscribed; 0 when something is.
func (r *runner) skip(ctx context.Context, at store.Seq) (store.Seq, error) {
	if err := r.Log.Await(ctx, at); err != nil {
		return 0, err
	}
	head, err := r.Log.Head(ctx)
	if err != nil {
		return 0, err
	}
	last, err := r.Charts.LastChange(ctx, "Subscription") // after the head: it knows of everything up to there
	if err != nil || last > at {
		return 0, err
	}
	return head, nil
}

// changed brings what runs in step with one change of a Subscription. Doing so twice is harmless.
func (r *runner) changed(ctx context.Context, ch *change, author string) error {
	res := ch.resource()
	if ch.Method == store.Delete || res == nil {
		r.hub.end(ch.ID)
		return r.forget(ctx, ch.ID)
	}
	switch res.Root.Get("status").String() {
	case requested:
		return r.activate(ctx, res, author, ch.seq)
	case active: // it is ours
		return nil
	case failed: // ours too; the position stays, for when it is asked for again
		r.hub.end(ch.ID)
		return nil
	default:
		r.hub.end(ch.ID)
		return r.forget(ctx, ch.ID)
	}
}

// activate starts a subscription that was asked for at a position of the log, or sets it to error. One that was served before
// with the same criteria goes on where it stopped.
func (r *runner) activate(ctx context.Context, res *fhir.Resource, author string, at store.Seq) error {
	r.hub.end(res.ID)
	d, err := r.servable(ctx, res, author)
	switch {
	case err == nil:
	case ended(err) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.Unsupported) || fault.Is(err, fault.TooLarge):
		return r.setStatus(ctx, res, failed, fault.MessageOf(err))
	default:
		return err
	}
	st, err := r.load(ctx, res.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || st.Criteria != d.criteria || st.Author != author {
		st.Position = at
	}
	st.Author, st.Criteria, st.FailingSince = author, d.criteria, time.Time{}
	if err := r.save(ctx, res.ID, &st); err != nil {
		return err
	}
	if err := r.setStatus(ctx, res, active, ""); err != nil {
		return err
	}
	r.start(ctx, res, d, st)
	return nil
}

// servable reads the definition and asks whether it may be served for the author.
func (r *runner) servable(ctx context.Context, res *fhir.Resource, author string) (definition, error) {
	const op = "subscription.activate"
	d, err := define(res)
	if err != nil {
		return d, err
	}
	if d.channel == restHook && (r.Hooks == nil || !r.Hooks(d.endpoint)) {
		return d, fault.New(fault.Forbidden, op, "Notifications are not sent to this address: the operator of this service has not allowed it.")
	}
	access, err := r.Access(ctx, author)
	switch {
	case err != nil && ended(err):
		return d, fault.Wrap(err, fault.Forbidden, op, "Who asked for this subscription is no program that may read records.")
	case err != nil:
		return d, err
	case !access.Allows(d.query.Type):
		return d, fault.Newf(fault.Forbidden, op, "The program may not read resources of type %s.", d.query.Type)
	case r.hub.count() >= MaxActive:
		return d, fault.Newf(fault.TooLarge, op, "There are %d active subscriptions already, the most that are served.", MaxActive)
	}
	return d, nil
}

// ended reports whether an error of Access means that the rights are gone, rather than that they could not be looked up.
func ended(err error) bool {
	return fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.Unauthenticated)
}

// start begins to deliver.
func (r *runner) start(ctx context.Context, res *fhir.Resource, d definition, st state) {
	ctx, stop := context.WithCancel(ctx)
	w := &worker{Dispatcher: r.Dispatcher, id: res.ID, def: d, state: st, saved: st.Position}
	finished := make(chan struct{})
	r.hub.begin(res.ID, st.Author, func() { stop(); <-finished })
	r.running.Go(func() {
		defer close(finished)
		w.run(ctx)
	})
}

// setStatus writes the Subscription with another status, if it is still the version that was read.
func (d *Dispatcher) setStatus(ctx context.Context, res *fhir.Resource, status, problem string) error {
	_, err := d.Store.Commit(ctx, store.Transaction{Author: "system", Changes: []store.Change{{
		Method: store.Put, Type: res.Type, ID: res.ID, Body: withStatus(res, status, problem),
		IfMatch: res.Root.Get("meta").Get("versionId").String(),
	}}})
	if fault.Is(err, fault.Conflict) {
		return nil // somebody has written it since, and the log will tell
	}
	return err
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
