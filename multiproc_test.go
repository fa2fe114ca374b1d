// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/collectors"
	"github.com/embermetrics/ember/metric"
	"github.com/embermetrics/ember/multiproc"
)

// dirForProcesses returns a directory that processes may share.
func dirForProcesses(t testing.TB) string {
	path := t.TempDir()
	require.NoError(t, os.Chmod(path, 0o700))
	return path
}

// newProcess returns a registry as another process would have it, and what ends it.
func newProcess(t testing.TB, path string, options ...multiproc.Option) (*ember.Registry, func()) {
	t.Helper()
	d, err := multiproc.Open(path, options...)
	require.NoError(t, err)
	end := sync.OnceFunc(func() { require.NoError(t, d.Close()) })
	t.Cleanup(end)
	return ember.NewRegistry(ember.WithMultiproc(d)), end
}

// samplesOf returns the lines of a scrape that are samples, but for those of ember's own.
func samplesOf(t testing.TB, g ember.Gatherer) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	var lines []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "ember_") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestMultiprocKinds(t *testing.T) {
	path := dirForProcesses(t)
	var regs []*ember.Registry
	var ends []func()
	for i := range 3 {
		reg, end := newProcess(t, path)
		regs, ends = append(regs, reg), append(ends, end)
		n := float64(i + 1)
		reg.NewCounter(ember.CounterOpts{Name: "a_total", Help: "A."}).Add(n)
		reg.NewCounterVec(ember.CounterOpts{Name: "b_total", ConstLabels: ember.Labels{"zone": "x"}}, "method", "path").With("GET", "/\"").Add(n + 0.5)
		for _, mode := range []ember.Mode{ember.ModeDefault, ember.ModeSum, ember.ModeMax, ember.ModeMin, ember.ModeLatest, ember.ModeLiveMax, ember.ModeLiveLatest} {
			reg.NewGaugeVec(ember.GaugeOpts{Name: "c_" + mode.String(), Mode: mode}, "l").With("").Set(n)
		}
		reg.NewGauge(ember.GaugeOpts{Name: "d"})
		reg.NewHistogram(ember.HistogramOpts{Name: "e", Buckets: []float64{1, 2}}).Observe(n)
		h := reg.NewHistogramVec(ember.HistogramOpts{Name: "f", Native: &ember.NativeOpts{}}, "l").With("1")
		h.Observe(n)
		h.Observe(1000)
		reg.NewSummary(ember.SummaryOpts{Name: "g", Quantiles: []float64{0, 0.5, 1}}).Observe(n)
		reg.NewInfo(ember.InfoOpts{Name: "h_info"}, ember.Labels{"version": "1"})
		reg.MustRegister(ember.NewGaugeFunc(ember.GaugeOpts{Name: "i"}, func() float64 { return n }))
		reg.NewStateSet(ember.StateSetOpts{Name: "j"}, "on", "off").Set("on", true)
		reg.NewCounterVec(ember.CounterOpts{Name: "k_total"}, "x").SetFunc(func() float64 { return n }, "y")
		samplesOf(t, reg) // so that what comes from functions is there
	}
	const counted = `a_total 6
b_total{method="GET",path="/\"",zone="x"} 7.5
`
	const observed = `e_bucket{le="1"} 1
e_bucket{le="2"} 2
e_bucket{le="+Inf"} 3
e_sum 6
e_count 3
f_bucket{l="1",le="+Inf"} 6
f_sum{l="1"} 3006
f_count{l="1"} 6
g{quantile="0"} 1
g{quantile="0.5"} 2.0155038759689923
g{quantile="1"} 3
g_sum 6
g_count 3
`
	for _, reg := range regs {
		require.Equal(t, counted+`c_default{l=""} 6
c_latest{l=""} 3
c_livelatest{l=""} 3
c_livemax{l=""} 3
c_max{l=""} 3
c_min{l=""} 1
c_sum{l=""} 6
`+observed+`h_info{version="1"} 1
i 6
j{j="off"} 0
j{j="on"} 1
k_total{x="y"} 6
`, samplesOf(t, reg))
	}
	families, err := regs[0].Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.Name == "f" {
			require.Equal(t, uint64(6), f.Points[0].Count)
			require.Len(t, f.Points[0].Native.Positive, 4)
			require.False(t, f.Points[0].Created.IsZero())
		}
	}

	// What the dead have counted stays, until long after their files are gone.
	ends[2]()
	ends[1]()
	for range 3 {
		require.Equal(t, counted+`c_default{l=""} 1
c_latest{l=""} 3
c_livelatest{l=""} 1
c_livemax{l=""} 1
c_max{l=""} 3
c_min{l=""} 1
c_sum{l=""} 6
`+observed+`h_info{version="1"} 1
i 1
j{j="off"} 0
j{j="on"} 1
k_total{x="y"} 6
`, samplesOf(t, regs[0]))
	}
	require.ErrorContains(t, ember.WriteText(new(strings.Builder), regs[1]), "closed")
}

// Instruments that exist before they are registered, or before the registry is one with
// others, take along what they have; updates meanwhile are not lost.
func TestMultiprocMovesInstruments(t *testing.T) {
	path := dirForProcesses(t)
	other, _ := newProcess(t, path)
	const rounds = 300
	for range 10 {
		c := ember.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "l")
		g := ember.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "l")
		idle := ember.NewGaugeVec(ember.GaugeOpts{Name: "idle", IdleAfter: time.Hour}, "l")
		latest := ember.NewGauge(ember.GaugeOpts{Name: "latest", Mode: ember.ModeLatest})
		zero := ember.NewGauge(ember.GaugeOpts{Name: "zero"})
		unset := ember.NewGauge(ember.GaugeOpts{Name: "unset"})
		h := ember.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1}})
		n := ember.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{MaxBuckets: 10}})
		s := ember.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
		latest.Set(7)
		zero.Set(0)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range rounds {
					c.With("x").Inc()
					c.With("x").Add(0.5)
					g.With("x").Inc()
					idle.With("x").Add(2)
					h.Observe(float64(i))
					n.Observe(float64(uint(1) << (8 * i)))
					s.Observe(3)
				}
			})
		}
		reg, end := newProcess(t, path)
		reg.MustRegister(c, g, idle, h, n)
		reg.MustRegister(s, latest, zero, unset)
		wg.Wait()
		samplesOf(t, reg) // which settles what came late
		require.Equal(t, `c_total{l="x"} 1800
g{l="x"} 1200
h_bucket{le="1"} 600
h_bucket{le="+Inf"} 1200
h_sum 1800
h_count 1200
idle{l="x"} 2400
latest 7
n_bucket{le="+Inf"} 1200
n_sum 5.0529027e+09
n_count 1200
s{quantile="0.5"} 3
s_sum 3600
s_count 1200
zero 0
`, samplesOf(t, other))
		require.Equal(t, 1800.0, c.With("x").Value())
		require.Equal(t, 1200.0, g.With("x").Value())
		require.EqualValues(t, 1200, h.Count())
		require.EqualValues(t, 1200, s.Count())

		// Series that end, end for all.
		c.Reset()
		reg.Unregister(h)
		reg.Unregister(n)
		reg.Unregister(s)
		g.Delete("x")
		idle.Delete("x")
		reg.Unregister(latest)
		zero.Set(1)
		require.Equal(t, "zero 1\n", samplesOf(t, other))
		reg.MustRegister(h)
		require.Equal(t, "h_bucket{le=\"1\"} 600\nh_bucket{le=\"+Inf\"} 1200\nh_sum 1800\nh_count 1200\nzero 1\n", samplesOf(t, other))
		reg.Unregister(h)
		reg.Unregister(zero)
		end()
	}
}

func TestMultiprocConfigure(t *testing.T) {
	path := dirForProcesses(t)
	other, _ := newProcess(t, path)
	reg := ember.NewRegistry(ember.WithMaxSeries(2))
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "l")
	c := reg.Sub("sub_", ember.Labels{"zone": "x"}).NewCounterVec(ember.CounterOpts{Name: "c_total"}, "l")
	for i := range 5 {
		v.With(string(rune('a' + i))).Add(1)
		c.With(string(rune('a' + i))).Add(1)
	}
	d, err := multiproc.Open(path)
	require.NoError(t, err)
	defer d.Close()
	reg.Configure(ember.WithMultiproc(d))
	v.With("x").Add(1)
	c.With("x").Add(1)
	const want = `sub_c_total{l="a",zone="x"} 1
sub_c_total{l="b",zone="x"} 1
sub_c_total{l="other",zone="x"} 4
`
	require.Equal(t, `g{l="a"} 1
g{l="b"} 1
g{l="other"} 4
`+want, samplesOf(t, other))
	require.Equal(t, want, samplesOf(t, reg.Sub("sub_", ember.Labels{"zone": "x"})))
	require.Equal(t, want, samplesOf(t, other.Sub("sub_", nil)))
}

// Rules change what other processes see as well.
func TestMultiprocRules(t *testing.T) {
	path := dirForProcesses(t)
	other, _ := newProcess(t, path)
	d, err := multiproc.Open(path)
	require.NoError(t, err)
	defer d.Close()
	rules, err := ember.NewRules(
		ember.Rule{Metric: "c_total", DropLabels: []string{"user"}},
		ember.Rule{Metric: "h", Buckets: []float64{10}},
		ember.Rule{Metric: "gone", Drop: true},
	)
	require.NoError(t, err)
	reg := ember.NewRegistry(ember.WithRules(rules), ember.WithMultiproc(d))
	c := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "user", "method")
	c.With("1", "GET").Inc()
	c.With("2", "GET").Inc()
	h := reg.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 2}})
	h.Observe(1.5)
	h.Observe(11)
	reg.NewCounter(ember.CounterOpts{Name: "gone"}).Inc()
	require.Equal(t, `c_total{method="GET"} 2
h_bucket{le="10"} 1
h_bucket{le="+Inf"} 2
h_sum 12.5
h_count 2
`, samplesOf(t, other))
}

// Where there is no place in the file, an instrument works for its own process.
func TestMultiprocWithoutPlace(t *testing.T) {
	captureLog(t)
	path := dirForProcesses(t)
	reg, _ := newProcess(t, path, multiproc.WithMaxBytes(1<<16))
	v := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "l")
	const series = 2000
	for i := range series {
		v.With(string(rune('a' + i))).Inc()
	}
	sum := 0.0
	for _, c := range v.All() {
		sum += c.Value()
	}
	require.EqualValues(t, series, sum)
	families, err := reg.Gather()
	require.NoError(t, err)
	var seen, without float64
	for _, f := range families {
		switch f.Name {
		case "c_total":
			seen = float64(len(f.Points))
		case "ember_multiproc_series_without_place_total":
			without = f.Points[0].Value
		}
	}
	require.Greater(t, seen, 100.0)
	require.Less(t, seen, float64(series))
	require.GreaterOrEqual(t, without, series-seen)
}

// What a collector writes is seen by all, and gone when it does not write it any more.
func TestMultiprocCollectors(t *testing.T) {
	path := dirForProcesses(t)
	other, _ := newProcess(t, path)
	reg, end := newProcess(t, path)
	var on atomic.Bool
	on.Store(true)
	c := collectorFunc(func(out *metric.Sink) {
		out.Counter("c_total", "", 2, metric.Label{Name: "a", Value: "b"})
		if on.Load() {
			out.Gauge("g", "", 3)
		}
	})
	require.NoError(t, reg.Register(&c))
	samplesOf(t, reg)
	require.Equal(t, "c_total{a=\"b\"} 2\ng 3\n", samplesOf(t, other))
	on.Store(false)
	samplesOf(t, reg)
	require.Equal(t, "c_total{a=\"b\"} 2\n", samplesOf(t, other))
	end() // which collects a last time
	require.Equal(t, "c_total{a=\"b\"} 2\n", samplesOf(t, other))
}

// A series that is idle in one process would take its part out of a total, which then
// looks as if it had begun anew. So only gauges go.
func TestMultiprocIdle(t *testing.T) {
	path := dirForProcesses(t)
	reg, _ := newProcess(t, path)
	g := reg.NewGaugeVec(ember.GaugeOpts{Name: "g", IdleAfter: time.Nanosecond}, "l")
	c := reg.NewCounterVec(ember.CounterOpts{Name: "c_total", IdleAfter: time.Nanosecond}, "l")
	held := g.With("x")
	held.Set(1)
	c.With("x").Inc()
	for range 3 {
		samplesOf(t, reg)
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, "c_total{l=\"x\"} 1\n", samplesOf(t, reg))
	held.Set(2)
	require.Equal(t, "c_total{l=\"x\"} 1\ng{l=\"x\"} 2\n", samplesOf(t, reg))
}

// Whatever goroutines do at once with vectors, before and after they are registered, other
// processes see what this one has, exactly.
func TestMultiprocSeesWhatThereIs(t *testing.T) {
	path := dirForProcesses(t)
	other, _ := newProcess(t, path)
	reg, _ := newProcess(t, path)
	plain := ember.NewRegistry()
	seed := random(t).Uint64()
	counters := ember.NewCounterVec(ember.CounterOpts{Name: "c_total", MaxSeries: 4}, "l")
	gauges := ember.NewGaugeVec(ember.GaugeOpts{Name: "g", MaxSeries: 4}, "l")
	idling := ember.NewGaugeVec(ember.GaugeOpts{Name: "i", IdleAfter: time.Hour}, "l")
	latest := ember.NewGaugeVec(ember.GaugeOpts{Name: "latest", Mode: ember.ModeLatest}, "l")
	histograms := ember.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 10}}, "l")
	natives := ember.NewHistogramVec(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{MaxBuckets: 8}}, "l")
	summaries := ember.NewSummaryVec(ember.SummaryOpts{Name: "s", Quantiles: []float64{0, 0.5, 1}}, "l")

	const goroutines, steps = 4, 2000
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(g)))
			var updates []func(v float64) // of instruments that are held, whose series may have ended
			for range steps {
				l := strconv.Itoa(r.IntN(7))
				switch r.IntN(24) {
				case 0:
					counters.Delete(l)
					gauges.Delete(l)
				case 1:
					idling.Delete(l)
					latest.Delete(l)
				case 2:
					histograms.Delete(l)
					natives.Delete(l)
				case 3:
					summaries.Reset()
				case 4, 5, 6, 7:
					updates = append(updates, counters.With(l).Add, gauges.With(l).Add, idling.With(l).Add, idling.With(l).Set,
						latest.With(l).Set, histograms.With(l).Observe, natives.With(l).Observe, summaries.With(l).Observe)
				case 8:
					if g == 0 {
						samplesOf(t, reg)
					}
				default:
					if len(updates) > 0 {
						updates[r.IntN(len(updates))](float64(uint(1) << r.IntN(20)))
					}
				}
			}
			for _, update := range updates {
				update(1) // so that what is there was set
			}
		})
	}
	all := []ember.Collector{counters, gauges, idling, latest, histograms, natives, summaries}
	for _, c := range all {
		runtime.Gosched()
		require.NoError(t, reg.Register(c))
		require.NoError(t, plain.Register(c))
	}
	wg.Wait()
	samplesOf(t, reg)
	require.Equal(t, samplesOf(t, plain), samplesOf(t, other))

	mine, err := plain.Gather()
	require.NoError(t, err)
	theirs, err := other.Gather()
	require.NoError(t, err)
	native := func(families []*metric.Family) (points []metric.Point) {
		for _, f := range families {
			if f.Name == "n" {
				points = f.Points
			}
		}
		return points
	}
	require.Equal(t, native(mine), native(theirs))
}

// What is the same in all processes, or a moment, is not added up.
func TestMultiprocRuntime(t *testing.T) {
	path := dirForProcesses(t)
	var regs []*ember.Registry
	for range 3 {
		reg, _ := newProcess(t, path)
		reg.MustRegister(
			collectors.NewGo(collectors.GoOpts{}),
			collectors.NewProcess(collectors.ProcessOpts{}),
			collectors.NewBuildInfo(),
		)
		regs = append(regs, reg)
		samplesOf(t, reg) // so that the others see it
	}
	families, err := regs[0].Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		values[f.Name] = f.Points[0].Value
	}
	require.Equal(t, 1.0, values["go_info"])
	require.Equal(t, 1.0, values["go_build_info"])
	require.EqualValues(t, runtime.GOMAXPROCS(0), values["go_sched_gomaxprocs_threads"])
	require.LessOrEqual(t, values["process_start_time_seconds"], float64(time.Now().Unix()+2), "and not a sum")
	require.LessOrEqual(t, values["go_memstats_last_gc_time_seconds"], float64(time.Now().Unix()+1))
	require.Greater(t, values["go_goroutines"], 2.0*float64(runtime.NumGoroutine())-10, "which are added up")
}

// registering is a log handler that counts what is logged in a vector that it registers
// when it is first needed.
type registering struct {
	slog.Handler
	reg  *ember.Registry
	done chan struct{}
}

func (h *registering) Handle(context.Context, slog.Record) error {
	h.reg.NewCounterVec(ember.CounterOpts{Name: "log_lines_total"}, "level").With("error").Inc()
	close(h.done)
	return nil
}

// Whoever writes logs may use the registry, also to say that there is no place.
func TestMultiprocLogsWithoutPlace(t *testing.T) {
	h := &registering{Handler: slog.DiscardHandler, done: make(chan struct{})}
	path := dirForProcesses(t)
	reg, _ := newProcess(t, path, multiproc.WithMaxBytes(1<<16), multiproc.WithLogger(slog.New(errorsOnly{h})))
	h.reg = reg
	v := ember.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "l")
	for i := range 2000 {
		v.With(strconv.Itoa(i)).Inc()
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		reg.MustRegister(v)
		<-h.done
	}()
	select {
	case <-finished:
	case <-time.After(10 * time.Second):
		t.Fatal("what is logged waits for what logs it")
	}
}

// errorsOnly passes on errors alone.
type errorsOnly struct{ slog.Handler }

func (l errorsOnly) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelError
}

// A scrape looks at each series whether it has moved, and allocates nothing for those that
// have.
func TestMultiprocScrapesDoNotLookUpLabels(t *testing.T) {
	path := dirForProcesses(t)
	d, err := multiproc.Open(path)
	require.NoError(t, err)
	defer d.Close()
	v := ember.NewCounterVec(ember.CounterOpts{Name: "c_total", MaxSeries: -1}, "a", "b")
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	reg.MustRegister(v)
	count := func(series int) float64 {
		for i := range series {
			v.With("x", strconv.Itoa(i))
		}
		return testing.AllocsPerRun(5, func() { ember.PublishNow(reg) })
	}
	few, many := count(10), count(5000)
	require.Less(t, many-few, 50.0)
}
