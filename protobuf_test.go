// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// decode returns the messages of an exposition, with nothing in them that client_model
// does not know.
func decode(t testing.TB, wire string) []*dto.MetricFamily {
	t.Helper()
	var all []*dto.MetricFamily
	r := bufio.NewReader(strings.NewReader(wire))
	for {
		f := new(dto.MetricFamily)
		err := protodelim.UnmarshalOptions{MaxSize: -1}.UnmarshalFrom(r, f)
		if errors.Is(err, io.EOF) && err == io.EOF {
			return all
		}
		require.NoError(t, err)
		requireKnown(t, f.ProtoReflect())
		all = append(all, f)
	}
}

// requireKnown fails if m has fields that its type has not, at any depth.
func requireKnown(t testing.TB, m protoreflect.Message) {
	t.Helper()
	require.Empty(t, m.GetUnknown(), "%v", m.Descriptor().FullName())
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case d.Message() == nil:
		case d.IsList():
			for i := range v.List().Len() {
				requireKnown(t, v.List().Get(i).Message())
			}
		default:
			requireKnown(t, v.Message())
		}
		return true
	})
}

// fromProto returns families as they would be gathered, of messages in which each
// comes whole or in several.
func fromProto(t testing.TB, messages []*dto.MetricFamily) []*metric.Family {
	t.Helper()
	var all []*metric.Family
	for _, m := range messages {
		f := &metric.Family{Name: m.GetName(), Help: m.GetHelp(), Unit: m.GetUnit()}
		switch m.GetType() {
		case dto.MetricType_COUNTER:
			f.Kind = metric.Counter
		case dto.MetricType_GAUGE:
			f.Kind = metric.Gauge
		case dto.MetricType_HISTOGRAM:
			f.Kind = metric.Histogram
		case dto.MetricType_SUMMARY:
			f.Kind = metric.Summary
		case dto.MetricType_GAUGE_HISTOGRAM:
			f.Kind = metric.GaugeHistogram
		}
		require.NotNil(t, m.Name)
		require.NotNil(t, m.Type)
		require.NotEmpty(t, m.GetMetric(), "of %s", f.Name)
		if n := len(all); n > 0 && all[n-1].Name == f.Name {
			require.Equal(t, [...]any{all[n-1].Help, all[n-1].Unit, all[n-1].Kind}, [...]any{f.Help, f.Unit, f.Kind})
			f = all[n-1]
		} else {
			all = append(all, f)
		}
		for _, m := range m.GetMetric() {
			f.Points = append(f.Points, pointFromProto(t, f.Kind, m))
		}
	}
	return all
}

func pointFromProto(t testing.TB, kind metric.Kind, m *dto.Metric) metric.Point {
	t.Helper()
	p := metric.Point{Labels: labelsFromProto(m.GetLabel())}
	if m.TimestampMs != nil {
		p.Time = time.UnixMilli(m.GetTimestampMs())
	}
	created := func(at *timestamppb.Timestamp) {
		if at != nil {
			require.NoError(t, at.CheckValid())
			p.Created = at.AsTime()
		}
	}
	switch kind {
	case metric.Counter:
		p.Value, p.Exemplar = m.Counter.GetValue(), exemplarFromProto(t, m.Counter.GetExemplar())
		created(m.Counter.GetCreatedTimestamp())
	case metric.Gauge:
		p.Value = m.Gauge.GetValue()
	case metric.Unknown:
		p.Value = m.Untyped.GetValue()
	case metric.Summary:
		p.Count, p.Sum = m.Summary.GetSampleCount(), m.Summary.GetSampleSum()
		for _, q := range m.Summary.GetQuantile() {
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
		}
		created(m.Summary.GetCreatedTimestamp())
	default:
		h := m.Histogram
		p.Count, p.Sum = h.GetSampleCount(), h.GetSampleSum()
		for i, b := range h.GetBucket() {
			if math.IsInf(b.GetUpperBound(), 1) {
				require.True(t, i == 0 || b.Exemplar != nil, "a needless bucket for +Inf")
			}
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b.GetUpperBound(), Count: b.GetCumulativeCount(), Exemplar: exemplarFromProto(t, b.GetExemplar())})
		}
		created(h.GetCreatedTimestamp())
		if h.Schema == nil {
			require.NotEmpty(t, p.Buckets)
			break
		}
		p.Native = &metric.Native{
			Schema: int(h.GetSchema()), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(),
			Positive: bucketsFromProto(t, h.GetPositiveSpan(), h.GetPositiveDelta()),
			Negative: bucketsFromProto(t, h.GetNegativeSpan(), h.GetNegativeDelta()),
		}
		for _, x := range h.GetExemplars() {
			p.Native.Exemplars = append(p.Native.Exemplars, *exemplarFromProto(t, x))
		}
		// How Prometheus tells it from a classic one.
		require.True(t, len(h.PositiveSpan) > 0 || len(h.NegativeSpan) > 0 || h.GetZeroThreshold() > 0 || h.GetZeroCount() > 0)
	}
	return p
}

func labelsFromProto(pairs []*dto.LabelPair) []metric.Label {
	var labels []metric.Label
	for _, l := range pairs {
		labels = append(labels, metric.Label{Name: l.GetName(), Value: l.GetValue()})
	}
	return labels
}

func exemplarFromProto(t testing.TB, x *dto.Exemplar) *metric.Exemplar {
	t.Helper()
	if x == nil {
		return nil
	}
	e := &metric.Exemplar{Labels: labelsFromProto(x.GetLabel()), Value: x.GetValue()}
	if x.Timestamp != nil {
		require.NoError(t, x.Timestamp.CheckValid())
		e.Time = x.Timestamp.AsTime()
	}
	return e
}

// bucketsFromProto returns the buckets that are not empty.
func bucketsFromProto(t testing.TB, spans []*dto.BucketSpan, deltas []int64) []metric.NativeBucket {
	t.Helper()
	var all []metric.NativeBucket
	index, count := int64(0), int64(0)
	for i, s := range spans {
		index += int64(s.GetOffset())
		require.True(t, i == 0 || s.GetOffset() > 0, "spans that are one")
		for range s.GetLength() {
			require.NotEmpty(t, deltas, "fewer buckets than the spans have")
			count, deltas = count+deltas[0], deltas[1:]
			if count != 0 {
				all = append(all, metric.NativeBucket{Index: int(index), Count: uint64(count)})
			}
			index++
		}
	}
	require.Empty(t, deltas, "more buckets than the spans have")
	return all
}

// everything returns all that a point says, every bit of it.
func everything(kind metric.Kind, p metric.Point) string {
	var b strings.Builder
	float := func(v float64) {
		if v != v {
			v = math.NaN() // text has but one
		}
		fmt.Fprintf(&b, "%016x (%g) ", math.Float64bits(v), v)
	}
	at := func(what string, t time.Time) {
		if !t.IsZero() {
			fmt.Fprint(&b, what, t.UTC().Format(time.RFC3339Nano), " ")
		}
	}
	exemplar := func(x *metric.Exemplar) {
		if x != nil {
			fmt.Fprintf(&b, "# %s ", labelsID(x.Labels))
			float(x.Value)
			at("at ", x.Time)
		}
	}
	switch kind {
	case metric.Histogram, metric.GaugeHistogram:
		fmt.Fprint(&b, p.Count, " ")
		float(p.Sum)
		for _, bucket := range p.Buckets {
			if math.IsInf(bucket.UpperBound, 1) && bucket.Exemplar == nil {
				continue // says nothing
			}
			float(bucket.UpperBound)
			fmt.Fprint(&b, bucket.Count, " ")
			exemplar(bucket.Exemplar)
		}
		if n := p.Native; n != nil {
			fmt.Fprint(&b, "schema ", n.Schema, " zero ", n.ZeroCount, " within ")
			float(n.ZeroThreshold)
			for _, buckets := range [][]metric.NativeBucket{n.Negative, n.Positive} {
				b.WriteByte('[')
				for _, bucket := range buckets {
					if bucket.Count > 0 {
						fmt.Fprintf(&b, "%d:%d ", bucket.Index, bucket.Count)
					}
				}
				b.WriteString("] ")
			}
			for i := range n.Exemplars {
				exemplar(&n.Exemplars[i])
			}
		}
	case metric.Summary:
		fmt.Fprint(&b, p.Count, " ")
		float(p.Sum)
		for _, q := range p.Quantiles {
			float(q.Quantile)
			float(q.Value)
		}
	default:
		float(p.Value)
		if kind == metric.Counter {
			exemplar(p.Exemplar)
		}
	}
	switch kind {
	case metric.Counter, metric.Histogram, metric.Summary:
		at("since ", p.Created)
	}
	if !p.Time.IsZero() {
		fmt.Fprint(&b, "at ", p.Time.UnixMilli())
	}
	return b.String()
}

// fullExposition is everything that families say. Their names must be as written.
func fullExposition(t testing.TB, families []*metric.Family) *exposition {
	t.Helper()
	x := newExposition()
	for _, f := range families {
		if _, ok := x.families[f.Name]; ok {
			t.Fatalf("the family %q comes twice", f.Name)
		}
		x.families[f.Name] = fmt.Sprintf("%v %q %q", f.Kind, f.Help, f.Unit)
		for _, p := range f.Points {
			id := f.Name + labelsID(p.Labels)
			if _, ok := x.samples[id]; ok {
				t.Fatalf("the series %s comes twice", id)
			}
			x.samples[id] = everything(f.Kind, p)
		}
	}
	return x
}

// asProto returns families as protobuf should have them: all names escaped, kinds that
// it does not know as gauges, units where the name says so, and of exemplars of native
// buckets those with a time.
func asProto(families []*metric.Family, e ember.Escaping) []*metric.Family {
	all := make([]*metric.Family, len(families))
	for i, f := range families {
		g := *f
		all[i] = &g
		g.Name = spelledBy(e, f.Name, false)
		base := g.Name
		if cut, ok := strings.CutSuffix(base, "_total"); ok && cut != "" && f.Kind == metric.Counter {
			base = cut
		}
		if !model.LegacyValidation.IsValidMetricName("_"+f.Unit) || !strings.HasSuffix(base, "_"+f.Unit) {
			g.Unit = ""
		}
		if f.Kind == metric.Info || f.Kind == metric.StateSet {
			g.Kind = metric.Gauge
		}
		g.Points = slices.Clone(f.Points)
		for j := range g.Points {
			p := &g.Points[j]
			p.Labels = slices.Clone(p.Labels)
			for k := range p.Labels {
				p.Labels[k].Name = spelledBy(e, p.Labels[k].Name, true)
			}
			if p.Native == nil {
				continue
			}
			n := *p.Native
			n.Exemplars = nil
			if len(p.Buckets) == 0 || math.IsInf(p.Buckets[0].UpperBound, 1) {
				n.Exemplars = slices.DeleteFunc(allExemplars(p), func(x metric.Exemplar) bool { return x.Time.IsZero() })
				p.Buckets = nil
			}
			p.Native = &n
		}
	}
	return all
}

// requireProto compares what g writes as protobuf with what it gathers.
func requireProto(t testing.TB, g ember.Gatherer, e ember.Escaping) {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	got := fromProto(t, decode(t, wire(t, g, ember.FormatProtobuf.WithEscaping(e))))
	requireSame(t, fullExposition(t, asProto(families, e)), fullExposition(t, got))
}

// Every message and field that there is, as client_model prints it.
func TestProtobuf(t *testing.T) {
	for name, tc := range map[string]struct {
		fill func(reg *ember.Registry)
		want []string
	}{
		"nothing": {fill: func(*ember.Registry) {}},
		"a vector without series": {fill: func(reg *ember.Registry) {
			reg.NewCounterVec(ember.CounterOpts{Name: "x_total", Help: "X."}, "a")
		}},
		"counters": {
			func(reg *ember.Registry) {
				reg.NewCounter(ember.CounterOpts{Name: "a_seconds_total", Help: "A \"\\\n.", Unit: "seconds", ConstLabels: ember.Labels{"b": "\"\\\n", "a": ""}}).AddWithExemplar(0.5, ember.Labels{"z": "\"\\\n", "y": ""})
				reg.NewCounterFunc(ember.CounterOpts{Name: "b"}, func() float64 { return 1 << 53 })
				reg.MustRegister(point(metric.Desc{Name: "c_total", Kind: metric.Counter}, metric.Point{Value: math.Inf(1), Created: time.Unix(-1, 1), Time: time.UnixMilli(5), Exemplar: &metric.Exemplar{}}))
			},
			[]string{
				`name:"a_seconds_total" help:"A \"\\\n." type:COUNTER metric:{label:{name:"a" value:""} label:{name:"b" value:"\"\\\n"} counter:{value:0.5 exemplar:{label:{name:"y" value:""} label:{name:"z" value:"\"\\\n"} value:0.5 timestamp:{seconds:946684800}} created_timestamp:{seconds:946684800}}} unit:"seconds"`,
				`name:"b" type:COUNTER metric:{counter:{value:9.007199254740992e+15}}`,
				`name:"c_total" type:COUNTER metric:{counter:{value:inf exemplar:{value:0} created_timestamp:{seconds:-1 nanos:1}} timestamp_ms:5}`,
			},
		},
		"single values": {
			func(reg *ember.Registry) {
				reg.NewGaugeVec(ember.GaugeOpts{Name: "g", Unit: "g"}, "x").With("\xff").Set(math.NaN())
				reg.NewInfo(ember.InfoOpts{Name: "i_info"}, ember.Labels{"v": "1"})
				reg.NewStateSet(ember.StateSetOpts{Name: "s"}, "on")
				reg.MustRegister(point(metric.Desc{Name: "u"}, metric.Point{Value: math.Copysign(0, -1), Time: time.Unix(0, 0), Created: time.Unix(1, 0), Exemplar: &metric.Exemplar{}}))
			},
			[]string{
				`name:"g" type:GAUGE metric:{label:{name:"x" value:"�"} gauge:{value:nan}}`,
				`name:"i_info" type:GAUGE metric:{label:{name:"v" value:"1"} gauge:{value:1}}`,
				`name:"s" type:GAUGE metric:{label:{name:"s" value:"on"} gauge:{value:0}}`,
				`name:"u" type:UNTYPED metric:{untyped:{value:-0} timestamp_ms:0}`,
			},
		},
		"summaries": {
			func(reg *ember.Registry) {
				reg.NewSummary(ember.SummaryOpts{Name: "a"}).Observe(-2)
				reg.MustRegister(point(metric.Desc{Name: "b", Kind: metric.Summary}, metric.Point{Count: math.MaxUint64, Sum: 3, Time: time.UnixMilli(4), Quantiles: []metric.Quantile{{Quantile: 0, Value: math.NaN()}, {Quantile: 1, Value: 2}}}))
			},
			[]string{
				`name:"a" type:SUMMARY metric:{summary:{sample_count:1 sample_sum:-2 created_timestamp:{seconds:946684800}}}`,
				`name:"b" type:SUMMARY metric:{summary:{sample_count:18446744073709551615 sample_sum:3 quantile:{quantile:0 value:nan} quantile:{quantile:1 value:2}} timestamp_ms:4}`,
			},
		},
		"histograms": {
			func(reg *ember.Registry) {
				reg.NewHistogram(ember.HistogramOpts{Name: "a", Buckets: []float64{-1, 2}}).Observe(0.5)
				h := reg.NewHistogram(ember.HistogramOpts{Name: "b", Buckets: []float64{1}})
				h.ObserveWithExemplar(0.5, ember.Labels{"id": "1"})
				h.ObserveWithExemplar(2, ember.Labels{"id": "2"})
				reg.NewHistogram(ember.HistogramOpts{Name: "c", Buckets: []float64{math.Inf(1)}})
				reg.MustRegister(point(metric.Desc{Name: "d", Kind: metric.GaugeHistogram}, metric.Point{Count: 2, Sum: -1, Created: time.Unix(1, 0), Time: time.UnixMilli(4), Buckets: []metric.Bucket{{UpperBound: 1, Count: 1}, {UpperBound: math.Inf(1), Count: 2}}}))
			},
			[]string{
				`name:"a" type:HISTOGRAM metric:{histogram:{sample_count:1 sample_sum:0.5 bucket:{cumulative_count:0 upper_bound:-1} bucket:{cumulative_count:1 upper_bound:2} created_timestamp:{seconds:946684800}}}`,
				`name:"b" type:HISTOGRAM metric:{histogram:{sample_count:2 sample_sum:2.5 bucket:{cumulative_count:1 upper_bound:1 exemplar:{label:{name:"id" value:"1"} value:0.5 timestamp:{seconds:946684800}}} bucket:{cumulative_count:2 upper_bound:inf exemplar:{label:{name:"id" value:"2"} value:2 timestamp:{seconds:946684800}}} created_timestamp:{seconds:946684800}}}`,
				`name:"c" type:HISTOGRAM metric:{histogram:{sample_count:0 sample_sum:0 bucket:{cumulative_count:0 upper_bound:inf} created_timestamp:{seconds:946684800}}}`,
				`name:"d" type:GAUGE_HISTOGRAM metric:{histogram:{sample_count:2 sample_sum:-1 bucket:{cumulative_count:1 upper_bound:1}} timestamp_ms:4}`,
			},
		},
		"native histograms": {
			func(reg *ember.Registry) {
				reg.NewHistogram(ember.HistogramOpts{Name: "a", Native: &ember.NativeOpts{ZeroThreshold: -1}})
				h := reg.NewHistogram(ember.HistogramOpts{Name: "b", Native: &ember.NativeOpts{Factor: 2}})
				for _, v := range []float64{0, 1, 1.5, 2, 2, 16, -3, 0.3, 1 << 20} {
					h.Observe(v)
				}
				h.ObserveWithExemplar(3, ember.Labels{"id": "1"})
				reg.NewHistogram(ember.HistogramOpts{Name: "c", Buckets: []float64{1}, Native: &ember.NativeOpts{Factor: 4}}).ObserveWithExemplar(3, ember.Labels{"id": "2"})
				reg.MustRegister(point(metric.Desc{Name: "d", Kind: metric.Histogram}, metric.Point{
					Count:   1,
					Buckets: []metric.Bucket{{UpperBound: math.Inf(1), Count: 1, Exemplar: exemplarOf(2)}},
					Native:  &metric.Native{Schema: -4, ZeroThreshold: 0.5, ZeroCount: 1, Exemplars: []metric.Exemplar{{Value: 7}, {Value: 8, Time: time.Unix(9, 10)}}},
				}))
			},
			[]string{
				`name:"a" type:HISTOGRAM metric:{histogram:{sample_count:0 sample_sum:0 created_timestamp:{seconds:946684800} schema:3 zero_threshold:0 zero_count:0 positive_span:{offset:0 length:0}}}`,
				`name:"b" type:HISTOGRAM metric:{histogram:{sample_count:10 sample_sum:1.0485988e+06 created_timestamp:{seconds:946684800} schema:0 zero_threshold:2.938735877055719e-39 zero_count:1 negative_span:{offset:2 length:1} negative_delta:1 positive_span:{offset:-1 length:6} positive_span:{offset:15 length:1} positive_delta:1 positive_delta:0 positive_delta:2 positive_delta:-2 positive_delta:-1 positive_delta:1 positive_delta:0 exemplars:{label:{name:"id" value:"1"} value:3 timestamp:{seconds:946684800}}}}`,
				`name:"c" type:HISTOGRAM metric:{histogram:{sample_count:1 sample_sum:3 bucket:{cumulative_count:0 upper_bound:1} bucket:{cumulative_count:1 upper_bound:inf exemplar:{label:{name:"id" value:"2"} value:3 timestamp:{seconds:946684800}}} created_timestamp:{seconds:946684800} schema:-1 zero_threshold:2.938735877055719e-39 zero_count:0 positive_span:{offset:1 length:1} positive_delta:1}}`,
				`name:"d" type:HISTOGRAM metric:{histogram:{sample_count:1 sample_sum:0 schema:-4 zero_threshold:0.5 zero_count:1 exemplars:{value:8 timestamp:{seconds:9 nanos:10}} exemplars:{label:{name:"trace_id" value:"4b\"f9"} value:2 timestamp:{seconds:1700000000 nanos:250000000}}}}`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				reg := ember.NewRegistry()
				tc.fill(reg)
				var got []string
				for _, f := range decode(t, wire(t, reg, ember.FormatProtobuf)) {
					// prototext separates fields by one or two blanks, at random.
					got = append(got, regexp.MustCompile(`  +`).ReplaceAllString(prototext.MarshalOptions{}.Format(f), " "))
				}
				require.Equal(t, tc.want, got)
			})
		})
	}
}

// Lengths take as many bytes as they need, at each depth.
func TestProtobufLengths(t *testing.T) {
	for _, n := range []int{0, 1, 60, 110, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 16370, 16383, 16384, 1 << 18} {
		long := strings.Repeat("x", n)
		for name, value := range map[string]string{"plain": long, "escaped": long + "\n", "escapes": strings.Repeat("\"", n)} {
			t.Run(fmt.Sprint(n, " ", name), func(t *testing.T) {
				reg := ember.NewRegistry()
				sub := reg.Sub("s_", ember.Labels{"sub": value})
				sub.NewHistogramVec(ember.HistogramOpts{Name: "h", Help: value, Buckets: []float64{1}}, "a", "b.c").With("1", value).ObserveWithExemplar(2, ember.Labels{"id": value[:min(100, n)]})
				sub.NewGauge(ember.GaugeOpts{Name: "g" + strings.ReplaceAll(long, "\"", "_"), ConstLabels: ember.Labels{"c": value}})
				reg.NewInfo(ember.InfoOpts{Name: "i_info"}, ember.Labels{"v.v": value})
				reg.NewStateSet(ember.StateSetOpts{Name: "state.set"}, "on", value)
				reg.MustRegister(point(metric.Desc{Name: "x", Kind: metric.Counter}, metric.Point{Labels: []metric.Label{label("a", value), label("b", "1")}}))
				requireProto(t, reg, ember.EscapingUnderscores)
				requireProto(t, reg, ember.EscapingAllowUTF8)
			})
		}
	}
}

// Children that begin alike are written from what was written before.
func TestProtobufOfChildrenThatBeginAlike(t *testing.T) {
	values := []string{"", "a", "ab", `a"`, `a\`, `a",b="a`, `\",b=\"`, "\n", strings.Repeat("x", 200)}
	reg := ember.NewRegistry()
	sub := reg.Sub("", ember.Labels{"sub": "s"})
	one := sub.NewCounterVec(ember.CounterOpts{Name: "one_total"}, "a")
	three := sub.NewCounterVec(ember.CounterOpts{Name: "three_total"}, "a", "b", "c.c")
	again := reg.NewGaugeVec(ember.GaugeOpts{Name: "three_x"}, "a", "b", "d")
	for _, a := range values {
		one.With(a).Inc()
		for _, b := range values {
			for _, c := range values {
				three.With(a, b, c).Inc()
				again.With(a, b, c).Inc()
			}
		}
	}
	requireProto(t, reg, ember.EscapingUnderscores)
	requireProto(t, reg, ember.EscapingAllowUTF8)
}

// A family that is too large for one message comes in several, of series that are
// whole.
func TestProtobufSplitsFamilies(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "a"})
	v := reg.NewHistogramVec(ember.HistogramOpts{Name: "b_seconds", Help: "B.", Unit: "seconds"}, "x", "y.z")
	const series = 5000
	for i := range series {
		v.With(fmt.Sprint(i), strings.Repeat("\\", i%100)).Observe(float64(i) / 1000)
	}
	reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "x").With(strings.Repeat("x", 700<<10)).Inc() // larger alone
	reg.NewGauge(ember.GaugeOpts{Name: "d"})

	var names []string
	parts, total := 0, 0
	for _, f := range decode(t, wire(t, reg, ember.FormatProtobuf)) {
		if len(names) == 0 || names[len(names)-1] != f.GetName() {
			names = append(names, f.GetName())
		}
		if f.GetName() == "b_seconds" {
			parts++
			total += len(f.GetMetric())
			require.Less(t, proto.Size(f), 260<<10)
			require.Equal(t, "B.", f.GetHelp())
			require.Equal(t, "seconds", f.GetUnit())
		}
	}
	require.Equal(t, []string{"a", "b_seconds", "c_total", "d"}, names)
	require.Greater(t, parts, 4)
	require.Equal(t, series, total)
	requireProto(t, reg, ember.EscapingDots)
}
