package page

import (
	"fmt"
	"html/template"
	"net/url"
	"time"
)

// funcs is what templates may call, bound to one language.
func funcs(lang Lang, m *messages, a *bundle) template.FuncMap {
	return template.FuncMap{
		"t": func(key string, args ...any) (string, error) {
			if !m.has(key) {
				return "", fmt.Errorf("no message %q", key)
			}
			return m.format(lang, key, args...), nil
		},
		"lang":     func() string { return string(lang) },
		"date":     formatDate,
		"datetime": func(t time.Time) string { return formatTime(t, "15:04 02/01/2006") },
		"time":     func(t time.Time) string { return formatTime(t, "15:04") },
		"iso":      func(t time.Time) string { return t.In(Zone()).Format(time.RFC3339) },
		"number":   func(v any, digits ...int) string { return m.formatNumber(lang, v, digits...) },
		"percent":  func(v any) string { return m.formatPercent(lang, v) },
		"asset": func(name string) (string, error) {
			if u, ok := a.urls[name]; ok {
				return u, nil
			}
			return "", fmt.Errorf("no asset %q", name)
		},
		"inlineCSS":    a.inlineStyle,
		"inlineScript": a.inlineScript,
		"icon":         icon,
		"dict":         dict,
		"list":         func(items ...any) []any { return items },
		"query":        query,
	}
}

// dict makes a map from pairs, so that a partial can take named arguments.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: a name without a value")
	}
	d := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %d is not a text", i/2)
		}
		d[name] = pairs[i+1]
	}
	return d, nil
}

// query adds parameters to a path, escaped: query "/reports" "month" .Month. A pair with an empty value is left out.
func query(path string, pairs ...any) (template.URL, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("query: a name without a value")
	}
	base, err := url.Parse(path)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	if base.Scheme != "" || base.Host != "" {
		return "", fmt.Errorf("query: %q is not a local path", path)
	}
	values := base.Query()
	for i := 0; i < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if value == "" {
			values.Del(name)
			continue
		}
		values.Set(name, value)
	}
	base.RawQuery = values.Encode()
	return template.URL(base.String()), nil // local path, checked above, values escaped
}
