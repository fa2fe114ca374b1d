// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"cmp"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rounding is by how much a relative error may be larger for floating point's
// sake.
const rounding = 1e-12

// leastNormal is the least float64 that is not subnormal.
const leastNormal = 0x1p-1022

// special are values around which something changes.
var special = []float64{
	0, math.Copysign(0, -1), 1, -1, 1.5, 64, 1e9, -1e-9,
	math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, leastNormal, -leastNormal,
	math.Nextafter(leastNormal, 0), math.Nextafter(leastNormal, 1),
	math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1),
}

// anyFloat returns a float64 of random bits that is not NaN.
func anyFloat(r *rand.Rand) float64 {
	for {
		if v := math.Float64frombits(r.Uint64()); v == v {
			return v
		}
	}
}

// requireWithin checks that estimate is within MaxError of v.
func requireWithin(t *testing.T, v, estimate float64) {
	t.Helper()
	// Not v itself is divided by: the quotient of subnormal numbers is precise.
	ok := v == estimate || math.Abs(estimate/v-1) <= MaxError*(1+rounding)
	if !ok || estimate != estimate {
		t.Fatalf("%g (%b) is estimated as %g (%b), off by %g", v, v, estimate, estimate, estimate/v-1)
	}
}

// checkBin checks everything that holds for the bin of one value.
func checkBin(t *testing.T, v float64) {
	t.Helper()
	b := bin(v)
	m := middle(b)
	requireWithin(t, v, m)
	if bin(m) != b {
		t.Fatalf("%g is in bin %d, but its middle %g in bin %d", v, b, m, bin(m))
	}
	if bin(-v) != -b || middle(-b) != -m {
		t.Fatalf("%g and its negative are treated differently", v)
	}
	if cmp.Compare(v, 0) != cmp.Compare(b, 0) {
		t.Fatalf("%g is in bin %d", v, b)
	}
}

func TestBinOfSpecialValues(t *testing.T) {
	for name, tc := range map[string]struct {
		v    float64
		want int
	}{
		"zero":               {0, 0},
		"negative zero":      {math.Copysign(0, -1), 0},
		"least subnormal":    {math.SmallestNonzeroFloat64, 1},
		"second subnormal":   {2 * math.SmallestNonzeroFloat64, 1 + perOctave},
		"greatest subnormal": {math.Nextafter(leastNormal, 0), 52 * perOctave},
		"least normal":       {leastNormal, 52*perOctave + 1},
		"one":                {1, (52+1022)*perOctave + 1},
		"just below two":     {math.Nextafter(2, 0), (52+1022)*perOctave + perOctave},
		"two":                {2, (52+1023)*perOctave + 1},
		"greatest":           {math.MaxFloat64, (52 + 2046) * perOctave},
		"infinite":           {math.Inf(1), (52+2046)*perOctave + 1},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, bin(tc.v))
			require.Equal(t, -tc.want, bin(-tc.v))
			checkBin(t, tc.v)
		})
	}
	require.Equal(t, math.Inf(1), middle(bin(math.Inf(1))))
	require.Equal(t, math.Inf(-1), middle(bin(math.Inf(-1))))
	require.Less(t, middle(bin(math.MaxFloat64)), math.Inf(1))
}

func TestEveryBin(t *testing.T) {
	last := bin(math.Inf(1))
	before := middle(-last)
	require.Equal(t, math.Inf(-1), before)
	for b := -last + 1; b <= last; b++ {
		m := middle(b)
		// Bins between subnormal numbers hold nothing, so share their neighbour's
		// middle.
		if m < before || m == before && math.Abs(m) > 0x1p-1068 {
			t.Fatalf("the middle of bin %d, %g, is not above that of the bin before, %g", b, m, before)
		}
		before = m
	}
}

// Both ends of each bin are as far as can be from its middle.
func TestBinEnds(t *testing.T) {
	for u := uint64(0); u < math.Float64bits(math.Inf(1)); u += 1 << binShift {
		low, high := math.Float64frombits(u), math.Float64frombits(u+1<<binShift-1)
		checkBin(t, low)
		checkBin(t, high)
		if u >= 1<<mantissaBits && bin(low) != bin(high) || bin(high) >= bin(math.Nextafter(high, math.Inf(1))) && high >= leastNormal {
			t.Fatalf("%g to %g are not a bin", low, high)
		}
	}
	// Among the subnormals a bin is a few numbers or one.
	for u := range uint64(1 << 14) {
		checkBin(t, math.Float64frombits(u))
	}
	for shift := range uint(mantissaBits) {
		for _, d := range []int{-2, -1, 0, 1, 2} {
			checkBin(t, math.Float64frombits(uint64(max(0, 1<<shift+d))))
			checkBin(t, math.Float64frombits(uint64(max(0, 3<<shift/2+d))))
		}
	}
}

func TestBinsOfRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	last := 0.0
	for range 50_000 {
		v := anyFloat(r)
		checkBin(t, v)
		checkBin(t, math.Float64frombits(r.Uint64()>>12)) // subnormal
		requireMonotone(t, v, last)
		requireMonotone(t, v, math.Nextafter(v, 0))
		requireMonotone(t, v, v*(1+r.Float64()/32))
		last = v
	}
}

func requireMonotone(t *testing.T, v, w float64) {
	t.Helper()
	if v < w && bin(v) > bin(w) || v > w && bin(v) < bin(w) || v == w && bin(v) != bin(w) {
		t.Fatalf("%g is in bin %d, %g in bin %d", v, bin(v), w, bin(w))
	}
}

// FuzzBin checks any two values for themselves and against each other.
func FuzzBin(f *testing.F) {
	for i, v := range special {
		f.Add(v, special[(i+1)%len(special)])
	}
	f.Fuzz(func(t *testing.T, v, w float64) {
		if v != v || w != w {
			t.Skip("NaN has no bin")
		}
		checkBin(t, v)
		checkBin(t, w)
		requireMonotone(t, v, w)
	})
}
