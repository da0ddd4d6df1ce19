package archtest_test

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// The budgets of the design: what keeps the code readable in one sitting.
const (
	mostFileLines  = 600
	mostFuncLines  = 80
	mostInterfaces = 8
)

func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.exempt {
			continue
		}
		if s.lines > mostFileLines {
			t.Errorf("%s has %d lines, %d is the most", s.path, s.lines, mostFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Body != nil {
					from, to := s.fileSet.Position(n.Pos()).Line, s.fileSet.Position(n.End()).Line
					if to-from+1 > mostFuncLines {
						t.Errorf("%s:%d: func %s has %d lines, %d is the most", s.path, from, n.Name.Name, to-from+1, mostFuncLines)
					}
				}
			case *ast.InterfaceType:
				if n.Methods.NumFields() > mostInterfaces {
					t.Errorf("%s:%d: an interface of %d methods, %d is the most", s.path, s.fileSet.Position(n.Pos()).Line, n.Methods.NumFields(), mostInterfaces)
				}
			}
			return true
		})
	}
}

// TestPackageComments: every package says what it is for.
func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil && len(s.file.Doc.Text()) > 80
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that says what it is for", pkg)
		}
	}
}

// TestNames: package names say what is inside, are unique, and shadow nothing of the standard library's.
func TestNames(t *testing.T) {
	banned := map[string]bool{"util": true, "utils": true, "common": true, "helper": true, "helpers": true, "types": true, "misc": true, "http": true, "json": true, "sql": true, "url": true, "log": true, "errors": true, "context": true}
	at := map[string]string{}
	for _, s := range sources(t) {
		name := s.file.Name.Name
		if banned[name] {
			t.Errorf("%s: package name %q says nothing, or shadows the standard library's", s.path, name)
		}
		if name == "main" || name == "web" {
			continue // commands; and the web package of each component is known by its folder
		}
		dir := path.Dir(s.path)
		if other, ok := at[name]; ok && other != dir {
			t.Errorf("package name %q is used by %s and %s", name, other, dir)
		}
		at[name] = dir
	}
}

// TestExportedComments: every exported top-level name states its contract.
func TestExportedComments(t *testing.T) {
	for _, s := range sources(t) {
		if s.exempt || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: exported %s has no comment", s.path, name)
			}
		}
	}
}

func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					names = append(names, spec.Names[0].Name)
				}
			}
		}
	}
	return names
}

// exportedReceiver: a method of an unexported type that fulfils an interface is documented there.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// selectors lists the qualified names that a file uses, as "pkg.Name".
func selectors(file *ast.File) (all []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				all = append(all, id.Name+"."+sel.Sel.Name)
			}
		}
		return true
	})
	return all
}

// generator: programs run by go generate are commands too, wherever they lie.
func generator(s source) bool {
	return s.file.Name.Name == "main" && strings.Contains("/"+s.path, "/gen/")
}
