// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
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
// The first request that is answered with a status of 2xx, and for which no route is known,
// is logged with slog: see Routes.
//
// Around the handler there should be one Middleware: a request counts once in each, and only
// the innermost knows what Routes, SetRoute and SetOutcome say.
func Middleware(reg *ember.Registry, opts Options) func(http.Handler) http.Handler {
	if reg == nil {
		reg = ember.Default()
	}
	opts.Methods = slices.Clone(opts.Methods)
	defer advise(func(other *ember.Registry) { newServerMetrics(other, &opts) })
	metrics := newServerMetrics(reg, &opts)
	return func(next http.Handler) http.Handler {
		return &middleware{serverMetrics: metrics, opts: opts, next: next}
	}
}

// advise makes a panic say what to do about it, if the same is all right in another
// registry, and so what is registered in this one is in the way.
func advise(same func(*ember.Registry)) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && isFine(func() { same(ember.NewRegistry()) }) {
		panic(fmt.Errorf("%w; these names are those of emberhttp: give it a Namespace in its options, or the others another name", err))
	}
	panic(cause)
}

func isFine(f func()) (fine bool) {
	defer func() { fine = recover() == nil }()
	f()
	return
}

type middleware struct {
	*serverMetrics
	opts   Options
	next   http.Handler
	warned atomic.Bool // of what may be a missing Routes
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

// record updates the metrics, once a request. If a hook panics, that goes on, and is
// recorded as a panic of the handler.
func (m *middleware) record(r *recorder, status int, took time.Duration) {
	said := r.notes.kept.Load()
	if said == nil {
		said = &nothingSaid
	}
	method := methodLabel(r.outer.Method, m.opts.Methods)
	route, outcome, asked := said.route, "", false
	defer func() {
		if !asked {
			status = http.StatusInternalServerError
		}
		m.update(r, method, route, status, outcome, said, took)
	}()
	if route == "" {
		route = cmp.Or(said.pattern, routeOf(&r.inner, r.inner.Pattern), unmatched)
		if m.opts.Route != nil {
			route = cmp.Or(m.opts.Route(&r.inner), route)
		}
	}
	if m.opts.Outcome != nil {
		outcome = m.opts.Outcome(Result{
			Request: &r.inner, Method: method, Route: route, Status: status, Header: r.w.Header(), Duration: took,
			RequestSize: r.requestSize(), ResponseSize: r.responseSize(),
			Hijacked: r.hijacked, Panicked: !r.returned, Outcome: said.outcome,
		})
	}
	asked = true
	if route == unmatched && status/100 == 2 && r.returned && !r.hijacked && method != http.MethodOptions {
		m.warn(r)
	}
}

// warn says once that routes may be lost on their way here.
func (m *middleware) warn(r *recorder) {
	if r.outer.URL != nil && !m.warned.Swap(true) {
		slog.Warn("emberhttp: a request was answered, and no route is known for it; if a ServeMux has matched it, put emberhttp.Routes around that mux",
			"method", r.outer.Method, "path", r.outer.URL.Path)
	}
}

// update does it once the labels are known.
func (m *middleware) update(r *recorder, method, route string, status int, outcome string, said *said, took time.Duration) {
	ctx := said.ctx
	if ctx == nil {
		ctx = r.outer.Context()
	}
	label := statusLabel(status)
	if m.opts.Outcome == nil {
		m.requests.With(method, route, label).IncContext(ctx)
	} else {
		m.requests.With(method, route, label, outcome).IncContext(ctx)
	}
	m.duration.With(method, route, label).ObserveContext(ctx, took.Seconds())
	m.requestSize.With(method, route).ObserveContext(ctx, float64(r.requestSize()))
	if !r.hijacked {
		m.responseSize.With(method, route).ObserveContext(ctx, float64(r.responseSize()))
	}
}
