package web_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"khamxa/internal/page"
)

// TestEverySentenceIsTranslated reads the sources of consult and of its pages: each sentence that a fault shows to a person
// must have its Vietnamese. Faults of ours (Internal) show none.
func TestEverySentenceIsTranslated(t *testing.T) {
	shell, err := shellOnce()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, pattern := range []string{"../*.go", "../record/*.go", "*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if matched, _ := filepath.Match("*_test.go", filepath.Base(name)); matched {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, sentence := range sentences(file) {
				found++
				vi, en := shell.T(page.Vietnamese, sentence), shell.T(page.English, sentence)
				if vi == sentence || en != sentence {
					t.Errorf("%s: %q is %q in Vietnamese and %q in English", name, sentence, vi, en)
				}
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d sentences were found: the test looks in the wrong place", found)
	}
}

// sentences lists the texts given to fault.New and fault.Wrap, but for Internal ones.
func sentences(file *ast.File) []string {
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		fn, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || (fn.Sel.Name != "New" && fn.Sel.Name != "Wrap") || len(call.Args) < 3 {
			return true
		}
		if pkg, ok := fn.X.(*ast.Ident); !ok || pkg.Name != "fault" {
			return true
		}
		for _, arg := range call.Args {
			if code, ok := arg.(*ast.SelectorExpr); ok && code.Sel.Name == "Internal" {
				return true
			}
		}
		if text, ok := call.Args[len(call.Args)-1].(*ast.BasicLit); ok && text.Kind == token.STRING {
			if s, err := strconv.Unquote(text.Value); err == nil {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}
