package rest

import (
	"context"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/bulk"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// Bulk Data Access 2.0 (https://hl7.org/fhir/uv/bulkdata/STU2/export.html): kick-off here, status and files in bulk_status.go. The work is
// done by fhir/bulk.

// The codes of the rows that are no operations of their own; they are not listed.
const (
	exportCode = "$export"
	statusCode = "$export-status"
	fileCode   = "$export-file"

	exportStatus = "/" + statusCode + "/{id}"
)

// bulkRoutes are the ways to export. There is no deadline in them for the export itself, which goes on after the answer.
func bulkRoutes() []route {
	return []route{
		{exportCode, "GET", "/$export", Read, systemLevel, noBody, readTime, (*server).exportSystem},
		{exportCode, "POST", "/$export", Read, systemLevel, operationBody, readTime, (*server).exportSystem},
		{exportCode, "GET", "/Patient/$export", Read, typeLevel, noBody, readTime, (*server).exportPatients},
		{exportCode, "POST", "/Patient/$export", Read, typeLevel, operationBody, readTime, (*server).exportPatients},
		{exportCode, "GET", "/Group/{id}/$export", Read, instanceLevel, noBody, readTime, (*server).exportGroup},
		{exportCode, "POST", "/Group/{id}/$export", Read, instanceLevel, operationBody, readTime, (*server).exportGroup},
		{importCode, "POST", "/$import", Update, systemLevel, noBody, importTime, (*server).importBulk},
		{statusCode, "GET", exportStatus, Read, systemLevel, noBody, readTime, (*server).exportStatus},
		{statusCode, "DELETE", exportStatus, Read, systemLevel, noBody, readTime, (*server).exportCancel},
		{fileCode, "GET", exportStatus + "/{version}", Read, systemLevel, noBody, readTime, (*server).exportFile},
	}
}

// importTime is how long an import may take to arrive.
const importTime = time.Hour

// ofBulk reports whether the route is one of an export or import.
func (rt *route) ofBulk() bool {
	return rt.code == exportCode || rt.code == importCode || rt.code == statusCode || rt.code == fileCode
}

// exportSystem begins an export of everything that the caller may read.
func (s *server) exportSystem(ctx context.Context, c *call) (answer, error) {
	return s.kickOff(ctx, c, bulk.Job{}, nil)
}

// exportPatients begins an export of the records of all patients.
func (s *server) exportPatients(ctx context.Context, c *call) (answer, error) {
	return s.kickOff(ctx, c, bulk.Job{Compartment: true}, func(string) bool { return true })
}

// mostMembers bounds the patients of a group that is exported, and those that a request names.
const mostMembers = 20_000

// exportGroup begins an export of the records of a group's members: those who are active in the Group now.
func (s *server) exportGroup(ctx context.Context, c *call) (answer, error) {
	v, err := s.current(ctx, c.access, "Group", c.id)
	if err != nil {
		return answer{}, err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return answer{}, fault.Wrap(err, fault.Internal, "rest.exportGroup", "A stored resource cannot be read. It has been written to the log.")
	}
	job := bulk.Job{Compartment: true, Patients: []string{}}
	for _, m := range r.Root.Get("member").Items() {
		ref := fhir.ParseReference(m.Get("entity").Get("reference").String())
		if ref.Kind == fhir.Local && ref.Type == "Patient" && m.Get("inactive").String() != "true" {
			job.Patients = append(job.Patients, ref.ID)
		}
	}
	slices.Sort(job.Patients)
	job.Patients = slices.Compact(job.Patients)
	if len(job.Patients) > mostMembers {
		return answer{}, fault.Newf(fault.TooCostly, "rest.exportGroup", "The group has %d patients; %d are the most that an export takes. Export all patients instead.", len(job.Patients), mostMembers)
	}
	return s.kickOff(ctx, c, job, func(id string) bool { return slices.Contains(job.Patients, id) })
}

// kickOff begins the job and answers 202 with the address of its status. member says whose records may be asked for by name; nil when
// nobody's can.
func (s *server) kickOff(ctx context.Context, c *call, job bulk.Job, member func(id string) bool) (answer, error) {
	const op = "rest.kickOff"
	if !c.prefer.async {
		return answer{}, fault.New(fault.Invalid, op, "An export takes its time: ask with the header \"Prefer: respond-async\".").At("Prefer")
	}
	args, err := c.arguments("_outputFormat", "_since", "_type*", "_typeFilter*", "patient*=Reference", "_elements*", "includeAssociatedData*", "organizeOutputBy", "allowPartialManifests")
	if err != nil {
		return answer{}, err
	}
	if err := c.exportForm(args); err != nil {
		return answer{}, err
	}
	if job.Since, err = exportSince(args.text("_since")); err != nil {
		return answer{}, err
	}
	if job.Types, err = c.exportTypes(args.texts("_type")); err != nil {
		return answer{}, err
	}
	if err := s.exportNamed(ctx, c, args, &job, member); err != nil {
		return answer{}, err
	}
	job.Filters = args.texts("_typeFilter")
	for _, f := range job.Filters {
		if typ, _, _ := strings.Cut(f, "?"); !slices.Contains(job.Types, typ) {
			return answer{}, fault.New(fault.Invalid, op, "A _typeFilter is for a type that is exported.").At("_typeFilter")
		}
	}
	job.Author, job.Within, job.Request = c.access.Author, c.access.Within, c.address
	begun, err := s.Exports.Start(ctx, job)
	if err != nil {
		return answer{}, err
	}
	return c.begun(begun, "The export has begun. Its status is at the address in Content-Location."), nil
}

// exportForm refuses what would change the form of what is exported. With "Prefer: handling=lenient" such parameters are left out.
func (c *call) exportForm(args arguments) error {
	const op = "rest.exportForm"
	switch format := strings.ReplaceAll(args.text("_outputFormat"), " ", "+"); format {
	case "", "application/fhir+ndjson", "application/ndjson", "ndjson":
	default:
		return fault.New(fault.Unsupported, op, "Exports are NDJSON only: application/fhir+ndjson.").At("_outputFormat")
	}
	for _, name := range []string{"_elements", "includeAssociatedData", "organizeOutputBy", "allowPartialManifests"} {
		if len(args.texts(name)) > 0 && !c.prefer.lenient {
			return fault.Newf(fault.Unsupported, op, "The parameter %s is not served: resources are exported whole, a file a type.", name).At(name)
		}
	}
	return nil
}

// exportSince reads _since, an instant. A plus sign that came as a space is taken for what it was.
func exportSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+"))
	if err != nil {
		return at, fault.New(fault.Invalid, "rest.exportSince", "_since must be an instant, as 2026-11-01T08:00:00+07:00.").At("_since")
	}
	return at.UTC(), nil
}

// exportTypes are the types that are exported: those that are asked for, or all that the caller may read.
func (c *call) exportTypes(asked []string) (types []string, err error) {
	const op = "rest.exportTypes"
	for _, list := range asked {
		for _, typ := range strings.Split(list, ",") {
			switch {
			case !fhir.IsType(typ):
				return nil, fault.Newf(fault.Invalid, op, "There is no resource type %q in FHIR R4.", clip(typ)).At("_type")
			case !c.access.allows(typ, Read):
				return nil, fault.Newf(fault.Forbidden, op, "You may not read resources of type %s.", typ).At("_type")
			}
			types = append(types, typ)
		}
	}
	if len(asked) == 0 {
		types = slices.DeleteFunc(fhir.Types(), func(typ string) bool { return !c.access.allows(typ, Read) })
	}
	if len(types) == 0 {
		return nil, fault.New(fault.Forbidden, op, "You may not read resources of any type.")
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

// exportNamed narrows the job to the patients that the request names, who must be members that the caller can see.
func (s *server) exportNamed(ctx context.Context, c *call, args arguments, job *bulk.Job, member func(id string) bool) error {
	const op, at = "rest.exportNamed", "patient"
	var named []string
	for i := range args {
		if args[i].name != at {
			continue
		}
		ref := fhir.ParseReference(args[i].value.Get("reference").String())
		if ref.Kind != fhir.Local || ref.Type != "Patient" {
			return fault.New(fault.Invalid, op, "A patient is named by a reference of the form Patient/123.").At(at)
		}
		named = append(named, ref.ID)
	}
	if named == nil {
		return nil
	}
	if member == nil {
		return fault.New(fault.Invalid, op, "Patients can be named in an export of patients or of a group.").At(at)
	}
	for _, id := range named {
		sees, err := s.seesPatient(ctx, c.access, id)
		if err != nil {
			return err
		}
		if !sees || !member(id) {
			return fault.New(fault.NotFound, op, "A patient that is named is not there, not in the group, or none that you may see.").At(at)
		}
	}
	job.Patients = named
	return nil
}

// stillMay refuses who may see less now than when the export was begun.
func stillMay(access Access, job bulk.Job) error {
	covers, verb := access.Within == nil, Read
	if job.Import {
		verb = Update
	}
	if !covers && job.Within != nil {
		covers = !slices.ContainsFunc(job.Within, func(h string) bool { return !store.Visible(access.Within, h) && h != store.Nobody })
	}
	for _, typ := range job.Types {
		covers = covers && access.allows(typ, verb)
	}
	if !covers {
		return fault.New(fault.Forbidden, "rest.stillMay", "You may do less now than when this was begun. Begin another one.")
	}
	return nil
}
