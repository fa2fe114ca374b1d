// SPDX-License-Identifier: Apache-2.0

package sketch_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/sketch"
)

var readQuantiles = []float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1}

// What is taken apart into pages and put together is the same; without the ends it is
// within the error.
func TestPages(t *testing.T) {
	var whole, again, blind sketch.Sketch
	for i := range 1000 {
		whole.Add(math.Exp(float64(i-500)/20) * float64(i%7-2))
	}
	whole.Add(math.Inf(1))
	whole.Add(math.Inf(-1))
	whole.Add(0)
	low, high, ok := whole.Ends()
	require.True(t, ok)
	require.True(t, again.Extend(low, high))
	whole.EachPage(func(number int, counts *[sketch.PageBins]uint32) {
		require.True(t, again.AddPage(number, counts))
		require.True(t, blind.AddPage(number, counts))
		blind.ExtendPage(number, counts)
	})
	want, got, near := make([]float64, len(readQuantiles)), make([]float64, len(readQuantiles)), make([]float64, len(readQuantiles))
	whole.Quantiles(readQuantiles, want)
	again.Quantiles(readQuantiles, got)
	blind.Quantiles(readQuantiles, near)
	require.Equal(t, want, got)
	for i, v := range near {
		if v != want[i] {
			require.InEpsilon(t, want[i], v, 2*sketch.MaxError)
		}
	}
}

func TestPagesThatCannotBe(t *testing.T) {
	var s sketch.Sketch
	counts := [sketch.PageBins]uint32{1}
	for _, number := range []int{math.MaxInt, math.MinInt, 1 << 20, -1 << 20} {
		require.False(t, s.AddPage(number, &counts), number)
	}
	require.False(t, s.Extend(2, 1))
	require.False(t, s.Extend(math.NaN(), 1))
	require.False(t, s.Extend(1, math.NaN()))
	_, _, ok := s.Ends()
	require.False(t, ok)
	counts[3] = math.MaxUint32
	require.True(t, s.AddPage(0, &counts))
	require.True(t, s.AddPage(0, &counts)) // stays full
	s.EachPage(func(_ int, counts *[sketch.PageBins]uint32) {
		require.EqualValues(t, uint32(math.MaxUint32), counts[3])
		require.EqualValues(t, 2, counts[0])
	})
}
