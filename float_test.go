// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// checkFloat compares appendFloat with strconv, byte by byte.
func checkFloat(t *testing.T, v float64) {
	t.Helper()
	const before = "x "
	got := string(appendFloat([]byte(before), v))
	if want := string(strconv.AppendFloat([]byte(before), v, 'g', -1, 64)); got != want {
		t.Fatalf("%x is %q, not %q", math.Float64bits(v), got, want)
	}
}

// checkCount compares appendCount with what strconv makes of the float64.
func checkCount(t *testing.T, n uint64) {
	t.Helper()
	got := string(appendCount([]byte("x "), n))
	if want := string(strconv.AppendFloat([]byte("x "), float64(n), 'g', -1, 64)); got != want {
		t.Fatalf("%d is %q, not %q", n, got, want)
	}
}

func TestAppendFloat(t *testing.T) {
	for _, v := range []float64{
		0, math.Copysign(0, -1), 1, 9, 10, 99, 100, 12345, 99999, 100000, 123456, 999999, 1e6, 1000001, 1100000, 1234567,
		9999999, 1e7, 1e15, 1e16, 123456789012345, 1e20, 1e21, 1e22, 1e23, 0.1, 0.5, 1e-4, 1e-5, 0.3, 2.5, 1e6 + 0.5,
		1<<53 - 1, 1 << 53, 1<<53 + 2, 1<<62 - 512, 1 << 62, 1 << 63, 1 << 64, 9007199254740990, 9007199254740000,
		math.MaxFloat64, math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-1022 - 0x1p-1074,
		math.Inf(1), math.NaN(), math.Float64frombits(0xfff8000000000001),
	} {
		checkFloat(t, v)
		checkFloat(t, -v)
		checkFloat(t, math.Nextafter(v, math.Inf(1)))
		checkFloat(t, math.Nextafter(v, math.Inf(-1)))
	}
	for exp := range 310 { // powers of ten and their neighbours, whole or not
		v := math.Pow10(exp)
		for d := range 3 {
			checkFloat(t, v+float64(d-1))
			checkFloat(t, -v/float64(d+1))
			checkFloat(t, 1/v+float64(d-1))
			checkFloat(t, v*float64(d+1))
		}
	}
	for shift := range 64 {
		for d := range uint64(5) {
			checkCount(t, 1<<shift+d-2) // wraps around to the largest, too
			checkFloat(t, float64(uint64(1)<<shift+d-2))
		}
	}
	for n := uint64(1); n < 1e19; n *= 10 {
		for d := range uint64(10) {
			checkCount(t, n*d)
			checkCount(t, n*d-1)
			checkCount(t, n*d+1)
		}
	}
}

func TestAppendFloatAnything(t *testing.T) {
	r := rand.New(rand.NewPCG(rand.Uint64(), 0)) // a failure names the number
	for range 50_000 {
		bits := r.Uint64()
		checkFloat(t, math.Float64frombits(bits))
		checkFloat(t, float64(int64(bits)>>(bits&63)))
		checkFloat(t, float64(int64(bits)>>(bits&63))/8)
		checkCount(t, bits>>(bits&63))
		// Whole numbers that end in zeros.
		checkFloat(t, float64(bits%1000)*math.Pow10(int(bits>>60)))
	}
}

func FuzzAppendFloat(f *testing.F) {
	for _, v := range []float64{0, 1, -1, 0.1, 1e6, 1e21, 1 << 53, math.Inf(1), math.NaN(), math.SmallestNonzeroFloat64} {
		f.Add(math.Float64bits(v))
	}
	f.Add(uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, bits uint64) {
		checkFloat(t, math.Float64frombits(bits))
		checkFloat(t, float64(int64(bits)))
		checkFloat(t, float64(int64(bits)>>20)/1e6)
		checkCount(t, bits)
		checkDigits(t, bits)
	})
}

func checkDigits(t *testing.T, n uint64) {
	t.Helper()
	if got, want := string(appendDigits([]byte("x"), n)), "x"+strconv.FormatUint(n, 10); got != want {
		t.Fatalf("%d is %q, not %q", n, got, want)
	}
}

func TestDigits(t *testing.T) {
	for n := range uint64(20_000) {
		checkDigits(t, n)
	}
	for p := uint64(1); ; p *= 10 {
		for d := range uint64(3) {
			checkDigits(t, p+d-1)
		}
		if p == 1e19 {
			break
		}
	}
	checkDigits(t, math.MaxUint64)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		checkDigits(t, r.Uint64()>>r.UintN(64))
	}
}

// Values of few decimals take a short cut.
func TestFloatsOfFewDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for unit := 1.0; unit <= 1e9; unit *= 10 {
		for range 20_000 {
			v := float64(r.Uint64()>>(24+r.UintN(40))) / unit
			checkFloat(t, v)
			checkFloat(t, -v)
			checkFloat(t, math.Nextafter(v, 0))
			checkFloat(t, math.Nextafter(v, math.Inf(1)))
		}
		for n := range 2000 {
			checkFloat(t, float64(n)/unit)
			checkFloat(t, 1e6-float64(n)/unit)
			checkFloat(t, 1e-3+float64(n)/unit)
		}
	}
}
