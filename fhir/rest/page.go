package rest

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// pageParam carries a sealed place in a list of results.
const pageParam = "_page"

// pageKeySize is the size of Options.PageKey in bytes.
const pageKeySize = 32

// place is where the next page begins: the whole question, the position of the log that it was asked at, and how far it got.
// The question travels sealed, so a page link shows no name or phone number to those who see addresses.
type place struct {
	Kind   string    `json:"k,omitempty"` // the interaction
	Type   string    `json:"t"`
	ID     string    `json:"i,omitempty"` // of history, and of a compartment
	Inner  string    `json:"n,omitempty"` // what a compartment is searched for
	Query  string    `json:"q"`
	At     store.Seq `json:"a,omitempty"`
	Cursor string    `json:"c,omitempty"`
	Before int       `json:"b,omitempty"` // of history
}

// sealer makes page links that only the caller who got them can use, and nobody can read or change.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	const op = "rest.newSealer"
	if len(key) != pageKeySize {
		return nil, fault.Newf(fault.Invalid, op, "The key for page links must have %d bytes.", pageKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, op, "The key for page links cannot be used.")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, op, "Page links cannot be sealed.")
	}
	return &sealer{aead}, nil
}

// seal gives the text of a place for one caller.
func (s *sealer) seal(p place, author string) (string, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "rest.seal", "The page link could not be made.")
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(author))), nil
}

// open reads a place. One that was made for somebody else, or for another list, is not known.
func (s *sealer) open(text, author string, c *call) (place, error) {
	unknown := unknownPage()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return place{}, unknown
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(author))
	if err != nil {
		return place{}, unknown
	}
	var p place
	if err := json.Unmarshal(plain, &p); err != nil || p.Type != c.typ || p.ID != c.id || p.Inner != c.inner || p.Kind != "" && p.Kind != c.rt.code {
		return place{}, unknown
	}
	return p, nil
}

func unknownPage() error {
	return fault.New(fault.NotFound, "rest.open", "This page link is not known, or not yours. Start the search again.").At(pageParam)
}

// resume takes the place out of a call's parameters. ok is false on a first page.
func (s *server) resume(c *call) (p place, ok bool, err error) {
	if !c.values.Has(pageParam) {
		return place{}, false, nil
	}
	text := c.values[pageParam]
	if err := c.only(pageParam); err != nil || len(text) != 1 {
		return place{}, false, fault.New(fault.Invalid, "rest.resume", "A page link is used as it was given: it takes no further parameters.").At(pageParam)
	}
	p, err = s.pages.open(text[0], c.access.Author, c)
	return p, err == nil, err
}
