package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/internal/audit"
	"khamxa/internal/fault"
)

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func wants(t *testing.T, body string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(body, p) {
			t.Errorf("the page does not hold %q", p)
		}
	}
}

func TestBookingForm(t *testing.T) {
	w := newWorld(t)
	found := text(t, w.get("/consults/new?q=hoa"))
	wants(t, found, "Nguyễn Thị Hoà", "0912\u00a0345\u00a0678", `href="/consults/new?patient=p1"`, `value="hoa"`)
	wants(t, text(t, w.get("/consults/new?q=zzz")), "Không tìm thấy ai", `value="zzz"`)

	page := text(t, w.get("/consults/new?patient=p1"))
	_, rest, _ := strings.Cut(page, `name="id" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	send := form("id", id, "patient", "p1", "when", "now", "reason", "Đau đầu")
	for range 2 { // the button was pressed twice
		res := w.post("/consults", send, asForm)
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/consults/"+id {
			t.Fatalf("%d to %s: %s", res.StatusCode, res.Header.Get("Location"), text(t, res))
		}
	}
	q, err := w.service.Queue(t.Context(), w.doctor)
	if err != nil || len(q.Booked) != 1 || q.Booked[0].Note.Reason.Text != "Đau đầu" {
		t.Errorf("booked %d, %v", len(q.Booked), err)
	}
}

func TestBookingErrorsKeepWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	for name, at := range map[string]string{"no time": "", "not a time": "tomorrow", "in the past": "2020-01-01T08:00"} {
		t.Run(name, func(t *testing.T) {
			res := w.post("/consults", form("id", "c20261123-abcdefgh", "patient", "p1", "when", "later", "at", at, "reason", "Đau đầu"), asForm)
			body := text(t, res)
			if res.StatusCode != http.StatusBadRequest {
				t.Fatalf("%d", res.StatusCode)
			}
			wants(t, body, `id="at-error"`, `>Đau đầu</textarea>`, `id="when-later" checked`, `value="c20261123-abcdefgh"`, "Nguyễn Thị Hoà")
			if at != "" {
				wants(t, body, `value="`+at+`"`)
			}
		})
	}
	if res := w.post("/consults", form("patient", "p2", "when", "now"), asForm); res.StatusCode != http.StatusNotFound {
		t.Errorf("a patient that is not there: %d", res.StatusCode)
	}
}

func TestInviteShowsTheLinkOnce(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	res := w.post("/consults/"+c.ID+"/invite", "", asJSON)
	var link struct {
		URL string `json:"url"`
		QR  struct {
			Size int    `json:"size"`
			Path string `json:"path"`
		} `json:"qr"`
	}
	if err := json.Unmarshal([]byte(text(t, res)), &link); err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode, err)
	}
	u, err := url.Parse(link.URL)
	if err != nil || u.Host != "example.com" || !strings.HasPrefix(u.Path, "/j/") || len(u.Fragment) < 26 || u.RawQuery != "" {
		t.Errorf("the link is %s, %v", link.URL, err)
	}
	if link.QR.Size < 29 || !strings.HasPrefix(link.QR.Path, "M") {
		t.Errorf("the QR code: %d %q", link.QR.Size, link.QR.Path)
	}
	if strings.Contains(text(t, w.get("/consults/"+c.ID)), u.Fragment) {
		t.Error("the secret is in the page later on")
	}
	plain := text(t, w.post("/consults/"+c.ID+"/invite", "", asForm))
	_, rest, _ := strings.Cut(plain, `<input id="link" type="text" readonly value="`)
	second, _, _ := strings.Cut(rest, `"`)
	if _, secret, ok := strings.Cut(second, "#"); !ok || len(secret) < 26 || secret == u.Fragment {
		t.Errorf("without a script the page shows %q", second)
	}
	if strings.Contains(w.logs.String(), u.Fragment) {
		t.Error("the secret is in the log")
	}
}

func TestVitalsForm(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	path := "/consults/" + c.ID + "/vitals"
	for name, tt := range map[string]struct {
		sys, dia, pulse string
		errors          []string
	}{
		"letters":     {"abc", "95", "", []string{"systolic"}},
		"swapped":     {"95", "160", "", []string{"diastolic"}},
		"both empty":  {"", "", "", []string{"systolic", "diastolic"}},
		"too high":    {"400", "95", "7", []string{"systolic", "pulse"}},
		"huge number": {"99999999999999999999", "95", "", []string{"systolic"}},
	} {
		t.Run(name, func(t *testing.T) {
			send := form("n", "1", "systolic", tt.sys, "diastolic", tt.dia, "pulse", tt.pulse)
			res := w.post(path, send, asForm)
			body := text(t, res)
			if res.StatusCode != http.StatusBadRequest {
				t.Fatalf("%d", res.StatusCode)
			}
			for field, id := range map[string]string{"systolic": "sys", "diastolic": "dia", "pulse": "pulse"} {
				if has := strings.Contains(body, `id="`+id+`-error"`); has != contains(tt.errors, field) {
					t.Errorf("%s: a sentence beside it: %v", field, has)
				}
			}
			if tt.sys != "" {
				wants(t, body, `value="`+tt.sys+`"`)
			}
			var p struct{ Fields map[string]string }
			res = w.post(path, send, asForm, func(r *http.Request) { r.Header.Set("Accept", "application/json") })
			if err := json.Unmarshal([]byte(text(t, res)), &p); err != nil || len(p.Fields) != len(tt.errors) {
				t.Errorf("to the script: %+v, %v", p, err)
			}
		})
	}
	res := w.post(path, form("n", "1", "systolic", "162", "diastolic", " 98 "), asForm)
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d: %s", res.StatusCode, text(t, res))
	}
	wants(t, text(t, w.get("/consults/"+c.ID)), "<strong>162/98</strong>", "Tăng huyết áp độ 2", "Đã ghi sổ")

	w.keeper.fail = fault.New(fault.Unavailable, "test", "down")
	res = w.post(path, form("n", "1", "systolic", "150", "diastolic", "90"), asForm)
	if body := text(t, res); res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "Chưa ghi được vào sổ") || !strings.Contains(body, `value="150"`) {
		t.Errorf("when the log is down: %d", res.StatusCode)
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func TestNoteByScriptAndByForm(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	path := "/consults/" + c.ID + "/note"
	got := text(t, w.post(path, `{"edits":[{"field":"plan","text":"một","base":0,"editor":"a","revision":1}]}`, asJSON))
	wants(t, got, `"versions":{"plan":1}`)
	got = text(t, w.post(path, `{"edits":[{"field":"plan","text":"hai","base":0,"editor":"b","revision":1}]}`, asJSON))
	wants(t, got, `"conflicts":{"plan":{"text":"một","version":1,"by":"BS. Trần Văn Nam"`)
	res := w.post(path, form("plan", "ba", "version-plan", "0", "findings", "bốn", "version-findings", "0"), asForm)
	body := text(t, res)
	if res.StatusCode != http.StatusBadRequest {
		t.Fatalf("%d", res.StatusCode)
	}
	wants(t, body, ">ba</textarea>", ">bốn</textarea>", "“một”", `name="version-plan" value="1"`)
	if res = w.post(path, form("plan", "ba", "version-plan", "1"), asForm); res.StatusCode != http.StatusSeeOther {
		t.Errorf("after looking: %d", res.StatusCode)
	}
	for name, bad := range map[string]string{"no such section": `{"edits":[{"field":"x","text":"","base":0}]}`, "not edits": `{"edits":1}`, "cut short": `{"edits":[`} {
		if res := w.post(path, bad, asJSON); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
}

func TestSignByForm(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	post := func(what string, with ...request) *http.Response {
		return w.post("/consults/"+c.ID+"/"+what, "", with...)
	}
	if res := post("sign", asForm); res.StatusCode != http.StatusConflict {
		t.Errorf("signing before the end: %d", res.StatusCode)
	}
	if res := post("end", asForm); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("end: %d", res.StatusCode)
	}
	body := text(t, post("sign", asForm))
	wants(t, body, "Hãy viết kết luận trước khi ký.", "Hãy viết hướng xử trí trước khi ký.")
	wants(t, text(t, post("sign", asJSON)), `"fields":{"assessment":`)
	w.post("/consults/"+c.ID+"/note", form("assessment", "THA", "version-assessment", "0", "plan", "Tái khám", "version-plan", "0"), asForm)
	if res := post("sign", asForm); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign: %d %s", res.StatusCode, text(t, res))
	}
	body = text(t, w.get("/consults/"+c.ID))
	wants(t, body, `data-consult="signed"`, "đã ký lúc", " readonly>THA</textarea>")
	wants(t, strings.Join(w.keeper.kept, "\n"), "sign "+c.ID)
}

func TestState(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	var s struct {
		Phase   string
		Can     []string
		Here    bool
		Measure bool
	}
	if err := json.Unmarshal([]byte(text(t, w.get("/consults/"+c.ID+"/state", asJSON))), &s); err != nil {
		t.Fatal(err)
	}
	if s.Phase != "admitted" || !s.Measure || !s.Here || !contains(s.Can, "end") || contains(s.Can, "sign") {
		t.Errorf("%+v", s)
	}
}

func TestNobodyAndOtherStationsGetNothing(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	routes := []struct{ method, path string }{
		{"GET", "/consults"},
		{"POST", "/consults"},
		{"GET", "/consults/new?q=hoa"},
		{"GET", "/consults/events"},
		{"GET", "/consults/" + c.ID},
		{"GET", "/consults/" + c.ID + "/state"},
		{"POST", "/consults/" + c.ID + "/invite"},
		{"POST", "/consults/" + c.ID + "/admit"},
		{"POST", "/consults/" + c.ID + "/end"},
		{"POST", "/consults/" + c.ID + "/sign"},
		{"POST", "/consults/" + c.ID + "/note"},
		{"POST", "/consults/" + c.ID + "/vitals"},
		{"POST", "/consults/" + c.ID + "/ticket"},
		{"POST", "/consults/" + c.ID + "/phone"},
		{"POST", "/consults/" + c.ID + "/cancel"},
		{"POST", "/consults/" + c.ID + "/no-show"},
	}
	for _, r := range routes {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			nobody := w.do(r.method, r.path, "", asForm, func(r *http.Request) { r.Header.Set("X-Test-Nobody", "1") })
			if body := text(t, nobody); nobody.StatusCode != http.StatusUnauthorized || strings.Contains(body, "Hoà") {
				t.Errorf("nobody gets %d", nobody.StatusCode)
			}
		})
	}
	w.doctor.Stations = []string{"Organization/tyt-14218"}
	for _, r := range routes[4:] {
		t.Run("another station, "+r.method+" "+r.path, func(t *testing.T) {
			body := ""
			if strings.HasSuffix(r.path, "vitals") {
				body = form("n", "1", "systolic", "150", "diastolic", "90")
			}
			res := w.do(r.method, r.path, body, asForm)
			if page := text(t, res); res.StatusCode != http.StatusNotFound || strings.Contains(page, "Hoà") {
				t.Errorf("another station gets %d", res.StatusCode)
			}
		})
	}
}

func TestGetChangesNothing(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	before, _ := w.service.Get(t.Context(), w.doctor, c.ID)
	kept := len(w.keeper.kept)
	for _, what := range []string{"invite", "admit", "end", "sign", "cancel", "no-show", "phone", "note", "vitals", "ticket"} {
		if res := w.get("/consults/" + c.ID + "/" + what); res.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", what, res.StatusCode)
		}
	}
	for _, path := range []string{"/consults", "/consults/" + c.ID, "/consults/" + c.ID + "/state", "/consults/new?patient=p1"} {
		w.get(path)
	}
	after, _ := w.service.Get(t.Context(), w.doctor, c.ID)
	if before.Phase != after.Phase || len(w.keeper.kept) != kept {
		t.Errorf("reading changed it: %s, %v", after.Phase, w.keeper.kept)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/consults/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("it is %s", got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Scan() // the retry line: from here on the page is subscribed
	w.feed.Changed(consult.Change{Consult: "c-elsewhere", Station: "Organization/tyt-14218", Phase: consult.Arrived})
	w.feed.Changed(consult.Change{Consult: "c-here", Station: station, Phase: consult.Arrived})
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if data != `{"consult":"c-here","phase":"arrived"}` {
				t.Errorf("told %s", data)
			}
			break
		}
	}
	cancel()
	server.Close()
	w.feed.mu.Lock()
	defer w.feed.mu.Unlock()
	if len(w.feed.watchers) != 0 {
		t.Errorf("%d streams are still subscribed", len(w.feed.watchers))
	}
}

// TestWhatIsShownIsAudited: each page that shows people's data tells the audit trail first, and shows nothing when that fails.
func TestWhatIsShownIsAudited(t *testing.T) {
	w := newWorld(t)
	c := w.book()
	for _, p := range []struct{ name, path, kind string }{
		{"the queue", "/consults", "consult.queue.read"},
		{"the console", "/consults/" + c.ID, "consult.read"},
		{"finding patients", "/consults/new?q=hoa", "consult.patients.search"},
		{"a patient chosen", "/consults/new?patient=p1", "consult.patient.read"},
	} {
		t.Run(p.name, func(t *testing.T) {
			w.trail = &audit.Memory{}
			if res := w.get(p.path); res.StatusCode != http.StatusOK {
				t.Fatalf("status %d", res.StatusCode)
			}
			want := []audit.Event{{Kind: p.kind, Action: audit.Read, Type: "Patient", Objects: []string{"Patient/p1"}, Patient: "Patient/p1", Purpose: "TREAT"}}
			if diff := cmp.Diff(want, w.trail.Events()); diff != "" {
				t.Error(diff)
			}
			w.trail.Fail = fault.New(fault.Unavailable, "test", "The trail cannot be written.")
			res := w.get(p.path)
			if body := text(t, res); res.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "Nguyễn Thị Hoà") {
				t.Errorf("without a trail: status %d", res.StatusCode)
			}
		})
	}
}

// TestMovedPatientInThePages: the old station's page is closed, but for the doctor who has begun; then only what finishes is offered.
func TestMovedPatientInThePages(t *testing.T) {
	w := newWorld(t)
	booked := w.book()
	c, _ := w.admitted()
	w.moved = "Organization/tyt-14218"
	if res := w.get("/consults/" + booked.ID); res.StatusCode != http.StatusNotFound || strings.Contains(text(t, res), "Hoà") {
		t.Errorf("a booking of a patient who moved: %d", res.StatusCode)
	}
	queue := text(t, w.get("/consults"))
	if strings.Contains(queue, booked.ID) || !strings.Contains(queue, c.ID) {
		t.Error("the queue does not hold the call alone")
	}
	body := text(t, w.get("/consults/"+c.ID))
	wants(t, body, `data-command="invite" hidden`, "0912\u00a0345\u00a0678")
	if strings.Contains(body, "148/92") || strings.Contains(body, `href="/patients/p1"`) {
		t.Error("the chart of another station's patient is shown")
	}
	w.post("/consults/"+c.ID+"/note", form("assessment", "THA", "version-assessment", "0", "plan", "Tái khám", "version-plan", "0"), asForm)
	w.post("/consults/"+c.ID+"/end", "", asForm)
	if res := w.post("/consults/"+c.ID+"/sign", "", asForm); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/consults" {
		t.Errorf("signed: %d to %s", res.StatusCode, res.Header.Get("Location"))
	}
}

func TestNoShowAfterTheCallIsRefused(t *testing.T) {
	w := newWorld(t)
	c, _ := w.admitted()
	w.post("/consults/"+c.ID+"/invite", "", asJSON)
	for _, what := range []string{"no-show", "cancel"} {
		res := w.post("/consults/"+c.ID+"/"+what, "", asJSON)
		if body := text(t, res); res.StatusCode != http.StatusConflict || !strings.Contains(body, "Hãy kết thúc buổi khám") {
			t.Errorf("%s: %d %s", what, res.StatusCode, body)
		}
		wants(t, text(t, w.get("/consults/"+c.ID)), `data-command="`+what+`" hidden`)
	}
	if res := w.post("/consults/"+c.ID+"/end", "", asForm); res.StatusCode != http.StatusSeeOther {
		t.Errorf("end: %d", res.StatusCode)
	}
}

func TestOverdueInTheQueue(t *testing.T) {
	w := newWorld(t)
	w.book()
	w.now = w.now.Add(5 * time.Hour)
	wants(t, text(t, w.get("/consults")), "queue-overdue", "Quá giờ hẹn", "Quá hẹn 4 giờ")
	w.now = w.now.Add(72 * time.Hour)
	wants(t, text(t, w.get("/consults?lang=en")), "Overdue", "3 days overdue")
}
