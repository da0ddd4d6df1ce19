package rest

import (
	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/fhir/shape"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// shaped is a version with the elements that the search asks for. _summary is for every resource of the page, _elements for the
// matches. https://hl7.org/fhir/R4/search.html#summary
func shaped(q *search.Query, v store.Version, match bool) (store.Version, error) {
	if q.Summary == search.NoSummary && (len(q.Elements) == 0 || !match) {
		return v, nil
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return v, fault.Wrap(err, fault.Internal, "rest.shaped", "A stored resource cannot be read. It has been written to the log.")
	}
	switch q.Summary {
	case search.SummaryTrue:
		v.Body = shape.Summary(r)
	case search.SummaryText:
		v.Body = shape.Text(r)
	case search.SummaryData:
		v.Body = shape.Data(r)
	case search.SummaryCount, search.NoSummary:
		v.Body = shape.Elements(r, q.Elements)
	}
	return v, nil
}
