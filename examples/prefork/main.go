// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

// Prefork is a web server of several processes on one port, which are scraped as one.
//
//	go run ./examples/prefork
//	curl -s 127.0.0.1:8080/metrics
//
// Its page has a button that kills the worker that answers. Another one takes its place,
// and nothing that was counted is lost. The parent, which starts the workers, is in
// parent.go; what a worker does, and all that knows Ember, is in worker.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// grace is how long a worker waits for requests to finish when it is to end.
const grace = 3 * time.Second

// dirVariable tells a worker that it is one, and the directory that it shares.
const dirVariable = "PREFORK_DIR"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`address` to listen on")
	workers := flag.Int("workers", 4, "how `many` processes answer")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	var err error
	if dir := os.Getenv(dirVariable); dir != "" {
		err = work(ctx, dir)
	} else {
		err = supervise(ctx, *addr, *workers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prefork:", err)
		os.Exit(1)
	}
}
