// SPDX-License-Identifier: Apache-2.0

// Hello greets, counts and times. It is the program of the README.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"

	"github.com/embermetrics/ember"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()

	requests := ember.NewCounterVec(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	}, "method", "route")
	latency := ember.NewHistogram(ember.HistogramOpts{
		Name:    "http_request_duration_seconds",
		Help:    "Time to serve a request.",
		Buckets: []float64{0.1, 1, 10},
	})
	ember.MustRegister(requests, latency)

	http.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		defer latency.Start().Stop()
		requests.With(r.Method, "/hello/{name}").Inc()
		fmt.Fprintf(w, "Hello, %s!\n", r.PathValue("name"))
	})
	http.Handle("GET /metrics", ember.Handler())
	log.Fatal(http.ListenAndServe(*addr, nil))
}
