// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"iter"
	"reflect"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/structlabels"
	"github.com/embermetrics/ember/metric"
)

// CounterVecOf is a CounterVec whose labels are the fields of a struct, L. So the compiler
// sees to it that nobody forgets a label or mixes two up. Its methods may be called by any
// number of goroutines. Create one with NewCounterVecOf or CounterVecOfIn; the zero
// CounterVecOf is not usable.
type CounterVecOf[L comparable] struct {
	vecOf[L, Counter, CounterVec]
}

// GaugeVecOf is CounterVecOf for gauges. Create one with NewGaugeVecOf or GaugeVecOfIn.
type GaugeVecOf[L comparable] struct {
	vecOf[L, Gauge, GaugeVec]
}

// HistogramVecOf is CounterVecOf for histograms. Create one with NewHistogramVecOf or HistogramVecOfIn.
type HistogramVecOf[L comparable] struct {
	vecOf[L, Histogram, HistogramVec]
}

// SummaryVecOf is CounterVecOf for summaries. Create one with NewSummaryVecOf or SummaryVecOfIn.
type SummaryVecOf[L comparable] struct {
	vecOf[L, Summary, SummaryVec]
}

// NewCounterVecOf returns a vector of counters whose labels are the fields of L, without
// any series, not registered. It never fails: what is wrong with the definition, or with
// L, Register says.
//
// All fields of L are labels, in their order, and must be exported. A label's name is the
// field's in snake case, user_id for UserID and http_status for HTTPStatus, or the one in
// a tag such as label:"code". The fields of an embedded struct stand in its place, unless
// it has a tag. A field's type may be
//
//   - string;
//   - bool, which is true or false;
//   - any kind of integer, written in decimal;
//   - a type of these kinds with a String method, which then says what the value is;
//   - another type with a String method, if it holds strings and numbers but no pointers.
//
// A String method must depend on nothing but the value. If that is a number or a bool, the
// method is called once for it, unless more than 256 are in use; else it is called each
// time, with a copy, which allocates. If it panics, the number is written instead, or
// nothing.
func NewCounterVecOf[L comparable](opts CounterOpts) *CounterVecOf[L] {
	l := layoutOf[L]()
	v := NewCounterVec(opts, l.Names()...)
	return &CounterVecOf[L]{vecOf[L, Counter, CounterVec]{structsOf(&v.view, l), v}}
}

// NewGaugeVecOf is NewCounterVecOf for gauges.
func NewGaugeVecOf[L comparable](opts GaugeOpts) *GaugeVecOf[L] {
	l := layoutOf[L]()
	v := NewGaugeVec(opts, l.Names()...)
	return &GaugeVecOf[L]{vecOf[L, Gauge, GaugeVec]{structsOf(&v.view, l), v}}
}

// NewHistogramVecOf is NewCounterVecOf for histograms.
func NewHistogramVecOf[L comparable](opts HistogramOpts) *HistogramVecOf[L] {
	l := layoutOf[L]()
	v := NewHistogramVec(opts, l.Names()...)
	return &HistogramVecOf[L]{vecOf[L, Histogram, HistogramVec]{structsOf(&v.view, l), v}}
}

// NewSummaryVecOf is NewCounterVecOf for summaries.
func NewSummaryVecOf[L comparable](opts SummaryOpts) *SummaryVecOf[L] {
	l := layoutOf[L]()
	v := NewSummaryVec(opts, l.Names()...)
	return &SummaryVecOf[L]{vecOf[L, Summary, SummaryVec]{structsOf(&v.view, l), v}}
}

func layoutOf[L any]() *structlabels.Layout { return structlabels.Of(reflect.TypeFor[L]()) }

// CounterVecOfIn returns the vector of this definition that is registered in r, as
// Registry.NewCounterVec does, and panics as that does: a function, because methods have no
// type parameters. It is the same vector, whether it was created with a struct or with
// names.
func CounterVecOfIn[L comparable](r *Registry, opts CounterOpts) *CounterVecOf[L] {
	fresh := NewCounterVecOf[L](opts)
	v := register(r, fresh.untyped)
	return &CounterVecOf[L]{vecOf[L, Counter, CounterVec]{fresh.of(&v.view), v}}
}

// GaugeVecOfIn is CounterVecOfIn for gauges.
func GaugeVecOfIn[L comparable](r *Registry, opts GaugeOpts) *GaugeVecOf[L] {
	fresh := NewGaugeVecOf[L](opts)
	v := register(r, fresh.untyped)
	return &GaugeVecOf[L]{vecOf[L, Gauge, GaugeVec]{fresh.of(&v.view), v}}
}

// HistogramVecOfIn is CounterVecOfIn for histograms.
func HistogramVecOfIn[L comparable](r *Registry, opts HistogramOpts) *HistogramVecOf[L] {
	fresh := NewHistogramVecOf[L](opts)
	v := register(r, fresh.untyped)
	return &HistogramVecOf[L]{vecOf[L, Histogram, HistogramVec]{fresh.of(&v.view), v}}
}

// SummaryVecOfIn is CounterVecOfIn for summaries.
func SummaryVecOfIn[L comparable](r *Registry, opts SummaryOpts) *SummaryVecOf[L] {
	fresh := NewSummaryVecOf[L](opts)
	v := register(r, fresh.untyped)
	return &SummaryVecOf[L]{vecOf[L, Summary, SummaryVec]{fresh.of(&v.view), v}}
}

// CurryCounterVec returns a vector in which the fields of fixed have these values, so that
// its methods take a struct of the others, Rest:
//
//	get, err := ember.CurryCounterVec[Rest](requests, Fixed{Method: "GET"})
//
// It is a view: its series are series of v. The labels of both structs together must be
// those of v, whatever the types of the fields; one that is missing, unknown, or there
// twice is an error.
func CurryCounterVec[Rest, L, Fixed comparable](v *CounterVecOf[L], fixed Fixed) (*CounterVecOf[Rest], error) {
	s, err := v.curry(structlabels.At(&fixed), layoutOf[Fixed](), layoutOf[Rest]())
	if err != nil {
		return nil, err
	}
	return &CounterVecOf[Rest]{vecOf[Rest, Counter, CounterVec]{s, &CounterVec{vec[Counter]{s.view}}}}, nil
}

// CurryGaugeVec is CurryCounterVec for gauges.
func CurryGaugeVec[Rest, L, Fixed comparable](v *GaugeVecOf[L], fixed Fixed) (*GaugeVecOf[Rest], error) {
	s, err := v.curry(structlabels.At(&fixed), layoutOf[Fixed](), layoutOf[Rest]())
	if err != nil {
		return nil, err
	}
	return &GaugeVecOf[Rest]{vecOf[Rest, Gauge, GaugeVec]{s, &GaugeVec{vec[Gauge]{s.view}}}}, nil
}

// CurryHistogramVec is CurryCounterVec for histograms.
func CurryHistogramVec[Rest, L, Fixed comparable](v *HistogramVecOf[L], fixed Fixed) (*HistogramVecOf[Rest], error) {
	s, err := v.curry(structlabels.At(&fixed), layoutOf[Fixed](), layoutOf[Rest]())
	if err != nil {
		return nil, err
	}
	return &HistogramVecOf[Rest]{vecOf[Rest, Histogram, HistogramVec]{s, &HistogramVec{vec[Histogram]{s.view}}}}, nil
}

// CurrySummaryVec is CurryCounterVec for summaries.
func CurrySummaryVec[Rest, L, Fixed comparable](v *SummaryVecOf[L], fixed Fixed) (*SummaryVecOf[Rest], error) {
	s, err := v.curry(structlabels.At(&fixed), layoutOf[Fixed](), layoutOf[Rest]())
	if err != nil {
		return nil, err
	}
	return &SummaryVecOf[Rest]{vecOf[Rest, Summary, SummaryVec]{s, &SummaryVec{vec[Summary]{s.view}}}}, nil
}

// SetFunc makes the value of one series what f returns at each scrape, as
// CounterVec.SetFunc does.
func (v *CounterVecOf[L]) SetFunc(f func() float64, l L) { v.setFunc(f, structlabels.At(&l)) }

// SetFunc makes the value of one series what f returns at each scrape, as
// GaugeVec.SetFunc does.
func (v *GaugeVecOf[L]) SetFunc(f func() float64, l L) { v.setFunc(f, structlabels.At(&l)) }

// vecOf is what the four vectors of structs have in common. Whatever depends on L is
// compiled for each one, so there is little of it.
type vecOf[L comparable, T, V any] struct {
	structs
	untyped *V
}

// With returns the instrument of the series with these labels, and creates it if there is
// none. For an existing series it takes no lock and allocates nothing, but for what
// NewCounterVecOf says of String methods, and for more than 16 labels that are not all
// strings. It never panics.
func (v *vecOf[L, T, V]) With(l L) *T {
	return childmap.Item[T](v.child(structlabels.At(&l)))
}

// Lookup returns the instrument of an existing series. It never creates one.
func (v *vecOf[L, T, V]) Lookup(l L) (*T, bool) {
	c := v.lookup(structlabels.At(&l))
	if c == nil {
		return nil, false
	}
	return childmap.Item[T](c), true
}

// Delete removes a series and reports whether there was one. Who still holds its
// instrument may go on updating it, but that is no longer exposed; the next With starts a
// new series at zero.
func (v *vecOf[L, T, V]) Delete(l L) bool { return v.delete(structlabels.At(&l)) }

// DeleteMatching removes all series that have these values for these labels, and returns
// their number. A label that the vector does not have matches nothing.
func (v *vecOf[L, T, V]) DeleteMatching(labels Labels) int { return v.view.DeleteMatching(labels) }

// Reset removes all series; of a curried vector, its own.
func (v *vecOf[L, T, V]) Reset() { v.view.Reset() }

// Len returns the number of series; of a curried vector, of its own.
func (v *vecOf[L, T, V]) Len() int { return v.view.Len() }

// All returns the series, in the order in which they are exposed. Series created or
// deleted during the iteration may or may not be met. The loop's body may call any method
// of v.
//
// A series is left out if no L is known to have its labels, as one made through Untyped
// with a word where there must be a number, or with what a String method was never seen to
// say.
func (v *vecOf[L, T, V]) All() iter.Seq2[L, *T] {
	return func(yield func(L, *T) bool) {
		var l L
		v.each(structlabels.At(&l), func(c *childmap.Child) bool { return yield(l, childmap.Item[T](c)) })
	}
}

// Untyped returns the vector that takes the values of labels one by one. It has the same
// series.
func (v *vecOf[L, T, V]) Untyped() *V { return v.untyped }

// Collect writes the vector's series to out, as they would be exposed; of a curried
// vector, the whole.
func (v *vecOf[L, T, V]) Collect(ctx context.Context, out *metric.Sink) error {
	return v.collector().Collect(ctx, out)
}

// collector returns what is registered in the place of v.
func (v *vecOf[L, T, V]) collector() Collector {
	if v.untyped == nil {
		return any(new(V)).(Collector) // which is refused, as v would be
	}
	return any(v.untyped).(Collector)
}

// untyped returns what is registered in the place of c.
func untyped(c Collector) Collector {
	if v, ok := c.(interface{ collector() Collector }); ok {
		return v.collector()
	}
	return c
}
