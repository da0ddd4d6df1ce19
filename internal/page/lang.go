package page

import (
	"net/http"

	"golang.org/x/text/language"
)

// Lang is a language that the pages speak.
type Lang string

// The languages. Vietnamese is the default.
const (
	Vietnamese Lang = "vi"
	English    Lang = "en"
)

// Langs lists the languages, the default first.
func Langs() []Lang { return []Lang{Vietnamese, English} }

func (l Lang) tag() language.Tag {
	if l == English {
		return language.English
	}
	return language.Vietnamese
}

// Other is the language to switch to.
func (l Lang) Other() Lang {
	if l == English {
		return Vietnamese
	}
	return English
}

// langCookie remembers the choice for a year. It holds "vi" or "en" and nothing about the person.
const langCookie = "lang"

// Lang is the language of the request: ?lang=, then the cookie, then Vietnamese. The browser's own language is not
// asked: phones in the communes are often left in English by whoever sold them.
func (s *Shell) Lang(r *http.Request) Lang { return LangOf(r) }

// LangOf is Shell.Lang for code that has no Shell.
func LangOf(r *http.Request) Lang {
	if l, ok := parseLang(r.URL.Query().Get("lang")); ok {
		return l
	}
	if c, err := r.Cookie(langCookie); err == nil {
		if l, ok := parseLang(c.Value); ok {
			return l
		}
	}
	return Vietnamese
}

func parseLang(s string) (Lang, bool) {
	switch Lang(s) {
	case Vietnamese, English:
		return Lang(s), true
	}
	return "", false
}

// rememberLang keeps the language when the address names one.
func rememberLang(w http.ResponseWriter, r *http.Request) {
	if l, ok := parseLang(r.URL.Query().Get("lang")); ok {
		http.SetCookie(w, &http.Cookie{
			Name: langCookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 3600,
			HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil,
		})
	}
}
