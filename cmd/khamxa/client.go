package main

import (
	"context"
	"encoding/json"
	"strings"

	"khamxa/internal/fault"
	"khamxa/internal/identity"
	"khamxa/registry/place"
)

// clientArgs describe a program that uses /fhir.
type clientArgs struct {
	Name     string
	Scope    string
	Communes []string // nil: the whole province
}

// clientCreate is `khamxa client create`. It prints the id and the secret as one JSON object; the secret is shown this once.
func clientCreate(ctx context.Context, t terminal, args []string) error {
	set := flags("client create")
	var a clientArgs
	dir := set.String("data", "", "data `folder`")
	set.StringVar(&a.Name, "name", "", "what the program is called in accounts and in the audit trail")
	set.StringVar(&a.Scope, "scope", "", "SMART scopes, separated by spaces: \"system/Patient.rs system/Observation.cruds\"")
	communes := set.String("commune", wholeProvince, "`codes` of communes, separated by commas, or all: the whole province")
	if err := t.parse(set, args); err != nil {
		return err
	}
	var err error
	if a.Communes, err = area(*communes, false); err != nil {
		return err
	}
	return t.operate(ctx, *dir, "client-create", false, a)
}

func createClient(ctx context.Context, c *core, a clientArgs, say *speaker) error {
	if err := knownCommunes(a.Communes); err != nil {
		return atFlag(err)
	}
	if err := c.prepare(ctx); err != nil {
		return err
	}
	client, secret, err := c.staff.CreateClient(ctx, identity.NewClient{Name: a.Name, Scope: a.Scope, Communes: a.Communes})
	if err != nil {
		return atFlag(err)
	}
	line, err := json.Marshal(struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}{client.ID, secret})
	if err != nil {
		return fault.Wrap(err, fault.Internal, "khamxa.createClient", "The client was made, but its secret could not be printed.")
	}
	say.linef("%s", line)
	return nil
}

// listed splits a list at commas; nil for an empty one, which often means everything.
func listed(list string) []string {
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	if len(words) == 0 {
		return nil
	}
	return words
}

// knownCommunes refuses codes that no commune has: with a typing error an account would see nobody, and nothing would say why.
func knownCommunes(codes []string) error {
	for _, code := range codes {
		if _, ok := place.Current(code); !ok {
			return fault.Newf(fault.Invalid, "khamxa.knownCommunes", "No commune has the code %s. Give codes of 1 July 2025, such as 14221.", code).At("commune")
		}
	}
	return nil
}

// atFlag names the flag in an error that names a field.
func atFlag(err error) error {
	path := fault.PathOf(err)
	if path == "" {
		return err
	}
	return fault.New(fault.CodeOf(err), "khamxa.atFlag", "--"+path+": "+fault.MessageOf(err)).At(path)
}
