// SPDX-License-Identifier: Apache-2.0

// Client_golang is an HTTP server with the metrics of client_golang, and those of the
// process.
//
// It listens on the address it is given. Without one it ends when it would listen.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	}, []string{"method", "status"})
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds",
		Help: "Time to serve a request.",
	})
	prometheus.MustRegister(requests, latency)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		requests.WithLabelValues(r.Method, "200").Inc()
		io.WriteString(w, "Hello!\n")
		latency.Observe(time.Since(start).Seconds())
	})
	http.Handle("/metrics", promhttp.Handler())
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
}
