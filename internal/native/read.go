// SPDX-License-Identifier: Apache-2.0

package native

// PageLen is how many neighbouring buckets a page has. Page number n has the buckets from
// index n*PageLen+1 on: those that become one bucket at a coarser schema share a page.
const PageLen = pageLen

// AddPage adds the counts of a page, at the schema of b. It returns false, and may have
// added some of them, if one of the buckets that hold something is out of the range of
// what float64s there are.
func (b *Buckets) AddPage(negative bool, number int, counts *[PageLen]uint64) bool {
	c := &b.Positive
	if negative {
		c = &b.Negative
	}
	shift := coarser(b.scale.Schema)
	for i, n := range counts {
		if n == 0 {
			continue
		}
		if number < minIndex>>pageBits-1 || number > maxIndex>>pageBits+1 {
			return false
		}
		cell := number<<pageBits + i
		if cell < minIndex>>shift || cell > maxIndex>>shift {
			return false
		}
		c.add(cell, n, b)
	}
	return true
}

// EachPage calls f for each page, by increasing number. f must not change the counts.
func (c *Counts) EachPage(f func(number int, counts *[PageLen]uint64)) {
	for _, p := range c.pages {
		f(p.number, p.counts)
	}
}

// Total returns the number of all values, and all bits set if it is more than that.
func (b *Buckets) Total() uint64 {
	total := b.Zero
	for _, c := range []*Counts{&b.Positive, &b.Negative} {
		for _, p := range c.pages {
			for _, n := range p.counts {
				if total+n < total {
					return ^uint64(0)
				}
				total += n
			}
		}
	}
	return total
}
