package client_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/dop251/goja"
	"github.com/evanw/esbuild/pkg/api"
	"github.com/google/go-cmp/cmp"

	"khamxa/signaling/client"
	"khamxa/signaling/wire"
)

// bundle builds a script that stands in ts/ and what it imports.
func bundle(t *testing.T, script string, minify bool) string {
	t.Helper()
	built := api.Build(api.BuildOptions{
		Stdin:  &api.StdinOptions{Contents: script, ResolveDir: "ts", Loader: api.LoaderTS},
		Bundle: true, Format: api.FormatIIFE, Target: api.ES2017,
		MinifyWhitespace: minify, MinifyIdentifiers: minify, MinifySyntax: minify, TsconfigRaw: "{}",
	})
	if len(built.Errors) > 0 {
		t.Fatal(built.Errors)
	}
	return string(built.OutputFiles[0].Contents)
}

// TestTypeScript runs the *.test.ts files in a Go engine.
func TestTypeScript(t *testing.T) {
	files, err := filepath.Glob("ts/*.test.ts")
	if err != nil || len(files) == 0 {
		t.Fatal("no tests found", err)
	}
	compared := false
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			vm := goja.New()
			ran := 0
			report := func(name, failure string) {
				ran++
				t.Run(name, func(t *testing.T) {
					if failure != "" {
						t.Error(failure)
					}
				})
			}
			for name, f := range map[string]any{"report": report, "publish": func(text string) { compared = true; compareCodes(t, text) }} {
				if err := vm.Set(name, f); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := vm.RunScript(file, bundle(t, string(source), false)); err != nil {
				t.Fatal(err)
			}
			if want := strings.Count(string(source), "\ntest("); ran != want || ran == 0 {
				t.Errorf("%d of %d tests ran to their end", ran, want)
			}
		})
	}
	if !compared {
		t.Error("the codes were not compared")
	}
}

// compareCodes: the page and the server agree on what follows a code.
func compareCodes(t *testing.T, text string) {
	t.Helper()
	got := map[string]string{}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, row := range wire.Codes() {
		want[string(row.Code)] = string(row.Then)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes in wire.ts (+) and in the server's table (-):\n%s", diff)
	}
}

// TestSize: the whole module over the wire. The page's own budget is 60 KB.
func TestSize(t *testing.T) {
	var packed bytes.Buffer
	w := brotli.NewWriterLevel(&packed, brotli.BestCompression)
	if _, err := w.Write([]byte(bundle(t, `export * from "./call"`, true))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("call module: %d bytes", packed.Len())
	if packed.Len() > 8<<10 {
		t.Errorf("%d bytes, at most 8 KiB", packed.Len())
	}
}

// TestFiles: everything that call.ts needs is embedded, and no test is.
func TestFiles(t *testing.T) {
	want, err := filepath.Glob("ts/*.ts")
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, file := range want {
		if !strings.HasSuffix(file, ".test.ts") && file != "ts/testing.ts" {
			sources = append(sources, filepath.ToSlash(file))
		}
	}
	got, err := fs.Glob(client.Files, "ts/*")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sources, got); diff != "" {
		t.Error(diff)
	}
}
