// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/words"
)

// record is words that a home has handed out.
type record struct {
	kind  uint16
	words []uint64
}

// home hands out words on the heap.
type home struct {
	records []record
	limit   int    // of records; 0: none
	handed  func() // called after each new record
}

func (h *home) Words(kind uint16, words int, first ...uint64) []uint64 {
	if h.limit > 0 && len(h.records) >= h.limit {
		return nil
	}
	w := make([]uint64, words)
	copy(w, first)
	h.records = append(h.records, record{kind, w})
	if h.handed != nil {
		h.handed()
	}
	return w
}

// count returns how many records of a kind there are.
func (h *home) count(kind uint16) (n int) {
	for _, r := range h.records {
		if r.kind == kind {
			n++
		}
	}
	return n
}

// watch has f called after each store, and each new record, while do runs.
func (h *home) watch(f, do func()) {
	words.Watch, h.handed = f, f
	defer func() { words.Watch, h.handed = nil, nil }()
	do()
}

// seen is what a test compares of a Sketch.
type seen struct {
	counts   map[int]uint32
	min, max float64
}

// read returns the periods of a shard as another process finds them.
func (h *home) read(t *testing.T, shard uint64) map[uint64]seen {
	periods := make(map[uint64]seen)
	for _, r := range h.records {
		if w := r.words; r.kind == words.SketchEnds && w[0] == shard && w[1] != 0 {
			require.Len(t, w, 4)
			require.NotContains(t, periods, w[1]-1, "a period must not have two ends")
			periods[w[1]-1] = seen{make(map[int]uint32), math.Float64frombits(w[2]), math.Float64frombits(w[3])}
		}
	}
	pages := make(map[[2]uint64]bool)
	for _, r := range h.records {
		w := r.words
		if r.kind != words.SketchPage || w[0] != shard || w[1] == 0 {
			continue
		}
		require.Len(t, w, 11)
		require.False(t, pages[[2]uint64{w[1], w[2]}], "a page must not be there twice")
		pages[[2]uint64{w[1], w[2]}] = true
		p, ok := periods[w[1]-1]
		if !ok {
			continue
		}
		for i, n := range words.Halves((*[8]uint64)(w[3:])) {
			if n > 0 {
				p.counts[int(int64(w[2]))*16+i] = n
			}
		}
	}
	return periods
}

// see returns the periods of a window.
func see(w *Window) map[uint64]seen {
	periods := make(map[uint64]seen)
	n := uint64(len(w.ring))
	for back := uint64(0); back < n && back <= w.period; back++ {
		if s := &w.ring[(w.period-back)%n]; s.used {
			periods[w.period-back] = seen{counts(s), s.min, s.max}
		}
	}
	return periods
}

func TestMoveTo(t *testing.T) {
	var h home
	w := NewWindow(3)
	w.Add(8, 1)
	w.Add(10, -2)
	w.Add(10, 5)
	want := see(w)
	require.Len(t, want, 2)
	require.True(t, w.MoveTo(&h, 7))
	require.Equal(t, want, see(w))
	require.Equal(t, want, h.read(t, 7))
	require.Empty(t, h.read(t, 6))
	require.Zero(t, w.Homeless())

	w.Add(11, 3)
	delete(want, 8)
	want[11] = seen{map[int]uint32{bin(3): 1}, 3, 3}
	require.Equal(t, want, h.read(t, 7))

	t.Run("other shards", func(t *testing.T) {
		other := NewWindow(1)
		require.True(t, other.MoveTo(&h, 8))
		require.Empty(t, h.read(t, 8))
		other.Add(0, 4)
		require.Equal(t, map[uint64]seen{0: {map[int]uint32{bin(4): 1}, 4, 4}}, h.read(t, 8))
		require.Equal(t, want, h.read(t, 7))
	})
	t.Run("again", func(t *testing.T) {
		var next home
		require.True(t, w.MoveTo(&next, 1))
		w.Add(11, 3)
		require.Equal(t, want, h.read(t, 7), "what is left behind must not change")
		want[11].counts[bin(3)]++
		require.Equal(t, want, see(w))
		require.Equal(t, want, next.read(t, 1))
	})
}

func TestHomeless(t *testing.T) {
	t.Run("no place", func(t *testing.T) {
		h := home{limit: 1}
		require.True(t, NewWindow(1).MoveTo(&h, 0))
		w := NewWindow(2)
		w.Add(0, 1)
		require.False(t, w.MoveTo(&h, 1))
		require.Zero(t, w.Homeless())
		w.Add(0, 10)
		w.Add(1, 100)
		require.Len(t, see(w), 2)
	})
	t.Run("no place for what is there", func(t *testing.T) {
		h := home{limit: 2}
		w := NewWindow(2)
		w.Add(0, 1)
		w.Add(1, 10)
		w.Add(1, 100)
		want := see(w)
		require.True(t, w.MoveTo(&h, 1))
		require.Equal(t, 2, w.Homeless())
		require.Equal(t, want, see(w))
		require.Equal(t, map[uint64]seen{1: {map[int]uint32{bin(10): 1}, 10, 100}}, h.read(t, 1))
	})
	t.Run("later", func(t *testing.T) {
		h := home{limit: 3}
		w := NewWindow(2)
		require.True(t, w.MoveTo(&h, 1))
		for i, v := range []float64{1, 10, 100, 1000, 1, 10, 100} {
			w.Add(0, v)
			require.Equal(t, max(0, min(i, 3)-1), w.Homeless())
		}
		all := map[int]uint32{bin(1): 2, bin(10): 2, bin(100): 2, bin(1000): 1}
		require.Equal(t, map[uint64]seen{0: {all, 1, 1000}}, see(w))
		require.Equal(t, map[uint64]seen{0: {map[int]uint32{bin(1): 2, bin(10): 2}, 1, 1000}}, h.read(t, 1))

		// No ends for period 1, but those of 0 are there for 2, and its pages too.
		w.Add(1, 7)
		require.Equal(t, 3, w.Homeless())
		w.Add(2, 8)
		require.Equal(t, map[uint64]seen{2: {map[int]uint32{bin(8): 1}, 8, 8}}, h.read(t, 1))
		require.Equal(t, 1, w.Homeless())
		h.limit = 0
		w.Add(3, 9)
		require.Zero(t, w.Homeless())
		require.Equal(t, see(w), h.read(t, 1))
	})
}

// Whatever is done, a window on the heap and one in words are the same, and whenever the
// process is killed other processes find what there was before a value was added, or
// after, except that ends may be there already.
func TestKilledAtAnyStore(t *testing.T) {
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(len(name))))
			for range 4 {
				testKilledAtAnyStore(t, r, draw)
			}
		})
	}
}

func testKilledAtAnyStore(t *testing.T, r *rand.Rand, draw func(*rand.Rand) float64) {
	const shard = 3
	var h home
	periods := 1 + r.IntN(4)
	w, heap := NewWindow(periods), NewWindow(periods)
	period := uint64(r.IntN(10))
	for range r.IntN(20) {
		period += uint64(r.IntN(2))
		v := draw(r)
		w.Add(period, v)
		heap.Add(period, v)
	}
	whole := see(w)
	h.watch(func() {
		for p, s := range h.read(t, shard) {
			require.Equal(t, whole[p], s, "a period must appear whole")
		}
	}, func() { require.True(t, w.MoveTo(&h, shard)) })
	require.Equal(t, whole, h.read(t, shard))

	for range 60 {
		before := h.read(t, shard)
		switch r.IntN(8) {
		case 0:
			period += r.Uint64N(uint64(2 * periods))
		case 1:
			period -= min(period, 1)
		}
		if r.IntN(10) == 0 {
			o := NewWindow(periods)
			theirs := r.Uint64N(10)
			for p := range theirs {
				o.Add(p, draw(r))
			}
			if r.IntN(2) == 0 {
				require.True(t, o.MoveTo(&home{}, 0))
			}
			from := see(o)
			heap.Absorb(period, o, theirs)
			after := see(heap)
			h.watch(func() {
				for p, s := range h.read(t, shard) {
					if _, within := after[p]; within {
						requireBetween(t, before[p], s, after[p])
					} else {
						require.Equal(t, before[p], s, "a period must be forgotten at once")
					}
				}
			}, func() { w.Absorb(period, o, theirs) })
			require.Equal(t, from, see(o), "what is absorbed must not change")
		} else {
			v := draw(r)
			heap.Add(period, v)
			after := see(heap)
			counted := false
			h.watch(func() {
				got := h.read(t, shard)
				for p, s := range got {
					if _, within := after[p]; !within {
						require.Equal(t, before[p], s, "a period must be forgotten at once")
					} else if p != w.period {
						require.Equal(t, after[p], s)
					} else if !counted && maps.Equal(s.counts, before[p].counts) {
						require.Contains(t, []seen{before[p], {before[p].counts, after[p].min, before[p].max}, {before[p].counts, before[p].min, after[p].max}}, s)
					} else {
						counted = true
						require.Equal(t, after[p], s)
					}
				}
				for p := range before {
					if _, within := after[p]; within {
						require.Contains(t, got, p)
					}
				}
			}, func() { w.Add(period, v) })
		}
		require.Equal(t, see(heap), see(w))
		require.Equal(t, see(heap), h.read(t, shard))
		require.Zero(t, w.Homeless())
		for _, r := range h.records {
			require.Equal(t, uint64(shard), r.words[0])
			if p := r.words[1]; p != 0 {
				require.Contains(t, see(w), p-1, "what is of no period must say so")
			}
		}
		var a, b Sketch
		heap.MergeInto(&a, period)
		w.MergeInto(&b, period)
		require.Equal(t, seen{counts(&a), a.min, a.max}, seen{counts(&b), b.min, b.max})
	}
}

// requireBetween checks that nothing was lost and that nothing came which is not after.
func requireBetween(t *testing.T, before, s, after seen) {
	t.Helper()
	for b, n := range s.counts {
		require.LessOrEqual(t, before.counts[b], n)
		require.LessOrEqual(t, n, after.counts[b])
	}
	for b := range before.counts {
		require.Contains(t, s.counts, b)
	}
	require.LessOrEqual(t, after.min, s.min)
	require.GreaterOrEqual(t, after.max, s.max)
	if len(before.counts) > 0 {
		require.LessOrEqual(t, s.min, before.min)
		require.GreaterOrEqual(t, s.max, before.max)
	}
}

func TestPagesAreUsedAgain(t *testing.T) {
	var h home
	r := rand.New(rand.NewPCG(1, 9))
	w := NewWindow(4)
	require.True(t, w.MoveTo(&h, 0))
	most := 0
	for period := uint64(0); period < 300; period += uint64(1 + r.IntN(2)) {
		for range r.IntN(40) {
			w.Add(period, r.NormFloat64())
		}
		inUse := 0
		for _, s := range w.ring {
			inUse += len(s.pages)
		}
		most = max(most, inUse)
		require.LessOrEqual(t, h.count(words.SketchPage), most)
		require.LessOrEqual(t, h.count(words.SketchEnds), 4)
	}
}

func TestFullCountsStayInWords(t *testing.T) {
	var h home
	w := NewWindow(1)
	require.True(t, w.MoveTo(&h, 0))
	w.Add(0, 1)
	w.Add(0, 8)
	w.now.page(bin(1) >> 4)[bin(1)&(pageBins-1)] = math.MaxUint32 - 1
	w.Add(0, 1)
	w.Add(0, 1)
	o := NewWindow(1)
	o.Add(0, 1)
	w.Absorb(0, o, 0)
	want := map[uint64]seen{0: {map[int]uint32{bin(1): math.MaxUint32, bin(8): 1}, 1, 8}}
	require.Equal(t, want, h.read(t, 0))
	require.Equal(t, want, see(w))
}

// The last period that there is has no number in words. It is right here alone.
func TestEndOfAllTimeInWords(t *testing.T) {
	var h home
	w := NewWindow(2)
	require.True(t, w.MoveTo(&h, 0))
	w.Add(math.MaxUint64-1, 1)
	w.Add(math.MaxUint64, 2)
	require.Len(t, see(w), 2)
	require.Equal(t, map[uint64]seen{math.MaxUint64 - 1: {map[int]uint32{bin(1): 1}, 1, 1}}, h.read(t, 0))
}

func TestAddMovedAllocatesNothing(t *testing.T) {
	var h home
	w := NewWindow(3)
	require.True(t, w.MoveTo(&h, 0))
	v := 0.0
	add := func() {
		if v += 0.37; v > 4.9 {
			v = -0.3
		}
		w.Add(4, v)
	}
	for range 1000 {
		add()
	}
	require.Zero(t, testing.AllocsPerRun(1000, add))
}
