package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
)

// crashOperator registers clients through the admin socket, one after the other, until the service is gone. A client is a record and no
// commit of the log, so this is the other half of what the store acknowledges; and nothing else is written between its acknowledgement
// and the writing of what was acknowledged.
type crashOperator struct {
	data    string
	journal *journal
	kill    int
	killed  *atomic.Bool
	wrong   func(string)
}

func (o *crashOperator) run() {
	for n := 0; ; n++ {
		name := fmt.Sprintf("k%03d-client%d", o.kill, n)
		client, err := o.register(name)
		if err != nil {
			if !o.killed.Load() {
				o.wrong(fmt.Sprintf("%s: the admin socket of a service that was not killed: %v", name, err))
			}
			return // whether the client is there does not matter: nobody has its secret
		}
		if err := o.journal.note(attempt{Name: name, Outcome: outcomeAcked, Client: &client}); err != nil {
			o.wrong("the journal: " + err.Error())
			return
		}
	}
}

// register does what `khamxa client create` does beside a running service.
func (o *crashOperator) register(name string) (client apiClient, err error) {
	ctx := context.Background()
	conn, err := dialAdmin(ctx, o.data)
	if err != nil {
		return client, err
	}
	args, err := json.Marshal(clientArgs{Name: name, Scope: "system/Patient.r"})
	if err != nil {
		return client, err
	}
	line := ""
	if err := ask(ctx, conn, "client-create", args, func(s said) { line += s.Line }); err != nil {
		return client, err
	}
	return client, json.Unmarshal([]byte(line), &client)
}

// inspectClients demands that every client that was acknowledged gets a token.
func (c *chronicle) inspectClients(base string, attempts []attempt) {
	clients := map[string]apiClient{}
	var names []string
	for _, a := range attempts {
		if a.Client != nil {
			clients[a.Name] = *a.Client
			names = append(names, a.Name)
		}
	}
	eachOf(names, func(name string) {
		caller, err := newFHIRCaller(base, clients[name])
		if err != nil {
			c.wrongf("%s: the client was acknowledged and is lost: %v", name, err)
			return
		}
		caller.close()
	})
}
