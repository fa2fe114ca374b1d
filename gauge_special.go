// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/words"
)

// Most gauges are ordinary: a value, which updates write. Some need to know more of
// updates than the value shows, or cannot do what they are told. Their at is nil, which
// leads updates here; own has their value.

// gaugeMore is what the ordinary gauges of a vector share, or what a special one has for
// itself.
type gaugeMore struct {
	def *definition
	is  gaugeIs // constant

	mu sync.Mutex // also held while a gauge moves or ends

	// Where the word of a special gauge is that other processes see, and behind it when it
	// was updated; nil: own.
	words atomic.Pointer[[2]atomic.Uint64]

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
	word *atomic.Uint64 // where its value was
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

	// A dated gauge notes when it is updated, for other processes.
	dated

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
	// endedGauge are the bits that an ended gauge has instead of a value, so that additions
	// notice which did not know: a NaN that computing does not make.
	endedGauge = 0x7ff8_656e_6465_6421

	// neverSet are those of a gauge that was neither set nor added to: another such NaN.
	neverSet = words.Unset
)

// noValue reports whether a gauge's bits stand for something else than a value: only
// endedGauge and neverSet do, the two in four that computing does not make.
func noValue(bits uint64) bool { return bits>>2 == endedGauge>>2 }

// valueOf returns the value that a gauge's bits stand for: 0 if it was never set.
func valueOf(bits uint64) float64 {
	if bits == neverSet {
		return 0
	}
	return math.Float64frombits(bits)
}

// initOthers makes g, which is ready, one for others.
func (g *Gauge) initOthers() {
	g.own.Store(neverSet)
	g.more.Store(&gaugeMore{def: g.more.Load().def, is: forOthers})
	g.at.Store(nil)
}

// initWatched makes g, which is new, a watched one.
func (g *Gauge) initWatched(d *definition) {
	g.own.Store(neverSet)
	g.more.Store(&gaugeMore{def: d, is: watched})
}

// word returns where the value of a special gauge is.
func (g *Gauge) word(m *gaugeMore) *atomic.Uint64 {
	if w := m.words.Load(); w != nil {
		return &w[0]
	}
	return &g.own
}

// wait returns when a gauge has moved that is about to.
func (m *gaugeMore) wait() {
	m.mu.Lock()
	defer m.mu.Unlock()
}

// date notes that a special gauge was updated now, if it is to be noted.
func (m *gaugeMore) date() {
	if w := m.words.Load(); w != nil && m.def.dates() {
		w[1].Store(uint64(time.Now().UnixNano()))
	}
}

// setSpecial is Set for gauges that are special.
func (g *Gauge) setSpecial(v float64) {
	for {
		m := g.more.Load()
		switch m.is {
		case forOthers:
			m.def.dropped[noPlace].Add(1) // the log has heard of the limit
			return
		case ordinary:
			at := g.at.Load()
			if at == nil {
				m.wait()
				continue
			}
			if at != &g.own {
				g.own.Store(endedGauge) // which v may have taken the place of
			}
			at.Store(math.Float64bits(v))
			if at == g.at.Load() {
				return
			}
		case watched, dated:
			if m.is == watched {
				m.assigned.touch()
			}
			bits := math.Float64bits(v)
			if bits == endedGauge {
				bits = math.Float64bits(math.NaN())
			}
			w := g.word(m)
			if old := w.Load(); old == endedGauge {
				m.wait()
			} else if w.CompareAndSwap(old, bits) {
				m.date()
				return
			}
		default:
			g.setHeir(m, v)
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
			at := g.at.Load()
			if at == nil {
				m.wait()
			} else if add(at, v) || at == g.at.Load() {
				return // or somebody has set it to just this NaN, and adding changes nothing
			}
		case ended:
			m.addHeir(v)
			return
		default:
			m.added.touch()
			if add(g.word(m), v) {
				m.date()
				return
			}
			m.wait()
		}
	}
}

// setHeir is Set for a gauge that has ended, and whose word was perhaps set meanwhile.
func (g *Gauge) setHeir(m *gaugeMore, v float64) {
	to := m.heir.gauge()
	m.mu.Lock() // until end has taken what was left
	defer m.mu.Unlock()
	m.word.Store(endedGauge)
	g.own.Store(endedGauge)
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
		if m.is == ordinary {
			at := g.at.Load()
			if at == nil {
				m.wait()
				continue
			}
			bits := at.Load()
			if at == g.at.Load() {
				return valueOf(bits) // or somebody has set it to just this NaN
			}
			continue
		}
		if bits := g.word(m).Load(); bits != endedGauge {
			return valueOf(bits)
		}
		m.wait()
	}
}

// exists reports whether there is anything to expose.
func (g *Gauge) exists() bool {
	m := g.more.Load()
	return g.at.Load() != nil || m.is != forOthers || g.word(m).Load() != neverSet
}

// activity changes with every update of a watched gauge. It also changes as long as there
// is something that was added and may be taken off yet: a request in flight may take long.
func (g *Gauge) activity() uint64 {
	m := g.more.Load()
	return m.look(valueOf(g.word(m).Load()))
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

// hold returns what g has beside its value, with mu locked.
func (g *Gauge) hold() *gaugeMore {
	for {
		m := g.more.Load()
		m.mu.Lock()
		if m == g.more.Load() {
			return m
		}
		m.mu.Unlock()
	}
}

// moveTo makes words where other processes see the value, and behind it when it was
// updated, the place of the value. It returns false if g has moved before or has ended.
func (g *Gauge) moveTo(words *[2]atomic.Uint64) bool {
	m := g.hold()
	defer m.mu.Unlock()
	if m.is == ended || m.words.Load() != nil {
		return false
	}
	to := m
	if m.is == ordinary {
		if g.at.Load() != &g.own {
			return false
		}
		g.at.Store(nil) // who sees it waits
		if m.def.dates() {
			to = &gaugeMore{def: m.def, is: dated}
		}
	}
	bits := g.own.Swap(endedGauge) // additions that have not seen nil see this
	words[0].Store(bits)
	if to.is == ordinary {
		g.at.Store(&words[0])
		return true
	}
	to.words.Store(words)
	if bits != neverSet {
		to.date()
	}
	g.more.Store(to)
	return true
}

func (g *Gauge) end(h *heir, t *taken, forget func(activity uint64) bool) bool {
	m := &gaugeMore{is: ended, heir: h}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := g.hold()
	m.def = old.def
	g.more.Store(m)
	m.word = g.at.Swap(nil) // only now: who sees nil finds m
	if m.word == nil {
		m.word = g.word(old)
	}
	if m.word != &g.own {
		m.def.retire(wordAt(m.word))
	}
	left := valueOf(m.word.Swap(endedGauge))
	old.mu.Unlock()
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
