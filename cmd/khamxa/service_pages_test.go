package main

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"khamxa/fhir"
)

// rolesStory: each page is for its roles. Who has none of them is refused, and a stranger is asked to sign in.
func rolesStory(t *testing.T, s *live, _ *liveCaller) {
	for _, c := range []struct {
		path                           string
		doctor, manager, administrator int
	}{
		{"/consults", 200, 403, 403},
		{"/consults/new", 200, 403, 403},
		{"/consults/events", 200, 403, 403},
		{"/patients", 200, 403, 403},
		{"/patients/new", 200, 403, 403},
		{"/patients/" + hereID, 200, 403, 403},
		{"/patients/" + thereID, 404, 403, 403},
		{"/screenings/new?patient=" + hereID, 200, 403, 403},
		{"/reports", 200, 200, 403},
		{"/reports/hypertension", 200, 200, 403},
		{"/reports/hypertension?commune=" + thereCommune, 404, 200, 403},
		{"/reports/hypertension/people?state=controlled", 200, 200, 403},
		{"/admin", 403, 403, 200},
		{"/admin/staff/new", 403, 403, 200},
		{"/admin/clients/new", 403, 403, 200},
	} {
		t.Run(c.path, func(t *testing.T) {
			if strings.HasSuffix(c.path, "/events") { // it does not end: its status is enough
				for role, want := range map[string]int{"doctor": c.doctor, "manager": c.manager, "admin": c.administrator} {
					stream := s.openEvents(t, s.signedIn(t, role))
					if stream.StatusCode != want {
						t.Errorf("the %s gets %d, want %d", role, stream.StatusCode, want)
					}
				}
				return
			}
			s.signedIn(t, "doctor").wants(t, c.doctor, "GET", c.path, "")
			s.signedIn(t, "manager").wants(t, c.manager, "GET", c.path, "")
			s.signedIn(t, "admin").wants(t, c.administrator, "GET", c.path, "")
			if a := s.nobody().wants(t, http.StatusSeeOther, "GET", c.path, ""); !strings.HasPrefix(a.header.Get("Location"), "/login?next=") {
				t.Errorf("a stranger is led to %q", a.header.Get("Location"))
			}
		})
	}
	t.Run("what is posted", func(t *testing.T) {
		form := "Content-Type: application/x-www-form-urlencoded"
		for path, role := range map[string]string{"/patients": "manager", "/screenings": "manager", "/consults": "manager", "/admin/staff": "doctor", "/admin/clients": "manager"} {
			s.signedIn(t, role).wants(t, http.StatusForbidden, "POST", path, "name=X", form)
			s.nobody().wants(t, http.StatusUnauthorized, "POST", path, "name=X", form)
		}
	})
}

// openEvents opens the live stream of changes, which ends with the test.
func (s *live) openEvents(t *testing.T, who *liveCaller) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/consults/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	answer, err := who.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() }) // it has ended
	return answer
}

var (
	personRow  = regexp.MustCompile(`class="person" data-patient="([^"]*)"`)
	controlled = regexp.MustCompile(`id="state-controlled"[^>]* data-count="(\d+)"`)
	headOfLog  = regexp.MustCompile(`(?m)^head (\d+) sha256:`)
)

// listStory: the number that a manager sees opens the list of just those people, and a population that is made while the service runs
// moves both.
func listStory(t *testing.T, s *live, _ *liveCaller) {
	manager := s.signedIn(t, "manager")
	report := func() (count string) {
		t.Helper()
		s.khamxa(t, "verify") // it waits until the figures hold what is in the log, and counts them again
		page := manager.wants(t, http.StatusOK, "GET", "/reports/hypertension", "")
		return dataNumber(t, page.body, controlled.String())
	}
	list := func() (count string, people []string) {
		t.Helper()
		page := manager.wants(t, http.StatusOK, "GET", "/reports/hypertension/people?state=controlled", "")
		for _, m := range personRow.FindAllStringSubmatch(page.body, -1) {
			people = append(people, m[1])
		}
		return dataNumber(t, page.body, `id="people"[^>]* data-count="(\d+)"`), people
	}
	before := report()
	count, people := list()
	if before != "2" || count != before || !slices.Contains(people, hereID) || !slices.Contains(people, thereID) {
		t.Errorf("the report says %s, the list %s with %q; want both patients of this test", before, count, people)
	}
	doctor := s.signedIn(t, "doctor").wants(t, http.StatusOK, "GET", "/reports/hypertension/people?state=controlled", "").body
	if !strings.Contains(doctor, hereName) || strings.Contains(doctor, thereName) {
		t.Error("the doctor's list is not that of their commune")
	}
	s.khamxa(t, "seed", "--patients", "60", "--months", "12", "--seed", "5")
	after := report()
	count, people = list()
	if after == before || count != after || after != decimal(len(people)) {
		t.Errorf("after the seed the report says %s (before: %s), the list %s with %d people", after, before, count, len(people))
	}
}

// practitionersStory: an account, demo's or made by a command, is a Practitioner with its PractitionerRole in the register.
func practitionersStory(t *testing.T, s *live, all *liveCaller) {
	s.khamxa(t, "staff create", "--login", "lan", "--name", "BS. Vũ Thị Lan", "--role", "specialist", "--commune", thereCommune)
	for _, c := range []struct{ name, role, station string }{
		{"BS. Vũ Thị Lan", "specialist", "Organization/tyt-" + thereCommune},
		{"BS. Trần Thị Mai", "doctor", "Organization/tyt-" + hereCommune},
		{"Phạm Văn Quản", "manager", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := all.wants(t, http.StatusOK, "GET", "/fhir/Practitioner?name:exact="+queryEscape(c.name), "").ids(t, "Practitioner")
			if len(found) != 1 {
				t.Fatalf("found %q", found)
			}
			bundle, err := fhir.Parse([]byte(all.wants(t, http.StatusOK, "GET", "/fhir/PractitionerRole?practitioner="+found[0], "").body))
			if err != nil || len(bundle.Root.Get("entry").Items()) != 1 {
				t.Fatalf("%v: %s", err, bundle.Raw)
			}
			role := bundle.Root.Get("entry").At(0).Get("resource")
			if got := role.Get("code").At(0).Get("coding").At(0).Get("code").String(); got != c.role {
				t.Errorf("the role is %q, want %q", got, c.role)
			}
			if got := role.Get("organization").Get("reference").String(); got != c.station {
				t.Errorf("the station is %q, want %q", got, c.station)
			}
		})
	}
}

// otherSitesStory: a page of another site cannot make a browser that is signed in change anything (CSRF).
func otherSitesStory(t *testing.T, s *live, _ *liveCaller) {
	doctor := s.signedIn(t, "doctor")
	form := "Content-Type: application/x-www-form-urlencoded"
	for name, headers := range map[string][]string{
		"Sec-Fetch-Site": {"Sec-Fetch-Site: cross-site"}, "a neighbour": {"Sec-Fetch-Site: same-site"},
		"Origin": {"Origin: https://elsewhere.example"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/consults", "/patients", "/screenings", "/logout", "/login", "/fhir/Patient"} {
				doctor.wants(t, http.StatusForbidden, "POST", path, "patient="+hereID, append(headers, form)...)
			}
		})
	}
	own := doctor.wants(t, http.StatusSeeOther, "POST", "/consults", "patient="+hereID+"&when=now", form, "Sec-Fetch-Site: same-origin", "Origin: "+s.base)
	if !strings.HasPrefix(own.header.Get("Location"), "/consults/") {
		t.Errorf("the doctor's own page is led to %q", own.header.Get("Location"))
	}
}

// headersStory: whatever is answered, a browser is told to believe nothing but our own pages.
func headersStory(t *testing.T, s *live, _ *liveCaller) {
	patient := strings.TrimPrefix(strings.Split(s.consult.PatientURL, "#")[0], s.base)
	for _, path := range []string{"/login", "/consults", patient, "/nowhere", "/fhir/metadata", "/fhir/Patient", "/healthz", "/signal", "/metrics"} {
		t.Run(path, func(t *testing.T) {
			h := s.nobody().get(t, path).header
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin",
			} {
				if h.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, h.Get(name), want)
				}
			}
			policy := h.Get("Content-Security-Policy")
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe-") {
				t.Errorf("Content-Security-Policy: %s", policy)
			}
			if !strings.Contains(h.Get("Permissions-Policy"), "camera=(self)") {
				t.Errorf("Permissions-Policy: %s", h.Get("Permissions-Policy"))
			}
			if got := h.Get("Cache-Control"); !strings.Contains(got, "no-store") {
				t.Errorf("Cache-Control: %s", got)
			}
		})
	}
	login := "login=" + s.staff["manager"].Login + "&password=" + s.staff["manager"].Password
	a := s.nobody().wants(t, http.StatusSeeOther, "POST", "/login", login, "Content-Type: application/x-www-form-urlencoded")
	if cookie := a.header.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("the session's cookie: %s", cookie)
	}
}

// metricsStory: /metrics has the numbers that the runbook names, by route and kind, and nothing of a person.
func metricsStory(t *testing.T, s *live, _ *liveCaller) {
	s.nobody().get(t, "/some/"+hereID+"/stranger's-path")
	body := s.nobody().wants(t, http.StatusOK, "GET", "/metrics", "").body
	for _, line := range []string{
		`khamxa_http_seconds_count{method="GET",route="/patients/{id}",status="200"}`, `khamxa_http_seconds_count{method="GET",route="none",status="404"}`,
		`khamxa_fhir_seconds_count{interaction="read",status="200"}`, "khamxa_log_head ", "khamxa_figures_position ", "khamxa_figures_people ",
		"khamxa_signal_connections ", "khamxa_rooms ", "khamxa_media_up 1", "khamxa_media_peers ", "khamxa_media_packets_in_total ",
		"khamxa_media_packets_out_total ", "khamxa_media_retransmitted_total ", "khamxa_media_unrepaired_total ", "khamxa_media_key_frame_requests_total ",
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(body, "\n"+line) {
			t.Errorf("there is no %s", line)
		}
	}
	for _, personal := range append([]string{hereID, thereID, hereName, herePhone, "Patient/", "stranger", "kx-", "bacsi"}, s.secrets...) {
		if strings.Contains(body, personal) {
			t.Errorf("/metrics tells %q", personal)
		}
	}
}
