// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"strings"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/collectors"
)

func Example_moreOfTheRuntime() {
	more := collectors.GoOpts{Allow: []string{"/sched/latencies:seconds", "/cpu/classes/*"}}
	defer func() {
		ember.Unregister(collectors.NewGo(more))
		ember.MustRegister(collectors.NewGo(collectors.GoOpts{}))
	}()

	ember.Unregister(collectors.NewGo(collectors.GoOpts{}))
	ember.MustRegister(collectors.NewGo(collectors.GoOpts{Allow: []string{
		"/sched/latencies:seconds", // how long goroutines wait to run
		"/cpu/classes/*",           // where the CPU time goes
	}}))

	families, err := ember.Default().Gather()
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.Name, "go_sched_") || strings.HasPrefix(f.Name, "go_cpu_classes_gc_") {
			fmt.Println(f.Kind, f.Name)
		}
	}
	// Output:
	// counter go_cpu_classes_gc_mark_assist_cpu_seconds_total
	// counter go_cpu_classes_gc_mark_dedicated_cpu_seconds_total
	// counter go_cpu_classes_gc_mark_idle_cpu_seconds_total
	// counter go_cpu_classes_gc_pause_cpu_seconds_total
	// counter go_cpu_classes_gc_total_cpu_seconds_total
	// gauge go_sched_gomaxprocs_threads
	// histogram go_sched_latencies_seconds
}
