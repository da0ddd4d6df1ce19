//go:build conformance

package conformance_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// kilometres between two places, by the spherical law of cosines.
func kilometres(lat1, lon1, lat2, lon2 float64) float64 {
	const degree = math.Pi / 180
	c := math.Sin(lat1*degree)*math.Sin(lat2*degree) + math.Cos(lat1*degree)*math.Cos(lat2*degree)*math.Cos((lon1-lon2)*degree)
	return 6371.0088 * math.Acos(min(1, c))
}

// TestNear: places within a distance, in kilometres, metres and miles, and within 50 km when none is given.
func TestNear(t *testing.T) {
	s := population(t)
	found := 0
	for _, form := range []struct {
		suffix string
		km     float64
	}{{"", 50}, {"|10", 10}, {"|10|km", 10}, {"|25000|m", 25}, {"|20|[mi_i]", 32.18688}} {
		for _, from := range [][2]float64{{20.5, 106.5}, {20.1, 106.05}, {20.8, 106.9}, {-20, -73.5}, {20.44, 106.2}} {
			q := question{
				path: "/Location", types: []string{"Location"}, count: 50,
				conditions: []condition{{"near", fmt.Sprintf("%v|%v%s", from[0], from[1], form.suffix)}},
			}
			var want []*item
			for _, it := range s.items {
				position := member(it.tree, "position")
				if it.typ != "Location" || position == nil {
					continue
				}
				lat, err1 := strconv.ParseFloat(fmt.Sprint(member(position, "latitude")), 64)
				lon, err2 := strconv.ParseFloat(fmt.Sprint(member(position, "longitude")), 64)
				if err1 != nil || err2 != nil {
					t.Fatal(err1, err2)
				}
				if kilometres(from[0], from[1], lat, lon) <= form.km {
					want = append(want, it)
				}
			}
			found += len(want)
			if err := s.compare(q, want); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d places were near", found)
	}
}

// wordsOf are the words of every text and number in a value, folded.
func wordsOf(v any) (out []string) {
	switch v := v.(type) {
	case string, json.Number:
		return strings.FieldsFunc(folded(fmt.Sprint(v)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	case []any:
		for _, item := range v {
			out = append(out, wordsOf(item)...)
		}
	case object:
		for name, m := range v {
			if name != "data" { // encoded bytes
				out = append(out, wordsOf(m)...)
			}
		}
	}
	return out
}

// TestContent: _content finds resources in which each of the words begins some word.
func TestContent(t *testing.T) {
	s := population(t)
	found := 0
	for _, words := range []string{"glucose", "GLUCO", "huyết áp", "ap cao", "hoa", "Nguyễn Hòa", "c-1", "8480", "đái đường", "zzz"} {
		for _, typ := range []string{"Patient", "Observation", "Condition"} {
			q := question{path: "/" + typ, types: []string{typ}, count: 50, conditions: []condition{{"_content", words}}}
			var want []*item
			for _, it := range s.items {
				there := wordsOf(it.tree)
				if it.typ == typ && !slices.ContainsFunc(wordsOf(words), func(w string) bool {
					return !slices.ContainsFunc(there, func(other string) bool { return strings.HasPrefix(other, w) })
				}) {
					want = append(want, it)
				}
			}
			found += len(want)
			if err := s.compare(q, want); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d were found", found)
	}
}

// TestLists: _list finds what the entries of a List name, together with other parameters.
func TestLists(t *testing.T) {
	s := population(t)
	found := 0
	for i := range crowdSizes["List"] {
		for _, typ := range []string{"Patient", "Observation", "Encounter"} {
			for _, more := range []condition{{}, {"_id:missing", "false"}, {"identifier:missing", "true"}} {
				q := question{path: "/" + typ, types: []string{typ}, count: 5, total: true, conditions: []condition{{"_list", fmt.Sprintf("c-%d", i)}}}
				if more.name != "" {
					q.conditions = append(q.conditions, more)
				}
				want := s.expected(q)
				found += len(want)
				if err := s.compare(q, want); err != nil {
					t.Errorf("%s: %v", q, err)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d were listed", found)
	}
}
