// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"math"

	"github.com/embermetrics/ember/internal/words"
)

// A Window that has moved keeps its counts in words of these kinds:
//
//	SketchPage  [shard, period+1, page number, 16 uint32 counts in 8 words]
//	SketchEnds  [shard, period+1, min bits, max bits]
//
// Those of no period have 0 there. What counts of a period are its pages, if its ends are
// there: so a period appears, with its first value, and is forgotten by one store in its
// ends. In between ends are widened first, and then counted is what they are to hold.
const (
	pageWords = 3 + pageBins/2
	endsWords = 4

	wordShard  = 0 // of both kinds
	wordPeriod = 1 // likewise
	pageNumber = 2
	pageCounts = 3
	endsMin    = 2
	endsMax    = 3
)

// place is where a moved Window is.
type place struct {
	home  words.Home
	shard uint64
	rooms []room               // of each sketch in the ring
	free  []*[pageWords]uint64 // pages of no period
}

// room is where the sketch of a period is.
type room struct {
	*place
	period   uint64               // as words have it: one more than it is
	ends     *[endsWords]uint64   // nil: not needed yet, or there was no place
	used     []*[pageWords]uint64 // pages of the period
	homeless int                  // pages of the period that are on the heap
}

// MoveTo moves w to words of home, where other processes read it as that of a shard.
// From then on all that is added is counted there. It returns false, and w stays where it
// is, if there is no place. For single pages that there is no place for later, see
// Homeless.
//
// If the process is killed, a period is as it was before or after the value that was
// being added, except that it may lie within the ends already without being counted. Of
// what Absorb or MoveTo itself was bringing, some values may be there and others not.
//
// If w has moved before, what it leaves behind stays as it is, for the caller to remove.
func (w *Window) MoveTo(home words.Home, shard uint64) bool {
	n := uint64(len(w.ring))
	p := &place{home: home, shard: shard, rooms: make([]room, n)}
	for i := range p.rooms {
		p.rooms[i].place = p
	}
	now := &p.rooms[w.period%n]
	if !now.findEnds() {
		return false
	}
	for back := uint64(0); back < n && back <= w.period; back++ {
		at := w.period - back
		r, s := &p.rooms[at%n], &w.ring[at%n]
		r.period = at + 1
		for i := range s.pages {
			s.pages[i].counts = r.page(s.pages[i].number, s.pages[i].counts)
		}
		if s.used {
			r.show(s)
		}
	}
	w.room = now
	return true
}

// Moved reports whether w has moved.
func (w *Window) Moved() bool { return w.room != nil }

// Homeless returns how many pages, of 16 bins each, are out of sight for other
// processes, because there was no place for them or for the ends of their period.
func (w *Window) Homeless() (pages int) {
	if w.room == nil {
		return 0
	}
	for i, r := range w.room.rooms {
		if r.ends == nil {
			pages += len(w.ring[i].pages)
		} else {
			pages += r.homeless
		}
	}
	return pages
}

// add is Add for the sketch of the room.
func (r *room) add(s *Sketch, v float64) {
	b := bin(v)
	n := &s.pageIn(b>>4, r)[b&(pageBins-1)]
	first := !s.used
	if !first && (v < s.min || v > s.max) {
		r.extend(s, v, v)
	}
	if *n != math.MaxUint32 {
		*n++
	}
	if first {
		r.extend(s, v, v)
	}
}

// merge is Merge for the sketch of the room.
func (r *room) merge(s, o *Sketch) {
	if !o.used {
		return
	}
	first := !s.used
	if !first {
		r.extend(s, o.min, o.max)
	}
	for _, from := range o.pages {
		to := s.pageIn(from.number, r)
		for i, n := range from.counts {
			to[i] = uint32(min(uint64(to[i])+uint64(n), math.MaxUint32))
			words.Stored()
		}
	}
	if first {
		r.extend(s, o.min, o.max)
	}
}

//go:noinline
func (r *room) extend(s *Sketch, low, high float64) {
	s.extend(low, high)
	r.show(s)
}

// show has other processes see the period with the ends of s.
func (r *room) show(s *Sketch) {
	if r.ends == nil && !r.findEnds() {
		return
	}
	words.Store(&r.ends[endsMin], math.Float64bits(s.min))
	words.Store(&r.ends[endsMax], math.Float64bits(s.max))
	words.Store(&r.ends[wordPeriod], r.period)
}

func (r *room) findEnds() bool {
	w := r.home.Words(words.SketchEnds, endsWords, r.shard)
	if w == nil {
		return false
	}
	r.ends = (*[endsWords]uint64)(w)
	return true
}

// page returns the counts of a page of the period, with a copy of what it is to begin
// with. If there is no place, they are on the heap.
func (r *room) page(number int, from *[pageBins]uint32) *[pageBins]uint32 {
	var w *[pageWords]uint64
	if last := len(r.free) - 1; last >= 0 {
		w, r.free = r.free[last], r.free[:last]
	} else if fresh := r.home.Words(words.SketchPage, pageWords, r.shard); fresh != nil {
		w = (*[pageWords]uint64)(fresh)
	} else {
		r.homeless++
		counts := *from
		return &counts
	}
	r.used = append(r.used, w)
	counts := words.Halves((*[pageBins / 2]uint64)(w[pageCounts:]))
	*counts = *from
	words.Store(&w[pageNumber], uint64(number))
	words.Store(&w[wordPeriod], r.period)
	return counts
}

// begin forgets the period that was, whose pages are free then, and makes room for
// another.
func (r *room) begin(period uint64) {
	if r.ends != nil {
		words.Store(&r.ends[wordPeriod], 0)
	}
	for _, w := range r.used {
		words.Store(&w[wordPeriod], 0)
	}
	r.free = append(r.free, r.used...)
	r.period, r.used, r.homeless = period+1, r.used[:0], 0
}
