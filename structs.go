// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"reflect"
	"slices"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/structlabels"
	"github.com/embermetrics/ember/metric"
)

// structs is a view whose methods take structs, of which it gets to see addresses only:
// so it is compiled once, and for each type of struct little more than taking these.
type structs struct {
	view     view
	children *childmap.Map       // the view's, which are sooner found here
	layout   structlabels.Layout // from a struct to the values of all labels
	whole    Collector           // what is registered: the vector that view is of
}

// init makes v a view of a vector by the structs of a layout.
func (v *structs) init(of *view, whole Collector, l *structlabels.Layout) {
	*v = structs{*of, of.children, *l, whole}
}

// check leaves to Register what is wrong with the structs that a new vector is for.
func (v *structs) check() {
	err := v.layout.Err()
	if err == nil && len(v.layout.Names()) == 0 {
		err = errorf("the labels' type %v has no fields", v.layout.Type())
	}
	if err != nil {
		// This is why, whatever else is wrong with the labels.
		v.view.def.err = wrong(&v.view.def.Desc, "%w", err)
	}
}

// initCounters makes v the view of a new vector.
func (v *structs) initCounters(t reflect.Type, opts *CounterOpts) *CounterVec {
	l := structlabels.Of(t)
	c := NewCounterVec(*opts, l.Names()...)
	v.init(&c.view, c, l)
	v.check()
	return c
}

// initCountersIn makes v the view of a vector that is registered in r.
func (v *structs) initCountersIn(r *Registry, t reflect.Type, opts *CounterOpts) *CounterVec {
	c := register(r, v.initCounters(t, opts))
	v.init(&c.view, c, &v.layout)
	return c
}

func (v *structs) initGauges(t reflect.Type, opts *GaugeOpts) *GaugeVec {
	l := structlabels.Of(t)
	c := NewGaugeVec(*opts, l.Names()...)
	v.init(&c.view, c, l)
	v.check()
	return c
}

func (v *structs) initGaugesIn(r *Registry, t reflect.Type, opts *GaugeOpts) *GaugeVec {
	c := register(r, v.initGauges(t, opts))
	v.init(&c.view, c, &v.layout)
	return c
}

func (v *structs) initHistograms(t reflect.Type, opts *HistogramOpts) *HistogramVec {
	l := structlabels.Of(t)
	c := NewHistogramVec(*opts, l.Names()...)
	v.init(&c.view, c, l)
	v.check()
	return c
}

func (v *structs) initHistogramsIn(r *Registry, t reflect.Type, opts *HistogramOpts) *HistogramVec {
	c := register(r, v.initHistograms(t, opts))
	v.init(&c.view, c, &v.layout)
	return c
}

func (v *structs) initSummaries(t reflect.Type, opts *SummaryOpts) *SummaryVec {
	l := structlabels.Of(t)
	c := NewSummaryVec(*opts, l.Names()...)
	v.init(&c.view, c, l)
	v.check()
	return c
}

func (v *structs) initSummariesIn(r *Registry, t reflect.Type, opts *SummaryOpts) *SummaryVec {
	c := register(r, v.initSummaries(t, opts))
	v.init(&c.view, c, &v.layout)
	return c
}

// DeleteMatching removes, on the terms of Delete, all series that have these values for
// these labels, and returns their number. Of a curried vector, only its own series are considered. A label that the
// vector does not have matches nothing.
func (v *structs) DeleteMatching(labels Labels) int { return v.view.DeleteMatching(labels) }

// Reset removes all series, on the terms of Delete; of a curried vector, its own.
func (v *structs) Reset() { v.view.Reset() }

// Len returns the number of series; of a curried vector, of its own.
func (v *structs) Len() int { return v.view.Len() }

// Collect writes the vector's series to out, as they would be exposed; of a curried
// vector, the whole.
func (v *structs) Collect(ctx context.Context, out *metric.Sink) error {
	return v.view.Collect(ctx, out)
}

// collector returns what is registered in the place of v; nil: no constructor made it.
func (v *structs) collector() Collector { return v.whole }

// untyped returns what is registered in the place of c.
func untyped(c Collector) Collector {
	if v, ok := c.(interface{ collector() Collector }); ok {
		return v.collector()
	}
	return c
}

// child returns the child of a struct's labels, creating it if there is none.
func (v *structs) child(s structlabels.Struct) *childmap.Child {
	return v.layout.GetOrCreate(v.children, s)
}

func (v *structs) lookup(s structlabels.Struct) *childmap.Child {
	return v.layout.Get(v.children, s)
}

func (v *structs) delete(s structlabels.Struct) bool {
	c := v.lookup(s)
	return c != nil && v.view.remove(c)
}

// each sets the struct to the labels of one series after the other and calls f, until
// that returns false. It leaves out series whose labels no struct has.
func (v *structs) each(s structlabels.Struct, f func(c *childmap.Child) bool) {
	v.view.each(func(values []string, c *childmap.Child) bool { return !v.layout.Set(s, values, v.view.drops) || f(c) })
}

func (v *structs) setFunc(f func() float64, s structlabels.Struct) {
	whole := view{viewState: v.view.viewState, free: len(v.view.def.Labels)}
	whole.setFunc(f, v.layout.Values(s))
}

// initCurried makes c the view of v in which the labels of s, a struct of type fixed, have
// the values that they have there. Its structs are of type rest.
func (c *structs) initCurried(v *structs, s structlabels.Struct, fixed, rest reflect.Type) error {
	known, free := structlabels.Of(fixed), structlabels.Of(rest)
	for _, l := range []*structlabels.Layout{known, free} {
		if err := l.Err(); err != nil {
			return wrong(&v.view.def.Desc, "%w", err)
		}
	}
	labels := make(Labels)
	for i, value := range known.Values(s) {
		labels[known.Names()[i]] = value
	}
	curried, err := v.view.curry(labels)
	if err != nil {
		return err
	}
	left := curried.freeLabels()
	for _, name := range free.Names() {
		if slices.Contains(known.Names(), name) {
			return wrong(&v.view.def.Desc, "label %q is both in %v and in %v", name, fixed, rest)
		}
		if !slices.Contains(left, name) {
			return errorf("ember: %s has no label %q for %v; left are %q", v.view.def, name, rest, left)
		}
	}
	for _, name := range left {
		if !slices.Contains(free.Names(), name) {
			return wrong(&v.view.def.Desc, "label %q is neither in %v nor in %v", name, fixed, rest)
		}
	}
	if curried.fixed == nil { // for an order of the labels of its own
		curried.fixed = make([]*string, len(left))
	}
	c.init(&curried, nil, free.Within(curried.def.Labels, curried.fixed))
	return nil
}
