package sfu

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"khamxa/internal/fault"
)

// sink is a subscriber's connection that keeps what is written.
type sink struct {
	packets []rtp.Packet
	discard bool
}

// WriteRTP is part of webrtc.TrackLocalWriter.
func (s *sink) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if !s.discard {
		s.packets = append(s.packets, rtp.Packet{Header: *h, Payload: bytes.Clone(payload)})
	}
	return len(payload), nil
}

// Write is part of webrtc.TrackLocalWriter.
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// testTrack is a track without a connection; asked counts its key frame requests.
func testTrack(kind webrtc.RTPCodecType, clock func() time.Time) (t *track, asked *atomic.Int32) {
	n := &Node{clock: clock}
	asked = new(atomic.Int32)
	t = &track{node: n, kind: kind, peer: &peer{id: "an"}, askKey: func() { asked.Add(1) }}
	return t, asked
}

// subscribe adds a subscriber as Bind and start do.
func subscribe(t *track, rtx bool) (*down, *sink) {
	d, s := newDown(t, &peer{id: "binh"}), &sink{}
	d.stream, d.ssrc, d.pt = s, 77, 96
	if rtx {
		d.rtxSSRC, d.rtxPT = 78, 97
	}
	d.start()
	return d, s
}

func frame(key bool, n int) []byte {
	p := byte(1)
	if key {
		p = 0
	}
	return []byte{0x10, p, byte(n >> 8), byte(n)}
}

func TestVideoBeginsWithAKeyFrame(t *testing.T) {
	tr, asked := testTrack(webrtc.RTPCodecTypeVideo, time.Now)
	tr.forward(10, 1000, true, frame(false, 10))
	_, early := subscribe(tr, false)
	tr.forward(11, 4000, true, frame(false, 11))
	if asked.Load() != 1 || len(early.packets) != 0 {
		t.Fatalf("%d requests, %d packets before the key frame; want 1 and 0", asked.Load(), len(early.packets))
	}
	tr.forward(12, 7000, true, frame(true, 12))
	tr.forward(13, 10000, true, frame(false, 13))
	_, late := subscribe(tr, false)
	tr.forward(14, 13000, false, frame(false, 14))
	if asked.Load() != 1 {
		t.Errorf("%d requests: who comes just after a key frame needs none", asked.Load())
	}
	for name, s := range map[string]*sink{"early": early, "late": late} {
		var payloads [][]byte
		for i, p := range s.packets {
			payloads = append(payloads, p.Payload)
			if p.SequenceNumber-s.packets[0].SequenceNumber != uint16(i) || p.Timestamp-s.packets[0].Timestamp != uint32(3000*i) ||
				p.SSRC != 77 || p.PayloadType != 96 || p.Marker != (i != 2) || p.Extension || p.Padding {
				t.Errorf("%s: packet %d has header %+v", name, i, p.Header)
			}
		}
		want := [][]byte{frame(true, 12), frame(false, 13), frame(false, 14)}
		if diff := cmp.Diff(want, payloads); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNumbersRunOnThroughWraps(t *testing.T) {
	tr, _ := testTrack(webrtc.RTPCodecTypeAudio, time.Now)
	_, s := subscribe(tr, false)
	n := 200000 // three times around
	for i := range n {
		tr.forward(uint16(65000+i), uint32(4294900000+960*i), false, []byte{byte(i)})
	}
	if len(s.packets) != n {
		t.Fatalf("%d packets of %d", len(s.packets), n)
	}
	for i := 1; i < n; i++ {
		a, b := s.packets[i-1], s.packets[i]
		if b.SequenceNumber-a.SequenceNumber != 1 || b.Timestamp-a.Timestamp != 960 {
			t.Fatalf("packet %d: %d after %d, time %d after %d", i, b.SequenceNumber, a.SequenceNumber, b.Timestamp, a.Timestamp)
		}
	}
	tr.forward(uint16(65000+n-1), 0, false, nil) // a duplicate
	tr.forward(uint16(65000+n-3000), 0, false, nil)
	if len(s.packets) != n {
		t.Error("a duplicate or a packet from long ago was forwarded")
	}
}

func TestLatePacketsFindTheirPlace(t *testing.T) {
	tr, _ := testTrack(webrtc.RTPCodecTypeAudio, time.Now)
	_, s := subscribe(tr, false)
	for _, seq := range []uint16{100, 99, 103, 101, 102, 101} {
		tr.forward(seq, uint32(seq), false, []byte{byte(seq)})
	}
	var got []int
	for _, p := range s.packets {
		got = append(got, int(p.SequenceNumber-s.packets[0].SequenceNumber)+100)
	}
	if diff := cmp.Diff([]int{100, 103, 101, 102}, got); diff != "" {
		t.Error(diff)
	}
}

func TestResend(t *testing.T) {
	for _, rtx := range []bool{false, true} {
		t.Run(fmt.Sprintf("rtx=%v", rtx), func(t *testing.T) {
			tr, _ := testTrack(webrtc.RTPCodecTypeVideo, time.Now)
			d, s := subscribe(tr, rtx)
			tr.forward(5, 0, true, frame(true, 5))
			tr.forward(6, 3000, true, frame(false, 6))
			lost := s.packets[1]
			s.packets = nil
			nack := &rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{
				lost.SequenceNumber, lost.SequenceNumber + 1, lost.SequenceNumber - 2,
			})}
			d.feedback([]rtcp.Packet{nack})
			if len(s.packets) != 1 {
				t.Fatalf("%d packets, want the one that was sent", len(s.packets))
			}
			got := s.packets[0]
			if rtx {
				osn := uint16(got.Payload[0])<<8 | uint16(got.Payload[1])
				if got.SSRC != 78 || got.PayloadType != 97 || osn != lost.SequenceNumber || !bytes.Equal(got.Payload[2:], lost.Payload) || got.Timestamp != lost.Timestamp {
					t.Errorf("retransmission %+v of %+v", got, lost)
				}
				return
			}
			if diff := cmp.Diff(lost.String()+string(lost.Payload), got.String()+string(got.Payload)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResendBudget(t *testing.T) {
	now := time.Unix(1000, 0)
	tr, _ := testTrack(webrtc.RTPCodecTypeAudio, func() time.Time { return now })
	d, s := subscribe(tr, false)
	tr.forward(5, 0, true, []byte{1})
	ask := func(times int) int {
		s.packets = nil
		for range times {
			d.resend(5 + d.seqOffset)
		}
		return len(s.packets)
	}
	if n := ask(1000); n != resendBurst {
		t.Errorf("%d at once, want %d", n, resendBurst)
	}
	now = now.Add(100 * time.Millisecond)
	if n := ask(1000); n != resendRate/10 {
		t.Errorf("%d after 100 ms, want %d", n, resendRate/10)
	}
	now = now.Add(-24 * time.Hour)
	if n := ask(1000); n != 0 {
		t.Errorf("%d after the clock was set back, want 0", n)
	}
	if got := tr.node.count.unrepaired.Load(); got != 3000-resendBurst-resendRate/10 {
		t.Errorf("%d counted as unrepaired", got)
	}
}

func TestKeyFrameRequestsAreSpacedAndNeverDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, asked := testTrack(webrtc.RTPCodecTypeVideo, time.Now)
		d, _ := subscribe(tr, false)
		pli := []rtcp.Packet{&rtcp.PictureLossIndication{}, &rtcp.FullIntraRequest{}}
		for range 10 {
			d.feedback(pli)
		}
		if asked.Load() != 1 {
			t.Fatalf("%d requests at once, want 1", asked.Load())
		}
		time.Sleep(keyFrameSpacing - time.Millisecond)
		synctest.Wait()
		if asked.Load() != 1 {
			t.Fatalf("%d requests before the spacing is over, want 1", asked.Load())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if asked.Load() != 2 {
			t.Fatalf("%d requests after the spacing, want the delayed one", asked.Load())
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked.Load() != 2 {
			t.Fatalf("%d requests without anybody asking", asked.Load())
		}
		d.feedback(pli)
		d.feedback(pli)
		tr.end()
		time.Sleep(time.Hour)
		synctest.Wait()
		if asked.Load() != 3 {
			t.Errorf("%d requests, want none from a track that ended", asked.Load())
		}
	})
}

func TestRing(t *testing.T) {
	r := &ring{}
	if _, ok := r.sinceKey(64); ok || r.get(0) != nil {
		t.Error("an empty ring has something")
	}
	for i := range 2000 {
		seq := uint16(65300 + i)
		if r.put(seq, 0, false, i%100 == 50, []byte{byte(i)}) == nil {
			t.Fatalf("packet %d was refused", i)
		}
		if e := r.get(seq - ringSize); e != nil {
			t.Fatalf("packet %d is still there", i-ringSize)
		}
		if e := r.get(seq - ringSize + 1); i >= ringSize && (e == nil || e.payload[0] != byte(i+1-ringSize%256)) {
			t.Fatalf("packet %d: %+v", i-ringSize+1, e)
		}
	}
	newest := r.newest
	if seq, ok := r.sinceKey(64); !ok || seq != newest-49 {
		t.Errorf("key frame at %d, %v; want %d", seq, ok, newest-49)
	}
	if _, ok := r.sinceKey(49); ok {
		t.Error("a key frame beyond the limit was found")
	}
	if r.put(newest+2, 0, false, false, nil); r.get(newest+2) == nil {
		t.Fatal("a packet after a gap is lost")
	}
	if _, ok := r.sinceKey(64); ok {
		t.Error("a key frame before a gap was found")
	}
}

func TestStartsKeyFrame(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    bool
	}{
		{"empty", nil, false},
		{"descriptor only", []byte{0x10}, false},
		{"key frame", []byte{0x10, 0x00}, true},
		{"key frame with other header bits", []byte{0x10, 0xfe}, true},
		{"other frame", []byte{0x10, 0x01}, false},
		{"not the start", []byte{0x00, 0x00}, false},
		{"another partition", []byte{0x11, 0x00}, false},
		{"short picture id", []byte{0x90, 0x80, 0x12, 0x00}, true},
		{"long picture id", []byte{0x90, 0x80, 0x81, 0x23, 0x00}, true},
		{"long picture id, other frame", []byte{0x90, 0x80, 0x81, 0x00, 0x01}, false},
		{"all of it", []byte{0x90, 0xf0, 0x81, 0x23, 0x05, 0x20, 0x00}, true},
		{"all of it, cut", []byte{0x90, 0xf0, 0x81, 0x23, 0x05, 0x20}, false},
		{"extension cut", []byte{0x90}, false},
		{"picture id cut", []byte{0x90, 0x80}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := startsKeyFrame(tt.payload); got != tt.want {
				t.Errorf("startsKeyFrame(% x) = %v", tt.payload, got)
			}
		})
	}
}

// FuzzForward: whatever a peer's packets hold, they are forwarded as they are, with one number for each.
func FuzzForward(f *testing.F) {
	f.Add(uint16(1), uint16(2), []byte{0x10, 0x00}, []byte{})
	f.Add(uint16(65535), uint16(3), []byte{0x90, 0xf0, 0xff}, []byte{0x90, 0xff})
	f.Fuzz(func(t *testing.T, a, b uint16, first, then []byte) {
		tr, _ := testTrack(webrtc.RTPCodecTypeVideo, time.Now)
		d, s := subscribe(tr, true)
		tr.forward(a, 0, true, []byte{0x10, 0x00})
		tr.forward(b, 1, true, first)
		tr.forward(b+1, 2, true, then)
		seen := map[uint16]bool{}
		for _, p := range s.packets {
			if seen[p.SequenceNumber] {
				t.Errorf("number %d twice", p.SequenceNumber)
			}
			seen[p.SequenceNumber] = true
			d.resend(p.SequenceNumber)
		}
	})
}

func TestCleanAnswer(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }
	tests := []struct {
		name, in, want string
		candidates     int
		sends          []bool
		code           fault.Code
	}{
		{
			name: "as it is", in: lines("v=0", "m=audio 9 X 111", "a=sendonly", "m=video 9 X 96", "a=recvonly"),
			want: lines("v=0", "m=audio 9 X 111", "a=sendonly", "m=video 9 X 96", "a=recvonly"), sends: []bool{true, false},
		},
		{
			name: "candidates go", in: lines("v=0", "m=audio 9 X 111", "a=candidate:1 1 udp 1 10.0.0.1 1 typ host", "a=end-of-candidates", "a=mid:0"),
			want: lines("v=0", "m=audio 9 X 111", "a=mid:0"), candidates: 1, sends: []bool{true},
		},
		{name: "bare line ends", in: "v=0\nm=audio 0 X 111\na=candidate:1 1 udp 1 10.0.0.1 1 typ host", want: lines("v=0", "m=audio 0 X 111"), candidates: 1, sends: []bool{false}},
		{name: "lite", in: lines("v=0", "a=ice-lite"), code: fault.Invalid},
		{name: "lite with spaces", in: lines("v=0", "a= ice-lite "), code: fault.Invalid},
		{name: "lite behind a lone return", in: "v=0\r\na=x\ra=ice-lite\r\n", code: fault.Invalid},
		{name: "zero byte", in: "v=0\r\ns=\x00\r\n", code: fault.Invalid},
		{name: "many m-lines", in: "v=0\r\n" + strings.Repeat("m=audio 9 X 111\r\n", 17), code: fault.TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := cleanAnswer(tt.in)
			if fault.CodeOf(err) != tt.code {
				t.Fatalf("err = %v, want %q", err, tt.code)
			}
			if err != nil {
				return
			}
			if c.text != tt.want || c.candidates != tt.candidates || !cmp.Equal(c.sends, tt.sends) {
				t.Errorf("cleanAnswer(%q) = %+v", tt.in, c)
			}
		})
	}
}

// FuzzCleanAnswer: no candidate and no lite flag passes, however it is written.
func FuzzCleanAnswer(f *testing.F) {
	f.Add("v=0\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\na=ice-lite\r\n")
	f.Add("v=0\na=\tice-lite\n\r\na=candidate:")
	f.Fuzz(func(t *testing.T, in string) {
		c, err := cleanAnswer(in)
		if err != nil {
			return
		}
		var d webrtc.SessionDescription
		d.Type, d.SDP = webrtc.SDPTypeAnswer, c.text
		parsed, err := d.Unmarshal()
		if err != nil {
			return
		}
		for _, a := range parsed.Attributes {
			if strings.TrimSpace(a.Key) == "ice-lite" {
				t.Errorf("%q passed as lite", in)
			}
		}
		if _, ok := parsed.Attribute("candidate"); ok {
			t.Errorf("%q passed with a candidate", in)
		}
		for _, m := range parsed.MediaDescriptions {
			if _, ok := m.Attribute("candidate"); ok {
				t.Errorf("%q passed with a candidate", in)
			}
		}
	})
}

// BenchmarkForward is the work of one packet without encryption and sending: parsing left out, ring and headers of all subscribers.
func BenchmarkForward(b *testing.B) {
	for _, n := range []int{1, 7} {
		b.Run(fmt.Sprintf("subscribers=%d", n), func(b *testing.B) {
			tr, _ := testTrack(webrtc.RTPCodecTypeVideo, time.Now)
			for range n {
				_, s := subscribe(tr, true)
				s.discard = true
			}
			payload := make([]byte, 1100)
			payload[0] = 0x10
			b.ReportAllocs()
			for i := range b.N {
				tr.forward(uint16(i), uint32(i), false, payload)
			}
		})
	}
}
