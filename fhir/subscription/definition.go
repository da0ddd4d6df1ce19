package subscription

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// The statuses (R4, valueset-subscription-status.html).
const (
	requested = "requested"
	active    = "active"
	failed    = "error"
	off       = "off"
)

// The channels that are served (R4, valueset-subscription-channel-type.html).
const (
	restHook  = "rest-hook"
	webSocket = "websocket"
)

// definition is a Subscription, read.
type definition struct {
	status   string
	query    *search.Query
	criteria string // as written
	channel  string
	endpoint string
	payload  bool // the resource goes with the notification
	header   http.Header
	end      time.Time // zero: none
}

// Check refuses a Subscription that a client may not write or that cannot be served: the status must be requested or off
// (only the server makes it active or error), the criteria a search by plain parameters of one type, the channel a rest-hook
// to an address that hooks allows, or a websocket. Resources of other types pass. Errors are fault.Invalid or Unsupported with a
// path. It is what a server's Options.Validate adds for clients' writes.
func Check(r *fhir.Resource, hooks func(endpoint string) bool) error {
	if r.Type != "Subscription" {
		return nil
	}
	d, err := define(r)
	if err != nil {
		return err
	}
	if d.status != requested && d.status != off {
		return refuse(fault.Invalid, "status", "A client writes a Subscription with the status requested or off; the server makes it active.")
	}
	if d.channel == restHook && (hooks == nil || !hooks(d.endpoint)) {
		return refuse(fault.Forbidden, "channel.endpoint", "Notifications are not sent to this address: the operator of this service has not allowed it.")
	}
	return nil
}

// refuse makes an error with a place below Subscription.
func refuse(code fault.Code, path, sentence string) error {
	return fault.New(code, "subscription.Check", sentence).At("Subscription." + path)
}

// define reads a Subscription.
func define(r *fhir.Resource) (definition, error) {
	channel := r.Root.Get("channel")
	d := definition{
		status: r.Root.Get("status").String(), criteria: r.Root.Get("criteria").String(),
		channel: channel.Get("type").String(), endpoint: channel.Get("endpoint").String(), header: http.Header{},
	}
	var err error
	if d.query, err = criteria(d.criteria); err != nil {
		return d, err
	}
	if end := r.Root.Get("end").String(); end != "" {
		if d.end, err = time.Parse(time.RFC3339, end); err != nil {
			return d, refuse(fault.Invalid, "end", "The end must be an instant with its zone, as in 2027-01-01T00:00:00+07:00.")
		}
	}
	switch payload := channel.Get("payload").String(); payload {
	case "":
	case "application/fhir+json", "application/json":
		d.payload = true
	default:
		return d, refuse(fault.Unsupported, "channel.payload", "The payload is application/fhir+json, or none.")
	}
	switch d.channel {
	case restHook:
		return d, d.hook(channel)
	case webSocket:
		if d.payload {
			return d, refuse(fault.Unsupported, "channel.payload", "A notification over a WebSocket has no payload (R4); leave it out, and search when told.")
		}
		return d, nil
	}
	return d, refuse(fault.Unsupported, "channel.type", "The channels that are served are rest-hook and websocket.")
}

// criteria reads Type?parameters. A chain or _has would need the state of other resources at that moment of the log, so both
// are refused, like what only shapes an answer.
func criteria(text string) (*search.Query, error) {
	typ, query, _ := strings.Cut(text, "?")
	values, err := url.ParseQuery(query)
	switch {
	case err != nil || !fhir.IsType(typ):
		return nil, refuse(fault.Invalid, "criteria", "The criteria are a search of one type without a leading slash, as in Observation?code=http://loinc.org|85354-9.")
	case slices.Contains(unheard(), typ):
		return nil, refuse(fault.Unsupported, "criteria", "Nobody can subscribe to resources of type "+typ+".")
	}
	for name := range values {
		base, _, _ := strings.Cut(name, ":")
		plain := search.Lookup(typ, base) != nil && !strings.Contains(name, ".")
		if !plain {
			return nil, refuse(fault.Unsupported, "criteria", "The criteria take the plain search parameters of the type: no chains, no _has, no sorting, counting or including.")
		}
	}
	q, err := search.Parse(typ, values)
	if err != nil {
		return nil, refuse(fault.CodeOf(err), "criteria", fault.MessageOf(err))
	}
	if q.NeedsTerms() {
		return nil, refuse(fault.Unsupported, "criteria", "The criteria take no :in, :not-in, :above and :below: what these mean may change without the log saying so.")
	}
	return q, nil
}

// unheard are types that nobody can subscribe to: the audit trail, which each delivery would add to, and subscriptions themselves.
func unheard() []string { return []string{"AuditEvent", "Subscription"} }

// hook reads what a rest-hook needs.
func (d *definition) hook(channel *fhir.Value) error {
	u, err := url.Parse(d.endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return refuse(fault.Invalid, "channel.endpoint", "The endpoint of a rest-hook is an http or https address, without a name or password in it.")
	}
	lines := channel.Get("header").Items()
	if len(lines) > MaxHeaders {
		return refuse(fault.TooLarge, "channel.header", "A channel has at most 20 headers.")
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line.String(), ":")
		value = strings.TrimSpace(value)
		if !ok || !isToken(name) || strings.ContainsFunc(value, unprintable) || reserved(name) {
			return refuse(fault.Invalid, "channel.header", "A header is written Name: value, and is none that belongs to the connection or that this service sets.")
		}
		d.header.Add(name, value)
	}
	return nil
}

// isToken reports whether s can be a header's name (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func unprintable(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7F }

// reserved are headers that a subscription cannot set.
func reserved(name string) bool {
	switch textproto.CanonicalMIMEHeaderKey(name) {
	case "Host", "Connection", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Te", "Trailer", "Upgrade",
		"Proxy-Authorization", "Proxy-Connection", "Keep-Alive", "Expect", "Idempotency-Key":
		return true
	}
	return false
}

// withStatus is the Subscription with another status and word of the last error ("" for none); everything else stays as it is.
func withStatus(r *fhir.Resource, status, problem string) []byte {
	b := fhir.Build()
	for name, v := range r.Root.Members() {
		switch name {
		case "status":
			b.String("status", status)
		case "error", "_error", "_status":
		default:
			b.Raw(name, v.Bytes())
		}
	}
	return b.String("error", problem).Bytes()
}
