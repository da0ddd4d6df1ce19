package sqlite_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

func mustOpen(t testing.TB, dir string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Options{Dir: dir})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func basicTx(id, code string) store.Transaction {
	return store.Transaction{Author: "system", Changes: []store.Change{{
		Method: store.Put, Type: "Basic", ID: id,
		Body: fmt.Appendf(nil, `{"resourceType":"Basic","id":%q,"code":{"coding":[{"code":%q}]}}`, id, code),
	}}}
}

func mustCommit(t testing.TB, db *sqlite.DB, tx store.Transaction) store.Receipt {
	t.Helper()
	r, err := db.Commit(context.Background(), tx)
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return r
}

func mustFind(t testing.TB, db *sqlite.DB, typ, values string) []store.Version {
	t.Helper()
	v, err := url.ParseQuery(values)
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(typ, v)
	if err != nil {
		t.Fatal(err)
	}
	page, err := db.Search(context.Background(), store.SearchRequest{Query: q})
	if err != nil {
		t.Fatalf("Search(%s?%s): %v", typ, values, err)
	}
	return page.Matches
}

func TestOneProcessOwnsTheFolder(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.MessageOf(err), "in use by another process") {
		t.Fatalf("a second Open: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, dir)
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name, statement, want string
		code                  fault.Code
	}{
		{"a file that a newer program wrote", "PRAGMA user_version = 1000", "older than the data", fault.Unavailable},
		{"a log whose end is missing", "DELETE FROM log WHERE seq = 2", "end of the log is missing", fault.Internal},
		{"a last commit that cannot be read", "UPDATE log SET entry = x'02' WHERE seq = 2", "Commit 2 of the log is damaged", fault.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			db := mustOpen(t, dir)
			mustCommit(t, db, basicTx("a", "x"))
			mustCommit(t, db, basicTx("b", "x"))
			db.Close()
			if err := sqlite.Exec(dir, c.statement); err != nil {
				t.Fatal(err)
			}
			_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
			if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("Open: %v, want %s with %q", err, c.code, c.want)
			}
		})
	}
}

func TestOpenRefusesAFolderThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir)
	_, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir + "/" + sqlite.FileName + "/below"})
	if !fault.Is(err, fault.Unavailable) {
		t.Fatalf("Open below a file: %v", err)
	}
}

func TestAnIndexOfAnotherExtractorIsMadeAnew(t *testing.T) {
	dir := t.TempDir()
	db := mustOpen(t, dir)
	mustCommit(t, db, basicTx("a", "x"))
	db.Close()
	for _, statement := range []string{"DELETE FROM idx", "UPDATE meta SET value = 1 WHERE name = 'extractor'"} {
		if err := sqlite.Exec(dir, statement); err != nil {
			t.Fatal(err)
		}
	}
	db = mustOpen(t, dir)
	if found := mustFind(t, db, "Basic", "code=x"); len(found) != 1 {
		t.Fatalf("found %d resources after the start, want 1", len(found))
	}
	if findings, err := db.Verify(t.Context(), nil); err != nil || len(findings) > 0 {
		t.Fatalf("Verify: %v, %v", findings, err)
	}
}

func TestCloseLeavesOneFile(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != sqlite.FileName+" lock" {
		t.Fatalf("after Close the folder holds %s", got)
	}
}

// A repair may meet what is applied already: it must leave it as it is.
func TestRepairIsIdempotent(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	for _, applied := range []int{0, 1, 3} {
		if err := sqlite.Exec(dir, "UPDATE meta SET value = ? WHERE name = 'applied'", applied); err != nil {
			t.Fatal(err)
		}
		db := mustOpen(t, dir)
		if findings, err := db.Verify(t.Context(), nil); err != nil || len(findings) > 0 {
			t.Fatalf("after a repair from commit %d: %v, %v", applied, findings, err)
		}
		if _, err := db.Read(t.Context(), "Basic", "b"); !fault.Is(err, fault.Gone) {
			t.Fatalf("after a repair from commit %d the deleted resource is: %v", applied, err)
		}
		db.Close()
	}
}

// TestFilesAreTheOwners: what is in the folder may be read by its owner only, whoever made the folder and whatever its rights are.
func TestFilesAreTheOwners(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	mustCommit(t, mustOpen(t, dir), basicTx("a", "x"))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 3 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}
