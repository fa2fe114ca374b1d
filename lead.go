// SPDX-License-Identifier: Apache-2.0

package ember

// A histogram keeps its buckets for as long as it lives. If a rule wants others it is led
// to another histogram: it ends, as if it were one whose series has, and passes on what it
// has, and all observations from then on.

// lead makes another histogram count for h, with these buckets.
func (h *Histogram) lead(to *layout) {
	other := new(Histogram)
	other.init(to)
	var t taken
	h.endAs(func(m *histogramMore) { m.led = other }, &t)
	other.give(&t)
}

// next returns the histogram to update in the place of one that has ended.
func (h *Histogram) next() *Histogram {
	more := h.more.Load()
	if more.led != nil {
		return more.led
	}
	return updated[Histogram](more.heir)
}

// rebucket returns which bucket counts what was counted in one among other bounds: the one
// of its upper bound. So no observation becomes less than it was.
func (l *layout) rebucket(from []float64, bucket int) int {
	if bucket == len(from) {
		return len(l.bounds)
	}
	return l.find(from[bucket])
}
