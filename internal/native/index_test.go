// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

// leastNormal is the least float64 that is not subnormal.
const leastNormal = 0x1p-1022

// roots are 2^(j/256), far more precise than a float64.
var roots = func() (roots [256]*big.Float) {
	root := big.NewFloat(2).SetPrec(500)
	for range 8 {
		root.Sqrt(root)
	}
	roots[0] = big.NewFloat(1).SetPrec(500)
	for j := 1; j < len(roots); j++ {
		roots[j] = new(big.Float).Mul(roots[j-1], root)
	}
	return roots
}()

// bound returns the upper bound of a bucket with a precision, whatever its exponent.
func bound(index, schema int, precision uint) *big.Float {
	i := index << (native.MaxSchema - schema)
	b := new(big.Float).Set(roots[i&255])
	return b.SetMantExp(b, i>>8).SetPrec(precision)
}

// requireIndex checks by definition which bucket v is in: above the bound of the
// one before, not above its own, both correctly rounded.
func requireIndex(t *testing.T, v float64) {
	t.Helper()
	exact := big.NewFloat(v)
	for s := native.MinSchema; s <= native.MaxSchema; s++ {
		i := native.Index(v, s)
		if exact.Cmp(bound(i-1, s, 53)) <= 0 || exact.Cmp(bound(i, s, 53)) > 0 {
			t.Fatalf("at schema %d, %g (%b) is in bucket %d, from %g to %g", s, v, v, i,
				bound(i-1, s, 53), bound(i, s, 53))
		}
		if upper := native.UpperBound(i, s); v > upper {
			t.Fatalf("at schema %d, %g (%b) is in bucket %d, above its bound %g", s, v, v, i, upper)
		}
	}
}

// octaves are powers of two across all float64s, all of the subnormal ones included.
func octaves() (octaves []int) {
	for e := -1074; e < -1018; e++ {
		octaves = append(octaves, e)
	}
	for e := -1018; e < 1020; e += 47 {
		octaves = append(octaves, e)
	}
	return append(octaves, -129, -128, -2, -1, 0, 1, 2, 1021, 1022, 1023)
}

// Each bound is in the bucket that it ends, its neighbours are where they belong, and
// the bounds of a schema are among those of the finest.
func TestEveryBound(t *testing.T) {
	for _, octave := range octaves() {
		for i := octave * 256; i < (octave+1)*256; i++ {
			want, _ := bound(i, 8, 500).Float64()
			for s := native.MaxSchema; s >= native.MinSchema; s-- {
				shift := native.MaxSchema - s
				if i&(1<<shift-1) != 0 {
					break
				}
				requireBound(t, i>>shift, s, want)
			}
			requireIndex(t, want)
			requireIndex(t, math.Nextafter(want, math.Inf(1)))
			if want > math.SmallestNonzeroFloat64 {
				requireIndex(t, math.Nextafter(want, 0))
			}
		}
	}
}

func requireBound(t *testing.T, i, s int, want float64) {
	t.Helper()
	if got := native.UpperBound(i, s); got != want {
		t.Fatalf("at schema %d, bucket %d ends at %b, want %b", s, i, got, want)
	}
	if want < leastNormal {
		return // several buckets may share what their bounds are rounded to
	}
	at, below, above := native.Index(want, s), native.Index(math.Nextafter(want, 0), s), native.Index(math.Nextafter(want, math.Inf(1)), s)
	if at != i || below != i || above != i+1 {
		t.Fatalf("at schema %d, the bound of bucket %d, %b, is in %d, the values around it in %d and %d",
			s, i, want, at, below, above)
	}
}

func TestIndexOfPowersOfTwo(t *testing.T) {
	for e := -1074; e <= 1023; e++ {
		v := math.Ldexp(1, e)
		requireIndex(t, v)
		for s := native.MinSchema; s <= native.MaxSchema; s++ {
			want := int(math.Ceil(math.Ldexp(float64(e), s)))
			require.Equal(t, want, native.Index(v, s), "2^%d at schema %d", e, s)
			if math.Ldexp(float64(e), s) == float64(want) {
				require.Equal(t, v, native.UpperBound(want, s), "2^%d at schema %d", e, s)
			}
			if math.Ldexp(float64(e), s) == float64(want) && v >= leastNormal {
				require.Equal(t, want+1, native.Index(math.Nextafter(v, math.Inf(1)), s), "above 2^%d at schema %d", e, s)
			}
		}
	}
}

func TestIndexOfSpecialValues(t *testing.T) {
	for name, tc := range map[string]struct {
		v    float64
		want [13]int // by schema from -4
	}{
		"one":                {1, [13]int{}},
		"just above one":     {math.Nextafter(1, 2), [13]int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		"just below one":     {math.Nextafter(1, 0), [13]int{}},
		"a half":             {0.5, [13]int{0, 0, 0, 0, -1, -2, -4, -8, -16, -32, -64, -128, -256}},
		"two":                {2, [13]int{1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 128, 256}},
		"three":              {3, [13]int{1, 1, 1, 1, 2, 4, 7, 13, 26, 51, 102, 203, 406}},
		"a thousandth":       {0.001, [13]int{0, -1, -2, -4, -9, -19, -39, -79, -159, -318, -637, -1275, -2551}},
		"least subnormal":    {math.SmallestNonzeroFloat64, [13]int{-67, -134, -268, -537, -1074, -2148, -4296, -8592, -17184, -34368, -68736, -137472, -274944}},
		"least normal":       {leastNormal, [13]int{-63, -127, -255, -511, -1022, -2044, -4088, -8176, -16352, -32704, -65408, -130816, -261632}},
		"greatest subnormal": {math.Nextafter(leastNormal, 0), [13]int{-63, -127, -255, -511, -1022, -2044, -4088, -8176, -16352, -32704, -65408, -130816, -261632}},
		"greatest":           {math.MaxFloat64, [13]int{64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144}},
		"infinite":           {math.Inf(1), [13]int{65, 129, 257, 513, 1025, 2049, 4097, 8193, 16385, 32769, 65537, 131073, 262145}},
	} {
		t.Run(name, func(t *testing.T) {
			var got [13]int
			for i := range got {
				got[i] = native.Index(tc.v, native.MinSchema+i)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestUpperBoundOfSpecialBuckets(t *testing.T) {
	for s := native.MinSchema; s <= native.MaxSchema; s++ {
		last := native.Index(math.MaxFloat64, s)
		for name, tc := range map[string]struct {
			index int
			want  float64
		}{
			"of one":              {0, 1},
			"of the greatest":     {last, math.MaxFloat64},
			"of infinity":         {last + 1, math.Inf(1)},
			"after infinity":      {last + 2, math.Inf(1)},
			"last of all":         {math.MaxInt, math.Inf(1)},
			"far below the least": {4 * native.Index(math.SmallestNonzeroFloat64, s), 0},
			"first of all":        {math.MinInt, 0},
		} {
			require.Equal(t, tc.want, native.UpperBound(tc.index, s), "%s, schema %d", name, s)
		}
	}
	// Halfway between 0 and the least subnormal rounds to even.
	require.Zero(t, native.UpperBound(-1075*256, 8))
	require.Equal(t, math.SmallestNonzeroFloat64, native.UpperBound(-1075*256+1, 8))
}

func TestUpperBoundNeverFalls(t *testing.T) {
	for s := native.MinSchema; s <= native.MaxSchema; s++ {
		before := 0.0
		for i := native.Index(math.SmallestNonzeroFloat64, s) - 2; i <= native.Index(math.Inf(1), s); i++ {
			upper := native.UpperBound(i, s)
			if upper < before || upper == before && upper >= leastNormal {
				t.Fatalf("at schema %d, bucket %d ends at %g, the one before at %g", s, i, upper, before)
			}
			before = upper
		}
	}
}

func TestIndexOfRandomValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		if v := math.Abs(anyFloat(r)); v > 0 && !math.IsInf(v, 0) {
			requireIndex(t, v)
		}
		requireIndex(t, math.Float64frombits(1+r.Uint64()>>(12+r.IntN(52)))) // subnormal
		requireIndex(t, 1+r.Float64())
	}
}

// anyFloat returns a float64 of random bits that is not NaN.
func anyFloat(r *rand.Rand) float64 {
	for {
		if v := math.Float64frombits(r.Uint64()); v == v {
			return v
		}
	}
}

func TestSchemaOf(t *testing.T) {
	for name, tc := range map[string]struct {
		factor float64
		want   int
	}{
		"customary":         {1.1, 3},
		"two":               {2, 0},
		"just below two":    {math.Nextafter(2, 0), 1},
		"just above two":    {math.Nextafter(2, 3), 0},
		"four":              {4, -1},
		"a half more":       {1.5, 1},
		"finest":            {native.UpperBound(1, 8), 8},
		"finer than finest": {1.0027, 8},
		"second finest":     {native.UpperBound(1, 7), 7},
		"coarsest":          {65536, -4},
		"nearly coarsest":   {65535, -3},
		"coarser":           {1e9, -4},
		"infinite":          {math.Inf(1), -4},
		"one":               {1, 8},
		"negative":          {-3, 8},
		"not a number":      {math.NaN(), 8},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, native.SchemaOf(tc.factor))
		})
	}

	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		factor := math.Exp2(math.Exp2(18*r.Float64() - 11))
		want := -int(math.Floor(math.Log2(math.Log2(factor))))
		require.Equal(t, min(max(want, native.MinSchema), native.MaxSchema), native.SchemaOf(factor), "factor %g", factor)
	}
}
