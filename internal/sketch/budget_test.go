// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// memory returns how many bytes a sketch links to.
func memory(s *Sketch) uintptr {
	return uintptr(cap(s.pages))*unsafe.Sizeof(page{}) + uintptr(len(s.pages))*pageBins*4
}

func TestSizes(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	require.Equal(t, 2*word, unsafe.Sizeof(page{}))
	require.LessOrEqual(t, unsafe.Sizeof(Sketch{}), uintptr(56))
}

// The package comment states what memory goes by, and the most that it can be.
func TestMemory(t *testing.T) {
	t.Run("one value", func(t *testing.T) {
		var s Sketch
		for range 1000 {
			s.Add(3.7)
		}
		require.LessOrEqual(t, memory(&s), uintptr(80))
	})
	t.Run("one power of two", func(t *testing.T) {
		var s Sketch
		for i := range 1000 {
			s.Add(1 + float64(i)/1000)
		}
		// Bins are numbered from 1, so the first one may lie on a page before.
		require.LessOrEqual(t, memory(&s), uintptr(8*16+5*64))
	})
	t.Run("latencies", func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		var s Sketch
		for range 100_000 {
			s.Add(0.020 * math.Exp(r.NormFloat64()/2))
		}
		require.LessOrEqual(t, memory(&s), uintptr(2304))
	})
	t.Run("far apart", func(t *testing.T) {
		var s Sketch
		for _, v := range []float64{0, -1, 1, math.Inf(1), math.Inf(-1), 5e-324, math.MaxFloat64} {
			s.Add(v)
		}
		require.LessOrEqual(t, memory(&s), uintptr(7*80+8*16))
	})
	t.Run("every magnitude", func(t *testing.T) {
		var s Sketch
		s.Add(math.Inf(1))
		s.Add(math.Inf(-1))
		for u := uint64(0); u <= math.Float64bits(math.Inf(1)); u += 1 << binShift {
			s.Add(math.Float64frombits(u))
			s.Add(-math.Float64frombits(u))
		}
		for u := range uint64(1 << 8) {
			s.Add(math.Float64frombits(u))
			s.Add(-math.Float64frombits(u))
		}
		for b := -bin(math.Inf(1)); b <= bin(math.Inf(1)); b++ {
			s.Add(middle(b))
		}
		pages := len(s.pages)
		require.Equal(t, bin(math.Inf(1))>>4, -s.pages[0].number-1)
		// The few pages that are missing lie between the least subnormals.
		require.InDelta(t, 2*(bin(math.Inf(1))>>4)+2, pages, 30)
		require.LessOrEqual(t, float64(memory(&s)), 1.5*(1<<20))

		s.Clear()
		require.Zero(t, memory(&s), "that much must not be kept")
	})
}

// Adding within the range of what was added before must not allocate, nor must
// merging, asking and clearing.
func TestAllocations(t *testing.T) {
	var s, merged Sketch
	w := NewWindow(5)
	for p := range uint64(5) {
		for i := range 1000 {
			v := float64(i+1) / 200
			s.Add(v)
			w.Add(p, v)
		}
	}
	merged.Merge(&s)
	qs, out := []float64{0.5, 0.9, 0.99}, make([]float64, 3)
	v := 0.0
	next := func() float64 {
		if v += 0.37; v > 4.9 {
			v = 0.3
		}
		return v
	}

	for name, f := range map[string]func(){
		"Sketch.Add":       func() { s.Add(next()) },
		"Sketch.Merge":     func() { merged.Merge(&s) },
		"Sketch.Quantiles": func() { s.Quantiles(qs, out) },
		"clear and merge":  func() { merged.Clear(); merged.Merge(&s) },
		"Window.Add":       func() { w.Add(4, next()) },
		"Window.MergeInto": func() { w.MergeInto(&merged, 4) },
	} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(200, f))
		})
	}
}
