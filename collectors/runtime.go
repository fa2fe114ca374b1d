// SPDX-License-Identifier: Apache-2.0

package collectors

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/embermetrics/ember/metric"
)

// GoOpts says what [NewGo] writes besides its fixed set. The zero GoOpts adds
// nothing.
type GoOpts struct {
	// Allow adds metrics of runtime/metrics. Each rule is the exact name of one,
	// such as "/sched/latencies:seconds", or a prefix followed by one asterisk,
	// such as "/gc/*"; "*" alone adds them all. A rule that matches nothing in
	// the running version of Go is reported by [Go.Err].
	//
	// A metric becomes a family by these rules: its path and unit are joined by
	// underscores below "go_", a slash in the unit becomes "_per_", and "_total"
	// follows if the value only grows. "/gc/cycles/total:gc-cycles" is the counter
	// go_gc_cycles_total_gc_cycles_total. Its help is what runtime/metrics says
	// about it. A family that the fixed set holds already is not written twice.
	//
	// Distributions become histograms with fewer buckets: bounds in seconds are a
	// factor of ten or more apart and end at one second, all others a factor of
	// two or more. The sum is exact for /gc/heap/allocs-by-size:bytes and
	// /gc/heap/frees-by-size:bytes, and otherwise estimated as if every
	// observation lay in the middle of its bucket in the runtime.
	Allow []string
}

// Go writes the state of the Go runtime: goroutines, threads, memory, garbage
// collection and scheduler. It reads runtime/metrics and never stops the world.
//
// Use [NewGo]; the zero Go writes nothing. All methods may be called
// concurrently. Collect fails only if its context is done.
type Go struct {
	err      error
	families []runtimeFamily // set by NewGo, then read only
	buckets  int             // of all histograms together

	// A scrape needs these only while it runs; they are kept to be filled again
	// by the next one.
	mu      sync.Mutex
	samples []metrics.Sample // guarded by mu
	pauses  debug.GCStats    // guarded by mu
}

// runtimeFamily is a family of one point that is read from runtime/metrics.
type runtimeFamily struct {
	desc    metric.Desc
	samples []int      // indexes of Go.samples: their sum is the value
	reduce  *reduction // of a histogram's buckets; nil for other kinds
	sum     int        // of a histogram: index of the sample with its sum, or -1
}

// pauseQuantiles are the quantiles of go_gc_duration_seconds.
var pauseQuantiles = [...]float64{0, 0.25, 0.5, 0.75, 1}

// NewGo returns a collector of the Go runtime with this fixed set, and what
// opts adds to it:
//
//   - go_goroutines, go_threads, go_sched_gomaxprocs_threads
//   - go_info, with the label version
//   - go_gc_duration_seconds, a summary of the last 256 pauses
//   - go_gc_gogc_percent, go_gc_gomemlimit_bytes
//   - go_memstats_*, the fields of [runtime.MemStats]
//
// NewGo does not fail: a mistake in opts is reported by [Go.Err].
func NewGo(opts GoOpts) *Go {
	b := newRuntimeBuilder()
	for _, f := range memoryFamilies {
		b.addSum(f, metric.ModeDefault)
	}
	for _, f := range settingFamilies {
		b.addSum(f, metric.ModeLiveMax)
	}
	err := b.allow(opts.Allow)

	return &Go{
		err:      err,
		families: b.families,
		buckets:  b.buckets,
		samples:  b.samples,
		pauses:   debug.GCStats{PauseQuantiles: make([]time.Duration, len(pauseQuantiles))},
	}
}

// Err returns an error that names each rule of GoOpts.Allow that matches
// nothing, or nil. A registry refuses a collector with an error. It never
// changes.
func (g *Go) Err() error { return g.err }

// Describe returns the description of every family that Collect writes.
func (g *Go) Describe() []metric.Desc {
	if g.families == nil {
		return nil
	}
	all := make([]metric.Desc, 0, len(basicFamilies)+len(g.families))
	for _, d := range basicFamilies {
		all = append(all, *d)
	}
	for i := range g.families {
		all = append(all, g.families[i].desc)
	}
	return all
}

// Collect writes the runtime's state. It fails only if ctx is done.
func (g *Go) Collect(ctx context.Context, out *metric.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.families == nil {
		return nil
	}

	// The whole scrape holds the lock, since the runtime owns the histograms in
	// samples and overwrites them in the next read.
	g.mu.Lock()
	defer g.mu.Unlock()

	g.collectBasic(out)

	metrics.Read(g.samples)
	buckets := make([]metric.Bucket, 0, g.buckets)
	for i := range g.families {
		f := &g.families[i]
		if f.reduce == nil {
			out.Add(&f.desc, metric.Point{Value: g.total(f.samples)})
			continue
		}
		var p metric.Point
		p, buckets = f.reduce.point(g.samples[f.samples[0]].Value.Float64Histogram(), buckets)
		if f.sum >= 0 {
			p.Sum = float64(g.samples[f.sum].Value.Uint64())
		}
		out.Add(&f.desc, p)
	}
	return nil
}

// collectBasic writes basicFamilies: what runtime/metrics does not hold, or
// counts differently.
func (g *Go) collectBasic(out *metric.Sink) {
	// Unlike /sched/goroutines:goroutines, without the runtime's own.
	out.Add(&goroutinesDesc, metric.Point{Value: float64(runtime.NumGoroutine())})
	threads, _ := runtime.ThreadCreateProfile(nil)
	out.Add(&threadsDesc, metric.Point{Value: float64(threads)})
	out.Add(&goInfoDesc, metric.Point{Value: 1})

	debug.ReadGCStats(&g.pauses)
	quantiles := make([]metric.Quantile, len(pauseQuantiles))
	for i, q := range pauseQuantiles {
		quantiles[i] = metric.Quantile{Quantile: q, Value: g.pauses.PauseQuantiles[i].Seconds()}
	}
	out.Add(&pausesDesc, metric.Point{
		Count:     uint64(g.pauses.NumGC),
		Sum:       g.pauses.PauseTotal.Seconds(),
		Quantiles: quantiles,
	})
	out.Add(&lastGCDesc, metric.Point{Value: float64(g.pauses.LastGC.UnixNano()) / 1e9})
}

// total adds up samples. Only whole numbers are ever added to one another, as
// such: in floating point the smaller could get lost.
func (g *Go) total(samples []int) float64 {
	var whole uint64
	for _, i := range samples {
		v := &g.samples[i].Value
		if v.Kind() == metrics.KindFloat64 {
			return v.Float64()
		}
		whole += v.Uint64()
	}
	return float64(whole)
}
