// SPDX-License-Identifier: Apache-2.0

package embercache_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embercache"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// table is a cache that does as it is told.
type table struct {
	values map[string]int
	getErr error
	setErr error
	took   time.Duration
	sets   int
	panics bool
}

func (c *table) Get(_ context.Context, key string) (int, bool, error) {
	c.act()
	v, found := c.values[key]
	return v, found, c.getErr
}

func (c *table) Set(_ context.Context, key string, value int) error {
	c.act()
	c.sets++
	if c.setErr == nil {
		c.values[key] = value
	}
	return c.setErr
}

func (c *table) act() {
	time.Sleep(c.took)
	if c.panics {
		panic("no table")
	}
}

var errBroken = errors.New("broken")

// nonZero returns the samples of a scrape that are not zero, but for buckets and sums.
func nonZero(t *testing.T, g ember.Gatherer) []string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	found := []string{}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0") && !strings.Contains(line, "_bucket") && !strings.Contains(line, "_sum") {
			found = append(found, line)
		}
	}
	return found
}

func TestOutcomes(t *testing.T) {
	loadTo := func(v int, err error) func(context.Context, string) (int, error) {
		return func(context.Context, string) (int, error) { return v, err }
	}
	for name, tc := range map[string]struct {
		table table
		do    func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int])
		want  []string
		sets  int
	}{
		"a hit": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, found, err := c.Get(ctx, "one")
			require.Equal(t, []any{1, true, nil}, []any{v, found, err})
		}, want: []string{`cache_requests_total{cache="numbers",result="hit"} 1`}},
		"a miss": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, found, err := c.Get(ctx, "two")
			require.Equal(t, []any{0, false, nil}, []any{v, found, err})
		}, want: []string{`cache_requests_total{cache="numbers",result="miss"} 1`}},
		"an error, whatever else is returned": {table: table{getErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, found, err := c.Get(ctx, "one")
			require.Equal(t, []any{1, true, errBroken}, []any{v, found, err})
		}, want: []string{`cache_requests_total{cache="numbers",result="error"} 1`}},
		"canceled": {table: table{getErr: context.Canceled}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			_, _, err := c.Get(ctx, "one")
			require.ErrorIs(t, err, context.Canceled)
		}, want: []string{`cache_requests_total{cache="numbers",result="canceled"} 1`}},
		"canceled, in the cache's words": {table: table{getErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, _, err := c.Get(ctx, "one")
			require.ErrorIs(t, err, errBroken)
		}, want: []string{`cache_requests_total{cache="numbers",result="canceled"} 1`}},
		"a deadline": {table: table{getErr: context.DeadlineExceeded}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			c.Get(ctx, "one")
		}, want: []string{`cache_requests_total{cache="numbers",result="error"} 1`}},
		"a set": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			require.NoError(t, c.Set(ctx, "two", 2))
		}, want: []string{`cache_sets_total{cache="numbers",result="ok"} 1`}, sets: 1},
		"a set that fails": {table: table{setErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			require.Equal(t, errBroken, c.Set(ctx, "two", 2))
		}, want: []string{`cache_sets_total{cache="numbers",result="error"} 1`}, sets: 1},
		"not loaded": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, err := c.GetOrLoad(ctx, "one", func(context.Context, string) (int, error) { panic("called") })
			require.Equal(t, []any{1, nil}, []any{v, err})
		}, want: []string{`cache_requests_total{cache="numbers",result="hit"} 1`}},
		"loaded": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			for range 2 {
				v, err := c.GetOrLoad(ctx, "two", loadTo(2, nil))
				require.Equal(t, []any{2, nil}, []any{v, err})
			}
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="ok"} 1`,
			`cache_requests_total{cache="numbers",result="hit"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
			`cache_sets_total{cache="numbers",result="ok"} 1`,
		}, sets: 1},
		"loaded and not set": {table: table{setErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, err := c.GetOrLoad(ctx, "two", loadTo(2, nil))
			require.Equal(t, []any{2, nil}, []any{v, err})
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="ok"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
			`cache_sets_total{cache="numbers",result="error"} 1`,
		}, sets: 1},
		"loaded past a broken cache": {table: table{getErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, err := c.GetOrLoad(ctx, "one", loadTo(11, nil))
			require.Equal(t, []any{11, nil}, []any{v, err})
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="ok"} 1`,
			`cache_requests_total{cache="numbers",result="error"} 1`,
		}},
		"not loaded for who went away": {table: table{getErr: errBroken}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_, err := c.GetOrLoad(ctx, "one", func(context.Context, string) (int, error) { panic("called") })
			require.Equal(t, errBroken, err)
		}, want: []string{`cache_requests_total{cache="numbers",result="canceled"} 1`}},
		"a load that fails": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			v, err := c.GetOrLoad(ctx, "two", loadTo(-1, errBroken))
			require.Equal(t, []any{-1, errBroken}, []any{v, err})
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="error"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"a load that is canceled": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			c.GetOrLoad(ctx, "two", loadTo(0, context.Canceled))
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="canceled"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"a load that panics": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			require.PanicsWithValue(t, "no", func() {
				c.GetOrLoad(ctx, "two", func(context.Context, string) (int, error) { panic("no") })
			})
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="error"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"a load that panics for who went away": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			ctx, cancel := context.WithCancel(ctx)
			require.PanicsWithValue(t, "no", func() {
				c.GetOrLoad(ctx, "two", func(context.Context, string) (int, error) { cancel(); panic("no") })
			})
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="error"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"a load that ends the goroutine": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			var wg sync.WaitGroup
			wg.Go(func() {
				c.GetOrLoad(ctx, "two", func(context.Context, string) (int, error) { runtime.Goexit(); return 0, nil })
			})
			wg.Wait()
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="error"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"no load": {do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			require.Panics(t, func() { c.GetOrLoad(ctx, "two", nil) })
		}, want: []string{
			`cache_load_duration_seconds_count{cache="numbers"} 1`,
			`cache_loads_total{cache="numbers",result="error"} 1`,
			`cache_requests_total{cache="numbers",result="miss"} 1`,
		}},
		"a get that panics": {table: table{panics: true}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			require.PanicsWithValue(t, "no table", func() { c.Get(ctx, "one") })
			require.PanicsWithValue(t, "no table", func() {
				c.GetOrLoad(ctx, "one", func(context.Context, string) (int, error) { panic("called") })
			})
		}, want: []string{`cache_requests_total{cache="numbers",result="error"} 2`}},
		"a set that panics": {table: table{panics: true}, do: func(ctx context.Context, t *testing.T, c *embercache.Measured[string, int]) {
			require.PanicsWithValue(t, "no table", func() { c.Set(ctx, "one", 1) })
		}, want: []string{`cache_sets_total{cache="numbers",result="error"} 1`}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			tc.table.values = map[string]int{"one": 1}
			c := embercache.Wrap(embercache.NewMetrics(reg, embercache.Options{Name: "numbers"}), &tc.table)
			tc.do(t.Context(), t, c)
			require.Equal(t, tc.want, nonZero(t, reg))
			require.Equal(t, tc.sets, tc.table.sets)
			require.Same(t, &tc.table, c.Unwrap())
			embertest.RequireClean(t, reg)
		})
	}
}

func TestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		m := embercache.NewMetrics(reg, embercache.Options{Buckets: []float64{.01, .1}, Latency: true})
		c := embercache.Wrap(m, &table{values: map[string]int{}, took: 5 * time.Millisecond})
		_, err := c.GetOrLoad(t.Context(), "two", func(context.Context, string) (int, error) {
			time.Sleep(50 * time.Millisecond)
			return 2, nil
		})
		require.NoError(t, err)
		var b strings.Builder
		require.NoError(t, ember.WriteText(&b, reg))
		require.Equal(t, `# HELP cache_evictions_total Entries that a cache dropped to make place.
# TYPE cache_evictions_total counter
cache_evictions_total{cache="default"} 0
# HELP cache_load_duration_seconds Time to load what a cache did not have, failed loads too.
# TYPE cache_load_duration_seconds histogram
cache_load_duration_seconds_bucket{cache="default",le="0.01"} 0
cache_load_duration_seconds_bucket{cache="default",le="0.1"} 1
cache_load_duration_seconds_bucket{cache="default",le="+Inf"} 1
cache_load_duration_seconds_sum{cache="default"} 0.05
cache_load_duration_seconds_count{cache="default"} 1
# HELP cache_loads_total Values that were loaded because a cache did not have them.
# TYPE cache_loads_total counter
cache_loads_total{cache="default",result="canceled"} 0
cache_loads_total{cache="default",result="error"} 0
cache_loads_total{cache="default",result="ok"} 1
# HELP cache_operation_duration_seconds Time that a cache took to answer, failed requests too.
# TYPE cache_operation_duration_seconds histogram
cache_operation_duration_seconds_bucket{cache="default",operation="get",le="0.01"} 1
cache_operation_duration_seconds_bucket{cache="default",operation="get",le="0.1"} 1
cache_operation_duration_seconds_bucket{cache="default",operation="get",le="+Inf"} 1
cache_operation_duration_seconds_sum{cache="default",operation="get"} 0.005
cache_operation_duration_seconds_count{cache="default",operation="get"} 1
cache_operation_duration_seconds_bucket{cache="default",operation="set",le="0.01"} 1
cache_operation_duration_seconds_bucket{cache="default",operation="set",le="0.1"} 1
cache_operation_duration_seconds_bucket{cache="default",operation="set",le="+Inf"} 1
cache_operation_duration_seconds_sum{cache="default",operation="set"} 0.005
cache_operation_duration_seconds_count{cache="default",operation="set"} 1
# HELP cache_requests_total Values that a cache was asked for.
# TYPE cache_requests_total counter
cache_requests_total{cache="default",result="canceled"} 0
cache_requests_total{cache="default",result="error"} 0
cache_requests_total{cache="default",result="hit"} 0
cache_requests_total{cache="default",result="miss"} 1
# HELP cache_sets_total Values that a cache was given.
# TYPE cache_sets_total counter
cache_sets_total{cache="default",result="canceled"} 0
cache_sets_total{cache="default",result="error"} 0
cache_sets_total{cache="default",result="ok"} 1
`, b.String())
	})
}

// TestCountedByHand is for caches of another form.
func TestCountedByHand(t *testing.T) {
	reg := ember.NewRegistry()
	entries := 3
	opts := embercache.Options{Name: "pages", Entries: func() int { return entries }}
	m := embercache.NewMetrics(reg, opts)
	m.Hit()
	m.Miss()
	m.Error(t.Context(), nil)
	m.Error(t.Context(), errBroken)
	m.Error(t.Context(), context.Canceled)
	m.Loaded(t.Context(), time.Now(), nil)
	m.Loaded(t.Context(), time.Now(), errBroken)
	m.Evicted()
	m.EvictedMany(5)
	m.EvictedMany(0)
	m.EvictedMany(-1)
	embercache.NewMetrics(reg, opts).Hit() // is the same
	entries = 4
	require.Equal(t, []string{
		`cache_entries{cache="pages"} 4`,
		`cache_evictions_total{cache="pages"} 6`,
		`cache_load_duration_seconds_count{cache="pages"} 2`,
		`cache_loads_total{cache="pages",result="error"} 1`,
		`cache_loads_total{cache="pages",result="ok"} 1`,
		`cache_requests_total{cache="pages",result="canceled"} 1`,
		`cache_requests_total{cache="pages",result="error"} 1`,
		`cache_requests_total{cache="pages",result="hit"} 2`,
		`cache_requests_total{cache="pages",result="miss"} 1`,
	}, nonZero(t, reg))
	embertest.RequireClean(t, reg)
}

// TestSameName wants caches of one name to be one, whatever of it each of them measures.
func TestSameName(t *testing.T) {
	reg := ember.NewRegistry()
	plain := embercache.NewMetrics(reg, embercache.Options{Name: "pages"})
	timed := embercache.NewMetrics(reg, embercache.Options{Name: "pages", Latency: true, Entries: func() int { return 1 }})
	for _, m := range []*embercache.Metrics{plain, timed, embercache.NewMetrics(reg, embercache.Options{Name: "pages", Entries: func() int { return 2 }})} {
		embercache.Wrap(m, &table{}).Get(t.Context(), "one")
	}
	require.Equal(t, []string{
		`cache_entries{cache="pages"} 2`,
		`cache_operation_duration_seconds_count{cache="pages",operation="get"} 1`,
		`cache_requests_total{cache="pages",result="miss"} 3`,
	}, nonZero(t, reg))
	require.PanicsWithError(t, `ember: cache_load_duration_seconds is already registered, by a *ember.HistogramVec; it is a *ember.HistogramVec of `+
		`"cache_load_duration_seconds" with the labels ["cache"] and buckets [0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10], `+
		`not a *ember.HistogramVec of "cache_load_duration_seconds" with the labels ["cache"] and buckets [1]`,
		func() { embercache.NewMetrics(reg, embercache.Options{Name: "pages", Buckets: []float64{1}}) })
}

// TestEntriesThatFail wants a function that fails to cost no other counts.
func TestEntriesThatFail(t *testing.T) {
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	embercache.NewMetrics(reg, embercache.Options{Name: "sick", Entries: func() int { panic("no entries") }}).Hit()
	embercache.NewMetrics(reg, embercache.Options{Name: "well", Entries: func() int { return 3 }}).Hit()
	var b strings.Builder
	require.EqualError(t, ember.WriteText(&b, reg), `ember: collector cache_entries: the function of cache_entries{cache="sick"}: panic: no entries`)
	require.Contains(t, b.String(), `cache_requests_total{cache="sick",result="hit"} 1`)
	require.Contains(t, b.String(), `cache_entries{cache="well"} 3`)
	require.NotContains(t, b.String(), `cache_entries{cache="sick"}`)

	synctest.Test(t, func(t *testing.T) { // so that no time goes by but what is waited for
		stop := make(chan struct{})
		defer close(stop)
		embercache.NewMetrics(reg, embercache.Options{Name: "sick", Entries: func() int { <-stop; return 1 }})
		for range 2 { // the second time it is not even called
			scrape := httptest.NewRecorder()
			ember.HandlerFor(reg, ember.HandlerOpts{Timeout: time.Second}).ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
			require.Equal(t, 200, scrape.Code)
			require.Contains(t, scrape.Body.String(), `cache_requests_total{cache="sick",result="hit"} 1`)
			require.NotContains(t, scrape.Body.String(), `cache_entries{`)
		}
	})
}

func TestNilRegistry(t *testing.T) {
	m := embercache.NewMetrics(nil, embercache.Options{Name: "of the default registry"})
	require.Equal(t, 1.0, embertest.Delta(t, ember.Default(), m.Hit, "cache_requests_total", "cache", "of the default registry", "result", "hit"))
}

func TestNativeHistograms(t *testing.T) {
	reg := ember.NewRegistry()
	embercache.NewMetrics(reg, embercache.Options{Native: &ember.NativeOpts{}}).Loaded(t.Context(), time.Now(), nil)
	families, err := reg.Gather()
	require.NoError(t, err)
	i := slices.IndexFunc(families, func(f *metric.Family) bool { return f.Name == "cache_load_duration_seconds" })
	require.NotNil(t, families[i].Points[0].Native)
	require.Empty(t, families[i].Points[0].Buckets)
}

// TestModel compares random work of many goroutines with plain counts of it.
func TestModel(t *testing.T) {
	reg := ember.NewRegistry()
	var mu sync.Mutex
	values := make(map[int]int)
	m := embercache.NewMetrics(reg, embercache.Options{Name: "model", Entries: func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(values)
	}})
	total := make(map[string]int)
	count := func(what string) { // with mu held
		total[what]++
	}
	c := embercache.Wrap(m, embercache.Local(func(k int) (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		v, found := values[k]
		count(map[bool]string{true: `requests_total{cache="model",result="hit"}`, false: `requests_total{cache="model",result="miss"}`}[found])
		return v, found
	}, func(k, v int) {
		mu.Lock()
		defer mu.Unlock()
		count(`sets_total{cache="model",result="ok"}`)
		values[k] = v
		if len(values) > 20 {
			for old := range maps.Keys(values) {
				delete(values, old)
				break
			}
			count(`evictions_total{cache="model"}`)
			m.Evicted()
		}
	}))
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 500 {
				k := r.IntN(40)
				v, err := c.GetOrLoad(t.Context(), k, func(_ context.Context, k int) (int, error) {
					mu.Lock()
					defer mu.Unlock()
					if k%7 == 0 {
						count(`loads_total{cache="model",result="error"}`)
						return 0, errBroken
					}
					count(`loads_total{cache="model",result="ok"}`)
					return k * k, nil
				})
				if (k%7 == 0) != (err != nil) || err == nil && v != k*k {
					t.Errorf("key %d has the value %d and the error %v", k, v, err)
				}
			}
		})
	}
	wg.Wait()
	got := nonZero(t, reg)
	for what, n := range total {
		require.Contains(t, got, "cache_"+what+" "+strconv.Itoa(n))
	}
	require.Contains(t, got, `cache_entries{cache="model"} 20`)
	require.Len(t, total, 6)
}
