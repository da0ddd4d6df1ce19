package search

import "time"

// Period gives the stretch of time that a FHIR date, dateTime or instant stands for, from inclusive, to exclusive, in UTC: a
// year, a month, a day, a minute, a second or a millisecond, by what is written. What names no zone is Vietnam's, as in every
// search (R4, search.html#date). ok is false for anything else.
func Period(text string) (from, to time.Time, ok bool) {
	i, ok := parseDate(text)
	if !ok {
		return from, to, false
	}
	return time.UnixMilli(i.lo).UTC(), time.UnixMilli(i.hi).UTC(), true
}
