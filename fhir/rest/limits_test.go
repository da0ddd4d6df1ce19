package rest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/patch"
	"khamxa/fhir/rest"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// TestLimits: each limit of a request has an answer of its own, with a sentence that names it, and what is within it is done.
func TestLimits(t *testing.T) {
	s := start(t)
	s.put("Patient", "p", patient("p", "An", stationA))
	text := func(size int) string {
		return `{"resourceType":"Basic","code":{"text":"` + strings.Repeat("x", size) + `"}}`
	}
	deep := func(levels int) string {
		return `{"resourceType":"Basic","x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
	}
	tokens := func(n int) string {
		return `{"resourceType":"Basic","x":[` + strings.TrimSuffix(strings.Repeat("1,", n-5), ",") + `]}`
	}
	form := formHeader("POST")
	operations := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"op":"test","path":"/id","value":"p"},`, n), ",") + "]"
	}
	reads := func(n int) string {
		return bundleOf("batch", strings.TrimSuffix(strings.Repeat(entryOf("", "GET", "Basic/none", "")+",", n), ","))
	}
	for _, tt := range []struct {
		name, method, path string
		within, past       string // bodies
		headers            []string
		ok, status         int
		word               string
	}{
		{"a resource", "POST", "/Basic", text(1<<20 - 100), text(1 << 20), nil, 201, 413, "1024 KiB"},
		{"a Bundle", "POST", "/", bundleOf("batch", entryOf("", "POST", "Basic", text(1<<20-200))), bundleOf("batch", entryOf("", "POST", "Basic", text(8<<20))), nil, 200, 413, "8192 KiB"},
		{"a form", "POST", "/Patient/_search", "_id=" + strings.Repeat("x", 60), "_id=" + strings.Repeat("x", 64<<10), form, 200, 413, "64 KiB"},
		{"depth", "POST", "/Basic", deep(fhir.MaxDepth), deep(fhir.MaxDepth + 1), nil, 201, 400, "64 levels"},
		{"tokens", "POST", "/Basic", tokens(fhir.MaxTokens - 50), tokens(fhir.MaxTokens + 1), nil, 201, 400, "200000"},
		{"entries", "POST", "/", reads(10), reads(5_001), nil, 200, 413, "5000"},
		{"operations of a patch", "PATCH", "/Patient/p", operations(patch.MaxOperations), operations(patch.MaxOperations + 1), []string{asJSONPatch}, 200, 413, "1000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.in(t)
			s.do(anybody, tt.method, tt.path, tt.within, tt.headers...).is(tt.ok)
			r := s.do(anybody, tt.method, tt.path, tt.past, tt.headers...).is(tt.status)
			if !strings.Contains(string(r.body), tt.word) {
				t.Errorf("%s does not say %q", r.body, tt.word)
			}
		})
	}
	t.Run("parameters of a search", func(t *testing.T) {
		s.in(t)
		s.do(anybody, "GET", "/Patient?"+strings.Repeat("name=x&", 50), "").is(200)
		s.do(anybody, "GET", "/Patient?"+strings.Repeat("name=x&", 51), "").refused(400, "invalid", "", "50")
	})
	t.Run("values of a search", func(t *testing.T) {
		s.in(t)
		s.do(anybody, "POST", "/Patient/_search", "_id="+strings.Repeat("x,", 1000)+"x", form...).refused(400, "too-costly", "", "1000")
	})
	t.Run("bytes read by one Bundle", func(t *testing.T) {
		s := start(t)
		s.put("Basic", "large", `{"resourceType":"Basic","id":"large","code":{"text":"`+strings.Repeat("x", 1_000_000)+`"}}`)
		r := s.do(anybody, "POST", "/", bundleOf("batch", strings.TrimSuffix(strings.Repeat(entryOf("", "GET", "Basic/large", "")+",", 40), ","))).is(200)
		got := statuses(r)
		if got[0] != "200 OK" || got[33] != "200 OK" || got[34] != "400 Bad Request" || got[39] != "400 Bad Request" {
			t.Errorf("%v", got)
		}
	})
	t.Run("_count is cut", func(t *testing.T) {
		s := start(t)
		s.put("Patient", "p", patient("p", "An", stationA))
		for _, path := range []string{"/Patient", "/Patient/_history", "/_history", "/Patient/p/_history"} {
			s.do(anybody, "GET", path+fmt.Sprintf("?_count=%d", search.MaxCount+1), "").is(200)
		}
	})
}

// hurried is a store that notes how long each call may take, and then behaves as one whose work was stopped by the deadline.
type hurried struct {
	store.Store
	mu   sync.Mutex
	left []time.Duration
}

func (h *hurried) stop(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until, ok := ctx.Deadline(); ok {
		h.left = append(h.left, time.Until(until).Round(time.Second))
	}
	return fault.New(fault.Timeout, "test", "The work was stopped.")
}

func (h *hurried) Read(ctx context.Context, _, _ string) (store.Version, error) {
	return store.Version{}, h.stop(ctx)
}

func (h *hurried) Commit(ctx context.Context, _ store.Transaction) (store.Receipt, error) {
	return store.Receipt{}, h.stop(ctx)
}

func (h *hurried) Journal(ctx context.Context, _ store.JournalRequest) (store.JournalPage, error) {
	return store.JournalPage{}, h.stop(ctx)
}

// TestDeadlines: the store is told how long it may work, and what was stopped is answered 503.
func TestDeadlines(t *testing.T) {
	h := &hurried{}
	s := start(t, func(o *rest.Options) { h.Store, o.Store = o.Store, h })
	for _, tt := range []struct {
		method, path, body string
		want               time.Duration
	}{
		{"GET", "/Patient/p", "", 5 * time.Second},
		{"GET", "/_history", "", 5 * time.Second},
		{"PUT", "/Patient/p", patient("p", "An", stationA), 15 * time.Second},
		{"POST", "/", bundleOf("transaction", entryOf("", "PUT", "Patient/p", patient("p", "An", stationA))), 60 * time.Second},
	} {
		h.left = nil
		s.do(anybody, tt.method, tt.path, tt.body).refused(503, "timeout", "")
		if len(h.left) != 1 || h.left[0] != tt.want {
			t.Errorf("%s %s may take %v, want %v", tt.method, tt.path, h.left, tt.want)
		}
	}
}
