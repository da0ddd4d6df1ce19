package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"khamxa/internal/fault"
)

// assetPrefix is where assets are served. Every name under it carries the hash of its content and never changes.
const assetPrefix = "/assets/"

// bundle is the built scripts, styles and static files of all sources.
type bundle struct {
	files map[string]assetFile // by URL path
	urls  map[string]string    // "consult/console.ts" -> URL path
	texts map[string]string    // the same names -> built text, for inlining, without the source map's comment
}

// bundleAssets bundles every ts/*.ts and css/*.css that is not a test or a declaration, and hashes every static file.
// Splitting stays off: a shared chunk is one more round trip on a slow phone.
func bundleAssets(sources []Source) (*bundle, error) {
	b := &bundle{files: map[string]assetFile{}, urls: map[string]string{}, texts: map[string]string{}}
	root := moduleRoot{}
	var entries []api.EntryPoint
	for _, src := range sources {
		root[src.Name] = src.FS
		for _, file := range entryFiles(src.FS) {
			name := src.Name + "/" + path.Base(file)
			entries = append(entries, api.EntryPoint{InputPath: name, OutputPath: strings.TrimSuffix(name, path.Ext(name))})
		}
		if err := b.addStatic(src); err != nil {
			return nil, err
		}
	}
	result := api.Build(buildOptions(entries, root))
	if len(result.Errors) > 0 {
		lines := api.FormatMessages(result.Errors, api.FormatMessagesOptions{})
		return nil, fault.New(fault.Invalid, "page.New", "scripts: "+strings.TrimSpace(strings.Join(lines, "")))
	}
	texts := map[string]string{}
	for _, out := range result.OutputFiles {
		url := assetPrefix + strings.TrimPrefix(out.Path, "/")
		texts[url] = string(out.Contents)
		b.files[url] = pack(out.Path, out.Contents)
	}
	return b, b.readManifest(result.Metafile, texts)
}

func buildOptions(entries []api.EntryPoint, root moduleRoot) api.BuildOptions {
	return api.BuildOptions{
		EntryPointsAdvanced: entries,
		EntryNames:          "[dir]/[name]-[hash]",
		Outdir:              "/",
		AbsWorkingDir:       "/",
		PublicPath:          assetPrefix,
		Bundle:              true,
		Format:              api.FormatESModule,
		Target:              api.ES2020,
		Engines:             []api.Engine{{Name: api.EngineChrome, Version: "80"}, {Name: api.EngineSafari, Version: "14.1"}},
		MinifyWhitespace:    true,
		MinifyIdentifiers:   true,
		MinifySyntax:        true,
		Sourcemap:           api.SourceMapLinked,
		Metafile:            true,
		TsconfigRaw:         `{}`,
		Plugins:             []api.Plugin{root.plugin()},
	}
}

// entryFiles lists what a source brings to bundle.
func entryFiles(fsys fs.FS) []string {
	var list []string
	for _, pattern := range []string{"ts/*.ts", "*.ts", "css/*.css"} {
		files, _ := fs.Glob(fsys, pattern) // the pattern is well formed
		for _, file := range files {
			if strings.HasSuffix(file, ".test.ts") || strings.HasSuffix(file, ".d.ts") || strings.HasPrefix(path.Base(file), "_") {
				continue
			}
			list = append(list, file)
		}
	}
	return list
}

func (b *bundle) addStatic(src Source) error {
	err := fs.WalkDir(src.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(name, "static/") {
			return err
		}
		raw, err := fs.ReadFile(src.FS, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(raw)
		local := src.Name + "/" + strings.TrimPrefix(name, "static/")
		ext := path.Ext(local)
		url := assetPrefix + strings.TrimSuffix(local, ext) + "-" + hex.EncodeToString(sum[:5]) + ext
		b.urls[local] = url
		b.files[url] = pack(name, raw)
		return nil
	})
	return fault.Wrap(err, fault.Internal, "page.New", src.Name+"/static cannot be read.")
}

func (b *bundle) readManifest(metafile string, texts map[string]string) error {
	var meta struct {
		Outputs map[string]struct {
			EntryPoint string `json:"entryPoint"`
		} `json:"outputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &meta); err != nil {
		return fault.Wrap(err, fault.Internal, "page.New", "The bundler's manifest cannot be read.")
	}
	for out, info := range meta.Outputs {
		entry, ok := strings.CutPrefix(info.EntryPoint, moduleNamespace+":")
		if !ok {
			continue
		}
		url := assetPrefix + strings.TrimPrefix(out, "/")
		name := virtualName(entry)
		b.urls[name] = url
		b.texts[name] = withoutMap(texts[url])
	}
	return nil
}

// withoutMap cuts the last line if it names the source map: an inlined text has none.
func withoutMap(text string) string {
	text = strings.TrimRight(text, "\n")
	at := strings.LastIndex(text, "\n") + 1
	if strings.HasPrefix(text[at:], "//# sourceMappingURL=") || strings.HasPrefix(text[at:], "/*# sourceMappingURL=") {
		return strings.TrimRight(text[:at], "\n")
	}
	return text
}

// inlineStyle is a <style> element with the built style in it.
func (b *bundle) inlineStyle(name string) (template.HTML, error) {
	text, ok := b.texts[name]
	if !ok || path.Ext(name) != ".css" {
		return "", fmt.Errorf("no style %q", name)
	}
	return template.HTML("<style>" + text + "</style>"), nil // our own bundled text
}

// inlineScript is a <script type="module"> element with the built script in it. The bundler escapes "</script".
func (b *bundle) inlineScript(name string) (template.HTML, error) {
	text, ok := b.texts[name]
	if !ok || path.Ext(name) != ".ts" {
		return "", fmt.Errorf("no script %q", name)
	}
	return template.HTML(`<script type="module">` + text + `</script>`), nil
}

// cspHash is the source expression that lets exactly this inlined text run (CSP Level 3, section 2.3.1).
func (b *bundle) cspHash(name string) string {
	sum := sha256.Sum256([]byte(b.texts[name]))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
