package rest

import (
	"context"
	"strconv"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// purge erases a patient's record for good, as the law on personal data may demand: POST /Patient/{id}/$purge with a Parameters resource
// whose one parameter, confirm, repeats the reference of the patient ("Patient/123"). store.Eraser says what is erased and what stays. It takes
// a caller who is confined to nothing and whose Access.Allows grants the verb Purge on Patient, which no other right includes. The
// answer is a Parameters resource with the numbers. It is no FHIR R4 operation; R4 leaves erasing to the server, and R6 names it so.
func (s *server) purge(ctx context.Context, c *call) (answer, error) {
	const op = "rest.purge"
	if c.access.Within != nil {
		return answer{}, fault.New(fault.Forbidden, op, "Who is confined to some organisations may not erase records.")
	}
	if s.Eraser == nil {
		return answer{}, noCharts()
	}
	args, err := c.arguments("confirm")
	if err != nil {
		return answer{}, err
	}
	reference := c.typ + "/" + c.id
	if args.text("confirm") != reference {
		return answer{}, fault.Newf(fault.Invalid, op, "Erasing cannot be undone: repeat %s in the parameter confirm.", reference).At("confirm")
	}
	p, err := s.Eraser.Purge(ctx, store.Purge{Author: c.access.Author, Patient: c.id})
	if fault.Is(err, fault.NotFound) {
		return answer{}, noSuch(c.typ)
	}
	if err != nil {
		return answer{}, err
	}
	out := &parameters{}
	number := func(name string, n int) {
		out.list = append(out.list, fhir.Build().String("name", name).Int("valueInteger", n))
	}
	number("resources", p.Resources)
	number("versions", p.Versions)
	number("kept", p.Kept)
	out.text("commit", "valueString", strconv.FormatInt(int64(p.Seq), 10))
	a := out.answer()
	a.shown = []string{reference}
	return a, nil
}
