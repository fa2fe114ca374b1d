// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

func TestGaugeHoldsAnyFloat(t *testing.T) {
	g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
	require.Zero(t, g.Value())
	r := random(t)
	for range 1000 {
		bits := r.Uint64()
		g.Set(math.Float64frombits(bits))
		require.Equal(t, bits, math.Float64bits(g.Value()))
	}
	for _, v := range []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.SmallestNonzeroFloat64} {
		g.Set(v)
		require.Equal(t, math.Float64bits(v), math.Float64bits(g.Value()))
	}
}

func TestGaugeAdds(t *testing.T) {
	g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
	for _, step := range []struct {
		do   func()
		want float64
	}{
		{func() { g.Set(5) }, 5},
		{func() { g.Add(2.5) }, 7.5},
		{func() { g.Sub(10) }, -2.5},
		{g.Inc, -1.5},
		{g.Dec, -2.5},
		{func() { g.Add(-0.5) }, -3},
		{func() { g.Sub(-4) }, 1},
		{func() { g.Set(-7) }, -7},
		{func() { g.Add(math.Inf(1)) }, math.Inf(1)},
	} {
		step.do()
		require.Equal(t, step.want, g.Value())
	}
	g.Sub(math.Inf(1))
	require.True(t, math.IsNaN(g.Value()))
}

func TestGaugeTracks(t *testing.T) {
	g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
	func() {
		defer g.Track()()
		require.Equal(t, 1.0, g.Value())
		require.PanicsWithValue(t, "over", func() {
			defer g.Track()()
			require.Equal(t, 2.0, g.Value())
			panic("over")
		})
		require.Equal(t, 1.0, g.Value())
	}()
	require.Zero(t, g.Value())
}

func TestGaugeTellsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
		time.Sleep(1500 * time.Millisecond)
		g.SetToCurrentTime()
		require.Equal(t, 946684801.5, g.Value(), "the bubble's time starts at midnight UTC 2000-01-01")
	})
}

// Everything added and taken off is in the sum.
func TestGaugeIsExact(t *testing.T) {
	const goroutines, rounds = 64, 1000
	g := ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a").With("b")
	fromGoroutines(goroutines, func(i int) {
		for j := range rounds {
			g.Inc()
			g.Add(0.5 * float64(j%5))
			g.Sub(0.25 * float64(i%3))
			g.Track()()
			if j%2 == 0 {
				g.Dec()
			}
		}
	})
	want := 0.0
	for i := range goroutines {
		for j := range rounds {
			want += float64(j%2) + 0.5*float64(j%5) - 0.25*float64(i%3)
		}
	}
	require.Equal(t, want, g.Value())
}

func TestFuncs(t *testing.T) {
	v := 1.5
	reg := ember.NewRegistry()
	c := reg.NewCounterFunc(ember.CounterOpts{Name: "c_total"}, func() float64 { return v })
	g := reg.NewGaugeFunc(ember.GaugeOpts{Name: "g"}, func() float64 { return -v })
	require.Equal(t, 1.5, c.Value())
	require.Equal(t, -1.5, g.Value())
	require.Equal(t, "# TYPE c_total counter\nc_total 1.5\n# TYPE g gauge\ng -1.5\n", scrapeOf(t, reg))
	v = 2
	require.Equal(t, "# TYPE c_total counter\nc_total 2\n# TYPE g gauge\ng -2\n", scrapeOf(t, reg))

	// The same definition again is the same instrument, with the new function.
	require.Same(t, c, reg.NewCounterFunc(ember.CounterOpts{Name: "c_total"}, func() float64 { return 7 }))
	require.Equal(t, 7.0, c.Value())
	require.Equal(t, "# TYPE c_total counter\nc_total 7\n# TYPE g gauge\ng -2\n", scrapeOf(t, reg))
}

func TestFuncIsMissing(t *testing.T) {
	reg := ember.NewRegistry()
	c := ember.NewCounterFunc(ember.CounterOpts{Name: "c_total"}, nil)
	require.EqualError(t, reg.Register(c), `ember: counter "c_total" has no function to call`)
	require.Zero(t, c.Value())
	require.Empty(t, scrapeOf(t, reg))
}
