// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// scrapeProtobuf returns what g exposes, as somebody else reads protobuf.
func scrapeProtobuf(t testing.TB, g ember.Gatherer) map[string][]*dto.Metric {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, ember.Write(&b, g, ember.FormatProtobuf))
	all := make(map[string][]*dto.Metric)
	for d := expfmt.NewDecoder(&b, expfmt.NewFormat(expfmt.TypeProtoDelim)); ; {
		var f dto.MetricFamily
		err := d.Decode(&f)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[f.GetName()] = append(all[f.GetName()], f.GetMetric()...)
	}
}

// scrapeNative returns the only histogram that g exposes, as protobuf has it.
func scrapeNative(t testing.TB, g ember.Gatherer) metric.Point {
	t.Helper()
	all := scrapeProtobuf(t, g)
	require.Len(t, all, 1)
	for _, metrics := range all {
		require.Len(t, metrics, 1)
		return nativePoint(t, metrics[0])
	}
	panic("unreachable")
}

func nativePoint(t testing.TB, m *dto.Metric) metric.Point {
	t.Helper()
	h := m.GetHistogram()
	require.NotNil(t, h)
	p := metric.Point{Count: h.GetSampleCount(), Sum: h.GetSampleSum(), Created: h.GetCreatedTimestamp().AsTime(), Native: &metric.Native{
		Schema: int(h.GetSchema()), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(),
	}}
	for _, b := range h.GetBucket() {
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b.GetUpperBound(), Count: b.GetCumulativeCount()})
	}
	list := func(spans []*dto.BucketSpan, deltas []int64) (list []metric.NativeBucket) {
		index, count := 0, int64(0)
		for _, s := range spans {
			index += int(s.GetOffset())
			for range s.GetLength() {
				count += deltas[0]
				deltas = deltas[1:]
				if count > 0 {
					list = append(list, metric.NativeBucket{Index: index, Count: uint64(count)})
				}
				index++
			}
		}
		require.Empty(t, deltas, "in no span")
		return list
	}
	p.Native.Positive = list(h.GetPositiveSpan(), h.GetPositiveDelta())
	p.Native.Negative = list(h.GetNegativeSpan(), h.GetNegativeDelta())
	return p
}

func TestNativeReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		time.Sleep(time.Minute)
		start := time.Now().UTC()
		h := reg.NewHistogram(ember.HistogramOpts{
			Name:    "x",
			Buckets: []float64{2},
			Native:  &ember.NativeOpts{Factor: 2, MaxBuckets: 2, ResetAfter: time.Hour},
		})
		at := func(d time.Duration) { time.Sleep(time.Until(start.Add(d))) }
		point := func(created time.Duration, count uint64, sum float64, upTo2 uint64, schema int, buckets ...metric.NativeBucket) metric.Point {
			return metric.Point{
				Count: count, Sum: sum, Created: start.Add(created),
				Buckets: []metric.Bucket{{UpperBound: 2, Count: upTo2}},
				Native:  &metric.Native{Schema: schema, ZeroThreshold: 0x1p-128, Positive: buckets},
			}
		}
		scraped := func(want metric.Point) {
			t.Helper()
			got := scrapeNative(t, reg)
			if n := len(got.Buckets); n > 1 { // +Inf's
				require.Equal(t, metric.Bucket{UpperBound: math.Inf(1), Count: got.Count}, got.Buckets[n-1])
				got.Buckets = got.Buckets[:n-1]
			}
			require.Equal(t, want, got)
		}
		// untouched looks at h in every way that must not make it begin anew.
		untouched := func(want metric.Point) {
			t.Helper()
			for range 2 {
				require.Equal(t, want.Count, h.Count())
				require.Equal(t, want.Sum, h.Sum())
				got := pointOf(t, h)
				got.Created = got.Created.UTC()
				require.Equal(t, want, got)
				families, err := reg.Gather()
				require.NoError(t, err)
				require.Len(t, families[0].Points, 1)
				got = families[0].Points[0]
				got.Created = got.Created.UTC()
				require.Equal(t, want, got)
			}
		}
		scraped(point(0, 0, 0, 0, 0))
		h.Observe(1)
		h.Observe(2)
		fine := point(0, 2, 3, 2, 0, metric.NativeBucket{Index: 0, Count: 1}, metric.NativeBucket{Index: 1, Count: 1})
		scraped(fine)

		// As long as the resolution is the original one, there is no need.
		at(2 * time.Hour)
		scraped(fine)
		scraped(fine)
		h.Observe(4)
		coarse := point(0, 3, 7, 2, -1, metric.NativeBucket{Index: 0, Count: 1}, metric.NativeBucket{Index: 1, Count: 2})
		untouched(coarse)
		at(3 * time.Hour)
		untouched(coarse)
		scraped(coarse)
		began := 3 * time.Hour
		untouched(point(began, 0, 0, 0, 0))
		scraped(point(began, 0, 0, 0, 0))

		// Not before an hour has passed.
		for _, v := range []float64{4, 8, 16} {
			h.Observe(v)
		}
		coarse = point(began, 3, 28, 0, -1, metric.NativeBucket{Index: 1, Count: 1}, metric.NativeBucket{Index: 2, Count: 2})
		at(began + time.Hour - 1)
		scraped(coarse)
		scraped(coarse)
		at(began + time.Hour)
		untouched(coarse)
		scraped(coarse)
		began += time.Hour
		untouched(point(began, 0, 0, 0, 0))

		// A scrape in a format without native buckets is one, too.
		for _, v := range []float64{2, 4, 8} {
			h.Observe(v)
		}
		at(began + 90*time.Minute)
		require.Equal(t, `# TYPE x histogram
x_bucket{le="2"} 1
x_bucket{le="+Inf"} 3
x_sum 14
x_count 3
`, scrapeOf(t, reg))
		began += 90 * time.Minute
		h.Observe(0.5)
		fine = point(began, 1, 0.5, 1, 0, metric.NativeBucket{Index: -1, Count: 1})
		scraped(fine)

		// Nor does it begin anew since it did so once.
		at(began + 2*time.Hour)
		scraped(fine)
		scraped(fine)
	})
}

// Shards that are within the budget each by itself may be too much together, which only
// a scrape finds out: perhaps the one that ends everything.
func TestNativeResetOfShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: 2, MaxBuckets: 2, ResetAfter: time.Hour}})
		h.Spread()
		observe := func(here, elsewhere float64) {
			h.Observe(here)
			h.Elsewhere(func() { h.Observe(elsewhere) })
		}
		require.Equal(t, 0, scrapeNative(t, reg).Native.Schema)
		observe(1, 2)
		require.Equal(t, 0, scrapeNative(t, reg).Native.Schema)
		observe(1, 4)
		require.Equal(t, -1, scrapeNative(t, reg).Native.Schema)
		require.Equal(t, -1, scrapeNative(t, reg).Native.Schema)
		observe(256, 65536)
		time.Sleep(time.Hour)
		p := scrapeNative(t, reg)
		require.Equal(t, uint64(6), p.Count)
		require.Equal(t, []metric.NativeBucket{{Index: 0, Count: 2}, {Index: 1, Count: 4}}, p.Native.Positive)
		require.Equal(t, -4, p.Native.Schema)
		requireWhole(t, p)
		observe(1, 2)
		p = scrapeNative(t, reg)
		require.Equal(t, uint64(2), p.Count)
		require.Equal(t, 0, p.Native.Schema)
		require.Equal(t, []metric.NativeBucket{{Index: 0, Count: 1}, {Index: 1, Count: 1}}, p.Native.Positive)
	})
}

// A widened zero bucket is given up, too, and a histogram that never needs to is never
// reset.
func TestNativeResetRestoresTheZeroThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := ember.NativeOpts{Factor: 2, MaxBuckets: 1, MaxZeroThreshold: 100, ResetAfter: time.Hour}
		reg, never := ember.NewRegistry(), ember.NewRegistry()
		h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Native: &opts})
		opts.ResetAfter = 0 // which is the histogram's own
		kept := never.NewHistogram(ember.HistogramOpts{Name: "x", Native: &opts})
		for _, v := range []float64{1, 2} {
			h.Observe(v)
			kept.Observe(v)
		}
		time.Sleep(time.Hour)
		require.Equal(t, 1.0, scrapeNative(t, reg).Native.ZeroThreshold)
		require.Equal(t, 0x1p-128, scrapeNative(t, reg).Native.ZeroThreshold)
		time.Sleep(1000 * time.Hour)
		for range 2 {
			p := scrapeNative(t, never)
			require.Equal(t, 1.0, p.Native.ZeroThreshold)
			require.Equal(t, uint64(2), p.Count)
		}
	})
}

// Each series of a vector begins anew by itself.
func TestNativeResetOfVectors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		v := reg.NewHistogramVec(ember.HistogramOpts{Name: "x", Native: &ember.NativeOpts{Factor: 2, MaxBuckets: 1, ResetAfter: time.Hour}}, "a")
		for _, x := range []float64{4, 8} {
			v.With("coarse").Observe(x)
			v.With("fine").Observe(4)
		}
		time.Sleep(30 * time.Minute)
		for _, x := range []float64{4, 8} {
			v.With("late").Observe(x)
		}
		time.Sleep(30 * time.Minute)
		counts := func() map[string]uint64 {
			all := make(map[string]uint64)
			for _, m := range scrapeProtobuf(t, reg)["x"] {
				all[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
			return all
		}
		require.Equal(t, map[string]uint64{"coarse": 2, "fine": 2, "late": 2}, counts())
		require.Equal(t, map[string]uint64{"coarse": 0, "fine": 2, "late": 2}, counts())
		time.Sleep(30 * time.Minute)
		require.Equal(t, map[string]uint64{"coarse": 0, "fine": 2, "late": 2}, counts())
		require.Equal(t, map[string]uint64{"coarse": 0, "fine": 2, "late": 0}, counts())
	})
}

// powers is how many powers of two, from 1 on, the tests below observe: few enough for
// exact sums.
const powers = 20

// powerBounds has classic buckets for each of them.
func powerBounds() []float64 { return ember.ExponentialBuckets(1, 2, powers) }

// requirePowers checks a point of a histogram with powerBounds that observed nothing
// but powers of two: what classic buckets say must be what the sum says, and the
// native ones.
func requirePowers(t testing.TB, budget int, p metric.Point) {
	t.Helper()
	requireWhole(t, p)
	if n := len(p.Native.Positive) + len(p.Native.Negative); n > budget {
		t.Fatalf("%d buckets are exposed", n)
	}
	var sum float64
	var zero, before uint64
	native := make(map[int]uint64)
	for k, b := range p.Buckets[:powers] {
		n := b.Count - before
		before = b.Count
		sum += float64(n) * b.UpperBound
		if b.UpperBound <= p.Native.ZeroThreshold {
			zero += n
		} else if n > 0 {
			require.LessOrEqual(t, p.Native.Schema, 0)
			native[ceilDiv(k, 1<<-p.Native.Schema)] += n
		}
	}
	if before != p.Count || sum != p.Sum {
		t.Fatalf("the buckets count %d and sum %g, but the count is %d and the sum %g", before, sum, p.Count, p.Sum)
	}
	require.Equal(t, zero, p.Native.ZeroCount)
	require.Equal(t, nativeList(native), p.Native.Positive)
}

// observePowers observes powers of two with 8 goroutines, until stop is called, which
// returns how many.
func observePowers(h *ember.Histogram) (stop func() uint64) {
	var stopped atomic.Bool
	var total atomic.Uint64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			n := uint64(0)
			for ; !stopped.Load(); n++ {
				h.Observe(math.Ldexp(1, (i+int(n)*7)%powers))
				if n%256 == 255 {
					runtime.Gosched() // see TestSnapshotsAreAtomic
				}
			}
			total.Add(n)
		})
	}
	return func() uint64 {
		stopped.Store(true)
		wg.Wait()
		return total.Load()
	}
}

// In every scrape count, sum, classic and native buckets belong to the same
// observations, while 8 goroutines observe more than the budget has room for.
func TestNativeSnapshotsAreAtomic(t *testing.T) {
	for name, tc := range map[string]struct {
		opts   ember.NativeOpts
		budget int
		spread bool
	}{
		"no limit":          {ember.NativeOpts{MaxBuckets: -1}, powers, false},
		"no limit, spread":  {ember.NativeOpts{MaxBuckets: -1}, powers, true},
		"by default":        {ember.NativeOpts{}, 160, true},
		"halved":            {ember.NativeOpts{MaxBuckets: 5}, 5, false},
		"halved, spread":    {ember.NativeOpts{MaxBuckets: 5}, 5, true},
		"widened":           {ember.NativeOpts{MaxBuckets: 7, MaxZeroThreshold: 1e9}, 7, false},
		"widened, spread":   {ember.NativeOpts{MaxBuckets: 7, MaxZeroThreshold: 1e9}, 7, true},
		"both, spread":      {ember.NativeOpts{MaxBuckets: 4, MaxZeroThreshold: 64}, 4, true},
		"one bucket, at -4": {ember.NativeOpts{MaxBuckets: 3}, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			tc.opts.Factor = 2
			reg := ember.NewRegistry()
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: powerBounds(), Native: &tc.opts})
			if tc.spread {
				h.Spread()
			}
			stop := observePowers(h)
			defer stop()
			last := uint64(0)
			deadline := time.Now().Add(100 * time.Millisecond)
			for scrapes := 0; scrapes < 10 || time.Now().Before(deadline); scrapes++ {
				var p metric.Point
				if scrapes%4 == 0 {
					p = scrapeNative(t, reg)
				} else {
					p = pointOf(t, h)
				}
				requirePowers(t, tc.budget, p)
				require.GreaterOrEqual(t, p.Count, last)
				last = p.Count
			}
			total := stop()
			p := pointOf(t, h)
			requirePowers(t, tc.budget, p)
			require.Equal(t, total, p.Count)
		})
	}
}

// Between a reset and the scrape before it nothing is lost, nor counted twice.
func TestNativeResetsLoseNothing(t *testing.T) {
	for _, spread := range []bool{false, true} {
		t.Run(fmt.Sprint("spread: ", spread), func(t *testing.T) {
			reg := ember.NewRegistry()
			h := reg.NewHistogram(ember.HistogramOpts{Name: "x", Buckets: powerBounds(), Native: &ember.NativeOpts{
				Factor: 2, MaxBuckets: 5, MaxZeroThreshold: 2, ResetAfter: 1, // as soon as resolution was given up
			}})
			if spread {
				h.Spread()
			}
			stop := observePowers(h)
			defer stop()
			var total, lives uint64 // of the histogram's former lives
			var present metric.Point
			scrape := func() {
				p := scrapeNative(t, reg)
				requirePowers(t, 5, p)
				if !p.Created.Equal(present.Created) {
					require.True(t, p.Created.After(present.Created))
					total += present.Count
					lives++
				} else {
					require.GreaterOrEqual(t, p.Count, present.Count)
				}
				present = p
				h.Count() // reads in between, which do not reset
			}
			for deadline := time.Now().Add(200 * time.Millisecond); lives < 10 || time.Now().Before(deadline); {
				scrape()
			}
			observed := stop()
			scrape() // may be the last of a life
			scrape()
			require.Equal(t, observed, total+present.Count)
			t.Logf("%d observations in %d lives", observed, lives)
		})
	}
}
