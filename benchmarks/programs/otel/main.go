// SPDX-License-Identifier: Apache-2.0

// Otel is an HTTP server with the metrics of OpenTelemetry, its exporter for Prometheus,
// and what comes with that.
//
// It listens on the address it is given. Without one it ends when it would listen.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
)

func main() {
	reader, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	meter := sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("server")
	requests, err := meter.Int64Counter("http.requests", metric.WithDescription("HTTP requests served."))
	if err != nil {
		log.Fatal(err)
	}
	latency, err := meter.Float64Histogram("http.request.duration",
		metric.WithUnit("s"), metric.WithDescription("Time to serve a request."))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		requests.Add(r.Context(), 1, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("method", r.Method), attribute.String("status", "200"))))
		io.WriteString(w, "Hello!\n")
		latency.Record(r.Context(), time.Since(start).Seconds())
	})
	http.Handle("/metrics", promhttp.Handler())
	if len(os.Args) > 1 {
		log.Fatal(http.ListenAndServe(os.Args[1], nil))
	}
}
