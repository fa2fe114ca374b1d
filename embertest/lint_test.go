// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/metric"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// gathered is a Gatherer of anything, also of what no registry would take.
type gathered []*metric.Family

func (g gathered) Gather() ([]*metric.Family, error) { return g, nil }

// family returns a family with one point, and one more for each further set of labels.
func family(kind metric.Kind, name string, labels ...metric.Label) *metric.Family {
	return &metric.Family{Name: name, Help: "Help.", Kind: kind, Points: []metric.Point{{Value: 1, Labels: labels}}}
}

// found returns the problems as text.
func found(g ember.Gatherer) []string {
	var list []string
	for _, p := range embertest.Lint(g) {
		list = append(list, p.String())
	}
	return list
}

func TestNames(t *testing.T) {
	const (
		c = metric.Counter
		g = metric.Gauge
		h = metric.Histogram
		s = metric.Summary
		i = metric.Info
		u = metric.Unknown
	)
	for rule, cases := range map[embertest.Rule][]struct {
		kind metric.Kind
		name string
		unit string
		want string // empty: clean
	}{
		embertest.RuleTotal: {
			{c, "shop_orders_total", "", ""},
			{c, "shop_orders", "", `a counter's name ends in "_total": call it "shop_orders_total"`},
			{c, "shop_total_orders", "", `a counter's name ends in "_total": call it "shop_orders_total"`},
			{c, "shop_orderstotal", "", `a counter's name ends in "_total": call it "shop_orderstotal_total"`},
			{g, "shop_orders", "", ""},
			{g, "shop_orders_total", "", `"_total" stands for counters, and this is a gauge: call it "shop_orders"`},
			{h, "shop_order_size_total", "", `"_total" stands for counters, and this is a histogram: call it "shop_order_size"`},
			{g, "shop_total_orders", "", ""},
			{u, "shop_orders_total", "", ""},
			{u, "shop_orders", "", ""},
		},
		embertest.RuleInfo: {
			{i, "shop_build_info", "", ""},
			{i, "shop_build", "", `an info's name ends in "_info": call it "shop_build_info"`},
			{g, "shop_build_info", "", ""},
			{g, "shop_info_pages", "", ""},
			{h, "shop_build_info", "", `"_info" stands for infos, which are always 1, and this is a histogram: call it "shop_build"`},
			{c, "shop_info_total", "", ""},
		},
		embertest.RuleSuffix: {
			{h, "shop_order_size", "", ""},
			{h, "shop_order_size_bucket", "", `"_bucket" stands for a sample of a histogram or summary: call it "shop_order_size"`},
			{g, "shop_order_count", "", `"_count" stands for a sample of a histogram or summary: call it "shop_order"`},
			{g, "shop_order_sum", "", `"_sum" stands for a sample of a histogram or summary: call it "shop_order"`},
			{g, "shop_order_created", "", `"_created" stands for a sample of a histogram or summary: call it "shop_order"`},
			{g, "shop_order_gcount", "", `"_gcount" stands for a sample of a histogram or summary: call it "shop_order"`},
			{g, "shop_count_of_orders", "", ""},
			{g, "shop_orders_discount", "", ""},
			{u, "shop_order_count", "", ""},
		},
		embertest.RuleKind: {
			{c, "shop_order_counter_total", "", `the name need not say "counter", for readers are told the type: call it "shop_order_total"`},
			{g, "shop_order_gauge", "", `the name need not say "gauge", for readers are told the type: call it "shop_order"`},
			{g, "shop_order_counter", "", `the name need not say "counter", for readers are told the type: call it "shop_order"`},
			{h, "shop_histogram_size", "", `the name need not say "histogram", for readers are told the type: call it "shop_size"`},
			{s, "shop_order_summary", "", `the name need not say "summary", for readers are told the type: call it "shop_order"`},
			{g, "shop_counters", "", ""},
			{c, "gauge_reads_total", "", ""},
			{g, "shop_counter_clerks", "", `the name need not say "counter", for readers are told the type: call it "shop_clerks"`},
			{u, "shop_counter", "", `the name need not say "counter", for readers are told the type: call it "shop"`},
		},
		embertest.RuleBaseUnit: {
			{h, "shop_order_seconds", "", ""},
			{h, "shop_order_milliseconds", "", `"milliseconds" is no base unit: use seconds: call it "shop_order_seconds"`},
			{c, "shop_busy_minutes_total", "", `"minutes" is no base unit: use seconds: call it "shop_busy_seconds_total"`},
			{g, "shop_kilobytes_free", "", `"kilobytes" is no base unit: use bytes: call it "shop_bytes_free"`},
			{g, "shop_free_mebibytes", "", `"mebibytes" is no base unit: use bytes: call it "shop_free_bytes"`},
			{c, "shop_received_bits_total", "", `"bits" is no base unit: use bytes: call it "shop_received_bytes_total"`},
			{g, "shop_full_percent", "", `"percent" is no base unit: use a ratio, from 0 to 1: call it "shop_full_ratio"`},
			{g, "shop_full_percentage", "", `"percentage" is no base unit: use a ratio, from 0 to 1: call it "shop_full_ratio"`},
			{g, "shop_full_percent_max", "", `"percent" is no base unit: use a ratio, from 0 to 1: call it "shop_full_ratio_max"`},
			{g, "shop_order_millisecond", "", `"millisecond" is no base unit: use seconds: call it "shop_order_seconds"`},
			{g, "shop_temperature_fahrenheit", "", `"fahrenheit" is no base unit: use celsius: call it "shop_temperature_celsius"`},
			{g, "shop_weight_kilograms", "", `"kilograms" is no base unit: use grams: call it "shop_weight_grams"`},
			{g, "shop_way_miles", "", `"miles" is no base unit: use meters: call it "shop_way_meters"`},
			{c, "shop_energy_kilowatthours_total", "", `"kilowatthours" is no base unit: use joules: call it "shop_energy_joules_total"`},
			{g, "shop_power_millivolts", "", `"millivolts" is no base unit: use volts: call it "shop_power_volts"`},
			{g, "shop_age_years", "", `"years" is no base unit: use seconds: call it "shop_age_seconds"`},
			{g, "shop_years_of_service", "", ""},
			{g, "shop_full_percentile", "", ""},
			{g, "shop_microservices", "", ""},
			{g, "shop_clock_hertz", "", ""},
			{g, "shop_power_watts", "", ""},
			{g, "shop_length_meters", "", ""},
			{g, "shop_color_kelvin", "", ""},
			{g, "shop_full_ratio", "", ""},
			{g, "shop_orders_per_minute", "", ""},
		},
		embertest.RuleAbbreviation: {
			{h, "shop_order_ms", "", `"ms" abbreviates a unit: use seconds, spelled out: call it "shop_order_seconds"`},
			{c, "shop_busy_sec_total", "", `"sec" abbreviates a unit: use seconds, spelled out: call it "shop_busy_seconds_total"`},
			{g, "shop_free_kb", "", `"kb" abbreviates a unit: use bytes, spelled out: call it "shop_free_bytes"`},
			{g, "shop_mb_free", "", `"mb" abbreviates a unit: use bytes, spelled out: call it "shop_bytes_free"`},
			{g, "shop_full_pct", "", `"pct" abbreviates a unit: use a ratio, from 0 to 1, spelled out: call it "shop_full_ratio"`},
			{g, "shop_length_m", "", `"m" abbreviates a unit: use its base unit, spelled out: choose another name`},
			{g, "shop_weight_kg", "", `"kg" abbreviates a unit: use grams, spelled out: call it "shop_weight_grams"`},
			{g, "shop_kg_shelves", "", ""},
			{g, "ms_sql_connections", "", ""},
			{g, "shop_items", "", ""},
			{g, "shop_forms", "", ""},
		},
		embertest.RuleUnit: {
			{h, "shop_order_duration_seconds", "seconds", ""},
			{h, "shop_order_duration_seconds", "", ""},
			{c, "shop_busy_seconds_total", "seconds", ""},
			{c, "shop_seconds_busy_total", "seconds", `its unit "seconds" is not at the end of the name, before "_total": call it "shop_busy_seconds_total"`},
			{h, "shop_order_duration", "seconds", `its unit "seconds" is not at the end of the name: call it "shop_order_duration_seconds"`},
			{g, "shop_bytes_free", "bytes", `its unit "bytes" is not at the end of the name: call it "shop_free_bytes"`},
			{g, "shop_bytes_free", "", ""},
			{g, "shop_kilobytes", "bytes", `its unit "bytes" is not at the end of the name: call it "shop_bytes"`},
			{h, "shop_order_duration", "", `"duration" has a unit, which is not in the name: call it "shop_order_duration_seconds"`},
			{s, "shop_order_latency", "", `"latency" has a unit, which is not in the name: call it "shop_order_latency_seconds"`},
			{c, "shop_busy_time_total", "", `"time" has a unit, which is not in the name: call it "shop_busy_time_seconds_total"`},
			{g, "shop_uptime", "", `"uptime" has a unit, which is not in the name: call it "shop_uptime_seconds"`},
			{g, "shop_latency_max", "", `"latency" has a unit, which is not in the name: call it "shop_latency_seconds_max"`},
			{c, "shop_timeout_total", "", ""},
			{g, "shop_timeout", "", `"timeout" has a unit, which is not in the name: call it "shop_timeout_seconds"`},
			{g, "shop_time_zones", "", ""},
			{g, "shop_pool_size", "", ""},
			{i, "shop_time_info", "", ""},
		},
		embertest.RuleColon: {
			{g, "shop:orders", "", `a colon is for the names of recording rules: call it "shop_orders"`},
			{g, "shop_orders", "", ""},
		},
		embertest.RuleSnakeCase: {
			{g, "shopOrders", "", `a name is written in small letters, with underscores between words: call it "shop_orders"`},
			{c, "Shop_HTTPRequests_total", "", `a name is written in small letters, with underscores between words: call it "shop_http_requests_total"`},
			{g, "shop__orders", "", `underscores stand between words, and alone: call it "shop_orders"`},
			{g, "_shop_orders", "", `underscores stand between words, and alone: call it "shop_orders"`},
			{g, "shop_orders_", "", `underscores stand between words, and alone: call it "shop_orders"`},
			{g, "shop_http2_orders", "", ""},
		},
		embertest.RuleClassic: {
			{g, "shop.orders", "", `a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: call it "shop_orders"`},
			{g, "shop_größe", "", `a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: choose another name`},
			{g, "1shop_orders", "", `a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: choose another name`},
			{g, "shop1_orders", "", ""},
		},
		embertest.RulePrefix: {
			{c, "orders_total", "", `"orders_total" may mean something else in another program: put the name of the service or library before it, as Namespace does`},
			{g, "orders", "", `"orders" may mean something else in another program: put the name of the service or library before it, as Namespace does`},
			{c, "sent_bytes_total", "", ""},
			{i, "go_info", "", ""},
		},
	} {
		for _, tc := range cases {
			t.Run(fmt.Sprintf("%s/%v %s %s", rule, tc.kind, tc.name, tc.unit), func(t *testing.T) {
				f := family(tc.kind, tc.name)
				f.Unit = tc.unit
				var got []string
				for _, p := range embertest.Lint(gathered{f}) {
					require.Equal(t, tc.name, p.Metric)
					require.Empty(t, p.Label)
					if p.Rule == rule {
						got = append(got, p.Text)
					}
				}
				require.Equal(t, tc.want, strings.Join(got, "\n"))
			})
		}
	}
}

func TestInfoIsAlwaysOne(t *testing.T) {
	f := family(metric.Gauge, "shop_build_info")
	require.Empty(t, found(gathered{f}))
	f.Points[0].Value = 2
	require.Equal(t, []string{
		`shop_build_info: info: "_info" stands for infos, which are always 1, and this is a gauge: call it "shop_build"`,
	}, found(gathered{f}))
}

func TestUnitThatIsDerived(t *testing.T) {
	f := family(metric.Gauge, "shop_open")
	f.Unit = "hours"
	require.Equal(t, []string{
		`shop_open: base-unit: "hours" is no base unit: use seconds: call it "shop_open_seconds"`,
		`shop_open: unit: its unit "hours" is not at the end of the name: call it "shop_open_seconds"`,
	}, found(gathered{f}))
	f.Name = "shop_open_hours"
	require.Equal(t, []string{
		`shop_open_hours: base-unit: "hours" is no base unit: use seconds: call it "shop_open_seconds"`,
	}, found(gathered{f}))
}

func TestHelp(t *testing.T) {
	f := family(metric.Gauge, "shop_orders")
	for _, help := range []string{"", "  \t"} {
		f.Help = help
		require.Equal(t, []string{"shop_orders: help: it has no help: say in a sentence what it counts or measures"}, found(gathered{f}))
	}
}

func TestLabelNames(t *testing.T) {
	for name, tc := range map[string]struct {
		kind   metric.Kind
		metric string
		label  string
		want   string // empty: clean
	}{
		"ordinary":                      {metric.Counter, "http_requests_total", "method", ""},
		"type":                          {metric.Counter, "http_requests_total", "type", ""},
		"le of a gauge":                 {metric.Gauge, "http_open", "le", `reserved-label: "le" is the bound of a histogram's bucket, and this is a gauge: call it something else`},
		"le of a summary":               {metric.Summary, "http_open", "le", `reserved-label: "le" is the bound of a histogram's bucket, and this is a summary: call it something else`},
		"quantile of a gauge":           {metric.Gauge, "http_open", "quantile", `reserved-label: "quantile" is a label of summaries, and this is a gauge: call it something else`},
		"le of what has no type":        {metric.Unknown, "http_open", "le", ""},
		"quantiles":                     {metric.Gauge, "http_open", "quantiles", ""},
		"job":                           {metric.Gauge, "http_open", "job", `target-label (advice): Prometheus has a label of this name for whom it scrapes, and renames this one to "exported_job": call it something else`},
		"job_name":                      {metric.Gauge, "http_open", "job_name", ""},
		"camel case":                    {metric.Gauge, "http_open", "statusCode", `snake-case: a name is written in small letters, with underscores between words: call it "status_code"`},
		"two underscores":               {metric.Gauge, "http_open", "status__code", `snake-case: underscores stand between words, and alone: call it "status_code"`},
		"an underscore first":           {metric.Gauge, "http_open", "_status", `snake-case: underscores stand between words, and alone: call it "status"`},
		"a colon":                       {metric.Gauge, "http_open", "a:b", `classic: a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: call it "a_b"`},
		"dots":                          {metric.Gauge, "http_open", "http.method", `classic: a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: call it "http_method"`},
		"no letters":                    {metric.Gauge, "http_open", "☃", `classic: a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it: choose another name`},
		"the whole metric":              {metric.Gauge, "http_open", "http_open", `repetition: the label is called like the metric: call it after what its values tell apart`},
		"the state of a state set":      {metric.StateSet, "http_open", "http_open", ""},
		"the metric without its suffix": {metric.Counter, "http_requests_total", "http_requests", `repetition: the label is called like the metric: call it after what its values tell apart`},
		"the metric as a prefix":        {metric.Counter, "http_requests_total", "http_requests_method", `repetition: the label repeats the metric's name: call it "method"`},
		"the namespace as a prefix":     {metric.Counter, "http_requests_total", "http_method", ""},
		"a word of the metric":          {metric.Gauge, "pool_connections", "pool", ""},
		"by the label":                  {metric.Counter, "http_requests_by_method_total", "method", `repetition: the metric's name repeats the label, and is wrong once that is summed over: leave "by_method" out of the name`},
		"by another label":              {metric.Counter, "http_requests_by_method_total", "status", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := []string(nil)
			if tc.want != "" {
				want = []string{tc.metric + "{" + tc.label + "}: " + tc.want}
			}
			require.Equal(t, want, found(gathered{family(tc.kind, tc.metric, metric.Label{Name: tc.label, Value: "x"})}))
		})
	}
	t.Run("the unit", func(t *testing.T) {
		f := family(metric.Gauge, "http_seen_bytes", metric.Label{Name: "bytes", Value: "x"})
		require.Empty(t, found(gathered{f}))
		f.Unit = "bytes"
		require.Equal(t, []string{"http_seen_bytes{bytes}: repetition: the label is called like the metric's unit: call it after what its values tell apart"}, found(gathered{f}))
	})
}

func TestSpelling(t *testing.T) {
	label := func(name string) metric.Label { return metric.Label{Name: name, Value: "x"} }
	for name, tc := range map[string]struct {
		families gathered
		want     []string
	}{
		"the same":         {gathered{family(metric.Gauge, "http_a", label("status_code")), family(metric.Gauge, "http_b", label("status_code"))}, nil},
		"different labels": {gathered{family(metric.Gauge, "http_a", label("method")), family(metric.Gauge, "http_b", label("http_method"))}, nil},
		"snake case is right, however rare": {
			gathered{family(metric.Gauge, "http_a", label("statusCode")), family(metric.Gauge, "http_b", label("status_code")), family(metric.Gauge, "http_c", label("statusCode"))},
			[]string{
				`http_a{statusCode}: spelling: the label is called "status_code" elsewhere, as in http_b: call it so here too`,
				`http_c{statusCode}: spelling: the label is called "status_code" elsewhere, as in http_b: call it so here too`,
			},
		},
		"the more frequent is right": {
			gathered{family(metric.Gauge, "http_a", label("status_code")), family(metric.Gauge, "http_b", label("statuscode")), family(metric.Gauge, "http_c", label("statuscode"))},
			[]string{`http_a{status_code}: spelling: the label is called "statuscode" elsewhere, as in http_b: call it so here too`},
		},
		"words are right, of equally frequent ones": {
			gathered{family(metric.Gauge, "http_a", label("statuscode")), family(metric.Gauge, "http_b", label("status_code"))},
			[]string{`http_a{statuscode}: spelling: the label is called "status_code" elsewhere, as in http_b: call it so here too`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range embertest.Lint(tc.families) {
				if p.Rule == embertest.RuleSpelling {
					got = append(got, p.String())
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// failing is a Gatherer that has families and an error.
type failing struct{ gathered }

func (f failing) Gather() ([]*metric.Family, error) {
	return f.gathered, errors.Join(errors.New("collector a failed"), errors.New("collector b\x00failed"))
}

func TestGather(t *testing.T) {
	require.Equal(t, []string{
		"gather: what failed to be gathered was not checked: collector a failed; collector b failed",
		`shop_orders: total: a counter's name ends in "_total": call it "shop_orders_total"`,
	}, found(failing{gathered{nil, family(metric.Counter, "shop_orders")}}))
}

func TestNothing(t *testing.T) {
	require.Empty(t, embertest.Lint(ember.NewRegistry()))
	require.Empty(t, embertest.Lint(gathered{nil, {Name: "shop_orders", Help: "Orders.", Kind: metric.Gauge}}))
}

func TestProblemIsOneLine(t *testing.T) {
	for want, p := range map[string]embertest.Problem{
		"a_b: help: text":            {Metric: "a_b", Rule: embertest.RuleHelp, Text: "text"},
		"a_b{c}: cardinality: text":  {Metric: "a_b", Label: "c", Rule: embertest.RuleCardinality, Text: "text"},
		"gather: text":               {Rule: embertest.RuleGather, Text: "text"},
		"a_b: prefix (advice): text": {Metric: "a_b", Rule: embertest.RulePrefix, Text: "text"},
		`"a\nb"{"c d"}: help: text`:  {Metric: "a\nb", Label: "c d", Rule: embertest.RuleHelp, Text: "text"},
		`"\xff"{größe}: help: text`:  {Metric: "\xff", Label: "größe", Rule: embertest.RuleHelp, Text: "text"},
	} {
		require.Equal(t, want, p.String())
	}
}

// What is exposed without anybody's doing must not be found: nobody could fix it.
func TestOurOwnMetricsAreClean(t *testing.T) {
	t.Run("by default", func(t *testing.T) {
		require.Empty(t, found(ember.Default()))
	})
	t.Run("all of the collectors", func(t *testing.T) {
		reg := ember.NewRegistry()
		reg.MustRegister(collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}}), collectors.NewBuildInfo(), collectors.NewProcess(collectors.ProcessOpts{}))
		reg.Sub("shop_", nil).MustRegister(collectors.NewGo(collectors.GoOpts{Allow: []string{"*"}}), collectors.NewProcess(collectors.ProcessOpts{Namespace: "db"}))
		require.Empty(t, found(reg))
		families, err := reg.Gather()
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(families, func(f *metric.Family) bool { return f.Name == "shop_go_gc_gogc_percent" }))
	})
	t.Run("Ember's own, about mistakes", func(t *testing.T) {
		reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
		reg.NewCounter(ember.CounterOpts{Name: "shop_orders_total", Help: "Orders."}).Add(-1)
		reg.NewGaugeFunc(ember.GaugeOpts{Name: "shop_guests", Help: "Guests."}, func() float64 { panic("no") })
		reg.NewCounter(ember.CounterOpts{Name: "shop_sales_total", Help: "Sales."}).IncWithExemplar(ember.Labels{"": ""})
		families, _ := reg.Gather()
		var names []string
		for _, f := range families {
			names = append(names, f.Name)
		}
		require.Subset(t, names, []string{"ember_invalid_updates_total", "ember_invalid_exemplars_total", "ember_collector_errors_total"})
		require.Equal(t, []string{"gather: what failed to be gathered was not checked: ember: collector shop_guests: the function of shop_guests: panic: no"}, found(reg))
	})
	t.Run("Ember's own, about a program of many metrics", func(t *testing.T) {
		metrics := list(600, func(i int) string { return "shop" + strings.Repeat("_a", i/30) + strings.Repeat("_b", i%30) })
		require.Empty(t, found(gathered{
			series(metric.Gauge, "ember_series", "metric", metrics),
			series(metric.Counter, "ember_series_overflow_total", "metric", metrics),
			series(metric.Counter, "ember_multiproc_conflicts_total", "metric", metrics),
			series(metric.Counter, "ember_collector_errors_total", "collector", metrics),
		}))
		require.Len(t, found(gathered{series(metric.Gauge, "shop_series", "metric", metrics)}), 1)
	})
	t.Run("another's percent is found", func(t *testing.T) {
		require.Len(t, embertest.Lint(gathered{family(metric.Gauge, "xgo_gc_gogc_percent")}), 1)
		require.Len(t, embertest.Lint(gathered{family(metric.Gauge, "go_gc_gogc_percent_used")}), 1)
	})
}

func TestKindsOfInstruments(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewCounterVec(ember.CounterOpts{Name: "shop_orders_total", Help: "Orders."}, "kind").With("big").Inc()
	reg.NewHistogramVec(ember.HistogramOpts{Name: "shop_order_seconds", Help: "Time.", Unit: "seconds"}, "kind").With("big").Observe(1)
	reg.NewSummary(ember.SummaryOpts{Name: "shop_order_bytes", Help: "Size.", Quantiles: []float64{0.5}}).Observe(math.Pi)
	reg.NewInfo(ember.InfoOpts{Name: "shop_build_info", Help: "Build."}, ember.Labels{"version": "1"})
	reg.NewStateSet(ember.StateSetOpts{Name: "shop_state", Help: "State."}, "open", "closed")
	require.Empty(t, found(reg))
}

func TestOrder(t *testing.T) {
	bad := gathered{
		family(metric.Counter, "b", metric.Label{Name: "zZ", Value: "x"}, metric.Label{Name: "aA", Value: "x"}),
		family(metric.Counter, "a_ms", metric.Label{Name: "Zz", Value: "x"}),
	}
	want := embertest.Lint(bad)
	require.NotEmpty(t, want)
	require.True(t, slices.IsSortedFunc(want, func(a, b embertest.Problem) int {
		return strings.Compare(a.Metric+"\x00"+a.Label+"\x00"+string(a.Rule), b.Metric+"\x00"+b.Label+"\x00"+string(b.Rule))
	}))
	for range 10 {
		slices.Reverse(bad)
		require.Equal(t, want, embertest.Lint(bad))
	}
}

// A suggested name is one that Lint has nothing against, whatever words it is made of.
func TestSuggestions(t *testing.T) {
	pool := []string{"shop", "orders", "total", "count", "ms", "kilobytes", "seconds", "percent", "m", "counter", "gauge", "info", "duration", "HTTP", "per", "minutes", "by", "hours"}
	suggested := 0
	for a := range pool {
		for b := range pool {
			for c := range pool {
				for kind := metric.Unknown; kind.Valid(); kind++ {
					f := family(kind, pool[a]+"_"+pool[b]+"_"+pool[c])
					if (a+b+c)%3 == 0 && kind != metric.Info && kind != metric.StateSet {
						f.Unit = []string{"bytes", "seconds", "kilobytes"}[a%3]
					}
					for _, p := range embertest.Lint(gathered{f}) {
						_, name, ok := strings.Cut(p.Text, `: call it "`)
						if !ok {
							continue
						}
						suggested++
						better := *f
						better.Name = strings.TrimSuffix(name, `"`)
						better.Unit = strings.ReplaceAll(f.Unit, "kilobytes", "bytes")
						left := slices.DeleteFunc(embertest.Lint(gathered{&better}), func(p embertest.Problem) bool { return p.Rule.Advice() })
						require.Empty(t, left, "%s suggests %s", f.Name, name)
					}
				}
			}
		}
	}
	require.Greater(t, suggested, 10_000)
}

func TestLintIsFast(t *testing.T) {
	f := &metric.Family{Name: "shop_orders_total", Help: "Orders.", Kind: metric.Counter}
	for i := range 50_000 {
		f.Points = append(f.Points, metric.Point{Labels: []metric.Label{
			{Name: "path", Value: fmt.Sprintf("/users/%d/orders/%x", i, i*7919)},
			{Name: "text", Value: strings.Repeat("word ", i%300) + fmt.Sprint(i)},
			{Name: "method", Value: "GET"},
		}})
	}
	start := time.Now()
	words := &metric.Family{Name: strings.Repeat("x_", 100_000) + strings.Repeat("ms_info_", 100_000), Kind: metric.Gauge, Points: f.Points}
	require.NotEmpty(t, embertest.Lint(gathered{words}))

	require.Len(t, embertest.Lint(gathered{f}), 2)
	require.Less(t, time.Since(start), 20*time.Second) // it takes well under one, without -race
}

// described is a collector of one family of one point.
type described struct{ metric.Desc }

func (d *described) Describe() []metric.Desc { return []metric.Desc{d.Desc} }

func (d *described) Collect(_ context.Context, out *metric.Sink) error {
	var p metric.Point
	for _, name := range d.Labels {
		p.Labels = append(p.Labels, metric.Label{Name: name, Value: "1"})
	}
	out.Add(&d.Desc, p)
	return nil
}
