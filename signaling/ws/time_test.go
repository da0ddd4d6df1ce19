package ws_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	gobwas "github.com/gobwas/ws"

	"khamxa/media/mediatest"
	"khamxa/signaling"
	"khamxa/signaling/wire"
	"khamxa/signaling/ws"
)

// pipes is a listener without a network, so that connections live on synctest's clock.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// onPipe runs a test with one connection that has said hello, on a clock that jumps. source reads what the server sends.
func onPipe(t *testing.T, test func(t *testing.T, s *signaling.Server, socket net.Conn, source *bufio.Reader)) {
	synctest.Test(t, func(t *testing.T) {
		rooms := signaling.New(signaling.Options{Plane: mediatest.NewFake(), Tickets: readTicket})
		handler, err := ws.New(ws.Options{Server: rooms})
		if err != nil {
			t.Fatal(err)
		}
		listener := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		web := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
		go web.Serve(listener)
		socket, theirs := net.Pipe()
		listener.accept <- theirs
		defer func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			socket.Close()
			if err := errors.Join(rooms.Close(ctx), handler.Drain(ctx), web.Shutdown(ctx)); err != nil {
				t.Error(err)
			}
		}()
		source := bufio.NewReader(socket)
		if _, err := io.WriteString(socket, upgrade); err != nil {
			t.Fatal(err)
		}
		if _, err := http.ReadResponse(source, nil); err != nil {
			t.Fatal(err)
		}
		send(t, socket, gobwas.NewTextFrame([]byte(`{"type":"hello","version":1,"ticket":"room pt patient"}`)))
		for range 2 { // welcome, waiting
			if _, err := gobwas.ReadFrame(source); err != nil {
				t.Fatal(err)
			}
		}
		test(t, rooms, socket, source)
	})
}

const upgrade = "GET /signal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func send(t *testing.T, socket net.Conn, f gobwas.Frame) {
	t.Helper()
	if _, err := socket.Write(gobwas.MustCompileFrame(gobwas.MaskFrame(f))); err != nil {
		t.Fatal(err)
	}
}

// TestAClientThatIsGone: the server's own pings do not keep a dead connection alive.
func TestAClientThatIsGone(t *testing.T) {
	onPipe(t, func(t *testing.T, _ *signaling.Server, _ net.Conn, source *bufio.Reader) {
		began := time.Now()
		pings := 0
		for {
			frame, err := gobwas.ReadFrame(source)
			if err != nil {
				t.Fatal(err)
			}
			if frame.Header.OpCode == gobwas.OpPing {
				pings++
			}
			if frame.Header.OpCode == gobwas.OpClose {
				status, reason := gobwas.ParseCloseFrameData(frame.Payload)
				if uint16(status) != wire.GoneQuiet.CloseStatus() || reason != string(wire.GoneQuiet) {
					t.Errorf("closed with %d %s", status, reason)
				}
				break
			}
		}
		if took := time.Since(began); took != wire.QuietTimeout || pings != 2 {
			t.Errorf("closed after %v and %d pings", took, pings)
		}
	})
}

// TestAClientThatIsQuietButThere: pongs are enough.
func TestAClientThatIsQuietButThere(t *testing.T) {
	onPipe(t, func(t *testing.T, rooms *signaling.Server, socket net.Conn, source *bufio.Reader) {
		for range 30 { // ten minutes
			frame, err := gobwas.ReadFrame(source)
			if err != nil || frame.Header.OpCode != gobwas.OpPing {
				t.Fatalf("got %v, %v", frame.Header, err)
			}
			send(t, socket, gobwas.NewPongFrame(nil))
		}
		if rooms.Stats().Links != 1 {
			t.Error("the connection has ended")
		}
	})
}

// TestAClientThatDoesNotRead is cut off after wire.WriteTimeout.
func TestAClientThatDoesNotRead(t *testing.T) {
	onPipe(t, func(t *testing.T, rooms *signaling.Server, socket net.Conn, _ *bufio.Reader) {
		send(t, socket, gobwas.NewTextFrame([]byte(`{"type":"ping"}`))) // its pong is not read
		time.Sleep(wire.WriteTimeout - time.Millisecond)
		if rooms.Stats().Links != 1 {
			t.Error("cut off too early")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if rooms.Stats().Links != 0 {
			t.Error("not cut off")
		}
	})
}

// TestAClientThatFloodsAndDoesNotRead is cut off all the same: the answers to its pings are not piled up.
func TestAClientThatFloodsAndDoesNotRead(t *testing.T) {
	onPipe(t, func(t *testing.T, rooms *signaling.Server, socket net.Conn, _ *bufio.Reader) {
		for range 10 * wire.MaxQueued {
			if _, err := socket.Write(gobwas.MustCompileFrame(gobwas.MaskFrame(gobwas.NewPingFrame(make([]byte, 125))))); err != nil {
				break
			}
		}
		time.Sleep(wire.WriteTimeout + time.Millisecond)
		synctest.Wait()
		if rooms.Stats().Links != 0 {
			t.Error("not cut off")
		}
	})
}

// TestHalfAFrame: a client that sends half a frame and stops does not hold its place for ever.
func TestHalfAFrame(t *testing.T) {
	onPipe(t, func(t *testing.T, rooms *signaling.Server, socket net.Conn, source *bufio.Reader) {
		go io.Copy(io.Discard, source)
		if _, err := socket.Write([]byte{0x81, 0xfe, 0x10}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wire.QuietTimeout + 3*time.Second)
		synctest.Wait()
		if rooms.Stats().Links != 0 {
			t.Error("not cut off")
		}
	})
}
