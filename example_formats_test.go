// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/embermetrics/ember"
)

func Example_nativeHistogram() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{
		Name:   "rpc_duration_seconds",
		Help:   "Time to answer a call.",
		Native: &ember.NativeOpts{},
	})
	latency.ObserveDuration(21 * time.Millisecond)
	latency.ObserveDuration(22 * time.Millisecond)
	latency.ObserveDuration(25 * time.Millisecond)

	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	for _, b := range families[0].Points[0].Native.Positive {
		fmt.Println(b.Count)
	}
	// Output:
	// 2
	// 1
}

// currentTrace stands for what a tracing library knows of contexts.
func currentTrace(context.Context) ember.Labels { return ember.Labels{"trace_id": "4bf92f3577b34da6"} }

func Example_exemplars() {
	latency := ember.NewHistogram(ember.HistogramOpts{Name: "rpc_duration_seconds", Buckets: []float64{0.1, 1}})
	ember.MustRegister(latency)
	defer ember.Unregister(latency)
	ctx, seconds, id := context.Background(), 0.7, "a2fb4a1d1a96d312"

	defer ember.Default().Configure(ember.WithExemplarSource(nil))

	latency.ObserveWithExemplar(seconds, ember.Labels{"trace_id": id})

	seconds = 0.05
	ember.Default().Configure(ember.WithExemplarSource(currentTrace))

	latency.ObserveContext(ctx, seconds)

	families, err := ember.Default().Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		if f.Name != "rpc_duration_seconds" {
			continue
		}
		for _, b := range f.Points[0].Buckets {
			fmt.Println(b.UpperBound, b.Exemplar.Value, b.Exemplar.Labels)
		}
	}
	// Output:
	// 0.1 0.05 [{trace_id 4bf92f3577b34da6}]
	// 1 0.7 [{trace_id a2fb4a1d1a96d312}]
}

func ExampleWrite() {
	reg := ember.NewRegistry()
	jobs := reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."})
	jobs.Inc()

	ember.Write(os.Stdout, reg, ember.FormatOpenMetrics)
	// Output:
	// # TYPE jobs counter
	// # HELP jobs Jobs finished.
	// jobs_total 1.0
	// # EOF
}
