package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/internal/records"
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

// demoPrefix is where the logins of the demo's own accounts are noted, each with the account's id: a real account of the same name is
// nobody's to give a new password to.
const demoPrefix = "demo/"

// demoAccount gives the account with a new password, open again if it was shut.
func (s *service) demoAccount(ctx context.Context, n identity.NewStaff) (identity.Staff, string, error) {
	n.Password = strings.ToLower(rand.Text()[:16])
	staff, rs := s.core.staff, s.core.store
	who, err := staff.CreateStaff(ctx, n)
	if err == nil {
		_, err = rs.Put(ctx, records.Record{Key: demoPrefix + n.Login, Value: []byte(who.ID), Version: records.Any})
		return who, n.Password, err
	}
	if !fault.Is(err, fault.Conflict) {
		return who, "", err
	}
	if who, err = staff.StaffByLogin(ctx, n.Login); err != nil {
		return who, "", err
	}
	mark, err := rs.Get(ctx, demoPrefix+n.Login)
	switch {
	case fault.Is(err, fault.NotFound), err == nil && string(mark.Value) != who.ID:
		return who, "", fault.Newf(fault.Conflict, "khamxa.demo", "--demo would give the account %s a new password and print it, and that account is not the demo's. "+
			"Serve this folder without --demo, or try the demo in another one.", n.Login)
	case err != nil:
		return who, "", err
	}
	if who.Disabled {
		if who, err = staff.SetDisabled(ctx, n.Login, false); err != nil {
			return who, "", err
		}
	}
	return who, n.Password, staff.SetPassword(ctx, n.Login, n.Password)
}

// shutDemo shuts the demo's accounts out of a service that does not show it: their passwords were printed. The last administrator cannot be
// shut out, so the password is replaced by one that nobody knows as well.
func (s *service) shutDemo(ctx context.Context) error {
	marks, err := s.core.store.List(ctx, demoPrefix, "", 0)
	for _, mark := range marks {
		login := strings.TrimPrefix(mark.Key, demoPrefix)
		who, missing := s.core.staff.StaffByLogin(ctx, login)
		if missing != nil || who.ID != string(mark.Value) || who.Disabled {
			continue
		}
		if err := s.core.staff.SetPassword(ctx, login, rand.Text()); err != nil {
			return err
		}
		if _, err := s.core.staff.SetDisabled(ctx, login, true); err != nil && !fault.Is(err, fault.State) {
			return err
		}
		s.core.log.Warn("an account of the demo is shut: make real ones with khamxa staff create", "login", login)
	}
	return err
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
