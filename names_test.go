// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// unusualNames has names of every sort that is not classic, in every place where one
// can stand.
func unusualNames() *ember.Registry {
	reg := ember.NewRegistry()
	sub := reg.Sub("app.", ember.Labels{"z.z": "\n"})
	sub.NewCounterVec(ember.CounterOpts{Name: "a_b.é_total", Help: "A.", Unit: "é", ConstLabels: ember.Labels{"c:c": "1"}}, "x.y", "x", "l\"m").With("\"", "plain", "").IncWithExemplar(ember.Labels{"id": "1"})
	sub.NewHistogramVec(ember.HistogramOpts{Name: "h_seconds", Unit: "seconds", Buckets: []float64{1}}, "x y").With("\\")
	sub.NewInfo(ember.InfoOpts{Name: "b\\_info"}, ember.Labels{"v.v": "2"})
	sub.NewStateSet(ember.StateSetOpts{Name: "st"}, "on").Switch("on")
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		out.Gauge("1a\"", "", 1, label("2b", "3"), label("c", "4"))
		out.Gauge("job:x", "", 1, label("job:y", "5"))
	}))
	return reg
}

// What becomes of names that are not classic, byte by byte.
func TestWireNames(t *testing.T) {
	for name, tc := range map[string]struct {
		format ember.Format
		want   string
	}{
		"text, underscores": {ember.FormatText, `# TYPE _a_ gauge
_a_{_b="3",c="4"} 1
# HELP app_a_b___total A.
# TYPE app_a_b___total counter
app_a_b___total{z_z="\n",c_c="1",x_y="\"",x="plain",l_m=""} 1
# TYPE app_b__info gauge
app_b__info{z_z="\n",v_v="2"} 1
# TYPE app_h_seconds histogram
app_h_seconds_bucket{z_z="\n",x_y="\\",le="1"} 0
app_h_seconds_bucket{z_z="\n",x_y="\\",le="+Inf"} 0
app_h_seconds_sum{z_z="\n",x_y="\\"} 0
app_h_seconds_count{z_z="\n",x_y="\\"} 0
# TYPE app_st gauge
app_st{z_z="\n",app_st="on"} 1
# TYPE job:x gauge
job:x{job_y="5"} 1
`},
		"text, as they are": {ember.FormatText1.WithEscaping(ember.EscapingAllowUTF8), `# TYPE "1a\"" gauge
{"1a\"","2b"="3",c="4"} 1
# HELP "app.a_b.é_total" A.
# TYPE "app.a_b.é_total" counter
{"app.a_b.é_total","z.z"="\n","c:c"="1","x.y"="\"",x="plain","l\"m"=""} 1
# TYPE "app.b\\_info" gauge
{"app.b\\_info","z.z"="\n","v.v"="2"} 1
# TYPE "app.h_seconds" histogram
{"app.h_seconds_bucket","z.z"="\n","x y"="\\",le="1"} 0
{"app.h_seconds_bucket","z.z"="\n","x y"="\\",le="+Inf"} 0
{"app.h_seconds_sum","z.z"="\n","x y"="\\"} 0
{"app.h_seconds_count","z.z"="\n","x y"="\\"} 0
# TYPE "app.st" gauge
{"app.st","z.z"="\n","app.st"="on"} 1
# TYPE job:x gauge
job:x{"job:y"="5"} 1
`},
		"text, dots": {ember.FormatText.WithEscaping(ember.EscapingDots), `# TYPE __a__ gauge
__a__{__b="3",c="4"} 1
# HELP app_dot_a__b_dot_____total A.
# TYPE app_dot_a__b_dot_____total counter
app_dot_a__b_dot_____total{z_dot_z="\n",c__c="1",x_dot_y="\"",x="plain",l__m=""} 1
# TYPE app_dot_b____info gauge
app_dot_b____info{z_dot_z="\n",v_dot_v="2"} 1
# TYPE app_dot_h__seconds histogram
app_dot_h__seconds_bucket{z_dot_z="\n",x__y="\\",le="1"} 0
app_dot_h__seconds_bucket{z_dot_z="\n",x__y="\\",le="+Inf"} 0
app_dot_h__seconds_sum{z_dot_z="\n",x__y="\\"} 0
app_dot_h__seconds_count{z_dot_z="\n",x__y="\\"} 0
# TYPE app_dot_st gauge
app_dot_st{z_dot_z="\n",app_dot_st="on"} 1
# TYPE job:x gauge
job:x{job__y="5"} 1
`},
		"text, values": {ember.FormatText.WithEscaping(ember.EscapingValues), `# TYPE U___31_a_22_ gauge
U___31_a_22_{U___32_b="3",c="4"} 1
# HELP U__app_2e_a__b_2e__e9___total A.
# TYPE U__app_2e_a__b_2e__e9___total counter
U__app_2e_a__b_2e__e9___total{U__z_2e_z="\n",U__c_3a_c="1",U__x_2e_y="\"",x="plain",U__l_22_m=""} 1
# TYPE U__app_2e_b_5c___info gauge
U__app_2e_b_5c___info{U__z_2e_z="\n",U__v_2e_v="2"} 1
# TYPE U__app_2e_h__seconds histogram
U__app_2e_h__seconds_bucket{U__z_2e_z="\n",U__x_20_y="\\",le="1"} 0
U__app_2e_h__seconds_bucket{U__z_2e_z="\n",U__x_20_y="\\",le="+Inf"} 0
U__app_2e_h__seconds_sum{U__z_2e_z="\n",U__x_20_y="\\"} 0
U__app_2e_h__seconds_count{U__z_2e_z="\n",U__x_20_y="\\"} 0
# TYPE U__app_2e_st gauge
U__app_2e_st{U__z_2e_z="\n",U__app_2e_st="on"} 1
# TYPE job:x gauge
job:x{U__job_3a_y="5"} 1
`},
		"OpenMetrics, underscores": {ember.FormatOpenMetrics, `# TYPE _a_ gauge
_a_{_b="3",c="4"} 1.0
# TYPE app_a_b__ counter
# HELP app_a_b__ A.
app_a_b___total{z_z="\n",c_c="1",x_y="\"",x="plain",l_m=""} 1.0 # {id="1"} 1.0 946684800
# TYPE app_b_ info
app_b__info{z_z="\n",v_v="2"} 1.0
# TYPE app_h_seconds histogram
# UNIT app_h_seconds seconds
app_h_seconds_bucket{z_z="\n",x_y="\\",le="1.0"} 0
app_h_seconds_bucket{z_z="\n",x_y="\\",le="+Inf"} 0
app_h_seconds_count{z_z="\n",x_y="\\"} 0
app_h_seconds_sum{z_z="\n",x_y="\\"} 0.0
# TYPE app_st stateset
app_st{z_z="\n",app_st="on"} 1.0
# TYPE job:x gauge
job:x{job_y="5"} 1.0
# EOF
`},
		"OpenMetrics, as they are": {ember.FormatOpenMetrics.WithCreated().WithEscaping(ember.EscapingAllowUTF8), `# TYPE "1a\"" gauge
{"1a\"","2b"="3",c="4"} 1.0
# TYPE "app.a_b.é" counter
# HELP "app.a_b.é" A.
{"app.a_b.é_total","z.z"="\n","c:c"="1","x.y"="\"",x="plain","l\"m"=""} 1.0 # {id="1"} 1.0 946684800
{"app.a_b.é_created","z.z"="\n","c:c"="1","x.y"="\"",x="plain","l\"m"=""} 946684800
# TYPE "app.b\\" info
{"app.b\\_info","z.z"="\n","v.v"="2"} 1.0
# TYPE "app.h_seconds" histogram
# UNIT "app.h_seconds" seconds
{"app.h_seconds_bucket","z.z"="\n","x y"="\\",le="1.0"} 0
{"app.h_seconds_bucket","z.z"="\n","x y"="\\",le="+Inf"} 0
{"app.h_seconds_count","z.z"="\n","x y"="\\"} 0
{"app.h_seconds_sum","z.z"="\n","x y"="\\"} 0.0
{"app.h_seconds_created","z.z"="\n","x y"="\\"} 946684800
# TYPE "app.st" stateset
{"app.st","z.z"="\n","app.st"="on"} 1.0
# TYPE job:x gauge
job:x{"job:y"="5"} 1.0
# EOF
`},
		"OpenMetrics, dots": {ember.FormatOpenMetrics0.WithEscaping(ember.EscapingDots), `# TYPE __a__ gauge
__a__{__b="3",c="4"} 1.0
# TYPE app_dot_a__b_dot____ counter
# HELP app_dot_a__b_dot____ A.
app_dot_a__b_dot_____total{z_dot_z="\n",c__c="1",x_dot_y="\"",x="plain",l__m=""} 1.0 # {id="1"} 1.0 946684800
# TYPE app_dot_b___ info
app_dot_b____info{z_dot_z="\n",v_dot_v="2"} 1.0
# TYPE app_dot_h__seconds histogram
# UNIT app_dot_h__seconds seconds
app_dot_h__seconds_bucket{z_dot_z="\n",x__y="\\",le="1.0"} 0
app_dot_h__seconds_bucket{z_dot_z="\n",x__y="\\",le="+Inf"} 0
app_dot_h__seconds_count{z_dot_z="\n",x__y="\\"} 0
app_dot_h__seconds_sum{z_dot_z="\n",x__y="\\"} 0.0
# TYPE app_dot_st stateset
app_dot_st{z_dot_z="\n",app_dot_st="on"} 1.0
# TYPE job:x gauge
job:x{job__y="5"} 1.0
# EOF
`},
		"OpenMetrics 2, as they are": {ember.FormatOpenMetrics2.WithEscaping(ember.EscapingAllowUTF8), `# TYPE "1a\"" gauge
{"1a\"","2b"="3",c="4"} 1
# TYPE "app.a_b.é_total" counter
# HELP "app.a_b.é_total" A.
{"app.a_b.é_total","z.z"="\n","c:c"="1","x.y"="\"",x="plain","l\"m"=""} 1 st@946684800 # {id="1"} 1 946684800
# TYPE "app.b\\_info" info
{"app.b\\_info","z.z"="\n","v.v"="2"} 1
# TYPE "app.h_seconds" histogram
# UNIT "app.h_seconds" seconds
{"app.h_seconds","z.z"="\n","x y"="\\"} {count:0,sum:0,bucket:[1:0,+Inf:0]} st@946684800
# TYPE "app.st" stateset
{"app.st","z.z"="\n","app.st"="on"} 1
# TYPE job:x gauge
job:x{"job:y"="5"} 1
# EOF
`},
		"OpenMetrics 2, values": {ember.FormatOpenMetrics2.WithEscaping(ember.EscapingValues), `# TYPE U___31_a_22_ gauge
U___31_a_22_{U___32_b="3",c="4"} 1
# TYPE U__app_2e_a__b_2e__e9___total counter
# HELP U__app_2e_a__b_2e__e9___total A.
U__app_2e_a__b_2e__e9___total{U__z_2e_z="\n",U__c_3a_c="1",U__x_2e_y="\"",x="plain",U__l_22_m=""} 1 st@946684800 # {id="1"} 1 946684800
# TYPE U__app_2e_b_5c___info info
U__app_2e_b_5c___info{U__z_2e_z="\n",U__v_2e_v="2"} 1
# TYPE U__app_2e_h__seconds histogram
# UNIT U__app_2e_h__seconds seconds
U__app_2e_h__seconds{U__z_2e_z="\n",U__x_20_y="\\"} {count:0,sum:0,bucket:[1:0,+Inf:0]} st@946684800
# TYPE U__app_2e_st stateset
U__app_2e_st{U__z_2e_z="\n",U__app_2e_st="on"} 1
# TYPE job:x gauge
job:x{U__job_3a_y="5"} 1
# EOF
`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) { require.Equal(t, tc.want, wire(t, unusualNames(), tc.format)) })
		})
	}
	for _, e := range escapings {
		requireProto(t, unusualNames(), e)
		requireOpenMetrics(t, unusualNames(), e)
	}
}

// spelledBy returns a name as prometheus/common escapes it, but for what Ember does on
// purpose: classic names are left alone, and a label's name must not have a colon.
func spelledBy(e ember.Escaping, name string, label bool) string {
	if label && model.LegacyValidation.IsValidLabelName(name) || !label && model.LegacyValidation.IsValidMetricName(name) {
		return name
	}
	scheme := map[ember.Escaping]model.EscapingScheme{
		ember.EscapingUnderscores: model.UnderscoreEscaping, ember.EscapingAllowUTF8: model.NoEscaping,
		ember.EscapingDots: model.DotsEscaping, ember.EscapingValues: model.ValueEncodingEscaping,
	}[e]
	if !label || e == ember.EscapingAllowUTF8 {
		return model.EscapeName(name, scheme)
	}
	// A comma is as wrong in a metric's name as a colon is in a label's.
	name = model.EscapeName(strings.ReplaceAll(name, ":", "\uE000"), scheme)
	return strings.ReplaceAll(name, "_e000_", "_3a_")
}

// Each name that is written is the one that prometheus/common writes.
func TestEscapingIsThatOfPrometheus(t *testing.T) {
	names := []string{
		"a", "a_b", "a:b", "_", "__", ":", "A9", "a.b", ".", "..", "a.b_c", "a:b.c", "1", "1a", "12", "a1.2", "é", "aé", "_é_", "☃", "𝄞.x",
		"a\tb", "a\"b", `a\b`, " ", "a b", "\x01", "a\u00ad", "\uFFFD", "U__a_2e_b", "U__", "a__b.c", "a_dot_b", "a_dot_b.c", "http.server.request.duration_seconds",
	}
	for _, e := range escapings {
		for _, name := range names {
			t.Run(e.String()+" "+name, func(t *testing.T) {
				reg := ember.NewRegistry()
				want := spelledBy(e, name, false)
				labels := []metric.Label{{Name: "value", Value: name}}
				if !strings.HasPrefix(name, "__") {
					labels = append(labels, label(name, "x"))
				}
				reg.MustRegister(point(metric.Desc{Name: name, Kind: metric.Gauge}, metric.Point{Labels: labels}))
				for _, f := range decode(t, wire(t, reg, ember.FormatProtobuf.WithEscaping(e))) {
					require.Equal(t, want, f.GetName())
					for _, l := range f.GetMetric()[0].GetLabel() {
						if l.GetName() != "value" {
							require.Equal(t, spelledBy(e, name, true), l.GetName())
						}
					}
				}
			})
		}
	}
}
