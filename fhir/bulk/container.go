package bulk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"khamxa/fhir"
	"khamxa/fhir/store"
	"khamxa/internal/fault"
)

// unit is what is committed together or refused together: one resource, a transaction Bundle, or a request that only the whole FHIR
// interface can do (Options.Transaction).
type unit struct {
	line    int
	path    string
	changes []store.Change
	atomic  bool   // a transaction: all or nothing
	request []byte // a transaction Bundle for Options.Transaction, instead of changes
	count   int    // resources that it stands for
	err     error  // why it is refused already
}

// reader turns the text of one line or document into units. It is safe for concurrent use.
type reader struct {
	*ImportOptions
	whole bool // Bundles are resources here
}

// read takes one line or document apart.
func (r *reader) read(raw []byte, line int) []unit {
	typ, err := typeOf(raw)
	if err == nil && typ == "Bundle" && !r.whole {
		b, err := openBundle(raw)
		if err != nil {
			return []unit{{line: line, count: 1, err: relocate(err, line, 1)}}
		}
		if b.holds() {
			return r.unpack(b, line)
		}
	}
	u := unit{line: line, count: 1}
	change, err := r.resource(raw, line, 1)
	if u.err = err; err == nil {
		u.changes = []store.Change{change}
	}
	return []unit{u}
}

// typeOf finds the resourceType. It stops at the first one, which is where a serializer puts it.
func typeOf(raw []byte) (typ string, err error) {
	found := errors.New("found")
	_, err = members(raw, 0, func(name string, start, end int) error {
		if name != "resourceType" {
			return nil
		}
		typ = plainText(raw[start:end])
		return found
	})
	if errors.Is(err, found) {
		err = nil
	}
	return typ, err
}

// resource reads one resource that keeps the id it has.
func (r *reader) resource(raw []byte, line, column int) (store.Change, error) {
	res, err := r.parse(raw, line, column)
	if err == nil && res.ID == "" {
		err = fault.Newf(fault.Invalid, "bulk.resource", "The %s has no id, and an import keeps ids.", res.Type).At(res.Type + ".id")
	}
	if err == nil {
		err = relocateAll(r.check(res), line, column)
	}
	if err == nil && searching(res) {
		err = searched(res)
	}
	return changeOf(res), err
}

// searching reports whether a resource has a reference by search ("Patient?identifier=..."), which a transaction resolves and which
// cannot be kept as it is. https://hl7.org/fhir/R4/http.html#trules
func searching(res *fhir.Resource) (found bool) {
	fhir.RewriteReferences(res, func(reference string) (string, bool) {
		found = found || strings.Contains(reference, "?") && fhir.ParseReference(reference).Kind == fhir.NoReference
		return "", false
	})
	return found
}

func searched(res *fhir.Resource) error {
	return fault.New(fault.Unsupported, "bulk.searched", "References by search (Patient?identifier=...) are resolved in transactions only: name the resource, or send this as a transaction.").At(res.Type)
}

func (r *reader) parse(raw []byte, line, column int) (*fhir.Resource, error) {
	if len(raw) > MaxResource {
		return nil, fault.Newf(fault.TooLarge, "bulk.parse", "The resource is larger than %d MiB, the most that is kept.", MaxResource>>20)
	}
	res, err := fhir.Parse(raw)
	if err != nil {
		return nil, relocate(err, line, column)
	}
	return res, nil
}

// check asks whether a resource may be written at all.
func (r *reader) check(res *fhir.Resource) error {
	if r.Allows != nil {
		if err := r.Allows(res.Type); err != nil {
			return err
		}
	}
	if r.Validate != nil {
		return r.Validate(res)
	}
	return nil
}

func changeOf(res *fhir.Resource) store.Change {
	if res == nil {
		return store.Change{}
	}
	return store.Change{Method: store.Put, Type: res.Type, ID: res.ID, Body: res.Raw, Parsed: res, IfChanged: true}
}

// bundle is the skeleton of a Bundle.
type bundle struct {
	raw     []byte
	kind    string
	entries []*item
}

// item is one entry: what it says and where its resource is.
type item struct {
	index        int
	start, end   int // of the entry
	from, to     int // of its resource, 0 for none
	fullURL      string
	method, url  string // of the request
	conditional  bool   // the request has a condition (ifMatch, ifNoneMatch, ifNoneExist)
	mode         string // search.mode
	res          *fhir.Resource
	id           string // what it is kept under
	line, column int    // where the resource begins
	err          error
}

func (it *item) path() string { return "Bundle.entry[" + strconv.Itoa(it.index) + "]" }

// plain reports whether the entry puts its resource under its own id and asks for nothing else.
func (b *bundle) plain(it *item) bool {
	switch {
	case b.kind == "collection" || b.kind == "searchset":
		return true
	case it.conditional || it.res == nil:
		return false
	case it.method == "PUT":
		return it.url == it.res.Type+"/"+it.res.ID
	}
	return it.method == "POST" && it.url == it.res.Type
}

// holds reports whether the Bundle is a container of resources to be kept; all others (a document, a message) are resources themselves.
func (b *bundle) holds() bool {
	return slices.Contains([]string{"transaction", "batch", "collection", "searchset"}, b.kind)
}

func openBundle(raw []byte) (*bundle, error) {
	b := &bundle{raw: raw}
	seen := map[string]bool{}
	end, err := members(raw, 0, func(name string, start, end int) error {
		if seen[name] {
			return malformed(raw, start, "The member "+strconv.Quote(name)+" is there twice")
		}
		seen[name] = true
		switch name {
		case "type":
			b.kind = plainText(raw[start:end])
		case "entry":
			_, err := items(raw, start, func(start, end int) error {
				it, err := openItem(raw, start, end)
				if err == nil {
					it.index = len(b.entries)
					b.entries = append(b.entries, it)
				}
				return err
			})
			return err
		}
		return nil
	})
	if err == nil && space(raw, end) < len(raw) {
		err = malformed(raw, end, "There is more text after the end of the Bundle")
	}
	return b, err
}

func openItem(raw []byte, start, end int) (*item, error) {
	it := &item{start: start, end: end}
	_, err := members(raw, start, func(name string, start, end int) error {
		switch name {
		case "fullUrl":
			it.fullURL = plainText(raw[start:end])
		case "resource":
			it.from, it.to = start, end
		case "request":
			_, err := members(raw, start, it.request(raw))
			return err
		case "search":
			_, err := members(raw, start, func(name string, start, end int) error {
				if name == "mode" {
					it.mode = plainText(raw[start:end])
				}
				return nil
			})
			return err
		}
		return nil
	})
	return it, err
}

func (it *item) request(raw []byte) func(name string, start, end int) error {
	return func(name string, start, end int) error {
		switch name {
		case "method":
			it.method = plainText(raw[start:end])
		case "url":
			it.url = plainText(raw[start:end])
		case "ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince":
			it.conditional = true
		}
		return nil
	}
}

// unpack makes the units of a Bundle's entries.
func (r *reader) unpack(b *bundle, line int) []unit {
	if b.kind == "searchset" { // what the other server had to say is nothing to keep
		b.entries = slices.DeleteFunc(b.entries, func(it *item) bool { return it.mode == "outcome" })
	}
	links, simple := fhir.Links{}, true
	at, line0, newline := 0, line, -1
	for _, it := range b.entries {
		begins := max(it.start, it.from)
		between := b.raw[at:begins]
		line += bytes.Count(between, []byte("\n"))
		if i := bytes.LastIndexByte(between, '\n'); i >= 0 {
			newline = at + i
		}
		it.line, it.column = line, begins-newline
		at = begins
		r.identify(b, it)
		simple = simple && it.err == nil && b.plain(it)
		if it.fullURL != "" && it.id != "" {
			if links[it.fullURL] != "" && it.err == nil {
				it.err = fault.New(fault.Invalid, "bulk.unpack", "Another entry has the same fullUrl.").At(it.path() + ".fullUrl")
			}
			links[it.fullURL] = it.res.Type + "/" + it.id
		}
	}
	if b.kind == "transaction" {
		return []unit{r.together(b, links, line0, simple)}
	}
	return r.apart(b, links, line0)
}

// identify parses the entry's resource and decides what it is kept under: its own id, or the UUID of its fullUrl.
func (r *reader) identify(b *bundle, it *item) {
	if it.from == 0 {
		if b.kind == "collection" || b.kind == "searchset" {
			it.err = fault.New(fault.Invalid, "bulk.identify", "The entry has no resource to keep.").At(it.path())
		}
		return
	}
	if it.res, it.err = r.parse(b.raw[it.from:it.to], it.line, it.column); it.err != nil || !b.plain(it) {
		return
	}
	it.id = it.res.ID
	if uuid, ok := strings.CutPrefix(it.fullURL, "urn:uuid:"); ok && it.id == "" && fhir.IsID(uuid) {
		it.id = uuid
	}
	if it.id == "" && b.kind == "transaction" {
		it.id = r.NewID()
	}
	if it.id == "" {
		it.err = fault.Newf(fault.Invalid, "bulk.identify", "The %s has no id, and an import keeps ids.", it.res.Type).At(it.path() + ".resource.id")
	}
}

// put makes the change of a plain entry, with its references to other entries resolved. unsure says that a reference is none that can be
// resolved here: a search, or a URN that names no entry.
func (r *reader) put(it *item, links fhir.Links, strict bool) (c store.Change, unsure bool, err error) {
	if err := r.check(it.res); err != nil { // as it was sent: what is told is a place in the file
		return c, false, relocateAll(err, it.line, it.column)
	}
	bySearch := false
	raw := fhir.RewriteReferences(it.res, func(reference string) (string, bool) {
		if target, ok := links.Resolve(reference, it.fullURL); ok {
			return target, target != reference
		}
		relative, own := strings.CutPrefix(reference, r.Base+"/")
		if own && r.Base != "" && fhir.ParseReference(relative).Kind == fhir.Local {
			return relative, true
		}
		bySearch = bySearch || !strict && strings.Contains(reference, "?") && fhir.ParseReference(reference).Kind == fhir.NoReference
		unsure = unsure || strict && (strings.HasPrefix(reference, "urn:uuid:") || strings.Contains(reference, "?") && fhir.ParseReference(reference).Kind == fhir.NoReference)
		return "", false
	})
	if bySearch {
		return c, unsure, searched(it.res)
	}
	canonical := it.res.Root.Get("url").String()
	raw = fhir.RewriteAddresses(raw, func(urn string) (string, bool) {
		target, ok := links[urn]
		return target, ok && urn != canonical
	})
	res := it.res
	if len(raw) != len(res.Raw) || !bytes.Equal(raw, res.Raw) {
		if res, err = fhir.Parse(raw); err != nil {
			return c, unsure, err
		}
	}
	if res.ID == "" {
		if res, err = fhir.Parse(res.Stamp(it.id, "1", r.Clock())); err != nil {
			return c, unsure, err
		}
	}
	return changeOf(res), unsure, nil
}

// apart makes a unit of each entry of a Bundle whose entries stand alone.
func (r *reader) apart(b *bundle, links fhir.Links, line int) []unit {
	units := make([]unit, 0, len(b.entries))
	for _, it := range b.entries {
		u := unit{line: max(line, it.line), path: it.path() + ".resource", count: 1, err: it.err}
		switch {
		case u.err != nil:
		case !b.plain(it):
			u.path, u.request = it.path(), r.wrap(b, []*item{it})
		default:
			var c store.Change
			if c, _, u.err = r.put(it, links, false); u.err == nil {
				u.changes = []store.Change{c}
			}
		}
		units = append(units, u)
	}
	return units
}

// together makes the one unit of a transaction. What is more than putting resources under known ids is left to the FHIR interface.
func (r *reader) together(b *bundle, links fhir.Links, line int, simple bool) unit {
	u := unit{line: line, count: max(1, len(b.entries)), atomic: true}
	seen := map[string]bool{}
	for _, it := range b.entries {
		if it.err != nil {
			u.err = placed(it.err, it)
			return u
		}
		if !simple {
			continue
		}
		c, unsure, err := r.put(it, links, true)
		if err == nil && seen[c.Type+"/"+c.ID] {
			err = fault.New(fault.Invalid, "bulk.together", "Another entry of the transaction writes the same resource; each may appear once.")
		}
		if err != nil {
			u.err = placed(err, it)
			return u
		}
		seen[c.Type+"/"+c.ID] = true
		simple = !unsure
		u.changes = append(u.changes, c)
	}
	if !simple {
		u.changes, u.request = nil, r.wrap(b, b.entries)
	}
	return u
}

// placed says which entry an error is about.
func placed(err error, it *item) error {
	var list []error
	for _, e := range causes(err) {
		var f *fault.Error
		if errors.As(e, &f) {
			e = f.At(join(it.path()+".resource", f.Path))
		}
		list = append(list, e)
	}
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// wrap writes a transaction Bundle of the entries. Plain ones become updates of the ids that they are kept under.
func (r *reader) wrap(b *bundle, entries []*item) []byte {
	out := []byte(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i, it := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		if it.id == "" || !b.plain(it) {
			out = append(out, b.raw[it.start:it.end]...)
			continue
		}
		out = append(out, '{')
		if it.fullURL != "" {
			out = fmt.Appendf(out, `"fullUrl":"%s",`, it.fullURL) // it had no escapes; see plainText
		}
		resource := it.res.Raw
		if it.res.ID == "" {
			resource = it.res.Stamp(it.id, "1", r.Clock())
		}
		out = append(append(out, `"resource":`...), resource...)
		out = fmt.Appendf(out, `,"request":{"method":"PUT","url":"%s/%s"}}`, it.res.Type, it.id)
	}
	return append(out, "]}"...)
}
