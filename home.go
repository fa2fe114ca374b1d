// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"sync/atomic"
	"unsafe"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

// Instruments that other processes are to see have their words in a file of this process
// that the others read. Updates are the same there. An instrument moves when it is
// registered, or when its vector makes it, and takes along what it has; whatever has no
// place in the file stays where it is, and only this process knows of it.

// others are the processes that a registry is one with. They are behind an interface so
// that only those programs link what it takes that use it.
type others interface {
	prepare(ctx context.Context, r *Registry, q request) *scrape
	// adopt lets an instrument live where the others see it. It returns false if there was
	// no place for all of it.
	adopt(reg *registration) bool
	// leave makes the others skip what is not registered any more.
	leave(reg *registration)
	stats() words.Stats
}

// home is where the series of one definition live.
type home struct {
	dir    words.Dir
	family words.Writer
	hidden atomic.Bool // it is not registered any more
}

// place is the series whose first word is given: what belongs to it comes beside it.
type place struct {
	dir   words.Dir
	first *uint64
}

// beside is a place for what belongs to a shard of a series and does not have a fixed
// number of words.
type beside interface {
	takeBuckets(shard int, b *native.Buckets)
	takeWindow(shard int, w *sketch.Window)
}

func (p *place) takeBuckets(shard int, b *native.Buckets) {
	if !b.Moved() { // it may have been made here already
		b.MoveTo(p, uint64(shard))
	}
}

func (p *place) takeWindow(shard int, w *sketch.Window) {
	if !w.Moved() {
		w.MoveTo(p, uint64(shard))
	}
}

// Words makes a place a words.Home.
func (p *place) Words(kind uint16, n int, first ...uint64) []uint64 {
	return p.dir.Attach(p.first, kind, n, first...)
}

// retire makes other processes skip the series whose first word is given.
func (d *definition) retire(first *uint64) {
	if h := d.home.Load(); h != nil {
		h.dir.RetireAt(first)
	}
}

func wordAt(w *atomic.Uint64) *uint64 { return (*uint64)(unsafe.Pointer(w)) }

// further returns the word that lies n words behind another one of the same series.
func further(first *uint64, n int) *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(first), 8*n))
}

func (c *Counter) settle() bool {
	c.total.Settle()
	return c.total.Elsewhere() != nil || c.total.Heir() != nil
}

func (c *Counter) share(h *home, values []string) bool {
	w := h.family.Series(values, words.CounterWords, 0, 0, uint64(c.created.Load()))
	if w != nil && !c.total.Move((*cell.TotalWords)(unsafe.Pointer(&w[0]))) {
		h.dir.RetireAt(&w[0])
	}
	return w != nil
}

func (g *Gauge) settle() bool {
	m := g.more.Load()
	return m.is == ended || m.words.Load() != nil || m.is == ordinary && g.at.Load() != &g.own
}

func (g *Gauge) share(h *home, values []string) bool {
	w := h.family.Series(values, words.GaugeWords, words.Unset)
	if w != nil && !g.moveTo((*[2]atomic.Uint64)(unsafe.Pointer(&w[0]))) {
		h.dir.RetireAt(&w[0])
	}
	return w != nil
}

func (h *Histogram) settle() bool {
	if more := h.more.Load(); more != nil && more.led != nil {
		return more.led.settle()
	}
	return h.block.Ended() || h.block.Elsewhere() != nil
}

func (h *Histogram) share(to *home, values []string) bool {
	if more := h.more.Load(); more != nil && more.led != nil {
		return more.led.share(to, values)
	}
	n := h.layout.words()
	first := make([]uint64, n+1)
	var state *nativeState
	if more := h.more.Load(); more != nil && more.native != nil {
		state = more.native
		first[n] = uint64(state.began())
	} else {
		first[n] = uint64(h.created.Load())
	}
	w := to.family.Series(values, n+1, first...)
	if w == nil {
		return false
	}
	p := beside(&place{to.dir, &w[0]})
	if !h.block.Move(w[:n], func(i int, _ []uint64) {
		if state != nil {
			state.move(i, &p)
		}
	}) {
		to.dir.RetireAt(&w[0])
	}
	return true
}

func (s *Summary) settle() bool { return s.block.Ended() || s.block.Elsewhere() != nil }

func (s *Summary) share(h *home, values []string) bool {
	first := []uint64{0, 0, 0, uint64(s.created.Load()), 0}
	if s.ages != nil {
		first[summaryWords+1] = uint64(s.ages.clock.start.UnixNano())
	}
	w := h.family.Series(values, words.SummaryWords, first...)
	if w == nil {
		return false
	}
	p := beside(&place{h.dir, &w[0]})
	if !s.block.Move(w[:summaryWords], func(i int, _ []uint64) {
		if s.ages != nil {
			s.ages.move(i, &p)
		}
	}) {
		h.dir.RetireAt(&w[0])
	}
	return true
}

// sharing is an instrument whose words can live anywhere.
type sharing interface {
	// settle reports whether the instrument has moved, or has ended and will not, and puts
	// there what came late.
	settle() bool
	// share lets the instrument live in h, with the values of its labels. It returns false
	// if there is no place.
	share(h *home, values []string) bool
	// firstWord returns the first word of one that has moved, or nil.
	firstWord() *uint64
}

// instruments are those of a registration.
type instruments struct {
	one  sharing                         // nil if it is a vector
	view *view                           // of a vector
	of   func(c *childmap.Child) sharing // likewise
}

// instrumentsOf returns the instruments of a collector whose words can live anywhere.
func instrumentsOf(c Collector) (i instruments, ok bool) {
	switch c := c.(type) {
	case sharing:
		return instruments{one: c}, true
	case *CounterVec:
		return instruments{view: &c.view, of: func(c *childmap.Child) sharing { return childmap.Item[Counter](c) }}, true
	case *GaugeVec:
		return instruments{view: &c.view, of: func(c *childmap.Child) sharing { return childmap.Item[Gauge](c) }}, true
	case *HistogramVec:
		return instruments{view: &c.view, of: func(c *childmap.Child) sharing { return childmap.Item[Histogram](c) }}, true
	case *SummaryVec:
		return instruments{view: &c.view, of: func(c *childmap.Child) sharing { return childmap.Item[Summary](c) }}, true
	}
	return instruments{}, false
}

// share lets all of them live in h, also those that a vector will make. It returns false
// if there was no place for one, and then does not try the others.
func (i instruments) share(h *home) bool {
	if i.one != nil {
		return i.one.settle() || i.one.share(h, nil)
	}
	m := i.view.children.Target()
	share := func(c *childmap.Child) bool {
		s := i.of(c)
		return s.settle() || s.share(h, m.Syntax().Values(c.Text()))
	}
	retire := func(c *childmap.Child) {
		if first := i.of(c).firstWord(); first != nil {
			h.dir.RetireAt(first)
		}
	}
	// Before anybody else counts there: what is on the heap is lost if the process ends.
	m.OnMade(childmap.Made{
		Before: func(c *childmap.Child) { share(c) },
		After: func(c *childmap.Child, told bool) {
			if !told {
				share(c)
			}
			if h.hidden.Load() {
				retire(c)
			}
		},
		Not: retire,
	})
	w := m.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		if !share(c) {
			return false
		}
	}
	return true
}

// eachWord calls f with the first word of each series that has moved.
func (i instruments) eachWord(f func(first *uint64)) {
	if i.one != nil {
		if first := i.one.firstWord(); first != nil {
			f(first)
		}
		return
	}
	m := i.view.children.Target()
	w := m.Walk()
	for c := w.Next(); c != nil; c = w.Next() {
		if first := i.of(c).firstWord(); first != nil {
			f(first)
		}
	}
}

// familyOf returns what other processes get to know of a registration's instrument.
func familyOf(reg *registration) *words.Family {
	d := reg.part.def
	f := &words.Family{Desc: metric.Desc{
		Name: reg.desc.Name, Help: reg.desc.Help, Unit: reg.desc.Unit, Kind: reg.desc.Kind, Mode: d.Mode,
		ConstLabels: reg.part.shared, Labels: d.exposed().labels,
	}}
	if d.layout != nil {
		l := d.layout.now()
		f.Bounds, f.Native = l.bounds, l.native != nil
	}
	if s := d.summary; s != nil {
		f.Quantiles, f.Periods, f.Period = s.quantiles, s.periods, s.period
	}
	return f
}

// firstWord returns the first word of an instrument that has moved, or nil.
func (c *Counter) firstWord() *uint64 { return (*uint64)(unsafe.Pointer(c.total.Elsewhere())) }

func (g *Gauge) firstWord() *uint64 {
	m := g.hold()
	defer m.mu.Unlock()
	at := g.at.Load()
	if at == nil && m.is != ended {
		at = g.word(m)
	}
	if at == nil || at == &g.own {
		return nil
	}
	return wordAt(at)
}

func (h *Histogram) firstWord() *uint64 {
	if more := h.more.Load(); more != nil && more.led != nil {
		return more.led.firstWord()
	}
	return h.block.Elsewhere()
}

func (s *Summary) firstWord() *uint64 { return s.block.Elsewhere() }
