// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"math"
	"slices"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// snapshotter is the encoder that builds families instead of bytes.
type snapshotter struct {
	families []*metric.Family
	now      *familyInfo
	at       *partInfo
	tmp      scratch
	open     bool // the last of families is of now
}

func (s *snapshotter) names() (*familyInfo, Escaping) { return s.now, EscapingAllowUTF8 }

func (s *snapshotter) family(f *familyInfo) { s.now, s.open = f, false }
func (s *snapshotter) part(p *partInfo)     { s.at = p }
func (s *snapshotter) failed() bool         { return false }
func (s *snapshotter) scratch() *scratch    { return &s.tmp }

//go:noinline
func (s *snapshotter) add(p *metric.Point) {
	if !s.open {
		s.open = true
		s.families = append(s.families, &metric.Family{Name: s.now.name, Help: s.now.help, Unit: s.now.unit, Kind: s.now.kind})
	}
	f := s.families[len(s.families)-1]
	f.Points = append(f.Points, *p)
}

// labels turns rendered labels back into a list.
func (s *snapshotter) labels(text string) []metric.Label {
	list := slices.Clip(s.at.shared)
	i := 0
	for name, value := range childmap.Pairs(text) {
		if i < len(s.at.labels) {
			name = s.at.labels[i] // which may be escaped in the text
		}
		list = append(list, metric.Label{Name: name, Value: value})
		i++
	}
	return list
}

// point begins a point.
func (s *snapshotter) point(labels string, t stamps) metric.Point {
	p := metric.Point{Labels: s.labels(labels)}
	if t.created.known() {
		p.Created = t.created.time()
	}
	return p
}

func (s *snapshotter) value(labels string, v float64, x *extras) {
	var t stamps
	if x != nil {
		t = x.stamps
	}
	p := s.point(labels, t)
	p.Value = v
	if x != nil && x.exemplar != nil {
		e := x.exemplar.point()
		p.Exemplar = &e
	}
	s.add(&p)
}

func (s *snapshotter) histogram(labels string, h *histogramSnapshot) {
	p := s.point(labels, h.stamps)
	p.Count, p.Sum = h.count, h.sum
	p.Buckets = make([]metric.Bucket, len(h.bounds))
	for i, b := range h.bounds {
		p.Buckets[i] = metric.Bucket{UpperBound: b, Count: h.buckets[i]}
	}
	if h.native != nil {
		p.Native = h.point()
	}
	for i, x := range h.exemplars {
		if x == nil || len(h.bounds) == 0 {
			continue
		}
		e := x.point()
		if i == len(p.Buckets) {
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: math.Inf(1), Count: h.count})
		}
		p.Buckets[i].Exemplar = &e
	}
	s.add(&p)
}

// point returns the native buckets as a collector would write them.
func (s *histogramSnapshot) point() *metric.Native {
	scale := s.native.Scale()
	n := &metric.Native{Schema: scale.Schema, ZeroThreshold: scale.ZeroThreshold, ZeroCount: s.native.Zero}
	s.native.Positive.Each(func(index int, count uint64) {
		n.Positive = append(n.Positive, metric.NativeBucket{Index: index, Count: count})
	})
	s.native.Negative.Each(func(index int, count uint64) {
		n.Negative = append(n.Negative, metric.NativeBucket{Index: index, Count: count})
	})
	for _, x := range s.nativeExemplars {
		n.Exemplars = append(n.Exemplars, x.point())
	}
	return n
}

func (s *snapshotter) summary(labels string, m *summarySnapshot) {
	p := s.point(labels, m.stamps)
	p.Count, p.Sum = m.count, m.sum
	for i, q := range m.quantiles {
		p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q, Value: m.values[i]})
	}
	s.add(&p)
}

// collectTo writes an instrument's series to a sink.
func collectTo(out *metric.Sink, i instrument) error {
	d := i.definition()
	if d == nil {
		return checkInstrument(i, d)
	}
	if d.err != nil {
		return d.err
	}
	var called []calledSeries
	if c, ok := i.(calling); ok {
		for _, s := range c.callbacks() {
			if err := s.evaluate(d.Kind); err != nil {
				return errorf("ember: the function of %s: %w", seriesName(d.Name, s.labels), err)
			}
			called = append(called, s)
		}
	}
	var s snapshotter
	for e := (*exposure)(nil); e != d.exposed(); { // in case that rules change it meanwhile
		e, s = d.exposed(), snapshotter{}
		s.family(newFamilyInfo(d.Name, d.Help, d.Unit, d.Kind))
		s.part(newPart(d.ConstLabels, d, e))
		i.write(&s, called)
	}
	desc := metric.Desc{Name: d.Name, Help: d.Help, Unit: d.Unit, Kind: d.Kind}
	for _, f := range s.families {
		for _, p := range f.Points {
			out.Add(&desc, p)
		}
	}
	return nil
}

// Gather returns a snapshot of everything that r exposes: families sorted by
// name, points by their labels as written. Labels stand as they are written:
// those of sub-registries first, then the constant ones by name, then the
// variable ones as declared; what collectors wrote, by name. What could not be
// collected is missing, and in the error.
func (r *Registry) Gather() ([]*metric.Family, error) {
	s := r.prepare(context.Background(), request{escaping: EscapingAllowUTF8})
	return s.snapshot(), s.err
}

func (s *scrape) snapshot() []*metric.Family {
	var all snapshotter
	s.write(&all)
	return all.families
}
