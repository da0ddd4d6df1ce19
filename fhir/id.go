package fhir

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"time"
)

// idAlphabet is base32hex in lower case: its order is the order of the bytes.
const idAlphabet = "0123456789abcdefghijklmnopqrstuv"

// NewID makes a new logical id: 26 lower-case letters and digits, which sort by the millisecond they were made in and are
// otherwise random (80 bits from the system's generator), so that they cannot be guessed from one another. The time is used to
// the millisecond; before 1970 it counts as 1970.
func NewID(now time.Time) string {
	var random [10]byte
	rand.Read(random[:]) // never fails since Go 1.24
	return idOf(now, random[:])
}

// DerivedID is an id of NewID's form that is the same for the same time and seed: what is made again under it is known again. It can
// be guessed by who knows the seed.
func DerivedID(now time.Time, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	return idOf(now, sum[:10])
}

func idOf(now time.Time, rest []byte) string {
	var b [16]byte
	ms := max(now.UnixMilli(), 0)
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	copy(b[6:], rest)
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(b[:])
}
