// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/embermetrics/ember/internal/cell"
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
	// +Inf is always there. Each costs a series. None: DefBuckets.
	Buckets []float64
}

func (o HistogramOpts) define(labels []string) *layout {
	d := newDefinition(metric.Histogram, o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labels)
	l := newLayout(d, o.Buckets)
	d.shape = fmt.Sprint("buckets ", l.bounds)
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
	block  cell.Block
	layout *layout
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
	h.layout = l
	h.block.Init(make([]uint64, l.words()))
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
	bucket := histogramBuckets + l.find(v)
	_, w := h.block.Acquire(l.words())
	w[bucket]++
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + v)
	h.block.Release(w)
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
	h.snapshot(&s)
	return s.count
}

// Sum returns the sum of all observations.
func (h *Histogram) Sum() float64 {
	var s histogramSnapshot
	h.snapshot(&s)
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

func (h *Histogram) write(e encoder, _ []calledSeries) { h.writeChild(e, "") }

func (h *Histogram) writeChild(e encoder, labels string) {
	s := e.scratch()
	h.snapshot(&s.histogram)
	e.histogram(labels, &s.histogram)
}

// histogramSnapshot is a histogram at one moment, as encoders want it.
type histogramSnapshot struct {
	count   uint64
	sum     float64
	bounds  []float64
	le      []string // as in layout; nil if not rendered yet
	buckets []uint64 // cumulative; one more than bounds, the last is count
}

// snapshot overwrites s, whose buckets it reuses.
func (h *Histogram) snapshot(s *histogramSnapshot) {
	l := h.layout
	s.sum, s.bounds, s.le = 0, l.bounds, l.le
	s.buckets = append(s.buckets[:0], make([]uint64, len(l.bounds)+1)...)
	h.block.Read(l.words(), func(_ int, w []uint64) {
		s.sum += math.Float64frombits(w[histogramSum])
		for i, n := range w[histogramBuckets:] {
			s.buckets[i] += n
		}
	})
	s.count = 0
	for i, n := range s.buckets {
		s.count += n
		s.buckets[i] = s.count
	}
}
