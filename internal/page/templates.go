package page

import (
	"errors"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template/parse"

	"khamxa/internal/fault"
)

// compiled is one page in one language, with the names of what its templates inline.
type compiled struct {
	set     *template.Template
	scripts []string // inlined with inlineScript
	styles  []string // inlined with inlineCSS
}

// contentName is the name under which the layouts call the page.
const contentName = "content"

// parseTemplates parses every source's templates in one language. templates/queue.html of source "consult" is the page
// "consult/queue"; templates/parts/row.html is a part that every template may call as "consult/parts/row".
func parseTemplates(sources []Source, lang Lang, m *messages, a *bundle) (map[string]*compiled, error) {
	base := template.New("").Funcs(funcs(lang, m, a)).Option("missingkey=error")
	texts := map[string]string{}
	for _, src := range sources {
		files, _ := fs.Glob(src.FS, "templates/*.html") // the patterns are well formed
		parts, _ := fs.Glob(src.FS, "templates/*/*.html")
		for _, file := range slices.Concat(parts, files) {
			raw, err := fs.ReadFile(src.FS, file)
			if err != nil {
				return nil, fault.Wrap(err, fault.Internal, "page.New", src.Name+"/"+file+" cannot be read.")
			}
			local := strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html")
			name := src.Name + "/" + local
			if err := checkMarkup(name, string(raw)); err != nil {
				return nil, err
			}
			if !strings.Contains(local, "/") {
				texts[name] = string(raw)
				continue
			}
			if _, err := base.New(name).Parse(string(raw)); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, "page.New", "Template "+name+" does not parse.")
			}
		}
	}
	pages := make(map[string]*compiled, len(texts))
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		c, err := compilePage(base, name, texts[name], m, a)
		if err != nil {
			return nil, err
		}
		pages[name] = c
	}
	return pages, nil
}

func compilePage(base *template.Template, name, text string, m *messages, a *bundle) (*compiled, error) {
	set, err := base.Clone()
	if err == nil {
		_, err = set.New(contentName).Parse(text)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "page.New", "Template "+name+" does not parse.")
	}
	c := &compiled{set: set}
	for _, t := range set.Templates() {
		if t.Tree == nil {
			continue
		}
		if err := c.inspect(t.Tree.Root, m, a); err != nil {
			return nil, fault.Newf(fault.Invalid, "page.New", "template %s (in %s): %v", name, t.Name(), err)
		}
	}
	c.scripts, c.styles = slices.Compact(slices.Sorted(slices.Values(c.scripts))), slices.Compact(slices.Sorted(slices.Values(c.styles)))
	// Escape now, so that markup which cannot be escaped is found at start. The run itself fails for want of a view.
	var unsafe *template.Error
	if err := set.ExecuteTemplate(io.Discard, contentName, nil); errors.As(err, &unsafe) {
		return nil, fault.Wrap(err, fault.Invalid, "page.New", "Template "+name+" cannot be escaped.")
	}
	return c, nil
}

// inspect walks a parsed template and checks the literal arguments of t, asset, icon and the inlining functions.
func (c *compiled) inspect(node parse.Node, m *messages, a *bundle) error {
	for _, cmd := range commandsOf(node) {
		if len(cmd.Args) < 2 {
			continue
		}
		fn, isFn := cmd.Args[0].(*parse.IdentifierNode)
		arg, isText := cmd.Args[1].(*parse.StringNode)
		if !isFn || !isText {
			continue
		}
		var err error
		switch fn.Ident {
		case "t":
			if !m.has(arg.Text) {
				err = errors.New("no message " + arg.Quoted)
			}
		case "icon":
			_, err = icon(arg.Text)
		case "asset":
			if _, ok := a.urls[arg.Text]; !ok {
				err = errors.New("no asset " + arg.Quoted)
			}
		case "inlineScript":
			c.scripts = append(c.scripts, arg.Text)
			_, err = a.inlineScript(arg.Text)
		case "inlineCSS":
			c.styles = append(c.styles, arg.Text)
			_, err = a.inlineStyle(arg.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// commandsOf lists every command in a template tree, those in nested pipelines too.
func commandsOf(node parse.Node) []*parse.CommandNode {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		var all []*parse.CommandNode
		for _, child := range n.Nodes {
			all = append(all, commandsOf(child)...)
		}
		return all
	case *parse.ActionNode:
		return commandsOf(n.Pipe)
	case *parse.PipeNode:
		if n == nil {
			return nil
		}
		var all []*parse.CommandNode
		for _, cmd := range n.Cmds {
			all = append(all, cmd)
			for _, arg := range cmd.Args {
				all = append(all, commandsOf(arg)...)
			}
		}
		return all
	case *parse.IfNode:
		return branchCommands(&n.BranchNode)
	case *parse.RangeNode:
		return branchCommands(&n.BranchNode)
	case *parse.WithNode:
		return branchCommands(&n.BranchNode)
	case *parse.TemplateNode:
		return commandsOf(n.Pipe)
	}
	return nil
}

func branchCommands(n *parse.BranchNode) []*parse.CommandNode {
	return slices.Concat(commandsOf(n.Pipe), commandsOf(n.List), commandsOf(n.ElseList))
}

// checkMarkup refuses what the Content-Security-Policy would silently drop: style attributes, event handlers, scripts and
// styles written into a template. Scripts are modules of the source; data for them is Page.Config.
func checkMarkup(name, text string) error {
	for what, pattern := range map[string]string{
		"a style attribute":                     `(?i)<[^>]*\sstyle\s*=`,
		"an event handler attribute":            `(?i)<[a-z][^>{]*\son[a-z]+\s*=`,
		"a <style> element":                     `(?i)<style`,
		"a <script> element (use inlineScript)": `(?i)<script(?:[^>]*type="application/json")?`,
		"a javascript: address":                 `(?i)javascript:`,
	} {
		found := regexp.MustCompile(pattern).FindString(text)
		if found != "" && !strings.Contains(found, "application/json") && name != "page/parts/scripts" {
			return fault.Newf(fault.Invalid, "page.New", "template %s holds %s: %s", name, what, found)
		}
	}
	return nil
}

func (b *build) templatesOf(source string) []string {
	var list []string
	for name := range b.pages[Vietnamese] {
		if strings.HasPrefix(name, source+"/") {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}
