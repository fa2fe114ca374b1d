// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// timed is what has timers.
type timed interface {
	Start() ember.Timer
	Time(func())
	ObserveDuration(time.Duration)
	Count() uint64
	Sum() float64
}

// forEachTimed runs a test on everything that has timers, on bubbled time.
func forEachTimed(t *testing.T, test func(t *testing.T, x timed)) {
	for name, create := range map[string]func() timed{
		"histogram": func() timed { return ember.NewHistogram(ember.HistogramOpts{Name: "x"}) },
		"summary":   func() timed { return ember.NewSummary(ember.SummaryOpts{Name: "x"}) },
		"summary with quantiles": func() timed {
			return ember.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: []float64{0.5}})
		},
		"histogram of a vector": func() timed {
			return ember.NewHistogramVec(ember.HistogramOpts{Name: "x"}, "a").With("b")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, create()) })
		})
	}
}

func requireTimed(t *testing.T, x timed, count uint64, sum float64) {
	t.Helper()
	require.Equal(t, count, x.Count())
	require.Equal(t, sum, x.Sum())
}

func TestTimerStops(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		timer := x.Start()
		requireTimed(t, x, 0, 0)
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 1500*time.Millisecond, timer.Stop())
		requireTimed(t, x, 1, 1.5)

		// Once is enough, for copies too.
		time.Sleep(time.Second)
		stopped := timer
		require.Equal(t, 2500*time.Millisecond, stopped.Stop())
		timer.Discard()
		require.Equal(t, 2500*time.Millisecond, timer.Stop())
		requireTimed(t, x, 1, 1.5)

		// No time at all counts too.
		require.Zero(t, x.Start().Stop())
		requireTimed(t, x, 2, 1.5)
	})
}

func TestTimerStopsWithContext(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		timer := x.Start()
		time.Sleep(1500 * time.Millisecond)
		require.Equal(t, 1500*time.Millisecond, timer.StopContext(t.Context()))
		requireTimed(t, x, 1, 1.5)
		time.Sleep(time.Second)
		require.Equal(t, 2500*time.Millisecond, timer.StopContext(t.Context()))
		require.Equal(t, 2500*time.Millisecond, timer.Stop())
		discarded := x.Start()
		discarded.Discard()
		require.Zero(t, discarded.StopContext(t.Context()))
		requireTimed(t, x, 1, 1.5)
	})
}

// A timer's exemplar is that of the context in which it stops, and has its duration.
func TestTimerExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry(ember.WithExemplarSource(traceOf))
		x := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1}})
		timer := x.Start()
		time.Sleep(2 * time.Second)
		timer.Discard()
		timer.StopContext(withTrace("discarded"))
		timer = x.Start()
		time.Sleep(500 * time.Millisecond)
		timer.StopContext(withTrace("a"))

		families, err := reg.Gather()
		require.NoError(t, err)
		buckets := families[0].Points[0].Buckets
		require.Len(t, buckets, 1) // with no exemplar, the last one is not there
		require.Equal(t, 0.5, buckets[0].Exemplar.Value)
		require.Equal(t, "a", buckets[0].Exemplar.Labels[0].Value)
	})
}

func TestTimersOverlap(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		first := x.Start()
		time.Sleep(time.Second)
		second := x.Start()
		time.Sleep(time.Second)
		require.Equal(t, 2*time.Second, first.Stop())
		time.Sleep(time.Second)
		require.Equal(t, 2*time.Second, second.Stop())
		requireTimed(t, x, 2, 4)
	})
}

func TestTimerDiscards(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		fails := func(fail bool) {
			timer := x.Start()
			defer timer.Stop()
			time.Sleep(time.Second)
			if fail {
				timer.Discard()
			}
		}
		fails(true)
		requireTimed(t, x, 0, 0)
		fails(false)
		requireTimed(t, x, 1, 1)

		timer := x.Start()
		copied := timer
		copied.Discard()
		time.Sleep(time.Second)
		require.Equal(t, time.Second, timer.Stop())
		requireTimed(t, x, 1, 1)
	})
}

func TestTimerCountsPanics(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		require.PanicsWithValue(t, "over", func() {
			defer x.Start().Stop()
			time.Sleep(2 * time.Second)
			panic("over")
		})
		requireTimed(t, x, 1, 2)

		require.PanicsWithValue(t, "over", func() {
			x.Time(func() {
				time.Sleep(3 * time.Second)
				panic("over")
			})
		})
		requireTimed(t, x, 2, 5)

		done := make(chan struct{})
		go func() {
			defer close(done)
			x.Time(func() {
				time.Sleep(4 * time.Second)
				runtime.Goexit()
			})
		}()
		<-done
		requireTimed(t, x, 3, 9)
	})
}

func TestTimerTimesFunctions(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		called := 0
		x.Time(func() {
			called++
			requireTimed(t, x, 0, 0)
			time.Sleep(250 * time.Millisecond)
		})
		require.Equal(t, 1, called)
		requireTimed(t, x, 1, 0.25)
	})
}

func TestObserveDuration(t *testing.T) {
	forEachTimed(t, func(t *testing.T, x timed) {
		x.ObserveDuration(1500 * time.Microsecond)
		requireTimed(t, x, 1, 0.0015)
		x.ObserveDuration(-time.Second) // a clock was set back: it counts, as what it is
		requireTimed(t, x, 2, 0.0015-1)
		x.ObserveDuration(0)
		requireTimed(t, x, 3, 0.0015-1)
	})
}

func TestZeroTimer(t *testing.T) {
	var timer ember.Timer
	timer.Discard()
	require.Zero(t, timer.Stop())
	require.Zero(t, timer.StopContext(t.Context()))
}
