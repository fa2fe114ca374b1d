// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math"
	"sync"
	"sync/atomic"
	"unsafe"
)

// reshaping is held by whoever changes where the words of a total or block are. That is
// rare: they spread, move and end once each.
var reshaping sync.Mutex

// beside hands out words for the stripes of cells whose first words are not on the heap.
var beside atomic.Pointer[func(first *uint64, words int) []uint64]

// SetBeside says who hands out further words to a cell that spreads and whose first words
// were given to Move: f gets the address of the first of those, and returns zero words,
// 8-byte aligned, that stay where they are, or nil if there is no place; then the cell does
// not spread. f must not use cells.
func SetBeside(f func(first *uint64, words int) []uint64) { beside.Store(&f) }

func wordsBeside(first *uint64, n int) []uint64 {
	if f := beside.Load(); f != nil {
		return (*f)(first, n)
	}
	return nil
}

func totalStripesBeside(w *TotalWords) []totalStripe {
	words := wordsBeside((*uint64)(unsafe.Pointer(w)), Stripes()*lineWords)
	if words == nil {
		return nil
	}
	return unsafe.Slice((*totalStripe)(unsafe.Pointer(&words[0])), Stripes())
}

// Move makes w, which must be zero, the words of t, and puts there what t has. It returns
// false and changes nothing if t has moved before, has ended, or has spread and there is no
// place for its stripes. Additions are made meanwhile; Load may miss some of them until
// Move returns.
//
// An addition that began before Move may still go to where t was. Load counts it, but who
// reads w alone does not before Settle.
func (t *Total) Move(w *TotalWords) bool {
	reshaping.Lock()
	defer reshaping.Unlock()
	s := t.spread.Load()
	switch {
	case s == nil:
		if t.at.Load() != &t.own {
			return false
		}
		t.at.Store(w)
	case s.heir.Load() != nil || s.first != &t.own:
		return false
	default:
		fresh := &totalStripes{first: w, stripes: totalStripesBeside(w), before: s}
		if fresh.stripes == nil {
			return false
		}
		t.spread.Store(fresh)
	}
	t.settle(w)
	return true
}

// Settle puts what came late where t has moved to. It does nothing to a total that has
// not, or that has ended.
func (t *Total) Settle() {
	if w := t.Elsewhere(); w != nil && t.late() {
		reshaping.Lock()
		defer reshaping.Unlock()
		if t.Heir() == nil {
			t.settle(w)
		}
	}
}

// Elsewhere returns what was given to Move, or nil.
func (t *Total) Elsewhere() *TotalWords {
	w := t.at.Load()
	if s := t.spread.Load(); s != nil {
		w = s.first
	}
	if w == &t.own {
		return nil
	}
	return w
}

// late reports whether something is where t was before it moved.
func (t *Total) late() bool {
	if t.own.any() {
		return true
	}
	if s := t.spread.Load(); s != nil && s.before != nil {
		for i := range s.before.stripes {
			if s.before.stripes[i].any() {
				return true
			}
		}
	}
	return false
}

func (w *TotalWords) any() bool { return w.n.Load()|w.f.Load() != 0 }

func (t *Total) settle(w *TotalWords) {
	t.own.giveTo(w)
	if s := t.spread.Load(); s != nil && s.before != nil {
		for i := range s.before.stripes {
			s.before.stripes[i].giveTo(w)
		}
	}
}

func (w *TotalWords) giveTo(to *TotalWords) {
	if n := w.n.Swap(0); n != 0 {
		to.n.Add(n)
	}
	f := math.Float64frombits(w.f.Swap(0))
	for f != 0 {
		old := to.f.Load()
		if to.f.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+f)) {
			return
		}
	}
}

// Move makes w, which must be zero and as long as what Init was given, the first shard of
// b, and puts there what that has; likewise stripes if b has spread. It calls f for each
// shard where it is now, holding it, as Read does. It returns false and changes nothing if
// b has moved before, has ended, or has spread and there is no place for its stripes.
//
// Writers wait for as long as it takes to copy a shard.
func (b *Block) Move(w []uint64, f func(shard int, w []uint64)) bool {
	reshaping.Lock()
	defer reshaping.Unlock()
	s := b.spread.Load()
	if b.elsewhere() || b.Ended() {
		return false
	}
	var fresh *blockStripes
	if s != nil {
		fresh = &blockStripes{stride: s.stride, count: s.count}
		if fresh.words = wordsBeside(&w[0], len(s.words)); fresh.words == nil {
			return false
		}
	}
	b.waits.Or(moved)
	from := b.at.Load()
	b.moveShard(0, from, w, f, func() { b.at.Store(&w[0]) })
	if fresh == nil {
		return true
	}
	for i := range int(s.count) {
		at := uint(i) * s.stride
		b.moveShard(i+1, &s.words[at], fresh.words[at:][:len(w)], f, func() {})
	}
	b.spread.Store(fresh)
	s.over.Store(true) // so that who looks for a free shard of these looks at the others
	return true
}

// moveShard copies a shard, which nobody can take any more, and releases the copy.
func (b *Block) moveShard(shard int, from *uint64, to []uint64, f func(shard int, w []uint64), done func()) {
	atomic.StoreUint64(&to[0], taken)
	seize(from)
	acquired(b)
	copy(to[1:], unsafe.Slice(from, len(to))[1:])
	f(shard, to)
	done()
	atomic.StoreUint64(from, over)
	b.Release(to)
}

// Elsewhere returns the first word of what was given to Move, or nil.
func (b *Block) Elsewhere() *uint64 {
	reshaping.Lock()
	defer reshaping.Unlock()
	if b.elsewhere() {
		return b.at.Load()
	}
	return nil
}

func (b *Block) elsewhere() bool { return b.waits.Load()&moved != 0 }
