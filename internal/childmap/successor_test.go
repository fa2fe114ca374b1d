// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSuccessor(t *testing.T) {
	m := New(NewSyntax([]string{"a", "b"}), func(*int) {})
	prepared := 0
	m.SetPolicy(Policy{
		Labels:   []LabelPolicy{{MaxValues: 2}, {Normalize: func(string) string { return "normal" }}},
		Overflow: func(*Child) { prepared++ },
	})
	m.Limit(3)
	c := m.GetOrCreate([]string{"x\n", "y"})
	require.Equal(t, []string{"x\n", "normal"}, m.Values(c))
	require.True(t, m.Delete(c))
	require.Nil(t, m.Successor(c, false))
	s := m.Successor(c, true)
	require.NotSame(t, c, s)
	require.Equal(t, c.Text(), s.Text())
	require.Same(t, s, m.Successor(c, false))
	require.Same(t, s, m.GetOrCreate([]string{"x\n", "z"}))

	// What stands for others has a successor that does so too, and one whose place was
	// taken has what stands for it.
	m.GetOrCreate([]string{"1", ""})
	other := m.GetOrCreate([]string{"2", ""})
	require.True(t, other.ForOthers())
	require.Equal(t, 1, prepared)
	require.True(t, m.Delete(other))
	again := m.Successor(other, true)
	require.True(t, again.ForOthers())
	require.Equal(t, 2, prepared)
	require.True(t, m.Delete(s))
	m.GetOrCreate([]string{"3", ""})
	require.Same(t, again, m.Successor(c, true))
	series, labels := m.Overflows()
	require.Zero(t, series)
	require.Equal(t, []float64{2, 0}, labels)
}

func TestSuccessorOfAllOthers(t *testing.T) {
	m := New(NewSyntax([]string{"a"}), func(*int) {})
	m.SetPolicy(Policy{})
	m.Limit(1)
	m.GetOrCreate([]string{"1"})
	other := m.GetOrCreate([]string{"2"})
	require.Same(t, other, m.GetOrCreate([]string{"3"}))
	require.True(t, m.Delete(other))
	again := m.Successor(other, true)
	require.NotSame(t, other, again)
	require.True(t, again.ForOthers())
	require.Same(t, again, m.GetOrCreate([]string{"4"}))
	series, _ := m.Overflows()
	require.Equal(t, 3.0, series, "only what was asked for counts")
}

func TestBeside(t *testing.T) {
	type beside struct{ a, b int64 }
	m := NewBeside[int32, beside](NewSyntax([]string{"a"}), func(i *int32) { *i = 7 })
	for _, v := range []string{"1", "2"} {
		c := m.GetOrCreate([]string{v})
		require.Equal(t, int32(7), *Item[int32](c))
		*Beside[int32, beside](c) = beside{1, 2}
		*Item[int32](c) = 8
		require.Equal(t, beside{1, 2}, *Beside[int32, beside](c))
	}
}
