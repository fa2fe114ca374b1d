// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// gathered returns the points of the only family.
func gathered(t testing.TB, g ember.Gatherer) []metric.Point {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	require.Len(t, families, 1)
	return families[0].Points
}

// A histogram that has counted before it is registered keeps its count and sum. What it
// counted in a bucket is in the one of that bucket's bound.
func TestBucketsOfHistogramsThatHaveCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		bounds []float64
		want   string // by bound
	}{
		"the same":  {[]float64{1, 2, 4}, "1:1 2:3 4:6 +Inf:10"},
		"finer":     {[]float64{1, 1.5, 2, 3, 4, 8}, "1:1 1.5:1 2:3 3:3 4:6 8:6 +Inf:10"},
		"coarser":   {[]float64{2}, "2:3 +Inf:10"},
		"others":    {[]float64{1.5, 3}, "1.5:1 3:3 +Inf:10"},
		"below all": {[]float64{-1, 0}, "-1:0 0:0 +Inf:10"},
		"above all": {[]float64{100}, "100:6 +Inf:10"},
	} {
		for _, spread := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", spread: ", spread), func(t *testing.T) {
				h := ember.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: []float64{1, 2, 4}})
				if spread {
					h.Spread()
				}
				for i, v := range []float64{0.5, 1.5, 3, math.Inf(1)} {
					for range i + 1 {
						h.ObserveWithExemplar(v, ember.Labels{"id": fmt.Sprint(i)})
					}
				}
				require.Equal(t, uint64(10), h.Count())
				reg := ruled(t, ember.Rule{Metric: "x", Buckets: tc.bounds})
				reg.MustRegister(h)
				for range 2 {
					require.Equal(t, uint64(10), h.Count())
					require.Equal(t, math.Inf(1), h.Sum())
					p := gathered(t, reg)[0]
					require.Equal(t, tc.want, bucketText(p))
					require.False(t, p.Created.IsZero())
				}
				p := gathered(t, reg)[0]
				n := 0
				for _, b := range p.Buckets {
					if b.Exemplar != nil {
						n++
					}
				}
				require.Positive(t, n)
				// From now on every observation is where it belongs.
				v := tc.bounds[0]
				h.Observe(v)
				require.Equal(t, p.Buckets[0].Count+1, gathered(t, reg)[0].Buckets[0].Count)
				require.Equal(t, uint64(11), h.Count())
			})
		}
	}
}

func bucketText(p metric.Point) (text string) {
	for _, b := range p.Buckets {
		if !math.IsInf(b.UpperBound, 1) {
			text += fmt.Sprintf("%g:%d ", b.UpperBound, b.Count)
		}
	}
	return text + fmt.Sprint("+Inf:", p.Count)
}

// All the ways to observe lead to where the rule's buckets are.
func TestBucketsOfARuleCountAllObservations(t *testing.T) {
	ctx := withTrace("a")
	reg := ember.NewRegistry(ember.WithExemplarSource(traceOf), ember.WithRules(newRules(t, ember.Rule{Metric: "x", Buckets: []float64{7, 8}})))
	h := ember.NewHistogram(ember.HistogramOpts{Name: "x"})
	reg.MustRegister(h)
	timer := h.Start()
	h.Observe(7.5)
	h.ObserveWithExemplar(7.5, ember.Labels{"id": "1"})
	h.ObserveContext(ctx, 9)
	h.ObserveDuration(7500 * time.Millisecond)
	h.Time(func() {})
	timer.Stop()
	captureLog(t)
	h.Observe(math.NaN())
	p := gathered(t, onlyOne{reg, "x"})[0]
	require.Equal(t, "7:2 8:5 +Inf:6", bucketText(p))
	require.Equal(t, []metric.Label{{Name: "id", Value: "1"}}, p.Buckets[1].Exemplar.Labels)
	require.NotNil(t, p.Buckets[2].Exemplar)
	require.Contains(t, scrapeOf(t, reg), `ember_invalid_updates_total{reason="nan"} 1`)
	var out metric.Sink
	require.NoError(t, h.Collect(context.Background(), &out))
	require.Equal(t, "7:2 8:5 +Inf:6", bucketText(out.Families()[0].Points[0]))
}

// onlyOne is one family of a gatherer.
type onlyOne struct {
	ember.Gatherer
	name string
}

func (o onlyOne) Gather() ([]*metric.Family, error) {
	families, err := o.Gatherer.Gather()
	for _, f := range families {
		if f.Name == o.name {
			return []*metric.Family{f}, err
		}
	}
	return nil, err
}

// Native buckets stay, also those of before, at the resolution that they had come to.
func TestBucketsOfARuleBesideNativeOnes(t *testing.T) {
	for name, opts := range map[string]ember.HistogramOpts{
		"alone":  {Name: "x", Native: &ember.NativeOpts{MaxBuckets: 8}},
		"beside": {Name: "x", Native: &ember.NativeOpts{MaxBuckets: 8}, Buckets: []float64{1, 1024}},
	} {
		t.Run(name, func(t *testing.T) {
			plain := ember.NewHistogram(opts)
			h := ember.NewHistogram(opts)
			v := ember.NewHistogramVec(opts, "a")
			observe := func(from, to int) {
				for i := from; i < to; i++ {
					for _, o := range []*ember.Histogram{plain, h} {
						o.Observe(math.Ldexp(1, i%20))
					}
				}
			}
			observe(0, 30)
			h.Count() // which finds a scale that fits
			reg := ruled(t, ember.Rule{Metric: "x", Buckets: []float64{2, 1 << 11}})
			reg.MustRegister(h)
			observe(30, 60)
			want := ember.NewRegistry()
			want.MustRegister(plain)
			a, b := gathered(t, want)[0], gathered(t, reg)[0]
			require.Equal(t, a.Native, b.Native)
			require.Equal(t, a.Sum, b.Sum)
			require.Equal(t, a.Count, b.Count)
			require.Len(t, b.Buckets, 2)
			require.Equal(t, b.Buckets, gathered(t, reg)[0].Buckets)

			reg = ruled(t, ember.Rule{Metric: "x", Buckets: []float64{2, 1 << 11}})
			reg.MustRegister(v)
			v.With("1").Observe(3)
			p := gathered(t, reg)[0]
			require.Equal(t, "2:0 2048:1 +Inf:1", bucketText(p))
			require.Len(t, p.Native.Positive, 1)
		})
	}
}

// Observations are counted once, whenever they come.
func TestBucketsOfARuleWhileOthersObserve(t *testing.T) {
	const goroutines, each = 4, 3000
	for name, opts := range map[string]ember.HistogramOpts{
		"classic": {Name: "x", Buckets: []float64{1, 2, 3}},
		"native":  {Name: "x", Native: &ember.NativeOpts{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := ember.NewHistogram(opts)
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					for i := range each {
						h.Observe(float64(1 + (g+i)%4))
						if i%100 == 0 {
							h.ObserveWithExemplar(3, ember.Labels{"id": "1"})
						}
					}
				})
			}
			reg := ruled(t, ember.Rule{Metric: "x", Buckets: []float64{2.5, 3.5}})
			reg.MustRegister(h)
			last := uint64(0)
			for range 20 {
				p := gathered(t, reg)[0]
				require.GreaterOrEqual(t, p.Count, last)
				last = p.Count
				time.Sleep(100 * time.Microsecond)
			}
			wg.Wait()
			p := gathered(t, reg)[0]
			more := goroutines * each / 100
			require.Equal(t, uint64(goroutines*each+more), p.Count)
			require.Equal(t, float64(goroutines*each/4*(1+2+3+4)+3*more), p.Sum)
		})
	}
}
