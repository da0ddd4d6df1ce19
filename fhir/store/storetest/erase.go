package storetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

var eraseTests = []test{
	{"a purge erases the whole record and its history", purgeErases},
	{"the log says what was erased, when and by whom", purgeIsLogged},
	{"what is in another patient's record stays, and so does the audit trail", purgeKeeps},
	{"what was erased stays erased: reindex, reopening, backup", purgeLasts},
	{"a purge that a crash cut short is done at the next start", purgeCrash},
	{"an erased id can be used again, and be purged again", purgeAgain},
	{"a body that goes without a purge is still found", purgeHidesNoDamage},
	{"what cannot be purged is refused", purgeRefused},
}

// PurgeCrasher is implemented by the suite's view of a backend that can be stopped dead after it appended the commit of a purge to the log
// and before it applied it. The backend is closed when it is called.
type PurgeCrasher interface {
	AppendPurgeWithoutApplying(t *testing.T, p store.Purge)
}

// Finder is implemented by the suite's view of a backend whose files can be searched for bytes. The backend is closed when it is called.
type Finder interface {
	FindBytes(t *testing.T, dir, text string) bool
}

// secret is in the bodies of a record and nowhere else.
const secret = "xuyenchi"

// fillSecret writes the record of "p", beside that of "q".
func fillSecret(s *suite) {
	s.Helper()
	named := func(id string) string {
		return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":%q}],"managingOrganization":{"reference":"Organization/tyt-a"}}`, id, secret)
	}
	note := func(id, text string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"text":%q},"subject":{"reference":"Patient/p"}}`, id, text)
	}
	s.commit(put(named("p")), put(note("o1", secret)), put(note("o2", secret)), put(note("o3", secret)))
	s.commit(put(patient("q", "tyt-a")), put(observation("oq", "q", 1)), put(shared("x")))
	s.commit(put(note("o1", secret+" again")), remove("Observation", "o2"))
	s.commit(put(named("p")))
}

func (s *suite) purge(id string) store.Purged {
	s.Helper()
	p, err := s.Purge(s.Context(), store.Purge{Author: author, Patient: id})
	if err != nil {
		s.Fatalf("Purge: %v", err)
	}
	return p
}

// erased demands that nothing of the record of "p" can be seen any more, and that everything else can.
func (s *suite) erased() {
	s.Helper()
	s.sound()
	s.equal("record", s.record(store.CompartmentRequest{Patient: "p"}), "")
	s.equal("found patients", s.find("Patient", "", holderA), "q")
	s.equal("found by name", s.find("Patient", "family="+secret), "")
	s.equal("found observations", s.find("Observation", ""), "oq")
	for ref, versions := range map[string]int{"Patient/p": 3, "Observation/o1": 3, "Observation/o2": 3, "Observation/o3": 2} {
		typ, id, _ := strings.Cut(ref, "/")
		_, err := s.Read(s.Context(), typ, id)
		s.wantCode(err, fault.Gone)
		list, err := s.History(s.Context(), store.HistoryRequest{Type: typ, ID: id})
		s.wantCode(err, "")
		s.equal("versions of "+ref, len(list), versions)
		for i, v := range list {
			s.equal("body of "+ref, string(v.Body), "")
			s.equal("holder of "+ref, v.Holder, store.Nobody)
			if i == 0 && !v.Deleted {
				s.Errorf("the last version of %s is no deletion", ref)
			}
			one, err := s.ReadVersion(s.Context(), typ, id, v.VersionID)
			s.wantCode(err, "")
			s.equal("body of a version", string(one.Body), "")
		}
	}
}

func purgeErases(s *suite) {
	fillSecret(s)
	s.equal("found before", s.find("Patient", "family="+secret), "p")
	p := s.purge("p")
	s.equal("Resources", p.Resources, 4)
	s.equal("Versions", p.Versions, 6)
	s.equal("Kept", p.Kept, 0)
	s.equal("Seq", p.Seq, store.Seq(5))
	s.erased()
	again := s.purge("p")
	s.equal("a second purge", again.Resources+again.Versions, 0)
	s.equal("Seq of a second purge", again.Seq, store.Seq(5))
	f, ok := s.Backend.(Finder)
	if !ok {
		return
	}
	s.reopen(func(Backend) {
		if f.FindBytes(s.T, s.dir, secret) {
			s.Error("the files still hold what was erased")
		}
	})
}

func purgeIsLogged(s *suite) {
	fillSecret(s)
	p := s.purge("p")
	entries, err := s.Entries(s.Context(), 0, 100)
	s.wantCode(err, "")
	s.equal("commits", len(entries), 5)
	last := entries[4]
	s.equal("author", last.Author, author)
	s.equal("time", last.Time, p.Time)
	var said []string
	for _, c := range last.Changes {
		s.equal("erased", c.Erased, true)
		s.equal("method", c.Method, store.Delete)
		said = append(said, c.Type+"/"+c.ID+"@"+c.VersionID)
	}
	s.equal("changes", strings.Join(said, " "), "Observation/o1@3 Observation/o2@3 Observation/o3@2 Patient/p@3")
	for _, e := range entries[:4] {
		for _, c := range e.Changes {
			if mine := c.ID == "p" || c.ID[0] == 'o' && c.ID != "oq"; mine && c.Body != nil {
				s.Errorf("the log still has the body of %s/%s version %s", c.Type, c.ID, c.VersionID)
			} else if !mine && (c.Body == nil || c.Erased) {
				s.Errorf("the log has lost %s/%s", c.Type, c.ID)
			}
		}
	}
}

func purgeKeeps(s *suite) {
	fillSecret(s)
	both := `{"resourceType":"Appointment","id":"both","status":"booked","participant":[{"actor":{"reference":"Patient/p"}},{"actor":{"reference":"Patient/q"}}]}`
	none := `{"resourceType":"Appointment","id":"none","status":"booked","participant":[{"actor":{"reference":"Patient/p"}},{"actor":{"reference":"Patient/never"}}]}`
	audit := `{"resourceType":"AuditEvent","id":"ev","entity":[{"what":{"reference":"Patient/p"}}]}`
	s.commit(put(both), put(none), put(audit))
	p := s.purge("p")
	s.equal("Resources", p.Resources, 5) // with the one of somebody who was never there
	s.equal("Kept", p.Kept, 1)
	s.sound()
	for _, ref := range []string{"Appointment/both", "AuditEvent/ev"} {
		typ, id, _ := strings.Cut(ref, "/")
		v, err := s.Read(s.Context(), typ, id)
		s.wantCode(err, "")
		if typ == "AuditEvent" {
			s.equal("holder of "+ref, v.Holder, store.Nobody)
		} else {
			s.equal("holder of "+ref, v.Holder, holderA)
		}
	}
	s.equal("purged with the second patient", s.purge("q").Resources, 3)
	_, err := s.Read(s.Context(), "Appointment", "both")
	s.wantCode(err, fault.Gone)
	s.wantCode(s.Reindex(s.Context(), nil), "")
	s.sound()
}

func purgeLasts(s *suite) {
	fillSecret(s)
	s.purge("p")
	s.wantCode(s.Reindex(s.Context(), nil), "")
	s.erased()
	s.reopen(nil)
	s.erased()
	r, ok := s.Backend.(Restorer)
	if !ok {
		s.Skip("the backend's backups cannot be restored here")
	}
	file, dir := filepath.Join(s.TempDir(), "copy"), s.TempDir()
	s.wantCode(s.Backup(s.Context(), file), "")
	data, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(data), secret) {
		s.Errorf("the backup holds what was erased (%v)", err)
	}
	r.Restore(s.T, file, dir)
	copied := &suite{T: s.T, dir: dir, clock: s.clock, open: s.open}
	copied.Backend = s.open(s.T, dir, s.clock.Now)
	defer func() { copied.wantCode(copied.Close(), "") }()
	copied.erased()
}

func purgeCrash(s *suite) {
	fillSecret(s)
	if _, ok := s.Backend.(PurgeCrasher); !ok {
		s.Skip("the backend cannot be stopped at this point")
	}
	s.reopen(func(b Backend) {
		b.(PurgeCrasher).AppendPurgeWithoutApplying(s.T, store.Purge{Author: author, Patient: "p"})
	})
	s.erased()
}

func purgeAgain(s *suite) {
	fillSecret(s)
	s.purge("p")
	r := s.commit(put(patient("p", "tyt-b")), put(observation("o1", "p", 1)))
	s.equal("version", r.Changes[0].VersionID, "4")
	s.equal("Created", r.Changes[0].Created, true)
	s.sound()
	s.equal("record", s.record(store.CompartmentRequest{Patient: "p", Within: []string{holderB}}), "Patient/p@4 Observation/o1@4")
	s.wantCode(s.Reindex(s.Context(), nil), "")
	s.sound()
	s.equal("record after a reindex", s.record(store.CompartmentRequest{Patient: "p", Within: []string{holderB}}), "Patient/p@4 Observation/o1@4")
	p := s.purge("p")
	s.equal("Resources", p.Resources, 2)
	s.equal("Versions", p.Versions, 2)
	s.sound()
}

func purgeHidesNoDamage(s *suite) {
	fillSecret(s)
	s.purge("p")
	if _, ok := s.Backend.(Tamperer); !ok {
		s.Skip("the backend cannot be damaged")
	}
	s.reopen(func(b Backend) { b.(Tamperer).TamperBody(s.T, 2) })
	findings, err := s.Verify(s.Context(), nil)
	s.wantCode(err, "")
	s.equal("findings", len(findings), 1)
	s.equal("resource", findings[0].Resource, "Patient/q/_history/1")
}

func purgeRefused(s *suite) {
	fillSecret(s)
	for patient, code := range map[string]fault.Code{"none": fault.NotFound, "": fault.NotFound, "no/id": fault.NotFound} {
		_, err := s.Purge(s.Context(), store.Purge{Author: author, Patient: patient})
		s.wantCode(err, code)
	}
	_, err := s.Purge(s.Context(), store.Purge{Patient: "p"})
	s.wantCode(err, fault.Invalid)
	s.equal("record", s.record(store.CompartmentRequest{Patient: "p"}), "Patient/p@2 Observation/o1@2 Observation/o3@1")
	head, err := s.Head(s.Context())
	s.wantCode(err, "")
	s.equal("Head", head, store.Seq(4))
}
