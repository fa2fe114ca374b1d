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

	reg := ember.Default()
	greetings := reg.NewCounterVec(ember.CounterOpts{
		Name: "greetings_total",
		Help: "Greetings said.",
	}, "language")
	duration := reg.NewHistogram(ember.HistogramOpts{
		Name:    "greeting_duration_seconds",
		Help:    "Time to say a greeting.",
		Buckets: []float64{0.1, 1, 10},
	})

	http.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		defer duration.Start().Stop()
		greetings.With("en").Inc()
		fmt.Fprintf(w, "Hello, %s!\n", r.PathValue("name"))
	})
	http.Handle("GET /metrics", ember.Handler())
	log.Fatal(http.ListenAndServe(*addr, nil))
}
