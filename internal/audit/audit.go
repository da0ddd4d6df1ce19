// Package audit says who saw or changed what, and to whom it is told.
//
// It holds the event and the port, and nothing that writes: the FHIR store keeps events as AuditEvent resources, and
// cmd/khamxa joins the two. An event carries references and codes, never clinical content, names or secrets. Ordinary
// logging is another thing (log/slog) and goes elsewhere. Any package that serves personal data may call it.
package audit

import (
	"context"
	"sync"
	"time"
)

// Action is what was done, with the codes of FHIR R4 AuditEvent.action (http://hl7.org/fhir/R4/valueset-audit-event-action.html).
type Action string

// The actions.
const (
	Create  Action = "C"
	Read    Action = "R" // reading, and searching
	Update  Action = "U"
	Delete  Action = "D"
	Execute Action = "E" // signing in, opening a call, exporting
)

// Outcome is how it ended, with the codes of FHIR R4 AuditEvent.outcome.
type Outcome string

// The outcomes.
const (
	Success Outcome = "0"
	Refused Outcome = "4" // a minor failure in FHIR's words: the caller may not, or gave a wrong credential
	Failed  Outcome = "8" // a serious failure: ours
)

// Event is one access. Kind names the deed in Khamxa's words ("sign-in", "staff.create", "record.read", "consult.join").
type Event struct {
	Kind    string
	Action  Action
	Outcome Outcome
	When    time.Time // UTC

	Who     string // reference of the agent: "Practitioner/...", "Device/client-...", "Patient/..." or "" when nobody is known
	Role    string // the role in which the agent acted
	Address string // network address of the agent

	Type    string   // resource type of what was touched, or "" when it is no resource
	Objects []string // references of what was touched ("Observation/1"), at most MaxObjects
	Patient string   // reference of the patient whose data it is; "" when it is nobody's or several people's
	Purpose string   // why: "TREAT", "PUBHLTH", "BTG" of http://terminology.hl7.org/CodeSystem/v3-ActReason; "" for administration
}

// MaxObjects is how many references one event names; a search over more records is told in several events.
const MaxObjects = 200

// Sink keeps events. Record returns when the event is durable: if it fails, whoever was about to show personal data shows
// an error instead (fault.Unavailable). It is safe for concurrent use.
type Sink interface {
	Record(ctx context.Context, e Event) error
}

// Memory is a Sink for tests. The zero Memory is ready. Fail, when set, is what Record returns.
type Memory struct {
	mu     sync.Mutex
	events []Event
	Fail   error
}

// Record keeps the event in memory.
func (m *Memory) Record(_ context.Context, e Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	m.events = append(m.events, e)
	return nil
}

// Events returns a copy of what was recorded, in order.
func (m *Memory) Events() []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Event(nil), m.events...)
}

var _ Sink = (*Memory)(nil)
