// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

func TestRoutes(t *testing.T) {
	reg := ember.NewRegistry()
	h := newService(reg)
	do := func(method, path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Body.String()
	}
	require.Equal(t, "user 1", do("GET", "/users/1"))
	require.Equal(t, "user 2", do("GET", "/users/2"))
	for i := range 100 {
		do("GET", fmt.Sprintf("/%d.php", i))
		do("POST", fmt.Sprintf("/users/%d", i))
	}
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/users/:id",status="200"} 2`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 100`,
		`http_requests_total{method="POST",path="unmatched",status="405"} 100`,
	}, totals(t, reg))
}

// TestRoutesOfErrors is of handlers that end otherwise than by success, and of groups.
func TestRoutesOfErrors(t *testing.T) {
	reg := ember.NewRegistry()
	e := echo.New()
	e.GET("/users/:id", func(echo.Context) error { return echo.ErrNotFound })
	e.GET("/panics", func(echo.Context) error { panic("test") })
	noop := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	g := e.Group("/api", noop) // which registers handlers of what it does not find
	g.GET("/teams/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	g.Any("/any/*", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	h := measure(reg, e)
	for _, r := range [][2]string{
		{"GET", "/users/1"},
		{"GET", "/panics"},
		{"GET", "/api/teams/1"},
		{"GET", "/api/nothing"},
		{"GET", "/nothing"},
		{"PUT", "/api/teams/1"},
		{"PUT", "/api/any/1/2"},
		{"BREW", "/users/1"},
	} {
		func() {
			defer func() { _ = recover() }()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(r[0], r[1], nil))
		}()
	}
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/api/teams/:id",status="204"} 1`,
		`http_requests_total{method="GET",path="/panics",status="500"} 1`,
		`http_requests_total{method="GET",path="/users/:id",status="404"} 1`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 2`,
		`http_requests_total{method="PUT",path="/api/any/*",status="204"} 1`,
		`http_requests_total{method="PUT",path="unmatched",status="404"} 1`,
		`http_requests_total{method="other",path="unmatched",status="405"} 1`,
	}, totals(t, reg))
}

func totals(t *testing.T, reg *ember.Registry) (totals []string) {
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "http_requests_total{") {
			totals = append(totals, strings.TrimSpace(line))
		}
	}
	return totals
}
