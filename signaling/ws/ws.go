// Package ws carries signalling over WebSocket (RFC 6455): it turns GET /signal into links of a signaling.Server.
//
// It frames, counts bytes, pings, and closes with the right status; of messages it looks for one alone, the server's welcome: until then a
// connection is a stranger's, and there are fewer places for those. cmd/khamxa mounts the Handler.
//
// An idle connection is one parked goroutine and about a kilobyte of state: the request's goroutine and buffers go back to
// net/http, a writer runs only while there is something to write, and nothing is kept to read into. Measured by
// TestIdleMemory (a patient alone in its room, welcomed and waiting; the room, the seat and the test client's end of the socket
// included): 7.0 KiB a connection on linux/amd64 with Go 1.26, besides the kernel's buffers.
package ws

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/signaling"
)

// Used when Options has no other numbers. A page says hello at once, so a connection that has not been welcomed is young, or a stranger's:
// there are fewer places for those, so that whoever has no ticket cannot take the places of those who have. Many people may share one
// address (carrier NAT) and come again at the same moment, when the service was restarted; who is refused then tries again.
const (
	DefaultMaxConnections      = 20_000
	DefaultMaxUnheard          = 5_000
	DefaultMaxUnheardByAddress = 100
)

// Options are what a Handler is made of.
type Options struct {
	Server *signaling.Server
	// PublicURL is the address that browsers use, such as https://kham.example. If it is set, only pages of this origin may connect;
	// if not, only pages of the host that the request names.
	PublicURL string
	// MaxConnections bounds the open connections; 0 means DefaultMaxConnections.
	MaxConnections int
	// MaxUnheard bounds those of them that have not been welcomed yet, MaxUnheardByAddress those from one address (network.Group); 0 means
	// DefaultMaxUnheard and DefaultMaxUnheardByAddress.
	MaxUnheard, MaxUnheardByAddress int
	// Refusals takes connections that were refused because their address has too many; nil takes none.
	Refusals *network.Refusals
	// Log may be nil.
	Log *slog.Logger
}

// Handler upgrades requests and serves their connections until they end.
type Handler struct {
	server   *signaling.Server
	origin   string // "" means the request's own host
	max      int
	unheard  places // bounds, not numbers
	refusals *network.Refusals
	log      *slog.Logger

	mu       sync.Mutex
	open     int
	waiting  int            // of them, not welcomed yet
	byGroup  map[string]int // the waiting by network.Group
	draining bool
	ended    chan struct{} // closed when a draining handler has no connection left
}

// places bounds connections that have not been welcomed: of all, and of one address.
type places struct{ all, each int }

// New makes a handler. fault.Invalid if PublicURL is not an http or https URL.
func New(o Options) (*Handler, error) {
	h := &Handler{
		server: o.Server, max: o.MaxConnections, unheard: places{o.MaxUnheard, o.MaxUnheardByAddress}, refusals: o.Refusals, log: o.Log,
		byGroup: map[string]int{}, ended: make(chan struct{}),
	}
	h.max = cmp.Or(h.max, DefaultMaxConnections)
	h.unheard = places{cmp.Or(h.unheard.all, DefaultMaxUnheard), cmp.Or(h.unheard.each, DefaultMaxUnheardByAddress)}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.refusals == nil {
		h.refusals = network.NewRefusals(nil, time.Now, nil)
	}
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return nil, fault.New(fault.Invalid, "ws.New", "The public URL must be an http or https address.").At("public-url")
		}
		h.origin = originOf(u)
	}
	return h, nil
}

// originOf writes an origin as browsers do (RFC 6454 section 6.2): lower case, without the scheme's own port.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	own := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return u.Scheme + "://" + strings.TrimSuffix(host, own)
}

// ServeHTTP upgrades GET /signal. It answers 403 to a page of another origin, 426 to what is no WebSocket request, and 503 with Retry-After
// when it is full or draining, or when too many connections, or too many from this address, have not been welcomed yet.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || r.Method != http.MethodGet {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "This address speaks WebSocket only.", http.StatusUpgradeRequired)
		return
	}
	if !h.allowed(r) {
		http.Error(w, "Pages of another origin may not connect.", http.StatusForbidden)
		return
	}
	address := network.Address(r)
	group := network.Group(address)
	if free, crowded := h.enter(group); !free {
		if crowded {
			h.refusals.Note(r.Context(), network.Signal, network.TooMany, address)
		}
		w.Header().Set("Retry-After", "2")
		http.Error(w, "The server is full or is being restarted. Try again in a moment.", http.StatusServiceUnavailable)
		return
	}
	socket, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil { // the upgrader has answered
		if socket != nil {
			socket.Close()
		}
		h.leave(group)
		return
	}
	c := &conn{handler: h, socket: socket, group: group}
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		c.early = append([]byte(nil), early...)
	}
	// The request's goroutine has a deep stack and its buffers hang on it: a fresh one serves the connection.
	go c.serve()
}

// allowed checks the origin of the page that connects, so that no foreign page can use a browser as its arm (cross-site WebSocket
// hijacking). A request without Origin does not come from a browser, and the handshake carries no credential: its ticket must still come.
func (h *Handler) allowed(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	u, err := url.Parse(origins[0])
	if len(origins) > 1 || err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return false
	}
	if u.Scheme+"://"+u.Host != origins[0] {
		return false // an origin has no path, user or query
	}
	if h.origin != "" {
		return originOf(u) == h.origin
	}
	return strings.EqualFold(u.Host, r.Host) && (r.TLS == nil || u.Scheme == "https")
}

// enter takes a place for a connection that nobody knows yet, or says whether its own address is what is crowded.
func (h *Handler) enter(group string) (free, crowded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining || h.open >= h.max || h.waiting >= h.unheard.all {
		return false, false
	}
	if h.byGroup[group] >= h.unheard.each {
		return false, true
	}
	h.open++
	h.waiting++
	h.byGroup[group]++
	return true, false
}

// known gives back the place among the unknown: the connection has been welcomed.
func (h *Handler) known(group string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forget(group)
}

// forget needs the lock.
func (h *Handler) forget(group string) {
	h.waiting--
	if h.byGroup[group]--; h.byGroup[group] == 0 {
		delete(h.byGroup, group)
	}
}

// leave ends a connection: group is where it is still unknown from, "" when it has been welcomed.
func (h *Handler) leave(group string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if group != "" {
		h.forget(group)
	}
	h.open--
	if h.draining && h.open == 0 {
		close(h.ended)
	}
}

// Drain refuses new connections and waits until the open ones have ended; signaling.Server.Close ends them. It is called once. fault.Timeout
// if ctx ends first.
func (h *Handler) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	if h.open == 0 {
		close(h.ended)
	}
	h.mu.Unlock()
	select {
	case <-h.ended:
		return nil
	case <-ctx.Done():
		return fault.Wrap(ctx.Err(), fault.Timeout, "ws.Drain", "Connections did not end in time.")
	}
}

// lingerTime is how long a closed connection is still read, so that its peer sees the close frame instead of a reset.
const lingerTime = 2 * time.Second
