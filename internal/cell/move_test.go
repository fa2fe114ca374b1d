// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// elsewhere hands out words as a file would, up to a limit.
type elsewhere struct {
	left  int
	given map[*uint64][][]uint64
}

// newElsewhere replaces who hands out words, until the test ends.
func newElsewhere(t *testing.T, left int) *elsewhere {
	e := &elsewhere{left: left, given: make(map[*uint64][][]uint64)}
	old := beside.Load()
	SetBeside(func(first *uint64, n int) []uint64 {
		if n > e.left {
			return nil
		}
		e.left -= n
		w := make([]uint64, n)
		e.given[first] = append(e.given[first], w)
		return w
	})
	t.Cleanup(func() { beside.Store(old) })
	return e
}

// total returns what a reader finds who knows only the words.
func (e *elsewhere) total(w *TotalWords) (n uint64, f float64) {
	add := func(w *TotalWords) {
		n += w.n.Load()
		f += math.Float64frombits(w.f.Load())
	}
	add(w)
	for _, words := range e.given[(*uint64)(unsafe.Pointer(w))] {
		for i := range len(words) / lineWords {
			add((*TotalWords)(unsafe.Pointer(&words[i*lineWords])))
		}
	}
	return n, f
}

func TestTotalMoves(t *testing.T) {
	for name, tc := range map[string]struct {
		spread bool
		place  int
		moves  bool
	}{
		"idle":                 {false, 1 << 20, true},
		"idle without place":   {false, 0, true},
		"spread":               {true, 1 << 20, true},
		"spread without place": {true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newElsewhere(t, tc.place)
			for range 20 {
				var total Total
				total.Init(nil)
				total.AddWhole(3)
				total.Add(0.25)
				if tc.spread {
					total.spreadOut(&total.own)
					total.AddWhole(1)
				} else {
					total.AddWhole(1)
				}
				w := new(TotalWords)
				const rounds = 2000
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for range rounds {
							total.Inc()
							total.AddWhole(2)
							total.Add(0.5)
						}
					})
				}
				require.Equal(t, tc.moves, total.Move(w))
				require.False(t, tc.moves && total.Move(new(TotalWords)), "it moved twice")
				wg.Wait()
				const whole, fraction = 4 + 4*3*rounds, 0.25 + 4*0.5*rounds
				require.Equal(t, whole+fraction, total.Load())
				if !tc.moves {
					require.Nil(t, total.Elsewhere())
					continue
				}
				require.Same(t, w, total.Elsewhere())
				total.Settle()
				require.False(t, total.late())
				n, f := e.total(w)
				require.EqualValues(t, whole, n)
				require.Equal(t, fraction, f)
				require.Equal(t, whole+fraction, total.Load())
			}
		})
	}
}

// What is added through words that a total has left is found by Settle, and passed on
// once it has ended.
func TestLateAdditions(t *testing.T) {
	e := newElsewhere(t, 1<<20)
	var total Total
	total.Init(nil)
	w := new(TotalWords)
	require.True(t, total.Move(w))
	total.own.n.Add(7)
	total.own.f.Store(math.Float64bits(0.5))
	require.Equal(t, 7.5, total.Load())
	n, _ := e.total(w)
	require.Zero(t, n)
	total.Settle()
	n, f := e.total(w)
	require.EqualValues(t, 7, n)
	require.Equal(t, 0.5, f)

	total.own.n.Add(2)
	var h counted
	whole, fraction := total.End(&h)
	require.EqualValues(t, 9, whole)
	require.Equal(t, 0.5, fraction)
	for range 3 * probeEvery {
		total.Inc()
	}
	total.own.n.Add(1)
	total.pause(&total.own)
	require.EqualValues(t, 3*probeEvery+1, h.n.Load())
	total.Settle()
	require.Equal(t, uint64(endedWhole), w.n.Load())
	require.False(t, total.Move(new(TotalWords)))
}

type counted struct{ n atomic.Uint64 }

func (h *counted) Add(n uint64, _ float64) { h.n.Add(n) }
func (h *counted) Load() float64           { return float64(h.n.Load()) }

// A total that has no place to spread stays where it is, and exact.
func TestTotalWithoutPlace(t *testing.T) {
	newElsewhere(t, 0)
	var total Total
	total.Init(nil)
	w := new(TotalWords)
	require.True(t, total.Move(w))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				total.Inc()
				total.Add(0.5)
			}
		})
	}
	wg.Wait()
	total.spreadOut(w)
	total.Inc()
	require.Equal(t, 30_001.0, total.Load())
	require.EqualValues(t, 20_001, w.n.Load())
}

func TestBlockMoves(t *testing.T) {
	const words = 4
	for name, tc := range map[string]struct {
		spread bool
		place  int
		moves  bool
	}{
		"idle":                 {false, 1 << 20, true},
		"idle without place":   {false, 0, true},
		"spread":               {true, 1 << 20, true},
		"spread without place": {true, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newElsewhere(t, tc.place)
			for range 20 {
				var b Block
				b.Init(make([]uint64, words))
				if tc.spread {
					b.spreadOut(words)
				}
				const rounds = 2000
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for range rounds {
							_, w := b.Acquire(words)
							w[1]++
							w[2]++
							w[3]++
							b.Release(w)
						}
					})
				}
				whole := make(chan bool, 1)
				go func() {
					ok := true
					for range 200 {
						b.Read(words, func(_ int, w []uint64) { ok = ok && w[1] == w[2] && w[2] == w[3] })
					}
					whole <- ok
				}()
				w := make([]uint64, words)
				shards := 0
				require.Equal(t, tc.moves, b.Move(w, func(int, []uint64) { shards++ }))
				require.False(t, tc.moves && b.Move(make([]uint64, words), nil), "it moved twice")
				wg.Wait()
				require.True(t, <-whole)
				require.False(t, b.Ended())
				var sum uint64
				b.Read(words, func(_ int, w []uint64) { sum += w[1] })
				require.EqualValues(t, 4*rounds, sum)
				if !tc.moves {
					require.Nil(t, b.Elsewhere())
					continue
				}
				require.Same(t, &w[0], b.Elsewhere())
				require.Positive(t, shards)
				sum = w[1]
				for _, g := range e.given[&w[0]] {
					for i := 0; i < len(g); i += lineWords {
						sum += g[i+1]
					}
				}
				require.EqualValues(t, 4*rounds, sum, "in the words alone")
				b.End(words, func(int, []uint64) {})
				_, none := b.Acquire(words)
				require.Nil(t, none)
			}
		})
	}
}
