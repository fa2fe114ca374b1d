// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/childmap"
)

// forgetting adds up what a vector forgets: what series had that were deleted, or idle.
type forgetting struct {
	items
	n atomic.Uint64
}

func (f *forgetting) end(c *childmap.Child, h *heir, t *taken, forget func(uint64) bool) bool {
	kept := f.items.end(c, h, t, forget)
	if !kept {
		f.n.Add(t.whole + uint64(t.fraction) + t.count)
	}
	return kept
}

// Goroutines do anything with a vector at once. Each update is in what it has in the end,
// or in what was deleted or had been idle.
func TestNothingIsLostNorDoubled(t *testing.T) {
	for name, tc := range map[string]struct {
		vector func(after time.Duration) (v *view, with func(label string) func())
		count  func(v *view) (n uint64)
	}{
		"counter": {func(after time.Duration) (*view, func(string) func()) {
			v := NewCounterVec(CounterOpts{Name: "x_total", IdleAfter: after}, "a", "b")
			return &v.view, func(label string) func() { return v.With(label, "").Inc }
		}, func(v *view) (n uint64) {
			v.each(func(_ []string, c *childmap.Child) bool {
				n += uint64(childmap.Item[Counter](c).Value())
				return true
			})
			return n
		}},
		"counter of fractions": {func(after time.Duration) (*view, func(string) func()) {
			v := NewCounterVec(CounterOpts{Name: "x_total", IdleAfter: after}, "a", "b")
			// One, summed as fractions are, so that the sum is exact.
			return &v.view, func(label string) func() { c := v.With(label, ""); return func() { c.total.Add(1) } }
		}, func(v *view) (n uint64) {
			v.each(func(_ []string, c *childmap.Child) bool {
				n += uint64(childmap.Item[Counter](c).Value())
				return true
			})
			return n
		}},
		"histogram": {func(after time.Duration) (*view, func(string) func()) {
			v := NewHistogramVec(HistogramOpts{Name: "x", IdleAfter: after, Buckets: []float64{1}, Native: &NativeOpts{}}, "a", "b")
			return &v.view, func(label string) func() { h := v.With(label, ""); return func() { h.Observe(1) } }
		}, func(v *view) (n uint64) {
			v.each(func(_ []string, c *childmap.Child) bool {
				n += childmap.Item[Histogram](c).Count()
				return true
			})
			return n
		}},
		"summary": {func(after time.Duration) (*view, func(string) func()) {
			v := NewSummaryVec(SummaryOpts{Name: "x", IdleAfter: after}, "a", "b")
			return &v.view, func(label string) func() { s := v.With(label, ""); return func() { s.Observe(1) } }
		}, func(v *view) (n uint64) {
			v.each(func(_ []string, c *childmap.Child) bool {
				n += childmap.Item[Summary](c).Count()
				return true
			})
			return n
		}},
	} {
		for _, after := range []time.Duration{0, 1} {
			t.Run(fmt.Sprint(name, ", idle after ", after), func(t *testing.T) {
				t.Parallel()
				v, with := tc.vector(after)
				f := &forgetting{items: v.items}
				v.items = f
				curried, err := v.curry(Labels{"b": ""})
				require.NoError(t, err)
				reg := NewRegistry()
				reg.MustRegister(v)
				const goroutines, steps = 6, 4000
				var updates atomic.Uint64
				var wg sync.WaitGroup
				for g := range goroutines {
					wg.Go(func() {
						r := rand.New(rand.NewPCG(rand.Uint64(), uint64(g)))
						held := make(map[string]func())
						for range steps {
							label := fmt.Sprint(r.IntN(4))
							switch r.IntN(100) {
							case 0, 1:
								v.Delete(label, "")
							case 2:
								v.Reset()
							case 3:
								curried.DeleteMatching(Labels{"a": label})
							case 4, 5:
								_ = WriteText(io.Discard, reg)
							case 6:
								delete(held, label)
							default:
								if held[label] == nil || r.IntN(4) == 0 {
									held[label] = with(label)
								}
								held[label]()
								updates.Add(1)
							}
						}
					})
				}
				wg.Wait()
				require.Equal(t, updates.Load(), tc.count(v)+f.n.Load())
				require.Positive(t, f.n.Load())
			})
		}
	}
}
