//go:build e2e

package sfu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"khamxa/media"
	"khamxa/media/sfu"
)

// callPage is the least page that can call: it answers every offer, sends its camera and microphone, and shows what it receives.
const callPage = `<!doctype html><link rel=icon href=data:,><title>call</title><video id=v autoplay playsinline></video><script>
const peer = location.search.slice(1);
const post = (path, body) => fetch(path, {method: "POST", body: JSON.stringify(body)}).then(r => r.json());
window.start = async (send) => {
  const pc = window.pc = new RTCPeerConnection();
  window.began = performance.now();
  const stream = send ? await navigator.mediaDevices.getUserMedia({audio: true, video: {width: 640, height: 480}}) : null;
  pc.ontrack = e => { document.getElementById("v").srcObject = e.streams[0]; window.from = e.streams[0].id; };
  document.getElementById("v").requestVideoFrameCallback(now => { window.first = now - began; });
  const answer = async (o) => {
    await pc.setRemoteDescription({type: "offer", sdp: o.sdp});
    if (stream && o.seq === 1) for (const t of pc.getTransceivers().slice(0, 2)) {
      await t.sender.replaceTrack(stream.getTracks().find(x => x.kind === t.receiver.track.kind));
      t.direction = "sendonly";
    }
    await pc.setLocalDescription();
    await post("/answer", {...o, sdp: pc.localDescription.sdp});
  };
  let offer = await post("/join", {room: "room", peer});
  (async () => { for (;;) { await answer(offer); offer = await post("/next", {peer}); } })();
};
window.stats = async () => {
  const out = {State: pc.connectionState, From: window.from ?? "", First: window.first ?? 0, Frames: 0, Audio: 0, Pair: "", Cipher: "", Outgoing: 0};
  const all = await pc.getStats();
  for (const s of all.values()) {
    if (s.type === "inbound-rtp" && s.kind === "video") out.Frames += s.framesDecoded ?? 0;
    if (s.type === "inbound-rtp" && s.kind === "audio") out.Audio += s.totalSamplesReceived ?? 0;
    if (s.type === "transport") out.Cipher = s.srtpCipher ?? "";
    if (s.type === "candidate-pair" && s.nominated) {
      out.Pair = all.get(s.localCandidateId)?.address + " to " + all.get(s.remoteCandidateId)?.address + " " + all.get(s.remoteCandidateId)?.protocol;
      out.Outgoing = s.availableOutgoingBitrate ?? 0;
    }
  }
  return out;
};
</script>`

type callStats struct {
	State, From, Pair, Cipher string
	Frames, Audio, Outgoing   float64
	First                     float64 // ms from the start of joining, camera included, to the first frame of the other
}

// callServer joins the page above to a node.
func callServer(t *testing.T, n *sfu.Node) *httptest.Server {
	t.Helper()
	var mu sync.Mutex
	offers := map[string]chan media.Offer{}
	queue := func(peer string) chan media.Offer {
		mu.Lock()
		defer mu.Unlock()
		if offers[peer] == nil {
			offers[peer] = make(chan media.Offer, 16)
		}
		return offers[peer]
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_ = n.Events(ctx, func(e media.Event) {
			if e.Offer != nil {
				queue(e.Peer) <- *e.Offer
			}
		})
	}()
	reply := func(w http.ResponseWriter, v any, err error) {
		if err != nil {
			t.Error(err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(callPage))
	})
	mux.HandleFunc("POST /join", func(w http.ResponseWriter, r *http.Request) {
		var req media.JoinRequest
		_ = json.NewDecoder(r.Body).Decode(&req)
		o, err := n.Join(r.Context(), req)
		reply(w, o, err)
	})
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		var a media.Answer
		_ = json.NewDecoder(r.Body).Decode(&a)
		reply(w, true, n.Answer(r.Context(), a))
	})
	mux.HandleFunc("POST /next", func(w http.ResponseWriter, r *http.Request) {
		var req media.JoinRequest
		_ = json.NewDecoder(r.Body).Decode(&req)
		select {
		case o := <-queue(req.Peer):
			reply(w, o, nil)
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(func() { cancel(); s.CloseClientConnections(); s.Close() })
	return s
}

func browser(t *testing.T, flags ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), append(options, flags...)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no Chromium: %v", err)
	}
	return ctx
}

// callers opens two pages in the browser that call each other.
func callers(t *testing.T, browser context.Context, url string) (pages []context.Context) {
	t.Helper()
	for _, peer := range []string{"an", "binh"} {
		ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
		t.Cleanup(cancel)
		ctx, cancel = context.WithTimeout(ctx, 40*time.Second)
		t.Cleanup(cancel)
		if err := chromedp.Do(ctx, chromedp.Navigate(url+"/?"+peer)); err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](`start(true)`, chromedp.EvalAwaitPromise)); err != nil {
			t.Fatal(err)
		}
		pages = append(pages, ctx)
	}
	return pages
}

// flowing waits until decoded video and received audio of the other peer grow on a page.
func flowing(t *testing.T, page context.Context, from string) (callStats, error) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	var first callStats
	for {
		s, err := chromedp.Run(page, chromedp.Evaluate[callStats](`stats()`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatal(err)
		}
		if first.Frames == 0 {
			first = s
		}
		if first.Frames > 0 && s.Frames >= first.Frames+20 && s.Audio > first.Audio && s.From == from && s.First > 0 {
			return s, nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return s, fmt.Errorf("no media: %+v, then %+v", first, s)
		}
	}
}

// otherAddress tells whether the machine has an IPv4 address besides loopback.
func otherAddress() bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.To4() != nil && !n.IP.IsLoopback()
	})
}

// TestChromium has two pages call through a node, with and without the switch that lets Chromium gather loopback addresses.
func TestChromium(t *testing.T) {
	for _, tt := range []struct {
		name, listen string
		flags        []chromedp.ExecAllocatorOption
	}{
		{"loopback, loopback allowed", "127.0.0.1:0", []chromedp.ExecAllocatorOption{chromedp.Flag("allow-loopback-in-peer-connection", true)}},
		{"loopback, plain", "127.0.0.1:0", nil},
		{"every address, plain", "0.0.0.0:0", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.flags == nil && !otherAddress() {
				t.Skip("this machine has only loopback, where Chromium needs the switch")
			}
			n := node(t, func(o *sfu.Options) { o.ListenUDP = tt.listen })
			pages := callers(t, browser(t, tt.flags...), callServer(t, n).URL)
			for i, from := range []string{"binh", "an"} {
				s, err := flowing(t, pages[i], from)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%+v", s)
				if i == 1 && s.First > 2000 {
					t.Errorf("who joins a running call sees the other after %.0f ms", s.First)
				}
			}
		})
	}
}
