// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/metric"
)

// naive is what a bucket is: the first bound that is not below v.
func naive(bounds []float64, v float64) int {
	for i, b := range bounds {
		if v <= b {
			return i
		}
	}
	return len(bounds)
}

func TestFindBucket(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int, f func() float64) []float64 {
		bounds := make([]float64, n)
		for i := range bounds {
			bounds[i] = f()
		}
		slices.Sort(bounds)
		return slices.Compact(bounds)
	}
	for name, bounds := range map[string][]float64{
		"default":          DefBuckets,
		"none":             {},
		"one":              {1},
		"zero":             {0},
		"negative":         {-3, -2, -1},
		"mixed":            {-10, -1e-9, 0, 1e-9, 10},
		"linear":           LinearBuckets(0, 1, 100),
		"linear, far away": LinearBuckets(1e6, 1, 1000),
		"exponential":      ExponentialBuckets(1e-9, 2, 60),
		"all magnitudes":   {-math.MaxFloat64, 5e-324, 1e-310, 1e-300, 1, 1e300, math.MaxFloat64},
		"neighbours":       {1, math.Nextafter(1, 2), math.Nextafter(math.Nextafter(1, 2), 2)},
		"powers of two":    {0.25, 0.5, 1, 2, 4},
		"random":           random(500, func() float64 { return r.NormFloat64() * 100 }),
		"random, positive": random(40, func() float64 { return math.Exp(20 * r.NormFloat64()) }),
		"very many":        LinearBuckets(1, 0.5, math.MaxUint16+10),
	} {
		t.Run(name, func(t *testing.T) {
			l := &layout{definition: &definition{Desc: metric.Desc{Name: "x"}}, bounds: bounds, index: newBoundIndex(bounds)}
			require.LessOrEqual(t, len(l.index.start), indexCells+1)
			check := func(v float64) {
				if got, want := l.find(v), naive(bounds, v); got != want {
					t.Fatalf("%g is in bucket %d, want %d", v, got, want)
				}
			}
			for i, b := range bounds {
				if i > 2000 && i < len(bounds)-2000 {
					continue
				}
				for _, v := range []float64{b, math.Nextafter(b, math.Inf(1)), math.Nextafter(b, math.Inf(-1)), -b} {
					check(v)
				}
			}
			for _, v := range []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64} {
				check(v)
			}
			rounds := 20_000
			if len(bounds) > 10_000 {
				rounds = 200
			}
			for range rounds {
				if v := math.Float64frombits(r.Uint64()); v == v {
					check(v)
				}
				if len(bounds) > 0 {
					b := bounds[r.IntN(len(bounds))]
					check(b * (1 + r.NormFloat64()/100))
				}
			}
		})
	}
}
