package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"khamxa/fhir"
	"khamxa/fhir/population"
	"khamxa/internal/fault"
)

func TestTimings(t *testing.T) {
	var each []time.Duration
	for ms := 1; ms <= 200; ms++ {
		each = append(each, time.Duration(ms)*time.Millisecond)
	}
	took := timings{each: each, wall: 2 * time.Second}
	if p50, p99, rate := took.at(50), took.at(99), took.perSecond(); p50 != 100 || p99 != 198 || rate != 100 {
		t.Errorf("the median is %v, the 99th percentile %v, %v a second", p50, p99, rate)
	}
	if none := (&timings{}).at(99); none != 0 {
		t.Errorf("of nothing it is %v", none)
	}
}

func TestRounded(t *testing.T) {
	for in, want := range map[float64]float64{0: 0, 12345.6: 12346, 1.23456: 1.235, 0.000123456: 0.0001235} {
		if got := rounded(in); got != want {
			t.Errorf("%v is %v, want %v", in, got, want)
		}
	}
}

// TestTogether: every client works until the time is over, what is done at first is not counted, and an error ends all.
func TestTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := together(t.Context(), 4, 10*time.Second, func(int, int) error { time.Sleep(100 * time.Millisecond); return nil })
		if err != nil || got.calls < 396 || got.calls > 404 || len(got.each) > 364 || len(got.each) < 350 || got.at(50) != 100 {
			t.Errorf("%d calls, %d counted, %v ms, %v", got.calls, len(got.each), got.at(50), err)
		}
		broken := fault.New(fault.Internal, "test", "It broke.")
		began := time.Now()
		_, err = together(t.Context(), 2, time.Hour, func(client, n int) error {
			time.Sleep(time.Second)
			if client == 1 && n == 3 {
				return broken
			}
			return nil
		})
		if !fault.Is(err, fault.Internal) || time.Since(began) > 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if _, err = together(stopped, 1, time.Hour, func(int, int) error { return nil }); err == nil {
			t.Error("a bench that was stopped has figures")
		}
	})
}

// TestBenchClient: the load tool reads what net/http sends, with a length and in chunks, and sends what it should.
func TestBenchClient(t *testing.T) {
	long := strings.Repeat("0123456789", 20_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil || r.Header.Get("Authorization") != "Bearer tok" {
			t.Errorf("%v, %q", err, r.Header)
		}
		switch r.URL.Path {
		case "/chunks":
			for range 3 {
				_, _ = w.Write([]byte(long))
				w.(http.Flusher).Flush()
			}
		case "/accepted":
			w.Header().Set("Content-Location", "http://x/status")
			w.WriteHeader(http.StatusAccepted)
		default:
			_, _ = w.Write(append([]byte(r.Method+" "+r.Header.Get("Prefer")+" "), body.Bytes()...))
		}
	}))
	defer server.Close()
	c, err := dialBench(t.Context(), strings.TrimPrefix(server.URL, "http://"), "tok")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.do("GET", "/chunks", nil, 200); err != nil || string(c.body) != long+long+long {
		t.Errorf("%v, %d bytes", err, len(c.body))
	}
	if err := c.do("PUT", "/x", []byte(`{"a":1}`), 200); err != nil || string(c.body) != `PUT  {"a":1}` {
		t.Errorf("%v, %q", err, c.body)
	}
	status, location, err := c.send("GET", "/accepted", nil, "Prefer: respond-async")
	if err != nil || status != 202 || location != "http://x/status" {
		t.Errorf("%d, %q, %v", status, location, err)
	}
	if err := c.do("GET", "/x", nil, 404); !fault.Is(err, fault.Internal) {
		t.Errorf("a wrong status gives %v", err)
	}
	c.discard = true
	if err := c.do("GET", "/x", nil, 200); err != nil || len(c.body) != 0 {
		t.Errorf("%v, %q", err, c.body)
	}
}

// TestPutBodies: what is put is the resource that its address says, and every one is another.
func TestPutBodies(t *testing.T) {
	var b putBody
	seen := map[string]bool{}
	for i := range 100 {
		path, body := b.next(population.Maker{Seed: 1}, 2, 3, i)
		r, err := fhir.Parse(body)
		if err != nil || path != "/fhir/Observation/"+r.ID || r.Type != "Observation" || seen[r.ID] {
			t.Fatalf("%s, %v: %s", path, err, body)
		}
		seen[r.ID] = true
	}
}

// TestBenchFigures: the object has the form of the outside contract.
func TestBenchFigures(t *testing.T) {
	var f benchFigures
	f.set("resources", 1234, "in the store")
	f.set("put_p99_ms_64", 1.23456, "durable PUT")
	var out bytes.Buffer
	if err := f.print(terminal{out: &out}, "fhir", true); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Bench, Machine string
		Metrics        map[string]float64
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Bench != "fhir" || got.Machine == "" ||
		got.Metrics["resources"] != 1234 || got.Metrics["put_p99_ms_64"] != 1.235 {
		t.Errorf("%s, %v", out.Bytes(), err)
	}
	out.Reset()
	if err := f.print(terminal{out: &out}, "fhir", false); err != nil || !strings.Contains(out.String(), "put_p99_ms_64") || !strings.Contains(out.String(), "durable PUT") {
		t.Errorf("%s, %v", out.String(), err)
	}
	if code := run(t.Context(), terminal{out: &out, err: &out}, []string{"bench", "fhir", "--resources", "10"}); code != exitUsage {
		t.Errorf("a bench of ten resources ends with %d: %s", code, out.String())
	}
}
