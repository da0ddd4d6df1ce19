package rest

import (
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"khamxa/internal/fault"
)

// mediaType is the one form that is spoken. https://hl7.org/fhir/R4/http.html#mime-type
const mediaType = "application/fhir+json"

// isJSON reports whether a media type, as the client wrote it, means FHIR JSON of this release. "+" often arrives as a space
// when it comes in a query.
func isJSON(written string) bool {
	name, params, err := mime.ParseMediaType(strings.ReplaceAll(written, "fhir json", "fhir+json"))
	if err != nil {
		return false
	}
	if v, ok := params["fhirversion"]; ok && v != "4.0" {
		return false
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return false
	}
	return name == mediaType || name == "application/json"
}

// otherForms are the forms of R4 that are not spoken, as _format may name them (http.html#mime-type).
func otherForms() []string {
	return []string{"xml", "text/xml", "application/xml", "application/fhir+xml", "ttl", "text/turtle", "turtle", "application/fhir+turtle", "html", "text/html"}
}

// acceptable checks _format, which goes before Accept. https://hl7.org/fhir/R4/http.html#parameters
func acceptable(accept []string, values url.Values) error {
	const sentence = "This server speaks FHIR R4 as JSON only: ask for application/fhir+json."
	if formats, ok := values["_format"]; ok {
		for _, f := range formats {
			name, _, _ := strings.Cut(strings.ReplaceAll(f, "fhir ", "fhir+"), ";")
			switch {
			case strings.EqualFold(f, "json") || strings.EqualFold(f, "text/json") || isJSON(f):
			case slices.Contains(otherForms(), strings.ToLower(strings.TrimSpace(name))):
				return fault.Newf(fault.Unsupported, "rest.acceptable", "The form %s is not spoken here. %s", clip(f), sentence).At("_format")
			default:
				return fault.New(fault.Unsupported, "rest.acceptable", sentence).At("_format")
			}
		}
		return nil
	}
	list := strings.Join(accept, ",")
	if strings.TrimSpace(list) == "" {
		return nil
	}
	for _, written := range strings.Split(list, ",") {
		name, params, err := mime.ParseMediaType(written)
		if err != nil {
			continue
		}
		if q, ok := params["q"]; ok {
			if weight, err := strconv.ParseFloat(q, 64); err != nil || weight <= 0 {
				continue
			}
		}
		if name == "*/*" || name == "application/*" || isJSON(written) {
			return nil
		}
	}
	return fault.New(fault.Unsupported, "rest.acceptable", sentence)
}

// bodyType checks the Content-Type of what a route expects, and gives it without its parameters.
func bodyType(p payload, written string) (string, error) {
	const op = "rest.bodyType"
	name, _, err := mime.ParseMediaType(written)
	switch {
	case p == formBody && (err != nil || name != "application/x-www-form-urlencoded"):
		return "", fault.New(fault.Unsupported, op, "The body of a _search must be application/x-www-form-urlencoded.")
	case p == formBody, p == patchBody && name == jsonPatch, isJSON(written):
		return name, nil
	case p == patchBody:
		return "", fault.New(fault.Unsupported, op, "A patch is a JSON Patch with the Content-Type application/json-patch+json, or Parameters (FHIRPath Patch) with application/fhir+json.")
	}
	return "", fault.New(fault.Unsupported, op, "The body must be FHIR R4 as JSON, with the Content-Type application/fhir+json.")
}

// preference is what a Prefer header asks for. https://hl7.org/fhir/R4/http.html#ops, #prefer and search.html#errors
type preference struct {
	minimal bool // return=minimal
	outcome bool // return=OperationOutcome
	whole   bool // return=representation
	lenient bool // handling=lenient
	async   bool // respond-async
}

func preferences(headers []string) (p preference) {
	for _, one := range strings.FieldsFunc(strings.Join(headers, ","), func(r rune) bool { return r == ',' || r == ';' }) {
		switch strings.ToLower(strings.TrimSpace(one)) {
		case "return=minimal":
			p.minimal = true
		case "return=operationoutcome":
			p.outcome = true
		case "return=representation":
			p.whole = true
		case "handling=lenient":
			p.lenient = true
		case "respond-async":
			p.async = true
		}
	}
	return p
}
