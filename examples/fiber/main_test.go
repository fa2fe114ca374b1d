// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

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
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	var totals []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "http_requests_total{") {
			totals = append(totals, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/metrics",status="200"} 1`,
		`http_requests_total{method="GET",path="/users/:id",status="200"} 2`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 100`,
		`http_requests_total{method="POST",path="unmatched",status="405"} 100`,
	}, totals)
}
