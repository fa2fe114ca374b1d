// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The labels of a child cost it little beside the labels' text.
func TestSizes(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	require.Equal(t, word+8, unsafe.Sizeof(Child{}), "text, size and state")
	require.Equal(t, 4*word, unsafe.Sizeof(chunk{}), "children and next")
	require.Equal(t, uintptr(16), unsafe.Sizeof(slot{}))
}

// Finding children and walking an unchanged map must not allocate.
func TestAllocations(t *testing.T) {
	m := newMap("a", "b")
	for i := range 3000 {
		m.GetOrCreate([]string{"x", fmt.Sprint(i)})
		m.GetOrCreate([]string{"line\n", fmt.Sprint(i)})
	}
	m.GetOrCreate([]string{"\xff", "y"})
	c := first(m)
	x, y, id := "x", "line\n", "1234"

	for name, f := range map[string]func() bool{
		"Get":                   func() bool { return m.Get([]string{x, id}) != nil },
		"Get, escaped":          func() bool { return m.Get([]string{y, id}) != nil },
		"Get, missing":          func() bool { return m.Get([]string{id, id}) == nil },
		"Get, missing, escaped": func() bool { return m.Get([]string{id, y}) == nil },
		"Get, long":             func() bool { return m.Get([]string{long, long}) == nil },
		"GetOrCreate":           func() bool { return m.GetOrCreate([]string{x, id}) != nil },
		"GetOrCreate, escaped":  func() bool { return m.GetOrCreate([]string{y, id}) != nil },
		"Walk": func() bool {
			w := m.Walk()
			return w.Next() == c && w.Next() != nil
		},
		"Len, Text, Mark and so on": func() bool { c.Mark(c.Marked()); return m.Len() > 0 && c.Text() != "" && !c.Deleted() },
	} {
		t.Run(name, func(t *testing.T) {
			ok := true
			require.Zero(t, testing.AllocsPerRun(200, func() { ok = ok && f() }))
			require.True(t, ok)
		})
	}
}

// Putting new children in order, which happens at a scrape, takes a directory, a pile, and
// the chunks that change, two allocations each. New children bring theirs, and sorting
// takes one or two more.
func TestOrderingAllocatesLittle(t *testing.T) {
	for name, tc := range map[string]struct {
		ordered, pending, removed int
		most                      float64
	}{
		"all new":         {0, 1000, 0, 2 + 2*2},
		"one new":         {1000, 1, 0, 2 + 2*2},
		"some new":        {1000, 50, 0, 2 + 2*20},
		"some gone":       {1000, 0, 50, 2 + 2*16},
		"new and gone":    {500, 500, 500, 2 + 2*10},
		"gone while new":  {0, 100, 100, 2 + 2*2},
		"nothing changed": {100, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 5
			var maps [runs + 1]*Map // one run comes first to warm up
			for i := range maps {
				maps[i] = newMap("id")
				for j := range tc.ordered + tc.pending {
					if j == tc.ordered {
						first(maps[i])
					}
					maps[i].GetOrCreate([]string{fmt.Sprint(j * 7919 % 10007)})
				}
				if tc.pending == 0 {
					first(maps[i])
				}
				for j := range tc.removed {
					maps[i].delete(maps[i].Get([]string{fmt.Sprint(j * 7919 % 10007)}))
				}
			}
			i := 0
			require.LessOrEqual(t, testing.AllocsPerRun(runs, func() {
				first(maps[i])
				i++
			}), tc.most)
			require.Equal(t, tc.ordered+tc.pending-tc.removed, remembered(maps[runs]))
		})
	}
}

// The first walk after many creations sorts them where they are.
func TestSortingNeedsNoMemory(t *testing.T) {
	const n = 50_000
	for name, ordered := range map[string]int{"first": 0, "later": 100} {
		t.Run(name, func(t *testing.T) {
			m := newMap("id")
			for i := range n {
				if i == ordered {
					first(m)
				}
				m.GetOrCreate([]string{fmt.Sprint(i * 7919 % n)})
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			first(m)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<10), "%d children have as many words", n)
			require.Equal(t, n, remembered(m))
		})
	}
}

// Creating a child costs its memory, its text and now and then a segment or a chunk.
func TestCreatingAllocatesLittle(t *testing.T) {
	m := newMap("id")
	values, i := []string{""}, 0
	ids := make([]string, 20_000)
	for j := range ids {
		ids[j] = fmt.Sprint(j)
	}
	require.LessOrEqual(t, testing.AllocsPerRun(len(ids)-1, func() {
		values[0] = ids[i]
		m.GetOrCreate(values)
		i++
	}), 2.0)
}
