// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// grace is how long scrapes that are under way may take when the exporter is to end.
const grace = 3 * time.Second

// exporter serves the metrics of a directory.
type exporter struct {
	path string
	addr string
	wait bool

	mu      sync.Mutex
	dir     *multiproc.Dir // nil: it does not exist yet
	metrics http.Handler   // of dir
}

// parseExporter reads the flags of the command. What is wrong with them it writes to log.
func parseExporter(args []string, log io.Writer) (*exporter, error) {
	e := new(exporter)
	flags := flag.NewFlagSet("ember multiproc", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&e.path, "dir", os.Getenv("PROMETHEUS_MULTIPROC_DIR"), "`directory` that the processes share; by default that of PROMETHEUS_MULTIPROC_DIR")
	flags.StringVar(&e.addr, "addr", "localhost:8080", "`address` to listen on")
	flags.BoolVar(&e.wait, "wait", false, "if the directory does not exist yet, answer scrapes with 503 until it does")
	if err := flags.Parse(args); err != nil {
		return nil, cmp.Or(isHelp(err), errUsage) // it has been said what is wrong
	}
	switch {
	case flags.NArg() > 0:
		fmt.Fprintf(log, "ember multiproc: unexpected argument %q\n", flags.Arg(0))
		return nil, errUsage
	case e.path == "":
		fmt.Fprintln(log, "ember multiproc: -dir is missing, and PROMETHEUS_MULTIPROC_DIR is not set")
		return nil, errUsage
	}
	return e, nil
}

func isHelp(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return flag.ErrHelp
	}
	return nil
}

// run serves until ctx is done.
func (e *exporter) run(ctx context.Context, out io.Writer) error {
	if _, err := e.open(); err != nil && !(e.wait && errors.Is(err, fs.ErrNotExist)) {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("ember multiproc: -dir %s does not exist; -wait waits until a process makes it", e.path)
		}
		return err // which names the directory
	}
	defer e.close()
	listener, err := net.Listen("tcp", e.addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("ember multiproc: -addr %s is in use already", e.addr)
	case err != nil:
		return fmt.Errorf("ember multiproc: -addr: %w", err)
	}
	server := &http.Server{
		Handler:           e.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 16,
	}
	fmt.Fprintf(out, "metrics of %s: http://%s/metrics\n", e.path, listener.Addr())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("ember multiproc: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if server.Shutdown(last) != nil {
		server.Close() // who is still connected has had the time
	}
	return nil
}

// open returns what serves the metrics, once the directory exists.
func (e *exporter) open() (http.Handler, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dir != nil {
		return e.metrics, nil
	}
	dir, err := multiproc.OpenReader(e.path)
	if err != nil {
		return nil, err
	}
	e.dir = dir
	e.metrics = ember.HandlerFor(ember.NewRegistry(ember.WithMultiproc(dir)), ember.HandlerOpts{})
	return e.metrics, nil
}

func (e *exporter) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dir != nil {
		e.dir.Close()
	}
}

func (e *exporter) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, page)
	})
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "healthy\n")
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, r *http.Request) {
		metrics, err := e.open()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		metrics.ServeHTTP(w, r)
	})
	return mux
}

const page = `<!DOCTYPE html>
<html lang="en">
<title>Ember</title>
<h1>Ember</h1>
<p><a href="/metrics">Metrics</a> of all processes that share a directory.
</html>
`
