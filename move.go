// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"sync/atomic"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/internal/words"
)

// taken is what was taken out of one instrument, to be given to another of its kind.
type taken struct {
	created   int64       // when that began, in nanoseconds since 1970
	exemplars []*exemplar // nil among them are none

	whole    uint64  // of a counter
	fraction float64 // likewise

	value float64 // of a gauge
	set   bool    // to value; otherwise it came to it by additions

	count   uint64    // of a histogram or summary
	sum     float64   // likewise
	bounds  []float64 // of a histogram
	buckets []uint64  // one more than bounds, each alone
	native  native.Buckets

	windows []*sketch.Window // of a summary; nobody else has them
	period  uint64           // in which they were taken, by the clock of who had them
}

// began makes an instrument's beginning as early as what it was given.
func (t *taken) began(created *atomic.Int64) {
	for {
		old := created.Load()
		if t.created >= old || created.CompareAndSwap(old, t.created) {
			return
		}
	}
}

// beganShared lets other processes know when an instrument began, whose first word is
// given if it has moved.
func beganShared(first *uint64, createdAt int, created int64) {
	if first != nil {
		atomic.StoreUint64(further(first, createdAt), uint64(created))
	}
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

func (c *Counter) give(t *taken) {
	t.began(&c.created)
	beganShared(c.firstWord(), words.CounterWords-1, c.created.Load())
	if t.whole != 0 {
		c.total.AddWhole(t.whole)
	}
	if t.fraction != 0 {
		c.total.Add(t.fraction)
	}
	c.exemplar.give(t.exemplars[0])
}

func (c *Counter) end(h *heir, t *taken, forget func(activity uint64) bool) bool {
	if w := c.firstWord(); w != nil {
		c.def.retire(w)
	}
	t.whole, t.fraction = c.total.End(&counterHeir{h})
	if forget(activityOf(t.whole, t.fraction)) {
		return false
	}
	t.created, t.exemplars = c.created.Load(), []*exemplar{c.exemplar.kept.Load()}
	return true
}

// counterHeir gets what is added to a counter that has ended.
type counterHeir struct{ *heir }

func (h *counterHeir) Add(n uint64, f float64) {
	c := updated[Counter](h.heir)
	if n != 0 {
		c.total.AddWhole(n)
	}
	if f != 0 {
		c.total.Add(f)
	}
}

func (h *counterHeir) Load() float64 {
	if c := existing[Counter](h.heir); c != nil {
		return c.Value()
	}
	return 0
}

// slot returns where the exemplar is kept: the heir's, if c has ended.
func (c *Counter) slot() *exemplarSlot {
	if h, ok := c.total.Heir().(*counterHeir); ok {
		return updated[Counter](h.heir).slot()
	}
	return &c.exemplar
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

func (h *Histogram) end(to *heir, t *taken, forget func(activity uint64) bool) bool {
	h.endAs(func(m *histogramMore) { m.heir = to }, t)
	return !forget(t.count)
}

// endAs ends h, whose updates go where set says, and empties it into t.
func (h *Histogram) endAs(set func(*histogramMore), t *taken) {
	l := h.layout
	if w := h.block.Elsewhere(); w != nil {
		l.retire(w)
	}
	more := h.change(set)
	t.created, t.bounds, t.buckets = h.created.Load(), l.bounds, make([]uint64, len(l.bounds)+1)
	n := more.native
	if n != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		t.created = n.created
		t.native.Reset(*n.scale.Load())
	}
	h.block.End(l.words(), func(i int, w []uint64) {
		t.sum += math.Float64frombits(w[histogramSum])
		for b, count := range w[histogramBuckets:] {
			t.buckets[b] += count
			t.count += count
		}
		if n != nil {
			if shard := *n.shards.At(i); shard != nil {
				t.native.Merge(&shard.buckets)
			}
		}
	})
	for i := range more.exemplars {
		t.exemplars = append(t.exemplars, more.exemplars[i].kept.Load())
	}
}

// change returns what h has beside its classic buckets, after a change.
func (h *Histogram) change(set func(*histogramMore)) *histogramMore {
	for {
		old := h.more.Load()
		fresh := new(histogramMore)
		if old != nil {
			*fresh = *old
		}
		set(fresh)
		if h.more.CompareAndSwap(old, fresh) {
			return fresh
		}
	}
}

func (h *Histogram) give(t *taken) {
	l := h.layout
	var n *nativeState
	if more := h.more.Load(); more != nil && more.native != nil {
		n = more.native
		n.prepare(t)
	}
	i, w := h.block.Acquire(l.words())
	if w == nil {
		h.next().give(t)
		return
	}
	t.began(&h.created)
	full := false
	if n != nil {
		b := n.shard(i)
		b.Merge(&t.native)
		full = l.native.maxBuckets > 0 && b.Populated() > l.native.maxBuckets
	}
	for b, count := range t.buckets {
		w[histogramBuckets+l.rebucket(t.bounds, b)] += count
	}
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + t.sum)
	h.block.Release(w)
	created := h.created.Load()
	if n != nil {
		created = n.began()
	}
	beganShared(h.block.Elsewhere(), l.words(), created)
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
	n.created = min(n.created, t.created)
	scale, given := *n.scale.Load(), t.native.Scale()
	if given.Schema < scale.Schema || given.ZeroThreshold > scale.ZeroThreshold {
		scale.Schema = min(scale.Schema, given.Schema)
		scale.ZeroThreshold = max(scale.ZeroThreshold, given.ZeroThreshold)
		n.scale.Store(&scale)
		n.coarse = true
	}
}

// activity is the number of observations.
func (s *Summary) activity() uint64 { return s.Count() }

func (s *Summary) end(h *heir, t *taken, forget func(activity uint64) bool) bool {
	if w := s.block.Elsewhere(); w != nil {
		s.shape.retire(w)
	}
	s.heir.Store(h)
	t.created = s.created.Load()
	if s.ages != nil {
		t.period = s.ages.clock.advance(s.shape.period)
	}
	s.block.End(summaryWords, func(shard int, w []uint64) {
		t.count += w[summaryCount]
		t.sum += math.Float64frombits(w[summarySum])
		if s.ages != nil {
			if window := *s.ages.windows.At(shard); window != nil {
				t.windows = append(t.windows, window)
			}
		}
	})
	return !forget(t.count)
}

func (s *Summary) give(t *taken) {
	var period uint64
	if s.ages != nil {
		period = s.ages.clock.now(s.shape.period)
	}
	shard, w := s.block.Acquire(summaryWords)
	if w == nil {
		updated[Summary](s.heir.Load()).give(t)
		return
	}
	t.began(&s.created)
	w[summaryCount] += t.count
	w[summarySum] = math.Float64bits(math.Float64frombits(w[summarySum]) + t.sum)
	for _, from := range t.windows {
		s.ages.window(shard, s.shape.periods).Absorb(period, from, t.period)
	}
	s.block.Release(w)
	beganShared(s.block.Elsewhere(), summaryWords, s.created.Load())
}
