package page

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// moduleNamespace marks modules that come from a source and not from a disk.
const moduleNamespace = "source"

// moduleRoot is the virtual folder that all sources' modules live in: ts/join.ts of source "consult" is /consult/join.ts,
// css/join.css is /consult/join.css. Imports are relative ("./format", "../signaling/call") or start at the root
// ("/signaling/call.ts"). Nothing outside it can be imported, so the build reads no disk and no network.
type moduleRoot map[string]fs.FS

// resolve finds a module by its virtual path without the leading slash and returns its full form, source/folder/file.
func (m moduleRoot) resolve(name string) (string, bool) {
	source, rest, ok := strings.Cut(strings.TrimPrefix(path.Clean("/"+name), "/"), "/")
	fsys := m[source]
	if !ok || fsys == nil {
		return "", false
	}
	for _, ext := range []string{"", ".ts", ".css", "/index.ts"} {
		for _, folder := range []string{"ts/", "css/", "static/", ""} {
			file := strings.TrimPrefix(rest, folder) + ext
			if info, err := fs.Stat(fsys, folder+file); err == nil && !info.IsDir() {
				return source + "/" + folder + file, true
			}
		}
	}
	return "", false
}

// virtualName turns a full form back into the name that authors use: consult/ts/join.ts -> consult/join.ts.
func virtualName(full string) string {
	source, rest, _ := strings.Cut(full, "/")
	for _, folder := range []string{"ts/", "css/", "static/"} {
		if cut, ok := strings.CutPrefix(rest, folder); ok {
			return source + "/" + cut
		}
	}
	return full
}

func (m moduleRoot) plugin() api.Plugin {
	return api.Plugin{Name: "sources", Setup: func(build api.PluginBuild) {
		build.OnResolve(api.OnResolveOptions{Filter: ".*"}, m.onResolve)
		build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: moduleNamespace}, m.onLoad)
	}}
}

func (m moduleRoot) onResolve(args api.OnResolveArgs) (api.OnResolveResult, error) {
	name := args.Path
	switch {
	case strings.HasPrefix(name, "data:"), strings.HasPrefix(name, assetPrefix):
		return api.OnResolveResult{Path: name, External: true}, nil
	case args.Kind != api.ResolveEntryPoint && !strings.HasPrefix(name, "/"):
		name = path.Join(path.Dir(virtualName(args.Importer)), name)
	}
	full, ok := m.resolve(name)
	if !ok {
		return api.OnResolveResult{}, fmt.Errorf("%s: no such module", args.Path)
	}
	return api.OnResolveResult{Path: full, Namespace: moduleNamespace}, nil
}

func (m moduleRoot) onLoad(args api.OnLoadArgs) (api.OnLoadResult, error) {
	source, file, _ := strings.Cut(args.Path, "/")
	raw, err := fs.ReadFile(m[source], file)
	if err != nil {
		return api.OnLoadResult{}, err
	}
	text, loader := string(raw), api.LoaderJS
	switch path.Ext(file) {
	case ".ts":
		loader = api.LoaderTS
	case ".css":
		loader = api.LoaderCSS
	case ".svg":
		loader = api.LoaderDataURL
	}
	return api.OnLoadResult{Contents: &text, Loader: loader}, nil
}
