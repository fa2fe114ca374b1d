// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"fmt"
	"slices"

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

func (s *snapshotter) family(f *familyInfo) { s.now, s.open = f, false }
func (s *snapshotter) part(p *partInfo)     { s.at = p }
func (s *snapshotter) failed() bool         { return false }
func (s *snapshotter) scratch() *scratch    { return &s.tmp }

func (s *snapshotter) add(p metric.Point) {
	if !s.open {
		s.open = true
		s.families = append(s.families, &metric.Family{Name: s.now.name, Help: s.now.help, Unit: s.now.unit, Kind: s.now.kind})
	}
	f := s.families[len(s.families)-1]
	f.Points = append(f.Points, p)
}

// labels turns rendered labels back into a list.
func (s *snapshotter) labels(text string) []metric.Label {
	list := slices.Clip(s.at.shared)
	if text != "" {
		for i, value := range s.at.def.syntax.Values(text) {
			list = append(list, metric.Label{Name: s.at.def.Labels[i], Value: value})
		}
	}
	return list
}

func (s *snapshotter) value(labels string, v float64) {
	s.add(metric.Point{Labels: s.labels(labels), Value: v})
}

func (s *snapshotter) histogram(labels string, h *histogramSnapshot) {
	buckets := make([]metric.Bucket, len(h.bounds))
	for i, b := range h.bounds {
		buckets[i] = metric.Bucket{UpperBound: b, Count: h.buckets[i]}
	}
	s.add(metric.Point{Labels: s.labels(labels), Count: h.count, Sum: h.sum, Buckets: buckets})
}

func (s *snapshotter) summary(labels string, m *summarySnapshot) {
	var quantiles []metric.Quantile
	for i, q := range m.quantiles {
		quantiles = append(quantiles, metric.Quantile{Quantile: q, Value: m.values[i]})
	}
	s.add(metric.Point{Labels: s.labels(labels), Count: m.count, Sum: m.sum, Quantiles: quantiles})
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
				return fmt.Errorf("ember: the function of %s: %w", seriesName(d.Name, s.labels), err)
			}
			called = append(called, s)
		}
	}
	var s snapshotter
	s.family(newFamilyInfo(d.Name, d.Help, d.Unit, d.Kind))
	s.part(newPartInfo(d.ConstLabels, d))
	i.write(&s, called)
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
// variable ones as declared; what collectors wrote, by name. What could not be collected is missing, and in the
// error.
func (r *Registry) Gather() ([]*metric.Family, error) {
	s := r.prepare(context.Background())
	return s.snapshot(), s.err
}

func (s *scrape) snapshot() []*metric.Family {
	var all snapshotter
	s.write(&all)
	return all.families
}
