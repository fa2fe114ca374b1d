// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/embermetrics/ember/metric"
)

// Text reads the text format as prometheus/common does. Names that are not classic
// are only accepted if utf8Names is set.
func Text(data []byte, utf8Names bool) (*Exposition, error) {
	scheme := model.LegacyValidation
	if utf8Names {
		scheme = model.UTF8Validation
	}
	parser := expfmt.NewTextParser(scheme)
	byName, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		return nil, &Refusal{"common", err}
	}
	var families []*dto.MetricFamily
	for _, f := range byName {
		families = append(families, f)
	}
	return FromFamilies(families)
}

// Messages reads a sequence of protobuf messages, and refuses what no exposition may
// hold although it can be decoded.
func Messages(data []byte) ([]*dto.MetricFamily, error) {
	var families []*dto.MetricFamily
	for r := bytes.NewReader(data); ; {
		f := new(dto.MetricFamily)
		err := protodelim.UnmarshalFrom(r, f)
		if errors.Is(err, io.EOF) {
			return families, nil
		}
		if err == nil {
			err = checkMessage(f)
		}
		if err != nil {
			return nil, &Refusal{"client_model", err}
		}
		families = append(families, f)
	}
}

// Protobuf reads a sequence of protobuf messages. Those of one name are one family,
// if they stand together and describe it alike.
func Protobuf(data []byte) (*Exposition, error) {
	messages, err := Messages(data)
	if err != nil {
		return nil, err
	}
	var families []*dto.MetricFamily
	for _, m := range messages {
		if n := len(families); n > 0 && families[n-1].GetName() == m.GetName() {
			f := families[n-1]
			if f.GetHelp() != m.GetHelp() || f.GetUnit() != m.GetUnit() || f.GetType() != m.GetType() {
				return nil, fmt.Errorf("judge: %q is described in two ways: %v and %v", m.GetName(), f, m)
			}
			f.Metric = append(f.Metric, m.Metric...)
			continue
		}
		families = append(families, m)
	}
	return FromFamilies(families)
}

// checkMessage returns what is wrong with a family.
func checkMessage(f *dto.MetricFamily) error {
	if err := checkFields(f.ProtoReflect()); err != nil {
		return fmt.Errorf("%q: %w", f.GetName(), err)
	}
	if len(f.Metric) == 0 {
		return fmt.Errorf("%q has no metrics", f.GetName())
	}
	for _, m := range f.Metric {
		values := 0
		for _, there := range []bool{m.Counter != nil, m.Gauge != nil, m.Untyped != nil, m.Summary != nil, m.Histogram != nil} {
			if there {
				values++
			}
		}
		if values != 1 {
			return fmt.Errorf("%q has %d values: %v", f.GetName(), values, m)
		}
		if h := m.Histogram; h != nil {
			if err := errors.Join(checkSpans(h.PositiveSpan, h.PositiveDelta), checkSpans(h.NegativeSpan, h.NegativeDelta)); err != nil {
				return fmt.Errorf("%q: %w", f.GetName(), err)
			}
			if h.SampleCountFloat != nil || h.ZeroCountFloat != nil || len(h.PositiveCount)+len(h.NegativeCount) > 0 {
				return fmt.Errorf("%q counts in floats: %v", f.GetName(), m)
			}
		}
	}
	return nil
}

// checkFields refuses text that is not UTF-8, which the decoder lets through, and
// fields that the format does not have.
func checkFields(m protoreflect.Message) (err error) {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		return fmt.Errorf("unknown fields in a %s: %x", m.Descriptor().Name(), []byte(unknown))
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case field.Kind() == protoreflect.StringKind && !utf8.ValidString(v.String()):
			err = fmt.Errorf("the %s is not valid UTF-8: %q", field.FullName(), v.String())
		case field.IsList() && field.Message() != nil:
			for i := 0; i < v.List().Len() && err == nil; i++ {
				err = checkFields(v.List().Get(i).Message())
			}
		case !field.IsList() && field.Message() != nil:
			err = checkFields(v.Message())
		}
		return err == nil
	})
	return err
}

// checkSpans refuses spans for which Prometheus fails the scrape.
func checkSpans(spans []*dto.BucketSpan, deltas []int64) error {
	total := 0
	for i, s := range spans {
		if i > 0 && s.GetOffset() < 0 {
			return fmt.Errorf("span %d overlaps the one before: %v", i, spans)
		}
		total += int(s.GetLength())
	}
	if total != len(deltas) {
		return fmt.Errorf("spans of %d buckets, but %d counts", total, len(deltas))
	}
	count := int64(0)
	for i, d := range deltas {
		if count += d; count < 0 {
			return fmt.Errorf("bucket %d holds %d", i, count)
		}
	}
	return nil
}

// FromFamilies returns what decoded messages say.
func FromFamilies(families []*dto.MetricFamily) (*Exposition, error) {
	x := New()
	for _, f := range families {
		name := f.GetName()
		if _, ok := x.Families[name]; ok {
			return nil, fmt.Errorf("judge: the family %q comes twice", name)
		}
		x.Families[name] = Family{Type: typeName(f.GetType()), Help: f.GetHelp(), Unit: f.GetUnit()}
		for _, m := range f.GetMetric() {
			for _, s := range flatten(f, m) {
				if err := x.Add(s); err != nil {
					return nil, err
				}
			}
		}
	}
	return x, nil
}

// typeName returns a type as OpenMetrics spells it.
func typeName(t dto.MetricType) string {
	if t == dto.MetricType_UNTYPED {
		return "unknown"
	}
	return strings.ToLower(strings.ReplaceAll(t.String(), "_", ""))
}

// flatten returns the samples of one metric.
func flatten(f *dto.MetricFamily, m *dto.Metric) []Sample {
	base := Sample{Name: f.GetName()}
	for _, l := range m.GetLabel() {
		base.Labels = append(base.Labels, metric.Label{Name: l.GetName(), Value: l.GetValue()})
	}
	if m.TimestampMs != nil {
		base.Time = atMillis(m.GetTimestampMs())
	}
	number := func(suffix string, v float64) Sample {
		s := base
		s.Name += suffix
		s.Value = Num(v)
		return s
	}
	switch {
	case m.Counter != nil:
		if t := m.Counter.CreatedTimestamp; t != nil {
			base.Created = At(t.AsTime())
		}
		s := number("", m.Counter.GetValue())
		s.Exemplars = exemplars(false, m.Counter.Exemplar)
		return []Sample{s}
	case m.Gauge != nil:
		return []Sample{number("", m.Gauge.GetValue())}
	case m.Untyped != nil:
		return []Sample{number("", m.Untyped.GetValue())}
	case m.Summary != nil:
		if t := m.Summary.CreatedTimestamp; t != nil {
			base.Created = At(t.AsTime())
		}
		all := totals(number, m.Summary.SampleSum, float64(m.Summary.GetSampleCount()))
		for _, q := range m.Summary.GetQuantile() {
			s := number("", q.GetValue())
			s.Labels = With(base.Labels, model.QuantileLabel, q.GetQuantile())
			all = append(all, s)
		}
		return all
	case m.Histogram != nil:
		if t := m.Histogram.CreatedTimestamp; t != nil {
			base.Created = At(t.AsTime())
		}
		return flattenHistogram(base, number, f, m.Histogram)
	}
	return nil
}

func totals(number func(suffix string, v float64) Sample, sum *float64, count float64) []Sample {
	all := []Sample{number("_count", count)}
	if sum != nil {
		all = append(all, number("_sum", *sum))
	}
	return all
}

func flattenHistogram(base Sample, number func(suffix string, v float64) Sample, f *dto.MetricFamily, h *dto.Histogram) []Sample {
	var all []Sample
	buckets := slices.Clone(h.GetBucket())
	native := len(h.PositiveSpan) > 0 || len(h.NegativeSpan) > 0 || h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0
	if native {
		s := base
		s.Native = (&Native{
			Gauge: f.GetType() == dto.MetricType_GAUGE_HISTOGRAM, Schema: int(h.GetSchema()),
			ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(), Count: h.GetSampleCount(), Sum: h.GetSampleSum(),
			Positive: absoluteOf(h.PositiveSpan, h.PositiveDelta), Negative: absoluteOf(h.NegativeSpan, h.NegativeDelta),
		}).String()
		// Prometheus takes those of the classic buckets where there are no others.
		s.Exemplars = exemplars(true, h.Exemplars...)
		if len(h.Exemplars) == 0 {
			for _, b := range buckets {
				s.Exemplars = append(s.Exemplars, exemplars(true, b.Exemplar)...)
			}
		}
		all = append(all, s)
		if len(buckets) == 0 {
			return all
		}
	}
	count := counted(h.GetSampleCount(), h.SampleCountFloat)
	all = append(all, totals(number, h.SampleSum, count)...)
	if n := len(buckets); n == 0 || !math.IsInf(buckets[n-1].GetUpperBound(), 1) {
		buckets = append(buckets, &dto.Bucket{UpperBound: new(math.Inf(1)), CumulativeCount: h.SampleCount, CumulativeCountFloat: h.SampleCountFloat})
	}
	for _, b := range buckets {
		s := number("_bucket", counted(b.GetCumulativeCount(), b.CumulativeCountFloat))
		s.Labels = With(base.Labels, model.BucketLabel, b.GetUpperBound())
		s.Exemplars = exemplars(false, b.Exemplar)
		all = append(all, s)
	}
	return all
}

// counted returns a count, which the text parser makes a float of if it is too large.
func counted(n uint64, f *float64) float64 {
	if f != nil {
		return *f
	}
	return float64(n)
}

// exemplars returns those that are there and, if asked, have a time.
func exemplars(timed bool, list ...*dto.Exemplar) []Exemplar {
	var all []Exemplar
	for _, e := range list {
		if e == nil || timed && e.Timestamp == nil {
			continue
		}
		x := Exemplar{Value: Num(e.GetValue())}
		for _, l := range e.GetLabel() {
			x.Labels = append(x.Labels, metric.Label{Name: l.GetName(), Value: l.GetValue()})
		}
		if e.Timestamp != nil {
			x.Time = At(e.Timestamp.AsTime())
		}
		all = append(all, x)
	}
	return all
}

func absoluteOf(spans []*dto.BucketSpan, deltas []int64) map[int]uint64 {
	buckets := make(map[int]uint64)
	index, count := int32(0), int64(0)
	for _, s := range spans {
		index += s.GetOffset()
		for range s.GetLength() {
			count += deltas[0]
			deltas = deltas[1:]
			buckets[int(index)] = uint64(count)
			index++
		}
	}
	return buckets
}
