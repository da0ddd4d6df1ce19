package record_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"khamxa/consult"
	"khamxa/consult/record"
	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/fhir/store/sqlite"
	"khamxa/fhir/validate/validatetest"
	"khamxa/internal/fault"
)

const (
	station = "Organization/tyt-14221"
	patient = `{"resourceType":"Patient","id":"p1","name":[{"text":"Nguyễn Thị Hoà","family":"Nguyễn","given":["Thị","Hoà"]}],"gender":"female",
		"birthDate":"1957-03-12","telecom":[{"system":"phone","value":"+84912345678"}],"address":[{"text":"Xóm 5, xã Hải Thịnh"}],
		"managingOrganization":{"reference":"Organization/tyt-14221"}}`
	organization = `{"resourceType":"Organization","id":"tyt-14221","name":"Trạm Y tế xã Hải Thịnh"}`
)

var doctor = consult.Person{ID: "d1", Name: "BS. Trần Văn Nam"}

// open makes a real store with one station and one patient.
func open(t *testing.T) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		validatetest.Log(t, db, "system") // which puts the world of the test there
		_ = db.Close()
	})
	put(t, db, "Organization", "tyt-14221", organization)
	put(t, db, "Patient", "p1", patient)
	return db
}

func put(t *testing.T, db store.Store, typ, id, body string) {
	t.Helper()
	_, err := db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{{Method: store.Put, Type: typ, ID: id, Body: []byte(body)}}})
	if err != nil {
		t.Fatal(err)
	}
}

// ended is a consult that is ready to be signed.
func ended() consult.Consult {
	start := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	section := func(text string) consult.Section {
		return consult.Section{Text: text, Version: 1, By: doctor, At: start}
	}
	return consult.Consult{
		ID: "c20261123-abcdefghij", Doctor: doctor, Patient: consult.Person{ID: "p1", Name: "Nguyễn Thị Hoà"},
		Station: station, StationName: "Trạm Y tế xã Hải Thịnh", Phase: consult.Ended, At: start, Length: 20 * time.Minute,
		Booked: start.Add(-time.Hour), Started: start, Finished: start.Add(15 * time.Minute),
		Note: consult.Note{Reason: section("Đau đầu <nhẹ>\nbuổi sáng & tối"), Assessment: section("Tăng huyết áp độ 2"), Plan: section("Tái khám sau 4 tuần")},
		Readings: []consult.Reading{
			{N: 1, Systolic: 162, Diastolic: 98, Pulse: 78, At: start.Add(5 * time.Minute), By: doctor},
			{N: 2, Systolic: 156, Diastolic: 94, At: start.Add(9 * time.Minute), By: doctor},
		},
		Seal: &consult.Seal{By: doctor, At: start.Add(20 * time.Minute)},
	}
}

func read(t *testing.T, db store.Store, typ, id string) *fhir.Value {
	t.Helper()
	v, err := db.Read(t.Context(), typ, id)
	if err != nil {
		t.Fatalf("%s/%s: %v", typ, id, err)
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		t.Fatalf("%s/%s: %v", typ, id, err)
	}
	return r.Root
}

// find gives the ids that a search finds.
func find(t *testing.T, db store.Store, typ, query string) []string {
	t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(typ, values)
	if err != nil {
		t.Fatal(err)
	}
	page, err := db.Search(t.Context(), store.SearchRequest{Query: q, Within: []string{station}})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, v := range page.Matches {
		ids = append(ids, v.ID)
	}
	return ids
}

func TestSignedConsultIsReadableAndSearchable(t *testing.T) {
	db := open(t)
	c := ended()
	if err := record.New(db).Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	searches := []struct{ typ, query string }{
		{"Encounter", "patient=p1&status=finished&class=VR&date=2026-11-23"},
		{"Encounter", "identifier=urn:khamxa:consult|" + c.ID},
		{"Appointment", "patient=p1&status=fulfilled"},
		{"Appointment", "actor=Practitioner/d1&date=2026-11-23"},
		{"Composition", "patient=p1&type=http://loinc.org|11488-4&status=final"},
		{"Composition", "author=Practitioner/d1"},
	}
	for _, s := range searches {
		if diff := cmp.Diff([]string{c.ID}, find(t, db, s.typ, s.query)); diff != "" {
			t.Errorf("%s?%s: %s", s.typ, s.query, diff)
		}
	}
	want := []string{c.ID + "-bp-1", c.ID + "-bp-2"}
	if diff := cmp.Diff(want, find(t, db, "Observation", "patient=p1&code=http://loinc.org|85354-9&category=vital-signs&_sort=date&encounter=Encounter/"+c.ID)); diff != "" {
		t.Errorf("readings: %s", diff)
	}
	if diff := cmp.Diff([]string{c.ID + "-hr-1"}, find(t, db, "Observation", "code=8867-4")); diff != "" {
		t.Errorf("pulse: %s", diff)
	}
	if got := read(t, db, "Practitioner", "d1").Get("name").At(0).Get("text").String(); got != doctor.Name {
		t.Errorf("the practitioner that was missing is %q", got)
	}
	v, err := db.Read(t.Context(), "Observation", c.ID+"-bp-1")
	if err != nil || v.Holder != station {
		t.Errorf("the reading is held by %q, %v", v.Holder, err)
	}
}

func TestResources(t *testing.T) {
	db := open(t)
	c := ended()
	if err := record.New(db).Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	bp := read(t, db, "Observation", c.ID+"-bp-1")
	component := bp.Get("component").At(0)
	encounter := read(t, db, "Encounter", c.ID)
	note := read(t, db, "Composition", c.ID)
	appointment := read(t, db, "Appointment", c.ID)
	for _, tt := range []struct{ name, got, want string }{
		{"status", bp.Get("status").String(), "final"},
		{"systolic code", component.Get("code").Get("coding").At(0).Get("code").String(), "8480-6"},
		{"systolic", string(component.Get("valueQuantity").Bytes()), `{"value":162,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`},
		{"diastolic", bp.Get("component").At(1).Get("valueQuantity").Get("value").String(), "98"},
		{"when, with offset", bp.Get("effectiveDateTime").String(), "2026-11-23T09:35:00+07:00"},
		{"encounter's class", encounter.Get("class").Get("code").String(), "VR"},
		{"encounter's period", string(encounter.Get("period").Bytes()), `{"start":"2026-11-23T09:30:00+07:00","end":"2026-11-23T09:45:00+07:00"}`},
		{"encounter's station", encounter.Get("serviceProvider").Get("reference").String(), station},
		{"appointment's end", appointment.Get("end").String(), "2026-11-23T09:50:00+07:00"},
		{"appointment's length", appointment.Get("minutesDuration").String(), "20"},
		{"sections", note.Get("section").At(0).Get("code").Get("coding").At(0).Get("code").String(), "29299-5"},
		{
			"narrative is escaped", note.Get("section").At(0).Get("text").Get("div").String(),
			`<div xmlns="http://www.w3.org/1999/xhtml"><p>Đau đầu &lt;nhẹ&gt;<br/>buổi sáng &amp; tối</p></div>`,
		},
		{
			"readings in words", note.Get("section").At(1).Get("text").Get("div").String(),
			`<div xmlns="http://www.w3.org/1999/xhtml"><p>Huyết áp 162/98 mmHg, mạch 78 lần/phút (lúc 09:35 23/11/2026).<br/>Huyết áp 156/94 mmHg (lúc 09:39 23/11/2026).</p></div>`,
		},
		{"reading as entry", note.Get("section").At(1).Get("entry").At(0).Get("reference").String(), "Observation/" + c.ID + "-bp-1"},
		{"signed at", note.Get("date").String(), "2026-11-23T09:50:00+07:00"},
	} {
		got := tt.got
		if got == "" {
			got = "(nothing)"
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestTheWholeWay: booked, a reading during the call that counts at once, corrected, then signed.
func TestTheWholeWay(t *testing.T) {
	db := open(t)
	k := record.New(db)
	c := ended()
	seal := c.Seal
	c.Seal, c.Phase = nil, consult.Booked
	if err := k.Book(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := read(t, db, "Appointment", c.ID).Get("status").String(); got != "booked" {
		t.Errorf("the appointment is %s", got)
	}
	c.Phase = consult.Admitted
	c.Readings[0].Systolic = 261
	if err := k.Vitals(t.Context(), c, 1); err != nil {
		t.Fatal(err)
	}
	if got := read(t, db, "Encounter", c.ID); got.Get("status").String() != "in-progress" || got.Get("period").Get("end") != nil {
		t.Errorf("the encounter is %s", got.Bytes())
	}
	c.Readings[0].Systolic, c.Readings[0].Pulse = 162, 0
	if err := k.Vitals(t.Context(), c, 1); err != nil {
		t.Fatal(err)
	}
	if got := read(t, db, "Observation", c.ID+"-hr-1").Get("status").String(); got != "entered-in-error" {
		t.Errorf("the pulse that was taken back is %s", got)
	}
	c.Phase, c.Seal = consult.Ended, seal
	if err := k.Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	v, err := db.Read(t.Context(), "Observation", c.ID+"-bp-1")
	if err != nil || v.VersionID != "2" {
		t.Errorf("the reading has version %s, %v; want 2: saved, corrected, and not written again by signing", v.VersionID, err)
	}
	if got := read(t, db, "Encounter", c.ID).Get("status").String(); got != "finished" {
		t.Errorf("the encounter is %s", got)
	}
	c.Readings[0].Systolic = 120
	if err := k.Vitals(t.Context(), c, 1); !fault.Is(err, fault.Gone) {
		t.Errorf("a reading that came after the signature: %v", err)
	}
	if err := k.Book(t.Context(), c); !fault.Is(err, fault.Gone) {
		t.Errorf("an appointment that changed after the signature: %v", err)
	}
}

// unsure loses the answer of one commit: after it was written, or before.
type unsure struct {
	store.Store
	lose    bool
	written bool
}

func (u *unsure) Commit(ctx context.Context, tx store.Transaction) (store.Receipt, error) {
	if !u.lose {
		return u.Store.Commit(ctx, tx)
	}
	u.lose = false
	if u.written {
		if r, err := u.Store.Commit(ctx, tx); err != nil {
			return r, err
		}
	}
	return store.Receipt{}, fault.New(fault.Unknown, "test", "no answer")
}

func TestSignAgainAfterALostAnswer(t *testing.T) {
	for name, written := range map[string]bool{"written": true, "not written": false} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			log := &unsure{Store: db, lose: true, written: written}
			k := record.New(log)
			c := ended()
			if err := k.Sign(t.Context(), c); !fault.Is(err, fault.Unknown) {
				t.Fatalf("err = %v", err)
			}
			for range 2 {
				if err := k.Sign(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range []string{"Composition", "Encounter", "Appointment"} {
				if v, err := db.Read(t.Context(), r, c.ID); err != nil || v.VersionID != "1" {
					t.Errorf("%s has version %s, %v; want 1", r, v.VersionID, err)
				}
			}
			if got := find(t, db, "Observation", "patient=p1&code=85354-9"); len(got) != 2 {
				t.Errorf("there are %d readings, want 2", len(got))
			}
		})
	}
}

// late commits a reading after the signature that overtook it.
type late struct {
	store.Store
	before func()
}

func (l *late) Commit(ctx context.Context, tx store.Transaction) (store.Receipt, error) {
	if f := l.before; f != nil {
		l.before = nil
		f()
	}
	return l.Store.Commit(ctx, tx)
}

func TestAReadingDoesNotReopenASignedEncounter(t *testing.T) {
	db := open(t)
	c := ended()
	log := &late{Store: db, before: func() {
		if err := record.New(db).Sign(t.Context(), c); err != nil {
			t.Error(err)
		}
	}}
	if err := record.New(log).Vitals(t.Context(), c, 1); !fault.Is(err, fault.Gone) {
		t.Errorf("err = %v", err)
	}
	if got := read(t, db, "Encounter", c.ID).Get("status").String(); got != "finished" {
		t.Errorf("the encounter is %s again", got)
	}
}

func TestNothingWithoutThePatient(t *testing.T) {
	db := open(t)
	c := ended()
	c.Patient.ID = "nobody"
	if err := record.New(db).Sign(t.Context(), c); err == nil {
		t.Fatal("a consult of no patient was kept")
	}
	if got := find(t, db, "Composition", ""); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestClosed(t *testing.T) {
	for phase, want := range map[consult.Phase]string{consult.Cancelled: "cancelled", consult.NoShow: "noshow", consult.Invited: "booked", consult.Phone: "arrived"} {
		t.Run(string(phase), func(t *testing.T) {
			db := open(t)
			c := ended()
			c.Seal, c.Phase = nil, phase
			if err := record.New(db).Book(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := read(t, db, "Appointment", c.ID).Get("status").String(); got != want {
				t.Errorf("the appointment is %s, want %s", got, want)
			}
		})
	}
}

func TestByPhone(t *testing.T) {
	db := open(t)
	c := ended()
	c.ByPhone = true
	if err := record.New(db).Sign(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := find(t, db, "Encounter", "type=urn:khamxa:consult-medium|phone"); len(got) != 1 {
		t.Errorf("consults by telephone: %v", got)
	}
}

func TestPatient(t *testing.T) {
	db := open(t)
	k := record.New(db)
	if err := k.Sign(t.Context(), ended()); err != nil {
		t.Fatal(err)
	}
	people := record.NewPeople(db)
	got, err := people.Patient(t.Context(), []string{station}, "p1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 2, 39, 0, 0, time.UTC)
	want := consult.Profile{
		ID: "p1", Name: "Nguyễn Thị Hoà", Gender: "female", BirthYear: 1957, Phone: "+84912345678", Commune: "Xóm 5, xã Hải Thịnh",
		Station: station, StationName: "Trạm Y tế xã Hải Thịnh",
		Last: []consult.Reading{{Systolic: 156, Diastolic: 94, At: at}, {Systolic: 162, Diastolic: 98, At: at.Add(-4 * time.Minute)}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Error(diff)
	}
	for name, call := range map[string]func() error{
		"unknown": func() error { _, err := people.Patient(t.Context(), nil, "p2"); return err },
		"another station's": func() error {
			_, err := people.Patient(t.Context(), []string{"Organization/tyt-14218"}, "p1")
			return err
		},
	} {
		if err := call(); !fault.Is(err, fault.NotFound) || fault.MessageOf(err) != "There is no such patient." {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFind(t *testing.T) {
	db := open(t)
	put(t, db, "Patient", "p2", strings.NewReplacer("p1", "p2", "Nguyễn Thị Hoà", "Trần Văn Đức", `"Nguyễn"`, `"Trần"`, `"Thị","Hoà"`, `"Văn","Đức"`, "912345678", "987654321").Replace(patient))
	put(t, db, "Patient", "far", strings.NewReplacer(`"p1"`, `"far"`, "tyt-14221", "tyt-14218").Replace(patient))
	for query, want := range map[string][]string{
		"nguyễn thị hoà": {"p1"},
		"nguyen thi hoa": {"p1"},
		"hoa":            {"p1"},
		"hoa nguyen":     {"p1"},
		"duc":            {"p2"},
		"Đức":            {"p2"},
		"0912345678":     {"p1"},
		"091 234 5678":   {"p1"},
		"+84912345678":   {"p1"},
		"84987654321":    {"p2"},
		"":               nil,
		"zzz":            nil,
		`a,b|c$d\`:       nil,
	} {
		t.Run(query, func(t *testing.T) {
			found, err := record.NewPeople(db).Find(t.Context(), []string{station}, query, 10)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, p := range found {
				ids = append(ids, p.ID)
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A patient whom no station holds is found by those who are not confined, and a consult with them is of no station; who else's record
// links to theirs makes no difference.
func TestPatientOfNoStation(t *testing.T) {
	db := open(t)
	for id, organisation := range map[string]string{"n1": `{"display":"Trạm Y tế"}`, "n2": `{"reference":"http://127.0.0.1/fhir/Organization/tyt-14221"}`, "n3": `{}`} {
		put(t, db, "Patient", id, `{"resourceType":"Patient","id":"`+id+`","name":[{"text":"Lê Văn Không"}],"managingOrganization":`+organisation+`}`)
	}
	put(t, db, "Patient", "linked", `{"resourceType":"Patient","id":"linked","managingOrganization":{"reference":"Organization/tyt-14218"},
		"link":[{"other":{"reference":"Patient/p1"},"type":"seealso"}]}`)
	people := record.NewPeople(db)
	for _, id := range []string{"n1", "n2", "n3"} {
		if _, err := people.Patient(t.Context(), []string{station}, id); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s for a doctor of a station: %v, want not-found", id, err)
		}
		p, err := people.Patient(t.Context(), nil, id)
		if err != nil || p.Station != "" || p.StationName != "" {
			t.Errorf("%s without confinement: station %q (%q), %v", id, p.Station, p.StationName, err)
		}
	}
	if found, err := people.Find(t.Context(), []string{station}, "le van khong", 10); err != nil || len(found) != 0 {
		t.Errorf("a doctor of a station finds %d, %v", len(found), err)
	}
	if p, err := people.Patient(t.Context(), nil, "linked"); err != nil || p.Station != "Organization/tyt-14218" {
		t.Errorf("a linked patient is of %q, %v", p.Station, err)
	}
	for id, want := range map[string]string{"n1": "", "linked": "Organization/tyt-14218", "p1": station} {
		if got, err := people.Station(t.Context(), id); err != nil || got != want {
			t.Errorf("%s is at %q, %v; want %q", id, got, err, want)
		}
	}
	if _, err := people.Station(t.Context(), "nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("nobody is at a station: %v", err)
	}
}
