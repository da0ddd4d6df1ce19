package identity

import (
	"regexp"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"khamxa/internal/fault"
)

// Ticket is a signed, minutes-long permission for one peer to enter one room. Room and Peer match ^[A-Za-z0-9_-]{1,64}$.
// Role is the peer's role in the room ("doctor", "patient"). Admitted says whether the peer may enter without waiting.
type Ticket struct {
	Room     string
	Peer     string
	Role     string
	Name     string // shown to the other peers
	Admitted bool
	Expires  time.Time
}

// Tickets issues and verifies tickets. The signalling node verifies them with the same key and asks no database.
type Tickets struct {
	key   []byte
	clock func() time.Time
}

type ticketClaims struct {
	jwt.RegisteredClaims
	Room     string `json:"room"`
	Role     string `json:"role"`
	Name     string `json:"name,omitempty"`
	Admitted bool   `json:"admitted,omitempty"`
}

// BadTicket is the sentence for a ticket that is not good.
const BadTicket = "The ticket for this room is not valid or has expired."

// Issue signs a ticket. A ticket whose room, peer or role is malformed, or that has expired already, gives "": Verify
// would refuse it.
func (t *Tickets) Issue(ticket Ticket) string {
	if !validTicket(ticket) || !t.clock().Before(ticket.Expires) {
		return ""
	}
	claims := ticketClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: tokenIssuer, Subject: ticket.Peer, Audience: jwt.ClaimStrings{ticketAudience},
			IssuedAt: jwt.NewNumericDate(t.clock()), ExpiresAt: jwt.NewNumericDate(ticket.Expires),
		},
		Room: ticket.Room, Role: ticket.Role, Name: ticket.Name, Admitted: ticket.Admitted,
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.key)
	if err != nil {
		return "" // cannot happen with a []byte key
	}
	return signed
}

// Verify returns the ticket. Fault.Unauthenticated when it is not one of ours or has expired.
func (t *Tickets) Verify(text string) (Ticket, error) {
	const op = "identity.Tickets.Verify"
	var claims ticketClaims
	if err := parseJWT(text, &claims, t.key, ticketAudience, t.clock); err != nil {
		return Ticket{}, fault.Wrap(err, fault.Unauthenticated, op, BadTicket)
	}
	ticket := Ticket{
		Room: claims.Room, Peer: claims.Subject, Role: claims.Role, Name: claims.Name,
		Admitted: claims.Admitted, Expires: claims.ExpiresAt.UTC(),
	}
	if !validTicket(ticket) {
		return Ticket{}, fault.New(fault.Unauthenticated, op, BadTicket)
	}
	return ticket, nil
}

func validTicket(t Ticket) bool {
	id := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	return id.MatchString(t.Room) && id.MatchString(t.Peer) && regexp.MustCompile(`^[a-z]{1,32}$`).MatchString(t.Role) && len(t.Name) <= 400
}
