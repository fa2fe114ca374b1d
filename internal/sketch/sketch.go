// SPDX-License-Identifier: Apache-2.0

// Package sketch estimates quantiles with a bounded relative error.
//
// A Sketch counts values in bins whose width grows with the value: 64 bins to
// each power of two, so that a bin is the leading 18 bits of the float64 and
// finding it is a shift. Whatever was observed, an estimate is within MaxError of
// an observed value of that rank, for all float64 values, negative, subnormal and
// infinite ones included. Sketches add up.
//
// Memory goes by the range of the values, not by their number: 80 bytes for each
// quarter of a power of two that occurs, so a kilobyte or two for latencies, and
// about 1.5 MiB if every magnitude of float64 occurs.
//
// A Window of sketches may be moved to words that other processes read, and costs the
// same there.
//
// The types here are for one goroutine at a time.
package sketch

import (
	"math"
)

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
type page struct {
	number int // the page holds the bins from number*pageBins on
	counts *[pageBins]uint32
}

// Sketch is a histogram of exponential bins. The zero Sketch is empty.
type Sketch struct {
	pages    []page // by number; a page stands for a bin that was counted, or was before Clear
	offset   int    // the number less the place of the page that was last searched for
	min, max float64
	used     bool // something was counted, so min and max mean something
}

// Add counts v, which must not be NaN.
func (s *Sketch) Add(v float64) {
	b := bin(v)
	// Both the page and the bin within round towards negative infinity.
	if n := &s.page(b >> 4)[b&(pageBins-1)]; *n != math.MaxUint32 {
		*n++
	}
	s.extend(v, v)
}

func (s *Sketch) extend(low, high float64) {
	if !s.used {
		s.used, s.min, s.max = true, low, high
		return
	}
	if low < s.min {
		s.min = low
	}
	if high > s.max {
		s.max = high
	}
}

// page returns the counts of a page, which is made if there is none.
func (s *Sketch) page(number int) *[pageBins]uint32 { return s.pageIn(number, nil) }

// pageIn is page for a sketch that has a room, or nil. Most often a page's neighbours
// stand beside it, so that the offset of one of them says where to look.
func (s *Sketch) pageIn(number int, r *room) *[pageBins]uint32 {
	at := number - s.offset
	if uint(at) >= uint(len(s.pages)) || s.pages[at].number != number {
		at = s.search(number, r)
	}
	return s.pages[at].counts
}

// search returns the place of a page, which is made if there is none.
func (s *Sketch) search(number int, r *room) int {
	low, high := 0, len(s.pages)
	for low < high {
		if middle := int(uint(low+high) / 2); s.pages[middle].number < number {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(s.pages) || s.pages[low].number != number {
		counts := new([pageBins]uint32)
		if r != nil {
			counts = r.page(number, counts)
		}
		s.pages = append(s.pages, page{})
		copy(s.pages[low+1:], s.pages[low:])
		s.pages[low] = page{number, counts}
	}
	s.offset = number - low
	return low
}

// Clear forgets all values and keeps the memory, unless it is more than a wide
// range of values needs.
func (s *Sketch) Clear() {
	s.used = false
	if len(s.pages) > 512 {
		*s = Sketch{}
	}
	for _, p := range s.pages {
		*p.counts = [pageBins]uint32{}
	}
}

// Merge adds the counts of o.
func (s *Sketch) Merge(o *Sketch) {
	if !o.used {
		return
	}
	s.extend(o.min, o.max)
	for _, from := range o.pages {
		to := s.page(from.number)
		for i, n := range from.counts {
			to[i] = uint32(min(uint64(to[i])+uint64(n), math.MaxUint32))
		}
	}
}

// Quantiles writes to out[i] an estimate of the value whose rank is the fraction
// qs[i] of all values, rounded up to the next whole rank: qs[i] = 0 asks for the
// least value, 1 for the greatest; these two are exact. qs must be sorted and
// within [0, 1]. If the sketch is empty all are NaN.
func (s *Sketch) Quantiles(qs, out []float64) {
	var total uint64
	for _, p := range s.pages {
		for _, n := range p.counts {
			total += uint64(n)
		}
	}
	var seen uint64 // values up to and including the bin
	i := 0
	for _, p := range s.pages {
		for k, n := range p.counts {
			seen += uint64(n)
			for n > 0 && i < len(qs) && seen >= max(1, uint64(math.Ceil(qs[i]*float64(total)))) {
				out[i] = s.clamp(middle(p.number*pageBins+k), qs[i])
				i++
			}
		}
	}
	for ; i < len(qs); i++ {
		out[i] = math.NaN()
	}
}

// clamp keeps an estimate within what was counted.
func (s *Sketch) clamp(v, q float64) float64 {
	switch {
	case v < s.min || q == 0:
		return s.min
	case v > s.max || q == 1:
		return s.max
	}
	return v
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
