// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

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
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, reg))
	var totals []string
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "http_requests_total{") {
			totals = append(totals, strings.TrimSpace(line))
		}
	}
	require.Equal(t, []string{
		`http_requests_total{method="GET",path="/users/:id",status="200"} 2`,
		`http_requests_total{method="GET",path="unmatched",status="404"} 100`,
		`http_requests_total{method="POST",path="unmatched",status="404"} 100`,
	}, totals)
}
