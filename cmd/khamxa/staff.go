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
	communes := set.String("commune", "", "`codes` of communes, separated by commas, or all: the whole province; an admin has none")
	if err := t.parse(set, args); err != nil {
		return err
	}
	a.Role = identity.Role(*role)
	if !slices.Contains(identity.Roles(), a.Role) {
		return usagef("--role is doctor, specialist, manager or admin")
	}
	var err error
	if a.Communes, err = area(*communes, a.Role == identity.Admin); err != nil {
		return err
	}
	if a.Name == "" {
		a.Name = a.Login
	}
	return t.operate(ctx, *dir, "staff-create", false, a)
}

// wholeProvince is the value of --commune that confines to no commune. Saying nothing is not saying all.
const wholeProvince = "all"

// area reads --commune: codes, or nil for the whole province.
func area(communes string, none bool) ([]string, error) {
	list := listed(communes)
	if communes != wholeProvince && list == nil && !none {
		return nil, usagef("--commune is needed: the codes of the communes, or all for the whole province")
	}
	if communes == wholeProvince {
		return nil, nil
	}
	return list, nil
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
	where := ""
	if c.address == "" {
		where = "below the service's address "
	}
	say.notef("The person opens this %swithin 72 hours and chooses a password:", where)
	say.linef("%s/setup#%s", c.address, code)
	return nil
}
