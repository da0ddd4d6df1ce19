package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// subscriptionsStory: a program asks to be told of readings of a kind, by a hook and over a WebSocket, and is; people cannot ask, nor read what was
// asked for.
func subscriptionsStory(t *testing.T, s *live, all *liveCaller) {
	told := make(chan string, 16)
	his := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization") + " " + string(body)
	}))
	defer his.Close()
	s.secrets = append(s.secrets, "his-s3cret", his.URL)
	subscriber := s.newProgram(t, "system/Subscription.cruds system/Observation.rs")
	asked := func(id, channel string) string {
		return `{"resourceType":"Subscription","id":"` + id + `","status":"requested","reason":"Kết nối bệnh viện","criteria":"Observation?code=http://loinc.org|2339-0","channel":{` + channel + `}}`
	}
	hook := asked("kx-hook", `"type":"rest-hook","endpoint":"`+his.URL+`/fhir","payload":"application/fhir+json","header":["Authorization: Bearer his-s3cret"]`)
	for _, wrong := range []string{strings.Replace(hook, his.URL, "https://elsewhere.example", 1), strings.Replace(hook, "requested", "active", 1)} {
		if a := subscriber.do(t, "PUT", "/fhir/Subscription/kx-hook", wrong); a.status/100 != 4 || !strings.Contains(a.body, "Subscription.") {
			t.Errorf("answered %d: %s", a.status, clipped(a.body))
		}
	}
	subscriber.wants(t, http.StatusCreated, "PUT", "/fhir/Subscription/kx-hook", hook)
	subscriber.wants(t, http.StatusCreated, "PUT", "/fhir/Subscription/kx-socket", asked("kx-socket", `"type":"websocket"`))
	for id := range map[string]bool{"kx-hook": true, "kx-socket": true} {
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(subscriber.get(t, "/fhir/Subscription/"+id).body, `"status":"active"`); {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not become active: %s", id, subscriber.get(t, "/fhir/Subscription/"+id).body)
			}
		}
	}

	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + subscriber.token}}, Timeout: 10 * time.Second}
	conn, _, _, err := dialer.Dial(t.Context(), "ws"+strings.TrimPrefix(s.base, "http")+"/fhir/websocket")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	hears := func(want string) {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := wsutil.ReadServerText(conn); err != nil || string(got) != want {
			t.Fatalf("heard %q, %v, want %q", got, err, want)
		}
	}
	if err := wsutil.WriteClientText(conn, []byte("bind kx-socket")); err != nil {
		t.Fatal(err)
	}
	hears("bound kx-socket")

	all.wants(t, http.StatusCreated, "PUT", "/fhir/Observation/kx-glucose", `{"resourceType":"Observation","id":"kx-glucose","status":"final",
		"code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}]},"subject":{"reference":"Patient/`+hereID+`"},"effectiveDateTime":"2026-11-01T08:00:00+07:00",
		"valueQuantity":{"value":130,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"}}`)
	hears("ping kx-socket")
	select {
	case got := <-told:
		if !strings.HasPrefix(got, "PUT /fhir/Observation/kx-glucose Bearer his-s3cret {") || !strings.Contains(got, `"value":130`) {
			t.Errorf("the hospital was told %s", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the hospital was told nothing")
	}
	auditor := s.newProgram(t, "system/AuditEvent.rs")
	if events := auditEvents(t, auditor, "subscription.resource"); len(events) != 1 || events[0].Get("agent").At(0).Get("who").Get("reference").String() != subscriber.who {
		t.Errorf("the trail has %d events of what was sent", len(events))
	}

	s.signedIn(t, "doctor").wants(t, http.StatusForbidden, "GET", "/fhir/Subscription/kx-hook", "")
	all.wants(t, http.StatusOK, "GET", "/fhir/Subscription/kx-hook", "")
	s.newProgram(t, "system/Observation.rs").wants(t, http.StatusForbidden, "GET", "/fhir/Subscription/kx-hook", "")
	subscriber.wants(t, http.StatusNoContent, "DELETE", "/fhir/Subscription/kx-hook", "")
	subscriber.wants(t, http.StatusNoContent, "DELETE", "/fhir/Subscription/kx-socket", "")
}
