package ucum

import (
	"strings"
	"testing"
)

func TestTableResolves(t *testing.T) {
	table := units()
	if len(table) != len(rows) {
		t.Errorf("%d of %d rows resolve, or a code is there twice", len(table), len(rows))
	}
	for _, r := range rows {
		u, ok := table[r.code]
		if !ok {
			t.Errorf("%s stands on something that is not in the table: %s %s", r.code, r.value, r.unit)
			continue
		}
		if u.factor.Sign() <= 0 {
			t.Errorf("%s: %q is no positive number", r.code, r.value)
		}
		if !Valid(r.code) {
			t.Errorf("%s is not read back", r.code)
		}
	}
	for _, p := range prefixes {
		if rational(p.factor).Sign() <= 0 {
			t.Errorf("prefix %s: %q is no positive number", p.code, p.factor)
		}
	}
	for code, o := range offsets {
		if rational(o[0]).Sign() <= 0 || rational(o[1]).Sign() <= 0 || table[code].scale == nil {
			t.Errorf("offset scale %s", code)
		}
	}
}

// A symbol with a digit outside of brackets would be read as a unit with an exponent.
func TestSymbolsAreReadable(t *testing.T) {
	for _, r := range rows {
		if r.code == "10*" || r.code == "10^" {
			continue
		}
		bare := r.code
		if i := strings.IndexByte(bare, '['); i >= 0 {
			bare = bare[:i]
		}
		if strings.ContainsAny(bare, "0123456789./(){}+-") {
			t.Errorf("%s", r.code)
		}
	}
}
