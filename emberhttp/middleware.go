// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"net/http"
	"slices"
	"time"

	"github.com/embermetrics/ember"
)

// Middleware returns a function that puts what records requests in reg around a handler:
//
//	http_requests_total{method,path,status}            counter
//	http_request_duration_seconds{method,path,status}  histogram
//	http_request_size_bytes{method,path}               histogram, of bodies
//	http_response_size_bytes{method,path}              histogram, of bodies
//	http_requests_in_flight                            gauge
//
// They are registered at once. A nil registry is ember.Default(). The same options again, in
// the same registry, share them; options that contradict what is registered make Middleware
// panic. The package's documentation says what each label has in which case.
//
// Around the handler there should be one Middleware: a request counts once in each.
func Middleware(reg *ember.Registry, opts Options) func(http.Handler) http.Handler {
	if reg == nil {
		reg = ember.Default()
	}
	opts.Methods = slices.Clone(opts.Methods)
	metrics := newServerMetrics(reg, &opts)
	return func(next http.Handler) http.Handler {
		return &middleware{metrics, opts, next}
	}
}

type middleware struct {
	*serverMetrics
	opts Options
	next http.Handler
}

// ServeHTTP implements http.Handler.
func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	face, rec := newFace(faceOf(w))
	rec.open(m, w, r)
	m.inFlight.Inc()
	defer rec.close()
	m.next.ServeHTTP(face, &rec.inner)
	rec.returned = true
}

var nothingSaid said

// record updates the metrics, once a request.
func (m *middleware) record(r *recorder, status int, took time.Duration) {
	method := methodLabel(r.outer.Method, m.opts.Methods)
	ctx := r.outer.Context()
	said := r.notes.kept.Load()
	if said == nil {
		said = &nothingSaid
	}
	route := said.route
	if route == "" && m.opts.Route != nil {
		route = m.opts.Route(&r.inner)
	}
	if route == "" {
		route = said.pattern
	}
	if route == "" {
		route = routeOf(&r.inner, r.inner.Pattern)
	}
	if said.ctx != nil {
		ctx = said.ctx
	}
	if route == "" {
		route = unmatched
	}
	label := statusLabel(status)
	if m.opts.Outcome == nil {
		m.requests.With(method, route, label).IncContext(ctx)
	} else {
		m.requests.With(method, route, label, m.opts.Outcome(Result{
			Request: &r.inner, Method: method, Route: route, Status: status, Header: r.w.Header(), Duration: took,
			RequestSize: r.requestSize(), ResponseSize: r.responseSize(),
			Hijacked: r.hijacked, Panicked: !r.returned, Outcome: said.outcome,
		})).IncContext(ctx)
	}
	m.duration.With(method, route, label).ObserveContext(ctx, took.Seconds())
	m.requestSize.With(method, route).ObserveContext(ctx, float64(r.requestSize()))
	if !r.hijacked {
		m.responseSize.With(method, route).ObserveContext(ctx, float64(r.responseSize()))
	}
}
