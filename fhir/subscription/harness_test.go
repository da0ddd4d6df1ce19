package subscription_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/subscription"
	"khamxa/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	program = "Device/client-his"
	hook    = "https://his.example/told"
)

// world is a store, a receiver of hooks, and a dispatcher between them that can be stopped and started.
type world struct {
	t        *testing.T
	db       *sqlite.DB
	receiver *receiver
	options  subscription.Options

	mu      sync.Mutex
	access  map[string]subscription.Access
	audited []subscription.Delivery
	noAudit error

	d    *subscription.Dispatcher
	stop func()
}

// run calls f with a world in a bubble of its own, where time is fake.
func run(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}()
		w := &world{t: t, db: db, receiver: &receiver{}, access: map[string]subscription.Access{program: {Allows: func(string) bool { return true }}}}
		w.options = subscription.Options{
			Store: db, Log: db, Charts: db, Records: db, Logger: slog.New(slog.DiscardHandler), Clock: time.Now,
			Hooks: subscription.HookPrefixes([]string{"https://his.example"}), HTTP: &http.Client{Transport: w.receiver},
			Access: func(_ context.Context, author string) (subscription.Access, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				a, ok := w.access[author]
				if !ok {
					return a, fault.New(fault.NotFound, "test", "There is no such client.")
				}
				return a, nil
			},
			Audit: func(_ context.Context, d subscription.Delivery) error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if w.noAudit == nil {
					w.audited = append(w.audited, d)
				}
				return w.noAudit
			},
		}
		w.start()
		defer func() { w.stop() }()
		f(t, w)
	})
}

func (w *world) start() {
	w.t.Helper()
	var err error
	if w.d, err = subscription.New(w.options); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	d := w.d
	go func() { defer close(ended); d.Run(ctx) }()
	w.stop = sync.OnceFunc(func() { cancel(); <-ended })
	synctest.Wait()
}

// restart stops the dispatcher and starts another, as a restart of the service does.
func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// put writes resources in one commit and waits until everything that follows has been done.
func (w *world) put(author string, bodies ...string) {
	w.t.Helper()
	w.putOnly(author, bodies...)
	synctest.Wait()
}

// putOnly is put without waiting.
func (w *world) putOnly(author string, bodies ...string) {
	w.t.Helper()
	tx := store.Transaction{Author: author}
	for _, b := range bodies {
		r, err := fhir.Parse([]byte(b))
		if err != nil {
			w.t.Fatal(err)
		}
		tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: r.Type, ID: r.ID, Body: r.Raw})
	}
	w.commitOnly(tx)
}

func (w *world) commit(tx store.Transaction) {
	w.t.Helper()
	w.commitOnly(tx)
	synctest.Wait()
}

func (w *world) commitOnly(tx store.Transaction) {
	w.t.Helper()
	if _, err := w.db.Commit(context.Background(), tx); err != nil {
		w.t.Fatal(err)
	}
}

// status is the subscription's status and error.
func (w *world) status(id string) (status, problem string) {
	w.t.Helper()
	v, err := w.db.Read(context.Background(), "Subscription", id)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Root.Get("status").String(), r.Root.Get("error").String()
}

func (w *world) wantStatus(id, want string) {
	w.t.Helper()
	if got, problem := w.status(id); got != want {
		w.t.Fatalf("the status is %s (%s), want %s", got, problem, want)
	}
}

// asked is a Subscription to glucose readings with a channel.
func asked(id, channel string) string {
	return fmt.Sprintf(`{"resourceType":"Subscription","id":%q,"status":"requested","reason":"test","criteria":"Observation?code=glucose","channel":{%s}}`, id, channel)
}

func hookWithBody(id string) string {
	return asked(id, `"type":"rest-hook","endpoint":"`+hook+`","payload":"application/fhir+json","header":["Authorization: Bearer s3cret"]`)
}

func glucose(id string) string { return observation(id, "glucose") }

func observation(id, code string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"code":%q}]},"subject":{"reference":"Patient/a"}}`, id, code)
}

// receiver is the other system: it keeps what arrives and answers as it is told to.
type receiver struct {
	mu     sync.Mutex
	got    []received
	answer func(n int) (status int, header http.Header) // n counts what has arrived; nil: 200
}

type received struct {
	at     time.Time
	method string
	url    string
	header http.Header
	body   string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, received{time.Now(), req.Method, req.URL.String(), req.Header, string(body)})
	status, header := http.StatusOK, http.Header{}
	if r.answer != nil {
		status, header = r.answer(len(r.got))
	}
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(nil)), Request: req}, nil
}

func (r *receiver) answers(f func(n int) (int, http.Header)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got...)
}

// ids are the last parts of the addresses that arrived, in order.
func (r *receiver) ids() string {
	var ids []string
	for _, g := range r.all() {
		ids = append(ids, g.url[strings.LastIndexByte(g.url, '/')+1:])
	}
	return strings.Join(ids, " ")
}
