// SPDX-License-Identifier: Apache-2.0

package embercache

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/embermetrics/ember"
)

// Options says how a cache is measured. The zero Options will do for a program's only
// cache.
type Options struct {
	// Name is the value of the label cache, such as "users". Empty means "default".
	Name string

	// Buckets are the upper bounds, in seconds, of the histograms of durations. They are
	// the same for all caches of a registry. None: 100 µs to 10 s, in 16 steps.
	Buckets []float64
	// Native makes those histograms native ones, on the terms of ember.HistogramOpts.
	Native *ember.NativeOpts

	// Latency also measures how long getting and setting take: for a cache behind a
	// network.
	Latency bool

	// Entries returns how many entries the cache has. It is called at each scrape, perhaps
	// by several at once. If it panics, the scrape lacks this series and has an error; if
	// it is not done in time, those of all caches. Of several with the same name the last
	// one is asked. Nil: nobody asks.
	Entries func() int
}

// defaultBuckets reach from a neighbour's memory to a database in trouble.
var defaultBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Metrics counts what one cache does. Its methods may be called by any number of
// goroutines, never block, never fail and allocate nothing. Create one with NewMetrics; the
// zero Metrics is not usable.
type Metrics struct {
	hits, misses *ember.Counter
	requests     outcomes // ok is hits
	sets, loads  outcomes
	load         *ember.Histogram
	evictions    *ember.Counter
	get, set     *ember.Histogram // nil: not timed
}

// outcomes are the counters of one kind of operation.
type outcomes struct{ ok, failed, canceled *ember.Counter }

func newOutcomes(v *ember.CounterVec, cache, ok string) outcomes {
	return outcomes{v.With(cache, ok), v.With(cache, "error"), v.With(cache, "canceled")}
}

// count counts an operation that ended with err.
func (o *outcomes) count(ctx context.Context, err error) {
	switch {
	case err == nil:
		o.ok.IncContext(ctx)
	case err != errPanicked && (errors.Is(err, context.Canceled) || ctx.Err() == context.Canceled):
		o.canceled.IncContext(ctx)
	default:
		o.failed.IncContext(ctx)
	}
}

// NewMetrics returns the metrics of a cache in a registry. The same registry and name
// again are the same series, with what either has of Latency and Entries. A nil registry is
// ember.Default(). NewMetrics panics if the registry has metrics of the same names that are
// something else, such as those of a cache with other Buckets.
func NewMetrics(reg *ember.Registry, opts Options) *Metrics {
	if reg == nil {
		reg = ember.Default()
	}
	name := cmp.Or(opts.Name, "default")
	buckets := opts.Buckets
	if len(buckets) == 0 && opts.Native == nil {
		buckets = defaultBuckets
	}
	requests := reg.NewCounterVec(ember.CounterOpts{
		Name: "cache_requests_total",
		Help: "Values that a cache was asked for.",
	}, "cache", "result")
	m := &Metrics{
		misses:   requests.With(name, "miss"),
		requests: newOutcomes(requests, name, "hit"),
		sets: newOutcomes(reg.NewCounterVec(ember.CounterOpts{
			Name: "cache_sets_total",
			Help: "Values that a cache was given.",
		}, "cache", "result"), name, "ok"),
		loads: newOutcomes(reg.NewCounterVec(ember.CounterOpts{
			Name: "cache_loads_total",
			Help: "Values that were loaded because a cache did not have them.",
		}, "cache", "result"), name, "ok"),
		load: reg.NewHistogramVec(ember.HistogramOpts{
			Name:    "cache_load_duration_seconds",
			Help:    "Time to load what a cache did not have, failed loads too.",
			Unit:    "seconds",
			Buckets: buckets,
			Native:  opts.Native,
		}, "cache").With(name),
		evictions: reg.NewCounterVec(ember.CounterOpts{
			Name: "cache_evictions_total",
			Help: "Entries that a cache dropped to make place.",
		}, "cache").With(name),
	}
	m.hits = m.requests.ok
	if opts.Latency {
		v := reg.NewHistogramVec(ember.HistogramOpts{
			Name:    "cache_operation_duration_seconds",
			Help:    "Time that a cache took to answer, failed requests too.",
			Unit:    "seconds",
			Buckets: buckets,
			Native:  opts.Native,
		}, "cache", "operation")
		m.get, m.set = v.With(name, "get"), v.With(name, "set")
	}
	if opts.Entries != nil {
		reg.NewGaugeVec(ember.GaugeOpts{
			Name: "cache_entries",
			Help: "Entries in a cache.",
		}, "cache").SetFunc(func() float64 { return float64(opts.Entries()) }, name)
	}
	return m
}

// Hit counts a value that was there.
func (m *Metrics) Hit() { m.hits.Inc() }

// Miss counts a value that was not there.
func (m *Metrics) Miss() { m.misses.Inc() }

// Error counts a request that failed, or as canceled one whose caller went away. A nil
// err is none.
func (m *Metrics) Error(ctx context.Context, err error) {
	if err != nil {
		m.requests.count(ctx, err)
	}
}

// Loaded counts a load that began at start, has just ended, and failed unless err is nil.
func (m *Metrics) Loaded(ctx context.Context, start time.Time, err error) {
	m.load.ObserveContext(ctx, time.Since(start).Seconds())
	m.loads.count(ctx, err)
}

// Evicted counts an entry that was dropped to make place: what caches call back for. Some
// do so for entries that are removed or replaced by their users too, which then count.
func (m *Metrics) Evicted() { m.evictions.Inc() }

// EvictedMany counts n of them. Less than one is none.
func (m *Metrics) EvictedMany(n int) {
	if n > 0 {
		m.evictions.Add(float64(n))
	}
}
