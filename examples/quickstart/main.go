// SPDX-License-Identifier: Apache-2.0

// Quickstart is a small HTTP service that measures itself with Ember.
//
//	go run ./examples/quickstart -load 50
//	curl -s 127.0.0.1:8080/metrics
//
// The metrics are in metrics.go, which is all of the service that knows Ember;
// what it measures is in service.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// grace is how long a shutdown waits for requests to finish. None takes that long.
const grace = 3 * time.Second

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen on")
	load := flag.Int("load", 0, "send itself this `many` requests a second")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, *addr, *load); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done.
func run(ctx context.Context, addr string, load int) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if load < 0 || load > maxLoad {
		return fmt.Errorf("-load %d is not between 0 and %d", load, maxLoad)
	}
	listener, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s is in use already; choose another address with -addr", addr)
	case err != nil:
		return err
	}

	s := newService()
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	url := "http://" + reachable(listener.Addr())
	fmt.Printf("metrics: %s/metrics\ntry:     %s/api/data\nCtrl-C stops.\n", url, url)

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	var background sync.WaitGroup
	background.Go(func() { sendLoad(ctx, url+"/api/data", load) })
	background.Go(s.work)

	select {
	case err = <-ended: // by itself, so something is wrong
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close() // whoever is still connected has had the time
		}
		s.close()
		background.Wait()
	}
	return err
}

// reachable returns the address under which this machine reaches a listener,
// which may be one that listens on all of its addresses.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}
