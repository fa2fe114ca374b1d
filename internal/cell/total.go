// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math"
	"sync/atomic"
	"unsafe"
)

// TotalWords are the words of a Total: where its first additions go.
type TotalWords struct {
	n atomic.Uint64 // the sum of whole additions
	f atomic.Uint64 // the bits of the float64 sum of all others
}

// Total is a sum that any goroutine may add to. The zero Total needs Init.
//
// Uncontended, an addition of one costs one locked instruction. Whether there is
// contention is looked at once every probeEvery additions, so finding out costs
// nothing between: the probe watches the word for as long as a few additions
// take, and spreads the total if somebody else changes it meanwhile.
type Total struct {
	at     atomic.Pointer[TotalWords]   // set by Init; nil once spread is set
	spread atomic.Pointer[totalStripes] // set once, by the writer that found contention
	own    TotalWords                   // where at points unless Init was told otherwise
}

// totalStripes are Stripes() further places to add to.
type totalStripes struct {
	picker
	first   *TotalWords // where additions went before, and a late one may still go
	stripes []totalStripe
	before  *totalStripes        // where they went before Move, likewise
	heir    atomic.Pointer[Heir] // set by End
}

// totalStripe is one stripe, alone on its line.
type totalStripe struct {
	TotalWords
	_ [lineSize - 16]byte
}

// Growing a stripe by accident fails the build instead of slowing a benchmark.
var _ [lineSize]byte = [unsafe.Sizeof(totalStripe{})]byte{}

const (
	probeEvery = 1 << 10 // additions between two looks for contention; a power of two
	probeLoads = 64      // how often a probe reads the word: some 50 ns
)

// Init makes t ready, with its words in w, or in itself if w is nil. It must
// come before any other use.
func (t *Total) Init(w *TotalWords) {
	if w == nil {
		w = &t.own
	}
	t.at.Store(w)
}

// Inc adds one.
func (t *Total) Inc() {
	w := t.at.Load()
	if w == &t.own {
		// The same as below, but the processor need not wait for at to know where
		// to add: a fifth of the whole in a tight loop.
		if t.own.n.Add(1)&(probeEvery-1) != 0 {
			return
		}
	} else if w != nil && w.n.Add(1)&(probeEvery-1) != 0 {
		return
	}
	t.incSlow(w)
}

// incSlow adds one to a stripe if w is nil. Otherwise the addition is done, and it
// is time to look for contention.
//
//go:noinline
func (t *Total) incSlow(w *TotalWords) {
	if w == nil {
		t.spread.Load().add(1)
	} else {
		t.pause(w)
	}
}

// AddWhole adds n.
func (t *Total) AddWhole(n uint64) {
	w := t.at.Load()
	if w == nil {
		t.spread.Load().add(n)
	} else if passedProbe(w.n.Add(n), n) {
		t.pause(w)
	}
}

// passedProbe reports whether the addition of n that led to sum passed a multiple
// of probeEvery.
func passedProbe(sum, n uint64) bool { return sum&(probeEvery-1) < n }

// Add adds v, which must not be NaN.
func (t *Total) Add(v float64) {
	w := t.at.Load()
	var s *totalStripes
	if w == nil {
		s = t.spread.Load()
		w = &s.stripe().TotalWords
	}
	for {
		old := w.f.Load()
		if old == endedFraction {
			t.Heir().Add(0, v)
			return
		}
		if w.f.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
		// A failed swap is contention seen: nothing to probe for.
		if s == nil {
			s = t.spreadOut(w)
		} else {
			s.met()
		}
		if t.at.Load() == nil {
			w = &s.stripe().TotalWords
		}
	}
}

// stripe returns the stripe of the calling goroutine.
func (s *totalStripes) stripe() *totalStripe {
	return &s.stripes[s.pick(uint(len(s.stripes)))]
}

func (s *totalStripes) add(n uint64) {
	w := &s.stripe().TotalWords
	if sum := w.n.Add(n); passedProbe(sum, n) {
		if s.heir.Load() != nil {
			s.pass(w)
		} else if contended(&w.n) {
			s.met()
		}
	}
}

// Load returns the sum of all additions. It is not a snapshot of one instant, but
// at least what it was at any earlier call, as long as only positive values are
// added.
//
// What has ended has what its heir has.
func (t *Total) Load() float64 {
	n, f, h := t.parts()
	if h != nil {
		return h.Load()
	}
	return float64(n) + f
}

// Parts returns what Load adds up: whole numbers, and all others. What has ended has
// nothing.
func (t *Total) Parts() (n uint64, f float64) {
	n, f, h := t.parts()
	if h != nil {
		return 0, 0
	}
	return n, f
}

func (t *Total) parts() (n uint64, f float64, h Heir) {
	w := t.at.Load()
	s := t.spread.Load() // after at, so it is there if at is nil
	if s != nil {
		w = s.first
	}
	n, f = w.n.Load(), math.Float64frombits(w.f.Load())
	if w != &t.own {
		// What came late, after Move.
		n += t.own.n.Load()
		f += math.Float64frombits(t.own.f.Load())
	}
	for ; s != nil; s = s.before {
		for i := range s.stripes {
			n += s.stripes[i].n.Load()
			f += math.Float64frombits(s.stripes[i].f.Load())
		}
	}
	// Asked last: as long as there is no heir, End has not touched the words.
	return n, f, t.Heir()
}

// pause is made once in a while: w, the only words, has just been added to.
func (t *Total) pause(w *TotalWords) {
	if s := t.spread.Load(); s != nil && s.heir.Load() != nil {
		s.pass(w)
	} else if contended(&w.n) {
		t.spreadOut(w)
	}
}

// contended reports whether somebody else changes w while it watches.
func contended(w *atomic.Uint64) bool {
	n := w.Load()
	for range probeLoads {
		if w.Load() != n {
			return true
		}
	}
	return false
}

// spreadOut makes further additions go to stripes, beside w.
func (t *Total) spreadOut(w *TotalWords) *totalStripes {
	reshaping.Lock()
	defer reshaping.Unlock()
	s := t.spread.Load()
	if s == nil {
		s = &totalStripes{first: w}
		if at := t.at.Load(); at == &t.own {
			s.stripes = make([]totalStripe, Stripes())
		} else {
			s.first = at // where w may have been before
			s.stripes = totalStripesBeside(at)
		}
		t.spread.Store(s)
	}
	if len(s.stripes) > 0 {
		t.at.Store(nil) // only now: who sees nil finds stripes
	}
	return s
}
