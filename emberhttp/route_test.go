// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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

// TestTwoMiddlewares holds that each of them, with a registry of its own, knows the route
// that a mux leaves in the request, and the innermost alone what is said to it.
func TestTwoMiddlewares(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", ok)
	mux.HandleFunc("/set", func(_ http.ResponseWriter, r *http.Request) { emberhttp.SetRoute(r.Context(), "/by-hand") })
	outer, inner := ember.NewRegistry(), ember.NewRegistry()
	h := emberhttp.Middleware(outer, emberhttp.Options{})(emberhttp.Middleware(inner, emberhttp.Options{})(mux))
	serve(h, "GET", "/users/1")
	serve(h, "GET", "/set")
	require.Equal(t, []string{
		`{method="GET",path="/set",status="200"} 1`,
		`{method="GET",path="/users/{id}",status="200"} 1`,
	}, totals(t, outer))
	require.Equal(t, []string{
		`{method="GET",path="/by-hand",status="200"} 1`,
		`{method="GET",path="/users/{id}",status="200"} 1`,
	}, totals(t, inner))
	for _, reg := range []*ember.Registry{outer, inner} {
		require.Contains(t, samples(t, reg), "http_requests_in_flight 0")
	}
}

// A handler may serve requests of its own, with the context of the one that it got, as one
// for batches does: each has a route of its own.
func TestRequestsOfARequest(t *testing.T) {
	reg := ember.NewRegistry()
	middleware := emberhttp.Middleware(reg, emberhttp.Options{})
	parts := http.NewServeMux()
	parts.HandleFunc("/parts/{id}", ok)
	parts.HandleFunc("/set", func(_ http.ResponseWriter, r *http.Request) { emberhttp.SetRoute(r.Context(), "/by-hand") })
	part := middleware(emberhttp.Routes(parts))
	mux := http.NewServeMux()
	mux.HandleFunc("/batch", func(_ http.ResponseWriter, r *http.Request) {
		for _, target := range []string{"/parts/1", "/parts/2", "/set"} {
			part.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(r.Context(), "GET", target, nil))
		}
	})
	serve(middleware(copies(emberhttp.Routes(mux))), "POST", "/batch")
	require.Equal(t, []string{
		`{method="GET",path="/by-hand",status="200"} 1`,
		`{method="GET",path="/parts/{id}",status="200"} 2`,
		`{method="POST",path="/batch",status="200"} 1`,
	}, totals(t, reg))
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

// What looks like a missing Routes is logged, once.
func TestLostRoutesAreLogged(t *testing.T) {
	var logged lockedBuffer
	old, oldOutput, oldFlags := slog.Default(), log.Writer(), log.Flags()
	defer func() {
		slog.SetDefault(old)
		log.SetOutput(oldOutput) // which SetDefault has redirected
		log.SetFlags(oldFlags)
	}()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", ok)
	copies := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent) // as what answers browsers does
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), routeKey{}, 1)))
		})
	}

	right := emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(copies(emberhttp.Routes(mux)))
	wrong := emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{})(copies(mux))
	serve(right, "GET", "/users/1")
	serve(right, "GET", "/wp-login.php")
	serve(wrong, "OPTIONS", "/users/1")
	serve(wrong, "GET", "/wp-login.php")
	require.Empty(t, logged.String())
	serve(wrong, "GET", "/users/1")
	serve(wrong, "GET", "/users/2")
	require.Equal(t, `level=WARN msg="emberhttp: a request was answered, and no route is known for it; `+
		`if a ServeMux has matched it, put emberhttp.Routes around that mux" method=GET path=/users/1`+"\n", logged.String())
}

type routeKey struct{}
