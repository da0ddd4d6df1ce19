package ucum

import (
	"math/big"
	"sync"
)

// kind says how a unit of the table stands to the base units.
type kind uint8

const (
	base   kind = iota + 1 // a dimension of its own, and one of the seven
	ratio                  // value times another unit
	own                    // arbitrary: a dimension of its own
	scaled                 // on a scale that is no ratio and is not converted: a dimension of its own, in no products
	offset                 // on a scale of temperature with another zero
)

// row is one line of the table.
type row struct {
	code   string
	kind   kind
	metric bool   // takes a prefix
	value  string // a decimal or a fraction
	unit   string // in other units of the table; "" is the number one
}

type prefix struct{ code, factor string }

// unit is a row resolved to base units.
type unit struct {
	quantity
	metric bool
}

// units is the table resolved, made at its first use and never changed after.
var units = sync.OnceValue(func() map[string]unit {
	resolved := make(map[string]unit, len(rows))
	// A row may stand on later rows (a temperature in K, a pressure in the weights of another section), so unresolved rows are tried
	// again until a round brings nothing. TestTableResolves holds that none is left.
	for before := -1; before < len(resolved); {
		before = len(resolved)
		for i := range rows {
			if _, done := resolved[rows[i].code]; done {
				continue
			}
			if q, ok := rows[i].resolve(resolved); ok {
				resolved[rows[i].code] = unit{quantity: q, metric: rows[i].metric}
			}
		}
	}
	return resolved
})

// resolve gives the unit in base units, if everything that it stands on is in the table given.
func (r *row) resolve(table map[string]unit) (quantity, bool) {
	q := quantity{factor: rational(r.value)}
	switch r.kind {
	case base, own:
		q.dims = []dim{{r.code, 1}}
	case scaled:
		q.dims, q.scale = []dim{{r.code, 1}}, &scale{}
	case offset:
		o := offsets[r.code]
		q.scale = &scale{offset: true, before: rational(o[0]), after: rational(o[1])}
	case ratio:
		if r.unit == "" {
			return q, true
		}
		of, ok := parseWith(r.unit, table)
		if !ok {
			return quantity{}, false
		}
		return q.times(of, 1)
	}
	return q, true
}

// rational reads a number of the table. TestTableResolves holds that every one is good.
func rational(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return new(big.Rat)
	}
	return r
}
