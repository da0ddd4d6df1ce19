package web_test

import (
	"net/http"
	"os"
	"testing"
)

// TestServe serves the pages at KHAMXA_PAGES_LISTEN until the test's deadline, to look at them in a browser.
func TestServe(t *testing.T) {
	address := os.Getenv("KHAMXA_PAGES_LISTEN")
	if address == "" {
		t.Skip("KHAMXA_PAGES_LISTEN is not set")
	}
	w := newWorld(t, 1500)
	t.Error(http.ListenAndServe(address, w.handler))
}
