// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

func buckets(b *native.Buckets) (all [3]map[int]uint64) {
	all[0] = map[int]uint64{0: b.Zero}
	for i, c := range []*native.Counts{&b.Positive, &b.Negative} {
		all[i+1] = map[int]uint64{}
		c.Each(func(index int, n uint64) { all[i+1][index] = n })
	}
	return all
}

// What is taken apart into pages and put together is the same.
func TestPages(t *testing.T) {
	for schema := native.MinSchema; schema <= native.MaxSchema; schema++ {
		b := native.New(native.Scale{Schema: schema, ZeroThreshold: 1e-300})
		values := []float64{0, 1, -1, 3, 4.5, -1e9, 1e-200, math.MaxFloat64, math.Inf(1), math.Inf(-1), 5e-324, 1e-299}
		for i, v := range values {
			for range i + 1 {
				b.Observe(v)
			}
		}
		c := native.New(b.Scale())
		c.Zero = b.Zero
		b.Positive.EachPage(func(number int, counts *[native.PageLen]uint64) {
			require.True(t, c.AddPage(false, number, counts))
		})
		b.Negative.EachPage(func(number int, counts *[native.PageLen]uint64) {
			require.True(t, c.AddPage(true, number, counts))
		})
		require.Equal(t, buckets(b), buckets(c))
		require.EqualValues(t, len(values)*(len(values)+1)/2, c.Total())
	}
}

func TestPagesThatCannotBe(t *testing.T) {
	for schema := native.MinSchema; schema <= native.MaxSchema; schema++ {
		last := native.Index(math.Inf(1), schema) - 1
		b := native.New(native.Scale{Schema: schema})
		var one [native.PageLen]uint64
		one[last&15] = 1
		require.True(t, b.AddPage(false, last>>4, &one))
		require.EqualValues(t, 1, b.Total())
		for _, number := range []int{last>>4 + 1, math.MaxInt, math.MinInt, -1 << 28, -(last>>4)*2 - 100} {
			require.False(t, b.AddPage(false, number, &one), number)
			require.True(t, b.AddPage(true, number, new([native.PageLen]uint64)))
		}
		one = [native.PageLen]uint64{}
		one[(last+1)&15] = 1
		require.False(t, b.AddPage(true, (last+1)>>4, &one))
		require.EqualValues(t, 1, b.Total())
	}
	b := native.New(native.Scale{})
	b.Zero = math.MaxUint64
	b.Observe(1)
	require.EqualValues(t, uint64(math.MaxUint64), b.Total())
}
