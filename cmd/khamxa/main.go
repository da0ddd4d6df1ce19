// Command khamxa is the whole program: the service, its media process, and the tools of whoever runs them.
//
// It is the only place that joins components: packages declare the ports that they need, and the files here fulfil them. It has no
// rules of its own about patients, consults or figures. One file per subcommand; what several of them stand on is in core.go (an open
// store), admin.go (the way into a store that a running service owns) and terminal.go (what is said, and exit codes). service.go starts
// the parts of `khamxa serve` in order, and calls.go, api.go, pages.go, people.go and audit.go join them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// commands is the parts list.
func commands() []command {
	return []command{
		{"serve", "the service: pages, FHIR, signalling, and the media process as its child", serve},
		{"media", "a media node: carries the packets of calls", mediaNode},
		{"staff create", "make an account for a member of staff; prints the link to choose a password", staffCreate},
		{"client create", "register a program that uses /fhir; prints its id and secret", clientCreate},
		{"seed", "make a synthetic population", seedPopulation},
		{"import", "import resources from NDJSON and Bundle files", importFiles},
		{"export", "write resources to NDJSON files", exportFiles},
		{"verify", "check the log's chain, the indexes and the figures", verify},
		{"reindex", "build current state, index and figures again from the log", reindex},
		{"backup", "write a copy of everything to one file, while serving", backup},
		{"restore", "make a data folder from a backup", restore},
		{"bench fhir", "measure the FHIR server on this machine", benchFHIR},
		{"version", "what this program is", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(ctx, terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}
