// SPDX-License-Identifier: Apache-2.0

//go:build !race && (linux || darwin)

package multiproc_test

import (
	"math"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// Updates allocate nothing where other processes see them either.
func TestUpdatesDoNotAllocate(t *testing.T) {
	path := tempPath(t)
	reg := ember.NewRegistry(ember.WithMultiproc(openDir(t, path)))
	counter := reg.NewCounter(ember.CounterOpts{Name: "c_total"})
	gauge := reg.NewGauge(ember.GaugeOpts{Name: "g"})
	latest := reg.NewGauge(ember.GaugeOpts{Name: "latest", Mode: ember.ModeLatest})
	classic := reg.NewHistogram(ember.HistogramOpts{Name: "h"})
	native := reg.NewHistogram(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}})
	both := reg.NewHistogram(ember.HistogramOpts{Name: "b", Buckets: ember.DefBuckets, Native: &ember.NativeOpts{MaxBuckets: 10}})
	summary := reg.NewSummary(ember.SummaryOpts{Name: "s"})
	quantiles := reg.NewSummary(ember.SummaryOpts{Name: "q", Quantiles: []float64{0.5, 0.99}})
	counters := reg.NewCounterVec(ember.CounterOpts{Name: "cv_total"}, "a", "b")
	gauges := reg.NewGaugeVec(ember.GaugeOpts{Name: "gv"}, "a")
	histograms := reg.NewHistogramVec(ember.HistogramOpts{Name: "hv"}, "a")
	natives := reg.NewHistogramVec(ember.HistogramOpts{Name: "nv", Native: &ember.NativeOpts{}}, "a")
	summaries := reg.NewSummaryVec(ember.SummaryOpts{Name: "sv", Quantiles: []float64{0.5}}, "a")
	other := ember.NewRegistry(ember.WithMultiproc(openReader(t, path)))
	n := 0
	value := func() float64 {
		n++
		return float64(n%100) / 7
	}
	for name, tc := range map[string]struct {
		update func()
		sample string // that grows
	}{
		"Inc":                  {func() { counter.Inc() }, "c_total"},
		"Add":                  {func() { counter.Add(0.5) }, "c_total"},
		"AddWhole":             {func() { counter.Add(2) }, "c_total"},
		"gauge Add":            {func() { gauge.Add(1) }, "g"},
		"gauge Set":            {func() { n++; gauge.Set(float64(n)) }, "g"},
		"latest Set":           {func() { n++; latest.Set(float64(n)) }, "latest"},
		"Observe":              {func() { classic.Observe(value()) }, "h_count"},
		"Observe, native":      {func() { native.Observe(value()) }, "n_count"},
		"Observe, both":        {func() { both.Observe(value()) }, "b_count"},
		"Observe, summary":     {func() { summary.Observe(value()) }, "s_count"},
		"Observe, quantiles":   {func() { quantiles.Observe(value()) }, "q_count"},
		"With Inc":             {func() { counters.With("GET", "/").Inc() }, `cv_total{a="GET",b="/"}`},
		"With Set":             {func() { n++; gauges.With("x").Set(float64(n)) }, `gv{a="x"}`},
		"With Observe":         {func() { histograms.With("x").Observe(value()) }, `hv_count{a="x"}`},
		"With Observe, native": {func() { natives.With("x").Observe(value()) }, `nv_count{a="x"}`},
		"With Observe, summary": {
			func() { summaries.With("x").Observe(value()) }, `sv_count{a="x"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			const calls = 3000
			for range calls { // buckets are made as values come
				tc.update()
			}
			before := scrape(t, other)[tc.sample]
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection allocates too
			least := math.Inf(1)
			for range 3 { // since allocations are counted for the whole process
				least = min(least, testing.AllocsPerRun(1, func() {
					for range calls {
						tc.update()
					}
				}))
			}
			require.Zero(t, least, "in %d calls", calls)
			require.GreaterOrEqual(t, scrape(t, other)[tc.sample], before+calls, "somebody else has seen them")
		})
	}
}
