// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Any float64 that has decimals and no exponent: random ones, sums, those of few bits,
// which may be halfway between two decimals, and those next to short decimals and to
// powers of two.
func TestDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0)) // a failure names the number
	least, end := math.Float64bits(0x1p-10), math.Float64bits(1e6)
	for range 100_000 {
		checkFloat(t, math.Float64frombits(least+r.Uint64N(end-least)))
		checkFloat(t, float64(r.Uint64()>>(11+r.UintN(40)))/float64(uint64(1)<<r.UintN(63)))
		v := float64(r.Uint64N(1e15)>>r.UintN(50)) / float64(powersOf10[r.UintN(19)])
		checkFloat(t, v)
		checkFloat(t, math.Nextafter(v, 0))
		checkFloat(t, math.Nextafter(v, math.Inf(1)))
		sum := 0.0
		for range 1 + r.UintN(5) {
			sum += 0.02 * math.Exp(r.NormFloat64())
		}
		checkFloat(t, -sum)
	}
	for exponent := -10; exponent <= 20; exponent++ {
		power := math.Float64bits(math.Ldexp(1, exponent))
		for k := range uint64(1 << 10) {
			checkFloat(t, math.Float64frombits(power+k))
			checkFloat(t, math.Float64frombits(power-k))
			for bits := uint(10); bits <= 30; bits++ {
				checkFloat(t, math.Ldexp(1+float64(2*k+1)/float64(uint64(1)<<bits), exponent))
			}
		}
	}
}
