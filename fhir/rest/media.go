package rest

import (
	"mime"
	"net/http"
	"net/url"
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

// acceptable checks _format, which goes before Accept. https://hl7.org/fhir/R4/http.html#parameters
func acceptable(accept []string, values url.Values) error {
	const sentence = "This server speaks FHIR R4 as JSON only: ask for application/fhir+json."
	if formats, ok := values["_format"]; ok {
		for _, f := range formats {
			if f != "json" && !isJSON(f) {
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

// bodyType checks the Content-Type of what a route expects.
func bodyType(p payload, h http.Header) error {
	const op = "rest.bodyType"
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fault.New(fault.Unsupported, op, "A compressed body is not accepted: send it without Content-Encoding.")
	}
	written := h.Get("Content-Type")
	if p == formBody {
		if name, _, err := mime.ParseMediaType(written); err != nil || name != "application/x-www-form-urlencoded" {
			return fault.New(fault.Unsupported, op, "The body of a _search must be application/x-www-form-urlencoded.")
		}
		return nil
	}
	if !isJSON(written) {
		return fault.New(fault.Unsupported, op, "The body must be FHIR R4 as JSON, with the Content-Type application/fhir+json.")
	}
	return nil
}

// preference is what a Prefer header asks for. https://hl7.org/fhir/R4/http.html#ops, #prefer and search.html#errors
type preference struct {
	minimal bool // return=minimal
	outcome bool // return=OperationOutcome
	whole   bool // return=representation
	lenient bool // handling=lenient
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
		}
	}
	return p
}
