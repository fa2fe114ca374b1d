// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"math/bits"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireSound checks everything that holds for a table while nobody writes it.
func requireSound(t *testing.T, m *Map) {
	t.Helper()
	d := m.table.Load()
	require.Equal(t, 1<<d.depth, len(d.dir))
	live := 0
	for i := 0; i < len(d.dir); {
		seg := d.dir[i].Load()
		require.LessOrEqual(t, seg.depth, d.depth)
		require.LessOrEqual(t, len(seg.slots), maxSlots)
		require.Equal(t, 1, bits.OnesCount(uint(len(seg.slots))))

		// A segment has one run of entries, as long as its depth says.
		entries := 1 << (d.depth - seg.depth)
		require.Zero(t, i%entries)
		for range entries {
			if d.dir[i].Load() != seg {
				t.Fatalf("entry %d of %d has another segment than its neighbour", i, len(d.dir))
			}
			i++
		}
		live += requireSoundSegment(t, m, seg, uint64(i/entries-1))
	}
	require.Equal(t, m.Len(), live)
	requireSoundOrder(t, m.order)
}

func requireSoundSegment(t *testing.T, m *Map, seg *segment, prefix uint64) int {
	t.Helper()
	used, live := 0, 0
	for i := range seg.slots {
		h, c := seg.slots[i].hash.Load(), seg.slots[i].child.Load()
		if h == 0 {
			continue
		}
		used++
		if c == nil {
			continue
		}
		live++
		values := m.Values(c)
		if h>>(64-seg.depth) != prefix || h != hash(values) || c.Deleted() || m.Get(values) != c {
			t.Fatalf("%s is in the wrong place", c.Text())
		}
	}
	require.Equal(t, used, seg.used)
	require.Equal(t, live, seg.live)
	require.LessOrEqual(t, used*4, len(seg.slots)*3, "no room left for lookups to end")
	return live
}

// With a million children too, an insertion must copy no more than one segment,
// and now and then a directory that is small beside the children.
func TestMillionChildren(t *testing.T) {
	n := 1_000_000
	if raceEnabled {
		n /= 20
	}
	m := New(NewSyntax([]string{"kind", "id"}), func(*struct{}) {})
	values := []string{"k", ""}
	rebuilt, last := 0, m.table.Load()
	for i := range n {
		values[1] = fmt.Sprintf("%08d", i)
		c := m.GetOrCreate(values)
		if c.Text() == "" {
			t.Fatal("no text")
		}
		if d := m.table.Load(); d != last {
			rebuilt++
			require.Equal(t, last.depth+1, d.depth)
			last = d
		}
	}
	require.Equal(t, n, m.Len())
	requireSound(t, m)

	segments := make(map[*segment]bool)
	for i := range last.dir {
		segments[last.dir[i].Load()] = true
	}
	// Splitting leaves segments at least about three eighths full.
	require.Less(t, len(segments), n/(maxSlots/4))
	require.LessOrEqual(t, rebuilt, 20)
	require.Less(t, len(last.dir), n/10, "the directory is large beside the children")

	walked, before := 0, ""
	for c := range all(m) {
		if c.Text() <= before {
			t.Fatalf("%s comes after %s", c.Text(), before)
		}
		before = c.Text()
		walked++
	}
	require.Equal(t, n, walked)
}

// Hashes that agree in their top bits force one split after the other.
func TestTableSplitsUntilHashesDiffer(t *testing.T) {
	s := NewSyntax([]string{"a"})
	d := newTable()
	hashOf := func(i int) uint64 { return uint64(i)<<40 | uint64(i+1) } // 13 bits alike
	children := make([]*Child, 2000)
	for i := range children {
		text, _ := rendered(s, []string{fmt.Sprint(i)})
		children[i] = new(Child)
		children[i].setText([]byte(text))
		d = d.insert(hashOf(i), children[i])
	}
	require.Greater(t, d.depth, uint(13))
	require.Less(t, d.depth, uint(17))
	for i, c := range children {
		require.Same(t, c, d.find(hashOf(i), []string{fmt.Sprint(i)}, s))
	}
	for i, c := range children {
		d.remove(hashOf(i), c)
		require.Nil(t, d.find(hashOf(i), []string{fmt.Sprint(i)}, s))
	}
}

// Hashes that are the same must not be taken for the same values.
func TestTableTellsCollisionsApart(t *testing.T) {
	s := NewSyntax([]string{"a"})
	d := newTable()
	children := make([]*Child, 100)
	for i := range children {
		text, _ := rendered(s, []string{fmt.Sprint(i)})
		children[i] = new(Child)
		children[i].setText([]byte(text))
		d = d.insert(42, children[i])
	}
	for i, c := range children {
		require.Same(t, c, d.find(42, []string{fmt.Sprint(i)}, s))
	}
	d.remove(42, children[50])
	require.Nil(t, d.find(42, []string{"50"}, s))
	require.Same(t, children[51], d.find(42, []string{"51"}, s))
}

// Creating and deleting for ever must not grow anything, whether somebody walks
// the children now and then or nobody ever does.
func TestChurnDoesNotGrow(t *testing.T) {
	steps := 300_000
	if raceEnabled {
		steps /= 20
	}
	for name, tc := range map[string]struct {
		alive int // children at a time
		walk  int // each so many steps; 0: never
	}{
		"one at a time, walked":  {1, 1000},
		"one at a time":          {1, 0},
		"a few, walked":          {100, 1000},
		"a few":                  {100, 0},
		"many, walked":           {2000, 5000},
		"many":                   {2000, 0},
		"one, walked every time": {1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMap("id")
			kept := m.GetOrCreate([]string{"kept"})
			ring := make([]*Child, tc.alive)
			values := []string{""}
			most := 0
			for i := range steps {
				if c := ring[i%tc.alive]; c != nil && !m.Delete(c) {
					t.Fatalf("%s is gone already", c.Text())
				}
				values[0] = strconv.Itoa(i)
				ring[i%tc.alive] = m.GetOrCreate(values)
				if tc.walk > 0 && i%tc.walk == 0 {
					first(m)
				}
				if i%1000 == 0 {
					most = max(most, remembered(m))
				}
			}
			require.Equal(t, tc.alive+1, m.Len())
			requireSound(t, m)
			slots := 0
			d := m.table.Load()
			for i := range d.dir {
				seg := d.dir[i].Load()
				slots += len(seg.slots) >> (d.depth - seg.depth)
			}
			require.LessOrEqual(t, slots, 8*max(minSlots, tc.alive), "the table has grown")
			require.LessOrEqual(t, most, 2*(tc.alive+1)+dropAfter+1, "deleted children are remembered")
			require.Same(t, kept, m.Get([]string{"kept"}))

			first(m)
			require.Equal(t, tc.alive+1, remembered(m), "deleted children are still in order")
			require.Zero(t, m.removed.Load())
		})
	}
}

// remembered returns how many children the map has in order or pending, deleted or not.
func remembered(m *Map) int {
	n := 0
	for _, c := range m.order {
		n += len(c.children)
	}
	for c := m.pending.head; c != nil; c = c.next {
		n += len(c.children)
	}
	return n
}
