// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// specialValues are those at which something changes.
var specialValues = []float64{
	0, math.SmallestNonzeroFloat64, 0x1p-1073, math.Nextafter(0x1p-1022, 0), 0x1p-1022, math.Nextafter(0x1p-128, 0), 0x1p-128,
	math.Nextafter(0x1p-128, 1), 0.1, math.Nextafter(0.5, 0), 0.5, math.Nextafter(0.5, 1), 1, math.Nextafter(1, 2), math.Sqrt2, 65536,
	0x1p1023, math.MaxFloat64, math.Inf(1),
}

// Every observation is in the bucket that has it by definition, at every resolution.
func TestNativeHistogramAgainstModel(t *testing.T) {
	r := random(t)
	for schema := minSchema; schema <= maxSchema; schema++ {
		for name, tc := range map[string]struct {
			bounds            []float64
			option, threshold float64
		}{
			"alone":                  {[]float64{}, -1, 0},
			"beside classic buckets": {[]float64{-1, 0, 0.5, 1}, 0, 0x1p-128},
		} {
			t.Run(fmt.Sprint("schema ", schema, ", ", name), func(t *testing.T) {
				h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: tc.bounds, Native: &ember.NativeOpts{
					Factor:        math.Pow(2, math.Pow(2, float64(-schema))) * 1.00001,
					ZeroThreshold: tc.option,
					MaxBuckets:    -1,
				}})
				m := nativeModel{Native: metric.Native{Schema: schema, ZeroThreshold: tc.threshold}, bounds: tc.bounds}
				requireNative(t, &m, h)
				values := slices.Clone(specialValues)
				for range 40 {
					values = append(values, math.Exp(3*r.NormFloat64()))
				}
				for range 10 {
					bound := nativeBound(r.IntN(4<<max(schema, 0))-2<<max(schema, 0), schema)
					values = append(values, bound, math.Nextafter(bound, 0), math.Nextafter(bound, math.Inf(1)))
				}
				for i, v := range values {
					for _, v := range []float64{v, -v} {
						h.Observe(v)
						m.observe(v)
					}
					if i%8 == 0 {
						requireNative(t, &m, h)
					}
				}
				requireNative(t, &m, h)
				require.Equal(t, uint64(len(m.values)), h.Count())
			})
		}
	}
}

// The same in numbers, for who wants to see some.
func TestNativeHistogramBuckets(t *testing.T) {
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: 2, ZeroThreshold: 0.001}})
	for _, v := range []float64{0, 0.001, -0.0005, 0.75, 1, 1.5, 2, 2.5, -4, -5, 1e6, math.Inf(1), math.Inf(-1)} {
		h.Observe(v)
	}
	p := pointOf(t, h)
	require.Empty(t, p.Buckets)
	require.Equal(t, uint64(13), p.Count)
	require.True(t, math.IsNaN(p.Sum), "of infinities of both signs: %g", p.Sum)
	require.Equal(t, &metric.Native{
		Schema:        0,
		ZeroThreshold: 0.001,
		ZeroCount:     3,
		Positive:      []metric.NativeBucket{{Index: 0, Count: 2}, {Index: 1, Count: 2}, {Index: 2, Count: 1}, {Index: 20, Count: 1}, {Index: 1025, Count: 1}},
		Negative:      []metric.NativeBucket{{Index: 2, Count: 1}, {Index: 3, Count: 1}, {Index: 1025, Count: 1}},
	}, p.Native)
}

func TestNativeHistogramDropsNaN(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}})
	h.Observe(math.NaN())
	h.Observe(1)
	h.Observe(-math.NaN())
	require.Equal(t, `# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="nan"} 2
# TYPE x histogram
x_bucket{le="+Inf"} 1
x_sum 1
x_count 1
`, scrapeOf(t, reg))
	requireWhole(t, pointOf(t, h))
	require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
}

// The factors that the documentation lists, and those just below and above them.
func TestNativeFactor(t *testing.T) {
	schemaOf := func(factor float64) int {
		return pointOf(t, ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: factor}})).Native.Schema
	}
	require.Equal(t, 3, schemaOf(0), "the default")
	for i, factor := range []float64{1.0028, 1.0055, 1.0109, 1.0219, 1.0443, 1.0906, 1.1893, 1.4143, 2, 4, 16, 256, 65536} {
		require.Equal(t, maxSchema-i, schemaOf(factor), "%g", factor)
		exact := math.Pow(2, math.Pow(2, float64(i-maxSchema)))
		require.Equal(t, maxSchema-i, schemaOf(math.Nextafter(exact, 1e9)), "above %g", exact)
		require.Equal(t, min(maxSchema-i+1, maxSchema), schemaOf(exact-0x1p-30), "below %g", exact)
	}
	require.Equal(t, maxSchema, schemaOf(math.Nextafter(1, 2)))
	require.Equal(t, minSchema, schemaOf(math.MaxFloat64))
}

func TestNativeZeroThreshold(t *testing.T) {
	for name, tc := range map[string]struct{ option, want float64 }{
		"default":   {0, 0x1p-128},
		"explicit":  {0.1, 0.1},
		"subnormal": {math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64},
		"zero":      {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{ZeroThreshold: tc.option}})
			for _, v := range []float64{0, tc.want, math.Nextafter(tc.want, 1)} {
				h.Observe(v)
				h.Observe(-v)
			}
			p := pointOf(t, h)
			require.Equal(t, tc.want, p.Native.ZeroThreshold)
			require.Equal(t, uint64(4), p.Native.ZeroCount)
			require.Len(t, p.Native.Positive, 1)
			require.Len(t, p.Native.Negative, 1)
			requireWhole(t, p)
		})
	}
}

// Too many buckets are made fewer: next to zero as long as that is allowed, then by
// halving the resolution.
func TestNativeBudget(t *testing.T) {
	for name, tc := range map[string]struct {
		opts    ember.NativeOpts
		observe []float64
		want    metric.Native
	}{
		"within": {
			ember.NativeOpts{MaxBuckets: 3},
			[]float64{1, 2, 4, 4},
			metric.Native{ZeroThreshold: 0x1p-128, Positive: []metric.NativeBucket{{Index: 0, Count: 1}, {Index: 1, Count: 1}, {Index: 2, Count: 2}}},
		},
		"halved": {
			ember.NativeOpts{MaxBuckets: 3},
			[]float64{1, 2, 4, 8},
			metric.Native{Schema: -1, ZeroThreshold: 0x1p-128, Positive: []metric.NativeBucket{{Index: 0, Count: 1}, {Index: 1, Count: 2}, {Index: 2, Count: 1}}},
		},
		"halved twice": {
			ember.NativeOpts{MaxBuckets: 2},
			[]float64{1, 2, 4, 8, 16, 32},
			metric.Native{Schema: -3, ZeroThreshold: 0x1p-128, Positive: []metric.NativeBucket{{Index: 0, Count: 1}, {Index: 1, Count: 5}}},
		},
		"widened": {
			ember.NativeOpts{MaxBuckets: 3, MaxZeroThreshold: 1},
			[]float64{1, 2, 4, 8},
			metric.Native{ZeroThreshold: 1, ZeroCount: 1, Positive: []metric.NativeBucket{{Index: 1, Count: 1}, {Index: 2, Count: 1}, {Index: 3, Count: 1}}},
		},
		"widened no further than needed": {
			ember.NativeOpts{MaxBuckets: 3, MaxZeroThreshold: 1e9},
			[]float64{8, -4, 2, 1, -0.75},
			metric.Native{
				ZeroThreshold: 1, ZeroCount: 2,
				Positive: []metric.NativeBucket{{Index: 1, Count: 1}, {Index: 3, Count: 1}},
				Negative: []metric.NativeBucket{{Index: 2, Count: 1}},
			},
		},
		"widened, then halved": {
			ember.NativeOpts{MaxBuckets: 3, MaxZeroThreshold: 1.5},
			[]float64{0.5, 1, 2, 4, 8, 16},
			metric.Native{Schema: -1, ZeroThreshold: 1, ZeroCount: 2, Positive: []metric.NativeBucket{{Index: 1, Count: 2}, {Index: 2, Count: 2}}},
		},
		"not at all": {
			ember.NativeOpts{MaxBuckets: 1, MaxZeroThreshold: 0.5},
			[]float64{1, 0, math.Copysign(0, -1), 1},
			metric.Native{ZeroThreshold: 0x1p-128, ZeroCount: 2, Positive: []metric.NativeBucket{{Index: 0, Count: 2}}},
		},
		// There is nothing coarser, so here there are more than allowed.
		"out of reach": {
			ember.NativeOpts{MaxBuckets: 1},
			[]float64{1, 1e10, -1},
			metric.Native{
				Schema: -4, ZeroThreshold: 0x1p-128,
				Positive: []metric.NativeBucket{{Index: 0, Count: 1}, {Index: 3, Count: 1}},
				Negative: []metric.NativeBucket{{Index: 0, Count: 1}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Factor = 2
			h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &tc.opts})
			for _, v := range tc.observe {
				h.Observe(v)
			}
			p := pointOf(t, h)
			require.Equal(t, &tc.want, p.Native)
			requireWhole(t, p)
			for range 3 { // nor does anything change by being looked at
				require.Equal(t, p, pointOf(t, h))
			}
		})
	}
}

// populatedBy returns the most buckets that a scrape has while values are observed.
func populatedBy(t *testing.T, opts ember.NativeOpts, values []float64) (most int) {
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &opts})
	for i, v := range values {
		h.Observe(v)
		p := pointOf(t, h)
		require.Equal(t, uint64(i+1), p.Count)
		requireWhole(t, p)
		most = max(most, len(p.Native.Positive)+len(p.Native.Negative))
	}
	return most
}

func TestNativeBudgetByDefault(t *testing.T) {
	var values []float64
	for i := range 400 {
		values = append(values, math.Pow(2, float64(i)/8)*1.01)
	}
	require.Equal(t, 160, populatedBy(t, ember.NativeOpts{}, values))
	require.Equal(t, 161, populatedBy(t, ember.NativeOpts{MaxBuckets: 161}, values))
	require.Equal(t, 400, populatedBy(t, ember.NativeOpts{MaxBuckets: 400}, values))
	require.Equal(t, 400, populatedBy(t, ember.NativeOpts{MaxBuckets: -1}, values))
}

// The numbers of the documentation.
func TestNativeBudgetOutOfReach(t *testing.T) {
	var values []float64
	for e := -1074; e <= 1023; e++ {
		values = append(values, math.Ldexp(1, e), -math.Ldexp(1, e))
	}
	values = append(values, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1))
	populated := func(opts ember.NativeOpts) int {
		h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &opts})
		for _, v := range values {
			h.Observe(v)
		}
		p := pointOf(t, h)
		require.Equal(t, minSchema, p.Native.Schema)
		requireWhole(t, p)
		return len(p.Native.Positive) + len(p.Native.Negative)
	}
	require.Equal(t, 146, populated(ember.NativeOpts{}))
	require.Equal(t, 266, populated(ember.NativeOpts{ZeroThreshold: -1}))
}

// Whatever comes in which order, what is exposed is within the budget, and no coarser
// than it must be.
func TestNativeBudgetAgainstModel(t *testing.T) {
	r := random(t)
	for name, draw := range map[string]func() float64{
		"latencies":  func() float64 { return 0.02 * math.Exp(r.NormFloat64()) },
		"wide":       func() float64 { return math.Exp(20 * r.NormFloat64()) },
		"both signs": func() float64 { return math.Exp(5*r.NormFloat64()) * float64(1-2*r.IntN(2)) },
		"special":    func() float64 { return specialValues[r.IntN(len(specialValues))] * float64(1-2*r.IntN(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 8 {
				budget := 30 + r.IntN(60) // at the coarsest there are fewer for most draws
				opts := ember.NativeOpts{MaxBuckets: budget, ZeroThreshold: -1}
				if r.IntN(2) == 0 {
					opts.MaxZeroThreshold = math.Exp(3 * r.NormFloat64())
				}
				if r.IntN(2) == 0 {
					opts.Factor = 1 + r.Float64()
				}
				h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &opts, Buckets: []float64{0.01}})
				m := nativeModel{Native: *pointOf(t, h).Native, bounds: []float64{0.01}}
				for range 150 {
					v := draw()
					h.Observe(v)
					m.observe(v)
					m.fit(budget, opts.MaxZeroThreshold)
					if r.IntN(8) == 0 {
						requireNative(t, &m, h)
					}
				}
				requireNative(t, &m, h)
			}
		})
	}
}

// What Register will refuse still must not fail before.
func TestNativeWithBadOptions(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ember.NativeOpts
		want string
	}{
		"factor 1":            {ember.NativeOpts{Factor: 1}, `ember: histogram "x": the native Factor (1) must be a number above 1`},
		"factor below 1":      {ember.NativeOpts{Factor: 0.5}, `ember: histogram "x": the native Factor (0.5) must be a number above 1`},
		"factor negative":     {ember.NativeOpts{Factor: -2}, `ember: histogram "x": the native Factor (-2) must be a number above 1`},
		"factor NaN":          {ember.NativeOpts{Factor: math.NaN()}, `ember: histogram "x": the native Factor (NaN) must be a number above 1`},
		"factor +Inf":         {ember.NativeOpts{Factor: math.Inf(1)}, `ember: histogram "x": the native Factor (+Inf) must be a number above 1`},
		"zero NaN":            {ember.NativeOpts{ZeroThreshold: math.NaN()}, `ember: histogram "x": the native ZeroThreshold (NaN) must be a number`},
		"zero +Inf":           {ember.NativeOpts{ZeroThreshold: math.Inf(1)}, `ember: histogram "x": the native ZeroThreshold (+Inf) must be a number`},
		"max zero below zero": {ember.NativeOpts{ZeroThreshold: 0.5, MaxZeroThreshold: 0.25}, `ember: histogram "x": the native MaxZeroThreshold (0.25) must be a number, at least the ZeroThreshold (0.5)`},
		"max zero below default": {
			ember.NativeOpts{MaxZeroThreshold: 0x1p-129},
			`ember: histogram "x": the native MaxZeroThreshold (1.4693679385278594e-39) must be a number, at least the ZeroThreshold (2.938735877055719e-39)`,
		},
		"max zero negative": {ember.NativeOpts{ZeroThreshold: 0.5, MaxZeroThreshold: -1}, `ember: histogram "x": the native MaxZeroThreshold (-1) must be a number, at least the ZeroThreshold (0.5)`},
		"max zero NaN":      {ember.NativeOpts{ZeroThreshold: -1, MaxZeroThreshold: math.NaN()}, `ember: histogram "x": the native MaxZeroThreshold (NaN) must be a number, at least the ZeroThreshold (0)`},
		"max zero +Inf":     {ember.NativeOpts{ZeroThreshold: 1, MaxZeroThreshold: math.Inf(1)}, `ember: histogram "x": the native MaxZeroThreshold (+Inf) must be a number, at least the ZeroThreshold (1)`},
		"reset":             {ember.NativeOpts{ResetAfter: -time.Second}, `ember: histogram "x": the native ResetAfter (-1s) must not be negative`},
		"the first of these": {
			ember.NativeOpts{Factor: -1, ZeroThreshold: math.NaN(), MaxZeroThreshold: -1, ResetAfter: -1},
			`ember: histogram "x": the native Factor (-1) must be a number above 1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Native: &tc.opts})
			for i := range 1000 {
				h.Observe(math.Ldexp(1, i-500))
			}
			h.Time(func() {})
			require.Equal(t, uint64(1001), h.Count())
			reg := ember.NewRegistry()
			require.EqualError(t, reg.Register(h), tc.want)
			require.Empty(t, scrapeOf(t, reg))
		})
	}
	t.Run("bad buckets beside", func(t *testing.T) {
		h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{2, 1}, Native: &ember.NativeOpts{}})
		h.Observe(1)
		require.Equal(t, uint64(1), h.Count())
		require.EqualError(t, ember.NewRegistry().Register(h), `ember: histogram "x": bucket 1 (1) must be above bucket 0 (2)`)
	})
}

// The options belong to the definition: what they are taken for, not how they are
// written.
func TestNativeOptionsDefine(t *testing.T) {
	reg := ember.NewRegistry()
	h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}, Native: &ember.NativeOpts{}})
	for _, same := range []ember.NativeOpts{
		{}, {Factor: 1.1}, {Factor: 1.15}, {MaxBuckets: 160}, {ZeroThreshold: 0x1p-128},
	} {
		require.Same(t, h, reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}, Native: &same}), "%+v", same)
	}
	const defaults = `{Factor:1.0905077326652577 ZeroThreshold:2.938735877055719e-39 MaxBuckets:160 MaxZeroThreshold:0 ResetAfter:0s}`
	for name, tc := range map[string]struct {
		opts *ember.NativeOpts
		want string
	}{
		"none":               {nil, ``},
		"factor":             {&ember.NativeOpts{Factor: 2}, ` and native buckets {Factor:2 ZeroThreshold:2.938735877055719e-39 MaxBuckets:160 MaxZeroThreshold:0 ResetAfter:0s}`},
		"zero threshold":     {&ember.NativeOpts{ZeroThreshold: -1}, ` and native buckets {Factor:1.0905077326652577 ZeroThreshold:0 MaxBuckets:160 MaxZeroThreshold:0 ResetAfter:0s}`},
		"buckets":            {&ember.NativeOpts{MaxBuckets: -7}, ` and native buckets {Factor:1.0905077326652577 ZeroThreshold:2.938735877055719e-39 MaxBuckets:-1 MaxZeroThreshold:0 ResetAfter:0s}`},
		"max zero threshold": {&ember.NativeOpts{MaxZeroThreshold: 1}, ` and native buckets {Factor:1.0905077326652577 ZeroThreshold:2.938735877055719e-39 MaxBuckets:160 MaxZeroThreshold:1 ResetAfter:0s}`},
		"reset":              {&ember.NativeOpts{ResetAfter: time.Hour}, ` and native buckets {Factor:1.0905077326652577 ZeroThreshold:2.938735877055719e-39 MaxBuckets:160 MaxZeroThreshold:0 ResetAfter:1h0m0s}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.PanicsWithError(t, `ember: x is already registered, by a *ember.Histogram; it is a *ember.Histogram of "x" with the labels [] and native buckets `+defaults+
				`, not a *ember.Histogram of "x" with the labels []`+tc.want, func() {
				reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}, Native: tc.opts})
			})
		})
	}
}

func TestNativeVector(t *testing.T) {
	reg := ember.NewRegistry()
	v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: 2}}, "a")
	v.With("b").Observe(4)
	v.With("c").Observe(-4)
	v.With("c").ObserveDuration(time.Second)
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	var got []*metric.Native
	for _, p := range families[0].Points {
		requireWhole(t, p)
		got = append(got, p.Native)
	}
	require.Equal(t, []*metric.Native{
		{ZeroThreshold: 0x1p-128, Positive: []metric.NativeBucket{{Index: 2, Count: 1}}},
		{ZeroThreshold: 0x1p-128, Positive: []metric.NativeBucket{{Index: 0, Count: 1}}, Negative: []metric.NativeBucket{{Index: 2, Count: 1}}},
	}, got)
	require.Equal(t, uint64(2), v.With("c").Count())
	require.Equal(t, -3.0, v.With("c").Sum())
}
