package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"khamxa/fhir"
)

// outcome is what an OperationOutcome says first.
func (a liveAnswer) outcome(t *testing.T) (code, expression, text string) {
	t.Helper()
	r, err := fhir.Parse([]byte(a.body))
	if err != nil || r.Type != "OperationOutcome" {
		t.Fatalf("the answer is no OperationOutcome (%v): %s", err, clipped(a.body))
	}
	issue := r.Root.Get("issue").At(0)
	return issue.Get("code").String(), issue.Get("expression").At(0).String(), issue.Get("details").Get("text").String()
}

// badInputStory: each bad input has its clear error, and the service keeps serving.
func badInputStory(t *testing.T, s *live, all *liveCaller) {
	deep := `{"resourceType":"Patient","extension":` + strings.Repeat(`[{"extension":`, 150) + `[]` + strings.Repeat(`}]`, 150) + `}`
	before := all.get(t, "/fhir/Patient/"+hereID)
	for _, c := range []struct {
		name, method, path, body string
		header                   string
		status                   int
		code, expression, words  string
	}{
		{"truncated JSON", "PUT", "/fhir/Patient/" + hereID, "{\"resourceType\":\"Patient\",\n\"name\":[{\"text\":\"Ng", "", 400, "invalid", "Patient.name[0].text", "line 2, column"},
		{"wrong resourceType", "PUT", "/fhir/Patient/" + hereID, livePressure(hereID, hereID, 120, 80), "", 400, "invalid", "Observation.resourceType", "Patient"},
		{"resourceType that is none", "POST", "/fhir/Patient", `{"resourceType":"Patiant"}`, "", 400, "invalid", "Resource.resourceType", "Patiant"},
		{"300 levels deep", "POST", "/fhir/Patient", deep, "", 400, "invalid", "", "64 levels"},
		{"20 MB body", "POST", "/fhir/Patient", `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("x", 20<<20) + `"}]}`, "", 413, "too-long", "", "1024 KiB"},
		{"wrong If-Match", "PUT", "/fhir/Patient/" + hereID, livePatient(hereID, "X", herePhone, hereCommune), `If-Match: W/"77"`, 412, "conflict", "", "If-Match"},
		{"If-Match that is no version", "PUT", "/fhir/Patient/" + hereID, livePatient(hereID, "X", herePhone, hereCommune), `If-Match: seven`, 400, "invalid", "", "If-Match"},
		{"unknown search parameter", "GET", "/fhir/Patient?family_name=x", "", "", 400, "invalid", "family_name", "family_name"},
		{"XML", "POST", "/fhir/Patient", "<Patient/>", "Content-Type: application/fhir+xml", 415, "not-supported", "", "application/fhir+json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var headers []string
			if c.header != "" {
				headers = append(headers, c.header)
			}
			a := all.wants(t, c.status, c.method, c.path, c.body, headers...)
			code, expression, text := a.outcome(t)
			if code != c.code || c.expression != "" && expression != c.expression || !strings.Contains(text, c.words) {
				t.Errorf("issue %q at %q: %q, want %q at %q with %q", code, expression, text, c.code, c.expression, c.words)
			}
			s.stillServes(t, all)
		})
	}
	if after := all.get(t, "/fhir/Patient/"+hereID); after.body != before.body {
		t.Errorf("something that was refused was kept: %s", after.body)
	}
	t.Run("no token", func(t *testing.T) {
		for _, path := range []string{"/fhir/Patient", "/fhir/Patient/" + hereID, "/fhir/AuditEvent", "/fhir/"} {
			a := s.nobody().wants(t, http.StatusUnauthorized, http.MethodGet, path, "")
			if code, _, _ := a.outcome(t); code != "login" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: issue %q, WWW-Authenticate %q", path, code, a.header.Get("WWW-Authenticate"))
			}
		}
		s.nobody().wants(t, http.StatusOK, http.MethodGet, "/fhir/metadata", "")
	})
	t.Run("forms that are none", func(t *testing.T) {
		doctor := s.signedIn(t, "doctor")
		form := "Content-Type: application/x-www-form-urlencoded"
		doctor.wants(t, http.StatusBadRequest, http.MethodPost, "/patients", "name=&birth=yesterday", form)
		doctor.wants(t, http.StatusBadRequest, http.MethodPost, "/screenings", "patient=%zz", form)
		doctor.wants(t, http.StatusMethodNotAllowed, http.MethodDelete, "/patients", "")
		doctor.wants(t, http.StatusNotFound, http.MethodGet, "/patients/none", "")
		doctor.wants(t, http.StatusNotFound, http.MethodGet, "/consults/none", "")
		s.nobody().wants(t, http.StatusBadRequest, http.MethodPost, "/j/none/redeem", "{", "Content-Type: application/json")
		s.stillServes(t, all)
	})
	t.Run("broken signalling", func(t *testing.T) { brokenSignalling(t, s); s.stillServes(t, all) })
}

// stillServes: the service is ready, answers a read, and takes a new signalling connection.
func (s *live) stillServes(t *testing.T, all *liveCaller) {
	t.Helper()
	s.nobody().wants(t, http.StatusOK, http.MethodGet, "/healthz", "")
	all.wants(t, http.StatusOK, http.MethodGet, "/fhir/Patient/"+hereID, "")
	if _, err := s.signal(t); err != nil {
		t.Errorf("no signalling connection: %v", err)
	}
}

// signal opens a signalling connection, which ends with the test.
func (s *live) signal(t *testing.T) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	conn, early, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(s.base, "http")+"/signal")
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() }) // the service may have closed it
	if early != nil {
		ws.PutReader(early)
	}
	return conn, conn.SetDeadline(time.Now().Add(10 * time.Second))
}

// brokenSignalling: what is no message is answered with its code; the connection ends, and no other.
func brokenSignalling(t *testing.T, s *live) {
	other, err := s.signal(t)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		frame ws.Frame
		code  string
	}{
		{"half a message", ws.NewTextFrame([]byte(`{"type":"hello","ver`)), "bad-message"},
		{"no hello first", ws.NewTextFrame([]byte(`{"type":"ping"}`)), "hello-first"},
		{"a forged ticket", ws.NewTextFrame([]byte(`{"type":"hello","version":1,"ticket":"e30.e30.e30"}`)), "bad-ticket"},
		{"another version", ws.NewTextFrame([]byte(`{"type":"hello","version":99,"ticket":"e30.e30.e30"}`)), "bad-version"},
		{"bytes", ws.NewBinaryFrame([]byte{1, 2, 3}), "not-text"},
		{"a million letters", ws.NewTextFrame([]byte(strings.Repeat("x", 1<<20))), "too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := s.signal(t)
			if err != nil {
				t.Fatal(err)
			}
			_ = ws.WriteFrame(conn, ws.MaskFrame(c.frame)) // what is too large is not read to its end
			refusedWith(t, conn, c.code)
		})
	}
	if err := ws.WriteFrame(other, ws.MaskFrame(ws.NewPingFrame([]byte("still?")))); err != nil {
		t.Fatal(err)
	}
	if f, err := ws.ReadFrame(other); err != nil || f.Header.OpCode != ws.OpPong {
		t.Errorf("another connection got %v, %v", f.Header.OpCode, err)
	}
	a := s.nobody().wants(t, http.StatusUpgradeRequired, http.MethodGet, "/signal", "")
	if !strings.Contains(a.body, "WebSocket") {
		t.Errorf("a request that is no WebSocket's gets %q", a.body)
	}
	foreign := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Origin": {"https://elsewhere.example"}}}
	host, _ := url.Parse(s.base)
	var status ws.StatusError
	if _, _, _, err := foreign.Dial(t.Context(), "ws://"+host.Host+"/signal"); !errors.As(err, &status) || int(status) != http.StatusForbidden {
		t.Errorf("a page of another site gets %v, want 403", err)
	}
}

// refusedWith reads until the service refuses with the code, in an error or as the reason with which it closes.
func refusedWith(t *testing.T, conn net.Conn, code string) {
	t.Helper()
	var others []string
	for {
		f, err := ws.ReadFrame(conn)
		if err != nil {
			t.Fatalf("%v after %q, want %q", err, others, code)
		}
		var m struct{ Type, Code string }
		switch f.Header.OpCode {
		case ws.OpText:
			if err := json.Unmarshal(f.Payload, &m); err != nil {
				t.Fatalf("%s: %v", f.Payload, err)
			}
		case ws.OpClose:
			_, m.Code = ws.ParseCloseFrameData(f.Payload)
		default: // a ping
			continue
		}
		if m.Code == code {
			return
		}
		others = append(others, string(f.Payload))
		if f.Header.OpCode == ws.OpClose {
			t.Fatalf("closed after %q, want %q", others, code)
		}
	}
}
