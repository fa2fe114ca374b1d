// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"slices"
	"strings"
)

// A map can leave everything to another one, whose children have some of its labels only,
// or other names for them. Whoever holds the first map goes on using it, with the values
// of all its labels: they are asked for where nothing is found, so that a map which
// forwards nothing pays nothing for it.

// forwarding says where a map's children are instead. It is constant.
type forwarding struct {
	to   *Map
	keep []int // by label of to: which of the labels of the map that forwards it is
	all  int   // how many labels that has
}

// Like returns an empty map for labels of another syntax, with children like those of m,
// for m to forward to.
func (m *Map) Like(s *Syntax) *Map { return empty(s, entered, m.alloc) }

// Forward makes m leave everything to another map from now on, which Like must have made,
// and whose labels are those of m with these numbers. It must not be called twice.
//
// The children that there are stay behind. It is up to the caller to walk through them,
// and to delete them one by one: the result is that walk. Only Delete and Values know
// about them.
func (m *Map) Forward(to *Map, keep []int) Walk {
	m.mu.Lock()
	m.forward.Store(&forwarding{to, keep, len(m.syntax.before)})
	m.mu.Unlock()
	m.front.Store(nil)
	return m.walk()
}

// Target returns the map that m forwards to, or m itself.
func (m *Map) Target() *Map {
	if f := m.forward.Load(); f != nil {
		return f.to
	}
	return m
}

// Drops reports whether m forwards to a map without one of its labels. So any value of it
// leads to the same child.
func (m *Map) Drops(label int) bool {
	f := m.forward.Load()
	return f != nil && !slices.Contains(f.keep, label)
}

// home returns the map that c is in: m, or the one that it forwards to.
func (m *Map) home(c *Child) *Map {
	if f := m.forward.Load(); f != nil && c.state.Load()&entered != 0 {
		return f.to
	}
	return m
}

// getOrCreate is GetOrCreate of the map that is forwarded to, for values of all labels.
// They are copied one by one into an array, as in getNormal.
func (f *forwarding) getOrCreate(values []string) *Child {
	if len(f.keep) > onStack {
		return f.to.GetOrCreate(f.wide(values))
	}
	var kept [onStack]string
	for i, k := range f.keep {
		kept[i] = values[k]
	}
	return f.to.GetOrCreate(kept[:len(f.keep)])
}

// get is Get of the map that is forwarded to.
func (f *forwarding) get(values []string) *Child {
	if len(f.keep) > onStack {
		return f.to.Get(f.wide(values))
	}
	var kept [onStack]string
	for i, k := range f.keep {
		kept[i] = values[k]
	}
	return f.to.Get(kept[:len(f.keep)])
}

// wide returns copies of the values that are kept.
func (f *forwarding) wide(values []string) []string {
	kept := make([]string, len(f.keep))
	for i, k := range f.keep {
		kept[i] = strings.Clone(values[k])
	}
	return kept
}

// values returns the values of all labels, "" of those that are dropped.
func (f *forwarding) values(c *Child) []string {
	all := make([]string, f.all)
	for i, value := range f.to.Values(c) {
		all[f.keep[i]] = value
	}
	return all
}

// overflows adds to m's own overflows those of the map that is forwarded to.
func (f *forwarding) overflows(series float64, labels []float64) (float64, []float64) {
	further, byLabel := f.to.Overflows()
	if labels == nil && byLabel != nil {
		labels = make([]float64, f.all)
	}
	for i, n := range byLabel {
		labels[f.keep[i]] += n
	}
	return series + further, labels
}
