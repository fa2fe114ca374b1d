// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v3"
	recoverer "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

func TestRoutes(t *testing.T) {
	reg := ember.NewRegistry()
	app := newService(reg)
	do := func(method, path string) string {
		response, err := app.Test(httptest.NewRequest(method, path, nil))
		require.NoError(t, err)
		b, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, "user 1", do("GET", "/users/1"))
	require.Equal(t, "user 2", do("GET", "/users/2"))
	for i := range 100 {
		do("GET", fmt.Sprintf("/%d.php", i))
		do("POST", fmt.Sprintf("/users/%d", i))
	}
	require.Contains(t, do("GET", "/metrics"), "http_requests_in_flight 1")
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/metrics",status="200"} 1`,
		`http_requests_total{method="GET",path="/users/:id",status="200"} 2`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 100`,
		`http_requests_total{method="POST",path="unmatched",status="405"} 100`,
	}, totals(t, reg))
}

// TestRoutesAmongOtherMiddleware is of what else there may be in an app, and of handlers
// that end otherwise than by success.
func TestRoutesAmongOtherMiddleware(t *testing.T) {
	reg := ember.NewRegistry()
	app := fiber.New()
	app.Use(recoverer.New(), metrics(reg))
	app.Use(func(c fiber.Ctx) error { return c.Next() })
	api := app.Group("/api", func(c fiber.Ctx) error { return c.Next() })
	api.Get("/users/:id", func(fiber.Ctx) error { return fiber.ErrNotFound })
	api.Get("/panics", func(fiber.Ctx) error { panic("test") })
	for _, r := range [][2]string{
		{"GET", "/api/users/1"}, {"GET", "/api/panics"}, {"GET", "/api/nothing"}, {"GET", "/nothing"}, {"PUT", "/api/users/1"},
	} {
		response, err := app.Test(httptest.NewRequest(r[0], r[1], nil))
		require.NoError(t, err)
		response.Body.Close()
	}
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/api/panics",status="500"} 1`,
		`http_requests_total{method="GET",path="/api/users/:id",status="404"} 1`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 2`,
		`http_requests_total{method="PUT",path="unmatched",status="405"} 1`,
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
