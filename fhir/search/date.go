package search

import (
	"time"

	"khamxa/fhir"
)

const (
	// zoneSeconds is the time zone of dates, and of times that name none, in resources and in queries (R4, search.html#date:
	// the server's zone): seconds east of UTC in Asia/Ho_Chi_Minh, which has had no other offset since 1975.
	zoneSeconds = 7 * 60 * 60

	dayMS = 24 * 60 * 60 * 1000

	// Bounds of a period that has no start or no end, in milliseconds since 1970, outside the years 1 to 9999.
	noStart = -(1 << 48)
	noEnd   = 1<<49 - 1
)

// interval is a stretch of time in milliseconds since 1970 (UTC): lo <= t < hi.
type interval struct{ lo, hi int64 }

// encodeMS writes a time so that the byte order of the text is the order of the times: 10 digits of base 32.
func encodeMS(ms int64) string {
	return base32(uint64(min(max(ms, noStart), noEnd) - noStart))
}

// parseDate gives the interval that a FHIR date, dateTime or instant stands for: a year, a month, a day, a minute, a second
// or a millisecond, by what is written. Digits below milliseconds are dropped. ok is false for anything else.
func parseDate(s string) (i interval, ok bool) {
	p := dateParser{s: s}
	year := p.number("", 4, 1, 9999)
	month, day, hour, minute, second, ms := 1, 1, 0, 0, 0, 0
	step := func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
	east := zoneSeconds
	if p.more() {
		month = p.number("-", 2, 1, 12)
		step = func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	}
	if p.more() {
		day = p.number("-", 2, 1, 31)
		step = func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	}
	if p.more() {
		hour, minute = p.number("T", 2, 0, 23), p.number(":", 2, 0, 59)
		length := time.Minute
		if p.next(':') {
			second = p.number(":", 2, 0, 60) // FHIR allows a leap second
			length = time.Second
			if p.next('.') {
				ms = p.fraction()
				length = time.Millisecond
			}
		}
		step = func(t time.Time) time.Time { return t.Add(length) }
		east = p.offset()
	}
	if p.bad || p.more() {
		return interval{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, ms*int(time.Millisecond), time.UTC)
	if day > 28 && time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() != day {
		return interval{}, false // 31 April
	}
	shift := int64(east) * 1000
	return interval{t.UnixMilli() - shift, step(t).UnixMilli() - shift}, true
}

// dateParser takes a date apart from the left.
type dateParser struct {
	s   string
	at  int
	bad bool
}

func (p *dateParser) more() bool       { return !p.bad && p.at < len(p.s) }
func (p *dateParser) next(c byte) bool { return p.more() && p.s[p.at] == c }

// number reads lead and a number of that many digits between least and most.
func (p *dateParser) number(lead string, digits, least, most int) int {
	from := p.at + len(lead)
	end := from + digits
	if p.bad || end > len(p.s) || p.s[p.at:from] != lead {
		p.bad = true
		return 0
	}
	n := 0
	for _, c := range []byte(p.s[from:end]) {
		if c < '0' || c > '9' {
			p.bad = true
			return 0
		}
		n = 10*n + int(c-'0')
	}
	p.at = end
	p.bad = n < least || n > most
	return n
}

// fraction reads a point and the digits of a second, to the millisecond.
func (p *dateParser) fraction() int {
	p.at++
	ms, digits := 0, 0
	for ; p.more() && p.s[p.at] >= '0' && p.s[p.at] <= '9'; p.at++ {
		if digits < 3 {
			ms = 10*ms + int(p.s[p.at]-'0')
		}
		digits++
	}
	p.bad = digits == 0
	for ; digits < 3; digits++ {
		ms *= 10
	}
	return ms
}

// offset reads Z, +hh:mm, -hh:mm or nothing, and gives the seconds east of UTC.
func (p *dateParser) offset() int {
	switch {
	case !p.more():
		return zoneSeconds
	case p.next('Z'):
		p.at++
		return 0
	}
	sign, lead := 1, "+"
	if p.next('-') {
		sign, lead = -1, "-"
	}
	hours, minutes := p.number(lead, 2, 0, 14), p.number(":", 2, 0, 59)
	return sign * (hours*60 + minutes) * 60
}

// eachInterval calls f for the times of a node, until f answers false; it reports whether f never did. What is not written
// as FHIR wants it is left out.
func eachInterval(v *fhir.Value, p *path, f func(interval) bool) bool {
	var i interval
	var ok bool
	switch p.leaf {
	case "Period":
		i, ok = period(v)
	case "Timing":
		i, ok = timing(v)
	default:
		i, ok = parseDate(v.String())
	}
	return !ok || f(i)
}

// period is open where it has no start or no end. One that ends before it starts is left out.
func period(v *fhir.Value) (interval, bool) {
	i := interval{noStart, noEnd}
	start, hasStart := parseDate(v.Get("start").String())
	end, hasEnd := parseDate(v.Get("end").String())
	if hasStart {
		i.lo = start.lo
	}
	if hasEnd {
		i.hi = end.hi
	}
	return i, (hasStart || hasEnd) && i.lo < i.hi
}

// timing is the outer limits of a Timing: its events and its bounds (R4, search.html#date). One without either says nothing.
func timing(v *fhir.Value) (interval, bool) {
	all, ok := period(v.Get("repeat").Get("boundsPeriod"))
	for e := v.Get("event").First(); e != nil; e = e.Next() {
		i, good := parseDate(e.String())
		switch {
		case !good:
		case !ok:
			all, ok = i, true
		default:
			all = interval{min(all.lo, i.lo), max(all.hi, i.hi)}
		}
	}
	return all, ok
}
