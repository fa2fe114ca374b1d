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

// place is what a map with a policy should be: counts by the values of a child.
type place struct {
	limit   int
	budgets []int // by label; 0: none
	known   []map[string]bool
	counts  map[[2]string]int
	other   bool // the child that stands for others is there
}

func lower(s string) string { return strings.ToLower(s) }

// find returns the values of the child for values, which get counted there; in order.
func (p *place) find(values [2]string) [2]string {
	values[0] = lower(values[0])
	for i := range values {
		if p.budgets[i] > 0 && values[i] != Other && !p.has(i, values[i]) && p.used(i) >= p.budgets[i] {
			values[i] = Other
		}
	}
	if _, ok := p.counts[values]; ok {
		return values
	}
	n := len(p.counts)
	if p.other {
		n--
	}
	if p.limit > 0 && n >= p.limit {
		p.other = true
		return [2]string{Other, Other}
	}
	return values
}

func (p *place) has(label int, value string) bool {
	if p.known[label][value] {
		return true
	}
	for values := range p.counts {
		if values[label] == value {
			return true
		}
	}
	return false
}

func (p *place) used(label int) int {
	all := make(map[string]bool)
	for v := range p.known[label] {
		all[v] = true
	}
	for values := range p.counts {
		if values[label] != Other {
			all[values[label]] = true
		}
	}
	return len(all)
}

// Random operations on maps with all kinds of policies, against the model.
func TestPolicyAgainstModel(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		p := &place{
			limit: r.IntN(3) * (1 + r.IntN(8)), budgets: []int{r.IntN(2) * (2 + r.IntN(4)), r.IntN(2) * (2 + r.IntN(4))},
			known: []map[string]bool{{}, {}}, counts: make(map[[2]string]int),
		}
		policy := Policy{Labels: []LabelPolicy{{Normalize: lower, MaxValues: p.budgets[0]}, {MaxValues: p.budgets[1]}}}
		for i := range p.known {
			if p.budgets[i] > 0 && r.IntN(2) == 0 {
				p.known[i]["k"] = true
				policy.Labels[i].Known = []string{"k"}
			}
		}
		said := make(map[int]int)
		policy.Overflowed = func(label int, values []string) { said[label]++ }
		m := newMap("a", "b")
		m.SetPolicy(policy)
		m.Limit(p.limit)
		value := func() string { return []string{"A", "a", "B", "c", "D", "k", "\xff", Other, `"`, ""}[r.IntN(10)] }
		for step := range 400 {
			values := [2]string{value(), value()}
			clean := [2]string{lower(Valid(values[0])), Valid(values[1])}
			switch op := r.IntN(20); {
			case op < 14:
				want := p.find(clean)
				p.counts[want]++
				c := m.GetOrCreate(values[:])
				Item[item](c).n++
				require.Equal(t, want[:], m.Values(c), "seed %d, step %d: %q", seed, step, values)
			case op < 16:
				c := m.Get(values[:])
				_, ok := p.counts[clean]
				require.Equal(t, ok, c != nil, "seed %d, step %d: %q", seed, step, values)
			case op < 19:
				if c := m.Get(values[:]); c != nil {
					require.Equal(t, p.counts[clean], Item[item](c).n)
					require.True(t, m.Delete(c))
					delete(p.counts, clean)
					if clean == [2]string{Other, Other} {
						p.other = false
					}
				}
			default:
				w := m.Walk()
				n := 0
				for c := w.Next(); c != nil; c = w.Next() {
					require.Equal(t, p.counts[[2]string(m.Values(c))], Item[item](c).n)
					n++
				}
				require.Equal(t, len(p.counts), n)
				require.Equal(t, n, m.Len())
			}
		}
		for label, n := range said {
			require.Equal(t, 1, n, "label %d was reported more than once", label)
		}
		series, labels := m.Overflows()
		require.Equal(t, series > 0, said[-1] > 0)
		for i, n := range labels {
			require.Equal(t, n > 0, said[i] > 0)
		}
	}
}

// Whatever goroutines do side by side, no limit is passed at any moment, and values give
// their places back.
func TestPolicyUnderLoad(t *testing.T) {
	m := newMap("a", "b")
	m.SetPolicy(Policy{Labels: []LabelPolicy{{MaxValues: 5, Known: []string{"0"}}, {Normalize: lower}}})
	m.Limit(20)
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 9))
			for range 4000 {
				values := []string{fmt.Sprint(r.IntN(30)), []string{"x", "X", "y"}[r.IntN(3)]}
				c := m.GetOrCreate(values)
				if n := m.Len(); n > 21 {
					t.Errorf("%d children", n)
					return
				}
				if got := m.Values(c); got[0] != Other && (got[0] != values[0] || got[1] != lower(values[1])) {
					t.Errorf("%q became %q", values, got)
					return
				}
				if r.IntN(3) == 0 {
					m.Delete(c)
				}
			}
		})
	}
	wg.Wait()
	w := m.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		m.Delete(c)
	}
	require.Zero(t, m.Len())
	uses := m.admission.values[0].uses
	require.Equal(t, 1, uses.Len(), "only the known value keeps its place")
	for i := range 5 {
		require.Equal(t, []string{fmt.Sprint(i), "x"}, m.Values(m.GetOrCreate([]string{fmt.Sprint(i), "X"})))
	}
	require.Equal(t, []string{Other, "x"}, m.Values(m.GetOrCreate([]string{"6", "x"})))
	require.True(t, m.Get([]string{Other, "x"}).ForOthers())
	require.False(t, m.Get([]string{"1", "x"}).ForOthers())
}

// A value that the function panics over stays as it is.
func TestNormalizePanics(t *testing.T) {
	m := newMap("a")
	m.SetPolicy(Policy{Labels: []LabelPolicy{{Normalize: func(s string) string { panic(s) }}}})
	require.Equal(t, []string{"x"}, m.Values(m.GetOrCreate([]string{"x"})))
	require.Equal(t, "y", m.Normal(0, "y"))
	require.Equal(t, "\uFFFD", m.Normal(0, "\xff"))
	require.Equal(t, "z", m.Normal(1, "z"))
}

// More labels than there is room for on the stack.
func TestPolicyOfManyLabels(t *testing.T) {
	names, values := make([]string, 20), make([]string, 20)
	for i := range names {
		names[i], values[i] = fmt.Sprint("l", i), "V"
	}
	m := newMap(names...)
	m.SetPolicy(Policy{Labels: []LabelPolicy{{Normalize: lower}}})
	c := m.GetOrCreate(values)
	require.Equal(t, "v", m.Values(c)[0])
	require.Equal(t, "V", m.Values(c)[19])
	require.Same(t, c, m.GetOrCreate(values))
	require.Same(t, c, m.Get(values))
	m.Limit(1)
	values[3] = "w"
	require.Equal(t, slices.Repeat([]string{Other}, 20), m.Values(m.GetOrCreate(values)))
}
