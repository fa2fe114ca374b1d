// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"net/http"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// service takes payments. What it measures itself is here; the rest is the middleware's.
type service struct {
	backend  *backend
	requests *ember.CounterVec // by status
	duration *ember.Histogram
}

// newService returns the service's handler, with its metrics in reg.
func newService(reg *ember.Registry, b *backend) http.Handler {
	s := &service{
		backend: b,
		requests: reg.NewCounterVec(ember.CounterOpts{
			Name: "api_requests_total",
			Help: "API requests, by what became of them.",
		}, "status"),
		duration: reg.NewHistogram(ember.HistogramOpts{
			Name:   "api_request_duration_seconds",
			Help:   "Time to serve an API request.",
			Native: &ember.NativeOpts{},
		}),
	}
	// Both series are there from the start, at zero. The rate of one that came with the
	// first failure would lack that failure, and a ratio without a numerator is none.
	s.requests.With("success")
	s.requests.With("failure")

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/payments", s.pay)
	mux.HandleFunc("PUT /failures", b.setFailures)
	mux.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	return emberhttp.Middleware(reg, emberhttp.Options{
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5},
	})(mux)
}

// pay counts as a failure whatever leaves the customer without what they came for: an
// error, a panic, and a declined card, which HTTP knows as 200.
func (s *service) pay(w http.ResponseWriter, _ *http.Request) {
	defer s.duration.Start().Stop()
	status := "failure"
	defer func() { s.requests.With(status).Inc() }()

	switch err := s.backend.charge(); {
	case err == nil:
		status = "success"
		io.WriteString(w, "{\"paid\": true}\n")
	case errors.Is(err, errDeclined):
		io.WriteString(w, "{\"paid\": false}\n")
	default:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}
