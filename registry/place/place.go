// Package place knows the administrative units that the registry works in, each with the period in which it was valid.
//
// In July 2025 Nam Định became part of the province of Ninh Bình, districts were abolished, and 22 new communes took the
// place of 64 in its three coastal districts. Codes were recycled: 14281 was Xã Hải Phong until 30 June 2025 and is Xã Hải An since,
// while the old Xã Hải An was 14284. So a code means nothing without a date, and every lookup here takes one.
//
// Sources: Resolution 1674/NQ-UBTVQH15 (what merged into what; in force 1 July 2025) and Decision 19/2025/QĐ-TTg (the codes).
// The facts were taken from a public data set made from these documents, not from the gazette itself; table.go holds them.
//
// It is not a geocoder and holds no hamlets, people or stations' staff. It is a pure table: any package of the registry,
// the consult and cmd may call it. All functions are safe for concurrent use; what they return is the caller's own.
package place

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Kind is what a unit is called in law.
type Kind string

// The kinds that occur in the table.
const (
	Xa      Kind = "Xã"
	ThiTran Kind = "Thị trấn" // no longer exists since 1 July 2025
)

// ProvinceCode and ProvinceName are the province of every current unit in the table.
const (
	ProvinceCode = "37"
	ProvinceName = "Tỉnh Ninh Bình"
	formerName   = "Tỉnh Nam Định"
)

// Ref names a unit without ambiguity: a code and the day from which it has that meaning. Store this, never a bare code.
type Ref struct {
	Code string
	From string // "2025-07-01"; "" for a unit that was valid before the table starts
}

// Unit is one administrative unit in the period in which it was valid.
type Unit struct {
	Code      string // five digits
	Name      string // without the kind, as the statistics office writes it: "Giao Thuỷ"
	Spellings []string
	Kind      Kind
	From, To  string  // first and last valid day, "YYYY-MM-DD"; From "" before the table starts, To "" still valid
	Province  string  // "Tỉnh Ninh Bình"; "Tỉnh Nam Định" for units before July 2025
	District  string  // the former district, which is only a group for reports since July 2025: "Hải Hậu"
	Sea       bool    // its boundary touches the open sea (tested on the boundary); false for former units
	Latitude  float64 // of the centroid in degrees WGS 84; 0 for former units
	Longitude float64
	Merged    []Ref // the units it was made of
	Successor Ref   // the unit it went into; zero while it is valid
}

// FullName is kind and name: "Xã Hải Thịnh".
func (u Unit) FullName() string { return string(u.Kind) + " " + u.Name }

// Ref is the unit's unambiguous name.
func (u Unit) Ref() Ref { return Ref{Code: u.Code, From: u.From} }

// Valid reports whether the unit existed on the civil day of that instant in Vietnam.
func (u Unit) Valid(on time.Time) bool {
	day := on.In(zone).Format(time.DateOnly)
	return u.From <= day && (u.To == "" || day <= u.To)
}

const (
	since = "2025-07-01" // the day Resolution 1674/NQ-UBTVQH15 took effect
	until = "2025-06-30"
)

// zone has no daylight saving time; a fixed offset needs no time zone database on the machine.
var zone = time.FixedZone("Asia/Ho_Chi_Minh", 7*60*60)

// Zone is the time zone of every civil day and calendar month in the registry: Asia/Ho_Chi_Minh, UTC+7, no daylight saving.
func Zone() *time.Location { return zone }

// units is built once from the table and never changed.
var units = build()

func build() []Unit {
	var all []Unit
	for _, r := range rows {
		u := Unit{
			Code: r.code, Name: r.name, Spellings: r.spellings, Kind: Xa, From: since, Province: ProvinceName,
			District: r.district, Sea: r.sea, Latitude: r.lat, Longitude: r.lon,
		}
		for _, m := range r.merged {
			u.Merged = append(u.Merged, Ref{Code: m.code})
			all = append(all, Unit{
				Code: m.code, Name: m.name, Spellings: m.spellings, Kind: m.kind, To: until, Province: formerName,
				District: r.district, Successor: Ref{Code: r.code, From: since},
			})
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b Unit) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.From, b.From))
	})
	return all
}

func (u Unit) clone() Unit {
	u.Spellings, u.Merged = slices.Clone(u.Spellings), slices.Clone(u.Merged)
	return u
}

// Communes are the current communes in order of code.
func Communes() []Unit {
	var out []Unit
	for _, u := range units {
		if u.To == "" {
			out = append(out, u.clone())
		}
	}
	return out
}

// Lookup is the unit that had this code on that day; false if none had.
func Lookup(code string, on time.Time) (Unit, bool) {
	i, _ := slices.BinarySearchFunc(units, code, func(u Unit, code string) int { return strings.Compare(u.Code, code) })
	for ; i < len(units) && units[i].Code == code; i++ {
		if units[i].Valid(on) {
			return units[i].clone(), true
		}
	}
	return Unit{}, false
}

// Current is the unit that has this code since July 2025; false if none has.
func Current(code string) (Unit, bool) {
	for _, r := range rows {
		if r.code == code {
			return Lookup(code, time.Date(2025, time.July, 1, 0, 0, 0, 0, zone))
		}
	}
	return Unit{}, false
}

// ByName gives the units that were valid on that day and have this name, with or without the kind before it. Letter case and
// the place of the tone mark ("Giao Thủy", "Giao Thuỷ") do not matter. If no unit is written so, those whose name is the same
// without any marks are given: "nghia hung" is both Nghĩa Hưng and the former Nghĩa Hùng.
func ByName(name string, on time.Time) []Unit {
	want := plain(name)
	var exact, folded []Unit
	for _, u := range units {
		if !u.Valid(on) {
			continue
		}
		for _, n := range append([]string{u.Name, u.FullName()}, u.Spellings...) {
			if strings.EqualFold(norm.NFC.String(strings.TrimSpace(name)), n) {
				exact = append(exact, u.clone())
				break
			}
			if want == plain(n) {
				folded = append(folded, u.clone())
				break
			}
		}
	}
	if exact != nil {
		return exact
	}
	return folded
}

// plain strips case and marks. đ has no decomposition and is mapped first.
func plain(s string) string {
	s = strings.NewReplacer("đ", "d", "Đ", "d").Replace(strings.TrimSpace(s))
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s)))
}
