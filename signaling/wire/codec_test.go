package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
	"khamxa/signaling/wire"
)

func TestDecodeRefuses(t *testing.T) {
	sdp := func(n int, body string) string {
		return `{"type":"answer","session":"m1","seq":` + strings.Repeat("1", n) + `,"sdp":"` + body + `"}`
	}
	cases := []struct {
		name, raw string
		code      fault.Code
		path      string
	}{
		{"nothing", ``, fault.Invalid, ""},
		{"not JSON", `hello`, fault.Invalid, ""},
		{"cut off", `{"type":"ping"`, fault.Invalid, ""},
		{"cut off in a value", `{"type":"pi`, fault.Invalid, ""},
		{"an array", `[{"type":"ping"}]`, fault.Invalid, ""},
		{"two objects", `{"type":"ping"}{"type":"ping"}`, fault.Invalid, ""},
		{"not UTF-8", "{\"type\":\"ping\",\"x\":\"\xff\"}", fault.Invalid, ""},
		{"type twice", `{"type":"ping","type":"leave"}`, fault.Invalid, ""},
		{"member twice inside resume", `{"type":"hello","version":1,"resume":{"session":"a","session":"b","token":"t","last":1}}`, fault.Invalid, "resume"},
		{"no type", `{"n":1}`, fault.Invalid, "type"},
		{"type is a number", `{"type":1}`, fault.Invalid, "type"},
		{"unknown type", `{"type":"admit"}`, fault.Unsupported, "type"},
		{"type in capitals", `{"type":"PING"}`, fault.Unsupported, "type"},
		{"a server's type", `{"type":"offer","n":1,"session":"m","seq":1,"sdp":"v=0"}`, fault.Unsupported, "type"},
		{"too large", `{"type":"ping","x":"` + strings.Repeat("x", wire.MaxMessage) + `"}`, fault.TooLarge, ""},
		{"too many members", `{"type":"ping"` + members(70) + `}`, fault.Invalid, ""},
		{"hello without ticket", `{"type":"hello","version":1}`, fault.Invalid, "ticket"},
		{"hello with both", `{"type":"hello","version":1,"ticket":"x","resume":{"session":"a","token":"t","last":0}}`, fault.Invalid, "ticket"},
		{"hello with a long ticket", `{"type":"hello","version":1,"ticket":"` + strings.Repeat("x", wire.MaxTicket+1) + `"}`, fault.Invalid, "ticket"},
		{"version is a string", `{"type":"hello","version":"1","ticket":"x"}`, fault.Invalid, "version"},
		{"resume is a list", `{"type":"hello","version":1,"resume":[]}`, fault.Invalid, "resume"},
		{"resume with a bad session", `{"type":"hello","version":1,"resume":{"session":"a.b","token":"t","last":0}}`, fault.Invalid, "resume.session"},
		{"resume from before", `{"type":"hello","version":1,"resume":{"session":"a","token":"t","last":-1}}`, fault.Invalid, "resume.last"},
		{"resume without a token", `{"type":"hello","version":1,"resume":{"session":"a","last":1}}`, fault.Invalid, "resume.token"},
		{"ack of nothing", `{"type":"ack"}`, fault.Invalid, "n"},
		{"ack of null", `{"type":"ack","n":null}`, fault.Invalid, "n"},
		{"ack of a fraction", `{"type":"ack","n":1.5}`, fault.Invalid, "n"},
		{"answer in other capitals", `{"type":"answer","session":"m1","seq":1,"SDP":"v=0"}`, fault.Invalid, "sdp"},
		{"answer that is no SDP", sdp(1, "hello"), fault.Invalid, "sdp"},
		{"answer with a zero byte", sdp(1, `v=0\u0000`), fault.Invalid, "sdp"},
		{"answer too long", sdp(1, "v=0"+strings.Repeat("x", wire.MaxSDP)), fault.Invalid, "sdp"},
		{"answer with many sections", sdp(1, "v=0"+strings.Repeat(`\nm=a`, wire.MaxSections+1)), fault.Invalid, "sdp"},
		{"answer with a subject as session", `{"type":"answer","session":"*.>","seq":1,"sdp":"v=0"}`, fault.Invalid, "session"},
		{"candidate of two lines", `{"type":"candidate","session":"m","candidate":"candidate:1\r\na=x","mid":"0"}`, fault.Invalid, "candidate"},
		{"candidate that is none", `{"type":"candidate","session":"m","candidate":"a=x","mid":"0"}`, fault.Invalid, "candidate"},
		{"candidate too long", `{"type":"candidate","session":"m","candidate":"candidate:` + strings.Repeat("x", wire.MaxCandidate) + `"}`, fault.Invalid, "candidate"},
		{"mid too long", `{"type":"candidate","session":"m","candidate":"","mid":"` + strings.Repeat("0", 33) + `"}`, fault.Invalid, "mid"},
		{"mute of nothing", `{"type":"mute","muted":true}`, fault.Invalid, "kind"},
		{"mute of the screen", `{"type":"mute","kind":"screen","muted":true}`, fault.Invalid, "kind"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := wire.Decode([]byte(c.raw), wire.Client)
			if fault.CodeOf(err) != c.code || fault.PathOf(err) != c.path {
				t.Errorf("got %v, want %s at %q", err, c.code, c.path)
			}
		})
	}
}

func members(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"m` + strings.Repeat("x", i) + `":0`)
	}
	return b.String()
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	frame, err := wire.Decode([]byte(`{"later":{"a":[1,2]},"type":"mute","kind":"video","muted":true,"room":"another","from":"dr-7"}`), wire.Client)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&wire.Mute{Kind: "video", Muted: true}, frame.Message); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeRefusesWhatIsTooLarge(t *testing.T) {
	_, err := wire.Encode(&wire.Offer{Session: "m", Seq: 1, SDP: strings.Repeat("x", wire.MaxMessage)}, 1)
	if !fault.Is(err, fault.TooLarge) {
		t.Errorf("got %v, want too-large", err)
	}
}

func TestVersions(t *testing.T) {
	for version := wire.Oldest - 2; version <= wire.Version+2; version++ {
		want := version >= wire.Oldest && version <= wire.Version
		if got := wire.CheckVersion(version) == nil; got != want {
			t.Errorf("version %d: spoken is %v, want %v", version, got, want)
		}
	}
	if wire.Version-wire.Oldest > 1 {
		t.Error("the rule is N and N-1")
	}
}

func TestNamesAndIDs(t *testing.T) {
	for _, id := range []string{"", "a.b", "a*", ">", "a b", "é", strings.Repeat("x", 65), "a\n"} {
		if wire.ValidID(id) {
			t.Errorf("%q passes as an id", id)
		}
	}
	if !wire.ValidID("dr-7_A") || !wire.ValidID(strings.Repeat("x", 64)) {
		t.Error("a good id is refused")
	}
	for _, name := range []string{"", "a\nb", "\xff", strings.Repeat("x", 401)} {
		if wire.ValidName(name) {
			t.Errorf("%q passes as a name", name)
		}
	}
	if !wire.ValidName("Nguyễn Văn Bảy") {
		t.Error("a good name is refused")
	}
}

// FuzzDecode: no bytes from a stranger may crash the reader, and what it accepts must survive being written and read again.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{
		`{"type":"hello","version":1,"ticket":"x"}`,
		`{"type":"hello","version":1,"resume":{"session":"a","token":"t","last":3}}`,
		`{"type":"answer","session":"m","seq":2,"sdp":"v=0\r\n"}`,
		`{"type":"peers","n":1,"peers":[{"id":"a","role":"doctor","name":"B","audio":true}]}`,
		`{"type":"ping","type":"leave"}`, `{`, `[]`, `{"type":"mute","kind":null}`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, side := range []wire.Side{wire.Client, wire.Server} {
			frame, err := wire.Decode(raw, side)
			if err != nil {
				if code := fault.CodeOf(err); code != fault.Invalid && code != fault.Unsupported && code != fault.TooLarge {
					t.Fatalf("%q: %v", raw, err)
				}
				continue
			}
			again, err := wire.Encode(frame.Message, frame.N)
			if fault.Is(err, fault.TooLarge) {
				continue // escaping may make a message longer
			}
			if err != nil {
				t.Fatal(err)
			}
			second, err := wire.Decode(again, side)
			if err != nil {
				t.Fatalf("%q was accepted, but not %q: %v", raw, again, err)
			}
			if diff := cmp.Diff(frame, second); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
