package subscription_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store"
	"khamxa/fhir/subscription"
	"khamxa/internal/fault"
)

// TestHook: what matches is told in the order of the log, once, with the headers of the subscription.
func TestHook(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.put(program, glucose("before"))
		w.put(program, hookWithBody("s"))
		w.wantStatus("s", "active")
		w.put("Practitioner/1", glucose("one"))
		w.put("Practitioner/1", glucose("two"), observation("weight", "weight"), glucose("three"))
		w.commit(store.Transaction{Author: "x", Changes: []store.Change{{Method: store.Delete, Type: "Observation", ID: "one"}}})
		if diff := cmp.Diff("one two three", w.receiver.ids()); diff != "" {
			t.Fatal(diff)
		}
		first := w.receiver.all()[0]
		if first.method != http.MethodPut || first.url != hook+"/Observation/one" || first.header.Get("Authorization") != "Bearer s3cret" ||
			first.header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || !strings.Contains(first.body, `"id":"one","meta":{"versionId":"1"`) {
			t.Errorf("the first notification is %+v", first)
		}
		seen := map[string]bool{}
		for _, g := range w.receiver.all() {
			seen[g.header.Get("Idempotency-Key")] = true
		}
		if len(seen) != 3 || seen[""] {
			t.Errorf("the keys are %v, want three different ones", seen)
		}
		want := subscription.Delivery{Author: program, Subscription: "s", Resource: "Observation/one/_history/1", WithBody: true}
		if diff := cmp.Diff(want, w.audited[0]); diff != "" || len(w.audited) != 3 {
			t.Errorf("%d deliveries were told to the audit trail: %s", len(w.audited), diff)
		}
	})
}

// TestHookWithoutPayload: word of a match, and nothing of what it is.
func TestHookWithoutPayload(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.put(program, asked("s", `"type":"rest-hook","endpoint":"`+hook+`?key=1"`))
		w.put("x", glucose("one"))
		got := w.receiver.all()
		if len(got) != 1 || got[0].method != http.MethodPost || got[0].url != hook+"?key=1" || got[0].body != "" || w.audited[0].WithBody {
			t.Errorf("got %+v, want one empty POST", got)
		}
	})
}

// TestRetry: a receiver that fails is asked again with growing pauses, and what comes later waits for its turn.
func TestRetry(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.receiver.answers(func(n int) (int, http.Header) {
			switch n {
			case 1:
				return 0, nil // the connection breaks
			case 2:
				return http.StatusFound, http.Header{"Location": {"https://elsewhere.example"}}
			case 3:
				return http.StatusTooManyRequests, http.Header{"Retry-After": {"60"}}
			}
			return http.StatusOK, nil
		})
		w.put(program, hookWithBody("s"))
		w.put("x", glucose("one"))
		w.put("x", glucose("two"))
		began := time.Now()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		var pauses []time.Duration
		for _, g := range w.receiver.all() {
			pauses = append(pauses, g.at.Sub(began))
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 63 * time.Second, 63 * time.Second}
		if diff := cmp.Diff(want, pauses); diff != "" {
			t.Errorf("the attempts came at\n%s", diff)
		}
		if diff := cmp.Diff("one one one one two", w.receiver.ids()); diff != "" {
			t.Error(diff)
		}
		w.wantStatus("s", "active")
	})
}

// TestRestart: a subscription goes on where it was, whenever it was stopped; nothing is lost and the order holds.
func TestRestart(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.put(program, hookWithBody("s"))
		w.put("x", glucose("g0"))
		w.receiver.answers(func(int) (int, http.Header) { return http.StatusBadGateway, nil })
		for i := 1; i <= 3; i++ {
			w.put("x", glucose("g"+strconv.Itoa(i)))
		}
		w.stop()
		for i := 4; i <= 600; i++ { // more than one reading of the log
			w.put("x", glucose("g"+strconv.Itoa(i)))
		}
		w.receiver.answers(nil)
		before := len(w.receiver.all())
		w.start()
		var want []string
		for i := 1; i <= 600; i++ {
			want = append(want, "g"+strconv.Itoa(i))
		}
		if diff := cmp.Diff(want, strings.Fields(w.receiver.ids())[before:]); diff != "" {
			t.Error(diff)
		}
		w.restart()
		if n := len(w.receiver.all()); n != before+600 {
			t.Errorf("%d notifications were sent again after a restart in peace", n-before-600)
		}
	})
}

// TestGivesUp: after a day the subscription is in error and says so; asked for again it goes on from there.
func TestGivesUp(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.receiver.answers(func(int) (int, http.Header) { return http.StatusInternalServerError, nil })
		w.put(program, hookWithBody("s"))
		w.put("x", glucose("one"))
		time.Sleep(12 * time.Hour)
		w.restart() // the day goes on counting
		time.Sleep(12*time.Hour + 6*time.Minute)
		synctest.Wait()
		if status, problem := w.status("s"); status != "error" || !strings.Contains(problem, "answered 500") {
			t.Fatalf("the status is %s: %s", status, problem)
		}
		if n := len(w.receiver.all()); n > 400 {
			t.Errorf("it was tried %d times in a day", n)
		}
		w.put("x", glucose("two"))
		w.receiver.answers(nil)
		before := len(w.receiver.all())
		w.put(program, hookWithBody("s"))
		w.wantStatus("s", "active")
		if diff := cmp.Diff([]string{"one", "two"}, strings.Fields(w.receiver.ids())[before:]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOver: what ends a subscription, and that nothing is told afterwards.
func TestOver(t *testing.T) {
	off := strings.Replace(hookWithBody("s"), "requested", "off", 1)
	cases := []struct {
		name   string
		do     func(w *world)
		status string // "" when it is deleted
	}{
		{"the client turns it off", func(w *world) { w.put(program, off) }, "off"},
		{"it is deleted", func(w *world) {
			w.commit(store.Transaction{Author: program, Changes: []store.Change{{Method: store.Delete, Type: "Subscription", ID: "s"}}})
		}, ""},
		{"the receiver is gone", func(w *world) {
			w.receiver.answers(func(int) (int, http.Header) { return http.StatusGone, nil })
			w.put("x", glucose("last"))
		}, "off"},
		{"the program is shut out", func(w *world) {
			w.mu.Lock()
			delete(w.access, program)
			w.mu.Unlock()
			w.put("x", glucose("last"))
		}, "error"},
		{"the program may not read the type any more", func(w *world) {
			w.mu.Lock()
			w.access[program] = subscription.Access{Allows: func(string) bool { return false }}
			w.mu.Unlock()
			w.put("x", glucose("last"))
		}, "error"},
		{"its end has come", func(w *world) {
			w.put(program, strings.Replace(hookWithBody("s"), `"reason"`, `"end":"2000-01-02T00:00:00Z","reason"`, 1))
			time.Sleep(48 * time.Hour)
			w.put("x", glucose("last"))
		}, "off"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.put(program, hookWithBody("s"))
				w.put("x", glucose("one"))
				c.do(w)
				if c.status != "" {
					w.wantStatus("s", c.status)
				}
				w.receiver.answers(nil)
				told := len(w.receiver.all())
				w.put("x", glucose("later"))
				w.restart()
				if ids := w.receiver.ids(); len(w.receiver.all()) != told || !strings.HasPrefix(ids, "one") {
					t.Errorf("told of %s", ids)
				}
			})
		})
	}
}

// TestConfined: a program hears of what is within its reach when it is told, and of nothing else.
func TestConfined(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.access[program] = subscription.Access{Within: []string{"Organization/here"}, Allows: func(string) bool { return true }}
		patient := func(id, org string) string {
			return `{"resourceType":"Patient","id":"` + id + `","managingOrganization":{"reference":"Organization/` + org + `"}}`
		}
		w.put("x", patient("a", "here"), patient("b", "there"))
		w.put(program, hookWithBody("s"))
		w.put("x", glucose("ours"), strings.Replace(glucose("theirs"), "Patient/a", "Patient/b", 1), strings.Replace(glucose("nobodys"), "Patient/a", "Patient/c", 1))
		if diff := cmp.Diff("ours", w.receiver.ids()); diff != "" || len(w.audited) != 1 {
			t.Errorf("told of %s, audited %d", w.receiver.ids(), len(w.audited))
		}
	})
}

// TestOtherRecord: what was written while it was in the record of somebody out of reach is not told when it has come within reach since, and
// what has been erased since is told to nobody.
func TestOtherRecord(t *testing.T) {
	patient := func(id, org string) string {
		return `{"resourceType":"Patient","id":"` + id + `","managingOrganization":{"reference":"Organization/` + org + `"}}`
	}
	of := func(id, patient string) string {
		return strings.Replace(glucose(id), "Patient/a", "Patient/"+patient, 1)
	}
	run(t, func(t *testing.T, w *world) {
		w.access[program] = subscription.Access{Within: []string{"Organization/here"}, Allows: func(string) bool { return true }}
		w.put("x", patient("a", "here"), patient("b", "there"))
		w.put(program, hookWithBody("s"))
		w.stop()
		w.putOnly("x", of("moved", "b"))
		w.putOnly("x", of("moved", "a"))
		w.start()
		if all := w.receiver.all(); len(all) != 1 || strings.Contains(fmt.Sprint(all), "Patient/b") {
			t.Errorf("told of %v", all)
		}
	})
	run(t, func(t *testing.T, w *world) {
		w.put("x", patient("a", "here"))
		w.put(program, hookWithBody("s"))
		w.receiver.answers(func(int) (int, http.Header) { return http.StatusServiceUnavailable, nil })
		w.put("x", glucose("one"))
		tried := len(w.receiver.all())
		if _, err := w.db.Purge(t.Context(), store.Purge{Author: "x", Patient: "a"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(w.receiver.all()); tried == 0 || n != tried {
			t.Errorf("sent %d times before the purge, and %d times after it", tried, n-tried)
		}
	})
	// One word over a WebSocket stands for all, but only for those that the program may hear of.
	run(t, func(t *testing.T, w *world) {
		w.access[program] = subscription.Access{Within: []string{"Organization/here"}, Allows: func(string) bool { return true }}
		w.put("x", patient("a", "here"), patient("b", "there"))
		w.put(program, asked("s", `"type":"websocket"`))
		w.stop()
		w.putOnly("x", of("ours", "a"))
		w.putOnly("x", of("theirs", "b"))
		w.start()
		if len(w.audited) != 1 || !strings.Contains(w.audited[0].Resource, "ours") {
			t.Errorf("told of %v", w.audited)
		}
	})
}

// TestNotAudited: what cannot be written down is not sent, and is sent when it can.
func TestNotAudited(t *testing.T) {
	run(t, func(t *testing.T, w *world) {
		w.noAudit = fault.New(fault.Unavailable, "test", "The disk is full.")
		w.put(program, hookWithBody("s"))
		w.put("x", glucose("one"))
		if n := len(w.receiver.all()); n != 0 {
			t.Fatalf("%d notifications were sent without being written down", n)
		}
		w.mu.Lock()
		w.noAudit = nil
		w.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		if diff := cmp.Diff("one", w.receiver.ids()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNotServed: what gets past the check of writes (an import, other rights since) is set to error with a sentence.
func TestNotServed(t *testing.T) {
	cases := []struct{ name, author, body, want string }{
		{"an address that is not allowed", program, strings.Replace(hookWithBody("s"), "his.example", "other.example", 1), "has not allowed it"},
		{"an author that is no program", "Practitioner/1", hookWithBody("s"), "no program"},
		{"criteria that are none", program, strings.Replace(hookWithBody("s"), "Observation?code=glucose", "Nothing", 1), "search of one type"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, w *world) {
				w.put(c.author, c.body)
				w.wantStatus("s", "error")
				if _, problem := w.status("s"); !strings.Contains(problem, c.want) {
					t.Errorf("it says %q, want %q in it", problem, c.want)
				}
			})
		})
	}
}
