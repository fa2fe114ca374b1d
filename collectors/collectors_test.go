// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"context"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

// all returns every collector in every shape, by name.
func all() map[string]metric.Describer {
	return map[string]metric.Describer{
		"Go":                collectors.NewGo(collectors.GoOpts{}),
		"Go with all":       collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}}),
		"Process":           collectors.NewProcess(collectors.ProcessOpts{}),
		"Process namespace": collectors.NewProcess(collectors.ProcessOpts{Namespace: "app"}),
		"BuildInfo":         collectors.NewBuildInfo(),
	}
}

// collect returns what c writes, by the family's name.
func collect(t testing.TB, c metric.Collector) map[string]*metric.Family {
	t.Helper()
	var out metric.Sink
	require.NoError(t, c.Collect(t.Context(), &out))
	require.NoError(t, out.Err())
	families := make(map[string]*metric.Family)
	for _, f := range out.Families() {
		families[f.Name] = f
	}
	return families
}

// value returns what c writes as the one point of the family called name.
func value(t testing.TB, c metric.Collector, name string) float64 {
	t.Helper()
	f := collect(t, c)[name]
	require.NotNil(t, f, name)
	require.Len(t, f.Points, 1, name)
	return f.Points[0].Value
}

// shape is what identifies a family and tells how to read it.
type shape struct {
	Name   string
	Kind   metric.Kind
	Unit   string
	Labels string // names, separated by commas
}

// shapes returns the shape of what c writes, by name.
func shapes(t testing.TB, c metric.Collector) []shape {
	t.Helper()
	var got []shape
	for _, f := range collect(t, c) {
		require.Len(t, f.Points, 1, f.Name)
		var names []string
		for _, l := range f.Points[0].Labels {
			names = append(names, l.Name)
		}
		got = append(got, shape{f.Name, f.Kind, f.Unit, strings.Join(names, ",")})
	}
	slices.SortFunc(got, func(a, b shape) int { return strings.Compare(a.Name, b.Name) })
	return got
}

func TestDescribeAgreesWithCollect(t *testing.T) {
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			got := make(map[string]metric.Desc)
			for _, f := range collect(t, c) {
				require.Len(t, f.Points, 1, f.Name)
				got[f.Name] = metric.Desc{
					Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind, Mode: f.Mode,
					ConstLabels: f.Points[0].Labels,
				}
			}
			want := make(map[string]metric.Desc)
			for _, d := range c.Describe() {
				require.NotContains(t, want, d.Name, "described twice")
				want[d.Name] = d
			}
			require.Equal(t, want, got)
		})
	}
}

func TestDescribeIsTheCallers(t *testing.T) {
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			want := c.Describe()
			for i, d := range c.Describe() {
				require.Equal(t, want[i], d)
			}
			clear(c.Describe())
			require.Equal(t, want, c.Describe())
		})
	}
}

func TestHelpIsOneSentenceOrMore(t *testing.T) {
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			for _, d := range c.Describe() {
				require.Regexp(t, `^[A-Z][^\n\r]*[^. ]\.$`, d.Help, d.Name)
				require.NotContains(t, d.Help, "  ", d.Name)
			}
		})
	}
}

func TestUnitEndsName(t *testing.T) {
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			for _, d := range c.Describe() {
				if d.Unit != "" {
					require.True(t, strings.HasSuffix(strings.TrimSuffix(d.Name, "_total"), "_"+d.Unit), d.Name)
				}
			}
		})
	}
}

func TestHistograms(t *testing.T) {
	runtime.GC()
	var names []string
	for _, f := range collect(t, collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}})) {
		if f.Kind != metric.Histogram {
			continue
		}
		names = append(names, f.Name)
		p := f.Points[0]
		require.NotEmpty(t, p.Buckets, f.Name)
		require.LessOrEqual(t, len(p.Buckets), 20, f.Name)

		bound, count := math.Inf(-1), uint64(0)
		for _, b := range p.Buckets {
			require.Greater(t, b.UpperBound, bound, f.Name)
			require.GreaterOrEqual(t, b.Count, count, f.Name)
			require.False(t, math.IsInf(b.UpperBound, 0) || math.IsNaN(b.UpperBound), f.Name)
			bound, count = b.UpperBound, b.Count
		}
		require.GreaterOrEqual(t, p.Count, count, f.Name)
		require.False(t, math.IsInf(p.Sum, 0) || math.IsNaN(p.Sum), f.Name)
		require.Equal(t, p.Count > 0, p.Sum > 0, f.Name)
	}
	require.Subset(t, names, []string{
		"go_gc_heap_allocs_by_size_bytes", "go_gc_heap_frees_by_size_bytes", "go_sched_latencies_seconds",
		"go_sched_pauses_total_gc_seconds",
	})
}

func TestCollectConcurrently(t *testing.T) {
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			want := shapes(t, c)
			outs := make([]metric.Sink, 8)
			errs := make([]error, len(outs))
			var wg sync.WaitGroup
			for i := range outs {
				wg.Go(func() {
					for range 10 {
						outs[i] = metric.Sink{}
						errs[i] = c.Collect(t.Context(), &outs[i])
						c.Describe()
					}
				})
			}
			wg.Wait()
			for i := range outs {
				require.NoError(t, errs[i])
				require.Len(t, outs[i].Families(), len(want))
			}
		})
	}
}

// A scrape keeps the point's slices until it ends, so the next one must not
// write to them.
func TestCollectLeavesEarlierScrapeAlone(t *testing.T) {
	c := collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}})
	first := collect(t, c)
	before := make(map[string]metric.Point)
	for name, f := range first {
		p := f.Points[0]
		p.Buckets, p.Quantiles = slices.Clone(p.Buckets), slices.Clone(p.Quantiles)
		before[name] = p
	}
	for range 3 {
		runtime.GC()
		collect(t, c)
	}
	for name, f := range first {
		require.Equal(t, before[name], f.Points[0], name)
	}
}

func TestCollectGivesUp(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range all() {
		t.Run(name, func(t *testing.T) {
			var out metric.Sink
			require.ErrorIs(t, c.Collect(done, &out), context.Canceled)
			require.Empty(t, out.Families())
		})
	}
}

func TestZeroValuesWriteNothing(t *testing.T) {
	for name, c := range map[string]metric.Describer{
		"Go": new(collectors.Go), "Process": new(collectors.Process), "BuildInfo": new(collectors.BuildInfo),
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, c.Describe())
			require.Empty(t, collect(t, c))
		})
	}
	require.NoError(t, new(collectors.Go).Err())
}
