package sqlite

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"khamxa/fhir/store"
)

// The canonical encoding of a commit, version 1. It is what the table log holds and what the chain's SHA-256 is taken over.
// Integers are big endian, string is a varint (unsigned LEB128, as encoding/binary writes it) of its length in bytes and
// then the bytes:
//
//	1 byte    1, the version of the encoding
//	8 bytes   seq
//	8 bytes   time, milliseconds since 1970-01-01T00:00:00Z
//	32 bytes  hash of the commit before; 32 zero bytes for the first
//	string    author
//	varint    number of changes, then for each:
//	  1 byte    1 put, 2 delete, 3 delete that erases the bodies of all earlier versions of the resource
//	  string    resource type
//	  string    id
//	  varint    version number
//	  32 bytes  SHA-256 of the body as it is stored; 32 zero bytes for 2 and 3
//
// The hash of a commit is the SHA-256 of these bytes; since they hold the hash before and every body's hash, the last hash
// stands for the whole history.
const encoding1 = 1

const (
	opPut    = 1
	opDelete = 2
	opErase  = 3
)

// entry is one commit. changes[i].body is only set while the commit is written or read for a purpose that needs it.
type entry struct {
	seq     store.Seq
	time    time.Time
	prev    [32]byte
	author  string
	changes []entryChange
}

type entryChange struct {
	deleted bool
	erased  bool // a delete that erases all earlier versions
	typ, id string
	vid     int64
	hash    [32]byte
	body    []byte
}

// placeBits is how many bits of a place number the changes inside a commit.
const placeBits = 14

const _ = uint(1<<placeBits - store.MaxChanges) // does not compile if a commit's changes did not fit

// placeOf is the key of a body: commit and index of the change.
func placeOf(seq store.Seq, index int) int64 { return int64(seq)<<placeBits | int64(index) }

// seqOf is the commit of a place.
func seqOf(place int64) store.Seq { return store.Seq(place >> placeBits) }

// encode gives the canonical encoding.
func (e *entry) encode() []byte {
	b := make([]byte, 0, 128+96*len(e.changes))
	b = append(b, encoding1)
	b = binary.BigEndian.AppendUint64(b, uint64(e.seq))
	b = binary.BigEndian.AppendUint64(b, uint64(e.time.UnixMilli()))
	b = append(b, e.prev[:]...)
	b = appendString(b, e.author)
	b = binary.AppendUvarint(b, uint64(len(e.changes)))
	for i := range e.changes {
		c := &e.changes[i]
		switch {
		case c.erased:
			b = append(b, opErase)
		case c.deleted:
			b = append(b, opDelete)
		default:
			b = append(b, opPut)
		}
		b = appendString(b, c.typ)
		b = appendString(b, c.id)
		b = binary.AppendUvarint(b, uint64(c.vid))
		b = append(b, c.hash[:]...)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decode reads a canonical encoding back. It accepts exactly what encode writes.
func decode(b []byte) (*entry, error) {
	r := &entryReader{b: b}
	if v := r.byte(); v != encoding1 && r.err == nil {
		return nil, fmt.Errorf("encoding version %d is not known", v)
	}
	e := &entry{seq: store.Seq(r.uint64()), time: time.UnixMilli(int64(r.uint64())).UTC()}
	e.prev = r.hash()
	e.author = r.string()
	n := r.uvarint()
	if n > store.MaxChanges {
		return nil, fmt.Errorf("a commit of %d changes", n)
	}
	for range n {
		op := r.byte()
		if r.err == nil && op != opPut && op != opDelete && op != opErase {
			return nil, fmt.Errorf("change of kind %d is not known", op)
		}
		c := entryChange{deleted: op != opPut, erased: op == opErase, typ: r.string(), id: r.string(), vid: int64(r.uvarint())}
		c.hash = r.hash()
		e.changes = append(e.changes, c)
		if r.err != nil {
			break
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.b) != 0 {
		return nil, errors.New("bytes after the end of the commit")
	}
	if !bytes.Equal(e.encode(), b) {
		return nil, errors.New("the encoding is not canonical")
	}
	return e, nil
}

// entryReader takes the parts of an encoding off its front; after a failure it gives zeros and keeps the error.
type entryReader struct {
	b   []byte
	err error
}

var errShort = errors.New("the commit ends too early")

func (r *entryReader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.b)) {
		r.err = errShort
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *entryReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *entryReader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *entryReader) hash() (h [32]byte) {
	copy(h[:], r.take(32))
	return h
}

func (r *entryReader) string() string { return string(r.take(r.uvarint())) }

func (r *entryReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.err = errShort
		return 0
	}
	r.take(uint64(n))
	return v
}

// versionID is how a version number is written in meta.versionId.
func versionID(vid int64) string { return strconv.FormatInt(vid, 10) }

// resourceName names a version for the operator.
func resourceName(c *entryChange) string {
	return c.typ + "/" + c.id + "/_history/" + versionID(c.vid)
}

func hashOf(b []byte) [32]byte { return sha256.Sum256(b) }
