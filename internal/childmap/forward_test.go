// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// forwarded returns a map of these labels that forwards to one with some of them.
func forwarded(names []string, keep ...int) (from, to *Map) {
	from = newMap(names...)
	var kept []string
	for _, k := range keep {
		kept = append(kept, "new_"+names[k])
	}
	to = from.Like(NewSyntax(kept))
	from.Forward(to, keep)
	return from, to
}

// Whatever is asked of a map that forwards, the other one answers, with values of all
// labels.
func TestForward(t *testing.T) {
	for name, keep := range map[string][]int{"all": {0, 1, 2}, "some": {0, 2}, "turned": {2, 1}, "none": {}} {
		t.Run(name, func(t *testing.T) {
			from, to := forwarded([]string{"a", "b", "c"}, keep...)
			r := rand.New(rand.NewPCG(1, 2))
			want := make(map[string]*Child)
			for range 3000 {
				values := []string{fmt.Sprint(r.IntN(5)), []string{"x", "\n", "\xff", "", "y"}[r.IntN(5)], strings.Repeat("z", r.IntN(4))}
				var kept []string
				all := make([]string, 3)
				for _, k := range keep {
					kept = append(kept, Valid(values[k]))
					all[k] = Valid(values[k])
				}
				key := fmt.Sprintf("%q", kept)
				known := want[key]
				require.Same(t, known, from.Get(values))
				if r.IntN(10) == 0 {
					if known != nil {
						require.True(t, from.Delete(known))
						require.False(t, from.Delete(known))
						delete(want, key)
					}
					continue
				}
				c := from.GetOrCreate(values)
				if known != nil {
					require.Same(t, known, c)
				}
				want[key] = c
				require.Same(t, c, by(from, Hint(r.Uint64()), values))
				require.Same(t, c, to.Get(kept))
				require.Equal(t, all, from.Values(c))
				require.Equal(t, append([]string{}, kept...), append([]string{}, to.Values(c)...))
				require.Equal(t, len(want), from.Len())
				require.Equal(t, len(want), to.Len())
			}
			w := from.Walk()
			var met []string
			for c := w.Next(); c != nil; c = w.Next() {
				met = append(met, c.Text())
			}
			require.Len(t, met, len(want))
			require.True(t, slices.IsSorted(met))
			require.Same(t, to, from.Target())
			require.Same(t, to, to.Target())
			for i := range 3 {
				require.Equal(t, !slices.Contains(keep, i), from.Drops(i))
				require.False(t, to.Drops(i))
			}
		})
	}
}

// Limits of a map that forwards are the other one's. What it counted before stays.
func TestForwardWithLimits(t *testing.T) {
	from := newMap("a", "b")
	var said []string
	from.SetPolicy(Policy{
		Labels:     []LabelPolicy{{MaxValues: 1}, {Normalize: strings.ToUpper, MaxValues: 1}},
		Overflowed: func(label int, _ []string) { said = append(said, fmt.Sprint("from ", label)) },
	})
	from.Limit(1)
	for _, v := range []string{"1", "2", "2"} {
		from.GetOrCreate([]string{v, "x"})
	}
	to := from.Like(NewSyntax([]string{"b"}))
	to.SetPolicy(Policy{
		Labels:     []LabelPolicy{{Normalize: strings.ToLower, MaxValues: 2}},
		Overflowed: func(label int, _ []string) { said = append(said, fmt.Sprint("to ", label)) },
	})
	w := from.Forward(to, []int{1})
	n := 0
	for c := w.Next(); c != nil; c = w.Next() {
		require.Len(t, from.Values(c), 2)
		require.True(t, from.Delete(c))
		n++
	}
	require.Equal(t, 2, n)
	require.Zero(t, from.Len())

	from.Limit(2)
	require.Equal(t, 2, to.MaxChildren())
	require.Equal(t, 2, from.MaxChildren())
	require.Equal(t, "x", from.Normal(1, "X"))
	require.Equal(t, "X", from.Normal(0, "X"))
	for _, v := range []string{"X", "y", "Z", "w"} {
		from.GetOrCreate([]string{"1", v})
	}
	require.Equal(t, 3, from.Len())
	series, labels := from.Overflows()
	require.Equal(t, 3.0, series, "one of them before")
	require.Equal(t, []float64{2, 2}, labels, "the first label's before, and the second's after")
	require.Equal(t, []string{"from 0", "from -1", "to 0", "to -1"}, said)
}

// What comes while a map begins to forward ends up in one of both, and then in the other.
func TestForwardAtAnyTime(t *testing.T) {
	const goroutines, values = 4, 300
	for _, policy := range []Policy{{}, {Labels: []LabelPolicy{{}, {Normalize: strings.ToLower, MaxValues: 1}}}} {
		from := newMap("a", "b")
		from.SetPolicy(policy)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range values {
					from.GetOrCreate([]string{fmt.Sprint(i), fmt.Sprint(g)})
				}
			})
		}
		to := from.Like(NewSyntax([]string{"a"}))
		w := from.Forward(to, []int{0})
		for c := w.Next(); c != nil; c = w.Next() {
			all := from.Values(c)
			require.True(t, from.Delete(c))
			require.NotSame(t, c, from.GetOrCreate(all))
		}
		wg.Wait()
		require.Zero(t, from.count.Load())
		require.Equal(t, values, to.Len())
	}
}

// Values that were built for the call stay on the stack.
func TestForwardingDoesNotAllocate(t *testing.T) {
	from, _ := forwarded([]string{"a", "b", "c"}, 0, 2)
	from.GetOrCreate([]string{"GET", "/", "200"})
	b := []byte("/users/1234567890")
	for name, f := range map[string]func() bool{
		"constants":    func() bool { return from.GetOrCreate([]string{"GET", "/", "200"}) != nil },
		"built":        func() bool { return from.GetOrCreate([]string{"GET", string(b), "200"}) != nil },
		"built, kept":  func() bool { return from.GetOrCreate([]string{string(b), "/", string(b[7:])}) != nil },
		"escaped":      func() bool { return from.GetOrCreate([]string{"\n", "\n", "\n"}) != nil },
		"Get":          func() bool { return from.Get([]string{"GET", string(b), "200"}) != nil },
		"Get, missing": func() bool { return from.Get([]string{string(b[1:]), "", ""}) == nil },
	} {
		t.Run(name, func(t *testing.T) {
			ok := f()
			require.Zero(t, testing.AllocsPerRun(200, func() { ok = ok && f() }))
			require.True(t, ok)
		})
	}
}
