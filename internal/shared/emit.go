// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// emit returns what has been added up in the round.
func (t *table) emit() []*metric.Family {
	if !t.ordered {
		slices.SortFunc(t.sorted, func(a, b *family) int { return strings.Compare(a.name, b.name) })
		t.ordered = true
	}
	t.served, t.present = 0, 0
	var families []*metric.Family
	for _, f := range t.sorted {
		if f.seen != t.round {
			continue
		}
		t.present++
		for _, g := range f.groups {
			if g.seen == t.round && g != f.newest {
				t.served += g.count(t.round)
				t.fold(f.newest, g)
			}
		}
		if points := t.points(f.newest); len(points) > 0 {
			def := f.newest.def
			families = append(families, &metric.Family{
				Name: f.name, Help: def.Help, Unit: def.Unit, Kind: def.Kind, Mode: def.Mode, Points: points,
			})
		}
	}
	return families
}

// count returns how many series of a group have a value.
func (g *group) count(round uint64) (n int) {
	for _, s := range g.list {
		if s.seen == round {
			n++
		}
	}
	return n
}

// fold adds what a group has to another one of the same family, as far as it can be
// added: not if it is of another kind.
func (t *table) fold(to, from *group) {
	if to.def.Kind != from.def.Kind || to.def.apart() && !from.def.apart() {
		return
	}
	for _, s := range from.list {
		if s.seen != t.round {
			continue
		}
		labels, pid := s.labels, ""
		if s.apart {
			labels, pid = labels[:len(labels)-1], labels[len(labels)-1].Value
			if !to.def.apart() {
				pid = ""
			}
		}
		o := t.slot(to, labels, pid)
		if o == nil {
			continue
		}
		t.touch(o, s.created)
		switch to.def.Kind {
		case metric.Counter:
			o.count = addCounts(o.count, s.count)
			o.sum.addSum(&s.sum)
		case metric.Summary:
			o.count = addCounts(o.count, s.count)
			o.sum.addSum(&s.sum)
			for start, k := range s.periods {
				t.period(o, start).Merge(k)
			}
			if s.sketch != nil {
				t.period(o, 0).Merge(s.sketch)
			}
		case metric.Histogram, metric.GaugeHistogram:
			o.sum.addSum(&s.sum)
			t.foldBuckets(to.def, from.def, o, s)
		default:
			if to.def.apart() {
				o.process(s.latest, s.pid, s.time, s.alive)
			} else {
				o.merge(s)
			}
		}
	}
}

// merge adds the values of another gauge.
func (s *slot) merge(o *slot) {
	s.sum.addSum(&o.sum)
	if !(s.least <= o.least) && o.least == o.least {
		s.least = o.least
	}
	if !(s.most >= o.most) && o.most == o.most {
		s.most = o.most
	}
	if s.latest != s.latest || o.time > s.time || o.time == s.time && o.latest > s.latest {
		s.latest, s.time = o.latest, o.time
	}
	s.count += o.count
}

// foldBuckets adds counts to the smallest bucket whose bound is at least theirs, so that
// cumulative counts stay lower bounds.
func (t *table) foldBuckets(to, from *Family, o, s *slot) {
	if len(o.buckets) == 0 {
		o.buckets = make([]uint64, len(to.Bounds)+1)
	}
	for i, n := range s.buckets {
		at := len(to.Bounds)
		if i < len(from.Bounds) {
			at, _ = slices.BinarySearch(to.Bounds, from.Bounds[i])
		}
		o.buckets[at] = addCounts(o.buckets[at], n)
	}
	if s.isNative {
		t.scratch.Reset(s.native.Scale())
		t.scratch.Merge(s.native)
		t.addNative(o)
	} else if to.Native {
		t.addClassic(o, from.Bounds, s.buckets)
	}
}

// points returns the series of a group that have a value.
func (t *table) points(g *group) []metric.Point {
	if !g.sorted {
		slices.SortFunc(g.list, func(a, b *slot) int { return compareLabels(a.labels, b.labels) })
		g.sorted = true
	}
	n := g.count(t.round)
	if n == 0 {
		return nil
	}
	t.served += n
	points := make([]metric.Point, 0, n)
	var buckets []metric.Bucket
	var quantiles []metric.Quantile
	var values []float64
	def := g.def
	for _, s := range g.list {
		if s.seen != t.round {
			continue
		}
		p := metric.Point{Labels: s.labels}
		switch def.Kind {
		case metric.Counter:
			p.Value = s.sum.plus(s.count)
		case metric.Histogram, metric.GaugeHistogram:
			if buckets == nil {
				buckets = make([]metric.Bucket, 0, n*len(def.Bounds))
			}
			from := len(buckets)
			for i, c := range s.buckets {
				p.Count = addCounts(p.Count, c)
				if i < len(def.Bounds) {
					buckets = append(buckets, metric.Bucket{UpperBound: def.Bounds[i], Count: p.Count})
				}
			}
			p.Buckets = buckets[from:len(buckets):len(buckets)]
			p.Sum = s.sum.value()
			if def.Native {
				p.Native = s.point(p.Count)
			}
		case metric.Summary:
			p.Count, p.Sum = s.count, s.sum.value()
			if q := def.Quantiles; len(q) > 0 {
				if quantiles == nil {
					quantiles = make([]metric.Quantile, 0, n*len(q))
					values = make([]float64, len(q))
				}
				for i := range values {
					values[i] = math.NaN()
				}
				if s.sketch != nil {
					s.sketch.Quantiles(q, values)
				}
				from := len(quantiles)
				for i := range q {
					quantiles = append(quantiles, metric.Quantile{Quantile: q[i], Value: values[i]})
				}
				p.Quantiles = quantiles[from:len(quantiles):len(quantiles)]
			}
		default:
			p.Value = s.value(def.mode())
		}
		if s.created != 0 {
			p.Created = time.Unix(0, int64(s.created))
		}
		points = append(points, p)
	}
	return points
}

// point returns the native buckets. Those of all values must be there: values that no
// native bucket has are beyond all of them.
func (s *slot) point(count uint64) *metric.Native {
	if !s.isNative {
		if s.native == nil {
			s.native = new(native.Buckets)
		}
		s.native.Reset(native.Scale{Schema: native.MaxSchema, ZeroThreshold: 0x1p-128})
		s.isNative = true
	}
	scale := s.native.Scale()
	if total := s.native.Total(); total < count {
		s.native.Positive.Add(native.Index(math.Inf(1), scale.Schema), count-total)
	}
	n := &metric.Native{Schema: scale.Schema, ZeroThreshold: scale.ZeroThreshold, ZeroCount: s.native.Zero}
	n.Positive = nativeBuckets(&s.native.Positive)
	n.Negative = nativeBuckets(&s.native.Negative)
	return n
}

func nativeBuckets(c *native.Counts) []metric.NativeBucket {
	if c.Len() == 0 {
		return nil
	}
	buckets := make([]metric.NativeBucket, 0, c.Len())
	c.Each(func(index int, n uint64) {
		buckets = append(buckets, metric.NativeBucket{Index: index, Count: n})
	})
	return buckets
}

func compareLabels(a, b []metric.Label) int {
	return slices.CompareFunc(a, b, func(a, b metric.Label) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
	})
}
