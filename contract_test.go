// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Programs are written against these signatures, so changing one must break the
// build here first.

type observer interface {
	ember.Collector
	Observe(float64)
	ObserveDuration(time.Duration)
	Start() ember.Timer
	Time(func())
	Count() uint64
	Sum() float64
}

var (
	_ interface {
		ember.Collector
		Inc()
		Add(float64)
		Value() float64
		IncWithExemplar(ember.Labels)
		AddWithExemplar(float64, ember.Labels)
		IncContext(context.Context)
		AddContext(context.Context, float64)
	} = (*ember.Counter)(nil)

	_ interface {
		ember.Collector
		Set(float64)
		Add(float64)
		Sub(float64)
		Inc()
		Dec()
		SetToCurrentTime()
		Track() func()
		Value() float64
	} = (*ember.Gauge)(nil)

	_ observer = (*ember.Histogram)(nil)
	_ observer = (*ember.Summary)(nil)

	_ interface {
		ObserveWithExemplar(float64, ember.Labels)
		ObserveContext(context.Context, float64)
	} = (*ember.Histogram)(nil)

	_ interface {
		ember.Collector
		Set(ember.Labels) error
		Labels() ember.Labels
	} = (*ember.Info)(nil)

	_ interface {
		ember.Collector
		Set(state string, on bool)
		Switch(state string)
		On() []string
	} = (*ember.StateSet)(nil)

	_ interface {
		Stop() time.Duration
		StopContext(context.Context) time.Duration
		Discard()
	} = ember.Timer{}

	_ vector[ember.Counter, *ember.CounterVec]     = (*ember.CounterVec)(nil)
	_ vector[ember.Gauge, *ember.GaugeVec]         = (*ember.GaugeVec)(nil)
	_ vector[ember.Histogram, *ember.HistogramVec] = (*ember.HistogramVec)(nil)
	_ vector[ember.Summary, *ember.SummaryVec]     = (*ember.SummaryVec)(nil)

	_ interface {
		SetFunc(f func() float64, values ...string)
	} = (*ember.CounterVec)(nil)
	_ interface {
		SetFunc(f func() float64, values ...string)
	} = (*ember.GaugeVec)(nil)

	_ typedVector[pair, ember.Counter, ember.CounterVec]     = (*ember.CounterVecOf[pair])(nil)
	_ typedVector[pair, ember.Gauge, ember.GaugeVec]         = (*ember.GaugeVecOf[pair])(nil)
	_ typedVector[pair, ember.Histogram, ember.HistogramVec] = (*ember.HistogramVecOf[pair])(nil)
	_ typedVector[pair, ember.Summary, ember.SummaryVec]     = (*ember.SummaryVecOf[pair])(nil)

	_ interface {
		SetFunc(func() float64, pair)
	} = (*ember.CounterVecOf[pair])(nil)
	_ interface {
		SetFunc(func() float64, pair)
	} = (*ember.GaugeVecOf[pair])(nil)

	_ func(ember.CounterOpts) *ember.CounterVecOf[pair]                                                             = ember.NewCounterVecOf[pair]
	_ func(ember.GaugeOpts) *ember.GaugeVecOf[pair]                                                                 = ember.NewGaugeVecOf[pair]
	_ func(ember.HistogramOpts) *ember.HistogramVecOf[pair]                                                         = ember.NewHistogramVecOf[pair]
	_ func(ember.SummaryOpts) *ember.SummaryVecOf[pair]                                                             = ember.NewSummaryVecOf[pair]
	_ func(*ember.Registry, ember.CounterOpts) *ember.CounterVecOf[pair]                                            = ember.CounterVecOfIn[pair]
	_ func(*ember.Registry, ember.GaugeOpts) *ember.GaugeVecOf[pair]                                                = ember.GaugeVecOfIn[pair]
	_ func(*ember.Registry, ember.HistogramOpts) *ember.HistogramVecOf[pair]                                        = ember.HistogramVecOfIn[pair]
	_ func(*ember.Registry, ember.SummaryOpts) *ember.SummaryVecOf[pair]                                            = ember.SummaryVecOfIn[pair]
	_ func(v *ember.CounterVecOf[pair], fixed struct{ A string }) (*ember.CounterVecOf[struct{ B int }], error)     = ember.CurryCounterVec[struct{ B int }]
	_ func(v *ember.GaugeVecOf[pair], fixed struct{ A string }) (*ember.GaugeVecOf[struct{ B int }], error)         = ember.CurryGaugeVec[struct{ B int }]
	_ func(v *ember.HistogramVecOf[pair], fixed struct{ A string }) (*ember.HistogramVecOf[struct{ B int }], error) = ember.CurryHistogramVec[struct{ B int }]
	_ func(v *ember.SummaryVecOf[pair], fixed struct{ A string }) (*ember.SummaryVecOf[struct{ B int }], error)     = ember.CurrySummaryVec[struct{ B int }]

	_ func(ember.CounterOpts) *ember.Counter                               = ember.NewCounter
	_ func(ember.GaugeOpts) *ember.Gauge                                   = ember.NewGauge
	_ func(ember.HistogramOpts) *ember.Histogram                           = ember.NewHistogram
	_ func(ember.SummaryOpts) *ember.Summary                               = ember.NewSummary
	_ func(ember.InfoOpts, ember.Labels) *ember.Info                       = ember.NewInfo
	_ func(opts ember.StateSetOpts, states ...string) *ember.StateSet      = ember.NewStateSet
	_ func(ember.CounterOpts, func() float64) *ember.CounterFunc           = ember.NewCounterFunc
	_ func(ember.GaugeOpts, func() float64) *ember.GaugeFunc               = ember.NewGaugeFunc
	_ func(opts ember.CounterOpts, labels ...string) *ember.CounterVec     = ember.NewCounterVec
	_ func(opts ember.GaugeOpts, labels ...string) *ember.GaugeVec         = ember.NewGaugeVec
	_ func(opts ember.HistogramOpts, labels ...string) *ember.HistogramVec = ember.NewHistogramVec
	_ func(opts ember.SummaryOpts, labels ...string) *ember.SummaryVec     = ember.NewSummaryVec
	_ func(start, width float64, count int) []float64                      = ember.LinearBuckets
	_ func(start, factor float64, count int) []float64                     = ember.ExponentialBuckets
	_ func(minBound, maxBound float64, count int) []float64                = ember.ExponentialBucketsRange
	_ []float64                                                            = ember.DefBuckets
	_ func(...ember.RegistryOption) *ember.Registry                        = ember.NewRegistry
	_ func(func(context.Context) ember.Labels) ember.RegistryOption        = ember.WithExemplarSource
	_ func(int) ember.RegistryOption                                       = ember.WithMaxSeries
	_ func() ember.RegistryOption                                          = ember.WithSeriesMetric
	_ func(*ember.Rules) ember.RegistryOption                              = ember.WithRules
	_ func(...ember.Rule) (*ember.Rules, error)                            = ember.NewRules
	_ func([]byte) (*ember.Rules, error)                                   = ember.ParseRules
	_ func(string) (*ember.Rules, error)                                   = ember.ReadRules
	_ func() (*ember.Rules, error)                                         = ember.RulesFromEnv
	_ func(*ember.Registry) error                                          = (*ember.Registry).CheckRules
	_ func(*ember.Registry) http.Handler                                   = ember.CardinalityHandler
	_ func() *ember.Registry                                               = ember.Default
	_ func(ember.Collector) error                                          = ember.Register
	_ func(...ember.Collector)                                             = ember.MustRegister
	_ func(ember.Collector) bool                                           = ember.Unregister
	_ func() http.Handler                                                  = ember.Handler
	_ func(ember.Gatherer, ember.HandlerOpts) http.Handler                 = ember.HandlerFor
	_ func(io.Writer, ember.Gatherer) error                                = ember.WriteText
	_ func(io.Writer, ember.Gatherer, ember.Format) error                  = ember.Write
	_ func(ember.Collector, context.Context, *metric.Sink) error           = ember.Collector.Collect
	_ func(metric.Collector, context.Context, *metric.Sink) error          = metric.Collector.Collect

	_ interface {
		ember.Gatherer
		Register(ember.Collector) error
		MustRegister(...ember.Collector)
		Unregister(ember.Collector) bool
		Configure(...ember.RegistryOption)
		Sub(prefix string, labels ember.Labels) *ember.Registry
		NewCounter(ember.CounterOpts) *ember.Counter
		NewGauge(ember.GaugeOpts) *ember.Gauge
		NewHistogram(ember.HistogramOpts) *ember.Histogram
		NewSummary(ember.SummaryOpts) *ember.Summary
		NewCounterFunc(ember.CounterOpts, func() float64) *ember.CounterFunc
		NewGaugeFunc(ember.GaugeOpts, func() float64) *ember.GaugeFunc
		NewInfo(ember.InfoOpts, ember.Labels) *ember.Info
		NewStateSet(ember.StateSetOpts, ...string) *ember.StateSet
		NewCounterVec(ember.CounterOpts, ...string) *ember.CounterVec
		NewGaugeVec(ember.GaugeOpts, ...string) *ember.GaugeVec
		NewHistogramVec(ember.HistogramOpts, ...string) *ember.HistogramVec
		NewSummaryVec(ember.SummaryOpts, ...string) *ember.SummaryVec
	} = (*ember.Registry)(nil)

	_ interface {
		Gather() ([]*metric.Family, error)
	} = ember.Gatherer(nil)

	_ = [...]ember.Format{
		ember.FormatText, ember.FormatText1, ember.FormatOpenMetrics, ember.FormatOpenMetrics0, ember.FormatOpenMetrics2, ember.FormatProtobuf,
	}
	_ = [...]ember.Escaping{ember.EscapingUnderscores, ember.EscapingAllowUTF8, ember.EscapingDots, ember.EscapingValues}

	_ interface {
		WithEscaping(ember.Escaping) ember.Format
		WithCreated() ember.Format
		ContentType() string
		String() string
	} = ember.Format(0)
)

// The options are flat, and zero means the default.
var (
	_ = ember.Rule{
		Metric: "", Drop: false, DropLabels: []string(nil), RenameLabels: map[string]string(nil), Buckets: []float64(nil),
		MaxSeries: int(0), LabelBudgets: map[string]int(nil), KnownValues: map[string][]string(nil),
	}
	_ = ember.CounterOpts{Namespace: "", Subsystem: "", Name: "", Help: "", Unit: "", ConstLabels: ember.Labels(map[string]string{})}
	_ = ember.GaugeOpts{Namespace: "", Subsystem: "", Name: "", Help: "", Unit: "", ConstLabels: nil}
	_ = ember.HistogramOpts{Namespace: "", Subsystem: "", Name: "", Help: "", Unit: "", ConstLabels: nil, Buckets: []float64(nil), Native: (*ember.NativeOpts)(nil)}
	_ = ember.SummaryOpts{
		Namespace: "", Subsystem: "", Name: "", Help: "", Unit: "", ConstLabels: nil,
		Quantiles: []float64(nil), MaxAge: time.Duration(0), AgeBuckets: int(0),
	}
	_ = ember.NativeOpts{
		Factor: float64(0), ZeroThreshold: float64(0), MaxBuckets: int(0), MaxZeroThreshold: float64(0), ResetAfter: time.Duration(0),
	}
	_ = ember.CounterOpts{MaxSeries: 0, LabelBudgets: map[string]int(nil), KnownValues: map[string][]string(nil), Normalize: map[string]func(string) string(nil)}
	_ = ember.GaugeOpts{MaxSeries: 0, LabelBudgets: map[string]int(nil), KnownValues: map[string][]string(nil), Normalize: map[string]func(string) string(nil)}
	_ = ember.HistogramOpts{MaxSeries: 0, LabelBudgets: map[string]int(nil), KnownValues: map[string][]string(nil), Normalize: map[string]func(string) string(nil)}
	_ = ember.SummaryOpts{MaxSeries: 0, LabelBudgets: map[string]int(nil), KnownValues: map[string][]string(nil), Normalize: map[string]func(string) string(nil)}
	_ = ember.InfoOpts{Namespace: "", Subsystem: "", Name: "", Help: "", ConstLabels: nil}
	_ = ember.StateSetOpts{Namespace: "", Subsystem: "", Name: "", Help: "", ConstLabels: nil}
)
