// SPDX-License-Identifier: Apache-2.0

package shared

import "math"

// sum is an exact sum of float64s, rounded once when it is asked for. So it is the same
// in whatever order and in whatever groups they are added, and if none of them becomes
// less, the sum does not either: not by the last bit, which would look like a restart to
// who takes rates. The zero sum is 0.
//
// It keeps numbers whose bits do not overlap, as in J. R. Shewchuk, "Adaptive Precision
// Floating-Point Arithmetic and Fast Robust Geometric Predicates" (1997): mostly one or
// two.
type sum struct {
	parts []float64 // of increasing size; none is 0
	rough float64   // what is too large for that, or not a number
}

const largeFloat = 0x1p1000 // and a million of them are still finite

func (s *sum) add(x float64) {
	if x == 0 {
		return
	}
	if !(math.Abs(x) <= largeFloat) {
		s.rough += x
		return
	}
	i := 0
	for _, y := range s.parts {
		if math.Abs(x) < math.Abs(y) {
			x, y = y, x
		}
		high := x + y
		if low := y - (high - x); low != 0 {
			s.parts[i] = low
			i++
		}
		x = high
	}
	s.parts = s.parts[:i]
	if x != 0 {
		s.parts = append(s.parts, x)
	}
}

// addWhole adds a whole number.
func (s *sum) addWhole(n uint64) {
	const half = 1 << 32
	s.add(float64(n/half) * half)
	s.add(float64(n % half))
}

// addSum adds o, which stays as it is.
func (s *sum) addSum(o *sum) {
	s.rough += o.rough
	for _, x := range o.parts {
		s.add(x)
	}
}

func (s *sum) reset() { s.parts, s.rough = s.parts[:0], 0 }

// value returns the sum, correctly rounded.
func (s *sum) value() float64 {
	n := len(s.parts)
	if n == 0 {
		return s.rough
	}
	n--
	high, low := s.parts[n], 0.0
	for n > 0 && low == 0 {
		n--
		x, y := high, s.parts[n]
		high = x + y
		low = y - (high - x)
	}
	// If what is left over is half of the last bit, the next part says which way it goes.
	if n > 0 && low != 0 && math.Signbit(low) == math.Signbit(s.parts[n-1]) {
		y := 2 * low
		if x := high + y; x-high == y {
			high = x
		}
	}
	return high + s.rough
}

// plus returns the sum and a whole number.
func (s *sum) plus(n uint64) float64 {
	if len(s.parts) == 0 && s.rough == 0 {
		return float64(n)
	}
	var buf [8]float64
	t := sum{parts: append(buf[:0], s.parts...), rough: s.rough}
	t.addWhole(n)
	return t.value()
}

// addCounts adds two counts. What is too large stays as large as possible.
func addCounts(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}
