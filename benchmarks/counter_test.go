// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"sync/atomic"
	"testing"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

// BenchmarkCounterInc adds one to a counter. impl=atomic is one atomic addition to a
// word of the heap, and nothing else.
func BenchmarkCounterInc(b *testing.B) {
	record(b, impl{"ember", func() updates {
		c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
		return func(n int, work rounds) {
			for range n {
				c.Inc()
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "x_total"})
		return func(n int, work rounds) {
			for range n {
				c.Inc()
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		c := victoria.NewSet().NewCounter("x_total")
		return func(n int, work rounds) {
			for range n {
				c.Inc()
				work.do()
			}
		}
	}}, impl{"otel", func() updates {
		c := must(newMeter().Int64Counter("x"))
		return func(n int, work rounds) {
			for range n {
				c.Add(background, 1)
				work.do()
			}
		}
	}}, impl{atomicAdd, func() updates {
		c := new(atomic.Uint64)
		return func(n int, work rounds) {
			for range n {
				c.Add(1)
				work.do()
			}
		}
	}})
}

// BenchmarkCounterAdd adds 1.5, which no library can add as an integer.
func BenchmarkCounterAdd(b *testing.B) {
	record(b, impl{"ember", func() updates {
		c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
		return func(n int, work rounds) {
			for range n {
				c.Add(1.5)
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "x_total"})
		return func(n int, work rounds) {
			for range n {
				c.Add(1.5)
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		c := victoria.NewSet().NewFloatCounter("x_total")
		return func(n int, work rounds) {
			for range n {
				c.Add(1.5)
				work.do()
			}
		}
	}}, impl{"otel", func() updates {
		c := must(newMeter().Float64Counter("x"))
		return func(n int, work rounds) {
			for range n {
				c.Add(background, 1.5)
				work.do()
			}
		}
	}})
}

// BenchmarkGaugeSet sets a gauge to another value each time.
func BenchmarkGaugeSet(b *testing.B) {
	record(b, impl{"ember", func() updates {
		g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
		return func(n int, work rounds) {
			for i := range n {
				g.Set(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"})
		return func(n int, work rounds) {
			for i := range n {
				g.Set(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		g := victoria.NewSet().NewGauge("x", nil)
		return func(n int, work rounds) {
			for i := range n {
				g.Set(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"otel", func() updates {
		g := must(newMeter().Float64Gauge("x"))
		return func(n int, work rounds) {
			for i := range n {
				g.Record(background, latencies[i%len(latencies)])
				work.do()
			}
		}
	}})
}

// BenchmarkGaugeAdd adds 1.5 to a gauge.
func BenchmarkGaugeAdd(b *testing.B) {
	record(b, impl{"ember", func() updates {
		g := ember.NewGauge(ember.GaugeOpts{Name: "x"})
		return func(n int, work rounds) {
			for range n {
				g.Add(1.5)
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"})
		return func(n int, work rounds) {
			for range n {
				g.Add(1.5)
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		g := victoria.NewSet().NewGauge("x", nil)
		return func(n int, work rounds) {
			for range n {
				g.Add(1.5)
				work.do()
			}
		}
	}}, impl{"otel", func() updates {
		g := must(newMeter().Float64UpDownCounter("x"))
		return func(n int, work rounds) {
			for range n {
				g.Add(background, 1.5)
				work.do()
			}
		}
	}})
}
