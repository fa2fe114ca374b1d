// SPDX-License-Identifier: Apache-2.0

package judge_test

import (
	"bytes"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

const (
	textType        = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
	openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
	protobufType    = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores"
)

// python starts client_python, or skips the test.
func python(t *testing.T) *judge.Python {
	t.Helper()
	p, err := judge.StartPython()
	if err != nil {
		judge.Missing(t, err.Error(), "python3-prometheus-client")
	}
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

func TestJudgesAgreeOnText(t *testing.T) {
	text := []byte(`# HELP a_total A "b" \\ \n c.
# TYPE a_total counter
a_total{x="\\\n\"",a="é"} NaN 1500
# TYPE h histogram
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
h_sum -1e-05
h_count 3
# TYPE u untyped
u -Inf
`)
	want := judge.New()
	want.Families["a_total"] = judge.Family{Type: "counter", Help: "A \"b\" \\ \n c."}
	want.Families["h"] = judge.Family{Type: "histogram"}
	want.Families["u"] = judge.Family{Type: "unknown"}
	for _, s := range []judge.Sample{
		{Name: "a_total", Labels: labels("a", "é", "x", "\\\n\""), Value: "NaN", Time: judge.Instant{Known: true, Nanos: 1.5e9}},
		{Name: "h_bucket", Labels: labels("le", "1"), Value: "2"},
		{Name: "h_bucket", Labels: labels("le", "+Inf"), Value: "3"},
		{Name: "h_sum", Value: "-1e-05"},
		{Name: "h_count", Value: "3"},
		{Name: "u", Value: "-Inf"},
	} {
		require.NoError(t, want.Add(s))
	}
	got, err := judge.Prometheus(textType, text, judge.Options{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = judge.Text(text, false)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func labels(pairs ...string) []metric.Label {
	var list []metric.Label
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, metric.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

func TestJudgesAgreeOnOpenMetrics(t *testing.T) {
	text := []byte(`# TYPE a_seconds counter
# UNIT a_seconds seconds
# HELP a_seconds A \"b\" \\ \n c.
a_seconds_total{x="\\\n\""} 18446744073709551615 1.5 # {y="☃"} 0.25 1.75
a_seconds_created{x="\\\n\""} 1.25 1.5
# TYPE i info
i_info{version="1"} 1
# TYPE g gaugehistogram
g_bucket{le="1.0"} 2 # {} 1.0
g_bucket{le="+Inf"} 3
g_gcount 3
g_gsum 1.0
# EOF
`)
	want := judge.New()
	want.Families["a_seconds"] = judge.Family{Type: "counter", Unit: "seconds", Help: "A \"b\" \\ \n c."}
	want.Families["i"] = judge.Family{Type: "info"}
	want.Families["g"] = judge.Family{Type: "gaugehistogram"}
	x := labels("x", "\\\n\"")
	created := judge.Sample{Name: "a_seconds_created", Labels: x, Value: "1.25", Time: judge.Instant{Known: true, Nanos: 1.5e9}}
	total := judge.Sample{
		Name: "a_seconds_total", Labels: x, Value: "1.8446744073709552e+19",
		Time:      judge.Instant{Known: true, Nanos: 1.5e9},
		Exemplars: []judge.Exemplar{{Labels: labels("y", "☃"), Value: "0.25", Time: judge.Instant{Known: true, Nanos: 1.75e9}}},
	}
	for _, s := range []judge.Sample{
		total, created,
		{Name: "i_info", Labels: labels("version", "1"), Value: "1"},
		{Name: "g_bucket", Labels: labels("le", "1"), Value: "2", Exemplars: []judge.Exemplar{{Value: "1"}}},
		{Name: "g_bucket", Labels: labels("le", "+Inf"), Value: "3"},
		{Name: "g_gcount", Value: "3"},
		{Name: "g_gsum", Value: "1"},
	} {
		require.NoError(t, want.Add(s))
	}
	got, err := judge.Prometheus(openMetricsType, text, judge.Options{})
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = python(t).Read(text)
	require.NoError(t, err)
	require.Equal(t, want, got)

	delete(want.Samples, created.ID())
	total.Created = judge.Instant{Known: true, Nanos: 1.25e9}
	want.Samples[total.ID()] = total
	got, err = judge.Prometheus(openMetricsType, text, judge.Options{ReadCreated: true})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestJudgesAgreeOnProtobuf(t *testing.T) {
	at := func(s float64) *timestamppb.Timestamp { return timestamppb.New(time.UnixMilli(int64(s * 1000))) }
	exemplar := &dto.Exemplar{Label: []*dto.LabelPair{{Name: new("y"), Value: new("é")}}, Value: new(2.5), Timestamp: at(1.75)}
	family := &dto.MetricFamily{
		Name: new("h.x"), Help: new("H."), Unit: new("s"), Type: dto.MetricType_HISTOGRAM.Enum(),
		Metric: []*dto.Metric{{
			Label: []*dto.LabelPair{{Name: new("a"), Value: new("b")}}, TimestampMs: new(int64(1500)),
			Histogram: &dto.Histogram{
				SampleCount: new(uint64(6)), SampleSum: new(4.5), CreatedTimestamp: at(1.25),
				Schema: new(int32(2)), ZeroThreshold: new(0.125), ZeroCount: new(uint64(1)),
				PositiveSpan:  []*dto.BucketSpan{{Offset: new(int32(-3)), Length: new(uint32(2))}, {Offset: new(int32(4)), Length: new(uint32(1))}},
				PositiveDelta: []int64{1, 1, -1},
				NegativeSpan:  []*dto.BucketSpan{{Offset: new(int32(7)), Length: new(uint32(1))}},
				NegativeDelta: []int64{1},
				Bucket:        []*dto.Bucket{{UpperBound: new(3.0), CumulativeCount: new(uint64(5)), Exemplar: exemplar}},
			},
		}},
	}
	second := &dto.MetricFamily{
		Name: new("h.x"), Help: new("H."), Unit: new("s"), Type: dto.MetricType_HISTOGRAM.Enum(),
		Metric: []*dto.Metric{{Histogram: &dto.Histogram{SampleCount: new(uint64(0)), SampleSum: new(0.0)}}},
	}
	var b bytes.Buffer
	for _, f := range []*dto.MetricFamily{family, second} {
		_, err := protodelim.MarshalTo(&b, f)
		require.NoError(t, err)
	}

	want := judge.New()
	want.Families["h.x"] = judge.Family{Type: "histogram", Unit: "s", Help: "H."}
	base := judge.Sample{Name: "h.x", Labels: labels("a", "b"), Time: judge.Instant{Known: true, Nanos: 1.5e9}, Created: judge.Instant{Known: true, Nanos: 1.25e9}}
	add := func(suffix string, value judge.Number, le string, exemplars ...judge.Exemplar) {
		s := base
		s.Name += suffix
		s.Value = value
		if le != "" {
			s.Labels = labels("a", "b", "le", le)
		}
		s.Exemplars = exemplars
		require.NoError(t, want.Add(s))
	}
	e := judge.Exemplar{Labels: labels("y", "é"), Value: "2.5", Time: judge.Instant{Known: true, Nanos: 1.75e9}}
	native := base
	native.Native = "gauge false schema 2 zero 0.125:1 count 6 sum 4.5 positive -3:1 -2:2 3:1 negative 7:1"
	native.Exemplars = []judge.Exemplar{e}
	require.NoError(t, want.Add(native))
	add("_count", "6", "")
	add("_sum", "4.5", "")
	add("_bucket", "5", "3", e)
	add("_bucket", "6", "+Inf")
	base = judge.Sample{Name: "h.x"}
	for _, s := range []judge.Sample{{Name: "h.x_count", Value: "0"}, {Name: "h.x_sum", Value: "0"}, {Name: "h.x_bucket", Labels: labels("le", "+Inf"), Value: "0"}} {
		require.NoError(t, want.Add(s))
	}

	got, err := judge.Protobuf(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = judge.Prometheus(protobufType, b.Bytes(), judge.Options{})
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestProtobufIsCheckedBeyondDecoding(t *testing.T) {
	histogram := func(h *dto.Histogram) []*dto.Metric { return []*dto.Metric{{Histogram: h}} }
	for name, tc := range map[string]struct {
		family *dto.MetricFamily
		want   string
	}{
		"nothing":  {&dto.MetricFamily{Name: new("a")}, `judge: client_model refuses it: "a" has no metrics`},
		"no value": {&dto.MetricFamily{Name: new("a"), Metric: []*dto.Metric{{}}}, `judge: client_model refuses it: "a" has 0 values: `},
		"not UTF-8": {
			&dto.MetricFamily{Name: new("a"), Help: new("\xff"), Metric: []*dto.Metric{{Gauge: &dto.Gauge{}}}},
			`judge: client_model refuses it: "a": the io.prometheus.client.MetricFamily.help is not valid UTF-8: "\xff"`,
		},
		"spans without counts": {
			&dto.MetricFamily{Name: new("a"), Metric: histogram(&dto.Histogram{PositiveSpan: []*dto.BucketSpan{{Length: new(uint32(2))}}, PositiveDelta: []int64{1}})},
			`judge: client_model refuses it: "a": spans of 2 buckets, but 1 counts`,
		},
		"less than nothing": {
			&dto.MetricFamily{Name: new("a"), Metric: histogram(&dto.Histogram{NegativeSpan: []*dto.BucketSpan{{Length: new(uint32(2))}}, NegativeDelta: []int64{1, -2}})},
			`judge: client_model refuses it: "a": bucket 1 holds -1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			_, err := protodelim.MarshalTo(&b, tc.family)
			require.NoError(t, err)
			_, err = judge.Messages(b.Bytes())
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestReadersRefuseWhatComesTwice(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a series": {"a{b=\"1\"} 1\na{b=\"1\"} 2\n", `judge: the series a{b="1"} comes twice`},
		"a label":  {"a{b=\"1\",b=\"2\"} 1\n", `judge: prometheus reads a label twice: {__name__="a", b="1", b="2"}`},
		"a type":   {"# TYPE a gauge\na 1\n# TYPE a gauge\n", `judge: "a" has another TYPE: "gauge" after "gauge"`},
		"a help":   {"# HELP a A.\n# HELP a A.\na 1\n", `judge: "a" has another HELP: "A." after "A."`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge.Prometheus(textType, []byte(tc.text), judge.Options{})
			require.EqualError(t, err, tc.want)
		})
	}
}
