// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// A sum is what arbitrary precision says, in any order and in groups.
func TestSumIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var values []float64
		exact := new(big.Float).SetPrec(2400)
		for range 1 + rng.IntN(30) {
			v := math.Ldexp(rng.Float64()-0.3, rng.IntN(200)-100)
			switch rng.IntN(5) {
			case 0:
				v = float64(uint64(1) << rng.IntN(60))
			case 1:
				v = 1 / float64(uint64(1)<<rng.IntN(60))
			case 2:
				v = -v
			}
			values = append(values, v)
			exact.Add(exact, big.NewFloat(v))
		}
		whole := rng.Uint64() >> rng.IntN(64)
		want, _ := exact.Float64()
		withWhole, _ := new(big.Float).SetPrec(2400).Add(exact, new(big.Float).SetUint64(whole)).Float64()
		for range 3 {
			rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
			var s, a, b sum
			for i, v := range values {
				s.add(v)
				if i%2 == 0 {
					a.add(v)
				} else {
					b.add(v)
				}
			}
			a.addSum(&b)
			require.Equal(t, want, s.value())
			require.Equal(t, want, a.value())
			require.Equal(t, withWhole, s.plus(whole))
			require.LessOrEqual(t, len(s.parts), 20)
		}
	}
}

func TestSumOfWhatIsNoNumber(t *testing.T) {
	var s sum
	s.add(1)
	s.add(math.Inf(1))
	require.Equal(t, math.Inf(1), s.value())
	s.add(math.Inf(-1))
	require.True(t, math.IsNaN(s.value()))
	require.True(t, math.IsNaN(s.plus(7)))
	s.reset()
	require.Zero(t, s.value())
	s.add(math.MaxFloat64)
	s.add(math.MaxFloat64)
	require.Equal(t, math.Inf(1), s.value())
	require.Equal(t, uint64(math.MaxUint64), addCounts(math.MaxUint64, 1))
	require.Equal(t, uint64(3), addCounts(1, 2))
}
