// SPDX-License-Identifier: Apache-2.0

package emberhttp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/embermetrics/ember"
)

// TransportOptions changes what Transport records. The zero value is right for most.
type TransportOptions struct {
	// Namespace is put before the name of each metric.
	Namespace string

	// ConstLabels are on every series.
	ConstLabels ember.Labels

	// Buckets are those of http_client_request_duration_seconds, in seconds. None:
	// ember.DefBuckets, or no others if Native is set.
	Buckets []float64

	// Native makes the histogram a native one. Nil: it is not.
	Native *ember.NativeOpts

	// Methods are those beyond RFC 9110's and PATCH that have a name of their own in the
	// label "method". All others are "other".
	Methods []string

	// Host returns the label "host" of a request, such as the name of the service that it
	// is for, or always the same for a client of hosts that nobody can list. Nil: the host of
	// the URL in lower case, with its port if it has one.
	Host func(*http.Request) string

	// MaxHosts is how many values the label "host" may have; those that come after that
	// are "other". Zero means 100, negative no limit.
	MaxHosts int
}

// What the label "status" has for requests without a response.
const (
	failed   = "error"
	canceled = "canceled"
	timedOut = "timeout"
)

const defaultMaxHosts = 100

// Transport returns a http.RoundTripper that sends requests by next, and records in reg
// what becomes of them:
//
//	http_client_requests_total{method,host,status}            counter
//	http_client_request_duration_seconds{method,host,status}  histogram
//	http_client_response_errors_total{method,host}            counter
//	http_client_requests_in_flight                            gauge
//
// A request counts once there is a response or an error, and so much is its duration: until
// the header was there, not the body. One that has no response has in place of a status
// "canceled" if whoever sent it gave up, "timeout" if that took too long, for the request's
// deadline or any of next, and "error" otherwise. A body that fails after its header came is
// a response error, and does not count again. A request is in flight until its body ended,
// failed or was closed; so in_flight shows bodies that nobody closes.
//
// Each hop of a redirection is a request; what next sends again by itself is not. No label
// has a URL in it.
//
// The body of a response has the methods of next's: it can be written to after 101, and
// copied from as before. Nil for next means http.DefaultTransport. The metrics are
// registered at once, on the terms of Middleware.
func Transport(reg *ember.Registry, opts TransportOptions, next http.RoundTripper) http.RoundTripper {
	if reg == nil {
		reg = ember.Default()
	}
	if next == nil {
		next = http.DefaultTransport
	}
	opts.Methods = slices.Clone(opts.Methods)
	defer advise(func(other *ember.Registry) { newTransport(other, opts, next) })
	return newTransport(reg, opts, next)
}

func newTransport(reg *ember.Registry, opts TransportOptions, next http.RoundTripper) *transport {
	budgets := map[string]int{"host": defaultMaxHosts}
	switch {
	case opts.MaxHosts > 0:
		budgets["host"] = opts.MaxHosts
	case opts.MaxHosts < 0:
		budgets = nil
	}
	counter := func(name, help string) ember.CounterOpts {
		return ember.CounterOpts{Namespace: opts.Namespace, Name: name, Help: help, ConstLabels: opts.ConstLabels, LabelBudgets: budgets}
	}
	return &transport{
		next: next,
		opts: opts,
		requests: reg.NewCounterVec(counter("http_client_requests_total", "HTTP requests sent, answered or not."),
			"method", "host", "status"),
		duration: reg.NewHistogramVec(ember.HistogramOpts{
			Namespace: opts.Namespace, Name: "http_client_request_duration_seconds", ConstLabels: opts.ConstLabels,
			Help: "Time from sending an HTTP request to the header of its response.", Unit: "seconds",
			Buckets: opts.Buckets, Native: opts.Native, LabelBudgets: budgets,
		}, "method", "host", "status"),
		broken: reg.NewCounterVec(counter("http_client_response_errors_total", "HTTP responses whose body failed."),
			"method", "host"),
		inFlight: reg.NewGauge(ember.GaugeOpts{
			Namespace: opts.Namespace, Name: "http_client_requests_in_flight", ConstLabels: opts.ConstLabels,
			Help: "HTTP requests sent whose response did not end yet.",
		}),
	}
}

type transport struct {
	next     http.RoundTripper
	opts     TransportOptions
	requests *ember.CounterVec
	duration *ember.HistogramVec
	broken   *ember.CounterVec
	inFlight *ember.Gauge
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	// Afterwards the request may be somebody else's.
	ctx, method, host := r.Context(), methodLabel(r.Method, t.opts.Methods), t.host(r)
	start := time.Now()
	t.inFlight.Inc()
	status, more := failed, false // unless it returns
	defer func() {
		if !more {
			t.inFlight.Dec()
		}
		t.requests.With(method, host, status).IncContext(ctx)
		t.duration.With(method, host, status).ObserveContext(ctx, time.Since(start).Seconds())
	}()
	response, err := t.next.RoundTrip(r)
	if err != nil || response == nil {
		status = statusOfError(ctx, err)
		return response, err
	}
	status = statusLabel(response.StatusCode)
	if response.Body != nil && response.Body != http.NoBody {
		more = true
		response.Body = newBody(ctx, response.Body, t, method, host)
	}
	return response, nil
}

// CloseIdleConnections makes http.Client's method of that name work.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *transport) host(r *http.Request) string {
	if t.opts.Host != nil {
		return t.opts.Host(r)
	}
	if r.URL == nil {
		return ""
	}
	return strings.ToLower(r.URL.Host) // returns the same if it is so already
}

// statusOfError returns what the label "status" has for a request that err ended. A
// deadline is looked at itself, since http.Client's Timeout ends requests in two ways at
// once, one of which comes before the context is done.
func statusOfError(ctx context.Context, err error) string {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) || errors.Is(err, context.DeadlineExceeded) {
		return timedOut
	}
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return canceled
	}
	if late, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && late.Timeout() {
		return timedOut
	}
	return failed
}
