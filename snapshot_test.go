// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// atomics are instruments whose numbers must always belong to the same
// observations: what observes 1 in one of their series.
func atomics() map[string]func(reg *ember.Registry) (series int, observe func(i int)) {
	quantiles := []float64{0, 0.5, 0.99}
	return map[string]func(reg *ember.Registry) (int, func(int)){
		"histogram": func(reg *ember.Registry) (int, func(int)) {
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x"})
			return 1, func(int) { h.Observe(1) }
		},
		"histogram with many buckets": func(reg *ember.Registry) (int, func(int)) {
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: ember.LinearBuckets(-100, 1, 200)})
			return 1, func(int) { h.Observe(1) }
		},
		"histograms": func(reg *ember.Registry) (int, func(int)) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x"}, "a")
			return 2, func(i int) { v.With([]string{"b", "c"}[i&1]).Observe(1) }
		},
		"native histogram": func(reg *ember.Registry) (int, func(int)) {
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}})
			return 1, func(int) { h.Observe(1) }
		},
		"native histogram with buckets": func(reg *ember.Registry) (int, func(int)) {
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}, Buckets: []float64{0.5, 1, 2}})
			return 1, func(int) { h.Observe(1) }
		},
		"native histograms": func(reg *ember.Registry) (int, func(int)) {
			v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{}}, "a")
			return 2, func(i int) { v.With([]string{"b", "c"}[i&1]).Observe(1) }
		},
		"summary": func(reg *ember.Registry) (int, func(int)) {
			s := reg.NewSummary(ember.SummaryOpts{Name: "x"})
			return 1, func(int) { s.Observe(1) }
		},
		"summary with quantiles": func(reg *ember.Registry) (int, func(int)) {
			s := reg.NewSummary(ember.SummaryOpts{Name: "x", Quantiles: quantiles, MaxAge: 100 * time.Millisecond})
			return 1, func(int) { s.Observe(1) }
		},
		"summaries": func(reg *ember.Registry) (int, func(int)) {
			v := reg.NewSummaryVec(ember.SummaryOpts{Name: "x"}, "a")
			return 2, func(i int) { v.With([]string{"b", "c"}[i&1]).Observe(1) }
		},
		"summaries with quantiles": func(reg *ember.Registry) (int, func(int)) {
			v := reg.NewSummaryVec(ember.SummaryOpts{Name: "x", Quantiles: quantiles}, "a")
			return 2, func(i int) { v.With([]string{"b", "c"}[i&1]).Observe(1) }
		},
	}
}

// In every scrape sum, count and last bucket are equal, while 8 goroutines observe
// nothing but 1.
func TestSnapshotsAreAtomic(t *testing.T) {
	for name, create := range atomics() {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			series, observe := create(reg)
			for i := range series {
				observe(i)
			}
			observed := uint64(series)

			var stop atomic.Bool
			var total atomic.Uint64
			var wg sync.WaitGroup
			defer wg.Wait()
			defer stop.Store(true)
			for i := range 8 {
				wg.Go(func() {
					n := uint64(0)
					for ; !stop.Load(); n++ {
						observe(i)
						// Whoever is preempted within Observe keeps scrapes waiting, so
						// without this there would be few of them on few processors.
						if n%256 == 255 {
							runtime.Gosched()
						}
					}
					total.Add(n)
				})
			}
			var last uint64
			deadline := time.Now().Add(200 * time.Millisecond)
			for scrapes := 0; scrapes < 5 || time.Now().Before(deadline); scrapes++ {
				var points []metric.Point
				if scrapes%4 == 0 {
					points = parsedPoints(t, reg)
				} else {
					families, err := reg.Gather()
					require.NoError(t, err)
					points = families[0].Points
				}
				require.Len(t, points, series)
				last = checkOnes(t, points, last)
			}
			stop.Store(true)
			wg.Wait()
			families, err := reg.Gather()
			require.NoError(t, err)
			require.Equal(t, observed+total.Load(), checkOnes(t, families[0].Points, last))
		})
	}
}

// checkOnes checks points for which only 1 was observed, and at least last times.
// It returns how often it was.
func checkOnes(t *testing.T, points []metric.Point, last uint64) uint64 {
	var n uint64
	for _, p := range points {
		if p.Sum != float64(p.Count) {
			t.Fatalf("the sum is %g, but the count %d", p.Sum, p.Count)
		}
		for _, b := range p.Buckets {
			want := p.Count
			if b.UpperBound < 1 {
				want = 0
			}
			if b.Count != want {
				t.Fatalf("bucket %g counts %d of %d", b.UpperBound, b.Count, p.Count)
			}
		}
		if n := p.Native; n != nil && (len(n.Positive) != 1 || n.Positive[0] != metric.NativeBucket{Index: 0, Count: p.Count}) {
			t.Fatalf("the native buckets are %v of %d", n.Positive, p.Count)
		}
		for _, q := range p.Quantiles { // NaN if the processor was away for a whole MaxAge
			if q.Value < 0.99 || q.Value > 1.01 {
				t.Fatalf("quantile %g is %g", q.Quantile, q.Value)
			}
		}
		n += p.Count
	}
	if n < last {
		t.Fatalf("%d were observed, but %d before", n, last)
	}
	return n
}

// parsedPoints returns the only family of g as somebody else reads it.
func parsedPoints(t *testing.T, g ember.Gatherer) []metric.Point {
	var b bytes.Buffer
	require.NoError(t, ember.WriteText(&b, g))
	require.True(t, strings.HasSuffix(b.String(), "\n"))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(&b)
	require.NoError(t, err)
	require.Len(t, families, 1)
	var points []metric.Point
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var p metric.Point
			if h := m.GetHistogram(); h != nil {
				p.Count, p.Sum = h.GetSampleCount(), h.GetSampleSum()
				for _, b := range h.GetBucket() {
					p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b.GetUpperBound(), Count: b.GetCumulativeCount()})
				}
				require.NotEmpty(t, p.Buckets)
			} else {
				p.Count, p.Sum = m.GetSummary().GetSampleCount(), m.GetSummary().GetSampleSum()
				for _, q := range m.GetSummary().GetQuantile() {
					p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
				}
			}
			points = append(points, p)
		}
	}
	return points
}
