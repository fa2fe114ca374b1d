// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Memory that a caller reuses for other values must lead to the other child.
func TestFrontComparesWhatItFinds(t *testing.T) {
	m := newMap("a", "b")
	buf := make([]byte, 8)
	value := unsafe.String(&buf[0], len(buf)) // what a caller should not do, and some do
	for round := range 3 {
		for i := range 200 {
			copy(buf, fmt.Sprintf("%08d", i))
			c := m.GetOrCreate([]string{value, "x"})
			require.Equal(t, fmt.Sprintf(`a="%08d",b="x"`, i), c.Text(), "round %d", round)
			require.Same(t, c, m.Get([]string{value, "x"}))
		}
	}
	require.Equal(t, 200, m.Len())
}

// The same address with another length, or as another label, is another child.
func TestFrontTellsPartsOfOneString(t *testing.T) {
	m := newMap("a", "b")
	const s = "aaaaaaaaaaaaaaaa"
	for range 3 {
		for i := range len(s) {
			for j := range len(s) {
				c := m.GetOrCreate([]string{s[:i], s[:j]})
				require.Equal(t, fmt.Sprintf(`a=%q,b=%q`, s[:i], s[:j]), c.Text())
			}
		}
	}
	require.Equal(t, len(s)*len(s), m.Len())
}

func TestFrontForgetsDeleted(t *testing.T) {
	m := newMap("a")
	values := []string{"x"}
	for range 5 {
		old := m.GetOrCreate(values)
		require.Same(t, old, m.GetOrCreate(values))
		require.Same(t, old, m.GetOrCreate(values))
		require.True(t, m.Delete(old))
		require.Nil(t, m.Get(values))
		require.NotSame(t, old, m.GetOrCreate(values))
	}
}

// A map whose children are only created pays nothing for the front.
func TestFrontIsMadeWhenNeeded(t *testing.T) {
	m := newMap("a")
	for i := range 100 {
		m.GetOrCreate([]string{fmt.Sprint(i)})
	}
	require.Nil(t, m.front.Load())
	m.GetOrCreate([]string{"1"})
	require.NotNil(t, m.front.Load())
	require.LessOrEqual(t, unsafe.Sizeof(*m.front.Load()), uintptr(1024))
}

// by returns the child of values as who has a hint for them finds it.
func by(m *Map, h Hint, values []string) *Child {
	c := m.Recall(h)
	if c != nil && m.Is(c, values) {
		return c
	}
	return m.GetOrCreateBy(h, values, c != nil)
}

// A hint only says where to look first: it may be that of other values.
func TestFrontTakesHints(t *testing.T) {
	m := newMap("a", "b")
	for range 200 {
		for i := range 100 {
			values := []string{fmt.Sprint(i), "x"}
			c := by(m, Hint(0).From(uint64(i)/10).At("x"), values)
			require.Equal(t, fmt.Sprintf(`a="%d",b="x"`, i), c.Text())
			require.Same(t, c, m.GetOrCreate(values))
		}
	}
	require.Equal(t, 100, m.Len())
	x, y := "x", "y"
	require.Equal(t, addresses([]string{x, y}), Hint(0).At(x).At(y).hash())
}

func TestFrontConcurrently(t *testing.T) {
	m := newMap("a")
	values := make([]string, 300)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20_000 {
				v := values[(i*(g+1))%len(values)]
				if c := m.GetOrCreate([]string{v}); c.Text() != `a="`+v+`"` {
					t.Errorf("%q leads to %s", v, c.Text())
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, len(values), m.Len())
}
