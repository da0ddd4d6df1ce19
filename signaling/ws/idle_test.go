package ws_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	gobwas "github.com/gobwas/ws"

	"khamxa/signaling/ws"
)

// idleLimit is what an idle connection may cost in this process, in KiB, the client's end of the socket included.
const idleLimit = 9.0

// TestIdleMemory measures what an idle peer costs: alone in its room, in the waiting room, welcomed and silent.
func TestIdleMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector's own memory would be measured")
	}
	const connections = 1000
	s := start(t, ws.Options{})
	open := func(i int) net.Conn { return silentPeer(t, s.address, fmt.Sprintf("room%d pt patient", i)) }
	defer open(0).Close() // what is made once is not counted
	before := inUse()
	sockets := make([]net.Conn, 0, connections)
	for i := range connections {
		sockets = append(sockets, open(i+1))
	}
	each := float64(inUse()-before) / connections / 1024
	t.Logf("%.1f KiB per idle connection, the client's end and the room included", each)
	if each > idleLimit {
		t.Errorf("%.1f KiB, at most %.1f", each, idleLimit)
	}
	for _, socket := range sockets {
		socket.Close()
	}
}

// inUse gives the bytes of heap and stacks after everything unused is collected.
func inUse() uint64 {
	for range 3 { // stacks shrink and pools empty over several collections
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// silentPeer says hello, reads up to "waiting" and keeps nothing but its socket.
func silentPeer(t *testing.T, address, ticket string) net.Conn {
	t.Helper()
	socket, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	hello := gobwas.NewTextFrame([]byte(`{"type":"hello","version":1,"ticket":"` + ticket + `"}`))
	if _, err := io.WriteString(socket, upgrade); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(socket)
	if _, err := http.ReadResponse(reader, nil); err != nil {
		t.Fatal(err)
	}
	if err := gobwas.WriteFrame(socket, gobwas.MaskFrame(hello)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // welcome, waiting
		if _, err := gobwas.ReadFrame(reader); err != nil {
			t.Fatal(err)
		}
	}
	return socket
}
