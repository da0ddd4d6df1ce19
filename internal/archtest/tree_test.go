package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "khamxa"
)

// exempt matches the header of a file whose length says nothing about its readability: generated code and tables of facts.
var exempt = regexp.MustCompile(`(?m)^// (Code generated .* DO NOT EDIT\.|Table: )`)

// source is one parsed Go file of the product (tests are not read).
type source struct {
	path    string // from the root, slash-separated
	pkg     string // import path
	lines   int
	exempt  bool
	file    *ast.File
	fileSet *token.FileSet
}

// sources parses every non-test Go file of the module. It fails if it finds suspiciously few, so that a moved root cannot
// make all rules pass on nothing.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != root && (strings.HasPrefix(base, ".") || base == "testdata" || base == "bin" || base == "data") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		s, err := read(name)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d source files found under %s: the root is wrong", len(all), root)
	}
	return all
}

func read(name string) (source, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	s := source{path: rel, pkg: path.Join(module, path.Dir(rel)), file: file, fileSet: set}
	s.lines = set.File(file.Pos()).LineCount()
	for _, group := range file.Comments {
		if set.Position(group.Pos()).Line <= 5 && exempt.MatchString(raw(group)) {
			s.exempt = true
		}
	}
	return s, nil
}

// raw is a comment group with its slashes: ast's Text drops directives.
func raw(group *ast.CommentGroup) string {
	var b strings.Builder
	for _, c := range group.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

// graph maps each package to what it imports directly, ours and others'.
func graph(all []source) map[string][]string {
	g := map[string][]string{}
	for _, s := range all {
		for _, spec := range s.file.Imports {
			g[s.pkg] = append(g[s.pkg], strings.Trim(spec.Path.Value, `"`))
		}
	}
	return g
}

// under reports whether a package is the named one or lies below it.
func under(pkg, top string) bool { return pkg == top || strings.HasPrefix(pkg, top+"/") }

func own(pkg string) bool { return under(pkg, module) }
