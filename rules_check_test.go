// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// What cannot be applied leaves a metric as it was declared, as a whole, is logged once and
// is in CheckRules.
func TestRulesThatCannotBeApplied(t *testing.T) {
	type names = map[string]string
	for name, tc := range map[string]struct {
		rules []ember.Rule
		want  string
	}{
		"no such label to drop": {
			[]ember.Rule{{Metric: "x_total", DropLabels: []string{"a", "c"}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": it has no label "c"; its labels are ["k" "a" "b"]`,
		},
		"no such label to rename": {
			[]ember.Rule{{Metric: "x_total", DropLabels: []string{"a"}}, {Metric: "x_total", RenameLabels: names{"c": "d"}}},
			`ember: rule 2 ("x_total") cannot be applied to counter "x_total": it has no label "c"; its labels are ["k" "a" "b"]`,
		},
		"no such label to limit": {
			[]ember.Rule{{Metric: "x_total", LabelBudgets: map[string]int{"c": 1}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": it has no label "c"; its labels are ["k" "a" "b"]`,
		},
		"a constant label to limit": {
			[]ember.Rule{{Metric: "x_total", LabelBudgets: map[string]int{"k": 1}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": the label "k" always has the same value, so it can have no budget`,
		},
		"buckets of a counter": {
			[]ember.Rule{{Metric: "x_total", Buckets: []float64{1}, DropLabels: []string{"a"}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": it is no histogram`,
		},
		"series of a gauge": {
			[]ember.Rule{{Metric: "g", MaxSeries: 1}},
			`ember: rule 1 ("g") cannot be applied to gauge "g": it is no vector`,
		},
		"labels of an info": {
			[]ember.Rule{{Metric: "i_info", DropLabels: []string{"v"}}},
			`ember: rule 1 ("i_info") cannot be applied to info "i_info": the labels of an info stay as they are`,
		},
		"a name that is there": {
			[]ember.Rule{{Metric: "x_total", RenameLabels: names{"a": "b"}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": the label name "b" stands twice`,
		},
		"a name that is there, constant": {
			[]ember.Rule{{Metric: "*", RenameLabels: names{"a": "k"}}},
			`ember: rule 1 ("*") cannot be applied to counter "x_total": the label name "k" stands twice`,
		},
		"a name that is written alike": {
			[]ember.Rule{{Metric: "x_total", RenameLabels: names{"a": "c.d", "b": "c_d"}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": the label names "c.d" and "c_d" are both written "c_d"`,
		},
		"fewer places than known values": {
			[]ember.Rule{{Metric: "x_total", LabelBudgets: map[string]int{"a": 1}}},
			`ember: rule 1 ("x_total") cannot be applied to counter "x_total": label "a" has 2 known values, but a budget of 1`,
		},
		"patterns that set the same": {
			[]ember.Rule{{Metric: "x*", MaxSeries: 1}, {Metric: "*total", MaxSeries: 1}},
			`ember: rules 1 ("x*") and 2 ("*total") cannot be applied to counter "x_total": both set max_series`,
		},
		"patterns that rename one label": {
			[]ember.Rule{{Metric: "x*", RenameLabels: names{"b": "c"}}, {Metric: "*total", RenameLabels: names{"b": "d"}}},
			`ember: rules 1 ("x*") and 2 ("*total") cannot be applied to counter "x_total": both set a name for the label "b"`,
		},
		"patterns, one drops what the other renames": {
			[]ember.Rule{{Metric: "x*", RenameLabels: names{"b": "c"}}, {Metric: "*total", DropLabels: []string{"b"}}},
			`ember: rules 1 ("x*") and 2 ("*total") cannot be applied to counter "x_total": one drops the label "b", the other renames it`,
		},
		"patterns, one drops what the other limits": {
			[]ember.Rule{{Metric: "x*", DropLabels: []string{"b"}}, {Metric: "*total", LabelBudgets: map[string]int{"b": 1}}},
			`ember: rules 1 ("x*") and 2 ("*total") cannot be applied to counter "x_total": one drops the label "b", the other gives it a budget`,
		},
		"nothing of that name": {
			[]ember.Rule{{Metric: "x", Drop: true}, {Metric: "y*", Drop: true}},
			"ember: rule 1 (\"x\") is for nothing that is registered\nember: rule 2 (\"y*\") is for nothing that is registered",
		},
		"a pattern for what nothing has": {
			[]ember.Rule{{Metric: "*", DropLabels: []string{"aa"}, Buckets: []float64{1}}, {Metric: "g*", MaxSeries: 3, LabelBudgets: map[string]int{"b": 3}}},
			`ember: rule 1 ("*"): nothing that it is for has the label "aa"
ember: rule 1 ("*"): nothing that it is for is a histogram
ember: rule 2 ("g*"): nothing that it is for is a vector
ember: rule 2 ("g*"): nothing that it is for is a vector with the label "b"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			logged := captureLog(t)
			reg := ruled(t, tc.rules...)
			v := reg.NewCounterVec(ember.CounterOpts{
				Name: "x_total", ConstLabels: ember.Labels{"k": "v"},
				LabelBudgets: map[string]int{"a": 2}, KnownValues: map[string][]string{"a": {"1", "2"}},
			}, "a", "b")
			reg.NewGauge(ember.GaugeOpts{Name: "g"})
			reg.NewInfo(ember.InfoOpts{Name: "i_info"}, ember.Labels{"v": "1"})
			v.With("1", "2").Inc()
			require.EqualError(t, reg.CheckRules(), tc.want)
			before := logged.String()
			want := "# TYPE g gauge\ng 0\n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n# TYPE x_total counter\nx_total{k=\"v\",a=\"1\",b=\"2\"} 1\n"
			for range 2 {
				require.Equal(t, want, scrapeOf(t, reg))
			}
			require.Equal(t, tc.want, errText(reg.CheckRules()))
			// Either it was logged at once, or it is at the first scrape.
			require.Equal(t, 1, bytes.Count([]byte(logged.String()), []byte("level=ERROR"))+min(1, bytes.Count([]byte(logged.String()), []byte("level=WARN"))), "%s", logged)
			if before != "" {
				require.Equal(t, before, logged.String())
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A rule for the very name beats patterns, one setting at a time.
func TestRulesOfOneNameBeatPatterns(t *testing.T) {
	captureLog(t)
	reg := ruled(t,
		ember.Rule{Metric: "*", DropLabels: []string{"a", "b"}, MaxSeries: 2},
		ember.Rule{Metric: "renamed", RenameLabels: map[string]string{"a": "z"}},
		ember.Rule{Metric: "limited", LabelBudgets: map[string]int{"a": 1}},
		ember.Rule{Metric: "more", MaxSeries: 3, DropLabels: []string{"c"}},
		ember.Rule{Metric: "debug_*", Drop: true},
		ember.Rule{Metric: "*_not", Drop: true},
		ember.Rule{Metric: "debug_kept", RenameLabels: map[string]string{"c": "d"}},
		ember.Rule{Metric: "dropped", Drop: true},
		ember.Rule{Metric: "é.ü", RenameLabels: map[string]string{"c": "i"}},
		ember.Rule{Metric: "w_w", RenameLabels: map[string]string{"c": "i"}},
	)
	for _, name := range []string{"renamed", "limited", "more", "plain", "debug_kept", "debug_not", "dropped", "é.ü", "w.w"} {
		v := reg.NewGaugeVec(ember.GaugeOpts{Name: name}, "a", "b", "c")
		for _, value := range []string{"1", "2", "3"} {
			v.With(value, value, value).Inc()
		}
	}
	require.NoError(t, reg.CheckRules())
	var got bytes.Buffer
	require.NoError(t, ember.Write(&got, reg, ember.FormatText1.WithEscaping(ember.EscapingAllowUTF8)))
	text := got.String()
	for _, want := range []string{
		"debug_kept{d=\"1\"} 1\ndebug_kept{d=\"2\"} 1\n",
		"limited{a=\"1\",c=\"1\"} 1\nlimited{a=\"other\",c=\"2\"} 1\n",
		"\nmore 3\n",
		"plain{c=\"1\"} 1\nplain{c=\"2\"} 1\n",
		"renamed{z=\"1\",c=\"1\"} 1\nrenamed{z=\"2\",c=\"2\"} 1\n",
		"{\"w.w\",i=\"1\"} 1\n",
		"{\"é.ü\",i=\"1\"} 1\n",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "debug_not")
	require.NotContains(t, text, "dropped")
}

// Constant labels and those of sub-registries, unless two registrations became one.
func TestRulesForConstantLabels(t *testing.T) {
	logged := captureLog(t)
	reg := ruled(t,
		ember.Rule{Metric: "a_x", DropLabels: []string{"host"}, RenameLabels: map[string]string{"zone": "region", "k": "key"}},
		ember.Rule{Metric: "*_y", DropLabels: []string{"zone"}},
	)
	opts := func(name string) ember.GaugeOpts {
		return ember.GaugeOpts{Name: name, ConstLabels: ember.Labels{"k": "v"}}
	}
	var last *ember.GaugeVec
	for i, zone := range []string{"1", "2"} {
		sub := reg.Sub("a_", ember.Labels{"host": "h", "zone": zone})
		sub.NewGauge(opts("x")).Set(float64(i))
		last = sub.NewGaugeVec(opts("y"), "l")
		last.With("l").Set(float64(i))
		require.EqualError(t, sub.Register(ember.NewGauge(opts("x"))), `ember: a_x{host="h",zone="`+zone+`",k="v"} is already registered, by a *ember.Gauge`)
	}
	require.Equal(t, `# TYPE a_x gauge
a_x{region="1",key="v"} 0
a_x{region="2",key="v"} 1
# TYPE a_y gauge
a_y{host="h",k="v",l="l"} 0
a_y{host="h",zone="2",k="v",l="l"} 1
`, scrapeOf(t, reg))
	require.EqualError(t, reg.CheckRules(), `ember: rule 2 ("*_y") cannot be applied to gauge "a_y": its series would be those of a_y{host="h",zone="1",k="v"}, which is registered already`)
	require.Equal(t, `level=ERROR msg="ember: rules not applied; the metric stays as it was declared" rules="rule 2 (\"*_y\")" metric="gauge \"a_y\"" reason="its series would be those of a_y{host=\"h\",zone=\"1\",k=\"v\"}, which is registered already"`+"\n", logged.String())
	require.True(t, reg.Sub("a_", ember.Labels{"host": "h", "zone": "2"}).Unregister(ember.NewGaugeVec(opts("y"), "l")))
	require.False(t, reg.Sub("a_", ember.Labels{"host": "h", "zone": "2"}).Unregister(ember.NewGaugeVec(opts("y"), "l")))
	require.NotContains(t, scrapeOf(t, reg), `zone="2"`)
}

// Where even the declaration could meet what rules have made of another one, nothing is
// written twice.
func TestRulesNeverMakeOneSeriesOfTwo(t *testing.T) {
	captureLog(t)
	reg := ruled(t, ember.Rule{Metric: "x", DropLabels: []string{"zone"}, RenameLabels: map[string]string{"l": "zone"}})
	first := reg.Sub("", ember.Labels{"zone": "1"}).NewGaugeVec(ember.GaugeOpts{Name: "x"}, "l")
	second := reg.Sub("", ember.Labels{"zone": "2"}).NewGaugeVec(ember.GaugeOpts{Name: "x"}, "l")
	first.With("2").Set(1)
	second.With("").Set(2)
	require.Equal(t, "# TYPE x gauge\nx{zone=\"2\"} 1\n", scrapeOf(t, reg))
	require.EqualError(t, reg.CheckRules(), `ember: rule 1 ("x") cannot be applied to gauge "x": its series would be those of x{zone="1"}, which is registered already; it is not exposed`)
	require.True(t, reg.Sub("", ember.Labels{"zone": "1"}).Unregister(first))
	require.Empty(t, scrapeOf(t, reg))
}

// A second vector of a family is transformed as the first one was.
func TestRulesForFamiliesOfSeveral(t *testing.T) {
	reg := ruled(t, ember.Rule{Metric: "x_total", DropLabels: []string{"b"}, RenameLabels: map[string]string{"a": "z"}})
	for _, k := range []string{"1", "2"} {
		v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", ConstLabels: ember.Labels{"k": k}}, "a", "b")
		v.With("p", "q").Inc()
		v.With("p", "r").Inc()
	}
	require.Equal(t, "# TYPE x_total counter\nx_total{k=\"1\",z=\"p\"} 2\nx_total{k=\"2\",z=\"p\"} 2\n", scrapeOf(t, reg))
	err := reg.Register(ember.NewCounterVec(ember.CounterOpts{Name: "x_total", ConstLabels: ember.Labels{"k": "3"}}, "z"))
	require.EqualError(t, err, `ember: "x_total" has the labels ["z"], but is registered with the labels ["a" "b"]`)
	require.NoError(t, reg.CheckRules())
}

// What is in several registries stays what the first one made of it.
func TestRulesOfSeveralRegistries(t *testing.T) {
	captureLog(t)
	rules := []ember.Rule{
		{Metric: "labels_total", DropLabels: []string{"b", "zone"}},
		{Metric: "buckets", Buckets: []float64{1}},
		{Metric: "dropped_total", Drop: true},
	}
	declared, heeding := ember.NewRegistry(), ruled(t, rules...)
	metrics := func() (*ember.CounterVec, *ember.Histogram, *ember.CounterVec, []ember.Collector) {
		v := ember.NewCounterVec(ember.CounterOpts{Name: "labels_total", ConstLabels: ember.Labels{"zone": "1"}}, "a", "b")
		h := ember.NewHistogram(ember.HistogramOpts{Name: "buckets", Buckets: []float64{5}})
		d := ember.NewCounterVec(ember.CounterOpts{Name: "dropped_total"}, "a")
		return v, h, d, []ember.Collector{v, h, d}
	}
	count := func(v *ember.CounterVec, h *ember.Histogram, d *ember.CounterVec) {
		v.With("1", "2").Inc()
		v.With("1", "3").Inc()
		h.Observe(1)
		d.With("4").Inc()
	}
	v, h, d, all := metrics()
	declared.MustRegister(all...)
	heeding.MustRegister(all...)
	count(v, h, d)
	const histograms = "# TYPE buckets histogram\nbuckets_bucket{le=\"%\"} 1\nbuckets_bucket{le=\"+Inf\"} 1\nbuckets_sum 1\nbuckets_count 1\n"
	five := string(bytes.ReplaceAll([]byte(histograms), []byte("%"), []byte("5")))
	one := string(bytes.ReplaceAll([]byte(histograms), []byte("%"), []byte("1")))
	require.Equal(t, five+"# TYPE dropped_total counter\ndropped_total{a=\"4\"} 1\n# TYPE labels_total counter\nlabels_total{zone=\"1\",a=\"1\",b=\"2\"} 1\nlabels_total{zone=\"1\",a=\"1\",b=\"3\"} 1\n", scrapeOf(t, declared))
	require.Equal(t, five+"# TYPE labels_total counter\nlabels_total{a=\"1\",b=\"2\"} 1\nlabels_total{a=\"1\",b=\"3\"} 1\n", scrapeOf(t, heeding))
	require.NoError(t, declared.CheckRules())
	require.EqualError(t, heeding.CheckRules(), `ember: rule 1 ("labels_total") cannot be applied to counter "labels_total": it was registered before, and stays what it was made then
ember: rule 2 ("buckets") cannot be applied to histogram "buckets": it was registered before, and stays what it was made then`)

	declared, heeding = ember.NewRegistry(), ruled(t, rules...)
	v, h, d, all = metrics()
	heeding.MustRegister(all...)
	declared.MustRegister(all...)
	count(v, h, d)
	require.Equal(t, one+"# TYPE labels_total counter\nlabels_total{zone=\"1\",a=\"1\"} 2\n", scrapeOf(t, declared))
	require.Equal(t, one+"# TYPE labels_total counter\nlabels_total{a=\"1\"} 2\n", scrapeOf(t, heeding))
	require.NoError(t, heeding.CheckRules())
	require.EqualError(t, declared.CheckRules(), `ember: earlier rules cannot be undone for counter "labels_total": it was registered before, and stays what it was made then
ember: earlier rules cannot be undone for histogram "buckets": it was registered before, and stays what it was made then
ember: earlier rules cannot be undone for counter "dropped_total": it was registered before, and stays what it was made then`)

	// In the same one again, and by the same rules elsewhere, nothing is amiss.
	for _, c := range all {
		require.True(t, heeding.Unregister(c))
		require.NoError(t, heeding.Register(c))
	}
	require.NoError(t, heeding.CheckRules())
	again := ruled(t, rules...)
	again.MustRegister(all...)
	require.NoError(t, again.CheckRules())
	require.Equal(t, scrapeOf(t, heeding), scrapeOf(t, again))
}

// Rules hold for what comes after them.
func TestConfigureRules(t *testing.T) {
	reg := ember.NewRegistry(ember.WithRules(nil))
	require.NoError(t, reg.CheckRules())
	reg.NewGauge(ember.GaugeOpts{Name: "a"})
	reg.Configure(ember.WithRules(newRules(t, ember.Rule{Metric: "*", Drop: true})))
	reg.NewGauge(ember.GaugeOpts{Name: "b"})
	reg.Configure(ember.WithRules(nil))
	reg.NewGauge(ember.GaugeOpts{Name: "c"})
	require.Equal(t, "# TYPE a gauge\na 0\n# TYPE c gauge\nc 0\n", scrapeOf(t, reg))
}

// CheckRules asks the collectors that do not say what they write, and a scrape does not
// wait for anybody to ask.
func TestCheckRulesAsksCollectors(t *testing.T) {
	logged := captureLog(t)
	reg := ruled(t, ember.Rule{Metric: "a", Drop: true}, ember.Rule{Metric: "z", Drop: true})
	c := collectorFunc(func(out *metric.Sink) { out.Gauge("a", "", 1) })
	reg.MustRegister(&c)
	require.EqualError(t, reg.CheckRules(), `ember: rule 2 ("z") is for nothing that is registered`)
	require.Empty(t, logged.String())
	require.Empty(t, scrapeOf(t, reg))
	require.Empty(t, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: rule without effect" reason="rule 2 (\"z\") is for nothing that is registered"`+"\n", logged.String())
}

// The log may count its lines in the registry that writes them.
func TestRulesAndALogThatCounts(t *testing.T) {
	reg := ember.NewRegistry()
	logger := slog.New(countingHandler{slog.DiscardHandler, reg})
	reg.Configure(ember.WithLogger(logger), ember.WithRules(newRules(t, ember.Rule{Metric: "x", DropLabels: []string{"a"}}, ember.Rule{Metric: "y", Drop: true})))
	reg.NewGauge(ember.GaugeOpts{Name: "x"})
	require.Equal(t, "# TYPE lines_total counter\nlines_total 2\n# TYPE x gauge\nx 0\n", scrapeOf(t, reg))
	require.Equal(t, "# TYPE lines_total counter\nlines_total 2\n# TYPE x gauge\nx 0\n", scrapeOf(t, reg))
}

type countingHandler struct {
	slog.Handler
	reg *ember.Registry
}

func (countingHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h countingHandler) Handle(context.Context, slog.Record) error {
	h.reg.NewCounter(ember.CounterOpts{Name: "lines_total"}).Inc()
	return nil
}

// The default registry reads the environment, and survives what is wrong there. It is
// built once in a process, so others try.
func TestDefaultRegistryHeedsTheEnvironment(t *testing.T) {
	if os.Getenv("EMBER_TEST_DEFAULT") != "" {
		slog.SetDefault(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})))
		ember.Default().NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a").With("1").Set(1)
		os.Stdout.WriteString("check: " + errText(ember.Default().CheckRules()) + "\n")
		if err := ember.WriteText(os.Stdout, ember.Default()); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	for name, tc := range map[string]struct{ rules, want string }{
		"good": {
			`[{"metric":"go_*","drop":true},{"metric":"process_*","drop":true},{"metric":"x","drop_labels":["a"]}]`,
			"check: \n# TYPE x gauge\nx 1\n",
		},
		"bad": {
			`[{"metric":"*"}]`,
			`level=ERROR msg="ember: the rules are not heeded" error="ember: EMBER_RULES: rule 1 (\"*\"): it changes nothing"` + "\n" + `check: ember: EMBER_RULES: rule 1 ("*"): it changes nothing` + "\n# HELP go_",
		},
		"not to be applied": {
			`[{"metric":"*","drop":true},{"metric":"x","drop_labels":["b"]},{"metric":"y","drop":true}]`,
			`level=ERROR msg="ember: rules not applied; the metric stays as it was declared" rules="rule 2 (\"x\")" metric="gauge \"x\"" reason="it has no label \"b\"; its labels are [\"a\"]"
check: ember: rule 2 ("x") cannot be applied to gauge "x": it has no label "b"; its labels are ["a"]
ember: rule 3 ("y") is for nothing that is registered
level=WARN msg="ember: rule without effect" reason="rule 3 (\"y\") is for nothing that is registered"
# TYPE x gauge
x{a="1"} 1
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDefaultRegistryHeedsTheEnvironment$")
			cmd.Env = append(os.Environ(), "EMBER_TEST_DEFAULT=1", "EMBER_RULES="+tc.rules)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, tc.want, string(out[:min(len(out), len(tc.want))]))
			if name != "bad" {
				require.Len(t, out, len(tc.want), "%s", out)
			}
		})
	}
}
