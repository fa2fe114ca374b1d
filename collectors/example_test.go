// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"context"
	"fmt"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

func ExampleGo() {
	g := collectors.NewGo(collectors.GoOpts{Allow: []string{"/sched/latencies:seconds"}})

	var out metric.Sink
	if err := g.Collect(context.Background(), &out); err != nil {
		fmt.Println(err)
	}
	for _, f := range out.Families() {
		switch f.Name {
		case "go_goroutines", "go_memstats_alloc_bytes_total", "go_sched_latencies_seconds":
			fmt.Println(f.Kind, f.Name)
		}
	}
	// Output:
	// gauge go_goroutines
	// counter go_memstats_alloc_bytes_total
	// histogram go_sched_latencies_seconds
}

func ExampleGo_Err() {
	g := collectors.NewGo(collectors.GoOpts{Allow: []string{"/sched/latency:seconds"}})

	fmt.Println(g.Err() != nil) // a registry refuses it
	// Output: true
}

func ExampleBuildInfo() {
	b := collectors.NewBuildInfo()

	for _, d := range b.Describe() {
		fmt.Println(d.Name, len(d.ConstLabels), "labels")
	}
	// Output: go_build_info 5 labels
}
