package config_test

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"khamxa/internal/config"
	"khamxa/internal/fault"
)

type settings struct {
	listen string
	demo   bool
	peers  int
}

func flags(s *settings) *flag.FlagSet {
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&s.listen, "listen-http", "127.0.0.1:8080", "")
	set.BoolVar(&s.demo, "demo", false, "")
	set.IntVar(&s.peers, "peers", 8, "")
	return set
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		file string
		want settings
		err  string // part of the sentence
	}{
		{name: "defaults", want: settings{"127.0.0.1:8080", false, 8}},
		{name: "flag", args: []string{"--demo", "--peers=3"}, want: settings{"127.0.0.1:8080", true, 3}},
		{name: "variable", env: map[string]string{"KHAMXA_LISTEN_HTTP": ":1"}, want: settings{":1", false, 8}},
		{name: "file", file: "[serve]\nlisten-http = ':2'\ndemo = true\npeers = 4\n", want: settings{":2", true, 4}},
		{name: "variable wins over file", env: map[string]string{"KHAMXA_PEERS": "5"}, file: "[serve]\npeers = 4\n", want: settings{"127.0.0.1:8080", false, 5}},
		{name: "flag wins over both", args: []string{"--peers", "6"}, env: map[string]string{"KHAMXA_PEERS": "5"}, file: "[serve]\npeers = 4\n", want: settings{"127.0.0.1:8080", false, 6}},
		{name: "another command's table is passed over", file: "[media]\nanything = 1\n", want: settings{"127.0.0.1:8080", false, 8}},
		{name: "unknown key", file: "[serve]\nlisten = ':2'\n", err: `unknown key "listen"`},
		{name: "unknown table", file: "[server]\npeers = 2\n", err: "[server] is no command"},
		{name: "key outside a table", file: "peers = 2\n", err: "is not a configuration file"},
		{name: "not TOML", file: "{", err: "is not a configuration file"},
		{name: "wrong type in file", file: "[serve]\npeers = 'many'\n", err: "setting peers from the configuration file"},
		{name: "wrong type in variable", env: map[string]string{"KHAMXA_PEERS": "x"}, err: "from the variable KHAMXA_PEERS"},
		{name: "unknown flag", args: []string{"--nope"}, err: "nope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got settings
			args := c.args
			if c.file != "" {
				name := filepath.Join(t.TempDir(), "khamxa.toml")
				if err := os.WriteFile(name, []byte(c.file), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append([]string{"--config", name}, args...)
			}
			lookup := func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }
			err := config.Parse(flags(&got), args, config.Source{Lookup: lookup, Commands: []string{"serve", "media"}})
			if c.err != "" {
				if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.MessageOf(err), c.err) {
					t.Fatalf("got %v, want an invalid fault with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	err := config.Parse(flags(new(settings)), []string{"--config", filepath.Join(t.TempDir(), "none.toml")}, config.Environment("serve"))
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("got %v, want an invalid fault", err)
	}
}
