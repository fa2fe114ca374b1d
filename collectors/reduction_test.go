// SPDX-License-Identifier: Apache-2.0

package collectors_test

import (
	"math"
	"math/rand/v2"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
)

func TestReduce(t *testing.T) {
	inf := math.Inf(1)
	below := func(f float64) float64 { return math.Nextafter(f, 0) }
	for name, tc := range map[string]struct {
		unit       string
		boundaries []float64
		counts     []uint64
		want       metric.Point
	}{
		"bytes by powers of two": {
			"bytes",
			[]float64{1, 2, 3, 4, 5, 9, inf},
			[]uint64{1, 2, 4, 8, 16, 32},
			metric.Point{
				Count: 63, Sum: 1.5 + 2*2.5 + 4*3.5 + 8*4.5 + 16*7 + 32*9,
				Buckets: []metric.Bucket{{UpperBound: below(2), Count: 1}, {UpperBound: below(4), Count: 7}, {UpperBound: below(9), Count: 31}},
			},
		},
		"seconds by powers of ten, up to one": {
			"seconds",
			[]float64{-inf, 0, 0.01, 0.05, 0.1, 0.5, 1, 2, 10, inf},
			[]uint64{1, 2, 4, 8, 16, 32, 64, 128, 256},
			metric.Point{
				Count: 511, Sum: 2*0.005 + 4*0.03 + 8*0.07500000000000001 + 16*0.3 + 32*0.75 + 64*1.5 + 128*6 + 256*10,
				Buckets: []metric.Bucket{{UpperBound: below(0.01), Count: 3}, {UpperBound: below(0.1), Count: 15}, {UpperBound: below(1), Count: 63}},
			},
		},
		"finite to the end": {
			"bytes",
			[]float64{1, 2, 4},
			[]uint64{3, 5},
			metric.Point{
				Count: 8, Sum: 3*1.5 + 5*3,
				Buckets: []metric.Bucket{{UpperBound: below(2), Count: 3}, {UpperBound: below(4), Count: 8}},
			},
		},
		"empty": {
			"bytes",
			[]float64{1, 2, inf},
			[]uint64{0, 0},
			metric.Point{Buckets: []metric.Bucket{{UpperBound: below(2)}}},
		},
		"nothing between": {
			"bytes",
			[]float64{-inf, 5, inf},
			[]uint64{1, 2},
			metric.Point{Count: 3, Sum: 15},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := collectors.Reduce(&metrics.Float64Histogram{Counts: tc.counts, Buckets: tc.boundaries}, tc.unit)
			require.InDelta(t, tc.want.Sum, got.Sum, 1e-9)
			got.Sum = tc.want.Sum
			require.Equal(t, tc.want.Buckets, got.Buckets[:len(got.Buckets):len(got.Buckets)])
			got.Buckets = tc.want.Buckets
			require.Equal(t, tc.want, got)
		})
	}
}

// TestReduceRandomly compares with counting, for each bound, the runtime's
// buckets that end at or below its boundary.
func TestReduceRandomly(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		h := &metrics.Float64Histogram{Buckets: []float64{rnd.Float64() * 2}}
		if rnd.IntN(2) == 0 {
			h.Buckets[0] = math.Inf(-1)
		}
		last := rnd.Float64() - 0.5
		for range rnd.IntN(60) {
			last += rnd.ExpFloat64() * max(1, math.Abs(last)) * 0.2
			if last > h.Buckets[len(h.Buckets)-1] {
				h.Buckets = append(h.Buckets, last)
			}
		}
		if len(h.Buckets) == 1 || rnd.IntN(2) == 0 {
			h.Buckets = append(h.Buckets, math.Inf(1))
		}
		for range len(h.Buckets) - 1 {
			h.Counts = append(h.Counts, rnd.Uint64N(3))
		}
		unit := []string{"bytes", "seconds", "things"}[rnd.IntN(3)]

		got := collectors.Reduce(h, unit)
		var total uint64
		for _, n := range h.Counts {
			total += n
		}
		require.Equal(t, total, got.Count)
		previous := math.Inf(-1)
		for _, b := range got.Buckets {
			require.Greater(t, b.UpperBound, previous)
			previous = b.UpperBound
			var want uint64
			for i, n := range h.Counts {
				if math.Nextafter(h.Buckets[i+1], math.Inf(-1)) <= b.UpperBound {
					want += n
				}
			}
			require.Equal(t, want, b.Count, "%v %v", h, b)
			if unit == "seconds" {
				require.Less(t, b.UpperBound, 1.0)
			}
		}
	}
}
