// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// custom is a collector that is a function.
type custom struct {
	collect func(context.Context, *metric.Sink) error
}

func (c *custom) Collect(ctx context.Context, out *metric.Sink) error { return c.collect(ctx, out) }

func label(name, value string) metric.Label { return metric.Label{Name: name, Value: value} }

// exposed returns what reg exposes, whatever is missing, and the error.
func exposed(reg ember.Gatherer) (string, error) {
	var b strings.Builder
	err := ember.WriteText(&b, reg)
	return b.String(), err
}

func TestCustomCollector(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "m"}).Set(1)
	reg.MustRegister(&custom{func(_ context.Context, out *metric.Sink) error {
		out.Gauge("z_conns", "Open.", 2, label("pool", "b"))
		out.Gauge("z_conns", "Open.", 1, label("pool", "a\"\n\\"))
		out.Counter("a_total", "", 7, label("y", "1"), label("x", "\xff"))
		out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram, ConstLabels: []metric.Label{label("c", "1")}},
			metric.Point{Count: math.MaxUint64, Sum: 1.5, Buckets: []metric.Bucket{{UpperBound: 1, Count: 1 << 60}, {UpperBound: 2.5, Count: 1 << 61}}})
		out.Add(&metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{Count: 2, Sum: 3, Quantiles: []metric.Quantile{{Quantile: 0.5, Value: math.NaN()}}})
		out.Add(&metric.Desc{Name: "u", Kind: metric.Unknown, Help: "Who\\ knows\n."}, metric.Point{Value: math.Inf(-1)})
		return nil
	}})
	require.Equal(t, `# TYPE a_total counter
a_total{x="�",y="1"} 7
# TYPE h histogram
h_bucket{c="1",le="1"} 1.152921504606847e+18
h_bucket{c="1",le="2.5"} 2.305843009213694e+18
h_bucket{c="1",le="+Inf"} 1.8446744073709552e+19
h_sum{c="1"} 1.5
h_count{c="1"} 1.8446744073709552e+19
# TYPE m gauge
m 1
# TYPE s summary
s{quantile="0.5"} NaN
s_sum 3
s_count 2
# HELP u Who\\ knows\n.
# TYPE u untyped
u -Inf
# HELP z_conns Open.
# TYPE z_conns gauge
z_conns{pool="a\"\n\\"} 1
z_conns{pool="b"} 2
`, text(t, reg))
}

// TestCollectorFails: whatever a collector does, only its own families are lost.
func TestCollectorFails(t *testing.T) {
	write := func(f func(*metric.Sink)) func(context.Context, *metric.Sink) error {
		return func(_ context.Context, out *metric.Sink) error {
			out.Gauge("before", "", 1)
			f(out)
			return nil
		}
	}
	point := func(kind metric.Kind, p metric.Point) func(context.Context, *metric.Sink) error {
		return write(func(out *metric.Sink) { out.Add(&metric.Desc{Name: "x", Kind: kind}, p) })
	}
	native := func(n metric.Native) func(context.Context, *metric.Sink) error {
		return point(metric.Histogram, metric.Point{Count: 2, Native: &n})
	}
	for name, tc := range map[string]struct {
		collect func(context.Context, *metric.Sink) error
		want    string
	}{
		"error":       {func(_ context.Context, out *metric.Sink) error { out.Gauge("a", "", 1); return errors.New("no answer") }, `no answer`},
		"panic":       {write(func(*metric.Sink) { panic("oh") }), `panic: oh`},
		"nil panic":   {write(func(*metric.Sink) { panic(nil) }), "panic: " + new(runtime.PanicNilError).Error()},
		"goexit":      {write(func(*metric.Sink) { runtime.Goexit() }), `it called runtime.Goexit`},
		"nil error":   {func(context.Context, *metric.Sink) error { return (*badError)(nil) }, `it returned an error whose text cannot be had: panic: runtime error: invalid memory address or nil pointer dereference`},
		"own samples": {write(func(out *metric.Sink) { out.Gauge("before_b", "", 1); out.Gauge("before.b", "", 1) }), `ember: gauge "before.b" collides with "before_b" of the same collector: both write "before_b"`},
		"bad name":    {write(func(out *metric.Sink) { out.Gauge("", "", 1) }), `ember: a gauge without a name`},
		"bad label":   {write(func(out *metric.Sink) { out.Gauge("x", "", 1, label("__a", "")) }), `ember: gauge "x": the label name "__a" starts with "__", which is reserved`},
		"label twice": {write(func(out *metric.Sink) { out.Gauge("x", "", 1, label("a", "1"), label("a", "2")) }), `ember: gauge "x": the label name "a" stands twice`},
		"point twice": {
			write(func(out *metric.Sink) {
				out.Gauge("x", "", 1, label("a", "1"), label("b", "2"))
				out.Gauge("x", "", 1, label("b", "2"), label("a", "1"))
			}), `ember: x{a="1",b="2"} was written twice`,
		},
		"two kinds": {write(func(out *metric.Sink) { out.Gauge("x", "", 1); out.Counter("x", "", 1) }), `ember: "x" was written as a gauge and as a counter`},
		"two helps": {write(func(out *metric.Sink) { out.Gauge("x", "A", 1); out.Gauge("x", "B", 1) }), `ember: "x" was written with the help "A" and with "B"`},
		"two units": {
			write(func(out *metric.Sink) {
				out.Add(&metric.Desc{Name: "x", Unit: "s"}, metric.Point{})
				out.Add(&metric.Desc{Name: "x"}, metric.Point{})
			}), `ember: "x" was written with the unit "s" and with ""`,
		},
		"registered":       {write(func(out *metric.Sink) { out.Gauge("kept", "", 1) }), `ember: gauge "kept" collides with gauge "kept": both write "kept"`},
		"suffix taken":     {write(func(out *metric.Sink) { out.Gauge("h_count", "", 1) }), `ember: gauge "h_count" collides with histogram "h": both write "h_count"`},
		"by another":       {write(func(out *metric.Sink) { out.Gauge("other", "", 1) }), `ember: other was written by another collector; a label of Registry.Sub can tell them apart`},
		"unlike another's": {write(func(out *metric.Sink) { out.Counter("other", "", 1) }), `ember: "other" is a counter, but a gauge according to another collector`},
		"no such kind":     {point(99, metric.Point{}), `ember: "x": there is no kind Kind(99)`},
		"buckets mixed up": {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 2, Count: 1}, {UpperBound: 1, Count: 2}}}), `ember: histogram "x": bucket 1 (1) must be above bucket 0 (2)`},
		"bound NaN":        {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: math.NaN()}}}), `ember: histogram "x": bucket 0 (NaN) must be a number`},
		"not cumulative":   {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 1, Count: 2}, {UpperBound: 2, Count: 1}}}), `ember: histogram "x": bucket 1 counts 1, fewer than bucket 0 (2); counts are cumulative`},
		"more than all":    {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 1, Count: 3}}}), `ember: histogram "x": bucket 0 (1) counts 3 of 2 observations`},
		"less than all":    {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: math.Inf(1), Count: 1}}}), `ember: histogram "x": bucket 0 (+Inf) counts 1 of 2 observations`},
		"quantile 50":      {point(metric.Summary, metric.Point{Quantiles: []metric.Quantile{{Quantile: 50}}}), `ember: summary "x": the quantile 50 must be between 0 and 1`},
		"quantiles mixed":  {point(metric.Summary, metric.Point{Quantiles: []metric.Quantile{{Quantile: 0.9}, {Quantile: 0.5}}}), `ember: summary "x": quantile 1 (0.5) must be above quantile 0 (0.9)`},
		"unit of an info": {write(func(out *metric.Sink) {
			out.Add(&metric.Desc{Name: "x", Unit: "s", Kind: metric.Info}, metric.Point{Value: 1})
		}), `ember: info "x" has the unit "s", but an info has none`},
		"state with colon": {write(func(out *metric.Sink) { out.Add(&metric.Desc{Name: "x:y", Kind: metric.StateSet}, metric.Point{}) }), `ember: stateset "x:y": the name is that of a label too, which must not contain a colon`},
		"name by dots":     {write(func(out *metric.Sink) { out.Gauge("x", "", 1, label("éname☃", "")) }), `ember: gauge "x": the label name "éname☃" is written "__name__", which is the metric's name`},
		"labels alike":     {write(func(out *metric.Sink) { out.Gauge("x", "", 1, label("a.b", ""), label("a_dot_b", "")) }), `ember: gauge "x": the label names "a.b" and "a_dot_b" are both written "a_dot_b"`},
		"siblings by dots": {write(func(out *metric.Sink) { out.Gauge("a.b", "", 1); out.Gauge("a_dot_b", "", 1) }), `ember: gauge "a_dot_b" collides with "a.b" of the same collector: both write "a_dot_b"`},
		"le":               {point(metric.GaugeHistogram, metric.Point{Labels: []metric.Label{label("le", "1")}}), `ember: gaugehistogram "x": the label name "le" is reserved in a gaugehistogram`},
		"schema low":       {native(metric.Native{Schema: -5}), `ember: histogram "x": the schema -5 must be between -4 and 8`},
		"schema high":      {native(metric.Native{Schema: 9}), `ember: histogram "x": the schema 9 must be between -4 and 8`},
		"threshold NaN":    {native(metric.Native{ZeroThreshold: math.NaN()}), `ember: histogram "x": the zero threshold NaN must be a number that is not negative`},
		"threshold below":  {native(metric.Native{ZeroThreshold: -1}), `ember: histogram "x": the zero threshold -1 must be a number that is not negative`},
		"threshold +Inf":   {native(metric.Native{ZeroThreshold: math.Inf(1)}), `ember: histogram "x": the zero threshold +Inf must be a number that is not negative`},
		"native mixed up":  {native(metric.Native{Positive: []metric.NativeBucket{{Index: 2}, {Index: 1}}}), `ember: histogram "x": native bucket 1 must be above native bucket 2`},
		"native twice":     {native(metric.Native{Negative: []metric.NativeBucket{{Index: 2}, {Index: 2}}}), `ember: histogram "x": native bucket 2 must be above native bucket 2`},
		"native too low":   {native(metric.Native{Positive: []metric.NativeBucket{{Index: -1075}}}), `ember: histogram "x": native bucket -1075 must be between -1074 and 1025`},
		"native too high":  {native(metric.Native{Schema: 8, Negative: []metric.NativeBucket{{Index: 1}, {Index: 262146}}}), `ember: histogram "x": native bucket 262146 must be between -274944 and 262145`},
		"native overflow":  {native(metric.Native{Positive: []metric.NativeBucket{{Index: 1, Count: math.MaxUint64}, {Index: 2, Count: 3}}}), `ember: histogram "x": the native buckets count more than 2^64 observations`},
		"native miscounted": {
			native(metric.Native{ZeroCount: 1, Positive: []metric.NativeBucket{{Index: 1, Count: 2}}, Negative: []metric.NativeBucket{{Index: 1, Count: 4}}}),
			`ember: histogram "x": the native buckets count 7 of 2 observations`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			reg.NewGauge(ember.GaugeOpts{Name: "kept"})
			reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{math.Inf(1)}})
			reg.MustRegister(&custom{func(_ context.Context, out *metric.Sink) error { out.Gauge("other", "", 1); return nil }})
			reg.MustRegister(&custom{tc.collect})

			for scrapes, count := range []string{"1", "2"} {
				got, err := exposed(reg)
				require.EqualError(t, err, "ember: collector ember_test.custom: "+tc.want)
				require.Equal(t, "# HELP ember_collector_errors_total Scrapes in which a collector or a callback failed, so that its series were missing.\n"+
					"# TYPE ember_collector_errors_total counter\n"+
					"ember_collector_errors_total{collector=\"ember_test.custom\"} "+count+"\n"+
					"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"+
					"# TYPE kept gauge\nkept 0\n"+
					"# TYPE other gauge\nother 1\n", got)
				require.Equal(t, 1, strings.Count(log.String(), "collector failed"), "scrape %d: the same failure is logged once", scrapes)
			}
			require.Contains(t, log.String(), "collector=ember_test.custom")
		})
	}
}

// A value that no series of its kind can have costs that series alone.
func TestCollectorWritesBadValues(t *testing.T) {
	states := []metric.Label{label("x", "on")}
	for name, tc := range map[string]struct {
		kind metric.Kind
		p    metric.Point
		want string
	}{
		"counter NaN":       {metric.Counter, metric.Point{Value: math.NaN()}, `ember: x is NaN, which no counter can be`},
		"counter negative":  {metric.Counter, metric.Point{Value: -1, Labels: []metric.Label{label("a.b", "\n")}}, `ember: x{a_b="\n"} is -1, which no counter can be`},
		"info of 2":         {metric.Info, metric.Point{Value: 2}, `ember: x is 2, but an info is always 1`},
		"info of NaN":       {metric.Info, metric.Point{Value: math.NaN()}, `ember: x is NaN, but an info is always 1`},
		"state of 0.5":      {metric.StateSet, metric.Point{Value: 0.5, Labels: states}, `ember: x{x="on"} is 0.5, but a state is 1 or 0`},
		"state of NaN":      {metric.StateSet, metric.Point{Value: math.NaN(), Labels: states}, `ember: x{x="on"} is NaN, but a state is 1 or 0`},
		"state set's label": {metric.StateSet, metric.Point{Value: 1, Labels: []metric.Label{label("state", "on")}}, `ember: x{state="on"} has no label "x", which must name the state`},
		"before 1970":       {metric.Gauge, metric.Point{Time: time.UnixMilli(-1).UTC()}, `ember: x has the time 1969-12-31 23:59:59.999 +0000 UTC, which is not between the years 1970 and 9999`},
		"after 9999":        {metric.Histogram, metric.Point{Time: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, `ember: x has the time 10000-01-01 00:00:00 +0000 UTC, which is not between the years 1970 and 9999`},
		"began in 1677":     {metric.Counter, metric.Point{Created: time.Date(1677, 1, 1, 0, 0, 0, 0, time.UTC)}, `ember: x began at 1677-01-01 00:00:00 +0000 UTC, which is not between the years 1678 and 2262`},
		"began in 2263":     {metric.Gauge, metric.Point{Created: time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC)}, `ember: x began at 2263-01-01 00:00:00 +0000 UTC, which is not between the years 1678 and 2262`},
		"after 9999 in UTC": {metric.Summary, metric.Point{Time: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))}, `ember: x has the time 9999-12-31 23:00:00 -0100 -0100, which is not between the years 1970 and 9999`},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
			bad := true
			reg.MustRegister(&custom{func(_ context.Context, out *metric.Sink) error {
				out.Gauge("before", "", 1)
				if bad {
					out.Add(&metric.Desc{Name: "x", Kind: tc.kind}, tc.p)
				}
				out.Add(&metric.Desc{Name: "x", Kind: tc.kind}, metric.Point{Value: 1, Labels: []metric.Label{label("x", "good")}})
				out.Gauge("y", "", 2)
				return nil
			}})
			failures := "# HELP ember_collector_errors_total Scrapes in which a collector or a callback failed, so that its series were missing.\n" +
				"# TYPE ember_collector_errors_total counter\nember_collector_errors_total{collector=\"ember_test.custom\"} 1\n"
			got, err := exposed(reg)
			require.EqualError(t, err, "ember: collector ember_test.custom: "+tc.want)
			rest, ok := strings.CutPrefix(got, "# TYPE before gauge\nbefore 1\n"+failures)
			require.True(t, ok, got)

			bad = false // what is left is what would be without it
			require.Equal(t, "# TYPE before gauge\nbefore 1\n"+failures+rest, text(t, reg))

			g := foreign{families: []*metric.Family{family("x", tc.kind, tc.p), family("y", metric.Gauge, metric.Point{})}}
			got, err = exposed(g)
			require.EqualError(t, err, tc.want)
			require.Equal(t, "# TYPE y gauge\ny 0\n", got)
		})
	}
}

// A value just within what its kind can have is exposed.
func TestCollectorWritesExtremeValues(t *testing.T) {
	for name, tc := range map[string]struct {
		kind metric.Kind
		p    metric.Point
		want string
	}{
		"counter infinite": {metric.Counter, metric.Point{Value: math.Inf(1)}, "x +Inf"},
		"counter -0":       {metric.Counter, metric.Point{Value: math.Copysign(0, -1)}, "x -0"},
		"state -0":         {metric.StateSet, metric.Point{Value: math.Copysign(0, -1), Labels: []metric.Label{label("x", "")}}, `x{x=""} -0`},
		"1970":             {metric.Gauge, metric.Point{Time: time.Unix(0, 0)}, "x 0 0"},
		"9999 in UTC":      {metric.Gauge, metric.Point{Time: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).In(time.FixedZone("", 3600))}, "x 0 253402300799000"},
		"lowest native":    {metric.Histogram, metric.Point{Count: 1, Native: &metric.Native{Positive: []metric.NativeBucket{{Index: -1074, Count: 1}}}}, "x_count 1"},
		"highest native":   {metric.Histogram, metric.Point{Count: 1, Native: &metric.Native{Schema: -4, Negative: []metric.NativeBucket{{Index: 65, Count: 1}}}}, "x_count 1"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			reg.MustRegister(point(metric.Desc{Name: "x", Kind: tc.kind}, tc.p))
			require.Contains(t, text(t, reg), "\n"+tc.want+"\n")
		})
	}
}

// To readers, a label without a value is not there.
func TestCollectorsSeriesDifferInValues(t *testing.T) {
	for name, tc := range map[string]struct {
		series [][]metric.Label
		want   string // empty: they differ
	}{
		"no labels, and one without a value": {[][]metric.Label{nil, {label("a", "")}}, `ember: x and x{a=""} are one series: a label without a value is none`},
		"different ones without a value":     {[][]metric.Label{{label("a", "1"), label("b", "")}, {label("a", "1"), label("c", "")}}, `ember: x{a="1",b=""} and x{a="1",c=""} are one series: a label without a value is none`},
		"with and without a value":           {[][]metric.Label{{label("a", "")}, {label("a", "1")}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
			reg.MustRegister(collectFunc(func(out *metric.Sink) {
				for _, labels := range tc.series {
					out.Gauge("x", "", 1, labels...)
				}
			}))
			_, err := exposed(reg)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
		})
	}
}

// An exemplar that no format can have is dropped and counted; its series is exposed.
func TestCollectorWritesBadExemplars(t *testing.T) {
	long := func(n int) string { return strings.Repeat("☃", n) }
	for name, tc := range map[string]struct {
		labels []metric.Label
		reason string // empty: it is exposed
	}{
		"128 characters":    {[]metric.Label{label("trace", long(120)), label("b", "12")}, ""},
		"129 characters":    {[]metric.Label{label("trace", long(120)), label("b", "123")}, "too_long"},
		"a long name":       {[]metric.Label{label(strings.Repeat("x", 129), "")}, "too_long"},
		"name not classic":  {[]metric.Label{label("trace.id", "1")}, "label_name"},
		"name with a colon": {[]metric.Label{label("trace:id", "1")}, "label_name"},
		"no name":           {[]metric.Label{label("", "1")}, "label_name"},
		"name twice":        {[]metric.Label{label("a", "1"), label("b", ""), label("a", "1")}, "label_name"},
		"not UTF-8":         {[]metric.Label{label("a", "\xff")}, "label_value"},
		"a NUL":             {[]metric.Label{label("a", "x\x00")}, "label_value"},
		"a time long ago":   {nil, "time"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := &metric.Exemplar{Labels: tc.labels, Time: time.Unix(1, 0)}
				if tc.reason == "time" {
					x.Time = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)
				}
				families := func(out *metric.Sink, x *metric.Exemplar) {
					out.Add(&metric.Desc{Name: "x_total", Kind: metric.Counter}, metric.Point{Value: 1, Exemplar: x})
					out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{Count: 1, Buckets: []metric.Bucket{{UpperBound: 1, Count: 1, Exemplar: x}, {UpperBound: math.Inf(1), Count: 1, Exemplar: x}}})
					n := &metric.Native{ZeroCount: 1}
					if x != nil {
						n.Exemplars = []metric.Exemplar{*x}
					}
					out.Add(&metric.Desc{Name: "n", Kind: metric.Histogram}, metric.Point{Count: 1, Native: n})
				}
				reg := ember.NewRegistry()
				reg.MustRegister(collectFunc(func(out *metric.Sink) { families(out, x) }))
				without := ember.NewRegistry()
				without.MustRegister(collectFunc(func(out *metric.Sink) { families(out, nil) }))
				for name, f := range formats {
					got := wire(t, reg, f)
					if tc.reason == "" {
						if !strings.HasPrefix(name, "text") {
							require.NotEqual(t, wire(t, without, f), got, name)
						}
						require.NotContains(t, got, "ember_invalid_exemplars")
					}
				}
				if tc.reason == "" {
					return
				}
				scrapes := len(formats) // each with four exemplars
				require.Equal(t, fmt.Sprintf("# TYPE ember_invalid_exemplars counter\n"+
					"# HELP ember_invalid_exemplars Exemplars that were dropped because no format can have them.\n"+
					"ember_invalid_exemplars_total{reason=%q} %d.0\n", tc.reason, 4*scrapes+4)+wire(t, without, ember.FormatOpenMetrics),
					wire(t, reg, ember.FormatOpenMetrics))

				var out metric.Sink
				families(&out, x)
				var b strings.Builder
				require.EqualError(t, ember.Write(&b, foreign{families: out.Families()}, ember.FormatOpenMetrics), fmt.Sprintf(
					"ember: 1 exemplars of counter \"x_total\" were dropped: %[1]s\nember: 2 exemplars of histogram \"h\" were dropped: %[1]s\nember: 1 exemplars of histogram \"n\" were dropped: %[1]s", tc.reason))
				require.Equal(t, wire(t, without, ember.FormatOpenMetrics), b.String())
			})
		})
	}
}

// Exemplars that are where their kind has none are not looked at, let alone counted.
func TestCollectorWritesMisplacedExemplars(t *testing.T) {
	bad := &metric.Exemplar{Labels: []metric.Label{label("", "")}}
	reg := ember.NewRegistry()
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		buckets := []metric.Bucket{{UpperBound: 1}, {UpperBound: 2, Exemplar: exemplarOf(2)}}
		out.Add(&metric.Desc{Name: "g", Kind: metric.Gauge}, metric.Point{Exemplar: bad})
		out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{Exemplar: bad, Buckets: buckets})
		out.Add(&metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{Exemplar: bad})
	}))
	require.Equal(t, `# TYPE g gauge
g 0.0
# TYPE h histogram
h_bucket{le="1.0"} 0
h_bucket{le="2.0"} 0 # {trace_id="4b\"f9"} 2.0 1700000000.25
h_bucket{le="+Inf"} 0
h_count 0
h_sum 0.0
# TYPE s summary
s_count 0
s_sum 0.0
# EOF
`, wire(t, reg, ember.FormatOpenMetrics))
}

func TestDescribedCollectorMustKeepItsWord(t *testing.T) {
	for name, tc := range map[string]struct {
		desc metric.Desc
		want string
	}{
		"other name": {metric.Desc{Name: "y", Kind: metric.Gauge}, `ember: gauge "x" was written, but not described`},
		"other kind": {metric.Desc{Name: "x", Kind: metric.Counter}, `ember: "x" is a gauge, but a counter according to its description`},
		"other help": {metric.Desc{Name: "x", Kind: metric.Gauge, Help: "H"}, `ember: "x" has the help "", but "H" according to its description`},
		"other constant label": {
			metric.Desc{Name: "x", Kind: metric.Gauge, ConstLabels: []metric.Label{label("a", "1")}},
			`ember: x has not the labels of its description`,
		},
		"other label": {
			metric.Desc{Name: "x", Kind: metric.Gauge, Labels: []string{"a"}},
			`ember: x has not the labels of its description`,
		},
		"other unit": {metric.Desc{Name: "x", Kind: metric.Gauge, Unit: "s"}, `ember: "x" has the unit "", but "s" according to its description`},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
			reg.MustRegister(&liar{describer{tc.desc}})
			_, err := exposed(reg)
			require.EqualError(t, err, "ember: collector ember_test.liar: "+tc.want)
		})
	}
}

type liar struct{ describer }

func (*liar) Collect(_ context.Context, out *metric.Sink) error {
	out.Gauge("x", "", 1)
	return nil
}

// TestTwoOfAKind: two pools of one type share families.
func TestTwoOfAKind(t *testing.T) {
	pool := func(name string, kind metric.Kind) describer {
		return describer{{Name: "pool", Kind: kind, ConstLabels: []metric.Label{label("name", name)}}}
	}
	reg := ember.NewRegistry()
	reg.MustRegister(pool("b", metric.Gauge), pool("a", metric.Gauge))
	require.Equal(t, "# TYPE pool gauge\npool{name=\"a\"} 0\npool{name=\"b\"} 0\n", text(t, reg))
	require.True(t, reg.Unregister(pool("b", metric.Gauge)))
	require.Equal(t, "# TYPE pool gauge\npool{name=\"a\"} 0\n", text(t, reg))
}

func TestCallbacksFail(t *testing.T) {
	var log bytes.Buffer
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	vec := reg.NewGaugeVec(ember.GaugeOpts{Name: "v"}, "a")
	vec.SetFunc(func() float64 { return 1 }, "1")
	vec.SetFunc(func() float64 { panic("oh") }, "2")
	vec.With("3").Set(3)
	reg.NewCounterFunc(ember.CounterOpts{Name: "c_total"}, func() float64 { return -1 })
	reg.NewGaugeFunc(ember.GaugeOpts{Name: "g"}, func() float64 { return math.NaN() })

	got, err := exposed(reg)
	require.EqualError(t, err, "ember: collector c_total: the function of c_total: it returned -1, which no counter can be\n"+
		`ember: collector v: the function of v{a="2"}: panic: oh`)
	require.Equal(t, "# HELP ember_collector_errors_total Scrapes in which a collector or a callback failed, so that its series were missing.\n"+
		"# TYPE ember_collector_errors_total counter\n"+
		"ember_collector_errors_total{collector=\"c_total\"} 1\nember_collector_errors_total{collector=\"v\"} 1\n"+
		"# TYPE g gauge\ng NaN\n# TYPE v gauge\nv{a=\"1\"} 1\nv{a=\"3\"} 3\n", got)
	require.Contains(t, log.String(), "collect_test.go", "the panic's stack is logged")
}

// deadlined exposes reg through a handler with a deadline.
func TestLateCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
		reg.NewGauge(ember.GaugeOpts{Name: "kept"})
		release := make(chan struct{})
		var calls atomic.Int32
		reg.MustRegister(&custom{func(context.Context, *metric.Sink) error { // heeds no context
			calls.Add(1)
			<-release
			return nil
		}})
		reg.NewGaugeFunc(ember.GaugeOpts{Name: "late"}, func() float64 { <-release; return 1 })
		h := ember.HandlerFor(reg, ember.HandlerOpts{Timeout: 10 * time.Second})

		start := time.Now()
		body := get(t, h, nil).Body.String()
		require.Equal(t, 9500*time.Millisecond, time.Since(start), "half a second is left for sending")
		require.Contains(t, body, "\nkept 0\n")
		require.NotContains(t, body, "\nlate")
		require.Contains(t, body, `ember_collector_errors_total{collector="ember_test.custom"} 1`)
		require.Contains(t, body, `ember_collector_errors_total{collector="late"} 1`)

		// While the call hangs, no other is added to it, and no scrape waits again.
		start = time.Now()
		body = get(t, h, nil).Body.String()
		require.Zero(t, time.Since(start))
		require.Equal(t, int32(1), calls.Load())
		require.Contains(t, body, `ember_collector_errors_total{collector="ember_test.custom"} 2`)
		_, err := exposed(reg)
		require.ErrorContains(t, err, "ember: collector ember_test.custom: a call that an earlier scrape gave up on has not returned")

		close(release)
		synctest.Wait()
		body = get(t, h, nil).Body.String()
		require.Equal(t, int32(2), calls.Load())
		require.Contains(t, body, "\nlate 1\n")
	})
}

// A collector that is late at each scrape is logged once: how long the scraper's patience
// would still last differs by some nanoseconds.
func TestLateCollectorIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		reg.NewGaugeFunc(ember.GaugeOpts{Name: "late"}, func() float64 { time.Sleep(2 * time.Second); return 1 })
		h := ember.HandlerFor(reg, ember.HandlerOpts{})
		for _, patience := range []time.Duration{time.Second, time.Second - 2*time.Microsecond} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil).WithContext(ctx))
			cancel()
			time.Sleep(2 * time.Second)
		}
		require.Contains(t, text(t, reg), "late 1\n")
		require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
		require.Contains(t, log.String(), "the scrape's deadline is 100ms away")
	})
}

// TestCollectorsRunSideBySide: slow collectors do not add up.
func TestCollectorsRunSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		for range 10 {
			reg.MustRegister(&custom{func(context.Context, *metric.Sink) error { time.Sleep(time.Second); return nil }})
		}
		start := time.Now()
		require.Empty(t, text(t, reg))
		require.Equal(t, time.Second, time.Since(start))
	})
}

func TestInvalidUpdatesAreCountedPerRegistry(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	reg := ember.NewRegistry()
	a := reg.NewCounter(ember.CounterOpts{Name: "a_total"})
	b := reg.Sub("b_", nil).NewHistogram(ember.HistogramOpts{Name: "h"})
	a.Add(-1)
	a.Add(math.Inf(1))
	a.Add(math.NaN())
	b.Observe(math.NaN())
	want := "ember_invalid_updates_total{reason=\"infinite\"} 1\nember_invalid_updates_total{reason=\"nan\"} 2\nember_invalid_updates_total{reason=\"negative\"} 1\n"
	require.Contains(t, text(t, reg), want)
	require.True(t, reg.Unregister(a))
	require.Contains(t, text(t, reg), want, "a counter does not go back")
	require.NoError(t, reg.Register(a))
	require.Contains(t, text(t, reg), want, "nor is anything counted twice")
	require.NotContains(t, text(t, reg.Sub("b_", nil)), "ember_")
}

func TestInstrumentsAsCollectors(t *testing.T) {
	reg := ember.NewRegistry()
	vec := reg.NewGaugeVec(ember.GaugeOpts{Name: "g", Help: "G.", ConstLabels: ember.Labels{"c": "1"}}, "a")
	vec.With("x").Set(1)
	vec.SetFunc(func() float64 { return 2 }, "y")
	h := reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1}})
	h.Observe(0.5)
	s := reg.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0}})
	f := reg.NewCounterFunc(ember.CounterOpts{Name: "f_total"}, func() float64 { return 3 })

	var out metric.Sink
	for _, c := range []ember.Collector{f, vec, h, s} {
		require.NoError(t, c.Collect(t.Context(), &out))
	}
	require.NoError(t, out.Err())
	want, err := reg.Gather()
	require.NoError(t, err)
	got := out.Families()
	require.Len(t, got, 4)
	require.True(t, math.IsNaN(got[3].Points[0].Quantiles[0].Value))
	got[3].Points[0].Quantiles[0].Value, want[3].Points[0].Quantiles[0].Value = 0, 0
	require.Equal(t, want, got)
	require.EqualError(t, counter("").Collect(t.Context(), &out), "ember: a counter without a name")
}

// badError cannot be asked for its text if it is nil.
type badError struct{ text string }

func (e *badError) Error() string { return e.text }

// TestFunctionSetDuringScrape: a series that gets a function while others are called
// is exposed with its own value.
func TestFunctionSetDuringScrape(t *testing.T) {
	reg := ember.NewRegistry()
	vec := reg.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "x")
	vec.With("1").Set(5)
	reg.NewGaugeFunc(ember.GaugeOpts{Name: "setter"}, func() float64 {
		vec.SetFunc(func() float64 { return 7 }, "1")
		return 0
	})
	require.Contains(t, text(t, reg), "g{x=\"1\"} 5\n")
	require.Contains(t, text(t, reg), "g{x=\"1\"} 7\n")
}

// TestDisconnectCostsOthersNothing: a collector is not slow because a client was
// impatient.
func TestDisconnectCostsOthersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		reg.MustRegister(&custom{func(_ context.Context, out *metric.Sink) error {
			time.Sleep(400 * time.Millisecond)
			out.Gauge("slow", "", 1)
			return nil
		}})
		h := ember.HandlerFor(reg, ember.HandlerOpts{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, nil)
		go func() { time.Sleep(100 * time.Millisecond); cancel() }()
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		})
		require.Equal(t, "# TYPE slow gauge\nslow 1\n", get(t, h, nil).Body.String())
		time.Sleep(time.Second)
	})
}
