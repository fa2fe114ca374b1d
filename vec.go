// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// CounterVec is a family of counters that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewCounterVec or Registry.NewCounterVec.
type CounterVec struct{ vec[Counter, *Counter] }

// GaugeVec is a family of gauges that differ in the values of the same labels.
// Its methods may be called by any number of goroutines. Create one with
// NewGaugeVec or Registry.NewGaugeVec.
type GaugeVec struct{ vec[Gauge, *Gauge] }

// HistogramVec is a family of histograms that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewHistogramVec or Registry.NewHistogramVec.
type HistogramVec struct{ vec[Histogram, *Histogram] }

// SummaryVec is a family of summaries that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewSummaryVec or Registry.NewSummaryVec.
type SummaryVec struct{ vec[Summary, *Summary] }

// NewCounterVec returns a vector of counters with these label names, without any
// series, not registered. It never fails: what is wrong with the definition,
// Register says.
func NewCounterVec(opts CounterOpts, labels ...string) *CounterVec {
	d := opts.define(labels)
	return &CounterVec{newVec(d, func(c *Counter) { c.init(d) })}
}

// NewGaugeVec is NewCounterVec for gauges.
func NewGaugeVec(opts GaugeOpts, labels ...string) *GaugeVec {
	d := opts.define(labels)
	return &GaugeVec{newVec(d, func(g *Gauge) { g.init(d) })}
}

// NewHistogramVec is NewCounterVec for histograms.
func NewHistogramVec(opts HistogramOpts, labels ...string) *HistogramVec {
	l := opts.define(labels)
	return &HistogramVec{newVec(l.definition, func(h *Histogram) { h.init(l) })}
}

// NewSummaryVec is NewCounterVec for summaries.
func NewSummaryVec(opts SummaryOpts, labels ...string) *SummaryVec {
	s := opts.define(labels)
	return &SummaryVec{newVec(s.definition, func(c *Summary) { c.init(s) })}
}

// Curry returns a vector in which these labels have these values, so that its
// methods take values for the others only. It is a view: its series are series of
// v. An unknown label, or one that v has curried already, is an error.
func (v *CounterVec) Curry(labels Labels) (*CounterVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &CounterVec{c}, nil
}

// Curry is CounterVec.Curry for gauges.
func (v *GaugeVec) Curry(labels Labels) (*GaugeVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &GaugeVec{c}, nil
}

// Curry is CounterVec.Curry for histograms.
func (v *HistogramVec) Curry(labels Labels) (*HistogramVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &HistogramVec{c}, nil
}

// Curry is CounterVec.Curry for summaries.
func (v *SummaryVec) Curry(labels Labels) (*SummaryVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &SummaryVec{c}, nil
}

// SetFunc makes the value of one series what f returns at each scrape, on the
// terms of NewCounterFunc. Further updates of that series' counter are not
// exposed. Setting another function replaces f; nil brings the counter back. A
// wrong number of values panics, as in With.
func (v *CounterVec) SetFunc(f func() float64, values ...string) { v.setFunc(f, values) }

// SetFunc makes the value of one series what f returns at each scrape, on the
// terms of NewGaugeFunc. Further updates of that series' gauge are not exposed.
// Setting another function replaces f; nil brings the gauge back. A wrong number
// of values panics, as in With.
func (v *GaugeVec) SetFunc(f func() float64, values ...string) { v.setFunc(f, values) }

// child is what a vector asks of its instruments.
type child[T any] interface {
	*T
	writeChild(e encoder, labels string)
}

// vec is what the four vectors have in common.
type vec[T any, P child[T]] struct {
	*vecState[T]
	free  int       // how many values the methods take: labels that are not curried
	fixed []*string // the curried values, nil where a label is free; nil without any
}

// vecState is shared by a vector and its curried views.
type vecState[T any] struct {
	def      *definition
	children *childmap.Map[T]

	mu    sync.Mutex
	funcs map[*childmap.Child[T]]func() float64 // of the children that are marked
}

func newVec[T any, P child[T]](d *definition, init func(*T)) vec[T, P] {
	return vec[T, P]{
		vecState: &vecState[T]{def: d, children: childmap.New(d.syntax, init)},
		free:     len(d.Labels),
	}
}

// With returns the instrument of the series with these label values, in the order
// in which the labels were declared, and creates it if there is none. For an
// existing series it takes no lock and allocates nothing. Invalid UTF-8 in a value
// is replaced by U+FFFD.
//
// With panics if the number of values is wrong, and over nothing else; Get
// returns that as an error.
func (v *vec[T, P]) With(values ...string) *T {
	if len(values) != v.free {
		panic(v.countError(values))
	}
	if v.fixed == nil {
		return &v.children.GetOrCreate(values).Item
	}
	return &v.child(values, true).Item
}

// WithLabels is With for values by label name. It panics unless labels has exactly
// the vector's labels.
func (v *vec[T, P]) WithLabels(labels Labels) *T {
	if len(labels) != v.free {
		panic(v.labelsError(labels))
	}
	if len(v.def.Labels) > stackValues {
		return v.wideWithLabels(labels)
	}
	var values [stackValues]string
	n := 0
	for i, name := range v.def.Labels {
		if v.isFixed(i) {
			continue
		}
		value, ok := labels[name]
		if !ok {
			panic(v.labelsError(labels))
		}
		values[n] = value
		n++
	}
	return v.With(values[:n]...)
}

// wideWithLabels is WithLabels for more values than fit on the stack.
func (v *vec[T, P]) wideWithLabels(labels Labels) *T {
	values := make([]string, 0, v.free)
	for i, name := range v.def.Labels {
		if v.isFixed(i) {
			continue
		}
		value, ok := labels[name]
		if !ok {
			panic(v.labelsError(labels))
		}
		values = append(values, strings.Clone(value))
	}
	return v.With(values...)
}

// Get is With, but returns an error if the number of values is wrong.
func (v *vec[T, P]) Get(values ...string) (*T, error) {
	if len(values) != v.free {
		return nil, v.countError(values)
	}
	return v.With(values...), nil
}

// Lookup returns the instrument of an existing series. It never creates one.
func (v *vec[T, P]) Lookup(values ...string) (*T, bool) {
	c := v.lookup(values)
	if c == nil {
		return nil, false
	}
	return &c.Item, true
}

func (v *vec[T, P]) lookup(values []string) *childmap.Child[T] {
	if len(values) != v.free {
		return nil
	}
	return v.child(values, false)
}

// Delete removes a series and reports whether there was one. Who still holds its
// instrument may go on updating it, but that is no longer exposed; the next With
// starts a new series at zero.
func (v *vec[T, P]) Delete(values ...string) bool {
	c := v.lookup(values)
	return c != nil && v.remove(c)
}

func (v *vec[T, P]) remove(c *childmap.Child[T]) bool {
	if !v.children.Delete(c) {
		return false
	}
	v.mu.Lock()
	delete(v.funcs, c)
	v.mu.Unlock()
	return true
}

// DeleteMatching removes all series that have these values for these labels, and
// returns their number. Of a curried vector, only its own series are considered.
// A label that the vector does not have matches nothing.
func (v *vec[T, P]) DeleteMatching(labels Labels) int {
	want := slices.Clone(v.fixed)
	if want == nil {
		want = make([]*string, len(v.def.Labels))
	}
	for name, value := range labels {
		i := slices.Index(v.def.Labels, name)
		value = strings.ToValidUTF8(value, "\uFFFD")
		if i < 0 || want[i] != nil && *want[i] != value {
			return 0
		}
		want[i] = &value
	}
	n := 0
	w := v.children.Walk()
	defer w.End()
	for c := w.Next(); c != nil; c = w.Next() {
		if matches(want, v.children.Values(c)) && v.remove(c) {
			n++
		}
	}
	return n
}

// Reset removes all series; of a curried vector, its own.
func (v *vec[T, P]) Reset() { v.DeleteMatching(nil) }

// Len returns the number of series; of a curried vector, of its own.
func (v *vec[T, P]) Len() int {
	if v.fixed == nil {
		return v.children.Len()
	}
	n := 0
	for range v.All() {
		n++
	}
	return n
}

// All returns the series in order, each as the values that With takes and its
// instrument. Series created or deleted during the iteration may or may not be
// met. The loop's body may call any method of v.
func (v *vec[T, P]) All() iter.Seq2[[]string, *T] {
	return func(yield func([]string, *T) bool) {
		w := v.children.Walk()
		defer w.End()
		for c := w.Next(); c != nil; c = w.Next() {
			values := v.children.Values(c)
			if v.fixed != nil {
				if !matches(v.fixed, values) {
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
			if !yield(values, &c.Item) {
				return
			}
		}
	}
}

// Collect writes the vector's series to out, as they would be exposed; of a
// curried vector, the whole.
func (v *vec[T, P]) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, v) }

func (v *vec[T, P]) definition() *definition { return v.def }

// write writes all series in order: of those that have a function, the ones in
// called, which is in order too.
func (v *vec[T, P]) write(e encoder, called []calledSeries) {
	w := v.children.Walk()
	defer w.End()
	for c := w.Next(); c != nil && !e.failed(); c = w.Next() {
		if !c.Marked() {
			P(&c.Item).writeChild(e, c.Text())
			continue
		}
		for len(called) > 0 && called[0].labels < c.Text() {
			called = called[1:]
		}
		if len(called) > 0 && called[0].labels == c.Text() {
			e.value(c.Text(), called[0].value)
		}
	}
}

// callbacks returns the series that have a function, in order.
func (v *vec[T, P]) callbacks() []calledSeries {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]calledSeries, 0, len(v.funcs))
	for c, f := range v.funcs {
		list = append(list, calledSeries{labels: c.Text(), call: f})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].labels < list[j].labels })
	return list
}

func (v *vec[T, P]) setFunc(f func() float64, values []string) {
	if len(values) != v.free {
		panic(v.countError(values))
	}
	for !v.setChildFunc(f, v.child(values, true)) {
		// Deleted in between: start the series anew.
	}
}

func (v *vec[T, P]) setChildFunc(f func() float64, c *childmap.Child[T]) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c.Deleted() {
		return false
	}
	if f == nil {
		delete(v.funcs, c)
	} else {
		if v.funcs == nil {
			v.funcs = make(map[*childmap.Child[T]]func() float64)
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
func (v *vec[T, P]) child(values []string, create bool) *childmap.Child[T] {
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
func (v *vec[T, P]) wideValues(values []string) []string {
	all := make([]string, 0, len(v.fixed))
	for _, f := range v.fixed {
		if f != nil {
			all = append(all, *f)
		} else {
			all, values = append(all, strings.Clone(values[0])), values[1:]
		}
	}
	return all
}

func (v *vec[T, P]) isFixed(i int) bool { return v.fixed != nil && v.fixed[i] != nil }

func (v *vec[T, P]) curry(labels Labels) (vec[T, P], error) {
	c := vec[T, P]{vecState: v.vecState, free: v.free, fixed: slices.Clone(v.fixed)}
	if c.fixed == nil && len(labels) > 0 {
		c.fixed = make([]*string, len(v.def.Labels))
	}
	for _, l := range labels.sorted() {
		i := slices.Index(v.def.Labels, l.Name)
		if i < 0 {
			return c, fmt.Errorf("ember: %s has no label %q to curry; its labels are %q", v.def, l.Name, v.def.Labels)
		}
		if c.fixed[i] != nil {
			return c, fmt.Errorf("ember: %s: label %q is curried already, with %q; it cannot become %q", v.def, l.Name, *c.fixed[i], l.Value)
		}
		value := strings.ToValidUTF8(l.Value, "\uFFFD")
		c.fixed[i] = &value
		c.free--
	}
	return c, nil
}

func matches(want []*string, values []string) bool {
	for i, w := range want {
		if w != nil && *w != values[i] {
			return false
		}
	}
	return true
}

// freeLabels returns the names of the labels that the methods take values for.
func (v *vec[T, P]) freeLabels() []string {
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

func (v *vec[T, P]) countError(values []string) error {
	got := make([]string, len(values))
	for i, value := range values {
		got[i] = strings.Clone(value)
	}
	return fmt.Errorf("ember: %s takes %d values, for %q, but got %d: %q", v.def, v.free, v.freeLabels(), len(got), got)
}

func (v *vec[T, P]) labelsError(labels Labels) error {
	got := make([]string, 0, len(labels))
	for name := range labels {
		got = append(got, strings.Clone(name))
	}
	slices.Sort(got)
	return fmt.Errorf("ember: %s takes values for %q, but got %q", v.def, v.freeLabels(), got)
}
