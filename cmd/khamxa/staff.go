package main

import (
	"context"
	"slices"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
)

// staffArgs describe an account.
type staffArgs struct {
	Login    string
	Name     string
	Role     identity.Role
	Communes []string // nil: the whole province
}

// staffCreate is `khamxa staff create`. It prints where the person chooses their password: none is ever printed or typed here.
func staffCreate(ctx context.Context, t terminal, args []string) error {
	set := flags("staff create")
	var a staffArgs
	dir := set.String("data", "", "data `folder`")
	set.StringVar(&a.Login, "login", "", "what the person signs in with")
	set.StringVar(&a.Name, "name", "", "the person's name; empty: the login")
	role := set.String("role", "", "doctor, specialist, manager or admin")
	communes := set.String("commune", "", "`codes` of communes, separated by commas; empty: the whole province")
	if err := t.parse(set, args); err != nil {
		return err
	}
	a.Role, a.Communes = identity.Role(*role), listed(*communes)
	if !slices.Contains(identity.Roles(), a.Role) {
		return usagef("--role is doctor, specialist, manager or admin")
	}
	if a.Name == "" {
		a.Name = a.Login
	}
	return t.operate(ctx, *dir, "staff-create", false, a)
}

func createStaff(ctx context.Context, c *core, a staffArgs, say *speaker) error {
	if err := knownCommunes(a.Communes); err != nil {
		return atFlag(err)
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	grant := identity.Grant{Role: a.Role, Communes: a.Communes}
	who, err := c.staff.CreateStaff(ctx, identity.NewStaff{Login: a.Login, Name: a.Name, Roles: []identity.Grant{grant}})
	if err != nil {
		return atFlag(err)
	}
	code, err := c.staff.SetupLink(ctx, who.Login)
	if err != nil {
		return fault.Wrap(err, fault.CodeOf(err), "khamxa.createStaff", "The account was made, but its set-up link was not: "+fault.MessageOf(err))
	}
	say.notef("The person opens this below the service's address within 72 hours and chooses a password:")
	say.linef("/setup#%s", code)
	return nil
}
