// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package ember_test

import (
	"log"
	"os"
	"strings"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

// Each process of a service has a registry that answers for all. There are two here, in
// one process for the example's sake.
func ExampleWithMultiproc() {
	path, err := os.MkdirTemp("", "ember-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)

	var reg *ember.Registry
	for _, jobs := range []float64{3, 4} {
		dir, err := multiproc.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		defer dir.Close()
		reg = ember.NewRegistry(ember.WithMultiproc(dir))
		reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."}).Add(jobs)
	}

	var b strings.Builder
	ember.WriteText(&b, reg)
	text, _, _ := strings.Cut(b.String()[strings.Index(b.String(), "# HELP jobs_total"):], "# HELP ember")
	os.Stdout.WriteString(text)
	// Output:
	// # HELP jobs_total Jobs finished.
	// # TYPE jobs_total counter
	// jobs_total 7
}

// A prefork server shares a directory among its workers.
func ExampleRegistry_Configure_multiproc() {
	dir, err := multiproc.Open("/dev/shm/my-service")
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Close()
	ember.Default().Configure(ember.WithMultiproc(dir))
}
