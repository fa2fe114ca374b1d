// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// wire is a way to write metrics.
type wire struct {
	base     ember.Format
	escaping ember.Escaping
	created  bool // OpenMetrics 1: with lines of creation
}

func (w wire) format() ember.Format {
	f := w.base.WithEscaping(w.escaping)
	if w.created {
		f = f.WithCreated()
	}
	return f
}

func (w wire) String() string {
	s := wireNames[w.base] + " " + w.escaping.String()
	if w.created {
		s += " created"
	}
	return s
}

var wireNames = map[ember.Format]string{
	ember.FormatText: "text", ember.FormatText1: "text1", ember.FormatProtobuf: "protobuf",
	ember.FormatOpenMetrics: "openmetrics1", ember.FormatOpenMetrics0: "openmetrics0", ember.FormatOpenMetrics2: "openmetrics2",
}

func (w wire) isText() bool { return w.base == ember.FormatText || w.base == ember.FormatText1 }

func (w wire) isOpenMetrics1() bool {
	return w.base == ember.FormatOpenMetrics || w.base == ember.FormatOpenMetrics0
}

// wires are all ways to write.
var wires = func() []wire {
	var all []wire
	for base := ember.FormatText; base <= ember.FormatProtobuf; base++ {
		for escaping := ember.EscapingUnderscores; escaping <= ember.EscapingValues; escaping++ {
			w := wire{base: base, escaping: escaping}
			all = append(all, w)
			if w.isOpenMetrics1() {
				w.created = true
				all = append(all, w)
			}
		}
	}
	return all
}()

// written returns what g exposes in one way.
func written(t testing.TB, g ember.Gatherer, w wire) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, ember.Write(&b, g, w.format()), "%v", w)
	return b.Bytes()
}

// reading is how a judge looks at what was written.
type reading struct {
	wire
	createdRead bool // lines of creation are not series
	classicOnly bool // native histograms are not seen

	histograms [][]histogramSeries // of each family that is one, in order
}

// histogramSeries is where a histogram stands in its family.
type histogramSeries struct {
	id          string
	nativeAlone bool // without classic buckets
}

// meant returns what judges should read of families that were written in one way:
// the rules of the formats, once more and in another form than in the encoders.
func meant(families []*metric.Family, r *reading) (*judge.Exposition, error) {
	x := judge.New()
	names := make(map[string]bool)
	for _, f := range families {
		names[spelled(f.Name, r.escaping)] = true
	}
	for _, f := range families {
		m := meaning{reading: r, x: x, f: f, name: spelled(f.Name, r.escaping)}
		m.describe(names)
		r.histograms = append(r.histograms, nil)
		for i := range f.Points {
			m.point(&f.Points[i])
		}
		if m.err != nil {
			return nil, m.err
		}
	}
	return x, nil
}

// spelled returns a metric's name as prometheus/common escapes it in families, which
// leaves classic names alone. EscapeName does not, with dots.
func spelled(name string, e ember.Escaping) string {
	if classicName(name, true) {
		return name
	}
	return model.EscapeName(name, map[ember.Escaping]model.EscapingScheme{
		ember.EscapingUnderscores: model.UnderscoreEscaping,
		ember.EscapingAllowUTF8:   model.NoEscaping,
		ember.EscapingDots:        model.DotsEscaping,
		ember.EscapingValues:      model.ValueEncodingEscaping,
	}[e])
}

// spelledLabel differs in that a label must not have a colon, which common does not
// see.
func spelledLabel(name string, e ember.Escaping) string {
	if e == ember.EscapingAllowUTF8 || !strings.Contains(name, ":") {
		return spelled(name, e)
	}
	return strings.ReplaceAll(spelled(strings.ReplaceAll(name, ":", "\x7f"), e), "_7f_", "_3a_")
}

// meaning is what one family means.
type meaning struct {
	*reading
	x    *judge.Exposition
	f    *metric.Family
	name string // of the family, as written
	err  error

	total string // the suffix of a counter's samples, or an info's, beyond name
	keeps bool   // it is a counter with all that counters have
}

func (m *meaning) describe(names map[string]bool) {
	d := judge.Family{Type: m.f.Kind.String(), Help: m.f.Help}
	if m.base == ember.FormatOpenMetrics2 {
		d.Help = strings.TrimRight(d.Help, "\r") // which must not stand before a line feed
	}
	m.keeps = m.f.Kind == metric.Counter
	switch {
	case m.isText():
		switch m.f.Kind {
		case metric.GaugeHistogram:
			d.Type = "histogram"
		case metric.Info, metric.StateSet:
			d.Type = "gauge"
		}
	case m.base == ember.FormatProtobuf:
		if m.f.Kind == metric.Info || m.f.Kind == metric.StateSet {
			d.Type = "gauge"
		}
		d.Unit = sayable(m.f, m.name)
	case m.isOpenMetrics1():
		// The suffix is not the family's there.
		switch m.f.Kind {
		case metric.Counter:
			m.cut("_total", names)
			if m.keeps = m.total != ""; !m.keeps {
				d.Type = "unknown"
			}
		case metric.Info:
			if m.cut("_info", names); m.total == "" {
				d.Type = "gauge"
			}
		}
		d.Unit = sayable(m.f, m.name)
	default:
		if m.f.Kind == metric.Info && !strings.HasSuffix(m.name, "_info") {
			d.Type = "gauge"
		}
		d.Unit = sayable(m.f, m.name)
	}
	if _, ok := m.x.Families[m.name]; ok {
		m.err = fmt.Errorf("two families are written %q", m.name)
	}
	m.x.Families[m.name] = d
}

// cut takes the suffix from the family's name, unless another family is called so.
func (m *meaning) cut(suffix string, names map[string]bool) {
	if base, ok := strings.CutSuffix(m.name, suffix); ok && base != "" && !names[base] {
		m.name, m.total = base, suffix
	}
}

// sayable returns a family's unit if formats may say it: where the family's name,
// as written, says so too.
func sayable(f *metric.Family, name string) string {
	if f.Kind == metric.Counter {
		name = strings.TrimSuffix(name, "_total")
	}
	if f.Unit == "" || !classicName("_"+f.Unit, true) || !strings.HasSuffix(name, "_"+f.Unit) {
		return ""
	}
	return f.Unit
}

func (m *meaning) point(p *metric.Point) {
	base := judge.Sample{Name: m.name, Time: floored(p.Time)}
	for _, l := range p.Labels {
		base.Labels = append(base.Labels, metric.Label{Name: spelledLabel(l.Name, m.escaping), Value: l.Value})
	}
	if m.begins() {
		base.Created = m.instant(p.Created)
	}
	lines := m.isOpenMetrics1() && !m.createdRead
	if lines && m.created && base.Created.Known {
		s := base
		s.Name, s.Value, s.Created = m.name+"_created", judge.Num(float64(base.Created.Nanos/1e6)/1000), judge.Instant{}
		m.add(s)
	}
	if lines {
		base.Created = judge.Instant{}
	}
	switch m.f.Kind {
	case metric.Histogram, metric.GaugeHistogram:
		m.histogram(base, p)
	case metric.Summary:
		m.totals(base, "_count", "_sum", p)
		for _, q := range p.Quantiles {
			s := base
			s.Labels = judge.With(base.Labels, "quantile", q.Quantile)
			s.Value = judge.Num(q.Value)
			m.add(s)
		}
	default:
		base.Name += m.total
		base.Value = judge.Num(p.Value)
		if m.keeps && !m.isText() {
			base.Exemplars = m.exemplars(p.Exemplar)
		}
		m.add(base)
	}
}

// begins reports whether the format says when series of the family began.
func (m *meaning) begins() bool {
	if m.f.Kind != metric.Counter && m.f.Kind != metric.Histogram && m.f.Kind != metric.Summary {
		return false
	}
	if m.isOpenMetrics1() {
		return m.created && (m.f.Kind != metric.Counter || m.keeps)
	}
	return !m.isText()
}

func (m *meaning) histogram(base judge.Sample, p *metric.Point) {
	gauge := m.f.Kind == metric.GaugeHistogram
	in := &m.histograms[len(m.histograms)-1]
	*in = append(*in, histogramSeries{base.ID(), p.Native != nil && len(p.Buckets) == 0})
	if p.Native != nil && !m.classicOnly && (m.base == ember.FormatOpenMetrics2 || m.base == ember.FormatProtobuf) {
		n := p.Native
		s := base
		s.Native = (&judge.Native{
			Gauge: gauge, Schema: n.Schema, ZeroThreshold: n.ZeroThreshold, ZeroCount: n.ZeroCount, Count: p.Count, Sum: p.Sum,
			Positive: byIndex(n.Positive), Negative: byIndex(n.Negative),
		}).String()
		list := pointers(n.Exemplars)
		if len(p.Buckets) > 0 {
			list = nil
			for i := range p.Buckets {
				list = append(list, p.Buckets[i].Exemplar)
			}
		}
		s.Exemplars = m.timed(list...)
		m.add(s)
		if len(p.Buckets) == 0 {
			return
		}
	}
	count, sum := "_count", "_sum"
	if gauge && (m.isOpenMetrics1() || m.base == ember.FormatOpenMetrics2) {
		count, sum = "_gcount", "_gsum"
	}
	m.totals(base, count, sum, p)
	buckets := slices.Clone(p.Buckets)
	if n := len(buckets); n == 0 || !math.IsInf(buckets[n-1].UpperBound, 1) {
		buckets = append(buckets, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count})
	}
	for _, b := range buckets {
		s := base
		s.Name += "_bucket"
		s.Labels = judge.With(base.Labels, "le", b.UpperBound)
		s.Value = judge.Num(float64(b.Count))
		switch {
		case m.isText():
		case len(p.Buckets) == 0 && p.Native != nil:
			s.Exemplars = m.onlyBucket(p.Native.Exemplars)
		default:
			s.Exemplars = m.exemplars(b.Exemplar)
		}
		m.add(s)
	}
}

// onlyBucket returns the exemplars of a native histogram on the only bucket that
// readers of classic ones see.
func (m *meaning) onlyBucket(list []metric.Exemplar) []judge.Exemplar {
	switch {
	case m.base == ember.FormatProtobuf || len(list) == 0:
		return nil // it is not written, but known from the count
	case m.isOpenMetrics1():
		return m.exemplars(&list[len(list)-1]) // the newest
	default:
		return m.timed(pointers(list)...) // on the same line
	}
}

func (m *meaning) totals(base judge.Sample, count, sum string, p *metric.Point) {
	s := base
	s.Name, s.Value = base.Name+count, judge.Num(float64(p.Count))
	m.add(s)
	s.Name, s.Value = base.Name+sum, judge.Num(p.Sum)
	m.add(s)
}

// exemplars returns those that the format can have.
func (m *meaning) exemplars(list ...*metric.Exemplar) []judge.Exemplar {
	if m.base == ember.FormatOpenMetrics2 {
		return m.timed(list...) // it wants a time of each
	}
	var all []judge.Exemplar
	for _, e := range list {
		if e != nil {
			all = append(all, m.exemplar(e)...)
		}
	}
	return all
}

// exemplar returns one, or none if it must not be exposed.
func (m *meaning) exemplar(e *metric.Exemplar) []judge.Exemplar {
	length := 0
	for _, l := range e.Labels {
		length += len([]rune(l.Name)) + len([]rune(l.Value))
	}
	if length > 128 {
		return nil
	}
	return []judge.Exemplar{{Labels: slices.Clone(e.Labels), Value: judge.Num(e.Value), Time: m.instant(e.Time)}}
}

func (m *meaning) timed(list ...*metric.Exemplar) []judge.Exemplar {
	var all []judge.Exemplar
	for _, e := range list {
		if e != nil && !e.Time.IsZero() {
			all = append(all, m.exemplar(e)...)
		}
	}
	return all
}

func (m *meaning) add(s judge.Sample) {
	if err := m.x.Add(s); err != nil && m.err == nil {
		m.err = err
	}
}

// instant returns a moment in the past as the format has it.
func (m *meaning) instant(t time.Time) judge.Instant {
	if m.base == ember.FormatProtobuf {
		return judge.At(t)
	}
	return floored(t)
}

// floored returns t in whole milliseconds, not later than it is.
func floored(t time.Time) judge.Instant {
	if t.IsZero() {
		return judge.Instant{}
	}
	return judge.At(time.UnixMilli(t.UnixMilli()))
}

func byIndex(buckets []metric.NativeBucket) map[int]uint64 {
	all := make(map[int]uint64)
	for _, b := range buckets {
		all[b.Index] = b.Count
	}
	return all
}

func pointers(list []metric.Exemplar) []*metric.Exemplar {
	var all []*metric.Exemplar
	for i := range list {
		all = append(all, &list[i])
	}
	return all
}
