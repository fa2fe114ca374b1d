// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

func TestHistogram(t *testing.T) {
	reg := ember.NewRegistry()
	classic := reg.NewHistogramVec(ember.HistogramOpts{Name: "classic", Buckets: []float64{1, 2}}, "a", "b")
	native := reg.NewHistogram(ember.HistogramOpts{Name: "native", Native: &ember.NativeOpts{}})
	both := reg.NewHistogram(ember.HistogramOpts{Name: "both", Native: &ember.NativeOpts{}, Buckets: []float64{1, 2}})
	for _, v := range []float64{0, 1, 4} {
		classic.With("x", "y").Observe(v)
		native.Observe(v)
		both.Observe(v)
	}
	buckets := []metric.Bucket{{UpperBound: 1, Count: 2}, {UpperBound: 2, Count: 2}, {UpperBound: math.Inf(1), Count: 3}}

	h := embertest.Histogram(t, reg, "classic", "b", "y")
	require.Equal(t, embertest.HistogramSeries{Count: 3, Sum: 5, Buckets: buckets}, h)

	h = embertest.Histogram(t, reg, "native")
	require.EqualValues(t, 3, h.Count)
	require.Nil(t, h.Buckets)
	require.EqualValues(t, 1, h.Native.ZeroCount)
	require.Len(t, h.Native.Positive, 2)

	h = embertest.Histogram(t, reg, "both")
	require.Equal(t, buckets, h.Buckets)
	require.NotNil(t, h.Native)

	native.Observe(4)
	require.EqualValues(t, 4, embertest.Value(t, reg, "native_bucket", "le", "+Inf"))

	given := gathered{{Name: "x", Kind: metric.GaugeHistogram, Points: []metric.Point{{Count: 3, Sum: 5, Buckets: buckets}}}}
	require.Equal(t, buckets, embertest.Histogram(t, given, "x").Buckets)
}

func TestHistogramFails(t *testing.T) {
	const there = "\n\trpc_seconds{route=\"/a\"} count 3, sum 5.55"
	for name, tc := range map[string]struct {
		g      ember.Gatherer
		metric string
		labels []string
		want   string
	}{
		"misspelt":         {aShop(), "rpc_second", nil, `no histogram is called "rpc_second"; is "rpc_seconds" meant? There is:` + "\n\trpc_seconds"},
		"a sample":         {aShop(), "rpc_seconds_count", nil, `no histogram is called "rpc_seconds_count"; is "rpc_seconds" meant? There is:` + "\n\trpc_seconds"},
		"another type":     {aShop(), "queue_length", nil, "queue_length is a gauge and no histogram"},
		"a label misspelt": {aShop(), "rpc_seconds", []string{"rout", "/a"}, `rpc_seconds has no label "rout"; is "route" meant? It has: "route"`},
		"a value misspelt": {aShop(), "rpc_seconds", []string{"route", "/A"}, `rpc_seconds{route="/A"} is not there; is route="/a" meant? There is:` + there},
		"a bucket's label": {aShop(), "rpc_seconds", []string{"le", "1"}, `rpc_seconds has no label "le"; it has: "route"`},
		"no histograms":    {gathered{}, "x", nil, `no histogram is called "x", nor anything else`},
		"half a label":     {aShop(), "rpc_seconds", []string{"route"}, `rpc_seconds: labels are pairs of a name and a value, and these are 1: "route"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := recorded(func(t testing.TB) { embertest.Histogram(t, tc.g, tc.metric, tc.labels...) })
			require.Equal(t, "embertest: "+tc.want, r.fatal)
		})
	}
}

// histograms are some with the same observations, of which each kind is told.
func histograms(t testing.TB, observations []float64) map[string]embertest.HistogramSeries {
	all := make(map[string]embertest.HistogramSeries)
	for name, opts := range map[string]ember.HistogramOpts{
		"classic":        {Buckets: []float64{-10, -1, 0, 0.5, 1, 2, 10}},
		"native":         {Native: &ember.NativeOpts{}},
		"coarse natives": {Native: &ember.NativeOpts{Factor: 4, ZeroThreshold: 0.25}},
	} {
		reg := ember.NewRegistry()
		opts.Name = "x"
		h := reg.NewHistogram(opts)
		for _, v := range observations {
			h.Observe(v)
		}
		all[name] = embertest.Histogram(t, reg, "x")
	}
	return all
}

// What is within a range is never less than the least nor more than the most, and both
// where the range ends between observations that are in buckets of their own.
func TestWithin(t *testing.T) {
	special := []float64{-20, -10, -2, -1, -0.25, 0, 0.25, 0.5, 1, 1.5, 2, 4, 10, 11, math.Inf(-1), math.Inf(1)}
	some := func(r *rand.Rand) float64 {
		if r.IntN(2) == 0 {
			return special[r.IntN(len(special))]
		}
		return r.NormFloat64() * 4
	}
	exact := 0
	for range 300 {
		r := rand.New(rand.NewPCG(rand.Uint64(), 0))
		var observations []float64
		for range r.IntN(20) {
			observations = append(observations, some(r))
		}
		low, high := some(r), some(r)
		var want uint64
		for _, v := range observations {
			if low < high && (v > low || math.IsInf(low, -1)) && v <= high {
				want++
			}
		}
		for name, h := range histograms(t, observations) {
			least, most := h.Within(low, high)
			about := fmt.Sprintf("%s: (%g, %g] of %g", name, low, high, observations)
			require.LessOrEqual(t, least, want, about)
			require.GreaterOrEqual(t, most, want, about)
			if least == most {
				exact++
			}
		}
	}
	require.Greater(t, exact, 300)

	for name, h := range histograms(t, []float64{-2, 0, 0.75, 0.75, 3, 30}) {
		for _, tc := range []struct {
			low, high   float64
			least, most uint64
		}{
			{math.Inf(-1), math.Inf(1), 6, 6},
			{0.5, 1, 2, 2},
			{10, math.Inf(1), 1, 1},
			{1, 0.5, 0, 0},
			{1, 1, 0, 0},
			{math.NaN(), 1, 0, 0},
		} {
			if name == "coarse natives" && tc.low == 0.5 || name != "classic" && tc.low == 10 {
				continue // no bounds of its buckets
			}
			least, most := h.Within(tc.low, tc.high)
			require.Equal(t, []uint64{tc.least, tc.most}, []uint64{least, most}, "%s: (%g, %g]", name, tc.low, tc.high)
		}
	}
	least, most := histograms(t, []float64{-2, 0, 0.75, 0.75, 3, 30})["classic"].Within(0.6, 1)
	require.Equal(t, []uint64{0, 2}, []uint64{least, most})
}

// A quantile is in the bucket of the observation that it is.
func TestQuantile(t *testing.T) {
	for range 100 {
		var observations []float64
		for range 1 + rand.IntN(50) {
			observations = append(observations, math.Abs(rand.NormFloat64()))
		}
		sorted := slices.Sorted(slices.Values(observations))
		h := histograms(t, observations)["native"]
		for _, q := range []float64{0.01, 0.3, 0.77, 0.99} {
			truth := sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
			require.InEpsilon(t, truth, h.Quantile(q), 0.1, "%g of %g", q, sorted)
		}
	}
	classic := histograms(t, []float64{0.6, 0.7, 0.8, 0.9})["classic"]
	require.InDelta(t, 0.75, classic.Quantile(0.5), 1e-9)
	for name, h := range histograms(t, nil) {
		require.True(t, math.IsNaN(h.Quantile(0.5)), name)
		require.True(t, math.IsNaN(h.Quantile(math.NaN())), name)
		require.True(t, math.IsInf(h.Quantile(-0.1), -1), name)
		require.True(t, math.IsInf(h.Quantile(1.1), 1), name)
	}
	require.True(t, math.IsNaN(embertest.HistogramSeries{}.Quantile(0.5)))
}

// The quantiles are those that promql.BucketQuantile and promql.HistogramQuantile of
// Prometheus v0.316.0 say of the same buckets.
func TestQuantileIsThatOfPrometheus(t *testing.T) {
	for _, tc := range []struct{ observations, classic, native []float64 }{
		{[]float64{0.3, 0.4, 1, 1.5, 3}, []float64{0.125, 0.75, 2}, []float64{0.310464453018371, 0.9576032806985736, 2.9536522918789987}},
		{[]float64{-3, -1, -0.2, 0, 0.7, 2}, []float64{-2, -0.6666666666666667, 1.4000000000000004}, []float64{-2.928171391891251, -0.1, 1.8986842419010383}},
		{[]float64{-4, -3, -0.05}, []float64{-2, -2, -0.5999999999999996}, []float64{-3.897367564806828, -2.9536522918789987, -0.03}},
		{[]float64{0, 0.05, 0.5}, []float64{-1.4, 0.125, 0.42500000000000004}, []float64{0.015000000000000003, 0.07500000000000001, 0.4871709456008535}},
	} {
		reg := ember.NewRegistry()
		classic := reg.NewHistogram(ember.HistogramOpts{Name: "classic", Buckets: []float64{-2, 0, 0.5, 1, 2}})
		native := reg.NewHistogram(ember.HistogramOpts{Name: "native", Native: &ember.NativeOpts{ZeroThreshold: 0.1}})
		for _, v := range tc.observations {
			classic.Observe(v)
			native.Observe(v)
		}
		for i, q := range []float64{0.1, 0.5, 0.9} {
			require.InEpsilon(t, tc.classic[i], embertest.Histogram(t, reg, "classic").Quantile(q), 1e-9, "%g of %g", q, tc.observations)
			require.InEpsilon(t, tc.native[i], embertest.Histogram(t, reg, "native").Quantile(q), 1e-9, "%g of %g", q, tc.observations)
		}
	}
}
