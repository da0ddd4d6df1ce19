package rest

import (
	"errors"

	"khamxa/fhir"
)

// valid checks what is to be written, by Options.Validate.
func (s *server) valid(r *fhir.Resource) error {
	if s.Validate == nil {
		return nil
	}
	return s.Validate(r)
}

// eachOf applies f to an error, or to each of those that errors.Join put together: findings stay findings of their own.
func eachOf(err error, f func(error) error) error {
	joined, ok := err.(interface{ Unwrap() []error }) // only a join at the top is a list, as in fhir.Outcome
	if !ok {
		return f(err)
	}
	var list []error
	for _, one := range joined.Unwrap() {
		list = append(list, f(one))
	}
	return errors.Join(list...)
}
