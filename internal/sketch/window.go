// SPDX-License-Identifier: Apache-2.0

package sketch

// Window keeps the values of the most recent periods, a sketch for each. Who uses
// it numbers the periods. Create one with NewWindow, on the heap. See MoveTo for one that
// other processes read.
type Window struct {
	ring   []Sketch // period p is in ring[p%len(ring)]
	period uint64   // the latest added to
	now    *Sketch  // that of period, for dividing takes long
	room   *room    // where now is, once moved; nil: on the heap
}

// NewWindow returns an empty window over that many periods.
func NewWindow(periods int) *Window {
	w := &Window{ring: make([]Sketch, periods)}
	w.now = &w.ring[0]
	return w
}

// Add counts v in a period. Periods that have fallen out of the window are
// forgotten. A period before the latest counts as the latest.
func (w *Window) Add(period uint64, v float64) {
	if period > w.period {
		w.advance(period)
	}
	if w.room != nil {
		w.room.add(w.now, v)
		return
	}
	w.now.Add(v)
}

func (w *Window) advance(period uint64) {
	n := uint64(len(w.ring))
	for back := range min(n, period-w.period) {
		if w.room != nil {
			w.room.rooms[(period-back)%n].begin(period - back)
		}
		w.ring[(period-back)%n] = Sketch{}
	}
	w.period, w.now = period, &w.ring[period%n]
	if w.room != nil {
		w.room = &w.room.rooms[period%n]
	}
}

// MergeInto adds to s what is within the window that ends with period, or with
// the latest added to if that is later.
func (w *Window) MergeInto(s *Sketch, period uint64) {
	n, end := uint64(len(w.ring)), max(period, w.period)
	for back := uint64(0); back < n && back <= w.period; back++ {
		if p := w.period - back; end-p < n {
			s.Merge(&w.ring[p%n])
		}
	}
}

// Absorb adds what is within the window of o that ends with its period theirs, as of the
// same age: what o counted in that period is counted in period ours, what it counted the
// one before in the one before that. What would be before the first counts as of the
// first. Both windows must have as many periods, of the same length.
func (w *Window) Absorb(ours uint64, o *Window, theirs uint64) {
	if ours > w.period {
		w.advance(ours)
	}
	n := uint64(len(w.ring))
	end := max(theirs, o.period)
	for back := uint64(0); back < n && back <= o.period; back++ {
		p := o.period - back
		age := min(end-p, w.period)
		if end-p >= n {
			continue
		}
		to, from := (w.period-age)%n, &o.ring[p%n]
		if w.room != nil {
			w.room.rooms[to].merge(&w.ring[to], from)
		} else {
			w.ring[to].Merge(from)
		}
	}
}
