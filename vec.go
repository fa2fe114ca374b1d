// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"iter"
	"strings"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
)

// CounterVec is a family of counters that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewCounterVec or Registry.NewCounterVec.
type CounterVec struct{ vec[Counter] }

// GaugeVec is a family of gauges that differ in the values of the same labels.
// Its methods may be called by any number of goroutines. Create one with
// NewGaugeVec or Registry.NewGaugeVec.
type GaugeVec struct{ vec[Gauge] }

// HistogramVec is a family of histograms that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewHistogramVec or Registry.NewHistogramVec.
type HistogramVec struct{ vec[Histogram] }

// SummaryVec is a family of summaries that differ in the values of the same
// labels. Its methods may be called by any number of goroutines. Create one with
// NewSummaryVec or Registry.NewSummaryVec.
type SummaryVec struct{ vec[Summary] }

// NewCounterVec returns a vector of counters with these label names, without any
// series, not registered. It never fails: what is wrong with the definition,
// Register says.
func NewCounterVec(opts CounterOpts, labels ...string) *CounterVec {
	d := opts.define(labels)
	return &CounterVec{newVec(d, opts.limits(), func(c *Counter) { c.init(d) })}
}

// NewGaugeVec is NewCounterVec for gauges.
func NewGaugeVec(opts GaugeOpts, labels ...string) *GaugeVec {
	d := opts.define(labels)
	init := func(g *Gauge) { g.initWatched(d) }
	if opts.IdleAfter <= 0 {
		shared := &gaugeMore{def: d}
		init = func(g *Gauge) { g.init(shared) }
	}
	return &GaugeVec{newVec(d, opts.limits(), init)}
}

// NewHistogramVec is NewCounterVec for histograms.
func NewHistogramVec(opts HistogramOpts, labels ...string) *HistogramVec {
	l := opts.define(labels)
	return &HistogramVec{newVec(l.definition, opts.limits(), func(h *Histogram) { h.init(l.now()) })}
}

// NewSummaryVec is NewCounterVec for summaries.
func NewSummaryVec(opts SummaryOpts, labels ...string) *SummaryVec {
	s := opts.define(labels)
	return &SummaryVec{newVec(s.definition, opts.limits(), func(c *Summary) { c.init(s) })}
}

// Curry returns a vector in which these labels have these values, so that its
// methods take values for the others only. It is a view: its series are series of
// v. An unknown label, or one that v has curried already, is an error.
func (v *CounterVec) Curry(labels Labels) (*CounterVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &CounterVec{vec[Counter]{c}}, nil
}

// Curry is CounterVec.Curry for gauges.
func (v *GaugeVec) Curry(labels Labels) (*GaugeVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &GaugeVec{vec[Gauge]{c}}, nil
}

// Curry is CounterVec.Curry for histograms.
func (v *HistogramVec) Curry(labels Labels) (*HistogramVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &HistogramVec{vec[Histogram]{c}}, nil
}

// Curry is CounterVec.Curry for summaries.
func (v *SummaryVec) Curry(labels Labels) (*SummaryVec, error) {
	c, err := v.curry(labels)
	if err != nil {
		return nil, err
	}
	return &SummaryVec{vec[Summary]{c}}, nil
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

// vec is what the four vectors have in common.
type vec[T any] struct{ view }

func newVec[T any, P child[T]](d *definition, l limits, init func(*T)) vec[T] {
	s := &viewState{def: d, items: itemsOf[T, P]{}, idleAfter: l.idleAfter, made: time.Now()}
	if s.idleAfter > 0 {
		s.children = childmap.NewBeside[T, idleness](d.plain.syntax, init)
	} else {
		s.children = childmap.New(d.plain.syntax, init)
	}
	l.apply(d, s.children)
	return vec[T]{view{viewState: s, free: len(d.Labels)}}
}

// With returns the instrument of the series with these label values, in the order
// in which the labels were declared, and creates it if there is none. For an
// existing series it takes no lock and allocates nothing. Invalid UTF-8 in a value
// is replaced by U+FFFD, and of a value of more than a mebibyte the first one counts.
//
// With panics if the number of values is wrong, and over nothing else; Get
// returns that as an error.
func (v *vec[T]) With(values ...string) *T {
	if len(values) != v.free {
		panic(v.countError(values))
	}
	if v.fixed == nil {
		return childmap.Item[T](v.children.GetOrCreate(values))
	}
	return childmap.Item[T](v.child(values, true))
}

// WithLabels is With for values by label name. It panics unless labels has exactly
// the vector's labels.
func (v *vec[T]) WithLabels(labels Labels) *T {
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
func (v *vec[T]) wideWithLabels(labels Labels) *T {
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
func (v *vec[T]) Get(values ...string) (*T, error) {
	if len(values) != v.free {
		return nil, v.countError(values)
	}
	return v.With(values...), nil
}

// Lookup returns the instrument of an existing series. It never creates one.
func (v *vec[T]) Lookup(values ...string) (*T, bool) {
	c := v.lookup(values)
	if c == nil {
		return nil, false
	}
	return childmap.Item[T](c), true
}

// All returns the series in order, each as the values that With takes and its
// instrument. Series created or deleted during the iteration may or may not be
// met. The loop's body may call any method of v.
func (v *vec[T]) All() iter.Seq2[[]string, *T] {
	return func(yield func([]string, *T) bool) {
		v.each(func(values []string, c *childmap.Child) bool { return yield(values, childmap.Item[T](c)) })
	}
}
