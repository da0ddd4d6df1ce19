package main

import (
	"context"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/identity"
	"khamxa/registry/place"
)

// practitioners keeps who the staff are in the register: a Practitioner for each account, and a PractitionerRole for each role, so that
// the authors of records can be read by name. Accounts stay in identity; nothing is read back from here.
type practitioners struct{ log store.Store }

// keep writes the account as it is now. Roles that were taken away stay, as no longer active.
func (p practitioners) keep(ctx context.Context, s identity.Staff) error {
	tx := store.Transaction{Author: "system"}
	put := func(typ, id string, body []byte) {
		tx.Changes = append(tx.Changes, store.Change{Method: store.Put, Type: typ, ID: id, Body: body})
	}
	put("Practitioner", s.ID, fhir.BuildResource("Practitioner", s.ID).
		Bool("active", !s.Disabled).
		List("name", fhir.Build().String("text", s.Name)).
		Bytes())
	for _, role := range identity.Roles() {
		id := s.ID + "-" + string(role)
		grant, has := grantOf(s, role)
		if !has && !p.kept(ctx, id) {
			continue
		}
		put("PractitionerRole", id, practitionerRole(id, s, role, grant, has && !s.Disabled))
	}
	_, err := p.log.Commit(ctx, tx)
	return err
}

func (p practitioners) kept(ctx context.Context, id string) bool {
	_, err := p.log.Read(ctx, "PractitionerRole", id)
	return err == nil
}

func grantOf(s identity.Staff, role identity.Role) (identity.Grant, bool) {
	for _, g := range s.Roles {
		if g.Role == role {
			return g, true
		}
	}
	return identity.Grant{}, false
}

func practitionerRole(id string, s identity.Staff, role identity.Role, g identity.Grant, active bool) []byte {
	b := fhir.BuildResource("PractitionerRole", id).
		Bool("active", active).
		Object("practitioner", fhir.Ref("Practitioner/"+s.ID))
	if len(g.Communes) == 1 {
		b.Object("organization", fhir.Ref(place.StationReference(g.Communes[0])))
	}
	b.List("code", fhir.Concept(roleSystem, string(role), ""))
	var locations []*fhir.Builder
	for _, code := range g.Communes {
		locations = append(locations, fhir.Ref("Location/"+place.LocationID(code)))
	}
	return b.List("location", locations...).Bytes()
}
