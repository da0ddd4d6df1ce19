package rest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/search"
	"khamxa/internal/fault"
)

// metadata gives the CapabilityStatement. It needs no token. https://hl7.org/fhir/R4/http.html#capabilities
func (s *server) metadata(_ context.Context, c *call) (answer, error) {
	if err := c.only("mode"); err != nil {
		return answer{}, err
	}
	if mode := c.values.Get("mode"); mode != "" && mode != "full" {
		return answer{}, fault.New(fault.Unsupported, "rest.metadata", "Only mode=full is served.").At("mode")
	}
	body := fhir.BuildResource("CapabilityStatement", "").
		String("status", "active").
		String("date", s.since.UTC().Format(time.RFC3339)).
		String("kind", "instance").
		Strings("instantiates", s.instantiates()...).
		Object("software", fhir.Build().String("name", "Khamxa").String("version", s.Version)).
		Object("implementation", fhir.Build().String("description", "Khamxa FHIR R4").String("url", c.base)).
		String("fhirVersion", "4.0.1").
		Strings("format", mediaType, "json").
		Strings("patchFormat", s.patchFormats()...).
		Raw("rest", s.restOf(c.base)).
		Bytes()
	return answer{status: http.StatusOK, body: body}, nil
}

// instantiates are the capability statements of others that this server follows.
func (s *server) instantiates() []string {
	if s.Exports == nil {
		return nil
	}
	return []string{"http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"}
}

// capabilityStatement writes the members of CapabilityStatement.rest that are always the same, from the tables that serve: the routes, and the search parameters that
// search.Parse accepts. There is no other list. https://hl7.org/fhir/R4/capabilitystatement.html
func (s *server) capabilityStatement() []byte {
	resources := make([]*fhir.Builder, 0, len(search.Types()))
	reverse := reverseIncludes()
	for _, typ := range search.Types() {
		resources = append(resources, s.resourceCapability(typ, reverse[typ]))
	}
	return fhir.Build().
		List("resource", resources...).
		List("interaction", codes(s.routes, systemLevel)...).
		List("searchParam", searchParams(search.Shared())...).
		Strings("compartment", compartmentURLs()...).
		List("operation", operations(s.routes, "")...).
		Bytes()
}

// restOf is CapabilityStatement.rest: what names this interface's own address, and then what is always the same. Where tokens and
// WebSockets are is said in extensions (SMART App Launch 1, oauth-uris; R4, extension-capabilitystatement-websocket.html).
func (s *server) restOf(base string) []byte {
	host := strings.TrimSuffix(base, Prefix)
	security := fhir.Build()
	if s.TokenPath != "" {
		security.List("extension", fhir.Build().
			List("extension", fhir.Build().String("url", "token").String("valueUri", host+s.TokenPath)).
			String("url", "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"))
	}
	security.Bool("cors", false).
		List("service", fhir.Concept("http://terminology.hl7.org/CodeSystem/restful-security-service", "SMART-on-FHIR", "")).
		String("description", "OAuth 2 client credentials with SMART scopes (system/Observation.rs); see /.well-known/smart-configuration.")
	rest := fhir.Build()
	if s.SocketPath != "" {
		rest.List("extension", fhir.Build().
			String("url", "http://hl7.org/fhir/StructureDefinition/capabilitystatement-websocket").
			String("valueUri", "ws"+strings.TrimPrefix(host, "http")+s.SocketPath))
	}
	own := rest.String("mode", "server").Object("security", security).Bytes()
	out := append([]byte{'['}, own[:len(own)-1]...)
	out = append(append(out, ','), s.capabilities[1:]...)
	return append(out, ']')
}

// operations lists the operations of a resource type, or with "" those of the system, each once.
func operations(routes []route, typ string) (list []*fhir.Builder) {
	var seen []string
	for _, rt := range routes {
		every := rt.level >= typeLevel && rt.ofType() == "" // an operation of every type
		if !rt.operation() || rt.code == statusCode || rt.code == fileCode || slices.Contains(seen, rt.code) {
			continue
		}
		if rt.ofType() != typ && !every || every && typ == "" {
			continue
		}
		seen = append(seen, rt.code)
		of, name := cmp.Or(typ, "System"), rt.code[1:]
		if every {
			of = "Resource"
		}
		definition := "http://hl7.org/fhir/OperationDefinition/" + of + "-" + name
		switch rt.code {
		case importCode: // R4 has none, and the draft's is another one
			definition = "urn:khamxa:operation:import"
		case exportCode:
			definition = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/" + strings.TrimPrefix(strings.ToLower(typ)+"-export", "-")
		}
		list = append(list, fhir.Build().String("name", name).String("definition", definition))
	}
	return list
}

// codes lists the interactions of the given levels, each once.
func codes(routes []route, levels ...level) (list []*fhir.Builder) {
	var seen []string
	for _, rt := range routes {
		if slices.Contains(levels, rt.level) && !rt.operation() && !slices.Contains(seen, rt.code) {
			seen = append(seen, rt.code)
			list = append(list, fhir.Build().String("code", rt.code))
		}
	}
	return list
}

func (s *server) resourceCapability(typ string, reverse []string) *fhir.Builder {
	var includes []string
	for _, p := range search.Params(typ) {
		if p.Served() && p.Kind == search.Reference {
			includes = append(includes, typ+":"+p.Code)
		}
	}
	routes := s.routes
	if slices.Contains(s.ReadOnly, typ) {
		routes = slices.DeleteFunc(slices.Clone(routes), func(rt route) bool { return slices.Contains([]Verb{Create, Update, Delete}, rt.verb) })
	}
	return fhir.Build().
		String("type", typ).
		Strings("supportedProfile", s.checks.Profiles(typ)...).
		List("interaction", codes(routes, typeLevel, instanceLevel)...).
		String("versioning", "versioned-update").
		Bool("readHistory", true).
		Bool("updateCreate", serves(routes, "update", instanceLevel)).
		Bool("conditionalCreate", serves(routes, "create", typeLevel)).
		String("conditionalRead", "full-support").
		Bool("conditionalUpdate", serves(routes, "update", typeLevel)).
		String("conditionalDelete", deletes(serves(routes, "delete", typeLevel))).
		Strings("referencePolicy", "literal").
		Strings("searchInclude", includes...).
		Strings("searchRevInclude", reverse...).
		List("searchParam", searchParams(search.Params(typ))...).
		List("operation", operations(routes, typ)...)
}

// searchParams lists those of the parameters that are served.
func searchParams(params []*search.Param) (list []*fhir.Builder) {
	for _, p := range params {
		if p.Served() {
			list = append(list, fhir.Build().String("name", p.Code).String("definition", p.URL).String("type", p.Kind.String()))
		}
	}
	return list
}

// serves reports whether a table has an interaction at a level: at that of a type those with a condition.
func serves(routes []route, code string, at level) bool {
	return slices.ContainsFunc(routes, func(rt route) bool { return rt.code == code && rt.level == at })
}

func deletes(conditional bool) string {
	if conditional {
		return "multiple"
	}
	return "not-supported"
}

// patchFormats are the forms of a patch, none when the table has no patch.
func (s *server) patchFormats() []string {
	if !serves(s.routes, "patch", instanceLevel) {
		return nil
	}
	return []string{jsonPatch, mediaType}
}

// reverseIncludes lists, for each type, the reference parameters that are made to point to it. Those that may point to any
// type are served as well and left out here: they would be most of the list.
func reverseIncludes() map[string][]string {
	to := map[string][]string{}
	for _, typ := range search.Types() {
		for _, p := range search.Params(typ) {
			if p.Kind != search.Reference {
				continue
			}
			for _, target := range p.Targets {
				to[target] = append(to[target], typ+":"+p.Code)
			}
		}
	}
	return to
}

// compartmentURLs are the definitions of the compartments that can be searched.
func compartmentURLs() (urls []string) {
	for _, typ := range search.CompartmentTypes() {
		urls = append(urls, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(typ[:1])+typ[1:])
	}
	return urls
}
