package sqlite

import (
	"fmt"

	lite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"khamxa/internal/fault"
)

// migrations are the steps from an empty file to today's schema. The list is append-only: a step that was released is never
// changed, and PRAGMA user_version is the number of steps done. Each runs in a transaction of its own.
//
// The tables log and body are the truth. All others but record are derived from them and may be dropped and rebuilt.
//
//	log     one row per commit: the canonical encoding (entry.go) and its SHA-256
//	body    the bytes of one version, kept once: place = seq<<14 | index of the change in its commit. A body that is erased by
//	        law becomes NULL when the erasing commit is applied; the chain covers only its hash
//	res     the newest version of each resource that ever was; rid grows in the order of first appearance
//	hist    every version: the place of its body
//	past    the versions that are not the newest, by type and place; with the index res_place that is every version of a type in
//	        the order of the log, and a first version costs nothing more
//	idx     the search index: key (fhir/search) and rid
//	member  which resources are in a patient's compartment
//	holder  which organisation holds a patient ("Organization/..."), only for patients that have one
//	record  the records port: small values that are no FHIR resources
//	meta    applied (the last commit that the derived tables hold), extractor, records (last version given)
var migrations = []string{
	`CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
	 CREATE TABLE log (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash BLOB NOT NULL);
	 CREATE TABLE body (place INTEGER PRIMARY KEY, data BLOB);
	 CREATE TABLE res (
		rid INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL, vid INTEGER NOT NULL, place INTEGER NOT NULL,
		time INTEGER NOT NULL, deleted INTEGER NOT NULL, holder TEXT NOT NULL, patients TEXT NOT NULL);
	 CREATE UNIQUE INDEX res_id ON res (type, id);
	 CREATE INDEX res_place ON res (type, place);
	 CREATE TABLE hist (
		rid INTEGER NOT NULL, vid INTEGER NOT NULL, place INTEGER NOT NULL, time INTEGER NOT NULL, deleted INTEGER NOT NULL,
		PRIMARY KEY (rid, vid)) WITHOUT ROWID;
	 CREATE TABLE idx (k BLOB NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (k, rid)) WITHOUT ROWID;
	 CREATE TABLE member (patient TEXT NOT NULL, rid INTEGER NOT NULL, PRIMARY KEY (patient, rid)) WITHOUT ROWID;
	 CREATE TABLE holder (patient TEXT PRIMARY KEY, holder TEXT NOT NULL) WITHOUT ROWID;
	 CREATE TABLE record (key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, expires INTEGER NOT NULL);
	 CREATE INDEX record_expires ON record (expires) WHERE expires > 0;`,
	`CREATE TABLE past (
		type TEXT NOT NULL, place INTEGER NOT NULL, rid INTEGER NOT NULL, vid INTEGER NOT NULL,
		PRIMARY KEY (type, place)) WITHOUT ROWID;`,
}

// derived are the tables that Reindex empties and fills again.
var derived = []string{"res", "hist", "past", "idx", "member", "holder"}

// migrate brings the file to today's schema. A file that a newer program wrote is refused.
func migrate(conn *lite.Conn) error {
	done, err := number(conn, "PRAGMA user_version")
	if err != nil {
		return err
	}
	if done > int64(len(migrations)) {
		return fault.Newf(fault.Unavailable, "sqlite.Open",
			"The data has schema %d and this program knows only up to %d: it is older than the data. Start the newer one.", done, len(migrations))
	}
	for i := int(done); i < len(migrations); i++ {
		script := fmt.Sprintf("%s\nPRAGMA user_version = %d;", migrations[i], i+1)
		if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
			return fmt.Errorf("schema step %d: %w", i+1, err)
		}
	}
	return nil
}

// metaGet and metaSet read and write the numbers of the table meta; a name that is not there is 0.
func metaGet(conn *lite.Conn, name string) (int64, error) {
	return number(conn, "SELECT value FROM meta WHERE name = ?", name)
}

func metaSet(conn *lite.Conn, name string, value int64) error {
	return run(conn, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", nil, name, value)
}
