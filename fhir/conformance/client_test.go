//go:build conformance

package conformance_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestClient: fhir-kit-client, a FHIR client of other people's making, does a day's work against the running service (js/client.mjs
// says which).
func TestClient(t *testing.T) {
	modules := os.Getenv("KHAMXA_NODE")
	if modules == "" {
		t.Fatal("KHAMXA_NODE names no folder with node_modules: run `make conformance`")
	}
	s := startLive(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	client := exec.CommandContext(ctx, "node", "js/client.mjs", modules, s.base+"/fhir")
	client.Env = append(os.Environ(), "CLIENT_ID="+s.id, "CLIENT_SECRET="+s.secret)
	said, err := client.CombinedOutput()
	t.Logf("fhir-kit-client:\n%s", said)
	passed := 0
	for line := range strings.Lines(string(said)) {
		if strings.HasPrefix(line, "ok ") {
			passed++
		}
		if strings.HasPrefix(line, "FAILED ") {
			t.Error(line)
		}
	}
	if passed != clientSteps || err != nil {
		t.Errorf("%d steps passed, want %d: %v", passed, clientSteps, err)
	}
	s.stop(t)
}

// clientSteps is how many steps js/client.mjs has.
const clientSteps = 22
