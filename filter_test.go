// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// filtered returns the names of the families that a scrape with name[] has, and the
// whole body, in the format that accept asks for.
func filtered(t testing.TB, g ember.Gatherer, accept string, names ...string) (families []string, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics?"+url.Values{"name[]": names}.Encode(), nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	ember.HandlerFor(g, ember.HandlerOpts{}).ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	body = w.Body.String()
	for line := range strings.Lines(body) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			families = append(families, name[:strings.LastIndexByte(name, ' ')])
		}
	}
	return families, body
}

// everyKind has a family of each kind, from instruments and from a collector.
func everyKind() *ember.Registry {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "c_total"})
	reg.NewCounter(ember.CounterOpts{Name: "plain"})
	reg.NewGauge(ember.GaugeOpts{Name: "g"})
	reg.NewHistogram(ember.HistogramOpts{Name: "h"})
	reg.NewSummary(ember.SummaryOpts{Name: "s"})
	reg.NewInfo(ember.InfoOpts{Name: "i_info"}, nil)
	reg.NewStateSet(ember.StateSetOpts{Name: "t"}, "on")
	reg.NewHistogram(ember.HistogramOpts{Name: "rpc.duration_seconds"})
	reg.NewCounter(ember.CounterOpts{Name: "é_total"})
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		out.Add(&metric.Desc{Name: "q", Kind: metric.GaugeHistogram}, metric.Point{})
		out.Gauge("x.y", "", 1)
		out.Counter("go_bytes_total", "", 2)
		out.Gauge("go_bytes", "", 1)
	}))
	return reg
}

func TestFilter(t *testing.T) {
	for name, tc := range map[string]struct {
		names []string
		want  []string
	}{
		"a family":                  {[]string{"g"}, []string{"g"}},
		"several":                   {[]string{"t", "g", "t", "nothing"}, []string{"g", "t"}},
		"a counter":                 {[]string{"c_total"}, []string{"c_total"}},
		"a counter's base":          {[]string{"c"}, []string{"c_total"}},
		"when a counter began":      {[]string{"c_created"}, []string{"c_total"}},
		"no suffix to take away":    {[]string{"plain_total"}, nil},
		"a part of a name":          {[]string{"pla"}, nil},
		"empty":                     {[]string{""}, nil},
		"buckets":                   {[]string{"h_bucket"}, []string{"h"}},
		"sums":                      {[]string{"h_sum", "s_sum"}, []string{"h", "s"}},
		"counts":                    {[]string{"h_count", "s_count"}, []string{"h", "s"}},
		"when they began":           {[]string{"h_created", "s_created"}, []string{"h", "s"}},
		"a summary has no buckets":  {[]string{"s_bucket"}, nil},
		"a gauge has no count":      {[]string{"g_count"}, nil},
		"an info":                   {[]string{"i_info"}, []string{"i_info"}},
		"an info's base":            {[]string{"i"}, []string{"i_info"}},
		"a state set":               {[]string{"t"}, []string{"t"}},
		"a gauge histogram":         {[]string{"q"}, []string{"q"}},
		"its gcount":                {[]string{"q_gcount"}, []string{"q"}},
		"its gsum":                  {[]string{"q_gsum"}, []string{"q"}},
		"its count, as text has it": {[]string{"q_count"}, []string{"q"}},
		"its buckets":               {[]string{"q_bucket"}, []string{"q"}},
		"raw":                       {[]string{"rpc.duration_seconds", "x.y", "é_total"}, []string{"__total", "rpc_duration_seconds", "x_y"}},
		"raw samples":               {[]string{"rpc.duration_seconds_bucket", "é"}, []string{"__total", "rpc_duration_seconds"}},
		"escaped":                   {[]string{"rpc_duration_seconds", "x_y", "__total"}, []string{"__total", "rpc_duration_seconds", "x_y"}},
		"escaped samples":           {[]string{"rpc_duration_seconds_sum"}, []string{"rpc_duration_seconds"}},
		"escaped in another way":    {[]string{"x_dot_y"}, nil},
		"both of one base":          {[]string{"go_bytes"}, []string{"go_bytes", "go_bytes_total"}},
		"one of one base":           {[]string{"go_bytes_total"}, []string{"go_bytes_total"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, body := filtered(t, everyKind(), "", tc.names...)
			require.Equal(t, tc.want, got)

			// A family is whole or not there.
			var want strings.Builder
			in := false
			for line := range strings.Lines(text(t, everyKind())) {
				if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
					in = slices.Contains(tc.want, name[:strings.LastIndexByte(name, ' ')])
				}
				if in {
					want.WriteString(line)
				}
			}
			require.Equal(t, want.String(), body)
		})
	}
}

func TestFilterInOtherFormats(t *testing.T) {
	const openMetrics = "application/openmetrics-text;version=1.0.0"
	_, body := filtered(t, everyKind(), openMetrics, "nothing")
	require.Equal(t, "# EOF\n", body)
	_, body = filtered(t, everyKind(), openMetrics, "c_total")
	require.Equal(t, "# TYPE c counter\nc_total 0.0\n# EOF\n", body)
	_, body = filtered(t, everyKind(), openMetrics, "go_bytes_total")
	require.Equal(t, "# TYPE go_bytes_total unknown\ngo_bytes_total 2.0\n# EOF\n", body, "as without a filter")

	// Names are known in the escaping of the scrape, beside underscores and raw.
	for escaping, name := range map[string]string{"dots": "x_dot_y", "values": "U__x_2e_y", "allow-utf-8": `"x.y"`, "underscores": "x_y"} {
		for _, asked := range []string{strings.Trim(name, `"`), "x.y", "x_y"} {
			got, _ := filtered(t, everyKind(), openMetrics+";escaping="+escaping, asked)
			require.Equal(t, []string{name}, got)
		}
	}
	_, body = filtered(t, everyKind(), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "i", "nothing")
	families := decode(t, body)
	require.Len(t, families, 1)
	require.Equal(t, "i_info", families[0].GetName())
	_, body = filtered(t, everyKind(), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", "nothing")
	require.Empty(t, body)
}

// What nobody asked for is not called; who does not say what he writes is.
func TestFilterCallsNobodyInVain(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	var mu sync.Mutex
	calls := make(map[string]int)
	note := func(name string) float64 {
		mu.Lock()
		defer mu.Unlock()
		calls[name]++
		return 1
	}
	reg := ember.NewRegistry()
	sub := reg.Sub("app.", ember.Labels{"zone": "a"})
	sub.NewGaugeFunc(ember.GaugeOpts{Name: "func"}, func() float64 { return note("func") })
	reg.NewCounterVec(ember.CounterOpts{Name: "vec_total"}, "a").SetFunc(func() float64 { return note("vec") }, "1")
	sub.MustRegister(&noting{describer{{Name: "described", Kind: metric.Histogram}, {Name: "other", Kind: metric.Gauge}}, func() { note("described") }})
	for name, tc := range map[string]struct{ names, families, called []string }{
		"nothing":                 {[]string{"nothing"}, nil, nil},
		"a function":              {[]string{"app.func"}, []string{"app_func"}, []string{"func"}},
		"without its prefix":      {[]string{"func", "described"}, nil, nil},
		"a vector":                {[]string{"vec"}, []string{"vec_total"}, []string{"vec"}},
		"a collector":             {[]string{"app.described_sum"}, []string{"app_described"}, []string{"described"}},
		"its other family":        {[]string{"app_other"}, []string{"app_other"}, []string{"described"}},
		"all":                     {nil, []string{"app_described", "app_func", "app_other", "vec_total"}, []string{"described", "func", "vec"}},
		"a view's, from the root": {[]string{"app.other", "app.func"}, []string{"app_func", "app_other"}, []string{"described", "func"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, g := range []ember.Gatherer{reg, ember.Gatherers{ember.Gatherers{reg}}} {
				clear(calls)
				got, _ := filtered(t, g, "", tc.names...)
				require.Equal(t, tc.families, got)
				for _, name := range []string{"func", "vec", "described"} {
					want := 0
					if slices.Contains(tc.called, name) {
						want = 1
					}
					require.Equal(t, want, calls[name], name)
				}
			}
		})
	}

	reg.MustRegister(collectFunc(func(out *metric.Sink) { note("undescribed"); out.Gauge("wild", "", 1); out.Gauge("tame", "", 2) }))
	clear(calls)
	_, body := filtered(t, reg, "", "wild")
	require.Equal(t, "# TYPE wild gauge\nwild 1\n", body)
	require.Equal(t, map[string]int{"undescribed": 1}, calls)
	_, body = filtered(t, reg, "", "vec_total")
	require.Equal(t, "# TYPE vec_total counter\nvec_total{a=\"1\"} 1\n", body)
	require.Equal(t, map[string]int{"undescribed": 2, "vec": 1}, calls)
}

// noting is a describer that says when it is called.
type noting struct {
	describer
	note func()
}

func (n *noting) Collect(ctx context.Context, out *metric.Sink) error {
	n.note()
	return n.describer.Collect(ctx, out)
}

func TestFilterOfGatherers(t *testing.T) {
	a, b := ember.NewRegistry(), ember.NewRegistry()
	a.NewCounterVec(ember.CounterOpts{Name: "shared_total"}, "x").With("1")
	b.NewCounterVec(ember.CounterOpts{Name: "shared_total"}, "x").With("2")
	b.NewGauge(ember.GaugeOpts{Name: "b"})
	theirs := foreign{families: []*metric.Family{family("theirs", metric.Summary, metric.Point{}), family("b.b", metric.Gauge, metric.Point{})}}
	all := ember.Gatherers{a, b, theirs}
	_, body := filtered(t, all, "", "shared")
	require.Equal(t, "# TYPE shared_total counter\nshared_total{x=\"1\"} 0\nshared_total{x=\"2\"} 0\n", body)
	_, body = filtered(t, all, "", "theirs_count", "b.b")
	require.Equal(t, "# TYPE b_b gauge\nb_b 0\n# TYPE theirs summary\ntheirs_sum 0\ntheirs_count 0\n", body)
	_, body = filtered(t, theirs, "", "b")
	require.Empty(t, body)
	_, body = filtered(t, ember.Gatherers{}, "", "b")
	require.Empty(t, body)
	_, body = filtered(t, a.Sub("", nil), "", "shared")
	require.Equal(t, "# TYPE shared_total counter\nshared_total{x=\"1\"} 0\n", body)
}

func TestFilterOfOwnMetrics(t *testing.T) {
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	slog.SetDefault(slog.New(slog.DiscardHandler))
	reg.NewGauge(ember.GaugeOpts{Name: "g"})
	c := reg.NewCounter(ember.CounterOpts{Name: "c_total"})
	c.Add(math.NaN())
	c.AddWithExemplar(1, ember.Labels{"": ""})
	reg.MustRegister(&custom{func(context.Context, *metric.Sink) error { return errors.New("no") }})
	for range 2 {
		got, _ := filtered(t, reg, "", "g")
		require.Equal(t, []string{"g"}, got)
	}
	got, body := filtered(t, reg, "", "g", "ember_collector_errors_total", "ember_invalid_updates", "ember_invalid_exemplars_created")
	require.Equal(t, []string{"ember_collector_errors_total", "ember_invalid_exemplars_total", "ember_invalid_updates_total", "g"}, got)
	require.Contains(t, body, "ember_collector_errors_total{collector=\"ember_test.custom\"} 3\n", "it is called: it does not say what it writes")
}
