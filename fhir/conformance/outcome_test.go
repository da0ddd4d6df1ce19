//go:build conformance

package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// The codes of R4's IssueSeverity and IssueType.
var (
	severities = []string{"fatal", "error", "warning", "information"}
	issueTypes = strings.Fields(`invalid structure required value invariant security login unknown expired forbidden suppressed processing
		not-supported duplicate multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict
		transient lock-error no-store exception timeout incomplete throttled informational`)
)

// checkOutcome reads an OperationOutcome as strictly as R4 defines it, and with what this service promises besides: a sentence for
// people in each issue, a stable word for programs, and nothing of the server's insides.
func checkOutcome(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("not UTF-8")
	}
	var o struct {
		ResourceType string `json:"resourceType"`
		Issue        []struct {
			Severity string `json:"severity"`
			Code     string `json:"code"`
			Details  struct {
				Coding []struct {
					System string `json:"system"`
					Code   string `json:"code"`
				} `json:"coding"`
				Text string `json:"text"`
			} `json:"details"`
			Expression []string `json:"expression"`
			Extension  []struct {
				URL   string `json:"url"`
				Value int    `json:"valueInteger"`
			} `json:"extension"`
		} `json:"issue"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	if o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		return fmt.Errorf("a %s with %d issues", o.ResourceType, len(o.Issue))
	}
	for _, i := range o.Issue {
		switch {
		case !slices.Contains(severities, i.Severity):
			return fmt.Errorf("the severity %q", i.Severity)
		case !slices.Contains(issueTypes, i.Code):
			return fmt.Errorf("the code %q", i.Code)
		case len(i.Details.Text) < 10 || !strings.ContainsAny(i.Details.Text[len(i.Details.Text)-1:], ".!?)"):
			return fmt.Errorf("no sentence: %q", i.Details.Text)
		case (i.Severity == "error" || i.Severity == "fatal") && (len(i.Details.Coding) == 0 || i.Details.Coding[0].Code == ""):
			return errors.New("no word for programs")
		case slices.Contains(i.Expression, ""):
			return errors.New("an empty expression")
		case len(i.Details.Text) > 2000:
			return fmt.Errorf("a sentence of %d bytes", len(i.Details.Text))
		}
		for _, e := range i.Extension { // line and column of an error in JSON
			if !strings.HasPrefix(e.URL, "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-") || e.Value < 1 {
				return fmt.Errorf("the extension %s says %d", e.URL, e.Value)
			}
		}
	}
	return nil
}
