// SPDX-License-Identifier: Apache-2.0

//go:build !race

package emberhttp_test

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// quietWriter allocates nothing.
type quietWriter struct{ header http.Header }

func (w quietWriter) Header() http.Header         { return w.header }
func (w quietWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w quietWriter) WriteHeader(int)             {}

// TestAllocations holds that the middleware makes one allocation a request, whatever is
// recorded, where the package's documentation says no other.
func TestAllocations(t *testing.T) {
	body := []byte(chunk)
	handler := func(w http.ResponseWriter, r *http.Request) {
		r.Pattern = "GET /users/{id}" // what a ServeMux does, and allocates for its wildcards
		w.WriteHeader(http.StatusCreated)
		w.Write(body)
	}
	source := ember.WithExemplarSource(func(context.Context) ember.Labels { return nil })
	for name, tc := range map[string]struct {
		reg     *ember.Registry
		opts    emberhttp.Options
		handler http.HandlerFunc
		around  func(http.Handler) http.Handler
		change  func(*http.Request)
		want    float64
	}{
		"plain":           {handler: handler, want: 1},
		"exemplar source": {handler: handler, reg: ember.NewRegistry(source), want: 1},
		"native":          {handler: handler, opts: emberhttp.Options{Native: &ember.NativeOpts{}}, want: 1},
		"outcome":         {handler: handler, opts: emberhttp.Options{Outcome: emberhttp.SuccessOrFailure}, want: 1},
		"hook":            {handler: handler, opts: emberhttp.Options{Route: func(*http.Request) string { return "/hook" }}, want: 1},
		"unmatched":       {handler: func(http.ResponseWriter, *http.Request) {}, want: 1},
		"other method":    {handler: handler, change: func(r *http.Request) { r.Method = "PROPFIND" }, want: 1},
		"unknown length": {
			handler: handler, change: func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, -1 }, want: 2,
		},
		"Routes": {handler: handler, around: emberhttp.Routes, want: 2},
		"SetRoute": {handler: func(_ http.ResponseWriter, r *http.Request) {
			emberhttp.SetRoute(r.Context(), "/x")
		}, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			reg := tc.reg
			if reg == nil {
				reg = ember.NewRegistry()
			}
			var h http.Handler = tc.handler
			if tc.around != nil {
				h = tc.around(h)
			}
			h = emberhttp.Middleware(reg, tc.opts)(h)
			var w http.ResponseWriter = quietWriter{http.Header{}}
			r := &http.Request{Method: "GET", URL: &url.URL{Path: "/users/1"}, ProtoMajor: 1, ProtoMinor: 1}
			if tc.change != nil {
				tc.change(r)
			}
			require.Equal(t, tc.want, testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }))
		})
	}
}

func TestBytes(t *testing.T) {
	h := emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(http.HandlerFunc(ok))
	r := testing.Benchmark(func(b *testing.B) {
		var w http.ResponseWriter = quietWriter{http.Header{}}
		request := &http.Request{Method: "GET", URL: &url.URL{Path: "/users/1"}}
		for b.Loop() {
			h.ServeHTTP(w, request)
		}
	})
	if math.MaxUint > math.MaxUint32 {
		require.LessOrEqual(t, r.AllocedBytesPerOp(), int64(416))
	}
}
