// SPDX-License-Identifier: Apache-2.0

package native

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

const half = 1 << (64 - mantissaBits - 1) // of the last bit of a mantissa

// power returns (2^64 + fraction)^256.
func power(fraction *big.Int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), 64)
	n.Add(n, fraction)
	return n.Exp(n, big.NewInt(perOctave), nil)
}

// Each bound, without what is added for rounding, and the number after it enclose
// 2^(j/256): their powers, which are whole numbers, enclose 2^(j + 64*256).
func TestBoundsEncloseRoots(t *testing.T) {
	for j := uint(1); j < perOctave; j++ {
		below := new(big.Int).SetUint64(bounds[j-1] - half)
		above := new(big.Int).Add(below, big.NewInt(1))
		want := new(big.Int).Lsh(big.NewInt(1), j+64*perOctave)
		require.Negative(t, power(below).Cmp(want), "bound %d is too high", j)
		require.Positive(t, power(above).Cmp(want), "bound %d is too low", j)
	}
	require.Equal(t, uint64(math.MaxUint64), bounds[perOctave-1])
}

// The same for the mantissas taken from them: 2^(j/256) is nearer to each than to
// the float64 before and the one after.
func TestBoundsAreCorrectlyRounded(t *testing.T) {
	for j := uint(1); j < perOctave; j++ {
		rounded := new(big.Int).SetUint64(bounds[j-1] >> (64 - mantissaBits) << (64 - mantissaBits))
		want := new(big.Int).Lsh(big.NewInt(1), j+64*perOctave)
		midway := big.NewInt(half)
		require.Negative(t, power(new(big.Int).Sub(rounded, midway)).Cmp(want), "bound %d", j)
		require.Positive(t, power(new(big.Int).Add(rounded, midway)).Cmp(want), "bound %d", j)
	}
}

// normalCell compares bounds with a mantissa followed by ones, for which it must
// not matter whether the comparison is strict.
func TestNoBoundEndsInOnes(t *testing.T) {
	for j := range perOctave - 1 {
		require.NotEqual(t, uint64(1<<12-1), bounds[j]&(1<<12-1), "bound %d", j+1)
	}
}

func TestStarts(t *testing.T) {
	for k, start := range starts {
		low := uint64(k) << (64 - slotBits)
		high := low + (1<<(64-slotBits) - 1)
		if start > 0 {
			require.Less(t, bounds[start-1], low, "slot %d", k)
		}
		require.GreaterOrEqual(t, bounds[start], low, "slot %d", k)
		if start < perOctave-1 {
			require.Greater(t, bounds[start+1], high, "slot %d", k)
		}
	}
}
