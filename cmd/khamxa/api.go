package main

import (
	"context"
	"crypto/rand"
	"net/http"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/subscription"
	"khamxa/fhir/validate"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	idweb "khamxa/internal/identity/web"
	"khamxa/internal/records"
)

// fhirAPI is everything below /fhir.
func (s *service) fhirAPI(ctx context.Context, staff *idweb.Web) (http.Handler, error) {
	key, err := pageKey(ctx, s.core.store)
	if err != nil {
		return nil, err
	}
	base := ""
	if s.set.publicURL != "" {
		base = s.set.publicURL + rest.Prefix
	}
	return rest.New(rest.Options{
		Store: s.core.store, Authorize: s.complete(authorize(staff)), BaseURL: base, Log: s.core.log, Clock: s.core.clock, Version: revision(),
		Validate: s.valid, PageKey: key, Exports: s.exports, Audit: s.trail.rest, Observe: s.metrics.interaction,
		TokenPath: "/oauth/token", SocketPath: subscription.Path, ReadOnly: []string{auditType},
	})
}

// valid is what every write over /fhir must pass.
func (s *service) valid(r *fhir.Resource) error {
	if err := validate.Write(r); err != nil {
		return err
	}
	return subscription.Check(r, s.set.hooks())
}

// authorize says what a request to /fhir may do: a program by its token's scopes, a person by their roles.
func authorize(web *idweb.Web) func(*http.Request) (rest.Access, error) {
	return func(r *http.Request) (rest.Access, error) {
		c, err := web.Caller(r)
		if err != nil {
			return rest.Access{}, err
		}
		return accessOf(c), nil
	}
}

// complete brings what was seen so far into the log before anything that reads the audit trail: its readers miss nothing.
func (s *service) complete(authorize func(*http.Request) (rest.Access, error)) func(*http.Request) (rest.Access, error) {
	return func(r *http.Request) (rest.Access, error) {
		a, err := authorize(r)
		if err == nil && (a.Allows(auditType, rest.Read) || a.Allows(auditType, rest.Search)) {
			err = s.trail.settle(r.Context())
		}
		return a, err
	}
}

// accessOf is the caller's access. Patients are within reach of the roles that treat them: who is also a manager, of more communes, reads
// no more records for that. A record is erased ($purge) by the data officer's program and by nobody else: one of the whole province whose
// scope names both the right to delete patients and the right to read the audit trail ("system/Patient.d system/AuditEvent.rs").
func accessOf(c identity.Caller) rest.Access {
	verbs := map[rest.Verb]identity.Verb{
		rest.Create: identity.CreateVerb, rest.Read: identity.ReadVerb, rest.Update: identity.UpdateVerb,
		rest.Delete: identity.DeleteVerb, rest.Search: identity.SearchVerb,
	}
	within := c.Holders(identity.Doctor, identity.Specialist)
	return rest.Access{
		Within: within, Author: c.Reference(),
		Allows: func(resourceType string, verb rest.Verb) bool {
			v, known := verbs[verb]
			if _, program := c.Client(); resourceType == subscriptionType && !program {
				return false
			}
			if verb == rest.Purge {
				return within == nil && resourceType == "Patient" && c.AllowsByName(resourceType, identity.DeleteVerb) && c.AllowsByName(auditType, identity.ReadVerb)
			}
			if resourceType == auditType {
				return known && within == nil && (verb == rest.Read || verb == rest.Search) && c.AllowsByName(resourceType, v)
			}
			return known && c.Allows(resourceType, v)
		},
	}
}

// auditType is read by programs of the whole province whose scope names it (system/*.rs does not), and not by those whose deeds it
// records; nobody writes it from outside.
const auditType = "AuditEvent"

// pageKeyRecord holds the key that seals links to further pages of a search: the same on every node, and after a restart.
const pageKeyRecord = "key/fhir-pages"

func pageKey(ctx context.Context, rs records.Store) ([]byte, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails (crypto/rand, Go 1.24)
	_, err := rs.Put(ctx, records.Record{Key: pageKeyRecord, Value: key})
	if err == nil {
		return key, nil
	}
	if !fault.Is(err, fault.Conflict) {
		return nil, err
	}
	r, err := rs.Get(ctx, pageKeyRecord) // it has been made before
	return r.Value, err
}
