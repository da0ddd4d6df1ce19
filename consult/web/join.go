package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"khamxa/consult"
	"khamxa/internal/fault"
	"khamxa/internal/network"
	"khamxa/internal/page"
)

// deviceCookie holds the token of the device that an invitation is bound to. Its path is the invitation's own, so that it
// is sent nowhere else and two invitations on one phone do not mix.
const deviceCookie = "khamxa-device"

// deviceLife is longer than any invitation; the server decides when the token stops working.
const deviceLife = 400 * 24 * time.Hour

type joinView struct {
	Clinic    Clinic
	PhoneText string
}

// joinConfig is what the patient's script gets. Nothing in it is about anybody.
type joinConfig struct {
	Call   string            `json:"call"`
	Signal string            `json:"signal"`
	Phone  string            `json:"phone"`
	T      map[string]string `json:"t"`
}

// join is the patient's page. It is the same for every invitation, known or not, and has no side effects: chat apps fetch
// links before people tap them.
func (w *Web) join(rw http.ResponseWriter, r *http.Request) {
	lang := w.o.Shell.Lang(r)
	rw.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	w.o.Shell.Render(rw, r, page.Page{
		Template: "consult/join", Title: "consult.join.title", Layout: page.Patient, Script: "consult/join.ts",
		View: joinView{Clinic: w.o.Clinic, PhoneText: spoken(w.o.Clinic.Phone)},
		Config: joinConfig{
			Call: w.o.Shell.Asset("consult/room.ts"), Signal: w.o.Signal, Phone: w.o.Clinic.Phone,
			T: w.texts(lang, "consult.js.join."),
		},
	})
}

// redemption is the body of a redeem request. Both are "" when the page relies on its cookie.
type redemption struct {
	Secret  string `json:"secret"`
	Attempt string `json:"attempt"`
}

// place is what the patient's page learns.
type place struct {
	Phase   consult.Phase `json:"phase"`
	Doctor  string        `json:"doctor"`
	Station string        `json:"station"`
	At      string        `json:"at"`
	Ticket  string        `json:"ticket,omitempty"`
}

func (w *Web) redeem(rw http.ResponseWriter, r *http.Request) {
	var body redemption
	if err := readJSON(rw, r, &body); err != nil {
		w.failJSON(rw, r, err, nil)
		return
	}
	if len(body.Secret) > 200 || len(body.Attempt) > 200 {
		w.failJSON(rw, r, fault.New(fault.TooLarge, "consult/web.redeem", "The request is too large."), nil)
		return
	}
	red := w.redemptionOf(r)
	red.Secret, red.Attempt = body.Secret, body.Attempt
	p, err := w.o.Service.Redeem(r.Context(), red)
	if err != nil {
		w.refused(r, err)
		w.failJSON(rw, r, err, nil)
		return
	}
	if p.Device != "" {
		http.SetCookie(rw, &http.Cookie{
			Name: deviceCookie, Value: p.Device, Path: "/j/" + red.Invitation, MaxAge: int(deviceLife / time.Second),
			HttpOnly: true, Secure: w.secure(r), SameSite: http.SameSiteLaxMode,
		})
	}
	answer(rw, http.StatusOK, placeOf(p, ""))
}

func (w *Web) patientTicket(rw http.ResponseWriter, r *http.Request) {
	p, ticket, err := w.o.Service.PatientTicket(r.Context(), w.redemptionOf(r))
	if err != nil {
		w.refused(r, err)
		w.failJSON(rw, r, err, nil)
		return
	}
	answer(rw, http.StatusOK, placeOf(p, ticket))
}

// refused tells the operator that a link did not open. Which link it was is not told: its path belongs to a patient.
func (w *Web) refused(r *http.Request, err error) {
	switch fault.CodeOf(err) {
	case fault.NotFound:
		w.o.Refusals.Note(r.Context(), network.Invitation, network.Wrong, network.Address(r))
	case fault.TooMany:
		w.o.Refusals.Note(r.Context(), network.Invitation, network.TooMany, network.Address(r))
	default: // ours
	}
}

func (w *Web) redemptionOf(r *http.Request) consult.Redemption {
	red := consult.Redemption{Invitation: chi.URLParam(r, "invitation"), From: network.Address(r)}
	if c, err := r.Cookie(deviceCookie); err == nil {
		red.Device = c.Value
	}
	return red
}

func placeOf(p consult.Place, ticket string) place {
	return place{Phase: p.Phase, Doctor: p.Doctor, Station: p.Station, At: p.At.In(consult.HoChiMinh()).Format("15:04"), Ticket: ticket}
}

// texts are the messages under a prefix that this package's scripts use, by their last part.
func (w *Web) texts(lang page.Lang, prefix string) map[string]string {
	out := map[string]string{}
	for _, key := range scriptTexts() {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			out[name] = w.o.Shell.T(lang, key)
		}
	}
	return out
}

// spoken writes a telephone number the way it is read in Vietnam: 0228 3 123 456.
func spoken(e164 string) string {
	local, ok := strings.CutPrefix(e164, "+84")
	if !ok || len(local) < 8 {
		return e164
	}
	local = "0" + local
	const space = "\u00a0" // a number is not broken over two lines
	return local[:4] + space + local[4:7] + space + local[7:]
}
