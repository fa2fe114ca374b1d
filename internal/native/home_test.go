// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
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

// pages returns how many pages there are, void ones included.
func (h *home) pages() (n int) {
	for _, r := range h.records {
		if r.kind == words.NativePage {
			n++
		}
	}
	return n
}

// read returns the buckets of a shard as another process finds them; empty ones of the
// zero scale if there are none.
func (h *home) read(t *testing.T, shard uint64) *native.Buckets {
	b := new(native.Buckets)
	var epoch uint64
	for _, r := range h.records {
		if w := r.words; r.kind == words.NativeHead && w[0] == shard {
			require.Len(t, w, 8)
			require.Zero(t, epoch, "a shard must not have two heads")
			epoch = w[1]
			half := w[2+3*(epoch&1):]
			b.Reset(native.Scale{Schema: int(int64(half[0])), ZeroThreshold: math.Float64frombits(half[1])})
			b.Zero = half[2]
		}
	}
	seen := make(map[[2]uint64]bool)
	for _, r := range h.records {
		w := r.words
		if r.kind != words.NativePage || w[0]>>1 != shard || epoch == 0 || w[1] != epoch {
			continue
		}
		require.Len(t, w, 19)
		side, number := w[0]&1, w[2]
		require.False(t, seen[[2]uint64{side, number}], "a page must not be there twice")
		seen[[2]uint64{side, number}] = true
		counts := &b.Positive
		if side == 1 {
			counts = &b.Negative
		}
		for i, n := range w[3:] {
			counts.Add(int(int64(number))*16+i+1, n)
		}
	}
	return b
}

// watch has f called after each store, and each new record, until the end of the test.
// Tests that watch must not run at the same time.
func watch(t *testing.T, h *home, f func()) {
	words.Watch, h.handed = f, f
	t.Cleanup(func() { words.Watch = nil })
}

func TestMoveTo(t *testing.T) {
	var h home
	b := bucketsOf(scale{0, 0.5}, 0.5, 1, 1.5, -3, 100_000)
	want := see(b)
	require.True(t, b.MoveTo(&h, 7))
	require.Equal(t, want, see(b))
	require.Equal(t, want, see(h.read(t, 7)))
	require.Equal(t, see(new(native.Buckets)), see(h.read(t, 6)))
	require.Zero(t, b.Homeless())

	require.False(t, b.Observe(0))
	require.False(t, b.Observe(1))
	require.True(t, b.Observe(1_000_000))
	require.True(t, b.Observe(-1_000_000))
	want = seen{scale{0, 0.5}, 2, counts{0: 2, 1: 1, 17: 1, 20: 1}, counts{2: 1, 20: 1}}
	require.Equal(t, want, see(b))
	require.Equal(t, want, see(h.read(t, 7)))

	t.Run("other shards", func(t *testing.T) {
		other := bucketsOf(scale{-4, 0})
		require.True(t, other.MoveTo(&h, 8))
		require.Equal(t, seen{scale{-4, 0}, 0, counts{}, counts{}}, see(h.read(t, 8)))
		other.Observe(1)
		other.Rescale(scale{-4, 2})
		require.Equal(t, seen{scale{-4, 2}, 1, counts{}, counts{}}, see(h.read(t, 8)))
		require.Equal(t, want, see(h.read(t, 7)))
	})
	t.Run("again", func(t *testing.T) {
		var next home
		require.True(t, b.MoveTo(&next, 1))
		b.Observe(1)
		require.Equal(t, want, see(h.read(t, 7)), "what is left behind must not change")
		want.positive[0]++
		require.Equal(t, want, see(b))
		require.Equal(t, want, see(next.read(t, 1)))
	})
}

// What is merged may be in words, or get there.
func TestMergeMoved(t *testing.T) {
	for _, moved := range []struct{ b, o bool }{{true, false}, {false, true}, {true, true}} {
		var h home
		b, o := bucketsOf(scale{2, 0}, 1, 1.9, -1), bucketsOf(scale{0, 1}, 0.5, 2, 1000)
		if moved.b {
			require.True(t, b.MoveTo(&h, 0))
		}
		if moved.o {
			require.True(t, o.MoveTo(&h, 1))
		}
		before := see(o)
		b.Merge(o)
		want := seen{scale{0, 1}, 3, counts{1: 2, 10: 1}, counts{}}
		require.Equal(t, want, see(b))
		require.Equal(t, before, see(o))
		if moved.b {
			require.Equal(t, want, see(h.read(t, 0)))
		}
		if moved.o {
			require.Equal(t, before, see(h.read(t, 1)))
		}
	}
}

func TestNoPlaceForHead(t *testing.T) {
	h := home{limit: 1}
	require.True(t, native.New(scale{1, 1}).MoveTo(&h, 0))
	b := bucketsOf(scale{1, 0}, 1, 2)
	want := see(b)
	require.False(t, b.MoveTo(&h, 1))
	require.Equal(t, want, see(b))
	require.Zero(t, b.Homeless())
	require.True(t, b.Observe(1000))
	b.Rescale(scale{0, 0})
	require.Equal(t, seen{scale{0, 0}, 0, counts{0: 1, 1: 1, 10: 1}, counts{}}, see(b))
}

func TestHomeless(t *testing.T) {
	h := home{limit: 3} // the head, and two pages
	b := native.New(scale{0, 0})
	require.True(t, b.MoveTo(&h, 0))
	for i, v := range []float64{1.5, 0x1p200, 0x1p400, -1, 1.5, 0x1p400} {
		b.Observe(v)
		require.Equal(t, max(0, min(i, 3)-1), b.Homeless())
	}
	require.Equal(t, seen{scale{0, 0}, 0, counts{1: 2, 200: 1, 400: 2}, counts{0: 1}}, see(b))
	require.Equal(t, seen{scale{0, 0}, 0, counts{1: 2, 200: 1}, counts{}}, see(h.read(t, 0)))

	// The pages of this epoch cannot be used for the next.
	b.Rescale(scale{-1, 0})
	require.Equal(t, seen{scale{-1, 0}, 0, counts{1: 2, 100: 1, 200: 2}, counts{0: 1}}, see(b))
	require.Equal(t, 4, b.Homeless())
	require.Equal(t, seen{scale{-1, 0}, 0, counts{}, counts{}}, see(h.read(t, 0)))

	b.Rescale(scale{-2, 0})
	require.Equal(t, 2, b.Homeless())
	require.Equal(t, seen{scale{-2, 0}, 0, counts{1: 2, 50: 1, 100: 2}, counts{0: 1}}, see(b))
	require.Equal(t, seen{scale{-2, 0}, 0, counts{1: 2, 50: 1}, counts{}}, see(h.read(t, 0)))

	h.limit = 0
	b.Rescale(scale{-3, 0})
	require.Zero(t, b.Homeless())
	require.Equal(t, see(b), see(h.read(t, 0)))

	h.limit = 1
	b.Reset(scale{8, 0})
	require.Equal(t, see(b), see(h.read(t, 0)))
	for v := 1.0; b.Homeless() == 0; v++ {
		b.Observe(v)
	}
	b.Reset(scale{8, 0})
	require.Zero(t, b.Homeless())
}

// Whatever is done, those on the heap and those in words are the same, and whenever the
// process is killed other processes find what there was before it was done, or after.
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
	var b, heap native.Buckets
	var m *model
	both := func(f func(*native.Buckets)) {
		f(&heap) // which is not watched
		after := see(&heap)
		before := h.read(t, shard)
		changed, stores := false, 0
		watch(t, &h, func() {
			if t.Failed() {
				return
			}
			stores++
			got := see(h.read(t, shard))
			if !changed && equal(got, see(before)) {
				return
			}
			changed = true
			require.Equal(t, after, got, "store %d", stores)
		})
		f(&b)
		words.Watch, h.handed = nil, nil
		requireSame(t, m, &b)
		require.Equal(t, after, see(&b))
		require.Equal(t, after, see(h.read(t, shard)))
		require.Zero(t, b.Homeless())
	}

	s := native.Scale{Schema: max(randomSchema(r), 3), ZeroThreshold: randomThreshold(r, draw)}
	m = newModel(s)
	b.Reset(s)
	heap.Reset(s)
	for range r.IntN(2) * 30 {
		v := draw(r)
		m.observe(v)
		b.Observe(v)
		heap.Observe(v)
	}
	// The head alone counts as much as nothing.
	empty := see(native.New(s))
	watch(t, &h, func() {
		if got := see(h.read(t, shard)); !equal(got, empty) {
			require.Equal(t, see(&heap), got)
		}
	})
	require.True(t, b.MoveTo(&h, shard))
	words.Watch, h.handed = nil, nil
	require.Equal(t, see(&heap), see(h.read(t, shard)))

	for range 40 {
		switch r.IntN(12) {
		case 0:
			to := native.Scale{Schema: b.Scale().Schema + 1 - r.IntN(3), ZeroThreshold: randomThreshold(r, draw)}
			m.rescale(to)
			both(func(b *native.Buckets) { b.Rescale(to) })
		case 1:
			s := native.Scale{Schema: b.Scale().Schema + r.IntN(2), ZeroThreshold: randomThreshold(r, draw)}
			s.Schema = min(s.Schema, native.MaxSchema)
			o, om := native.New(s), newModel(s)
			for range r.IntN(10) {
				v := draw(r)
				o.Observe(v)
				om.observe(v)
			}
			if r.IntN(2) == 0 {
				require.True(t, o.MoveTo(&home{}, 0))
			}
			m.merge(om)
			both(func(b *native.Buckets) { b.Merge(o) })
		case 2:
			budget, limit := r.IntN(30), randomThreshold(r, draw)
			changed := m.fit(budget, limit)
			both(func(b *native.Buckets) { require.Equal(t, changed, b.Fit(budget, limit)) })
		case 3:
			m.merge(m.clone())
			both(func(b *native.Buckets) { b.Merge(b) })
		case 4:
			if r.IntN(3) == 0 {
				s := native.Scale{Schema: max(randomSchema(r), 0), ZeroThreshold: randomThreshold(r, draw)}
				m = newModel(s)
				both(func(b *native.Buckets) { b.Reset(s) })
			}
		default:
			for range r.IntN(6) {
				v := draw(r)
				fresh := m.observe(v)
				both(func(b *native.Buckets) { require.Equal(t, fresh, b.Observe(v)) })
			}
		}
	}
}

func equal(a, b seen) bool {
	same := func(a, b map[int]uint64) bool {
		if len(a) != len(b) {
			return false
		}
		for i, n := range a {
			if b[i] != n {
				return false
			}
		}
		return true
	}
	return a.scale == b.scale && a.zero == b.zero && same(a.positive, b.positive) && same(a.negative, b.negative)
}

// Pages of the past are used again, whichever side they were of.
func TestPagesAreUsedAgain(t *testing.T) {
	var h home
	r := rand.New(rand.NewPCG(1, 9))
	b := native.New(scale{8, 0})
	require.True(t, b.MoveTo(&h, 0))
	most := 0
	look := func() {
		inUse := 0
		for _, r := range h.records {
			if r.kind == words.NativePage && r.words[1] == h.records[0].words[1] {
				inUse++
			}
		}
		most = max(most, inUse)
	}
	for range 300 {
		for range r.IntN(50) {
			b.Observe(distributions["mixed"](r))
		}
		look()
		switch r.IntN(3) {
		case 0:
			b.Rescale(scale{b.Scale().Schema - 1, 0})
		case 1:
			b.Merge(b)
		case 2:
			if r.IntN(4) == 0 {
				b.Reset(scale{8, 0})
			}
		}
		look()
		require.LessOrEqual(t, h.pages(), 2*most)
	}
	require.Len(t, h.records, 1+h.pages())
}

func TestObserveMovedAllocatesNothing(t *testing.T) {
	var h home
	b := native.New(scale{3, 0.01})
	require.True(t, b.MoveTo(&h, 0))
	v := 0.0
	observe := func() {
		if v += 0.37; v > 3.4 {
			v = -1.4
		}
		b.Observe(v)
		b.Observe(0)
	}
	for range 1000 {
		observe()
	}
	require.Zero(t, testing.AllocsPerRun(1000, observe))
}
