// SPDX-License-Identifier: Apache-2.0

// Package sketch estimates quantiles with a bounded relative error.
//
// A Sketch counts values in bins whose width grows with the value: 64 bins to
// each power of two, so that a bin is the leading 18 bits of the float64 and
// finding it is a shift. Whatever was observed, an estimate is within MaxError of
// an observed value of that rank, for all float64 values, negative, subnormal and
// infinite ones included. Sketches add up.
//
// Memory goes by the range of the values, not by their number: 256 bytes for
// each power of two that occurs (in quarters), so a kilobyte or two for
// latencies, and at most 1.2 MiB when every magnitude of float64 occurs.
//
// The types here are for one goroutine at a time.
package sketch

import "math"

// MaxError is the largest relative error of an estimate: half a bin's width over
// its middle, 1/129.
const MaxError = 1.0 / 129

const (
	mantissaBits = 52
	binShift     = mantissaBits - 6 // drops all but 6 bits of the mantissa
	perOctave    = 64

	// binOffset moves the bin of the least subnormal, 52 powers of two below the
	// least normal number, to 1. Bin 0 is for zero, bin -b for what is minus b's.
	binOffset = (mantissaBits-1)*perOctave + 1

	pageBins = 16 // a quarter of a power of two
)

// page counts the values of 16 neighbouring bins. A count that is full stays.
type page [pageBins]uint32

// Sketch is a histogram of exponential bins. The zero Sketch is empty.
type Sketch struct {
	pages []*page // pages[i] holds the bins from (first+i)*pageBins on; nil: none counted
	first int
}

// Add counts v, which must not be NaN.
func (s *Sketch) Add(v float64) {
	b := bin(v)
	// Both the page and the bin within round towards negative infinity.
	i := b>>4 - s.first
	if uint(i) >= uint(len(s.pages)) || s.pages[i] == nil {
		i = s.grow(b >> 4)
	}
	if n := &s.pages[i][b&(pageBins-1)]; *n != math.MaxUint32 {
		*n++
	}
}

// grow makes room for a page and returns its index.
func (s *Sketch) grow(p int) int {
	if len(s.pages) == 0 {
		s.pages, s.first = make([]*page, 1), p
	}
	if n := len(s.pages); p < s.first || p >= s.first+n {
		first, end := min(p, s.first), max(p+1, s.first+n)
		wider := make([]*page, end-first)
		copy(wider[s.first-first:], s.pages)
		s.pages, s.first = wider, first
	}
	if s.pages[p-s.first] == nil {
		s.pages[p-s.first] = new(page)
	}
	return p - s.first
}

// Clear forgets all values and keeps the memory, unless it is more than a wide
// range of values needs.
func (s *Sketch) Clear() {
	if len(s.pages) > 512 {
		*s = Sketch{}
	}
	for _, p := range s.pages {
		if p != nil {
			*p = page{}
		}
	}
}

// Merge adds the counts of o.
func (s *Sketch) Merge(o *Sketch) {
	for i, from := range o.pages {
		if from == nil {
			continue
		}
		j := o.first + i - s.first
		if uint(j) >= uint(len(s.pages)) || s.pages[j] == nil {
			j = s.grow(o.first + i)
		}
		for k, n := range from {
			sum := uint64(s.pages[j][k]) + uint64(n)
			s.pages[j][k] = uint32(min(sum, math.MaxUint32))
		}
	}
}

// Quantiles writes to out[i] an estimate of the value whose rank is the fraction
// qs[i] of all values, rounded up to the next whole rank: qs[i] = 0 asks for the
// least value, 1 for the greatest. qs must be sorted and within [0, 1]. If the
// sketch is empty all are NaN.
func (s *Sketch) Quantiles(qs, out []float64) {
	var total uint64
	for _, p := range s.pages {
		if p != nil {
			for _, n := range p {
				total += uint64(n)
			}
		}
	}
	var seen uint64 // values up to and including bin b
	i := 0
	for p := range s.pages {
		if s.pages[p] == nil {
			continue
		}
		for k, n := range s.pages[p] {
			seen += uint64(n)
			for n > 0 && i < len(qs) && seen >= max(1, uint64(math.Ceil(qs[i]*float64(total)))) {
				out[i] = middle((s.first+p)*pageBins + k)
				i++
			}
		}
	}
	for ; i < len(qs); i++ {
		out[i] = math.NaN()
	}
}

// bin returns the number of v's bin.
func bin(v float64) int {
	u := math.Float64bits(v)
	abs := u &^ (1 << 63)
	b := int(abs>>binShift) + binOffset
	if abs < 1<<mantissaBits {
		if abs == 0 {
			return 0
		}
		// Subnormal: normalise, then take the factor out of the exponent again.
		scaled := math.Float64bits(math.Float64frombits(abs) * (1 << mantissaBits))
		b = int(scaled>>binShift) - mantissaBits*perOctave + binOffset
	}
	if u != abs {
		return -b
	}
	return b
}

// middle returns the value whose relative distance to both ends of bin b is
// the same.
func middle(b int) float64 {
	if b < 0 {
		return -middle(-b)
	}
	if b == 0 {
		return 0
	}
	i := b - binOffset
	subnormal := i < perOctave
	if subnormal {
		i += mantissaBits * perOctave
	}
	low := math.Float64frombits(uint64(i) << binShift)
	if math.IsInf(low, 1) {
		return low
	}
	exponent := uint64(i) / perOctave
	width := math.Ldexp(1, int(exponent)-1023-6)
	m := low + width/(2+width/low)
	if subnormal {
		// A bin is a few multiples of the least subnormal. Rounding up to one would
		// be too far from the first of them, rounding down is within MaxError of all.
		return math.Float64frombits(uint64(m * 0x1p1022))
	}
	return m
}
