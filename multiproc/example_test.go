// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// newPath returns where a directory may be made, and what removes it.
func newPath() (path string, remove func()) {
	above, err := os.MkdirTemp("", "ember-example-")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(above, "metrics"), func() { os.RemoveAll(above) }
}

// print writes what a gatherer has, but for Ember's own metrics.
func print(g ember.Gatherer) {
	var b strings.Builder
	ember.WriteText(&b, g)
	for line := range strings.Lines(b.String()) {
		if !strings.Contains(line, "ember_") {
			fmt.Print(line)
		}
	}
}

// Two processes count in one directory. Both are one here, for the example's sake.
func ExampleOpen() {
	path, remove := newPath()
	defer remove()

	work := func(n float64) (*ember.Registry, *multiproc.Dir) {
		dir, err := multiproc.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		reg := ember.NewRegistry(ember.WithMultiproc(dir))
		reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs done."}).Add(n)
		return reg, dir
	}
	first, firstDir := work(3)
	second, secondDir := work(4)
	print(first)

	firstDir.Close() // the first process ends
	print(second)
	secondDir.Close()

	// Output:
	// # HELP jobs_total Jobs done.
	// # TYPE jobs_total counter
	// jobs_total 7
	// # HELP jobs_total Jobs done.
	// # TYPE jobs_total counter
	// jobs_total 7
}

// How the values of a gauge become one is up to its mode.
func ExampleOpen_gauges() {
	path, remove := newPath()
	defer remove()

	var dirs []*multiproc.Dir
	var reg *ember.Registry
	for i := range 3 {
		dir, err := multiproc.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		dirs = append(dirs, dir)
		reg = ember.NewRegistry(ember.WithMultiproc(dir))
		connections := reg.NewGauge(ember.GaugeOpts{
			Name: "connections",
			Help: "Open connections, of all processes that live.",
		})
		configured := reg.NewGauge(ember.GaugeOpts{
			Name: "config_loaded_timestamp_seconds",
			Help: "When any process has last loaded its configuration.",
			Mode: ember.ModeMax,
		})
		connections.Set(10)
		configured.Set(float64(1000 + i))
	}
	dirs[0].Close() // one of them ends
	print(reg)
	for _, dir := range dirs {
		dir.Close()
	}

	// Output:
	// # HELP config_loaded_timestamp_seconds When any process has last loaded its configuration.
	// # TYPE config_loaded_timestamp_seconds gauge
	// config_loaded_timestamp_seconds 1002
	// # HELP connections Open connections, of all processes that live.
	// # TYPE connections gauge
	// connections 20
}

// A job counts, and ends. What it has counted stays, and the next run adds to it.
func ExampleOpen_jobs() {
	path, remove := newPath()
	defer remove()

	job := func(rows float64) error {
		dir, err := multiproc.Open(path)
		if err != nil {
			return err
		}
		defer dir.Close()
		reg := ember.NewRegistry(ember.WithMultiproc(dir))
		imported := reg.NewCounter(ember.CounterOpts{
			Name: "import_rows_total",
			Help: "Rows imported.",
		})
		finished := reg.NewGauge(ember.GaugeOpts{
			Name: "import_finished_timestamp_seconds",
			Help: "When an import has last finished, as Unix time.",
			Mode: ember.ModeLatest,
		})
		imported.Add(rows)
		finished.Set(1_750_000_000 + rows) // SetToCurrentTime, but for the example
		return nil
	}
	for _, rows := range []float64{100, 20} {
		if err := job(rows); err != nil {
			log.Fatal(err)
		}
	}

	dir, err := multiproc.OpenReader(path)
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	print(dir)

	// Output:
	// # HELP import_finished_timestamp_seconds When an import has last finished, as Unix time.
	// # TYPE import_finished_timestamp_seconds gauge
	// import_finished_timestamp_seconds 1.75000002e+09
	// # HELP import_rows_total Rows imported.
	// # TYPE import_rows_total counter
	// import_rows_total 120
}

// An exporter of one's own counts nothing itself.
func ExampleOpenReader() {
	path, remove := newPath()
	defer remove()
	if err := os.Mkdir(path, 0o700); err != nil { // some process has made it
		log.Fatal(err)
	}

	dir, err := multiproc.OpenReader(path)
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	reg := ember.NewRegistry(ember.WithMultiproc(dir))
	http.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP ember_multiproc_files Files of processes, by whether those live.
	// # TYPE ember_multiproc_files gauge
	// ember_multiproc_files{state="dead"} 0
	// ember_multiproc_files{state="live"} 0
	// # HELP ember_multiproc_series_without_place_total Times that there was no place for a series, so that other processes cannot see it.
	// # TYPE ember_multiproc_series_without_place_total counter
	// ember_multiproc_series_without_place_total 0
}

// The default registry can have a directory too.
func ExampleOpen_default() {
	dir, err := multiproc.Open("/dev/shm/my-service")
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	ember.Default().Configure(ember.WithMultiproc(dir))

	requests := ember.NewCounter(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	})
	ember.MustRegister(requests)
	http.Handle("GET /metrics", ember.Handler()) // of all processes
}

// Directories that belong to others may not be used, so errors should be looked at.
func ExampleDir_Close() {
	path, remove := newPath()
	defer remove()

	serve := func(ctx context.Context) error {
		dir, err := multiproc.Open(path)
		if err != nil {
			return err
		}
		defer dir.Close()
		reg := ember.NewRegistry(ember.WithMultiproc(dir))
		reg.NewCounterFunc(ember.CounterOpts{
			Name: "cache_hits_total",
			Help: "Answers that came from the cache.",
		}, func() float64 { return 12 })
		<-ctx.Done()
		return nil // Close asks the function a last time
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := serve(ctx); err != nil {
		log.Fatal(err)
	}

	dir, err := multiproc.OpenReader(path)
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	print(dir)
	// Output:
	// # HELP cache_hits_total Answers that came from the cache.
	// # TYPE cache_hits_total counter
	// cache_hits_total 12
}
