package subscription

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"khamxa/internal/fault"
)

// refusedError is an answer of the receiver that is not 2xx.
type refusedError struct {
	status int
	after  time.Duration // Retry-After
}

func (e refusedError) Error() string { return "answered with the status " + strconv.Itoa(e.status) }

// post sends a rest-hook's notification: a POST to the endpoint, or, when the resource goes with it, a PUT of it below the
// endpoint as if that were a FHIR server (R4, valueset-subscription-channel-type.html, rest-hook).
func (w *worker) post(ctx context.Context, ch *change) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTime)
	defer cancel()
	method, address, body := http.MethodPost, w.def.endpoint, []byte(nil)
	if w.def.payload {
		base, query, asks := strings.Cut(address, "?")
		method, address, body = http.MethodPut, strings.TrimRight(base, "/")+"/"+ch.Type+"/"+ch.ID, ch.Body
		if asks {
			address += "?" + query
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "subscription.post", "The address cannot be used.")
	}
	req.Header = w.def.header.Clone()
	req.Header.Set("Idempotency-Key", w.id+"-"+strconv.FormatInt(int64(ch.seq), 10)+"-"+strconv.Itoa(ch.index))
	if w.def.payload {
		req.Header.Set("Content-Type", "application/fhir+json; charset=utf-8")
	}
	resp, err := w.HTTP.Do(req)
	if err != nil {
		// The cause holds the address, which may hold a secret: it is kept out of the log.
		return fault.New(fault.Unavailable, "subscription.post", "The receiver could not be reached.")
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.CopyN(io.Discard, resp.Body, answerBytes) // so that the connection can be used again
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusGone:
		return errOver{off, "The receiver answered 410 Gone."}
	}
	return &fault.Error{
		Code: fault.Unavailable, Op: "subscription.post", Message: "The receiver answered " + strconv.Itoa(resp.StatusCode) + ".",
		Err: refusedError{resp.StatusCode, afterOf(resp.Header, w.Clock())},
	}
}

// afterOf reads Retry-After, at most the longest pause.
func afterOf(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	d := time.Duration(0)
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		d = time.Duration(min(n, int(longestPause/time.Second))) * time.Second
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), longestPause)
}

// retryAfter is how long the receiver asked to be left alone.
func retryAfter(err error) time.Duration {
	var refused refusedError
	if errors.As(err, &refused) {
		return refused.after
	}
	return 0
}
