package web

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"khamxa/internal/audit"
	"khamxa/internal/fault"
	"khamxa/internal/network"
)

// tokenAnswer is the success answer of the token endpoint (RFC 6749 section 5.1).
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
}

// tokenError is the error answer of the token endpoint (RFC 6749 section 5.2).
type tokenError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// token serves POST /oauth/token: client credentials with HTTP basic, and nothing else. Secrets in the body are refused, as
// RFC 6749 section 2.3.1 advises: bodies end up in more logs than headers.
func (web *Web) token(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		refuseToken(w, http.StatusBadRequest, "invalid_request", "Send application/x-www-form-urlencoded.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuseToken(w, http.StatusBadRequest, "invalid_request", "The body is not a form.")
		return
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			refuseToken(w, http.StatusBadRequest, "invalid_request", "A parameter is there twice: "+printable(name)+".")
			return
		}
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		refuseToken(w, http.StatusBadRequest, "unsupported_grant_type", "The only grant_type is client_credentials.")
		return
	}
	id, secret, ok := basicCredentials(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="khamxa"`)
		refuseToken(w, http.StatusUnauthorized, "invalid_client", "Send the client id and secret with HTTP basic authentication.")
		return
	}
	token, err := web.service.Token(r.Context(), id, secret, r.PostForm.Get("scope"), network.Address(r))
	if err != nil {
		web.refuseClient(w, r, id, err)
		return
	}
	if err := web.tell(r, audit.Event{Kind: "token", Action: audit.Execute, Outcome: audit.Success, Who: "Device/" + id}); err != nil {
		web.refuseClient(w, r, id, err)
		return
	}
	writeJSON(w, http.StatusOK, tokenAnswer{
		AccessToken: token.AccessToken, TokenType: "bearer", ExpiresIn: int(token.ExpiresIn.Seconds()), Scope: token.Scope,
	})
}

// refuseClient turns a fault into an OAuth error.
func (web *Web) refuseClient(w http.ResponseWriter, r *http.Request, id string, err error) {
	switch codeOf(err) {
	case fault.Unauthenticated:
		web.refused(r, network.Token, id, err)
		w.Header().Set("WWW-Authenticate", `Basic realm="khamxa"`)
		refuseToken(w, http.StatusUnauthorized, "invalid_client", fault.MessageOf(err))
	case fault.Forbidden:
		refuseToken(w, http.StatusBadRequest, "invalid_scope", fault.MessageOf(err))
	case fault.TooMany:
		web.refused(r, network.Token, id, err)
		w.Header().Set("Retry-After", "60")
		refuseToken(w, http.StatusTooManyRequests, "temporarily_unavailable", fault.MessageOf(err))
	default:
		web.options.Log.ErrorContext(r.Context(), "identity: no token could be given", "err", err)
		refuseToken(w, http.StatusServiceUnavailable, "temporarily_unavailable", "No token can be given at this moment. Try again.")
	}
}

// basicCredentials reads HTTP basic; OAuth form-encodes id and secret before joining them (RFC 6749 section 2.3.1).
func basicCredentials(r *http.Request) (id, secret string, ok bool) {
	id, secret, ok = r.BasicAuth()
	if !ok {
		return "", "", false
	}
	id, err1 := url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	return id, secret, err1 == nil && err2 == nil && id != ""
}

// printable keeps a parameter's name to the characters that RFC 6749 allows in error_description.
func printable(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && i < 40; i++ {
		if c := s[i]; c >= ' ' && c < 0x7f && c != '"' && c != '\\' {
			out = append(out, c)
		}
	}
	return string(out)
}

func refuseToken(w http.ResponseWriter, status int, code, description string) {
	writeJSON(w, status, tokenError{Error: code, Description: description})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone if this fails
}

// smartConfiguration serves the discovery document of SMART App Launch 2.2.0 (section "Metadata"), for backend services
// only: there is no authorization endpoint. The specification demands S256 in code_challenge_methods_supported of every server.
func (web *Web) smartConfiguration(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"token_endpoint":                        web.baseURL(r) + "/oauth/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"},
		"grant_types_supported":                 []string{"client_credentials"},
		"scopes_supported":                      []string{"system/*.cruds", "system/*.rs", "system/*.read", "system/*.write", "system/*.*"},
		"response_types_supported":              []string{},
		"code_challenge_methods_supported":      []string{"S256"},
		"capabilities":                          []string{"client-confidential-symmetric", "permission-v1", "permission-v2"},
	})
}
