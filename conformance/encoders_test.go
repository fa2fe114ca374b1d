// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// message returns a family as client_golang hands it to prometheus/common, which then
// writes it. Kinds that common does not know are gauges there.
func message(f *metric.Family, e ember.Escaping) *dto.MetricFamily {
	kinds := map[metric.Kind]dto.MetricType{
		metric.Unknown: dto.MetricType_UNTYPED, metric.Counter: dto.MetricType_COUNTER, metric.Gauge: dto.MetricType_GAUGE,
		metric.Histogram: dto.MetricType_HISTOGRAM, metric.GaugeHistogram: dto.MetricType_GAUGE_HISTOGRAM, metric.Summary: dto.MetricType_SUMMARY,
		metric.Info: dto.MetricType_GAUGE, metric.StateSet: dto.MetricType_GAUGE,
	}
	m := &dto.MetricFamily{Name: new(spelled(f.Name, e)), Type: kinds[f.Kind].Enum()}
	if f.Help != "" {
		m.Help = new(f.Help)
	}
	if unit := sayable(f, *m.Name); unit != "" {
		m.Unit = new(unit)
	}
	for i := range f.Points {
		m.Metric = append(m.Metric, messageOf(&f.Points[i], f.Kind, e))
	}
	return m
}

func messageOf(p *metric.Point, kind metric.Kind, e ember.Escaping) *dto.Metric {
	m := new(dto.Metric)
	for _, l := range p.Labels {
		m.Label = append(m.Label, &dto.LabelPair{Name: new(spelledLabel(l.Name, e)), Value: new(l.Value)})
	}
	if !p.Time.IsZero() {
		m.TimestampMs = new(p.Time.UnixMilli())
	}
	var created *timestamppb.Timestamp
	if !p.Created.IsZero() {
		created = timestamppb.New(p.Created)
	}
	switch kind {
	case metric.Counter:
		m.Counter = &dto.Counter{Value: new(p.Value), Exemplar: exemplarMessage(p.Exemplar), CreatedTimestamp: created}
	case metric.Unknown:
		m.Untyped = &dto.Untyped{Value: new(p.Value)}
	case metric.Summary:
		m.Summary = &dto.Summary{SampleCount: new(p.Count), SampleSum: new(p.Sum), CreatedTimestamp: created}
		for _, q := range p.Quantiles {
			m.Summary.Quantile = append(m.Summary.Quantile, &dto.Quantile{Quantile: new(q.Quantile), Value: new(q.Value)})
		}
	case metric.Histogram, metric.GaugeHistogram:
		h := &dto.Histogram{SampleCount: new(p.Count), SampleSum: new(p.Sum), CreatedTimestamp: created}
		m.Histogram = h
		for _, b := range p.Buckets {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(b.UpperBound), CumulativeCount: new(b.Count), Exemplar: exemplarMessage(b.Exemplar)})
		}
		if n := p.Native; n != nil {
			h.Schema, h.ZeroThreshold, h.ZeroCount = new(int32(n.Schema)), new(n.ZeroThreshold), new(n.ZeroCount)
			h.PositiveSpan, h.PositiveDelta = spans(n.Positive)
			h.NegativeSpan, h.NegativeDelta = spans(n.Negative)
			if len(h.PositiveSpan)+len(h.NegativeSpan) == 0 && n.ZeroThreshold == 0 && n.ZeroCount == 0 {
				h.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(0)), Length: new(uint32(0))}}
			}
			for i := range n.Exemplars {
				if len(p.Buckets) == 0 && !n.Exemplars[i].Time.IsZero() {
					h.Exemplars = append(h.Exemplars, exemplarMessage(&n.Exemplars[i]))
				}
			}
		}
	default:
		m.Gauge = &dto.Gauge{Value: new(p.Value)}
	}
	return m
}

// spans returns each bucket in a span of its own.
func spans(buckets []metric.NativeBucket) (all []*dto.BucketSpan, deltas []int64) {
	next, before := 0, uint64(0)
	for _, b := range buckets {
		all = append(all, &dto.BucketSpan{Offset: new(int32(b.Index - next)), Length: new(uint32(1))})
		deltas = append(deltas, int64(b.Count-before))
		next, before = b.Index+1, b.Count
	}
	return all, deltas
}

func exemplarMessage(e *metric.Exemplar) *dto.Exemplar {
	if e == nil {
		return nil
	}
	m := &dto.Exemplar{Value: new(e.Value)}
	for _, l := range e.Labels {
		m.Label = append(m.Label, &dto.LabelPair{Name: new(l.Name), Value: new(l.Value)})
	}
	if !e.Time.IsZero() {
		m.Timestamp = timestamppb.New(e.Time)
	}
	return m
}

// commonWrites returns what prometheus/common writes of families in the way of w.
func commonWrites(families []*metric.Family, w wire) ([]byte, error) {
	var b bytes.Buffer
	for _, f := range families {
		m := message(f, w.escaping)
		var err error
		switch {
		case w.isText():
			_, err = expfmt.MetricFamilyToText(&b, m)
		case w.base == ember.FormatProtobuf:
			_, err = protodelim.MarshalTo(&b, m)
		case w.base == ember.FormatOpenMetrics2:
			_, err = expfmt.MetricFamilyToOpenMetrics20(&b, m)
		case w.created:
			_, err = expfmt.MetricFamilyToOpenMetrics(&b, m, expfmt.WithCreatedLines())
		default:
			_, err = expfmt.MetricFamilyToOpenMetrics(&b, m)
		}
		if err != nil {
			return nil, err
		}
	}
	if !w.isText() && w.base != ember.FormatProtobuf {
		_, err := expfmt.FinalizeOpenMetrics(&b)
		return b.Bytes(), err
	}
	return b.Bytes(), nil
}

// omission is a family that prometheus/common does not write as it should be.
type omission struct {
	name   string
	reason string
	// has reports whether the family is one, written so.
	has func(f *metric.Family, w wire) bool
}

// omissions are all that there are. TestDifferencesMatter fails for one that nothing
// needs any more.
var omissions = []omission{
	{
		name:   "labels with a colon",
		reason: "common takes a colon for allowed in a label's name, and writes the name without quotes or escapes. Prometheus then refuses the scrape.",
		has: func(f *metric.Family, w wire) bool {
			return w.escaping == ember.EscapingAllowUTF8 && anyPoint(f, func(p *metric.Point) bool {
				return slices.ContainsFunc(p.Labels, func(l metric.Label) bool {
					return strings.Contains(l.Name, ":") && classicName(l.Name, true)
				})
			})
		},
	}, {
		name:   "negative zero",
		reason: "common writes -0 as 0.",
		has: func(f *metric.Family, w wire) bool {
			return w.base != ember.FormatProtobuf && anyNumber(f, func(v float64) bool { return judge.Num(v) == "-0" })
		},
	}, {
		name:   "info and state sets",
		reason: "common does not know them; they are gauges in client_golang.",
		has: func(f *metric.Family, w wire) bool {
			return (f.Kind == metric.Info || f.Kind == metric.StateSet) && !w.isText() && w.base != ember.FormatProtobuf
		},
	}, {
		name:   "gauge histograms in OpenMetrics 1",
		reason: "common calls their totals _count and _sum instead of _gcount and _gsum.",
		has: func(f *metric.Family, w wire) bool {
			return f.Kind == metric.GaugeHistogram && w.isOpenMetrics1()
		},
	}, {
		name:   "counters without _total",
		reason: "OpenMetrics 1 has to call them unknown, but common leaves them their exemplars and lines of creation.",
		has: func(f *metric.Family, w wire) bool {
			return f.Kind == metric.Counter && w.isOpenMetrics1() && !strings.HasSuffix(spelled(f.Name, w.escaping), "_total")
		},
	}, {
		name:   "a counter called _total",
		reason: "common leaves nothing of its name.",
		has: func(f *metric.Family, w wire) bool {
			return f.Kind == metric.Counter && w.isOpenMetrics1() && spelled(f.Name, w.escaping) == "_total"
		},
	}, {
		name:   "created beside a time",
		reason: "common leaves the time out of the line that says when a series began, and client_python refuses a series of which some samples have a time.",
		has: func(f *metric.Family, w wire) bool {
			return w.created && anyPoint(f, func(p *metric.Point) bool { return !p.Time.IsZero() && !p.Created.IsZero() })
		},
	}, {
		name:   "fractions of seconds",
		reason: "common writes nanoseconds, in OpenMetrics 1 through a float64 that cannot hold them: 1.7003937593270001e+09. Ember writes milliseconds, which is what Prometheus keeps.",
		has: func(f *metric.Family, w wire) bool {
			return !w.isText() && w.base != ember.FormatProtobuf && anyPoint(f, func(p *metric.Point) bool {
				inexact := func(t time.Time) bool {
					return t.Nanosecond()%1e6 != 0 || w.isOpenMetrics1() && t.Nanosecond() != 0
				}
				found := inexact(p.Created)
				for _, e := range exemplarsOf(p) {
					found = found || inexact(e.Time)
				}
				return found
			})
		},
	}, {
		name:   "exemplars without labels",
		reason: "common leaves an exemplar without labels out of OpenMetrics 1.",
		has: func(f *metric.Family, w wire) bool {
			return w.isOpenMetrics1() && anyPoint(f, func(p *metric.Point) bool {
				return slices.ContainsFunc(exemplarsOf(p), func(e *metric.Exemplar) bool { return len(e.Labels) == 0 })
			})
		},
	}, {
		name:   "exemplars of native histograms in OpenMetrics 1",
		reason: "A native histogram has the bucket for +Inf there. Ember writes its newest exemplar with it, common none.",
		has: func(f *metric.Family, w wire) bool {
			return w.isOpenMetrics1() && anyPoint(f, func(p *metric.Point) bool { return p.Native != nil && len(p.Native.Exemplars) > 0 })
		},
	}, {
		name:   "creation of gauge histograms",
		reason: "common writes in protobuf when a gauge histogram began, which says nothing about what goes up and down.",
		has: func(f *metric.Family, w wire) bool {
			return f.Kind == metric.GaugeHistogram && anyPoint(f, func(p *metric.Point) bool { return !p.Created.IsZero() })
		},
	}, {
		name:   "a help that ends in a carriage return",
		reason: "common fails the scrape in OpenMetrics 2. Ember leaves the carriage return out.",
		has: func(f *metric.Family, w wire) bool {
			return w.base == ember.FormatOpenMetrics2 && strings.HasSuffix(f.Help, "\r")
		},
	}, {
		name:   "what OpenMetrics 2 forbids",
		reason: "common fails the scrape for a negative sum or quantile of a summary, or a sum that is not a number.",
		has: func(f *metric.Family, w wire) bool {
			return w.base == ember.FormatOpenMetrics2 && f.Kind == metric.Summary && anyNumber(f, func(v float64) bool { return v < 0 || v != v })
		},
	},
}

func anyPoint(f *metric.Family, is func(p *metric.Point) bool) bool {
	return slices.ContainsFunc(f.Points, func(p metric.Point) bool { return is(&p) })
}

// anyNumber reports whether is holds for any float64 that is written.
func anyNumber(f *metric.Family, is func(v float64) bool) bool {
	return anyPoint(f, func(p *metric.Point) bool {
		found := is(p.Value) || is(p.Sum)
		for _, b := range p.Buckets {
			found = found || is(b.UpperBound)
		}
		for _, q := range p.Quantiles {
			found = found || is(q.Value)
		}
		for _, e := range exemplarsOf(p) {
			found = found || is(e.Value)
		}
		return found
	})
}

func exemplarsOf(p *metric.Point) []*metric.Exemplar {
	var all []*metric.Exemplar
	if p.Native != nil {
		all = pointers(p.Native.Exemplars)
	}
	all = append(all, p.Exemplar)
	for _, b := range p.Buckets {
		all = append(all, b.Exemplar)
	}
	return slices.DeleteFunc(all, func(e *metric.Exemplar) bool { return e == nil })
}

// inOrder returns f with labels by name, but for a state's, which is last, and series by labels as the text has them,
// which is how Ember writes what somebody else gathered.
func inOrder(f *metric.Family) *metric.Family {
	g := *f
	g.Points = slices.Clone(f.Points)
	for i, p := range g.Points {
		g.Points[i].Labels = slices.SortedFunc(slices.Values(p.Labels), func(a, b metric.Label) int {
			if last := f.Kind == metric.StateSet && a.Name == f.Name; last || f.Kind == metric.StateSet && b.Name == f.Name {
				return map[bool]int{true: 1, false: -1}[last]
			}
			return strings.Compare(a.Name, b.Name)
		})
	}
	slices.SortFunc(g.Points, func(a, b metric.Point) int { return strings.Compare(labelsText(a), labelsText(b)) })
	return &g
}

func labelsText(p metric.Point) string {
	var pairs []string
	for _, l := range p.Labels {
		pairs = append(pairs, spelledLabel(l.Name, ember.EscapingUnderscores)+`="`+labelEscaper.Replace(l.Value)+`"`)
	}
	return strings.Join(pairs, ",")
}

// gathered is a Gatherer of families as they are.
type gathered []*metric.Family

func (g gathered) Gather() ([]*metric.Family, error) { return g, nil }

// requireLikeCommon fails unless Ember's text is common's, byte for byte, and what
// both write in other formats is read as the same: without the families that are
// listed. It returns which entries of the list there were.
func requireLikeCommon(t testing.TB, families []*metric.Family, w wire) (mattered map[string]bool) {
	t.Helper()
	mattered = make(map[string]bool)
	var same gathered
	for _, f := range families {
		whole := true
		for _, o := range omissions {
			if o.has(f, w) {
				mattered[o.name] = true
				whole = false
			}
		}
		if whole {
			same = append(same, f)
		}
	}
	if how := unlikeCommon(t, same, w); how != "" {
		t.Fatalf("%v is not like common's: %s", w, how)
	}
	return mattered
}

// unlikeCommon returns how what Ember writes differs from what common does.
func unlikeCommon(t testing.TB, families gathered, w wire) string {
	t.Helper()
	var sorted gathered
	for _, f := range families {
		sorted = append(sorted, inOrder(f))
	}
	ours := written(t, sorted, w)
	theirs, err := commonWrites(sorted, w)
	if err != nil {
		return err.Error()
	}
	if w.isText() {
		if string(theirs) == string(ours) {
			return ""
		}
		return fmt.Sprintf("%s\nnot:\n%s", shown(ours), shown(theirs))
	}
	want, err := judge.Prometheus(w.format().ContentType(), theirs, judge.Options{})
	if err != nil {
		return err.Error()
	}
	got, err := judge.Prometheus(w.format().ContentType(), ours, judge.Options{})
	require.NoError(t, err, "%v", w)
	if diff := judge.Diff(want, got, 8); diff != "" {
		return fmt.Sprintf("%s\nin:\n%s\nand:\n%s", diff, shown(theirs), shown(ours))
	}
	return ""
}
