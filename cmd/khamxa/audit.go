package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/store"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
)

// trail keeps events as AuditEvent resources in the log (FHIR R4, auditevent.html): beside the records, and chained like them.
type trail struct {
	log   store.Store
	clock func() time.Time
}

// Record implements audit.Sink.
func (t trail) Record(ctx context.Context, e audit.Event) error { return t.keep(ctx, e, "") }

// keep writes one event. query is the search that led to the records, "" for none.
func (t trail) keep(ctx context.Context, e audit.Event, query string) error {
	if e.When.IsZero() {
		e.When = t.clock()
	}
	id := fhir.NewID(e.When)
	_, err := t.log.Commit(ctx, store.Transaction{
		Author:  authorOf(e),
		Changes: []store.Change{{Method: store.Put, Type: auditType, ID: id, Body: auditEvent(id, e, query), IfAbsent: true}},
	})
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "khamxa.audit", "What was asked for cannot be shown now, because it cannot be written down who saw it.")
	}
	return nil
}

func authorOf(e audit.Event) string {
	if e.Who == "" {
		return "system"
	}
	return e.Who
}

// Code systems of an AuditEvent.
const (
	kindSystem    = "urn:khamxa:audit"
	roleSystem    = "urn:khamxa:role"
	dicomSystem   = "http://dicom.nema.org/resources/ontology/DCM"
	purposeSystem = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
)

// auditEvent is the event as a resource. AuditEvent.type is DICOM's word for the family of deeds; subtype is the deed in Khamxa's words.
func auditEvent(id string, e audit.Event, query string) []byte {
	agent := fhir.Build().Object("who", fhir.Ref(e.Who)).Bool("requestor", true)
	if e.Role != "" {
		agent = fhir.Build().List("role", fhir.Concept(roleSystem, e.Role, "")).Object("who", fhir.Ref(e.Who)).Bool("requestor", true)
	}
	if e.Address != "" {
		agent.Object("network", fhir.Build().String("address", e.Address).String("type", "2")) // 2: an IP address
	}
	b := fhir.BuildResource(auditType, id).
		Object("type", family(e)).
		List("subtype", fhir.Coding(kindSystem, e.Kind, "")).
		String("action", string(e.Action)).
		Instant("recorded", e.When).
		String("outcome", string(e.Outcome))
	if e.Purpose != "" {
		b.List("purposeOfEvent", fhir.Concept(purposeSystem, e.Purpose, ""))
	}
	b.List("agent", agent).
		Object("source", fhir.Build().Object("observer", fhir.Build().String("display", "Khamxa")))
	var entities []*fhir.Builder
	for _, reference := range touched(e) {
		entities = append(entities, fhir.Build().Object("what", fhir.Ref(reference)))
	}
	if query != "" {
		entities = append(entities, fhir.Build().String("query", base64.StdEncoding.EncodeToString([]byte(query))))
	}
	return b.List("entity", entities...).Bytes()
}

// touched are the references that an event names, the patient first.
func touched(e audit.Event) []string {
	out := make([]string, 0, len(e.Objects)+1)
	if e.Patient != "" {
		out = append(out, e.Patient)
	}
	for _, o := range e.Objects {
		if o != e.Patient {
			out = append(out, o)
		}
	}
	return out
}

// family is DICOM's code for the kind of event (PS3.16, CID 400).
func family(e audit.Event) *fhir.Builder {
	switch {
	case strings.HasPrefix(e.Kind, "sign-"), e.Kind == "token":
		return fhir.Coding(dicomSystem, "110114", "User Authentication")
	case strings.HasPrefix(e.Kind, "staff."), strings.HasPrefix(e.Kind, "client."):
		return fhir.Coding(dicomSystem, "110137", "User Security Attributes Changed")
	}
	return fhir.Coding(dicomSystem, "110110", "Patient Record")
}

// rest keeps what the FHIR face tells. A page of more records than one event may name becomes several events.
func (t trail) rest(ctx context.Context, e rest.Event) error {
	caller, _ := identity.From(ctx)
	event := audit.Event{
		Kind: "fhir." + e.Interaction, Action: actionOf(e.Interaction), Outcome: outcomeOf(e.Outcome), When: e.Time,
		Who: e.Author, Role: roleOf(caller, e.Author), Address: network.From(ctx), Type: e.Type,
	}
	objects := e.Resources
	if len(objects) == 0 && e.ID != "" {
		objects = []string{e.Type + "/" + e.ID}
	}
	for first := true; first || len(objects) > 0; first = false {
		n := min(len(objects), audit.MaxObjects)
		event.Objects, objects = objects[:n], objects[n:]
		if err := t.keep(ctx, event, e.Query); err != nil {
			return err
		}
	}
	return nil
}

func actionOf(interaction string) audit.Action {
	switch interaction {
	case "read", "vread", "search-type", "history-instance":
		return audit.Read
	case "create":
		return audit.Create
	case "update":
		return audit.Update
	case "delete":
		return audit.Delete
	}
	return audit.Execute
}

func outcomeOf(code fault.Code) audit.Outcome {
	switch code {
	case "":
		return audit.Success
	case fault.Internal, fault.Unknown, fault.Unavailable, fault.Timeout:
		return audit.Failed
	default: // the caller's doing
		return audit.Refused
	}
}

// roleOf is the role that an event of who names: that of a program, or the first of the account's. c is whose session the request has: a
// program has none, and a token counts before a session.
func roleOf(c identity.Caller, who string) string {
	if strings.HasPrefix(who, "Device/") {
		return "client"
	}
	if roles := c.Roles(); len(roles) > 0 && c.Reference() == who {
		return string(roles[0])
	}
	return ""
}

// pages fills in what a page cannot know of its own request.
func (t trail) pages(r *http.Request, e audit.Event) error {
	caller, _ := identity.From(r.Context())
	e.Who, e.Role = caller.Reference(), roleOf(caller, caller.Reference())
	e.Address, e.When, e.Outcome = network.Address(r), t.clock(), audit.Success
	return t.keep(r.Context(), e, "")
}
