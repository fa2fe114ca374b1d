// SPDX-License-Identifier: Apache-2.0

//go:build !race

package collectors_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

// TestCollectAllocations bounds what a collector allocates by itself: the same
// families written to a Sink from ready points are subtracted.
func TestCollectAllocations(t *testing.T) {
	for name, tc := range map[string]struct {
		c   metric.Describer
		max float64
	}{
		"Go":             {collectors.NewGo(collectors.GoOpts{}), 1},                     // quantiles
		"Go with all":    {collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}}), 2}, // quantiles, buckets
		"Process":        {collectors.NewProcess(collectors.ProcessOpts{}), 3},           // the paths, as C strings
		"Process by PID": {collectors.NewProcess(collectors.ProcessOpts{PID: ownPID}), 3},
		"BuildInfo":      {collectors.NewBuildInfo(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			descs := tc.c.Describe()
			ready := collectorFunc(func(out *metric.Sink) {
				for i := range descs {
					out.Add(&descs[i], metric.Point{})
				}
			})
			sink := allocations(t, ready)
			got := allocations(t, tc.c)
			t.Logf("%.0f allocations, and %.0f of the sink", got-sink, sink)
			require.LessOrEqual(t, got-sink, tc.max)
		})
	}
}

type collectorFunc func(out *metric.Sink)

func (f collectorFunc) Collect(_ context.Context, out *metric.Sink) error {
	f(out)
	return nil
}

// allocations returns how many allocations a scrape of c makes.
func allocations(t *testing.T, c metric.Collector) float64 {
	ctx := t.Context()
	return testing.AllocsPerRun(100, func() {
		var out metric.Sink
		if err := c.Collect(ctx, &out); err != nil {
			panic(err)
		}
	})
}

func BenchmarkCollect(b *testing.B) {
	for name, c := range all() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var out metric.Sink
				if err := c.Collect(context.Background(), &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
