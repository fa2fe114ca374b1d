// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/embermetrics/ember/metric"
)

// scrape is everything that will be written, in order, before it is written:
// collectors have been called, instruments are only referred to.
type scrape struct {
	families []*scrapeFamily // by written name
	err      error           // what is missing, and why
}

type scrapeFamily struct {
	*familyInfo
	parts []scrapePart
}

// collected returns a family that collectors have written.
//
//go:noinline
func collected(info *familyInfo, points []point) *scrapeFamily {
	return &scrapeFamily{info, []scrapePart{{info: &partInfo{}, points: points}}}
}

// scrapePart is the series of one instrument, or all points that collectors have
// written under one name.
type scrapePart struct {
	info       *partInfo
	reg        *registration // of the instrument
	instrument instrument
	called     []calledSeries // of the instrument
	points     []point        // if instrument is nil, in order
}

// empty reports whether there is nothing but Ember's own metrics.
func (s *scrape) empty() bool {
	return !slices.ContainsFunc(s.families, func(f *scrapeFamily) bool { return !slices.Contains(ownFamilies, f.familyInfo) })
}

func (s *scrape) write(e encoder) {
	for _, f := range s.families {
		e.family(f.familyInfo)
		for i := range f.parts {
			if e.failed() {
				return
			}
			f.parts[i].write(e, f.kind)
		}
	}
}

func (p *scrapePart) write(e encoder, kind metric.Kind) {
	e.part(p.info)
	if p.instrument != nil {
		if c := &p.info.def.clock; c.armed() {
			c.advance(exemplarPeriod)
		}
		p.instrument.write(e, p.called)
		return
	}
	snapshot, _ := e.(*snapshotter)
	for i := range p.points {
		q := &p.points[i]
		switch {
		case snapshot != nil:
			snapshot.add(&q.Point)
		case e.failed():
			return
		case kind == metric.Histogram, kind == metric.GaugeHistogram:
			h := &e.scratch().histogram
			h.set(q)
			e.histogram(q.text, h)
		case kind == metric.Summary:
			m := &e.scratch().summary
			m.set(q)
			e.summary(q.text, m)
		default:
			x := &e.scratch().extras
			x.stamps, x.exemplar = q.stamps(), nil
			if len(q.exemplars) > 0 {
				x.exemplar = q.exemplars[0]
			}
			e.value(q.text, q.Value, x)
			*x = extras{}
		}
	}
}

// preparer collects what is exposed.
type preparer interface {
	prepare(ctx context.Context, q request) *scrape
}

// preparerOf returns g as what it is, or with what it takes to expose a gatherer that is
// not Ember's: programs without one do not link that.
func preparerOf(g Gatherer) preparer {
	if p, ok := g.(preparer); ok {
		return p
	}
	return foreign{g}
}

// prepare prepares what r has, and what other processes have if it is one with them.
func (r *Registry) prepare(ctx context.Context, q request) *scrape {
	if o := r.others.Load(); o != nil {
		return (*o).prepare(ctx, r, q)
	}
	return r.prepareLocal(ctx, q)
}

// prepareLocal calls r's collectors and functions, checks what they wrote and puts it
// in order with the instruments.
func (r *Registry) prepareLocal(ctx context.Context, q request) *scrape {
	r.mu.Lock()
	families, custom := r.inOrder(), r.custom
	r.mu.Unlock()

	var regs []*registration
	for _, reg := range custom {
		if r.exposes(reg.in) && reg.wanted(q) {
			regs = append(regs, reg)
		}
	}
	instruments := make([]*scrapeFamily, 0, len(families)+len(ownFamilies))
	for _, f := range families {
		if !q.wants(f.name, f.kind) {
			continue
		}
		var parts []scrapePart
		for _, m := range f.members {
			if i, ok := m.collector.(instrument); ok && !m.hidden && r.exposes(m.in) {
				parts = append(parts, scrapePart{info: m.part, reg: m, instrument: i})
				if _, ok := i.(calling); ok {
					regs = append(regs, m)
				}
			}
		}
		if parts != nil {
			instruments = append(instruments, &scrapeFamily{f.familyInfo, parts})
		}
	}

	all, failures := instruments, []error(nil)
	jobs := collect(ctx, regs)
	if errors.Is(ctx.Err(), context.Canceled) {
		// Nobody waits for the result, and no collector is to blame.
		return &scrape{err: errorf("ember: the scrape was given up: %w", context.Cause(ctx))}
	}
	if len(jobs) > 0 {
		all, failures = r.merge(q, jobs, instruments)
	}
	if r.parent == nil {
		all = append(all, r.own(q)...)
		if len(q.names) == 0 {
			r.sayIdle() // now that all collectors have been called
		}
	}
	r.say()
	sort.Sort((*scrapedByName)(&all))
	return &scrape{families: all, err: joined(failures)}
}

// merge gives the instruments the values of their functions, and puts the families that
// collectors wrote beside them. It returns why something is missing.
func (r *Registry) merge(q request, jobs []*job, instruments []*scrapeFamily) (all []*scrapeFamily, failures []error) {
	called := make(map[instrument][]calledSeries)
	m := merger{r: r, request: q, names: make(nameSet), families: make(map[string]*scrapeFamily), owners: make(map[string]*registration)}
	for _, j := range jobs {
		if j.reg.part.def != nil {
			called[j.reg.collector.(instrument)] = j.outcome()
		} else if j.err == nil {
			j.err = m.add(j)
		}
		if j.err != nil {
			failures = append(failures, r.failed(j))
		}
	}
	for _, f := range instruments {
		for i := range f.parts {
			f.parts[i].called = called[f.parts[i].instrument]
		}
	}
	all = instruments
	for _, f := range m.families {
		f.shadowed = m.names.shadow(f.familyInfo)
		all = append(all, f)
	}
	return all, failures
}
