package consult

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"khamxa/internal/fault"
)

// MaxSection is the longest section of a note, in characters.
const MaxSection = 8000

// Field names a section of the note. The values are form fields and wire names.
type Field string

// The sections of a consult note.
const (
	Reason     Field = "reason"     // why, and the story
	Findings   Field = "findings"   // what was seen and measured
	Assessment Field = "assessment" // the doctor's conclusion; needed to sign
	Plan       Field = "plan"       // what happens next; needed to sign
)

// Fields lists the sections in the order of the note.
func Fields() []Field { return []Field{Reason, Findings, Assessment, Plan} }

// Section is one part of the note. Version grows by one with each change; Editor and Revision name the page that wrote it and
// that page's own count of edits.
type Section struct {
	Text     string    `json:"text"`
	Version  int       `json:"version"`
	By       Person    `json:"by"`
	At       time.Time `json:"at"`
	Editor   string    `json:"editor,omitempty"`
	Revision int       `json:"revision,omitempty"`
}

// Note is the draft, and after signing the text that was signed.
type Note struct {
	Reason     Section `json:"reason"`
	Findings   Section `json:"findings"`
	Assessment Section `json:"assessment"`
	Plan       Section `json:"plan"`
}

// Section gives a field's section, nil if there is no such field.
func (n *Note) Section(f Field) *Section {
	switch f {
	case Reason:
		return &n.Reason
	case Findings:
		return &n.Findings
	case Assessment:
		return &n.Assessment
	case Plan:
		return &n.Plan
	}
	return nil
}

// Edit is a section's new text. Base is the version that the writer saw. Editor is the open page (a random name of its own) and
// Revision its count of edits: a page may save again before it has heard of its last save, and requests may overtake each other
// when a tab closes, without being taken for a conflict with itself.
type Edit struct {
	Field    Field  `json:"field"`
	Text     string `json:"text"`
	Base     int    `json:"base"`
	Editor   string `json:"editor"`
	Revision int    `json:"revision"`
}

// Saved says what became of a draft. Versions are the sections' versions now. A section in Conflicts was not written: somebody
// else changed it since Base, and this is what it holds.
type Saved struct {
	Versions  map[Field]int
	Conflicts map[Field]Section
}

// SaveDraft saves sections, each by itself. Nobody's text is ever replaced unseen.
func (s *Service) SaveDraft(ctx context.Context, a Actor, id string, edits []Edit) (Saved, error) {
	for i := range edits {
		text, err := cleanText(string(edits[i].Field), edits[i].Text)
		if err != nil {
			return Saved{}, err
		}
		edits[i].Text = text
		if len(edits[i].Editor) > 64 {
			return Saved{}, fault.New(fault.Invalid, "consult.SaveDraft", "The page's own name is too long.").At("editor")
		}
	}
	var out Saved
	_, err := s.command(ctx, a, id, SaveDraft, func(c *Consult) error {
		out = Saved{Versions: map[Field]int{}, Conflicts: map[Field]Section{}}
		for _, e := range edits {
			section := c.Note.Section(e.Field)
			if section == nil {
				return fault.New(fault.Invalid, "consult.SaveDraft", "The note has no such section.").At(string(e.Field))
			}
			if !section.apply(e, a.Person, s.now()) {
				out.Conflicts[e.Field] = *section
				continue
			}
			out.Versions[e.Field] = section.Version
		}
		return nil
	})
	if err != nil {
		return Saved{}, err
	}
	return out, nil
}

// apply writes an edit, or reports that somebody else was there.
func (sec *Section) apply(e Edit, by Person, now time.Time) bool {
	own := e.Editor != "" && sec.Editor == e.Editor
	switch {
	case own && e.Revision <= sec.Revision: // an older save of the same page came late
		return true
	case e.Text == sec.Text:
		return true
	case !own && e.Base != sec.Version:
		return false
	}
	*sec = Section{Text: e.Text, Version: sec.Version + 1, By: by, At: now, Editor: e.Editor, Revision: e.Revision}
	return true
}

// cleanText brings text from a form into the form that is kept: NFC, line feeds, no control characters (FHIR R4
// datatypes.html#string forbids them).
func cleanText(path, text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", fault.New(fault.Invalid, "consult.cleanText", "The text is not valid Unicode.").At(path)
	}
	text = norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n"))
	text = strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || r == 0x7f {
			return -1
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) > MaxSection {
		return "", fault.New(fault.TooLarge, "consult.cleanText", "A section holds at most 8,000 characters.").At(path)
	}
	return text, nil
}
