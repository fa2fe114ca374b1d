// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// BenchmarkMiddleware serves a request, with the requests, their durations, both sizes and
// those in flight recorded, by method, route and status: emberhttp's one middleware, and the
// five of promhttp that it takes for the same. Each gets the route where it can, and wraps a
// writer with the methods of that of HTTP/1.1. The handler writes 16 bytes. routing=mux is by a
// ServeMux of 32 routes, and a new request each time; with routing=none a handler says what
// its route is, so that there is little but the middleware. impl=none is without any.
func BenchmarkMiddleware(b *testing.B) {
	for _, routing := range []string{"none", "mux"} {
		for _, goroutines := range []int{1, 2} {
			for _, c := range []struct {
				impl string
				wrap func(http.Handler) http.Handler
			}{
				{"ember", emberMiddleware},
				{"client_golang", clientMiddleware},
				{"none", func(h http.Handler) http.Handler { return h }},
			} {
				b.Run(fmt.Sprintf("routing=%s/goroutines=%d/impl=%s", routing, goroutines, c.impl), func(b *testing.B) {
					h := c.wrap(routedService(routing))
					fresh := routing == "mux"
					servingRequests(h, fresh)()
					b.ReportAllocs()
					b.ResetTimer()
					if goroutines == 1 {
						serve := servingRequests(h, fresh)
						for range b.N {
							serve()
						}
						return
					}
					b.RunParallel(func(pb *testing.PB) {
						serve := servingRequests(h, fresh)
						for pb.Next() {
							serve()
						}
					})
				})
			}
		}
	}
}

var middlewareRoutes = func() (routes []string) {
	for _, thing := range []string{"users", "orders", "items", "invoices", "carts", "reviews", "sessions", "teams"} {
		routes = append(routes, "GET /api/v1/"+thing+"/{id}", "POST /api/v1/"+thing+"/{id}", "GET /api/v1/"+thing+"/{id}/history", "GET /api/v1/"+thing+"/{$}")
	}
	return routes
}()

// routedService writes 16 bytes.
func routedService(routing string) http.Handler {
	body := []byte("sixteen bytes...")
	if routing == "none" {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Pattern = "GET /api/v1/orders/{id}"
			w.Write(body)
		})
	}
	mux := http.NewServeMux()
	for _, route := range middlewareRoutes {
		mux.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	}
	return mux
}

// servingRequests returns a function that serves the same request again and again, or a
// fresh copy of it.
func servingRequests(h http.Handler, fresh bool) func() {
	var w http.ResponseWriter = &bareWriter{header: make(http.Header)}
	r := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/api/v1/orders/4711"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"User-Agent": {"benchmark"}, "Accept": {"*/*"}}, Host: "localhost", Body: http.NoBody,
	}
	if !fresh {
		return func() { h.ServeHTTP(w, r) }
	}
	return func() {
		request := *r
		h.ServeHTTP(w, &request)
	}
}

func emberMiddleware(h http.Handler) http.Handler {
	return emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(h)
}

func clientMiddleware(h http.Handler) http.Handler {
	reg := prometheus.NewRegistry()
	labels := []string{"method", "path", "code"}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: help}, labels)
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: help}, labels)
	sizes := prometheus.ExponentialBuckets(100, 10, 8)
	requestSize := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_size_bytes", Help: help, Buckets: sizes}, labels[:2])
	responseSize := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_response_size_bytes", Help: help, Buckets: sizes}, labels[:2])
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: help})
	reg.MustRegister(requests, duration, requestSize, responseSize, inFlight)
	path := promhttp.WithLabelFromRequest("path", func(r *http.Request) string { return r.Pattern })
	return promhttp.InstrumentHandlerInFlight(inFlight,
		promhttp.InstrumentHandlerDuration(duration,
			promhttp.InstrumentHandlerCounter(requests,
				promhttp.InstrumentHandlerRequestSize(requestSize,
					promhttp.InstrumentHandlerResponseSize(responseSize, h, path),
					path), path), path))
}

// bareWriter drops a response. It has the methods of HTTP/1.1's, which middlewares look for.
type bareWriter struct {
	header http.Header
	status int
}

func (w *bareWriter) Header() http.Header                 { return w.header }
func (w *bareWriter) WriteHeader(status int)              { w.status = status }
func (w *bareWriter) Write(p []byte) (int, error)         { return len(p), nil }
func (w *bareWriter) WriteString(s string) (int, error)   { return len(s), nil }
func (w *bareWriter) Flush()                              {}
func (w *bareWriter) FlushError() error                   { return nil }
func (w *bareWriter) CloseNotify() <-chan bool            { return nil }
func (w *bareWriter) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }
func (w *bareWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, http.ErrNotSupported
}
