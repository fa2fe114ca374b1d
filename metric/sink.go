// SPDX-License-Identifier: Apache-2.0

package metric

import "fmt"

// Sink receives what a collector writes during one scrape. The zero Sink is
// empty and ready, so a collector can be tested without a registry:
//
//	var out metric.Sink
//	err := c.Collect(ctx, &out)
//	got := out.Families()
//
// A Sink is for one goroutine at a time.
type Sink struct {
	families []*Family
	byName   map[string]*Family
	last     *Family // the family written to last: most collectors write runs
	labels   []Label // a slab that points' label slices are cut from
	err      error
}

// Counter writes one counter series: a total that only grows.
func (s *Sink) Counter(name, help string, value float64, labels ...Label) {
	s.add(name, help, "", Counter, ModeDefault, &Point{Value: value}, nil, labels)
}

// Gauge writes one gauge series.
func (s *Sink) Gauge(name, help string, value float64, labels ...Label) {
	s.add(name, help, "", Gauge, ModeDefault, &Point{Value: value}, nil, labels)
}

// Add writes one series of any kind: the way to write histograms and summaries,
// and units. The series carries the description's ConstLabels and the point's
// Labels. The point's slices are kept until the scrape ends and must not change
// before that.
//
//go:noinline
func (s *Sink) Add(d *Desc, p Point) {
	s.add(d.Name, d.Help, d.Unit, d.Kind, d.Mode, &p, d.ConstLabels, p.Labels)
}

func (s *Sink) add(name, help, unit string, kind Kind, mode Mode, p *Point, constant, labels []Label) {
	f := s.family(name, help, unit, kind, mode)
	if f == nil {
		return
	}
	p.Labels = s.keep(constant, labels)
	f.Points = append(f.Points, *p)
}

// family returns the family called name, or nil after noting that it was
// written before with another meaning.
func (s *Sink) family(name, help, unit string, kind Kind, mode Mode) *Family {
	f := s.last
	if f == nil || f.Name != name {
		f = s.byName[name]
	}
	switch {
	case f == nil:
		f = &Family{Name: name, Help: help, Unit: unit, Kind: kind, Mode: mode}
		s.families = append(s.families, f)
		if s.byName == nil {
			s.byName = make(map[string]*Family)
		}
		s.byName[name] = f
	case f.Kind != kind:
		s.fail(fmt.Errorf("ember: %q was written as a %v and as a %v", name, f.Kind, kind))
		return nil
	case f.Help != help:
		s.fail(fmt.Errorf("ember: %q was written with the help %q and with %q", name, f.Help, help))
		return nil
	case f.Unit != unit:
		s.fail(fmt.Errorf("ember: %q was written with the unit %q and with %q", name, f.Unit, unit))
		return nil
	}
	s.last = f
	return f
}

// keep copies labels into the slab: a caller's variadic slice is its own.
func (s *Sink) keep(a, b []Label) []Label {
	n := len(a) + len(b)
	if n == 0 {
		return nil
	}
	if cap(s.labels)-len(s.labels) < n {
		s.labels = make([]Label, 0, max(n, min(1024, 2*cap(s.labels)), 16))
	}
	start := len(s.labels)
	s.labels = append(append(s.labels, a...), b...)
	return s.labels[start:len(s.labels):len(s.labels)]
}

func (s *Sink) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Families returns what was written, in the order in which the names first
// came. The result shares memory with s.
func (s *Sink) Families() []*Family { return s.families }

// Err returns the first contradiction written: one name with two kinds, helps
// or units. The contradicting point was left out.
func (s *Sink) Err() error { return s.err }
