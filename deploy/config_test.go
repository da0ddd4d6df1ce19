package deploy_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

const sample = "khamxa.toml"

// notSettings are flags that belong on a command line only.
var notSettings = []string{"check", "config", "demo", "h", "help"}

// commentedOut is a key that the sample shows but does not set.
var commentedOut = regexp.MustCompile(`(?m)^#([a-z-]+ = )`)

func readSample(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestSampleConfig: the program accepts the sample as it is, and with every key that it shows; and a check changes nothing.
func TestSampleConfig(t *testing.T) {
	whole := readSample(t)
	all := commentedOut.ReplaceAllString(whole, "$1")
	if all == whole {
		t.Fatal("the sample comments out no key: the second case tests nothing")
	}
	for _, c := range []struct {
		name, text, refused string
	}{
		{name: "as it is", text: whole},
		{name: "with every key", text: all},
		{name: "with a typing error", text: strings.Replace(whole, "\npublic-url", "\npublic-ulr", 1), refused: "public-ulr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file, data := filepath.Join(dir, "khamxa.toml"), filepath.Join(dir, "data")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, code := run(t, "serve", "--config", file, "--data", data, "--check")
			if c.refused == "" && code != 0 || c.refused != "" && (code == 0 || !strings.Contains(out, c.refused)) {
				t.Errorf("serve --check: exit code %d: %s", code, out)
			}
			if c.refused == "" {
				if out, code := run(t, "media", "--config", file, "--check"); code != 0 {
					t.Errorf("media --check: exit code %d: %s", code, out)
				}
			}
			if _, err := os.Stat(data); err == nil {
				t.Error("the check made the data folder")
			}
		})
	}
}

// TestSampleNamesEverySetting: what can be set is in the sample, and nothing else is.
func TestSampleNamesEverySetting(t *testing.T) {
	var tables map[string]map[string]any
	if err := toml.Unmarshal([]byte(commentedOut.ReplaceAllString(readSample(t), "$1")), &tables); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"media", "serve"}, slices.Sorted(maps.Keys(tables))); diff != "" {
		t.Fatal(diff)
	}
	for command, settings := range tables {
		t.Run(command, func(t *testing.T) {
			want := slices.DeleteFunc(flagsOf(t, command), func(f string) bool { return slices.Contains(notSettings, f) })
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(settings))); diff != "" {
				t.Error("flags of the command (-) and keys of the sample (+):\n" + diff)
			}
		})
	}
}
