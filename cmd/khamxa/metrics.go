package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"khamxa/fhir/rest"
	"khamxa/internal/network"
)

// metrics is what /metrics tells: numbers by route and by kind, never by person.
type metrics struct {
	registry *prometheus.Registry
	pages    *prometheus.HistogramVec
	fhir     *prometheus.HistogramVec
	refused  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		pages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "khamxa_http_seconds", Help: "Time to answer a request, by route, method and status.", Buckets: prometheus.DefBuckets,
		}, []string{"route", "method", "status"}),
		fhir: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "khamxa_fhir_seconds", Help: "Time to answer an interaction below /fhir, by interaction and status.", Buckets: prometheus.DefBuckets,
		}, []string{"interaction", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "khamxa_refused_total", Help: "Requests that were refused before anybody was known: a wrong credential, or too many from one address.",
		}, []string{"kind", "reason"}),
	}
	for _, kind := range []network.Kind{network.SignIn, network.Token, network.Invitation} { // there from the start: an alarm can be set
		m.refused.WithLabelValues(string(kind), string(network.Wrong))
		m.refused.WithLabelValues(string(kind), string(network.TooMany))
	}
	m.refused.WithLabelValues(string(network.Signal), string(network.TooMany))
	m.registry.MustRegister(m.pages, m.fhir, m.refused, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler is /metrics.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// interaction takes one finished request below /fhir.
func (m *metrics) interaction(f rest.Finished) {
	m.fhir.WithLabelValues(f.Interaction, strconv.Itoa(f.Status)).Observe(f.Took.Seconds())
}

// refusal takes one request that was refused to a stranger.
func (m *metrics) refusal(kind network.Kind, reason network.Reason) {
	m.refused.WithLabelValues(string(kind), string(reason)).Inc()
}

// observe counts the requests of a router by their route's pattern. What belongs to no route is counted as one: a stranger's paths must
// not become labels.
func (m *metrics) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(seen, r)
		route := chi.RouteContext(r.Context()).RoutePattern()
		if route == "" || route == "/*" {
			route = "none"
		}
		m.pages.WithLabelValues(route, methodLabel(r.Method), strconv.Itoa(seen.Status())).Observe(time.Since(began).Seconds())
	})
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return method
	}
	return "other"
}

// gauge adds a number that is asked for each time.
func (m *metrics) gauge(name, help string, f func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f))
}

// counter is gauge for what only grows.
func (m *metrics) counter(name, help string, f func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, f))
}

// watch adds the numbers of the service's parts.
func (m *metrics) watch(c *core, calls *calls) {
	m.gauge("khamxa_log_head", "Number of the last commit.", func() float64 {
		head, err := c.store.Head(context.Background())
		if err != nil {
			return 0
		}
		return float64(head)
	})
	m.gauge("khamxa_figures_position", "Number of the last commit that is in the figures.", func() float64 {
		at, _ := c.figures.Position()
		return float64(at)
	})
	m.gauge("khamxa_figures_people", "People of whom the figures know anything.", func() float64 { return float64(c.figures.People()) })
	m.gauge("khamxa_signal_connections", "Open signalling connections.", func() float64 { return float64(calls.signalling.Stats().Links) })
	m.gauge("khamxa_rooms", "Live rooms.", func() float64 { return float64(calls.signalling.Stats().Rooms) })
	m.gauge("khamxa_media_up", "1 if the media process gave a sign of life within the last 3 seconds.", func() float64 {
		if c.clock().Sub(calls.lastBeat()) > silence {
			return 0
		}
		return 1
	})
	stat := func(f func(b *beat) float64) func() float64 {
		return func() float64 {
			if b := calls.beat.Load(); b != nil {
				return f(b)
			}
			return 0
		}
	}
	m.gauge("khamxa_media_peers", "Peers with a media connection.", stat(func(b *beat) float64 { return float64(b.stats.Peers) }))
	m.counter("khamxa_media_packets_in_total", "RTP packets from publishers, since the media process began.", stat(func(b *beat) float64 { return float64(b.stats.PacketsIn) }))
	m.counter("khamxa_media_packets_out_total", "RTP packets to subscribers, since the media process began.", stat(func(b *beat) float64 { return float64(b.stats.PacketsOut) }))
	m.counter("khamxa_media_retransmitted_total", "Packets that a subscriber missed and got again.", stat(func(b *beat) float64 { return float64(b.stats.Retransmitted) }))
	m.counter("khamxa_media_unrepaired_total", "Packets that a subscriber missed and did not get again.", stat(func(b *beat) float64 { return float64(b.stats.Unrepaired) }))
	m.counter("khamxa_media_key_frame_requests_total", "Key-frame requests to publishers.", stat(func(b *beat) float64 { return float64(b.stats.KeyFrameRequests) }))
}
