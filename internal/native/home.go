// SPDX-License-Identifier: Apache-2.0

package native

import (
	"math"

	"github.com/embermetrics/ember/internal/words"
)

// Buckets that have moved keep their counts in words of these kinds:
//
//	NativeHead  [shard, epoch, schema, threshold bits, zero count, schema, threshold bits, zero count]
//	NativePage  [shard<<1|negative, epoch, page number, 16 counts]
//
// What counts is the half of the head that the epoch's last bit says, the first if it is
// even, and the pages of that epoch. An observation is one store into one of these. All
// else that changes buckets is done on the heap first. Then the result goes to the other
// half and to pages that do not count, each of which gets the next epoch when it is
// complete, and the store of that epoch in the head is what changes it all. So no page
// counts that has epoch 0.
const (
	headWords = 8
	pageWords = 3 + pageLen

	headEpoch = 1
	headHalf  = 2 // and the other one follows
	halfWords = 3
	halfZero  = 2 // within a half

	pageSide   = 0
	pageEpoch  = 1
	pageNumber = 2
	pageCounts = 3
)

// place is where moved Buckets are.
type place struct {
	home     words.Home
	shard    uint64
	head     *[headWords]uint64
	zero     *uint64              // in the half of the head that counts
	used     []*[pageWords]uint64 // those of the epoch
	free     []*[pageWords]uint64 // of past epochs, or never used
	homeless int                  // pages of the buckets that are on the heap
}

// MoveTo moves b to words of home, where other processes read it as that of a shard.
// From then on all that is counted is counted there, and at any moment the words are b
// as it is, or before an operation that is under way. It returns false, and b stays where
// it is, if there is no place. For single pages that there is no place for later, see
// Homeless.
//
// Buckets that have moved do not know of a new bucket that is added by Counts.Add, or of
// a change of Zero: other processes do not see it before the next change of scale.
//
// If b has moved before, what it leaves behind stays as it is, for the caller to remove.
func (b *Buckets) MoveTo(home words.Home, shard uint64) bool {
	const epoch = 1 // of a head that has nothing
	w := home.Words(words.NativeHead, headWords, shard, epoch, 0, 0, 0,
		uint64(b.scale.Schema), math.Float64bits(b.scale.ZeroThreshold), 0)
	if w == nil {
		return false
	}
	b.lift()
	b.settle(&place{home: home, shard: shard, head: (*[headWords]uint64)(w)})
	return true
}

// Moved reports whether b has moved.
func (b *Buckets) Moved() bool { return b.place != nil }

// Homeless returns how many pages, of 16 buckets each, are out of sight for other
// processes, because there was no place for them when they were made. The next change of
// scale tries again.
func (b *Buckets) Homeless() int {
	if b.place == nil {
		return 0
	}
	return b.place.homeless
}

// lift makes b what it would be on the heap, and returns the place, which keeps what b
// was; nil if b has not moved.
func (b *Buckets) lift() *place {
	p := b.place
	if p == nil {
		return nil
	}
	b.place = nil
	b.Positive.lift()
	b.Negative.lift()
	return p
}

func (c *Counts) lift() {
	lifted := make([][pageLen]uint64, len(c.pages))
	for i := range c.pages {
		lifted[i] = *c.pages[i].counts
		c.pages[i].counts = &lifted[i]
	}
}

// settle makes p the place of b, which is on the heap, and puts everything there.
//
//go:noinline
func (b *Buckets) settle(p *place) {
	past, epoch := p.used, p.head[headEpoch]+1
	p.used, p.homeless = nil, 0
	for _, c := range []*Counts{&b.Positive, &b.Negative} {
		for i := range c.pages {
			if w := p.page(c == &b.Negative, c.pages[i].number, c.pages[i].counts, epoch); w != nil {
				c.pages[i].counts = w
			}
		}
		clear(c.pages[len(c.pages):cap(c.pages)]) // spare pages are those of p
	}
	half := p.head[headHalf+epoch&1*halfWords:]
	words.Store(&half[0], uint64(b.scale.Schema))
	words.Store(&half[1], math.Float64bits(b.scale.ZeroThreshold))
	words.Store(&half[halfZero], b.Zero)
	words.Store(&p.head[headEpoch], epoch)

	p.zero = &half[halfZero]
	p.free = append(p.free, past...)
	b.place = p
}

// page writes a page, and returns its counts; nil if there is no place.
func (p *place) page(negative bool, number int, from *[pageLen]uint64, epoch uint64) *[pageLen]uint64 {
	var w *[pageWords]uint64
	if last := len(p.free) - 1; last >= 0 {
		w, p.free = p.free[last], p.free[:last]
	} else if fresh := p.home.Words(words.NativePage, pageWords); fresh != nil {
		w = (*[pageWords]uint64)(fresh)
	} else {
		p.homeless++
		return nil
	}
	p.used = append(p.used, w)
	side := p.shard << 1
	if negative {
		side |= 1
	}
	words.Store(&w[pageSide], side)
	words.Store(&w[pageNumber], uint64(number))
	counts := (*[pageLen]uint64)(w[pageCounts:])
	for i, n := range from {
		words.Store(&counts[i], n)
	}
	words.Store(&w[pageEpoch], epoch)
	return counts
}

// fresh returns the counts of a page of c that is empty, on the heap if there is no place.
func (b *Buckets) fresh(c *Counts, number int) *[pageLen]uint64 {
	none := new([pageLen]uint64)
	if w := b.place.page(c == &b.Negative, number, none, b.place.head[headEpoch]); w != nil {
		return w
	}
	return none
}
