package main

import (
	"context"
	"net/http"
	"strings"

	"khamxa/consult"
	consultweb "khamxa/consult/web"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/page"
	"khamxa/registry/guideline"
	registryweb "khamxa/registry/web"
)

// consultActor is the signed-in person as the consults know them.
func consultActor(r *http.Request) (consult.Actor, bool) { return consultActorFrom(r.Context()) }

func consultActorFrom(ctx context.Context) (consult.Actor, bool) {
	caller, _ := identity.From(ctx)
	who, ok := caller.Staff()
	if !ok {
		return consult.Actor{}, false
	}
	return consultActorOf(who), true
}

// consultActorOf gives a doctor's consults to the doctor: which patients they see follows from that role, whatever others they have.
func consultActorOf(who identity.Staff) consult.Actor {
	a := consult.Actor{Person: consult.Person{ID: who.ID, Name: who.Name}, Stations: identity.StaffCaller(who).Holders(identity.Doctor)}
	for _, g := range who.Roles {
		a.Roles = append(a.Roles, consult.Role(g.Role))
	}
	return a
}

// registryActor is the signed-in person as the registry's pages know them. Doctors and specialists see and record the people of their
// communes. A manager sees the figures of the communes of their role, and the lists behind them; not the charts. So who is both a doctor
// and a manager reaches people on the report's pages whose charts stay closed.
func registryActor(r *http.Request) (registryweb.Actor, bool) {
	caller, _ := identity.From(r.Context())
	if _, ok := caller.Staff(); !ok {
		return registryweb.Actor{}, false
	}
	a := registryweb.Actor{Reference: caller.Reference()}
	treats := caller.Has(identity.Doctor) || caller.Has(identity.Specialist)
	a.MayRecord, a.MayOpen = treats, caller.Has(identity.Doctor)
	a.Within = caller.Holders(identity.Doctor, identity.Specialist)
	if r.URL.Path == "/reports" || strings.HasPrefix(r.URL.Path, "/reports/") {
		a.Within = caller.Holders(identity.Doctor, identity.Specialist, identity.Manager)
	}
	a.MayList = treats || caller.Has(identity.Manager)
	codes, all := caller.Communes(identity.Doctor, identity.Specialist, identity.Manager)
	if !all {
		a.Communes = append([]string{}, codes...) // none is not all
	}
	return a, true
}

// opener opens consults from the registry's pages.
type opener struct{ consults *consult.Service }

// Open implements registryweb.Consults.
func (o opener) Open(ctx context.Context, patientID string) (string, error) {
	a, ok := consultActorFrom(ctx)
	if !ok {
		return "", fault.New(fault.Unauthenticated, "khamxa.Open", "Please sign in.")
	}
	c, err := o.consults.OpenFor(ctx, a, patientID)
	if err != nil {
		return "", err
	}
	return consultPath(c.ID), nil
}

func consultPath(id string) string { return "/consults/" + id }
func chartPath(id string) string   { return "/patients/" + id }

// classify puts a blood pressure in words for the consult's form, by the registry's rules. treated tells whether a person is in the
// hypertension programme: what to do next is another thing for them.
func classify(shell *page.Shell, treated func(patientID string) bool) func(page.Lang, string, int, int) consultweb.Advice {
	return func(lang page.Lang, patientID string, systolic, diastolic int) consultweb.Advice {
		grade := guideline.Grade
		if treated(patientID) {
			grade = guideline.GradeTreated
		}
		g := grade(float64(systolic), float64(diastolic))
		return consultweb.Advice{Text: shell.T(lang, g.Text) + ". " + shell.T(lang, g.Next), Tone: tone(g)}
	}
}

func tone(g guideline.Grading) string {
	switch {
	case g.Level >= guideline.Grade2:
		return "danger"
	case g.Level >= guideline.HighNormal:
		return "warn"
	}
	return "good"
}
