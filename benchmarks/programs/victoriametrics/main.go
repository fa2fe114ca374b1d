// SPDX-License-Identifier: Apache-2.0

// Victoriametrics is an HTTP server with the metrics of VictoriaMetrics/metrics, and
// those of the process.
//
// It listens on the address it is given. Without one it ends when it would listen.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

func main() {
	latency := metrics.NewHistogram("http_request_duration_seconds")
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		metrics.GetOrCreateCounter(`http_requests_total{method="` + r.Method + `",status="200"}`).Inc()
		io.WriteString(w, "Hello!\n")
		latency.Update(time.Since(start).Seconds())
	})
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		metrics.WritePrometheus(w, true)
	})
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
}
