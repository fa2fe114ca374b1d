// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// TestNoPathIsTheClients holds that whatever a client asks a ServeMux for, the label is one
// of the templates that there are, or "unmatched".
func TestNoPathIsTheClients(t *testing.T) {
	templates := []string{"/users/{id}/", "/users/{id}/{$}", "/a/", "/files/{rest...}", "/teams/{team}/b/"}
	mux := http.NewServeMux()
	for i, template := range templates {
		if i%2 == 0 {
			mux.HandleFunc(template, ok)
		} else {
			mux.HandleFunc("GET "+template, ok)
			mux.HandleFunc("CONNECT "+template, ok)
		}
	}
	reg := ember.NewRegistry()
	h := emberhttp.Middleware(reg, emberhttp.Options{MaxRoutes: -1})(mux)
	copied := emberhttp.Middleware(reg, emberhttp.Options{MaxRoutes: -1})(copies(emberhttp.Routes(mux)))
	pieces := []string{"/", "/", "/", "%2F", "%2F", ".", "..", "%2E", "users", "a", "b", "teams", "users/1", "files", "4711", "%20", "{id}"}
	methods := []string{"GET", "CONNECT", "CONNECT", "POST"}
	rnd := random(t)
	for range 20_000 {
		var target strings.Builder
		target.WriteByte('/')
		for range rnd.IntN(8) {
			target.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		r, err := http.NewRequest(methods[rnd.IntN(len(methods))], "http://example.com"+target.String(), nil)
		require.NoError(t, err)
		r.URL.Host, r.Host = "", "example.com" // as servers have it
		if rnd.IntN(2) == 0 {
			h.ServeHTTP(httptest.NewRecorder(), r)
		} else {
			copied.ServeHTTP(httptest.NewRecorder(), r)
		}
	}
	for _, line := range totals(t, reg) {
		_, path, _ := strings.Cut(line, `path="`)
		path, _, _ = strings.Cut(path, `"`)
		require.Contains(t, append(templates, "unmatched"), path)
	}
}

// TestRoutesDoesNoHarm holds that Routes finds what would be found without it, also where
// it looks for the route beforehand.
func TestRoutesDoesNoHarm(t *testing.T) {
	inner := http.NewServeMux()
	inner.HandleFunc("/api/users/{id}", ok)
	outer := http.NewServeMux()
	outer.Handle("/api/", inner)
	for name, around := range map[string]func(http.Handler) http.Handler{
		"directly": func(h http.Handler) http.Handler { return h },
		"behind a writer of others": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, h := range []http.Handler{outer, emberhttp.Routes(outer)} {
				reg := ember.NewRegistry()
				serve(emberhttp.Middleware(reg, emberhttp.Options{})(around(h)), "GET", "/api/users/1")
				require.Equal(t, []string{`{method="GET",path="/api/users/{id}",status="200"} 1`}, totals(t, reg))
			}
		})
	}
}

// TestTwoMiddlewares holds that each of them, with a registry of its own, knows the route.
func TestTwoMiddlewares(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(_ http.ResponseWriter, r *http.Request) {
		emberhttp.SetOutcome(r.Context(), "failure")
	})
	for name, tc := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"mux":            {mux, "/users/{id}"},
		"Routes":         {copies(emberhttp.Routes(mux)), "/users/{id}"},
		"TimeoutHandler": {http.TimeoutHandler(emberhttp.Routes(mux), time.Minute, ""), "/users/{id}"},
		"SetRoute": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			emberhttp.SetRoute(r.Context(), "/set")
			mux.ServeHTTP(w, r)
		}), "/set"},
	} {
		t.Run(name, func(t *testing.T) {
			outer, inner := ember.NewRegistry(), ember.NewRegistry()
			opts := emberhttp.Options{Outcome: emberhttp.SuccessOrFailure}
			h := emberhttp.Middleware(outer, opts)(copies(emberhttp.Middleware(inner, opts)(tc.handler)))
			serve(h, "GET", "/users/1")
			want := []string{`{method="GET",path="` + tc.want + `",status="200",outcome="failure"} 1`}
			require.Equal(t, want, totals(t, inner))
			if name != "mux" { // of which the outer one cannot know, as there is no Routes
				require.Equal(t, want, totals(t, outer))
			}
		})
	}
}

// What is set too late, or by somebody else, does no harm.
func TestSetAfterTheEnd(t *testing.T) {
	reg := ember.NewRegistry()
	var late context.Context
	h := emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		late = r.Context()
	}))
	serve(h, "GET", "/")
	emberhttp.SetRoute(late, "/late")
	emberhttp.SetOutcome(late, "failure")
	serve(h, "GET", "/")
	require.Equal(t, []string{`{method="GET",path="unmatched",status="200"} 2`}, totals(t, reg))
}
