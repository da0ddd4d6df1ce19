package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir/rest"
	"khamxa/fhir/store"
)

const key = "identifier=urn:x|1"

// known is a patient of the station with an identifier; id may be "".
func known(id, value, family, station string) string {
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Patient",%s"identifier":[{"system":"urn:x","value":%q}],"name":[{"family":%q}],"managingOrganization":{"reference":%q}}`, id, value, family, station)
}

// TestConditionalUpdate follows the table of https://hl7.org/fhir/R4/http.html#cond-update.
func TestConditionalUpdate(t *testing.T) {
	s := start(t)
	first := s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "An", stationA)).is(201)
	at := first.header.Get("Location")
	if !strings.HasSuffix(at, "/_history/1") || first.id() == "" {
		t.Fatalf("created at %q with id %q", at, first.id())
	}
	second := s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "Binh", stationA)).is(200)
	if second.id() != first.id() || second.header.Get("ETag") != `W/"2"` {
		t.Errorf("updated %s to %s", second.id(), second.header.Get("ETag"))
	}
	s.do(anybody, "PUT", "/Patient?"+key, known(first.id(), "1", "Chi", stationA)).is(200)
	if r := s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "Chi", stationA)).is(200); r.header.Get("ETag") != `W/"3"` {
		t.Errorf("what says the same made version %s", r.header.Get("ETag"))
	}
	s.do(anybody, "PUT", "/Patient?"+key, known("other", "1", "X", stationA)).refused(400, "invalid", "Patient.id", "not the one")
	s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "X", stationA), `If-Match: W/"2"`).refused(412, "conflict", "", "If-Match")
	s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "X", stationA), "If-None-Match: *").refused(412, "conflict", "If-None-Match")
	s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "Dung", stationA), `If-Match: W/"1", W/"3"`).is(200)

	t.Run("no match and an id", func(t *testing.T) {
		s.in(t)
		if r := s.do(anybody, "PUT", "/Patient?identifier=urn:x|2", known("mine", "2", "An", stationA)).is(201); r.id() != "mine" {
			t.Errorf("created %s", r.id())
		}
		s.do(anybody, "PUT", "/Patient?identifier=urn:x|3", known("mine", "3", "An", stationA)).refused(409, "conflict", "Patient.id")
		s.do(anybody, "DELETE", "/Patient/mine", "").is(204)
		s.do(anybody, "PUT", "/Patient?identifier=urn:x|3", known("mine", "3", "An", stationA)).is(201)
		s.do(anybody, "PUT", "/Patient?identifier=urn:x|4", known("", "4", "An", stationA), `If-Match: W/"1"`).refused(412, "conflict", "If-Match")
	})
	t.Run("many", func(t *testing.T) {
		s.in(t)
		s.do(anybody, "POST", "/Patient", known("", "1", "X", stationA)).is(201)
		s.do(anybody, "PUT", "/Patient?"+key, known("", "1", "Y", stationA)).refused(412, "conflict", "", "More than one")
		s.do(anybody, "DELETE", "/Patient?"+key, "").refused(412, "conflict", "", "More than one", "nothing was deleted")
	})
	t.Run("conditions that are none", func(t *testing.T) {
		s.in(t)
		for _, query := range []string{"", "?_count=1&" + key, "?_sort=name&" + key, "?nonsense=1", "?identifier=", "?_include=Patient:organization"} {
			if r := s.do(anybody, "PUT", "/Patient"+query, known("", "1", "Y", stationA)); r.status != 400 {
				t.Errorf("%q: %d %s", query, r.status, r.body)
			}
		}
		s.do(anybody, "PUT", "/Patient?"+strings.Repeat("name=x&", 51), known("", "1", "Y", stationA)).refused(400, "invalid", "", "50")
		s.do(reader, "PUT", "/Patient?"+key, known("", "1", "Y", stationA)).refused(403, "forbidden", "")
	})
}

// TestConditionalDelete: one match, and several when the caller says so, all in one commit.
func TestConditionalDelete(t *testing.T) {
	s := start(t)
	for i := range 5 {
		s.put("Basic", fmt.Sprintf("b%d", i), fmt.Sprintf(`{"resourceType":"Basic","id":"b%d","code":{"coding":[{"code":"c%d"}]}}`, i, i%2))
	}
	s.do(anybody, "DELETE", "/Basic?code=none", "").is(204)
	s.do(anybody, "DELETE", "/Basic?code=c0", "").refused(412, "conflict", "", "More than one")
	s.do(anybody, "DELETE", "/Basic?code=c0&_count=2", "").refused(412, "conflict", "", "More than the 2")
	for _, bad := range []string{"0", "-1", "x", "501"} {
		s.do(anybody, "DELETE", "/Basic?code=c0&_count="+bad, "").refused(400, "invalid", "_count", "500")
	}
	s.do(anybody, "DELETE", "/Basic", "").refused(400, "invalid", "")
	s.do(anybody, "DELETE", "/Basic?_count=5", "").refused(400, "invalid", "")
	s.do(anybody, "DELETE", "/Basic?code=c0&_count=3", "", `If-Match: W/"1"`).refused(400, "invalid", "If-Match")
	s.do(anybody, "DELETE", "/Basic?code=none", "", `If-Match: W/"1"`).refused(412, "conflict", "")
	before, _ := s.db.Head(context.Background())
	s.seen()
	s.do(anybody, "DELETE", "/Basic?code=c0&_count=3", "").is(204)
	after, _ := s.db.Head(context.Background())
	if after != before+1 {
		t.Errorf("%d commits for one deletion of several", after-before)
	}
	if diff := cmp.Diff([]string{"Basic/b0", "Basic/b2", "Basic/b4"}, sorted(s.seen()[0].Resources)); diff != "" {
		t.Errorf("audit: %s", diff)
	}
	if diff := cmp.Diff([]string{"Basic/b1", "Basic/b3"}, s.do(anybody, "GET", "/Basic", "").is(200).entries()); diff != "" {
		t.Error(diff)
	}
	s.do(anybody, "DELETE", "/Basic/b1", "").is(204)
	if r := s.do(anybody, "DELETE", "/Basic?code=c1", "", `If-Match: W/"1"`).is(204); r.header.Get("ETag") != `W/"2"` {
		t.Errorf("ETag %s", r.header.Get("ETag"))
	}
}

// TestNoOp: an update that says what is there makes no version, alone and in Bundles.
func TestNoOp(t *testing.T) {
	s := start(t)
	first := s.put("Patient", "p", patient("p", "An", stationA))
	again := s.do(anybody, "PUT", "/Patient/p", strings.Replace(patient("p", "An", stationA), `{"resourceType":"Patient","id":"p"`, ` {"id":"p","meta":{"versionId":"9"}, "resourceType":"Patient"`, 1)).is(200)
	for _, name := range []string{"ETag", "Last-Modified", "Location"} {
		if first.header.Get(name) != again.header.Get(name) {
			t.Errorf("%s: %q became %q", name, first.header.Get(name), again.header.Get(name))
		}
	}
	if diff := cmp.Diff(string(first.body), string(again.body)); diff != "" {
		t.Error(diff)
	}
	for _, kind := range []string{"batch", "transaction"} {
		r := s.do(anybody, "POST", "/", bundleOf(kind, entryOf("", "PUT", "Patient/p", patient("p", "An", stationA)))).is(200)
		response := r.root.Get("entry").At(0).Get("response")
		if !response.Get("status").IsString("200 OK") || !response.Get("etag").IsString(`W/"1"`) {
			t.Errorf("%s: %s", kind, r.body)
		}
	}
	s.do(doctorA, "PUT", "/Patient/p", patient("p", "An", stationA), `If-Match: W/"1"`).is(200)
	s.do(anybody, "PUT", "/Patient/p", patient("p", "An", stationA), `If-Match: W/"2"`).is(412)
	if n := s.do(anybody, "GET", "/Patient/p/_history", "").root.Get("entry").Len(); n != 1 {
		t.Errorf("%d versions", n)
	}
	s.do(anybody, "DELETE", "/Patient/p", "").is(204)
	if r := s.put("Patient", "p", patient("p", "An", stationA)); r.status != 201 || r.header.Get("ETag") != `W/"3"` {
		t.Errorf("after a deletion %d %s", r.status, r.header.Get("ETag"))
	}
}

// TestConditionalInBundles: as entries of a batch and of a transaction; entries that meet are refused.
func TestConditionalInBundles(t *testing.T) {
	update := entryOf("", "PUT", "Patient?"+key, known("", "1", "An", stationA))
	for _, kind := range []string{"batch", "transaction"} {
		t.Run(kind, func(t *testing.T) {
			s := start(t)
			r := s.do(anybody, "POST", "/", bundleOf(kind, update)).is(200)
			if diff := cmp.Diff([]string{"201 Created"}, statuses(r)); diff != "" {
				t.Fatal(diff)
			}
			at := r.located(s, 0)
			r = s.do(anybody, "POST", "/", bundleOf(kind, entryOf("", "PUT", "Patient?"+key, known("", "1", "Binh", stationA)))).is(200)
			if r.located(s, 0) != strings.Replace(at, "/_history/1", "/_history/2", 1) {
				t.Errorf("%s and then %s", at, r.located(s, 0))
			}
			r = s.do(anybody, "POST", "/", bundleOf(kind, entryOf("", "DELETE", "Patient?"+key+"&_count=5", ""))).is(200)
			if diff := cmp.Diff([]string{"204 No Content"}, statuses(r)); diff != "" {
				t.Error(diff)
			}
			if got := s.do(anybody, "GET", "/Patient", "").entries(); len(got) != 0 {
				t.Errorf("left %v", got)
			}
		})
	}
	t.Run("an entry refers to the one that is updated", func(t *testing.T) {
		s := start(t)
		named := entryOf(urnPatient, "PUT", "Patient?"+key, known("", "1", "An", stationA))
		reading := entryOf("", "POST", "Observation", strings.Replace(observation("x", "x"), "Patient/x", urnPatient, 1))
		for range 2 {
			r := s.do(anybody, "POST", "/", bundleOf("transaction", reading, named)).is(200)
			subject := s.do(anybody, "GET", r.located(s, 0), "").is(200).root.Get("subject").Get("reference").String()
			if !strings.Contains(r.located(s, 1), subject+"/_history/") || subject == "" {
				t.Errorf("%s refers to %q", r.located(s, 1), subject)
			}
		}
	})
	for _, tt := range []struct {
		name    string
		entries []string
		words   string
	}{
		{"two updates of one", []string{update, entryOf("", "PUT", "Patient/there", known("there", "1", "X", stationA))}, "same resource"},
		{"an update and a deletion", []string{update, entryOf("", "DELETE", "Patient?"+key, "")}, "same resource"},
		{"an update and a create that matches", []string{update, entryOf("", "POST", "Patient", known("", "1", "X", stationA))}, "matches what"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.put("Patient", "there", known("there", "1", "Old", stationA))
			r := s.do(anybody, "POST", "/", bundleOf("transaction", tt.entries...)).is(400)
			if !strings.Contains(string(r.body), tt.words) || !strings.Contains(string(r.body), "Bundle.entry[") {
				t.Errorf("%s", r.body)
			}
			if v := s.do(anybody, "GET", "/Patient/there", "").is(200); v.header.Get("ETag") != `W/"1"` {
				t.Error("something was written")
			}
		})
	}
	t.Run("delete all and create anew", func(t *testing.T) {
		s := start(t)
		s.put("Patient", "old", known("old", "1", "Old", stationA))
		r := s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "POST", "Patient", known("", "1", "New", stationA)), entryOf("", "DELETE", "Patient?"+key, ""))).is(200)
		if diff := cmp.Diff([]string{"201 Created", "204 No Content"}, statuses(r)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestReferencesBySearch: they are resolved in a transaction, against what is stored and what the transaction puts.
func TestReferencesBySearch(t *testing.T) {
	reading := func(reference string) string {
		return strings.Replace(observation("x", "x"), "Patient/x", reference, 1)
	}
	entry := entryOf("", "POST", "Observation", reading("Patient?"+key))
	subject := func(s *service, r *reply) string {
		return s.do(anybody, "GET", r.located(s, 0), "").is(200).root.Get("subject").Get("reference").String()
	}
	s := start(t)
	s.do(anybody, "POST", "/", bundleOf("transaction", entry)).refused(412, "conflict", "Bundle.entry[0].resource.subject.reference", "Nothing matches")
	s.put("Patient", "p1", known("p1", "1", "An", stationA))
	if got := subject(s, s.do(anybody, "POST", "/", bundleOf("transaction", entry, entry)).is(200)); got != "Patient/p1" {
		t.Errorf("refers to %q", got)
	}
	t.Run("what the transaction puts", func(t *testing.T) {
		s.in(t)
		other := entryOf("", "POST", "Observation", reading("Patient?identifier=urn:x|2"))
		r := s.do(anybody, "POST", "/", bundleOf("transaction", other, entryOf("", "POST", "Patient", known("", "2", "Binh", stationA)))).is(200)
		if got := subject(s, r); got == "" || !strings.Contains(r.located(s, 1), got+"/") {
			t.Errorf("%s refers to %q", r.located(s, 1), got)
		}
		r = s.do(anybody, "POST", "/", bundleOf("transaction", entry, entryOf("", "PUT", "Patient/p1", known("p1", "1", "Again", stationA)))).is(200)
		if got := subject(s, r); got != "Patient/p1" {
			t.Errorf("refers to %q", got)
		}
		s.do(anybody, "POST", "/", bundleOf("transaction", entry, entryOf("", "POST", "Patient", known("", "1", "Twin", stationA)))).
			refused(412, "conflict", "Bundle.entry[0].resource.subject.reference", "More than one")
		s.do(anybody, "POST", "/", bundleOf("transaction", entry, entryOf("", "DELETE", "Patient/p1", ""))).
			refused(412, "conflict", "Bundle.entry[0].resource.subject.reference", "Nothing matches")
	})
	t.Run("what is refused", func(t *testing.T) {
		s.in(t)
		for _, bad := range []string{"Patient?", "Patient?nonsense=1", "Patient?_count=1&" + key, "Patient?%zz"} {
			if r := s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "POST", "Observation", reading(bad)))); r.status != 400 || !strings.Contains(string(r.body), "Bundle.entry[0].resource.subject.reference") {
				t.Errorf("%s: %d %s", bad, r.status, r.body)
			}
		}
		s.do(anybody, "POST", "/Observation", reading("Patient?"+key)).refused(400, "not-supported", "Observation.subject.reference", "transactions only")
		if diff := cmp.Diff([]string{"400 Bad Request"}, statuses(s.do(anybody, "POST", "/", bundleOf("batch", entry)))); diff != "" {
			t.Error(diff)
		}
		kept := bundleOf("transaction", entry)
		s.do(anybody, "POST", "/Bundle", kept).is(201) // a Bundle that is kept as a resource is not the server's to follow
	})
	t.Run("more than can be checked", func(t *testing.T) {
		s.in(t)
		var entries []string
		for i := range store.MaxAbsent + 1 {
			value := fmt.Sprint(1000 + i)
			entries = append(entries, entryOf("", "POST", "Observation", reading("Patient?identifier=urn:x|"+value)), entryOf("", "PUT", "Patient/n"+value, known("n"+value, value, "X", stationA)))
		}
		s.do(anybody, "POST", "/", bundleOf("transaction", entries...)).refused(413, "too-long", "", "500")
	})
}

// TestChainedConditions: a condition may look into other resources, those that the caller may search.
func TestChainedConditions(t *testing.T) {
	s := start(t)
	s.put("Patient", "pa", known("pa", "1", "An", stationA))
	s.put("Patient", "pb", known("pb", "2", "Binh", stationB))
	s.put("Observation", "ob", observation("ob", "pb"))
	chained := func(value string) string { return "subject:Patient.identifier=urn:x|" + value }
	s.do(anybody, "POST", "/Observation", observation("x", "pa"), "If-None-Exist: "+chained("1")).is(201)
	s.do(anybody, "POST", "/Observation", observation("x", "pa"), "If-None-Exist: "+chained("1")).is(200)
	s.do(doctorA, "POST", "/Observation", observation("x", "pa"), "If-None-Exist: "+chained("2")).is(201) // theirs is out of reach
	s.do(anybody, "DELETE", "/Observation?"+chained("2"), "").is(204)
	s.do(anybody, "GET", "/Observation/ob", "").is(410)
	s.do(anybody, "POST", "/", bundleOf("transaction", entryOf("", "POST", "Observation", strings.Replace(observation("x", "x"), "Patient/x", "Encounter?"+chained("1"), 1)))).
		refused(400, "not-supported", "Bundle.entry[0].resource.subject.reference", "chained")
	partly := start(t, func(o *rest.Options) {
		o.Authorize = func(*http.Request) (rest.Access, error) {
			return rest.Access{Author: "Device/client-x", Allows: func(typ string, _ rest.Verb) bool { return typ == "Observation" }}, nil
		}
	})
	partly.do(anybody, "DELETE", "/Observation?"+chained("1"), "").refused(403, "forbidden", "", "Patient")
}

// TestConditionsAreConfined: what is out of reach counts as not there, in every conditional interaction.
func TestConditionsAreConfined(t *testing.T) {
	begin := func(t *testing.T) *service {
		s := start(t)
		s.put("Patient", "pb", known("pb", "1", "Binh", stationB))
		s.put("Observation", "ob", observation("ob", "pb"))
		return s
	}
	untouched := func(t *testing.T, s *service) {
		t.Helper()
		for _, path := range []string{"/Patient/pb", "/Observation/ob"} {
			if r := s.do(anybody, "GET", path, "").is(200); r.header.Get("ETag") != `W/"1"` {
				t.Errorf("%s was changed", path)
			}
		}
	}
	t.Run("update", func(t *testing.T) {
		s := begin(t)
		r := s.do(doctorA, "PUT", "/Patient?"+key, known("", "1", "An", stationA)).is(201)
		if r.id() == "pb" {
			t.Error("the hidden one was taken")
		}
		if again := s.do(doctorA, "PUT", "/Patient?"+key, known("", "1", "Chi", stationA)).is(200); again.id() != r.id() {
			t.Errorf("updated %s, not %s", again.id(), r.id())
		}
		hidden := s.do(doctorA, "PUT", "/Patient?identifier=urn:x|7", known("pb", "7", "X", stationA)).is(404)
		if strings.Contains(string(hidden.body), "Binh") {
			t.Errorf("%s", hidden.body)
		}
		untouched(t, s)
	})
	t.Run("delete", func(t *testing.T) {
		s := begin(t)
		s.do(doctorA, "DELETE", "/Patient?"+key, "").is(204)
		s.put("Patient", "pa", known("pa", "1", "An", stationA))
		s.do(doctorA, "DELETE", "/Patient?"+key, "").is(204)
		s.do(anybody, "GET", "/Patient/pa", "").is(410)
		s.do(doctorA, "DELETE", "/Patient?"+key+"&_count=9", "").is(204)
		untouched(t, s)
	})
	t.Run("create", func(t *testing.T) {
		s := begin(t)
		s.do(doctorA, "POST", "/Patient", known("", "1", "An", stationA), "If-None-Exist: "+key).is(201)
		s.do(doctorA, "POST", "/Patient", known("", "1", "An", stationA), "If-None-Exist: "+key).is(200)
		untouched(t, s)
	})
	t.Run("reference", func(t *testing.T) {
		s := begin(t)
		refer := func(query string) *reply {
			return s.do(doctorA, "POST", "/", bundleOf("transaction", entryOf("", "POST", "Observation", strings.Replace(observation("x", "x"), "Patient/x", query, 1))))
		}
		hidden, absent := refer("Patient?"+key).is(412), refer("Patient?identifier=urn:x|none").is(412)
		if diff := cmp.Diff(string(absent.body), string(hidden.body)); diff != "" {
			t.Error(diff)
		}
		s.put("Patient", "pa", known("pa", "1", "An", stationA))
		refer("Patient?" + key).is(200)
		untouched(t, s)
	})
}

// intruder is a store in which somebody else writes right after a search.
type intruder struct {
	store.Store
	meddle func()
}

func (i *intruder) Search(ctx context.Context, q store.SearchRequest) (store.Page, error) {
	page, err := i.Store.Search(ctx, q)
	if f := i.meddle; f != nil {
		i.meddle = nil
		f()
	}
	return page, err
}

// TestConditionsHoldAtTheCommit: what comes between the search and the commit is seen.
func TestConditionsHoldAtTheCommit(t *testing.T) {
	refer := bundleOf("transaction", entryOf("", "POST", "Observation", strings.Replace(observation("x", "x"), "Patient/x", "Patient?"+key, 1)))
	for _, tt := range []struct {
		name, method, path, body string
		before                   string // what is there, as id
		between                  func(put, remove func(id string))
		status                   int
	}{
		{"another one appears", "PUT", "/Patient?" + key, known("", "1", "X", stationA), "a", func(put, _ func(string)) { put("b") }, 412},
		{"the first one appears", "PUT", "/Patient?" + key, known("", "1", "X", stationA), "", func(put, _ func(string)) { put("b") }, 200},
		{"the match goes", "PUT", "/Patient?" + key, known("", "1", "X", stationA), "a", func(_, remove func(string)) { remove("a") }, 201},
		{"it changes", "PUT", "/Patient?" + key, known("", "1", "X", stationA), "a", func(put, _ func(string)) { put("a") }, 200},
		{"another one to delete", "DELETE", "/Patient?" + key, "", "a", func(put, _ func(string)) { put("b") }, 412},
		{"deleted meanwhile", "DELETE", "/Patient?" + key, "", "a", func(_, remove func(string)) { remove("a") }, 204},
		{"a second target", "POST", "/", refer, "a", func(put, _ func(string)) { put("b") }, 412},
		{"the target goes", "POST", "/", refer, "a", func(_, remove func(string)) { remove("a") }, 412},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := &intruder{}
			s := start(t, func(o *rest.Options) { i.Store, o.Store = o.Store, i })
			commit := func(c store.Change) {
				if _, err := s.db.Commit(t.Context(), store.Transaction{Author: "system", Changes: []store.Change{c}}); err != nil {
					t.Error(err)
				}
			}
			put := func(id string) {
				commit(store.Change{Method: store.Put, Type: "Patient", ID: id, Body: []byte(known(id, "1", "Other", stationA))})
			}
			if tt.before != "" {
				put(tt.before)
			}
			i.meddle = func() {
				tt.between(put, func(id string) { commit(store.Change{Method: store.Delete, Type: "Patient", ID: id}) })
			}
			s.do(anybody, tt.method, tt.path, tt.body).is(tt.status)
		})
	}
}

// onceOnly is a store that fails the test when a transaction is tried twice.
type onceOnly struct {
	store.Store
	t       *testing.T
	commits int
}

func (o *onceOnly) Commit(ctx context.Context, tx store.Transaction) (store.Receipt, error) {
	if o.commits++; o.commits > 2 {
		o.t.Errorf("commit number %d", o.commits)
	}
	return o.Store.Commit(ctx, tx)
}

// TestStaleConditionsAreNotRetried: a version that is not current stays so; the write is not tried again and again.
func TestStaleConditionsAreNotRetried(t *testing.T) {
	o := &onceOnly{t: t}
	s := start(t, func(opts *rest.Options) { o.Store, opts.Store = opts.Store, o })
	s.put("Patient", "p", known("p", "1", "An", stationA))
	for method, body := range map[string]string{"PUT": known("", "1", "X", stationA), "DELETE": ""} {
		s.do(anybody, method, "/Patient?"+key, body, `If-Match: W/"7"`).refused(412, "conflict", "", "If-Match")
	}
	patch, _ := replaceFamily("X")
	s.do(anybody, "PATCH", "/Patient?"+key, patch, asJSONPatch, `If-Match: W/"7"`).refused(412, "conflict", "", "If-Match")
	s.do(anybody, "PATCH", "/Patient/p", patch, asJSONPatch, `If-Match: W/"7"`).refused(412, "conflict", "", "If-Match")
	two := bundleOf("transaction", entryOf("", "PUT", "Patient?identifier=urn:x|2", known("", "2", "Y", stationA)), entryOf("", "PUT", "Patient/p", known("p", "1", "X", stationA), `"ifMatch":"W/\"7\""`))
	s.do(anybody, "POST", "/", two).refused(412, "conflict", "Bundle.entry[1]", "If-Match")
}

// TestConditionalUpdatesDoNotRace: of many at once exactly one creates.
func TestConditionalUpdatesDoNotRace(t *testing.T) {
	s := start(t)
	var wg sync.WaitGroup
	codes := make([]int, 12)
	for i := range codes {
		wg.Go(func() {
			r := s.do(anybody, "PUT", "/Patient?"+url.PathEscape(key), known("", "1", fmt.Sprint("N", i), stationA))
			codes[i] = r.status
		})
	}
	wg.Wait()
	created := 0
	for _, code := range codes {
		if code == 201 {
			created++
		} else if code != 200 {
			t.Errorf("status %d", code)
		}
	}
	found := s.do(anybody, "GET", "/Patient?"+key, "").is(200)
	if created != 1 || len(found.entries()) != 1 {
		t.Errorf("%d created, found %v", created, found.entries())
	}
}
