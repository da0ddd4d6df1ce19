package remote

import (
	"context"
	"testing"

	"khamxa/internal/fault"
	"khamxa/media/mediatest"
)

// FuzzRequests: whatever bytes come, a request gets an answer or a fault with a code of ours.
func FuzzRequests(f *testing.F) {
	f.Add("join", []byte(`{"v":1,"room":"r","peer":"p"}`))
	f.Add("answer", []byte(`{"v":1,"room":"r","peer":"p","session":"s","seq":1,"sdp":"v=0"}`))
	f.Add("candidate", []byte(`{"v":1,"candidate":"candidate:"}`))
	f.Add("leave", []byte(`{"v":1e0}`))
	f.Fuzz(func(t *testing.T, verb string, data []byte) {
		s := &server{plane: mediatest.NewFake(), node: "n"}
		handle := s.handlers()[verb]
		if handle == nil {
			t.Skip()
		}
		if _, err := handle(context.Background(), data); err != nil && fault.CodeOf(err) == fault.Internal {
			t.Errorf("%s %q: %v", verb, data, err)
		}
	})
}
