package ucum_test

import (
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"khamxa/fhir/ucum"
)

func rat(t testing.TB, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is no number", s)
	}
	return r
}

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ value, code, want, unit string }{
		{"1", "m", "1", "m"},
		{"1", "1", "1", "1"},
		{"140", "mm[Hg]", "18665080", "g.m-1.s-2"},
		{"1", "mm[Hg]", "133322", "g.m-1.s-2"},
		{"1", "kPa", "1000000", "g.m-1.s-2"},
		{"1", "cm[H2O]", "98066.5", "g.m-1.s-2"},
		{"22.5", "kg/m2", "22500", "g.m-2"},
		{"1", "mmol/L", "602213670000000000000000", "m-3"},
		{"1", "mol/m3", "602213670000000000000000", "m-3"},
		{"1", "meq/L", "602213670000000000000000", "m-3"},
		{"1", "mosm/kg", "602213670000000000/1", "g-1"},
		{"100", "mg/dL", "1000", "g.m-3"},
		{"1", "g/L", "1000", "g.m-3"},
		{"1", "g%", "10000", "g.m-3"},
		{"5", "10*9/L", "5e12", "m-3"},
		{"5", "10^9/L", "5e12", "m-3"},
		{"5", "10*3/uL", "5e12", "m-3"},
		{"6.5", "%", "0.065", "1"},
		{"6.5", "%{HemoglobinA1C}", "0.065", "1"},
		{"72", "/min", "6/5", "s-1"},
		{"72", "{beats}/min", "6/5", "s-1"},
		{"1", "Hz", "1", "s-1"},
		{"90", "mL/min/{1.73_m2}", "0.0000015", "m3.s-1"},
		{"1", "mL/min/(173.10*-2.m2)", "1/103800000", "m.s-1"},
		{"1", "[in_i]", "0.0254", "m"},
		{"1", "[ft_i]", "0.3048", "m"},
		{"1", "[lb_av]", "453.59237", "g"},
		{"1", "[oz_av]", "28.349523125", "g"},
		{"1", "[ft_us]", "1200/3937", "m"},
		{"37", "Cel", "310.15", "K"},
		{"310150", "mK", "310.15", "K"},
		{"98.6", "[degF]", "310.15", "K"},
		{"-40", "Cel", "233.15", "K"},
		{"-40", "[degF]", "233.15", "K"},
		{"80", "[degRe]", "373.15", "K"},
		{"671.67", "[degR]", "373.15", "K"},
		{"37000", "mCel", "310.15", "K"},
		{"10", "[iU]/L", "10000", "[iU].m-3"},
		{"10", "[IU]/L", "10000", "[iU].m-3"},
		{"10", "k[iU]/L", "10000000", "[iU].m-3"},
		{"1", "m[IU]/mL", "1000", "[iU].m-3"},
		{"1", "[arb'U]/mL", "1000000", "[arb'U].m-3"},
		{"1", "[CFU]/[CFU]", "1", "1"},
		{"7.4", "[pH]", "7.4", "[pH]"},
		{"60", "dB", "6", "B"},
		{"1", "U/L", "10036894500000000000", "m-3.s-1"},
		{"1", "a", "31557600", "s"},
		{"1", "mo", "2629800", "s"},
		{"1", "wk", "604800", "s"},
		{"2", "cal", "8368", "g.m2.s-2"},
		{"1", "V", "1000", "C-1.g.m2.s-2"},
		{"1", "[S]", "1e-13", "s"},
		{"1", "10.uN.s/(cm5.m2)", "100000000", "g.m-6.s-1"},
		{"3", "g/(8.h){shift}", "1/9600", "g.s-1"},
		{"1", "/(12.h)", "1/43200", "s-1"},
		{"6", "m/s.m", "6", "m2.s-1"},
		{"6", "m/(s.m)", "6", "s-1"},
		{"6", "m+2", "6", "m2"},
		{"8", "By", "64", "1"},
		{"1", "KiBy", "8192", "1"},
		{"1", "%[slope]", "1", "%[slope]"},
		{"1", "[mu_0]", "0.00125663706143591729538505735331180115367886775975004232838997783692", "C-2.g.m"},
		{"180", "deg", "3.1415926535897932384626433832795028841971693993751058209749445923", "rad"},
		{"7", "1.5", "35", "1"}, // one times five
	} {
		t.Run(c.value+" "+c.code, func(t *testing.T) {
			value := rat(t, c.value)
			got, unit, ok := ucum.Canonical(value, c.code)
			if !ok {
				t.Fatal("refused")
			}
			if unit != c.unit || got.Cmp(rat(t, c.want)) != 0 {
				t.Errorf("got %s %s, want %s %s", got.RatString(), unit, c.want, c.unit)
			}
			if value.Cmp(rat(t, c.value)) != 0 {
				t.Error("the value given was changed")
			}
		})
	}
}

func TestAmountAndMassDiffer(t *testing.T) {
	_, amount, _ := ucum.Canonical(big.NewRat(1, 1), "mmol/L")
	_, mass, _ := ucum.Canonical(big.NewRat(1, 1), "mg/dL")
	if amount == mass {
		t.Errorf("both are %s", mass)
	}
}

func TestRefused(t *testing.T) {
	for name, code := range map[string]string{
		"empty":                     "",
		"no unit":                   "mmHg",
		"case":                      "KG",
		"prefix on what takes none": "kmin",
		"two prefixes":              "mkg",
		"prefix alone":              "k",
		"blank":                     "mg /dL",
		"trailing dot":              "mg.",
		"trailing slash":            "mg/",
		"two slashes":               "mg//L",
		"leading dot":               ".mg",
		"open parenthesis":          "g/(kg.h",
		"closing parenthesis":       "g/kg)",
		"empty parentheses":         "g/()",
		"open annotation":           "mg{x",
		"nested annotation":         "mg{a{b}}",
		"annotation not ASCII":      "mg{đ}",
		"annotation before unit":    "{a}mg",
		"open bracket":              "[iU",
		"exponent without digits":   "m-",
		"exponent on parentheses":   "(m)2",
		"exponent too large":        "m100",
		"exponent much too large":   "m99999999999999999999999",
		"factor zero":               "0.m",
		"negative number":           "-1",
		"number too long":           "1000000000000000000000",
		"special in a product":      "Cel.m",
		"special divided":           "J/Cel",
		"special with a power":      "Cel2",
		"special inverted":          "/[pH]",
		"too long":                  "m" + strings.Repeat(".m", 200),
		"too deep":                  strings.Repeat("(", 12) + "m" + strings.Repeat(")", 12),
		"out of bounds":             "Ym99.Ym99.Ym99",
		"not text":                  "\xff\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if ucum.Valid(code) {
				t.Errorf("%q is taken", code)
			}
			if _, _, ok := ucum.Canonical(big.NewRat(1, 1), code); ok {
				t.Errorf("%q has a canonical form", code)
			}
		})
	}
	if _, _, ok := ucum.Canonical(nil, "m"); ok {
		t.Error("no value is converted")
	}
}

// The codes of R4's value set ucum-common (4.0.1), every one of which is a unit.
func TestCommonUnits(t *testing.T) {
	data, err := os.ReadFile("testdata/ucum-common.json")
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	if err := json.Unmarshal(data, &codes); err != nil {
		t.Fatal(err)
	}
	if len(codes) != 1364 {
		t.Fatalf("%d codes", len(codes))
	}
	for _, code := range codes {
		if !ucum.Valid(code) {
			t.Errorf("%q is refused", code)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, code := range []string{"mm[Hg]", "10*9/L", "Cel", "mL/min/{1.73_m2}", "[m/s2/Hz^(1/2)]", "/(12.h)", "10.uN.s/(cm5.m2)", "((((m", "{", "m-99", "dar"} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		got, unit, ok := ucum.Canonical(big.NewRat(3, 1), code)
		if ok != ucum.Valid(code) {
			t.Fatal("Canonical and Valid differ")
		}
		if !ok {
			return
		}
		// What comes out is in base units already, so it stays itself.
		again, same, ok := ucum.Canonical(got, unit)
		if len(unit) <= 256 && (!ok || same != unit || again.Cmp(got) != 0) {
			t.Fatalf("%q gives %s, which gives %v %s %v", code, unit, again, same, ok)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	value := big.NewRat(140, 1)
	for _, code := range []string{"mm[Hg]", "mmol/L", "kg/m2"} {
		b.Run(code, func(b *testing.B) {
			for b.Loop() {
				ucum.Canonical(value, code)
			}
		})
	}
}
