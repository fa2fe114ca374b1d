// SPDX-License-Identifier: Apache-2.0

//go:build !race

package native

import (
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestSizes(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	require.Equal(t, 2*word, unsafe.Sizeof(page{}))
	require.Equal(t, 5*word, unsafe.Sizeof(Counts{}))
	require.LessOrEqual(t, unsafe.Sizeof(Buckets{}), uintptr(120))
	require.Equal(t, uintptr(2560), unsafe.Sizeof(bounds)+unsafe.Sizeof(starts))
}

// memory returns how many bytes are linked to.
func memory(b *Buckets) (bytes uintptr) {
	for _, c := range []*Counts{&b.Positive, &b.Negative} {
		bytes += uintptr(cap(c.pages)) * unsafe.Sizeof(page{})
		for _, p := range c.pages[:cap(c.pages)] {
			if p.counts != nil {
				bytes += unsafe.Sizeof(*p.counts)
			}
		}
	}
	return bytes
}

// The package comment states what memory goes by.
func TestMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		schema int
		draw   func(r *rand.Rand) float64
		want   uintptr
	}{
		"zero":              {3, func(*rand.Rand) float64 { return 0 }, 0},
		"one value":         {3, func(*rand.Rand) float64 { return 3.7 }, 144},
		"two octaves":       {3, func(r *rand.Rand) float64 { return 4 - 3*r.Float64() }, 144},
		"latencies":         {3, func(r *rand.Rand) float64 { return 0.020 * math.Exp(r.NormFloat64()/2) }, 4 * 144},
		"latencies, finest": {8, func(r *rand.Rand) float64 { return 0.020 * math.Exp(r.NormFloat64()/2) }, 13_000},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(8, 9))
			b := New(Scale{tc.schema, 0x1p-128})
			for range 10_000 {
				b.Observe(tc.draw(r))
			}
			require.LessOrEqual(t, memory(b), tc.want)
		})
	}
	t.Run("too much to keep", func(t *testing.T) {
		b := New(Scale{8, 0})
		for i := range 10_000 {
			b.Observe(1 + float64(i))
		}
		b.Reset(Scale{8, 0})
		require.Zero(t, memory(b))
	})
}

// What happens at an observation or a scrape must not allocate once there is
// memory.
func TestAllocations(t *testing.T) {
	fill := func(b *Buckets) {
		for i := range 1000 {
			b.Observe(float64(i-300) / 200)
		}
	}
	filled := func(s Scale) *Buckets {
		b := New(s)
		fill(b)
		return b
	}
	b, finer, merged, reused := filled(Scale{3, 0.01}), filled(Scale{5, 0}), filled(Scale{3, 0.01}), New(Scale{})
	v, sum := 0.0, uint64(0)
	next := func() float64 {
		if v += 0.37; v > 3.4 {
			v = -1.4
		}
		return v
	}

	for name, f := range map[string]func(){
		"Observe":                func() { b.Observe(next()) },
		"Observe, zero":          func() { b.Observe(0) },
		"Counts.Add":             func() { b.Positive.Add(2, 3) },
		"Counts.Each":            func() { b.Positive.Each(func(_ int, n uint64) { sum += n }) },
		"Merge":                  func() { merged.Merge(b) },
		"Merge, finer":           func() { merged.Merge(finer) },
		"Rescale to the same":    func() { merged.Rescale(merged.Scale()) },
		"Reset and Observe":      func() { reused.Reset(Scale{5, 0}); fill(reused) },
		"Reset and Merge":        func() { reused.Reset(Scale{5, 0}); reused.Merge(finer) },
		"Reset, Merge, Rescale":  func() { reused.Reset(Scale{5, 0}); reused.Merge(finer); reused.Rescale(Scale{1, 0.1}) },
		"Reset, Merge, Fit":      func() { reused.Reset(Scale{5, 0}); reused.Merge(finer); reused.Fit(20, 0.1) },
		"Reset, widened, filled": func() { reused.Reset(Scale{5, 0.3}); fill(reused); reused.Fit(30, 0.5); fill(reused) },
	} {
		t.Run(name, func(t *testing.T) {
			require.Zero(t, testing.AllocsPerRun(50, f))
		})
	}
}
