// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"testing"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/embermetrics/ember"
)

// BenchmarkCreate creates a series with three labels, in a vector that grows to
// 100,000 before another is begun.
func BenchmarkCreate(b *testing.B) {
	for _, i := range []struct {
		name  string
		start func() func(*labels)
	}{
		{"ember", func() func(*labels) {
			v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total", MaxSeries: -1}, labelNames...)
			return func(l *labels) { v.With(string(l.method), string(l.path), string(l.status)) }
		}},
		{"client_golang", func() func(*labels) {
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total"}, labelNames)
			return func(l *labels) { v.WithLabelValues(string(l.method), string(l.path), string(l.status)) }
		}},
		{"victoriametrics", func() func(*labels) {
			s := victoria.NewSet()
			return func(l *labels) { s.GetOrCreateCounter(l.victoria("x_total")) }
		}},
	} {
		b.Run("impl="+i.name, func(b *testing.B) {
			const most = 100_000
			b.ReportAllocs()
			l := newLabels()
			var create func(*labels)
			for n := range b.N {
				if n%most == 0 {
					create = i.start()
				}
				l.series(n % most)
				create(l)
			}
		})
	}
}
