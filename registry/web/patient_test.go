package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"khamxa/internal/page/pagetest"
	"khamxa/registry"
)

var hoa = []string{
	"name", "Trần Thị Hoa", "gender", "female", "birth", "3/2/1958", "phone", "0912 345 678", "cccd", "036158001234", "address", "Xóm 5", "commune", haiThinh,
}

func with(base []string, pairs ...string) []string {
	return append(append([]string(nil), base...), pairs...)
}

// patientOf is the id at the end of a redirect to a chart.
func patientOf(t testing.TB, to http.Header) string {
	t.Helper()
	u, err := url.Parse(to.Get("Location"))
	if err != nil || !strings.HasPrefix(u.Path, "/patients/") {
		t.Fatalf("the redirect leads to %q", to.Get("Location"))
	}
	return strings.TrimPrefix(u.Path, "/patients/")
}

func TestFind(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	code, body, to := w.post("/patients", hoa...)
	if code != http.StatusSeeOther {
		t.Fatalf("%d: %s", code, body)
	}
	id := patientOf(t, to)
	w.measure(t, id, 152, 88)
	for _, q := range []string{"Trần Thị Hoa", "tran hoa", "HOA", "0912345678", "+84 912 345 678", "036158001234", id, ""} {
		t.Run("by "+q, func(t *testing.T) {
			body := w.get("/patients?q=" + url.QueryEscape(q))
			wants(t, body, `data-patient="`+id+`"`, "Trần Thị Hoa", "1958", "Xã Hải Thịnh", "<strong>152/88</strong>", "Chưa quản lý")
		})
	}
	wants(t, w.get("/patients?q=zzz"), "Không tìm thấy ai", `value="zzz"`, `href="/patients/new?name=zzz"`)
	wants(t, w.get("/patients?q=mau"), `data-state="lost"`)
	w.actor = neighbor
	for _, q := range []string{"", "hoa", id, "036158001234"} {
		if body := w.get("/patients?q=" + q); strings.Contains(body, "Trần Thị Hoa") || strings.Contains(body, "data-patient") {
			t.Errorf("a doctor of another commune finds the person by %q", q)
		}
	}
}

func TestFindPages(t *testing.T) {
	w := newWorld(t, 120)
	seen, path := map[string]bool{}, "/patients?q=nguyen"
	for range 10 {
		body := w.get(path)
		for _, part := range strings.Split(body, `data-patient="`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			if seen[id] {
				t.Errorf("%s is there twice", id)
			}
			seen[id] = true
		}
		_, rest, more := strings.Cut(body, `href="/patients?next=`)
		if !more {
			break
		}
		cursor, _, _ := strings.Cut(rest, `"`)
		path = strings.ReplaceAll("/patients?next="+cursor, "&amp;", "&")
	}
	all, err := w.service.FindPatients(t.Context(), registry.Actor{}, registry.Find{Text: "nguyen", Count: 200})
	if err != nil || len(seen) != len(all.List) || len(seen) <= 20 {
		t.Errorf("%d people on the pages, %d are there (%v)", len(seen), len(all.List), err)
	}
}

func TestRegisterFormErrors(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	for _, c := range []struct {
		name, field, value, sentence string
	}{
		{"no name", "name", "", "Hãy nhập họ và tên."},
		{"not a name", "name", "Hoa 123", "chỉ gồm chữ"},
		{"no sex", "gender", "", "Hãy chọn giới tính."},
		{"not a date", "birth", "hôm qua", "Hãy nhập ngày sinh"},
		{"born tomorrow", "birth", "24/11/2026", "không thể ở tương lai"},
		{"not a phone", "phone", "12", "Số điện thoại chưa đúng"},
		{"short number", "cccd", "123", "12 chữ số"},
		{"another commune", "commune", "14308", "không làm việc ở xã đó"},
		{"no commune", "commune", "", "Hãy chọn xã."},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body, _ := w.post("/patients", with(hoa, c.field, c.value)...)
			if code != http.StatusBadRequest {
				t.Fatalf("%d", code)
			}
			wants(t, body, `id="`+c.field+`-error"`, c.sentence, `value="Xóm 5"`, `href="#`+c.field+`"`, `id="`+c.field+`"`)
			if c.value != "" && c.field != "commune" {
				wants(t, body, `value="`+c.value+`"`)
			}
			for _, p := range pagetest.Check(body) {
				t.Error(p)
			}
		})
	}
	if found, err := w.service.FindPatients(t.Context(), registry.Actor{}, registry.Find{Text: "hoa"}); err != nil || len(found.List) != 0 {
		t.Errorf("%d were registered all the same (%v)", len(found.List), err)
	}
}

func TestRegisterAsksAboutTheSamePerson(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	_, _, to := w.post("/patients", hoa...)
	id := patientOf(t, to)
	for name, form := range map[string][]string{
		"same card":             with(hoa, "name", "Trần Thị Hoà", "birth", "1957"),
		"same name and year":    with(hoa, "name", "TRAN THI HOA", "birth", "1958", "cccd", "", "phone", ""),
		"same name, same phone": with(hoa, "name", "trần thị  hoa", "birth", "1960", "cccd", ""),
	} {
		t.Run(name, func(t *testing.T) {
			code, body, _ := w.post("/patients", form...)
			if code != http.StatusConflict {
				t.Fatalf("%d", code)
			}
			wants(t, body, `id="similar"`, `href="/patients/`+id+`"`, `name="different"`)
		})
	}
	if code, _, to := w.post("/patients", with(hoa, "cccd", "", "different", "yes")...); code != http.StatusSeeOther || patientOf(t, to) == id {
		t.Errorf("somebody else of the same name: %d", code)
	}
	code, body, _ := w.post("/patients", with(hoa, "different", "yes")...)
	if code != http.StatusConflict {
		t.Errorf("the same card twice: %d", code)
	}
	wants(t, body, `id="cccd-error"`, "Đã có hồ sơ mang số căn cước công dân này.")
}

func TestRegisterAndEnrol(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	code, _, to := w.post("/patients", with(hoa, "enrol", "treated")...)
	if code != http.StatusSeeOther {
		t.Fatal(code)
	}
	wants(t, w.get(to.Get("Location")), "Đã đăng ký quản lý tăng huyết áp.", `id="state" data-state="new"`, "đang quản lý")

	code, body, _ := w.post("/patients", with(hoa, "name", "Trần Văn Út", "birth", "2012", "cccd", "", "enrol", "judged")...)
	if code != http.StatusBadRequest {
		t.Errorf("a child is enrolled: %d", code)
	}
	wants(t, body, "Chương trình dành cho người từ 18 tuổi.", "Trần Văn Út")
}

func TestChart(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	body := w.get("/patients/" + w.demo)
	wants(t, body, "Nguyễn Thị Mẫu", `data-state="lost"`, "Mất dấu", `data-definition="hearts360"`, `id="bp-chart"`, "150/89", "161/95",
		`href="/screenings/new?patient=demo-patient"`, `action="/patients/demo-patient/consult"`, "Tái khám tăng huyết áp", "05/08/2025")
	events := w.audit.Events()
	if last := events[len(events)-1]; last.Kind != "registry.chart.read" || last.Patient != "Patient/demo-patient" {
		t.Errorf("the audit holds %+v", last)
	}
	w.actor = neighbor
	for _, path := range []string{"/patients/demo-patient", "/screenings/new?patient=demo-patient", "/patients/nobody"} {
		code, body, _ := w.do(http.MethodGet, path, nil)
		if code != http.StatusNotFound || strings.Contains(body, "Mẫu") {
			t.Errorf("%s for a doctor of another commune: %d", path, code)
		}
	}
}

func TestOpenConsult(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	code, _, to := w.post("/patients/" + w.demo + "/consult")
	if code != http.StatusSeeOther || to.Get("Location") != "/consults/c1" || len(w.opened) != 1 || w.opened[0] != w.demo {
		t.Errorf("%d to %q, opened %v", code, to.Get("Location"), w.opened)
	}
	w.actor = neighbor
	if code, _, _ := w.post("/patients/" + w.demo + "/consult"); code != http.StatusNotFound {
		t.Errorf("another commune: %d", code)
	}
	w.actor = manager
	for _, path := range []string{"/patients/" + w.demo + "/consult", "/patients/" + w.demo + "/enrol", "/patients", "/screenings"} {
		if code, _, _ := w.post(path); code != http.StatusForbidden {
			t.Errorf("POST %s by a manager: %d", path, code)
		}
	}
	if len(w.opened) != 1 {
		t.Errorf("opened %v", w.opened)
	}
}

func TestScreening(t *testing.T) {
	for _, c := range []struct {
		name     string
		readings []string
		says     []string
		not      string
	}{
		{
			"normal",
			[]string{"0.systolic", "124", "0.diastolic", "79", "1.systolic", "122", "1.diastolic", "77"},
			[]string{"Huyết áp bình thường", "Đo lại trong vòng một năm.", "123/78", "bp-grade-vn-3192", "124/79; 122/77", "bp-session-who-steps", "WHO STEPS"},
			`id="enrol-form"`,
		},
		{
			"grade 1, one day: no diagnosis",
			[]string{"0.systolic", "150", "0.diastolic", "92", "1.systolic", "148", "1.diastolic", "90"},
			[]string{"Tăng huyết áp độ 1", "Chưa kết luận từ một lần khám", "5904/QĐ-BYT", `id="basis-treated"`, "Số đo chưa đủ"},
			`id="basis-measured"`,
		},
		{
			"grade 3: may be enrolled at once",
			[]string{"0.systolic", "186", "0.diastolic", "112", "1.systolic", "184", "1.diastolic", "110"},
			[]string{"Tăng huyết áp độ 3", "Gọi bác sĩ tuyến trên", "VSH/VNHA", `id="basis-measured" required checked`},
			"Số đo chưa đủ",
		},
		{"one reading", []string{"2.systolic", "128", "2.diastolic", "82"}, []string{"128/82", "Mới đo một lần"}, "bp-session-who-steps"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 0)
			w.actor = doctor
			_, _, to := w.post("/patients", hoa...)
			form := []string{"patient", patientOf(t, to), "arm", "right", "position", "sitting"}
			for i := 0; i < len(c.readings); i += 2 {
				form = append(form, "readings."+c.readings[i], c.readings[i+1])
			}
			code, body, to := w.post("/screenings", form...)
			if code != http.StatusSeeOther {
				t.Fatalf("%d: %s", code, body)
			}
			body = w.get(to.Get("Location"))
			wants(t, body, append(c.says, `id="saved"`, "Nguồn:")...)
			if strings.Contains(body, c.not) {
				t.Errorf("the page holds %q", c.not)
			}
			for _, p := range pagetest.Check(body) {
				t.Error(p)
			}
		})
	}
}

// TestScreeningOfTreated: the advice for somebody who is treated follows from the target, not from the way to a diagnosis.
func TestScreeningOfTreated(t *testing.T) {
	for _, c := range []struct{ systolic, diastolic, says, not string }{
		{"126", "78", "Duy trì thuốc và tái khám đúng hẹn.", "Đo lại trong vòng một năm."},
		{"148", "92", "Chưa đạt mục tiêu điều trị.", "Chưa kết luận từ một lần khám"},
	} {
		t.Run(c.systolic, func(t *testing.T) {
			w := newWorld(t, 0)
			w.actor = doctor
			_, _, to := w.post("/screenings", "patient", w.demo, "arm", "left", "position", "sitting", "readings.0.systolic", c.systolic, "readings.0.diastolic", c.diastolic)
			body := w.get(to.Get("Location"))
			wants(t, body, c.says, `id="saved"`, "HEARTS360")
			if strings.Contains(body, c.not) {
				t.Errorf("the page holds %q", c.not)
			}
		})
	}
}

func TestScreeningFormErrors(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	base := []string{"patient", w.demo, "arm", "left", "position", "sitting", "device", "Omron 7120", "note", "Mệt"}
	for _, c := range []struct {
		name     string
		fields   []string
		code     int
		id, says string
	}{
		{"nothing", nil, 400, "readings.0.systolic-error", "từ 1 đến 3 lần đo"},
		{"not a number", []string{"readings.0.systolic", "12o", "readings.0.diastolic", "80"}, 400, "readings.0.systolic-error", "Chỉ nhập chữ số."},
		{"out of range, second row", []string{"readings.1.systolic", "310", "readings.1.diastolic", "80"}, 400, "readings.1.systolic-error", "từ 50 đến 300"},
		{"half a reading", []string{"readings.0.systolic", "120"}, 400, "readings.0.diastolic-error", "từ 20 đến 200"},
		{"swapped", []string{"readings.0.systolic", "80", "readings.0.diastolic", "120"}, 400, "readings.0.diastolic-error", "lớn hơn tâm trương"},
		{"pulse", []string{"readings.0.systolic", "120", "readings.0.diastolic", "80", "readings.0.pulse", "400"}, 400, "readings.0.pulse-error", "từ 25 đến 250"},
		{"tomorrow", []string{"readings.0.systolic", "120", "readings.0.diastolic", "80", "at", "2026-11-24T08:00"}, 400, "at-error", "tương lai"},
		{"no time", []string{"readings.0.systolic", "120", "readings.0.diastolic", "80", "at", "sáng nay"}, 400, "at-error", "Thời điểm chưa đúng."},
		{"odd arm", []string{"readings.0.systolic", "120", "readings.0.diastolic", "80", "arm", "leg"}, 400, "arm-error", "một trong các lựa chọn"},
		{"unusual", []string{"readings.0.systolic", "230", "readings.0.diastolic", "100"}, 409, "unusual", "Huyết áp tâm thu ít gặp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, body, _ := w.post("/screenings", with(base, c.fields...)...)
			if code != c.code {
				t.Fatalf("%d, want %d", code, c.code)
			}
			wants(t, body, `id="`+c.id+`"`, c.says, `value="Omron 7120"`, ">Mệt</textarea>")
			for i := 0; i < len(c.fields); i += 2 {
				if c.fields[i] != "arm" {
					wants(t, body, `value="`+c.fields[i+1]+`"`)
				}
			}
			for _, p := range pagetest.Check(body) {
				t.Error(p)
			}
		})
	}
	if c, err := w.service.PatientChart(t.Context(), registry.Actor{}, w.demo); err != nil || len(c.Pressures) != 2 {
		t.Errorf("%d pressures are kept, want the two of before (%v)", len(c.Pressures), err)
	}
	code, _, _ := w.post("/screenings", with(base, "readings.0.systolic", "230", "readings.0.diastolic", "100", "sure", "yes", "at", "2026-11-22T08:15")...)
	c, err := w.service.PatientChart(t.Context(), registry.Actor{}, w.demo)
	if code != http.StatusSeeOther || err != nil || len(c.Pressures) != 3 || c.Pressures[0].At.Format("2006-01-02 15:04") != "2026-11-22 08:15" {
		t.Errorf("confirmed: %d, %d pressures (%v)", code, len(c.Pressures), err)
	}
}

func TestEnrolAfterTwoDays(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	_, _, to := w.post("/patients", hoa...)
	id := patientOf(t, to)
	w.measure(t, id, 150, 92)
	code, body, _ := w.post("/patients/"+id+"/enrol", "basis", "measured")
	if code != http.StatusBadRequest {
		t.Errorf("measured once: %d", code)
	}
	wants(t, body, `id="basis-error"`, "Chưa đủ số đo", `id="enrol-form"`)
	if code, _, _ := w.post("/screenings", "patient", id, "readings.0.systolic", "152", "readings.0.diastolic", "94", "at", "2026-11-10T08:00", "arm", "left", "position", "sitting"); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	code, _, to = w.post("/patients/"+id+"/enrol", "basis", "measured")
	if code != http.StatusSeeOther {
		t.Fatalf("measured on two days: %d", code)
	}
	wants(t, w.get(to.Get("Location")), `id="state" data-state="new"`)
	code, body, _ = w.post("/patients/"+id+"/enrol", "basis", "treated")
	if code != http.StatusBadRequest && code != http.StatusConflict {
		t.Errorf("enrolled twice: %d", code)
	}
	wants(t, body, "đang được quản lý")
}

func TestChoosePatient(t *testing.T) {
	w := newWorld(t, 0)
	w.actor = doctor
	wants(t, w.get("/screenings/new"), `id="q"`)
	wants(t, w.get("/screenings/new?q=mau"), `href="/screenings/new?patient=demo-patient"`)
	wants(t, w.get("/screenings/new?q=zzz"), "Không tìm thấy ai", `href="/patients/new?name=zzz"`)
}
