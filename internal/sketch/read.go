// SPDX-License-Identifier: Apache-2.0

package sketch

import "math"

// PageBins is how many neighbouring bins a page has.
const PageBins = pageBins

// ValidPage reports whether some values have bins in a page of that number.
func ValidPage(number int64) bool {
	last := int64(bin(math.Inf(1)) >> 4)
	return -last-1 <= number && number <= last
}

// AddPage adds the counts of a page, but does not know their least and greatest value:
// Extend must be called, or ExtendPage. It returns false, and adds nothing, if there is
// no such page.
func (s *Sketch) AddPage(number int, counts *[PageBins]uint32) bool {
	if !ValidPage(int64(number)) {
		return false
	}
	to := s.page(number)
	for i, n := range counts {
		to[i] = uint32(min(uint64(to[i])+uint64(n), math.MaxUint32))
	}
	return true
}

// Extend says that values between low and high are in s, these two included. It returns
// false, and does nothing, if they cannot be.
func (s *Sketch) Extend(low, high float64) bool {
	if !(low <= high) {
		return false
	}
	s.extend(low, high)
	return true
}

// ExtendPage is Extend for a page whose least and greatest value are not known, within
// MaxError.
func (s *Sketch) ExtendPage(number int, counts *[PageBins]uint32) {
	for i, n := range counts {
		if n > 0 {
			m := middle(number*pageBins + i)
			s.extend(m, m)
		}
	}
}

// EachPage calls f for each page that may hold something, by increasing number. f must
// not change the counts.
func (s *Sketch) EachPage(f func(number int, counts *[PageBins]uint32)) {
	for _, p := range s.pages {
		f(p.number, p.counts)
	}
}

// Ends returns the least and the greatest value, and false if s is empty.
func (s *Sketch) Ends() (low, high float64, ok bool) { return s.min, s.max, s.used }
