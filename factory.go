// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
)

// The New… methods create an instrument and register it, in one expression. The
// same definition again returns the instrument that is registered already; one
// that contradicts something registered panics with Register's error.

// NewCounter returns the registered counter of this definition.
func (r *Registry) NewCounter(opts CounterOpts) *Counter { return register(r, NewCounter(opts)) }

// NewGauge returns the registered gauge of this definition.
func (r *Registry) NewGauge(opts GaugeOpts) *Gauge { return register(r, NewGauge(opts)) }

// NewHistogram returns the registered histogram of this definition.
func (r *Registry) NewHistogram(opts HistogramOpts) *Histogram {
	return register(r, NewHistogram(opts))
}

// NewSummary returns the registered summary of this definition.
func (r *Registry) NewSummary(opts SummaryOpts) *Summary { return register(r, NewSummary(opts)) }

// NewCounterVec returns the registered vector of this definition.
func (r *Registry) NewCounterVec(opts CounterOpts, labels ...string) *CounterVec {
	return register(r, NewCounterVec(opts, labels...))
}

// NewGaugeVec returns the registered vector of this definition.
func (r *Registry) NewGaugeVec(opts GaugeOpts, labels ...string) *GaugeVec {
	return register(r, NewGaugeVec(opts, labels...))
}

// NewHistogramVec returns the registered vector of this definition.
func (r *Registry) NewHistogramVec(opts HistogramOpts, labels ...string) *HistogramVec {
	return register(r, NewHistogramVec(opts, labels...))
}

// NewSummaryVec returns the registered vector of this definition.
func (r *Registry) NewSummaryVec(opts SummaryOpts, labels ...string) *SummaryVec {
	return register(r, NewSummaryVec(opts, labels...))
}

// NewCounterFunc returns the registered counter of this definition, which exposes
// what f returns. If there was one already, f replaces its function.
func (r *Registry) NewCounterFunc(opts CounterOpts, f func() float64) *CounterFunc {
	c := register(r, NewCounterFunc(opts, f))
	c.f.Store(&f)
	return c
}

// NewGaugeFunc returns the registered gauge of this definition, which exposes what
// f returns. If there was one already, f replaces its function.
func (r *Registry) NewGaugeFunc(opts GaugeOpts, f func() float64) *GaugeFunc {
	g := register(r, NewGaugeFunc(opts, f))
	g.f.Store(&f)
	return g
}

// NewInfo returns the registered info of this definition, with these labels. If there
// was one already, it gets them.
func (r *Registry) NewInfo(opts InfoOpts, labels Labels) *Info {
	fresh := NewInfo(opts, labels)
	i := register(r, fresh)
	if i != fresh {
		if err := i.Set(labels); err != nil {
			panic(err)
		}
	}
	return i
}

// NewStateSet returns the registered state set of this definition.
func (r *Registry) NewStateSet(opts StateSetOpts, states ...string) *StateSet {
	return register(r, NewStateSet(opts, states...))
}

func register[I instrument](r *Registry, fresh I) I {
	err := r.Register(fresh)
	if err == nil {
		return fresh
	}
	if exists, ok := errors.AsType[*AlreadyRegisteredError](err); ok {
		old, ok := exists.Existing.(I)
		if ok && old.definition().same(fresh.definition()) {
			return old
		}
		if i, ok := exists.Existing.(instrument); ok {
			err = errorf("%w; it is a %T of %s, not a %T of %s", err, i, i.definition().detail(fresh.definition()), fresh, fresh.definition().detail(i.definition()))
		}
	}
	panic(err)
}
