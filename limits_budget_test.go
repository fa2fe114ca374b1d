// SPDX-License-Identifier: Apache-2.0

//go:build !race

package ember_test

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// A million user ids cost the memory of a thousand, and no count is lost.
func TestManyUsers(t *testing.T) {
	captureLog(t)
	const users, workers = 1_000_000, 8
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", MaxSeries: 1000}, "user", "method")
	before := heap()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < users; i += workers {
				var buf [20]byte
				v.With(string(strconv.AppendInt(buf[:0], int64(i), 10)), "GET").Inc()
			}
		})
	}
	wg.Wait()
	grown := heap() - before
	t.Logf("%d bytes", grown)
	require.Less(t, grown, int64(2<<20))
	require.Equal(t, 1001, v.Len())
	sum := 0.0
	for _, c := range v.All() {
		sum += c.Value()
	}
	require.Equal(t, float64(users), sum)
	require.Contains(t, scrapeOf(t, reg), "ember_series_overflow_total{metric=\"x_total\"} "+strconv.Itoa(users - 1000)[:3]+"000\n")
}

// Limits and functions cost a lookup of what is there nothing, and one of what has no
// place no allocation.
func TestAllocationsWithLimits(t *testing.T) {
	captureLog(t)
	v := ember.NewCounterVec(ember.CounterOpts{
		Name: "x_total", MaxSeries: 100,
		LabelBudgets: map[string]int{"a": 10},
		Normalize:    map[string]func(string) string{"b": strings.ToLower},
	}, "a", "b")
	small := ember.NewCounterVec(ember.CounterOpts{Name: "y_total", MaxSeries: 10}, "a", "b")
	gauges := ember.NewGaugeVec(ember.GaugeOpts{Name: "z", MaxSeries: 1, LabelBudgets: map[string]int{"a": 3}}, "a", "b")
	budget := ember.NewCounterVec(ember.CounterOpts{Name: "w_total", LabelBudgets: map[string]int{"a": 1}}, "a", "b")
	for i := range 20 {
		v.With(strconv.Itoa(i), "x").Inc()
		small.With(strconv.Itoa(i), "x").Inc()
		gauges.With(strconv.Itoa(i), "x").Set(1)
		budget.With(strconv.Itoa(i), "x").Inc()
	}
	i := 1000
	fresh := func(f func(a string)) func() {
		return func() {
			i++
			var buf [20]byte
			f(string(strconv.AppendInt(buf[:0], int64(i), 10)))
		}
	}
	for name, f := range map[string]func(){
		"what is there":              func() { v.With("3", "x").Inc() },
		"no place for a series":      fresh(func(a string) { small.With(a, "x").Inc() }),
		"no place for a value":       fresh(func(a string) { budget.With(a, "x").Inc() }),
		"no place for a gauge":       fresh(func(a string) { gauges.With(a, "x").Set(1) }),
		"looking up what is not":     fresh(func(a string) { small.Lookup(a, "x") }),
		"a gauge beyond, by handle":  func() { gauges.With("100", "x").Set(1) },
		"a value among known others": func() { budget.With("0", "x").Inc() },
	} {
		t.Run(name, func(t *testing.T) { requireNoAllocations(t, f) })
	}
}

// What nobody holds any more costs nothing, whether anybody scrapes or not.
func TestEndedSeriesAreForgotten(t *testing.T) {
	for name, reg := range map[string]*ember.Registry{"scraped": ember.NewRegistry(), "not scraped": nil} {
		t.Run(name, func(t *testing.T) {
			v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a")
			if reg != nil {
				reg.MustRegister(v)
			}
			held := v.With("held")
			v.Reset()
			before := heap()
			for i := range 100_000 {
				label := fmt.Sprint(i)
				v.With(label).Inc()
				v.Delete(label)
				if i%10_000 == 0 {
					runtime.GC()
					if reg != nil {
						scrapeOf(t, reg)
					}
				}
			}
			require.Less(t, heap()-before, int64(5<<20))
			held.Inc()
			if reg != nil {
				require.Contains(t, scrapeOf(t, reg), `x_total{a="held"} 1`)
			}
		})
	}
}

// Neither limits nor that series may be idle make updates allocate, also through the
// instrument of a series that has ended.
func TestLimitsDoNotAllocate(t *testing.T) {
	counters := ember.NewCounterVec(ember.CounterOpts{
		Name: "c_total", MaxSeries: 10, IdleAfter: time.Hour,
		LabelBudgets: map[string]int{"a": 5},
		Normalize:    map[string]func(string) string{"a": strings.ToUpper},
	}, "a")
	gauges := ember.NewGaugeVec(ember.GaugeOpts{Name: "g", IdleAfter: time.Hour}, "a")
	histograms := ember.NewHistogramVec(ember.HistogramOpts{Name: "h", IdleAfter: time.Hour}, "a")
	summaries := ember.NewSummaryVec(ember.SummaryOpts{Name: "s", IdleAfter: time.Hour}, "a")
	c, g, h, s := counters.With("A"), gauges.With("A"), histograms.With("A"), summaries.With("A")
	update := func() {
		c.Inc()
		c.Add(0.5)
		g.Set(1)
		g.Add(1)
		h.Observe(1)
		s.Observe(1)
	}
	requireNoAllocations(t, update)
	requireNoAllocations(t, func() {
		counters.With("A").Inc()
		gauges.With("A").Set(1)
		histograms.With("A").Observe(1)
		summaries.With("A").Observe(1)
	})
	counters.Reset()
	gauges.Reset()
	histograms.Reset()
	summaries.Reset()
	requireNoAllocations(t, update)
}
