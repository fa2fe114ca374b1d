// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// printTotals prints the series of counters.
func printTotals(reg *ember.Registry) {
	var b strings.Builder
	ember.WriteText(&b, reg)
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") && strings.Contains(line, "_total{") {
			io.WriteString(os.Stdout, line)
		}
	}
}

func ExampleMiddleware() {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "user", r.PathValue("id"))
	})
	h := emberhttp.Middleware(reg, emberhttp.Options{})(mux)

	for _, path := range []string{"/users/1", "/users/2", "/wp-login.php"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	printTotals(reg)
	// Output:
	// http_requests_total{method="GET",path="/users/{id}",status="200"} 2
	// http_requests_total{method="GET",path="unmatched",status="404"} 1
}

// A service that answers 200 whatever happens says what happened.
func ExampleSetOutcome() {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("card") == "expired" {
			emberhttp.SetOutcome(r.Context(), "failure")
		}
		io.WriteString(w, "{}")
	})
	h := emberhttp.Middleware(reg, emberhttp.Options{Outcome: emberhttp.SuccessOrFailure})(mux)

	for _, target := range []string{"/payments", "/payments?card=expired"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", target, nil))
	}
	printTotals(reg)
	// Output:
	// http_requests_total{method="POST",path="/payments",status="200",outcome="failure"} 1
	// http_requests_total{method="POST",path="/payments",status="200",outcome="success"} 1
}

// With a middleware between that puts something in the context, the mux needs Routes.
func ExampleRoutes() {
	reg := ember.NewRegistry()
	mux := http.NewServeMux()
	mux.HandleFunc("/users/{id}", func(http.ResponseWriter, *http.Request) {})
	authenticate := copies // calls r.WithContext
	h := emberhttp.Middleware(reg, emberhttp.Options{})(authenticate(emberhttp.Routes(mux)))

	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/1", nil))
	printTotals(reg)
	// Output:
	// http_requests_total{method="GET",path="/users/{id}",status="200"} 1
}

func ExampleSetRoute() {
	reg := ember.NewRegistry()
	h := emberhttp.Middleware(reg, emberhttp.Options{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch operation := r.FormValue("operation"); operation { // one of those that there are
		case "listUsers", "addUser":
			emberhttp.SetRoute(r.Context(), "/graphql#"+operation)
		}
	}))

	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/graphql?operation=listUsers", nil))
	printTotals(reg)
	// Output:
	// http_requests_total{method="GET",path="/graphql#listUsers",status="200"} 1
}

func ExampleTransport() {
	reg := ember.NewRegistry()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	client := &http.Client{Transport: emberhttp.Transport(reg, emberhttp.TransportOptions{
		Host: func(*http.Request) string { return "users" }, // the host and port of the URL, unless said otherwise
	}, server.Client().Transport)}

	if response, err := client.Get(server.URL + "/users/1"); err == nil {
		response.Body.Close()
	}
	printTotals(reg)
	// Output:
	// http_client_requests_total{method="GET",host="users",status="404"} 1
}
