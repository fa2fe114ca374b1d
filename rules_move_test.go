// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// The model of random rules, with series that there are before rules come.
func TestRulesLikeAggregationOfWhatWasThere(t *testing.T) {
	r := random(t)
	for range 200 {
		newRulesModel(t, r, true).run(t, r)
	}
}

// What vectors have counted before they are registered falls together kind by kind, and
// so does what comes later through instruments that somebody holds.
func TestRulesMoveSeries(t *testing.T) {
	c := ember.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b")
	g := ember.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "a", "b")
	s := ember.NewGaugeVec(ember.GaugeOpts{Name: "set"}, "a", "b")
	f := ember.NewGaugeVec(ember.GaugeOpts{Name: "f"}, "a", "b")
	h := ember.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 2, 4}}, "a", "b")
	n := ember.NewHistogramVec(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{}}, "a", "b")
	q := ember.NewSummaryVec(ember.SummaryOpts{Name: "q", Quantiles: []float64{0, 1}}, "a", "b")
	d := ember.NewCounterVec(ember.CounterOpts{Name: "d_total"}, "a", "b")
	update := func(values ...string) {
		c.With(values...).Add(1.5)
		g.With(values...).Inc()
		h.With(values...).Observe(2)
		n.With(values...).Observe(2)
		q.With(values...).Observe(3)
		d.With(values...).Inc()
	}
	update("1", "x")
	update("1", "y")
	update("2", "x")
	done := g.With("1", "x").Track()
	f.SetFunc(func() float64 { return 7 }, "1", "x")
	held := []*ember.Counter{c.With("1", "x"), c.With("1", "y")}
	observed := h.With("1", "y")
	set := s.With("1", "x")
	set.Set(5)

	reg := ruled(t, ember.Rule{Metric: "*", DropLabels: []string{"b"}}, ember.Rule{Metric: "h", Buckets: []float64{3}}, ember.Rule{Metric: "d_total", Drop: true})
	reg.MustRegister(c, g, s, f, h, n, q, d)
	for _, h := range held {
		h.Inc()
	}
	observed.Observe(4)
	done()
	set.Set(6)
	update("1", "z")
	text := scrapeOf(t, reg)
	for _, want := range []string{
		"c_total{a=\"1\"} 6.5\nc_total{a=\"2\"} 1.5\n",
		"\ng{a=\"1\"} 3\ng{a=\"2\"} 1\n",
		"\nset{a=\"1\"} 6\n",
		"\nf{a=\"1\"} 7\n",
		"h_bucket{a=\"1\",le=\"3\"} 3\n", // what was counted up to 2 too, and not what was held and counted up to 4
		"h_bucket{a=\"1\",le=\"+Inf\"} 4\nh_sum{a=\"1\"} 10\nh_count{a=\"1\"} 4\n",
		"n_sum{a=\"1\"} 6\nn_count{a=\"1\"} 3\n",
		"q{a=\"1\",quantile=\"1\"} 3\nq_sum{a=\"1\"} 9\nq_count{a=\"1\"} 3\n",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "d_total")
	require.Equal(t, 4.0, d.With("any", "thing").Value())
	require.NoError(t, reg.CheckRules())
}

// No update is lost that is made while a vector is registered, by whatever it is made.
func TestRulesWhileOthersUpdate(t *testing.T) {
	const goroutines, each = 4, 2000
	for name, rule := range map[string]ember.Rule{
		"a label dropped": {Metric: "*", DropLabels: []string{"b"}},
		"renamed":         {Metric: "*", RenameLabels: map[string]string{"a": "z"}},
		"dropped":         {Metric: "*", Drop: true},
		"limited":         {Metric: "*", LabelBudgets: map[string]int{"b": 2}},
		"buckets":         {Metric: "*", Buckets: []float64{5}},
	} {
		t.Run(name, func(t *testing.T) {
			captureLog(t)
			c := ember.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b")
			g := ember.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "a", "b")
			h := ember.NewHistogramVec(ember.HistogramOpts{Name: "h"}, "a", "b")
			s := ember.NewSummaryVec(ember.SummaryOpts{Name: "s"}, "a", "b")
			var wg sync.WaitGroup
			for i := range goroutines {
				wg.Go(func() {
					mine := c.With("held", strconv.Itoa(i))
					for j := range each {
						b := strconv.Itoa(j % 7)
						mine.Inc()
						c.With("1", b).Inc()
						g.With("1", b).Add(2)
						h.With("1", b).Observe(3)
						s.With("1", b).Observe(3)
						g.With("1", b).Add(-1)
					}
				})
			}
			reg := ruled(t, rule)
			reg.MustRegister(c, g, h, s)
			wg.Wait()
			scrapeOf(t, reg) // which brings in what has come through what somebody held
			var total, value, count float64
			for _, c := range c.All() {
				total += c.Value()
			}
			for _, g := range g.All() {
				value += g.Value()
			}
			for _, h := range h.All() {
				count += float64(h.Count())
			}
			for _, s := range s.All() {
				count += float64(s.Count())
			}
			if rule.Drop {
				return // nobody scrapes, so nobody brings it in
			}
			require.Equal(t, float64(2*goroutines*each), total)
			require.Equal(t, float64(goroutines*each), value)
			require.Equal(t, float64(2*goroutines*each), count)
			require.False(t, math.IsNaN(total))
		})
	}
}
