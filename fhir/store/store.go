// Package store is the log of FHIR resources and its indexes: the port, and what each method promises.
//
// The log is the truth. It is an ordered sequence of commits 1, 2, 3, ...; each commit holds the changes that stand or fall
// together, its time and author, the SHA-256 of every body in it and the SHA-256 of the commit before it. Current state,
// history and search index are derived from it, applied before a write is acknowledged, and can be rebuilt (Reindex) and
// checked (Verify). Bodies are the bytes that were received with id and meta set textually; they never pass through a model.
//
// Backends live below this folder (sqlite); storetest is the meaning of the port, run on each of them. The store enforces
// preconditions and nothing else: who may do what is the caller's business, helped by Within (see Visible).
package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// Seq is a place in the log: 1 is the first commit, 0 is before it.
type Seq int64

// Method says what a change does to its resource.
type Method string

// The methods. Put creates the resource or replaces it; the first Put of an id is version 1.
const (
	Put    Method = "PUT"
	Delete Method = "DELETE"
)

// Change is one resource's new state. Body is the resource as JSON, already parsed and valid (fhir.Parse); its id must be
// ID. The store sets meta.versionId and meta.lastUpdated. A Delete has no Body.
type Change struct {
	Method   Method
	Type, ID string
	Body     []byte

	// Parsed, when set, is what fhir.Parse made of Body (Body is Parsed.Raw), which then is not parsed again.
	Parsed *fhir.Resource

	// IfMatch, when set, is the version id that must be current ("3"); Conflict when another one is, or none.
	// IfAbsent demands that the id was never used or is deleted; Conflict when it is in use.
	IfMatch  string
	IfAbsent bool

	// IfChanged is no demand: a Put that says what the current version says at that point of the log (fhir.Same) writes
	// nothing. Its Written is Unchanged and names the version that stays.
	IfChanged bool
}

// Absence is a precondition of a commit: at that point of the log no current resource matches the query, but for those in
// Except ("Patient/1"), which must all match. Within confines it to what a caller may see (Visible); nil is everything. When
// another one matches, the commit is not written and the error is a *Matched that names it (conditional create, FHIR R4
// http.html#ccreate); when one of Except matches no more, the error is Conflict.
type Absence struct {
	Query  *search.Query
	Within []string
	Except []string // at most MaxExcept
}

// Matched is the error of a commit whose Absence number Index does not hold: Version is the first resource that matched, and
// Many says that there are more. It wraps a *fault.Error with the code Precondition.
type Matched struct {
	Index   int
	Version Version
	Many    bool
	Fault   *fault.Error
}

// Error is the fault's text for the log.
func (m *Matched) Error() string { return m.Fault.Error() }

// Unwrap gives the fault to errors.As and fault.CodeOf.
func (m *Matched) Unwrap() error { return m.Fault }

// Limits of a Transaction; TooLarge past them.
const (
	MaxBody    = 8 << 20  // bytes of one body
	MaxBytes   = 64 << 20 // bytes of all bodies of a transaction
	MaxChanges = 10_000   // changes of a transaction
	MaxExists  = 10_000   // references in Exists
	MaxAbsent  = 500      // queries in Absent
	MaxExcept  = 500      // references in Absence.Except
)

// Limits of reading.
const (
	MaxIncluded = 1_000    // resources that _include and _revinclude add to one page; Page.Truncated tells when there were more
	MaxPage     = 24 << 20 // bytes of a page's matches, and of what is included with them; past it the page is cut short
	MaxRounds   = 8        // steps of :iterate from a match; Page.Truncated tells when they led further
	MaxSorted   = 20_000   // candidates of a search whose order no index gives; TooCostly past it
	MaxHistory  = 1_000    // versions in one answer of History
	MaxEntries  = 10_000   // commits in one answer of Entries
)

// Transaction is what one Commit writes, all or nothing, in the order given. A resource may appear once. Deleting what is
// already deleted writes nothing for that change (its Written names the deleted version); deleting an id that was never used
// is NotFound. A transaction that leaves nothing to write makes no commit: its Receipt has the head it was checked at.
type Transaction struct {
	Author  string // who is responsible, as a reference ("Practitioner/...", "Device/client-...") or "system"
	Changes []Change
	Absent  []Absence
	Exists  []string // references ("Patient/1") that must be current resources, or be put by this very transaction; else Precondition
}

// Written is one change as it was kept. Unchanged says that nothing was written for it (Change.IfChanged, or the deletion of what
// is deleted already): then it names the version that was there.
type Written struct {
	Type, ID  string
	VersionID string
	Updated   time.Time // of the version
	Created   bool      // no current version existed before
	Unchanged bool
	Body      []byte
}

// Receipt acknowledges a commit: it is durable, applied and visible to every read that starts now.
type Receipt struct {
	Seq     Seq
	Time    time.Time // UTC, millisecond precision, never before the previous commit's
	Changes []Written // in the order of Transaction.Changes
}

// Nobody is the holder of what is about a person (search.Personal) and is in the compartment of no patient whom an organisation
// holds: the resource names no patient, or not by a reference of the form Patient/1, or nobody by that id is known, or the
// Patient names no organisation by a reference of the form Organization/1. No caller is confined to it, so who is confined to
// anything does not see it. Deny is the default: what cannot be assigned is not shown.
const Nobody = "nobody"

// Version is one version of a resource. Deleted versions have no Body, nor have erased ones (Eraser.Purge). Holder is the reference of the organisation that now
// holds the patient whose compartment the resource is in ("Organization/..."), Nobody when no organisation does, and "" for a
// resource of a type that is about no person. A resource of several patients has the references of all their holders, sorted,
// with a space between them. A deleted patient keeps the last holder, so that those who kept the record still see what is left.
type Version struct {
	Type, ID  string
	VersionID string
	Seq       Seq
	Updated   time.Time
	Deleted   bool
	Body      []byte
	Holder    string
}

// Visible reports whether a resource held by holder may be seen by somebody confined to within. A nil within is no
// confinement; resources of types that are about no person (holder "") are visible to all; a resource of several patients is
// visible if any of their holders is within; what Nobody holds is visible without confinement only. It is the one rule behind
// reads, searches and includes.
func Visible(within []string, holder string) bool {
	if within == nil || holder == "" {
		return true
	}
	for h := range strings.FieldsSeq(holder) {
		if h != Nobody && slices.Contains(within, h) {
			return true
		}
	}
	return false
}

// SearchRequest asks for one page. The zero At means now; a page link carries the first page's At and the Cursor.
type SearchRequest struct {
	Query  *search.Query
	Within []string // confine to these holders, nil for no confinement; see Visible
	At     Seq
	Cursor string // opaque, from Page.Next

	// Readable says of which types resources may be included and followed further; nil for all.
	Readable func(resourceType string) bool
}

// Page is one page of matches at one position of the log, with the resources that _include and _revinclude add. Next is ""
// on the last page. Total is set when Query.Total asks for it, else -1; it is counted on the first page and repeated on the
// others. A resource that was changed after At is left out of later pages, never shown in a state that is newer than At. A
// page of a search that finds little among much may hold fewer matches than Query.Count, even none, and still have a Next.
//
// What a query asks of other resources (search.Link) is asked of those that Within lets the caller see, at the position At. A
// search of several types (search.Query.Parts) is one list in one order, as one of a single type is.
type Page struct {
	At        Seq
	Matches   []Version
	Included  []Version
	Truncated bool // more than MaxIncluded resources or MaxPage bytes were to be included, or :iterate led further than MaxRounds
	Next      string
	Total     int
}

// HistoryRequest asks for the versions of one resource, newest first. Before continues below that version number (0: from the top). Past
// MaxPage bytes there are fewer than Count, but two at least where there are two.
type HistoryRequest struct {
	Type, ID string
	Count    int
	Before   int
}

// JournalRequest asks for versions of many resources, newest first: of the given types only (nil for all), visible within (see
// Visible; nil for everything), none older than Since (the zero time for no bound). Cursor continues where a page ended.
type JournalRequest struct {
	Types  []string
	Within []string
	Since  time.Time
	Count  int    // 1 to MaxHistory
	Cursor string // opaque, from JournalPage.Next
}

// JournalPage is one page of a journal. Next is "" on the last page. What is committed later than the first page comes before it, so
// later pages are not moved by it. A page of a journal that shows little of much may hold fewer versions than were asked for, even
// none, and still have a Next; so may one of large bodies. The holder of each version is that of today.
type JournalPage struct {
	Versions []Version
	Next     string
}

// Store is the FHIR face of the log. All methods are safe for concurrent use, honour ctx (work in the backend is
// cancelled) and return *fault.Error: NotFound, Gone (deleted), Conflict or Precondition (nothing was written), TooLarge,
// TooCostly, Timeout, Unavailable, Unknown (the outcome of a write could not be learned).
type Store interface {
	// Commit writes the transaction if every precondition holds at that point of the log.
	Commit(ctx context.Context, tx Transaction) (Receipt, error)
	// Read gives the current version. Gone if it is deleted, NotFound if the id was never used.
	Read(ctx context.Context, typ, id string) (Version, error)
	// ReadVersion gives one version, deleted ones included.
	ReadVersion(ctx context.Context, typ, id, versionID string) (Version, error)
	// History lists versions, newest first; NotFound if the id was never used.
	History(ctx context.Context, q HistoryRequest) ([]Version, error)
	// Journal lists versions of many resources, newest first: by their place in the log, in reverse, and within a commit in
	// the reverse order of its changes.
	Journal(ctx context.Context, q JournalRequest) (JournalPage, error)
	// Search gives one page.
	Search(ctx context.Context, q SearchRequest) (Page, error)
}

// ScanRequest asks for the state of many resources at one position of the log, page by page.
type ScanRequest struct {
	At     Seq    // 0: now; the following pages name the At of the first
	Cursor string // opaque, from ScanPage.Next; "" from the start

	Types       []string  // nil: all
	Within      []string  // confine to these holders, nil for no confinement; today's holders decide, as in a search
	Since       time.Time // only what was written at that moment or later; zero: whenever
	Deleted     bool      // what is deleted too, as Versions that are Deleted and have no Body
	Compartment bool      // only what is in the compartment of a patient
	Patients    []string  // and of one of these (ids), when it is not nil
	Count       int       // at most so many versions; 0 or more than MaxScan: MaxScan
}

// ScanPage is one page of a scan. It may hold fewer versions than were asked for, even none, and still have a Next: a page is bounded by
// the work that it costs and the bytes that it holds. Time is that of the commit At, zero when there is none; it is set on every page.
type ScanPage struct {
	At       Seq
	Time     time.Time
	Versions []Version
	Next     string // "" on the last page
}

// MaxScan is how many versions one page of a scan holds.
const MaxScan = 5_000

// Scanner reads many resources in one order: that of their first appearance in the log, whatever their type. Pages of one position together
// are exactly the state at that position, each resource once, in the version that it had then, whatever is written meanwhile and however
// long it takes: a Cursor stays good after a restart. Bodies that were erased by law are left out. A scan costs the size of the store, not
// that of what it finds. Errors as in Store; Invalid for a position that the store never had.
type Scanner interface {
	Scan(ctx context.Context, q ScanRequest) (ScanPage, error)
}

// Entry is one commit as a reader of the log sees it.
type Entry struct {
	Seq     Seq
	Time    time.Time
	Author  string
	Changes []EntryChange
	Hash    [32]byte // of this commit, over everything in it and Previous
	Prev    [32]byte
}

// EntryChange is one change of a commit. Body is nil for a delete, and for a body that was erased by law. Erased marks the delete that
// erased all earlier versions of the resource (Eraser.Purge): a reader that keeps anything of them forgets it.
type EntryChange struct {
	Method    Method
	Type, ID  string
	VersionID string
	BodyHash  [32]byte
	Body      []byte
	Erased    bool
}

// Log is the log's face for readers that keep their own position (cohort counters, subscriptions, audit).
type Log interface {
	// Head is the last commit that is applied.
	Head(ctx context.Context) (Seq, error)
	// Entries returns up to limit commits after the given position, in order. Changes and bodies are shared among readers: nobody may change
	// them.
	Entries(ctx context.Context, after Seq, limit int) ([]Entry, error)
	// Await returns when the head is past the given position, or with ctx's error.
	Await(ctx context.Context, after Seq) error
}

// Finding is one thing that Verify found wrong.
type Finding struct {
	Seq      Seq    // the commit it was found at, 0 if none
	Resource string // "Type/id/_history/version", "" if none
	Problem  string // a sentence for the operator
}

// Keeper is what an operator does with a store.
type Keeper interface {
	// Verify checks the chain, every body's hash, and that current state and index equal what the log gives. progress may
	// be nil; it is called with the commits done and the total.
	Verify(ctx context.Context, progress func(done, total int64)) ([]Finding, error)
	// Reindex rebuilds current state and index from the log.
	Reindex(ctx context.Context, progress func(done, total int64)) error
	// Backup writes a consistent copy to a new file while the store serves.
	Backup(ctx context.Context, file string) error
	// Close ends the store; waiting writes are finished first.
	Close() error
}
