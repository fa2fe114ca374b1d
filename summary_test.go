// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

func TestSummaryOnTheWire(t *testing.T) {
	reg := ember.NewRegistry()
	plain := reg.NewSummary(ember.SummaryOpts{Name: "a_bytes", Help: "Bytes."})
	s := reg.NewSummary(ember.SummaryOpts{Name: "x_seconds", Help: "Seconds.", Quantiles: []float64{0.99, 0, 0.5}})
	require.Equal(t, `# HELP a_bytes Bytes.
# TYPE a_bytes summary
a_bytes_sum 0
a_bytes_count 0
# HELP x_seconds Seconds.
# TYPE x_seconds summary
x_seconds{quantile="0"} NaN
x_seconds{quantile="0.5"} NaN
x_seconds{quantile="0.99"} NaN
x_seconds_sum 0
x_seconds_count 0
`, scrapeOf(t, reg))
	plain.Observe(2)
	plain.Observe(-0.5)
	for _, v := range []float64{0, 0, 0, math.Inf(1)} {
		s.Observe(v)
	}
	require.Equal(t, `# HELP a_bytes Bytes.
# TYPE a_bytes summary
a_bytes_sum 1.5
a_bytes_count 2
# HELP x_seconds Seconds.
# TYPE x_seconds summary
x_seconds{quantile="0"} 0
x_seconds{quantile="0.5"} 0
x_seconds{quantile="0.99"} +Inf
x_seconds_sum +Inf
x_seconds_count 4
`, scrapeOf(t, reg))
	require.Equal(t, uint64(4), s.Count())
	require.Equal(t, math.Inf(1), s.Sum())
}

func TestSummaryDropsNaN(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	s := reg.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{1}})
	s.Observe(math.NaN())
	s.Observe(0)
	s.Observe(math.NaN())
	require.Equal(t, `# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="nan"} 2
# TYPE x summary
x{quantile="1"} 0
x_sum 0
x_count 1
`, scrapeOf(t, reg))
	require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
}

// requireQuantiles fails unless each quantile of s is within 1 % of the value of
// its rank. There must be no NaN in values.
func requireQuantiles(t testing.TB, values []float64, s *ember.Summary) {
	t.Helper()
	values = slices.Sorted(slices.Values(values))
	p := pointOf(t, s)
	require.NotEmpty(t, p.Quantiles)
	for _, q := range p.Quantiles {
		if len(values) == 0 {
			require.True(t, math.IsNaN(q.Value), "quantile %g of nothing is %g", q.Quantile, q.Value)
			continue
		}
		rank := max(1, int(math.Ceil(q.Quantile*float64(len(values)))))
		want := values[rank-1]
		if q.Value == want { // infinite and zero, too
			continue
		}
		// An error of half the least subnormal cannot be avoided.
		if !(math.Abs(q.Value-want) <= 0.01*math.Abs(want)+math.SmallestNonzeroFloat64/2) {
			t.Fatalf("quantile %g of %d values is %g, not %g", q.Quantile, len(values), q.Value, want)
		}
	}
}

var manyQuantiles = []float64{0, 0.001, 0.01, 0.05, 0.1, 0.25, 1. / 3, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1}

func TestSummaryQuantiles(t *testing.T) {
	r := random(t)
	for name, draw := range map[string]func() float64{
		"uniform":          r.Float64,
		"both signs":       func() float64 { return r.NormFloat64() },
		"latencies":        func() float64 { return 0.01 * math.Exp(r.NormFloat64()) },
		"long tail":        func() float64 { return math.Pow(r.Float64(), -3) },
		"constant":         func() float64 { return 0.25 },
		"zeros":            func() float64 { return float64(r.IntN(3)) - 1 },
		"two far apart":    func() float64 { return []float64{1e-200, 1e200}[r.IntN(2)] },
		"negative":         func() float64 { return -r.ExpFloat64() },
		"subnormal":        func() float64 { return math.Float64frombits(r.Uint64N(1 << 52)) },
		"whole":            func() float64 { return float64(r.IntN(100)) },
		"infinite, some":   func() float64 { return 1 / float64(r.IntN(5)) },
		"any bits but NaN": func() float64 { return math.Max(math.Float64frombits(r.Uint64()), math.Inf(-1)) },
		"powers of two":    func() float64 { return math.Ldexp(1, r.IntN(2000)-1000) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 10, 99, 100, 101, 3000} {
				s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: manyQuantiles, MaxAge: time.Hour})
				var values []float64
				for len(values) < n {
					if v := draw(); v == v {
						values = append(values, v)
						s.Observe(v)
					}
				}
				requireQuantiles(t, values, s)
			}
		})
	}
}

// What many observe at once is all in the quantiles.
func TestSummaryIsExact(t *testing.T) {
	const goroutines, rounds = 64, 500
	s := ember.NewSummaryVec(ember.SummaryOpts{Name: "x", Quantiles: manyQuantiles, MaxAge: time.Hour}, "a").With("b")
	var values []float64
	var sum float64
	for i := range goroutines * rounds {
		values = append(values, float64(i)/4)
		sum += float64(i) / 4
	}
	fromGoroutines(goroutines, func(i int) {
		for j := range rounds {
			s.Observe(values[j*goroutines+i])
		}
	})
	require.Equal(t, uint64(goroutines*rounds), s.Count())
	require.Equal(t, sum, s.Sum())
	requireQuantiles(t, values, s)
}

// An observation leaves when its step, counted from the summary's creation, has
// become MaxAge old.
func TestSummaryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{0, 1}, MaxAge: 10 * time.Second, AgeBuckets: 5})
		start := time.Now()
		at := func(d time.Duration) {
			time.Sleep(time.Until(start.Add(d)))
			synctest.Wait()
		}
		requireQuantiles(t, nil, s)
		s.Observe(1)
		at(1999 * time.Millisecond)
		s.Observe(2)
		at(2 * time.Second)
		s.Observe(4)
		requireQuantiles(t, []float64{1, 2, 4}, s)
		at(10*time.Second - 1)
		requireQuantiles(t, []float64{1, 2, 4}, s)
		at(10 * time.Second)
		requireQuantiles(t, []float64{4}, s)
		s.Observe(8)
		at(12*time.Second - 1)
		requireQuantiles(t, []float64{4, 8}, s)
		at(12 * time.Second)
		requireQuantiles(t, []float64{8}, s)
		at(20*time.Second - 1)
		requireQuantiles(t, []float64{8}, s)
		at(20 * time.Second)
		requireQuantiles(t, nil, s)

		// The sum and the count never forget.
		require.Equal(t, uint64(4), s.Count())
		require.Equal(t, 15.0, s.Sum())

		// Nor does anything come back after a long time without observations.
		at(1000 * time.Hour)
		requireQuantiles(t, nil, s)
		s.Observe(16)
		requireQuantiles(t, []float64{16}, s)
		at(1000*time.Hour + 10*time.Second - 1)
		requireQuantiles(t, []float64{16}, s)
		at(1000*time.Hour + 10*time.Second)
		requireQuantiles(t, nil, s)
		at(2000*time.Hour + time.Second)
		s.Observe(32) // without a scrape before
		at(2000*time.Hour + 10*time.Second - 1)
		requireQuantiles(t, []float64{32}, s)
		require.Equal(t, uint64(6), s.Count())
		require.Equal(t, 63.0, s.Sum())
	})
}

func TestSummaryForgetsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{1}})
		time.Sleep(119 * time.Second)
		s.Observe(1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.Observe(2)
		time.Sleep(8*time.Minute - 2*time.Second)
		requireQuantiles(t, []float64{1, 2}, s)
		time.Sleep(time.Second)
		requireQuantiles(t, []float64{2}, s)
		time.Sleep(2 * time.Minute)
		requireQuantiles(t, nil, s)
	})
}

// A summary agrees with a list of everything observed and when, whatever the
// window and however long nothing happens.
func TestSummaryForgetsLikeAList(t *testing.T) {
	r := random(t)
	for _, tc := range []struct {
		maxAge time.Duration
		steps  int
	}{
		{time.Minute, 1},
		{time.Minute, 2},
		{time.Minute, 5},
		{time.Minute, 7}, // not a whole number of nanoseconds
		{time.Hour, 60},
		{time.Second, 1000},
		{10, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{0, 0.5, 1}, MaxAge: tc.maxAge, AgeBuckets: tc.steps})
			start := time.Now()
			step := tc.maxAge / time.Duration(tc.steps)
			type observation struct {
				step int
				v    float64
			}
			var all []observation
			for range 400 {
				switch r.IntN(8) {
				case 0: // to the very beginning of a step, or just before
					now := time.Since(start)
					next := (now/step + 1 + time.Duration(r.IntN(2*tc.steps))) * step
					time.Sleep(max(0, next-now-time.Duration(r.IntN(2))))
				case 1:
					time.Sleep(time.Duration(r.Int64N(int64(3 * tc.maxAge))))
				case 2:
					time.Sleep(time.Duration(r.Int64N(int64(step))))
				}
				synctest.Wait() // for a step that ends just now
				now := int(time.Since(start) / step)
				if r.IntN(2) == 0 {
					v := r.NormFloat64()
					s.Observe(v)
					all = append(all, observation{now, v})
				}
				if r.IntN(2) == 0 {
					var recent []float64
					for _, o := range all {
						if now-o.step < tc.steps {
							recent = append(recent, o.v)
						}
					}
					requireQuantiles(t, recent, s)
				}
			}
			require.Equal(t, uint64(len(all)), s.Count())
		})
	}
}

// Windows that move on all the time lose nothing of sum and count, and never show
// anything that was not observed.
func TestSummaryMovesOnWhileObserving(t *testing.T) {
	for _, maxAge := range []time.Duration{1, time.Microsecond, 3 * time.Millisecond} {
		const goroutines, rounds = 8, 3000
		s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{0, 1}, MaxAge: maxAge, AgeBuckets: 3})
		done := make(chan struct{})
		go func() {
			defer close(done)
			fromGoroutines(goroutines, func(int) {
				for range rounds {
					s.Observe(1)
				}
			})
		}()
		for busy := true; busy; {
			select {
			case <-done:
				busy = false
			default:
			}
			for _, q := range pointOf(t, s).Quantiles {
				require.False(t, math.Abs(q.Value-1) > 0.01, "quantile %g is %g", q.Quantile, q.Value)
			}
		}
		require.Equal(t, uint64(goroutines*rounds), s.Count())
		require.Equal(t, float64(goroutines*rounds), s.Sum())
	}
}

// The time of a bubble is another one. A package's summaries are created outside.
func TestSummaryInAndOutOfBubbles(t *testing.T) {
	s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{1}})
	idle := ember.NewSummaryVec(ember.SummaryOpts{Name: "y", Quantiles: []float64{1}}, "a")
	s.Observe(1)
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			s.Observe(1)
			idle.With("b").Observe(1)
			requireQuantiles(t, []float64{1}, s)
			time.Sleep(time.Hour)
			s.Observe(1)
			idle.With("b").Time(func() { time.Sleep(time.Second) })
			requireQuantiles(t, []float64{1}, idle.With("b"))
		})
	}
	s.Observe(1)
	idle.With("b").Observe(1)
	require.Equal(t, uint64(6), s.Count())
	require.Equal(t, 6.0, s.Sum())
	require.Equal(t, uint64(5), idle.With("b").Count())
	require.Equal(t, 5.0, idle.With("b").Sum())
}

func TestSummaryWithBadOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ember.SummaryOpts
		want string
	}{
		"quantile above 1":   {ember.SummaryOpts{Quantiles: []float64{0.5, 1.5}}, `ember: summary "x": the quantile 1.5 must be between 0 and 1`},
		"quantile below 0":   {ember.SummaryOpts{Quantiles: []float64{0.5, -1}}, `ember: summary "x": the quantile -1 must be between 0 and 1`},
		"quantile NaN":       {ember.SummaryOpts{Quantiles: []float64{math.NaN()}}, `ember: summary "x": the quantile NaN must be between 0 and 1`},
		"quantile twice":     {ember.SummaryOpts{Quantiles: []float64{0.5, 1, 0.5}}, `ember: summary "x": the quantile 0.5 stands twice`},
		"age":                {ember.SummaryOpts{MaxAge: -1}, `ember: summary "x": MaxAge (-1ns) must be positive`},
		"too few buckets":    {ember.SummaryOpts{AgeBuckets: -1}, `ember: summary "x": AgeBuckets (-1) must be between 1 and 1000`},
		"too many buckets":   {ember.SummaryOpts{AgeBuckets: 1001}, `ember: summary "x": AgeBuckets (1001) must be between 1 and 1000`},
		"the first of these": {ember.SummaryOpts{MaxAge: -1, AgeBuckets: -1}, `ember: summary "x": MaxAge (-1ns) must be positive`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Name = "x"
			s := ember.NewSummary(tc.opts)
			s.Observe(2) // works all the same
			s.Time(func() {})
			require.Equal(t, uint64(2), s.Count())
			require.EqualError(t, ember.NewRegistry().Register(s), tc.want)
		})
	}
}

// The quantiles asked for are the summary's own.
func TestSummaryKeepsItsQuantiles(t *testing.T) {
	mine := []float64{0.9, 0.5}
	s := ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: mine})
	require.Equal(t, []float64{0.9, 0.5}, mine, "sorted in place")
	mine[0] = 7
	s.Observe(rand.Float64())
	p := pointOf(t, s)
	require.Len(t, p.Quantiles, 2)
	require.Equal(t, 0.5, p.Quantiles[0].Quantile)
	require.Equal(t, 0.9, p.Quantiles[1].Quantile)
}
