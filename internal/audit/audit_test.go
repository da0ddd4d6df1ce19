package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"khamxa/internal/audit"
)

func TestMemoryKeepsEveryEvent(t *testing.T) {
	var sink audit.Memory
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := sink.Record(context.Background(), audit.Event{Kind: "sign-in", Action: audit.Execute}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := len(sink.Events()); n != 50 {
		t.Fatalf("%d events kept, want 50", n)
	}
	sink.Events()[0].Kind = "changed"
	if sink.Events()[0].Kind != "sign-in" {
		t.Error("Events gives away its own slice")
	}
}

func TestMemoryFails(t *testing.T) {
	want := errors.New("disk full")
	sink := audit.Memory{Fail: want}
	if err := sink.Record(context.Background(), audit.Event{}); !errors.Is(err, want) {
		t.Errorf("Record gave %v, want %v", err, want)
	}
	if len(sink.Events()) != 0 {
		t.Error("a failed event was kept")
	}
}
