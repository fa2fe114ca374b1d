// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

func TestMaxSeries(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", MaxSeries: 2}, "user", "zone")
	v.With("a", "1").Inc()
	v.With("b", "1").Inc()
	long := strings.Repeat("é", 40)
	v.With(long, "1").Add(3)
	v.With("d", "2").Add(4)
	v.With("a", "1").Inc()
	require.Same(t, v.With("e", "1"), v.With("f", "2"))
	require.Equal(t, `# HELP ember_series_overflow_total Lookups of series, or of values of the named label, that there was no place for; they were counted as "other".
# TYPE ember_series_overflow_total counter
ember_series_overflow_total{metric="x_total"} 4
# TYPE x_total counter
x_total{user="a",zone="1"} 2
x_total{user="b",zone="1"} 1
x_total{user="other",zone="other"} 7
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: too many series; further ones are counted as \"other\"" metric=x_total labels="[user zone]" example="[`+strings.Repeat("é", 30)+`… 1]"`+"\n", logged.String())
	require.Equal(t, 3, v.Len())
	_, ok := v.Lookup("d", "2")
	require.False(t, ok)
	require.False(t, v.Delete("d", "2"))

	require.True(t, v.Delete("b", "1"))
	v.With("c", "1").Inc() // there is a place again
	require.Equal(t, 3, v.Len())
	got, ok := v.Lookup("c", "1")
	require.True(t, ok)
	require.Equal(t, 1.0, got.Value())

	v.Reset()
	require.Zero(t, v.Len())
	for i := range 5 {
		v.With(fmt.Sprint(i), "").Inc()
	}
	require.Equal(t, 3, v.Len())
}

func TestMaxSeriesOfRegistry(t *testing.T) {
	for name, tc := range map[string]struct {
		registry, own int
		want          int // series of 20, and one for the others
	}{
		"neither":             {0, 0, 20},
		"of the registry":     {5, 0, 6},
		"its own":             {5, 7, 8},
		"no limit of its own": {5, -1, 20},
		"no limit":            {-1, 0, 20},
	} {
		t.Run(name, func(t *testing.T) {
			captureLog(t)
			v := ember.NewGaugeVec(ember.GaugeOpts{Name: "x", MaxSeries: tc.own}, "i")
			ember.NewRegistry(ember.WithMaxSeries(tc.registry)).MustRegister(v)
			for i := range 20 {
				v.With(fmt.Sprint(i))
			}
			require.Equal(t, tc.want, v.Len())
		})
	}
}

// Whoever counts past the default limit has one series more.
func TestMaxSeriesIsThereByDefault(t *testing.T) {
	captureLog(t)
	v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "i")
	for i := range 100_100 {
		v.With(fmt.Sprint(i)).Inc()
	}
	require.Equal(t, 100_001, v.Len())
	require.Equal(t, 100.0, v.With("other").Value())
}

func TestLabelBudgets(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{
		Name:         "x_total",
		LabelBudgets: map[string]int{"path": 3, "method": 2},
		KnownValues:  map[string][]string{"path": {"/", "/login"}},
	}, "method", "path", "status")
	for _, values := range [][3]string{
		{"GET", "/scan/1", "404"},
		{"GET", "/scan/2", "404"},
		{"GET", "/scan/3", "200"},
		{"GET", "/login", "200"},
		{"POST", "/", "200"},
		{"BREW", "/", "200"},
		{"BREW", "/scan/9", "404"},
		{"other", "/", "200"},
		{"GET", "/scan/1", "200"},
	} {
		v.With(values[:]...).Inc()
	}
	require.Equal(t, `# HELP ember_series_overflow_total Lookups of series, or of values of the named label, that there was no place for; they were counted as "other".
# TYPE ember_series_overflow_total counter
ember_series_overflow_total{label="method",metric="x_total"} 2
ember_series_overflow_total{label="path",metric="x_total"} 3
# TYPE x_total counter
x_total{method="GET",path="/login",status="200"} 1
x_total{method="GET",path="/scan/1",status="200"} 1
x_total{method="GET",path="/scan/1",status="404"} 1
x_total{method="GET",path="other",status="200"} 1
x_total{method="GET",path="other",status="404"} 1
x_total{method="POST",path="/",status="200"} 1
x_total{method="other",path="/",status="200"} 2
x_total{method="other",path="other",status="404"} 1
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: too many values of a label; further ones are counted as \"other\"" metric=x_total label=path example=/scan/2
level=WARN msg="ember: too many values of a label; further ones are counted as \"other\"" metric=x_total label=method example=BREW
`, logged.String())

	// A value has its place as long as a series has the value, or for good if it is known.
	require.Equal(t, 2, v.DeleteMatching(ember.Labels{"path": "/scan/1"}))
	require.Equal(t, 2, v.DeleteMatching(ember.Labels{"path": "/"}))
	v.With("GET", "/new", "200").Inc()
	_, ok := v.Lookup("GET", "/new", "200")
	require.True(t, ok)
	v.With("GET", "/", "200").Inc()
	_, ok = v.Lookup("GET", "/", "200")
	require.True(t, ok)
	v.With("GET", "/newer", "200").Inc()
	_, ok = v.Lookup("GET", "/newer", "200")
	require.False(t, ok)
}

// A gauge has no sum of what it was set to, but of what was added.
func TestGaugesBeyondLimits(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry()
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", MaxSeries: 1}, "i")
	v.With("a").Set(-0.5)
	v.With("b").Set(1)
	v.With("c").Set(2)
	v.With("d").SetToCurrentTime()
	v.SetFunc(func() float64 { return 1 }, "e")
	require.Equal(t, 0.0, v.With("f").Value())
	require.Equal(t, `# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="series_limit"} 4
# HELP ember_series_overflow_total Lookups of series, or of values of the named label, that there was no place for; they were counted as "other".
# TYPE ember_series_overflow_total counter
ember_series_overflow_total{metric="x"} 5
# TYPE x gauge
x{i="a"} -0.5
`, scrapeOf(t, reg))

	v.With("b").Add(2)
	done := v.With("c").Track()
	require.Contains(t, scrapeOf(t, reg), "\nx{i=\"other\"} 3\n")
	done()
	v.With("d").Sub(2)
	require.Contains(t, scrapeOf(t, reg), "\nx{i=\"other\"} 0\n")
	require.Contains(t, scrapeOf(t, reg), "reason=\"series_limit\"} 4\n")
}

func TestNormalize(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry()
	calls := 0
	v := reg.NewCounterVec(ember.CounterOpts{
		Name: "x_total",
		Normalize: map[string]func(string) string{
			"method": func(s string) string { calls++; return strings.ToLower(s) },
			"path": func(s string) string {
				if s == "/panic" {
					panic("no")
				}
				return strings.TrimRight(s, "0123456789")
			},
		},
	}, "method", "path")
	v.With("GET", "/users/1").Inc()
	v.With("get", "/users/2").Inc()
	v.With("Get", "/panic").Inc()
	require.Equal(t, 3, calls)
	for range 3 {
		v.With("get", "/users/").Inc()
	}
	require.Equal(t, 3, calls, "it was called for what is there as it is")
	for range 3 {
		v.With("GET", "/users/1").Add(0)
		v.Lookup("Get", "/users/2")
	}
	require.Equal(t, 3, calls, "it was called again for what it was called for")
	require.Equal(t, `# TYPE x_total counter
x_total{method="get",path="/panic"} 1
x_total{method="get",path="/users/"} 5
`, scrapeOf(t, reg))
	c, ok := v.Lookup("GET", "/users/3")
	require.True(t, ok)
	require.Equal(t, 5.0, c.Value())
	curried, err := v.Curry(ember.Labels{"method": "GET"})
	require.NoError(t, err)
	require.Same(t, c, curried.With("/users/4"))
	require.Equal(t, 2, curried.Len())
	require.Equal(t, 1, v.DeleteMatching(ember.Labels{"path": "/users/5"}))
	require.True(t, v.Delete("GET", "/panic"))
	require.Zero(t, v.Len())
}

func TestBadLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		opts ember.CounterOpts
		want string
	}{
		"budget of no label":    {ember.CounterOpts{LabelBudgets: map[string]int{"z": 1}}, `ember: counter "x_total" has no label "z" to limit; its labels are ["a" "b"]`},
		"known of no label":     {ember.CounterOpts{KnownValues: map[string][]string{"z": nil}}, `ember: counter "x_total" has no label "z" to limit; its labels are ["a" "b"]`},
		"normalize no label":    {ember.CounterOpts{Normalize: map[string]func(string) string{"z": strings.ToLower}}, `ember: counter "x_total" has no label "z" to limit; its labels are ["a" "b"]`},
		"budget of nothing":     {ember.CounterOpts{LabelBudgets: map[string]int{"a": 0}}, `ember: counter "x_total": the budget of label "a" (0) must be positive`},
		"negative budget":       {ember.CounterOpts{LabelBudgets: map[string]int{"a": 5, "b": -3}}, `ember: counter "x_total": the budget of label "b" (-3) must be positive`},
		"known without budget":  {ember.CounterOpts{KnownValues: map[string][]string{"a": {"1"}}}, `ember: counter "x_total": label "a" has known values, but no budget`},
		"known above budget":    {ember.CounterOpts{LabelBudgets: map[string]int{"a": 1}, KnownValues: map[string][]string{"a": {"1", "2"}}}, `ember: counter "x_total": label "a" has 2 known values, but a budget of 1`},
		"known twice":           {ember.CounterOpts{LabelBudgets: map[string]int{"a": 3}, KnownValues: map[string][]string{"a": {"1", "1"}}}, `ember: counter "x_total": the known value "1" of label "a" stands twice`},
		"known not UTF-8":       {ember.CounterOpts{LabelBudgets: map[string]int{"a": 3}, KnownValues: map[string][]string{"a": {"\xff"}}}, `ember: counter "x_total": the known value "\xff" of label "a" is not valid UTF-8`},
		"known not normal":      {ember.CounterOpts{LabelBudgets: map[string]int{"a": 3}, KnownValues: map[string][]string{"a": {"GET"}}, Normalize: map[string]func(string) string{"a": strings.ToLower}}, `ember: counter "x_total": the known value "GET" of label "a" is not normal: Normalize makes "get" of it`},
		"normalize with nobody": {ember.CounterOpts{Normalize: map[string]func(string) string{"b": nil}}, `ember: counter "x_total": the function to normalize label "b" is nil`},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Name = "x_total"
			v := ember.NewCounterVec(tc.opts, "a", "b")
			v.With("1", "2").Inc()
			require.EqualError(t, ember.NewRegistry().Register(v), tc.want)
		})
	}
}

// Vectors of one name with other limits are not the same, and the error says how they
// differ.
func TestLimitsMakeADifference(t *testing.T) {
	reg := ember.NewRegistry()
	opts := ember.HistogramOpts{Name: "h", Buckets: []float64{1}, MaxSeries: 5, LabelBudgets: map[string]int{"a": 2}}
	v := reg.NewHistogramVec(opts, "a")
	require.Same(t, v, reg.NewHistogramVec(opts, "a"))
	require.PanicsWithError(t, `ember: h is already registered, by a *ember.HistogramVec; it is a *ember.HistogramVec of "h" with the labels ["a"] and label budgets map[a:2] and known values map[] and at most 5 series, not a *ember.HistogramVec of "h" with the labels ["a"]`, func() {
		reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1}}, "a")
	})
}

// Whatever several goroutines do, the limits hold in every scrape, and what was counted
// in series that were not deleted is there.
func TestLimitsUnderLoad(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{
		Name: "x_total", MaxSeries: 50,
		LabelBudgets: map[string]int{"a": 10},
		KnownValues:  map[string][]string{"a": {"k1", "k2"}},
		Normalize:    map[string]func(string) string{"b": strings.ToLower},
	}, "a", "b")
	h := reg.NewHistogramVec(ember.HistogramOpts{Name: "h", MaxSeries: 20, Buckets: []float64{1}}, "a")
	const workers, each = 8, 5000
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				a := fmt.Sprint("k", r.IntN(100))
				v.With(a, []string{"X", "x", "Y"}[i%3]).Inc()
				h.With(a).Observe(float64(i % 3))
				if i%97 == 0 { // a series that nobody counts in
					v.With("gone", "z")
					v.Delete("gone", "Z")
				}
			}
		})
	}
	for range 20 {
		require.LessOrEqual(t, v.Len(), 51)
		require.LessOrEqual(t, h.Len(), 21)
		scrapeOf(t, reg)
	}
	wg.Wait()
	sum, as := 0.0, make(map[string]bool)
	for values, c := range v.All() {
		sum += c.Value()
		as[values[0]] = true
		require.Equal(t, strings.ToLower(values[1]), values[1])
	}
	require.Equal(t, float64(workers*each), sum)
	require.LessOrEqual(t, len(as), 11)
	var count uint64
	total := 0.0
	for _, s := range h.All() {
		count += s.Count()
		total += s.Sum()
	}
	require.Equal(t, uint64(workers*each), count)
	require.Equal(t, float64(workers*(each/3*3+1)), total) // 0+1+2 for each three, and 0+1 for the last two
}
