// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
	"github.com/embermetrics/ember/emberhttp"
	"github.com/embermetrics/ember/embertest"
)

func showUser(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, "user", r.PathValue("id"))
}

// getAll sends a GET request for each path.
func getAll(h http.Handler, paths ...string) {
	for _, path := range paths {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
}

// writeSamples writes the samples that are called so.
func writeSamples(g ember.Gatherer, names ...string) {
	var text strings.Builder
	ember.WriteText(&text, g)
	for line := range strings.Lines(text.String()) {
		for _, name := range names {
			if strings.HasPrefix(line, name+"{") || strings.HasPrefix(line, name+" ") {
				io.WriteString(os.Stdout, line)
			}
		}
	}
}

func Example_httpService() {
	reg := ember.NewRegistry() // ember.Default(), in main

	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)
	mux.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	service := emberhttp.Middleware(reg, emberhttp.Options{})(mux)

	getAll(service, "/users/1", "/users/2", "/wp-login.php")
	writeSamples(reg, "http_request_duration_seconds_count", "http_requests_in_flight", "http_requests_total")
	// Output:
	// http_request_duration_seconds_count{method="GET",path="/users/{id}",status="200"} 2
	// http_request_duration_seconds_count{method="GET",path="unmatched",status="404"} 1
	// http_requests_in_flight 0
	// http_requests_total{method="GET",path="/users/{id}",status="200"} 2
	// http_requests_total{method="GET",path="unmatched",status="404"} 1
}

// A histogram like that of the middleware, with durations that are always the same.
func Example_httpDurations() {
	reg := ember.NewRegistry()
	duration := reg.NewHistogramVec(ember.HistogramOpts{
		Name: "http_request_duration_seconds",
		Help: "Time to serve an HTTP request, until the handler was done.",
	}, "method", "path", "status")
	duration.With("GET", "/users/{id}", "200").Observe(0.03)
	duration.With("GET", "/users/{id}", "200").Observe(0.3)

	writeSamples(reg, "http_request_duration_seconds_bucket")
	// Output:
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.005"} 0
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.01"} 0
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.025"} 0
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.05"} 1
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.1"} 1
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.25"} 1
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="0.5"} 2
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="1"} 2
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="2.5"} 2
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="5"} 2
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="10"} 2
	// http_request_duration_seconds_bucket{method="GET",path="/users/{id}",status="200",le="+Inf"} 2
}

type userKey struct{}

// authenticate puts the user in the context, and answers those whom it does not know.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "none" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, "ada")))
	})
}

func Example_httpRouteLost() {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)
	h := emberhttp.Middleware(reg, emberhttp.Options{})(authenticate(mux))

	getAll(h, "/users/1")
	writeSamples(reg, "http_requests_total")
	// Output:
	// http_requests_total{method="GET",path="unmatched",status="200"} 1
}

func Example_httpRouteFound() {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)
	h := emberhttp.Middleware(reg, emberhttp.Options{})(authenticate(emberhttp.Routes(mux)))

	getAll(h, "/users/1")
	writeSamples(reg, "http_requests_total")
	// Output:
	// http_requests_total{method="GET",path="/users/{id}",status="200"} 1
}

// What the mux never gets has no route.
func TestUnauthenticatedHasNoRoute(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)
	h := emberhttp.Middleware(reg, emberhttp.Options{})(authenticate(emberhttp.Routes(mux)))
	r := httptest.NewRequest("GET", "/users/1", nil)
	r.Header.Set("Authorization", "none")
	h.ServeHTTP(httptest.NewRecorder(), r)
	embertest.Compare(t, reg, `http_requests_total{method="GET",path="unmatched",status="401"} 1`, "http_requests_total")
}

// Whether what makes an answer of a panic is inside or outside, 500 is counted.
func TestPanicIsCounted(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /broken", func(http.ResponseWriter, *http.Request) { panic("oh") })
	survive := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	for name, around := range map[string]func(measure func(http.Handler) http.Handler) http.Handler{
		"inside":  func(measure func(http.Handler) http.Handler) http.Handler { return measure(survive(mux)) },
		"outside": func(measure func(http.Handler) http.Handler) http.Handler { return survive(measure(mux)) },
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			getAll(around(emberhttp.Middleware(reg, emberhttp.Options{})), "/broken")
			embertest.Compare(t, reg, `http_requests_total{method="GET",path="/broken",status="500"} 1`, "http_requests_total")
		})
	}
}

// Scrapes count like other requests, unless they go around the middleware.
func TestScrapesAreNotCounted(t *testing.T) {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", showUser)

	outer := http.NewServeMux()
	outer.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	outer.Handle("/", emberhttp.Middleware(reg, emberhttp.Options{})(mux))

	getAll(outer, "/metrics", "/users/1", "/metrics")
	embertest.Compare(t, reg, `http_requests_total{method="GET",path="/users/{id}",status="200"} 1`, "http_requests_total")
}

// lru stands for a cache of a library's.
type lru struct{ entries sync.Map }

func (c *lru) Get(id int) (string, bool) {
	name, found := c.entries.Load(id)
	if !found {
		return "", false
	}
	return name.(string), true
}

func (c *lru) Add(id int, name string) { c.entries.Store(id, name) }

func loadUser(context.Context, int) (string, error) { return "Ada", nil }

func Example_measuredCache() {
	reg := ember.NewRegistry()
	ctx := context.Background()
	users := new(lru)

	metrics := embercache.NewMetrics(reg, embercache.Options{Name: "users"})
	cache := embercache.Wrap(metrics, embercache.Local(users.Get, users.Add))
	for range 3 {
		cache.GetOrLoad(ctx, 7, loadUser)
	}

	writeSamples(reg, "cache_requests_total", "cache_load_duration_seconds_count")
	// Output:
	// cache_load_duration_seconds_count{cache="users"} 1
	// cache_requests_total{cache="users",result="canceled"} 0
	// cache_requests_total{cache="users",result="error"} 0
	// cache_requests_total{cache="users",result="hit"} 2
	// cache_requests_total{cache="users",result="miss"} 1
}

// No path of a URL is in a label, and a request without a response counts too.
func TestHostOfClient(t *testing.T) {
	reg := ember.NewRegistry()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := &http.Client{Transport: emberhttp.Transport(reg, emberhttp.TransportOptions{}, server.Client().Transport)}
	for _, path := range []string{"/users/1", "/users/2"} {
		resp, err := client.Get(server.URL + path)
		require.NoError(t, err)
		resp.Body.Close()
	}
	require.Equal(t, 2.0, embertest.Value(t, reg, "http_client_requests_total", "host", strings.TrimPrefix(server.URL, "http://"), "status", "404"))
	client.CloseIdleConnections()
	_, err := client.Get("http://127.0.0.1:1/users")
	require.Error(t, err)
	require.Equal(t, 1.0, embertest.Value(t, reg, "http_client_requests_total", "status", "error"))
}
