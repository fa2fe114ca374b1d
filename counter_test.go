// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"log"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// captureLog returns a buffer that gets everything logged until the test ends,
// without the time.
func captureLog(t testing.TB) *lockedBuffer {
	t.Helper()
	b := new(lockedBuffer)
	old, oldOutput, oldFlags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(old)
		log.SetOutput(oldOutput) // which SetDefault has redirected
		log.SetFlags(oldFlags)
	})
	slog.SetDefault(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	return b
}

// lockedBuffer is a buffer that goroutines may share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// fromGoroutines calls f with 0 to n-1, each in a goroutine of its own, all at
// once, and waits for them.
func fromGoroutines(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

func TestCounterAdds(t *testing.T) {
	for name, tc := range map[string]struct {
		add  []float64
		want float64
	}{
		"nothing":                  {nil, 0},
		"zero":                     {[]float64{0}, 0},
		"minus zero":               {[]float64{math.Copysign(0, -1)}, 0},
		"whole":                    {[]float64{1, 2, 3}, 6},
		"fractions":                {[]float64{0.5, 0.25, 0.125}, 0.875},
		"both":                     {[]float64{0.5, 2, 0.25, 1 << 31}, 1<<31 + 2.75},
		"largest summed as whole":  {[]float64{1<<32 - 1, 1<<32 - 1}, 1<<33 - 2},
		"smallest beyond that":     {[]float64{1 << 32, 1<<32 + 1}, 1<<33 + 1},
		"2^53":                     {[]float64{1 << 53}, 1 << 53},
		"2^53, then ones":          {[]float64{1 << 53, 1, 1, 1, 1}, 1<<53 + 4},
		"2^63":                     {[]float64{1 << 63}, 1 << 63},
		"2^64":                     {[]float64{1 << 63, 1 << 63}, 1 << 64},
		"fraction beyond 2^32":     {[]float64{1<<32 + 0.5, 0.5}, 1<<32 + 1},
		"subnormal":                {[]float64{math.SmallestNonzeroFloat64}, math.SmallestNonzeroFloat64},
		"largest":                  {[]float64{math.MaxFloat64}, math.MaxFloat64},
		"more than float64 holds":  {[]float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
		"whole after the largest":  {[]float64{math.MaxFloat64, 1}, math.MaxFloat64},
		"tenths":                   {[]float64{0.1, 0.2}, 0.30000000000000004},
		"least above a whole":      {[]float64{math.Nextafter(3, 4)}, math.Nextafter(3, 4)},
		"least below 2^32 with .5": {[]float64{1<<32 - 0.5}, 1<<32 - 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
			for _, v := range tc.add {
				c.Add(v)
			}
			require.Equal(t, math.Float64bits(tc.want), math.Float64bits(c.Value()), "%g, not %g", c.Value(), tc.want)
		})
	}
}

func TestCounterCountsBeyondFloats(t *testing.T) {
	c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
	for range 1 << 10 {
		c.Add(1<<32 - 1)
		c.Inc()
	}
	require.Equal(t, float64(1<<42), c.Value())
	for range 1 << 11 {
		c.Add(1 << 42)
	}
	require.Equal(t, float64(1<<53+1<<42), c.Value())
}

func TestCounterDropsInvalidUpdates(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	bytes := reg.NewCounter(ember.CounterOpts{Name: "bytes_total"})
	calls := reg.NewCounterVec(ember.CounterOpts{Name: "calls_total"}, "to")
	bytes.Add(2)
	require.Equal(t, "# TYPE bytes_total counter\nbytes_total 2\n", scrapeOf(t, reg))

	for _, v := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), -math.SmallestNonzeroFloat64, -0.5, math.NaN()} {
		bytes.Add(v)
	}
	calls.With("a").Add(-2)
	calls.With("b").Add(math.NaN())

	require.Equal(t, 2.0, bytes.Value())
	require.Equal(t, `# TYPE bytes_total counter
bytes_total 2
# TYPE calls_total counter
calls_total{to="a"} 0
calls_total{to="b"} 0
# HELP ember_invalid_updates_total Updates that were dropped, by why they cannot be applied.
# TYPE ember_invalid_updates_total counter
ember_invalid_updates_total{reason="infinite"} 1
ember_invalid_updates_total{reason="nan"} 3
ember_invalid_updates_total{reason="negative"} 5
`, scrapeOf(t, reg))
	require.Equal(t, `level=WARN msg="ember: update dropped; further ones are only counted" metric=bytes_total value=-1 reason=negative
level=WARN msg="ember: update dropped; further ones are only counted" metric=calls_total value=-2 reason=negative
`, logged.String(), "one line for each instrument")
}

func TestCounterDropsInvalidUpdatesAtOnce(t *testing.T) {
	logged := captureLog(t)
	reg := ember.NewRegistry()
	c := reg.NewCounter(ember.CounterOpts{Name: "x_total"})
	fromGoroutines(16, func(int) {
		for range 100 {
			c.Add(-1)
			c.Inc()
		}
	})
	require.Equal(t, 1600.0, c.Value())
	require.Contains(t, scrapeOf(t, reg), "ember_invalid_updates_total{reason=\"negative\"} 1600\n")
	require.Equal(t, 1, strings.Count(logged.String(), "\n"), logged.String())
}

// Everything added is in the sum, whether the counter had to spread or not, and
// no scrape sees it shrink.
func TestCounterIsExact(t *testing.T) {
	const goroutines, rounds = 64, 2000
	counters := map[string]*ember.Counter{
		"plain":  ember.NewCounter(ember.CounterOpts{Name: "x_total"}),
		"vector": ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a").With("b"),
	}
	for name, c := range counters {
		t.Run(name, func(t *testing.T) {
			done := make(chan struct{})
			watched := make(chan bool)
			go func() {
				for last := 0.0; ; {
					v := c.Value()
					if v < last {
						watched <- false
						return
					}
					last = v
					select {
					case <-done:
						watched <- true
						return
					default:
					}
				}
			}()
			fromGoroutines(goroutines, func(i int) {
				for j := range rounds {
					c.Inc()
					c.Add(float64(j % 7))
					c.Add(0.25 * float64(i%4)) // whole every now and then
					c.Add(1 << 33)
				}
			})
			close(done)
			require.True(t, <-watched, "the value has shrunk")

			want := 0.0 // far below 2^53 quarters, hence exact
			for i := range goroutines {
				for j := range rounds {
					want += 1 + float64(j%7) + 0.25*float64(i%4) + 1<<33
				}
			}
			require.Equal(t, want, c.Value())
		})
	}
}
