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
	if err != nil {
		t.Errorf("%v:\n%s", err, said)
	}
	if passed := strings.Count("\n"+string(said), "\nok "); passed < clientSteps {
		t.Errorf("%d steps passed, want %d", passed, clientSteps)
	}
	t.Logf("fhir-kit-client:\n%s", said)
	s.stop(t)
}

// clientSteps is how many steps js/client.mjs has.
const clientSteps = 22
