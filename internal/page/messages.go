package page

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/message"
	"golang.org/x/text/message/catalog"
	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

// messages holds every source's messages in every language. A message file is a flat JSON object from key to text, or to
// {"one": ..., "other": ...} where English needs a plural; the first number argument decides. Texts take fmt verbs (%s, %d,
// %[2]s); numbers are printed the language's way (1.234 in Vietnamese), so a year or a phone number is passed as a string.
type messages struct {
	keys     map[string]bool
	printers map[Lang]*message.Printer
}

// entry is one message: Forms by plural case, "other" always there.
type entry struct {
	source string
	forms  map[string]string
}

func (e *entry) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		e.forms = map[string]string{"other": text}
		return nil
	}
	if err := json.Unmarshal(raw, &e.forms); err != nil {
		return errors.New("a message is a text or an object of plural forms")
	}
	for form := range e.forms {
		if form != "one" && form != "other" {
			return errors.New("plural form " + form + " is not one of one, other")
		}
	}
	if e.forms["other"] == "" {
		return errors.New("the plural form other is missing")
	}
	return nil
}

func loadMessages(sources []Source) (*messages, error) {
	all := map[Lang]map[string]entry{}
	for _, lang := range Langs() {
		all[lang] = map[string]entry{}
		for _, src := range sources {
			if err := readMessages(src, lang, all[lang]); err != nil {
				return nil, err
			}
		}
	}
	if err := compareMessages(all[Vietnamese], all[English]); err != nil {
		return nil, err
	}
	m := &messages{keys: map[string]bool{}, printers: map[Lang]*message.Printer{}}
	builder := catalog.NewBuilder(catalog.Fallback(Vietnamese.tag()))
	for lang, entries := range all {
		for key, e := range entries {
			m.keys[key] = true
			if err := builder.Set(lang.tag(), key, compileMessage(e)...); err != nil {
				return nil, badMessage(e.source, lang, key, err.Error())
			}
		}
	}
	for _, lang := range Langs() {
		m.printers[lang] = message.NewPrinter(lang.tag(), message.Catalog(builder))
	}
	return m, nil
}

func compileMessage(e entry) []catalog.Message {
	one, ok := e.forms["one"]
	if !ok {
		return []catalog.Message{catalog.String(e.forms["other"])}
	}
	// %d selects by the integer as it is printed.
	return []catalog.Message{plural.Selectf(1, "%d", plural.One, one, plural.Other, e.forms["other"])}
}

func readMessages(src Source, lang Lang, into map[string]entry) error {
	name := "messages/" + string(lang) + ".json"
	raw, err := fs.ReadFile(src.FS, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "page.New", src.Name+"/"+name+" cannot be read.")
	}
	var file map[string]entry
	if err := json.Unmarshal(raw, &file); err != nil {
		return fault.Newf(fault.Invalid, "page.New", "%s/%s: %v", src.Name, name, err)
	}
	for key, e := range file {
		if other, taken := into[key]; taken {
			return badMessage(src.Name, lang, key, "is also in source "+other.source)
		}
		for form, text := range e.forms {
			if strings.TrimSpace(text) == "" || strings.Contains(text, "${") {
				return badMessage(src.Name, lang, key, "is empty or holds ${")
			}
			e.forms[form] = norm.NFC.String(text)
		}
		e.source = src.Name
		into[key] = e
	}
	return nil
}

// compareMessages demands the same keys and the same verbs in both languages.
func compareMessages(vi, en map[string]entry) error {
	var problems []string
	pattern := regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])`)
	for _, key := range slices.Sorted(maps.Keys(vi)) {
		e, ok := en[key]
		if !ok {
			problems = append(problems, key+" is missing in English")
			continue
		}
		want := verbs(pattern, vi[key].forms["other"])
		if got := verbs(pattern, e.forms["other"]); !slices.Equal(got, want) {
			problems = append(problems, key+" has verbs "+strings.Join(want, " ")+" in Vietnamese and "+strings.Join(got, " ")+" in English")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(en)) {
		if _, ok := vi[key]; !ok {
			problems = append(problems, key+" is missing in Vietnamese")
		}
	}
	if len(problems) > 0 {
		return fault.New(fault.Invalid, "page.New", "messages: "+strings.Join(problems, "; "))
	}
	return nil
}

func badMessage(source string, lang Lang, key, what string) error {
	return fault.Newf(fault.Invalid, "page.New", "%s/messages/%s.json: %q %s", source, lang, key, what)
}

// verbs lists a text's verbs as argument number and letter, sorted: "1d", "2s".
func verbs(pattern *regexp.Regexp, text string) []string {
	var list []string
	next := 1
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		if m[2] == "%" {
			continue
		}
		n := next
		if m[1] != "" {
			n, _ = strconv.Atoi(m[1]) // digits, by the pattern
		}
		next = n + 1
		list = append(list, strconv.Itoa(n)+m[2])
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (m *messages) has(key string) bool { return m.keys[key] }

func (m *messages) format(lang Lang, key string, args ...any) string {
	return m.printers[lang].Sprintf(key, args...)
}
