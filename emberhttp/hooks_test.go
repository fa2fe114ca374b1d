// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// TestHooksThatPanic holds that a request counts all the same, with 500 as the client sees
// it, that the panic goes on, and that it is the handler's if both do.
func TestHooksThatPanic(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", ok)
	mux.HandleFunc("/panics", func(http.ResponseWriter, *http.Request) { panic("test: handler") })
	route := emberhttp.Options{Route: func(*http.Request) string { panic("test: hook") }}
	outcome := emberhttp.Options{Outcome: func(emberhttp.Result) string { panic("test: hook") }}
	both := emberhttp.Options{Route: route.Route, Outcome: emberhttp.SuccessOrFailure}
	for name, tc := range map[string]struct {
		opts   emberhttp.Options
		target string
		panics string
		want   string
	}{
		"Route":                {route, "/users/1", "test: hook", `{method="GET",path="/users/{id}",status="500"} 1`},
		"Route, of none":       {route, "/nobody", "test: hook", `{method="GET",path="unmatched",status="500"} 1`},
		"Outcome":              {outcome, "/users/1", "test: hook", `{method="GET",path="/users/{id}",status="500",outcome=""} 1`},
		"Route before Outcome": {both, "/users/1", "test: hook", `{method="GET",path="/users/{id}",status="500",outcome=""} 1`},
		"handler, Route":       {route, "/panics", "test: handler", `{method="GET",path="/panics",status="500"} 1`},
		"handler, Outcome":     {outcome, "/panics", "test: handler", `{method="GET",path="/panics",status="500",outcome=""} 1`},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			h := emberhttp.Middleware(reg, tc.opts)(mux)
			require.PanicsWithValue(t, tc.panics, func() { serve(h, "GET", tc.target) })
			require.Equal(t, []string{tc.want}, totals(t, reg))
			require.Contains(t, samples(t, reg), "http_requests_in_flight 0")
			require.Contains(t, exposed(t, reg), "http_response_size_bytes_count{")
		})
	}
	t.Run("after Goexit", func(t *testing.T) {
		reg := ember.NewRegistry()
		h := emberhttp.Middleware(reg, route)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { runtime.Goexit() }))
		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			serve(h, "GET", "/")
		}()
		require.Equal(t, "test: hook", <-ended)
		require.Equal(t, []string{`{method="GET",path="unmatched",status="500"} 1`}, totals(t, reg))
	})
}

// The server logs where a hook panicked.
func TestHookThatPanicsIsLogged(t *testing.T) {
	var logged lockedBuffer
	server := httptest.NewUnstartedServer(emberhttp.Middleware(ember.NewRegistry(), emberhttp.Options{
		Route: func(*http.Request) string { originOfPanic(); return "" },
	})(http.HandlerFunc(ok)))
	server.Config.ErrorLog = log.New(&logged, "", 0)
	server.Start()
	defer server.Close()
	_, err := server.Client().Get(server.URL)
	require.Error(t, err)
	require.Eventually(t, func() bool { return strings.Contains(logged.String(), "originOfPanic") }, 20*time.Second, time.Millisecond)
}
