package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/registry/seed"
)

// demoStaff are the accounts that --demo makes: one of each kind of user of the pages.
func demoStaff() []identity.NewStaff {
	return []identity.NewStaff{
		{Login: "bacsi", Name: "BS. Trần Thị Mai", Roles: []identity.Grant{{Role: identity.Doctor, Communes: []string{"14221"}}}},
		{Login: "quanly", Name: "Phạm Văn Quản", Roles: []identity.Grant{{Role: identity.Manager}}},
		{Login: "quantri", Name: "Quản trị hệ thống", Roles: []identity.Grant{{Role: identity.Admin}}},
	}
}

// staffLine and consultLine are what --demo prints, one JSON object a line.
type staffLine struct {
	Demo     string        `json:"demo"`
	Role     identity.Role `json:"role"`
	Login    string        `json:"login"`
	Password string        `json:"password"`
}

type consultLine struct {
	Demo       string `json:"demo"`
	DoctorURL  string `json:"doctor_url"`
	PatientURL string `json:"patient_url"`
}

// demo makes staff, a patient and a consult, those that are there already excepted, and prints how to open them. Passwords are new with
// each start: a data folder that later serves in earnest holds none that was ever in a manual.
func (s *service) demo(ctx context.Context, t terminal, base string) error {
	var doctor identity.Staff
	for _, n := range demoStaff() {
		who, password, err := s.demoAccount(ctx, n)
		if err != nil {
			return err
		}
		if n.Roles[0].Role == identity.Doctor {
			doctor = who
		}
		if err := t.printJSON(staffLine{Demo: "staff", Role: n.Roles[0].Role, Login: n.Login, Password: password}); err != nil {
			return err
		}
	}
	tx, patient := seed.Demo(s.core.clock())
	if _, err := s.core.store.Commit(ctx, tx); err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Precondition) {
		return err
	}
	c, link, err := s.demoConsult(ctx, consultActorOf(doctor), patient)
	if err != nil {
		return err
	}
	return t.printJSON(consultLine{Demo: "consult", DoctorURL: base + consultPath(c.ID), PatientURL: base + link.Path()})
}

// demoAccount gives the account with a new password.
func (s *service) demoAccount(ctx context.Context, n identity.NewStaff) (identity.Staff, string, error) {
	n.Password = strings.ToLower(rand.Text()[:16])
	who, err := s.core.staff.CreateStaff(ctx, n)
	if fault.Is(err, fault.Conflict) {
		if err = s.core.staff.SetPassword(ctx, n.Login, n.Password); err == nil {
			who, err = s.core.staff.StaffByLogin(ctx, n.Login)
		}
	}
	return who, n.Password, err
}

// demoConsult gives a consult that waits for its patient: the one of an earlier start, if nobody has come to it.
func (s *service) demoConsult(ctx context.Context, doctor consult.Actor, patient string) (consult.Consult, consult.Link, error) {
	c, err := s.consults.OpenFor(ctx, doctor, patient)
	if err == nil && c.Phase != consult.Booked && c.Phase != consult.Invited {
		c, err = s.consults.Book(ctx, doctor, consult.Booking{Patient: patient})
	}
	if err != nil {
		return consult.Consult{}, consult.Link{}, err
	}
	return s.consults.Invite(ctx, doctor, c.ID)
}

// printJSON writes one line of a result as JSON.
func (t terminal) printJSON(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap(err, fault.Internal, "khamxa.printJSON", "The result could not be written down.")
	}
	return t.printf("%s", line)
}
