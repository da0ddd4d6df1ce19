package cohort

import (
	"math"
	"time"

	"khamxa/internal/fault"
	"khamxa/registry/place"
)

// Month is a calendar month of Asia/Ho_Chi_Minh, as year*12 + month-1. Its zero value is no month.
type Month int32

// Forever is after every month: the end of an interval that has no end.
const Forever Month = math.MaxInt32

// Facts dated outside these years are slips of the keyboard and are left out.
const firstYear, lastYear = 1900, 2199

const offset = 7 * 60 * 60 * 1000 // of the zone, in milliseconds; it has no daylight saving

const dayMillis = 24 * 60 * 60 * 1000

// MonthOf is the month in which the instant lies in Vietnam.
func MonthOf(t time.Time) Month { return monthAt(t.UnixMilli()) }

// NewMonth makes a month from a year and a month of it.
func NewMonth(year int, month time.Month) Month { return Month(year*12 + int(month) - 1) }

// ParseMonth reads "2026-03". Errors are fault.Invalid.
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("2006-01", s)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return 0, fault.New(fault.Invalid, "cohort.ParseMonth", "A month is written as year and month: 2026-03.").At("month")
	}
	return NewMonth(t.Year(), t.Month()), nil
}

// String is "2026-03".
func (m Month) String() string {
	if m == Forever {
		return "forever"
	}
	return m.Start().Format("2006-01")
}

// Year and Of take the month apart.
func (m Month) Year() int { return int(m) / 12 }

// Of is the month of the year.
func (m Month) Of() time.Month { return time.Month(int(m)%12 + 1) }

// Start is the month's first instant.
func (m Month) Start() time.Time { return time.Date(m.Year(), m.Of(), 1, 0, 0, 0, 0, place.Zone()) }

// End is the first instant of the next month.
func (m Month) End() time.Time { return (m + 1).Start() }

func monthAt(ms int64) Month {
	t := time.UnixMilli(ms + offset).UTC()
	return NewMonth(t.Year(), t.Month())
}

// day is a civil day in Vietnam, counted from 1 January 1970.
type day int32

const noEnd day = math.MaxInt32

func dayAt(ms int64) day {
	ms += offset
	if ms < 0 {
		ms -= dayMillis - 1 // division rounds towards zero
	}
	return day(ms / dayMillis)
}

// start is the day's first instant in milliseconds.
func (d day) start() int64 { return int64(d)*dayMillis - offset }

func (d day) month() Month { return monthAt(d.start()) }

func (d day) time() time.Time { return time.UnixMilli(d.start()).In(place.Zone()) }
