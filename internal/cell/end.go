// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Heir gets what is added to a total that has ended.
type Heir interface {
	// Add adds a whole number and another one. Either may be zero.
	Add(n uint64, f float64)
	// Load returns what the ended total is to return.
	Load() float64
}

// A total that has ended has words that no other has, and at which additions notice it
// that did not know. A fraction is this NaN, which no sum is. A whole number is so large
// that the first addition finds that it is time to pause, and passes on what it finds:
// its own, and those of others that have come since. Then the word is as before, so that
// the next addition is again a first one.
const (
	endedWhole    = 1<<63 | (probeEvery - 1)
	endedFraction = 0x7ff8_656e_6465_6421
)

// End makes t what passes on all that is added to it, and returns what it was. An addition
// that is made meanwhile is in the result, or is passed on. End must be called once at
// most.
func (t *Total) End(to Heir) (n uint64, f float64) {
	reshaping.Lock()
	defer reshaping.Unlock()
	s := t.spread.Load()
	if s == nil {
		s = &totalStripes{first: t.at.Load()}
		s.heir.Store(&to)
		t.spread.Store(s) // so that there is no spreading any more
	} else {
		s.heir.Store(&to)
	}
	return t.endAll(s)
}

// endAll ends all words there are.
func (t *Total) endAll(s *totalStripes) (n uint64, f float64) {
	n, f = s.first.end()
	if s.first != &t.own {
		late, other := t.own.end()
		n += late
		f += other
	}
	for ; s != nil; s = s.before {
		for i := range s.stripes {
			whole, other := s.stripes[i].end()
			n += whole
			f += other
		}
	}
	return n, f
}

// Heir returns what was given to End, or nil.
func (t *Total) Heir() Heir {
	if s := t.spread.Load(); s != nil {
		if h := s.heir.Load(); h != nil {
			return *h
		}
	}
	return nil
}

func (w *TotalWords) end() (n uint64, f float64) {
	return w.n.Swap(endedWhole), math.Float64frombits(w.f.Swap(endedFraction))
}

// pass gives the heir what was added to w since it ended, if it has.
func (s *totalStripes) pass(w *TotalWords) {
	if w.n.Load() < endedWhole {
		return // End has not come here yet, and will take it
	}
	if n := w.n.Swap(endedWhole) - endedWhole; n > 0 {
		(*s.heir.Load()).Add(n, 0)
	}
}

// over is the state of a shard whose block has ended.
const over = 4

// End takes all shards for good, so that Acquire has none to return any more, and calls f
// for each, as Read does. It must be called once at most.
func (b *Block) End(n int, f func(shard int, w []uint64)) {
	reshaping.Lock()
	defer reshaping.Unlock()
	s := b.spread.Load()
	if s == nil {
		s = &blockStripes{}
		s.over.Store(true)
		b.spread.Store(s) // so that there is no spreading any more
	}
	s.over.Store(true)
	for i := range 1 + int(s.count) {
		p := b.shard(s, i)
		seize(p)
		acquired(b)
		f(i, unsafe.Slice(p, n))
		atomic.StoreUint64(p, over)
	}
}

// shard returns the first word of a shard.
func (b *Block) shard(s *blockStripes, i int) *uint64 {
	if i == 0 {
		return b.at.Load()
	}
	return &s.words[uint(i-1)*s.stride]
}

// seize takes the shard at p, however long that takes.
func seize(p *uint64) {
	for round := 0; !takeToRead(p); round++ {
		if round > readRounds {
			runtime.Gosched() // a holder is off the processor
		}
	}
}

// Ended reports whether End was called.
func (b *Block) Ended() bool {
	s := b.spread.Load()
	return s != nil && s.over.Load()
}
