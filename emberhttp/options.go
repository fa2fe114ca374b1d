// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"net/http"
	"time"

	"github.com/embermetrics/ember"
)

// Options changes what Middleware records. The zero value is right for most.
type Options struct {
	// Namespace is put before the name of each metric: "shop" makes
	// shop_http_requests_total.
	Namespace string

	// ConstLabels are on every series. Two servers in one process differ in them.
	ConstLabels ember.Labels

	// Buckets are those of http_request_duration_seconds, in seconds. None:
	// ember.DefBuckets, or no others if Native is set.
	Buckets []float64

	// SizeBuckets are those of http_request_size_bytes and http_response_size_bytes. None:
	// the powers of ten from 100 B to 1 GB, or no others if Native is set.
	SizeBuckets []float64

	// Native makes the three histograms native ones. Nil: they are not.
	Native *ember.NativeOpts

	// Methods are those beyond RFC 9110's and PATCH that have a name of their own in the
	// label "method". All others are "other".
	Methods []string

	// MaxRoutes is how many values the label "path" may have beside "unmatched"; those that come after that
	// are "other". Zero means 1,000, negative no limit. With a ServeMux they are as many
	// as it has patterns; it is there for hooks that return what they should not.
	MaxRoutes int

	// Route returns the template of the route that served a request, such as
	// "/users/{id}", for routers other than http.ServeMux; never the path itself. It is
	// called after the handler, with the request that the handler got. Where it returns
	// "", and where it is nil, the route is what ServeMux or Routes found.
	Route func(*http.Request) string

	// Outcome adds a label "outcome" to http_requests_total, with what it returns, of
	// which there should be a handful: for a service whose failures may be answered with
	// 200. It is called after each request, whether or not the handler returned. See
	// SuccessOrFailure. Nil: there is no such label.
	Outcome func(Result) string
}

// Result is what became of a request, for Options.Outcome.
type Result struct {
	Request  *http.Request // as the handler got it; its body may have been read
	Method   string        // the label's value
	Route    string        // the label's value
	Status   int           // the label's value, as a number
	Header   http.Header   // of the response; not to be changed
	Duration time.Duration // until the handler was done

	RequestSize  int64 // bytes of the request's body
	ResponseSize int64 // bytes of the response's body; of a hijacked connection, those before that

	Hijacked bool // the handler took the connection over
	Panicked bool // the handler did not return

	Outcome string // what the handler said with SetOutcome, or ""
}

// defaultMaxRoutes is far more than programs have, and few enough for Prometheus.
const defaultMaxRoutes = 1000

// defaultSizeBuckets are the powers of ten from 100 B to 1 GB.
var defaultSizeBuckets = []float64{1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// serverMetrics are the instruments of one or more middlewares.
type serverMetrics struct {
	requests     *ember.CounterVec
	duration     *ember.HistogramVec
	requestSize  *ember.HistogramVec
	responseSize *ember.HistogramVec
	inFlight     *ember.Gauge
}

// newServerMetrics registers what o describes in reg. It panics if there is something in
// reg that contradicts it.
func newServerMetrics(reg *ember.Registry, o *Options) *serverMetrics {
	// What is known counts too.
	budgets := map[string]int{"path": defaultMaxRoutes + 1}
	known := map[string][]string{"path": {unmatched}}
	switch {
	case o.MaxRoutes > 0:
		budgets["path"] = o.MaxRoutes + 1
	case o.MaxRoutes < 0:
		budgets, known = nil, nil
	}
	labels := []string{"method", "path", "status"}
	if o.Outcome != nil {
		labels = append(labels, "outcome")
	}
	histogram := func(name, help, unit string, buckets []float64) ember.HistogramOpts {
		return ember.HistogramOpts{
			Namespace: o.Namespace, Name: name, Help: help, Unit: unit, ConstLabels: o.ConstLabels,
			Buckets: buckets, Native: o.Native, LabelBudgets: budgets, KnownValues: known,
		}
	}
	sizes := o.SizeBuckets
	if len(sizes) == 0 && o.Native == nil {
		sizes = defaultSizeBuckets
	}
	return &serverMetrics{
		requests: reg.NewCounterVec(ember.CounterOpts{
			Namespace: o.Namespace, Name: "http_requests_total", Help: "HTTP requests served.", ConstLabels: o.ConstLabels,
			LabelBudgets: budgets, KnownValues: known,
		}, labels...),
		duration:     reg.NewHistogramVec(histogram("http_request_duration_seconds", "Time to serve an HTTP request, until the handler was done.", "seconds", o.Buckets), "method", "path", "status"),
		requestSize:  reg.NewHistogramVec(histogram("http_request_size_bytes", "Size of the body of an HTTP request.", "bytes", sizes), "method", "path"),
		responseSize: reg.NewHistogramVec(histogram("http_response_size_bytes", "Size of the body of an HTTP response.", "bytes", sizes), "method", "path"),
		inFlight: reg.NewGauge(ember.GaugeOpts{
			Namespace: o.Namespace, Name: "http_requests_in_flight", Help: "HTTP requests being served.", ConstLabels: o.ConstLabels,
		}),
	}
}
