package sqlite_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/store/sqlite"
)

// The encoding of a commit must never change: the chain of an old log would no longer check.
func TestEncodingIsFixed(t *testing.T) {
	const (
		want = "01" + "0000000000000007" + "000001a1ee565e7b" + // version, seq, time
			"6db7d803e74f1ffa7d8f5adc0bf95b3e15bf4c8373fffadf546227cc6c6742cb" + // hash before: sha256("before")
			"10" + "50726163746974696f6e65722f686f61" + // Practitioner/hoa
			"02" + // changes
			"01" + "07" + "50617469656e74" + "01" + "70" + "ac02" + // put Patient p, version 300
			"230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5" + // sha256("body")
			"02" + "05" + "4261736963" + "05" + "612d622e63" + "02" + // delete Basic a-b.c, version 2
			"0000000000000000000000000000000000000000000000000000000000000000"
		wantHash = "18b37b8e64629028b1fb069956253466dd500030d6998b2ca0e6259f643f4866"
	)
	got, hash := sqlite.EncodeEntry()
	if diff := cmp.Diff(want, hex.EncodeToString(got)); diff != "" {
		t.Errorf("encoding (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantHash, hex.EncodeToString(hash[:])); diff != "" {
		t.Errorf("hash (-want +got):\n%s", diff)
	}
}

func TestDecodeRefusesEveryCut(t *testing.T) {
	whole, _ := sqlite.EncodeEntry()
	for n := range whole {
		if _, err := sqlite.DecodeEntry(whole[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := sqlite.DecodeEntry(append(bytes.Clone(whole), 0)); err == nil {
		t.Error("a byte after the end was accepted")
	}
}

// FuzzDecode: a stored commit may hold anything; what is accepted is written back byte for byte.
func FuzzDecode(f *testing.F) {
	whole, _ := sqlite.EncodeEntry()
	f.Add(whole)
	f.Add([]byte{})
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := sqlite.DecodeEntry(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%x was read and written as %x", b, again)
		}
	})
}
