package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// SecureOptions tunes Secure. HTTPS says that people reach the service over TLS, here or at a proxy in front: it adds
// Strict-Transport-Security. PublicURL is the address that people see ("https://kham.example.vn"): the policy then names its host for
// WebSockets, whatever Host a proxy hands on; "" takes the request's.
type SecureOptions struct {
	HTTPS     bool
	PublicURL string
}

// Secure sets the security headers on every response of next, errors, redirects and files included: a strict
// Content-Security-Policy without any unsafe source, no sniffing, no referrer, no framing, camera and microphone for our own
// pages only, and no storing (assets say otherwise for themselves). Put it outermost.
func Secure(next http.Handler, o SecureOptions) http.Handler {
	public := socketsOf(o.PublicURL)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if public != "" {
			r = r.WithContext(context.WithValue(r.Context(), socketsKey{}, public))
		}
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy(r, nil, nil))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if o.HTTPS || r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// socketsKey is where the public address's WebSocket origin is in a request's context, for the pages' own policies.
type socketsKey struct{}

// socketsOf is the WebSocket origin of an address, "" if it has none that may stand in a policy.
func socketsOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || !plainHost(u.Host) {
		return ""
	}
	if u.Scheme == "https" {
		return "wss://" + u.Host
	}
	return "ws://" + u.Host
}

// plainHost reports whether a text is plainly a host, with or without a port: anything else is not repeated in a header.
func plainHost(host string) bool {
	var name, port string
	var numbered bool
	if strings.HasPrefix(host, "[") { // an IPv6 address
		end := strings.IndexByte(host, ']')
		if end < 2 || !only(host[1:end], "0123456789abcdefABCDEF:") {
			return false
		}
		if port, numbered = strings.CutPrefix(host[end+1:], ":"); !numbered {
			return port == ""
		}
		return plainPort(port)
	}
	if name, port, numbered = strings.Cut(host, ":"); numbered && !plainPort(port) {
		return false
	}
	return only(name, hostLetters)
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

func plainPort(port string) bool { return len(port) <= 5 && only(port, "0123456789") }

// only reports whether a text is of these letters, and not empty.
func only(text, letters string) bool {
	for i := range len(text) {
		if strings.IndexByte(letters, text[i]) < 0 {
			return false
		}
	}
	return text != ""
}

// contentPolicy is the Content-Security-Policy of one response. Older Safari does not take 'self' for WebSockets
// (WebKit bug 201591), so the host is named: that of the public address (Secure), else that of the request.
func contentPolicy(r *http.Request, scripts, styles []string) string {
	connect := "'self'"
	if public, ok := r.Context().Value(socketsKey{}).(string); ok {
		connect += " " + public
	} else if plainHost(r.Host) {
		connect += " wss://" + r.Host + " ws://" + r.Host
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + strings.Join(append([]string{"'self'"}, scripts...), " "),
		"style-src " + strings.Join(append([]string{"'self'"}, styles...), " "),
		"img-src 'self' data: blob:",
		"media-src 'self' blob:",
		"font-src 'self'",
		"connect-src " + connect,
		"manifest-src 'self'",
		"worker-src 'self'",
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}
