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
	at     atomic.Pointer[TotalWords]    // set by Init
	spread atomic.Pointer[[]totalStripe] // set once, by the writer that found contention
	own    TotalWords                    // where at points unless Init was told otherwise
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
	s := t.spread.Load()
	if s == nil && t.at.Load().n.Add(1)&(probeEvery-1) != 0 {
		return
	}
	t.incSlow(s)
}

// incSlow adds one to a stripe of s, or, if s is nil and the addition is done,
// looks for contention.
//
//go:noinline
func (t *Total) incSlow(s *[]totalStripe) {
	if s == nil {
		t.probe()
		return
	}
	pick(*s).n.Add(1)
}

// AddWhole adds n.
func (t *Total) AddWhole(n uint64) {
	if s := t.spread.Load(); s != nil {
		pick(*s).n.Add(n)
		return
	}
	// An addition of many would skip over multiples of probeEvery, so what
	// counts here is whether it passed one.
	if after := t.at.Load().n.Add(n); after&(probeEvery-1) < n {
		t.probe()
	}
}

// Add adds v, which must not be NaN.
func (t *Total) Add(v float64) {
	s := t.spread.Load()
	w := t.at.Load()
	if s != nil {
		w = &pick(*s).TotalWords
	}
	for {
		old := w.f.Load()
		if w.f.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
		// A failed swap is contention seen: nothing to probe for.
		if s == nil {
			s = t.spreadOut()
			w = &pick(*s).TotalWords
		}
	}
}

// Whole returns the sum of all whole additions, Load the sum of everything.
// Neither is a snapshot of one instant; each is at least what it was at any
// earlier call, as long as only positive values are added.
func (t *Total) Whole() uint64 {
	n := t.at.Load().n.Load()
	if s := t.spread.Load(); s != nil {
		for i := range *s {
			n += (*s)[i].n.Load()
		}
	}
	return n
}

// Load returns the sum of all additions.
func (t *Total) Load() float64 {
	w := t.at.Load()
	n, f := w.n.Load(), math.Float64frombits(w.f.Load())
	if s := t.spread.Load(); s != nil {
		for i := range *s {
			n += (*s)[i].n.Load()
			f += math.Float64frombits((*s)[i].f.Load())
		}
	}
	return float64(n) + f
}

// probe spreads t if another goroutine adds to it while it watches.
func (t *Total) probe() {
	w := t.at.Load()
	n := w.n.Load()
	for range probeLoads {
		if w.n.Load() != n {
			t.spreadOut()
			return
		}
	}
}

func (t *Total) spreadOut() *[]totalStripe {
	s := make([]totalStripe, Stripes())
	if !t.spread.CompareAndSwap(nil, &s) {
		return t.spread.Load()
	}
	return &s
}

// pick returns the stripe of the calling goroutine.
func pick(s []totalStripe) *totalStripe {
	return &s[here(uint(len(s)))]
}
