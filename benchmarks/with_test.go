// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"testing"

	victoria "github.com/VictoriaMetrics/metrics"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/embermetrics/ember"
)

// BenchmarkWithConstant finds one series by three constants, and adds one. What
// VictoriaMetrics/metrics has for that is a map from whole series names; what
// OpenTelemetry advises is to make the set of attributes once.
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
	}}, impl{"otel", func() updates {
		c := must(newMeter().Int64Counter("x"))
		set := attribute.NewSet(
			attribute.String("method", "GET"),
			attribute.String("path", "/api/items/{id}"),
			attribute.String("status", "200"),
		)
		opts := []metric.AddOption{metric.WithAttributeSet(set)}
		return func(n int, work rounds) {
			for range n {
				c.Add(background, 1, opts...)
				work.do()
			}
		}
	}})
}

// BenchmarkWithFresh finds one of many series, some of which come up more often than
// most (Zipf's law), by three strings that were made for the purpose, and adds one.
// impl=none is to pick the series and to have its values as bytes.
func BenchmarkWithFresh(b *testing.B) {
	for _, c := range []struct {
		series int
		record func(*testing.B, ...impl)
	}{
		{1, recordTight}, {100, recordTight}, {1_000, recordTight}, {100_000, record},
	} {
		b.Run(fmt.Sprintf("series=%d", c.series), func(b *testing.B) {
			c.record(b, withFresh(c.series)...)
		})
	}
}

func withFresh(series int) []impl {
	picked := picksOf(series)
	return []impl{{"ember", func() updates {
		v := ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labelNames...)
		l := newLabels()
		for i := range series {
			l.series(i)
			v.With(string(l.method), string(l.path), string(l.status))
		}
		return func(n int, work rounds) {
			l := newLabels()
			for range n {
				l.next(picked)
				v.With(string(l.method), string(l.path), string(l.status)).Inc()
				work.do()
			}
		}
	}}, {"client_golang", func() updates {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x_total"}, labelNames)
		l := newLabels()
		for i := range series {
			l.series(i)
			v.WithLabelValues(string(l.method), string(l.path), string(l.status))
		}
		return func(n int, work rounds) {
			l := newLabels()
			for range n {
				l.next(picked)
				v.WithLabelValues(string(l.method), string(l.path), string(l.status)).Inc()
				work.do()
			}
		}
	}}, {"victoriametrics", func() updates {
		s := victoria.NewSet()
		l := newLabels()
		for i := range series {
			l.series(i)
			s.GetOrCreateCounter(l.victoria("x_total"))
		}
		return func(n int, work rounds) {
			l := newLabels()
			for range n {
				l.next(picked)
				s.GetOrCreateCounter(l.victoria("x_total")).Inc()
				work.do()
			}
		}
	}}, {"otel", func() updates {
		c := must(newMeter().Int64Counter("x"))
		l := newLabels()
		for i := range series {
			l.series(i)
			c.Add(background, 0, l.otel())
		}
		return func(n int, work rounds) {
			l := newLabels()
			for range n {
				l.next(picked)
				c.Add(background, 1, l.otel())
				work.do()
			}
		}
	}}, {"none", func() updates {
		return func(n int, work rounds) {
			l := newLabels()
			for range n {
				l.next(picked)
				work.do()
			}
		}
	}}}
}

// victoria returns the series' name as VictoriaMetrics/metrics wants it.
func (l *labels) victoria(name string) string {
	return name + `{method="` + string(l.method) + `",path="` + string(l.path) + `",status="` + string(l.status) + `"}`
}

// otel returns the labels as OpenTelemetry wants them.
func (l *labels) otel() metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("method", string(l.method)),
		attribute.String("path", string(l.path)),
		attribute.String("status", string(l.status)),
	))
}
