package cohort

import (
	"maps"
	"slices"
)

// Programme numbers the programmes in keys of counters.
type Programme uint8

// Hypertension is the only programme of this version.
const Hypertension Programme = 0

// Cell is what is counted by month: one programme, definition, commune, state and stratum. Stratum is for splits by age and sex;
// stratum 0 is everybody.
type Cell struct {
	Programme  Programme
	Definition Definition
	State      State
	Stratum    uint8
	Commune    Commune
}

// Counters hold, per cell, by how much its number of people changes in each month. They are not safe for concurrent use.
type Counters struct{ cells map[Cell]*series }

// series is the changes of one cell: delta[i] belongs to month base+i. The first index is never before the first change.
type series struct {
	base  Month
	delta []int32
}

// NewCounters are empty counters.
func NewCounters() *Counters { return &Counters{cells: map[Cell]*series{}} }

// Add counts n people (-1 takes one out) in the cell from month from until before month to.
func (c *Counters) Add(cell Cell, from, to Month, n int32) {
	s := c.cells[cell]
	if s == nil {
		s = &series{base: from}
		c.cells[cell] = s
	}
	s.add(from, n)
	if to != Forever {
		s.add(to, -n)
	}
}

func (s *series) add(m Month, n int32) {
	if m < s.base {
		grown := make([]int32, int(s.base-m)+len(s.delta))
		copy(grown[s.base-m:], s.delta)
		s.base, s.delta = m, grown
	}
	for int(m-s.base) >= len(s.delta) {
		s.delta = append(s.delta, 0)
	}
	s.delta[m-s.base] += n
}

// Sum adds the numbers of people of a cell in the months from, from+1, ... to into, one per element.
func (c *Counters) Sum(cell Cell, from Month, into []int) {
	s := c.cells[cell]
	if s == nil {
		return
	}
	n := 0
	for i, d := range s.delta {
		n += int(d)
		if k := int(s.base) + i - int(from); k >= 0 && k < len(into) {
			into[k] += n
		}
	}
	for k := max(0, int(s.base)+len(s.delta)-int(from)); k < len(into); k++ {
		into[k] += n // after the last change the number stays
	}
}

// At is the number of people of a cell in a month.
func (c *Counters) At(cell Cell, m Month) int {
	var one [1]int
	c.Sum(cell, m, one[:])
	return one[0]
}

// Communes are those that have any cell, in order of code.
func (c *Counters) Communes() []Commune {
	seen := map[Commune]bool{}
	for cell := range c.cells {
		seen[cell.Commune] = true
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b Commune) int { return slices.Compare(a[:], b[:]) })
}

// count puts the intervals of one person in (n = 1) or takes them out (n = -1).
func (c *Counters) count(intervals []Interval, n int32) {
	for _, i := range intervals {
		c.Add(Cell{Programme: Hypertension, Definition: HEARTS360, State: i.State, Commune: i.Commune}, i.From, i.To, n)
	}
}
