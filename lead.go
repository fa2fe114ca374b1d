// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"

	"github.com/embermetrics/ember/internal/native"
)

// A histogram keeps its buckets for as long as it lives. If a rule wants others it is led
// to another histogram, which counts for it from then on: an observation looks at the
// layout anyway, and at one bit of it. What had been observed before, and what is observed
// meanwhile by who saw the old layout, is moved by whoever reads.

// lead makes another histogram count for h, with these buckets.
func (h *Histogram) lead(to *layout) {
	other := new(Histogram)
	other.init(to)
	other.created = h.created
	more := h.more.Load()
	if more != nil && more.native != nil {
		other.more.Load().native.continues(more.native)
	}
	led := *h.layout.Load()
	led.special, led.other = true, other
	h.layout.Store(&led)
	if more = h.more.Load(); more != nil {
		for i := range more.exemplars {
			if x := more.exemplars[i].kept.Load(); x != nil {
				other.slot(x.value).kept.CompareAndSwap(nil, x)
			}
		}
	}
}

// continues makes n, which is new, as old and as coarse as o.
func (n *nativeState) continues(o *nativeState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n.created, n.coarse = o.created, o.coarse
	n.scale.Store(o.scale.Load())
}

// takeOver moves to h what from has, whose layout is l. As each shard is held until
// what was in it is there, whoever does the same next finds it there.
func (h *Histogram) takeOver(from *Histogram, l *layout) {
	var n *nativeState
	if more := from.more.Load(); more != nil {
		n = more.native
	}
	from.block.Read(l.words(), func(i int, w []uint64) {
		var b *native.Buckets
		if n != nil {
			if shard := *n.shards.At(i); shard != nil {
				b = &shard.buckets
			}
		}
		if !h.add(l, w, b) {
			return
		}
		clear(w[histogramSum:])
		if b != nil {
			b.Reset(b.Scale())
		}
	})
}

// add counts in h what is in a shard of another histogram, whose layout is from, and
// which has these native buckets if h has any. It reports whether there was anything.
func (h *Histogram) add(from *layout, shard []uint64, b *native.Buckets) bool {
	any := false
	for _, n := range shard[histogramBuckets:] {
		any = any || n != 0
	}
	if !any {
		return false
	}
	l := h.layout.Load()
	i, w := h.block.Acquire(l.words())
	w[histogramSum] = math.Float64bits(math.Float64frombits(w[histogramSum]) + math.Float64frombits(shard[histogramSum]))
	for bucket, n := range shard[histogramBuckets:] {
		w[histogramBuckets+l.rebucket(from.bounds, bucket)] += n
	}
	if b != nil {
		h.more.Load().native.shard(i).Merge(b)
	}
	h.block.Release(w)
	return true
}

// rebucket returns which bucket counts what was counted in one among other bounds: the one
// of its upper bound. So no observation becomes less than it was.
func (l *layout) rebucket(from []float64, bucket int) int {
	if bucket == len(from) {
		return len(l.bounds)
	}
	return l.find(from[bucket])
}
