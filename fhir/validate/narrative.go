package validate

import (
	"html"
	"strings"

	"khamxa/fhir"
)

// narrative checks the XHTML of a Narrative: one well-formed div of elements and attributes that only format text, nothing
// that runs and nothing that is fetched but images. It is shown to people in pages. R4, narrative.html.
func (c *checker) narrative(v *fhir.Value) {
	x := xhtml{text: v.String()}
	if why := x.document(); why != "" {
		c.wrong(v, value, why)
	}
}

// xhtml reads a narrative, without building anything. Its methods give a sentence for what is wrong, "" when nothing is.
type xhtml struct {
	text string
	pos  int
	open [32]string // the elements that are open
	deep int
	ends bool // the root has been closed
}

const xhtmlNamespace = "http://www.w3.org/1999/xhtml"

func (x *xhtml) document() string {
	for x.space(); x.pos < len(x.text); {
		why := ""
		switch {
		case x.text[x.pos] == '<':
			why = x.markup()
		case x.text[x.pos] == '&':
			why = x.entity()
		case x.deep == 0 && !isSpace(x.text[x.pos]):
			why = "A narrative is one div element and has no text outside it"
		default:
			x.pos++
		}
		if why != "" {
			return why
		}
	}
	if !x.ends {
		return "The narrative ends before its div does"
	}
	return ""
}

func (x *xhtml) space() {
	for x.pos < len(x.text) && isSpace(x.text[x.pos]) {
		x.pos++
	}
}

// markup reads a tag or a comment.
func (x *xhtml) markup() string {
	rest := x.text[x.pos:]
	switch {
	case strings.HasPrefix(rest, "<!--"):
		end := strings.Index(rest[4:], "-->")
		if end < 0 {
			return "A comment in the narrative has no end"
		}
		x.pos += 4 + end + 3
		return ""
	case strings.HasPrefix(rest, "</"):
		return x.endTag()
	case strings.HasPrefix(rest, "<!"), strings.HasPrefix(rest, "<?"):
		return "A narrative has no declarations and no processing instructions"
	case x.deep == 0 && (x.ends || x.pos > 0 && strings.TrimSpace(x.text[:x.pos]) != "" && !strings.HasPrefix(strings.TrimSpace(x.text), "<!--")):
		return "A narrative is one div element"
	}
	x.pos++
	return x.startTag()
}

// name reads a name of XML, as far as narratives need it.
func (x *xhtml) name() string {
	start := x.pos
	for x.pos < len(x.text) {
		c := x.text[x.pos]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ':' && c != '-' && c != '_' && c != '.' {
			break
		}
		x.pos++
	}
	return x.text[start:x.pos]
}

func (x *xhtml) endTag() string {
	x.pos += 2
	name := x.name()
	x.space()
	if x.deep == 0 || x.open[x.deep-1] != name || x.pos >= len(x.text) || x.text[x.pos] != '>' {
		return "An end tag in the narrative does not fit the element that is open"
	}
	x.pos++
	x.close()
	return ""
}

func (x *xhtml) close() {
	x.deep--
	x.ends = x.deep == 0
}

func (x *xhtml) startTag() string {
	name := x.name()
	switch {
	case x.deep == 0 && name != "div":
		return "A narrative is one div element"
	case !formatting(name):
		return "A narrative must not have the element " + quoted(name) + ": it has formatting and images only"
	case x.deep == len(x.open):
		return "The elements of the narrative lie too deep in one another"
	}
	x.open[x.deep] = name
	x.deep++
	namespace := false
	for {
		x.space()
		if x.pos >= len(x.text) {
			return "A tag in the narrative has no end"
		}
		switch c := x.text[x.pos]; {
		case c == '>' || c == '/' && strings.HasPrefix(x.text[x.pos:], "/>"):
			if x.deep == 1 && !namespace {
				return "The div of a narrative must have xmlns=\"" + xhtmlNamespace + "\""
			}
			if x.pos++; c == '/' {
				x.pos++
				x.close()
			}
			return ""
		default:
			attribute, text, why := x.attribute()
			if why != "" {
				return why
			}
			namespace = namespace || attribute == "xmlns" && text == xhtmlNamespace
		}
	}
}

// attribute reads one attribute and checks that it runs nothing.
func (x *xhtml) attribute() (name, text, why string) {
	const malformed = "An attribute in the narrative is not written as XML wants it"
	if name = x.name(); name == "" {
		return "", "", malformed
	}
	x.space()
	if x.pos >= len(x.text) || x.text[x.pos] != '=' {
		return "", "", malformed
	}
	x.pos++
	x.space()
	if x.pos >= len(x.text) || x.text[x.pos] != '"' && x.text[x.pos] != '\'' {
		return "", "", malformed
	}
	quote := x.text[x.pos]
	x.pos++
	end := strings.IndexByte(x.text[x.pos:], quote)
	if end < 0 {
		return "", "", malformed
	}
	text = x.text[x.pos : x.pos+end]
	x.pos += end + 1
	return name, text, passive(name, text)
}

// entity reads a character reference.
func (x *xhtml) entity() string {
	end := strings.IndexByte(x.text[x.pos:min(len(x.text), x.pos+12)], ';')
	if end < 2 {
		return "An ampersand in the narrative must be written &amp;"
	}
	for _, c := range []byte(x.text[x.pos+1 : x.pos+end]) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '#' {
			return "An ampersand in the narrative must be written &amp;"
		}
	}
	x.pos += end + 1
	return ""
}

// formatting reports whether a narrative may have the element (R4, txt-1).
func formatting(element string) bool {
	switch element {
	case "p", "br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "a", "span", "b", "em", "i", "u", "s", "strong", "small", "big", "tt",
		"dfn", "q", "var", "abbr", "acronym", "cite", "blockquote", "hr", "address", "bdo", "kbd", "sub", "sup", "ul", "ol", "li",
		"dl", "dt", "dd", "pre", "table", "caption", "colgroup", "col", "thead", "tr", "tfoot", "tbody", "th", "td", "code",
		"samp", "img", "map", "area", "ins", "del", "strike", "center", "font":
		return true
	}
	return false
}

// passive says why an attribute is refused: it is none that only formats, or what it holds can run or reach out.
func passive(name, text string) string {
	switch name {
	case "href", "src", "cite", "longdesc", "usemap":
		if !plainURL(text, name == "src") {
			return "A link in the narrative may be http, https, ftp, mailto, tel, urn, relative, or an image in data:"
		}
		return ""
	case "style":
		if !plainStyle(text) {
			return "A style in the narrative must not load or run anything"
		}
		return ""
	case "xmlns":
		if text != xhtmlNamespace {
			return "The narrative may have no other namespace than " + xhtmlNamespace
		}
		return ""
	case "title", "class", "id", "lang", "xml:lang", "dir", "accesskey", "tabindex", "span", "width", "height", "align", "valign", "char",
		"charoff", "abbr", "axis", "headers", "scope", "rowspan", "colspan", "name", "border", "charset", "type", "hreflang", "rel",
		"rev", "shape", "coords", "alt", "ismap", "nohref", "summary", "frame", "rules", "cellspacing", "cellpadding", "nowrap",
		"xml:space", "bgcolor", "color", "face", "size", "start", "value", "compact", "clear", "noshade", "datetime", "target":
		return ""
	}
	return "A narrative must not have the attribute " + quoted(name)
}

// plainURL reports whether a link can only lead somewhere. White space and control characters are left out first, as browsers do.
func plainURL(text string, image bool) bool {
	url := strings.ToLower(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, html.UnescapeString(text)))
	colon := strings.IndexAny(url, ":/?#")
	if colon < 0 || url[colon] != ':' {
		return true
	}
	switch url[:colon] {
	case "http", "https", "mailto", "tel", "urn", "ftp":
		return true
	case "data":
		return image && strings.HasPrefix(url, "data:image/") && !strings.HasPrefix(url, "data:image/svg")
	}
	return false
}

// plainStyle refuses what a style can run, and the escapes that hide it. What it loads must be an image, as src is.
func plainStyle(text string) bool {
	if strings.IndexByte(text, '&') >= 0 {
		text = html.UnescapeString(text)
	}
	text = strings.ToLower(text)
	for _, active := range [...]string{"expression(", "javascript:", "behavior:", "-moz-binding", "@import", "\\", "/*"} {
		if strings.Contains(text, active) {
			return false
		}
	}
	for {
		_, after, found := strings.Cut(text, "url(")
		if !found {
			return true
		}
		url, rest, closed := strings.Cut(after, ")")
		if !closed || !plainURL(strings.Trim(url, " '\""), true) {
			return false
		}
		text = rest
	}
}
