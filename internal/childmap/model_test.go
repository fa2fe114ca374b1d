// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// item stands for an instrument. Its init checks that it runs once for each.
type item struct {
	ready bool
	n     int
}

func initItem(i *item) {
	if i.ready {
		panic("an item was made ready twice")
	}
	i.ready = true
}

func newMap(names ...string) *Map { return New(NewSyntax(names), initItem) }

// model is what a Map should be: children by their values, told apart by
// length so that no value can pass for two.
type model struct {
	children map[string]*Child
	values   map[string][]string
	marked   map[string]bool
}

func modelKey(values []string) string {
	var b strings.Builder
	for _, v := range valid(values) {
		fmt.Fprintf(&b, "%d:%s", len(v), v)
	}
	return b.String()
}

func TestMapAgainstModel(t *testing.T) {
	for name, tc := range map[string]struct {
		names []string
		steps int
		reuse int // of so many random values
	}{
		"no labels":   {nil, 200, 1},
		"few values":  {[]string{"a", "b"}, 6000, 20},
		"many values": {[]string{"a", "b"}, 6000, 1500},
		"one label":   {[]string{"name"}, 6000, 400},
		"four labels": {[]string{"a", "b", "c", "d"}, 4000, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(tc.steps)))
			pool := make([][]string, tc.reuse)
			for i := range pool {
				pool[i] = nastyValues(r, len(tc.names))
			}
			runModel(t, newMap(tc.names...), tc.names, tc.steps, r, pool)
		})
	}
}

func runModel(t *testing.T, m *Map, names []string, steps int, r *rand.Rand, pool [][]string) {
	o := &model{make(map[string]*Child), make(map[string][]string), make(map[string]bool)}
	forget := func(k string) { delete(o.children, k); delete(o.values, k); delete(o.marked, k) }
	for step := range steps {
		values := pool[r.IntN(len(pool))]
		before := slices.Clone(values)
		k := modelKey(values)
		old := o.children[k]
		switch op := r.IntN(100); {
		case op < 45:
			c := m.GetOrCreate(values)
			require.True(t, Item[item](c).ready)
			if old != nil {
				require.Same(t, old, c, "%q", values)
				break
			}
			require.Zero(t, Item[item](c).n, "a child of earlier values came back")
			require.False(t, c.Marked())
			require.Equal(t, spell(names, valid(values)), c.Text())
			Item[item](c).n = step + 1
			o.children[k], o.values[k] = c, valid(values)
		case op < 65:
			require.Same(t, old, m.Get(values), "%q", values)
		case op < 80:
			if old == nil {
				break
			}
			require.True(t, m.Delete(old))
			require.False(t, m.Delete(old), "deleted twice")
			require.Nil(t, m.Get(values))
			forget(k)
		case op < 90:
			if old != nil {
				on := r.IntN(2) == 0
				old.Mark(on)
				o.marked[k] = on
			}
		case op < 92:
			deleteWhere(t, m, o, r)
		case op < 95:
			requireWalk(t, m, o)
		}
		require.Equal(t, before, values, "the caller's values were changed")
		require.Equal(t, len(o.children), m.Len())
	}
	requireWalk(t, m, o)
	requireSound(t, m)
	require.Equal(t, len(o.children), deleteFunc(m, func([]string) bool { return true }))
	require.Nil(t, first(m))
	require.Zero(t, m.Len())
}

// deleteWhere deletes what has a random byte in its first value, from both.
func deleteWhere(t *testing.T, m *Map, o *model, r *rand.Rand) {
	needle := nasty[r.IntN(len(nasty))]
	match := func(values []string) bool {
		return needle != "" && len(values) > 0 && strings.HasPrefix(values[0], needle)
	}
	want := 0
	for k, values := range maps.Clone(o.values) {
		if match(values) {
			want++
			delete(o.children, k)
			delete(o.values, k)
			delete(o.marked, k)
		}
	}
	require.Equal(t, want, deleteFunc(m, match), "deleting what begins with %q", needle)
}

// requireWalk checks that a walk meets just the children of the model, in order.
func requireWalk(t *testing.T, m *Map, o *model) {
	t.Helper()
	want := slices.SortedFunc(maps.Keys(o.children), func(a, b string) int {
		return strings.Compare(o.children[a].Text(), o.children[b].Text())
	})
	i := 0
	for c := range all(m) {
		if i == len(want) || o.children[want[i]] != c || o.marked[want[i]] != c.Marked() ||
			!slices.Equal(o.values[want[i]], m.Values(c)) {
			t.Fatalf("the walk meets %q as child %d of %d", c.Text(), i, len(want))
		}
		i++
	}
	require.Equal(t, len(want), i, "walk ended early")
}

func TestMarkKeepsOtherState(t *testing.T) {
	m := newMap("a")
	c := m.GetOrCreate([]string{`"`})
	c.Mark(true)
	require.True(t, c.Marked())
	require.Same(t, c, m.Get([]string{`"`}), "marking hid that the text is escaped")
	require.True(t, m.Delete(c))
	c.Mark(false)
	require.False(t, c.Marked())
	require.False(t, m.Delete(c), "unmarking brought it back")
	require.Nil(t, first(m))
}

func TestInvalidValuesShareOneChild(t *testing.T) {
	m := newMap("a", "b")
	c := m.GetOrCreate([]string{"\xff", "x\xc3y"})
	require.Equal(t, "a=\"\uFFFD\",b=\"x\uFFFDy\"", c.Text())
	for name, values := range map[string][]string{
		"the same":      {"\xff", "x\xc3y"},
		"other bytes":   {"\xfe", "x\xffy"},
		"runs of bytes": {"\xfe\xff\xff", "x\xff\xc3y"},
		"as written":    {"\uFFFD", "x\uFFFDy"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Same(t, c, m.Get(values))
			require.Same(t, c, m.GetOrCreate(values))
			require.Equal(t, 1, m.Len())
		})
	}
	require.Nil(t, m.Get([]string{"\xff", "y"}))
}

// A deleted child stays usable, and its values lead to a new one.
func TestDeletedChildStaysUsable(t *testing.T) {
	m := newMap("a")
	old := m.GetOrCreate([]string{"x"})
	Item[item](old).n = 1
	require.True(t, m.Delete(old))
	fresh := m.GetOrCreate([]string{"x"})
	require.NotSame(t, old, fresh)
	require.Zero(t, Item[item](fresh).n)
	Item[item](old).n++
	require.Equal(t, 2, Item[item](old).n)
	require.Equal(t, `a="x"`, old.Text())
	require.False(t, m.Delete(old), "that would delete its successor")
	require.Same(t, fresh, first(m))
}

func TestSyntaxIsAsGiven(t *testing.T) {
	s := NewSyntax([]string{"a"})
	require.Same(t, s, New(s, initItem).Syntax())
}
