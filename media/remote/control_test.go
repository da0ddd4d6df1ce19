package remote

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/internal/fault"
)

// messages is what CONTROL.md calls each message.
func messages() map[string]func() any {
	return map[string]func() any{
		"hello":          func() any { return new(version) },
		"helloReply":     func() any { return new(helloReply) },
		"join":           func() any { return new(joinRequest) },
		"joinReply":      func() any { return new(offerReply) },
		"answer":         func() any { return new(answerRequest) },
		"answerReply":    func() any { return new(version) },
		"candidate":      func() any { return new(candidateRequest) },
		"candidateReply": func() any { return new(version) },
		"leave":          func() any { return new(leaveRequest) },
		"leaveReply":     func() any { return new(version) },
		"close":          func() any { return new(closeRequest) },
		"closeReply":     func() any { return new(version) },
		"event":          func() any { return new(eventMessage) },
		"beat":           func() any { return new(Beat) },
		"fault": func() any {
			return &struct {
				Code    fault.Code `json:"code"`
				Message string     `json:"message"`
				Path    string     `json:"path"`
			}{}
		},
	}
}

// TestControlExamples decodes every example of the protocol document strictly and encodes it again: the page shows all members and no others.
func TestControlExamples(t *testing.T) {
	page, err := os.ReadFile("../CONTROL.md")
	if err != nil {
		t.Fatal(err)
	}
	known, seen := messages(), map[string]bool{}
	for _, m := range regexp.MustCompile("(?s)```json ([A-Za-z]+)\n(.*?)\n```").FindAllSubmatch(page, -1) {
		name, example := string(m[1]), m[2]
		t.Run(name, func(t *testing.T) {
			seen[name] = true
			if known[name] == nil {
				t.Fatal("the document has an example of a message that the code does not know")
			}
			message := known[name]()
			d := json.NewDecoder(bytes.NewReader(example))
			d.DisallowUnknownFields()
			if err := d.Decode(message); err != nil {
				t.Fatal(err)
			}
			if name != "fault" {
				if err := decode(example, message); err != nil {
					t.Fatal(err)
				}
			}
			var want, got any
			if err := json.Unmarshal(example, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(encode(message), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name := range known {
		if !seen[name] {
			t.Errorf("the document has no example of %s", name)
		}
	}
}
