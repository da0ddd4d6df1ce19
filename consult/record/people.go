package record

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"khamxa/consult"
	"khamxa/fhir"
	"khamxa/fhir/model"
	"khamxa/fhir/search"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// lastReadings is how many earlier blood pressures the console shows.
const lastReadings = 3

// People implements consult.Patients, and finds patients by name or telephone, from the log. Make one with NewPeople.
type People struct{ log store.Store }

var _ consult.Patients = (*People)(nil)

// NewPeople makes a People.
func NewPeople(log store.Store) *People { return &People{log: log} }

// Patient implements consult.Patients. A patient outside within is NotFound, like one that does not exist.
func (p *People) Patient(ctx context.Context, within []string, id string) (consult.Profile, error) {
	v, err := p.log.Read(ctx, "Patient", id)
	outside := err == nil && !store.Visible(within, v.Holder)
	if outside || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return consult.Profile{}, fault.New(fault.NotFound, "record.Patient", "There is no such patient.").At("patient")
	}
	if err != nil {
		return consult.Profile{}, err
	}
	profile, err := profileOf(v)
	if err != nil {
		return consult.Profile{}, err
	}
	if profile.StationName, err = p.nameOf(ctx, profile.Station); err != nil {
		return consult.Profile{}, err
	}
	profile.Last, err = p.last(ctx, within, id)
	return profile, err
}

// Station implements consult.Patients.
func (p *People) Station(ctx context.Context, id string) (string, error) {
	v, err := p.log.Read(ctx, "Patient", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return "", fault.New(fault.NotFound, "record.Station", "There is no such patient.").At("patient")
	}
	if err != nil {
		return "", err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return "", err
	}
	return stationOf(r.Root), nil
}

// Find lists patients whose name (marks and case do not matter) or telephone matches, at most limit. A blank query finds nobody.
func (p *People) Find(ctx context.Context, within []string, query string, limit int) ([]consult.Profile, error) {
	query = strings.Join(strings.Fields(query), " ")
	if query == "" {
		return nil, nil
	}
	for _, values := range questions(query) {
		values.Set("_count", strconv.Itoa(limit))
		values.Set("_sort", "name")
		q, err := search.Parse("Patient", values)
		if err != nil {
			return nil, err
		}
		page, err := p.log.Search(ctx, store.SearchRequest{Query: q, Within: within})
		if err != nil {
			return nil, err
		}
		if len(page.Matches) == 0 {
			continue
		}
		return p.profiles(ctx, page.Matches)
	}
	return nil, nil
}

// questions are the searches for what somebody typed, the cheapest first: a number is a telephone; words are the beginning
// of a name, or anywhere in it in any order.
func questions(query string) []url.Values {
	if digits := phone(query); digits != "" {
		return []url.Values{{"phone": {digits}}, {"phone": {"0" + strings.TrimPrefix(digits, "+84")}}}
	}
	words := url.Values{}
	for _, w := range strings.Fields(query) {
		words.Add("name:contains", escape(w))
	}
	return []url.Values{{"name": {escape(query)}}, words}
}

// phone brings a Vietnamese telephone number to E.164, "" if the text is none.
func phone(s string) string {
	s = strings.NewReplacer(" ", "", ".", "", "-", "").Replace(s)
	for _, r := range strings.TrimPrefix(s, "+") {
		if r < '0' || r > '9' {
			return ""
		}
	}
	switch {
	case len(s) < 8:
		return ""
	case strings.HasPrefix(s, "0"):
		return "+84" + s[1:]
	case strings.HasPrefix(s, "84"):
		return "+" + s
	}
	return s
}

// escape keeps FHIR's own separators literal (R4 search.html#escaping).
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `$`, `\$`, `|`, `\|`).Replace(s)
}

func (p *People) profiles(ctx context.Context, found []store.Version) ([]consult.Profile, error) {
	stations := map[string]string{}
	out := make([]consult.Profile, 0, len(found))
	for _, v := range found {
		profile, err := profileOf(v)
		if err != nil {
			return nil, err
		}
		name, known := stations[profile.Station]
		if !known {
			if name, err = p.nameOf(ctx, profile.Station); err != nil {
				return nil, err
			}
			stations[profile.Station] = name
		}
		profile.StationName = name
		out = append(out, profile)
	}
	return out, nil
}

// nameOf is an organisation's name, "" if it is not in the log or holds values that R4 does not know: a consult does not wait for a name.
func (p *People) nameOf(ctx context.Context, reference string) (string, error) {
	id, ok := strings.CutPrefix(reference, "Organization/")
	if !ok {
		return "", nil
	}
	v, err := p.log.Read(ctx, "Organization", id)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	organization, err := model.Read[models.Organization](v.Body)
	if err != nil || organization.Name == nil {
		return "", nil
	}
	return *organization.Name, nil
}

func profileOf(v store.Version) (consult.Profile, error) {
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return consult.Profile{}, err
	}
	year, _ := strconv.Atoi(firstOf(r.Root.Get("birthDate").String(), 4)) // no year, no birth date
	profile := consult.Profile{
		ID: v.ID, Name: nameText(r.Root.Get("name")), Gender: r.Root.Get("gender").String(), BirthYear: year,
		Commune: r.Root.Get("address").At(0).Get("text").String(), Station: stationOf(r.Root),
	}
	for _, contact := range r.Root.Get("telecom").Items() {
		if contact.Get("system").IsString("phone") && profile.Phone == "" {
			profile.Phone = contact.Get("value").String()
		}
	}
	return profile, nil
}

// stationOf is the organisation that holds the patient, "" if none does: only a reference of the form Organization/1 counts, as in
// the log. It is not store.Version.Holder, which names the holders of linked patients too.
func stationOf(patient *fhir.Value) string {
	ref := fhir.ParseReference(patient.Get("managingOrganization").Get("reference").String())
	if ref.Kind != fhir.Local || ref.Type != "Organization" {
		return ""
	}
	return ref.Unversioned()
}

// nameText is the full name as it is written: name.text, or its parts in Vietnamese order.
func nameText(names *fhir.Value) string {
	for _, n := range names.Items() {
		if text := n.Get("text").String(); text != "" {
			return text
		}
		parts := []string{n.Get("family").String()}
		for _, g := range n.Get("given").Items() {
			parts = append(parts, g.String())
		}
		if text := strings.TrimSpace(strings.Join(parts, " ")); text != "" {
			return text
		}
	}
	return ""
}

func firstOf(s string, n int) string {
	if len(s) < n {
		return ""
	}
	return s[:n]
}

// last reads the newest blood pressures.
func (p *People) last(ctx context.Context, within []string, id string) ([]consult.Reading, error) {
	q, err := search.Parse("Observation", url.Values{
		"patient": {id}, "code": {loinc + "|" + codePressure}, "_sort": {"-date"}, "_count": {strconv.Itoa(lastReadings * 2)},
	})
	if err != nil {
		return nil, err
	}
	page, err := p.log.Search(ctx, store.SearchRequest{Query: q, Within: within})
	if err != nil {
		return nil, err
	}
	var out []consult.Reading
	for _, v := range page.Matches {
		r, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		if reading, ok := readingOf(r.Root); ok && len(out) < lastReadings {
			out = append(out, reading)
		}
	}
	return out, nil
}

// readingOf reads a blood pressure; false for one that does not count or has no values.
func readingOf(o *fhir.Value) (consult.Reading, bool) {
	switch o.Get("status").String() {
	case "entered-in-error", "cancelled":
		return consult.Reading{}, false
	}
	var r consult.Reading
	for _, part := range o.Get("component").Items() {
		value, ok := part.Get("valueQuantity").Get("value").Float()
		if !ok {
			continue
		}
		for _, coding := range part.Get("code").Get("coding").Items() {
			switch coding.Get("code").String() {
			case codeSystolic:
				r.Systolic = int(value + 0.5)
			case codeDiastole:
				r.Diastolic = int(value + 0.5)
			}
		}
	}
	r.At = dateOf(o.Get("effectiveDateTime").String())
	return r, r.Systolic > 0 && r.Diastolic > 0
}

// dateOf reads a dateTime of any precision (R4 datatypes.html#dateTime) at its beginning, in Vietnam's time.
func dateOf(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02", "2006-01", "2006"} {
		if t, err := time.ParseInLocation(layout, s, consult.HoChiMinh()); err == nil {
			return t
		}
	}
	return time.Time{}
}
