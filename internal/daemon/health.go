package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Check asks one part whether it can serve; nil means yes. The error's text is shown to anybody who asks /readyz, so it holds no
// secret and no personal data.
type Check struct {
	Name string
	Ask  func(context.Context) error
}

// Health answers /healthz and /readyz. The zero value has no checks and is ready.
type Health struct {
	Checks []Check
}

// askLimit bounds one check, so that a hanging part makes the service not ready instead of making the question hang.
const askLimit = 2 * time.Second

// Alive is /healthz: the process runs and answers.
func (h *Health) Alive(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"status": "alive"})
}

// Ready is /readyz: 200 if every check passes, else 503 with the checks that do not, each with its reason.
func (h *Health) Ready(w http.ResponseWriter, r *http.Request) {
	failing := map[string]string{}
	for _, c := range h.Checks {
		ctx, cancel := context.WithTimeout(r.Context(), askLimit)
		if err := c.Ask(ctx); err != nil {
			failing[c.Name] = err.Error()
		}
		cancel()
	}
	if len(failing) > 0 {
		answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "failing": failing})
		return
	}
	names := make([]string, 0, len(h.Checks))
	for _, c := range h.Checks {
		names = append(names, c.Name)
	}
	slices.SortFunc(names, strings.Compare)
	answer(w, http.StatusOK, map[string]any{"status": "ready", "checks": names})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the status is out; a reader that went away is no news
}
