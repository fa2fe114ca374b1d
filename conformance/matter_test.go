// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// example is a family for which an entry of a table was made.
type example struct {
	w wire
	f metric.Family
}

func exemplarOf(value string) *metric.Exemplar {
	return &metric.Exemplar{Labels: label("a", value), Value: 1, Time: time.UnixMilli(1500)}
}

func nativeOf(exemplars ...metric.Exemplar) *metric.Native {
	return &metric.Native{ZeroCount: 1, Exemplars: exemplars}
}

var (
	protobuf     = wire{base: ember.FormatProtobuf}
	text         = wire{base: ember.FormatText}
	openMetrics  = wire{base: ember.FormatOpenMetrics}
	openMetrics2 = wire{base: ember.FormatOpenMetrics2}
)

// differenceExamples has one for each difference.
var differenceExamples = map[string]example{
	"whole milliseconds": {protobuf, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Created: time.Unix(1, 999_999_999)}}}},
	"time zero":          {protobuf, metric.Family{Name: "a", Kind: metric.Gauge, Points: []metric.Point{{Time: epoch}}}},
	"escaped exemplars":  {openMetrics, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Exemplar: exemplarOf(`"`)}}}},
	"exemplars of further native histograms": {protobuf, metric.Family{Name: "a", Kind: metric.Histogram, Points: []metric.Point{
		{Labels: label("l", "1"), Count: 1, Native: nativeOf(*exemplarOf("b"))},
		{Labels: label("l", "2"), Count: 1, Native: nativeOf(*exemplarOf("c"), *exemplarOf("d"))},
	}}},
	"help of blanks":                 {text, metric.Family{Name: "a", Help: " ", Points: []metric.Point{{}}}},
	"help without blanks in front":   {text, metric.Family{Name: "a", Help: " b", Points: []metric.Point{{}}}},
	"counts above 2^63":              {text, metric.Family{Name: "a", Kind: metric.Summary, Points: []metric.Point{{Count: math.MaxUint64}}}},
	"quoted names":                   {wire{base: ember.FormatOpenMetrics, escaping: ember.EscapingAllowUTF8}, metric.Family{Name: "a.b", Points: []metric.Point{{}}}},
	"negative or no totals":          {openMetrics, metric.Family{Name: "a", Kind: metric.Summary, Points: []metric.Point{{Sum: -1}}}},
	"sums beside negative buckets":   {openMetrics, metric.Family{Name: "a", Kind: metric.Histogram, Points: []metric.Point{{Buckets: []metric.Bucket{{UpperBound: -1}}}}}},
	"braces and quotes in exemplars": {openMetrics, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Exemplar: exemplarOf(`}`)}}}},
}

// omissionExamples has one for each omission.
var omissionExamples = map[string]example{
	"labels with a colon":                             {wire{base: ember.FormatText, escaping: ember.EscapingAllowUTF8}, metric.Family{Name: "a", Points: []metric.Point{{Labels: label("b:c", "d")}}}},
	"negative zero":                                   {text, metric.Family{Name: "a", Points: []metric.Point{{Value: math.Copysign(0, -1)}}}},
	"info and state sets":                             {openMetrics, metric.Family{Name: "a_info", Kind: metric.Info, Points: []metric.Point{{Value: 1}}}},
	"gauge histograms in OpenMetrics 1":               {openMetrics, metric.Family{Name: "a", Kind: metric.GaugeHistogram, Points: []metric.Point{{}}}},
	"counters without _total":                         {openMetrics, metric.Family{Name: "a", Kind: metric.Counter, Points: []metric.Point{{Exemplar: exemplarOf("b")}}}},
	"a counter called _total":                         {openMetrics, metric.Family{Name: "_total", Kind: metric.Counter, Points: []metric.Point{{}}}},
	"created beside a time":                           {wire{base: ember.FormatOpenMetrics, created: true}, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Created: time.Unix(1, 0), Time: time.Unix(2, 0)}}}},
	"fractions of seconds":                            {wire{base: ember.FormatOpenMetrics, created: true}, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Created: time.UnixMilli(1_700_393_759_327)}}}},
	"exemplars without labels":                        {openMetrics, metric.Family{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Exemplar: &metric.Exemplar{Value: 1}}}}},
	"exemplars of native histograms in OpenMetrics 1": {openMetrics, metric.Family{Name: "a", Kind: metric.Histogram, Points: []metric.Point{{Count: 1, Native: nativeOf(*exemplarOf("b"))}}}},
	"creation of gauge histograms":                    {protobuf, metric.Family{Name: "a", Kind: metric.GaugeHistogram, Points: []metric.Point{{Created: time.Unix(1, 0)}}}},
	"a help that ends in a carriage return":           {openMetrics2, metric.Family{Name: "a", Help: "b\r", Points: []metric.Point{{}}}},
	"what OpenMetrics 2 forbids":                      {openMetrics2, metric.Family{Name: "a", Kind: metric.Summary, Points: []metric.Point{{Sum: -1}}}},
}

// Every difference that is let is one: an entry that nothing needs must go.
func TestDifferencesMatter(t *testing.T) {
	require.Len(t, differenceExamples, len(differences))
	for _, d := range differences {
		t.Run(d.name, func(t *testing.T) {
			require.NotEmpty(t, d.reason)
			e, ok := differenceExamples[d.name]
			require.True(t, ok, "no example")
			g := gathered{&e.f}
			require.True(t, requireAgreement(t, g, written(t, g, e.w), e.w)[d.name], "it does not matter")
		})
	}
}

// Every omission is one: what common writes instead is not read as what Ember writes.
func TestOmissionsMatter(t *testing.T) {
	require.Len(t, omissionExamples, len(omissions))
	for _, o := range omissions {
		t.Run(o.name, func(t *testing.T) {
			require.NotEmpty(t, o.reason)
			e, ok := omissionExamples[o.name]
			require.True(t, ok, "no example")
			require.True(t, requireLikeCommon(t, gathered{&e.f}, e.w)[o.name], "it is not listed")
			require.NotEmpty(t, unlikeCommon(t, gathered{&e.f}, e.w), "it does not matter")
		})
	}
}
