// SPDX-License-Identifier: Apache-2.0

// Ember is an HTTP server with the metrics of Ember, and those of the process.
//
// It listens on the address it is given. Without one it ends when it would listen.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/embermetrics/ember"
)

func main() {
	requests := ember.NewCounterVec(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	}, "method", "status")
	latency := ember.NewHistogram(ember.HistogramOpts{
		Name: "http_request_duration_seconds",
		Help: "Time to serve a request.",
	})
	ember.MustRegister(requests, latency)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		requests.With(r.Method, "200").Inc()
		io.WriteString(w, "Hello!\n")
		latency.Observe(time.Since(start).Seconds())
	})
	http.Handle("/metrics", ember.Handler())
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
}
