// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Each series of a counter, histogram or summary says when it began, if asked: in
// whole milliseconds, none before its time.
func TestCreatedLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		v := reg.NewCounterVec(ember.CounterOpts{Name: "c_total", Help: "C."}, "a")
		v.With("1").IncWithExemplar(ember.Labels{"x": "y"})
		time.Sleep(1500*time.Millisecond + 999*time.Microsecond)
		v.With("2")
		v.SetFunc(func() float64 { return 3 }, "3") // nobody knows since when
		reg.NewCounter(ember.CounterOpts{Name: "plain"})
		reg.NewGauge(ember.GaugeOpts{Name: "g"})
		reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1}}, "a").With("1")
		reg.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
		reg.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}})
		reg.NewInfo(ember.InfoOpts{Name: "i_info"}, nil)
		reg.NewStateSet(ember.StateSetOpts{Name: "t"}, "on")
		reg.MustRegister(collectFunc(func(out *metric.Sink) {
			began := metric.Point{Created: time.Unix(-1, 250_000_000), Time: time.Unix(5, 0)}
			out.Add(&metric.Desc{Name: "xc_total", Kind: metric.Counter}, began)
			out.Add(&metric.Desc{Name: "xg", Kind: metric.Gauge}, began)
			out.Add(&metric.Desc{Name: "xh", Kind: metric.GaugeHistogram}, began)
			out.Add(&metric.Desc{Name: "xu"}, began)
		}))
		v.Delete("1")
		v.With("1") // begins anew
		want := `# TYPE c counter
# HELP c C.
c_total{a="1"} 0.0
c_created{a="1"} 946684801.5
c_total{a="2"} 0.0
c_created{a="2"} 946684801.5
c_total{a="3"} 3.0
# TYPE g gauge
g 0.0
# TYPE h histogram
h_bucket{a="1",le="1.0"} 0
h_bucket{a="1",le="+Inf"} 0
h_count{a="1"} 0
h_sum{a="1"} 0.0
h_created{a="1"} 946684801.5
# TYPE i info
i_info 1.0
# TYPE n histogram
n_bucket{le="+Inf"} 0
n_count 0
n_sum 0.0
n_created 946684801.5
# TYPE plain unknown
plain 0.0
# TYPE s summary
s{quantile="0.5"} NaN
s_count 0
s_sum 0.0
s_created 946684801.5
# TYPE t stateset
t{t="on"} 0.0
# TYPE xc counter
xc_total 0.0 5
xc_created -0.75 5
# TYPE xg gauge
xg 0.0 5
# TYPE xh gaugehistogram
xh_bucket{le="+Inf"} 0 5
xh_gcount 0 5
xh_gsum 0.0 5
# TYPE xu unknown
xu 0.0 5
# EOF
`
		require.Equal(t, want, wire(t, reg, ember.FormatOpenMetrics.WithCreated()))
		require.Equal(t, want, wire(t, reg, ember.FormatOpenMetrics0.WithCreated()))

		var without strings.Builder
		for line := range strings.Lines(want) {
			if !strings.Contains(line, "_created") {
				without.WriteString(line)
			}
		}
		require.Equal(t, without.String(), wire(t, reg, ember.FormatOpenMetrics))
		require.NotContains(t, wire(t, reg, ember.FormatText.WithCreated()), "_created")

		// What has no line for it says it in a field, and only of the same series.
		var since []string
		for _, f := range decode(t, wire(t, reg, ember.FormatProtobuf)) {
			for _, m := range f.GetMetric() {
				for _, at := range []interface{ AsTime() time.Time }{
					m.GetCounter().GetCreatedTimestamp(), m.GetHistogram().GetCreatedTimestamp(), m.GetSummary().GetCreatedTimestamp(),
				} {
					if at := at.AsTime(); !at.Equal(time.Unix(0, 0)) {
						since = append(since, fmt.Sprint(f.GetName(), " ", at.Format(time.RFC3339Nano)))
					}
				}
			}
		}
		require.Equal(t, []string{
			"c_total 2000-01-01T00:00:01.500999Z", "c_total 2000-01-01T00:00:01.500999Z",
			"h 2000-01-01T00:00:01.500999Z", "n 2000-01-01T00:00:01.500999Z", "plain 2000-01-01T00:00:01.500999Z",
			"s 2000-01-01T00:00:01.500999Z", "xc_total 1969-12-31T23:59:59.25Z",
		}, since)
		require.Equal(t, 7, strings.Count(wire(t, reg, ember.FormatOpenMetrics2), " st@"))
	})
}

// Families of one collector may have names that OpenMetrics would make the same: those
// that can be called otherwise are.
func TestOpenMetricsShadows(t *testing.T) {
	began := time.Unix(1, 0)
	d := func(name string, kind metric.Kind) metric.Desc { return metric.Desc{Name: name, Kind: kind} }
	for name, tc := range map[string]struct {
		descs []metric.Desc
		want  string
	}{
		"counter and gauge": {
			[]metric.Desc{d("x_total", metric.Counter), d("x", metric.Gauge)},
			"# TYPE x gauge\nx 1.0\n# TYPE x_total unknown\nx_total 1.0\n",
		},
		"counter and histogram": {
			[]metric.Desc{d("x_total", metric.Counter), d("x", metric.Histogram)},
			"# TYPE x histogram\nx_bucket{le=\"+Inf\"} 0\nx_count 0\nx_sum 0.0\nx_created 1\n# TYPE x_total unknown\nx_total 1.0\n",
		},
		"info and gauge": {
			[]metric.Desc{d("x_info", metric.Info), d("x", metric.Gauge)},
			"# TYPE x gauge\nx 1.0\n# TYPE x_info gauge\nx_info 1.0\n",
		},
		"info and counter": {
			[]metric.Desc{d("x_info", metric.Info), d("x_total", metric.Counter)},
			"# TYPE x_info gauge\nx_info 1.0\n# TYPE x_total unknown\nx_total 1.0\n",
		},
		"counter and created": {
			[]metric.Desc{d("x_total", metric.Counter), d("x_created", metric.Gauge)},
			"# TYPE x_created gauge\nx_created 1.0\n# TYPE x_total unknown\nx_total 1.0\n",
		},
		"counter and created counter": {
			[]metric.Desc{d("x_total", metric.Counter), d("x_created_total", metric.Counter)},
			"# TYPE x_created counter\nx_created_total 1.0\nx_created_created 1\n# TYPE x_total unknown\nx_total 1.0\n",
		},
		"histogram and created": {
			[]metric.Desc{d("x", metric.Histogram), d("x_created", metric.Gauge)},
			"# TYPE x histogram\nx_bucket{le=\"+Inf\"} 0\nx_count 0\nx_sum 0.0\n# TYPE x_created gauge\nx_created 1.0\n",
		},
		"summary and created": {
			[]metric.Desc{d("x", metric.Summary), d("x_created", metric.Gauge)},
			"# TYPE x summary\nx_count 0\nx_sum 0.0\n# TYPE x_created gauge\nx_created 1.0\n",
		},
		"nothing in the way": {
			[]metric.Desc{d("x_total", metric.Counter), d("y", metric.Gauge), d("y_created", metric.Gauge), d("z_info", metric.Info)},
			"# TYPE x counter\nx_total 1.0\nx_created 1\n# TYPE y gauge\ny 1.0\n# TYPE y_created gauge\ny_created 1.0\n# TYPE z info\nz_info 1.0\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out metric.Sink
			for _, d := range tc.descs {
				p := metric.Point{Created: began, Value: 1}
				out.Add(&d, p)
			}
			write := collectFunc(func(to *metric.Sink) {
				for _, f := range out.Families() {
					for _, p := range f.Points {
						to.Add(&metric.Desc{Name: f.Name, Kind: f.Kind}, p)
					}
				}
			})
			reg := ember.NewRegistry()
			reg.MustRegister(write)
			for _, g := range []ember.Gatherer{reg, foreign{families: out.Families()}, ember.Gatherers{reg}} {
				require.Equal(t, tc.want+"# EOF\n", wire(t, g, ember.FormatOpenMetrics.WithCreated()))
			}
		})
	}
}

// A family's header stands once, before its series, whoever they are from.
func TestOpenMetricsHeaders(t *testing.T) {
	reg := ember.NewRegistry()
	for _, zone := range []string{"a", "b"} {
		sub := reg.Sub("", ember.Labels{"zone": zone})
		sub.NewCounterVec(ember.CounterOpts{Name: "x_seconds_total", Help: "X.", Unit: "seconds"}, "a").With("1")
		sub.MustRegister(point(metric.Desc{Name: "y", Help: "Y."}, metric.Point{}))
	}
	reg.Sub("", ember.Labels{"zone": "c"}).NewCounterVec(ember.CounterOpts{Name: "x_seconds_total", Help: "X.", Unit: "seconds"}, "a") // empty
	require.Equal(t, `# TYPE x_seconds counter
# UNIT x_seconds seconds
# HELP x_seconds X.
x_seconds_total{zone="a",a="1"} 0.0
x_seconds_total{zone="b",a="1"} 0.0
# TYPE y unknown
# HELP y Y.
y{zone="a"} 0.0
y{zone="b"} 0.0
# EOF
`, wire(t, reg, ember.FormatOpenMetrics))
}

// The label that names the state is called like the family, whatever that is called.
func TestStateSetOfASub(t *testing.T) {
	for name, c := range map[string]ember.Collector{
		"instrument": ember.NewStateSet(ember.StateSetOpts{Name: "mode.x"}, "on"),
		"collector":  point(metric.Desc{Name: "mode.x", Kind: metric.StateSet}, metric.Point{Labels: []metric.Label{label("mode.x", "on")}}),
		"described":  &announced{metric.Desc{Name: "mode.x", Kind: metric.StateSet, Labels: []string{"mode.x"}}, metric.Point{Labels: []metric.Label{label("mode.x", "on")}}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			reg.Sub("app_", ember.Labels{"zone": "a"}).MustRegister(c)
			for range 2 {
				require.Contains(t, wire(t, reg, ember.FormatOpenMetrics), "# TYPE app_mode_x stateset\napp_mode_x{")
				require.Contains(t, wire(t, reg, ember.FormatOpenMetrics), `app_mode_x="on"`)
				require.Contains(t, wire(t, reg, ember.FormatOpenMetrics2.WithEscaping(ember.EscapingAllowUTF8)), `"app_mode.x"="on"`)
			}
			families, err := reg.Gather()
			require.NoError(t, err)
			require.Equal(t, "app_mode.x", families[0].Name)
			require.ElementsMatch(t, []metric.Label{label("zone", "a"), label("app_mode.x", "on")}, families[0].Points[0].Labels)

			// In the registry itself it is called what it always was.
			reg = ember.NewRegistry()
			reg.MustRegister(c)
			require.Equal(t, "# TYPE mode_x stateset\nmode_x{mode_x=\"on\"} 0.0\n# EOF\n", wire(t, reg, ember.FormatOpenMetrics))
		})
	}
}

func TestStateSetOfASubHasOneState(t *testing.T) {
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	reg.Sub("app_", nil).MustRegister(point(metric.Desc{Name: "mode", Kind: metric.StateSet}, metric.Point{Labels: []metric.Label{label("app_mode", "1"), label("mode", "on")}}))
	_, err := exposed(reg)
	require.EqualError(t, err, `ember: collector ember_test.funcCollector: ember: stateset "app_mode": the label name "app_mode" stands twice`)
}

// announced is one point, and says so before.
type announced struct {
	desc metric.Desc
	p    metric.Point
}

func (d *announced) Describe() []metric.Desc { return []metric.Desc{d.desc} }

func (d *announced) Collect(_ context.Context, out *metric.Sink) error {
	desc := d.desc
	desc.Labels = nil
	out.Add(&desc, d.p)
	return nil
}
