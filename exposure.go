// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"reflect"
	"slices"

	"github.com/embermetrics/ember/internal/childmap"
)

// exposure is how an instrument or a vector is exposed: as it was declared, or as rules
// want it. It is constant.
type exposure struct {
	labels  []string                     // of a vector, those that are left, as exposed
	syntax  *childmap.Syntax             // how their values are written with underscores
	spelled *[escapings]*childmap.Syntax // and in each Escaping; nil if there is no difference

	want   *wish   // what rules want to be different; nil: nothing
	layout *layout // of a histogram, if want says so; nil: as declared
}

// wish is what rules want of a vector or a histogram. Two are the same if they are deeply
// equal.
type wish struct {
	dropped bool // nothing is exposed, and all series of a vector are one

	relabelled bool     // so that the following count
	keep       []int    // which of the declared labels are left, in order
	names      []string // what those are called

	bounds    []float64 // nil: as declared
	maxSeries int       // 0: as declared
	budgets   map[string]int
	known     map[string][]string
}

// spell makes e one of these labels.
func (e *exposure) spell(labels []string) {
	e.labels = labels
	e.syntax = syntaxOf(labels, EscapingUnderscores)
	if slices.ContainsFunc(labels, func(name string) bool { return !classic(name, false) }) {
		e.spelled = new([escapings]*childmap.Syntax)
		for i := range e.spelled {
			e.spelled[i] = syntaxOf(labels, Escaping(i))
		}
	}
}

//go:noinline
func syntaxOf(labels []string, e Escaping) *childmap.Syntax {
	return childmap.NewSyntax(labelSpellings(labels, e))
}

// exposed returns how d is exposed, or would be.
func (d *definition) exposed() *exposure {
	if e := d.shaped.Load(); e != nil {
		return e
	}
	return &d.plain
}

// now returns the layout of the histograms that a vector makes.
func (l *layout) now() *layout {
	if e := l.exposed(); e.layout != nil {
		return e.layout
	}
	return l
}

// dropped reports whether nothing of a vector is exposed, wherever it is registered.
func (e *exposure) dropped() bool { return e.want != nil && e.want.dropped }

// maxSeries returns what a rule says; 0: nothing.
func (e *exposure) maxSeries() int {
	if e.want == nil {
		return 0
	}
	return e.want.maxSeries
}

// label returns as what a declared label is exposed; what is dropped keeps its name.
func (e *exposure) label(d *definition, declared int) string {
	if e.want == nil || !e.want.relabelled {
		return d.Labels[declared]
	}
	if i := slices.Index(e.want.keep, declared); i >= 0 {
		return e.want.names[i]
	}
	return d.Labels[declared]
}

// exposeAs returns how d is exposed if rules want this.
func (d *definition) exposeAs(want *wish) *exposure {
	if want == nil {
		return &d.plain
	}
	e := &exposure{labels: d.plain.labels, syntax: d.plain.syntax, spelled: d.plain.spelled, want: want}
	switch {
	case want.dropped:
		e.spelled = nil
		e.spell(nil)
	case want.relabelled:
		e.spelled = nil
		e.spell(want.names)
	}
	if want.bounds != nil {
		e.layout = newLayout(d, want.bounds)
		e.layout.native = d.layout.native
	}
	return e
}

// expose makes d exposed this way from now on, if it never was registered before. It
// returns what is left to do once the registry is not locked any more. The caller holds
// d.shaping.
func (d *definition) expose(c Collector, e *exposure, limit int) (later func()) {
	if d.shaped.Load() != nil {
		return nil
	}
	d.shaped.Store(e)
	want := e.want
	if want == nil {
		return nil
	}
	if h, ok := c.(*Histogram); ok {
		if e.layout != nil {
			h.lead(e.layout)
		}
		return nil
	}
	v, ok := c.(interface{ bring(*childmap.Walk) })
	if !ok || reflect.DeepEqual(want, &wish{maxSeries: want.maxSeries}) {
		return nil
	}
	keep := want.keep
	if !want.dropped && !want.relabelled {
		keep = make([]int, len(d.Labels))
		for i := range keep {
			keep[i] = i
		}
	}
	to := d.children.Like(e.syntax)
	kept := make([]string, len(keep))
	for i, k := range keep {
		kept[i] = d.Labels[k]
	}
	to.SetPolicy(want.limits(d).policy(d, kept, e.labels))
	to.Limit(d.maxSeries(limit))
	w := d.children.Forward(to, keep)
	return func() { v.bring(&w) }
}

// bring lets the series of a walk through what the vector was before rules changed it go on
// as what they are now.
func (v *view) bring(w *childmap.Walk) {
	whole := view{viewState: v.viewState, free: len(v.def.Labels)}
	for c := w.Next(); c != nil; c = w.Next() {
		v.mu.Lock()
		f := v.funcs[c]
		v.mu.Unlock()
		values := v.children.Values(c)
		v.reenter(c)
		if f != nil {
			whole.setFunc(f, values)
		}
	}
}

// limits returns those of d's declaration, but for what a wish says.
func (w *wish) limits(d *definition) *limits {
	l := *d.limits
	if w.maxSeries != 0 {
		l.series = w.maxSeries
	}
	l.budgets, l.known = make(map[string]int), make(map[string][]string)
	for _, name := range d.Labels {
		if n, ok := w.budgets[name]; ok {
			l.budgets[name] = n
		} else if n, ok := d.limits.budgets[name]; ok {
			l.budgets[name] = n
		}
		if known, ok := w.known[name]; ok {
			l.known[name] = known
		} else if known, ok := d.limits.known[name]; ok {
			l.known[name] = known
		}
	}
	return &l
}
