// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// GaugeOpts says what a gauge or a vector of gauges is. Only Name is needed.
type GaugeOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name.
	Namespace, Subsystem, Name string

	Help string // one sentence on what the value is
	Unit string // the base unit of the value, such as "bytes"; the name should end in it

	ConstLabels Labels // on every series, with these values

	// Mode says how the values of several processes become one, where many processes are
	// scraped as one; see WithMultiproc. The default adds up those of the processes that
	// live. ModeLatest and ModeLiveLatest cost an update there the time that it takes to
	// ask for the time.
	Mode Mode

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
	// after one which still saw a change. Setting the value that there is counts; a gauge
	// that was added to is not idle before it is back at zero. What comes through an
	// instrument that somebody holds after that brings the series back, on the terms of
	// Delete. It should be several times the interval of the slowest scraper. Zero means
	// never. Updates of the vector's gauges take a little longer with it.
	IdleAfter time.Duration
}

func (o GaugeOpts) limits() limits {
	return limits{o.MaxSeries, o.LabelBudgets, o.KnownValues, o.Normalize, o.IdleAfter}
}

func (o GaugeOpts) define(labels []string) *definition {
	d := newDefinition(metric.Gauge, o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labels)
	if d.Mode = o.Mode; !d.Mode.Valid() {
		d.fail(wrong(&d.Desc, "the Mode (%v) must be one of the modes", o.Mode))
		d.Mode = ModeDefault
	}
	if d.Mode != ModeDefault {
		d.differ("mode %v", d.Mode)
	}
	return d
}

// Gauge is a value that goes up and down: a temperature, requests in flight. It
// may be any float64. Its methods may be called by any number of goroutines,
// never block and never fail.
//
// Create one with NewGauge, Registry.NewGauge or GaugeVec.With; the zero Gauge is
// not usable, and a Gauge must not be copied.
type Gauge struct {
	at   atomic.Pointer[atomic.Uint64] // where the value's bits are: own, unless they live elsewhere; nil: see special
	own  atomic.Uint64
	more atomic.Pointer[gaugeMore]
}

// NewGauge returns a gauge that starts at zero and is not registered. It never
// fails: what is wrong with opts, Register says.
func NewGauge(opts GaugeOpts) *Gauge {
	g := new(Gauge)
	g.init(&gaugeMore{def: opts.define(nil)})
	return g
}

func (g *Gauge) init(m *gaugeMore) {
	g.own.Store(neverSet)
	g.more.Store(m)
	g.at.Store(&g.own)
}

// Set sets the value. What stands for series that there was no place for is not set:
// that is counted in ember_invalid_updates_total.
func (g *Gauge) Set(v float64) {
	if at := g.at.Load(); at != nil {
		at.Store(math.Float64bits(v))
		if g.at.Load() == at {
			return
		}
		// Its series ended meanwhile.
	}
	g.setSpecial(v)
}

// Add adds v, which may be negative.
func (g *Gauge) Add(v float64) {
	if at := g.at.Load(); at == nil || !add(at, v) {
		g.addSpecial(v)
	}
}

// add adds v to a gauge's word, unless that has ended.
func add(at *atomic.Uint64, v float64) bool {
	for {
		old := at.Load()
		value := math.Float64frombits(old)
		if noValue(old) {
			if old == endedGauge {
				return false
			}
			value = valueOf(old)
		}
		if at.CompareAndSwap(old, math.Float64bits(value+v)) {
			return true
		}
	}
}

// Sub subtracts v.
func (g *Gauge) Sub(v float64) { g.Add(-v) }

// Inc adds one.
func (g *Gauge) Inc() { g.Add(1) }

// Dec subtracts one.
func (g *Gauge) Dec() { g.Add(-1) }

// SetToCurrentTime sets the value to the Unix time in seconds.
func (g *Gauge) SetToCurrentTime() { g.Set(float64(time.Now().UnixNano()) / 1e9) }

// Track adds one and returns a function that takes it off again, for what is in
// progress:
//
//	defer inFlight.Track()()
func (g *Gauge) Track() func() {
	g.Inc()
	return func() { g.Dec() }
}

// Value returns the value.
func (g *Gauge) Value() float64 {
	if at := g.at.Load(); at != nil {
		if bits := at.Load(); !noValue(bits) {
			return math.Float64frombits(bits)
		}
	}
	return g.specialValue()
}

// Collect writes the gauge to out, as it would be exposed.
func (g *Gauge) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, g) }

func (g *Gauge) definition() *definition {
	if m := g.more.Load(); m != nil {
		return m.def
	}
	return nil
}

func (g *Gauge) write(e encoder, _ []calledSeries) { e.value("", g.Value(), nil) }

func (g *Gauge) writeChild(e encoder, at *childmap.Child) {
	if g.exists() && !at.Deleted() {
		e.value(at.Text(), g.Value(), nil)
	}
}

// GaugeFunc is a gauge whose value a function reports at each scrape.
//
// Create one with NewGaugeFunc or Registry.NewGaugeFunc; the zero GaugeFunc is
// not usable.
type GaugeFunc struct{ callback }

// NewGaugeFunc returns a gauge that exposes what f returns. f is called once for
// each scrape, perhaps by several at once, and should be quick. If it panics, the
// series is left out of that scrape, and the failure is counted in
// ember_collector_errors_total and logged.
func NewGaugeFunc(opts GaugeOpts, f func() float64) *GaugeFunc {
	g := new(GaugeFunc)
	g.init(opts.define(nil), f)
	return g
}

// Value returns what the function returns now.
func (g *GaugeFunc) Value() float64 { return g.call() }

// Collect writes the gauge to out, as it would be exposed.
func (g *GaugeFunc) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, g) }
