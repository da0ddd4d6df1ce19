package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

// Cost is how much work one password check takes: memory in KiB, passes, lanes (argon2id, RFC 9106 section 3.1), and how
// many checks may run at the same time.
type Cost struct {
	Memory   uint32
	Passes   uint32
	Lanes    uint8
	Parallel int64
}

// DefaultCost is the OWASP Password Storage Cheat Sheet's first choice for argon2id (19 MiB, 2 passes, 1 lane). Four at a
// time: two hundred people who sign in at once need 76 MiB, not 3.8 GiB; the others wait a moment.
func DefaultCost() Cost { return Cost{Memory: 19 * 1024, Passes: 2, Lanes: 1, Parallel: 4} }

// Password lengths. The upper one keeps a sign-in from hashing a novel.
const (
	MinPassword = 10  // characters, after NFC
	MaxPassword = 256 // bytes, after NFC
)

const (
	saltBytes = 16
	hashBytes = 32
)

// hasher computes password hashes, a few at a time.
type hasher struct {
	cost  Cost
	slots *semaphore.Weighted
	dummy string // checked for unknown logins, so that they take as long as known ones
}

func newHasher(cost Cost) (*hasher, error) {
	if cost.Memory < 8 || cost.Passes < 1 || cost.Lanes < 1 || cost.Parallel < 1 {
		return nil, fault.New(fault.Invalid, "identity.New", "The password cost is too low to work with.")
	}
	h := &hasher{cost: cost, slots: semaphore.NewWeighted(cost.Parallel)}
	dummy, err := h.hash(context.Background(), newSecret())
	h.dummy = dummy
	return h, err
}

// hash makes the PHC string ($argon2id$v=19$m=...,t=...,p=...$salt$hash) of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails (crypto/rand)
	sum, err := h.compute(ctx, password, salt, h.cost, hashBytes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Passes, h.cost.Lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

func (h *hasher) compute(ctx context.Context, password string, salt []byte, cost Cost, size uint32) ([]byte, error) {
	if err := h.slots.Acquire(ctx, 1); err != nil {
		return nil, fault.Wrap(err, fault.Timeout, "identity.hash", "Too many people are signing in at this moment.")
	}
	defer h.slots.Release(1)
	return argon2.IDKey([]byte(norm.NFC.String(password)), salt, cost.Passes, cost.Memory, cost.Lanes, size), nil
}

// verify reports whether the password is the one behind the PHC string, and whether the string was made at another cost.
// An empty or damaged string costs a full check and is never right.
func (h *hasher) verify(ctx context.Context, phc, password string) (ok, stale bool, err error) {
	known := true
	cost, salt, want, parsed := parsePHC(phc)
	if !parsed {
		known = false
		cost, salt, want, _ = parsePHC(h.dummy)
	}
	got, err := h.compute(ctx, password, salt, cost, uint32(len(want)))
	if err != nil {
		return false, false, err
	}
	same := subtle.ConstantTimeCompare(got, want) == 1
	cost.Parallel = h.cost.Parallel
	return same && known, cost != h.cost, nil
}

// parsePHC reads what hash wrote. Costs outside sane limits are refused, so that a damaged record cannot eat the memory.
func parsePHC(phc string) (cost Cost, salt, sum []byte, ok bool) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Cost{}, nil, nil, false
	}
	n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Passes, &cost.Lanes)
	if err != nil || n != 3 || cost.Memory < 8 || cost.Memory > 1<<20 || cost.Passes < 1 || cost.Passes > 16 || cost.Lanes < 1 {
		return Cost{}, nil, nil, false
	}
	if fmt.Sprintf("m=%d,t=%d,p=%d", cost.Memory, cost.Passes, cost.Lanes) != parts[3] {
		return Cost{}, nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 {
		return Cost{}, nil, nil, false
	}
	return cost, salt, sum, true
}

//go:embed common.txt
var commonPasswords string

// Sentences about passwords; identity/web has them in Vietnamese under the same text.
const (
	TooShort  = "A password has at least 10 characters."
	TooLong   = "A password has at most 256 bytes."
	TooCommon = "This password is easy to guess. Choose a longer one, a short sentence for instance."
)

// CheckPassword says whether a new password is acceptable for the login (NIST SP 800-63B section 3.1.1.2: length and a list
// of common ones, no rules about kinds of characters). Error: fault.Invalid at "password".
func CheckPassword(login, password string) error {
	password = norm.NFC.String(password)
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		return fault.New(fault.Invalid, "identity.CheckPassword", TooShort).At("password")
	case len(password) > MaxPassword:
		return fault.New(fault.Invalid, "identity.CheckPassword", TooLong).At("password")
	case guessable(login, password):
		return fault.New(fault.Invalid, "identity.CheckPassword", TooCommon).At("password")
	}
	return nil
}

// guessable reports whether what is left of a password without digits and punctuation is on the list, is the login, or is
// one or two characters repeated.
func guessable(login, password string) bool {
	folded := strings.ToLower(password)
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, folded)
	for line := range strings.Lines(commonPasswords) {
		word := strings.TrimSpace(line)
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if folded == word || letters == word {
			return true
		}
	}
	if login != "" && strings.Contains(folded, strings.ToLower(login)) && utf8.RuneCountInString(folded) < utf8.RuneCountInString(login)+MinPassword/2 {
		return true
	}
	kinds := map[rune]bool{}
	for _, r := range folded {
		kinds[r] = true
	}
	return len(kinds) < 4
}
