// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// pointOf returns the only point that c exposes.
func pointOf(t testing.TB, c ember.Collector) metric.Point {
	t.Helper()
	var out metric.Sink
	require.NoError(t, c.Collect(t.Context(), &out))
	require.Len(t, out.Families(), 1)
	require.Len(t, out.Families()[0].Points, 1)
	return out.Families()[0].Points[0]
}

func TestHistogramOnTheWire(t *testing.T) {
	reg := ember.NewRegistry()
	h := reg.NewHistogram(ember.HistogramOpts{Name: "x_seconds", Help: "Seconds.", Buckets: []float64{0.5, 1, 2.5e6}})
	empty := `# HELP x_seconds Seconds.
# TYPE x_seconds histogram
x_seconds_bucket{le="0.5"} 0
x_seconds_bucket{le="1"} 0
x_seconds_bucket{le="2.5e+06"} 0
x_seconds_bucket{le="+Inf"} 0
x_seconds_sum 0
x_seconds_count 0
`
	require.Equal(t, empty, scrapeOf(t, reg))
	for _, v := range []float64{0.5, 0.25, 1, 2, 3e6, -1} {
		h.Observe(v)
	}
	require.Equal(t, `# HELP x_seconds Seconds.
# TYPE x_seconds histogram
x_seconds_bucket{le="0.5"} 3
x_seconds_bucket{le="1"} 4
x_seconds_bucket{le="2.5e+06"} 5
x_seconds_bucket{le="+Inf"} 6
x_seconds_sum 3.00000275e+06
x_seconds_count 6
`, scrapeOf(t, reg))
	require.Equal(t, uint64(6), h.Count())
	require.Equal(t, 3000002.75, h.Sum())
}

func TestHistogramCountsUnusualValues(t *testing.T) {
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{-1, 0, 1}})
	for _, v := range []float64{math.Inf(-1), math.Copysign(0, -1), 0, math.SmallestNonzeroFloat64, math.MaxFloat64, -math.MaxFloat64} {
		h.Observe(v)
	}
	p := pointOf(t, h)
	require.Equal(t, []metric.Bucket{{UpperBound: -1, Count: 2}, {UpperBound: 0, Count: 4}, {UpperBound: 1, Count: 5}}, p.Buckets)
	require.Equal(t, uint64(6), p.Count)
	require.Equal(t, math.Inf(-1), p.Sum)
	h.Observe(math.Inf(1))
	require.Equal(t, uint64(7), h.Count())
	require.True(t, math.IsNaN(h.Sum()), "the sum of +Inf and -Inf is %g", h.Sum())
}

func TestHistogramDropsNaN(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}})
	h.Observe(math.NaN())
	h.Observe(1)
	h.Observe(math.NaN())
	require.Equal(t, `# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="nan"} 2
# TYPE x histogram
x_bucket{le="1"} 1
x_bucket{le="+Inf"} 1
x_sum 1
x_count 1
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: update dropped; further ones are only counted" metric=x value=NaN reason=nan
`, logged.String())
}

// Every value falls into the first bucket whose bound it does not exceed, however
// many there are.
func TestHistogramFindsTheBucket(t *testing.T) {
	r := random(t)
	for _, n := range []int{1, 2, 3, 15, 16, 17, 18, 31, 32, 33, 34, 63, 64, 65, 100, 1000} {
		bounds := make([]float64, n)
		for i := range bounds {
			bounds[i] = math.Round((r.Float64()-0.5)*4e4) / 4
		}
		slices.Sort(bounds)
		bounds = slices.Compact(bounds)
		values := append(slices.Clone(bounds), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1))
		for range 100 {
			values = append(values, (r.Float64()-0.5)*5e4)
		}
		for _, b := range bounds {
			values = append(values, math.Nextafter(b, math.Inf(1)), math.Nextafter(b, math.Inf(-1)))
		}
		checkBuckets(t, bounds, values)
	}
}

// checkBuckets observes values one after the other, and after each compares the
// buckets with those of a plain scan.
func checkBuckets(t *testing.T, bounds, values []float64) {
	t.Helper()
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: bounds})
	want := make([]uint64, len(bounds))
	for i, v := range values {
		h.Observe(v)
		for j, b := range bounds {
			if v <= b {
				want[j]++
			}
		}
		if i%16 > 0 && i < len(values)-1 {
			continue
		}
		p := pointOf(t, h)
		require.Equal(t, uint64(i+1), p.Count)
		require.Len(t, p.Buckets, len(bounds))
		for j, b := range p.Buckets {
			require.Equal(t, bounds[j], b.UpperBound)
			if b.Count != want[j] {
				t.Fatalf("of %d bounds: after %g bucket %g counts %d, not %d", len(bounds), v, b.UpperBound, b.Count, want[j])
			}
		}
	}
}

func TestHistogramBounds(t *testing.T) {
	bounds := func(o ember.HistogramOpts) []float64 {
		o.Name = "x"
		var got []float64
		for _, b := range pointOf(t, ember.NewHistogram(o)).Buckets {
			got = append(got, b.UpperBound)
		}
		return got
	}
	require.Equal(t, ember.DefBuckets, bounds(ember.HistogramOpts{}))
	require.Equal(t, []float64{1, 2}, bounds(ember.HistogramOpts{Buckets: []float64{1, 2, math.Inf(1)}}))
	require.Empty(t, bounds(ember.HistogramOpts{Buckets: []float64{math.Inf(1)}}))

	// They are the histogram's own.
	mine := []float64{1, 2}
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: mine})
	mine[0] = 7
	h.Observe(1.5)
	require.Equal(t, []metric.Bucket{{UpperBound: 1}, {UpperBound: 2, Count: 1}}, pointOf(t, h).Buckets)
}

// What Register will refuse still must not fail before.
func TestHistogramWithBadBounds(t *testing.T) {
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{2, 1}})
	h.Observe(1)
	h.Time(func() {})
	require.Equal(t, uint64(2), h.Count())
	require.EqualError(t, ember.NewRegistry().Register(h), `ember: histogram "x": bucket 1 (1) must be above bucket 0 (2)`)
}

func TestBucketFunctions(t *testing.T) {
	for name, tc := range map[string]struct{ got, want []float64 }{
		"linear":                   {ember.LinearBuckets(-1, 0.5, 4), []float64{-1, -0.5, 0, 0.5}},
		"linear, one":              {ember.LinearBuckets(3, 1, 1), []float64{3}},
		"linear, none":             {ember.LinearBuckets(3, 1, 0), nil},
		"linear, no width":         {ember.LinearBuckets(3, 0, 2), nil},
		"linear, width NaN":        {ember.LinearBuckets(3, math.NaN(), 2), nil},
		"exponential":              {ember.ExponentialBuckets(0.5, 2, 4), []float64{0.5, 1, 2, 4}},
		"exponential, one":         {ember.ExponentialBuckets(7, 2, 1), []float64{7}},
		"exponential, none":        {ember.ExponentialBuckets(7, 2, -1), nil},
		"exponential, from zero":   {ember.ExponentialBuckets(0, 2, 3), nil},
		"exponential, factor one":  {ember.ExponentialBuckets(1, 1, 3), nil},
		"range":                    {ember.ExponentialBucketsRange(1, 1000, 4), []float64{1, 10, 100, 1000}},
		"range, one":               {ember.ExponentialBucketsRange(1, 10, 1), nil},
		"range, from zero":         {ember.ExponentialBucketsRange(0, 10, 2), nil},
		"range, empty":             {ember.ExponentialBucketsRange(10, 10, 2), nil},
		"range, backwards":         {ember.ExponentialBucketsRange(10, 1, 2), nil},
		"default, as of old":       {ember.DefBuckets, []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}},
		"range ends where it must": {ember.ExponentialBucketsRange(0.001, 0.3, 7)[6:], []float64{0.3}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.want == nil {
				require.Nil(t, tc.got)
				return
			}
			require.InDeltaSlice(t, tc.want, tc.got, 1e-9)
		})
	}
}

// Nothing observed by many at once is lost.
func TestHistogramIsExact(t *testing.T) {
	const goroutines, rounds = 64, 1000
	h := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", Buckets: []float64{1, 2, 3}}, "a").With("b")
	fromGoroutines(goroutines, func(i int) {
		r := rand.New(rand.NewPCG(uint64(i), 0))
		for j := range rounds {
			h.Observe(float64(j%16) / 4)
			if r.IntN(64) == 0 {
				h.Count() // scrapes must not get in the way
			}
		}
	})
	var sum float64
	want := make([]uint64, 4)
	for range goroutines {
		for j := range rounds {
			v := float64(j%16) / 4
			sum += v
			want[max(0, int(math.Ceil(v))-1)]++
		}
	}
	p := pointOf(t, ember.Collector(h))
	require.Equal(t, uint64(goroutines*rounds), p.Count)
	require.Equal(t, sum, p.Sum)
	for i, b := range p.Buckets {
		require.Equal(t, want[0], b.Count, "le=%g", b.UpperBound)
		want[0] += want[i+1]
	}
	require.Equal(t, want[0], p.Count)
}
