// SPDX-License-Identifier: Apache-2.0

// Fullstack is a service, its traffic, and a Prometheus that scrapes it and has an alert.
//
//	go run ./examples/fullstack
//
// 40 % of its payments fail, so the alert fires after a minute or so. It ends when they
// succeed again:
//
//	curl -X PUT -d 0 127.0.0.1:8080/failures
//
// What to copy is in service.go, prometheus.yml and alert.rules.yml. The rest is what goes
// on around a service: its backend, its customers (traffic.go), and the Prometheus that
// usually runs elsewhere (prometheus.go, keep.go).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/embermetrics/ember"
)

// maxRate is the most requests a second that are sent.
const maxRate = 1000

// grace is how long a shutdown waits for requests to finish.
const grace = 3 * time.Second

type options struct {
	addr           string
	rate           int
	failures       float64
	prometheus     string
	prometheusAddr string
	config         string
}

func main() {
	if dir := os.Getenv(keepVariable); dir != "" {
		keep(dir, os.Args[1:])
		return
	}
	var o options
	flag.StringVar(&o.addr, "addr", defaultTarget, "`address` of the service")
	flag.IntVar(&o.rate, "rate", 50, "send so many `requests` a second")
	flag.Float64Var(&o.failures, "failures", 0.4, "`ratio` of requests that fail, from 0 to 1")
	flag.StringVar(&o.prometheus, "prometheus", "prometheus", "`program` to run, or none")
	flag.StringVar(&o.prometheusAddr, "prometheus-addr", "127.0.0.1:19090", "`address` of Prometheus")
	flag.StringVar(&o.config, "config", "", "`directory` with a prometheus.yml and an alert.rules.yml to use")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, o); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "fullstack:", err)
		os.Exit(1)
	}
}

// run runs all of it until ctx is done.
func run(ctx context.Context, o options) error {
	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case o.rate < 1 || o.rate > maxRate:
		return fmt.Errorf("-rate %d is not between 1 and %d", o.rate, maxRate)
	case !isRatio(o.failures):
		return fmt.Errorf("-failures %v is not between 0 and 1", o.failures)
	}
	listener, err := listen("-addr", o.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	addr := reachable(listener.Addr().String())

	var p *prometheus
	var prometheusEnded chan error // nil, so never, without one
	if o.prometheus != "none" {
		p, err = startPrometheus(ctx, o, addr)
		if err != nil {
			return err
		}
		defer p.stop()
		prometheusEnded = p.ended
	}

	server := &http.Server{
		Handler:           newService(ember.Default(), &backend{failures: o.failures}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	serverEnded := make(chan error, 1)
	go func() { serverEnded <- server.Serve(listener) }()

	printLinks(addr, p)
	if p != nil {
		p.awaitScrape(ctx) // then what it says is of all requests
	}
	var t traffic
	working, end := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { t.send(working, "http://"+addr+"/api/payments", o.rate) })
	background.Go(func() { report(working, &t, p) })

	select {
	case <-ctx.Done():
	case err = <-serverEnded: // by itself, so something is wrong
	case err = <-prometheusEnded:
	}
	end()
	background.Wait()
	fmt.Println(t.truth())
	last, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(last) != nil {
		server.Close() // whoever is still connected has had the time
	}
	return err
}

// listen listens on an address that came from a flag.
func listen(name, addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use already; choose another address with %s", addr, name)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return listener, nil
}

// reachable returns the address under which this machine reaches a listener, which may be
// one that listens on all of its addresses.
func reachable(addr string) string {
	if a, err := netip.ParseAddrPort(addr); err == nil && a.Addr().IsUnspecified() {
		return fmt.Sprintf("localhost:%d", a.Port())
	}
	return addr
}
