// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// CounterOpts says what a counter or a vector of counters is. Only Name is
// needed.
type CounterOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name, which should end in "_total".
	Namespace, Subsystem, Name string

	Help string // one sentence on what is counted
	Unit string // the base unit of the value, such as "seconds"; the name should contain it

	ConstLabels Labels // on every series, with these values

	// MaxSeries is how many series a vector may have. Zero means the registry's
	// default, WithMaxSeries; negative no limit. What comes after that is counted in
	// one series more, whose label values are all "other".
	MaxSeries int
	// LabelBudgets is how many different values a label of a vector may have, by its
	// name. Values that come after that are "other"; the other labels keep theirs.
	LabelBudgets map[string]int
	// KnownValues always have a place in their label's budget, whatever comes first.
	KnownValues map[string][]string
	// Normalize has for some labels of a vector a function that returns what is to be
	// put in the place of a value: lower case, or a route instead of a path. It is
	// called once for a value that is not normal, and again only if several hundred others
	// came since. So it must always return the same, and normalizing twice must be the same
	// as once.
	Normalize map[string]func(string) string
	// IdleAfter is when a vector drops a series: at the first scrape that comes so long
	// after one which still saw a change. What comes through an instrument that somebody
	// holds after that brings the series back, from zero, on the terms of Delete. It should
	// be several times the interval of the slowest scraper. Zero means never.
	IdleAfter time.Duration
}

func (o CounterOpts) limits() limits {
	return limits{o.MaxSeries, o.LabelBudgets, o.KnownValues, o.Normalize, o.IdleAfter}
}

func (o CounterOpts) define(labels []string) *definition {
	return newDefinition(metric.Counter, o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labels)
}

// Counter is a total that only grows: requests served, bytes sent. Its methods
// may be called by any number of goroutines, never block and never fail.
//
// Create one with NewCounter, Registry.NewCounter or CounterVec.With; the zero
// Counter is not usable, and a Counter must not be copied.
type Counter struct {
	total    cell.Total
	def      *definition
	created  atomic.Int64 // in nanoseconds since 1970
	exemplar exemplarSlot
}

// NewCounter returns a counter that starts at zero and is not registered. It
// never fails: what is wrong with opts, Register says.
func NewCounter(opts CounterOpts) *Counter {
	c := new(Counter)
	c.init(opts.define(nil))
	return c
}

func (c *Counter) init(d *definition) {
	c.def = d
	c.created.Store(time.Now().UnixNano())
	c.total.Init(nil)
}

// Inc adds one.
func (c *Counter) Inc() { c.total.Inc() }

// maxWhole bounds the additions that are summed as integers, so that even a very
// large number of them cannot overflow; beyond it a float64 sum is as exact as the
// value that is exposed.
const maxWhole = 1 << 32

// Add adds v. A negative, infinite or NaN v is not added: it is counted in
// ember_invalid_updates_total and logged once.
//
// Whole numbers are summed exactly; fractions as float64, in the order of
// arrival.
func (c *Counter) Add(v float64) {
	if !(v > 0 && v <= math.MaxFloat64) {
		c.refuse(v)
		return
	}
	if v < maxWhole {
		if n := uint64(v); float64(n) == v {
			c.total.AddWhole(n)
			return
		}
	}
	c.total.Add(v)
}

// refuse counts an addition that a counter cannot have. Zero is none.
func (c *Counter) refuse(v float64) {
	switch {
	case v != v:
		c.def.drop(notANumber, v)
	case v < 0:
		c.def.drop(negative, v)
	case v > 0:
		c.def.drop(infinite, v)
	}
}

// IncWithExemplar is AddWithExemplar(1, exemplar).
func (c *Counter) IncWithExemplar(exemplar Labels) { c.AddWithExemplar(1, exemplar) }

// AddWithExemplar adds v and keeps an exemplar: labels that lead to the event, such as
// the id of its trace. OpenMetrics and protobuf expose it with v and the time. A series
// takes the first exemplar in each second, and keeps it until another second has one;
// the others cost little and are ignored.
//
// An exemplar is dropped if its names and values have more than 128 characters
// together, if a name is not like [a-zA-Z_][a-zA-Z0-9_]* or if a value is not UTF-8. It
// is counted in ember_invalid_exemplars_total and logged once; v is added all the same.
// No labels are no exemplar, and a v that Add drops has none.
func (c *Counter) AddWithExemplar(v float64, exemplar Labels) {
	c.Add(v)
	if isTotal(v) {
		c.slot().offer(c.def, v, exemplar)
	}
}

// IncContext is AddContext(ctx, 1).
func (c *Counter) IncContext(ctx context.Context) { c.AddContext(ctx, 1) }

// AddContext adds v, with the exemplar that the registry's WithExemplarSource finds
// in ctx, if it is time for one. Without a source it is Add.
func (c *Counter) AddContext(ctx context.Context, v float64) {
	c.Add(v)
	if source := c.def.source(); source != nil && isTotal(v) {
		c.slot().ask(ctx, c.def, source, v)
	}
}

// Value returns the total.
func (c *Counter) Value() float64 { return c.total.Load() }

// Collect writes the counter to out, as it would be exposed.
func (c *Counter) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, c) }

func (c *Counter) definition() *definition { return c.def }

func (c *Counter) write(e encoder, _ []calledSeries) { c.writeChild(e, &alone) }

func (c *Counter) writeChild(e encoder, at *childmap.Child) {
	x := &e.scratch().extras
	x.created, x.exemplar = instantOf(c.created.Load()), c.exemplar.kept.Load()
	value := c.Value()
	if at.Deleted() {
		return // perhaps before that was all of it
	}
	e.value(at.Text(), value, x)
}

// CounterFunc is a counter whose value a function reports at each scrape: for a
// total that somebody else keeps.
//
// Create one with NewCounterFunc or Registry.NewCounterFunc; the zero
// CounterFunc is not usable.
type CounterFunc struct{ callback }

// NewCounterFunc returns a counter that exposes what f returns. f is called once
// for each scrape, perhaps by several at once, and should be quick. If it panics
// or returns a value that no counter can have, the series is left out of that
// scrape, and the failure is counted in ember_collector_errors_total and logged.
func NewCounterFunc(opts CounterOpts, f func() float64) *CounterFunc {
	c := new(CounterFunc)
	c.init(opts.define(nil), f)
	return c
}

// Value returns what the function returns now.
func (c *CounterFunc) Value() float64 { return c.call() }

// Collect writes the counter to out, as it would be exposed.
func (c *CounterFunc) Collect(_ context.Context, out *metric.Sink) error {
	return collectTo(out, c)
}
