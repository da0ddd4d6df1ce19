package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
)

// TestSentence: whoever runs the service sees one line, with the cause, and no cause twice.
func TestSentence(t *testing.T) {
	cause := errors.New("disk full")
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"a sentence", fault.New(fault.Invalid, "x.Y", "Give a folder."), "Give a folder."},
		{"with its cause", fault.Wrap(cause, fault.Unavailable, "x.Y", "It cannot be written."), "It cannot be written. (disk full)"},
		{"a cause that the sentence has", fault.Wrap(cause, fault.Unavailable, "x.Y", "It cannot be written: disk full."), "It cannot be written: disk full."},
		{"several lines", fault.New(fault.Invalid, "x.Y", "One.\n  Two.\n"), "One. Two."},
		{"wrong usage", usagef("--%s is needed", "data"), "--data is needed"},
		{"joined", errors.Join(fault.New(fault.Invalid, "x.Y", "First."), errors.New("second")), "First."},
		{"any other error", cause, "disk full"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sentence(c.err); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestListed: a list with commas; an empty one is nil, which stands for everything.
func TestListed(t *testing.T) {
	for given, want := range map[string][]string{
		"": nil, " , ": nil, "14221": {"14221"}, "14221,14215": {"14221", "14215"}, " 14221, 14215 ,": {"14221", "14215"},
	} {
		if diff := cmp.Diff(want, listed(given)); diff != "" || (listed(given) == nil) != (want == nil) {
			t.Errorf("%q (-want +got):\n%s", given, diff)
		}
	}
}

func TestKnownCommunes(t *testing.T) {
	if err := knownCommunes([]string{"14221", "14215"}); err != nil {
		t.Error(err)
	}
	if err := knownCommunes(nil); err != nil {
		t.Error(err)
	}
	// 14284 was a commune until 30 June 2025.
	for _, code := range []string{"14284", "99999", "1422", ""} {
		if err := atFlag(knownCommunes([]string{"14221", code})); !fault.Is(err, fault.Invalid) || !strings.HasPrefix(sentence(err), "--commune: ") {
			t.Errorf("%q gives %v", code, err)
		}
	}
}

// failing is an output that nobody takes.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestResultIsLost: a result that cannot be written is a failure, not a success without a word.
func TestResultIsLost(t *testing.T) {
	var said bytes.Buffer
	if code := run(context.Background(), terminal{in: strings.NewReader(""), out: failing{}, err: &said}, []string{"version"}); code != exitFailed {
		t.Errorf("exit code %d: %s", code, &said)
	}
	if !strings.Contains(said.String(), "could not be written") {
		t.Error(said.String())
	}
}

// TestCommands: every command of the list is found by its name, describes itself, and has help.
func TestCommands(t *testing.T) {
	for _, c := range commands() {
		t.Run(c.name, func(t *testing.T) {
			found, rest, ok := find(append(strings.Fields(c.name), "--x"))
			if !ok || found.name != c.name || len(rest) != 1 {
				t.Fatalf("found %q with %q", found.name, rest)
			}
			var out bytes.Buffer
			code := run(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: io.Discard}, append(strings.Fields(c.name), "-h"))
			if code != exitDone || !strings.HasPrefix(out.String(), "usage: khamxa "+c.name+" [flags]\n") || c.about == "" {
				t.Errorf("exit code %d: %s", code, &out)
			}
		})
	}
}
