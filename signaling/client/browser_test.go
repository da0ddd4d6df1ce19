//go:build e2e

package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"khamxa/internal/fault"
	"khamxa/media"
	"khamxa/media/sfu"
	"khamxa/signaling"
	"khamxa/signaling/ws"
)

// nodes is a media node that can be killed and started again: the plane stays, the node behind it is another one.
type nodes struct {
	mu   sync.Mutex
	node *sfu.Node
	next chan struct{} // closed when another node is there
}

func (n *nodes) replace(t *testing.T) {
	t.Helper()
	node, err := sfu.New(sfu.Options{ListenUDP: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	old, next := n.node, n.next
	n.node, n.next = node, make(chan struct{})
	n.mu.Unlock()
	if old != nil {
		close(next)
		old.Shutdown()
	}
}

func (n *nodes) now() (*sfu.Node, chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.node, n.next
}

func (n *nodes) Join(ctx context.Context, r media.JoinRequest) (media.Offer, error) {
	node, _ := n.now()
	return node.Join(ctx, r)
}

func (n *nodes) Answer(ctx context.Context, a media.Answer) error {
	node, _ := n.now()
	return node.Answer(ctx, a)
}

func (n *nodes) Candidate(ctx context.Context, c media.Candidate) error {
	node, _ := n.now()
	return node.Candidate(ctx, c)
}

func (n *nodes) Leave(ctx context.Context, room, peer string) error {
	node, _ := n.now()
	return node.Leave(ctx, room, peer)
}

func (n *nodes) Close(ctx context.Context, room string) error {
	node, _ := n.now()
	return node.Close(ctx, room)
}

func (n *nodes) Events(ctx context.Context, f func(media.Event)) error {
	for ctx.Err() == nil {
		node, next := n.now()
		inner, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-next:
			case <-inner.Done():
			}
			cancel()
		}()
		_ = node.Events(inner, f)
		<-inner.Done()
		cancel()
	}
	return nil
}

// callPage is a page around the Call: nothing but what a test looks at.
const callPage = `<!doctype html><link rel=icon href=data:,><title>call</title><video autoplay playsinline></video><script>%s</script>`

// callScript is the page's module.
const callScript = `
import { Call } from "./call";
const [room, peer, role] = decodeURIComponent(location.search.slice(1)).split(" ");
const w = window as any;
w.log = [];
(async () => {
  const local = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
  const call = new Call({ url: "/signal", ticket: async () => [room, peer, role].join(" "), local });
  w.call = call;
  call.on("state", (s, code) => w.log.push(s + code));
  call.on("media", (s) => w.log.push("media:" + s));
  call.on("message", (code, text) => w.log.push("message:" + code + text));
  call.on("peers", (peers) => { w.peers = peers.map((p) => p.id + (p.online ? "" : "?")).join(" "); });
  call.on("stream", (id, stream) => { w.from = id; document.querySelector("video")!.srcObject = stream; });
  call.connect();
})();
w.look = async () => ({ ...(await w.call.stats()), from: w.from ?? "", state: w.call.state, log: w.log.join(" "), peers: w.peers ?? "" });
`

type look struct {
	From, State, Log, Peers    string
	FramesDecoded, AudioEnergy float64
	SamplesReceived, RTT, Loss float64
	BytesSent, BytesReceived   float64
}

func startService(t *testing.T) (address string, rooms *signaling.Server, plane *nodes) {
	t.Helper()
	page := fmt.Sprintf(callPage, bundle(t, callScript, false))
	plane = &nodes{}
	plane.replace(t)
	rooms = signaling.New(signaling.Options{Plane: plane, Tickets: func(token string) (signaling.Ticket, error) {
		f := strings.Fields(token)
		if len(f) != 3 {
			return signaling.Ticket{}, fault.New(fault.Unauthenticated, "test", "This is not a ticket.")
		}
		return signaling.Ticket{Room: f[0], Peer: f[1], Role: f[2], Name: f[1], Expires: time.Now().Add(time.Hour)}, nil
	}})
	socket, err := ws.New(ws.Options{Server: rooms})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/signal", socket)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	})
	web := httptest.NewServer(mux)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := rooms.Close(ctx); err != nil {
			t.Error(err)
		}
		if err := socket.Drain(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
		node, _ := plane.now()
		node.Shutdown()
	})
	return web.URL, rooms, plane
}

func openBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no Chromium: %v", err)
	}
	return ctx
}

func openPage(t *testing.T, browser context.Context, url string) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// until looks at a page until it is as it should be.
func until(t *testing.T, page context.Context, what string, fits func(look) bool) look {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(25 * time.Second)
	var last look
	for {
		l, err := chromedp.Run(page, chromedp.Evaluate[look](`window.call ? look() : {}`, chromedp.EvalAwaitPromise))
		if err == nil {
			if last = l; fits(l) {
				return l
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %+v, %v", what, last, err)
		}
	}
}

// flowing waits until picture and sound of the other peer grow.
func flowing(t *testing.T, page context.Context, what, from string) {
	t.Helper()
	first := until(t, page, what, func(l look) bool { return l.FramesDecoded > 0 })
	until(t, page, what, func(l look) bool {
		if l.FramesDecoded < first.FramesDecoded { // a new media session counts from the beginning
			first = l
		}
		return l.From == from && l.FramesDecoded >= first.FramesDecoded+20 && l.AudioEnergy > first.AudioEnergy
	})
}

func do(t *testing.T, page context.Context, script string) {
	t.Helper()
	if _, err := chromedp.Run(page, chromedp.Evaluate[any]("{"+script+"}; 0")); err != nil {
		t.Fatal(err)
	}
}

// TestCallInChromium: two pages, the real signalling, the real media node. It goes through what happens to a call.
func TestCallInChromium(t *testing.T) {
	url, rooms, plane := startService(t)
	browser := openBrowser(t)
	doctor := openPage(t, browser, url+"/?room%20dr%20doctor")
	patient := openPage(t, browser, url+"/?room%20pt%20patient")
	until(t, patient, "waiting", func(l look) bool { return l.State == "waiting" && l.Peers == "" })
	until(t, doctor, "the doctor is in", func(l look) bool { return l.State == "admitted" && l.Peers == "dr" })
	if err := rooms.Admit(t.Context(), "room", "pt"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	flowing(t, patient, "the doctor's picture", "dr")
	flowing(t, doctor, "the patient's picture", "pt")
	t.Logf("both have 20 frames %v after admission", time.Since(began).Round(time.Millisecond))

	t.Run("the connection to the server is lost", func(t *testing.T) {
		do(t, patient, `window.kept = call.pc; call.socket.socket.close(); call.socket.drop()`)
		until(t, patient, "resumed", func(l look) bool { return strings.HasSuffix(l.Log, "reconnecting admitted") })
		flowing(t, patient, "the picture", "dr")
		if same, err := chromedp.Run(patient, chromedp.Evaluate[bool](`window.kept === call.pc`)); err != nil || !same {
			t.Errorf("the peer connection is another one (%v)", err)
		}
	})
	t.Run("the media node is replaced", func(t *testing.T) {
		began := time.Now()
		plane.replace(t)
		for _, page := range []context.Context{doctor, patient} {
			until(t, page, "a new connection", func(l look) bool {
				return strings.HasSuffix(l.Log, "media:connected") && strings.Count(l.Log, "media:connected") >= 2
			})
		}
		flowing(t, patient, "the doctor's picture", "dr")
		flowing(t, doctor, "the patient's picture", "pt")
		t.Logf("moving again after %v", time.Since(began).Round(time.Millisecond))
	})
	t.Run("the page asks for new media", func(t *testing.T) {
		do(t, doctor, `window.kept = call.pc; call.socket.send({type: "restart"})`)
		until(t, doctor, "another peer connection", func(look) bool {
			other, err := chromedp.Run(doctor, chromedp.Evaluate[bool](`call.pc !== null && window.kept !== call.pc`))
			return err == nil && other
		})
		flowing(t, patient, "the doctor's picture", "dr")
		flowing(t, doctor, "the patient's picture", "pt")
	})
	t.Run("the patient reloads", func(t *testing.T) {
		if err := chromedp.Do(patient, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
		l := until(t, patient, "in the call", func(l look) bool { return l.State == "admitted" })
		if strings.Contains(l.Log, "waiting") {
			t.Errorf("it waited again: %s", l.Log)
		}
		flowing(t, patient, "the doctor's picture", "dr")
		flowing(t, doctor, "the patient's picture", "pt")
	})
	t.Run("no camera for a while", func(t *testing.T) {
		do(t, patient, `window.mine = call.local; call.setLocal(null)`)
		do(t, patient, `call.setLocal(window.mine)`)
		flowing(t, doctor, "the patient's picture", "pt")
	})
	t.Run("the end", func(t *testing.T) {
		if err := rooms.CloseRoom(t.Context(), "room"); err != nil {
			t.Fatal(err)
		}
		for _, page := range []context.Context{doctor, patient} {
			until(t, page, "ended", func(l look) bool { return strings.HasSuffix(l.Log, "endedclosed") })
		}
	})
}
