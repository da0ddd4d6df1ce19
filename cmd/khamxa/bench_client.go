package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"time"

	"khamxa/internal/fault"
)

// benchClient is one connection of a load tool: HTTP/1.1, kept open, one request after the other, nothing that the measurement does not
// need. The service shares the processors with it, so a client that takes half of them would measure itself.
type benchClient struct {
	conn  net.Conn
	in    *bufio.Reader
	out   []byte
	body  []byte // of the last answer, until the next request
	token string
	host  string

	discard bool // answers with a length are read and thrown away
}

func dialBench(ctx context.Context, host, token string) (*benchClient, error) {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The service that is measured cannot be reached.")
	}
	return &benchClient{conn: conn, in: bufio.NewReaderSize(conn, 64<<10), token: token, host: host}, nil
}

func (c *benchClient) close() { _ = c.conn.Close() } // nothing is on its way

// do sends one request and demands the status. The answer's body is in c.body.
func (c *benchClient) do(method, path string, body []byte, status int) error {
	got, _, err := c.send(method, path, body)
	if err == nil && got != status {
		err = fault.Newf(fault.Internal, "khamxa.bench", "%s %s was answered with %d, not %d: %s", method, path, got, status, firstBytes(c.body))
	}
	return err
}

func firstBytes(b []byte) []byte { return b[:min(len(b), 400)] }

// send sends one request and reads the answer: its status and, if it has one, its Content-Location.
func (c *benchClient) send(method, path string, body []byte, headers ...string) (status int, location string, err error) {
	b := c.out[:0]
	b = append(append(append(append(b, method...), ' '), path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(append(append(b, c.host...), "\r\nAuthorization: Bearer "...), c.token...), "\r\n"...)
	for _, h := range headers {
		b = append(append(b, h...), "\r\n"...)
	}
	if body != nil {
		b = append(b, "Content-Type: application/fhir+json\r\nContent-Length: "...)
		b = append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n"...)
	}
	b = append(append(b, "\r\n"...), body...)
	c.out = b
	if _, err = c.conn.Write(b); err == nil {
		status, location, err = c.answer()
	}
	if err != nil {
		err = fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The connection to the service that is measured broke.")
	}
	return status, location, err
}

// answer reads one answer.
func (c *benchClient) answer() (status int, location string, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, "", err
	}
	if len(line) < 12 {
		return 0, "", errors.New("no HTTP answer")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, "", err
	}
	length, chunked := 0, false
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, "", err
		}
		name, value, more := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(": "))
		if !more {
			break
		}
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, "", err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("Content-Location")):
			location = string(value)
		}
	}
	if chunked {
		return status, location, c.chunks()
	}
	if c.discard {
		c.body = c.body[:0]
		_, err = io.CopyN(io.Discard, c.in, int64(length))
		return status, location, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, location, err
}

func (c *benchClient) chunks() (err error) {
	if c.body, err = io.ReadAll(httputil.NewChunkedReader(c.in)); err == nil {
		_, err = c.in.ReadSlice('\n') // the empty line after the last chunk
	}
	return err
}

// newBenchClients opens connections; the second result closes them.
func newBenchClients(ctx context.Context, n int, host, token string) ([]*benchClient, func(), error) {
	var list []*benchClient
	end := func() {
		for _, c := range list {
			c.close()
		}
	}
	for range n {
		c, err := dialBench(ctx, host, token)
		if err != nil {
			end()
			return nil, nil, err
		}
		list = append(list, c)
	}
	return list, end, nil
}

// benchToken asks for a token as a program does.
func benchToken(ctx context.Context, base, id, secret string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/oauth/token", strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, "khamxa.bench", "The token could not be asked for.")
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, secret)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "khamxa.bench", "The token could not be asked for.")
	}
	defer func() { _ = a.Body.Close() }() // it has been read
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(a.Body, 1<<20)).Decode(&token); err != nil || token.AccessToken == "" {
		return "", fault.Wrap(fmt.Errorf("status %d: %w", a.StatusCode, errors.Join(err, errors.New("no access_token"))), fault.Internal, "khamxa.bench", "The service gave no token.")
	}
	return token.AccessToken, nil
}
