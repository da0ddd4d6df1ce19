package fhir

import (
	"crypto/rand"
	"encoding/base32"
	"time"
)

// idAlphabet is base32hex in lower case: its order is the order of the bytes.
const idAlphabet = "0123456789abcdefghijklmnopqrstuv"

// NewID makes a new logical id: 26 lower-case letters and digits, which sort by the millisecond they were made in and are
// otherwise random (80 bits from the system's generator), so that they cannot be guessed from one another. The time is used to
// the millisecond; before 1970 it counts as 1970.
func NewID(now time.Time) string {
	var b [16]byte
	ms := max(now.UnixMilli(), 0)
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:]) // never fails since Go 1.24
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(b[:])
}
