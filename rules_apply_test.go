// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// fill registers one metric of each kind, in a registry or before, and updates them.
func fill(t testing.TB, reg *ember.Registry, before bool) {
	t.Helper()
	var c *ember.CounterVec
	var g *ember.GaugeVec
	var h *ember.HistogramVec
	var s *ember.SummaryVec
	var alone *ember.Histogram
	counters := ember.CounterOpts{Name: "c_total", Help: "Counted."}
	gauges := ember.GaugeOpts{Name: "g"}
	histograms := ember.HistogramOpts{Name: "h", Buckets: []float64{1, 10, 100}}
	summaries := ember.SummaryOpts{Name: "s"}
	ones := ember.HistogramOpts{Name: "one", Buckets: []float64{1, 10, 100}}
	if before {
		c, g, h, s = ember.NewCounterVec(counters, "a", "b"), ember.NewGaugeVec(gauges, "a", "b"), ember.NewHistogramVec(histograms, "a", "b"), ember.NewSummaryVec(summaries, "a", "b")
		alone = ember.NewHistogram(ones)
		reg.MustRegister(c, g, h, s, alone)
	} else {
		c, g, h, s = reg.NewCounterVec(counters, "a", "b"), reg.NewGaugeVec(gauges, "a", "b"), reg.NewHistogramVec(histograms, "a", "b"), reg.NewSummaryVec(summaries, "a", "b")
		alone = reg.NewHistogram(ones)
	}
	for i, values := range [][]string{{"1", "x"}, {"1", "y"}, {"2", "x"}} {
		c.With(values...).Add(float64(i + 1))
		g.With(values...).Inc()
		h.With(values...).Observe(float64(7 * i))
		s.With(values...).Observe(float64(i))
		alone.Observe(float64(7 * i))
	}
}

// Every setting, in code, in a file and in the environment, for what is made before it
// is registered and by the registry.
func TestRules(t *testing.T) {
	const asDeclared = `# HELP c_total Counted.
# TYPE c_total counter
c_total{a="1",b="x"} 1
c_total{a="1",b="y"} 2
c_total{a="2",b="x"} 3
# TYPE g gauge
g{a="1",b="x"} 1
g{a="1",b="y"} 1
g{a="2",b="x"} 1
# TYPE h histogram
h_bucket{a="1",b="x",le="1"} 1
h_bucket{a="1",b="x",le="10"} 1
h_bucket{a="1",b="x",le="100"} 1
h_bucket{a="1",b="x",le="+Inf"} 1
h_sum{a="1",b="x"} 0
h_count{a="1",b="x"} 1
h_bucket{a="1",b="y",le="1"} 0
h_bucket{a="1",b="y",le="10"} 1
h_bucket{a="1",b="y",le="100"} 1
h_bucket{a="1",b="y",le="+Inf"} 1
h_sum{a="1",b="y"} 7
h_count{a="1",b="y"} 1
h_bucket{a="2",b="x",le="1"} 0
h_bucket{a="2",b="x",le="10"} 0
h_bucket{a="2",b="x",le="100"} 1
h_bucket{a="2",b="x",le="+Inf"} 1
h_sum{a="2",b="x"} 14
h_count{a="2",b="x"} 1
# TYPE one histogram
one_bucket{le="1"} 1
one_bucket{le="10"} 2
one_bucket{le="100"} 3
one_bucket{le="+Inf"} 3
one_sum 21
one_count 3
# TYPE s summary
s_sum{a="1",b="x"} 0
s_count{a="1",b="x"} 1
s_sum{a="1",b="y"} 1
s_count{a="1",b="y"} 1
s_sum{a="2",b="x"} 2
s_count{a="2",b="x"} 1
`
	for name, tc := range map[string]struct{ rules, want string }{
		"nothing": {`[]`, asDeclared},
		"drop":    {`[{"metric":"?","drop":true},{"metric":"*","drop":true},{"metric":"g","max_series":7}]`, "# TYPE g gauge\ng{a=\"1\",b=\"x\"} 1\ng{a=\"1\",b=\"y\"} 1\ng{a=\"2\",b=\"x\"} 1\n"},
		"drop a label": {`[{"metric":"*","drop_labels":["b"]},{"metric":"*","buckets":[10]}]`, `# HELP c_total Counted.
# TYPE c_total counter
c_total{a="1"} 3
c_total{a="2"} 3
# TYPE g gauge
g{a="1"} 2
g{a="2"} 1
# TYPE h histogram
h_bucket{a="1",le="10"} 2
h_bucket{a="1",le="+Inf"} 2
h_sum{a="1"} 7
h_count{a="1"} 2
h_bucket{a="2",le="10"} 0
h_bucket{a="2",le="+Inf"} 1
h_sum{a="2"} 14
h_count{a="2"} 1
# TYPE one histogram
one_bucket{le="10"} 2
one_bucket{le="+Inf"} 3
one_sum 21
one_count 3
# TYPE s summary
s_sum{a="1"} 1
s_count{a="1"} 2
s_sum{a="2"} 2
s_count{a="2"} 1
`},
		"drop all labels": {`[{"metric":"?","drop_labels":["b"]},{"metric":"*_total","drop_labels":["b","a"]},{"metric":"h","drop":true},{"metric":"g","drop":true},{"metric":"s","drop_labels":["a"]},{"metric":"s","drop_labels":["b"]},{"metric":"one","drop":true}]`, `# HELP c_total Counted.
# TYPE c_total counter
c_total 6
# TYPE s summary
s_sum 3
s_count 3
`},
		"rename": {`[{"metric":"[hs]","drop":true},{"metric":"h","drop":true},{"metric":"s","drop":true},{"metric":"one","drop":true},{"metric":"*","rename_labels":{"a":"z.z"}},{"metric":"g","rename_labels":{"a":"b","b":"a"}}]`, `# HELP c_total Counted.
# TYPE c_total counter
c_total{z_z="1",b="x"} 1
c_total{z_z="1",b="y"} 2
c_total{z_z="2",b="x"} 3
# TYPE g gauge
g{b="1",a="x"} 1
g{b="1",a="y"} 1
g{b="2",a="x"} 1
`},
		"rename to what is dropped": {`[{"metric":"c_total","drop_labels":["b"],"rename_labels":{"a":"b"}},{"metric":"g","drop":true},{"metric":"h","drop":true},{"metric":"s","drop":true},{"metric":"one","drop":true}]`, `# HELP c_total Counted.
# TYPE c_total counter
c_total{b="1"} 3
c_total{b="2"} 3
`},
		"buckets": {`[{"metric":"c_total","drop":true},{"metric":"g","drop":true},{"metric":"s","drop":true},{"metric":"h","buckets":[7,20],"drop_labels":["a","b"]},{"metric":"one","buckets":[8]}]`, `# TYPE h histogram
h_bucket{le="7"} 2
h_bucket{le="20"} 3
h_bucket{le="+Inf"} 3
h_sum 21
h_count 3
# TYPE one histogram
one_bucket{le="8"} 2
one_bucket{le="+Inf"} 3
one_sum 21
one_count 3
`},
		"limits": {`[{"metric":"h","drop":true},{"metric":"s","drop":true},{"metric":"one","drop":true},{"metric":"ember_*","drop":true},{"metric":"c_total","max_series":1},{"metric":"g","label_budgets":{"a":1},"known_values":{"a":["2"]},"rename_labels":{"a":"z"}}]`, `# HELP c_total Counted.
# TYPE c_total counter
c_total{a="1",b="x"} 1
c_total{a="other",b="other"} 5
# TYPE g gauge
g{z="2",b="x"} 1
g{z="other",b="x"} 1
g{z="other",b="y"} 1
`},
	} {
		file := filepath.Join(t.TempDir(), "rules.json")
		require.NoError(t, os.WriteFile(file, []byte(tc.rules), 0o600))
		for way, read := range map[string]func(t *testing.T) (*ember.Rules, error){
			"text": func(*testing.T) (*ember.Rules, error) { return ember.ParseRules([]byte(tc.rules)) },
			"file": func(*testing.T) (*ember.Rules, error) { return ember.ReadRules(file) },
			"environment": func(t *testing.T) (*ember.Rules, error) {
				t.Setenv("EMBER_RULES", tc.rules)
				return ember.RulesFromEnv()
			},
			"file of the environment": func(t *testing.T) (*ember.Rules, error) {
				t.Setenv("EMBER_RULES_FILE", file)
				return ember.RulesFromEnv()
			},
		} {
			for _, before := range []bool{false, true} {
				t.Run(name+", "+way+", before "+strconv.FormatBool(before), func(t *testing.T) {
					captureLog(t)
					rules, err := read(t)
					require.NoError(t, err)
					reg := ember.NewRegistry(ember.WithRules(rules))
					fill(t, reg, before)
					require.Equal(t, tc.want, scrapeOf(t, reg))
				})
			}
		}
	}
}

// Formats and escapings have the labels as rules have them, and so do Gather and reports.
func TestRulesInAllFormats(t *testing.T) {
	synctest.Test(t, testRulesInAllFormats) // where all of it begins at the same time
}

func testRulesInAllFormats(t *testing.T) {
	reg := ruled(t,
		ember.Rule{Metric: "sub_*", DropLabels: []string{"b", "zone"}, RenameLabels: map[string]string{"a": "a.b", "k": "k.k"}},
		ember.Rule{Metric: "plain", RenameLabels: map[string]string{"x.y": "x"}},
	)
	// The same, declared as rules make it.
	want := ember.NewRegistry()
	for _, m := range []struct {
		reg    *ember.Registry
		sub    ember.Labels
		consts ember.Labels
		labels []string
		plain  []string
	}{
		{reg, ember.Labels{"zone": "z"}, ember.Labels{"k": "v"}, []string{"b", "a"}, []string{"x.y", "w"}},
		{want, nil, ember.Labels{"k.k": "v"}, []string{"a.b"}, []string{"x", "w"}},
	} {
		sub := m.reg.Sub("sub_", m.sub)
		h := sub.NewHistogramVec(ember.HistogramOpts{Name: "h", ConstLabels: m.consts, Native: &ember.NativeOpts{}, Buckets: []float64{1}}, m.labels...)
		c := sub.NewCounterVec(ember.CounterOpts{Name: "c_total", ConstLabels: m.consts}, m.labels...)
		p := m.reg.NewGaugeVec(ember.GaugeOpts{Name: "plain"}, m.plain...)
		for _, value := range []string{"1", "\"\\\n", "é"} {
			values := []string{value}
			if len(m.labels) == 2 {
				values = []string{"dropped", value}
			}
			h.With(values...).Observe(2)
			c.With(values...).Inc()
			p.With(value, "w").Set(3)
		}
	}
	for name, format := range formats {
		for _, e := range []ember.Escaping{ember.EscapingUnderscores, ember.EscapingAllowUTF8, ember.EscapingDots, ember.EscapingValues} {
			var a, b strings.Builder
			require.NoError(t, ember.Write(&a, want, format.WithEscaping(e)))
			require.NoError(t, ember.Write(&b, reg, format.WithEscaping(e)))
			if strings.Contains(name, "protobuf") {
				require.Len(t, b.String(), a.Len(), name) // but for created timestamps
				continue
			}
			require.Equal(t, a.String(), b.String(), name)
		}
	}
	a, err := want.Gather()
	require.NoError(t, err)
	b, err := reg.Gather()
	require.NoError(t, err)
	for _, families := range [][]*metric.Family{a, b} {
		for _, f := range families {
			for i := range f.Points {
				f.Points[i].Created = f.Points[0].Created.UTC().Truncate(1 << 62)
			}
		}
	}
	require.Equal(t, a, b)
	ca, err := want.Cardinality()
	require.NoError(t, err)
	cb, err := reg.Cardinality()
	require.NoError(t, err)
	require.Equal(t, ca, cb)

	var out metric.Sink
	v := ember.NewCounterVec(ember.CounterOpts{Name: "sub_c_total"}, "a", "b")
	ruled(t, ember.Rule{Metric: "sub_*", DropLabels: []string{"b"}, RenameLabels: map[string]string{"a": "a.b"}}).MustRegister(v)
	v.With("1", "2").Inc()
	require.NoError(t, v.Collect(context.Background(), &out))
	require.Equal(t, []metric.Label{{Name: "a.b", Value: "1"}}, out.Families()[0].Points[0].Labels)
}

// The methods of a vector take the labels that the code declares, whatever rules do.
func TestVectorsWithDroppedLabels(t *testing.T) {
	reg := ruled(t, ember.Rule{Metric: "x_total", DropLabels: []string{"b"}, RenameLabels: map[string]string{"c": "z"}})
	opts := ember.CounterOpts{Name: "x_total", Normalize: map[string]func(string) string{"c": strings.ToLower, "b": strings.ToLower}}
	v := reg.NewCounterVec(opts, "a", "b", "c")
	require.Same(t, v, reg.NewCounterVec(opts, "a", "b", "c"))
	c := v.With("1", "x", "P")
	require.Same(t, c, v.With("1", "y", "p"))
	require.NotSame(t, c, v.With("2", "y", "p"))
	require.Same(t, c, v.WithLabels(ember.Labels{"a": "1", "b": "whatever", "c": "p"}))
	require.PanicsWithError(t, `ember: counter "x_total" takes 3 values, for ["a" "b" "c"], but got 2: ["1" "p"]`, func() { v.With("1", "p") })
	require.PanicsWithError(t, `ember: counter "x_total" takes values for ["a" "b" "c"], but got ["a" "z"]`, func() { v.WithLabels(ember.Labels{"a": "1", "z": "p"}) })
	got, ok := v.Lookup("1", "never seen", "P")
	require.True(t, ok)
	require.Same(t, c, got)
	_, ok = v.Lookup("3", "x", "p")
	require.False(t, ok)
	require.Equal(t, 2, v.Len())
	require.ElementsMatch(t, []string{"1,,p", "2,,p"}, seriesOf(v))

	curried, err := v.Curry(ember.Labels{"b": "fixed"})
	require.NoError(t, err)
	require.Same(t, c, curried.With("1", "p"))
	require.Equal(t, 2, curried.Len())
	twice, err := curried.Curry(ember.Labels{"a": "1"})
	require.NoError(t, err)
	require.Equal(t, 1, twice.Len())
	require.Same(t, c, twice.With("P"))
	for values, series := range twice.All() {
		require.Equal(t, []string{"p"}, values)
		require.Same(t, c, series)
	}
	_, err = v.Curry(ember.Labels{"z": "p"})
	require.EqualError(t, err, `ember: counter "x_total" has no label "z" to curry; its labels are ["a" "b" "c"]`)

	require.Zero(t, v.DeleteMatching(ember.Labels{"z": "p"}))
	require.Zero(t, v.DeleteMatching(ember.Labels{"a": "7", "b": "x"}))
	require.Equal(t, 1, curried.DeleteMatching(ember.Labels{"a": "2", "b": "another", "c": "P"}))
	require.True(t, v.Delete("1", "any", "p"))
	require.False(t, v.Delete("1", "x", "p"))
	v.With("4", "x", "p")
	v.With("5", "x", "p")
	require.Equal(t, 2, v.DeleteMatching(ember.Labels{"b": "any"}))
	require.Zero(t, v.Len())

	v.SetFunc(func() float64 { return 1 }, "1", "x", "p")
	v.SetFunc(func() float64 { return 2 }, "1", "y", "p")
	v.With("1", "z", "p").Inc()
	require.Equal(t, "# TYPE x_total counter\nx_total{a=\"1\",z=\"p\"} 2\n", scrapeOf(t, reg))
	v.SetFunc(nil, "1", "any", "p")
	require.Equal(t, "# TYPE x_total counter\nx_total{a=\"1\",z=\"p\"} 1\n", scrapeOf(t, reg))
	v.Reset()
	require.Empty(t, scrapeOf(t, reg))
}

func TestTypedVectorsWithDroppedLabels(t *testing.T) {
	type labels struct {
		Method string
		Status int
		OK     bool
	}
	type rest struct {
		Method string
		OK     bool
	}
	reg := ruled(t, ember.Rule{Metric: "x_total", DropLabels: []string{"status"}, RenameLabels: map[string]string{"method": "verb"}})
	before := ember.NewCounterVecOf[labels](ember.CounterOpts{Name: "x_total"})
	reg.MustRegister(before)
	for _, v := range []*ember.CounterVecOf[labels]{before, ember.CounterVecOfIn[labels](reg, ember.CounterOpts{Name: "x_total"})} {
		v.With(labels{"GET", 200, true}).Inc()
		v.With(labels{"GET", 201, true}).Inc()
		require.Equal(t, 1, v.Len())
		for l, c := range v.All() {
			require.Equal(t, labels{"GET", 0, true}, l)
			require.Same(t, v.With(labels{"GET", 7, true}), c)
		}
		curried, err := ember.CurryCounterVec[rest](v, struct{ Status int }{204})
		require.NoError(t, err)
		curried.With(rest{"GET", true}).Inc()
		require.Equal(t, 1, curried.Len())
		for l := range curried.All() {
			require.Equal(t, rest{"GET", true}, l)
		}
		other, err := ember.CurryCounterVec[struct{ Status int }](v, rest{"GET", true})
		require.NoError(t, err)
		for l := range other.All() {
			require.Zero(t, l)
		}
		_, ok := v.Lookup(labels{"GET", 1, true})
		require.True(t, ok)
	}
	require.Equal(t, "# TYPE x_total counter\nx_total{verb=\"GET\",ok=\"true\"} 6\n", scrapeOf(t, reg))
	require.True(t, before.Delete(labels{"GET", 404, true}))
	require.Zero(t, before.Len())
}

// More labels than fit on the stack.
func TestManyLabelsWithRules(t *testing.T) {
	const n = 40
	names, values := make([]string, n), make([]string, n)
	for i := range names {
		names[i], values[i] = "l"+strconv.Itoa(i), strconv.Itoa(i)
	}
	reg := ruled(t, ember.Rule{Metric: "few_total", DropLabels: names[2:]}, ember.Rule{Metric: "many_total", DropLabels: names[:1]})
	few, many := reg.NewCounterVec(ember.CounterOpts{Name: "few_total"}, names...), reg.NewCounterVec(ember.CounterOpts{Name: "many_total"}, names...)
	for range 3 {
		few.With(values...).Inc()
		many.With(values...).Inc()
	}
	_, ok := many.Lookup(values...)
	require.True(t, ok)
	require.Equal(t, 1, few.Len())
	require.Equal(t, 1, many.Len())
	require.Contains(t, scrapeOf(t, reg), `few_total{l0="0",l1="1"} 3`)
}

// Options' limits hold unless a rule has others, and those of one label alone.
func TestRulesReplaceLimits(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry(ember.WithMaxSeries(4), ember.WithRules(newRules(t,
		ember.Rule{Metric: "a", LabelBudgets: map[string]int{"x": 1}, RenameLabels: map[string]string{"y": "why"}},
		ember.Rule{Metric: "b", MaxSeries: -1},
		ember.Rule{Metric: "c", MaxSeries: 5},
		ember.Rule{Metric: "e", RenameLabels: map[string]string{"x": "z"}},
	)), ember.WithSeriesMetric())
	opts := func(name string) ember.GaugeOpts {
		return ember.GaugeOpts{Name: name, LabelBudgets: map[string]int{"x": 2, "y": 2}, KnownValues: map[string][]string{"x": {"7"}}}
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		o := opts(name)
		if name == "b" || name == "c" {
			o.LabelBudgets, o.KnownValues, o.MaxSeries = nil, nil, 4
		}
		v := reg.NewGaugeVec(o, "x", "y")
		for i := range 10 {
			v.With(strconv.Itoa(i), strconv.Itoa(i)).Inc()
		}
	}
	text := scrapeOf(t, reg)
	for _, want := range []string{
		"a{x=\"7\",why=\"other\"} 1\na{x=\"other\",why=\"0\"} 1\na{x=\"other\",why=\"1\"} 1\na{x=\"other\",why=\"other\"} 7\n",
		"ember_series{metric=\"a\"} 4\nember_series{metric=\"b\"} 10\nember_series{metric=\"c\"} 6\nember_series{metric=\"d\"} 4\nember_series{metric=\"e\"} 4\n",
		"ember_series_overflow_total{label=\"why\",metric=\"a\"} 8\n",
		"ember_series_overflow_total{label=\"x\",metric=\"a\"} 9\n",
		"ember_series_overflow_total{label=\"z\",metric=\"e\"}",
		"ember_series_overflow_total{metric=\"c\"} 5\n",
	} {
		require.Contains(t, text, want)
	}
	require.NoError(t, reg.CheckRules())
	report, err := reg.Cardinality()
	require.NoError(t, err)
	for _, f := range report.Families {
		switch f.Name {
		case "a":
			require.Equal(t, 4, f.Limit)
			require.Equal(t, "why", f.Labels[0].Name)
			require.Equal(t, 2, f.Labels[0].Budget)
			require.Equal(t, 1, f.Labels[1].Budget)
		case "b":
			require.Zero(t, f.Limit)
		}
	}
}

// A dropped metric works and is registered, but is not exposed and costs one series.
func TestDroppedMetrics(t *testing.T) {
	reg := ruled(t, ember.Rule{Metric: "*", Drop: true})
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a", "b")
	for i := range 1000 {
		v.With(strconv.Itoa(i), "y").Inc()
	}
	require.Equal(t, 1, v.Len())
	require.Equal(t, 1000.0, v.With("1", "2").Value())
	require.Same(t, v, reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a", "b"))
	h := ember.NewHistogram(ember.HistogramOpts{Name: "h"})
	called := 0
	f := ember.NewGaugeFunc(ember.GaugeOpts{Name: "f"}, func() float64 { called++; return 1 })
	i := reg.NewInfo(ember.InfoOpts{Name: "i"}, ember.Labels{"a": "b"})
	require.NoError(t, i.Set(ember.Labels{"b": "c"}))
	reg.MustRegister(h, f)
	h.Observe(1)
	require.Equal(t, uint64(1), h.Count())
	require.Empty(t, scrapeOf(t, reg))
	require.Zero(t, called)
	families, err := reg.Gather()
	require.NoError(t, err)
	require.Empty(t, families)
	report, err := reg.Cardinality()
	require.NoError(t, err)
	require.Empty(t, report.Families)

	require.EqualError(t, reg.Register(ember.NewHistogram(ember.HistogramOpts{Name: "h"})), `ember: h is already registered, by a *ember.Histogram`)
	require.EqualError(t, reg.Register(ember.NewGauge(ember.GaugeOpts{Name: "h_count"})), `ember: gauge "h_count" collides with histogram "h": both write "h_count"`)
	require.True(t, reg.Unregister(h))
	require.False(t, reg.Unregister(h))
	require.NoError(t, reg.Register(ember.NewGauge(ember.GaugeOpts{Name: "h_count"})))
	require.NoError(t, reg.CheckRules())
}
