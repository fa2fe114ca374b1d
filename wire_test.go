// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// wire returns what g exposes in a format, which must go without an error.
func wire(t testing.TB, g ember.Gatherer, f ember.Format) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, ember.Write(&b, g, f))
	return b.String()
}

// formats are all formats with each escaping, by name.
var formats = func() map[string]ember.Format {
	all := make(map[string]ember.Format)
	for name, f := range map[string]ember.Format{
		"text 0.0.4": ember.FormatText, "text 1.0.0": ember.FormatText1, "protobuf": ember.FormatProtobuf,
		"OpenMetrics 0.0.1": ember.FormatOpenMetrics0, "OpenMetrics 1.0.0": ember.FormatOpenMetrics, "OpenMetrics 2.0.0": ember.FormatOpenMetrics2,
		"OpenMetrics 0.0.1, created": ember.FormatOpenMetrics0.WithCreated(), "OpenMetrics 1.0.0, created": ember.FormatOpenMetrics.WithCreated(),
	} {
		for _, e := range escapings {
			all[name+", "+e.String()] = f.WithEscaping(e)
		}
	}
	return all
}()

var escapings = []ember.Escaping{ember.EscapingUnderscores, ember.EscapingAllowUTF8, ember.EscapingDots, ember.EscapingValues}

// point is a series of a collector.
func point(d metric.Desc, p metric.Point) ember.Collector {
	return collectFunc(func(out *metric.Sink) { out.Add(&d, p) })
}

// exemplarOf returns an exemplar with a trace id and a time.
func exemplarOf(value float64) *metric.Exemplar {
	return &metric.Exemplar{Labels: []metric.Label{label("trace_id", "4b\"f9")}, Value: value, Time: time.UnixMilli(1_700_000_000_250)}
}

// What each rule of the formats makes of the same thing, byte by byte. The two
// OpenMetrics end in # EOF, which is not repeated here.
func TestWire(t *testing.T) {
	for name, tc := range map[string]struct {
		fill              func(reg *ember.Registry)
		text, open, open2 string // text 0.0.4 and 1.0.0, OpenMetrics 0.0.1 and 1.0.0, OpenMetrics 2.0.0
	}{
		"nothing": {fill: func(*ember.Registry) {}},
		"a vector without series": {fill: func(reg *ember.Registry) {
			reg.NewCounterVec(ember.CounterOpts{Name: "x_total", Help: "X.", Unit: "s"}, "a")
		}},
		"a described collector without series": {fill: func(reg *ember.Registry) {
			reg.MustRegister(silent{describer{{Name: "x", Help: "X.", Kind: metric.Gauge}}})
		}},
		"help": {
			fill: func(reg *ember.Registry) {
				reg.NewGauge(ember.GaugeOpts{Name: "x", Help: " A \"quoted\" back\\slash,\nand \\n.\r \x00\t"})
			},
			text:  "# HELP x  A \"quoted\" back\\\\slash,\\nand \\\\n.\r \x00\t\n# TYPE x gauge\nx 0\n",
			open:  "# TYPE x gauge\n# HELP x  A \\\"quoted\\\" back\\\\slash,\\nand \\\\n.\r \x00\t\nx 0.0\n",
			open2: "# TYPE x gauge\n# HELP x  A \\\"quoted\\\" back\\\\slash,\\nand \\\\n.\r \x00\t\nx 0\n",
		},
		"label values": {
			fill: func(reg *ember.Registry) {
				v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a")
				for i, value := range []string{"", "a\"b\\c\n", `\n\"`, "\r\x00\t", "é☃𝄞", "\xff", `",b="c"} 1`, "# {a=\"b\"} 1"} {
					v.With(value).Set(float64(i))
				}
			},
			text: `# TYPE x gauge
x{a="` + "\r\x00\t" + `"} 3
x{a=""} 0
x{a="# {a=\"b\"} 1"} 7
x{a="\",b=\"c\"} 1"} 6
x{a="\\n\\\""} 2
x{a="a\"b\\c\n"} 1
x{a="é☃𝄞"} 4
x{a="�"} 5
`,
			open: `# TYPE x gauge
x{a="` + "\r\x00\t" + `"} 3.0
x{a=""} 0.0
x{a="# {a=\"b\"} 1"} 7.0
x{a="\",b=\"c\"} 1"} 6.0
x{a="\\n\\\""} 2.0
x{a="a\"b\\c\n"} 1.0
x{a="é☃𝄞"} 4.0
x{a="�"} 5.0
`,
			open2: `# TYPE x gauge
x{a="` + "\r\x00\t" + `"} 3
x{a=""} 0
x{a="# {a=\"b\"} 1"} 7
x{a="\",b=\"c\"} 1"} 6
x{a="\\n\\\""} 2
x{a="a\"b\\c\n"} 1
x{a="é☃𝄞"} 4
x{a="�"} 5
`,
		},
		"all labels there are": {
			fill: func(reg *ember.Registry) {
				reg.Sub("app_", ember.Labels{"zone": "z"}).Sub("db_", ember.Labels{"b": "1", "a": "2"}).
					NewHistogramVec(ember.HistogramOpts{Name: "h", ConstLabels: ember.Labels{"d": "3", "c": "\n"}, Buckets: []float64{1}}, "y", "x").With("4", "5").Observe(2)
			},
			text: `# TYPE app_db_h histogram
app_db_h_bucket{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5",le="1"} 0
app_db_h_bucket{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5",le="+Inf"} 1
app_db_h_sum{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5"} 2
app_db_h_count{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5"} 1
`,
			open: `# TYPE app_db_h histogram
app_db_h_bucket{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5",le="1.0"} 0
app_db_h_bucket{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5",le="+Inf"} 1
app_db_h_count{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5"} 1
app_db_h_sum{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5"} 2.0
`,
			open2: `# TYPE app_db_h histogram
app_db_h{zone="z",a="2",b="1",c="\n",d="3",y="4",x="5"} {count:1,sum:2,bucket:[1:0,+Inf:1]} st@946684800
`,
		},
		"counts": {
			fill: func(reg *ember.Registry) {
				reg.MustRegister(point(metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{
					Count: math.MaxUint64, Sum: math.Inf(-1),
					Buckets: []metric.Bucket{{UpperBound: -5, Count: 1<<53 - 1}, {UpperBound: 1e-5, Count: 1<<53 + 1}, {UpperBound: math.Inf(1), Count: math.MaxUint64}},
				}))
				reg.MustRegister(point(metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{
					Count: math.MaxUint64, Sum: math.NaN(),
					Quantiles: []metric.Quantile{{Quantile: 0, Value: math.NaN()}, {Quantile: 0.99, Value: -1e6}, {Quantile: 1, Value: math.Copysign(0, -1)}},
				}))
			},
			text: `# TYPE h histogram
h_bucket{le="-5"} 9.007199254740991e+15
h_bucket{le="1e-05"} 9.007199254740992e+15
h_bucket{le="+Inf"} 1.8446744073709552e+19
h_sum -Inf
h_count 1.8446744073709552e+19
# TYPE s summary
s{quantile="0"} NaN
s{quantile="0.99"} -1e+06
s{quantile="1"} -0
s_sum NaN
s_count 1.8446744073709552e+19
`,
			open: `# TYPE h histogram
h_bucket{le="-5.0"} 9007199254740991
h_bucket{le="1e-05"} 9007199254740993
h_bucket{le="+Inf"} 18446744073709551615
h_count 18446744073709551615
h_sum -Inf
# TYPE s summary
s{quantile="0.0"} NaN
s{quantile="0.99"} -1e+06
s{quantile="1.0"} -0.0
s_count 18446744073709551615
s_sum NaN
`,
			open2: `# TYPE h histogram
h {count:18446744073709551615,sum:-Inf,bucket:[-5:9007199254740991,1e-05:9007199254740993,+Inf:18446744073709551615]}
# TYPE s summary
s {count:18446744073709551615,sum:NaN,quantile:[0:NaN,0.99:-1e+06,1:-0]}
`,
		},
		"no buckets, no quantiles, no observations": {
			fill: func(reg *ember.Registry) {
				reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{math.Inf(1)}})
				reg.NewSummary(ember.SummaryOpts{Name: "q", Quantiles: []float64{0.5}})
				reg.NewSummary(ember.SummaryOpts{Name: "s"})
			},
			text: `# TYPE h histogram
h_bucket{le="+Inf"} 0
h_sum 0
h_count 0
# TYPE q summary
q{quantile="0.5"} NaN
q_sum 0
q_count 0
# TYPE s summary
s_sum 0
s_count 0
`,
			open: `# TYPE h histogram
h_bucket{le="+Inf"} 0
h_count 0
h_sum 0.0
# TYPE q summary
q{quantile="0.5"} NaN
q_count 0
q_sum 0.0
# TYPE s summary
s_count 0
s_sum 0.0
`,
			open2: `# TYPE h histogram
h {count:0,sum:0,bucket:[+Inf:0]} st@946684800
# TYPE q summary
q {count:0,sum:0,quantile:[0.5:NaN]} st@946684800
# TYPE s summary
s {count:0,sum:0,quantile:[]} st@946684800
`,
		},
		"counters with and without _total": {
			fill: func(reg *ember.Registry) {
				reg.NewCounter(ember.CounterOpts{Name: "a_total", Help: "A."}).Inc()
				reg.NewCounter(ember.CounterOpts{Name: "b", Help: "B."}).IncWithExemplar(ember.Labels{"x": "y"})
				reg.NewCounter(ember.CounterOpts{Name: "_total"})
				reg.NewCounter(ember.CounterOpts{Name: "total"})
			},
			text: `# TYPE _total counter
_total 0
# HELP a_total A.
# TYPE a_total counter
a_total 1
# HELP b B.
# TYPE b counter
b 1
# TYPE total counter
total 0
`,
			open: `# TYPE _total unknown
_total 0.0
# TYPE a counter
# HELP a A.
a_total 1.0
# TYPE b unknown
# HELP b B.
b 1.0
# TYPE total unknown
total 0.0
`,
			open2: `# TYPE _total counter
_total 0 st@946684800
# TYPE a_total counter
# HELP a_total A.
a_total 1 st@946684800
# TYPE b counter
# HELP b B.
b 1 st@946684800 # {x="y"} 1 946684800
# TYPE total counter
total 0 st@946684800
`,
		},
		"a counter whose base is a gauge of the same collector": {
			fill: func(reg *ember.Registry) {
				reg.MustRegister(collectFunc(func(out *metric.Sink) {
					out.Counter("a_total", "All.", 2)
					out.Gauge("a", "Now.", 1)
					out.Counter("b_total", "", 3)
				}))
			},
			text: `# HELP a Now.
# TYPE a gauge
a 1
# HELP a_total All.
# TYPE a_total counter
a_total 2
# TYPE b_total counter
b_total 3
`,
			open: `# TYPE a gauge
# HELP a Now.
a 1.0
# TYPE a_total unknown
# HELP a_total All.
a_total 2.0
# TYPE b counter
b_total 3.0
`,
			open2: `# TYPE a gauge
# HELP a Now.
a 1
# TYPE a_total counter
# HELP a_total All.
a_total 2
# TYPE b_total counter
b_total 3
`,
		},
		"units": {
			fill: func(reg *ember.Registry) {
				for _, name := range []string{"a_seconds", "b", "cseconds", "seconds", "d_seconds_max"} {
					reg.NewGauge(ember.GaugeOpts{Name: name, Unit: "seconds"})
				}
				reg.NewCounter(ember.CounterOpts{Name: "e_seconds_total", Unit: "seconds", Help: "E."})
				reg.NewCounter(ember.CounterOpts{Name: "f_seconds", Unit: "seconds"})
				reg.NewSummary(ember.SummaryOpts{Name: "g_seconds", Unit: "seconds"})
				reg.NewGauge(ember.GaugeOpts{Name: "h_km/h", Unit: "km/h"})
			},
			text: `# TYPE a_seconds gauge
a_seconds 0
# TYPE b gauge
b 0
# TYPE cseconds gauge
cseconds 0
# TYPE d_seconds_max gauge
d_seconds_max 0
# HELP e_seconds_total E.
# TYPE e_seconds_total counter
e_seconds_total 0
# TYPE f_seconds counter
f_seconds 0
# TYPE g_seconds summary
g_seconds_sum 0
g_seconds_count 0
# TYPE h_km_h gauge
h_km_h 0
# TYPE seconds gauge
seconds 0
`,
			open: `# TYPE a_seconds gauge
# UNIT a_seconds seconds
a_seconds 0.0
# TYPE b gauge
b 0.0
# TYPE cseconds gauge
cseconds 0.0
# TYPE d_seconds_max gauge
d_seconds_max 0.0
# TYPE e_seconds counter
# UNIT e_seconds seconds
# HELP e_seconds E.
e_seconds_total 0.0
# TYPE f_seconds unknown
# UNIT f_seconds seconds
f_seconds 0.0
# TYPE g_seconds summary
# UNIT g_seconds seconds
g_seconds_count 0
g_seconds_sum 0.0
# TYPE h_km_h gauge
h_km_h 0.0
# TYPE seconds gauge
seconds 0.0
`,
			open2: `# TYPE a_seconds gauge
# UNIT a_seconds seconds
a_seconds 0
# TYPE b gauge
b 0
# TYPE cseconds gauge
cseconds 0
# TYPE d_seconds_max gauge
d_seconds_max 0
# TYPE e_seconds_total counter
# UNIT e_seconds_total seconds
# HELP e_seconds_total E.
e_seconds_total 0 st@946684800
# TYPE f_seconds counter
# UNIT f_seconds seconds
f_seconds 0 st@946684800
# TYPE g_seconds summary
# UNIT g_seconds seconds
g_seconds {count:0,sum:0,quantile:[]} st@946684800
# TYPE h_km_h gauge
h_km_h 0
# TYPE seconds gauge
seconds 0
`,
		},
		"infos": {
			fill: func(reg *ember.Registry) {
				reg.NewInfo(ember.InfoOpts{Name: "a_info", Help: "A.", ConstLabels: ember.Labels{"c": "1"}}, ember.Labels{"v": "1\n", "b": "2"})
				reg.NewInfo(ember.InfoOpts{Name: "b"}, ember.Labels{"v": "1"})
				reg.NewInfo(ember.InfoOpts{Name: "c_info"}, nil)
				reg.NewInfo(ember.InfoOpts{Name: "_info"}, nil)
			},
			text: `# TYPE _info gauge
_info 1
# HELP a_info A.
# TYPE a_info gauge
a_info{c="1",b="2",v="1\n"} 1
# TYPE b gauge
b{v="1"} 1
# TYPE c_info gauge
c_info 1
`,
			open: `# TYPE _info gauge
_info 1.0
# TYPE a info
# HELP a A.
a_info{c="1",b="2",v="1\n"} 1.0
# TYPE b gauge
b{v="1"} 1.0
# TYPE c info
c_info 1.0
`,
			open2: `# TYPE _info gauge
_info 1
# TYPE a_info info
# HELP a_info A.
a_info{c="1",b="2",v="1\n"} 1
# TYPE b gauge
b{v="1"} 1
# TYPE c_info info
c_info 1
`,
		},
		"state sets": {
			fill: func(reg *ember.Registry) {
				reg.Sub("app_", ember.Labels{"z": "1"}).NewStateSet(ember.StateSetOpts{Name: "mode", Help: "M.", ConstLabels: ember.Labels{"c": "1"}}, "on", "\"off\"\n").Set("on", true)
			},
			text: `# HELP app_mode M.
# TYPE app_mode gauge
app_mode{z="1",c="1",app_mode="\"off\"\n"} 0
app_mode{z="1",c="1",app_mode="on"} 1
`,
			open: `# TYPE app_mode stateset
# HELP app_mode M.
app_mode{z="1",c="1",app_mode="\"off\"\n"} 0.0
app_mode{z="1",c="1",app_mode="on"} 1.0
`,
			open2: `# TYPE app_mode stateset
# HELP app_mode M.
app_mode{z="1",c="1",app_mode="\"off\"\n"} 0
app_mode{z="1",c="1",app_mode="on"} 1
`,
		},
		"a gauge histogram": {
			fill: func(reg *ember.Registry) {
				reg.MustRegister(point(metric.Desc{Name: "queue_bytes", Unit: "bytes", Help: "Q.", Kind: metric.GaugeHistogram}, metric.Point{
					Labels: []metric.Label{label("a", "1")}, Count: 3, Sum: -4, Created: time.Unix(1, 0),
					Buckets: []metric.Bucket{{UpperBound: 10, Count: 1, Exemplar: exemplarOf(9)}},
				}))
			},
			text: `# HELP queue_bytes Q.
# TYPE queue_bytes histogram
queue_bytes_bucket{a="1",le="10"} 1
queue_bytes_bucket{a="1",le="+Inf"} 3
queue_bytes_sum{a="1"} -4
queue_bytes_count{a="1"} 3
`,
			open: `# TYPE queue_bytes gaugehistogram
# UNIT queue_bytes bytes
# HELP queue_bytes Q.
queue_bytes_bucket{a="1",le="10.0"} 1 # {trace_id="4b\"f9"} 9.0 1700000000.25
queue_bytes_bucket{a="1",le="+Inf"} 3
queue_bytes_gcount{a="1"} 3
queue_bytes_gsum{a="1"} -4.0
`,
			open2: `# TYPE queue_bytes gaugehistogram
# UNIT queue_bytes bytes
# HELP queue_bytes Q.
queue_bytes{a="1"} {gcount:3,gsum:-4,bucket:[10:1,+Inf:3]} # {trace_id="4b\"f9"} 9 1700000000.25
`,
		},
		"unknown": {
			fill: func(reg *ember.Registry) {
				reg.MustRegister(point(metric.Desc{Name: "x_total"}, metric.Point{Value: -1, Exemplar: exemplarOf(1)}))
			},
			text:  "# TYPE x_total untyped\nx_total -1\n",
			open:  "# TYPE x_total unknown\nx_total -1.0\n",
			open2: "# TYPE x_total unknown\nx_total -1\n",
		},
		"explicit timestamps": {
			fill: func(reg *ember.Registry) {
				for name, at := range map[string]time.Time{
					"a": time.Unix(0, 0), "b": time.UnixMilli(1), "c": time.UnixMilli(1_700_000_000_120), "d": time.Unix(1_700_000_000, 999_999_999),
					"e": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
				} {
					reg.MustRegister(point(metric.Desc{Name: name, Kind: metric.Gauge}, metric.Point{Value: 1, Time: at}))
				}
				reg.MustRegister(point(metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{Time: time.UnixMilli(1500), Count: 1, Buckets: []metric.Bucket{{UpperBound: 1, Count: 1, Exemplar: exemplarOf(1)}}}))
				reg.MustRegister(point(metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{Time: time.UnixMilli(1500), Quantiles: []metric.Quantile{{Quantile: 1}}}))
				reg.MustRegister(point(metric.Desc{Name: "x_total", Kind: metric.Counter}, metric.Point{Time: time.UnixMilli(1500), Exemplar: exemplarOf(1)}))
			},
			text: `# TYPE a gauge
a 1 0
# TYPE b gauge
b 1 1
# TYPE c gauge
c 1 1700000000120
# TYPE d gauge
d 1 1700000000999
# TYPE e gauge
e 1 253402300799000
# TYPE h histogram
h_bucket{le="1"} 1 1500
h_bucket{le="+Inf"} 1 1500
h_sum 0 1500
h_count 1 1500
# TYPE s summary
s{quantile="1"} 0 1500
s_sum 0 1500
s_count 0 1500
# TYPE x_total counter
x_total 0 1500
`,
			open: `# TYPE a gauge
a 1.0 0
# TYPE b gauge
b 1.0 0.001
# TYPE c gauge
c 1.0 1700000000.12
# TYPE d gauge
d 1.0 1700000000.999
# TYPE e gauge
e 1.0 253402300799
# TYPE h histogram
h_bucket{le="1.0"} 1 1.5 # {trace_id="4b\"f9"} 1.0 1700000000.25
h_bucket{le="+Inf"} 1 1.5
h_count 1 1.5
h_sum 0.0 1.5
# TYPE s summary
s{quantile="1.0"} 0.0 1.5
s_count 0 1.5
s_sum 0.0 1.5
# TYPE x counter
x_total 0.0 1.5 # {trace_id="4b\"f9"} 1.0 1700000000.25
`,
			open2: `# TYPE a gauge
a 1 0
# TYPE b gauge
b 1 0.001
# TYPE c gauge
c 1 1700000000.12
# TYPE d gauge
d 1 1700000000.999
# TYPE e gauge
e 1 253402300799
# TYPE h histogram
h {count:1,sum:0,bucket:[1:1,+Inf:1]} 1.5 # {trace_id="4b\"f9"} 1 1700000000.25
# TYPE s summary
s {count:0,sum:0,quantile:[1:0]} 1.5
# TYPE x_total counter
x_total 0 1.5 # {trace_id="4b\"f9"} 1 1700000000.25
`,
		},
		"exemplars": {
			fill: func(reg *ember.Registry) {
				timeless := &metric.Exemplar{Labels: []metric.Label{label("b", "\n"), label("a", "")}, Value: 1e6}
				bare := &metric.Exemplar{Value: math.Copysign(0, -1), Time: time.Unix(-1, 500_000_000)}
				reg.MustRegister(collectFunc(func(out *metric.Sink) {
					out.Add(&metric.Desc{Name: "c_total", Kind: metric.Counter}, metric.Point{Labels: []metric.Label{label("i", "1")}, Exemplar: timeless})
					out.Add(&metric.Desc{Name: "c_total", Kind: metric.Counter}, metric.Point{Labels: []metric.Label{label("i", "2")}, Exemplar: bare})
					out.Add(&metric.Desc{Name: "g", Kind: metric.Gauge}, metric.Point{Exemplar: bare})
					out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{Count: 9, Buckets: []metric.Bucket{{UpperBound: 1, Exemplar: timeless}, {UpperBound: 2}, {UpperBound: math.Inf(1), Count: 9, Exemplar: exemplarOf(3)}}})
				}))
			},
			text: `# TYPE c_total counter
c_total{i="1"} 0
c_total{i="2"} 0
# TYPE g gauge
g 0
# TYPE h histogram
h_bucket{le="1"} 0
h_bucket{le="2"} 0
h_bucket{le="+Inf"} 9
h_sum 0
h_count 9
`,
			open: `# TYPE c counter
c_total{i="1"} 0.0 # {a="",b="\n"} 1e+06
c_total{i="2"} 0.0 # {} -0.0 -0.5
# TYPE g gauge
g 0.0
# TYPE h histogram
h_bucket{le="1.0"} 0 # {a="",b="\n"} 1e+06
h_bucket{le="2.0"} 0
h_bucket{le="+Inf"} 9 # {trace_id="4b\"f9"} 3.0 1700000000.25
h_count 9
h_sum 0.0
`,
			open2: `# TYPE c_total counter
c_total{i="1"} 0
c_total{i="2"} 0 # {} -0 -0.5
# TYPE g gauge
g 0
# TYPE h histogram
h {count:9,sum:0,bucket:[1:0,2:0,+Inf:9]} # {trace_id="4b\"f9"} 3 1700000000.25
`,
		},
		"native histograms": {
			fill: func(reg *ember.Registry) {
				h := reg.NewHistogram(ember.HistogramOpts{Name: "a", Native: &ember.NativeOpts{Factor: 2}})
				for _, v := range []float64{0, 1, 1.5, 2, 16, -3, 0.3, 1 << 20} {
					h.Observe(v)
				}
				reg.NewHistogram(ember.HistogramOpts{Name: "b", Native: &ember.NativeOpts{ZeroThreshold: -1}})
				reg.NewHistogram(ember.HistogramOpts{Name: "c", Buckets: []float64{1}, Native: &ember.NativeOpts{Factor: 4}}).Observe(3)
				reg.MustRegister(point(metric.Desc{Name: "d", Kind: metric.GaugeHistogram}, metric.Point{
					Count: math.MaxUint64, Native: &metric.Native{Schema: -4, ZeroThreshold: 0.5, Positive: []metric.NativeBucket{{Index: 0, Count: math.MaxUint64}, {Index: 1, Count: 0}}},
				}))
			},
			text: `# TYPE a histogram
a_bucket{le="+Inf"} 8
a_sum 1.0485938e+06
a_count 8
# TYPE b histogram
b_bucket{le="+Inf"} 0
b_sum 0
b_count 0
# TYPE c histogram
c_bucket{le="1"} 0
c_bucket{le="+Inf"} 1
c_sum 3
c_count 1
# TYPE d histogram
d_bucket{le="+Inf"} 1.8446744073709552e+19
d_sum 0
d_count 1.8446744073709552e+19
`,
			open: `# TYPE a histogram
a_bucket{le="+Inf"} 8
a_count 8
a_sum 1.0485938e+06
# TYPE b histogram
b_bucket{le="+Inf"} 0
b_count 0
b_sum 0.0
# TYPE c histogram
c_bucket{le="1.0"} 0
c_bucket{le="+Inf"} 1
c_count 1
c_sum 3.0
# TYPE d gaugehistogram
d_bucket{le="+Inf"} 18446744073709551615
d_gcount 18446744073709551615
d_gsum 0.0
`,
			// Two empty buckets between others, 2 and 3, are written; fifteen are not.
			open2: `# TYPE a histogram
a {count:8,sum:1.0485938e+06,schema:0,zero_threshold:2.938735877055719e-39,zero_count:1,negative_spans:[2:1],negative_buckets:[1],positive_spans:[-1:6,15:1],positive_buckets:[1,1,2,0,0,1,1]} st@946684800
# TYPE b histogram
b {count:0,sum:0,schema:3,zero_threshold:0,zero_count:0} st@946684800
# TYPE c histogram
c {count:1,sum:3,schema:-1,zero_threshold:2.938735877055719e-39,zero_count:0,positive_spans:[1:1],positive_buckets:[1],bucket:[1:0,+Inf:1]} st@946684800
# TYPE d gaugehistogram
d {gcount:18446744073709551615,gsum:0,schema:-4,zero_threshold:0.5,zero_count:0,positive_spans:[0:1],positive_buckets:[18446744073709551615]}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				reg := ember.NewRegistry()
				tc.fill(reg)
				for want, formats := range map[*string][]ember.Format{
					&tc.text:  {ember.FormatText, ember.FormatText1, ember.FormatText.WithCreated()},
					&tc.open:  {ember.FormatOpenMetrics, ember.FormatOpenMetrics0},
					&tc.open2: {ember.FormatOpenMetrics2, ember.FormatOpenMetrics2.WithCreated()},
				} {
					for _, f := range formats {
						end := "# EOF\n"
						if want == &tc.text {
							end = ""
						}
						require.Equal(t, *want+end, wire(t, reg, f), f.String())
					}
				}
				requireOpenMetrics(t, reg, ember.EscapingUnderscores) // or the reader would be wrong
				requireProto(t, reg, ember.EscapingUnderscores)
			})
		})
	}
}

// silent describes itself and writes nothing.
type silent struct{ describer }

// Collect writes nothing.
func (silent) Collect(context.Context, *metric.Sink) error { return nil }

// inBubble runs a test in which it is the beginning of the year 2000, second
// 946684800, and no time passes.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
