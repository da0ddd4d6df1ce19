package sqlite_test

import (
	"strings"
	"testing"

	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/internal/fault"
)

// fill makes a small store with a bit of everything: four commits.
func fill(t *testing.T, dir string) {
	t.Helper()
	db := mustOpen(t, dir)
	put := func(typ, id, rest string) store.Change {
		return store.Change{Method: store.Put, Type: typ, ID: id, Body: []byte(`{"resourceType":"` + typ + `","id":"` + id + `"` + rest + `}`)}
	}
	for _, changes := range [][]store.Change{
		{put("Patient", "p", `,"managingOrganization":{"reference":"Organization/a"}`), put("Observation", "o", `,"status":"final","subject":{"reference":"Patient/p"}`)},
		{put("Basic", "b", "")},
		{put("Basic", "b", `,"language":"vi"`)},
		{{Method: store.Delete, Type: "Basic", ID: "b"}},
	} {
		mustCommit(t, db, store.Transaction{Author: "system", Changes: changes})
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	flipped, missed, err := sqlite.FlipEveryByte(dir)
	if err != nil {
		t.Fatal(err)
	}
	if flipped < 800 {
		t.Fatalf("only %d bytes were flipped", flipped)
	}
	for i, m := range missed {
		if t.Errorf("not named at its commit: %s", m); i == 10 {
			t.Fatalf("and %d more of %d", len(missed)-i, flipped)
		}
	}
}

func TestARewrittenCommitBreaksTheChain(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	if err := sqlite.Rewrite(dir, 2, "somebody else"); err != nil {
		t.Fatal(err)
	}
	findings, err := mustOpen(t, dir).Verify(t.Context(), nil)
	if err != nil || len(findings) != 1 || findings[0].Seq != 3 || !strings.Contains(findings[0].Problem, "chain is broken") {
		t.Fatalf("findings: %v, %v; want the broken chain at commit 3", findings, err)
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, statement, want string
		seq                   store.Seq
	}{
		{"a body is gone", "DELETE FROM body WHERE place >> 14 = 2", "body of the version is missing", 2},
		{"a commit in the middle is gone", "DELETE FROM log WHERE seq = 2", "The commit is missing", 2},
		{"a body too many", "INSERT INTO body VALUES (9 << 14, x'7b7d')", "a body of a commit that is not in the log", 9},
		{"the history lacks a version", "DELETE FROM hist WHERE vid = 2", "history does not have the version", 3},
		{"the history has a version too many", "INSERT INTO hist SELECT rid, 4, place, time, deleted FROM hist WHERE vid = 3", "not the last version", 4},
		{"current state is an old version", "UPDATE res SET vid = 2, deleted = 0 WHERE id = 'b'", "not the last version", 4},
		{"a resource lacks a key", "DELETE FROM idx WHERE k = CAST('Observation|' AS BLOB)", "lacks a key", 1},
		{"a key too many", "INSERT INTO idx VALUES (x'00', 1)", "search index has", 0},
		{"a deleted resource can be found", "INSERT INTO idx SELECT CAST('Basic|' AS BLOB), rid FROM res WHERE id = 'b'", "search index has", 0},
		{"the wrong holder", "UPDATE res SET holder = 'Organization/b' WHERE id = 'o'", "holder of the resource", 1},
		{"the wrong holder of a patient", "UPDATE holder SET holder = 'Organization/b'", "organisation that holds the patient", 1},
		{"the wrong compartment", "UPDATE res SET patients = 'q' WHERE id = 'o'", "compartments of the resource", 1},
		{"a member is missing", "DELETE FROM member", "not among the members", 1},
		{"a member too many", "INSERT INTO member VALUES ('q', 1)", "compartments have", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir)
			if err := sqlite.Exec(dir, c.statement); err != nil {
				t.Fatal(err)
			}
			findings, err := mustOpen(t, dir).Verify(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Seq == c.seq && strings.Contains(f.Problem, c.want) {
					return
				}
			}
			t.Fatalf("no finding at commit %d says %q: %v", c.seq, c.want, findings)
		})
	}
}

// TestADamagedBodyIsSaidOnce: a body of which one byte is wrong is one finding, and not also what the index has of the right one.
func TestADamagedBodyIsSaidOnce(t *testing.T) {
	for _, c := range []struct{ name, statement string }{
		{"a value that is indexed", `UPDATE body SET data = CAST(replace(CAST(data AS TEXT), '"final"', '"fynal"') AS BLOB) WHERE place = (1 << 14) + 1`},
		{"a member that is indexed", `UPDATE body SET data = CAST(replace(CAST(data AS TEXT), '"status"', '"statux"') AS BLOB) WHERE place = (1 << 14) + 1`},
		{"the patient that it is about", `UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'Patient/p', 'Patient/q') AS BLOB) WHERE place = (1 << 14) + 1`},
		{"the holder of a patient", `UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'Organization/a', 'Organization/c') AS BLOB) WHERE place = 1 << 14`},
		{"no JSON any more", `UPDATE body SET data = CAST(replace(CAST(data AS TEXT), '{"', '["') AS BLOB) WHERE place = (1 << 14) + 1`},
		{"gone", `DELETE FROM body WHERE place = (1 << 14) + 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir)
			if err := sqlite.Exec(dir, c.statement); err != nil {
				t.Fatal(err)
			}
			findings, err := mustOpen(t, dir).Verify(t.Context(), nil)
			if err != nil || len(findings) != 1 || findings[0].Seq != 1 || !strings.Contains(findings[0].Problem, "body of the version") {
				t.Errorf("%v, %v; want the one body", findings, err)
			}
		})
	}
	t.Run("and an index that is wrong elsewhere", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir)
		for _, statement := range []string{`UPDATE body SET data = x'7b7d' WHERE place = (1 << 14) + 1`, "DELETE FROM idx WHERE k = CAST('Patient|' AS BLOB)"} {
			if err := sqlite.Exec(dir, statement); err != nil {
				t.Fatal(err)
			}
		}
		findings, err := mustOpen(t, dir).Verify(t.Context(), nil)
		if err != nil || len(findings) != 2 || !strings.Contains(findings[1].Problem, "lacks a key") {
			t.Errorf("%v, %v; want the body and the key", findings, err)
		}
	})
}

func TestReindexHealsTheDerivedTables(t *testing.T) {
	for _, statement := range []string{
		"DELETE FROM hist", "DELETE FROM idx", "DELETE FROM member", "UPDATE res SET holder = 'x', vid = 9", "DELETE FROM res WHERE rid = 2",
	} {
		dir := t.TempDir()
		fill(t, dir)
		if err := sqlite.Exec(dir, statement); err != nil {
			t.Fatal(err)
		}
		db := mustOpen(t, dir)
		if err := db.Reindex(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if findings, err := db.Verify(t.Context(), nil); err != nil || len(findings) > 0 {
			t.Fatalf("after %q and Reindex: %v, %v", statement, findings, err)
		}
	}
}

// What is damaged stops what would build on it, and nothing else is lost by the attempt.
func TestDamageIsNotSpread(t *testing.T) {
	t.Run("reindex over a commit that cannot be read", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir)
		if err := sqlite.Flip(dir, "log", "entry", "seq = 2", 0); err != nil {
			t.Fatal(err)
		}
		db := mustOpen(t, dir)
		if err := db.Reindex(t.Context(), nil); !fault.Is(err, fault.Internal) || !strings.Contains(fault.MessageOf(err), "Commit 2") {
			t.Fatalf("Reindex: %v, want internal that names commit 2", err)
		}
		if len(mustFind(t, db, "Observation", "patient=p")) != 1 {
			t.Fatal("the index from before was not kept")
		}
	})
	t.Run("update of a resource whose body cannot be read", func(t *testing.T) {
		dir := t.TempDir()
		fill(t, dir)
		if err := sqlite.Flip(dir, "body", "data", "place = 1 << 14", 0); err != nil {
			t.Fatal(err)
		}
		db := mustOpen(t, dir)
		tx := store.Transaction{Author: "system", Changes: append(basicTx("new", "x").Changes,
			store.Change{Method: store.Put, Type: "Patient", ID: "p", Body: []byte(`{"resourceType":"Patient","id":"p"}`)})}
		if _, err := db.Commit(t.Context(), tx); !fault.Is(err, fault.Internal) {
			t.Fatalf("Commit: %v, want internal", err)
		}
		if err := db.CommitUnprepared(tx); !fault.Is(err, fault.Internal) {
			t.Fatalf("Commit that meets the damage in the committer: %v, want internal", err)
		}
		if _, err := db.Read(t.Context(), "Basic", "new"); !fault.Is(err, fault.NotFound) {
			t.Fatalf("half of the transaction: %v, want not-found", err)
		}
		if r := mustCommit(t, db, basicTx("other", "x")); r.Seq != 5 {
			t.Fatalf("the next commit is %d, want 5", r.Seq)
		}
	})
}
