package server

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"postern/internal/connector"
)

// metrics counts what the server does, in a registry of its own.
type metrics struct {
	handler  http.Handler
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	imports  *prometheus.CounterVec

	collections *prometheus.CounterVec
	collected   *prometheus.CounterVec
	wentBack    prometheus.Counter
}

// newMetrics makes the metrics; collected is what a collection takes away, hashing says
// how many passwords wait to be hashed and how many were refused, and streamed counts
// records of the audit that connectors take.
func newMetrics(collected []string, hashing func() (waiting int, refused uint64), streamed *connector.Streamed) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_http_requests_total", Help: "Requests answered, by route, method and status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "postern_http_request_duration_seconds", Help: "Time to answer a request, by route and method.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "postern_http_requests_in_flight", Help: "Requests that are being answered now.",
		}),
		imports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_imports_total", Help: "Imports, by outcome: done, refused (invalid or not allowed), conflict, failed.",
		}, []string{"outcome"}),
		collections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_collections_total", Help: "Passes of this server over what nothing needs, by outcome: done, failed.",
		}, []string{"outcome"}),
		collected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_collected_total", Help: "What these passes took away, by what it was: " + strings.Join(collected, ", ") + ".",
		}, []string{"what"}),
		wentBack: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_went_back_total", Help: "Revisions that this server took back because nobody confirmed them in time.",
		}),
	}
	for _, outcome := range []string{"done", "failed"} {
		m.collections.WithLabelValues(outcome)
	}
	for _, what := range collected {
		m.collected.WithLabelValues(what)
	}
	for _, outcome := range []string{"done", "refused", "conflict", "failed"} {
		m.imports.WithLabelValues(outcome)
	}
	registry := prometheus.NewRegistry()
	for _, c := range append(streaming(streamed),
		m.requests, m.duration, m.inFlight, m.imports, m.collections, m.collected, m.wentBack,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "postern_password_queue", Help: "Passwords that wait to be hashed now.",
		}, func() float64 { waiting, _ := hashing(); return float64(waiting) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "postern_password_queue_refused_total", Help: "Passwords that were refused because too many waited to be hashed.",
		}, func() float64 { _, refused := hashing(); return float64(refused) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector(),
	) {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry})
	return m, nil
}

// streaming are the metrics of records of the audit that connectors take.
func streaming(of *connector.Streamed) []prometheus.Collector {
	counter := func(name, help string, n *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(n.Load()) })
	}
	gauge := func(name, help string, n *atomic.Int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(n.Load()) })
	}
	return []prometheus.Collector{
		counter("postern_audit_stream_delivered_total", "Audit records that connectors took from this server.", &of.Delivered),
		counter("postern_audit_stream_dropped_total", "Audit records that were given up because a connector did not take them for 72 hours.", &of.Dropped),
		counter("postern_audit_stream_forgotten_total", "Acts of people that this server forgot before all connectors took them: a project had more of them than may be.", &of.Forgotten),
		counter("postern_audit_stream_posts_total", "Posts of audit records to connectors by this server.", &of.Posts),
		counter("postern_audit_stream_failed_posts_total", "Posts of audit records that did not work, and are tried again.", &of.FailedPosts),
		gauge("postern_audit_stream_waiting", "Audit records that wait for connectors, in the whole database, counted every 15 seconds.", &of.Waiting),
		gauge("postern_audit_stream_failing", "Connectors that do not take audit records now, in the whole database, counted every 15 seconds.", &of.FailingStreams),
	}
}

// begin counts a request in; done counts it out.
func (m *metrics) begin() (done func(route, method string, status int, took time.Duration)) {
	m.inFlight.Inc()
	return func(route, method string, status int, took time.Duration) {
		m.inFlight.Dec()
		method = methodOf(method)
		m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
		m.duration.WithLabelValues(route, method).Observe(took.Seconds())
		if method == http.MethodPost && strings.HasPrefix(route, "/v1/mgmt/project/") && strings.HasSuffix(route, "/import") {
			m.imports.WithLabelValues(importOutcome(status)).Inc()
		}
	}
}

func importOutcome(status int) string {
	switch {
	case status < 300:
		return "done"
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return "conflict"
	case status < 500:
		return "refused"
	default:
		return "failed"
	}
}
