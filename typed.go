// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"iter"
	"reflect"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/structlabels"
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
	v := new(CounterVecOf[L])
	v.untyped = v.initCounters(reflect.TypeFor[L](), &opts)
	return v
}

// NewGaugeVecOf is NewCounterVecOf for gauges.
func NewGaugeVecOf[L comparable](opts GaugeOpts) *GaugeVecOf[L] {
	v := new(GaugeVecOf[L])
	v.untyped = v.initGauges(reflect.TypeFor[L](), &opts)
	return v
}

// NewHistogramVecOf is NewCounterVecOf for histograms.
func NewHistogramVecOf[L comparable](opts HistogramOpts) *HistogramVecOf[L] {
	v := new(HistogramVecOf[L])
	v.untyped = v.initHistograms(reflect.TypeFor[L](), &opts)
	return v
}

// NewSummaryVecOf is NewCounterVecOf for summaries.
func NewSummaryVecOf[L comparable](opts SummaryOpts) *SummaryVecOf[L] {
	v := new(SummaryVecOf[L])
	v.untyped = v.initSummaries(reflect.TypeFor[L](), &opts)
	return v
}

// CounterVecOfIn returns the vector of this definition that is registered in r, as
// Registry.NewCounterVec does, and panics as that does: a function, because methods have no
// type parameters. It is the same vector, whether it was created with a struct or with
// names.
func CounterVecOfIn[L comparable](r *Registry, opts CounterOpts) *CounterVecOf[L] {
	v := new(CounterVecOf[L])
	v.untyped = v.initCountersIn(r, reflect.TypeFor[L](), &opts)
	return v
}

// GaugeVecOfIn is CounterVecOfIn for gauges.
func GaugeVecOfIn[L comparable](r *Registry, opts GaugeOpts) *GaugeVecOf[L] {
	v := new(GaugeVecOf[L])
	v.untyped = v.initGaugesIn(r, reflect.TypeFor[L](), &opts)
	return v
}

// HistogramVecOfIn is CounterVecOfIn for histograms.
func HistogramVecOfIn[L comparable](r *Registry, opts HistogramOpts) *HistogramVecOf[L] {
	v := new(HistogramVecOf[L])
	v.untyped = v.initHistogramsIn(r, reflect.TypeFor[L](), &opts)
	return v
}

// SummaryVecOfIn is CounterVecOfIn for summaries.
func SummaryVecOfIn[L comparable](r *Registry, opts SummaryOpts) *SummaryVecOf[L] {
	v := new(SummaryVecOf[L])
	v.untyped = v.initSummariesIn(r, reflect.TypeFor[L](), &opts)
	return v
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
	c := new(CounterVecOf[Rest])
	if err := c.initCurried(&v.structs, structlabels.At(&fixed), reflect.TypeFor[Fixed](), reflect.TypeFor[Rest]()); err != nil {
		return nil, err
	}
	c.untyped = &CounterVec{vec[Counter]{c.view}}
	c.whole = c.untyped
	return c, nil
}

// CurryGaugeVec is CurryCounterVec for gauges.
func CurryGaugeVec[Rest, L, Fixed comparable](v *GaugeVecOf[L], fixed Fixed) (*GaugeVecOf[Rest], error) {
	c := new(GaugeVecOf[Rest])
	if err := c.initCurried(&v.structs, structlabels.At(&fixed), reflect.TypeFor[Fixed](), reflect.TypeFor[Rest]()); err != nil {
		return nil, err
	}
	c.untyped = &GaugeVec{vec[Gauge]{c.view}}
	c.whole = c.untyped
	return c, nil
}

// CurryHistogramVec is CurryCounterVec for histograms.
func CurryHistogramVec[Rest, L, Fixed comparable](v *HistogramVecOf[L], fixed Fixed) (*HistogramVecOf[Rest], error) {
	c := new(HistogramVecOf[Rest])
	if err := c.initCurried(&v.structs, structlabels.At(&fixed), reflect.TypeFor[Fixed](), reflect.TypeFor[Rest]()); err != nil {
		return nil, err
	}
	c.untyped = &HistogramVec{vec[Histogram]{c.view}}
	c.whole = c.untyped
	return c, nil
}

// CurrySummaryVec is CurryCounterVec for summaries.
func CurrySummaryVec[Rest, L, Fixed comparable](v *SummaryVecOf[L], fixed Fixed) (*SummaryVecOf[Rest], error) {
	c := new(SummaryVecOf[Rest])
	if err := c.initCurried(&v.structs, structlabels.At(&fixed), reflect.TypeFor[Fixed](), reflect.TypeFor[Rest]()); err != nil {
		return nil, err
	}
	c.untyped = &SummaryVec{vec[Summary]{c.view}}
	c.whole = c.untyped
	return c, nil
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

// Delete removes a series, with all that it had, and reports whether there was one. The
// next With starts a new one at zero. An update through an instrument that somebody still
// holds is one of the series with the same labels, as CounterVec.Delete says.
func (v *vecOf[L, T, V]) Delete(l L) bool { return v.delete(structlabels.At(&l)) }

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
