// SPDX-License-Identifier: Apache-2.0

package childmap

import "sort"

// chunkSize is how many children a chunk has at most.
const chunkSize = 64

// chunk is a piece of a sequence of children. It is never empty, and belongs to one
// goroutine, or to who holds a lock, until it is part of an order; then it is constant.
type chunk struct {
	children []*Child
	next     *chunk // in a chain or a pile; nil in an order
}

func (c *chunk) first() string { return c.children[0].Text() }

func (c *chunk) last() string { return c.children[len(c.children)-1].Text() }

// sort inserts one child after the other where it belongs. To move some of so few costs
// less than to compare texts.
func (c *chunk) sort() {
	for i, child := range c.children {
		if i == 0 || c.children[i-1].Text() <= child.Text() {
			continue
		}
		at := sort.Search(i, func(j int) bool { return c.children[j].Text() > child.Text() })
		copy(c.children[at+1:i+1], c.children[at:i])
		c.children[at] = child
	}
}

// chain is a list of children in chunks linked by their next fields. All but the last are
// full. It grows by a chunk, so that nobody ever waits for many children to be moved.
type chain struct {
	head, tail *chunk
}

// push adds a child. It takes one of the unused chunks if it needs one.
func (l *chain) push(c *Child, unused *pile) {
	if l.tail == nil || len(l.tail.children) == chunkSize {
		fresh := unused.pop()
		if fresh == nil {
			fresh = new(chunk)
			if l.tail != nil || unused != nil { // else it grows by and by: most maps are small
				fresh.children = make([]*Child, 0, chunkSize)
			}
		}
		if l.tail == nil {
			l.head = fresh
		} else {
			l.tail.next = fresh
		}
		l.tail = fresh
	}
	l.tail.children = append(l.tail.children, c)
}

func (l *chain) take() *chunk {
	head := l.head
	*l = chain{}
	return head
}

// pile has chunks that nobody uses any more. A nil one is always empty.
type pile struct{ top *chunk }

func (p *pile) push(c *chunk) {
	clear(c.children) // what is beyond the next length would be kept
	c.children = c.children[:0]
	c.next, p.top = p.top, c
}

// pop returns an empty chunk, or nil if there is none.
func (p *pile) pop() *chunk {
	if p == nil || p.top == nil {
		return nil
	}
	c := p.top
	p.top, c.next = c.next, nil
	return c
}

// reader takes children from the front of a chain, and puts the chunks that it has
// emptied on a pile.
type reader struct {
	at     *chunk
	read   int // children of at
	unused *pile
}

// next returns the next child, or nil. Inlined wherever it is used, it would make binaries
// a kilobyte larger.
//
//go:noinline
func (r *reader) next() *Child {
	if r.at == nil {
		return nil
	}
	c := r.at.children[r.read]
	if r.read++; r.read == len(r.at.children) {
		done := r.at
		r.at, r.read = done.next, 0
		r.unused.push(done)
	}
	return c
}

// sortChain sorts a chain by text: a merge sort over runs of chunks that follow one
// another already, so children created in order cost one comparison each. It is done in
// the chunks that there are, and one or two more, which unused gets.
func sortChain(c *chunk, unused *pile) *chunk {
	for at := c; at != nil; at = at.next {
		at.sort()
	}
	var runs [48]*chunk // runs[i], if set, is a merger of 2^i runs
	for c != nil {
		run := c
		for c.next != nil && c.last() <= c.next.first() {
			c = c.next
		}
		c.next, c = nil, c.next
		i := 0
		for ; runs[i] != nil; i++ {
			run, runs[i] = mergeChains(runs[i], run, unused), nil
		}
		runs[i] = run
	}
	var sorted *chunk
	for _, run := range runs {
		sorted = mergeChains(run, sorted, unused)
	}
	return sorted
}

func mergeChains(a, b *chunk, unused *pile) *chunk {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	xs, ys := reader{a, 0, unused}, reader{b, 0, unused}
	x, y := xs.next(), ys.next()
	var merged chain
	for x != nil || y != nil {
		if y == nil || x != nil && x.Text() <= y.Text() {
			merged.push(x, unused)
			x = xs.next()
		} else {
			merged.push(y, unused)
			y = ys.next()
		}
	}
	return merged.head
}
