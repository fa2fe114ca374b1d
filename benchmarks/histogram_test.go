// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"testing"
	"time"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"

	"github.com/embermetrics/ember"
)

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
	}}, impl{"otel", func() updates {
		h := must(newMeter().Float64Histogram("x", metric.WithExplicitBucketBoundaries(ember.DefBuckets...)))
		return func(n int, work rounds) {
			for i := range n {
				h.Record(background, latencies[i%len(latencies)])
				work.do()
			}
		}
	}})
}

// BenchmarkNative observes latencies in native buckets, alone or beside the 11 default
// ones. Native buckets are what OpenTelemetry calls exponential; those that
// VictoriaMetrics/metrics always has are much the same.
func BenchmarkNative(b *testing.B) {
	for _, classic := range [][]float64{nil, ember.DefBuckets} {
		impls := []impl{{"ember", func() updates {
			h := ember.NewHistogram(ember.HistogramOpts{Name: "x_seconds", Buckets: classic, Native: emberNative})
			return func(n int, work rounds) {
				for i := range n {
					h.Observe(latencies[i%len(latencies)])
					work.do()
				}
			}
		}}, {"client_golang", func() updates {
			h := prometheus.NewHistogram(clientNative(prometheus.HistogramOpts{Name: "x_seconds", Buckets: classic}))
			return func(n int, work rounds) {
				for i := range n {
					h.Observe(latencies[i%len(latencies)])
					work.do()
				}
			}
		}}}
		if classic == nil {
			impls = append(impls, impl{"victoriametrics", func() updates {
				h := victoria.NewSet().NewHistogram("x_seconds")
				return func(n int, work rounds) {
					for i := range n {
						h.Update(latencies[i%len(latencies)])
						work.do()
					}
				}
			}}, impl{"otel", func() updates {
				h := must(newMeter(exponential).Float64Histogram("x"))
				return func(n int, work rounds) {
					for i := range n {
						h.Record(background, latencies[i%len(latencies)])
						work.do()
					}
				}
			}})
		}
		b.Run(fmt.Sprintf("classic=%d", len(classic)), func(b *testing.B) { record(b, impls...) })
	}
}

// BenchmarkSummary observes latencies in a summary with three quantiles over ten
// minutes. VictoriaMetrics/metrics estimates them from a random thousand; OpenTelemetry
// has nothing like it.
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
