// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// HistogramOpts says what a histogram or a vector of histograms is. Only Name is
// needed.
type HistogramOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name.
	Namespace, Subsystem, Name string

	Help string // one sentence on what is observed
	Unit string // the base unit of the values, such as "seconds"; the name should end in it

	ConstLabels Labels // on every series, with these values

	// Buckets are the upper bounds, inclusive, in increasing order; a bucket for
	// +Inf is always there. Each costs a series. None: DefBuckets, or no others if
	// the histogram is native.
	Buckets []float64

	// Native makes the histogram a native one, whose buckets nobody has to choose.
	// It has Buckets too if there are any, for readers that do not know native ones.
	// Nil: not native.
	Native *NativeOpts

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

func (o HistogramOpts) limits() limits {
	return limits{o.MaxSeries, o.LabelBudgets, o.KnownValues, o.Normalize, o.IdleAfter}
}

func (o HistogramOpts) define(labels []string) *layout {
	d := newDefinition(metric.Histogram, o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labels)
	bounds := o.Buckets
	if len(bounds) == 0 && o.Native == nil {
		bounds = DefBuckets
	}
	l := newLayout(d, bounds)
	d.differ("buckets %v", l.bounds)
	if o.Native != nil {
		l.native = o.Native.define(d)
		d.differ("native buckets %v", l.native)
	}
	d.layout = l
	return l
}

// Histogram counts observations in buckets, and sums them: latencies, sizes.
// Prometheus can add up histograms and estimate any quantile from them. Its
// methods may be called by any number of goroutines, never block and never fail.
//
// A scrape sees each observation whole or not at all: count, sum and buckets
// always belong to the same observations.
//
// Create one with NewHistogram, Registry.NewHistogram or HistogramVec.With; the
// zero Histogram is not usable, and a Histogram must not be copied.
type Histogram struct {
	// Two words, then one for each bucket; see the indices below.
	block   cell.Block
	layout  *layout
	created atomic.Int64                  // in nanoseconds since 1970; of a native one, nativeState knows
	more    atomic.Pointer[histogramMore] // what most histograms do not have; nil until there is something
}

// histogramMore is what a histogram has beside its classic buckets.
type histogramMore struct {
	heir      *heir          // once its series has ended
	led       *Histogram     // what counts in its place; see lead
	native    *nativeState   // nil if not native; constant
	exemplars []exemplarSlot // one for each bucket; without classic ones, see nativeSlot
}

// Indices into a shard of a histogram's block. Word 0 is the block's own.
const (
	histogramSum     = 1 // the bits of the float64 sum
	histogramBuckets = 2 // observations in each bucket alone, +Inf's last
)

// NewHistogram returns a histogram without observations that is not registered.
// It never fails: what is wrong with opts, Register says.
func NewHistogram(opts HistogramOpts) *Histogram {
	h := new(Histogram)
	h.init(opts.define(nil))
	return h
}

func (h *Histogram) init(l *layout) {
	now := time.Now().UnixNano()
	h.layout = l
	h.created.Store(now)
	h.block.Init(make([]uint64, l.words()))
	if l.native != nil {
		h.more.Store(&histogramMore{native: newNativeState(l.native, now)})
	}
}

// words is the size of a shard.
func (l *layout) words() int { return histogramBuckets + len(l.bounds) + 1 }

// Observe counts v. NaN is not observed: it is counted in
// ember_invalid_updates_total and logged once.
func (h *Histogram) Observe(v float64) {
	if v != v {
		h.layout.drop(notANumber, v)
		return
	}
	l := h.layout
	if l.native != nil {
		h.observeNative(v)
		return
	}
	bucket := histogramBuckets + l.find(v)
	_, w := h.block.Acquire(l.words())
	if w == nil {
		h.next().Observe(v)
		return
	}
	w[bucket]++
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + v)
	h.block.Release(w)
}

// ObserveWithExemplar counts v and keeps an exemplar on the terms of
// Counter.AddWithExemplar, where each bucket has an exemplar of its own. A histogram
// that has native buckets alone keeps up to 16, of values in different powers of two.
func (h *Histogram) ObserveWithExemplar(v float64, exemplar Labels) {
	h.Observe(v)
	if v == v && len(exemplar) > 0 {
		h.slot(v).offer(h.layout.definition, v, exemplar)
	}
}

// ObserveContext counts v, with the exemplar that the registry's WithExemplarSource
// finds in ctx, if it is time for one. Without a source it is Observe.
func (h *Histogram) ObserveContext(ctx context.Context, v float64) {
	h.Observe(v)
	if source := h.layout.source(); source != nil && v == v {
		h.slot(v).ask(ctx, h.layout.definition, source, v)
	}
}

// slot returns where the exemplar of an observation of v is kept.
func (h *Histogram) slot(v float64) *exemplarSlot {
	l := h.layout
	for {
		old := h.more.Load()
		if h.block.Ended() {
			return h.next().slot(v)
		}
		if old != nil && old.exemplars != nil {
			if len(l.bounds) == 0 {
				return &old.exemplars[nativeSlot(v)]
			}
			return &old.exemplars[l.find(v)]
		}
		fresh := new(histogramMore)
		if old != nil {
			fresh.native = old.native
		}
		if len(l.bounds) == 0 {
			fresh.exemplars = make([]exemplarSlot, nativeSlots)
		} else {
			fresh.exemplars = make([]exemplarSlot, len(l.bounds)+1)
		}
		h.more.CompareAndSwap(old, fresh)
	}
}

// ObserveDuration counts d in seconds.
func (h *Histogram) ObserveDuration(d time.Duration) { h.Observe(d.Seconds()) }

// Start returns a running timer whose Stop counts the seconds since. See Timer.
func (h *Histogram) Start() Timer { return Timer{&timing{to: h, start: time.Now()}} }

// Time runs f and counts the seconds that it took, even if it panics.
func (h *Histogram) Time(f func()) {
	defer h.Start().Stop()
	f()
}

// Count returns the number of observations.
func (h *Histogram) Count() uint64 {
	var s histogramSnapshot
	h.snapshot(&s, false)
	return s.count
}

// Sum returns the sum of all observations.
func (h *Histogram) Sum() float64 {
	var s histogramSnapshot
	h.snapshot(&s, false)
	return s.sum
}

// Collect writes the histogram to out, as it would be exposed.
func (h *Histogram) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, h) }

func (h *Histogram) definition() *definition {
	if h.layout == nil {
		return nil
	}
	return h.layout.definition
}

func (h *Histogram) write(e encoder, _ []calledSeries) { h.writeChild(e, &alone) }

func (h *Histogram) writeChild(e encoder, at *childmap.Child) {
	s := &e.scratch().histogram
	_, gathered := e.(*snapshotter)
	h.snapshot(s, !gathered)
	if at.Deleted() {
		return // perhaps before that was all of it
	}
	e.histogram(at.Text(), s)
}

// histogramSnapshot is a histogram at one moment, as encoders want it.
type histogramSnapshot struct {
	stamps
	count     uint64
	sum       float64
	bounds    []float64
	le        numberLabels // of bounds and +Inf
	buckets   []uint64     // cumulative; one more than bounds, the last is count
	exemplars []*exemplar  // of each bucket, nil where there is none; empty if there are none at all

	native          *native.Buckets // nil if not native; otherwise ownNative
	nativeExemplars []*exemplar     // only if there are no bounds; by time
	ownNative       native.Buckets
}

// exemplar returns the exemplar of a bucket, or nil.
func (s *histogramSnapshot) exemplar(bucket int) *exemplar {
	if bucket < len(s.exemplars) {
		return s.exemplars[bucket]
	}
	return nil
}

// snapshot overwrites s, whose memory it reuses. A scrape may let a native histogram
// begin anew after it; see NativeOpts.ResetAfter.
func (h *Histogram) snapshot(s *histogramSnapshot, scrape bool) {
	l := h.layout
	s.stamps = stamps{created: instantOf(h.created.Load())}
	s.sum, s.bounds, s.le = 0, l.bounds, l.le
	s.buckets = append(s.buckets[:0], make([]uint64, len(l.bounds)+1)...)
	s.exemplars, s.nativeExemplars = s.exemplars[:0], s.nativeExemplars[:0]
	s.native = nil
	more := h.more.Load()
	whole := false
	if more != nil && more.native != nil {
		whole = h.snapshotNative(s, more.native, scrape)
	} else {
		whole = h.block.Read(l.words(), func(_ int, w []uint64) { s.add(w) })
	}
	if !whole {
		h.snapshotNext(s, scrape)
		return
	}
	s.count = 0
	for i, n := range s.buckets {
		s.count += n
		s.buckets[i] = s.count
	}
	if more != nil && more.exemplars != nil {
		s.takeExemplars(more.exemplars)
	}
}

// snapshotNext is snapshot for a histogram that has ended.
func (h *Histogram) snapshotNext(s *histogramSnapshot, scrape bool) {
	more := h.more.Load()
	to := more.led
	if to == nil {
		to = existing[Histogram](more.heir)
	}
	if to != nil {
		to.snapshot(s, scrape)
		return
	}
	s.sum, s.count = 0, 0
	clear(s.buckets)
	s.ownNative.Reset(s.ownNative.Scale())
}

// add adds what is in a shard.
func (s *histogramSnapshot) add(w []uint64) {
	s.sum += math.Float64frombits(w[histogramSum])
	for i, n := range w[histogramBuckets:] {
		s.buckets[i] += n
	}
}

func (s *histogramSnapshot) takeExemplars(slots []exemplarSlot) {
	if len(s.bounds) > 0 {
		for i := range slots {
			s.exemplars = append(s.exemplars, slots[i].kept.Load())
		}
		return
	}
	for i := range slots {
		if x := slots[i].kept.Load(); x != nil {
			s.nativeExemplars = append(s.nativeExemplars, x)
		}
	}
	s.sortExemplars()
}

// sortExemplars puts the native exemplars in order of time, since readers append
// them to a series. The only classic bucket, +Inf's, has the newest.
func (s *histogramSnapshot) sortExemplars() {
	x := s.nativeExemplars
	// There are few, and package sort would allocate.
	for i := range x {
		for j := i; j > 0 && x[j-1].at.nanos() > x[j].at.nanos(); j-- {
			x[j-1], x[j] = x[j], x[j-1]
		}
	}
	if n := len(x); n > 0 {
		s.exemplars = append(s.exemplars, x[n-1])
	}
}
