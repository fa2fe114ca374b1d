// SPDX-License-Identifier: Apache-2.0

package native

import "math/bits"

const (
	pageBits = 4
	pageLen  = 1 << pageBits

	// Reset keeps no more pages than this, 36 KiB.
	keptPages = 256
)

// page counts 16 neighbouring cells: the cell of a bucket is its index less one,
// so that the cells which become one at a coarser schema share a page.
type page struct {
	number int // the page has the cells from number*pageLen on
	counts *[pageLen]uint64
}

// Counts are the counts of buckets by index. The zero Counts are all zero.
// They must not be copied once used.
type Counts struct {
	// The number less the place of the page that was last searched for. Its neighbours
	// most often stand beside it, so this says where to look first for any page; which
	// one is there has to be checked.
	offset int

	pages     []page // by number; those beyond the length are spare
	populated int
}

// Add adds n to a bucket's count and reports whether the bucket was empty before
// and is not now.
func (c *Counts) Add(index int, n uint64) (fresh bool) {
	if n == 0 {
		return false
	}
	return c.add(index-1, n, nil)
}

// add is Add for the cell and n > 0. A page that is missing is made where the buckets are
// that c belongs to, on the heap if they are nil.
func (c *Counts) add(cell int, n uint64, of *Buckets) bool {
	number := cell >> pageBits
	at := number - c.offset
	if uint(at) >= uint(len(c.pages)) || c.pages[at].number != number {
		at = c.page(number, of)
	}
	count := &c.pages[at].counts[cell&(pageLen-1)]
	before := *count
	*count = before + n
	if before == 0 {
		c.populated++
		return true
	}
	return false
}

// Len returns how many buckets are not empty.
func (c *Counts) Len() int { return c.populated }

// Each calls f for each bucket that is not empty, by increasing index. f must not
// change the counts.
func (c *Counts) Each(f func(index int, n uint64)) {
	for _, p := range c.pages {
		for i, n := range p.counts {
			if n > 0 {
				f(p.number<<pageBits+i+1, n)
			}
		}
	}
}

// page returns the place of a page, which is made if there is none.
func (c *Counts) page(number int, of *Buckets) int {
	// Which way this turns cannot be predicted, so it does not branch: the sign of
	// a difference masks the step.
	at := 0
	for n := len(c.pages); n > 0; {
		half := (n + 1) / 2
		at += half & ((c.pages[at+half-1].number - number) >> (bits.UintSize - 1))
		n -= half
	}
	if at == len(c.pages) || c.pages[at].number != number {
		c.insert(at, number, of)
	}
	c.offset = number - at
	return at
}

func (c *Counts) insert(at, number int, of *Buckets) {
	n := len(c.pages)
	if n < cap(c.pages) {
		c.pages = c.pages[:n+1]
	} else {
		c.pages = append(c.pages, page{})
	}
	counts := c.pages[n].counts
	if of != nil && of.place != nil {
		counts = of.fresh(c, number)
	} else if counts == nil {
		counts = new([pageLen]uint64)
	} else {
		*counts = [pageLen]uint64{}
	}
	copy(c.pages[at+1:], c.pages[at:n])
	c.pages[at] = page{number, counts}
}

// reset empties the counts and keeps the memory, unless it is more than usual.
func (c *Counts) reset() {
	if cap(c.pages) > keptPages {
		c.pages = nil
	}
	c.pages, c.populated = c.pages[:0], 0
}

// first returns the first cell that is not empty, if there is one.
func (c *Counts) first() (cell int, ok bool) {
	for _, p := range c.pages {
		for i, n := range p.counts {
			if n > 0 {
				return p.number<<pageBits + i, true
			}
		}
	}
	return 0, false
}

// takeUpTo empties all cells up to one, and returns what they had together.
func (c *Counts) takeUpTo(cell int) (taken uint64) {
	whole := 0 // pages that are left empty
	for _, p := range c.pages {
		first := p.number << pageBits
		if first > cell {
			break
		}
		for i := range min(pageLen, cell-first+1) {
			if n := p.counts[i]; n > 0 {
				taken += n
				p.counts[i] = 0
				c.populated--
			}
		}
		if first+pageLen-1 <= cell {
			whole++
		}
	}
	if whole > 0 {
		for i, p := range c.pages[whole:] {
			c.pages[i], c.pages[whole+i] = p, c.pages[i]
		}
		c.pages = c.pages[:len(c.pages)-whole]
	}
	return taken
}

// coarsen makes each 1<<shift cells one.
func (c *Counts) coarsen(shift uint) {
	done := 0 // pages of the new resolution; never more than of the old
	c.populated = 0
	for i := range c.pages {
		from := c.pages[i]
		counts := *from.counts
		*from.counts = [pageLen]uint64{}
		number := from.number >> shift
		if done == 0 || c.pages[done-1].number != number {
			c.pages[i] = c.pages[done]
			c.pages[done] = page{number, from.counts}
			done++
		}
		to := c.pages[done-1].counts
		for k, n := range counts {
			if n == 0 {
				continue
			}
			count := &to[(from.number<<pageBits+k)>>shift&(pageLen-1)]
			if *count == 0 {
				c.populated++
			}
			*count += n
		}
	}
	c.pages = c.pages[:done]
}

// merge adds the counts of o, whose cells are 1<<shift to one of c, but returns
// instead what is in cells up to one of o's. c must be on the heap.
func (c *Counts) merge(o *Counts, shift uint, upTo int) (taken uint64) {
	for _, p := range o.pages {
		for i, n := range p.counts {
			cell := p.number<<pageBits + i
			switch {
			case n == 0:
			case cell <= upTo:
				taken += n
			default:
				c.add(cell>>shift, n, nil)
			}
		}
	}
	return taken
}
