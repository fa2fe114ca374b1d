// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/embermetrics/ember/internal/cell"
	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

// publishEvery is how often a process lets others know of values that do not live in
// cells. A scrape that it answers itself has those of that moment.
const publishEvery = 5 * time.Second

// WithMultiproc makes a registry one with those of other processes that have the same
// directory, which package multiproc opens: what it exposes is what all of them have
// counted, those that have ended included. So it does not matter which of them a scrape
// reaches.
//
// Counters, histograms and summaries are added up, quantiles too. Gauges go by their
// Mode. Instruments live in a file that all processes read: an update costs what it costs
// otherwise, and what was counted is not lost if the process is killed. Their methods
// such as Value return what this process has. What comes from functions and collectors,
// an Info or a StateSet, each process writes down every five seconds, and when it is
// scraped.
//
// What a process deletes is its own part of a series. Series are not dropped for being
// idle, but for gauges: a total that lost one process's part would look as if all had begun
// anew. Likewise native histograms never begin anew, whatever ResetAfter says. There are no
// exemplars, and collectors' quantiles cannot be added up and are left out. A registry can
// have one directory, and an instrument as well: further calls do nothing.
func WithMultiproc(of interface{ Words() words.Dir }) RegistryOption {
	return func(s *registryState) {
		dir := of.Words()
		p := &processes{dir: dir, registry: &Registry{registryState: s}}
		o := others(p)
		if !s.others.CompareAndSwap(nil, &o) {
			return
		}
		joinDirs(dir)
		own := scrape{families: p.registry.own(request{})}
		dir.Publish(own.snapshot())
		for _, reg := range s.registrations() {
			p.adopt(reg)
		}
		ctx, stop := context.WithCancel(context.Background())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			p.keepPublished(ctx)
		}()
		dir.OnClose(func() {
			stop()
			<-stopped
			p.publish(context.Background())
		})
	}
}

// allDirs are those that cells of this process may live in.
var allDirs struct {
	mu   sync.Mutex
	list []words.Dir // replaced
}

// joinDirs lets cells that live in dir spread there.
func joinDirs(dir words.Dir) {
	allDirs.mu.Lock()
	defer allDirs.mu.Unlock()
	if !slices.Contains(allDirs.list, dir) {
		allDirs.list = append(slices.Clip(allDirs.list), dir)
	}
	list := allDirs.list
	cell.SetBeside(func(first *uint64, n int) []uint64 {
		for _, d := range list {
			if w := d.Attach(first, words.Stripes, n); w != nil {
				return w
			}
		}
		return nil
	})
}

// processes are those that a registry is one with.
type processes struct {
	dir      words.Dir
	registry *Registry // the whole

	publishing sync.Mutex
	adopting   sync.Mutex
}

// registrations returns all instruments that are registered.
func (s *registryState) registrations() []*registration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*registration
	for _, f := range s.inOrder() {
		all = append(all, f.members...)
	}
	return all
}

// adopt lets an instrument live where other processes see it, if its kind can, and
// settles there what came late. It returns false if there was no place for all of it.
func (p *processes) adopt(reg *registration) bool {
	p.adopting.Lock()
	defer p.adopting.Unlock()
	d := reg.part.def
	if d == nil || reg.hidden || reg.left.Load() {
		return true
	}
	h := d.home.Load()
	if h == nil {
		h = &home{dir: p.dir, family: p.dir.Family(familyOf(reg))}
	} else if !p.has(reg) {
		return true
	}
	all := true
	if i, ok := instrumentsOf(reg.collector); ok {
		d.home.Store(h)
		all = i.share(h)
		if h.hidden.CompareAndSwap(true, false) {
			i.eachWord(h.dir.ReviveAt)
		}
	}
	return all
}

// has reports whether the instrument of a registration lives in p's directory, as the
// series that are registered here: it may be registered elsewhere under other names.
func (p *processes) has(reg *registration) bool {
	d := reg.part.def
	if d == nil {
		return false
	}
	h := d.home.Load()
	return h != nil && h.dir == p.dir && h.family == p.dir.Family(familyOf(reg))
}

// keepPublished publishes now and then, until ctx is done.
// leave makes other processes skip what is not registered any more.
func (p *processes) leave(reg *registration) {
	p.adopting.Lock()
	defer p.adopting.Unlock()
	if p.has(reg) {
		h := reg.part.def.home.Load()
		h.hidden.Store(true)
		if i, ok := instrumentsOf(reg.collector); ok {
			i.eachWord(h.dir.RetireAt)
		}
	}
}

// shares reports whether the instrument of a registration lives where other processes see
// it, or is about to, under the name of the registration; nil: there is none.
func (p *processes) shares(reg *registration) bool {
	if reg == nil {
		return false
	}
	if _, ok := instrumentsOf(reg.collector); !ok {
		return false
	}
	return reg.part.def.home.Load() == nil || p.has(reg)
}

func (p *processes) stats() words.Stats { return p.dir.Stats() }

func (p *processes) keepPublished(ctx context.Context) {
	tick := time.NewTicker(publishEvery)
	defer tick.Stop()
	for {
		soon, cancel := context.WithTimeout(ctx, publishEvery)
		p.publish(soon)
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// publish lets other processes see the values of now that do not live in cells, and what
// came late to cells that have moved. It returns what they are, and what is missing.
func (p *processes) publish(ctx context.Context) ([]*metric.Family, error) {
	p.publishing.Lock()
	defer p.publishing.Unlock()
	for _, reg := range p.registry.registrations() {
		if !p.adopt(reg) {
			break // there is no place for the others either
		}
		if v, ok := reg.collector.(*GaugeVec); ok && v.idleAfter > 0 {
			v.sweep()
		}
	}
	s := p.registry.prepareLocal(ctx, request{escaping: EscapingAllowUTF8})
	for _, f := range s.families {
		kept := f.parts[:0]
		for _, part := range f.parts {
			if p.shares(part.reg) {
				if len(part.called) == 0 {
					continue
				}
				part.instrument = calledOnly{part.instrument}
			}
			kept = append(kept, part)
		}
		f.parts = kept
	}
	families := s.snapshot()
	p.registry.setModes(families)
	if ctx.Err() == nil {
		p.dir.Publish(families)
	}
	return families, s.err
}

// calledOnly is an instrument of which only those series are written that come from
// functions.
type calledOnly struct{ instrument }

func (c calledOnly) write(e encoder, called []calledSeries) {
	for _, s := range called {
		if !s.failed {
			e.value(s.labels, s.value, nil)
		}
	}
}

// setModes says of families how their values of several processes become one.
func (r *Registry) setModes(families []*metric.Family) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range families {
		if known := r.families[f.Name]; known != nil {
			f.Mode = known.desc.Mode
		}
		if f.Kind == metric.Info || f.Name == seriesCount.name {
			f.Mode = ModeLiveMax
		}
	}
}

// prepare prepares what all processes have.
func (p *processes) prepare(ctx context.Context, r *Registry, q request) *scrape {
	local, missing := p.publish(ctx)
	before := p.dir.Stats()
	families, err := p.dir.Gather(ctx, local)
	if after := p.dir.Stats(); err == nil && after.Faults() != before.Faults() {
		// What was found to be wrong is to be seen in this scrape.
		local, missing = p.publish(ctx)
		families, err = p.dir.Gather(ctx, local)
	}
	if err != nil {
		return &scrape{err: err}
	}
	families = append(families, p.files())
	s := foreign{gathered(r.ownOf(families))}.prepare(ctx, q)
	s.err = joined([]error{missing, s.err})
	return s
}

// files says how many files there were when families were gathered last.
func (p *processes) files() *metric.Family {
	s := p.dir.Stats()
	f := &metric.Family{Name: "ember_multiproc_files", Help: "Files of processes, by whether those live.", Kind: metric.Gauge}
	for state, n := range map[string]int{"live": s.Live, "dead": s.Dead} {
		f.Points = append(f.Points, metric.Point{Labels: []metric.Label{{Name: "state", Value: state}}, Value: float64(n)})
	}
	return f
}

// gathered is what was gathered before.
type gathered []*metric.Family

func (g gathered) Gather() ([]*metric.Family, error) { return g, nil }

// ownOf returns, for a sub-registry, the series that have its prefix and labels; of the
// whole, all.
func (r *Registry) ownOf(families []*metric.Family) []*metric.Family {
	if r.parent == nil {
		return families
	}
	var own []*metric.Family
	for _, f := range families {
		if !strings.HasPrefix(f.Name, r.prefix) {
			continue
		}
		part := *f
		part.Points = nil
		for _, p := range f.Points {
			if !slices.ContainsFunc(r.labels, func(l metric.Label) bool { return !slices.Contains(p.Labels, l) }) {
				part.Points = append(part.Points, p)
			}
		}
		if part.Points != nil {
			own = append(own, &part)
		}
	}
	return own
}
