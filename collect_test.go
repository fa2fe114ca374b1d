// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"context"
	"errors"
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
	for name, tc := range map[string]struct {
		collect func(context.Context, *metric.Sink) error
		want    string
	}{
		"error":       {func(_ context.Context, out *metric.Sink) error { out.Gauge("a", "", 1); return errors.New("no answer") }, `no answer`},
		"panic":       {write(func(*metric.Sink) { panic("oh") }), `panic: oh`},
		"nil panic":   {write(func(*metric.Sink) { panic(nil) }), `panic: panic called with nil argument`},
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
		"by another":       {write(func(out *metric.Sink) { out.Gauge("other", "", 1) }), `ember: other was written by another collector`},
		"unlike another's": {write(func(out *metric.Sink) { out.Counter("other", "", 1) }), `ember: "other" is a counter, but a gauge according to another collector`},
		"no such kind":     {point(99, metric.Point{}), `ember: "x": there is no kind Kind(99)`},
		"buckets mixed up": {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 2, Count: 1}, {UpperBound: 1, Count: 2}}}), `ember: histogram "x": bucket 1 (1) must be above bucket 0 (2)`},
		"bound NaN":        {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: math.NaN()}}}), `ember: histogram "x": bucket 0 (NaN) must be a number`},
		"not cumulative":   {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 1, Count: 2}, {UpperBound: 2, Count: 1}}}), `ember: histogram "x": bucket 1 counts 1, fewer than bucket 0 (2); counts are cumulative`},
		"more than all":    {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: 1, Count: 3}}}), `ember: histogram "x": bucket 0 (1) counts 3 of 2 observations`},
		"less than all":    {point(metric.Histogram, metric.Point{Count: 2, Buckets: []metric.Bucket{{UpperBound: math.Inf(1), Count: 1}}}), `ember: histogram "x": bucket 0 (+Inf) counts 1 of 2 observations`},
		"quantile 50":      {point(metric.Summary, metric.Point{Quantiles: []metric.Quantile{{Quantile: 50}}}), `ember: summary "x": the quantile 50 must be between 0 and 1`},
		"quantiles mixed":  {point(metric.Summary, metric.Point{Quantiles: []metric.Quantile{{Quantile: 0.9}, {Quantile: 0.5}}}), `ember: summary "x": quantile 1 (0.5) must be above quantile 0 (0.9)`},
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
