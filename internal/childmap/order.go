// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"slices"
	"sort"
)

// order has the children of a map in order of their text, in chunks, of which any two
// neighbours together have more children than would fit in one. It is constant: to change
// it is to make another one, with those chunks that stay as they are.
type order []*chunk

// merge returns an order with the children of a sorted chain too, in whose chunks it is
// built, and without those that are deleted. Unless some have been removed, no chunk is
// looked at that nothing comes to.
func (o order) merge(fresh *chunk, unused *pile, removed bool) order {
	chunks := len(o) + 1
	for c := fresh; c != nil; c = c.next {
		chunks++
	}
	b := orderBuilder{order: make(order, 0, chunks), unused: unused, removed: removed}
	from := reader{at: fresh, unused: unused}
	for c := from.next(); c != nil; {
		i := sort.Search(len(o)-1, func(i int) bool { return o[i+1].first() > c.Text() })
		var among []*Child // where c belongs, unless it is the first of all
		if len(o) > 0 {
			b.keep(o[:i])
			among, o = o[i].children, o[i+1:]
		}
		for c != nil && (len(o) == 0 || c.Text() < o[0].first()) {
			for len(among) > 0 && among[0].Text() < c.Text() {
				b.add(among[0])
				among = among[1:]
			}
			b.add(c)
			c = from.next()
		}
		for _, c := range among {
			b.add(c)
		}
	}
	b.keep(o)
	b.flush()
	return b.order
}

// orderBuilder builds an order from its beginning.
type orderBuilder struct {
	order   order
	open    [chunkSize]*Child // what comes after order
	n       int               // how many are open
	unused  *pile
	removed bool // there may be deleted children in chunks to keep
}

// add adds a child, unless it is deleted.
func (b *orderBuilder) add(c *Child) {
	if c.Deleted() {
		return
	}
	if b.n == chunkSize {
		b.flush()
	}
	b.open[b.n] = c
	b.n++
}

// keep adds chunks of an order: as they are, but for deleted children, and for what has
// become so short that it must be joined.
func (b *orderBuilder) keep(chunks order) {
	for i, c := range chunks {
		if b.joins(c) || b.removed && slices.ContainsFunc(c.children, (*Child).Deleted) {
			for _, child := range c.children {
				b.add(child)
			}
			continue
		}
		b.flush()
		if !b.removed {
			b.order = append(b.order, chunks[i:]...)
			return
		}
		b.order = append(b.order, c)
	}
}

// joins reports whether c fits in the chunk before it.
func (b *orderBuilder) joins(c *chunk) bool {
	before := b.n
	if before == 0 {
		before = b.last()
	}
	return before+len(c.children) <= chunkSize
}

// last returns how many children the last chunk has.
func (b *orderBuilder) last() int {
	if len(b.order) == 0 {
		return chunkSize
	}
	return len(b.order[len(b.order)-1].children)
}

// flush makes a chunk of what is open, or adds it to the chunk before if it fits there.
func (b *orderBuilder) flush() {
	if b.n == 0 {
		return
	}
	var before []*Child
	if last := len(b.order) - 1; b.last()+b.n <= chunkSize {
		before, b.order = b.order[last].children, b.order[:last]
	}
	c := b.unused.pop()
	if c == nil {
		c = &chunk{children: make([]*Child, 0, len(before)+b.n)}
	}
	c.children = append(c.children, before...)
	c.children = append(c.children, b.open[:b.n]...)
	b.order = append(b.order, c)
	b.n = 0
}
