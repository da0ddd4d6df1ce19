//go:build e2e

package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for anything, on a machine that has other work.
const patience = 25 * time.Second

// openBrowser starts a Chromium of its own, with a camera and a microphone that are always there and always allowed. It runs until the
// end of life.
func openBrowser(t, life *testing.T) context.Context {
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
	ctx, cancel := chromedp.NewExecAllocator(life.Context(), options...)
	life.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	life.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no Chromium: %v", err)
	}
	return ctx
}

// screen is what somebody looks at.
type screen struct {
	width, height int64
	touch         bool
}

// page is one tab and everything that went over its wire.
type page struct {
	name   string
	origin string // host:port of the service
	screen screen
	ctx    context.Context
	close  context.CancelFunc

	mu       sync.Mutex
	noise    []string // errors on its console, and exceptions
	foreign  []string // addresses of other origins that it asked for
	statuses []string // "POST /path 200"
	methods  map[network.RequestID]string
	loaded   map[network.RequestID]float64 // bytes over the wire; -1 until the request has ended
	sockets  int
	frames   []frame // received on WebSockets
}

// frame is a message of signalling as a page receives it.
type frame struct {
	Type     string
	Admitted bool
	text     string
}

// newPage opens a tab in parent's browser, until that ends: with options, in a context of its own, which is another browser to every server.
func newPage(t *testing.T, parent context.Context, name, origin string, s screen, options ...chromedp.ContextOption) *page {
	t.Helper()
	p := &page{name: name, origin: origin, screen: s, methods: map[network.RequestID]string{}, loaded: map[network.RequestID]float64{}}
	p.ctx, p.close = chromedp.NewContext(parent, append(options, chromedp.WithListener(p.see))...)
	var extra []chromedp.EmulateViewportOption
	if s.touch {
		extra = append(extra, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.do(t, "open", chromedp.EmulateViewport(s.width, s.height, extra...))
	return p
}

// see notes what happens on the wire and on the console. It runs in the loop that reads the browser's messages.
func (p *page) see(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.noise = append(p.noise, "exception: "+e.ExceptionDetails.Text+" "+described(e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			p.noise = append(p.noise, string(e.Type)+": "+described(e.Args...))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			p.noise = append(p.noise, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		p.asks(e.Request.URL)
		p.methods[e.RequestID], p.loaded[e.RequestID] = e.Request.Method, -1
	case *network.EventResponseReceived:
		if at, err := url.Parse(e.Response.URL); err == nil {
			p.statuses = append(p.statuses, fmt.Sprintf("%s %s %d", p.methods[e.RequestID], at.Path, e.Response.Status))
		}
	case *network.EventLoadingFinished:
		p.loaded[e.RequestID] = e.EncodedDataLength
	case *network.EventLoadingFailed:
		p.loaded[e.RequestID] = 0
	case *network.EventWebSocketCreated:
		p.sockets++
		p.asks(e.URL)
	case *network.EventWebSocketFrameReceived:
		f := frame{text: string(e.Response.PayloadData)}
		_ = json.Unmarshal(e.Response.PayloadData, &f) // what is no message has no type, and no test wants that
		p.frames = append(p.frames, f)
	}
}

func (p *page) asks(address string) {
	at, err := url.Parse(address)
	if err == nil && (at.Host == p.origin || at.Scheme == "data" || at.Scheme == "blob" || at.Scheme == "about") {
		return
	}
	p.foreign = append(p.foreign, address)
}

func described(values ...*runtime.RemoteObject) string {
	var words []string
	for _, v := range values {
		switch {
		case v == nil:
		case v.Description != "":
			words = append(words, v.Description)
		default:
			words = append(words, string(v.Value))
		}
	}
	return strings.Join(words, " ")
}

// do carries out steps, each of which waits for what it needs.
func (p *page) do(t *testing.T, what string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// The first use of a context opens its tab, and the tab lives as long as that context.
	if chromedp.FromContext(p.ctx).Target == nil {
		ctx = p.ctx
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatalf("%s: %s: %v", p.name, what, err)
	}
}

func (p *page) open(t *testing.T, address string) {
	t.Helper()
	p.do(t, "open "+address, chromedp.Navigate(address))
}

// press is a click, or a tap where there is no mouse.
func (p *page) press(t *testing.T, id string) {
	t.Helper()
	visible := chromedp.WaitVisible(chromedp.ID(id))
	if p.screen.touch {
		p.do(t, "tap #"+id, visible, chromedp.Tap(chromedp.ID(id)))
		return
	}
	p.do(t, "click #"+id, visible, chromedp.Click(chromedp.ID(id)))
}

// enter types into an empty field.
func (p *page) enter(t *testing.T, id, text string) {
	t.Helper()
	p.do(t, "type into #"+id, chromedp.WaitEnabled(chromedp.ID(id)), chromedp.SendKeys(chromedp.ID(id), text))
}

func (p *page) seen(t *testing.T, css string) {
	t.Helper()
	p.do(t, "see "+css, chromedp.WaitVisible(chromedp.CSS(css)))
}

// phase waits until the page says that the call is there.
func (p *page) phase(t *testing.T, phase string) {
	t.Helper()
	p.do(t, "phase "+phase, chromedp.WaitReady(chromedp.CSS(fmt.Sprintf("html[data-phase=%q]", phase))))
}

// ask gives the value of an expression, or of the promise that it is.
func ask[T any](p *page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

func mustAsk[T any](t *testing.T, p *page, expression string) T {
	t.Helper()
	v, err := ask[T](p, expression)
	if err != nil {
		t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return v
}

// until waits for a condition in the page.
func (p *page) until(t *testing.T, what, condition string) {
	t.Helper()
	waitFor(t, p.name+": "+what, func() error {
		holds, err := ask[bool](p, condition)
		if err == nil && !holds {
			err = errors.New(condition)
		}
		return err
	})
}

// weight is what went over the wire so far, in bytes, when everything that was asked for has come.
func (p *page) weight(t *testing.T) (bytes float64) {
	t.Helper()
	waitFor(t, p.name+": everything is loaded", func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		bytes = 0
		for id, n := range p.loaded {
			if n < 0 {
				return fmt.Errorf("%s has not ended", id)
			}
			bytes += n
		}
		return nil
	})
	return bytes
}

// received gives the messages of signalling since the first n.
func (p *page) received(n int) []frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.frames[n:])
}

// answers are the requests of the page and how they were answered, in order, without the files that are the same for everybody.
func (p *page) answers() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.statuses), func(s string) bool { return strings.HasPrefix(s, "GET /assets/") })
}

func (p *page) socketsOpened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sockets
}

// picture writes what the page shows into the folder that KHAMXA_SHOTS names, if it does.
func (p *page) picture(t *testing.T, name string) {
	t.Helper()
	dir := os.Getenv("KHAMXA_SHOTS")
	if dir == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_ = chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0)`))
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		t.Logf("no picture of %s: %v", p.name, err)
	}
}
