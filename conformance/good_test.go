// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

var (
	epoch = time.UnixMilli(0)
	inf   = math.Inf(1)
)

// unbuildable are good expositions that no registry can have.
var unbuildable = map[string]string{
	"duplicate_timestamps_0":    "a series has one value in a scrape",
	"duplicate_timestamps_1":    "a series has one value in a scrape",
	"timestamps":                "a timestamp of 12345678901234567890 seconds is out of range; the other cases have timestamps too",
	"negative_bucket_histogram": "Ember writes the sum, which client_python refuses; the table of differences says why",
	"null_byte":                 "nothing is written of a family without series; labels and helps with a null byte are in the random registries",
}

// What is good can be written: the same metrics in a registry are read as the same
// exposition again.
func TestCorpusOfGoodExpositions(t *testing.T) {
	good := make(map[string]bool)
	for _, c := range corpus(t) {
		if !c.Parses {
			continue
		}
		good[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			if why, ok := unbuildable[c.Name]; ok {
				t.Log("not built: ", why)
				return
			}
			want, err := readPython(t, []byte(c.Text))
			require.NoError(t, err)
			families := rebuilt(want)
			reg := ember.NewRegistry()
			require.NoError(t, reg.Register(&outsider{families}))
			w := wire{base: ember.FormatOpenMetrics, created: true}
			data := written(t, reg, w)
			got, err := readPython(t, data)
			require.NoError(t, err, "%s", data)
			fill(want)
			require.Empty(t, judge.Diff(want, got, 8), "%s", data)

			gathered, err := reg.Gather()
			require.NoError(t, err)
			for _, wire := range wires {
				requireAgreement(t, gathered, written(t, reg, wire), wire)
			}
		})
	}
	for name := range unbuildable {
		require.Contains(t, good, name, "no such case")
	}
}

// fill adds what an exposition may leave out, but Ember does not.
func fill(x *judge.Exposition) {
	for name, f := range x.Families {
		count, sum := "_count", "_sum"
		switch f.Type {
		case "histogram", "summary":
		case "gaugehistogram":
			count, sum = "_gcount", "_gsum"
		default:
			continue
		}
		for _, s := range x.Samples {
			if s.Name != name+"_bucket" || bound(s) != inf {
				continue
			}
			s.Labels = slices.DeleteFunc(slices.Clone(s.Labels), func(l metric.Label) bool { return l.Name == "le" })
			s.Exemplars = nil
			for suffix, v := range map[string]judge.Number{count: s.Value, sum: "0"} {
				s.Name, s.Value = name+suffix, v
				if _, ok := x.Samples[s.ID()]; !ok {
					x.Samples[s.ID()] = s
				}
			}
		}
	}
}

// rebuilt returns the families that would be written as x.
func rebuilt(x *judge.Exposition) []*metric.Family {
	var all []*metric.Family
	for name, d := range x.Families {
		f := &metric.Family{Name: name, Help: d.Help, Unit: d.Unit}
		for kind := metric.Unknown; kind <= metric.StateSet; kind++ {
			if kind.String() == d.Type {
				f.Kind = kind
			}
		}
		suffixes := []string{""}
		switch f.Kind {
		case metric.Counter:
			f.Name += "_total"
			suffixes = []string{"_total", "_created"}
		case metric.Info:
			f.Name += "_info"
			suffixes = []string{"_info"}
		case metric.Histogram, metric.GaugeHistogram, metric.Summary:
			suffixes = []string{"", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_created"}
		}
		points := make(map[string]*metric.Point)
		for _, s := range x.Samples {
			suffix, ok := strings.CutPrefix(s.Name, name)
			if !ok || !slices.Contains(suffixes, suffix) {
				continue
			}
			labels := slices.DeleteFunc(slices.Clone(s.Labels), func(l metric.Label) bool {
				return suffix == "_bucket" && l.Name == "le" || f.Kind == metric.Summary && l.Name == "quantile"
			})
			id := judge.ID("", labels)
			if points[id] == nil {
				points[id] = &metric.Point{Labels: labels}
			}
			rebuild(points[id], f.Kind, suffix, s)
		}
		for _, p := range points {
			slices.SortFunc(p.Buckets, func(a, b metric.Bucket) int { return cmp.Compare(a.UpperBound, b.UpperBound) })
			slices.SortFunc(p.Quantiles, func(a, b metric.Quantile) int { return cmp.Compare(a.Quantile, b.Quantile) })
			if n := len(p.Buckets); n > 0 {
				p.Count = p.Buckets[n-1].Count
			}
			f.Points = append(f.Points, *p)
		}
		all = append(all, f)
	}
	return all
}

// rebuild adds one sample to the point that it is a part of.
func rebuild(p *metric.Point, kind metric.Kind, suffix string, s judge.Sample) {
	v := s.Value.Float()
	if s.Time.Known {
		p.Time = time.Unix(0, s.Time.Nanos)
	}
	var exemplar *metric.Exemplar
	if len(s.Exemplars) > 0 {
		e := s.Exemplars[0]
		exemplar = &metric.Exemplar{Labels: e.Labels, Value: e.Value.Float()}
		if e.Time.Known {
			exemplar.Time = time.Unix(0, e.Time.Nanos)
		}
	}
	switch suffix {
	case "_bucket":
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: bound(s), Count: uint64(v), Exemplar: exemplar})
	case "_count", "_gcount":
		p.Count = uint64(v)
	case "_sum", "_gsum":
		p.Sum = v
	case "_created":
		p.Created = time.UnixMilli(int64(math.Round(v * 1000)))
	default:
		if kind == metric.Summary {
			i := slices.IndexFunc(s.Labels, func(l metric.Label) bool { return l.Name == "quantile" })
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: judge.Number(s.Labels[i].Value).Float(), Value: v})
			return
		}
		p.Value, p.Exemplar = v, exemplar
	}
}
