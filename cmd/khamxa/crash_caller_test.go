package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// fhirCaller makes requests to /fhir with a token.
type fhirCaller struct {
	http  *http.Client
	base  string // of /fhir
	token string
}

// fhirAnswer is a whole answer.
type fhirAnswer struct {
	status  int
	version int    // from ETag, 0 without one
	id      string // from Location
	body    []byte
}

// newFHIRCaller gets a token at base with a client's credentials. Its connections are its own: close ends them.
func newFHIRCaller(base string, client apiClient) (*fhirCaller, error) {
	c := &fhirCaller{
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 16}},
		base: base + "/fhir",
	}
	form := strings.NewReader(url.Values{"grant_type": {"client_credentials"}}.Encode())
	r, err := http.NewRequest(http.MethodPost, base+"/oauth/token", form)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(client.ID, client.Secret)
	a, err := c.send(r)
	if err != nil {
		return nil, err
	}
	var grant struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &grant); err != nil || a.status != http.StatusOK || grant.Token == "" {
		return nil, fmt.Errorf("the client gets no token: status %d: %s", a.status, bytes.TrimSpace(a.body))
	}
	c.token = grant.Token
	return c, nil
}

func (c *fhirCaller) close() { c.http.CloseIdleConnections() }

// do makes one request. header holds names and values in turn. An error means that there is no whole answer.
func (c *fhirCaller) do(method, address string, body []byte, header ...string) (fhirAnswer, error) {
	if !strings.HasPrefix(address, "http://") {
		address = c.base + address
	}
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return fhirAnswer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if body != nil {
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Prefer", "return=representation")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return c.send(r)
}

func (c *fhirCaller) send(r *http.Request) (a fhirAnswer, err error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	if a.body, err = io.ReadAll(answer.Body); err != nil {
		return a, err
	}
	a.status = answer.StatusCode
	a.version = versionOf(answer.Header.Get("ETag"))
	a.id = idOf(answer.Header.Get("Location"))
	return a, nil
}

// bundled is an entry of a Bundle that the server gives.
type bundled struct {
	Resource json.RawMessage
	Request  struct{ Method string }
	Response struct{ Status, Location, Etag string }
}

// pages reads all pages of a search or a history. A status of 404 is an empty one.
func (c *fhirCaller) pages(path string) (all []bundled, err error) {
	for address := path; address != ""; {
		a, err := c.do(http.MethodGet, address, nil)
		switch {
		case err != nil:
			return nil, err
		case a.status == http.StatusNotFound:
			return all, nil
		case a.status != http.StatusOK:
			return nil, fmt.Errorf("GET %s: status %d: %s", path, a.status, a.body)
		}
		var b struct {
			Entry []bundled
			Link  []struct{ Relation, URL string }
		}
		if err := json.Unmarshal(a.body, &b); err != nil {
			return nil, fmt.Errorf("GET %s: %w", path, err)
		}
		all = append(all, b.Entry...)
		address = ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				address = l.URL
			}
		}
	}
	return all, nil
}

// marked finds the ids of the resources that have a mark.
func (c *fhirCaller) marked(typ, mark string) (ids []string, err error) {
	found, err := c.pages("/" + typ + "?" + url.Values{"identifier": {crashSystem + "|" + mark}}.Encode())
	for _, f := range found {
		ids = append(ids, idIn(f.Resource))
	}
	return ids, err
}

// etagOf is the weak entity tag of a version, and versionOf its inverse.
func etagOf(version int) string { return `W/"` + strconv.Itoa(version) + `"` }

func versionOf(etag string) int {
	n, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(etag, "W/"), `"`))
	if err != nil {
		return 0
	}
	return n
}

// idOf reads the id in a Location: base/Type/id/_history/version.
func idOf(location string) string {
	parts := strings.Split(location, "/")
	if len(parts) < 4 || parts[len(parts)-2] != "_history" {
		return ""
	}
	return parts[len(parts)-3]
}
