package rest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"khamxa/fhir/rest"
	"khamxa/fhir/store"
)

// meddler is a real store in which somebody else writes right after the first read of a resource.
type meddler struct {
	store.Store
	ref    string
	meddle func()
}

func (m *meddler) Read(ctx context.Context, typ, id string) (store.Version, error) {
	v, err := m.Store.Read(ctx, typ, id)
	if m.meddle != nil && m.ref == typ+"/"+id {
		f := m.meddle
		m.meddle = nil
		f()
	}
	return v, err
}

// TestChangedBetweenCheckAndCommit: what was checked is what is replaced, even when another write comes between.
func TestChangedBetweenCheckAndCommit(t *testing.T) {
	for _, tt := range []struct {
		name, method, ref, body string
		between                 string // what comes between, "" for a deletion
		status                  int
		stays                   string // the subject afterwards, "" when it is deleted
	}{
		{"update of what moves out of reach", "PUT", "Observation/oa", observation("oa", "pa"), observation("oa", "pb"), 404, "Patient/pb"},
		{"creation of what somebody else creates", "PUT", "Observation/new", observation("new", "pa"), observation("new", "pb"), 404, "Patient/pb"},
		{"deletion of what moves out of reach", "DELETE", "Observation/oa", "", observation("oa", "pb"), 204, "Patient/pb"},
		{"update of what is deleted", "PUT", "Observation/oa", observation("oa", "pa"), "", 201, "Patient/pa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &meddler{ref: tt.ref}
			s := start(t, func(o *rest.Options) { m.Store = o.Store; o.Store = m })
			populate(s)
			m.meddle = func() {
				if tt.between == "" {
					s.do(anybody, "DELETE", "/"+tt.ref, "").is(204)
				} else {
					s.do(anybody, "PUT", "/"+tt.ref, tt.between)
				}
			}
			s.do(doctorA, tt.method, "/"+tt.ref, tt.body).is(tt.status)
			if m.meddle != nil {
				t.Fatal("nothing came between")
			}
			r := s.do(anybody, "GET", "/"+tt.ref, "").is(200)
			if !r.root.Get("subject").Get("reference").IsString(tt.stays) {
				t.Errorf("afterwards %s", r.body)
			}
		})
	}
}

// TestMovedBetweenPatients: who may see one of two patients sees only the versions from that patient's record, and none when
// the resource is now in the other's.
func TestMovedBetweenPatients(t *testing.T) {
	s := start(t)
	populate(s)
	s.put("Observation", "in", observation("in", "pb"))
	s.put("Observation", "in", observation("in", "pa"))
	s.put("Observation", "out", observation("out", "pa"))
	s.put("Observation", "out", observation("out", "pb"))

	r := s.do(doctorA, "GET", "/Observation/in/_history", "").is(200)
	if n := r.root.Get("entry").Len(); n != 1 || strings.Contains(string(r.body), "Patient/pb") {
		t.Errorf("%d versions: %s", n, r.body)
	}
	s.do(doctorA, "GET", "/Observation/in/_history/1", "").refused(404, "not-found", "")
	s.do(doctorA, "GET", "/Observation/in/_history/2", "").is(200)
	s.do(doctorA, "GET", "/Observation/out/_history", "").refused(404, "not-found", "")
	s.do(doctorA, "GET", "/Observation/out/_history/1", "").refused(404, "not-found", "")
}

// TestSeveralPatients: a record of two patients takes no patient in that the writer cannot see, and stays in the writer's.
func TestSeveralPatients(t *testing.T) {
	both := func(id, subject, performer string) string {
		return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","subject":{"reference":"Patient/%s"},"performer":[{"reference":"Patient/%s"}]}`, id, subject, performer)
	}
	s := start(t)
	populate(s)
	s.do(doctorA, "POST", "/Observation", both("x", "pa", "pb")).refused(403, "forbidden", "", "patient")
	s.do(doctorA, "PUT", "/Observation/oa", both("oa", "pa", "pb")).refused(403, "forbidden", "", "patient")
	s.put("Observation", "shared", both("shared", "pa", "pb"))
	s.do(doctorA, "PUT", "/Observation/shared", both("shared", "pa", "pb")).is(200)
	s.do(doctorB, "GET", "/Observation/shared", "").is(200)
	s.do(doctorA, "PUT", "/Observation/shared", both("shared", "pb", "pb")).refused(403, "forbidden", "", "patient")
	s.do(doctorA, "PUT", "/Observation/shared", both("shared", "pa", "pa")).is(200)
	s.do(doctorB, "GET", "/Observation/shared", "").is(404)
}

// TestClientThatSendsFirst: one that writes its whole body before it reads still gets to read why it was refused.
func TestClientThatSendsFirst(t *testing.T) {
	s := start(t)
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/fhir")
	for _, token := range []string{anybody, "wrong"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		const size = 20 << 20
		fmt.Fprintf(conn, "PUT /fhir/Patient/p1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", token, size)
		chunk := make([]byte, 1<<20)
		for range size / len(chunk) {
			if _, err := conn.Write(chunk); err != nil {
				t.Fatalf("the server hung up: %v", err)
			}
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{anybody: 413, "wrong": 401}[token]
		if resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
		resp.Body.Close()
		conn.Close()
	}
}
