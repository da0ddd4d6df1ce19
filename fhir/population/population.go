// Package population makes synthetic FHIR R4 records to measure and to test with: patients of health stations with visits, blood
// pressures, weights, laboratory values, diagnoses and prescriptions, about 1 kB a resource. Nobody in it is real.
//
// It is deterministic: the same Maker gives the same bytes, and person n is the same however many people are made. It varies what
// searches must cope with: dates of every precision and in several time zones, periods without an end, names with and without marks,
// several codings of one concept, components, values as quantity, concept and text, elements that are missing.
//
// It is pure, like package fhir, and knows no store and no programme: registry/seed is the population whose course of illness is
// modelled. The bench and tests of search and operations call it.
package population

import (
	"fmt"
	"math/rand/v2"
	"time"

	"khamxa/fhir"
)

// Resource is one resource as it would be sent: its id is set, meta is not.
type Resource struct {
	Type, ID string
	Body     []byte
}

// Maker makes people. The zero Maker is ready.
type Maker struct {
	Seed   uint64
	Visits int // encounters of each person; 0: 12. Each has two to four observations
}

// Stations is how many health stations hold the people.
const Stations = 20

const (
	visitsUsually = 12
	doctors       = 2 * Stations
)

// PersonID is the id of the Patient with number n, from 0. Ids grow with n.
func PersonID(n int) string { return fmt.Sprintf("pop-%07d", n) }

// StationID is the id of the Organization with number n, from 0 to Stations-1.
func StationID(n int) string { return fmt.Sprintf("tyt-9%04d", n%Stations) }

func doctorID(n int) string { return fmt.Sprintf("pop-doctor-%02d", n%doctors) }

// IdentifierSystem is the system of the people's identifiers; the value of person n is IdentifierValue(n).
const IdentifierSystem = "https://example.vn/fhir/record-number"

// IdentifierValue is the record number of person n.
func IdentifierValue(n int) string { return fmt.Sprintf("RN%08d", n) }

// Shared are the resources that people refer to: stations, their places and doctors. They come before any person.
func (m Maker) Shared() []Resource {
	var list []Resource
	for n := range Stations {
		r := m.random(uint64(n), 1)
		place := communes[n%len(communes)]
		list = append(list, made("Organization", StationID(n), fhir.BuildResource("Organization", StationID(n)).
			Bool("active", true).
			List("type", fhir.Concept("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider")).
			String("name", "Trạm Y tế "+place).
			List("telecom", fhir.Build().String("system", "phone").String("value", phone(r)))))
		id := fmt.Sprintf("pop-place-%02d", n)
		list = append(list, made("Location", id, fhir.BuildResource("Location", id).
			String("status", "active").String("name", place).
			Object("position", fhir.Build().Decimal("longitude", 106.5+r.Float64()/2, 4).Decimal("latitude", 20.5+r.Float64()/2, 4)).
			Object("managingOrganization", fhir.Ref("Organization/"+StationID(n)))))
	}
	for n := range doctors {
		r := m.random(uint64(n), 2)
		list = append(list, made("Practitioner", doctorID(n), fhir.BuildResource("Practitioner", doctorID(n)).
			Bool("active", true).List("name", nameOf(r, n%2 == 0, "official")).
			String("gender", sexOf(n%2 == 0))))
	}
	return list
}

// Person is the whole record of person n, the Patient first, then in the order of time. Every reference in it is to itself, to a
// resource of Shared or to nobody of this server.
func (m Maker) Person(n int) []Resource {
	visits := m.Visits
	if visits == 0 {
		visits = visitsUsually
	}
	return m.Record(n, visits)
}

// Record is Person with a number of visits of one's own. Of longer records the beginning is the same.
func (m Maker) Record(n, visits int) []Resource {
	p := m.person(n)
	list := []Resource{made("Patient", p.id, p.patient())}
	list = append(list, p.diagnoses()...)
	for i := range visits {
		list = append(list, p.visit(i)...)
	}
	return list
}

// random is a source for one purpose: nothing that is made elsewhere changes what it gives.
func (m Maker) random(n, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(m.Seed<<8|purpose, n)) //nolint:gosec // data for tests, no secret
}

func made(typ, id string, b *fhir.Builder) Resource { return Resource{typ, id, b.Bytes()} }

// Transaction is a Bundle of type transaction that puts the resources under their ids.
func Transaction(list []Resource) []byte {
	size := 64
	for i := range list {
		size += len(list[i].Body) + 96
	}
	b := make([]byte, 0, size)
	b = append(b, `{"resourceType":"Bundle","type":"transaction","entry":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"resource":`...)
		b = append(b, list[i].Body...)
		b = fmt.Appendf(b, `,"request":{"method":"PUT","url":"%s/%s"}}`, list[i].Type, list[i].ID)
	}
	return append(b, "]}"...)
}

// begin and days say which time records cover.
var begin = time.Date(2023, 1, 2, 0, 0, 0, 0, time.FixedZone("+07:00", 7*60*60))

const days = 1_260
