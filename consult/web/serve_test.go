package web_test

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"khamxa/internal/page/pagetest"
)

func (w *world) logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.logs, nil)) }

func text(t testing.TB, res *http.Response) string {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	for _, path := range []string{"/consults", "/consults/new", "/consults/new?q=hoa", "/consults/new?patient=p1", "/consults/" + c.ID, "/j/abcdefghabcdefgh"} {
		for _, lang := range []string{"vi", "en"} {
			t.Run(lang+path, func(t *testing.T) {
				sep := "?"
				for _, r := range path {
					if r == '?' {
						sep = "&"
					}
				}
				res := w.get(path + sep + "lang=" + lang)
				body := text(t, res)
				if res.StatusCode != http.StatusOK {
					t.Fatalf("%d: %s\n%s", res.StatusCode, body, w.logs)
				}
				for _, problem := range pagetest.Check(body) {
					t.Error(problem)
				}
			})
		}
	}
}
