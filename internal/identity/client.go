package identity

import (
	"context"
	"crypto/subtle"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

// Client is a program that uses /fhir by itself. Scope is what it was granted. Communes nil is the whole province.
type Client struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Scope    string    `json:"scope"`
	Communes []string  `json:"communes,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Created  time.Time `json:"created"`
}

// storedClient is Client as it is kept.
type storedClient struct {
	Client
	Secret string `json:"secret"` // digest
}

// NewClient describes a client to create.
type NewClient struct {
	Name     string
	Scope    string
	Communes []string
}

// Sentences about clients; identity/web has them in Vietnamese under the same text.
const (
	BadClientName = "Give the program a name, at most 100 characters."
	BadScope      = "A scope looks like system/Observation.rs or system/*.cruds."
	BadClient     = "The client id or the secret is not right."
)

const clientPrefix = "identity/client/"

// CreateClient registers a program. The secret is returned here and never again: only its digest is kept. Errors:
// fault.Invalid at "name", "scope" (one word that is not understood is enough: nothing is granted by accident) or "commune".
func (s *Service) CreateClient(ctx context.Context, n NewClient) (c Client, secret string, err error) {
	const op = "identity.CreateClient"
	n.Name = strings.TrimSpace(norm.NFC.String(n.Name))
	if n.Name == "" || utf8.RuneCountInString(n.Name) > 100 {
		return Client{}, "", fault.New(fault.Invalid, op, BadClientName).At("name")
	}
	scopes, unknown := ParseScopes(n.Scope)
	if len(scopes) == 0 || len(unknown) > 0 {
		return Client{}, "", fault.New(fault.Invalid, op, BadScope).At("scope")
	}
	if err := validateCommunes(op, n.Communes); err != nil {
		return Client{}, "", err
	}
	secret = newSecret()
	stored := storedClient{
		Client: Client{
			ID: newID("client-"), Name: n.Name, Scope: scopes.String(),
			Communes: slices.Clone(n.Communes), Created: s.clock().UTC(),
		},
		Secret: digest(secret),
	}
	return stored.Client, secret, s.save(ctx, clientPrefix+stored.ID, stored, 0, time.Time{})
}

// ListClients returns every client by id.
func (s *Service) ListClients(ctx context.Context) ([]Client, error) {
	stored, err := list[storedClient](ctx, s, clientPrefix)
	all := make([]Client, 0, len(stored))
	for _, c := range stored {
		all = append(all, c.Client)
	}
	return all, err
}

// DisableClient shuts a client out: its secret and the tokens it holds stop working at once.
func (s *Service) DisableClient(ctx context.Context, id string) error {
	c, version, err := s.client(ctx, id)
	if err != nil {
		return err
	}
	c.Disabled = true
	return s.save(ctx, clientPrefix+id, c, version, time.Time{})
}

func (s *Service) client(ctx context.Context, id string) (storedClient, int64, error) {
	var c storedClient
	if !strings.HasPrefix(id, "client-") || len(id) > 64 || strings.Contains(id, "/") {
		return c, 0, fault.New(fault.NotFound, "identity.client", "There is no such client.")
	}
	version, err := s.load(ctx, clientPrefix+id, &c)
	return c, version, err
}

// authenticate checks a client's id and secret. The digest is compared whether or not the client exists.
func (s *Service) authenticate(ctx context.Context, id, secret string) (Client, error) {
	c, _, err := s.client(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Client{}, err
	}
	right := subtle.ConstantTimeCompare([]byte(c.Secret), []byte(digest(secret))) == 1
	if err != nil || !right || c.Disabled {
		return Client{}, fault.New(fault.Unauthenticated, "identity.Token", BadClient)
	}
	return c.Client, nil
}
