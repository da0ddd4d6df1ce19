package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
)

// crashWriter writes until the service is gone, one request after the other. Some of what it writes is its own, some all writers
// contend for.
type crashWriter struct {
	caller  *fhirCaller
	journal *journal
	rnd     *rand.Rand
	kill, n int // which kill it writes towards, and which writer it is
	step    int
	own     map[string]held // what only this writer writes, by reference
	apart   bool            // it writes only what no other writer touches
	killed  *atomic.Bool    // set before the service is killed: from then on answers may fail to come
	acked   func()          // called after each acknowledgement
	wrong   func(string)
}

// held is the version of a resource that its only writer knows to be current.
type held struct {
	version int // 0: it has never been there
	deleted bool
}

// lifetime is for how many kills the writers go on with the same resources; then they begin new ones, so that histories do not grow
// without end.
const lifetime = 10

// ownSlots is how many patients a writer has for itself.
const ownSlots = 6

// newWriter makes a writer that goes on with what the chronicle knows.
func (c *crash) newWriter(caller *fhirCaller, known *chronicle, kill, n int) *crashWriter {
	w := &crashWriter{
		caller: caller, journal: c.journal, rnd: rand.New(rand.NewPCG(c.seed, uint64(kill*crashWriters+n+1))), kill: kill, n: n,
		own: map[string]held{}, apart: c.apart, killed: new(atomic.Bool), acked: func() {},
	}
	for slot := range ownSlots {
		w.own[w.ownPatient(slot)] = known.current(w.ownPatient(slot))
	}
	w.own[w.ledger()] = known.current(w.ledger())
	return w
}

func (w *crashWriter) ownPatient(slot int) string {
	return fmt.Sprintf("Patient/own-%d-%d-%d", w.kill/lifetime, w.n, slot)
}

func (w *crashWriter) ledger() string { return fmt.Sprintf("Basic/ledger-%d-%d", w.kill/lifetime, w.n) }
func (w *crashWriter) common() string { return fmt.Sprintf("Basic/common-%d", w.kill/lifetime) }

// run writes until an answer does not come or is not what it should be.
func (w *crashWriter) run() {
	for more := true; more; w.step++ {
		of := 100
		if w.apart {
			of = 45
		}
		switch p := w.rnd.IntN(of); {
		case p < 35:
			more = w.put(w.ownPatient(w.rnd.IntN(ownSlots)))
		case p < 45:
			more = w.remove(w.ownPatient(w.rnd.IntN(ownSlots)))
		case p < 63:
			more = w.create()
		case p < 73:
			more = w.contend()
		default:
			more = w.transact()
		}
	}
}

// name is the attempt's name, and the mark of what it writes.
func (w *crashWriter) name() string { return fmt.Sprintf("k%03d-w%d-s%d", w.kill, w.n, w.step) }

func split(ref string) (typ, id string) {
	typ, id, _ = strings.Cut(ref, "/")
	return typ, id
}

// condition is the header with which a writer states what it knows of a resource.
func (h held) condition() (name, value string) {
	if h.version == 0 || h.deleted {
		return "If-None-Match", "*"
	}
	return "If-Match", etagOf(h.version)
}

// put writes a version of one of the writer's own resources, or brings a deleted one back.
func (w *crashWriter) put(ref string) bool {
	typ, id := split(ref)
	h := w.own[ref]
	e := entry{Type: typ, ID: id, Mark: w.name()}
	name, value := h.condition()
	sent := bodyOf(typ, id, e.Mark, "")
	a, err := w.caller.do(http.MethodPut, "/"+ref, sent, name, value)
	if !w.answered(a, err, []entry{e}, http.StatusOK, http.StatusCreated) {
		return false
	}
	w.own[ref] = held{version: h.version + 1}
	return w.keep(e, sent, a.body, a.version, h.version+1)
}

// remove deletes one of the writer's own resources, if it is there.
func (w *crashWriter) remove(ref string) bool {
	h := w.own[ref]
	if h.version == 0 || h.deleted {
		return true
	}
	typ, id := split(ref)
	e := entry{Type: typ, ID: id, Deleted: true}
	a, err := w.caller.do(http.MethodDelete, "/"+ref, nil, "If-Match", etagOf(h.version))
	if !w.answered(a, err, []entry{e}, http.StatusNoContent) {
		return false
	}
	w.own[ref] = held{version: h.version + 1, deleted: true}
	return w.keep(e, nil, nil, a.version, h.version+1)
}

// create asks for a resource that must be there once. Other writers ask for the same one at about the same time.
func (w *crashWriter) create() bool {
	mark := fmt.Sprintf("k%03d-once-%d", w.kill, w.step/2)
	e := entry{Type: "Observation", Mark: mark}
	sent := bodyOf(e.Type, "", mark, "Patient/nobody")
	a, err := w.caller.do(http.MethodPost, "/Observation", sent, "If-None-Exist", "identifier="+crashSystem+"|"+mark)
	if !w.answered(a, err, []entry{e}, http.StatusOK, http.StatusCreated) {
		return false
	}
	e.ID = a.id
	return w.keep(e, sent, a.body, a.version, 1)
}

// contend writes the next version of a resource that all writers write. Who is too late is refused.
func (w *crashWriter) contend() bool {
	ref := w.common()
	typ, id := split(ref)
	now, err := w.caller.do(http.MethodGet, "/"+ref, nil)
	if !w.answered(now, err, nil, http.StatusOK, http.StatusNotFound) {
		return false
	}
	e := entry{Type: typ, ID: id, Mark: w.name()}
	name, value := held{version: now.version}.condition()
	sent := bodyOf(typ, id, e.Mark, "")
	a, err := w.caller.do(http.MethodPut, "/"+ref, sent, name, value)
	if !w.answered(a, err, []entry{e}, http.StatusOK, http.StatusCreated, http.StatusPreconditionFailed) {
		return false
	}
	if a.status == http.StatusPreconditionFailed {
		return w.note(attempt{Outcome: outcomeRefused, Why: "If-Match", Writes: []entry{e}})
	}
	return w.keep(e, sent, a.body, a.version, now.version+1)
}

// transact sends what must be there all or not at all: a patient, the care and the readings that refer to it, and a new version of the
// writer's ledger that refers to it too.
func (w *crashWriter) transact() bool {
	mark, ledger, writes := w.name(), w.ledger(), w.set()
	h := w.own[ledger]
	a, err := w.caller.do(http.MethodPost, "", transactionOf(writes, h))
	if !w.answered(a, err, writes, http.StatusOK) {
		return false
	}
	var b struct{ Entry []bundled }
	if err := json.Unmarshal(a.body, &b); err != nil || len(b.Entry) != len(writes) {
		return w.fail(fmt.Sprintf("%s: a transaction of %d entries is answered with %s", mark, len(writes), a.body))
	}
	patient := "Patient/" + idOf(b.Entry[0].Response.Location)
	for i := range writes {
		e, got := &writes[i], b.Entry[i]
		e.ID, e.Version, e.Hash = idOf(got.Response.Location), versionOf(got.Response.Etag), hashOf(got.Resource)
		if e.ID == "" || e.Version == 0 || !sameContent(bodyOf(e.Type, e.ID, e.Mark, patient), got.Resource) {
			return w.fail(fmt.Sprintf("%s: entry %d of the transaction is answered with %+v %s", mark, i, got.Response, got.Resource))
		}
	}
	w.own[ledger] = held{version: h.version + 1}
	return w.acknowledge(writes)
}

// set is what a transaction writes: four resources under new ids, and a version of the ledger.
func (w *crashWriter) set() []entry {
	mark := w.name()
	_, ledger := split(w.ledger())
	return []entry{
		{Type: "Patient", Mark: mark},
		{Type: "EpisodeOfCare", Mark: mark},
		{Type: "Observation", Mark: mark + "-a"},
		{Type: "Observation", Mark: mark + "-b"},
		{Type: "Basic", ID: ledger, Mark: mark},
	}
}

// transactionOf is the Bundle. What has no id is created; what has one is updated as its holder knows it.
func transactionOf(writes []entry, h held) []byte {
	b := bytes.NewBufferString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i, e := range writes {
		if i > 0 {
			b.WriteByte(',')
		}
		request := fmt.Sprintf(`"method":"POST","url":%q`, e.Type)
		if e.ID != "" {
			condition := `"ifNoneMatch":"*"`
			if h.version > 0 {
				condition = fmt.Sprintf(`"ifMatch":%q`, etagOf(h.version))
			}
			request = fmt.Sprintf(`"method":"PUT","url":%q,%s`, e.ref(), condition)
		}
		full := ""
		if e.Type == "Patient" {
			full = fmt.Sprintf(`"fullUrl":%q,`, patientURN)
		}
		fmt.Fprintf(b, `{%s"resource":%s,"request":{%s}}`, full, bodyOf(e.Type, e.ID, e.Mark, patientURN), request)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// answered says whether there is an answer with one of the statuses. If not, what became of the writes is unknown, and the writer stops.
func (w *crashWriter) answered(a fhirAnswer, err error, writes []entry, statuses ...int) bool {
	expected := false
	for _, s := range statuses {
		expected = expected || a.status == s
	}
	switch {
	case err == nil && expected:
		return true
	case err == nil:
		err = fmt.Errorf("status %d: %s", a.status, a.body)
		w.fail(fmt.Sprintf("%s: the service answers %v", w.name(), err))
	case !w.killed.Load():
		w.fail(fmt.Sprintf("%s: no answer from a service that was not killed: %v", w.name(), err))
	}
	if len(writes) > 0 {
		w.note(attempt{Outcome: outcomeUnknown, Why: err.Error(), Writes: writes})
	}
	return false
}

// keep notes the acknowledgement of a single write, after a look whether it says what was asked for.
func (w *crashWriter) keep(e entry, sent, stored []byte, version, expected int) bool {
	e.Version, e.Hash = version, hashOf(stored)
	if version != expected || e.ID == "" {
		return w.fail(fmt.Sprintf("%s: %s is acknowledged as version %d, and version %d was to come", w.name(), e.ref(), version, expected))
	}
	if !e.Deleted && !sameContent(sent, stored) {
		return w.fail(fmt.Sprintf("%s: %s is acknowledged as %s, and what was sent is %s", w.name(), e.ref(), stored, sent))
	}
	return w.acknowledge([]entry{e})
}

func (w *crashWriter) acknowledge(writes []entry) bool {
	if !w.note(attempt{Outcome: outcomeAcked, Writes: writes}) {
		return false
	}
	w.acked()
	return true
}

func (w *crashWriter) note(a attempt) bool {
	a.Name = w.name()
	if err := w.journal.note(a); err != nil {
		return w.fail("the journal: " + err.Error())
	}
	return true
}

func (w *crashWriter) fail(what string) bool {
	w.wrong(what)
	return false
}
