// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

func TestCountsAgainstMap(t *testing.T) {
	for name, index := range map[string]func(r *rand.Rand) int{
		"few":        func(r *rand.Rand) int { return r.IntN(3) - 1 },
		"one page":   func(r *rand.Rand) int { return 1 + r.IntN(16) },
		"neighbours": func(r *rand.Rand) int { return r.IntN(200) - 100 },
		"spread":     func(r *rand.Rand) int { return r.IntN(600_000) - 300_000 },
		"descending": func() func(*rand.Rand) int {
			next := 1000
			return func(*rand.Rand) int { next--; return next }
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(6, 7))
			var c native.Counts
			want := make(map[int]uint64)
			for range 1000 {
				i, n := index(r), r.Uint64N(3)
				require.Equal(t, n > 0 && want[i] == 0, c.Add(i, n))
				if n > 0 {
					want[i] += n
				}
				require.Equal(t, len(want), c.Len())
			}
			var order []int
			c.Each(func(index int, n uint64) {
				order = append(order, index)
				require.Equal(t, want[index], n)
			})
			require.Equal(t, slices.Sorted(maps.Keys(want)), order)
		})
	}
}

func TestZeroCounts(t *testing.T) {
	var c native.Counts
	require.Zero(t, c.Len())
	c.Each(func(index int, n uint64) { t.Errorf("bucket %d has %d", index, n) })
	require.False(t, c.Add(1, 0))
	require.Zero(t, c.Len())
	require.True(t, c.Add(1, math.MaxUint64-1))
	require.False(t, c.Add(1, 1))
	require.Equal(t, 1, c.Len())
}
