// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Buckets that are next to each other are a span; one or two empty ones between them
// cost less than another span. OpenMetrics 2.0.0 and protobuf have the same spans, and
// differ in how they count.
func TestNativeSpans(t *testing.T) {
	for name, tc := range map[string]struct {
		buckets []metric.NativeBucket
		spans   string // offset:length, of which the first offset is an index
		counts  string
	}{
		"one":           {[]metric.NativeBucket{{Index: 5, Count: 7}}, "5:1", "7"},
		"at zero":       {[]metric.NativeBucket{{Index: 0, Count: 7}}, "0:1", "7"},
		"below one":     {[]metric.NativeBucket{{Index: -5, Count: 7}}, "-5:1", "7"},
		"in a row":      {[]metric.NativeBucket{{Index: -1, Count: 1}, {Index: 0, Count: 3}, {Index: 1, Count: 2}}, "-1:3", "1,3,2"},
		"one between":   {[]metric.NativeBucket{{Index: 1, Count: 1}, {Index: 3, Count: 2}}, "1:3", "1,0,2"},
		"two between":   {[]metric.NativeBucket{{Index: 1, Count: 1}, {Index: 4, Count: 2}}, "1:4", "1,0,0,2"},
		"three between": {[]metric.NativeBucket{{Index: 1, Count: 1}, {Index: 5, Count: 2}}, "1:1,3:1", "1,2"},
		"over zero":     {[]metric.NativeBucket{{Index: -3, Count: 1}, {Index: -2, Count: 2}, {Index: 3, Count: 3}, {Index: 5, Count: 4}}, "-3:2,4:3", "1,2,3,0,4"},
		"empty ones":    {[]metric.NativeBucket{{Index: -9}, {Index: 1, Count: 1}, {Index: 2}, {Index: 3}, {Index: 4}, {Index: 5, Count: 1}, {Index: 9}}, "1:1,3:1", "1,1"},
		"far apart":     {[]metric.NativeBucket{{Index: -1074, Count: 1}, {Index: 1025, Count: 1 << 62}}, "-1074:1,2098:1", "1,4611686018427387904"},
	} {
		t.Run(name, func(t *testing.T) {
			count := uint64(0)
			for _, b := range tc.buckets {
				count += b.Count
			}
			for sign, n := range map[string]*metric.Native{"positive": {Positive: tc.buckets}, "negative": {Negative: tc.buckets}} {
				reg := ember.NewRegistry()
				reg.MustRegister(point(metric.Desc{Name: "x", Kind: metric.Histogram}, metric.Point{Count: count, Native: n}))
				require.Equal(t, fmt.Sprintf("# TYPE x histogram\nx {count:%d,sum:0,schema:0,zero_threshold:0,zero_count:0,%s_spans:[%s],%[2]s_buckets:[%[4]s]}\n# EOF\n", count, sign, tc.spans, tc.counts),
					wire(t, reg, ember.FormatOpenMetrics2))

				h := decode(t, wire(t, reg, ember.FormatProtobuf))[0].GetMetric()[0].GetHistogram()
				spans, deltas := h.GetPositiveSpan(), h.GetPositiveDelta()
				if sign == "negative" {
					spans, deltas = h.GetNegativeSpan(), h.GetNegativeDelta()
				}
				var got, counts []string
				for _, s := range spans {
					got = append(got, fmt.Sprint(s.GetOffset(), ":", s.GetLength()))
				}
				sum := int64(0)
				for _, delta := range deltas {
					sum += delta
					counts = append(counts, fmt.Sprint(sum))
				}
				require.Equal(t, tc.spans, strings.Join(got, ","))
				require.Equal(t, tc.counts, strings.Join(counts, ","))
			}
		})
	}
}

// Native exemplars come by time, those of classic buckets by bucket, and none without
// a time.
func TestManyExemplars(t *testing.T) {
	x := func(second int64) metric.Exemplar {
		e := metric.Exemplar{Labels: []metric.Label{label("s", fmt.Sprint(second))}, Value: 0.5}
		if second > 0 {
			e.Time = time.Unix(second, 0)
		}
		return e
	}
	one, two, none := x(1), x(2), x(0)
	native := metric.Native{ZeroCount: 1, Exemplars: []metric.Exemplar{x(5), x(3), none, x(4)}}
	reg := ember.NewRegistry()
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		out.Add(&metric.Desc{Name: "a", Kind: metric.Histogram}, metric.Point{Count: 1, Native: &native})
		out.Add(&metric.Desc{Name: "b", Kind: metric.Histogram}, metric.Point{Count: 1, Native: &native, Buckets: []metric.Bucket{{UpperBound: 1, Exemplar: &two}, {UpperBound: 2, Exemplar: &none}, {UpperBound: 3, Exemplar: &one}}})
	}))
	require.Equal(t, `# TYPE a histogram
a {count:1,sum:0,schema:0,zero_threshold:0,zero_count:1} # {s="3"} 0.5 3 # {s="4"} 0.5 4 # {s="5"} 0.5 5
# TYPE b histogram
b {count:1,sum:0,schema:0,zero_threshold:0,zero_count:1,bucket:[1:0,2:0,3:0,+Inf:1]} # {s="2"} 0.5 2 # {s="1"} 0.5 1
# EOF
`, wire(t, reg, ember.FormatOpenMetrics2))
	require.Equal(t, `# TYPE a histogram
a_bucket{le="+Inf"} 1 # {s="5"} 0.5 5
a_count 1
a_sum 0.0
# TYPE b histogram
b_bucket{le="1.0"} 0 # {s="2"} 0.5 2
b_bucket{le="2.0"} 0 # {s="0"} 0.5
b_bucket{le="3.0"} 0 # {s="1"} 0.5 1
b_bucket{le="+Inf"} 1
b_count 1
b_sum 0.0
# EOF
`, wire(t, reg, ember.FormatOpenMetrics))
	var seconds []int64
	for _, e := range decode(t, wire(t, reg, ember.FormatProtobuf))[0].GetMetric()[0].GetHistogram().GetExemplars() {
		seconds = append(seconds, e.GetTimestamp().GetSeconds())
	}
	require.Equal(t, []int64{3, 4, 5}, seconds)
	require.True(t, slices.Equal(native.Exemplars[2].Labels, none.Labels), "the collector's own are left alone")
	require.Equal(t, time.Unix(5, 0), native.Exemplars[0].Time)
}
