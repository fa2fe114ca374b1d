// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// text returns what g exposes, which must go without an error.
func text(t testing.TB, g ember.Gatherer) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	return b.String()
}

func counter(name string) ember.Collector {
	return ember.NewCounter(ember.CounterOpts{Name: name})
}

func gauge(name string) ember.Collector { return ember.NewGauge(ember.GaugeOpts{Name: name}) }

func histogram(name string) ember.Collector {
	return ember.NewHistogram(ember.HistogramOpts{Name: name})
}

func info(name string) ember.Collector {
	return ember.NewInfo(ember.InfoOpts{Name: name}, nil)
}

func summary(name string) ember.Collector {
	return ember.NewSummary(ember.SummaryOpts{Name: name})
}

func TestRegisterRefusesBadDefinitions(t *testing.T) {
	labelled := func(labels ...string) ember.Collector {
		return ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labels...)
	}
	buckets := func(bounds ...float64) ember.Collector {
		return ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: bounds})
	}
	quantiles := func(qs ...float64) ember.Collector {
		return ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: qs})
	}
	for name, tc := range map[string]struct {
		c    ember.Collector
		want string
	}{
		"nil":                      {nil, `ember: the collector to register is nil`},
		"nil pointer":              {(*ember.Counter)(nil), `ember: the collector to register is nil`},
		"no name":                  {counter(""), `ember: a counter without a name`},
		"namespace alone":          {ember.NewGauge(ember.GaugeOpts{Namespace: "a"}), `ember: a gauge without a name`},
		"name not UTF-8":           {gauge("a\xff"), `ember: the gauge name "a\xff" is not valid UTF-8`},
		"help not UTF-8":           {ember.NewGauge(ember.GaugeOpts{Name: "a", Help: "\xff"}), `ember: gauge "a": the help "\xff" is not valid UTF-8`},
		"unit not UTF-8":           {ember.NewGauge(ember.GaugeOpts{Name: "a", Unit: "\xff"}), `ember: gauge "a": the unit "\xff" is not valid UTF-8`},
		"empty label":              {labelled("a", ""), `ember: counter "x_total": an empty label name`},
		"name with a NUL":          {gauge("a\x00"), `ember: the gauge name "a\x00" has a NUL, CR or LF, which not all formats can write`},
		"name with a line feed":    {gauge("a\nb"), `ember: the gauge name "a\nb" has a NUL, CR or LF, which not all formats can write`},
		"label with a return":      {labelled("a\r"), `ember: counter "x_total": the label name "a\r" has a NUL, CR or LF, which not all formats can write`},
		"label not UTF-8":          {labelled("\xff"), `ember: counter "x_total": the label name "\xff" is not valid UTF-8`},
		"reserved label":           {labelled("__a"), `ember: counter "x_total": the label name "__a" starts with "__", which is reserved`},
		"label twice":              {labelled("a", "b", "a"), `ember: counter "x_total": the label name "a" stands twice`},
		"labels written alike":     {labelled("a.b", "a_b"), `ember: counter "x_total": the label names "a.b" and "a_b" are both written "a_b"`},
		"labels alike with dots":   {labelled("a_dot_b", "a.b"), `ember: counter "x_total": the label names "a_dot_b" and "a.b" are both written "a_dot_b"`},
		"labels alike with values": {labelled("a.b", "U__a_2e_b"), `ember: counter "x_total": the label names "a.b" and "U__a_2e_b" are both written "U__a_2e_b"`},
		"labels alike but a colon": {labelled("a:b", "a_b"), `ember: counter "x_total": the label names "a:b" and "a_b" are both written "a_b"`},
		"name with underscores":    {labelled("é_name__"), `ember: counter "x_total": the label name "é_name__" is written "__name__", which is the metric's name`},
		"name with dots":           {labelled("éname☃"), `ember: counter "x_total": the label name "éname☃" is written "__name__", which is the metric's name`},
		"state label":              {ember.NewStateSet(ember.StateSetOpts{Name: "a.b", ConstLabels: ember.Labels{"a_b": "1"}}, "x"), `ember: stateset "a.b": the label name "a_b" is reserved for the state`},
		"state label with dots":    {ember.NewStateSet(ember.StateSetOpts{Name: "a.b", ConstLabels: ember.Labels{"a_dot_b": "1"}}, "x"), `ember: stateset "a.b": the label name "a_dot_b" is reserved for the state`},
		"unit of an info":          {describer{{Name: "x_info", Unit: "s", Kind: metric.Info}}, `ember: info "x_info" has the unit "s", but an info has none`},
		"unit of a state set":      {describer{{Name: "x", Unit: "s", Kind: metric.StateSet}}, `ember: stateset "x" has the unit "s", but a stateset has none`},
		"le in a gauge histogram":  {describer{{Name: "x", Kind: metric.GaugeHistogram, Labels: []string{"le"}}}, `ember: gaugehistogram "x": the label name "le" is reserved in a gaugehistogram`},
		"siblings alike with dots": {describer{{Name: "a.b", Kind: metric.Gauge}, {Name: "a_dot_b", Kind: metric.Gauge}}, `ember: gauge "a_dot_b" collides with "a.b" of the same collector: both write "a_dot_b"`},
		"siblings in OpenMetrics":  {describer{{Name: "x", Kind: metric.GaugeHistogram}, {Name: "x_gsum", Kind: metric.Gauge}}, `ember: gauge "x_gsum" collides with "x" of the same collector: both write "x_gsum"`},
		"constant and variable":    {ember.NewGaugeVec(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"a": "1"}}, "a"), `ember: gauge "x": the label name "a" stands twice`},
		"constant label not UTF-8": {ember.NewGauge(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"a": "\xff"}}), `ember: gauge "x": the value "\xff" of label "a" is not valid UTF-8`},
		"le in a histogram":        {ember.NewHistogramVec(ember.HistogramOpts{Name: "x"}, "le"), `ember: histogram "x": the label name "le" is reserved in a histogram`},
		"quantile in a summary":    {ember.NewSummary(ember.SummaryOpts{Name: "x", ConstLabels: ember.Labels{"quantile": "1"}}), `ember: summary "x": the label name "quantile" is reserved in a summary`},
		"bounds equal":             {buckets(0.1, 0.5, 0.5), `ember: histogram "x": bucket 2 (0.5) must be above bucket 1 (0.5)`},
		"bounds decrease":          {buckets(2, 1), `ember: histogram "x": bucket 1 (1) must be above bucket 0 (2)`},
		"bound NaN":                {buckets(1, math.NaN()), `ember: histogram "x": bucket 1 (NaN) must be a number`},
		"bound -Inf":               {buckets(math.Inf(-1), 1), `ember: histogram "x": bucket 0 (-Inf) must be a number`},
		"bound +Inf not last":      {buckets(math.Inf(1), 1), `ember: histogram "x": bucket 0 (+Inf) must be a number`},
		"quantile above 1":         {quantiles(0.5, 90), `ember: summary "x": the quantile 90 must be between 0 and 1`},
		"quantile NaN":             {quantiles(math.NaN()), `ember: summary "x": the quantile NaN must be between 0 and 1`},
		"quantile twice":           {quantiles(0.5, 0.9, 0.5), `ember: summary "x": the quantile 0.5 stands twice`},
		"age negative":             {ember.NewSummary(ember.SummaryOpts{Name: "x", MaxAge: -1}), `ember: summary "x": MaxAge (-1ns) must be positive`},
		"age buckets negative":     {ember.NewSummary(ember.SummaryOpts{Name: "x", AgeBuckets: -1}), `ember: summary "x": AgeBuckets (-1) must be between 1 and 1000`},
		"no function":              {ember.NewGaugeFunc(ember.GaugeOpts{Name: "x"}, nil), `ember: gauge "x" has no function to call`},
		"collector with an error":  {badRule{}, `ember: bad rule`},
		"not comparable":           {writer(nil), `ember: a collector of type ember_test.writer cannot be told from others: register a pointer, or describe it`},
		"series of a vector":       {ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a").With("1"), `ember: counter "x_total" is a series of a vector: register the vector`},
		"zero counter":             {&ember.Counter{}, `ember: a *ember.Counter that was not made by a constructor cannot be registered`},
		"zero histogram":           {&ember.Histogram{}, `ember: a *ember.Histogram that was not made by a constructor cannot be registered`},
		"zero vector":              {&ember.SummaryVec{}, `ember: a *ember.SummaryVec that was not made by a constructor cannot be registered`},
		"samples of a sibling":     {describer{{Name: "x", Kind: metric.Histogram}, {Name: "x_count", Kind: metric.Gauge}}, `ember: gauge "x_count" collides with "x" of the same collector: both write "x_count"`},
		"siblings written alike":   {describer{{Name: "a.b", Kind: metric.Gauge}, {Name: "a_b", Kind: metric.Gauge}}, `ember: gauge "a_b" collides with "a.b" of the same collector: both write "a_b"`},
		"not comparable inside":    {boxed{[]int{}}, `ember: a collector of type ember_test.boxed cannot be told from others: register a pointer, or describe it`},
		"an own name":              {counter("ember_invalid_updates_total"), `ember: counter "ember_invalid_updates_total" collides with counter "ember_invalid_updates_total": both write "ember_invalid_updates_total"`},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			require.EqualError(t, reg.Register(tc.c), tc.want)
			require.Empty(t, text(t, reg), "nothing is registered")
		})
	}
}

func TestRegisterAccepts(t *testing.T) {
	for name, c := range map[string]ember.Collector{
		"UTF-8 name and label": ember.NewCounterVec(ember.CounterOpts{Name: "http.request.count"}, "http.method"),
		"colons":               counter("job:x:rate5m"),
		"no _total":            counter("x"),
		"final +Inf":           ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1, math.Inf(1)}}),
		"only +Inf":            ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{math.Inf(1)}}),
		"negative bounds":      ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{-1, 0, 1}}),
		"le in a counter":      ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "le"),
		"vector of no labels":  ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}),
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, ember.NewRegistry().Register(c))
		})
	}
}

// TestCollisions registers each pair in both orders.
func TestCollisions(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b   ember.Collector
		ab, ba string // the error of registering b after a, and a after b; empty: none
	}{
		"gauge and histogram's count": {
			gauge("x_count"), histogram("x"),
			`ember: histogram "x" collides with gauge "x_count": both write "x_count"`,
			`ember: gauge "x_count" collides with histogram "x": both write "x_count"`,
		},
		"counter and histogram's sum": {
			counter("x_sum"), histogram("x"),
			`ember: histogram "x" collides with counter "x_sum": both write "x_sum"`,
			`ember: counter "x_sum" collides with histogram "x": both write "x_sum"`,
		},
		"gauge and histogram's bucket": {
			gauge("x_bucket"), histogram("x"),
			`ember: histogram "x" collides with gauge "x_bucket": both write "x_bucket"`,
			`ember: gauge "x_bucket" collides with histogram "x": both write "x_bucket"`,
		},
		"gauge and summary's sum": {
			gauge("x_sum"), summary("x"),
			`ember: summary "x" collides with gauge "x_sum": both write "x_sum"`,
			`ember: gauge "x_sum" collides with summary "x": both write "x_sum"`,
		},
		"gauge and summary's bucket, which has none": {gauge("x_bucket"), summary("x"), "", ""},
		"gauge and counter's created": {
			gauge("x_created"), counter("x_total"),
			`ember: counter "x_total" collides with gauge "x_created": both write "x_created"`,
			`ember: gauge "x_created" collides with counter "x_total": both write "x_created"`,
		},
		"gauge and histogram's created": {
			gauge("x_created"), histogram("x"),
			`ember: histogram "x" collides with gauge "x_created": both write "x_created"`,
			`ember: gauge "x_created" collides with histogram "x": both write "x_created"`,
		},
		"gauge and counter's base": {
			gauge("x"), counter("x_total"),
			`ember: counter "x_total" collides with gauge "x": both write "x"`,
			`ember: gauge "x" collides with counter "x_total": both write "x"`,
		},
		"histogram and counter's base": {
			histogram("x"), counter("x_total"),
			`ember: counter "x_total" collides with histogram "x": both write "x"`,
			`ember: histogram "x" collides with counter "x_total": both write "x"`,
		},
		"written alike": {
			gauge("a.b"), gauge("a_b"),
			`ember: gauge "a_b" collides with gauge "a.b": both write "a_b"`,
			`ember: gauge "a.b" collides with gauge "a_b": both write "a_b"`,
		},
		"written alike with a suffix": {
			histogram("a.b"), gauge("a_b_count"),
			`ember: gauge "a_b_count" collides with histogram "a.b": both write "a_b_count"`,
			`ember: histogram "a.b" collides with gauge "a_b_count": both write "a_b_count"`,
		},
		"written alike with dots": {
			gauge("a.b"), gauge("a_dot_b"),
			`ember: gauge "a_dot_b" collides with gauge "a.b": both write "a_dot_b"`,
			`ember: gauge "a.b" collides with gauge "a_dot_b": both write "a_dot_b"`,
		},
		"written alike with dots, and a suffix": {
			histogram("a.b"), gauge("a_dot_b_count"),
			`ember: gauge "a_dot_b_count" collides with histogram "a.b": both write "a_dot_b_count"`,
			`ember: histogram "a.b" collides with gauge "a_dot_b_count": both write "a_dot_b_count"`,
		},
		"written alike with two underscores": {
			gauge("a☃"), gauge("a__"),
			`ember: gauge "a__" collides with gauge "a☃": both write "a__"`,
			`ember: gauge "a☃" collides with gauge "a__": both write "a__"`,
		},
		"written alike with values": {
			gauge("a.b"), gauge("U__a_2e_b"),
			`ember: gauge "U__a_2e_b" collides with gauge "a.b": both write "U__a_2e_b"`,
			`ember: gauge "a.b" collides with gauge "U__a_2e_b": both write "U__a_2e_b"`,
		},
		"written alike with values, but for _total": {
			counter("a.b_total"), gauge("U__a_2e_b_"),
			`ember: gauge "U__a_2e_b_" collides with counter "a.b_total": both write "U__a_2e_b_"`,
			`ember: counter "a.b_total" collides with gauge "U__a_2e_b_": both write "U__a_2e_b_"`,
		},
		"as they are, with a suffix": {
			summary("a.b"), gauge("a.b_sum"),
			`ember: gauge "a.b_sum" collides with summary "a.b": both write "a_b_sum"`,
			`ember: summary "a.b" collides with gauge "a.b_sum": both write "a_b_sum"`,
		},
		"quoted, which differ": {gauge(`a"b.c`), gauge(`a\"b.c_`), "", ""},
		"gauge and info's base": {
			gauge("x"), info("x_info"),
			`ember: info "x_info" collides with gauge "x": both write "x"`,
			`ember: gauge "x" collides with info "x_info": both write "x"`,
		},
		"counter's base and info's base": {
			counter("x_total"), info("x_info"),
			`ember: info "x_info" collides with counter "x_total": both write "x"`,
			`ember: counter "x_total" collides with info "x_info": both write "x"`,
		},
		"gauge and info's sample of a gauge": {gauge("x_info"), gauge("x"), "", ""},
		"gauge and info without its suffix":  {gauge("x_info"), info("x"), "", ""},
		"gauge and summary's created": {
			gauge("x_created"), summary("x"),
			`ember: summary "x" collides with gauge "x_created": both write "x_created"`,
			`ember: gauge "x_created" collides with summary "x": both write "x_created"`,
		},
		"created of a counter that has no base": {gauge("x_created"), counter("x"), "", ""},
		"counter's created and counter's base": {
			counter("x_created_total"), counter("x_total"),
			`ember: counter "x_total" collides with counter "x_created_total": both write "x_created"`,
			`ember: counter "x_created_total" collides with counter "x_total": both write "x_created"`,
		},
		"gauge and gauge histogram's gcount": {
			gauge("x_gcount"),
			describer{{Name: "x", Kind: metric.GaugeHistogram}},
			`ember: gaugehistogram "x" collides with gauge "x_gcount": both write "x_gcount"`,
			`ember: gauge "x_gcount" collides with gaugehistogram "x": both write "x_gcount"`,
		},
		"gauge and gauge histogram's sum": {
			gauge("x_sum"),
			describer{{Name: "x", Kind: metric.GaugeHistogram}},
			`ember: gaugehistogram "x" collides with gauge "x_sum": both write "x_sum"`,
			`ember: gauge "x_sum" collides with gaugehistogram "x": both write "x_sum"`,
		},
		"gauge and gauge histogram's created, which has none": {gauge("x_created"), describer{{Name: "x", Kind: metric.GaugeHistogram}}, "", ""},
		"state set and gauge": {
			ember.NewStateSet(ember.StateSetOpts{Name: "x"}, "a"), gauge("x"),
			`ember: "x" has the type gauge, but is registered with the type stateset`,
			`ember: "x" has the type stateset, but is registered with the type gauge`,
		},
		"type": {
			counter("x"), gauge("x"),
			`ember: "x" has the type gauge, but is registered with the type counter`,
			`ember: "x" has the type counter, but is registered with the type gauge`,
		},
		"help": {
			ember.NewGauge(ember.GaugeOpts{Name: "x", Help: "A."}), ember.NewGauge(ember.GaugeOpts{Name: "x", Help: "B."}),
			`ember: "x" has the help "B.", but is registered with the help "A."`,
			`ember: "x" has the help "A.", but is registered with the help "B."`,
		},
		"unit": {
			ember.NewGauge(ember.GaugeOpts{Name: "x", Unit: "bytes"}), gauge("x"),
			`ember: "x" has the unit "", but is registered with the unit "bytes"`,
			`ember: "x" has the unit "bytes", but is registered with the unit ""`,
		},
		"labels": {
			ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "b", "a"), ember.NewGaugeVec(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"c": "1"}}, "a"),
			`ember: "x" has the constant labels ["c"], but is registered with the constant labels []`,
			`ember: "x" has the constant labels [], but is registered with the constant labels ["c"]`,
		},
		"other labels": {
			ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "b", "a"), ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a"),
			`ember: "x" has the labels ["a"], but is registered with the labels ["a" "b"]`,
			`ember: "x" has the labels ["a" "b"], but is registered with the labels ["a"]`,
		},
		"the same": {
			gauge("x"), gauge("x"),
			`ember: x is already registered, by a *ember.Gauge`,
			`ember: x is already registered, by a *ember.Gauge`,
		},
		"other constant labels": {
			ember.NewGauge(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"shard": "1"}}),
			ember.NewGauge(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"shard": "2"}}), "", "",
		},
		"constant where the other varies": {
			ember.NewGaugeVec(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"a": "1"}}, "b"),
			ember.NewGaugeVec(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"b": "1"}}, "a"),
			`ember: "x" has the constant labels ["b"], but is registered with the constant labels ["a"]`,
			`ember: "x" has the constant labels ["a"], but is registered with the constant labels ["b"]`,
		},
		"described": {
			describer{{Name: "x", Kind: metric.Histogram}},
			gauge("x_sum"),
			`ember: gauge "x_sum" collides with histogram "x": both write "x_sum"`,
			`ember: histogram "x" collides with gauge "x_sum": both write "x_sum"`,
		},
		"described and an instrument": {
			describer{{Name: "x", Kind: metric.Gauge, ConstLabels: []metric.Label{{Name: "a", Value: "1"}}}},
			ember.NewGauge(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"a": "2"}}),
			`ember: "x" is registered by a ember_test.describer, so a *ember.Gauge cannot write to it too`,
			`ember: "x" is registered by a *ember.Gauge, so a ember_test.describer cannot write to it too`,
		},
		"described the same": {
			describer{{Name: "x", Kind: metric.Gauge}},
			describer{{Name: "x", Kind: metric.Gauge}},
			`ember: x is already registered, by a ember_test.describer`,
			`ember: x is already registered, by a ember_test.describer`,
		},
	} {
		check := func(t *testing.T, first, second ember.Collector, want string) {
			reg := ember.NewRegistry()
			require.NoError(t, reg.Register(first))
			err := reg.Register(second)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, want)
			// Nothing of the second is left behind.
			require.True(t, reg.Unregister(first))
			require.NoError(t, reg.Register(second))
		}
		t.Run(name, func(t *testing.T) { check(t, tc.a, tc.b, tc.ab) })
		t.Run(name+", reversed", func(t *testing.T) { check(t, tc.b, tc.a, tc.ba) })
	}
}

// TestSiblings: the names that one collector describes are its own business, as
// the Go runtime's go_memstats_alloc_bytes and …_total show.
func TestSiblings(t *testing.T) {
	both := describer{{Name: "x", Kind: metric.Gauge}, {Name: "x_total", Kind: metric.Counter}}
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(both))
	require.Error(t, reg.Register(counter("x")))
	require.True(t, reg.Unregister(describer{{Name: "x", Kind: metric.Gauge}, {Name: "x_total", Kind: metric.Counter}}))
	require.False(t, reg.Unregister(both))
	require.NoError(t, reg.Register(counter("x")))
}

// TestUnregisterTakesCollectorsWhole: a part of a collector is not unregistered by
// what is like that part.
func TestUnregisterTakesCollectorsWhole(t *testing.T) {
	both := describer{{Name: "x", Kind: metric.Gauge}, {Name: "y", Kind: metric.Gauge}}
	reg := ember.NewRegistry()
	reg.MustRegister(both)
	for _, part := range []ember.Collector{gauge("x"), gauge("y"), both[:1], both[1:]} {
		require.False(t, reg.Unregister(part))
	}
	require.Equal(t, "# TYPE x gauge\nx 0\n# TYPE y gauge\ny 0\n", text(t, reg))
	require.True(t, reg.Unregister(both))
}

func TestSubChecksForCollectorsToo(t *testing.T) {
	reg := ember.NewRegistry()
	require.EqualError(t, reg.Sub("", ember.Labels{"__a": "1"}).Register(&plain{}), `ember: unknown "x": the label name "__a" starts with "__", which is reserved`)
	require.EqualError(t, reg.Sub("\xff", nil).Register(&plain{}), `ember: the unknown name "\xffx" is not valid UTF-8`)
	c := &plain{}
	require.NoError(t, reg.Sub("a_", nil).Register(c))
	require.NoError(t, reg.Sub("b_", nil).Register(c))
	require.Equal(t, "# TYPE a_plain gauge\na_plain 1\n# TYPE b_plain gauge\nb_plain 1\n", text(t, reg))
}

func TestRegisterAllOrNothing(t *testing.T) {
	reg := ember.NewRegistry()
	reg.MustRegister(gauge("b"))
	err := reg.Register(describer{{Name: "a", Kind: metric.Gauge}, {Name: "b", Kind: metric.Counter}})
	require.EqualError(t, err, `ember: "b" has the type counter, but is registered with the type gauge`)
	require.NoError(t, reg.Register(counter("a")), "the first of two was not kept")
}

func TestUnregister(t *testing.T) {
	opts := ember.CounterOpts{Name: "x_total", Help: "X.", ConstLabels: ember.Labels{"a": "1"}}
	reg := ember.NewRegistry()
	first := ember.NewCounter(opts)
	first.Inc()
	reg.MustRegister(first)

	require.False(t, reg.Unregister(counter("x_total")), "no constant labels")
	require.False(t, reg.Unregister(counter("y_total")))
	require.False(t, reg.Unregister(nil))
	require.False(t, reg.Unregister(ember.NewRegistry().NewCounter(ember.CounterOpts{Name: "x_total", ConstLabels: opts.ConstLabels})), "other help")
	require.True(t, reg.Unregister(ember.NewCounter(opts)), "an equal one, freshly made")
	require.False(t, reg.Unregister(first))
	require.Empty(t, text(t, reg))

	// The name is free for anything now.
	reg.MustRegister(gauge("x_total"))
	require.Equal(t, "# TYPE x_total gauge\nx_total 0\n", text(t, reg))
}

func TestUnregisterCollector(t *testing.T) {
	reg := ember.NewRegistry()
	a, b := &plain{}, &plain{}
	reg.MustRegister(a, b)
	// Only instruments are registered by who creates them.
	require.EqualError(t, reg.Register(a), `ember: *ember_test.plain is already registered, by a *ember_test.plain`)
	require.True(t, reg.Unregister(a))
	require.False(t, reg.Unregister(a))
	require.True(t, reg.Unregister(b))
}

func TestFactories(t *testing.T) {
	reg := ember.NewRegistry()
	opts := ember.HistogramOpts{Name: "x", Buckets: []float64{1, 2}}
	require.Same(t, reg.NewHistogram(opts), reg.NewHistogram(opts))
	require.Same(t, reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b"), reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b"))
	require.Same(t, reg.NewSummaryVec(ember.SummaryOpts{Name: "s"}, "a"), reg.NewSummaryVec(ember.SummaryOpts{Name: "s"}, "a"))
	require.NotSame(t, reg.NewGauge(ember.GaugeOpts{Name: "g", ConstLabels: ember.Labels{"a": "1"}}),
		reg.NewGauge(ember.GaugeOpts{Name: "g", ConstLabels: ember.Labels{"a": "2"}}))

	require.PanicsWithError(t, `ember: x is already registered, by this very *ember.Histogram; one that a Registry has created needs no MustRegister`,
		func() { reg.MustRegister(reg.NewHistogram(opts)) })
	require.PanicsWithError(t, `ember: x is already registered, by a *ember.Histogram; `+
		`it is a *ember.Histogram of "x" with the labels [] and buckets [1 2], not a *ember.Histogram of "x" with the labels [] and buckets [1 3]`,
		func() { reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1, 3}}) })
	require.PanicsWithError(t, `ember: c_total is already registered, by a *ember.CounterVec; `+
		`it is a *ember.CounterVec of "c_total" with the labels ["a" "b"], not a *ember.CounterVec of "c_total" with the labels ["b" "a"]`,
		func() { reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "b", "a") })
	require.PanicsWithError(t, `ember: "x" has the type gauge, but is registered with the type histogram`,
		func() { reg.NewGauge(ember.GaugeOpts{Name: "x"}) })
	require.PanicsWithError(t, `ember: a gauge without a name`, func() { reg.NewGaugeVec(ember.GaugeOpts{}, "a") })

	// The newest function is the one that is called.
	first := reg.NewGaugeFunc(ember.GaugeOpts{Name: "f"}, func() float64 { return 1 })
	require.Same(t, first, reg.NewGaugeFunc(ember.GaugeOpts{Name: "f"}, func() float64 { return 2 }))
	require.Equal(t, 2.0, first.Value())
	require.PanicsWithError(t, `ember: gauge "f" has no function to call`, func() { reg.NewGaugeFunc(ember.GaugeOpts{Name: "f"}, nil) })
	total := reg.NewCounterFunc(ember.CounterOpts{Name: "f_seen_total"}, func() float64 { return 3 })
	require.Equal(t, 3.0, total.Value())
}

func TestSub(t *testing.T) {
	reg := ember.NewRegistry()
	db := reg.Sub("app_", ember.Labels{"zone": "a"}).Sub("db_", ember.Labels{"shard": "1"})
	db.NewCounterVec(ember.CounterOpts{Name: "queries_total", ConstLabels: ember.Labels{"kind": "sql"}}, "table").With("t").Inc()
	db.MustRegister(&plain{})
	reg.NewGauge(ember.GaugeOpts{Name: "up"}).Set(1)

	ofDB := "# TYPE app_db_plain gauge\napp_db_plain{shard=\"1\",zone=\"a\"} 1\n" +
		"# TYPE app_db_queries_total counter\napp_db_queries_total{zone=\"a\",shard=\"1\",kind=\"sql\",table=\"t\"} 1\n"
	require.Equal(t, ofDB+"# TYPE up gauge\nup 1\n", text(t, reg))
	require.Equal(t, ofDB, text(t, db), "a view exposes what was registered through it")
	require.Equal(t, ofDB, text(t, reg.Sub("app_", ember.Labels{"zone": "a"})), "equal views are one")
	require.Empty(t, text(t, reg.Sub("ap", nil)))

	require.EqualError(t, db.Register(ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "zone")),
		`ember: gauge "app_db_x": the label name "zone" stands twice`)
	require.EqualError(t, reg.Register(gauge("app_db_queries")),
		`ember: gauge "app_db_queries" collides with counter "app_db_queries_total": both write "app_db_queries"`)

	// One definition under two views, and its end under one of them.
	other := reg.Sub("app_", ember.Labels{"zone": "b"})
	for _, view := range []*ember.Registry{reg.Sub("app_", ember.Labels{"zone": "a"}), other} {
		view.NewCounter(ember.CounterOpts{Name: "x_total"}).Inc()
	}
	require.Contains(t, text(t, reg), "app_x_total{zone=\"a\"} 1\napp_x_total{zone=\"b\"} 1\n")
	require.True(t, other.Unregister(counter("x_total")))
	require.False(t, reg.Unregister(counter("x_total")))
	require.NotContains(t, text(t, reg), "zone=\"b\"")
}

func TestDefault(t *testing.T) {
	require.Same(t, ember.Default(), ember.Default())
	mine := counter("default_test_total")
	require.NoError(t, ember.Register(mine))
	require.Panics(t, func() { ember.MustRegister(mine) })
	all := text(t, ember.Default())
	require.True(t, ember.Unregister(mine))
	for _, name := range []string{"go_goroutines", "go_info", "go_build_info", "go_memstats_alloc_bytes_total", "process_start_time_seconds", "default_test_total"} {
		require.Contains(t, all, "\n"+name)
	}
	require.NotContains(t, text(t, ember.Default()), "default_test_total")
}

// TestRegistryConcurrently registers, unregisters, scrapes and updates at once.
func TestRegistryConcurrently(t *testing.T) {
	reg := ember.NewRegistry()
	reg.MustRegister(&plain{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				name := fmt.Sprintf("x%d_total", j%10)
				labels := ember.Labels{"g": fmt.Sprint(i)}
				reg.NewCounterVec(ember.CounterOpts{Name: name, ConstLabels: labels}, "a").With("b").Inc()
				if j%3 == 0 {
					reg.Unregister(ember.NewCounterVec(ember.CounterOpts{Name: name, ConstLabels: labels}, "a"))
				}
				if _, err := reg.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The collectors below write what a test wants.

// plain is a collector that describes nothing.
type plain struct{ _ int }

func (*plain) Collect(_ context.Context, out *metric.Sink) error {
	out.Gauge("plain", "", 1)
	return nil
}

// writer calls itself, and cannot be compared.
type writer func(context.Context, *metric.Sink) error

func (w writer) Collect(ctx context.Context, out *metric.Sink) error { return w(ctx, out) }

// describer describes itself and writes one point for each description.
type describer []metric.Desc

func (d describer) Describe() []metric.Desc { return d }

func (d describer) Collect(_ context.Context, out *metric.Sink) error {
	for i := range d {
		out.Add(&d[i], metric.Point{})
	}
	return nil
}

// boxed is of a comparable type, but its values may not be.
type boxed struct{ x any }

func (boxed) Collect(context.Context, *metric.Sink) error { return nil }

type badRule struct{ *plain }

func (badRule) Err() error { return fmt.Errorf("ember: bad rule") }
