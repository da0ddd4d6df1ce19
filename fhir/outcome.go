package fhir

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"khamxa/internal/fault"
)

// FaultSystem is the code system of fault.Code in OperationOutcome.issue.details.coding: the stable word for programs.
const FaultSystem = "urn:khamxa:fault"

// issueCode is the R4 IssueType (valueset-issue-type.html) of each fault code. It is the one table for FHIR.
func issueCode(code fault.Code) string {
	switch code {
	case fault.Invalid:
		return "invalid"
	case fault.Unauthenticated:
		return "login"
	case fault.Forbidden:
		return "forbidden"
	case fault.NotFound:
		return "not-found"
	case fault.Gone:
		return "deleted"
	case fault.Conflict, fault.Precondition:
		return "conflict"
	case fault.State:
		return "business-rule"
	case fault.TooLarge:
		return "too-long"
	case fault.TooMany:
		return "throttled"
	case fault.TooCostly:
		return "too-costly"
	case fault.Unsupported:
		return "not-supported"
	case fault.Unavailable:
		return "transient"
	case fault.Timeout:
		return "timeout"
	case fault.Unknown:
		return "incomplete"
	case fault.Internal:
		return "exception"
	}
	return "exception"
}

// IssueType is a code of R4's value set issue-type ("structure", "required", "code-invalid", ...). As the cause of a *fault.Error it
// takes the place of the code that the fault would have in an OperationOutcome: it says more exactly what is wrong.
type IssueType string

// Error is the code, so that an IssueType can be the cause of a fault.
func (t IssueType) Error() string { return string(t) }

// Issue is one issue of an OperationOutcome. Severity and Code are R4 codes; Expression is a FHIRPath-like place or the
// name of a search parameter, "" for none.
type Issue struct {
	Severity   string // fatal, error, warning, information
	Code       string
	Fault      fault.Code // "" when the issue is no failure
	Text       string     // a sentence that is safe to show
	Expression string
}

// Outcome is the OperationOutcome for a failure. An error that is no *fault.Error tells nothing of its cause. Errors joined
// by errors.Join give an issue each. An IssueType among an error's causes is its issue's code.
func Outcome(err error) []byte {
	return OutcomeOf(issues(err)...)
}

// OutcomeOf is the OperationOutcome with these issues, or with one that says all is well if there are none. A sentence that ends with
// a place in the text, "(line 2, column 10).", has it in the issue's extensions too.
func OutcomeOf(list ...Issue) []byte {
	if len(list) == 0 {
		list = []Issue{{Severity: "information", Code: "informational", Text: "All is well."}}
	}
	var nodes []*Builder
	for _, i := range list {
		details := Build()
		if i.Fault != "" {
			details.List("coding", Coding(FaultSystem, string(i.Fault), ""))
		}
		details.String("text", i.Text)
		node := Build().List("extension", placeExtensions(i.Text)...).String("severity", i.Severity).String("code", i.Code).Object("details", details)
		if i.Expression != "" {
			node.Strings("expression", i.Expression)
		}
		nodes = append(nodes, node)
	}
	return BuildResource("OperationOutcome", "").List("issue", nodes...).Bytes()
}

// The extensions of OperationOutcome.issue that say where in the text it is, as HL7's validator and other servers write them.
const (
	lineExtension   = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
	columnExtension = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
)

// placeExtensions are for programs what the end of a sentence says to people: "... (line 2, column 10)."; none for others.
func placeExtensions(sentence string) []*Builder {
	at := strings.LastIndex(sentence, "(line ")
	if at < 0 {
		return nil
	}
	var line, column int
	if _, err := fmt.Sscanf(sentence[at:], "(line %d, column %d).", &line, &column); err != nil || sentence[at:] != fmt.Sprintf("(line %d, column %d).", line, column) {
		return nil
	}
	return []*Builder{
		Build().String("url", lineExtension).Int("valueInteger", line),
		Build().String("url", columnExtension).Int("valueInteger", column),
	}
}

// Issues are the issues that Outcome has for a failure; none for nil.
func Issues(err error) []Issue {
	if err == nil {
		return nil
	}
	return issues(err)
}

func issues(err error) []Issue {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // only a join at the top is a list
		var list []Issue
		for _, e := range joined.Unwrap() {
			list = append(list, issues(e)...)
		}
		return list
	}
	code := fault.CodeOf(err)
	issue := Issue{
		Severity: "error", Code: issueCode(code), Fault: code,
		Text: shortSentence(fault.MessageOf(err)), Expression: fault.PathOf(err),
	}
	var exact IssueType
	switch {
	case code == fault.Internal:
		issue.Severity = "fatal"
	case errors.As(err, &exact):
		issue.Code = string(exact)
	}
	return []Issue{issue}
}

// shortSentence cuts a sentence that repeats too much of what a stranger wrote.
func shortSentence(s string) string {
	const most = 1500
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
