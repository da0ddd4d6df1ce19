package place

import (
	"strings"

	"khamxa/fhir"
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

func (u Unit) identifier() *fhir.Builder {
	return fhir.Build().String("system", UnitSystem).String("value", u.Code+"@"+u.From)
}

func (u Unit) address() *fhir.Builder {
	return fhir.Build().String("text", u.FullName()+", "+u.Province).String("city", u.FullName()).String("state", u.Province).String("country", "VN")
}

// Organization is the FHIR R4 Organization of the commune's health station, as JSON. Its id is StationID.
func (u Unit) Organization() []byte {
	kind := fhir.Concept("http://terminology.hl7.org/CodeSystem/organization-type", "prov", "Healthcare Provider").String("text", "Trạm y tế")
	return fhir.BuildResource("Organization", StationID(u.Code)).List("identifier", u.identifier()).Bool("active", u.To == "").
		List("type", kind).String("name", u.StationName()).Strings("alias", u.Spellings...).List("address", u.address()).Bytes()
}

// Location is the FHIR R4 Location of the commune itself, as JSON. Its id is LocationID. Location.physicalType has the code of a
// jurisdiction, as R4's location-physical-type asks for an administrative area.
func (u Unit) Location() []byte {
	position := fhir.Build().Decimal("longitude", u.Longitude, 4).Decimal("latitude", u.Latitude, 4)
	return fhir.BuildResource("Location", LocationID(u.Code)).List("identifier", u.identifier()).String("status", "active").
		String("name", u.FullName()).Strings("alias", u.Spellings...).String("mode", "instance").
		Object("physicalType", fhir.Concept("http://terminology.hl7.org/CodeSystem/location-physical-type", "jdn", "Jurisdiction")).
		Object("address", u.address()).Object("position", position).
		Object("managingOrganization", fhir.Ref(StationReference(u.Code))).Bytes()
}
