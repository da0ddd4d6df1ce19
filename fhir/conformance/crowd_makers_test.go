//go:build conformance

package conformance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// newCrowd makes the population: the same for the same seed.
func newCrowd(seed uint64) []object {
	c := &crowd{r: rand.New(rand.NewPCG(seed, 1))}
	for _, typ := range slices.Sorted(maps.Keys(crowdSizes)) {
		for i := range crowdSizes[typ] {
			c.make(typ, i)
		}
	}
	c.r.Shuffle(len(c.all), func(i, j int) { c.all[i], c.all[j] = c.all[j], c.all[i] })
	return c.all
}

// crowdMakers fill a resource of each type.
var crowdMakers = map[string]func(*crowd, object){
	"Organization": func(c *crowd, o object) {
		o["name"] = "Trạm y tế " + c.pick(crowdCities)
		c.optional(o, "identifier", []any{c.identifier()})
		c.optional(o, "partOf", c.ref("Organization"))
		c.optional(o, "type", []any{c.concept()})
		c.optional(o, "address", []any{c.address()})
		c.optional(o, "active", c.chance(50))
	},
	"Location": func(c *crowd, o object) {
		c.optional(o, "name", c.pick(crowdCities))
		c.optional(o, "partOf", c.ref("Location"))
		c.optional(o, "managingOrganization", c.ref("Organization"))
		c.optional(o, "position", object{"latitude": json.Number(fmt.Sprintf("20.%d", c.r.IntN(900))), "longitude": json.Number(fmt.Sprintf("106.%d", c.r.IntN(900)))})
		c.optional(o, "status", c.pick([]string{"active", "suspended"}))
		c.optional(o, "address", c.address())
	},
	"Practitioner": func(c *crowd, o object) {
		o["name"] = c.names()
		c.optional(o, "telecom", c.telecom())
		c.optional(o, "gender", c.pick([]string{"female", "male"}))
		c.optional(o, "identifier", []any{c.identifier(), c.identifier()})
	},
	"PractitionerRole": func(c *crowd, o object) {
		o["practitioner"] = c.ref("Practitioner")
		c.optional(o, "organization", c.ref("Organization"))
		c.optional(o, "code", []any{c.concept()})
		c.optional(o, "period", c.period())
		c.optional(o, "location", []any{c.ref("Location"), c.ref("Location")})
	},
	"Patient": func(c *crowd, o object) {
		o["name"] = c.names()
		c.optional(o, "identifier", []any{c.identifier(), c.identifier()})
		c.optional(o, "gender", c.pick([]string{"female", "male", "other"}))
		c.optional(o, "birthDate", c.day())
		c.optional(o, "telecom", c.telecom())
		c.optional(o, "address", []any{c.address()})
		c.optional(o, "managingOrganization", c.ref("Organization"))
		c.optional(o, "generalPractitioner", []any{c.ref("Practitioner", "Organization", "PractitionerRole"), c.ref("Practitioner")})
		c.optional(o, "active", c.chance(80))
		c.optional(o, "communication", []any{object{"language": c.concept()}})
		switch c.r.IntN(8) {
		case 0:
			o["deceasedBoolean"] = c.chance(50)
		case 1:
			o["deceasedDateTime"] = c.when()
		case 2:
			o["link"] = []any{object{"other": c.ref("Patient", "RelatedPerson"), "type": "seealso"}}
		}
	},
	"RelatedPerson": func(c *crowd, o object) {
		o["patient"] = c.ref("Patient")
		c.optional(o, "name", c.names())
		c.optional(o, "birthDate", c.day())
		c.optional(o, "relationship", []any{c.concept()})
	},
	"Encounter": func(c *crowd, o object) {
		o["status"] = c.pick([]string{"planned", "finished", "in-progress"})
		o["class"] = c.coding()
		c.optional(o, "subject", c.ref("Patient", "Group"))
		c.optional(o, "period", c.period())
		c.optional(o, "serviceProvider", c.ref("Organization"))
		c.optional(o, "participant", []any{object{"individual": c.ref("Practitioner", "PractitionerRole", "RelatedPerson"), "type": []any{c.concept()}}})
		c.optional(o, "location", []any{object{"location": c.ref("Location"), "period": c.period()}})
		c.optional(o, "partOf", c.ref("Encounter"))
		c.optional(o, "length", object{"value": c.decimal(), "system": "http://unitsofmeasure.org", "code": "min"})
		c.optional(o, "type", []any{c.concept(), c.concept()})
		c.optional(o, "episodeOfCare", []any{c.ref("EpisodeOfCare")})
	},
	"Condition": func(c *crowd, o object) {
		o["subject"] = c.ref("Patient")
		c.optional(o, "code", c.concept())
		c.optional(o, "clinicalStatus", c.concept())
		c.optional(o, "encounter", c.ref("Encounter"))
		c.optional(o, "recordedDate", c.when())
		switch c.r.IntN(5) {
		case 0:
			o["onsetAge"] = object{"value": c.decimal(), "system": "http://unitsofmeasure.org", "code": "a"}
		case 1:
			o["onsetDateTime"] = c.when()
		case 2:
			o["onsetPeriod"] = c.period()
		case 3:
			o["onsetString"] = c.pick(crowdWords)
		default:
			o["onsetRange"] = object{"low": object{"value": json.Number("30"), "system": "http://unitsofmeasure.org", "code": "a"}, "high": object{"value": json.Number("100"), "system": "http://unitsofmeasure.org", "code": "a"}}
		}
	},
	"Observation": func(c *crowd, o object) {
		o["status"] = c.pick([]string{"final", "amended", "preliminary"})
		o["code"] = c.concept()
		c.optional(o, "subject", c.ref("Patient", "Patient", "Patient", "Group", "Device", "Location"))
		c.optional(o, "category", []any{c.concept()})
		c.optional(o, "encounter", c.ref("Encounter"))
		c.optional(o, "performer", []any{c.ref("Practitioner", "Organization", "Patient")})
		c.optional(o, "hasMember", []any{c.ref("Observation")})
		c.optional(o, "identifier", []any{c.identifier()})
		c.effective(o, "effective")
		if c.chance(70) {
			c.value(o)
		}
		if c.chance(40) {
			var components []any
			for range 1 + c.r.IntN(3) {
				part := object{"code": c.concept()}
				c.value(part)
				delete(part, "valueSampledData")
				components = append(components, part)
			}
			o["component"] = components
		}
	},
	"DiagnosticReport": func(c *crowd, o object) {
		o["status"], o["code"] = "final", c.concept()
		c.optional(o, "subject", c.ref("Patient"))
		c.optional(o, "result", []any{c.ref("Observation"), c.ref("Observation"), c.ref("Observation")})
		c.optional(o, "issued", crowdInstants[c.r.IntN(len(crowdInstants))].Format("2006-01-02T15:04:05.000Z07:00"))
		c.effective(o, "effective")
		delete(o, "effectiveTiming")
	},
	"Medication": func(c *crowd, o object) {
		o["code"] = c.concept()
		c.optional(o, "ingredient", []any{object{"itemCodeableConcept": c.concept()}, object{"itemReference": c.ref("Medication")}})
		c.optional(o, "form", c.concept())
	},
	"MedicationRequest": func(c *crowd, o object) {
		o["status"], o["intent"] = c.pick([]string{"active", "stopped"}), "order"
		o["subject"] = c.ref("Patient")
		c.optional(o, "authoredOn", c.when())
		c.optional(o, "encounter", c.ref("Encounter"))
		c.optional(o, "requester", c.ref("Practitioner", "PractitionerRole", "Organization"))
		switch c.r.IntN(3) {
		case 0:
			o["medicationCodeableConcept"] = c.concept()
		case 1:
			o["medicationReference"] = c.ref("Medication")
		default:
			o["contained"] = []any{object{"resourceType": "Medication", "id": "m", "code": c.concept()}}
			o["medicationReference"] = object{"reference": "#m", "type": c.pick([]string{"Medication", "Device"})}
		}
		c.optional(o, "dosageInstruction", []any{object{"timing": object{"event": []any{c.when()}}}})
	},
	"Immunization": func(c *crowd, o object) {
		o["status"], o["vaccineCode"], o["patient"] = "completed", c.concept(), c.ref("Patient")
		if c.chance(80) {
			o["occurrenceDateTime"] = c.when()
		} else {
			o["occurrenceString"] = c.pick(crowdWords)
		}
		c.optional(o, "lotNumber", c.pick(crowdCodes))
	},
	"Appointment": func(c *crowd, o object) {
		o["status"] = c.pick([]string{"booked", "noshow"})
		o["participant"] = []any{object{"actor": c.ref("Patient"), "status": "accepted"}, object{"actor": c.ref("Practitioner", "Location"), "status": "tentative"}}
		c.optional(o, "start", crowdInstants[c.r.IntN(len(crowdInstants))].Format("2006-01-02T15:04:05Z07:00"))
	},
	"ServiceRequest": func(c *crowd, o object) {
		o["status"], o["intent"], o["subject"] = c.pick(crowdStatus[:3]), "order", c.ref("Patient", "Group", "Location")
		c.optional(o, "code", c.concept())
		c.optional(o, "occurrencePeriod", c.period())
		c.optional(o, "authoredOn", c.when())
		c.optional(o, "performer", []any{c.ref("Practitioner", "Organization")})
		c.optional(o, "instantiatesCanonical", []any{c.pick([]string{"http://example.vn/Plan/1|2.0", "http://example.vn/Plan/1"})})
	},
	"Task": func(c *crowd, o object) {
		o["status"], o["intent"] = "ready", "order"
		c.optional(o, "for", c.ref("Patient"))
		c.optional(o, "owner", c.ref("Practitioner", "Organization"))
		c.optional(o, "focus", c.ref("ServiceRequest", "Observation", "Encounter"))
		c.optional(o, "executionPeriod", c.period())
	},
	"RiskAssessment": func(c *crowd, o object) {
		o["status"], o["subject"] = "final", c.ref("Patient")
		o["prediction"] = []any{object{"probabilityDecimal": c.decimal()}, object{"probabilityRange": object{"low": object{"value": json.Number("0.1")}, "high": object{"value": c.decimal()}}}}[:1+c.r.IntN(2)]
		c.optional(o, "occurrenceDateTime", c.when())
	},
	"ChargeItem": func(c *crowd, o object) {
		o["status"], o["code"], o["subject"] = "billable", c.concept(), c.ref("Patient")
		c.optional(o, "factorOverride", c.decimal())
		c.optional(o, "priceOverride", object{"value": c.decimal(), "currency": c.pick([]string{"VND", "USD"})})
		c.optional(o, "quantity", c.quantity())
	},
	"Invoice": func(c *crowd, o object) {
		o["status"] = "issued"
		c.optional(o, "subject", c.ref("Patient"))
		c.optional(o, "totalNet", object{"value": c.decimal(), "currency": c.pick([]string{"VND", "USD"})})
		c.optional(o, "date", c.when())
	},
	"ValueSet": func(c *crowd, o object) {
		o["status"] = c.pick([]string{"active", "draft"})
		o["url"] = c.pick([]string{"http://example.vn/ValueSet/a", "http://example.vn/ValueSet/a/b", "http://example.vn/ValueSet", "urn:oid:1.2.3", "http://example.vn/ValueSet/ab"})
		c.optional(o, "version", c.pick([]string{"1.0", "2.0", "1.0-A"}))
		c.optional(o, "name", c.pick(crowdWords))
		c.optional(o, "title", c.pick(crowdWords))
		c.optional(o, "date", c.when())
		c.optional(o, "useContext", []any{
			object{"code": c.coding(), "valueCodeableConcept": c.concept()},
			object{"code": c.coding(), "valueQuantity": c.quantity()},
			object{"code": c.coding(), "valueRange": object{"low": object{"value": json.Number("5"), "system": "http://unitsofmeasure.org", "code": "g"}}},
		})
		o["compose"] = object{"include": []any{object{"system": c.pick(crowdSystems[:3]), "concept": []any{object{"code": c.pick(crowdCodes)}}}}}
	},
	"CodeSystem": func(c *crowd, o object) {
		o["status"], o["content"] = "active", "complete"
		o["url"] = "http://example.vn/CodeSystem/" + fmt.Sprint(o["id"])
		o["concept"] = []any{object{"code": c.pick(crowdCodes), "display": c.pick(crowdWords), "concept": []any{object{"code": "z-" + c.pick(crowdCodes)}}}}
	},
	"Questionnaire": func(c *crowd, o object) {
		o["status"] = "active"
		c.optional(o, "url", "http://example.vn/Questionnaire/"+fmt.Sprint(c.r.IntN(3)))
		c.optional(o, "title", c.pick(crowdWords))
		c.optional(o, "effectivePeriod", c.period())
		c.optional(o, "subjectType", []any{"Patient", "Device"})
	},
	"QuestionnaireResponse": func(c *crowd, o object) {
		o["status"] = "completed"
		c.optional(o, "questionnaire", "http://example.vn/Questionnaire/"+fmt.Sprint(c.r.IntN(3))+c.pick([]string{"", "|1.0", "|2.0"}))
		c.optional(o, "subject", c.ref("Patient"))
		c.optional(o, "authored", c.when())
		c.optional(o, "source", c.ref("Patient", "Practitioner", "RelatedPerson"))
	},
	"DocumentReference": func(c *crowd, o object) {
		o["status"] = "current"
		o["content"] = []any{object{"attachment": object{"contentType": c.pick([]string{"application/pdf", "image/png"}), "url": "http://example.vn/d/1", "creation": c.when()}}}
		c.optional(o, "subject", c.ref("Patient"))
		c.optional(o, "relatesTo", []any{object{"code": "replaces", "target": c.ref("DocumentReference")}, object{"code": "appends", "target": c.ref("DocumentReference")}})
		c.optional(o, "date", crowdInstants[c.r.IntN(len(crowdInstants))].Format("2006-01-02T15:04:05Z07:00"))
	},
	"List": func(c *crowd, o object) {
		o["status"], o["mode"] = "current", "working"
		c.optional(o, "subject", c.ref("Patient"))
		var entries []any
		for range 12 {
			entries = append(entries, object{"item": c.ref("Patient", "Observation", "Encounter")})
		}
		o["entry"] = entries
	},
	"Provenance": func(c *crowd, o object) {
		o["recorded"] = crowdInstants[c.r.IntN(len(crowdInstants))].Format("2006-01-02T15:04:05Z07:00")
		o["agent"] = []any{object{"who": c.ref("Practitioner", "Device")}}
		var targets []any
		for range 8 {
			targets = append(targets, c.ref("Patient", "Observation", "Condition"))
		}
		o["target"] = targets
	},
	"Group": func(c *crowd, o object) {
		o["type"], o["actual"] = "person", true
		c.optional(o, "member", []any{object{"entity": c.ref("Patient")}, object{"entity": c.ref("Patient")}})
		c.optional(o, "characteristic", []any{
			object{"code": c.concept(), "valueCodeableConcept": c.concept(), "exclude": false},
			object{"code": c.concept(), "valueBoolean": c.chance(50), "exclude": false},
			object{"code": c.concept(), "valueReference": c.ref("Location"), "exclude": true},
		})
	},
	"MolecularSequence": func(c *crowd, o object) {
		o["coordinateSystem"] = json.Number("0")
		c.optional(o, "patient", c.ref("Patient"))
		o["referenceSeq"] = object{"chromosome": c.concept(), "referenceSeqId": c.concept(), "windowStart": json.Number("5"), "windowEnd": json.Number("120")}
		c.optional(o, "variant", []any{object{"start": json.Number("5"), "end": json.Number("16")}, object{"start": json.Number("100"), "end": json.Number("104")}})
	},
	"CarePlan": func(c *crowd, o object) {
		o["status"], o["intent"], o["subject"] = c.pick(crowdStatus[:3]), "plan", c.ref("Patient")
		c.optional(o, "period", c.period())
		c.optional(o, "activity", []any{
			object{"detail": object{"status": "scheduled", "scheduledPeriod": c.period(), "code": c.concept()}},
			object{"detail": object{"status": "scheduled", "scheduledString": "mỗi sáng"}},
			object{"detail": object{"status": "scheduled", "scheduledTiming": object{"event": []any{c.when()}}}},
		})
		c.optional(o, "careTeam", []any{object{"reference": "#t"}})
		o["contained"] = []any{object{"resourceType": "CareTeam", "id": "t"}}
	},
	"EpisodeOfCare": func(c *crowd, o object) {
		o["status"], o["patient"] = c.pick([]string{"active", "finished"}), c.ref("Patient")
		c.optional(o, "period", c.period())
		c.optional(o, "managingOrganization", c.ref("Organization"))
		c.optional(o, "type", []any{c.concept()})
	},
	"Goal": func(c *crowd, o object) {
		o["lifecycleStatus"], o["description"], o["subject"] = "active", c.concept(), c.ref("Patient")
		c.optional(o, "startDate", c.day())
		c.optional(o, "target", []any{object{"dueDate": c.day()}, object{"dueDuration": object{"value": json.Number("5"), "system": "http://unitsofmeasure.org", "code": "d"}}})
	},
	"Device": func(c *crowd, o object) {
		c.optional(o, "deviceName", []any{object{"name": c.pick(crowdWords), "type": "user-friendly-name"}})
		c.optional(o, "patient", c.ref("Patient"))
		c.optional(o, "url", c.pick([]string{"http://example.vn/device", "http://example.vn/device/1"}))
		c.optional(o, "type", c.concept())
	},
	"Communication": func(c *crowd, o object) {
		o["status"] = "completed"
		c.optional(o, "subject", c.ref("Patient", "Group"))
		c.optional(o, "sent", c.when())
		c.optional(o, "recipient", []any{c.ref("Practitioner", "Patient"), c.ref("RelatedPerson", "Organization")})
		c.optional(o, "partOf", []any{c.ref("Communication", "Observation")})
	},
}
