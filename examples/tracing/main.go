// SPDX-License-Identifier: Apache-2.0

// Tracing shows exemplars that lead from metrics to the traces of OpenTelemetry.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`address` to listen on")
	flag.Parse()

	// A service has an exporter here, that sends spans to where traces are kept.
	tracer := sdktrace.NewTracerProvider()
	ember.Default().Configure(ember.WithExemplarSource(currentTrace))
	log.Fatal(http.ListenAndServe(*addr, newService(ember.Default(), tracer)))
}

// currentTrace is an ember.WithExemplarSource.
func currentTrace(ctx context.Context) ember.Labels {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsSampled() {
		return nil // nobody keeps it
	}
	return ember.Labels{"trace_id": span.TraceID().String(), "span_id": span.SpanID().String()}
}

// newService has the spans outside and the metrics inside: the span of a request must be
// in the context that the metrics' middleware gets.
func newService(reg *ember.Registry, tracer trace.TracerProvider) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(rand.N(200 * time.Millisecond))
		fmt.Fprintln(w, "user", r.PathValue("id"), "in trace", trace.SpanContextFromContext(r.Context()).TraceID())
	})
	mux.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))
	measured := emberhttp.Middleware(reg, emberhttp.Options{})(mux)
	return otelhttp.NewHandler(measured, "shop", otelhttp.WithTracerProvider(tracer))
}
