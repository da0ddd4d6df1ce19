// Package config reads settings for a command: flags, KHAMXA_* variables and a strict configuration file.
//
// A setting is a flag; nothing else declares it. Its value comes from, in this order: the flag on the command line; the
// variable KHAMXA_ plus the flag's name in capitals with _ for - (KHAMXA_PUBLIC_URL); the file named by --config, TOML with one
// table per command ([serve], [media]) whose keys are the flags' names; the flag's default. A key that is no flag of that
// command, or a table that is no command, is refused. Only cmd calls it; no component reads settings for itself.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"khamxa/internal/fault"
)

// Prefix begins the name of every environment variable that is read.
const Prefix = "KHAMXA_"

// ErrHelp is returned when the caller asked for help; the usage has been written.
var ErrHelp = flag.ErrHelp

// Source is where values come from besides the command line. Lookup is os.LookupEnv in the program; Commands are the tables that a
// configuration file may hold, so that one file can serve several commands.
type Source struct {
	Lookup   func(name string) (string, bool)
	Commands []string
}

// Environment is the program's own source.
func Environment(commands ...string) Source {
	return Source{Lookup: os.LookupEnv, Commands: commands}
}

// Parse fills the flags of one command from args, the environment and the file. The flag --config is added to the set. Errors are
// fault.Invalid with a sentence that names the setting and where its value came from; ErrHelp after -h.
func Parse(set *flag.FlagSet, args []string, source Source) error {
	file := set.String("config", "", "TOML `file` with settings; flags and "+Prefix+"* variables win over it")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return ErrHelp
		}
		return fault.Wrap(err, fault.Invalid, "config.Parse", err.Error())
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })

	if !given["config"] {
		if v, ok := source.Lookup(Prefix + "CONFIG"); ok {
			*file = v
		}
	}
	values, err := readFile(*file, set, source)
	if err != nil {
		return err
	}
	var first error
	set.VisitAll(func(f *flag.Flag) {
		if first == nil && !given[f.Name] && f.Name != "config" {
			first = fill(set, f.Name, values, source)
		}
	})
	return first
}

// Variable is the name of the environment variable of a flag.
func Variable(flagName string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

func fill(set *flag.FlagSet, name string, values map[string]string, source Source) error {
	from, value, ok := "the variable "+Variable(name), "", false
	if value, ok = source.Lookup(Variable(name)); !ok {
		from = "the configuration file"
		if value, ok = values[name]; !ok {
			return nil
		}
	}
	if err := set.Set(name, value); err != nil {
		return fault.Newf(fault.Invalid, "config.Parse", "setting %s from %s: %v", name, from, err).At(name)
	}
	return nil
}

func readFile(name string, set *flag.FlagSet, source Source) (map[string]string, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "config.Parse", "the configuration file cannot be opened: "+err.Error())
	}
	defer func() { _ = f.Close() }() // it was only read
	return decode(f, name, set, source)
}

// decode reads a whole file and gives the values for the set's command. Tables of other commands are passed over: they are checked when
// that command runs.
func decode(r io.Reader, name string, set *flag.FlagSet, source Source) (map[string]string, error) {
	var tables map[string]map[string]any
	if err := toml.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&tables); err != nil {
		return nil, fault.Newf(fault.Invalid, "config.Parse", "%s is not a configuration file: %v", name, err)
	}
	values := map[string]string{}
	for table, settings := range tables {
		if !slices.Contains(source.Commands, table) {
			return nil, fault.Newf(fault.Invalid, "config.Parse", "%s: [%s] is no command with settings (known: %s)", name, table, strings.Join(source.Commands, ", ")).At(table)
		}
		if table != set.Name() {
			continue
		}
		for key, v := range settings {
			if set.Lookup(key) == nil || key == "config" {
				return nil, fault.Newf(fault.Invalid, "config.Parse", "%s: [%s] has the unknown key %q", name, table, key).At(table + "." + key)
			}
			values[key] = fmt.Sprint(v)
		}
	}
	return values, nil
}
