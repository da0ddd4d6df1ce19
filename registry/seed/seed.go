// Package seed makes a synthetic population for development, demonstration, tests and benchmarks: people of the 22 coastal communes,
// screened at their stations, many of them followed for hypertension over months, with visits, blood pressures, medicine, gaps,
// transfers and deaths. Nobody in it is real. It writes through the same path as everybody: transactions of the log.
//
// It is deterministic: the same Options give the same transactions, byte for byte, and person number n is the same however many people
// are made. Ids follow from the seed, and every resource must be absent, so a second run of the same seed into one store is refused
// (fault.Conflict) and changes nothing.
//
// It is a model for trying software, not for research. What it imitates, and from where:
//
//   - Hypertension becomes more frequent with age and is more frequent in men: national surveys found 18.9 % of adults of 18-69 (Hoang et
//     al., Int J Hypertens 2019, STEPS 2015) and 25.1 % from 25 years, men 28.3, women 23.1 (Son et al., J Hum Hypertens 2012); abstracts
//     read. The curve over age used here was not read in them (unconfirmed); it gives similar sums.
//   - About half of those who are seen reach their target: of people on treatment 36 % (Son 2012), 62 % (May Measurement Month 2017,
//     Vietnam) and 47 % (2021-2024) were controlled; abstracts read.
//   - In programmes of this kind 30-60 % miss their scheduled visit in a month (HEARTS360 documentation); read.
//   - Visits about every 30 days; after July 2025 every 60 or 90 for stable people (Circular 26/2025/TT-BYT, secondary texts).
//   - Tết: few visits from three days before to eight days after, made up for later or not at all. Dates of Tết from the calendar.
//   - Digit preference where cuffs are read by hand: common in the literature; the shares are this project's assumption.
//   - Death rates by age, dropout, return and transfer rates: assumptions, chosen to be of the right order.
//   - Telephone numbers begin with 0990, which to our knowledge no network uses (unconfirmed). There are no citizen's numbers.
//
// The seed command and tests call it.
package seed

import (
	"context"
	"math/rand/v2"
	"time"

	"khamxa/fhir/store"
	"khamxa/internal/fault"
	"khamxa/registry"
	"khamxa/registry/place"
)

// Options say what to make.
type Options struct {
	Patients int       // number of people, at least 1
	Months   int       // length of the time before Now in which things happen, 1 to 240
	Seed     uint64    // same seed, same bytes
	Now      time.Time // only its day in Vietnam counts; nothing happens on or after it

	Out      func(store.Transaction) error // takes each transaction, in order
	Progress func(patients, resources int) // may be nil; called after each transaction with the totals so far
}

// Summary counts what was made.
type Summary struct{ Patients, Enrolled, Resources, Transactions int }

// batch is about how many resources go into one transaction. A person is never split.
const batch = 100

// Generate makes the population. Errors are fault.Invalid for Options, ctx's as fault.Timeout, and what Out gives.
func Generate(ctx context.Context, o Options) (Summary, error) {
	const op = "seed.Generate"
	switch {
	case o.Patients < 1:
		return Summary{}, fault.New(fault.Invalid, op, "At least one patient must be made.").At("patients")
	case o.Months < 1 || o.Months > 240:
		return Summary{}, fault.New(fault.Invalid, op, "The number of months must be 1 to 240.").At("months")
	case o.Now.IsZero() || o.Out == nil:
		return Summary{}, fault.New(fault.Invalid, op, "Now and Out are required.")
	}
	w := newWorld(o)
	var sum Summary
	tx := store.Transaction{Author: "system"}
	flush := func() error {
		if len(tx.Changes) == 0 {
			return nil
		}
		if err := o.Out(tx); err != nil {
			return err
		}
		sum.Resources += len(tx.Changes)
		sum.Transactions++
		tx.Changes = nil
		if o.Progress != nil {
			o.Progress(sum.Patients, sum.Resources)
		}
		return nil
	}
	for n := range o.Patients {
		if err := ctx.Err(); err != nil {
			return sum, fault.Wrap(err, fault.Timeout, op, "The population was not finished.")
		}
		life := w.live(n)
		tx.Changes = append(tx.Changes, life.changes()...)
		sum.Patients++
		if life.enrolled {
			sum.Enrolled++
		}
		if len(tx.Changes) >= batch {
			if err := flush(); err != nil {
				return sum, err
			}
		}
	}
	return sum, flush()
}

// Into makes the population in a store: the stations first, then Generate with the store's Commit as Out. A population of the same seed
// that is there already is fault.Conflict, and nothing is changed.
func Into(ctx context.Context, st store.Store, o Options) (Summary, error) {
	if _, err := registry.InstallPlaces(ctx, st); err != nil {
		return Summary{}, err
	}
	o.Out = func(tx store.Transaction) error {
		_, err := st.Commit(ctx, tx)
		if fault.Is(err, fault.Conflict) || fault.Is(err, fault.Precondition) {
			return fault.Wrap(err, fault.Conflict, "seed.Into", "This data folder has a population of this seed already. Choose another seed or an empty folder.")
		}
		return err
	}
	return Generate(ctx, o)
}

// world is what all lives share.
type world struct {
	options  Options
	start    day // first day on which something may happen
	end      day // the day of Now: nothing happens on it
	communes []place.Unit
	weights  []int
	manual   []float64 // share of sessions read by hand, by commune
}

// day is a civil day in Vietnam, counted from 1 January 1970.
type day int

func dayOf(t time.Time) day {
	y, m, d := t.In(place.Zone()).Date()
	return civil(y, int(m), d)
}

// civil is the day of a date.
func civil(year, month, date int) day {
	return day(time.Date(year, time.Month(month), date, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d day) date() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }
func (d day) String() string  { return d.date().Format(time.DateOnly) }

// at is a time of that day in Vietnam, in minutes after midnight.
func (d day) at(minute int) time.Time {
	y, m, dd := d.date().Date()
	return time.Date(y, m, dd, 0, minute, 0, 0, place.Zone())
}

func newWorld(o Options) *world {
	end := dayOf(o.Now)
	w := &world{options: o, end: end, start: dayOf(end.date().AddDate(0, -o.Months, 0)), communes: place.Communes()}
	r := rand.New(rand.NewPCG(o.Seed, 1<<63))
	for _, u := range w.communes {
		// No population figures of the new communes were at hand: the number of merged units stands for size.
		w.weights = append(w.weights, 10*len(u.Merged)+r.IntN(8))
		w.manual = append(w.manual, 0.15+0.6*r.Float64())
	}
	return w
}
