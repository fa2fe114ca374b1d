// SPDX-License-Identifier: Apache-2.0

//go:build !race

package ember_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// requireNoAllocations fails if f allocates, even once in thousands of calls. Since
// allocations are counted for the whole process, in which timers of earlier tests
// may fire, it is the least of some measurements that counts.
func requireNoAllocations(t *testing.T, f func()) {
	t.Helper()
	for range 100 { // what is kept from the first calls on is no matter
		f()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection allocates too
	least := math.Inf(1)
	for range 3 {
		least = min(least, testing.AllocsPerRun(1, func() {
			for range 3000 {
				f()
			}
		}))
	}
	require.Zero(t, least, "in 3000 calls")
}

// every is one instrument of each kind, and their vectors by the number of labels.
type every struct {
	counter    *ember.Counter
	gauge      *ember.Gauge
	histogram  *ember.Histogram
	many       *ember.Histogram
	native     *ember.Histogram
	both       *ember.Histogram
	coarse     *ember.Histogram
	states     *ember.StateSet
	summary    *ember.Summary
	quantiles  *ember.Summary
	counters   [5]*ember.CounterVec
	gauges     [5]*ember.GaugeVec
	histograms [5]*ember.HistogramVec
	summaries  [5]*ember.SummaryVec
}

func newEvery() *every {
	e := &every{
		counter:   ember.NewCounter(ember.CounterOpts{Name: "c_total"}),
		gauge:     ember.NewGauge(ember.GaugeOpts{Name: "g"}),
		histogram: ember.NewHistogram(ember.HistogramOpts{Name: "h"}),
		many:      ember.NewHistogram(ember.HistogramOpts{Name: "m", Buckets: ember.LinearBuckets(0, 1, 100)}),
		native:    ember.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}}),
		both:      ember.NewHistogram(ember.HistogramOpts{Name: "b", Native: &ember.NativeOpts{}, Buckets: ember.DefBuckets}),
		coarse:    ember.NewHistogram(ember.HistogramOpts{Name: "o", Native: &ember.NativeOpts{MaxBuckets: 10}}),
		states:    ember.NewStateSet(ember.StateSetOpts{Name: "t"}, "on", "off"),
		summary:   ember.NewSummary(ember.SummaryOpts{Name: "s"}),
		quantiles: ember.NewSummary(ember.SummaryOpts{Name: "q", Quantiles: []float64{0.5, 0.99}, MaxAge: time.Hour}),
	}
	for n := range e.counters {
		labels := []string{"a", "b", "c", "d"}[:n]
		e.counters[n] = ember.NewCounterVec(ember.CounterOpts{Name: "c_total"}, labels...)
		e.gauges[n] = ember.NewGaugeVec(ember.GaugeOpts{Name: "g"}, labels...)
		e.histograms[n] = ember.NewHistogramVec(ember.HistogramOpts{Name: "h"}, labels...)
		e.summaries[n] = ember.NewSummaryVec(ember.SummaryOpts{Name: "s"}, labels...)
	}
	return e
}

func TestUpdatesDoNotAllocate(t *testing.T) {
	e := newEvery()
	v := 0.25
	for name, f := range map[string]func(){
		"Counter.Inc":                 func() { e.counter.Inc() },
		"Counter.Add, whole":          func() { e.counter.Add(3) },
		"Counter.Add, fraction":       func() { e.counter.Add(0.5) },
		"Counter.Add, large":          func() { e.counter.Add(1 << 40) },
		"Counter.Value":               func() { e.counter.Value() },
		"Gauge.Set":                   func() { e.gauge.Set(2.5) },
		"Gauge.Add":                   func() { e.gauge.Add(2.5) },
		"Gauge.Sub":                   func() { e.gauge.Sub(2.5) },
		"Gauge.Inc":                   func() { e.gauge.Inc() },
		"Gauge.Dec":                   func() { e.gauge.Dec() },
		"Gauge.SetToCurrentTime":      func() { e.gauge.SetToCurrentTime() },
		"Gauge.Track":                 func() { defer e.gauge.Track()() },
		"Gauge.Value":                 func() { e.gauge.Value() },
		"Histogram.Observe":           func() { e.histogram.Observe(0.2) },
		"Histogram.Observe, +Inf":     func() { e.histogram.Observe(math.Inf(1)) },
		"Histogram.Observe, many":     func() { e.many.Observe(50) },
		"Histogram.Observe, native":   func() { e.native.Observe(0.2) },
		"Histogram.Observe, both":     func() { e.both.Observe(0.2) },
		"Histogram.Observe, range":    func() { e.native.Observe(math.Ldexp(1, int(v)&63-32)); v++ },
		"Histogram.Observe, coarse":   func() { e.coarse.Observe(math.Ldexp(1, int(v)&63-32)); v++ },
		"Histogram.ObserveDuration":   func() { e.histogram.ObserveDuration(time.Second) },
		"Histogram.Start, Stop":       func() { defer e.histogram.Start().Stop() },
		"Histogram.Start, no defer":   func() { t := e.histogram.Start(); t.Stop() },
		"Histogram.Start, Discard":    func() { t := e.histogram.Start(); defer t.Stop(); t.Discard() },
		"Histogram.Time":              func() { e.histogram.Time(func() { v++ }) },
		"Summary.Observe":             func() { e.summary.Observe(0.2) },
		"Summary.ObserveDuration":     func() { e.summary.ObserveDuration(time.Second) },
		"Summary.Start, Stop":         func() { defer e.summary.Start().Stop() },
		"Summary.Start, Discard":      func() { t := e.summary.Start(); defer t.Stop(); t.Discard() },
		"Summary.Time":                func() { e.summary.Time(func() { v++ }) },
		"Summary.Observe, quantiles":  func() { e.quantiles.Observe(0.2) },
		"Summary.Observe, wide range": func() { e.quantiles.Observe(math.Ldexp(1, int(v)&63-32)); v++ },
		"StateSet.Set":                func() { e.states.Set("on", true) },
		"StateSet.Switch":             func() { e.states.Switch("off") },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// What has exemplars costs no more until it has one, and between two of them.
func TestExemplarsDoNotAllocateUnlessKept(t *testing.T) {
	ctx := withTrace("a")
	labels := trace("a")
	instruments := func(reg *ember.Registry) (*ember.Counter, *ember.Histogram, *ember.Histogram) {
		return reg.NewCounter(ember.CounterOpts{Name: "c_total"}),
			reg.NewHistogram(ember.HistogramOpts{Name: "h"}),
			reg.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}})
	}
	lone := ember.NewCounter(ember.CounterOpts{Name: "c_total"})
	c, h, n := instruments(ember.NewRegistry())
	sc, sh, sn := instruments(ember.NewRegistry(ember.WithExemplarSource(traceOf)))
	oc, _, _ := instruments(ember.NewRegistry(ember.WithExemplarSource(func(context.Context) ember.Labels { return nil })))
	for name, f := range map[string]func(){
		"IncContext, not registered":      func() { lone.IncContext(ctx) },
		"IncContext, no source":           func() { c.IncContext(ctx) },
		"AddContext, no source":           func() { c.AddContext(ctx, 0.5) },
		"ObserveContext, no source":       func() { h.ObserveContext(ctx, 0.5) },
		"ObserveContext, native, no such": func() { n.ObserveContext(ctx, 0.5) },
		"IncContext, not due":             func() { sc.IncContext(ctx) },
		"ObserveContext, not due":         func() { sh.ObserveContext(ctx, 0.5) },
		"ObserveContext, native, not due": func() { sn.ObserveContext(ctx, 0.5) },
		"StopContext, no source":          func() { defer h.Start().StopContext(ctx) },
		"StopContext, not due":            func() { defer sh.Start().StopContext(ctx) },
		"IncWithExemplar, not due":        func() { sc.IncWithExemplar(labels) },
		"ObserveWithExemplar, not due":    func() { sh.ObserveWithExemplar(0.5, labels) },
		"IncWithExemplar, built, not due": func() { sc.IncWithExemplar(ember.Labels{"trace_id": "b"}) },
		"IncWithExemplar, nil":            func() { c.IncWithExemplar(nil) },
		"IncContext, none found":          func() { oc.IncContext(ctx) },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	e := newEvery()
	for name, f := range map[string]func(){
		"counter, 0":   func() { e.counters[0].With().Inc() },
		"counter, 1":   func() { e.counters[1].With("GET").Inc() },
		"counter, 2":   func() { e.counters[2].With("GET", "/users/{id}").Inc() },
		"counter, 3":   func() { e.counters[3].With("GET", "/users/{id}", "200").Inc() },
		"counter, 4":   func() { e.counters[4].With("GET", "/users/{id}", "200", "\n").Inc() },
		"gauge, 1":     func() { e.gauges[1].With("GET").Inc() },
		"gauge, 2":     func() { e.gauges[2].With("GET", "/users/{id}").Set(1) },
		"gauge, 3":     func() { e.gauges[3].With("GET", "/users/{id}", "200").Inc() },
		"gauge, 4":     func() { e.gauges[4].With("GET", "/users/{id}", "200", "\n").Inc() },
		"histogram, 1": func() { e.histograms[1].With("GET").Observe(1) },
		"histogram, 2": func() { e.histograms[2].With("GET", "/users/{id}").Observe(1) },
		"histogram, 3": func() { e.histograms[3].With("GET", "/users/{id}", "200").Observe(1) },
		"histogram, 4": func() { e.histograms[4].With("GET", "/users/{id}", "200", "\n").Observe(1) },
		"summary, 1":   func() { e.summaries[1].With("GET").Observe(1) },
		"summary, 2":   func() { e.summaries[2].With("GET", "/users/{id}").Observe(1) },
		"summary, 3":   func() { e.summaries[3].With("GET", "/users/{id}", "200").Observe(1) },
		"summary, 4":   func() { e.summaries[4].With("GET", "/users/{id}", "200", "\n").Observe(1) },
		"timed":        func() { defer e.histograms[2].With("GET", "/users/{id}").Start().Stop() },
		"tracked":      func() { defer e.gauges[2].With("GET", "/users/{id}").Track()() },
		"labels, counter": func() {
			e.counters[3].WithLabels(ember.Labels{"a": "GET", "b": "/users/{id}", "c": "200"}).Inc()
		},
		"labels, gauge":     func() { e.gauges[1].WithLabels(ember.Labels{"a": "GET"}).Inc() },
		"labels, histogram": func() { e.histograms[2].WithLabels(ember.Labels{"a": "GET", "b": "200"}).Observe(1) },
		"labels, summary": func() {
			e.summaries[4].WithLabels(ember.Labels{"a": "GET", "b": "/users/{id}", "c": "200", "d": "x"}).Observe(1)
		},
		"Get, counter":      func() { c, _ := e.counters[2].Get("GET", "200"); c.Inc() },
		"Get, gauge":        func() { g, _ := e.gauges[2].Get("GET", "200"); g.Inc() },
		"Get, histogram":    func() { h, _ := e.histograms[2].Get("GET", "200"); h.Observe(1) },
		"Get, summary":      func() { s, _ := e.summaries[2].Get("GET", "200"); s.Observe(1) },
		"Lookup, counter":   func() { e.counters[2].Lookup("GET", "200") },
		"Lookup, gauge":     func() { e.gauges[2].Lookup("GET", "200") },
		"Lookup, histogram": func() { e.histograms[2].Lookup("GET", "200") },
		"Lookup, summary":   func() { e.summaries[2].Lookup("GET", "200") },
		"Lookup, no such":   func() { e.counters[2].Lookup("GET", "404") },
		"Len":               func() { e.counters[2].Len() },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// Label values that were built for the call can stay on the caller's stack.
func TestLookupsLeaveValuesOnTheStack(t *testing.T) {
	e := newEvery()
	b := []byte("/users/1234567890")
	for name, f := range map[string]func(){
		"counter, 1":   func() { e.counters[1].With(string(b)).Inc() },
		"counter, 2":   func() { e.counters[2].With("GET", string(b)).Inc() },
		"counter, 3":   func() { e.counters[3].With(string(b[:3]), string(b), string(b[7:10])).Inc() },
		"counter, 4":   func() { e.counters[4].With(string(b[:3]), string(b), string(b[7:10]), string(b[8:])).Inc() },
		"gauge, 2":     func() { e.gauges[2].With(string(b), string(b[2:])).Inc() },
		"histogram, 2": func() { e.histograms[2].With(string(b), string(b[2:])).Observe(1) },
		"summary, 2":   func() { e.summaries[2].With(string(b), string(b[2:])).Observe(1) },
		"Get":          func() { c, _ := e.counters[2].Get(string(b), string(b[2:])); c.Inc() },
		"Lookup":       func() { e.counters[2].Lookup(string(b), string(b[2:])) },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

func TestCurriedLookupsDoNotAllocate(t *testing.T) {
	e := newEvery()
	c, err := e.counters[4].Curry(ember.Labels{"b": "/users/{id}", "d": "x"})
	require.NoError(t, err)
	g, err := e.gauges[2].Curry(ember.Labels{"a": "1"})
	require.NoError(t, err)
	h, err := e.histograms[3].Curry(ember.Labels{"a": "GET"})
	require.NoError(t, err)
	s, err := e.summaries[3].Curry(ember.Labels{"a": "1", "b": "2", "c": "3"})
	require.NoError(t, err)
	b := []byte("/users/1234567890")
	for name, f := range map[string]func(){
		"counter":         func() { c.With("GET", "200").Inc() },
		"counter, labels": func() { c.WithLabels(ember.Labels{"a": "GET", "c": "200"}).Inc() },
		"counter, built":  func() { c.With(string(b[:3]), string(b)).Inc() },
		"counter, Get":    func() { x, _ := c.Get("GET", "200"); x.Inc() },
		"counter, Lookup": func() { c.Lookup("GET", "200") },
		"gauge":           func() { g.With("GET").Inc() },
		"histogram":       func() { h.With("GET", "200").Observe(1) },
		"summary, all":    func() { s.With().Observe(1) },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// Series that rules lead elsewhere take a little longer to find, but no memory.
func TestRulesDoNotAllocate(t *testing.T) {
	reg := ruled(t,
		ember.Rule{Metric: "*", DropLabels: []string{"b"}},
		ember.Rule{Metric: "h", RenameLabels: map[string]string{"a": "z"}, Buckets: []float64{1}},
		ember.Rule{Metric: "d_total", Drop: true},
		ember.Rule{Metric: "one", Buckets: []float64{1}},
	)
	c := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b", "c")
	h := reg.NewHistogramVec(ember.HistogramOpts{Name: "h"}, "a", "b")
	d := reg.NewCounterVec(ember.CounterOpts{Name: "d_total"}, "a", "b")
	one := ember.NewHistogram(ember.HistogramOpts{Name: "one"})
	type labels struct {
		A string
		B int
	}
	typed := ember.CounterVecOfIn[labels](reg, ember.CounterOpts{Name: "t_total"})
	reg.MustRegister(one)
	curried, err := c.Curry(ember.Labels{"b": "x"})
	require.NoError(t, err)
	c.With("GET", "x", "200")
	b := []byte("/users/1234567890")
	i := 0
	for name, f := range map[string]func(){
		"counter":        func() { c.With("GET", "/users/{id}", "200").Inc() },
		"counter, built": func() { c.With(string(b[:3]), string(b), string(b[7:10])).Inc() },
		"counter, map":   func() { c.WithLabels(ember.Labels{"a": "GET", "b": "y", "c": "200"}).Inc() },
		"counter, Get":   func() { x, _ := c.Get("GET", string(b), "200"); x.Inc() },
		"Lookup":         func() { c.Lookup("GET", string(b), "200") },
		"curried":        func() { curried.With("GET", string(b)).Inc() },
		"histogram":      func() { h.With(string(b), "x").Observe(3) },
		"dropped":        func() { d.With(string(b), string(b[1:])).Inc() },
		"typed":          func() { i++; typed.With(labels{string(b), i}).Inc() },
		"led elsewhere":  func() { one.Observe(3) },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// A scrape allocates the same few times however many series there are, whatever is
// written of them.
func TestScrapesDoNotAllocatePerSeries(t *testing.T) {
	for name, fill := range map[string]func(reg *ember.Registry, n int){
		"counters": func(reg *ember.Registry, n int) {
			v := reg.NewCounterVec(ember.CounterOpts{Name: "x_seconds_total", Help: "Help.", Unit: "seconds"}, "a", "b")
			for i := range n {
				v.With(strconv.Itoa(i), "\n").Add(float64(i) * 1.25)
			}
		},
		"counters with exemplars": func(reg *ember.Registry, n int) {
			v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", Help: "Help."}, "a")
			for i := range n {
				v.With(strconv.Itoa(i)).AddWithExemplar(1, ember.Labels{"trace_id": strconv.Itoa(i), "x": "\n"})
			}
		},
		"gauges": func(reg *ember.Registry, n int) {
			v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", Help: "Help."}, "a")
			for i := range n {
				v.With(strconv.Itoa(i)).Set(1 / float64(i))
			}
		},
		"names that are not classic": func(reg *ember.Registry, n int) {
			v := reg.Sub("sub.", ember.Labels{"z.z": "\n"}).NewGaugeVec(ember.GaugeOpts{Name: "x.y", Help: "Help.", ConstLabels: ember.Labels{"c c": "\""}}, "a.b", "c", "é")
			for i := range n {
				v.With(strconv.Itoa(i), "plain", "\"\\").Set(1e9)
			}
		},
		"long values": func(reg *ember.Registry, n int) {
			v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", Help: "Help."}, "a", "b")
			for i := range n {
				v.With(strconv.Itoa(i), strings.Repeat("\\", i%200)).Set(float64(i))
			}
		},
		"histograms": func(reg *ember.Registry, n int) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Help: "Help."}, "a")
			for i := range n {
				v.With(strconv.Itoa(i)).Observe(float64(i) / 7)
			}
		},
		"histograms with exemplars": func(reg *ember.Registry, n int) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Help: "Help.", Buckets: []float64{1, 2}}, "a.b")
			for i := range n {
				h := v.With(strconv.Itoa(i))
				h.ObserveWithExemplar(float64(i%4), ember.Labels{"id": strconv.Itoa(i)})
				h.ObserveWithExemplar(3, ember.Labels{"id": "\""})
			}
		},
		"native histograms": func(reg *ember.Registry, n int) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Help: "Help.", Native: &ember.NativeOpts{}}, "a")
			for i := range n {
				h := v.With(strconv.Itoa(i))
				for j := range 5 {
					h.Observe(float64(i%100*j-20) / 7)
				}
				h.ObserveWithExemplar(float64(i%100), ember.Labels{"id": strconv.Itoa(i)})
			}
		},
		"native and classic buckets": func(reg *ember.Registry, n int) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Help: "Help.", Buckets: []float64{1, 2}, Native: &ember.NativeOpts{ZeroThreshold: -1}}, "a.b")
			for i := range n {
				if i%10 > 0 { // some are empty
					v.With(strconv.Itoa(i)).ObserveWithExemplar(float64(i%100), ember.Labels{"id": strconv.Itoa(i)})
				}
				v.With(strconv.Itoa(i))
			}
		},
		"infos": func(reg *ember.Registry, n int) {
			i := reg.NewInfo(ember.InfoOpts{Name: "x_info"}, ember.Labels{"a": strconv.Itoa(n)})
			if err := i.Set(ember.Labels{"b": strconv.Itoa(n)}); err != nil {
				panic(err)
			}
		},
		"summaries": func(reg *ember.Registry, n int) {
			v := reg.NewSummaryVec(ember.SummaryOpts{Name: "x", Help: "Help."}, "a")
			for i := range n {
				v.With(strconv.Itoa(i)).Observe(float64(i) / 7)
			}
		},
		"summaries with quantiles": func(reg *ember.Registry, n int) {
			v := reg.NewSummaryVec(ember.SummaryOpts{Name: "x", Help: "Help.", Quantiles: []float64{0.5, 0.99}, MaxAge: time.Hour}, "a")
			for i := range n {
				v.With(strconv.Itoa(i)).Observe(float64(i%100) / 7)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would empty the pools
			want := make(map[string]float64)
			for _, n := range []int{10, 1000, 50_000} {
				reg := ember.NewRegistry()
				fill(reg, n)
				for format, f := range formats {
					got := testing.AllocsPerRun(1, func() {
						if err := ember.Write(io.Discard, reg, f); err != nil {
							t.Fatal(err)
						}
					})
					if _, ok := want[format]; !ok {
						want[format] = got
					}
					// Whatever else the process does may allocate too.
					require.InDelta(t, want[format], got, 5, "%d series, %s", n, format)
				}
			}
			for format, got := range want {
				require.LessOrEqual(t, got, 30.0, format)
			}
		})
	}
}

// A scrape takes little memory, however much it writes: also in protobuf, where a
// family stands behind its length and buffers grow to hold it. Much of this is the
// growing, and only the first scrape pays for it.
func TestScrapesTakeLittleMemory(t *testing.T) {
	reg := ember.NewRegistry()
	v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Help: "Help.", Native: &ember.NativeOpts{}, Buckets: ember.DefBuckets}, "a", "b.c")
	for i := range 20_000 {
		v.With(strconv.Itoa(i), "\n").Observe(float64(i))
	}
	for name, f := range formats {
		runtime.GC() // empties the pools
		runtime.GC()
		var before, after runtime.MemStats
		var size countingWriter
		runtime.ReadMemStats(&before)
		require.NoError(t, ember.Write(&size, reg, f))
		runtime.ReadMemStats(&after)
		require.Greater(t, int(size), 2<<20, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3<<19), name)
	}
}

// countingWriter counts what is written.
type countingWriter int

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

// What each series costs is also in the benchmarks; these are the types alone.
func TestSizes(t *testing.T) {
	sizes := []int{
		int(unsafe.Sizeof(ember.Counter{})), int(unsafe.Sizeof(ember.Gauge{})), int(unsafe.Sizeof(ember.Histogram{})),
		int(unsafe.Sizeof(ember.Summary{})), int(unsafe.Sizeof(ember.Timer{})),
	}
	want := []int{56, 24, 48, 56, 8}
	if strconv.IntSize == 32 {
		want = []int{48, 24, 32, 32, 4}
	}
	require.Equal(t, want, sizes)
}

// A counter with three labels costs at most 260 bytes, everything included.
func TestBytesPerSeries(t *testing.T) {
	const n = 50_000
	perSeries := grown(100*n, func() any {
		v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "method", "path", "status")
		for i := range n {
			v.With("GET", fmt.Sprintf("/api/v1/users/%d", i), "200").Inc()
		}
		require.NoError(t, ember.WriteText(io.Discard, registryOf(t, v)))
		require.Equal(t, n, v.Len())
		return v
	}) / n
	t.Logf("%.0f bytes", perSeries)
	require.LessOrEqual(t, perSeries, 260.0)
	require.Greater(t, perSeries, 100.0, "something was not measured")
}

// What a native histogram costs grows with the range of its values, not with their
// number.
func TestBytesPerNativeHistogram(t *testing.T) {
	const n = 5000
	for _, tc := range []struct {
		name string
		most float64
		fill func(h *ember.Histogram)
	}{
		{"idle", 300, func(*ember.Histogram) {}},
		{"one value", 700, func(h *ember.Histogram) { h.Observe(1) }},
		{"latencies, 10 ms to 1 s", 1300, func(h *ember.Histogram) {
			for i := range 100 {
				h.Observe(0.01 * math.Pow(100, float64(i)/100))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perSeries := grown(100*n, func() any {
				v := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}}, "path")
				for i := range n {
					tc.fill(v.With(strconv.Itoa(i)))
				}
				require.Equal(t, n, v.Len())
				return v
			}) / n
			t.Logf("%.0f bytes", perSeries)
			require.LessOrEqual(t, perSeries, tc.most)
			require.Greater(t, perSeries, 100.0, "something was not measured")
		})
	}
}

// Buckets are made fewer where they are counted, not only in scrapes.
func TestNativeBudgetIsOneOfMemory(t *testing.T) {
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: 1.0001, MaxBuckets: 20}})
	before := heap()
	for i := range 200_000 {
		h.Observe(math.Exp(float64(i%1000-500) + float64(i)/1e6))
	}
	grown := heap() - before
	t.Logf("%d bytes", grown)
	require.LessOrEqual(t, grown, int64(20_000))
	require.Equal(t, uint64(200_000), h.Count())
}

func registryOf(t *testing.T, c ember.Collector) *ember.Registry {
	t.Helper()
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(c))
	return reg
}

// heap returns the bytes in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// grown returns how many bytes are in use more with what f returns than without. What other
// tests have left behind may go meanwhile, when a timer fires that still holds it, and makes
// it seem less. So it is the most of some measurements, and of all there are in some seconds
// as long as it is less than a minimum.
func grown(least float64, f func() any) (most float64) {
	most = math.Inf(-1)
	for i, start := 0, time.Now(); i < 3 || most < least && time.Since(start) < 5*time.Second; i++ {
		before := heap()
		made := f()
		most = max(most, float64(heap()-before))
		runtime.KeepAlive(made)
	}
	return most
}

// The hottest functions must stay small enough to be inlined. Timers need Start
// inlined, or they would be allocated.
func TestInlining(t *testing.T) {
	build := exec.Command("go", "build", "-gcflags=-m", ".")
	if strconv.IntSize == 32 { // where 64-bit words take more instructions
		build.Env = append(os.Environ(), "GOARCH=amd64")
	}
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, f := range []string{
		"(*Counter).Inc", "(*Counter).Value",
		"(*Gauge).Sub", "(*Gauge).Inc", "(*Gauge).Dec", "(*Gauge).Track",
		"(*Histogram).Start", "(*Summary).Start", "Timer.Discard",
	} {
		pattern := regexp.MustCompile(`: can inline ` + regexp.QuoteMeta(f) + `\n`)
		require.True(t, pattern.Match(bytes.ReplaceAll(out, []byte("\r"), nil)), "%s is not inlined any more", f)
	}
}
