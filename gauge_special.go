// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"sync"
	"sync/atomic"
)

// Most gauges are ordinary: a value, which updates write. Some need to know more of
// updates than the value shows, or cannot do what they are told. Their at is nil, which
// leads updates here; own has their value.

// gaugeMore is what the ordinary gauges of a vector share, or what a special one has for
// itself.
type gaugeMore struct {
	def *definition
	is  gaugeIs // constant

	// Of a watched gauge: what has been done to it since somebody looked. Of others, added
	// means nothing.
	added, assigned flag

	mu sync.Mutex

	// Of a watched gauge, by who looks, holding mu: how often there was something to see,
	// and whether something was added that may be taken off yet.
	seen    uint64
	pending bool

	// Of a gauge that has left, holding mu: its bits when it left or was taken from last,
	// and whether it was set since.
	before uint64
	set    bool
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

	// A gauge that has left its vector is an inbox. Its value counts on, so that what was
	// added before may be taken off again after.
	left
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

// nothingAdded are the bits of -0, which leaves every sum as it is, and which no sum
// comes back to.
const nothingAdded = 1 << 63

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
			g.own.Store(math.Float64bits(v))
			m.assigned.touch()
			if g.more.Load() == m {
				return
			}
			// It left meanwhile, perhaps without noticing.
		default:
			m.mu.Lock()
			defer m.mu.Unlock()
			g.own.Store(math.Float64bits(v))
			m.set = true
			return
		}
	}
}

// specialValue is Value for gauges that are special.
func (g *Gauge) specialValue() float64 {
	v := math.Float64frombits(g.own.Load())
	if g.more.Load().is == forOthers {
		v += 0 // which makes 0 of -0
	}
	return v
}

// exists reports whether there is anything to expose.
func (g *Gauge) exists() bool {
	return g.at.Load() != nil || g.own.Load() != nothingAdded || g.more.Load().is != forOthers
}

// activity changes with every update of a watched gauge. It also changes as long as there
// is something that was added and may be taken off yet: a request in flight may take long.
func (g *Gauge) activity() uint64 { return g.look(g.more.Load()) }

func (g *Gauge) look(m *gaugeMore) uint64 {
	if m.is != watched {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	assigned, added := m.assigned.untouch(), m.added.untouch()
	if assigned || added {
		m.pending = added
	}
	if assigned || added || m.pending && math.Float64frombits(g.own.Load()) != 0 {
		m.seen++
	}
	return m.seen
}

// end is that of all instruments, but a value that is forgotten stays where it is.
func (g *Gauge) end(t *taken, forget func(activity uint64) bool) bool {
	old := g.more.Load()
	m := &gaugeMore{def: old.def, is: left}
	m.mu.Lock()
	defer m.mu.Unlock()
	g.more.Store(m)
	g.at.Store(nil) // only now: who sees nil finds m
	if forget(g.look(old)) {
		m.before = g.own.Load()
		return false
	}
	t.value, t.set = math.Float64frombits(g.own.Swap(0)), false
	return true
}

// take takes nothing unless g, which has left, was updated since.
func (g *Gauge) take(t *taken) bool {
	m := g.more.Load()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.set && g.own.Load() == m.before {
		return false
	}
	t.value, t.set = math.Float64frombits(g.own.Swap(0)), m.set
	m.set, m.before = false, 0
	return true
}

func (g *Gauge) give(t *taken) {
	if t.set {
		g.Set(t.value)
	} else {
		g.Add(t.value)
	}
}
