package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"khamxa/internal/config"
	"khamxa/internal/fault"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// terminal is where a command reads and what it says. out is for results, err for everything else.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand. Its name may be two words.
type command struct {
	name, about string
	run         func(ctx context.Context, t terminal, args []string) error
}

// usageError is a command line that cannot be meant: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// run carries out a command line and gives the exit code. A failure is one line on t.err that says why and what to do.
func run(ctx context.Context, t terminal, args []string) int {
	c, rest, ok := find(args)
	if !ok {
		if len(args) > 0 && (args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
			listCommands(t.out)
			return exitDone
		}
		if len(args) > 0 {
			t.sayf("khamxa: there is no command %q. These are there:", args[0])
		}
		listCommands(t.err)
		return exitUsage
	}
	err := c.run(ctx, t, rest)
	var usage usageError
	switch {
	case err == nil, errors.Is(err, config.ErrHelp):
		return exitDone
	case errors.As(err, &usage):
		t.sayf("khamxa %s: %s (khamxa %s -h lists the flags)", c.name, sentence(err), c.name)
		return exitUsage
	}
	t.sayf("khamxa %s: %s", c.name, sentence(err))
	return exitFailed
}

func find(args []string) (command, []string, bool) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c, args[len(words):], true
		}
	}
	return command{}, nil, false
}

func listCommands(w io.Writer) {
	var b strings.Builder
	b.WriteString("usage: khamxa COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-15s %s\n", c.name, c.about)
	}
	b.WriteString("\nkhamxa COMMAND -h lists the flags of a command. Each may also be given as a variable, KHAMXA_PUBLIC_URL for --public-url.\n")
	_, _ = io.WriteString(w, b.String()) // there is nobody else to tell
}

// sentence is one line for the person at the terminal: they run the service, so they see causes too.
func sentence(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	text := f.Message
	if f.Err != nil && !strings.Contains(text, f.Err.Error()) {
		text += " (" + f.Err.Error() + ")"
	}
	return strings.Join(strings.Fields(text), " ")
}

// sayf writes one line to t.err.
func (t terminal) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(t.err, format+"\n", args...) // there is nobody else to tell
}

// printf writes one line of a result.
func (t terminal) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(t.out, format+"\n", args...)
	return fault.Wrap(err, fault.Unavailable, "khamxa.print", "The result could not be written.")
}

// logger writes to t.err. It never gets names, findings or secrets.
func (t terminal) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: level}))
}

// parse reads the flags of a command that takes no other arguments. -h prints them.
func (t terminal) parse(set *flag.FlagSet, args []string) error {
	if err := t.parseWithFiles(set, args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return usagef("%q is not understood", set.Arg(0))
	}
	return nil
}

// parseWithFiles reads the flags of a command that takes the names of files behind them.
func (t terminal) parseWithFiles(set *flag.FlagSet, args []string) error {
	set.SetOutput(io.Discard) // what is wrong is said once, by run
	err := config.Parse(set, args, config.Environment("serve", "media"))
	switch {
	case errors.Is(err, config.ErrHelp):
		set.SetOutput(t.out)
		_, _ = fmt.Fprintf(t.out, "usage: khamxa %s [flags]\n\n", set.Name())
		set.PrintDefaults()
		return err
	case err != nil:
		return usageError{err}
	}
	return nil
}

func usagef(format string, args ...any) error {
	return usageError{fault.Newf(fault.Invalid, "khamxa.usage", format, args...)}
}

// flags begins the flags of a command. It writes nothing by itself.
func flags(name string) *flag.FlagSet { return flag.NewFlagSet(name, flag.ContinueOnError) }

// isTerminal reports whether somebody looks at the output now.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
