// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"net/http"
	"time"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/embermetrics/ember"
)

// service is a program with metrics, all of which have values, and a way to scrape
// them. The same calls make the same metrics with each library.
type service interface {
	counters(name string, series int)   // with three labels
	gauges(name string, series int)     // with two
	histograms(name string, series int) // with two, and the default buckets
	// natives are histograms with two labels and native buckets alone, each of so many
	// observations.
	natives(name string, series, observations int)
	// summaries have two labels and three quantiles, each of so many observations.
	summaries(name string, series, observations int)
	// handler answers in all formats, and compresses if the client accepts it.
	handler(gzip bool) http.Handler
}

// library makes services. Its name is that of the column in comparisons.
type library string

const (
	emberLib    library = "ember"
	clientLib   library = "client_golang"
	victoriaLib library = "victoriametrics"
	otelLib     library = "otel"
)

func (l library) service() service {
	switch l {
	case emberLib:
		return newEmber()
	case clientLib:
		return newClient()
	case otelLib:
		return newOtel()
	default:
		return newVictoria()
	}
}

// help is the same everywhere.
const help = "What this counts, in one sentence of usual length."

// counterValue, gaugeValue and histogramValues are what the i-th series has.
func counterValue(i int) float64 { return float64(i * 37 % 1_000_003) }
func gaugeValue(i int) float64   { return float64(i)*0.75 - 100 }

func histogramValues(i int) []float64 { return latencies[i%1000 : i%1000+5] }

// Native histograms are such as Prometheus' documentation suggests.
const (
	nativeFactor     = 1.1
	nativeMaxBuckets = 160
)

var emberNative = &ember.NativeOpts{Factor: nativeFactor, MaxBuckets: nativeMaxBuckets}

// clientNative makes histograms native, which have classic buckets besides only if
// they name them.
func clientNative(o prometheus.HistogramOpts) prometheus.HistogramOpts {
	o.NativeHistogramBucketFactor = nativeFactor
	o.NativeHistogramMaxBucketNumber = nativeMaxBuckets
	return o
}

type emberService struct {
	reg     *ember.Registry
	counter *ember.CounterVec // the last that was made
}

func newEmber() *emberService { return &emberService{reg: ember.NewRegistry()} }

func (s *emberService) counters(name string, series int) {
	s.counter = s.reg.NewCounterVec(ember.CounterOpts{Name: name, Help: help, MaxSeries: -1}, labelNames...)
	l := newLabels()
	for i := range series {
		l.series(i)
		s.counter.With(string(l.method), string(l.path), string(l.status)).Add(counterValue(i))
	}
}

func (s *emberService) gauges(name string, series int) {
	v := s.reg.NewGaugeVec(ember.GaugeOpts{Name: name, Help: help}, "path", "status")
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		v.With(string(l.path), string(l.status)).Set(gaugeValue(i))
	}
}

func (s *emberService) histograms(name string, series int) {
	v := s.reg.NewHistogramVec(ember.HistogramOpts{Name: name, Help: help}, "path", "status")
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		h := v.With(string(l.path), string(l.status))
		for _, value := range histogramValues(i) {
			h.Observe(value)
		}
	}
}

func (s *emberService) natives(name string, series, observations int) {
	v := s.reg.NewHistogramVec(ember.HistogramOpts{Name: name, Help: help, Native: emberNative}, "path", "status")
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		h := v.With(string(l.path), string(l.status))
		for j := range observations {
			h.Observe(latencies[(i+j)%len(latencies)])
		}
	}
}

func (s *emberService) summaries(name string, series, observations int) {
	v := s.reg.NewSummaryVec(ember.SummaryOpts{Name: name, Help: help, Quantiles: quantiles}, "path", "status")
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		m := v.With(string(l.path), string(l.status))
		for j := range observations {
			m.Observe(latencies[j%len(latencies)])
		}
	}
}

func (s *emberService) handler(gzip bool) http.Handler {
	return ember.HandlerFor(s.reg, ember.HandlerOpts{DisableCompression: !gzip})
}

type clientService struct {
	reg     *prometheus.Registry
	counter *prometheus.CounterVec // the last that was made
}

func newClient() *clientService { return &clientService{reg: prometheus.NewRegistry()} }

func (s *clientService) counters(name string, series int) {
	s.counter = prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labelNames)
	s.reg.MustRegister(s.counter)
	l := newLabels()
	for i := range series {
		l.series(i)
		s.counter.WithLabelValues(string(l.method), string(l.path), string(l.status)).Add(counterValue(i))
	}
}

func (s *clientService) gauges(name string, series int) {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"path", "status"})
	s.reg.MustRegister(v)
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		v.WithLabelValues(string(l.path), string(l.status)).Set(gaugeValue(i))
	}
}

func (s *clientService) histograms(name string, series int) {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help}, []string{"path", "status"})
	s.reg.MustRegister(v)
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		h := v.WithLabelValues(string(l.path), string(l.status))
		for _, value := range histogramValues(i) {
			h.Observe(value)
		}
	}
}

func (s *clientService) natives(name string, series, observations int) {
	v := prometheus.NewHistogramVec(clientNative(prometheus.HistogramOpts{Name: name, Help: help}), []string{"path", "status"})
	s.reg.MustRegister(v)
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		h := v.WithLabelValues(string(l.path), string(l.status))
		for j := range observations {
			h.Observe(latencies[(i+j)%len(latencies)])
		}
	}
}

func (s *clientService) summaries(name string, series, observations int) {
	v := prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: name, Help: help, Objectives: objectives}, []string{"path", "status"})
	s.reg.MustRegister(v)
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		m := v.WithLabelValues(string(l.path), string(l.status))
		for j := range observations {
			m.Observe(latencies[j%len(latencies)])
		}
	}
}

func (s *clientService) handler(gzip bool) http.Handler {
	return promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{DisableCompression: !gzip, EnableOpenMetrics: true})
}

// victoriaService has counters and summaries only: VictoriaMetrics/metrics has no
// histogram with buckets of one's choice, and leaves HTTP to its users.
type victoriaService struct {
	service // nil: panics for all that is not here
	set     *victoria.Set
}

func newVictoria() *victoriaService { return &victoriaService{set: victoria.NewSet()} }

func (s *victoriaService) counters(name string, series int) {
	l := newLabels()
	for i := range series {
		l.series(i)
		s.set.GetOrCreateCounter(l.victoria(name)).Set(uint64(counterValue(i)))
	}
}

func (s *victoriaService) summaries(name string, series, observations int) {
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		m := s.set.GetOrCreateSummaryExt(name+`{path="`+string(l.path)+`",status="`+string(l.status)+`"}`, 10*time.Minute, quantiles)
		for j := range observations {
			m.Update(latencies[j%len(latencies)])
		}
	}
}

func (s *victoriaService) handler(bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.set.WritePrometheus(w) })
}

// The services that are scraped.

func counterSet(series int) func(service) {
	return func(s service) { s.counters("requests_total", series) }
}

func mixedSet(s service) {
	s.counters("requests_total", 2_000)
	s.gauges("queue_length", 1_000)
	s.histograms("request_seconds", 500) // of 14 series each
}

func nativeSet(s service) {
	s.counters("requests_total", 6_500)
	s.gauges("queue_length", 3_000)
	s.natives("request_seconds", 500, 1_000) // a series each
}
