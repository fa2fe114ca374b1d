// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/embermetrics/ember"
)

// BenchmarkLimits shows what limits cost Ember itself: series that are there, with and
// without limits, budgets, functions that normalize and an end when they are idle; users,
// of which a thousand have a series, or of which most have no place; and gauges, which
// alone note updates if they may be idle.
func BenchmarkLimits(b *testing.B) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // not what overflows
	plain := ember.CounterOpts{Name: "x_total"}
	limited := ember.CounterOpts{
		Name: "x_total", MaxSeries: 1000,
		LabelBudgets: map[string]int{"path": 100},
		KnownValues:  map[string][]string{"path": {"/"}},
		Normalize:    map[string]func(string) string{"method": strings.ToUpper},
		IdleAfter:    time.Hour,
	}
	constants := func(opts ember.CounterOpts) func() updates {
		return func() updates {
			v := ember.NewCounterVec(opts, "method", "path", "status")
			return func(n int, work rounds) {
				for range n {
					v.With("GET", "/api/items", "200").Inc()
					work.do()
				}
			}
		}
	}
	users := func(limit, known int) func() updates {
		return func() updates {
			v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total", MaxSeries: limit}, "user", "method")
			for i := range min(known, limit) {
				v.With(strconv.Itoa(i), "GET")
			}
			return func(n int, work rounds) {
				var buf [20]byte
				for i := range n {
					v.With(string(strconv.AppendInt(buf[:0], int64(i*7919%known), 10)), "GET").Inc()
					work.do()
				}
			}
		}
	}
	gauge := func(idleAfter time.Duration, update func(*ember.Gauge)) func() updates {
		return func() updates {
			g := ember.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: idleAfter}, "peer").With("1")
			return func(n int, work rounds) {
				for range n {
					update(g)
					work.do()
				}
			}
		}
	}
	set, add := func(g *ember.Gauge) { g.Set(2) }, func(g *ember.Gauge) { g.Add(2) }
	for _, c := range []struct {
		name  string
		start func() updates
	}{
		{"constants/limits=none", constants(plain)},
		{"constants/limits=all", constants(limited)},
		{"users/place=all", users(1000, 1000)},
		{"users/place=few", users(1000, 1_000_000)},
		{"set/idle=never", gauge(0, set)},
		{"set/idle=hour", gauge(time.Hour, set)},
		{"add/idle=never", gauge(0, add)},
		{"add/idle=hour", gauge(time.Hour, add)},
	} {
		b.Run("of="+c.name, func(b *testing.B) { recordTight(b, impl{"ember", c.start}) })
	}
}
