// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

// traceIDs and spanIDs are those of requests, which programs have as strings.
var traceIDs, spanIDs = [...]string{
	"4bf92f3577b34da6a3ce929d0e0e4736", "0af7651916cd43dd8448eb211c80319c",
	"463ac35c9f6413ad48485a3953bb6124", "7d3a1c0e5b9f42a8b6d40f1e2c837a95",
}, [...]string{"00f067aa0ba902b7", "b7ad6b7169203331", "a2fb4a1d1a96d312", "5c8e1f3a7d920b46"}

// BenchmarkExemplar adds one to a counter, or observes latencies in the 11 default
// buckets, with an exemplar of two labels made for the purpose, as programs do that
// are given the ids of a trace. BenchmarkCounterInc and BenchmarkHistogram are the
// same without. Ember keeps an exemplar of each series, or bucket, about once a second,
// client_golang all of them.
func BenchmarkExemplar(b *testing.B) {
	b.Run("of=counter", func(b *testing.B) {
		recordTight(b, impl{"ember", func() updates {
			c := ember.NewCounter(ember.CounterOpts{Name: "x_total"})
			return func(n int, work rounds) {
				for i := range n {
					c.AddWithExemplar(1, ember.Labels{"trace_id": traceIDs[i%len(traceIDs)], "span_id": spanIDs[i%len(spanIDs)]})
					work.do()
				}
			}
		}}, impl{"client_golang", func() updates {
			c := prometheus.NewCounter(prometheus.CounterOpts{Name: "x_total"}).(prometheus.ExemplarAdder)
			return func(n int, work rounds) {
				for i := range n {
					c.AddWithExemplar(1, prometheus.Labels{"trace_id": traceIDs[i%len(traceIDs)], "span_id": spanIDs[i%len(spanIDs)]})
					work.do()
				}
			}
		}})
	})
	b.Run("of=histogram", func(b *testing.B) {
		recordTight(b, impl{"ember", func() updates {
			h := ember.NewHistogram(ember.HistogramOpts{Name: "x_seconds"})
			return func(n int, work rounds) {
				for i := range n {
					h.ObserveWithExemplar(latencies[i%len(latencies)], ember.Labels{"trace_id": traceIDs[i%len(traceIDs)], "span_id": spanIDs[i%len(spanIDs)]})
					work.do()
				}
			}
		}}, impl{"client_golang", func() updates {
			h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x_seconds"}).(prometheus.ExemplarObserver)
			return func(n int, work rounds) {
				for i := range n {
					h.ObserveWithExemplar(latencies[i%len(latencies)], prometheus.Labels{"trace_id": traceIDs[i%len(traceIDs)], "span_id": spanIDs[i%len(spanIDs)]})
					work.do()
				}
			}
		}})
	})
}
