package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// demoLinesStory: the JSON lines are those of the contract, in this order, and each opens what it says.
func demoLinesStory(t *testing.T, s *live, _ *liveCaller) {
	if len(s.raw) != 4 {
		t.Fatalf("%d lines, want three accounts and a consult:\n%s", len(s.raw), strings.Join(s.raw, "\n"))
	}
	var roles []string
	for role, l := range s.staff {
		if l.Demo != "staff" || l.Login == "" || len(l.Password) < 12 {
			t.Errorf("%+v", l)
		}
		roles = append(roles, role)
	}
	slices.Sort(roles)
	if diff := cmp.Diff([]string{"admin", "doctor", "manager"}, roles); diff != "" {
		t.Error("roles (-want +got):\n" + diff)
	}
	patient, err := url.Parse(s.consult.PatientURL)
	if err != nil || patient.Scheme+"://"+patient.Host != s.base || !strings.HasPrefix(patient.Path, "/j/") || len(patient.Fragment) < 22 || patient.RawQuery != "" {
		t.Errorf("patient_url %q, %v", s.consult.PatientURL, err)
	}
	if !strings.HasPrefix(s.consult.DoctorURL, s.base+"/consults/") {
		t.Errorf("doctor_url %q", s.consult.DoctorURL)
	}
	page := s.nobody().wants(t, http.StatusOK, http.MethodGet, patient.Path, "")
	if strings.Contains(page.body, "Mẫu") {
		t.Error("the patient's page tells the patient's name to whoever has its address")
	}
	console := strings.TrimPrefix(s.consult.DoctorURL, s.base)
	s.nobody().wants(t, http.StatusSeeOther, http.MethodGet, console, "")
	if a := s.signedIn(t, "doctor").wants(t, http.StatusOK, http.MethodGet, console, ""); !strings.Contains(a.body, "Nguyễn Thị Mẫu") {
		t.Error("the doctor's page does not name the patient")
	}
	for role, home := range map[string]string{"doctor": "/consults", "manager": "/reports", "admin": "/admin"} {
		if a := s.signedIn(t, role).wants(t, http.StatusSeeOther, http.MethodGet, "/", ""); a.header.Get("Location") != home {
			t.Errorf("the %s is led to %q, want %q", role, a.header.Get("Location"), home)
		}
	}
	login := url.Values{"login": {s.staff["doctor"].Login}, "password": {"not the password"}}
	a := s.nobody().wants(t, http.StatusUnauthorized, http.MethodPost, "/login", login.Encode(), "Content-Type: application/x-www-form-urlencoded")
	if len(a.header.Values("Set-Cookie")) > 0 {
		t.Error("a wrong password gets a session")
	}
}

// programsStory: a program does with its token what its scopes say, and nothing else.
func programsStory(t *testing.T, s *live, all *liveCaller) {
	reader := s.newProgram(t, "system/Patient.rs")
	writer := s.newProgram(t, "system/Observation.cud system/Patient.r")
	both := livePressure("bp-program", hereID, 131, 81)
	for _, c := range []struct {
		name         string
		who          *liveCaller
		method, path string
		body         string
		status       int
	}{
		{"reads what it may read", reader, "GET", "/fhir/Patient/" + hereID, "", 200},
		{"searches what it may search", reader, "GET", "/fhir/Patient?name=hai+yen", "", 200},
		{"does not write what it may read", reader, "PUT", "/fhir/Patient/" + hereID, livePatient(hereID, hereName, herePhone, hereCommune), 403},
		{"does not delete what it may read", reader, "DELETE", "/fhir/Patient/" + hereID, "", 403},
		{"does not read another type", reader, "GET", "/fhir/Observation/bp-" + hereID, "", 403},
		{"does not search another type", reader, "GET", "/fhir/Observation?patient=" + hereID, "", 403},
		{"does not read the audit trail", reader, "GET", "/fhir/AuditEvent", "", 403},
		{"writes what it may write", writer, "PUT", "/fhir/Observation/bp-program", both, 201},
		{"does not read what it may only write", writer, "GET", "/fhir/Observation/bp-program", "", 403},
		{"does not search what it may only read", writer, "GET", "/fhir/Patient?name=hai", "", 403},
		{"deletes what it may delete", writer, "DELETE", "/fhir/Observation/bp-program", "", 204},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.who.wants(t, c.status, c.method, c.path, c.body)
			if c.status != http.StatusForbidden {
				return
			}
			if code, _, text := a.outcome(t); code != "forbidden" || text == "" {
				t.Errorf("issue %q: %q", code, text)
			}
		})
	}
	t.Run("a transaction is held to the scopes", func(t *testing.T) {
		bundle := func(entry string) string {
			return `{"resourceType":"Bundle","type":"transaction","entry":[` + entry + `]}`
		}
		put := func(path, body string) string {
			return `{"resource":` + body + `,"request":{"method":"PUT","url":"` + path + `"}}`
		}
		smuggled := put("Observation/bp-smuggled", livePressure("bp-smuggled", hereID, 120, 80)) + "," +
			put("Patient/kx-smuggled", livePatient("kx-smuggled", "X", herePhone, hereCommune))
		writer.wants(t, http.StatusForbidden, "POST", "/fhir/", bundle(smuggled))
		all.wants(t, http.StatusNotFound, "GET", "/fhir/Observation/bp-smuggled", "")
		all.wants(t, http.StatusNotFound, "GET", "/fhir/Patient/kx-smuggled", "")
	})
	t.Run("_revinclude is held to the scopes", func(t *testing.T) {
		const query = "/fhir/Patient?_id=" + hereID + "&_revinclude=Observation:subject"
		if both := s.newProgram(t, "system/Patient.rs system/Observation.r").get(t, query).ids(t, "Observation"); len(both) == 0 {
			t.Fatal("who may read both gets no observation: the case shows nothing")
		}
		if got := reader.get(t, query).ids(t, "Observation"); len(got) > 0 {
			t.Errorf("it gets %q", got)
		}
	})
	t.Run("no scope writes the audit trail", func(t *testing.T) {
		auditor := s.newProgram(t, "system/*.cruds system/AuditEvent.cruds")
		auditor.wants(t, http.StatusForbidden, "POST", "/fhir/AuditEvent", `{"resourceType":"AuditEvent"}`)
		kept := auditor.get(t, "/fhir/AuditEvent?_count=1").ids(t, "AuditEvent")
		if len(kept) != 1 {
			t.Fatalf("the trail has %q", kept)
		}
		auditor.wants(t, http.StatusOK, "GET", "/fhir/AuditEvent/"+kept[0], "")
		auditor.wants(t, http.StatusForbidden, "PUT", "/fhir/AuditEvent/"+kept[0], `{"resourceType":"AuditEvent","id":"`+kept[0]+`"}`)
		auditor.wants(t, http.StatusForbidden, "DELETE", "/fhir/AuditEvent/"+kept[0], "")
		confined := s.newProgram(t, "system/*.cruds system/AuditEvent.rs", hereCommune)
		const query = "/fhir/Patient?_id=" + hereID + "&_revinclude=AuditEvent:entity"
		if got := auditor.get(t, query).ids(t, "AuditEvent"); len(got) == 0 {
			t.Error("who may read the trail does not get it by _revinclude: the case shows nothing")
		}
		for name, who := range map[string]*liveCaller{"a wildcard": all, "a program of one commune": confined} {
			who.wants(t, http.StatusForbidden, "GET", "/fhir/AuditEvent?_count=1", "")
			who.wants(t, http.StatusForbidden, "GET", "/fhir/AuditEvent/"+kept[0], "")
			if got := who.get(t, query).ids(t, "AuditEvent"); len(got) > 0 {
				t.Errorf("%s gets %q by _revinclude", name, got)
			}
		}
	})
	t.Run("only the data officer's program erases", func(t *testing.T) {
		officer := s.newProgram(t, "system/Patient.cruds system/AuditEvent.rs")
		officer.wants(t, http.StatusCreated, "PUT", "/fhir/Patient/erased", `{"resourceType":"Patient","id":"erased"}`)
		const path, body = "/fhir/Patient/erased/$purge", `{"resourceType":"Parameters","parameter":[{"name":"confirm","valueString":"Patient/erased"}]}`
		for name, who := range map[string]*liveCaller{
			"a wildcard":               all,
			"who deletes patients":     s.newProgram(t, "system/Patient.cruds"),
			"who reads the trail":      s.newProgram(t, "system/AuditEvent.rs"),
			"a program of one commune": s.newProgram(t, "system/Patient.cruds system/AuditEvent.rs", hereCommune),
			"a doctor":                 s.signedIn(t, "doctor"),
		} {
			if got := who.wants(t, http.StatusForbidden, "POST", path, body); !strings.Contains(got.body, "purge") {
				t.Errorf("%s: %s", name, got.body)
			}
		}
		officer.wants(t, http.StatusOK, "POST", path, body)
		officer.wants(t, http.StatusGone, "GET", "/fhir/Patient/erased", "")
	})
	t.Run("credentials that are wrong", func(t *testing.T) {
		form := "Content-Type: application/x-www-form-urlencoded"
		a := s.nobody().wants(t, http.StatusUnauthorized, "POST", "/oauth/token", "grant_type=client_credentials", form, "Authorization: Basic eDp5")
		if !strings.Contains(a.body, `"invalid_client"`) {
			t.Error(a.body)
		}
		s.nobody().wants(t, http.StatusUnauthorized, "GET", "/fhir/Patient", "", "Authorization: Bearer "+reader.token+"x")
		s.nobody().wants(t, http.StatusBadRequest, "POST", "/oauth/token", "grant_type=password", form)
	})
}

// confinedStory: one rule in every way in. What a program of another commune gets of a patient is what it would get if there were none.
func confinedStory(t *testing.T, s *live, all *liveCaller) {
	here := s.newProgram(t, "system/*.cruds", hereCommune)
	for _, path := range []string{
		"/fhir/Patient/" + thereID, "/fhir/Patient/" + thereID + "/_history", "/fhir/Patient/" + thereID + "/_history/1",
		"/fhir/Observation/bp-" + thereID, "/fhir/Observation/bp-" + thereID + "/_history", "/fhir/EpisodeOfCare/care-" + thereID,
	} {
		t.Run("not found: "+path, func(t *testing.T) {
			all.wants(t, http.StatusOK, "GET", path, "")
			a := here.wants(t, http.StatusNotFound, "GET", path, "")
			none := here.wants(t, http.StatusNotFound, "GET", strings.ReplaceAll(path, thereID, "kx-nobody"), "")
			if a.body != none.body {
				t.Errorf("the refusal tells that there is one:\n%s\n%s", a.body, none.body)
			}
			here.wants(t, http.StatusOK, "GET", strings.ReplaceAll(path, thereID, hereID), "")
		})
	}
	for _, c := range []struct{ name, query, typ, mine, notMine string }{
		{"search", "Patient?_id=" + hereID + "," + thereID, "Patient", hereID, thereID},
		{"search by name", "Patient?name=" + url.QueryEscape("Nguyễn Thị Hải,Phạm Văn Trường"), "Patient", hereID, thereID},
		{"search of observations", "Observation?_id=bp-" + hereID + ",bp-" + thereID, "Observation", "bp-" + hereID, "bp-" + thereID},
		{"_include", "Observation?_id=bp-" + hereID + ",bp-" + thereID + "&_include=Observation:subject", "Patient", hereID, thereID},
		{"_revinclude", "Patient?_id=" + hereID + "," + thereID + "&_revinclude=Observation:subject", "Observation", "bp-" + hereID, "bp-" + thereID},
		{"_include of a station's patients", "Organization?_id=tyt-" + hereCommune + ",tyt-" + thereCommune + "&_revinclude=Patient:organization", "Patient", hereID, thereID},
	} {
		t.Run(c.name, func(t *testing.T) {
			full := all.wants(t, http.StatusOK, "GET", "/fhir/"+c.query, "").ids(t, c.typ)
			if !slices.Contains(full, c.mine) || !slices.Contains(full, c.notMine) {
				t.Fatalf("who is not confined finds %q: the case shows nothing", full)
			}
			got := here.wants(t, http.StatusOK, "GET", "/fhir/"+c.query, "").ids(t, c.typ)
			if !slices.Contains(got, c.mine) || slices.Contains(got, c.notMine) {
				t.Errorf("found %q, want %s and not %s", got, c.mine, c.notMine)
			}
		})
	}
	t.Run("writes", func(t *testing.T) {
		here.wants(t, http.StatusNotFound, "PUT", "/fhir/Patient/"+thereID, livePatient(thereID, "X", therePhone, hereCommune))
		here.wants(t, http.StatusForbidden, "PUT", "/fhir/Patient/kx-new", livePatient("kx-new", "X", therePhone, thereCommune))
		here.wants(t, http.StatusForbidden, "PUT", "/fhir/Observation/bp-foreign", livePressure("bp-foreign", thereID, 120, 80))
		here.wants(t, http.StatusNotFound, "PUT", "/fhir/Observation/bp-"+thereID, livePressure("bp-"+thereID, hereID, 120, 80))
		if a := all.get(t, "/fhir/Patient/"+thereID); !strings.Contains(a.body, thereName) || a.header.Get("ETag") != `W/"2"` {
			t.Errorf("the record of the other commune has changed: %s", a.body)
		}
		unassigned := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"display":"X"}}`
		here.wants(t, http.StatusForbidden, "POST", "/fhir/Observation", unassigned)
		entry := `{"resource":` + unassigned + `,"request":{"method":"POST","url":"Observation"}}`
		here.wants(t, http.StatusForbidden, "POST", "/fhir/", `{"resourceType":"Bundle","type":"transaction","entry":[`+entry+`]}`)
	})
	t.Run("what is the whole province's", func(t *testing.T) {
		for _, typ := range []string{"Organization/tyt-", "Location/xa-"} {
			kept := all.wants(t, http.StatusOK, "GET", "/fhir/"+typ+hereCommune, "")
			here.wants(t, http.StatusOK, "GET", "/fhir/"+typ+hereCommune, "")
			here.wants(t, http.StatusForbidden, "PUT", "/fhir/"+typ+hereCommune, kept.body)
			here.wants(t, http.StatusForbidden, "DELETE", "/fhir/"+typ+hereCommune, "")
			all.wants(t, http.StatusOK, "GET", "/fhir/"+typ+hereCommune, "")
		}
		here.wants(t, http.StatusForbidden, "POST", "/fhir/Practitioner", `{"resourceType":"Practitioner"}`)
	})
	for name, subject := range map[string]string{
		"absolute":   `{"reference":"` + s.base + `/fhir/Patient/` + thereID + `"}`,
		"elsewhere":  `{"reference":"https://other.example/fhir/Patient/` + thereID + `"}`,
		"contained":  `{"reference":"#p"}`,
		"identifier": `{"type":"Patient","identifier":{"system":"urn:x","value":"1"}}`,
		"display":    `{"display":"` + thereName + `"}`,
	} {
		t.Run("a subject in another form: "+name, func(t *testing.T) {
			id := "kx-form-" + name
			body := `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"text":"x"},
				"contained":[{"resourceType":"Patient","id":"p","name":[{"text":"` + thereName + `"}]}],"subject":` + subject + `}`
			all.wants(t, http.StatusCreated, "PUT", "/fhir/Observation/"+id, body)
			defer all.wants(t, http.StatusNoContent, "DELETE", "/fhir/Observation/"+id, "")
			all.wants(t, http.StatusOK, "GET", "/fhir/Observation/"+id, "")
			here.wants(t, http.StatusNotFound, "GET", "/fhir/Observation/"+id, "")
			if got := here.get(t, "/fhir/Observation?_id="+id).ids(t, "Observation"); len(got) > 0 {
				t.Errorf("found %q", got)
			}
		})
	}
	t.Run("a patient of a station in another form", func(t *testing.T) {
		for _, station := range []string{`{"reference":"` + s.base + `/fhir/Organization/tyt-` + thereCommune + `"}`, `{"display":"Trạm"}`} {
			body := `{"resourceType":"Patient","id":"kx-form","managingOrganization":` + station + `}`
			all.do(t, "PUT", "/fhir/Patient/kx-form", body)
			all.wants(t, http.StatusOK, "GET", "/fhir/Patient/kx-form", "")
			here.wants(t, http.StatusNotFound, "GET", "/fhir/Patient/kx-form", "")
		}
		all.wants(t, http.StatusNoContent, "DELETE", "/fhir/Patient/kx-form", "")
	})
}

// doctorStory: the session of a doctor is good for /fhir too, for their own commune; a manager's is good for no patient.
func doctorStory(t *testing.T, s *live, _ *liveCaller) {
	doctor, manager, admin := s.signedIn(t, "doctor"), s.signedIn(t, "manager"), s.signedIn(t, "admin")
	if a := doctor.wants(t, http.StatusOK, "GET", "/fhir/Patient/"+hereID, ""); !strings.Contains(a.body, hereName) {
		t.Error(a.body)
	}
	doctor.wants(t, http.StatusNotFound, "GET", "/fhir/Patient/"+thereID, "")
	if got := doctor.wants(t, http.StatusOK, "GET", "/fhir/Patient", "").ids(t, "Patient"); !slices.Contains(got, hereID) || slices.Contains(got, thereID) {
		t.Errorf("the doctor finds %q", got)
	}
	doctor.wants(t, http.StatusForbidden, "DELETE", "/fhir/Patient/"+hereID, "")
	doctor.wants(t, http.StatusForbidden, "GET", "/fhir/AuditEvent", "")
	doctor.wants(t, http.StatusForbidden, "PUT", "/fhir/AuditEvent/x", `{"resourceType":"AuditEvent","id":"x"}`)
	for _, path := range []string{"/fhir/Patient/" + hereID, "/fhir/Patient", "/fhir/Observation", "/fhir/AuditEvent"} {
		manager.wants(t, http.StatusForbidden, "GET", path, "")
		admin.wants(t, http.StatusForbidden, "GET", path, "")
	}
	manager.wants(t, http.StatusOK, "GET", "/fhir/Organization/tyt-"+hereCommune, "")
}
