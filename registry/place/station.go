package place

import (
	"bytes"
	"encoding/json"
	"strings"
)

// UnitSystem is the code system of administrative units in the FHIR bodies of this package. A unit's code is written with its
// first valid day ("14281@2025-07-01"), because bare codes were recycled.
const UnitSystem = "urn:khamxa:unit"

const stationPrefix = "tyt-"

// StationID is the FHIR id of the Organization that is the commune's health station ("tyt-14221"). The rule is plain text so that
// accounts (internal/identity) can name a station without this package.
func StationID(code string) string { return stationPrefix + code }

// StationReference is the station as a FHIR reference ("Organization/tyt-14221"): also the holder of its patients' records.
func StationReference(code string) string { return "Organization/" + StationID(code) }

// CommuneOf is the commune code in a station's reference or id, false if it is not one of a station.
func CommuneOf(reference string) (code string, ok bool) {
	code, ok = strings.CutPrefix(strings.TrimPrefix(reference, "Organization/"), stationPrefix)
	return code, ok && len(code) == 5
}

// LocationID is the FHIR id of the Location that is the commune ("xa-14221").
func LocationID(code string) string { return "xa-" + code }

// StationName is the station's Vietnamese name: "Trạm Y tế xã Hải Thịnh".
func (u Unit) StationName() string {
	return "Trạm Y tế " + strings.ToLower(string(u.Kind)) + " " + u.Name
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type reference struct {
	Reference string `json:"reference"`
}

type address struct {
	Text    string `json:"text"`
	City    string `json:"city"`
	State   string `json:"state"`
	Country string `json:"country"`
}

type organization struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Identifier   []identifier `json:"identifier"`
	Active       bool         `json:"active"`
	Type         []concept    `json:"type"`
	Name         string       `json:"name"`
	Alias        []string     `json:"alias,omitempty"`
	Address      []address    `json:"address"`
}

type position struct {
	Longitude float64 `json:"longitude"`
	Latitude  float64 `json:"latitude"`
}

type location struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Identifier   []identifier `json:"identifier"`
	Status       string       `json:"status"`
	Name         string       `json:"name"`
	Alias        []string     `json:"alias,omitempty"`
	Mode         string       `json:"mode"`
	PhysicalType concept      `json:"physicalType"`
	Address      address      `json:"address"`
	Position     position     `json:"position"`
	Managing     reference    `json:"managingOrganization"`
}

func (u Unit) identifiers() []identifier {
	return []identifier{{System: UnitSystem, Value: u.Code + "@" + u.From}}
}

func (u Unit) address() address {
	return address{Text: u.FullName() + ", " + u.Province, City: u.FullName(), State: u.Province, Country: "VN"}
}

// Organization is the FHIR R4 Organization of the commune's health station, as JSON. Its id is StationID.
func (u Unit) Organization() []byte {
	return body(organization{
		ResourceType: "Organization", ID: StationID(u.Code), Identifier: u.identifiers(), Active: u.To == "",
		Type: []concept{{
			Coding: []coding{{System: "http://terminology.hl7.org/CodeSystem/organization-type", Code: "prov", Display: "Healthcare Provider"}},
			Text:   "Trạm y tế",
		}},
		Name: u.StationName(), Alias: u.Spellings, Address: []address{u.address()},
	})
}

// Location is the FHIR R4 Location of the commune itself, as JSON. Its id is LocationID. Location.physicalType has the code of a
// jurisdiction, as R4's location-physical-type asks for an administrative area.
func (u Unit) Location() []byte {
	return body(location{
		ResourceType: "Location", ID: LocationID(u.Code), Identifier: u.identifiers(), Status: "active", Name: u.FullName(), Alias: u.Spellings,
		Mode: "instance",
		PhysicalType: concept{Coding: []coding{{
			System: "http://terminology.hl7.org/CodeSystem/location-physical-type", Code: "jdn", Display: "Jurisdiction",
		}}},
		Address: u.address(), Position: position{Longitude: u.Longitude, Latitude: u.Latitude},
		Managing: reference{Reference: StationReference(u.Code)},
	})
}

// body is the JSON of a value of this package; the types above cannot fail to marshal.
func body(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
