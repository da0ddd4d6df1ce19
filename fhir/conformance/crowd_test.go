//go:build conformance

package conformance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// object is a JSON object.
type object = map[string]any

// crowd makes a population of many types whose values are as odd as FHIR allows: dates of every precision and zone, open periods,
// decimals that differ only in precision, mixed units, comparators, codes that need escapes or differ in case, several codings, text
// instead of codes, references of every form, composed and decomposed Vietnamese, and much that is missing.
type crowd struct {
	r   *rand.Rand
	all []object // in the order in which they are to be created
}

// The words of the population: few, so that questions find something.
var (
	crowdFamilies = []string{"Nguyễn", "NGUYỄN", "Trần", "Đặng", "đặng", "Lê", "Lê Văn", "O'Brien", "Hồ, Phạm"}
	crowdGiven    = []string{"Hòa", "Hoà", "Hoa", "Thị Hòa", "Đức", "Duc", "Mai", "Bích Liên", "Ân", "A|B", `C\D`, "X$Y"}
	crowdCities   = []string{"Hưng Yên", "Hưng  Yên", "Thái Bình", "Xã Đông Hưng", "Đà Nẵng"}
	crowdWords    = []string{"huyết áp cao", "Huyết Áp", "tăng huyết áp", "đái tháo đường", "Glucose", "glucose máu", "Sốt", "a,b", "50%"}
	crowdSystems  = []string{"http://loinc.org", "http://snomed.info/sct", "urn:oid:1.2.3", ""}
	crowdCodes    = []string{"8480-6", "8462-4", "14743-9", "A", "a", "a,b", "x|y", "m$n", `p\q`, "vi", "1", "10"}
	crowdInstants = []time.Time{
		time.Date(2026, 1, 1, 0, 0, 0, 0, saigon), time.Date(2025, 12, 31, 23, 59, 59, 0, saigon), time.Date(2026, 3, 1, 8, 15, 30, 250_000_000, saigon),
		time.Date(2026, 2, 28, 17, 0, 0, 0, time.UTC), time.Date(2026, 3, 31, 23, 30, 0, 0, saigon), time.Date(2024, 2, 29, 12, 0, 0, 0, saigon),
		time.Date(1958, 3, 12, 0, 0, 0, 0, saigon), time.Date(2026, 7, 1, 6, 0, 0, 0, time.UTC),
	}
	crowdDecimals = []string{"5.4", "5.40", "5.400", "5", "5.0", "5.44", "5.45", "5.35", "100", "100.0", "1e2", "99.5", "100.5", "104", "0", "-2.5", "0.05", "120", "140", "16", "97.2", "1.2"}
	crowdUnits    = []string{"mmol/L", "mg/dL", "g/L", "g/dL", "mm[Hg]", "kPa", "Cel", "[degF]", "/min", "kg", "g", "%"}
	crowdStatus   = []string{"active", "completed", "draft", "final"}
)

// ids are how many resources of each type there are: "Patient/c-0" and so on.
var crowdSizes = map[string]int{
	"Organization": 10, "Location": 10, "Practitioner": 12, "PractitionerRole": 10, "Patient": 110, "RelatedPerson": 8, "Encounter": 90, "Condition": 60, "Observation": 300,
	"DiagnosticReport": 30, "Medication": 8, "MedicationRequest": 50, "Immunization": 20, "Appointment": 25, "ServiceRequest": 30, "Task": 20, "RiskAssessment": 25, "ChargeItem": 20,
	"ValueSet": 14, "CodeSystem": 6, "Questionnaire": 10, "QuestionnaireResponse": 20, "DocumentReference": 20, "List": 8, "Provenance": 10, "Group": 8, "MolecularSequence": 10,
	"CarePlan": 20, "EpisodeOfCare": 20, "Goal": 10, "Device": 6, "Communication": 10, "Invoice": 10,
}

func (c *crowd) chance(percent int) bool { return c.r.IntN(100) < percent }

func (c *crowd) pick(list []string) string { return list[c.r.IntN(len(list))] }

// id is one of a type's.
func (c *crowd) id(typ string) string { return fmt.Sprintf("c-%d", c.r.IntN(crowdSizes[typ])) }

// ref is a reference of some form to one of the types.
func (c *crowd) ref(types ...string) object {
	typ := c.pick(types)
	local := typ + "/" + c.id(typ)
	switch c.r.IntN(14) {
	case 0:
		return object{"reference": local + "/_history/1"}
	case 1:
		return object{"reference": "https://elsewhere.example/fhir/" + local}
	case 2:
		return object{"type": typ, "identifier": c.identifier()}
	case 3:
		return object{"display": "somebody"}
	case 4:
		return object{"reference": typ + "/nobody"}
	case 5:
		return object{"reference": local, "identifier": c.identifier()}
	case 6:
		return object{"reference": "urn:uuid:7d3c1f0a-0000-4000-8000-00000000000" + fmt.Sprint(c.r.IntN(3))}
	}
	return object{"reference": local}
}

func (c *crowd) coding() object {
	o := object{"code": c.pick(crowdCodes)}
	if system := c.pick(crowdSystems); system != "" {
		o["system"] = system
	}
	if c.chance(30) {
		o["display"] = c.pick(crowdWords)
	}
	if c.chance(5) && o["system"] != nil {
		delete(o, "code")
	}
	return o
}

func (c *crowd) concept() object {
	o := object{}
	var codings []any
	for range c.r.IntN(4) {
		codings = append(codings, c.coding())
	}
	if len(codings) > 0 {
		o["coding"] = codings
	}
	if len(codings) == 0 || c.chance(25) {
		o["text"] = c.pick(crowdWords)
	}
	return o
}

func (c *crowd) identifier() object {
	o := object{"value": c.pick(append(crowdCodes, "036158004321", "BN-01"))}
	if c.chance(70) {
		o["system"] = c.pick([]string{"urn:khamxa:bn", "http://example.vn/cccd"})
	}
	if c.chance(40) {
		o["type"] = object{"coding": []any{object{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": c.pick([]string{"MR", "NI"})}}, "text": c.pick(crowdWords)}
	}
	return o
}

// when is a date of some precision.
func (c *crowd) when() string {
	t := crowdInstants[c.r.IntN(len(crowdInstants))].AddDate(0, 0, c.r.IntN(3)*c.r.IntN(40)).In([]*time.Location{saigon, time.UTC, time.FixedZone("", -5*60*60)}[c.r.IntN(3)])
	return t.Format(c.pick([]string{"2006", "2006-01", "2006-01-02", "2006-01-02", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.000Z07:00"}))
}

func (c *crowd) day() string {
	when := c.when()
	return when[:min(10, len(when))]
}

func (c *crowd) period() object {
	o := object{}
	a, b := c.when(), c.when()
	if a > b {
		a, b = b, a
	}
	if c.chance(80) {
		o["start"] = a
	}
	if c.chance(70) || len(o) == 0 {
		o["end"] = b
	}
	return o
}

func (c *crowd) decimal() json.Number { return json.Number(c.pick(crowdDecimals)) }

func (c *crowd) quantity() object {
	o := object{"value": c.decimal()}
	switch c.r.IntN(8) {
	case 0:
		o["unit"] = "viên"
	case 1:
		o["system"], o["code"] = "urn:oid:1.2.3", c.pick([]string{"viên", "mmol/L"})
	default:
		o["system"], o["code"] = "http://unitsofmeasure.org", c.pick(crowdUnits)
		o["unit"] = o["code"]
	}
	if c.chance(8) {
		o["comparator"] = c.pick([]string{"<", "<=", ">=", ">"})
	}
	if c.chance(4) {
		delete(o, "value")
	}
	return o
}

func (c *crowd) name() object {
	o := object{}
	if c.chance(80) {
		o["family"] = c.pick(crowdFamilies)
	}
	if c.chance(70) {
		o["given"] = []any{c.pick(crowdGiven), c.pick(crowdGiven)}
	}
	if c.chance(40) || len(o) == 0 {
		o["text"] = strings.Join([]string{c.pick(crowdFamilies), "Thị", c.pick(crowdGiven)}, " ")
	}
	if c.chance(20) { // written with letters and marks apart
		if s, ok := o["family"].(string); ok {
			o["family"] = norm.NFD.String(s)
		}
	}
	return o
}

func (c *crowd) names() []any {
	list := []any{c.name()}
	if c.chance(20) {
		list = append(list, c.name())
	}
	return list
}

func (c *crowd) telecom() []any {
	var list []any
	for range 1 + c.r.IntN(2) {
		list = append(list, object{"system": c.pick([]string{"phone", "email"}), "value": c.pick([]string{"0990123456", "Hoa@Example.vn", "hoa@example.vn", "+84 990 123 456"})})
	}
	return list
}

func (c *crowd) address() object {
	o := object{"city": c.pick(crowdCities), "country": "VN"}
	if c.chance(50) {
		o["line"] = []any{"12 Đường Lê Lợi", "Thôn Đoài"}
	}
	if c.chance(30) {
		o["text"] = "12 Lê Lợi, " + c.pick(crowdCities)
	}
	return o
}

func (c *crowd) meta(o object) {
	m := object{}
	if c.chance(20) {
		m["tag"] = []any{c.coding()}
	}
	if c.chance(10) {
		m["profile"] = []any{c.pick([]string{"http://example.vn/StructureDefinition/bp", "http://example.vn/StructureDefinition/bp|1.0"})}
	}
	if c.chance(10) {
		m["source"] = c.pick([]string{"http://example.vn/a", "http://example.vn/a/b", "urn:oid:1.2.3"})
	}
	if len(m) > 0 {
		o["meta"] = m
	}
}

// value gives an Observation, or a component of one, a value of some type.
func (c *crowd) value(o object) {
	switch c.r.IntN(12) {
	case 0:
		o["valueString"] = c.pick(crowdWords)
	case 1, 2:
		o["valueCodeableConcept"] = c.concept()
	case 3:
		o["valueDateTime"] = c.when()
	case 4:
		o["valuePeriod"] = c.period()
	case 5:
		o["valueSampledData"] = object{"origin": object{"value": c.decimal()}, "period": json.Number("10"), "dimensions": json.Number("1"), "data": "1 2.5 E 3 L"}
	case 6:
		o["dataAbsentReason"] = c.concept()
	default:
		o["valueQuantity"] = c.quantity()
	}
}

// effective gives a resource a time as its choice has it.
func (c *crowd) effective(o object, name string) {
	switch c.r.IntN(5) {
	case 0:
		o[name+"Period"] = c.period()
	case 1:
		if name == "effective" {
			o[name+"Timing"] = object{"event": []any{c.when(), c.when()}, "repeat": object{"boundsPeriod": c.period()}}
		}
	default:
		o[name+"DateTime"] = c.when()
	}
}

// make adds one resource. What a maker leaves out of an object was missing.
func (c *crowd) make(typ string, i int) {
	o := object{"resourceType": typ, "id": fmt.Sprintf("c-%d", i)}
	c.meta(o)
	crowdMakers[typ](c, o)
	c.all = append(c.all, o)
}

// optional sets a member of most resources.
func (c *crowd) optional(o object, name string, value any) {
	if c.chance(75) {
		o[name] = value
	}
}
