// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// sample is one number as Prometheus stores it, or a whole series of a histogram or
// summary.
type sample struct {
	name   string
	labels []metric.Label
	number string // the name of the last label if its values are numbers: le or quantile
	value  float64
	shown  string // instead of value; empty: value

	point *metric.Point // of a whole series
}

// samplesOf returns the samples of a family under the names that queries use.
func samplesOf(f *metric.Family) (all []sample) {
	for i := range f.Points {
		p := &f.Points[i]
		add := func(suffix string, v float64) {
			all = append(all, sample{name: f.Name + suffix, labels: p.Labels, value: v})
		}
		addNumbered := func(suffix, label string, at, v float64) {
			labels := append(slices.Clip(p.Labels), metric.Label{Name: label, Value: number(at)})
			all = append(all, sample{name: f.Name + suffix, labels: labels, number: label, value: v})
		}
		switch f.Kind {
		case metric.Histogram, metric.GaugeHistogram:
			for _, b := range withInf(p) {
				addNumbered("_bucket", "le", b.UpperBound, float64(b.Count))
			}
			add("_sum", p.Sum)
			add("_count", float64(p.Count))
		case metric.Summary:
			for _, q := range p.Quantiles {
				addNumbered("", "quantile", q.Quantile, q.Value)
			}
			add("_sum", p.Sum)
			add("_count", float64(p.Count))
		default:
			add("", p.Value)
		}
	}
	return all
}

// withInf returns the buckets of a point, the one for +Inf included.
func withInf(p *metric.Point) []metric.Bucket {
	if n := len(p.Buckets); n > 0 && math.IsInf(p.Buckets[n-1].UpperBound, 1) {
		return p.Buckets
	}
	return append(slices.Clip(p.Buckets), metric.Bucket{UpperBound: math.Inf(1), Count: p.Count})
}

// number writes a number as the formats do, but for the letters: +Inf.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// has reports whether s has a label. No value means that it does not have it, as in
// queries.
func (s *sample) has(want metric.Label) bool {
	for _, l := range s.labels {
		if l.Name == want.Name {
			return l.Value == want.Value || l.Name == s.number && sameNumber(l.Value, want.Value)
		}
	}
	return want.Value == ""
}

func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// hits counts those of some labels that s has.
func (s *sample) hits(want []metric.Label) (n int) {
	for _, l := range want {
		if s.has(l) {
			n++
		}
	}
	return n
}

// String returns the sample as a line of a scrape.
func (s *sample) String() string {
	shown := s.shown
	if shown == "" {
		shown = number(s.value)
	}
	return seriesName(s.name, s.labels) + " " + shown
}

// seriesName returns the name of a series as queries write it.
func seriesName(name string, labels []metric.Label) string {
	var b strings.Builder
	b.WriteString(oneWord(name))
	for i, l := range labels {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(oneWord(l.Name) + "=" + strconv.Quote(l.Value))
	}
	if len(labels) > 0 {
		b.WriteByte('}')
	}
	return b.String()
}
