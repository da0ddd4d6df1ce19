// Package records is the port for Khamxa's own small records that are not FHIR resources: staff, sessions, API clients,
// invitations, consult state, leases and the positions of log readers.
//
// A record is a small opaque value under a key, with a version for compare-and-set and an optional expiry. The store
// backends implement the port beside the log, so that a node keeps nothing that is not derived. It is not for clinical
// facts: those are commits in the log (fhir/store). Memory is a complete in-process implementation for tests.
package records

import (
	"context"
	"time"
)

// MaxValue is the largest value in bytes that a Put accepts.
const MaxValue = 4 << 20

// Record is one stored value. Key is slash-separated ("session/9f2c..."); it is 1 to MaxKey bytes of UTF-8.
// Version is 0 for a record that is not there. Each Put gives a larger one, which is never used for the key again, not even
// after a deletion or an expiry: whoever holds an old version (of a lease, say) can never overwrite what came later. A zero
// Expires means never; it is kept to the millisecond.
type Record struct {
	Key     string
	Value   []byte
	Version int64
	Expires time.Time
}

// Store keeps records. All methods are safe for concurrent use. Every acknowledged Put and Delete is durable in the sense
// of the backend's commits. Errors are *fault.Error.
type Store interface {
	// Get returns the record under the key. NotFound if there is none or it has expired.
	Get(ctx context.Context, key string) (Record, error)

	// Put writes r if the stored version is r.Version (0: only if the key is free or its record has expired) and returns the
	// new version. Conflict if the version is another; TooLarge past MaxValue. Two concurrent Puts of one version: one wins.
	Put(ctx context.Context, r Record) (version int64, err error)

	// Delete removes the record if it is there; removing what is not there is no error.
	Delete(ctx context.Context, key string) error

	// List returns the live records whose keys start with prefix, in key order, after the given key ("" from the start),
	// at most limit (0 or more than MaxList: MaxList). It is read at one moment.
	List(ctx context.Context, prefix, after string, limit int) ([]Record, error)
}

// Any, as Record.Version in a Put, writes whatever the stored version is.
const Any int64 = -1
