package main

import (
	"context"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/store"
	"khamxa/internal/audit"
	"khamxa/internal/audit/spool"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/network"
)

// trail keeps events as AuditEvent resources in the log (FHIR R4, auditevent.html): beside the records, and chained like them. What pages,
// sign-ins and consults tell is a commit of its own before it returns. What the FHIR face tells goes through the spool: it is in a file before
// anything is shown, and in the log a second later, or when somebody asks for the trail.
type trail struct {
	log   store.Store
	clock func() time.Time
	spool *spool.Spool // nil: everything is a commit of its own
}

// openSpool lets what the FHIR face tells go through a spool in dir.
func (t *trail) openSpool(ctx context.Context, dir string, log *slog.Logger) (err error) {
	t.spool, err = spool.Open(ctx, spool.Options{Dir: dir, Keep: t.batches, Log: log, Clock: t.clock})
	return err
}

// settle brings what waits in the spool into the log.
func (t trail) settle(ctx context.Context) error {
	if t.spool == nil {
		return nil
	}
	return t.spool.Flush(ctx)
}

// close brings what waits into the log and ends the spool.
func (t trail) close() error {
	if t.spool == nil {
		return nil
	}
	return t.spool.Close()
}

// Record implements audit.Sink.
func (t trail) Record(ctx context.Context, e audit.Event) error {
	return t.keep(ctx, spool.Entry{Event: e})
}

// keep writes one event into the log.
func (t trail) keep(ctx context.Context, e spool.Entry) error {
	if e.When.IsZero() {
		e.When = t.clock()
	}
	return t.batches(ctx, spool.Batches(fhir.NewID(e.When), e))
}

// auditsOfCommit is how many events go into one commit.
const auditsOfCommit = 500

// batches writes events into the log, those of one author together. Events that are there already, under their ids, stay as they are.
func (t trail) batches(ctx context.Context, list []spool.Batch) error {
	for len(list) > 0 {
		n := 1
		for n < len(list) && n < auditsOfCommit && list[n].Event.Who == list[0].Event.Who {
			n++
		}
		tx := store.Transaction{Author: authorOf(list[0].Event)}
		for i := range list[:n] {
			id := fhir.DerivedID(list[i].Event.When, list[i].ID)
			tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: auditType, ID: id, Body: auditEvent(id, &list[i]), IfAbsent: true})
		}
		if _, err := t.log.Commit(ctx, tx); err != nil && !fault.Is(err, fault.Conflict) {
			return fault.Wrap(err, codeOfTrail(err), "khamxa.audit", cannotBeKept)
		}
		list = list[n:]
	}
	return nil
}

const cannotBeKept = "What was asked for cannot be shown now, because it cannot be written down who saw it."

// codeOfTrail tells the spool what cannot be mended by trying again; for everybody else the trail is out of order.
func codeOfTrail(err error) fault.Code {
	if code := fault.CodeOf(err); code == fault.Invalid || code == fault.TooLarge {
		return code
	}
	return fault.Unavailable
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

// auditEvent is a batch of events as a resource. AuditEvent.type is DICOM's word for the family of deeds; subtype is the deed in Khamxa's
// words. Several deeds of one window have a period; recorded is the last one's time. An entity with a query is a search, and what follows up to
// the next query is what it showed.
func auditEvent(id string, b *spool.Batch) []byte {
	e := &b.Event
	agent := fhir.Build()
	if e.Role != "" {
		agent.List("role", fhir.Concept(roleSystem, e.Role, ""))
	}
	agent.Object("who", fhir.Ref(e.Who)).Bool("requestor", true)
	if e.Address != "" {
		agent.Object("network", fhir.Build().String("address", e.Address).String("type", "2")) // 2: an IP address
	}
	r := fhir.BuildResource(auditType, id).
		Object("type", family(*e)).
		List("subtype", fhir.Coding(kindSystem, e.Kind, "")).
		String("action", string(e.Action))
	if b.Deeds > 1 {
		r.Object("period", fhir.Build().Instant("start", b.First).Instant("end", e.When))
	}
	r.Instant("recorded", e.When).String("outcome", string(e.Outcome))
	if e.Purpose != "" {
		r.List("purposeOfEvent", fhir.Concept(purposeSystem, e.Purpose, ""))
	}
	var entities []*fhir.Builder
	for _, shown := range b.Shown {
		if shown.Query != "" {
			entities = append(entities, fhir.Build().String("query", base64.StdEncoding.EncodeToString([]byte(shown.Query))))
		}
		for _, reference := range shown.Objects {
			entities = append(entities, fhir.Build().Object("what", fhir.Ref(reference)))
		}
	}
	return r.List("agent", agent).
		Object("source", fhir.Build().Object("observer", fhir.Build().String("display", "Khamxa"))).
		List("entity", entities...).Bytes()
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

// rest keeps what the FHIR face tells.
func (t trail) rest(ctx context.Context, e rest.Event) error {
	caller, _ := identity.From(ctx)
	entry := spool.Entry{Query: e.Query, Event: audit.Event{
		Kind: "fhir." + e.Interaction, Action: actionOf(e.Interaction), Outcome: outcomeOf(e.Outcome), When: e.Time,
		Who: e.Author, Role: roleOf(caller, e.Author), Address: network.From(ctx), Objects: e.Resources,
	}}
	if len(entry.Objects) == 0 && e.ID != "" {
		entry.Objects = []string{e.Type + "/" + e.ID}
	}
	if t.spool == nil {
		return t.keep(ctx, entry)
	}
	return fault.Wrap(t.spool.Record(entry), fault.Unavailable, "khamxa.audit", cannotBeKept)
}

func actionOf(interaction string) audit.Action {
	switch interaction {
	case "read", "vread", "search-type", "search-system", "search-compartment", "history-instance", "history-type", "history-system":
		return audit.Read
	case "create":
		return audit.Create
	case "update", "patch":
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
	return t.keep(r.Context(), spool.Entry{Event: e})
}
