// SPDX-License-Identifier: Apache-2.0

package cell_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cell"
)

// collected is an heir that adds up what it gets.
type collected struct {
	n atomic.Uint64
	f atomic.Uint64
}

func (h *collected) Add(n uint64, f float64) {
	h.n.Add(n)
	for {
		old := h.f.Load()
		if h.f.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+f)) {
			return
		}
	}
}

func (h *collected) Load() float64 { return float64(h.n.Load()) + math.Float64frombits(h.f.Load()) }

func TestTotalEnds(t *testing.T) {
	var total cell.Total
	total.Init(nil)
	total.Inc()
	total.AddWhole(5000)
	total.Add(0.5)
	require.Nil(t, total.Heir())
	var h collected
	n, f := total.End(&h)
	require.Equal(t, uint64(5001), n)
	require.Equal(t, 0.5, f)
	require.Same(t, &h, total.Heir())
	require.Zero(t, total.Load())
	for i := range 5000 {
		require.Equal(t, uint64(i), h.n.Load(), "each addition comes at once")
		total.Inc()
	}
	for i := range uint64(2000) {
		before := h.n.Load()
		total.AddWhole(i + 1)
		require.Equal(t, before+i+1, h.n.Load())
	}
	total.AddWhole(1 << 40)
	total.Add(0.25)
	require.Equal(t, 0.25, math.Float64frombits(h.f.Load()))
	require.Equal(t, float64(5000+2000*2001/2+1<<40)+0.25, total.Load())
	n, f = total.Parts()
	require.Zero(t, n)
	require.Zero(t, f)
}

// A total ends while goroutines add to it, spread or not: each addition is either in what
// it was or passed on.
func TestTotalEndsWhileAddedTo(t *testing.T) {
	for round := range 200 {
		var total cell.Total
		total.Init(nil)
		const goroutines, additions = 6, 2000
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range additions {
					switch (g + i) % 3 {
					case 0:
						total.Inc()
					case 1:
						total.AddWhole(1)
					default:
						total.Add(1)
					}
				}
			})
		}
		var h collected
		var n uint64
		var f float64
		wg.Go(func() {
			for total.Load() < float64(round*goroutines*additions/250) {
			}
			n, f = total.End(&h)
		})
		wg.Wait()
		require.Equal(t, float64(goroutines*additions), float64(n)+f+h.Load())
	}
}

// Who reads a total that ends sees all that there was, or what its heir has.
func TestTotalIsReadWhileItEnds(t *testing.T) {
	for range 500 {
		var total cell.Total
		total.Init(nil)
		total.AddWhole(7)
		var h collected
		h.n.Store(3)
		var wg sync.WaitGroup
		wg.Go(func() {
			for total.Load() == 7 {
			}
			require.Equal(t, 3.0, total.Load())
		})
		total.End(&h)
		wg.Wait()
	}
}

func TestBlockEnds(t *testing.T) {
	for _, goroutines := range []int{0, 1, 4} {
		for round := range 200 {
			const n, writes = 3, 500
			var b cell.Block
			b.Init(make([]uint64, n))
			var written, late atomic.Uint64
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for range writes {
						_, w := b.Acquire(n)
						if w == nil {
							late.Add(1)
							continue
						}
						w[1]++
						w[2] += 2
						b.Release(w)
						written.Add(1)
					}
				})
			}
			wg.Go(func() { // a reader sees all, or that it is over
				for !b.Ended() {
					var one, two uint64
					b.Read(n, func(_ int, w []uint64) { one, two = one+w[1], two+w[2] })
					require.Equal(t, 2*one, two)
				}
			})
			for written.Load() < uint64(goroutines*writes*round/300) {
			}
			var one, two uint64
			shards := 0
			b.End(n, func(_ int, w []uint64) { one, two, shards = one+w[1], two+w[2], shards+1 })
			wg.Wait()
			require.Equal(t, written.Load(), one)
			require.Equal(t, 2*one, two)
			require.Equal(t, uint64(goroutines*writes), one+late.Load())
			require.Contains(t, []int{1, 1 + cell.Stripes()}, shards)
			_, w := b.Acquire(n)
			require.Nil(t, w)
			require.False(t, b.Read(n, func(int, []uint64) {}))
		}
	}
}
