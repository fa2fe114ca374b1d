// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

func TestGoFixedSet(t *testing.T) {
	require.Equal(t, []shape{
		{"go_gc_duration_seconds", metric.Summary, "seconds", ""},
		{"go_gc_gogc_percent", metric.Gauge, "percent", ""},
		{"go_gc_gomemlimit_bytes", metric.Gauge, "bytes", ""},
		{"go_goroutines", metric.Gauge, "", ""},
		{"go_info", metric.Gauge, "", "version"},
		{"go_memstats_alloc_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_alloc_bytes_total", metric.Counter, "bytes", ""},
		{"go_memstats_buck_hash_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_frees_total", metric.Counter, "", ""},
		{"go_memstats_gc_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_heap_alloc_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_heap_idle_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_heap_inuse_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_heap_objects", metric.Gauge, "", ""},
		{"go_memstats_heap_released_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_heap_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_last_gc_time_seconds", metric.Gauge, "seconds", ""},
		{"go_memstats_mallocs_total", metric.Counter, "", ""},
		{"go_memstats_mcache_inuse_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_mcache_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_mspan_inuse_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_mspan_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_next_gc_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_other_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_stack_inuse_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_stack_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_memstats_sys_bytes", metric.Gauge, "bytes", ""},
		{"go_sched_gomaxprocs_threads", metric.Gauge, "threads", ""},
		{"go_threads", metric.Gauge, "", ""},
	}, shapes(t, collectors.NewGo(collectors.GoOpts{})))
}

func TestGoValues(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{})
	require.NoError(t, g.Err())

	stop := make(chan struct{})
	defer close(stop)
	before := value(t, g, "go_goroutines")
	for range 100 {
		go func() { <-stop }()
	}
	require.InDelta(t, before+100, value(t, g, "go_goroutines"), 10)
	require.InDelta(t, runtime.NumGoroutine(), value(t, g, "go_goroutines"), 10)

	require.GreaterOrEqual(t, value(t, g, "go_threads"), 1.0)
	require.Equal(t, runtime.GOMAXPROCS(0), int(value(t, g, "go_sched_gomaxprocs_threads")))
	require.Equal(t, []metric.Point{{
		Labels: []metric.Label{{Name: "version", Value: runtime.Version()}}, Value: 1,
	}}, collect(t, g)["go_info"].Points)
}

func TestGoSettings(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{})

	defer debug.SetGCPercent(debug.SetGCPercent(150))
	require.Equal(t, 150.0, value(t, g, "go_gc_gogc_percent"))
	debug.SetGCPercent(-1)
	require.Equal(t, float64(math.MaxUint64), value(t, g, "go_gc_gogc_percent"))

	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	require.Equal(t, float64(math.MaxInt64), value(t, g, "go_gc_gomemlimit_bytes"))
	debug.SetMemoryLimit(1 << 40)
	require.Equal(t, float64(1<<40), value(t, g, "go_gc_gomemlimit_bytes"))
}

func TestGoCountsCollections(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{})
	runtime.GC()
	before := collect(t, g)["go_gc_duration_seconds"].Points[0]
	runtime.GC()
	runtime.GC()
	after := collect(t, g)["go_gc_duration_seconds"].Points[0]

	require.GreaterOrEqual(t, after.Count, before.Count+2)
	require.Greater(t, after.Sum, before.Sum)
	require.InDelta(t, time.Now().UnixNano()/1e9, value(t, g, "go_memstats_last_gc_time_seconds"), 60)

	require.Len(t, after.Quantiles, 5)
	last := 0.0
	for i, q := range []float64{0, 0.25, 0.5, 0.75, 1} {
		require.Equal(t, q, after.Quantiles[i].Quantile)
		require.GreaterOrEqual(t, after.Quantiles[i].Value, last)
		last = after.Quantiles[i].Value
	}
	require.LessOrEqual(t, last, after.Sum)
}

// TestGoAgreesWithMemStats compares with the type whose fields the families are
// named after. The heap moves between the two reads, since memory is given back
// in the background, so it may take some attempts.
func TestGoAgreesWithMemStats(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{})
	fields := map[string]func(*runtime.MemStats) uint64{
		"go_memstats_alloc_bytes":         func(ms *runtime.MemStats) uint64 { return ms.Alloc },
		"go_memstats_alloc_bytes_total":   func(ms *runtime.MemStats) uint64 { return ms.TotalAlloc },
		"go_memstats_sys_bytes":           func(ms *runtime.MemStats) uint64 { return ms.Sys },
		"go_memstats_mallocs_total":       func(ms *runtime.MemStats) uint64 { return ms.Mallocs },
		"go_memstats_frees_total":         func(ms *runtime.MemStats) uint64 { return ms.Frees },
		"go_memstats_heap_alloc_bytes":    func(ms *runtime.MemStats) uint64 { return ms.HeapAlloc },
		"go_memstats_heap_sys_bytes":      func(ms *runtime.MemStats) uint64 { return ms.HeapSys },
		"go_memstats_heap_idle_bytes":     func(ms *runtime.MemStats) uint64 { return ms.HeapIdle },
		"go_memstats_heap_inuse_bytes":    func(ms *runtime.MemStats) uint64 { return ms.HeapInuse },
		"go_memstats_heap_released_bytes": func(ms *runtime.MemStats) uint64 { return ms.HeapReleased },
		"go_memstats_heap_objects":        func(ms *runtime.MemStats) uint64 { return ms.HeapObjects },
		"go_memstats_stack_inuse_bytes":   func(ms *runtime.MemStats) uint64 { return ms.StackInuse },
		"go_memstats_stack_sys_bytes":     func(ms *runtime.MemStats) uint64 { return ms.StackSys },
		"go_memstats_mspan_inuse_bytes":   func(ms *runtime.MemStats) uint64 { return ms.MSpanInuse },
		"go_memstats_mspan_sys_bytes":     func(ms *runtime.MemStats) uint64 { return ms.MSpanSys },
		"go_memstats_mcache_inuse_bytes":  func(ms *runtime.MemStats) uint64 { return ms.MCacheInuse },
		"go_memstats_mcache_sys_bytes":    func(ms *runtime.MemStats) uint64 { return ms.MCacheSys },
		"go_memstats_buck_hash_sys_bytes": func(ms *runtime.MemStats) uint64 { return ms.BuckHashSys },
		"go_memstats_gc_sys_bytes":        func(ms *runtime.MemStats) uint64 { return ms.GCSys },
		"go_memstats_other_sys_bytes":     func(ms *runtime.MemStats) uint64 { return ms.OtherSys },
		"go_memstats_next_gc_bytes":       func(ms *runtime.MemStats) uint64 { return ms.NextGC },
	}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		runtime.GC()
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		got := collect(t, g)
		for name, field := range fields {
			value := got[name].Points[0].Value
			require.Positive(c, value, name)
			require.InEpsilon(c, float64(field(&ms)), value, 0.1, name)
		}
	}, 30*time.Second, 10*time.Millisecond)
}

func TestGoNeverStopsTheWorld(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}})
	stops := func() uint64 {
		return collect(t, g)["go_sched_pauses_total_other_seconds"].Points[0].Count
	}
	before := stops()
	for range 20 {
		collect(t, g)
	}
	require.Equal(t, before, stops())

	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	require.Greater(t, stops(), before, "it would have been noticed")
}

func TestGoAllow(t *testing.T) {
	fixed := len(collectors.NewGo(collectors.GoOpts{}).Describe())
	for name, tc := range map[string]struct {
		allow []string
		want  []shape
		err   string
	}{
		"none": {},
		"exact": {
			allow: []string{"/sched/latencies:seconds"},
			want:  []shape{{"go_sched_latencies_seconds", metric.Histogram, "seconds", ""}},
		},
		"prefix": {
			allow: []string{"/gc/cycles/*"},
			want: []shape{
				{"go_gc_cycles_automatic_gc_cycles_total", metric.Counter, "gc_cycles", ""},
				{"go_gc_cycles_forced_gc_cycles_total", metric.Counter, "gc_cycles", ""},
				{"go_gc_cycles_total_gc_cycles_total", metric.Counter, "gc_cycles", ""},
			},
		},
		"float": {
			allow: []string{"/sync/mutex/wait/total:seconds"},
			want:  []shape{{"go_sync_mutex_wait_total_seconds_total", metric.Counter, "seconds", ""}},
		},
		"gauge": {
			allow: []string{"/gc/heap/live:bytes"},
			want:  []shape{{"go_gc_heap_live_bytes", metric.Gauge, "bytes", ""}},
		},
		"godebug": {
			allow: []string{"/godebug/non-default-behavior/panicnil:events"},
			want:  []shape{{"go_godebug_non_default_behavior_panicnil_events_total", metric.Counter, "events", ""}},
		},
		"overlapping": {
			allow: []string{"/gc/heap/live:bytes", "/gc/heap/li*", "/gc/heap/live:bytes"},
			want:  []shape{{"go_gc_heap_live_bytes", metric.Gauge, "bytes", ""}},
		},
		"in the fixed set": {allow: []string{"/gc/gogc:percent", "/sched/gomaxprocs:*"}},
		"prefix without asterisk": {
			allow: []string{"/gc/cycles/"},
			err:   `ember: go collector: the rule "/gc/cycles/" allows no metric of ` + runtime.Version(),
		},
		"asterisk within": {
			allow: []string{"/gc/*:bytes"},
			err:   `ember: go collector: the rule "/gc/*:bytes" allows no metric of ` + runtime.Version(),
		},
		"some wrong": {
			allow: []string{"", "/gc/heap/live:bytes", "/nothing/*"},
			want:  []shape{{"go_gc_heap_live_bytes", metric.Gauge, "bytes", ""}},
			err: `ember: go collector: the rule "" allows no metric of ` + runtime.Version() + "\n" +
				`ember: go collector: the rule "/nothing/*" allows no metric of ` + runtime.Version(),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := collectors.NewGo(collectors.GoOpts{Allow: tc.allow})
			if tc.err == "" {
				require.NoError(t, g.Err())
			} else {
				require.EqualError(t, g.Err(), tc.err)
			}
			var got []shape
			for _, d := range g.Describe()[fixed:] {
				require.Empty(t, d.Labels)
				require.Empty(t, d.ConstLabels)
				got = append(got, shape{d.Name, d.Kind, d.Unit, ""})
			}
			require.Equal(t, tc.want, got)
			require.Len(t, collect(t, g), fixed+len(tc.want))
		})
	}
}

func TestGoAllowsEveryMetric(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}})
	require.NoError(t, g.Err())
	helps := make(map[string]string)
	for _, d := range g.Describe() {
		helps[d.Name] = d.Help
	}
	values := collect(t, g)
	for _, d := range metrics.All() {
		desc, ok := collectors.RuntimeDesc(&d)
		require.True(t, ok, d.Name)
		require.Contains(t, values, desc.Name)
		switch d.Name {
		case "/gc/gogc:percent", "/gc/gomemlimit:bytes", "/sched/gomaxprocs:threads":
		default:
			require.Equal(t, strings.Join(strings.Fields(d.Description), " "), helps[desc.Name])
		}
	}
}

func TestGoExactSums(t *testing.T) {
	g := collectors.NewGo(collectors.GoOpts{Allow: []string{"/gc/heap/allocs*"}})
	got := collect(t, g)
	require.Equal(t, got["go_memstats_alloc_bytes_total"].Points[0].Value, got["go_gc_heap_allocs_by_size_bytes"].Points[0].Sum)
	require.Equal(t, got["go_memstats_alloc_bytes_total"].Points[0].Value, got["go_gc_heap_allocs_bytes_total"].Points[0].Value)
}

func TestRuntimeDesc(t *testing.T) {
	for name, tc := range map[string]struct {
		in   metrics.Description
		want metric.Desc // without a name: not ok
	}{
		"gauge": {
			metrics.Description{Name: "/a-b/c:bytes", Description: "One\ntwo.  Three.\n", Kind: metrics.KindUint64},
			metric.Desc{Name: "go_a_b_c_bytes", Help: "One two. Three.", Unit: "bytes", Kind: metric.Gauge},
		},
		"counter": {
			metrics.Description{Name: "/a:cpu-seconds", Kind: metrics.KindFloat64, Cumulative: true},
			metric.Desc{Name: "go_a_cpu_seconds_total", Unit: "cpu_seconds", Kind: metric.Counter},
		},
		"cumulative histogram": {
			metrics.Description{Name: "/a:seconds", Kind: metrics.KindFloat64Histogram, Cumulative: true},
			metric.Desc{Name: "go_a_seconds", Unit: "seconds", Kind: metric.Histogram},
		},
		"compound unit": {
			metrics.Description{Name: "/a:bytes/cpu-seconds*threads", Kind: metrics.KindUint64},
			metric.Desc{Name: "go_a_bytes_per_cpu_seconds_threads", Unit: "bytes_per_cpu_seconds_threads", Kind: metric.Gauge},
		},
		"unknown kind":     {in: metrics.Description{Name: "/a:bytes", Kind: 200}},
		"bad kind":         {in: metrics.Description{Name: "/a:bytes", Kind: metrics.KindBad}},
		"no unit":          {in: metrics.Description{Name: "/a", Kind: metrics.KindUint64}},
		"empty unit":       {in: metrics.Description{Name: "/a:", Kind: metrics.KindUint64}},
		"no slash":         {in: metrics.Description{Name: "a:bytes", Kind: metrics.KindUint64}},
		"not a valid name": {in: metrics.Description{Name: "/a.b:bytes", Kind: metrics.KindUint64}},
		"not ASCII":        {in: metrics.Description{Name: "/a:µs", Kind: metrics.KindUint64}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := collectors.RuntimeDesc(&tc.in)
			require.Equal(t, tc.want.Name != "", ok)
			if ok {
				require.Equal(t, tc.want, got)
			}
		})
	}
}
