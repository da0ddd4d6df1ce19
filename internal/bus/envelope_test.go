package bus

import (
	"testing"

	"khamxa/internal/fault"
)

// FuzzDecodeFault: whatever bytes a stranger answers with, the caller gets a fault with a code.
func FuzzDecodeFault(f *testing.F) {
	f.Add(encodeFault(fault.New(fault.NotFound, "x", "No such room.").At("room")))
	f.Add([]byte(`{}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"code":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := decodeFault(data, "test")
		if err == nil || fault.CodeOf(err) == "" {
			t.Fatalf("decodeFault(%q) = %v", data, err)
		}
	})
}
