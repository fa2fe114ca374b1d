// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// view is the series of a vector, or those of them that have the curried values,
// whatever the type of their instruments.
type view struct {
	*viewState
	free  int       // how many values the methods take: labels that are not curried
	fixed []*string // the curried values, nil where a label is free; nil without any
}

// viewState is shared by a vector and its curried views.
type viewState struct {
	def      *definition
	children *childmap.Map
	items    items

	mu    sync.Mutex
	funcs map[*childmap.Child]func() float64 // of the children that are marked

	idleAfter time.Duration // 0: no series is idle
	made      time.Time     // idleness counts from here
	sweeping  sync.Mutex    // held by who looks for what is idle
}

func (v *view) lookup(values []string) *childmap.Child {
	if len(values) != v.free {
		return nil
	}
	return v.child(values, false)
}

// Delete removes a series, with all that it had, and reports whether there was one. The
// next With starts a new one at zero.
//
// An update through an instrument that somebody still holds is not lost: it is one of the
// series with the same labels, which begins anew if there is none. So reading that
// instrument is reading this series. What was added to a gauge before may be taken off
// after: the first update brings its value along.
func (v *view) Delete(values ...string) bool {
	c := v.lookup(values)
	return c != nil && v.remove(c)
}

// DeleteMatching removes, on the terms of Delete, all series that have these values for
// these labels, and returns their number. Of a curried vector, only its own series are
// considered. A label that the vector does not have matches nothing.
func (v *view) DeleteMatching(labels Labels) int {
	want := slices.Clone(v.fixed)
	if want == nil {
		want = make([]*string, len(v.def.Labels))
	}
	for name, value := range labels {
		i := slices.Index(v.def.Labels, name)
		if i >= 0 {
			value = v.children.Normal(i, value)
		}
		if i < 0 || want[i] != nil && *want[i] != value && !v.children.Drops(i) {
			return 0
		}
		want[i] = &value
	}
	n := 0
	w := v.children.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		if v.matches(want, v.children.Values(c)) && v.remove(c) {
			n++
		}
	}
	return n
}

// Reset removes all series, on the terms of Delete; of a curried vector, its own.
func (v *view) Reset() { v.DeleteMatching(nil) }

// Len returns the number of series; of a curried vector, of its own.
func (v *view) Len() int {
	if v.fixed == nil {
		return v.children.Len()
	}
	n := 0
	v.each(func([]string, *childmap.Child) bool { n++; return true })
	return n
}

// each calls f for each series in order, with the values that With takes, until
// it returns false.
func (v *view) each(f func(values []string, c *childmap.Child) bool) {
	w := v.children.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		values := v.children.Values(c)
		if v.fixed != nil {
			if !v.matches(v.fixed, values) {
				continue
			}
			free := values[:0]
			for i, value := range values {
				if v.fixed[i] == nil {
					free = append(free, value)
				}
			}
			values = free
		}
		if !f(values, c) {
			return
		}
	}
}

// Collect writes the vector's series to out, as they would be exposed; of a
// curried vector, the whole.
func (v *view) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, v) }

func (v *view) definition() *definition {
	if v.viewState == nil {
		return nil
	}
	return v.def
}

func (v *view) curried() bool { return v.fixed != nil }

// write writes all series in order: of those that have a function, the ones in
// called, which is in order too.
func (v *view) write(e encoder, called []calledSeries) {
	if v.idleAfter > 0 {
		v.sweep()
	}
	w := v.children.Walk()
	for c := w.Next(); c != nil && !e.failed(); c = w.Next() {
		if !c.Marked() {
			v.items.write(e, c)
			continue
		}
		for len(called) > 0 && called[0].labels < c.Text() {
			called = called[1:]
		}
		switch {
		case len(called) == 0 || called[0].labels != c.Text():
			v.items.write(e, c) // the function came after the functions were called
		case !called[0].failed:
			e.value(c.Text(), called[0].value, nil)
		}
	}
}

// callbacks returns the series that have a function, in order.
func (v *view) callbacks() []calledSeries {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]calledSeries, 0, len(v.funcs))
	for c, f := range v.funcs {
		list = append(list, calledSeries{labels: c.Text(), call: f})
	}
	sort.Sort((*callsByLabels)(&list))
	return list
}

func (v *view) setFunc(f func() float64, values []string) {
	if len(values) != v.free {
		panic(v.countError(values))
	}
	for {
		c := v.child(values, true)
		if c.ForOthers() {
			v.def.dropped[noPlace].Add(1) // a function is of one series
			return
		}
		if v.setChildFunc(f, c) {
			return
		}
		// Deleted in between: start the series anew.
	}
}

func (v *view) setChildFunc(f func() float64, c *childmap.Child) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.Deleted() {
		return false
	}
	if f == nil {
		delete(v.funcs, c)
	} else {
		if v.funcs == nil {
			v.funcs = make(map[*childmap.Child]func() float64)
		}
		v.funcs[c] = f
	}
	c.Mark(f != nil)
	return true
}

// stackValues is how many label values are put together on the stack.
const stackValues = 16

// child returns the child of these values and the curried ones. Only if create is
// set does it create one; else the result may be nil.
//
// The values must not escape, or the strings that callers build for a call would
// all live on the heap. To the compiler a value escapes that is appended, or stored
// through a slice or a pointer, but not one that is stored in a local array.
func (v *view) child(values []string, create bool) *childmap.Child {
	if v.fixed != nil {
		if len(v.fixed) > stackValues {
			values = v.wideValues(values)
		} else {
			var all [stackValues]string
			next := 0
			for i, f := range v.fixed {
				if f != nil {
					all[i] = *f
				} else {
					all[i] = values[next]
					next++
				}
			}
			values = all[:len(v.fixed)]
		}
	}
	if create {
		return v.children.GetOrCreate(values)
	}
	return v.children.Get(values)
}

// wideValues returns the values of all labels, curried ones included, on the heap.
func (v *view) wideValues(values []string) []string {
	all := make([]string, 0, len(v.def.Labels))
	for i := range v.def.Labels {
		if v.isFixed(i) {
			all = append(all, *v.fixed[i])
		} else {
			all, values = append(all, strings.Clone(values[0])), values[1:]
		}
	}
	return all
}

func (v *view) isFixed(i int) bool { return v.fixed != nil && v.fixed[i] != nil }

func (v *view) curry(labels Labels) (view, error) {
	c := view{viewState: v.viewState, free: v.free, fixed: slices.Clone(v.fixed)}
	if c.fixed == nil && len(labels) > 0 {
		c.fixed = make([]*string, len(v.def.Labels))
	}
	for _, l := range labels.sorted() {
		i := slices.Index(v.def.Labels, l.Name)
		if i < 0 {
			return c, errorf("ember: %s has no label %q to curry; its labels are %q", v.def, l.Name, v.def.Labels)
		}
		if c.fixed[i] != nil {
			return c, wrong(&v.def.Desc, "label %q is curried already, with %q; it cannot become %q", l.Name, *c.fixed[i], l.Value)
		}
		value := v.children.Normal(i, l.Value)
		c.fixed[i] = &value
		c.free--
	}
	return c, nil
}

// matches reports whether a series has the values that are wanted. Where rules have
// dropped a label, all have.
func (v *view) matches(want []*string, values []string) bool {
	for i, w := range want {
		if w != nil && *w != values[i] && !v.children.Drops(i) {
			return false
		}
	}
	return true
}

// drops reports whether rules have dropped a label, by the place of its value among those
// that the methods take.
func (v *view) drops(value int) bool {
	for i := range v.def.Labels {
		if v.isFixed(i) {
			continue
		}
		if value == 0 {
			return v.children.Drops(i)
		}
		value--
	}
	return false
}

// freeLabels returns the names of the labels that the methods take values for.
func (v *view) freeLabels() []string {
	free := make([]string, 0, v.free)
	for i, name := range v.def.Labels {
		if !v.isFixed(i) {
			free = append(free, name)
		}
	}
	return free
}

// The errors below keep no string of the caller's, whose values would otherwise
// all have to live on the heap.

func (v *view) countError(values []string) error {
	got := make([]string, len(values))
	for i, value := range values {
		got[i] = strings.Clone(value)
	}
	return errorf("ember: %s takes %d values, for %q, but got %d: %q", v.def, v.free, v.freeLabels(), len(got), got)
}

func (v *view) labelsError(labels Labels) error {
	got := make([]string, 0, len(labels))
	for name := range labels {
		got = append(got, strings.Clone(name))
	}
	slices.Sort(got)
	return errorf("ember: %s takes values for %q, but got %q", v.def, v.freeLabels(), got)
}
