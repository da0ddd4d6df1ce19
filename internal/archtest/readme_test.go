package archtest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme: every row of the README's table of what works names a test, and every test that the README names exists.
func TestReadme(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(raw), "\n| what | shown by |\n|---|---|\n")
	table, _, end := strings.Cut(table, "\n\n")
	if !ok || !end {
		t.Fatal("README.md has no table of what works")
	}
	there := testNames(t)
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)(?:/[^`]*)?`")
	target := regexp.MustCompile("`make [a-z]+`")
	for row := range strings.SplitSeq(table, "\n") {
		names := named.FindAllStringSubmatch(row, -1)
		if len(names) == 0 && !target.MatchString(row) {
			t.Errorf("no test is named: %s", row)
		}
		for _, n := range names {
			if !there[n[1]] {
				t.Errorf("there is no test %s: %s", n[1], row)
			}
		}
	}
}

// testNames are the functions of all tests, those behind build tags included.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(name)
		for _, m := range function.FindAllSubmatch(raw, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
