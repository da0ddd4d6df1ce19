package deploy_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const containerFile = "Containerfile"

// instruction is one line of a container file.
type instruction struct{ word, rest string }

// readContainerFile gives the instructions of each stage. Continued lines are not used in ours.
func readContainerFile(t *testing.T) (stages [][]instruction) {
	t.Helper()
	raw, err := os.ReadFile(containerFile)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(raw), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		word, rest, ok := strings.Cut(line, " ")
		if !ok || word != strings.ToUpper(word) || strings.HasSuffix(line, `\`) {
			t.Fatalf("%s:%d: not an instruction: %s", containerFile, n+1, line)
		}
		if word == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) == 0 {
			t.Fatalf("%s:%d: %s before the first FROM", containerFile, n+1, word)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{word, rest})
	}
	return stages
}

// all are the arguments of every instruction of that word.
func all(stage []instruction, word string) (rest []string) {
	for _, i := range stage {
		if i.word == word {
			rest = append(rest, i.rest)
		}
	}
	return rest
}

// TestContainerImage: the image holds one static program, does not run as root, and its command line is one the program accepts.
func TestContainerImage(t *testing.T) {
	stages := readContainerFile(t)
	if len(stages) != 2 {
		t.Fatalf("%d stages, want one that builds and one that is kept", len(stages))
	}
	image := stages[1]
	if from := all(image, "FROM"); !slices.Equal(from, []string{"scratch"}) {
		t.Errorf("the image is made from %q", from)
	}
	user := all(image, "USER")
	if len(user) != 1 || user[0] == "0:0" || strings.Trim(user[0], "0123456789:") != "" {
		t.Fatalf("USER is %q, want one number that is not root's (there is no passwd file to look a name up in)", user)
	}
	if len(all(image, "RUN")) > 0 {
		t.Error("nothing can be run in an image without a shell")
	}
	args := append(list(t, image, "ENTRYPOINT"), list(t, image, "CMD")...)
	if args[0] != "/khamxa" {
		t.Fatalf("it starts %s", args[0])
	}
	checkArgs(t, args[1:])
	data := valueOf(args, "--data")
	if !slices.Equal(all(image, "VOLUME"), []string{data}) {
		t.Errorf("the data folder %s is not the volume %q: it would end with the container", data, all(image, "VOLUME"))
	}
	if owned := "--chown=" + user[0] + " /out" + data + " " + data; !slices.ContainsFunc(all(image, "COPY"), func(c string) bool { return strings.HasSuffix(c, owned) }) {
		t.Errorf("the user does not own the data folder: no COPY with %s", owned)
	}
	exposed := strings.Fields(strings.Join(all(image, "EXPOSE"), " "))
	_, pages, _ := strings.Cut(valueOf(args, "--listen"), ":")
	_, media, _ := strings.Cut(valueOf(args, "--media-listen"), ":")
	if want := []string{pages + "/tcp", media + "/udp", media + "/tcp"}; !slices.Equal(exposed, want) {
		t.Errorf("EXPOSE is %q, want %q", exposed, want)
	}
}

// TestContainerBuild: the program in the image is built as TestStatic builds it, by the Go version of go.mod, and nothing of
// the data folder or the history reaches the build.
func TestContainerBuild(t *testing.T) {
	build := readContainerFile(t)[0]
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	_, version, ok := strings.Cut(string(module), "\ngo ")
	version, _, _ = strings.Cut(version, "\n")
	if from := all(build, "FROM"); !ok || len(from) != 1 || !strings.HasSuffix(from[0], "/golang:"+version+" AS build") {
		t.Errorf("it is built from %q, and go.mod says %s", from, version)
	}
	if !slices.Contains(all(build, "RUN"), "CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags=-s -o /out/khamxa ./cmd/khamxa") {
		t.Errorf("no static build among %q", all(build, "RUN"))
	}
	ignored, err := os.ReadFile("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".git", ".cache", "bin", "data"} {
		if !slices.Contains(strings.Split(string(ignored), "\n"), name) {
			t.Errorf(".dockerignore lets %s into the build", name)
		}
	}
}

// list is the value of an instruction in its JSON form, the only one that needs no shell.
func list(t *testing.T, stage []instruction, word string) (args []string) {
	t.Helper()
	values := all(stage, word)
	if len(values) != 1 {
		t.Fatalf("%s stands %d times", word, len(values))
	}
	if err := json.Unmarshal([]byte(values[0]), &args); err != nil || len(args) == 0 {
		t.Fatalf("%s is no list: %s", word, values[0])
	}
	return args
}
