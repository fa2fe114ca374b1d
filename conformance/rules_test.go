// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/conformance/judge"
	"github.com/embermetrics/ember/metric"
)

// rule is a rule of the formats, as an example. What is empty is not compared, but
// read by every judge all the same.
type rule struct {
	f metric.Family

	text  string // in the text format
	open  string // in OpenMetrics 1, without its end
	open2 string // in OpenMetrics 2, without its end
	proto string // in protobuf, as text
	also  map[wire]string

	dropped string // the error, if it is written without something
	refused string // the error, if it is not written at all
}

var (
	createdLines = wire{base: ember.FormatOpenMetrics, created: true}
	utf8Text     = wire{base: ember.FormatText1, escaping: ember.EscapingAllowUTF8}
	utf8Open     = wire{base: ember.FormatOpenMetrics, escaping: ember.EscapingAllowUTF8}
	utf8Proto    = wire{base: ember.FormatProtobuf, escaping: ember.EscapingAllowUTF8}
	dotsText     = wire{base: ember.FormatText, escaping: ember.EscapingDots}
	valuesText   = wire{base: ember.FormatText, escaping: ember.EscapingValues}
)

func value(v float64) metric.Family {
	return metric.Family{Name: "a", Kind: metric.Gauge, Points: []metric.Point{{Value: v}}}
}

func counter(name string, p metric.Point) metric.Family {
	return metric.Family{Name: name, Kind: metric.Counter, Points: []metric.Point{p}}
}

func histogram(p metric.Point) metric.Family {
	return metric.Family{Name: "h", Kind: metric.Histogram, Points: []metric.Point{p}}
}

func labelled(pairs ...string) metric.Family {
	f := value(2)
	for i := 0; i < len(pairs); i += 2 {
		f.Points[0].Labels = append(f.Points[0].Labels, metric.Label{Name: pairs[i], Value: pairs[i+1]})
	}
	return f
}

func withUnit(f metric.Family, unit string) metric.Family {
	f.Unit = unit
	return f
}

func named(f metric.Family, name string) metric.Family {
	f.Name = name
	return f
}

// snowmen is an exemplar's label with so many code points, its name included.
func snowmen(n int) *metric.Exemplar {
	return &metric.Exemplar{Labels: label("a", strings.Repeat("☃", n-1)), Value: 1}
}

var rules = map[string]rule{
	"the smallest number": {f: value(5e-324), text: "# TYPE a gauge\na 5e-324\n", open: "# TYPE a gauge\na 5e-324\n", open2: "# TYPE a gauge\na 5e-324\n"},
	"a whole number":      {f: value(17), text: "# TYPE a gauge\na 17\n", open: "# TYPE a gauge\na 17.0\n", open2: "# TYPE a gauge\na 17\n"},
	"an exponent":         {f: value(1e21), text: "# TYPE a gauge\na 1e+21\n", open: "# TYPE a gauge\na 1e+21\n", open2: "# TYPE a gauge\na 1e+21\n"},
	"no number":           {f: value(math.Float64frombits(0x7ff0000000000002)), text: "# TYPE a gauge\na NaN\n", open: "# TYPE a gauge\na NaN\n", open2: "# TYPE a gauge\na NaN\n"},
	"plus infinity":       {f: value(inf), text: "# TYPE a gauge\na +Inf\n", open: "# TYPE a gauge\na +Inf\n", open2: "# TYPE a gauge\na +Inf\n"},
	"minus infinity":      {f: value(-inf), text: "# TYPE a gauge\na -Inf\n", open: "# TYPE a gauge\na -Inf\n", open2: "# TYPE a gauge\na -Inf\n"},
	"negative zero":       {f: value(math.Copysign(0, -1)), text: "# TYPE a gauge\na -0\n", open: "# TYPE a gauge\na -0.0\n"},

	"escapes in values":       {f: labelled("b", "a\"b\\c\n"), text: "# TYPE a gauge\na{b=\"a\\\"b\\\\c\\n\"} 2\n", open: "# TYPE a gauge\na{b=\"a\\\"b\\\\c\\n\"} 2.0\n"},
	"raw controls in values":  {f: labelled("b", "\r\x00\t"), text: "# TYPE a gauge\na{b=\"\r\x00\t\"} 2\n", open: "# TYPE a gauge\na{b=\"\r\x00\t\"} 2.0\n"},
	"invalid UTF-8 in values": {f: labelled("b", "\xff"), text: "# TYPE a gauge\na{b=\"\uFFFD\"} 2\n"},
	"an empty value":          {f: labelled("b", ""), text: "# TYPE a gauge\na{b=\"\"} 2\n", open: "# TYPE a gauge\na{b=\"\"} 2.0\n"},
	"escapes in helps": {
		f:    metric.Family{Name: "a", Help: "\"b\"\\c\nd", Points: []metric.Point{{}}},
		text: "# HELP a \"b\"\\\\c\\nd\n# TYPE a untyped\na 0\n", open: "# TYPE a unknown\n# HELP a \\\"b\\\"\\\\c\\nd\na 0.0\n",
	},

	"names that are not classic": {
		f: named(labelled("x.y", "1"), "a.b"), text: "# TYPE a_b gauge\na_b{x_y=\"1\"} 2\n", open: "# TYPE a_b gauge\na_b{x_y=\"1\"} 2.0\n",
		proto: `name: "a_b" type: GAUGE metric { label { name: "x_y" value: "1" } gauge { value: 2 } }`,
		also: map[wire]string{
			utf8Text:   "# TYPE \"a.b\" gauge\n{\"a.b\",\"x.y\"=\"1\"} 2\n",
			utf8Open:   "# TYPE \"a.b\" gauge\n{\"a.b\",\"x.y\"=\"1\"} 2.0\n# EOF\n",
			dotsText:   "# TYPE a_dot_b gauge\na_dot_b{x_dot_y=\"1\"} 2\n",
			valuesText: "# TYPE U__a_2e_b gauge\nU__a_2e_b{U__x_2e_y=\"1\"} 2\n",
			utf8Proto:  `name: "a.b" type: GAUGE metric { label { name: "x.y" value: "1" } gauge { value: 2 } }`,
		},
	},
	"a name that begins with a digit": {
		f: named(value(1), "1a.é"), text: "# TYPE _a__ gauge\n_a__ 1\n",
		also: map[wire]string{valuesText: "# TYPE U___31_a_2e__e9_ gauge\nU___31_a_2e__e9_ 1\n"},
	},
	"a label with a colon": {
		f: labelled("x:y", "1"), text: "# TYPE a gauge\na{x_y=\"1\"} 2\n",
		also: map[wire]string{utf8Text: "# TYPE a gauge\na{\"x:y\"=\"1\"} 2\n", valuesText: "# TYPE a gauge\na{U__x_3a_y=\"1\"} 2\n"},
	},
	"classic names stay": {
		f:    named(labelled("c_d", "1"), "a_b"),
		also: map[wire]string{dotsText: "# TYPE a_b gauge\na_b{c_d=\"1\"} 2\n", valuesText: "# TYPE a_b gauge\na_b{c_d=\"1\"} 2\n"},
	},

	"a counter": {
		f:    counter("a_total", metric.Point{Value: 3, Exemplar: &metric.Exemplar{Labels: label("b", "c"), Value: 2, Time: time.UnixMilli(1500)}}),
		text: "# TYPE a_total counter\na_total 3\n", open: "# TYPE a counter\na_total 3.0 # {b=\"c\"} 2.0 1.5\n", open2: "# TYPE a_total counter\na_total 3 # {b=\"c\"} 2 1.5\n",
		proto: `name: "a_total" type: COUNTER metric { counter { value: 3 exemplar { label { name: "b" value: "c" } value: 2 timestamp { seconds: 1 nanos: 500000000 } } } }`,
	},
	"a counter without _total": {
		f:    counter("a", metric.Point{Value: 3, Created: time.Unix(1, 0), Exemplar: &metric.Exemplar{Labels: label("b", "c"), Value: 2, Time: time.UnixMilli(1500)}}),
		text: "# TYPE a counter\na 3\n", open: "# TYPE a unknown\na 3.0\n", open2: "# TYPE a counter\na 3 st@1 # {b=\"c\"} 2 1.5\n",
		also: map[wire]string{createdLines: "# TYPE a unknown\na 3.0\n# EOF\n"},
	},
	"a counter called _total": {f: counter("_total", metric.Point{Value: 3}), text: "# TYPE _total counter\n_total 3\n", open: "# TYPE _total unknown\n_total 3.0\n"},
	"the beginning of a counter": {
		f: counter("a_total", metric.Point{Value: 3, Created: time.Unix(1, 250_000_001)}), text: "# TYPE a_total counter\na_total 3\n",
		open: "# TYPE a counter\na_total 3.0\n", open2: "# TYPE a_total counter\na_total 3 st@1.25\n",
		proto: `name: "a_total" type: COUNTER metric { counter { value: 3 created_timestamp { seconds: 1 nanos: 250000001 } } }`,
		also:  map[wire]string{createdLines: "# TYPE a counter\na_total 3.0\na_created 1.25\n# EOF\n"},
	},
	"the beginning and a time": {
		f:     counter("a_total", metric.Point{Value: 3, Created: time.Unix(1, 0), Time: time.Unix(2, 0)}),
		also:  map[wire]string{createdLines: "# TYPE a counter\na_total 3.0 2\na_created 1 2\n# EOF\n"},
		open2: "# TYPE a_total counter\na_total 3 2 st@1\n",
	},
	"a time": {
		f: metric.Family{Name: "a", Points: []metric.Point{{Value: 1, Time: time.UnixMilli(1_700_000_000_120)}}}, text: "# TYPE a untyped\na 1 1700000000120\n",
		open: "# TYPE a unknown\na 1.0 1700000000.12\n", open2: "# TYPE a unknown\na 1 1700000000.12\n",
		proto: `name: "a" type: UNTYPED metric { untyped { value: 1 } timestamp_ms: 1700000000120 }`,
	},
	"a time before 1970": {f: metric.Family{Name: "a", Points: []metric.Point{{Time: time.UnixMilli(-5)}}}, refused: "a has the time"},

	"a unit in the name": {
		f: withUnit(named(value(1), "a_seconds"), "seconds"), text: "# TYPE a_seconds gauge\na_seconds 1\n", open: "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1.0\n",
		open2: "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n", proto: `name: "a_seconds" type: GAUGE unit: "seconds" metric { gauge { value: 1 } }`,
	},
	"a unit before _total": {
		f: withUnit(counter("a_seconds_total", metric.Point{}), "seconds"), open: "# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total 0.0\n",
		open2: "# TYPE a_seconds_total counter\n# UNIT a_seconds_total seconds\na_seconds_total 0\n",
	},
	"a unit that the name does not have": {f: withUnit(value(1), "seconds"), open: "# TYPE a gauge\na 1.0\n", open2: "# TYPE a gauge\na 1\n", proto: `name: "a" type: GAUGE metric { gauge { value: 1 } }`},
	"a unit that ends like the name":     {f: withUnit(named(value(1), "a_milliseconds"), "seconds"), open: "# TYPE a_milliseconds gauge\na_milliseconds 1.0\n"},
	"a unit that is the name":            {f: withUnit(named(value(1), "seconds"), "seconds"), open: "# TYPE seconds gauge\nseconds 1.0\n"},
	"a unit of an info":                  {f: metric.Family{Name: "a_s_info", Kind: metric.Info, Unit: "s", Points: []metric.Point{{Value: 1}}}, refused: "has the unit"},

	"an info": {
		f: metric.Family{Name: "a_info", Kind: metric.Info, Points: []metric.Point{{Value: 1, Labels: label("b", "c")}}}, text: "# TYPE a_info gauge\na_info{b=\"c\"} 1\n",
		open: "# TYPE a info\na_info{b=\"c\"} 1.0\n", open2: "# TYPE a_info info\na_info{b=\"c\"} 1\n",
		proto: `name: "a_info" type: GAUGE metric { label { name: "b" value: "c" } gauge { value: 1 } }`,
	},
	"an info without _info": {
		f: metric.Family{Name: "a", Kind: metric.Info, Points: []metric.Point{{Value: 1}}}, open: "# TYPE a gauge\na 1.0\n", open2: "# TYPE a gauge\na 1\n",
	},
	"a state set": {
		f:    metric.Family{Name: "a", Kind: metric.StateSet, Points: []metric.Point{{Value: 1, Labels: label("a", "on")}, {Labels: label("a", "x")}}},
		text: "# TYPE a gauge\na{a=\"on\"} 1\na{a=\"x\"} 0\n", open: "# TYPE a stateset\na{a=\"on\"} 1.0\na{a=\"x\"} 0.0\n", open2: "# TYPE a stateset\na{a=\"on\"} 1\na{a=\"x\"} 0\n",
	},
	"a state set without states": {f: metric.Family{Name: "a", Kind: metric.StateSet, Points: []metric.Point{{Value: 1}}}, refused: `has no label "a"`},

	"a histogram": {
		f: histogram(metric.Point{Count: 3, Sum: 4.5, Created: time.Unix(1, 0), Buckets: []metric.Bucket{
			{UpperBound: 1, Count: 1},
			{UpperBound: 1e-5 + 2, Count: 2, Exemplar: &metric.Exemplar{Labels: label("b", "c"), Value: 2, Time: time.Unix(5, 0)}},
		}}),
		text:  "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2.00001\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 4.5\nh_count 3\n",
		open:  "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"2.00001\"} 2 # {b=\"c\"} 2.0 5\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum 4.5\n",
		open2: "# TYPE h histogram\nh {count:3,sum:4.5,bucket:[1:1,2.00001:2,+Inf:3]} st@1 # {b=\"c\"} 2 5\n",
		proto: `name: "h" type: HISTOGRAM metric { histogram { sample_count: 3 sample_sum: 4.5 created_timestamp { seconds: 1 }
			bucket { cumulative_count: 1 upper_bound: 1 }
			bucket { cumulative_count: 2 upper_bound: 2.00001 exemplar { label { name: "b" value: "c" } value: 2 timestamp { seconds: 5 } } } } }`,
		also: map[wire]string{createdLines: "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"2.00001\"} 2 # {b=\"c\"} 2.0 5\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum 4.5\nh_created 1\n# EOF\n"},
	},
	"a bound of infinity": {
		f:    histogram(metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 1, Count: 1}, {UpperBound: inf, Count: 2}}}),
		text: "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 0\nh_count 2\n",
	},
	"a negative bound": {
		f:    histogram(metric.Point{Count: 2, Sum: -3, Buckets: []metric.Bucket{{UpperBound: -1, Count: 1}}}),
		text: "# TYPE h histogram\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum -3\nh_count 2\n",
		open: "# TYPE h histogram\nh_bucket{le=\"-1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_count 2\nh_sum -3.0\n",
	},
	"the largest count": {
		f: histogram(metric.Point{Count: math.MaxUint64}), text: "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1.8446744073709552e+19\nh_sum 0\nh_count 1.8446744073709552e+19\n",
		open:  "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 18446744073709551615\nh_count 18446744073709551615\nh_sum 0.0\n",
		open2: "# TYPE h histogram\nh {count:18446744073709551615,sum:0,bucket:[+Inf:18446744073709551615]}\n",
	},
	"a gauge histogram": {
		f:    metric.Family{Name: "g", Kind: metric.GaugeHistogram, Points: []metric.Point{{Count: 2, Sum: 3, Created: time.Unix(1, 0), Buckets: []metric.Bucket{{UpperBound: 1, Count: 1}}}}},
		text: "# TYPE g histogram\ng_bucket{le=\"1\"} 1\ng_bucket{le=\"+Inf\"} 2\ng_sum 3\ng_count 2\n",
		open: "# TYPE g gaugehistogram\ng_bucket{le=\"1.0\"} 1\ng_bucket{le=\"+Inf\"} 2\ng_gcount 2\ng_gsum 3.0\n", open2: "# TYPE g gaugehistogram\ng {gcount:2,gsum:3,bucket:[1:1,+Inf:2]}\n",
		proto: `name: "g" type: GAUGE_HISTOGRAM metric { histogram { sample_count: 2 sample_sum: 3 bucket { cumulative_count: 1 upper_bound: 1 } } }`,
	},
	"a summary": {
		f:    metric.Family{Name: "s", Kind: metric.Summary, Points: []metric.Point{{Count: 2, Sum: 3, Created: time.Unix(1, 0), Quantiles: []metric.Quantile{{Quantile: 0.5, Value: 1}, {Quantile: 1, Value: 2}}}}},
		text: "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1\"} 2\ns_sum 3\ns_count 2\n",
		open: "# TYPE s summary\ns{quantile=\"0.5\"} 1.0\ns{quantile=\"1.0\"} 2.0\ns_count 2\ns_sum 3.0\n", open2: "# TYPE s summary\ns {count:2,sum:3,quantile:[0.5:1,1:2]} st@1\n",
		proto: `name: "s" type: SUMMARY metric { summary { sample_count: 2 sample_sum: 3 created_timestamp { seconds: 1 } quantile { quantile: 0.5 value: 1 } quantile { quantile: 1 value: 2 } } }`,
	},
	"a summary without quantiles": {
		f:    metric.Family{Name: "s", Kind: metric.Summary, Points: []metric.Point{{}}},
		text: "# TYPE s summary\ns_sum 0\ns_count 0\n", open: "# TYPE s summary\ns_count 0\ns_sum 0.0\n", open2: "# TYPE s summary\ns {count:0,sum:0,quantile:[]}\n",
	},

	"a native histogram": {
		f: histogram(metric.Point{Count: 7, Sum: 4.5, Native: &metric.Native{
			Schema: 3, ZeroThreshold: 1e-128, ZeroCount: 1,
			Positive:  []metric.NativeBucket{{Index: -2, Count: 1}, {Index: -1, Count: 2}, {Index: 7, Count: 1}},
			Negative:  []metric.NativeBucket{{Index: 0, Count: 2}},
			Exemplars: []metric.Exemplar{{Labels: label("b", "c"), Value: 0.5}, {Labels: label("b", "d"), Value: 1.5, Time: time.UnixMilli(1500)}},
		}}),
		text:  "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7\nh_sum 4.5\nh_count 7\n",
		open:  "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 7 # {b=\"d\"} 1.5 1.5\nh_count 7\nh_sum 4.5\n",
		open2: "# TYPE h histogram\nh {count:7,sum:4.5,schema:3,zero_threshold:1e-128,zero_count:1,negative_spans:[0:1],negative_buckets:[2],positive_spans:[-2:2,7:1],positive_buckets:[1,2,1]} # {b=\"d\"} 1.5 1.5\n",
		proto: `name: "h" type: HISTOGRAM metric { histogram { sample_count: 7 sample_sum: 4.5 schema: 3 zero_threshold: 1e-128 zero_count: 1
			negative_span { offset: 0 length: 1 } negative_delta: 2
			positive_span { offset: -2 length: 2 } positive_span { offset: 7 length: 1 } positive_delta: 1 positive_delta: 1 positive_delta: -1
			exemplars { label { name: "b" value: "d" } value: 1.5 timestamp { seconds: 1 nanos: 500000000 } } } }`,
	},
	"native and classic buckets": {
		f:     histogram(metric.Point{Count: 1, Sum: 1, Buckets: []metric.Bucket{{UpperBound: 2, Count: 1}}, Native: &metric.Native{Positive: []metric.NativeBucket{{Index: 0, Count: 1}}}}),
		text:  "# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
		open2: "# TYPE h histogram\nh {count:1,sum:1,schema:0,zero_threshold:0,zero_count:0,positive_spans:[0:1],positive_buckets:[1],bucket:[2:1,+Inf:1]}\n",
		proto: `name: "h" type: HISTOGRAM metric { histogram { sample_count: 1 sample_sum: 1 schema: 0 zero_threshold: 0 zero_count: 0
			bucket { cumulative_count: 1 upper_bound: 2 } positive_span { offset: 0 length: 1 } positive_delta: 1 } }`,
	},
	"a native histogram of nothing": {
		f: histogram(metric.Point{Native: &metric.Native{}}), open2: "# TYPE h histogram\nh {count:0,sum:0,schema:0,zero_threshold:0,zero_count:0}\n",
		proto: `name: "h" type: HISTOGRAM metric { histogram { sample_count: 0 sample_sum: 0 schema: 0 zero_threshold: 0 zero_count: 0 positive_span { offset: 0 length: 0 } } }`,
	},

	"an exemplar of 128 characters": {
		f:    counter("a_total", metric.Point{Exemplar: snowmen(128)}),
		open: "# TYPE a counter\na_total 0.0 # {a=\"" + strings.Repeat("☃", 127) + "\"} 1.0\n",
	},
	"an exemplar of 129 characters": {f: counter("a_total", metric.Point{Exemplar: snowmen(129)}), open: "# TYPE a counter\na_total 0.0\n", dropped: `1 exemplars of counter "a_total" were dropped: too_long`},
	"an exemplar without a time": {
		f:    counter("a_total", metric.Point{Exemplar: &metric.Exemplar{Labels: label("b", "c"), Value: 1}}),
		open: "# TYPE a counter\na_total 0.0 # {b=\"c\"} 1.0\n", open2: "# TYPE a_total counter\na_total 0\n",
		proto: `name: "a_total" type: COUNTER metric { counter { value: 0 exemplar { label { name: "b" value: "c" } value: 1 } } }`,
	},
	"escapes in exemplars": {
		f:    counter("a_total", metric.Point{Exemplar: &metric.Exemplar{Labels: label("b", "\"\\\n"), Value: 1, Time: time.Unix(1, 0)}}),
		open: "# TYPE a counter\na_total 0.0 # {b=\"\\\"\\\\\\n\"} 1.0 1\n", open2: "# TYPE a_total counter\na_total 0 # {b=\"\\\"\\\\\\n\"} 1 1\n",
	},

	"a label le":                            {f: metric.Family{Name: "h", Kind: metric.Histogram, Points: []metric.Point{{Labels: label("le", "1")}}}, refused: `the label name "le" is reserved in a histogram`},
	"a label quantile":                      {f: metric.Family{Name: "s", Kind: metric.Summary, Points: []metric.Point{{Labels: label("quantile", "1")}}}, refused: `the label name "quantile" is reserved in a summary`},
	"a reserved label":                      {f: labelled("__a", "1"), refused: `the label name "__a" starts with "__"`},
	"a counter that is no number":           {f: counter("a_total", metric.Point{Value: math.NaN()}), refused: "a_total is NaN, which no counter can be"},
	"a name that is not valid UTF-8":        {f: named(value(1), "a\xff"), refused: `the gauge name "a\xff" is not valid UTF-8`},
	"the same series twice":                 {f: metric.Family{Name: "a", Points: []metric.Point{{Labels: label("b", "c")}, {Labels: label("b", "c")}}}, refused: `a{b="c"} was written twice`},
	"labels that are escaped to one":        {f: labelled("b.c", "1", "b_c", "2"), refused: `the label names "b.c" and "b_c" are both written "b_c"`},
	"labels that dots make one":             {f: labelled("b.c", "1", "b_dot_c", "2"), refused: `b_dot_c`},
	"labels that values make one":           {f: labelled("b.c", "1", "U__b_2e_c", "2"), refused: `U__b_2e_c`},
	"a null byte in a name":                 {f: named(value(1), "a\x00b"), refused: `"a\x00b"`},
	"a line feed in a name":                 {f: named(value(1), "a\nb"), refused: `"a\nb"`},
	"a carriage return in a name":           {f: named(value(1), "a\rb"), refused: `"a\rb"`},
	"a null byte in a label":                {f: labelled("a\x00b", "1"), refused: `"a\x00b"`},
	"a null byte in an exemplar":            {f: counter("a_total", metric.Point{Exemplar: exemplarOf("\x00")}), open: "# TYPE a counter\na_total 0.0\n", dropped: `1 exemplars of counter "a_total" were dropped: label_value`},
	"a help that ends in a carriage return": {f: metric.Family{Name: "a", Help: "b\r", Points: []metric.Point{{}}}, open2: "# TYPE a unknown\n# HELP a b\na 0\n"},
	"states between other labels": {
		f: metric.Family{Name: "a", Kind: metric.StateSet, Points: []metric.Point{
			{Labels: append(label("a", "on"), label("z", "1")...)},
			{Labels: append(label("a", "on"), label("z", "2")...)},
			{Labels: append(label("a", "off"), label("z", "1")...)},
			{Labels: append(label("a", "off"), label("z", "2")...)},
		}},
		open: "# TYPE a stateset\na{z=\"1\",a=\"off\"} 0.0\na{z=\"1\",a=\"on\"} 0.0\na{z=\"2\",a=\"off\"} 0.0\na{z=\"2\",a=\"on\"} 0.0\n",
	},
}

func TestRulesOfTheFormats(t *testing.T) {
	for name, r := range rules {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			require.NoError(t, reg.Register(&outsider{[]*metric.Family{&r.f}}))
			families, err := reg.Gather()
			if r.refused != "" {
				require.ErrorContains(t, err, r.refused)
				return
			}
			require.NoError(t, err)
			// Without Ember's own metrics, which count what is dropped here.
			families = slices.DeleteFunc(families, func(f *metric.Family) bool { return strings.HasPrefix(f.Name, "ember_") })
			wants := map[wire]string{text: r.text, protobuf: r.proto}
			if r.open != "" {
				wants[openMetrics] = r.open + "# EOF\n"
			}
			if r.open2 != "" {
				wants[openMetrics2] = r.open2 + "# EOF\n"
			}
			for w, want := range r.also {
				wants[w] = want
			}
			for _, w := range wires {
				var b bytes.Buffer
				err := ember.Write(&b, gathered{&r.f}, w.format())
				if r.dropped != "" {
					require.ErrorContains(t, err, r.dropped)
				} else {
					require.NoError(t, err)
					requireLikeCommon(t, families, w)
				}
				if want := wants[w]; want != "" {
					requireWritten(t, want, b.Bytes(), w)
				}
				requireAgreement(t, families, b.Bytes(), w)
			}
		})
	}
}

// requireWritten compares what was written with what is wanted: the bytes of text, or
// the messages of protobuf.
func requireWritten(t testing.TB, want string, got []byte, w wire) {
	t.Helper()
	if w.base != ember.FormatProtobuf {
		require.Equal(t, want, string(got), "%v", w)
		return
	}
	messages, err := judge.Messages(got)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	var message dto.MetricFamily
	require.NoError(t, prototext.Unmarshal([]byte(want), &message))
	if !proto.Equal(&message, messages[0]) {
		require.Equal(t, prototext.Format(&message), prototext.Format(messages[0]))
	}
}

// Definitions that would be written under the same name are refused, whoever comes
// first.
func TestNamesThatCollide(t *testing.T) {
	for name, tc := range map[string]struct{ a, b metric.Desc }{
		"escaped to one":                  {metric.Desc{Name: "a.b", Kind: metric.Gauge}, metric.Desc{Name: "a_b", Kind: metric.Gauge}},
		"one with dots":                   {metric.Desc{Name: "a.b", Kind: metric.Gauge}, metric.Desc{Name: "a_dot_b", Kind: metric.Gauge}},
		"one with values":                 {metric.Desc{Name: "a.b", Kind: metric.Gauge}, metric.Desc{Name: "U__a_2e_b", Kind: metric.Gauge}},
		"a counter and its base":          {metric.Desc{Name: "a_total", Kind: metric.Counter}, metric.Desc{Name: "a", Kind: metric.Gauge}},
		"a counter and its creation":      {metric.Desc{Name: "a_total", Kind: metric.Counter}, metric.Desc{Name: "a_created", Kind: metric.Gauge}},
		"a histogram and its count":       {metric.Desc{Name: "a", Kind: metric.Histogram}, metric.Desc{Name: "a_count", Kind: metric.Counter}},
		"a histogram and its creation":    {metric.Desc{Name: "a", Kind: metric.Histogram}, metric.Desc{Name: "a_created", Kind: metric.Gauge}},
		"a summary and its sum":           {metric.Desc{Name: "a", Kind: metric.Summary}, metric.Desc{Name: "a_sum", Kind: metric.Gauge}},
		"a gauge histogram and its count": {metric.Desc{Name: "a", Kind: metric.GaugeHistogram}, metric.Desc{Name: "a_gcount", Kind: metric.Gauge}},
		"an info and its base":            {metric.Desc{Name: "a_info", Kind: metric.Info}, metric.Desc{Name: "a", Kind: metric.Gauge}},
		"a counter and an info":           {metric.Desc{Name: "a_total", Kind: metric.Counter}, metric.Desc{Name: "a_info", Kind: metric.Info}},
		"a counter and a histogram":       {metric.Desc{Name: "a_total", Kind: metric.Counter}, metric.Desc{Name: "a", Kind: metric.Histogram}},
		"quoted, with a suffix":           {metric.Desc{Name: "a.b", Kind: metric.Histogram}, metric.Desc{Name: "a.b_bucket", Kind: metric.Gauge}},
		"dots and a suffix":               {metric.Desc{Name: "a.b", Kind: metric.Histogram}, metric.Desc{Name: "a_dot_b_sum", Kind: metric.Gauge}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, order := range [][2]metric.Desc{{tc.a, tc.b}, {tc.b, tc.a}} {
				reg := ember.NewRegistry()
				require.NoError(t, reg.Register(described{order[0]}))
				require.ErrorContains(t, reg.Register(described{order[1]}), "collides with")
			}
		})
	}
}

// described is a collector that only describes.
type described struct{ desc metric.Desc }

func (d described) Describe() []metric.Desc { return []metric.Desc{d.desc} }

func (d described) Collect(context.Context, *metric.Sink) error { return nil }
