// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"time"

	"github.com/embermetrics/ember"
)

// metrics is everything that the service measures.
type metrics struct {
	requests *ember.CounterVec   // by status
	duration *ember.HistogramVec // by route
	inFlight *ember.Gauge
}

func newMetrics(queued func() float64) *metrics {
	reg := ember.Default()
	m := &metrics{
		requests: reg.NewCounterVec(ember.CounterOpts{
			Name: "api_requests_total",
			Help: "API requests served, by how they ended.",
		}, "status"),
		duration: reg.NewHistogramVec(ember.HistogramOpts{
			Name: "api_request_duration_seconds",
			Help: "Time to serve a request, by the route that it matched.",
		}, "route"),
		inFlight: reg.NewGauge(ember.GaugeOpts{
			Name: "api_requests_in_flight",
			Help: "API requests being served.",
		}),
	}
	reg.NewGaugeFunc(ember.GaugeOpts{
		Name: "jobs_queued",
		Help: "Jobs waiting to be done.",
	}, queued)

	// A series is exposed from its first With on. These two are there from the
	// start, so that a rate over the first failure is not missing its zero.
	m.requests.With("success")
	m.requests.With("failure")
	return m
}

func (m *metrics) handler() http.Handler { return ember.Handler() }

// count serves what handle does and counts how it ended: an error, which becomes
// the response, and a panic are failures.
func (m *metrics) count(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer m.inFlight.Track()()
		status := "failure"
		defer func() { m.requests.With(status).Inc() }()
		if err := handle(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		status = "success"
	})
}

// measure times every request that mux serves, however it ends, under the pattern
// of its route. Paths are the client's to choose, and each would be a series of
// its own.
func (m *metrics) measure(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() {
			route := r.Pattern // set by mux
			if route == "" {
				route = "unmatched"
			}
			m.duration.With(route).ObserveDuration(time.Since(start))
		}()
		mux.ServeHTTP(w, r)
	})
}
