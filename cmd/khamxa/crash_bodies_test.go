package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"
)

// What the writers write. A resource follows from its type and its mark, so what should be there can be made again when it is checked.

const (
	crashSystem = "urn:khamxa:test:crash"                         // of the marks
	patientURN  = "urn:uuid:5b0c54f0-93a2-4f5e-9d5c-3d2f0a7c1e11" // what stands for a transaction's patient within the transaction
	station     = "Organization/tyt-14221"
)

// crashTypes are the types that nobody but the writers writes.
var crashTypes = [...]string{"Patient", "EpisodeOfCare", "Observation", "Basic"}

// bodyOf is the resource as it is sent. patient is what the resource refers to, "" for nothing.
func bodyOf(typ, id, mark, patient string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"resourceType":%q`, typ)
	if id != "" {
		fmt.Fprintf(&b, `,"id":%q`, id)
	}
	fmt.Fprintf(&b, `,"identifier":[{"system":%q,"value":%q}]`, crashSystem, mark)
	switch typ {
	case "Patient":
		fmt.Fprintf(&b, `,"name":[{"text":"Nguyễn Thị Hòa"}],"gender":"female","birthDate":"1951-03-08","managingOrganization":{"reference":%q}`, station)
	case "EpisodeOfCare":
		fmt.Fprintf(&b, `,"status":"active","type":[{"coding":[{"system":"urn:khamxa:programme","code":"hypertension"}]}],"patient":{"reference":%q},`+
			`"managingOrganization":{"reference":%q},"period":{"start":"2026-01-15"}`, patient, station)
	case "Observation":
		fmt.Fprintf(&b, `,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":%q},`+
			`"effectiveDateTime":"2026-07-01T08:30:00+07:00","component":[%s,%s]`, patient, pressure("8480-6", mark), pressure("8462-4", mark))
	case "Basic":
		b.WriteString(`,"code":{"text":"ledger"}`)
		if patient != "" {
			fmt.Fprintf(&b, `,"subject":{"reference":%q}`, patient)
		}
	}
	fmt.Fprintf(&b, `,"extension":[{"url":%q,"valueString":%q}]}`, crashSystem+":filler", filler(mark))
	return []byte(b.String())
}

// pressure is one component of a blood pressure.
func pressure(code, mark string) string {
	return fmt.Sprintf(`{"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"valueQuantity":{"value":%d.0,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`,
		code, 70+number(code+mark)%80)
}

// filler makes bodies of many sizes, up to more than a page of the database's file.
func filler(mark string) string {
	return strings.Repeat("huyết áp ", 1+number(mark)%90*(number(mark)%17)/2)
}

func number(text string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // it never fails
	return int(h.Sum32() >> 1)
}

// sameContent says whether stored is what was sent, but for the id and meta that the server gives.
func sameContent(sent, stored []byte) bool {
	var a, b map[string]any
	if json.Unmarshal(sent, &a) != nil || json.Unmarshal(stored, &b) != nil {
		return false
	}
	for _, m := range []map[string]any{a, b} {
		delete(m, "id")
		delete(m, "meta")
	}
	return reflect.DeepEqual(a, b)
}

// markOf is the mark that a stored resource has.
func markOf(stored []byte) string {
	var r struct {
		Identifier []struct{ Value string }
	}
	if json.Unmarshal(stored, &r) != nil || len(r.Identifier) != 1 {
		return ""
	}
	return r.Identifier[0].Value
}

// hashOf is the hash of exact bytes; "" for none.
func hashOf(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// idIn is the id of a stored resource.
func idIn(stored []byte) string {
	var r struct{ ID string }
	if json.Unmarshal(stored, &r) != nil {
		return ""
	}
	return r.ID
}

// namedIn are the references that an AuditEvent names.
func namedIn(event []byte) (refs []string) {
	var r struct {
		Entity []struct{ What struct{ Reference string } }
	}
	if json.Unmarshal(event, &r) != nil {
		return nil
	}
	for _, e := range r.Entity {
		refs = append(refs, e.What.Reference)
	}
	return refs
}
