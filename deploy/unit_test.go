package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const unitFile = "khamxa.service"

// unit is a systemd unit as far as these tests need it: section -> key -> values in order, an empty value clearing none.
type unit map[string]map[string][]string

func readUnit(t *testing.T) unit {
	t.Helper()
	raw, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	u, section := unit{}, ""
	for n, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		key, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
			u[section] = map[string][]string{}
		case isSetting && section != "":
			u[section][key] = append(u[section][key], value)
		default:
			t.Fatalf("%s:%d: neither a section nor a setting: %s", unitFile, n+1, line)
		}
	}
	return u
}

// TestUnitIsHardened: what keeps a hole in the program from becoming a hole in the machine. Each is here because somebody could
// take it out to make something else work.
func TestUnitIsHardened(t *testing.T) {
	service := readUnit(t)["Service"]
	for _, want := range []struct{ key, value string }{
		{"User", "khamxa"},
		{"StateDirectory", "khamxa"},
		{"StateDirectoryMode", "0700"},
		{"UMask", "0077"},
		{"NoNewPrivileges", "yes"},
		{"CapabilityBoundingSet", ""},
		{"AmbientCapabilities", ""},
		{"ProtectSystem", "strict"},
		{"ProtectHome", "yes"},
		{"ProtectProc", "invisible"},
		{"ProtectKernelModules", "yes"},
		{"ProtectKernelTunables", "yes"},
		{"ProtectKernelLogs", "yes"},
		{"ProtectControlGroups", "yes"},
		{"ProtectClock", "yes"},
		{"ProtectHostname", "yes"},
		{"PrivateTmp", "yes"},
		{"PrivateDevices", "yes"},
		{"PrivateUsers", "yes"},
		{"MemoryDenyWriteExecute", "yes"},
		{"LockPersonality", "yes"},
		{"RestrictNamespaces", "yes"},
		{"RestrictRealtime", "yes"},
		{"RestrictSUIDSGID", "yes"},
		{"SystemCallArchitectures", "native"},
		{"RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"},
		// And what keeps it running when a part of it dies.
		{"KillMode", "mixed"},
		{"OOMPolicy", "continue"},
		{"Restart", "on-failure"},
		{"RestartPreventExitStatus", "2"},
	} {
		if got := service[want.key]; !slices.Equal(got, []string{want.value}) {
			t.Errorf("%s is %q, want %q", want.key, got, want.value)
		}
	}
	if got := service["SystemCallFilter"]; !slices.Equal(got, []string{"@system-service", "~@privileged @keyring"}) {
		t.Errorf("SystemCallFilter is %q", got)
	}
	for key := range service {
		if strings.HasPrefix(key, "Environment") && key != "EnvironmentFile" {
			t.Errorf("%s: a variable in a unit can be read by everybody", key)
		}
	}
}

// TestUnitStartsTheProgram: the command line is one that the program accepts, and its data folder is the one the unit grants.
func TestUnitStartsTheProgram(t *testing.T) {
	service := readUnit(t)["Service"]
	if len(service["ExecStart"]) != 1 {
		t.Fatalf("ExecStart is %q", service["ExecStart"])
	}
	args := strings.Fields(service["ExecStart"][0])[1:]
	checkArgs(t, args)
	if data := valueOf(args, "--data"); data != "/var/lib/"+service["StateDirectory"][0] {
		t.Errorf("the data folder is %s, and the unit may write /var/lib/%s", data, service["StateDirectory"][0])
	}
	if config := valueOf(args, "--config"); config != "/etc/khamxa/khamxa.toml" {
		t.Errorf("the configuration is %s", config)
	}
	if slices.Contains(args, "--demo") {
		t.Error("demonstration staff have known passwords")
	}
}

// TestUnitBySystemd: systemd itself knows every setting, and counts the service among those that are well protected.
func TestUnitBySystemd(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here; the settings are checked by the other tests")
	}
	raw, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	// The program is not installed here; and systemd goes by the file's name.
	file := filepath.Join(t.TempDir(), unitFile)
	text := strings.Replace(string(raw), "/usr/local/bin/khamxa", program(t), 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"verify", "--man=no", file},
		{"security", "--no-pager", "--offline=true", "--threshold=20", file}, // at most 2.0 of 10
	} {
		out, err := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && strings.Contains(string(out), unitFile) {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}
