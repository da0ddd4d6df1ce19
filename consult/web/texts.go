package web

import (
	"encoding/json"
	"slices"
	"strings"
)

// scriptTexts lists the keys of the messages that scripts use: those that start with "consult.js.". The list is read from the
// embedded catalogue, so that a text is written in one place.
func scriptTexts() []string {
	raw, err := files.ReadFile("messages/vi.json")
	if err != nil {
		return nil
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return nil
	}
	var keys []string
	for key := range all {
		if strings.HasPrefix(key, "consult.js.") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
