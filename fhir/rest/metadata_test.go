package rest_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"khamxa/fhir"
	"khamxa/fhir/rest"
	"khamxa/fhir/search"
)

// TestMetadata: what the CapabilityStatement lists is served, and what is served is listed.
func TestMetadata(t *testing.T) {
	s := start(t)
	root := s.do(nobody, "GET", "/metadata", "").is(200).root
	server := root.Get("rest").At(0)
	if !root.Get("fhirVersion").IsString("4.0.1") || !root.Get("implementation").Get("url").IsString(s.url) {
		t.Errorf("%.300s", root.Bytes())
	}

	t.Run("interactions", func(t *testing.T) {
		want := map[string]bool{}
		for _, row := range rest.RouteCodes() {
			if !strings.HasPrefix(row[0], "$") {
				want[row[0]] = true
			}
		}
		got := map[string]bool{"capabilities": true} // it is this document
		for _, i := range server.Get("interaction").Items() {
			got[i.Get("code").String()] = true
		}
		for _, i := range server.Get("resource").At(0).Get("interaction").Items() {
			got[i.Get("code").String()] = true
		}
		for _, c := range server.Get("compartment").Items() {
			got["search-compartment"] = true
			typ := strings.TrimPrefix(c.String(), "http://hl7.org/fhir/CompartmentDefinition/")
			s.do(anybody, "GET", "/"+strings.ToUpper(typ[:1])+typ[1:]+"/1/*", "").is(200)
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("operations", func(t *testing.T) {
		want, got := map[string]bool{}, map[string]bool{}
		for _, row := range rest.RouteCodes() {
			if name, is := strings.CutPrefix(row[0], "$"); is && !strings.HasPrefix(name, "export") && name != "import" { // exports are not served here; TestWithoutExports
				typ, _, _ := strings.Cut(row[2][1:], "/")
				types := []string{strings.TrimSuffix(typ, row[0])}
				if typ == "{type}" { // an operation of every type
					types = fhir.Types()
				}
				for _, typ := range types {
					want[typ+" "+name] = true
				}
			}
		}
		for _, o := range server.Get("operation").Items() {
			got[" "+o.Get("name").String()] = true
		}
		for _, r := range server.Get("resource").Items() {
			for _, o := range r.Get("operation").Items() {
				got[r.Get("type").String()+" "+o.Get("name").String()] = true
				definition, name := o.Get("definition").String(), o.Get("name").String()
				if !strings.HasSuffix(definition, "/"+r.Get("type").String()+"-"+name) && !strings.HasSuffix(definition, "/Resource-"+name) {
					t.Errorf("definition %s", o.Get("definition").String())
				}
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("forms and conditions", func(t *testing.T) {
		var forms []string
		for _, f := range slices.Concat(root.Get("format").Items(), root.Get("patchFormat").Items()) {
			forms = append(forms, f.String())
		}
		if diff := cmp.Diff([]string{"application/fhir+json", "json", "application/json-patch+json", "application/fhir+json"}, forms); diff != "" {
			t.Error(diff)
		}
		for _, r := range server.Get("resource").Items() {
			create, _ := r.Get("conditionalCreate").Bool()
			update, _ := r.Get("conditionalUpdate").Bool()
			if !create || !update || !r.Get("conditionalDelete").IsString("multiple") || !r.Get("conditionalRead").IsString("full-support") {
				t.Errorf("%s: %.300s", r.Get("type"), r.Bytes())
			}
		}
		var shared []string
		for _, p := range server.Get("searchParam").Items() {
			shared = append(shared, p.Get("name").String())
		}
		if !slices.Contains(shared, "_id") || !slices.Contains(shared, "_lastUpdated") || slices.Contains(shared, "identifier") {
			t.Errorf("parameters of every type: %v", shared)
		}
		for _, name := range shared {
			s.do(anybody, "GET", "/?_type=Patient,Basic&"+name+"="+valueOf(search.Lookup("Patient", name)), "").is(200)
		}
	})
	t.Run("types", func(t *testing.T) {
		var got []string
		for _, r := range server.Get("resource").Items() {
			got = append(got, r.Get("type").String())
		}
		if diff := cmp.Diff(fhir.Types(), got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("every interaction of every type", func(t *testing.T) {
		s.in(t)
		for _, r := range server.Get("resource").Items() {
			for _, i := range r.Get("interaction").Items() {
				tryInteraction(s, r.Get("type").String(), i.Get("code").String())
			}
		}
	})
	t.Run("every parameter of every type", func(t *testing.T) {
		s.in(t)
		tried := 0
		for _, r := range server.Get("resource").Items() {
			typ := r.Get("type").String()
			listed := map[string]bool{}
			for _, p := range r.Get("searchParam").Items() {
				name := p.Get("name").String()
				listed[name] = true
				s.do(anybody, "GET", "/"+typ+"?"+name+"="+valueOf(search.Lookup(typ, name)), "").is(200)
				tried++
			}
			for _, p := range search.Params(typ) {
				if !listed[p.Code] {
					s.do(anybody, "GET", "/"+typ+"?"+p.Code+"=1", "").is(400)
				}
			}
		}
		if tried < 1000 {
			t.Errorf("only %d parameters are listed", tried)
		}
	})
	t.Run("every include", func(t *testing.T) {
		s.in(t)
		for _, r := range server.Get("resource").Items() {
			for member, param := range map[string]string{"searchInclude": "_include", "searchRevInclude": "_revinclude"} {
				for chunk := range slices.Chunk(r.Get(member).Items(), 40) {
					var query []string
					for _, i := range chunk {
						query = append(query, param+"="+i.String())
					}
					s.do(anybody, "GET", "/"+r.Get("type").String()+"?"+strings.Join(query, "&"), "").is(200)
				}
			}
		}
	})
}

// valueOf is a value that a parameter of its kind can have.
func valueOf(p *search.Param) string {
	switch p.Kind {
	case search.Date:
		return "ge2026-01"
	case search.Number, search.Quantity:
		return "ge5.4"
	case search.Composite:
		if strings.HasSuffix(p.Code, "-coordinate") {
			return "x$2026$2026"
		}
		return "x$2026"
	case search.Special:
		if p.Code == "near" {
			return "20.2|106.2"
		}
		return "x"
	case search.Reference:
		if len(p.Targets) > 0 {
			return p.Targets[0] + "/1"
		}
		return "Patient/1"
	default:
		return "x"
	}
}

func tryInteraction(s *service, typ, code string) {
	s.t.Helper()
	base := "/" + typ
	body := fmt.Sprintf(`{"resourceType":%q,"id":"m1"}`, typ)
	switch code {
	case "read":
		s.do(anybody, "GET", base+"/none", "").refused(404, "not-found", "", "no "+typ)
	case "vread":
		s.do(anybody, "GET", base+"/none/_history/1", "").refused(404, "not-found", "", "no such version")
	case "history-instance":
		s.do(anybody, "GET", base+"/none/_history", "").refused(404, "not-found", "", "no "+typ)
	case "history-type":
		s.do(anybody, "GET", base+"/_history", "").is(200)
	case "create":
		s.do(anybody, "POST", base, body).is(201)
	case "update":
		s.do(anybody, "PUT", base+"/m1", body).is(201)
	case "patch":
		s.do(anybody, "PATCH", base+"/none", `[]`, asJSONPatch).refused(404, "not-found", "", "no "+typ)
	case "delete":
		s.do(anybody, "DELETE", base+"/m1", "").is(204)
	case "search-type":
		s.do(anybody, "GET", base+"?_count=1", "").is(200)
		s.do(anybody, "POST", base+"/_search", "_count=1", formHeader("POST")...).is(200)
	default:
		s.t.Errorf("%s lists %q, which no test knows", typ, code)
	}
}

// TestAddressesInMetadata: where tokens and WebSockets are is said, on the host that the caller sees.
func TestAddressesInMetadata(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.TokenPath, o.SocketPath = "/oauth/token", "/fhir/websocket" })
	server := s.do(nobody, "GET", "/metadata", "").is(200).root.Get("rest").At(0)
	host := strings.TrimSuffix(s.url, rest.Prefix)
	token := server.Get("security").Get("extension").At(0).Get("extension").At(0)
	if !token.Get("url").IsString("token") || !token.Get("valueUri").IsString(host+"/oauth/token") {
		t.Errorf("the extension for tokens is %s", server.Get("security").Get("extension").Bytes())
	}
	if socket := server.Get("extension").At(0).Get("valueUri").String(); socket != "ws"+strings.TrimPrefix(host, "http")+"/fhir/websocket" {
		t.Errorf("the WebSocket is at %s", socket)
	}
	bare := start(t).do(nobody, "GET", "/metadata", "").is(200).root.Get("rest").At(0)
	if bare.Get("extension") != nil || bare.Get("security").Get("extension") != nil || !bare.Get("mode").IsString("server") || bare.Get("resource").Len() == 0 {
		t.Errorf("%.300s", bare.Bytes())
	}
}

// TestReadOnlyTypes: of a type that nobody may write the CapabilityStatement lists what reads it only.
func TestReadOnlyTypes(t *testing.T) {
	s := start(t, func(o *rest.Options) { o.ReadOnly = []string{"AuditEvent"} })
	for _, r := range s.do(nobody, "GET", "/metadata", "").is(200).root.Get("rest").At(0).Get("resource").Items() {
		var codes []string
		for _, i := range r.Get("interaction").Items() {
			codes = append(codes, i.Get("code").String())
		}
		writable := !r.Get("type").IsString("AuditEvent")
		for _, code := range []string{"create", "update", "patch", "delete"} {
			if slices.Contains(codes, code) != writable {
				t.Errorf("%s: %v", r.Get("type"), codes)
			}
		}
		for _, member := range []string{"updateCreate", "conditionalCreate", "conditionalUpdate"} {
			if is, _ := r.Get(member).Bool(); is != writable {
				t.Errorf("%s: %s is %v", r.Get("type"), member, is)
			}
		}
		if r.Get("conditionalDelete").IsString("multiple") != writable || !slices.Contains(codes, "search-type") || !slices.Contains(codes, "vread") {
			t.Errorf("%s: %s %v", r.Get("type"), r.Get("conditionalDelete"), codes)
		}
	}
}
