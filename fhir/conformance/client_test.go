//go:build conformance

package conformance_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
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
		if name, failed := strings.CutPrefix(line, "FAILED "); failed && !slices.ContainsFunc(awaited, func(s string) bool { return strings.HasPrefix(name, s+":") }) {
			t.Error(line)
		}
	}
	if passed < clientSteps-len(awaited) || err != nil && len(awaited) == 0 {
		t.Errorf("%d steps passed, want %d: %v", passed, clientSteps, err)
	}
	s.stop(t)
}

// clientSteps is how many steps js/client.mjs has; awaited are those whose interactions are not served yet.
const clientSteps = 22

var awaited = []string{"JSON Patch", "search of a compartment and of the system", "history of a resource, a type and the system", "$everything", "$validate"}
