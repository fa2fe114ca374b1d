// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"slices"
	"sort"
	"strings"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// point is a collected point as it is written: with its labels rendered, and its
// exemplars checked.
type point struct {
	text      string
	exemplars []*exemplar // a counter's, or one for each bucket, +Inf's included; empty: none
	native    []*exemplar // of native buckets, by time
	metric.Point
}

// newPoint returns a point of a kind with its exemplars, and why others of them were
// dropped. The labels are left to the caller.
func newPoint(kind metric.Kind, p *metric.Point) (q point, dropped []flaw) {
	q.Point = *p
	take := func(x *metric.Exemplar) *exemplar {
		if x == nil {
			return nil
		}
		e, why := newExemplar(x)
		if why != flawless {
			dropped = append(dropped, why)
		}
		return e
	}
	switch kind {
	case metric.Counter:
		if x := take(p.Exemplar); x != nil {
			q.exemplars = []*exemplar{x}
		}
	case metric.Histogram, metric.GaugeHistogram:
		native := p.Native != nil && len(bounded(p.Buckets)) == 0
		for i := range p.Buckets {
			x := take(p.Buckets[i].Exemplar)
			switch {
			case x == nil:
			case native:
				q.native = append(q.native, x)
			default:
				if q.exemplars == nil {
					q.exemplars = make([]*exemplar, len(p.Buckets)+1)
				}
				q.exemplars[i] = x
			}
		}
		if native {
			for i := range p.Native.Exemplars {
				if x := take(&p.Native.Exemplars[i]); x != nil {
					q.native = append(q.native, x)
				}
			}
		}
	}
	if dropped != nil {
		q.forget()
	}
	return q, dropped
}

// forget takes the exemplars that were dropped out of what is gathered, too. What a
// collector handed over stays as it is.
func (p *point) forget() {
	valid := func(x *metric.Exemplar) bool {
		_, why := newExemplar(x)
		return why == flawless
	}
	if p.Exemplar != nil && !valid(p.Exemplar) {
		p.Exemplar = nil
	}
	p.Buckets = slices.Clone(p.Buckets)
	for i := range p.Buckets {
		if x := p.Buckets[i].Exemplar; x != nil && !valid(x) {
			p.Buckets[i].Exemplar = nil
		}
	}
	if p.Native != nil {
		n := *p.Native
		n.Exemplars = nil
		for i := range p.Native.Exemplars {
			if x := &p.Native.Exemplars[i]; valid(x) {
				n.Exemplars = append(n.Exemplars, *x)
			}
		}
		p.Native = &n
	}
}

// bounded returns buckets without the one for +Inf, which is the last if it is there.
func bounded(buckets []metric.Bucket) []metric.Bucket {
	if n := len(buckets); n > 0 && isInf(buckets[n-1].UpperBound, 1) {
		return buckets[:n-1]
	}
	return buckets
}

// stamps returns the times of the point.
func (p *point) stamps() stamps {
	var t stamps
	if !p.Created.IsZero() {
		t.created = instantOf(p.Created.UnixNano())
	}
	if !p.Time.IsZero() {
		t.millis, t.timed = p.Time.UnixMilli(), true
	}
	return t
}

// set makes s a snapshot of a collected point.
func (s *histogramSnapshot) set(p *point) {
	bounded := bounded(p.Buckets)
	s.stamps = p.stamps()
	s.count, s.sum = p.Count, p.Sum
	s.buckets = s.buckets[:0]
	for _, b := range bounded {
		s.buckets = append(s.buckets, b.Count)
	}
	s.buckets = append(s.buckets, p.Count)
	// Most often all points of a family have the same bounds.
	if !slices.EqualFunc(s.bounds, bounded, func(a float64, b metric.Bucket) bool { return a == b.UpperBound }) || s.le.none() {
		s.bounds = make([]float64, len(bounded))
		for i, b := range bounded {
			s.bounds[i] = b.UpperBound
		}
		s.le = boundLabels(s.bounds)
	}
	s.exemplars = append(s.exemplars[:0], p.exemplars...)
	s.nativeExemplars = append(s.nativeExemplars[:0], p.native...)
	s.native = nil
	if p.Native != nil {
		s.native = &s.ownNative
		s.native.Reset(native.Scale{Schema: p.Native.Schema, ZeroThreshold: p.Native.ZeroThreshold})
		s.native.Zero = p.Native.ZeroCount
		for _, b := range p.Native.Positive {
			s.native.Positive.Add(b.Index, b.Count)
		}
		for _, b := range p.Native.Negative {
			s.native.Negative.Add(b.Index, b.Count)
		}
		s.sortExemplars()
	}
}

// set makes s a snapshot of a collected point.
func (s *summarySnapshot) set(p *point) {
	s.stamps = p.stamps()
	s.count, s.sum = p.Count, p.Sum
	s.values = s.values[:0]
	for _, q := range p.Quantiles {
		s.values = append(s.values, q.Value)
	}
	if !slices.EqualFunc(s.quantiles, p.Quantiles, func(a float64, b metric.Quantile) bool { return a == b.Quantile }) || s.labels.none() {
		s.quantiles = make([]float64, len(p.Quantiles))
		for i, q := range p.Quantiles {
			s.quantiles[i] = q.Quantile
		}
		s.labels = newNumberLabels("quantile", s.quantiles)
	}
}

// losses are what was left out because it cannot be exposed.
type losses struct {
	point     error         // a point's value; the last one will do
	exemplars [flaws]uint64 // how many
}

// render adds the shared labels to the points of a family, renders all labels by
// name and puts the points in that order. The same labels twice are an error. Points
// and exemplars that cannot be exposed are left out, and noted as lost.
func render(f *metric.Family, shared []metric.Label, e Escaping, lost *losses) ([]point, error) {
	points := make([]point, 0, len(f.Points))
	var buf []byte
	var ends []int
	for i := range f.Points {
		if err := checkValue(f, &f.Points[i]); err != nil {
			lost.point = err
			continue
		}
		p, dropped := newPoint(f.Kind, &f.Points[i])
		for _, why := range dropped {
			lost.exemplars[why]++
		}
		if len(shared) > 0 || f.Kind == metric.StateSet { // else they were checked before
			p.Labels = append(slices.Clip(shared), p.Labels...)
			if err := checkLabelNames(&metric.Desc{Name: f.Name, Kind: f.Kind}, namesOf(p.Labels)); err != nil {
				return nil, err
			}
		}
		p.Labels = tidy(p.Labels, stateLabel(f.Name, f.Kind))
		points = append(points, p)
		buf = appendLabels(buf, p.Labels, e)
		ends = append(ends, len(buf))
	}
	all := string(buf) // one string for all of them
	start := 0
	for i, end := range ends {
		points[i].text = all[start:end]
		start = end
	}
	sort.Sort((*pointsByText)(&points))
	for i := 1; i < len(points); i++ {
		if points[i].text == points[i-1].text {
			return nil, errorf("ember: %s was written twice", seriesName(f.Name, points[i].text))
		}
	}
	return points, checkEmptyValues(f, points)
}

// checkEmptyValues refuses points that differ in nothing but labels without a value:
// to readers such labels are not there.
func checkEmptyValues(f *metric.Family, points []point) error {
	some := false
	for i := range points {
		some = some || slices.ContainsFunc(points[i].Labels, func(l metric.Label) bool { return l.Value == "" })
	}
	if !some {
		return nil
	}
	seen := make(map[string]string, len(points)) // the text by the text without those labels
	for i := range points {
		p := &points[i]
		var labels []metric.Label
		for _, l := range p.Labels {
			if l.Value != "" {
				labels = append(labels, l)
			}
		}
		text := string(appendLabels(nil, labels, EscapingUnderscores))
		if other, ok := seen[text]; ok {
			return errorf("ember: %s and %s are one series: a label without a value is none", seriesName(f.Name, other), seriesName(f.Name, p.text))
		}
		seen[text] = p.text
	}
	return nil
}

// tidy returns labels by name, with valid values. The one called last, if it is there,
// is the last: so the states of one thing stand together.
func tidy(labels []metric.Label, last string) []metric.Label {
	if len(labels) > 1 {
		if l := (&labelsByName{labels, last}); !sort.IsSorted(l) {
			l.list = slices.Clone(labels)
			sort.Sort(l)
			labels = l.list
		}
	}
	for i, l := range labels {
		if valid := strings.ToValidUTF8(l.Value, "\uFFFD"); valid != l.Value {
			labels = slices.Clone(labels)
			labels[i].Value = valid
		}
	}
	return labels
}

// stateLabel returns the name of the label that names the state in a family; "" if
// there is none.
func stateLabel(name string, kind metric.Kind) string {
	if kind == metric.StateSet {
		return name
	}
	return ""
}
