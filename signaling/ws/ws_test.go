package ws_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gobwas "github.com/gobwas/ws"
	"go.uber.org/goleak"

	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/media/mediatest"
	"khamxa/signaling"
	"khamxa/signaling/signalingtest"
	"khamxa/signaling/wire"
	"khamxa/signaling/ws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a whole signalling service on loopback.
type service struct {
	address string // host:port
	plane   *mediatest.Fake
	rooms   *signaling.Server
	handler *ws.Handler
}

func start(t *testing.T, o ws.Options) *service {
	t.Helper()
	s := &service{plane: mediatest.NewFake()}
	s.rooms = signaling.New(signaling.Options{Plane: s.plane, Tickets: readTicket})
	o.Server = s.rooms
	handler, err := ws.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.handler = handler
	web := httptest.NewServer(network.Loopback().Handler(handler))
	s.address = strings.TrimPrefix(web.URL, "http://")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.rooms.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := handler.Drain(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	return s
}

// readTicket reads the tests' tickets: "room peer role".
func readTicket(token string) (signaling.Ticket, error) {
	f := strings.Fields(token)
	if len(f) != 3 {
		return signaling.Ticket{}, fault.New(fault.Unauthenticated, "test", "This is not a ticket.")
	}
	return signaling.Ticket{Room: f[0], Peer: f[1], Role: f[2], Name: "Bác " + f[1], Expires: time.Now().Add(time.Hour)}, nil
}

func (s *service) dial(t *testing.T) *signalingtest.Client {
	t.Helper()
	c, err := signalingtest.Dial(t.Context(), "ws://"+s.address+"/signal", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Drop)
	return c
}

func (s *service) enter(t *testing.T, ticket string) (*signalingtest.Client, *wire.Welcome) {
	t.Helper()
	c := s.dial(t)
	w, err := c.Enter(t.Context(), ticket)
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

// soon is the test's context with an end that only a hanging test reaches.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func expect[M wire.Message](t *testing.T, c *signalingtest.Client) M {
	t.Helper()
	m, err := signalingtest.Expect[M](soon(t), c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestACallOverWebSocket(t *testing.T) {
	s := start(t, ws.Options{})
	doctor, _ := s.enter(t, "room dr doctor")
	patient, welcome := s.enter(t, "room pt patient")
	expect[*wire.Waiting](t, patient)
	if err := s.rooms.Admit(t.Context(), "room", "pt"); err != nil {
		t.Fatal(err)
	}
	offer := expect[*wire.Offer](t, patient)
	if err := patient.Say(&wire.Answer{Session: offer.Session, Seq: 1, SDP: "v=0\r\n"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.plane.Await(soon(t), func(c mediatest.Call) bool { return c.Method == mediatest.Answer && c.Peer == "pt" }); err != nil {
		t.Fatal(err)
	}

	// The network goes; something happens; the page comes back on another connection.
	patient.Drop()
	for {
		if peers := expect[*wire.Peers](t, doctor).Peers; len(peers) == 2 && !peers[1].Online {
			break
		}
	}
	s.plane.Offer("room", "pt")
	back := s.dial(t)
	again, err := back.Resume(soon(t), welcome, 5)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Resumed || !again.Admitted {
		t.Errorf("got %+v", again)
	}
	if offer := expect[*wire.Offer](t, back); offer.Seq != 2 {
		t.Errorf("replayed offer %d, want 2", offer.Seq)
	}
	if err := back.Say(&wire.Leave{}); err != nil {
		t.Fatal(err)
	}
	if how, _ := back.ClosedAs(soon(t)); how.Status != 1000 {
		t.Errorf("closed with %+v", how)
	}
}

func TestOrigins(t *testing.T) {
	open, configured := start(t, ws.Options{}), start(t, ws.Options{PublicURL: "https://Kham.example:443/base"})
	cases := []struct {
		name    string
		service *service
		origins []string
		want    bool
	}{
		{"same host", open, []string{"http://" + open.address}, true},
		{"same host behind TLS", open, []string{"https://" + open.address}, true},
		{"no browser", open, nil, true},
		{"foreign", open, []string{"https://evil.example"}, false},
		{"null", open, []string{"null"}, false},
		{"empty", open, []string{""}, false},
		{"another port", open, []string{"http://127.0.0.1:1"}, false},
		{"suffix trick", open, []string{"http://" + open.address + ".evil.example"}, false},
		{"prefix trick", open, []string{"http://evil" + open.address}, false},
		{"user trick", open, []string{"http://" + open.address + "@evil.example"}, false},
		{"path", open, []string{"http://" + open.address + "/x"}, false},
		{"another scheme", open, []string{"file://" + open.address}, false},
		{"two of them", open, []string{"http://" + open.address, "https://evil.example"}, false},
		{"configured", configured, []string{"https://kham.example"}, true},
		{"configured, without TLS", configured, []string{"http://kham.example"}, false},
		{"configured, subdomain", configured, []string{"https://a.kham.example"}, false},
		{"configured, the request's own host", configured, []string{"http://" + configured.address}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			header := http.Header{}
			for _, o := range c.origins {
				header.Add("Origin", o)
			}
			client, err := signalingtest.Dial(soon(t), "ws://"+c.service.address+"/signal", header)
			if client != nil {
				client.Drop()
			}
			if c.want != (err == nil) || (!c.want && !fault.Is(err, fault.Forbidden)) {
				t.Errorf("got %v, want allowed=%v", err, c.want)
			}
		})
	}
}

func TestPublicURLIsChecked(t *testing.T) {
	for _, bad := range []string{"kham.example", "ftp://kham.example", "https://", "://"} {
		if _, err := ws.New(ws.Options{PublicURL: bad}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, want invalid", bad, err)
		}
	}
}

func TestBrokenFrames(t *testing.T) {
	s := start(t, ws.Options{})
	bystander, _ := s.enter(t, "room dr doctor")
	text := func(payload string) gobwas.Frame { return gobwas.NewTextFrame([]byte(payload)) }
	compiled := func(f gobwas.Frame) []byte { return gobwas.MustCompileFrame(gobwas.MaskFrame(f)) }
	opening := text(`{"type":`)
	opening.Header.Fin = false
	reserved := text("{}")
	reserved.Header.Rsv = gobwas.Rsv(true, false, false)
	longPing := gobwas.NewFrame(gobwas.OpPing, true, make([]byte, 126))
	part := gobwas.NewFrame(gobwas.OpText, false, []byte(strings.Repeat(" ", wire.MaxMessage/2)))
	rest := gobwas.NewFrame(gobwas.OpContinuation, false, []byte(strings.Repeat(" ", wire.MaxMessage/2)))
	cases := []struct {
		name  string
		bytes []byte
		want  wire.Code
	}{
		{"not masked", gobwas.MustCompileFrame(text(`{"type":"ping"}`)), wire.BadFrame},
		{"binary", compiled(gobwas.NewBinaryFrame([]byte("{}"))), wire.NotText},
		{"not UTF-8", compiled(text("{\"type\":\"\xff\"}")), wire.BadUTF8},
		{"reserved bit", compiled(reserved), wire.BadFrame},
		{"reserved opcode", compiled(gobwas.NewFrame(0x3, true, nil)), wire.BadFrame},
		{"continuation of nothing", compiled(gobwas.NewFrame(gobwas.OpContinuation, true, nil)), wire.BadFrame},
		{"two openings", append(compiled(opening), compiled(text("{}"))...), wire.BadFrame},
		{"a long ping", compiled(longPing), wire.BadFrame},
		{"not a frame at all", []byte("GET / HTTP/1.1\r\n\r\n"), wire.BadFrame},
		{"a message of 1 MiB", compiled(text(strings.Repeat("x", 1<<20))), wire.TooLarge},
		{"a length of 2^62", []byte{0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, wire.TooLarge},
		{"fragments without end", append(append(compiled(part), compiled(rest)...), compiled(rest)...), wire.TooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, _ := s.enter(t, "room "+fmt.Sprintf("p%d", time.Now().UnixNano())+" patient")
			defer p.Say(&wire.Leave{})
			_ = p.Bytes(c.bytes) // the server may close before it has taken all
			problem := expect[*wire.Error](t, p)
			if problem.Code != c.want {
				t.Errorf("told %s, want %s", problem.Code, c.want)
			}
			how, ok := p.ClosedAs(soon(t))
			if !ok || how.Status != c.want.CloseStatus() || how.Reason != string(c.want) {
				t.Errorf("closed with %+v (%v), want %d %s", how, ok, c.want.CloseStatus(), c.want)
			}
			if err := s.rooms.Remove(t.Context(), "room", "nobody"); err != nil {
				t.Error(err)
			}
			alive(t, bystander)
		})
		// A peer that was cut off keeps its seat; make room for the next.
		list, err := s.rooms.Status(t.Context(), "room")
		if err != nil {
			t.Fatal(err)
		}
		for _, seat := range list {
			if seat.Peer != "dr" {
				if err := s.rooms.Remove(t.Context(), "room", seat.Peer); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// alive shows that the service goes on serving another client.
func alive(t *testing.T, c *signalingtest.Client) {
	t.Helper()
	if err := c.Say(&wire.Ping{}); err != nil {
		t.Fatal(err)
	}
	expect[*wire.Pong](t, c)
}

func TestABrokenMessageIsToldAndTheConnectionGoesOn(t *testing.T) {
	s := start(t, ws.Options{})
	c, _ := s.enter(t, "room dr doctor")
	for text, want := range map[string]wire.Code{
		`{"type":"pi`:        wire.BadMessage,
		``:                   wire.BadMessage,
		`[]`:                 wire.BadMessage,
		`{"type":"admit"}`:   wire.UnknownType,
		`{"type":"mute"}`:    wire.BadMessage,
		`{"type":"welcome"}`: wire.UnknownType,
	} {
		if err := c.Text(text); err != nil {
			t.Fatal(err)
		}
		if got := expect[*wire.Error](t, c).Code; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	alive(t, c)
}

func TestFramesThatAreRightThoughRare(t *testing.T) {
	s := start(t, ws.Options{})
	c, _ := s.enter(t, "room dr doctor")
	opening := gobwas.NewFrame(gobwas.OpText, false, []byte(`{"type":`))
	ending := gobwas.NewFrame(gobwas.OpContinuation, true, []byte(`"ping"}`))
	for _, f := range []gobwas.Frame{
		gobwas.NewPingFrame([]byte("one")), gobwas.NewPongFrame(nil),
		opening, gobwas.NewPingFrame(nil), gobwas.NewPongFrame([]byte("x")), ending,
	} {
		if err := c.Frame(f); err != nil {
			t.Fatal(err)
		}
	}
	expect[*wire.Pong](t, c)
	if err := c.Frame(gobwas.NewCloseFrame(gobwas.NewCloseFrameBody(gobwas.StatusNormalClosure, ""))); err != nil {
		t.Fatal(err)
	}
	if how, ok := c.ClosedAs(soon(t)); !ok || how.Status != 1000 {
		t.Errorf("closed with %+v", how)
	}
}

func TestHTTPAnswers(t *testing.T) {
	s := start(t, ws.Options{})
	get := func(method string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(soon(t), method, "http://"+s.address+"/signal", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if got := get(http.MethodGet); got != http.StatusUpgradeRequired {
		t.Errorf("a page request: %d", got)
	}
	if got := get(http.MethodPost); got != http.StatusUpgradeRequired {
		t.Errorf("a post: %d", got)
	}
	if got := raw(t, s, "GET /signal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"); got != http.StatusBadRequest {
		t.Errorf("an upgrade without a key: %d", got)
	}
	s = start(t, ws.Options{MaxConnections: 1})
	c := s.dial(t)
	if _, err := signalingtest.Dial(soon(t), "ws://"+s.address+"/signal", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one too many: %v", err)
	}
	c.Drop()
	ctx := soon(t)
	for { // its place is free again
		next, err := signalingtest.Dial(ctx, "ws://"+s.address+"/signal", nil)
		if err == nil {
			next.Drop()
			break
		}
		if ctx.Err() != nil {
			t.Fatal("a dropped connection keeps its place")
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// raw sends a request as it is and gives the status of the answer.
func raw(t *testing.T, s *service, request string) int {
	t.Helper()
	socket, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if _, err := io.WriteString(socket, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(socket), nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// TestAHelloInTheSamePacketAsTheRequest: what net/http has read beyond the request is not lost.
func TestAHelloInTheSamePacketAsTheRequest(t *testing.T) {
	s := start(t, ws.Options{})
	socket, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	hello := gobwas.MustCompileFrame(gobwas.MaskFrame(gobwas.NewTextFrame([]byte(`{"type":"hello","version":1,"ticket":"room dr doctor"}`))))
	if _, err := socket.Write(append([]byte(upgrade), hello...)); err != nil {
		t.Fatal(err)
	}
	socket.SetReadDeadline(time.Now().Add(10 * time.Second))
	reader := bufio.NewReader(socket)
	if _, err := http.ReadResponse(reader, nil); err != nil {
		t.Fatal(err)
	}
	frame, err := gobwas.ReadFrame(reader)
	if err != nil || !strings.HasPrefix(string(frame.Payload), `{"type":"welcome"`) {
		t.Errorf("got %q, %v", frame.Payload, err)
	}
}

func TestDrain(t *testing.T) {
	s := start(t, ws.Options{})
	c, _ := s.enter(t, "room dr doctor")
	ctx := soon(t)
	if err := s.rooms.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if how, ok := c.ClosedAs(ctx); !ok || how.Status != 1012 || how.Reason != string(wire.ComeAgain) {
		t.Errorf("closed with %+v", how)
	}
}
