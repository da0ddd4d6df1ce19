package wire_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/signaling/wire"
)

func protocol(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// section gives one numbered section ("## 4. ...") of the document.
func section(t *testing.T, number int) string {
	t.Helper()
	_, rest, found := strings.Cut(protocol(t), "\n## "+strconv.Itoa(number)+". ")
	if !found {
		t.Fatalf("PROTOCOL.md has no section %d", number)
	}
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// tableRows gives the cells of the table whose first heading is the given word.
func tableRows(t *testing.T, text, heading string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(text, "| "+heading+" |")
	if !found {
		t.Fatalf("no table with the heading %q", heading)
	}
	var rows [][]string
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.Trim(cell, " `"))
		}
		rows = append(rows, cells)
	}
	return rows
}

func TestEveryExampleDecodes(t *testing.T) {
	seen := map[wire.Type]bool{}
	for _, match := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(protocol(t), -1) {
		raw := []byte(match[1])
		kind := wire.TypeOf(raw)
		row, ok := wire.RowOf(kind)
		if !ok {
			t.Errorf("example of an unknown type %q: %s", kind, raw)
			continue
		}
		seen[kind] = true
		frame, err := wire.Decode(raw, row.From)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		again, err := wire.Encode(frame.Message, frame.N)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		second, err := wire.Decode(again, row.From)
		if err != nil {
			t.Errorf("%s: %v", again, err)
		}
		if diff := cmp.Diff(frame, second); diff != "" {
			t.Errorf("%s: encoded and decoded again it differs:\n%s", raw, diff)
		}
	}
	for _, row := range wire.Messages() {
		if !seen[row.Type] {
			t.Errorf("PROTOCOL.md has no example of %q", row.Type)
		}
	}
}

func TestMessageTable(t *testing.T) {
	var want [][]string
	stages := map[wire.Stage]string{wire.First: "first", wire.Welcomed: "after welcome", wire.Admitted: "admitted"}
	for _, row := range wire.Messages() {
		from, when, numbered := "client", stages[row.Stage], "no"
		if row.From == wire.Server {
			from, when = "server", ""
		}
		if row.Numbered {
			numbered = "yes"
		}
		want = append(want, []string{string(row.Type), from, numbered, when})
	}
	if diff := cmp.Diff(want, tableRows(t, section(t, 2), "type")); diff != "" {
		t.Errorf("the message table of PROTOCOL.md (+) is not the package's (-):\n%s", diff)
	}
}

func TestCodeTable(t *testing.T) {
	var want [][]string
	for _, row := range wire.Codes() {
		status := "-"
		if row.Close != 0 {
			status = strconv.Itoa(int(row.Close))
		}
		want = append(want, []string{string(row.Code), status, string(row.Then)})
		if row.Sentence == "" || row.Code.Sentence() != row.Sentence || row.Code.CloseStatus() != row.Close {
			t.Errorf("%s: sentence %q, close %d", row.Code, row.Code.Sentence(), row.Code.CloseStatus())
		}
		if (row.Close == 0) != (row.Then == wire.Stay) {
			t.Errorf("%s: a code closes the connection, or says stay", row.Code)
		}
	}
	var got [][]string
	for _, cells := range tableRows(t, section(t, 4), "code") {
		got = append(got, cells[:3])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the code table of PROTOCOL.md (+) is not the package's (-):\n%s", diff)
	}
}

func TestLimitTable(t *testing.T) {
	var want [][]string
	for _, limit := range wire.Limits() {
		want = append(want, []string{limit.Name, strconv.Itoa(limit.Value)})
	}
	if diff := cmp.Diff(want, tableRows(t, section(t, 5), "limit")); diff != "" {
		t.Errorf("the limit table of PROTOCOL.md (+) is not the package's (-):\n%s", diff)
	}
}

func TestVersionStatedInTheDocument(t *testing.T) {
	if !strings.Contains(protocol(t), "This is version "+strconv.Itoa(wire.Version)+".") {
		t.Errorf("PROTOCOL.md does not say that it is version %d", wire.Version)
	}
}
