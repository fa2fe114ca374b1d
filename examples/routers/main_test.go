// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

func TestRouters(t *testing.T) {
	for name, tc := range map[string]struct {
		router func(*ember.Registry) http.Handler
		user   string
	}{
		"chi":     {newChi, "/users/{id}"},
		"gorilla": {newGorilla, "/users/{id:[0-9]+}"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			h := tc.router(reg)
			get := func(method, path string) string {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
				return w.Body.String()
			}
			require.Equal(t, "user 1\n", get("GET", "/users/1"))
			require.Equal(t, "user 2\n", get("GET", "/users/2"))
			require.Equal(t, "member 3 of red\n", get("GET", "/teams/red/members/3"))
			for i := range 100 {
				get("GET", fmt.Sprintf("/%d.php", i))
				get("POST", fmt.Sprintf("/users/%d", i))
				get("GET", fmt.Sprintf("/teams/%d/%d.php", i, i))
				get("POST", fmt.Sprintf("/teams/%d/members/%d", i, i))
			}
			require.Equal(t, []string{
				`http_requests_total{method="GET",path="/teams/{team}/members/{id}",status="200"} 1`,
				`http_requests_total{method="GET",path="` + tc.user + `",status="200"} 2`,
				`http_requests_total{method="GET",path="unmatched",status="404"} 200`,
				`http_requests_total{method="POST",path="unmatched",status="405"} 200`,
			}, totals(t, reg))
		})
	}
}

// TestChiRoute is of routes that end in all that is beneath them, and of routers in others.
func TestChiRoute(t *testing.T) {
	reg := ember.NewRegistry()
	ok := func(http.ResponseWriter, *http.Request) {}
	r := chi.NewRouter()
	r.Use(emberhttp.Middleware(reg, emberhttp.Options{Route: chiRoute}), middleware.GetHead)
	r.Get("/", ok)
	r.Get("/files/*", ok)
	r.Mount("/debug", http.HandlerFunc(ok))
	r.Route("/v1", func(r chi.Router) {
		r.Get("/", ok)
		r.Get("/panics", func(http.ResponseWriter, *http.Request) { panic("test") })
		r.Route("/teams", func(r chi.Router) { r.Get("/logos/*", ok) })
	})
	for _, tc := range []struct{ method, path, want string }{
		{"GET", "/", "/"},
		{"GET", "/files/a/b", "/files/*"},
		{"HEAD", "/files/a%2Fb", "/files/*"},
		{"POST", "/files/a", "unmatched"},
		{"GET", "/debug/pprof/heap", "/debug/*"},
		{"GET", "/v1", "/v1"},
		{"GET", "/v1/teams/logos/a/b.png", "/v1/teams/logos/*"},
		{"GET", "/v1/teams/a", "unmatched"},
		{"GET", "/v1/a", "unmatched"},
		{"GET", "/v1/panics", "/v1/panics"},
		{"BREW", "/v1/teams/logos/a", "unmatched"},
		{"GET", "//", "unmatched"},
	} {
		before := totals(t, reg)
		func() {
			defer func() { _ = recover() }()
			request := httptest.NewRequest(tc.method, "http://h"+tc.path, nil)
			r.ServeHTTP(httptest.NewRecorder(), request)
		}()
		changed := slices.DeleteFunc(totals(t, reg), func(line string) bool { return slices.Contains(before, line) })
		require.Len(t, changed, 1, "%v", tc)
		require.Contains(t, changed[0], `,path="`+tc.want+`",`, "%v", tc)
	}
}

func totals(t *testing.T, reg *ember.Registry) (lines []string) {
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "http_requests_total{") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
