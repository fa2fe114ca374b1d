// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/embermetrics/ember"
)

// background is what OpenTelemetry's instruments want besides a value.
var background = context.Background()

// newMeter makes OpenTelemetry's instruments. Somebody reads them when asked to, as
// Prometheus does.
func newMeter(views ...sdk.View) metric.Meter {
	return sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader()), sdk.WithView(views...)).Meter("benchmarks")
}

// exponential makes every histogram one with buckets like nativeFactor's: 2^(1/8).
var exponential = sdk.NewView(
	sdk.Instrument{Kind: sdk.InstrumentKindHistogram},
	sdk.Stream{Aggregation: sdk.AggregationBase2ExponentialHistogram{MaxSize: nativeMaxBuckets, MaxScale: 3}},
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// otelService is scraped through OpenTelemetry's exporter, which turns everything into
// client_golang's metrics and leaves the rest to that. It has no summaries.
type otelService struct {
	service // nil: panics for all that is not here
	reg     *prometheus.Registry
	meter   metric.Meter
	counter metric.Float64Counter // the last that was made
}

func newOtel() *otelService {
	reg := prometheus.NewRegistry()
	reader := must(exporter.New(exporter.WithRegisterer(reg), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo()))
	return &otelService{reg: reg, meter: sdk.NewMeterProvider(sdk.WithReader(reader)).Meter("benchmarks")}
}

func (s *otelService) counters(name string, series int) {
	s.counter = must(s.meter.Float64Counter(name, metric.WithDescription(help)))
	l := newLabels()
	for i := range series {
		l.series(i)
		s.counter.Add(background, counterValue(i), l.otel())
	}
}

func (s *otelService) gauges(name string, series int) {
	g := must(s.meter.Float64Gauge(name, metric.WithDescription(help)))
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		g.Record(background, gaugeValue(i), l.otelTwo())
	}
}

func (s *otelService) histograms(name string, series int) {
	h := must(s.meter.Float64Histogram(name, metric.WithDescription(help), metric.WithExplicitBucketBoundaries(ember.DefBuckets...)))
	l := newLabels()
	for i := range series {
		l.series(i * len(methods))
		labels := l.otelTwo()
		for _, value := range histogramValues(i) {
			h.Record(background, value, labels)
		}
	}
}

func (s *otelService) handler(gzip bool) http.Handler {
	return promhttp.HandlerFor(s.reg, promhttp.HandlerOpts{DisableCompression: !gzip, EnableOpenMetrics: true})
}

// otelTwo returns the labels without the method.
func (l *labels) otelTwo() metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(
		attribute.String("path", string(l.path)),
		attribute.String("status", string(l.status)),
	))
}
