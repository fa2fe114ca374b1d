// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"testing"
	"time"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

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
	}})
}

// BenchmarkCounterAdd adds 1.5, which no implementation can add as an integer.
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
	}})
}

// BenchmarkWithConstant finds one series by three constants, and adds one. What
// VictoriaMetrics/metrics has for that is a map from whole series names.
func BenchmarkWithConstant(b *testing.B) {
	record(b, impl{"ember", func() updates {
		v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labelNames...)
		return func(n int, work rounds) {
			for range n {
				v.With("GET", "/api/items/{id}", "200").Inc()
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total"}, labelNames)
		return func(n int, work rounds) {
			for range n {
				v.WithLabelValues("GET", "/api/items/{id}", "200").Inc()
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		s := victoria.NewSet()
		return func(n int, work rounds) {
			for range n {
				s.GetOrCreateCounter(`x_total{method="GET",path="/api/items/{id}",status="200"}`).Inc()
				work.do()
			}
		}
	}})
}

// BenchmarkWithFresh finds one of many series, at random, by three strings that
// were made for the purpose, and adds one.
func BenchmarkWithFresh(b *testing.B) {
	for _, series := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("series=%d", series), func(b *testing.B) {
			record(b, impl{"ember", func() updates {
				v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labelNames...)
				l := newLabels()
				for i := range series {
					l.series(i)
					v.With(string(l.method), string(l.path), string(l.status))
				}
				return func(n int, work rounds) {
					l := newLabels()
					for range n {
						l.next(series)
						v.With(string(l.method), string(l.path), string(l.status)).Inc()
						work.do()
					}
				}
			}}, impl{"client_golang", func() updates {
				v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total"}, labelNames)
				l := newLabels()
				for i := range series {
					l.series(i)
					v.WithLabelValues(string(l.method), string(l.path), string(l.status))
				}
				return func(n int, work rounds) {
					l := newLabels()
					for range n {
						l.next(series)
						v.WithLabelValues(string(l.method), string(l.path), string(l.status)).Inc()
						work.do()
					}
				}
			}}, impl{"victoriametrics", func() updates {
				s := victoria.NewSet()
				l := newLabels()
				for i := range series {
					l.series(i)
					s.GetOrCreateCounter(l.victoria("x_total"))
				}
				return func(n int, work rounds) {
					l := newLabels()
					for range n {
						l.next(series)
						s.GetOrCreateCounter(l.victoria("x_total")).Inc()
						work.do()
					}
				}
			}})
		})
	}
}

// victoria returns the series' name as VictoriaMetrics/metrics wants it.
func (l *labels) victoria(name string) string {
	return name + `{method="` + string(l.method) + `",path="` + string(l.path) + `",status="` + string(l.status) + `"}`
}

// BenchmarkHistogram observes latencies in the 11 default buckets.
// VictoriaMetrics/metrics has no histogram with such buckets.
func BenchmarkHistogram(b *testing.B) {
	record(b, impl{"ember", func() updates {
		h := ember.NewHistogram(ember.HistogramOpts{Name: "x_seconds"})
		return func(n int, work rounds) {
			for i := range n {
				h.Observe(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x_seconds"})
		return func(n int, work rounds) {
			for i := range n {
				h.Observe(latencies[i%len(latencies)])
				work.do()
			}
		}
	}})
}

// BenchmarkNative observes latencies in native buckets, alone or beside the 11 default
// ones.
func BenchmarkNative(b *testing.B) {
	for _, classic := range [][]float64{nil, ember.DefBuckets} {
		b.Run(fmt.Sprintf("classic=%d", len(classic)), func(b *testing.B) {
			record(b, impl{"ember", func() updates {
				h := ember.NewHistogram(ember.HistogramOpts{Name: "x_seconds", Buckets: classic, Native: emberNative})
				return func(n int, work rounds) {
					for i := range n {
						h.Observe(latencies[i%len(latencies)])
						work.do()
					}
				}
			}}, impl{"client_golang", func() updates {
				h := prometheus.NewHistogram(clientNative(prometheus.HistogramOpts{Name: "x_seconds", Buckets: classic}))
				return func(n int, work rounds) {
					for i := range n {
						h.Observe(latencies[i%len(latencies)])
						work.do()
					}
				}
			}})
		})
	}
}

// BenchmarkSummary observes latencies in a summary with three quantiles over ten
// minutes. VictoriaMetrics/metrics estimates them from a random thousand.
func BenchmarkSummary(b *testing.B) {
	record(b, impl{"ember", func() updates {
		s := ember.NewSummary(ember.SummaryOpts{Name: "x_seconds", Quantiles: quantiles})
		return func(n int, work rounds) {
			for i := range n {
				s.Observe(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"client_golang", func() updates {
		s := prometheus.NewSummary(prometheus.SummaryOpts{Name: "x_seconds", Objectives: objectives})
		return func(n int, work rounds) {
			for i := range n {
				s.Observe(latencies[i%len(latencies)])
				work.do()
			}
		}
	}}, impl{"victoriametrics", func() updates {
		s := victoria.NewSet().NewSummaryExt("x_seconds", 10*time.Minute, quantiles)
		return func(n int, work rounds) {
			for i := range n {
				s.Update(latencies[i%len(latencies)])
				work.do()
			}
		}
	}})
}
