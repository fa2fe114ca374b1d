// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// serverScene is what emberhttp.Middleware exposes.
func serverScene(t *testing.T, sources *moduleSources) *metricsScene {
	s := newScene(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/gone", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	serve := func(reg *ember.Registry, opts emberhttp.Options) func(ctx context.Context, method, path string) {
		h := emberhttp.Middleware(reg, opts)(mux)
		return func(ctx context.Context, method, path string) {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					panic(p)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, method, path, http.NoBody))
		}
	}

	reg := ember.NewRegistry()
	request := serve(reg, emberhttp.Options{})
	s.expose("From the beginning", reg, "")
	request(t.Context(), "GET", "/users/7")
	s.expose("With the first request", reg, "")
	methods := sources.cases("emberhttp", "methodLabel")
	for _, method := range append(methods, "BREW") {
		request(t.Context(), method, "/users/7")
	}
	request(t.Context(), "GET", "/nowhere")
	request(t.Context(), "GET", "/broken")
	request(gone, "GET", "/gone")
	s.expose("", reg, "")
	require.Subset(t, s.metric("http_requests_total").values("status"), map[string]bool{"200": true, "404": true, "499": true, "500": true})

	reg = ember.NewRegistry()
	request = serve(reg, emberhttp.Options{MaxRoutes: 1, Outcome: func(r emberhttp.Result) string {
		if r.Route == "/gone" {
			return "of its own"
		}
		return emberhttp.SuccessOrFailure(r)
	}})
	for _, path := range []string{"/users/7", "/gone", "/broken", "/nowhere"} {
		request(t.Context(), "GET", path)
	}
	s.expose("", reg, "")

	other := sources.constant("emberhttp", "otherMethod")
	s.only("method", append(methods, other))
	s.some("path", sources.constant("emberhttp", "unmatched"), "other")
	s.some("outcome", sources.returns("emberhttp", "SuccessOrFailure")...)
	return s
}

// roundTrip is a http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// brokenBody is a body that cannot be read.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("broken") }
func (brokenBody) Close() error             { return nil }

// clientScene is what emberhttp.Transport exposes.
func clientScene(t *testing.T, sources *moduleSources) *metricsScene {
	s := newScene(t)
	var result error
	next := roundTrip(func(r *http.Request) (*http.Response, error) {
		if result != nil {
			return nil, result
		}
		return &http.Response{StatusCode: http.StatusOK, Body: brokenBody{}, Request: r}, nil
	})
	client := func(reg *ember.Registry, opts emberhttp.TransportOptions) func(method, url string) {
		c := emberhttp.Transport(reg, opts, next)
		return func(method, url string) {
			r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
			require.NoError(t, err)
			response, err := c.RoundTrip(r)
			require.ErrorIs(t, err, result)
			if err == nil {
				_, err = io.ReadAll(response.Body)
				require.Error(t, err)
				response.Body.Close()
			}
		}
	}

	reg := ember.NewRegistry()
	request := client(reg, emberhttp.TransportOptions{})
	s.expose("From the beginning", reg, "")
	result = errors.New("refused")
	request("GET", "http://a.example/")
	s.expose("With the first request", reg, "")
	result = nil
	methods := sources.cases("emberhttp", "methodLabel")
	for _, method := range append(methods, "BREW") {
		request(method, "http://a.example/")
	}
	s.expose("With the first response whose body fails", reg, "")
	for _, result = range []error{context.Canceled, context.DeadlineExceeded} {
		request("GET", "http://a.example/")
	}
	s.expose("", reg, "")

	reg = ember.NewRegistry()
	request = client(reg, emberhttp.TransportOptions{MaxHosts: 1})
	request("GET", "http://a.example:81/")
	request("GET", "http://b.example/")
	s.expose("", reg, "")

	s.only("method", append(methods, sources.constant("emberhttp", "otherMethod")))
	s.some("status", sources.constant("emberhttp", "canceled"), sources.constant("emberhttp", "failed"), sources.constant("emberhttp", "timedOut"))
	s.some("host", "other")
	return s
}
