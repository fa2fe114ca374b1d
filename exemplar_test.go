// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// trace is the exemplar that the tests keep.
func trace(id string) ember.Labels { return ember.Labels{"trace_id": id} }

// kept is how Gather returns it.
func kept(id string, v float64, at time.Time) *metric.Exemplar {
	return &metric.Exemplar{Labels: []metric.Label{{Name: "trace_id", Value: id}}, Value: v, Time: at}
}

// traceKey is where the tests' contexts have a trace's id.
type traceKey struct{}

func withTrace(id string) context.Context {
	return context.WithValue(context.Background(), traceKey{}, id)
}

// traceOf is an exemplar source that finds it.
func traceOf(ctx context.Context) ember.Labels {
	if id, ok := ctx.Value(traceKey{}).(string); ok {
		return trace(id)
	}
	return nil
}

// exemplarsOf returns the exemplars that c exposes: a counter's, or those of each
// bucket, or of a native histogram.
func exemplarsOf(t testing.TB, c ember.Collector) map[string]*metric.Exemplar {
	t.Helper()
	p := pointOf(t, c)
	all := make(map[string]*metric.Exemplar)
	if p.Exemplar != nil {
		all["counter"] = p.Exemplar
	}
	for _, b := range p.Buckets {
		if b.Exemplar != nil {
			all[strconv.FormatFloat(b.UpperBound, 'g', -1, 64)] = b.Exemplar
		}
	}
	if p.Native != nil {
		last := time.Time{}
		for i, x := range p.Native.Exemplars {
			all["native "+strconv.Itoa(i)] = &x
			require.False(t, x.Time.Before(last), "not in order of time")
			last = x.Time
		}
	}
	return all
}

type exemplars = map[string]*metric.Exemplar

// exemplified is an instrument that takes exemplars, and where it keeps one of 1.
type exemplified struct {
	ember.Collector
	labels  func(v float64, l ember.Labels)
	context func(ctx context.Context, v float64)
	slot    string
}

// forEachExemplified runs a test on everything that takes exemplars, on bubbled time.
func forEachExemplified(t *testing.T, test func(t *testing.T, x exemplified)) {
	histogram := func(h *ember.Histogram, slot string) exemplified {
		return exemplified{h, h.ObserveWithExemplar, h.ObserveContext, slot}
	}
	for name, create := range map[string]func() exemplified{
		"counter": func() exemplified {
			c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
			return exemplified{c, c.AddWithExemplar, c.AddContext, "counter"}
		},
		"histogram": func() exemplified {
			return histogram(ember.NewHistogram(ember.HistogramOpts{Name: "x"}), "1")
		},
		"histogram, last bucket": func() exemplified {
			return histogram(ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{0.5}}), "+Inf")
		},
		"native histogram": func() exemplified {
			return histogram(ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}}), "native 0")
		},
		"native histogram with buckets": func() exemplified {
			return histogram(ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}, Native: &ember.NativeOpts{}}), "1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, create()) })
		})
	}
}

// sleep sleeps until everything that happens then has happened.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// A place takes the first exemplar of each second since the instrument was created,
// and keeps it until the next one comes.
func TestExemplarEverySecond(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		require.Empty(t, exemplarsOf(t, x))
		created := time.Now()
		sleep(300 * time.Millisecond)
		first := kept("a", 1, time.Now())
		x.labels(1, trace("a"))
		require.Equal(t, exemplars{x.slot: first}, exemplarsOf(t, x))
		x.labels(1, trace("b"))
		sleep(time.Until(created.Add(time.Second - 1)))
		x.labels(1, trace("c"))
		require.Equal(t, exemplars{x.slot: first}, exemplarsOf(t, x))
		sleep(1)
		x.labels(1, trace("d"))
		x.labels(1, trace("e"))
		require.Equal(t, exemplars{x.slot: kept("d", 1, created.Add(time.Second))}, exemplarsOf(t, x))

		// Nothing comes for a long time: then it is as at first.
		sleep(1000 * time.Hour)
		require.Equal(t, exemplars{x.slot: kept("d", 1, created.Add(time.Second))}, exemplarsOf(t, x))
		x.labels(1, trace("f"))
		x.labels(1, trace("g"))
		require.Equal(t, exemplars{x.slot: kept("f", 1, created.Add(time.Second+1000*time.Hour))}, exemplarsOf(t, x))
	})
}

// What has no labels, or no value that the instrument can have, leaves no exemplar.
func TestNoExemplar(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		logged := captureLog(t)
		reg := ember.NewRegistry(ember.WithExemplarSource(func(context.Context) ember.Labels { return trace("source") }))
		reg.MustRegister(x.Collector)
		x.labels(1, nil)
		x.labels(1, ember.Labels{})
		x.labels(math.NaN(), trace("a"))
		x.context(t.Context(), math.NaN())
		dropped := 2
		if _, ok := x.Collector.(*ember.Counter); ok {
			for _, v := range []float64{-1, math.Inf(1), math.Inf(-1)} {
				x.labels(v, trace("a"))
				x.context(t.Context(), v)
			}
			dropped += 6
		}
		require.Empty(t, exemplarsOf(t, x))
		p := pointOf(t, x)
		require.Equal(t, 2.0, p.Value+float64(p.Count), "all others are updates without an exemplar")
		require.NotContains(t, scrapeOf(t, reg), "ember_invalid_exemplars_total")
		require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
		x.labels(1, trace("b"))
		require.Equal(t, exemplars{x.slot: kept("b", 1, time.Now())}, exemplarsOf(t, x))

		sum := 0.0
		for _, f := range gather(t, reg) {
			if f.Name == "ember_invalid_updates_total" {
				for _, p := range f.Points {
					sum += p.Value
				}
			}
		}
		require.Equal(t, float64(dropped), sum)
	})
}

func gather(t testing.TB, g ember.Gatherer) []*metric.Family {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	return families
}

func TestCounterExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
		c.IncWithExemplar(ember.Labels{"trace_id": "a\n\"", "span_id": "\\", "empty": ""})
		require.Equal(t, &metric.Exemplar{
			Labels: []metric.Label{{Name: "empty", Value: ""}, {Name: "span_id", Value: "\\"}, {Name: "trace_id", Value: "a\n\""}},
			Value:  1,
			Time:   time.Now(),
		}, pointOf(t, c).Exemplar)
		sleep(time.Second)
		c.AddWithExemplar(2.5, trace("b"))
		require.Equal(t, kept("b", 2.5, time.Now()), pointOf(t, c).Exemplar)
		sleep(time.Second)
		c.AddWithExemplar(0, trace("c")) // adds nothing, but it was an event
		require.Equal(t, kept("c", 0, time.Now()), pointOf(t, c).Exemplar)
		require.Equal(t, 3.5, c.Value())

		// Each series of a vector has its own.
		v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a")
		v.With("b").IncWithExemplar(trace("b"))
		v.With("c").IncWithExemplar(trace("c"))
		require.Equal(t, kept("b", 1, time.Now()), pointOf(t, v.With("b")).Exemplar)
		require.Equal(t, kept("c", 1, time.Now()), pointOf(t, v.With("c")).Exemplar)
	})
}

// Each classic bucket has an exemplar of its own, of a value that is in the bucket.
func TestHistogramExemplars(t *testing.T) {
	for name, native := range map[string]*ember.NativeOpts{"classic": nil, "native too": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1, 2}, Native: native})
				now := time.Now()
				for _, v := range []float64{1, 1.5, 2, 0.5, 3, math.Inf(1), math.Inf(-1)} {
					h.ObserveWithExemplar(v, trace(strconv.FormatFloat(v, 'g', -1, 64)))
				}
				require.Equal(t, exemplars{"1": kept("1", 1, now), "2": kept("1.5", 1.5, now), "+Inf": kept("3", 3, now)}, exemplarsOf(t, h))
				sleep(time.Second)
				h.ObserveWithExemplar(1.75, trace("later"))
				h.Observe(0.25)
				require.Equal(t, exemplars{"1": kept("1", 1, now), "2": kept("later", 1.75, now.Add(time.Second)), "+Inf": kept("3", 3, now)}, exemplarsOf(t, h))
				require.Equal(t, uint64(9), h.Count())
			})
		})
	}
}

// A native histogram alone has one for each of 16 powers of two, in order of time.
func TestNativeExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}})
		start := time.Now()
		at := func(d time.Duration) time.Time { return start.Add(d) }
		h.ObserveWithExemplar(4, trace("4"))
		sleep(1)
		h.ObserveWithExemplar(1, trace("1"))
		sleep(1)
		h.ObserveWithExemplar(7.5, trace("as 4"))
		h.ObserveWithExemplar(0, trace("0"))
		require.Equal(t, exemplars{"native 0": kept("4", 4, at(0)), "native 1": kept("1", 1, at(1)), "native 2": kept("0", 0, at(2))}, exemplarsOf(t, h))
		sleep(time.Second)
		h.ObserveWithExemplar(5, trace("5"))
		require.Equal(t, exemplars{
			"native 0": kept("1", 1, at(1)), "native 1": kept("0", 0, at(2)), "native 2": kept("5", 5, at(time.Second+2)),
		}, exemplarsOf(t, h))

		for e := range 100 {
			h.ObserveWithExemplar(math.Ldexp(1, e-50), trace(strconv.Itoa(e)))
		}
		require.Len(t, exemplarsOf(t, h), 16)
		require.Equal(t, uint64(105), h.Count())
		requireWhole(t, pointOf(t, h))
	})
}

// What no format could have is dropped, counted and logged once; the update is made.
func TestInvalidExemplars(t *testing.T) {
	long := func(n int, c string) string { return strings.Repeat(c, n-len("trace_id")) }
	for name, tc := range map[string]struct {
		labels ember.Labels
		reason string // empty: kept
	}{
		"128 characters":              {trace(long(128, "x")), ""},
		"129 characters":              {trace(long(129, "x")), "too_long"},
		"128 characters, 368 bytes":   {trace(long(128, "☃")), ""},
		"129 characters, 371 bytes":   {trace(long(129, "☃")), "too_long"},
		"128 in several":              {ember.Labels{"a": long(64, "x"), "b": long(64, "é"), "cd": strings.Repeat("z", 12)}, ""},
		"129 in several":              {ember.Labels{"a": long(64, "x"), "b": long(64, "é"), "cd": strings.Repeat("z", 13)}, "too_long"},
		"128 in names alone":          {ember.Labels{strings.Repeat("a", 128): ""}, ""},
		"129 in names alone":          {ember.Labels{strings.Repeat("a", 129): ""}, "too_long"},
		"dot in a name":               {ember.Labels{"trace.id": "a"}, "label_name"},
		"colon in a name":             {ember.Labels{"trace:id": "a"}, "label_name"},
		"digit first":                 {ember.Labels{"1": "a"}, "label_name"},
		"no name":                     {ember.Labels{"": "a"}, "label_name"},
		"invalid name":                {ember.Labels{"a\xff": "a"}, "label_name"},
		"invalid value":               {trace("\xff"), "label_value"},
		"replacement character":       {trace("\uFFFD"), ""},
		"good one beside":             {ember.Labels{"a": "b", "trace.id": "a"}, "label_name"},
		"what is wrong comes by name": {ember.Labels{"b": "\xff", "a": strings.Repeat("x", 200)}, "too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			forEachExemplified(t, func(t *testing.T, x exemplified) {
				logged := captureLog(t)
				reg := ember.NewRegistry(ember.WithExemplarSource(func(context.Context) ember.Labels { return tc.labels }))
				reg.MustRegister(x.Collector)
				x.labels(1, tc.labels)
				x.labels(1, tc.labels)
				x.context(t.Context(), 1)
				p := pointOf(t, x)
				require.Equal(t, 3.0, p.Value+float64(p.Count))
				if tc.reason == "" {
					require.Len(t, exemplarsOf(t, x), 1)
					require.Empty(t, logged.String())
					require.NotContains(t, scrapeOf(t, reg), "ember_invalid_exemplars_total")
					return
				}
				require.Empty(t, exemplarsOf(t, x))
				require.Contains(t, scrapeOf(t, reg), `# HELP ember_invalid_exemplars_total Exemplars that were dropped because no format can have them.
# TYPE ember_invalid_exemplars_total counter
ember_invalid_exemplars_total{reason="`+tc.reason+`"} 3
`)
				metric := gather(t, reg)[1].Name
				require.Equal(t, `level=WARN msg="ember: exemplar dropped; further ones are only counted" metric=`+metric+` reason=`+tc.reason+"\n", logged.String())

				x.labels(1, trace("good"))
				require.Equal(t, exemplars{x.slot: kept("good", 1, time.Now())}, exemplarsOf(t, x))
			})
		})
	}
}

// An invalid exemplar does not take the place of a good one.
func TestInvalidExemplarLeavesTheOneBefore(t *testing.T) {
	forEachExemplified(t, func(t *testing.T, x exemplified) {
		captureLog(t)
		good := kept("a", 1, time.Now())
		x.labels(1, trace("a"))
		sleep(time.Second)
		x.labels(1, trace("\xff"))
		require.Equal(t, exemplars{x.slot: good}, exemplarsOf(t, x))
	})
}

// The counts outlive their instrument, and are added up over instruments.
func TestInvalidExemplarsOfSeveral(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	a := reg.NewCounter(ember.CounterOpts{Name: "a_total"})
	b := reg.NewHistogramVec(ember.HistogramOpts{Name: "b", Buckets: []float64{1}}, "l")
	a.IncWithExemplar(trace("\xff"))
	b.With("1").ObserveWithExemplar(1, trace("\xff"))
	b.With("2").ObserveWithExemplar(1, ember.Labels{"a.b": "c"})
	require.True(t, reg.Unregister(a))
	require.True(t, reg.Unregister(b))
	require.Equal(t, `# HELP ember_invalid_exemplars_total Exemplars that were dropped because no format can have them.
# TYPE ember_invalid_exemplars_total counter
ember_invalid_exemplars_total{reason="label_name"} 1
ember_invalid_exemplars_total{reason="label_value"} 2
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: exemplar dropped; further ones are only counted" metric=a_total reason=label_value
level=WARN msg="ember: exemplar dropped; further ones are only counted" metric=b reason=label_value
`, logged.String(), "one line for each instrument")
}

// What is exposed under two names is still one instrument.
func TestInvalidUpdatesOfOneInTwoViews(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry()
	c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
	a, b := reg.Sub("a_", nil), reg.Sub("b_", nil)
	a.MustRegister(c)
	b.MustRegister(c)
	c.AddWithExemplar(-1, nil)
	c.IncWithExemplar(trace("\xff"))
	for range 3 {
		text := scrapeOf(t, reg)
		require.Contains(t, text, "ember_invalid_updates_total{reason=\"negative\"} 1\n")
		require.Contains(t, text, "ember_invalid_exemplars_total{reason=\"label_value\"} 1\n")
		if !a.Unregister(c) {
			b.Unregister(c)
		}
	}
}

// The time of a bubble is another one. A package's instruments are created outside.
func TestExemplarsInAndOutOfBubbles(t *testing.T) {
	reg := ember.NewRegistry()
	c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			c.IncWithExemplar(trace("a"))
			require.NotNil(t, pointOf(t, c).Exemplar)
			time.Sleep(time.Hour)
			c.IncWithExemplar(trace("b"))
		})
	}
	require.NotNil(t, pointOf(t, c).Exemplar)
	c.Age(time.Hour)
	gather(t, reg) // a scrape sees that time has passed
	c.IncWithExemplar(trace("c"))
	require.Equal(t, "c", pointOf(t, c).Exemplar.Labels[0].Value)
	require.Equal(t, 5.0, c.Value())
}

// Exemplars from many goroutines are whole, and cost no update.
func TestExemplarsAtOnce(t *testing.T) {
	const goroutines, rounds = 8, 2000
	var asked atomic.Uint64
	reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
		asked.Add(1)
		return traceOf(ctx)
	}))
	c := reg.NewCounter(ember.CounterOpts{Name: "c_total"})
	classic := reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 2, 4}})
	native := reg.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}})
	both := reg.NewHistogram(ember.HistogramOpts{Name: "b", Buckets: []float64{1, 2, 4}, Native: &ember.NativeOpts{MaxBuckets: 2}})
	check := func(x *metric.Exemplar) {
		if x != nil && x.Labels[0].Value != strconv.FormatFloat(x.Value, 'g', -1, 64) {
			t.Errorf("the exemplar of %q is one of %g", x.Labels[0].Value, x.Value)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fromGoroutines(goroutines, func(i int) {
			for j := range rounds {
				v := float64((i*rounds + j) % 9)
				id := strconv.FormatFloat(v, 'g', -1, 64)
				c.AddWithExemplar(v, trace(id))
				c.AddContext(withTrace(id), v)
				for _, h := range []*ember.Histogram{classic, native, both} {
					h.ObserveWithExemplar(v, trace(id))
					h.ObserveContext(withTrace(id), v)
				}
				if j%64 == 0 {
					runtime.Gosched()
				}
			}
		})
	}()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		for _, f := range gather(t, reg) {
			p := f.Points[0]
			check(p.Exemplar)
			for _, b := range p.Buckets {
				check(b.Exemplar)
				if b.Exemplar != nil {
					require.LessOrEqual(t, b.Exemplar.Value, b.UpperBound)
				}
			}
			if p.Native != nil {
				requireWhole(t, p)
				for _, x := range p.Native.Exemplars {
					check(&x)
				}
			}
		}
	}
	sum := 0.0
	for i := range goroutines * rounds {
		sum += 2 * float64(i%9)
	}
	require.Equal(t, sum, c.Value())
	for _, h := range []*ember.Histogram{classic, native, both} {
		require.Equal(t, uint64(2*goroutines*rounds), h.Count())
		require.Equal(t, sum, h.Sum())
	}
	require.Len(t, exemplarsOf(t, classic), 4)
	require.Less(t, asked.Load(), uint64(goroutines*rounds))
}
