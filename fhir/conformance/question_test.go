//go:build conformance

package conformance_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// question is a search of one type: the conditions, how it is sorted, and how large its pages are.
type question struct {
	path       string // "/Patient"; "/Patient/c-1/Observation" in a compartment, "/" for several types
	types      []string
	conditions []condition
	sort       []string
	count      int
	total      bool
	post       bool
}

func (q question) values() url.Values {
	v := url.Values{}
	for _, c := range q.conditions {
		v.Add(c.name, c.value)
	}
	if len(q.sort) > 0 {
		v.Set("_sort", strings.Join(q.sort, ","))
	}
	if q.count > 0 {
		v.Set("_count", fmt.Sprint(q.count))
	}
	if q.total {
		v.Set("_total", "accurate")
	}
	return v
}

func (q question) String() string {
	v, err := url.QueryUnescape(q.values().Encode())
	if err != nil {
		return err.Error()
	}
	return q.path + "?" + v
}

// question makes one.
func (a *asker) question() question {
	it := one(a, a.items)
	if a.chance(40) {
		it = a.byReference[fmt.Sprintf("%s/c-%d", "Observation", a.r.IntN(crowdSizes["Observation"]))]
	}
	q := question{path: "/" + it.typ, types: []string{it.typ}, total: a.chance(30), post: a.chance(10)}
	for range 1 + a.r.IntN(10)/7 + a.r.IntN(10)/9 {
		q.conditions = append(q.conditions, a.condition(it, 0))
	}
	if a.chance(35) {
		q.sort = a.sorting(it.typ)
	}
	q.count = one(a, []int{1, 2, 3, 7, 20, 50, 200, 200})
	return q
}

// sorting picks up to three parameters of a type.
func (a *asker) sorting(typ string) (keys []string) {
	var codes []string
	for _, base := range []string{typ, "DomainResource", "Resource"} {
		for code, kind := range a.kinds[base] {
			if kind != "composite" && kind != "special" && code != "_text" && code != "_content" && code != "_query" {
				codes = append(codes, code)
			}
		}
	}
	slices.Sort(codes)
	for range 1 + a.r.IntN(3) {
		keys = append(keys, one(a, []string{"", "-"})+one(a, codes))
	}
	return keys
}

// readTargets are the resource types that each reference parameter may point to, by "Type.code".
func readTargets(raw []byte) (map[string][]string, error) {
	var bundle struct {
		Entry []struct {
			Resource struct {
				Code         string
				Base, Target []string
			}
		}
	}
	if err := json.Unmarshal(raw, &bundle); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, e := range bundle.Entry {
		for _, base := range e.Resource.Base {
			out[base+"."+e.Resource.Code] = e.Resource.Target
		}
	}
	return out, nil
}
