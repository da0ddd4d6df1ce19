//go:build conformance

package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// node is one node that fhirpath found: where it stands, and the data type that it has there. Of what is computed and stands nowhere
// (Patient.deceased.exists() and ...), value is what was computed.
type node struct {
	place []any // member names and indexes (float64)
	typ   string
	value any
	unit  *unit // of a quantity in a UCUM unit
}

// unit is what ucum-lhc says of a UCUM unit: base units are so many of them as the factor says.
type unit struct {
	Factor float64
	Unit   string
	Scale  string // "" for a ratio scale
}

func (n *node) UnmarshalJSON(raw []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	if len(parts) < 2 {
		return errors.New("a node is a place and a type")
	}
	err := errors.Join(json.Unmarshal(parts[0], &n.place), json.Unmarshal(parts[1], &n.typ))
	switch {
	case len(parts) == 2:
	case n.place == nil:
		err = errors.Join(err, json.Unmarshal(parts[2], &n.value))
	default:
		err = errors.Join(err, json.Unmarshal(parts[2], &n.unit))
	}
	return err
}

// in is the node's value in the resource; nil if an extension stands in its stead.
func (n *node) in(resource map[string]any) any {
	if n.place == nil {
		return n.value
	}
	var at any = resource
	for _, step := range n.place {
		switch step := step.(type) {
		case float64:
			items := list(at)
			if int(step) >= len(items) {
				return nil
			}
			at = items[int(step)]
		case string:
			at = member(at, step)
		}
	}
	return at
}

// judged are the nodes that fhirpath found for the parameters of one resource, by code, as evaluate.mjs writes them.
type judged map[string]json.RawMessage

// judge has fhirpath evaluate every official search parameter on every resource, in order.
func judge(t *testing.T, resources [][]byte) []judged {
	t.Helper()
	modules := os.Getenv("KHAMXA_NODE")
	if modules == "" {
		t.Fatal("KHAMXA_NODE names no folder with node_modules: run `make conformance`")
	}
	parameters := filepath.Join(t.TempDir(), "parameters.json")
	if err := os.WriteFile(parameters, exampleNamed(t, "Bundle-searchParams.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var complaints bytes.Buffer
	evaluate := exec.CommandContext(ctx, "node", "--max-old-space-size=2048", "js/evaluate.mjs", modules, parameters)
	evaluate.Stdin = lines(resources)
	evaluate.Stderr = &complaints
	out, err := evaluate.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := evaluate.Start(); err != nil {
		t.Fatalf("Node is needed to evaluate FHIRPath: %v", err)
	}
	all := make([]judged, 0, len(resources))
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 64<<20)
	for scanner.Scan() {
		var one judged
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := errors.Join(scanner.Err(), evaluate.Wait()); err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	if len(all) != len(resources) {
		t.Fatalf("fhirpath judged %d of %d resources\n%s", len(all), len(resources), &complaints)
	}
	return all
}

// lines gives each resource on a line of its own.
func lines(resources [][]byte) io.Reader {
	readers := make([]io.Reader, 0, 2*len(resources))
	for _, r := range resources {
		readers = append(readers, bytes.NewReader(r), strings.NewReader("\n"))
	}
	return io.MultiReader(readers...)
}

func exampleNamed(t *testing.T, name string) []byte {
	t.Helper()
	for _, e := range examples(t) {
		if e.name == name {
			return e.raw
		}
	}
	t.Fatalf("no example %s", name)
	return nil
}
