// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/metric"
)

// SummaryOpts says what a summary or a vector of summaries is. Only Name is
// needed.
type SummaryOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name.
	Namespace, Subsystem, Name string

	Help string // one sentence on what is observed
	Unit string // the base unit of the values, such as "seconds"; the name should end in it

	ConstLabels Labels // on every series, with these values

	// Quantiles to estimate, each between 0 and 1: 0.5 is the median. None: the
	// summary has a sum and a count alone, and costs less than a histogram.
	Quantiles []float64

	// MaxAge is how far back quantiles look, 10 minutes if zero. Old observations
	// leave in AgeBuckets steps, 5 if zero, so that quantiles cover between
	// MaxAge less one step and MaxAge. Neither changes the sum and the count,
	// which cover everything.
	MaxAge     time.Duration
	AgeBuckets int

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

const (
	defaultMaxAge     = 10 * time.Minute
	defaultAgeBuckets = 5
	maxAgeBuckets     = 1000
)

// summaryShape is what all children of a summary share.
type summaryShape struct {
	*definition
	quantiles []float64     // sorted
	labels    numberLabels  // of each quantile
	period    time.Duration // the length of one step
	periods   int
}

func (o SummaryOpts) limits() limits {
	return limits{o.MaxSeries, o.LabelBudgets, o.KnownValues, o.Normalize, o.IdleAfter}
}

func (o SummaryOpts) define(labels []string) *summaryShape {
	d := newDefinition(metric.Summary, o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labels)
	s := &summaryShape{definition: d, quantiles: slices.Sorted(slices.Values(o.Quantiles))}
	if err := checkQuantiles(&d.Desc, s.quantiles); err != nil {
		d.fail(err)
		s.quantiles = nil
	}
	age := o.MaxAge
	switch {
	case age == 0:
		age = defaultMaxAge
	case age < 0:
		d.fail(wrong(&d.Desc, "MaxAge (%v) must be positive", age))
		age = defaultMaxAge
	}
	s.periods = o.AgeBuckets
	switch {
	case s.periods == 0:
		s.periods = defaultAgeBuckets
	case s.periods < 0 || s.periods > maxAgeBuckets:
		d.fail(wrong(&d.Desc, "AgeBuckets (%d) must be between 1 and %d", s.periods, maxAgeBuckets))
		s.periods = defaultAgeBuckets
	}
	s.period = max(age/time.Duration(s.periods), 1)
	s.labels = newNumberLabels("quantile", s.quantiles)
	d.differ("quantiles %v over %v in %v", s.quantiles, age, s.periods)
	d.summary = s
	return s
}

// Summary sums and counts observations and, if asked, estimates quantiles of the
// recent ones in the process itself. Each estimate is within 1 % of a value that
// was observed at that rank. Quantiles of several processes cannot be combined;
// where that is needed, a Histogram is the choice.
//
// Memory grows with the range of the values, not with their number: some
// kilobytes for latencies. Its methods may be called by any number of goroutines,
// never block and never fail. A scrape sees each observation whole or not at all.
//
// Create one with NewSummary, Registry.NewSummary or SummaryVec.With; the zero
// Summary is not usable, and a Summary must not be copied.
type Summary struct {
	block   cell.Block
	shape   *summaryShape
	created atomic.Int64         // in nanoseconds since 1970
	ages    *ages                // nil without quantiles
	heir    atomic.Pointer[heir] // once its series has ended
}

// Indices into a shard of a summary's block. Word 0 is the block's own.
const (
	summaryCount = 1
	summarySum   = 2 // the bits of the float64 sum
	summaryWords = 3
)

// ages keeps what quantiles need: the recent observations of each shard, and
// which period it is.
type ages struct {
	clock   clock                      // its periods are the steps
	home    atomic.Pointer[beside]     // where windows are that other processes see; nil: on the heap
	windows cell.Beside[sketch.Window] // of each shard of the block; nil: nothing observed
}

// NewSummary returns a summary without observations that is not registered. It
// never fails: what is wrong with opts, Register says.
func NewSummary(opts SummaryOpts) *Summary {
	s := new(Summary)
	s.init(opts.define(nil))
	return s
}

func (s *Summary) init(shape *summaryShape) {
	now := time.Now()
	s.shape = shape
	s.created.Store(now.UnixNano())
	s.block.Init(make([]uint64, summaryWords))
	if len(shape.quantiles) > 0 {
		s.ages = &ages{clock: clock{start: now}}
	}
}

// Observe counts v. NaN is not observed: it is counted in
// ember_invalid_updates_total and logged once.
func (s *Summary) Observe(v float64) {
	if v != v {
		s.shape.drop(notANumber, v)
		return
	}
	var period uint64
	if s.ages != nil {
		period = s.ages.clock.now(s.shape.period)
	}
	shard, w := s.block.Acquire(summaryWords)
	if w == nil {
		updated[Summary](s.heir.Load()).Observe(v)
		return
	}
	w[summaryCount]++
	w[summarySum] = math.Float64bits(math.Float64frombits(w[summarySum]) + v)
	if s.ages != nil {
		s.ages.window(shard, s.shape.periods).Add(period, v)
	}
	s.block.Release(w)
}

// window returns the window of a shard that the caller holds.
func (a *ages) window(shard, periods int) *sketch.Window {
	at := a.windows.At(shard)
	if *at == nil {
		a.begin(at, shard, periods)
	}
	return *at
}

//go:noinline
func (a *ages) begin(at **sketch.Window, shard, periods int) {
	*at = sketch.NewWindow(periods)
	if home := a.home.Load(); home != nil {
		(*home).takeWindow(shard, *at)
	}
}

// move lets the window of a shard that the caller holds live in home, and those made from
// now on.
func (a *ages) move(shard int, home *beside) {
	a.home.Store(home)
	if window := *a.windows.At(shard); window != nil {
		(*home).takeWindow(shard, window)
	}
}

// ObserveDuration counts d in seconds.
func (s *Summary) ObserveDuration(d time.Duration) { s.Observe(d.Seconds()) }

// Start returns a running timer whose Stop counts the seconds since. See Timer.
func (s *Summary) Start() Timer { return Timer{&timing{to: s, start: time.Now()}} }

// Time runs f and counts the seconds that it took, even if it panics.
func (s *Summary) Time(f func()) {
	defer s.Start().Stop()
	f()
}

// Count returns the number of observations since the beginning.
func (s *Summary) Count() uint64 {
	count, _ := s.totals(nil, 0)
	return count
}

// Sum returns the sum of all observations since the beginning.
func (s *Summary) Sum() float64 {
	_, sum := s.totals(nil, 0)
	return sum
}

// totals returns count and sum and, unless recent is nil, adds what was observed
// in the window that ends with a period.
func (s *Summary) totals(recent *sketch.Sketch, period uint64) (count uint64, sum float64) {
	whole := s.block.Read(summaryWords, func(shard int, w []uint64) {
		count += w[summaryCount]
		sum += math.Float64frombits(w[summarySum])
		if recent == nil {
			return
		}
		if window := *s.ages.windows.At(shard); window != nil {
			window.MergeInto(recent, period)
		}
	})
	if whole {
		return count, sum
	}
	if recent != nil {
		recent.Clear()
	}
	to := existing[Summary](s.heir.Load())
	if to == nil {
		return 0, 0
	}
	if recent != nil {
		period = to.ages.clock.advance(to.shape.period)
	}
	return to.totals(recent, period)
}

// Collect writes the summary to out, as it would be exposed.
func (s *Summary) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, s) }

func (s *Summary) definition() *definition {
	if s.shape == nil {
		return nil
	}
	return s.shape.definition
}

func (s *Summary) write(e encoder, _ []calledSeries) { s.writeChild(e, &alone) }

func (s *Summary) writeChild(e encoder, at *childmap.Child) {
	snap := &e.scratch().summary
	s.snapshot(snap)
	if at.Deleted() {
		return // perhaps before that was all of it
	}
	e.summary(at.Text(), snap)
}

// summarySnapshot is a summary at one moment, as encoders want it.
type summarySnapshot struct {
	stamps
	count     uint64
	sum       float64
	quantiles []float64
	labels    numberLabels // of each quantile
	values    []float64    // one for each quantile

	recent sketch.Sketch // scratch: keeps its memory from one summary to the next
}

// snapshot overwrites t, whose memory it reuses.
func (s *Summary) snapshot(t *summarySnapshot) {
	t.stamps = stamps{created: instantOf(s.created.Load())}
	t.quantiles, t.labels = s.shape.quantiles, s.shape.labels
	t.values = append(t.values[:0], t.quantiles...)
	if s.ages == nil {
		t.count, t.sum = s.totals(nil, 0)
		return
	}
	t.recent.Clear()
	t.count, t.sum = s.totals(&t.recent, s.ages.clock.advance(s.shape.period))
	t.recent.Quantiles(t.quantiles, t.values)
}
