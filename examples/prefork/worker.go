// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// work answers on the socket that the parent has given, until ctx is done or the parent
// has ended.
func work(ctx context.Context, path string) error {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	defer listener.Close()
	dir, err := multiproc.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	ember.Default().Configure(ember.WithMultiproc(dir)) // all the rest is as in any service

	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		end()
	}()
	server := &http.Server{
		Handler:           http.NewCrossOriginProtection().Handler(routes()),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(last); errors.Is(err, context.DeadlineExceeded) {
		server.Close() // who is still connected has had the time
	}
	return nil
}

func routes() http.Handler {
	requests := ember.NewCounterVec(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests.",
	}, "route")
	latency := ember.NewHistogram(ember.HistogramOpts{
		Name: "http_request_duration_seconds",
		Help: "Time to serve a request.",
	})
	inFlight := ember.NewGauge(ember.GaugeOpts{
		Name: "http_requests_in_flight",
		Help: "HTTP requests being served, by all living workers together.",
	})
	ember.MustRegister(requests, latency, inFlight)

	mux := http.NewServeMux()
	handle := func(route string, f http.HandlerFunc) {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
			requests.With(route).Inc()
			defer inFlight.Track()()
			defer latency.Start().Stop()
			f(w, r)
		})
	}
	handle("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, page, os.Getpid())
	})
	handle("POST /kill", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/") // where somebody else answers
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusSeeOther)
		http.NewResponseController(w).Flush()
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			self.Kill()
		}
	})
	mux.Handle("/metrics", ember.Handler())
	return mux
}

const page = `<!DOCTYPE html>
<html lang="en">
<title>Prefork</title>
<p>This is worker <b>%d</b>. Reload, and perhaps another one answers.
All of them have the same <a href="/metrics">metrics</a>.
<form method="post" action="/kill"><button>Kill this worker</button></form>
</html>
`
