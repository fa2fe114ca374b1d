// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
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
			}
			require.Equal(t, []string{
				`http_requests_total{method="GET",path="/teams/{team}/members/{id}",status="200"} 1`,
				`http_requests_total{method="GET",path="` + tc.user + `",status="200"} 2`,
				`http_requests_total{method="GET",path="unmatched",status="404"} 100`,
				`http_requests_total{method="POST",path="unmatched",status="405"} 100`,
			}, totals(t, reg))
		})
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
