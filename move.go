// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"sync/atomic"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
)

// An instrument whose series has left its vector becomes an inbox: who still holds it
// goes on updating it as before, and each scrape moves what has come in since to the
// instrument that has its labels then. Moving is taking everything out, which leaves zero
// behind, and giving it: an update that is made meanwhile is in what is taken or stays
// for the next time.

// taken is what was taken out of one instrument, to be given to another of its kind. Its
// memory is used again.
type taken struct {
	created   int64       // when that began, in nanoseconds since 1970; 0: it is no older than who gets it
	exemplars []*exemplar // nil among them are none

	whole    uint64  // of a counter
	fraction float64 // likewise

	value float64 // of a gauge
	set   bool    // it was set to value, not changed by it

	count   uint64    // of a histogram or summary
	sum     float64   // likewise
	bounds  []float64 // of a histogram
	buckets []uint64  // one more than bounds, each alone
	native  native.Buckets

	windows []*sketch.Window // of a summary; nobody else has them
	period  uint64           // in which they were taken, of the clock of who had them
}

// began makes an instrument's beginning as early as what it was given.
func (t *taken) began(created *atomic.Int64) {
	for {
		old := created.Load()
		if t.created == 0 || t.created >= old || created.CompareAndSwap(old, t.created) {
			return
		}
	}
}

// take empties the slot.
func (s *exemplarSlot) take() *exemplar {
	if s.kept.Load() == nil {
		return nil
	}
	return s.kept.Swap(nil)
}

// give keeps an exemplar unless there is a newer one.
func (s *exemplarSlot) give(x *exemplar) {
	if x == nil {
		return
	}
	for {
		old := s.kept.Load()
		if old != nil && old.at.nanos() >= x.at.nanos() || s.kept.CompareAndSwap(old, x) {
			return
		}
	}
}

// activityOf makes one number of the two parts of a total, which changes with them.
func activityOf(whole uint64, fraction float64) uint64 {
	return whole*0x9e3779b97f4a7c15 + math.Float64bits(fraction)
}

func (c *Counter) activity() uint64 { return activityOf(c.total.Parts()) }

func (c *Counter) take(t *taken) bool {
	t.created = c.created.Load()
	t.whole, t.fraction = c.total.Take()
	t.exemplars = append(t.exemplars[:0], c.exemplar.take())
	return t.whole != 0 || t.fraction != 0
}

func (c *Counter) give(t *taken) {
	t.began(&c.created)
	if t.whole != 0 {
		c.total.AddWhole(t.whole)
	}
	if t.fraction != 0 {
		c.total.Add(t.fraction)
	}
	c.exemplar.give(t.exemplars[0])
}

func (c *Counter) end(t *taken, forget func(activity uint64) bool) bool {
	c.take(t)
	return !forget(activityOf(t.whole, t.fraction))
}

// activity is the number of observations.
func (h *Histogram) activity() (n uint64) {
	h.block.Read(h.layout.words(), func(_ int, w []uint64) {
		for _, count := range w[histogramBuckets:] {
			n += count
		}
	})
	return n
}

func (h *Histogram) take(t *taken) bool {
	l := h.layout
	t.created, t.count, t.sum, t.bounds = h.created.Load(), 0, 0, l.bounds
	t.buckets = append(t.buckets[:0], make([]uint64, len(l.bounds)+1)...)
	t.exemplars = t.exemplars[:0]
	more := h.more.Load()
	if more != nil {
		for i := range more.exemplars {
			t.exemplars = append(t.exemplars, more.exemplars[i].take())
		}
	}
	var n *nativeState
	if more != nil && more.native != nil {
		n = more.native
		n.mu.Lock()
		defer n.mu.Unlock()
		t.created = n.created
		t.native.Reset(*n.scale.Load())
	}
	h.block.Read(l.words(), func(i int, w []uint64) {
		t.sum += math.Float64frombits(w[histogramSum])
		for b, count := range w[histogramBuckets:] {
			t.buckets[b] += count
			t.count += count
		}
		clear(w[histogramSum:])
		if n == nil {
			return
		}
		if shard := *n.shards.At(i); shard != nil {
			t.native.Merge(&shard.buckets)
			shard.buckets.Reset(*shard.scale)
		}
	})
	return t.count != 0
}

func (h *Histogram) give(t *taken) {
	l := h.layout
	var n *nativeState
	if more := h.more.Load(); more != nil && more.native != nil {
		n = more.native
		n.prepare(t)
	}
	t.began(&h.created)
	i, w := h.block.Acquire(l.words())
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + t.sum)
	for b, count := range t.buckets {
		w[histogramBuckets+b] += count
	}
	full := false
	if n != nil {
		b := n.shard(i)
		b.Merge(&t.native)
		full = l.native.maxBuckets > 0 && b.Populated() > l.native.maxBuckets
	}
	h.block.Release(w)
	if full {
		var s histogramSnapshot
		h.snapshot(&s, false) // which announces a scale that fits
	}
	for _, x := range t.exemplars {
		if x != nil {
			h.slot(x.value).give(x)
		}
	}
}

// prepare makes n as old and as coarse as what it will be given.
func (n *nativeState) prepare(t *taken) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t.created != 0 {
		n.created = min(n.created, t.created)
	}
	scale, given := *n.scale.Load(), t.native.Scale()
	if given.Schema < scale.Schema || given.ZeroThreshold > scale.ZeroThreshold {
		scale.Schema = min(scale.Schema, given.Schema)
		scale.ZeroThreshold = max(scale.ZeroThreshold, given.ZeroThreshold)
		n.scale.Store(&scale)
		n.coarse = true
	}
}

func (h *Histogram) end(t *taken, forget func(activity uint64) bool) bool {
	h.take(t)
	return !forget(t.count)
}

// activity is the number of observations.
func (s *Summary) activity() uint64 { return s.Count() }

func (s *Summary) take(t *taken) bool {
	t.created, t.count, t.sum, t.windows = s.created.Load(), 0, 0, nil
	if s.ages != nil {
		t.period = s.ages.clock.advance(s.shape.period)
	}
	s.block.Read(summaryWords, func(shard int, w []uint64) {
		t.count += w[summaryCount]
		t.sum += math.Float64frombits(w[summarySum])
		clear(w[summaryCount:])
		if s.ages == nil {
			return
		}
		if at := s.ages.windows.At(shard); *at != nil {
			t.windows = append(t.windows, *at)
			*at = nil
		}
	})
	return t.count != 0
}

func (s *Summary) give(t *taken) {
	t.began(&s.created)
	var period uint64
	if s.ages != nil {
		period = s.ages.clock.now(s.shape.period)
	}
	shard, w := s.block.Acquire(summaryWords)
	w[summaryCount] += t.count
	w[summarySum] = math.Float64bits(math.Float64frombits(w[summarySum]) + t.sum)
	for _, from := range t.windows {
		s.ages.window(shard, s.shape.periods).Absorb(period, from, t.period)
	}
	s.block.Release(w)
}

func (s *Summary) end(t *taken, forget func(activity uint64) bool) bool {
	s.take(t)
	return !forget(t.count)
}
