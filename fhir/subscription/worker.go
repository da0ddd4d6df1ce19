package subscription

import (
	"context"
	"errors"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// worker delivers for one subscription, one notification after the other.
type worker struct {
	*Dispatcher
	id    string
	def   definition
	state state
	saved store.Seq
}

// errOver ends a subscription for good: the address says that it is gone, or its rights are.
type errOver struct {
	status string
	reason string
}

func (e errOver) Error() string { return e.reason }

// run follows the log until ctx ends or the subscription does.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		list, err := w.feed.after(ctx, w.state.Position)
		if err == nil {
			err = w.work(ctx, list)
		}
		var over errOver
		switch {
		case err == nil, ctx.Err() != nil:
		case errors.As(err, &over):
			w.end(ctx, over)
			return
		case fault.Is(err, fault.Conflict):
			w.Logger.Warn("a subscription is served by another node", "op", "subscription.run")
			return
		default:
			w.Logger.Error("a subscription cannot go on; trying again", "op", "subscription.run", "err", err)
			pause(ctx, readAgainAfter)
		}
	}
}

// work tells what matches in the commits and moves the position behind them.
func (w *worker) work(ctx context.Context, list []*commit) error {
	if w.def.channel == webSocket {
		return w.word(ctx, list)
	}
	for _, c := range list {
		told := false
		for _, ch := range c.changes {
			if !w.wants(ch) {
				continue
			}
			if err := w.tell(ctx, ch); err != nil {
				return err
			}
			told = true
		}
		if err := w.moved(ctx, c.seq, told); err != nil {
			return err
		}
	}
	return nil
}

// word is work over a WebSocket. A notification says only that there is something, so one is enough for all: the last that the program may
// hear of.
func (w *worker) word(ctx context.Context, list []*commit) error {
	var last *change
	for _, c := range list {
		for _, ch := range c.changes {
			if !w.wants(ch) {
				continue
			}
			hears, err := w.hears(ctx, ch)
			if err != nil {
				return err
			}
			if hears {
				last = ch
			}
		}
	}
	if last != nil {
		if err := w.tell(ctx, last); err != nil {
			return err
		}
	}
	return w.moved(ctx, list[len(list)-1].seq, last != nil)
}

// wants reports whether the change matches the criteria.
func (w *worker) wants(ch *change) bool {
	if ch.Method != store.Put || ch.Type != w.def.query.Type {
		return false
	}
	r := ch.resource()
	return r != nil && w.matches(r)
}

func (w *worker) matches(r *fhir.Resource) bool { return w.def.query.Match(r) }

// moved sets the position, and keeps it when something was told or much has gone by.
func (w *worker) moved(ctx context.Context, to store.Seq, told bool) error {
	w.state.Position = to
	if !told && to-w.saved < savedEvery {
		return nil
	}
	w.saved = to
	return w.save(ctx, w.id, &w.state)
}

// tell delivers one notification, however often it takes. It returns errOver when the subscription is over, else nil or what kept
// the position from being written.
func (w *worker) tell(ctx context.Context, ch *change) error {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		err := w.deliver(ctx, ch)
		var over errOver
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.As(err, &over) {
			return err
		}
		now := w.Clock()
		if err == nil {
			w.state.FailingSince = time.Time{}
			return nil
		}
		if w.state.FailingSince.IsZero() {
			w.state.FailingSince = now
			if err := w.save(ctx, w.id, &w.state); err != nil {
				return err
			}
		}
		if now.Sub(w.state.FailingSince) >= w.GiveUp {
			return errOver{failed, "Notifications could not be delivered since " + w.state.FailingSince.UTC().Format(time.RFC3339) + ": " + fault.MessageOf(err) +
				" Nothing is lost: write the subscription again with the status requested, and it goes on from there."}
		}
		w.Logger.Warn("a notification was not taken; it is sent again", "op", "subscription.tell", "wait", wait, "err", err)
		pause(ctx, max(wait, retryAfter(err)))
	}
}

// deliver sends one notification once, if the program may still see the resource.
func (w *worker) deliver(ctx context.Context, ch *change) error {
	if !w.def.end.IsZero() && !w.Clock().Before(w.def.end) {
		return errOver{off, ""}
	}
	access, err := w.Access(ctx, w.state.Author)
	switch {
	case err != nil && ended(err):
		return errOver{failed, "The program that asked for this subscription has lost its rights."}
	case err != nil:
		return err
	case !access.Allows(ch.Type):
		return errOver{failed, "The program may not read resources of type " + ch.Type + " any more."}
	}
	seen, err := w.sees(ctx, access, ch)
	if err != nil || !seen {
		return err
	}
	if w.Audit != nil {
		told := Delivery{
			Author: w.state.Author, Subscription: w.id, WithBody: w.def.payload,
			Resource: ch.Type + "/" + ch.ID + "/_history/" + ch.VersionID,
		}
		if err := w.Audit(ctx, told); err != nil {
			return err
		}
	}
	if w.def.channel == webSocket {
		return w.hub.ping(ctx, w.id)
	}
	return w.post(ctx, ch)
}

// hears reports whether the program may be told of the change. That its rights are gone is left to deliver.
func (w *worker) hears(ctx context.Context, ch *change) (bool, error) {
	access, err := w.Access(ctx, w.state.Author)
	switch {
	case err != nil && ended(err):
		return true, nil
	case err != nil:
		return false, err
	}
	return w.sees(ctx, access, ch)
}

// sees reports whether the resource is within the program's reach now, and that version of it: one that has been erased is nobody's to
// see, and one from when the resource was in another patient's record goes with that patient.
func (w *worker) sees(ctx context.Context, access Access, ch *change) (bool, error) {
	v, err := w.Store.ReadVersion(ctx, ch.Type, ch.ID, ch.VersionID)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return false, nil
	}
	if err != nil || v.Body == nil || !store.Visible(access.Within, v.Holder) {
		return false, err
	}
	if access.Within == nil || ch.Type == "Patient" {
		return true, nil
	}
	patients := search.Patients(ch.resource())
	for _, id := range patients {
		p, err := w.Store.Read(ctx, "Patient", id)
		switch {
		case err == nil && store.Visible(access.Within, p.Holder), fault.Is(err, fault.Gone):
			return true, nil
		case err != nil && !fault.Is(err, fault.NotFound):
			return false, err
		}
	}
	return len(patients) == 0, nil
}

// end writes down that the subscription is over. A client that writes it again at the same moment wins.
func (w *worker) end(ctx context.Context, over errOver) {
	w.hub.leave(w.id)
	for ctx.Err() == nil {
		err := w.endOnce(ctx, over)
		if err == nil {
			return
		}
		w.Logger.Error("the end of a subscription cannot be written; trying again", "op", "subscription.end", "err", err)
		pause(ctx, readAgainAfter)
	}
}

func (w *worker) endOnce(ctx context.Context, over errOver) error {
	v, err := w.Store.Read(ctx, "Subscription", w.id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return nil
	}
	if err != nil {
		return err
	}
	res, err := fhir.Parse(v.Body)
	if err != nil || !res.Root.Get("status").IsString(active) {
		return err
	}
	return w.setStatus(ctx, res, over.status, over.reason)
}
