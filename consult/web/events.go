package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"khamxa/consult"
	"khamxa/internal/fault"
)

// The live stream of changes: server-sent events (HTML Living Standard 9.2).
const (
	eventBeat = 20 * time.Second // a comment that keeps proxies from closing a silent stream
	eventLife = 5 * time.Minute  // then the page connects again, and shows its session again
	eventWait = 64               // changes that wait for a slow page before they are dropped: each only says "look again"
	writeTime = 10 * time.Second
)

// events tells an open page which consults changed, of those that its reader sees.
func (w *Web) events(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.actor(rw, r)
	if !ok {
		return
	}
	if w.o.Watch == nil {
		w.fail(rw, r, fault.New(fault.Unavailable, "consult/web.events", "Live updates are not available."))
		return
	}
	changes := make(chan consult.Change, eventWait)
	stop, err := w.o.Watch(func(c consult.Change) {
		if !a.Sees(c.Station) {
			return
		}
		select {
		case changes <- c:
		default:
		}
	})
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	defer stop()
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	rw.Header().Set("X-Accel-Buffering", "no")
	w.stream(rw, r, changes)
}

func (w *Web) stream(rw http.ResponseWriter, r *http.Request, changes <-chan consult.Change) {
	out := http.NewResponseController(rw)
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime)) // not every server has deadlines
		if _, err := fmt.Fprint(rw, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	beat := time.NewTicker(eventBeat)
	defer beat.Stop()
	end := time.NewTimer(eventLife)
	defer end.Stop()
	if !send("retry: 2000\n\n") {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case <-end.C:
			return
		case <-beat.C:
			if !send(": still here\n\n") {
				return
			}
		case c := <-changes:
			raw, err := json.Marshal(map[string]string{"consult": c.Consult, "phase": string(c.Phase)})
			if err != nil || !send("event: consult\ndata: "+string(raw)+"\n\n") {
				return
			}
		}
	}
}
