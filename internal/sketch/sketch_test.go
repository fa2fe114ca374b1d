// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMaxErrorIsBelowOnePercent(t *testing.T) {
	require.Less(t, MaxError, 0.01)
}

// distributions are ways to draw values.
var distributions = map[string]func(r *rand.Rand) float64{
	"uniform":     func(r *rand.Rand) float64 { return r.Float64() },
	"narrow":      func(r *rand.Rand) float64 { return 1000 + r.Float64() },
	"lognormal":   func(r *rand.Rand) float64 { return math.Exp(2*r.NormFloat64() - 5) },
	"exponential": func(r *rand.Rand) float64 { return r.ExpFloat64() },
	"pareto":      func(r *rand.Rand) float64 { return math.Pow(1-r.Float64(), -3) },
	"constant":    func(*rand.Rand) float64 { return 0.1 },
	"zero":        func(*rand.Rand) float64 { return 0 },
	"integers":    func(r *rand.Rand) float64 { return float64(r.IntN(300)) },
	"bimodal": func(r *rand.Rand) float64 {
		return []float64{1e-9, 1e9}[r.IntN(2)] * (1 + r.Float64()/100)
	},
	"negative": func(r *rand.Rand) float64 { return -r.ExpFloat64() },
	"mixed":    func(r *rand.Rand) float64 { return r.NormFloat64() },
	"mostly zero": func(r *rand.Rand) float64 {
		if r.IntN(20) > 0 {
			return math.Copysign(0, float64(r.IntN(2))-0.5)
		}
		return r.NormFloat64()
	},
	"subnormal": func(r *rand.Rand) float64 {
		return math.Copysign(math.Float64frombits(r.Uint64()>>(12+r.IntN(52))), float64(r.IntN(2))-0.5)
	},
	"any bits": anyFloat,
	"infinite": func(r *rand.Rand) float64 {
		return []float64{math.Inf(1), math.Inf(-1), 1, math.MaxFloat64}[r.IntN(4)]
	},
	"special": func(r *rand.Rand) float64 { return special[r.IntN(len(special))] },
}

// quantiles are those asked for here; sorted.
var quantiles = []float64{0, 1e-9, 0.001, 0.01, 0.1, 0.25, 0.5, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1 - 1e-9, 1}

// nearestRank returns the exact quantile of sorted values.
func nearestRank(sorted []float64, q float64) float64 {
	return sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
}

// requireQuantiles checks all estimates against values, which it sorts.
func requireQuantiles(t *testing.T, s *Sketch, values []float64) {
	t.Helper()
	slices.Sort(values)
	out := make([]float64, len(quantiles))
	s.Quantiles(quantiles, out)
	for i, q := range quantiles {
		if len(values) == 0 {
			require.True(t, math.IsNaN(out[i]), "quantile %g of nothing is %g", q, out[i])
			continue
		}
		requireWithin(t, nearestRank(values, q), out[i])
	}
}

func TestQuantiles(t *testing.T) {
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 3, 10, 99, 100, 101, 1000, 20_000} {
				r := rand.New(rand.NewPCG(3, uint64(n)))
				var s Sketch
				var values []float64
				for range n {
					v := draw(r)
					s.Add(v)
					values = append(values, v)
				}
				requireQuantiles(t, &s, values)
			}
		})
	}
}

// Each rank, not only some.
func TestQuantilesOfEachRank(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 5))
	for n := 1; n <= 64; n++ {
		var s Sketch
		values := make([]float64, n)
		qs, out := make([]float64, n), make([]float64, n)
		for i := range values {
			values[i] = r.NormFloat64()
			s.Add(values[i])
			qs[i] = (float64(i) + 0.5) / float64(n)
		}
		slices.Sort(values)
		s.Quantiles(qs, out)
		for i, v := range values {
			requireWithin(t, v, out[i])
		}
	}
}

func TestMergeIsAddingAll(t *testing.T) {
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(6, 7))
			var all, merged Sketch
			var values []float64
			for i := range 8 {
				var part Sketch
				for range i * 50 { // the first is empty
					v := draw(r)
					part.Add(v)
					all.Add(v)
					values = append(values, v)
				}
				before := counts(&part)
				merged.Merge(&part)
				require.Equal(t, before, counts(&part), "what is merged must not change")
			}
			require.Equal(t, counts(&all), counts(&merged))
			requireQuantiles(t, &merged, values)
		})
	}
}

// counts returns the count of each bin that is not empty.
func counts(s *Sketch) map[int]uint32 {
	c := make(map[int]uint32)
	for _, p := range s.pages {
		for k, n := range p.counts {
			if n > 0 {
				c[p.number*pageBins+k] = n
			}
		}
	}
	return c
}

func TestMergeWithItself(t *testing.T) {
	var s Sketch
	for _, v := range special {
		s.Add(v)
	}
	want := counts(&s)
	for b := range want {
		want[b] *= 2
	}
	s.Merge(&s)
	require.Equal(t, want, counts(&s))
}

func TestFullCountsStay(t *testing.T) {
	const full = math.MaxUint32
	for name, tc := range map[string]struct{ count, merged, want uint32 }{
		"one short":       {full - 1, 0, full},
		"full":            {full, 0, full},
		"merged to full":  {full - 10, 9, full},
		"merged beyond":   {full - 10, 100, full},
		"both full":       {full, full, full},
		"merged not full": {full - 10, 5, full - 4},
	} {
		t.Run(name, func(t *testing.T) {
			var s, o Sketch
			s.Add(1)
			s.Add(8)
			o.Add(1)
			b := bin(1)
			count := func(s *Sketch) *uint32 { return &s.page(b >> 4)[b&(pageBins-1)] }
			*count(&s), *count(&o) = tc.count, tc.merged
			s.Add(1)
			s.Merge(&o)
			require.Equal(t, tc.want, *count(&s))
			require.Equal(t, uint32(1), counts(&s)[bin(8)])

			out := make([]float64, 3)
			s.Quantiles([]float64{0.5, 0.999, 1}, out)
			requireWithin(t, 1, out[0])
			requireWithin(t, 1, out[1])
			requireWithin(t, 8, out[2])
		})
	}
}

func TestEmptySketch(t *testing.T) {
	var s, o Sketch
	s.Merge(&o)
	requireQuantiles(t, &s, nil)
	s.Quantiles(nil, nil)
	s.Add(1)
	s.Quantiles(nil, nil)
	o.Merge(&s)
	requireQuantiles(t, &o, []float64{1})
}

func TestClear(t *testing.T) {
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(8, 9))
			var s Sketch
			for range 3 {
				var values []float64
				for range 200 {
					v := draw(r)
					s.Add(v)
					values = append(values, v)
				}
				requireQuantiles(t, &s, values)
				s.Clear()
				require.Empty(t, counts(&s))
				requireQuantiles(t, &s, nil)
			}
		})
	}
}

// FuzzSketch takes bytes for values, eight for each, adds them to two sketches
// in turn, merges these and checks all quantiles.
func FuzzSketch(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("0123456789abcdef0123456789abcdef"))
	f.Add(make([]byte, 80))
	f.Fuzz(func(t *testing.T, data []byte) {
		var parts [2]Sketch
		var values []float64
		for ; len(data) >= 8; data = data[8:] {
			var u uint64
			for _, b := range data[:8] {
				u = u<<8 | uint64(b)
			}
			if v := math.Float64frombits(u); v == v {
				parts[len(values)%2].Add(v)
				values = append(values, v)
			}
		}
		parts[0].Merge(&parts[1])
		requireQuantiles(t, &parts[0], values)
	})
}
