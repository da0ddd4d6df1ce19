package registry

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"

	"khamxa/internal/fault"
	"khamxa/registry/guideline"
)

// Problem is one thing that is wrong, or odd, with a form. Key is a message key (words in Messages), Args its arguments; Sentence is
// the Vietnamese words, for callers that have no messages.
type Problem struct {
	Field    string
	Key      string
	Args     []any
	Sentence string
}

// Problems are everything that is wrong with a form. They are the cause of a fault.Invalid whose path and sentence are the first
// problem's; find them with ProblemsOf.
type Problems []Problem

// Error is the first sentence.
func (p Problems) Error() string {
	if len(p) == 0 {
		return "no problem"
	}
	return p[0].Field + ": " + p[0].Sentence
}

// ProblemsOf gives the problems behind an error of this package; none if it has another cause. An error with a path that carries no
// problems gives one problem without a key.
func ProblemsOf(err error) Problems {
	var p Problems
	if errors.As(err, &p) {
		return p
	}
	if path := fault.PathOf(err); path != "" {
		return Problems{{Field: path, Sentence: fault.MessageOf(err)}}
	}
	return nil
}

// add notes a problem of a field.
func (p *Problems) add(field, key string, args ...any) {
	*p = append(*p, Problem{Field: field, Key: key, Args: args, Sentence: sentence(key, args...)})
}

// err is nil without problems, else a fault.Invalid.
func (p Problems) err(op string) error {
	if len(p) == 0 {
		return nil
	}
	return &fault.Error{Code: fault.Invalid, Op: op, Message: p[0].Sentence, Path: p[0].Field, Err: p}
}

// words are the Vietnamese messages of this package and of the guideline, for Problem.Sentence.
var words = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, files := range []embed.FS{Messages, guideline.Messages} {
		raw, err := files.ReadFile("messages/vi.json")
		if err != nil {
			continue // a key stands for itself; TestMessages sees to it that none is missing
		}
		var m map[string]string
		if json.Unmarshal(raw, &m) == nil {
			maps.Copy(all, m)
		}
	}
	return all
})

func sentence(key string, args ...any) string {
	text, ok := words()[key]
	if !ok {
		return key
	}
	return fmt.Sprintf(text, args...)
}
