// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/embermetrics/ember/internal/childmap"
)

// Most gauges are ordinary: a value, which updates write. Some need to know more of
// updates than the value shows, or cannot do what they are told. Their at is nil, which
// leads updates here; own has their value.

// gaugeMore is what the ordinary gauges of a vector share, or what a special one has for
// itself.
type gaugeMore struct {
	def *definition
	is  gaugeIs // constant

	mu sync.Mutex

	// Of a watched gauge: what has been done to it since somebody looked, and, by who
	// looks, holding mu: how often there was something to see, and whether something was
	// added that may be taken off yet.
	assigned, added flag
	seen            uint64
	pending         bool

	// Of a gauge whose series has ended, holding mu: who gets the updates, and the value
	// that the first of them brings along.
	heir *heir
	left float64
}

// gaugeIs says what is special about a gauge.
type gaugeIs uint8

const (
	ordinary gaugeIs = iota

	// A gauge for others stands for all series that there is no place for. It can add up
	// what is added to them, but there is no sum of what they are set to.
	forOthers

	// A watched gauge notes that it is updated, also by what leaves the value as it is.
	watched

	// The series of an ended gauge has ended.
	ended
)

// flag is set by any number of goroutines, which mostly find it set.
type flag struct{ on atomic.Uint32 }

func (f *flag) touch() {
	if f.on.Load() == 0 {
		f.on.Store(1)
	}
}

// untouch reports whether the flag was set, and unsets it.
func (f *flag) untouch() bool { return f.on.Load() != 0 && f.on.Swap(0) != 0 }

const (
	// nothingAdded are the bits of -0, which leaves every sum as it is, and which no sum
	// comes back to.
	nothingAdded = 1 << 63

	// endedGauge are the bits that an ended gauge has instead of a value, so that additions
	// notice which did not know: a NaN that computing does not make.
	endedGauge = 0x7ff8_656e_6465_6421
)

// initOthers makes g, which is ready, one for others.
func (g *Gauge) initOthers() {
	g.own.Store(nothingAdded)
	g.more.Store(&gaugeMore{def: g.more.Load().def, is: forOthers})
	g.at.Store(nil)
}

// initWatched makes g, which is new, a watched one.
func (g *Gauge) initWatched(d *definition) { g.more.Store(&gaugeMore{def: d, is: watched}) }

// setSpecial is Set for gauges that are special.
func (g *Gauge) setSpecial(v float64) {
	for {
		m := g.more.Load()
		switch m.is {
		case forOthers:
			m.def.dropped[noPlace].Add(1) // the log has heard of the limit
			return
		case watched:
			m.assigned.touch()
			bits := math.Float64bits(v)
			if bits == endedGauge {
				bits = math.Float64bits(math.NaN())
			}
			if old := g.own.Load(); old != endedGauge && g.own.CompareAndSwap(old, bits) {
				return
			}
		default:
			m.setHeir(&g.own, v)
			return
		}
	}
}

// addSpecial is Add for gauges that are special.
func (g *Gauge) addSpecial(v float64) {
	for {
		m := g.more.Load()
		switch m.is {
		case ordinary:
			if g.at.Load() != nil {
				return // somebody has set it to just this NaN, and adding changes nothing
			}
		case ended:
			m.addHeir(v)
			return
		default:
			m.added.touch()
			if add(&g.own, v) {
				return
			}
		}
	}
}

// setHeir is Set for a gauge that has ended, and whose word was perhaps set meanwhile.
func (m *gaugeMore) setHeir(own *atomic.Uint64, v float64) {
	to := m.heir.gauge()
	m.mu.Lock() // until end has taken what was left
	defer m.mu.Unlock()
	own.Store(endedGauge)
	m.left = 0
	to.Set(v)
}

// addHeir is Add for a gauge that has ended.
func (m *gaugeMore) addHeir(v float64) {
	to := m.heir.gauge()
	m.mu.Lock()
	defer m.mu.Unlock()
	to.Add(m.left + v)
	m.left = 0
}

// valueOfHeir is Value for a gauge that has ended.
func (m *gaugeMore) valueOfHeir() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to := existing[Gauge](m.heir); to != nil {
		return to.Value()
	}
	return m.left
}

// gauge returns the gauge to update in the place of one that has ended. It may have ended
// itself: with a value that an update has to bring along.
func (h *heir) gauge() *Gauge {
	for {
		c := h.is.Load()
		if c == nil {
			c = h.vector.children.Successor(h.of, true)
			if !h.is.CompareAndSwap(nil, c) {
				continue
			}
		}
		g := childmap.Item[Gauge](c)
		next := g.more.Load().passed()
		if next == nil {
			return g
		}
		h.is.CompareAndSwap(c, next)
	}
}

// passed returns the child that gets the updates of a gauge which has ended and has nothing
// that they have to bring along, or nil.
func (m *gaugeMore) passed() *childmap.Child {
	if m.is != ended {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left != 0 {
		return nil
	}
	return m.heir.is.Load()
}

// specialValue is Value for gauges that are special.
func (g *Gauge) specialValue() float64 {
	for {
		m := g.more.Load()
		if m.is == ended {
			return m.valueOfHeir()
		}
		bits := g.own.Load()
		switch {
		case m.is == forOthers && bits == nothingAdded:
			return 0
		case bits != endedGauge:
			return math.Float64frombits(bits)
		case m.is == ordinary && g.at.Load() != nil:
			return math.NaN() // somebody has set it to just this one
		}
	}
}

// exists reports whether there is anything to expose.
func (g *Gauge) exists() bool {
	return g.at.Load() != nil || g.own.Load() != nothingAdded || g.more.Load().is != forOthers
}

// activity changes with every update of a watched gauge. It also changes as long as there
// is something that was added and may be taken off yet: a request in flight may take long.
func (g *Gauge) activity() uint64 {
	return g.more.Load().look(math.Float64frombits(g.own.Load()))
}

func (m *gaugeMore) look(value float64) uint64 {
	if m.is != watched {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	assigned, added := m.assigned.untouch(), m.added.untouch()
	if assigned || added {
		m.pending = added
	}
	if assigned || added || m.pending && value != 0 {
		m.seen++
	}
	return m.seen
}

func (g *Gauge) end(h *heir, t *taken, forget func(activity uint64) bool) bool {
	old := g.more.Load()
	m := &gaugeMore{def: old.def, is: ended, heir: h}
	m.mu.Lock()
	defer m.mu.Unlock()
	g.more.Store(m)
	at := g.at.Swap(nil) // only now: who sees nil finds m
	if at == nil {
		at = &g.own
	}
	left := math.Float64frombits(at.Swap(endedGauge))
	forgotten := forget(old.look(left))
	// What was added may be taken off yet; what it was set to is no part of a sum.
	t.value, t.set = left, old.is == watched && !old.pending
	if forgotten && !t.set {
		m.left = left
	}
	return !forgotten
}

func (g *Gauge) give(t *taken) {
	if t.set {
		g.Set(t.value)
	} else {
		g.Add(t.value)
	}
}
