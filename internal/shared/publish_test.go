// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// published is a family of each kind, all with values that grow by n.
func published(n float64) []*metric.Family {
	created := time.Unix(100, 0)
	labels := []metric.Label{{Name: "l", Value: "v"}}
	count := uint64(n)
	return []*metric.Family{
		{Name: "a_total", Kind: metric.Counter, Points: []metric.Point{{Labels: labels, Value: n, Created: created}, {Value: n / 2}}},
		{Name: "b", Kind: metric.Gauge, Mode: metric.ModeMax, Points: []metric.Point{{Labels: labels, Value: n}}},
		{Name: "c", Kind: metric.Histogram, Points: []metric.Point{{
			Labels: labels, Count: 3 * count, Sum: n, Created: created,
			Buckets: []metric.Bucket{{UpperBound: 1, Count: count}, {UpperBound: 2, Count: 2 * count}, {UpperBound: math.Inf(1), Count: 3 * count}},
		}}},
		{Name: "d", Kind: metric.Histogram, Points: []metric.Point{{
			Labels: labels, Count: 4 * count, Sum: n,
			Native: &metric.Native{
				Schema: 2, ZeroThreshold: 1e-9, ZeroCount: count,
				Positive: []metric.NativeBucket{{Index: -100, Count: count}, {Index: 7, Count: count}}, Negative: []metric.NativeBucket{{Index: 3, Count: count}},
			},
		}}},
		{Name: "e", Kind: metric.Summary, Points: []metric.Point{{Labels: labels, Count: count, Sum: n, Quantiles: []metric.Quantile{{Quantile: 0.5, Value: 7}}}}},
		{Name: "f_info", Kind: metric.Info, Points: []metric.Point{{Labels: labels, Value: 1}}},
		{Name: "g", Kind: metric.StateSet, Points: []metric.Point{{Labels: []metric.Label{{Name: "g", Value: "on"}}, Value: 1}}},
		{Name: "h", Kind: metric.GaugeHistogram, Points: []metric.Point{{Labels: labels, Count: count, Sum: n, Buckets: []metric.Bucket{{UpperBound: 1, Count: count}}}}},
		{Name: "i", Kind: metric.Unknown, Points: []metric.Point{{Labels: labels, Value: n}}},
	}
}

func used(t testing.TB, d *Dir) int {
	r, err := cellfile.Open(d.file.Path())
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, r.Read())
	return r.Len()
}

// What is published replaces what was, without making the file longer once native buckets
// have two places, and adds up with what other processes publish.
func TestPublish(t *testing.T) {
	path := newPath(t)
	a, b := openDir(t, path), openDir(t, path)
	var records int
	for n := 1; n < 20; n++ {
		a.Publish(published(float64(n)))
		if n <= 2 {
			records = used(t, a)
		}
		require.Equal(t, records, used(t, a))
		families := gather(t, b)
		want := published(float64(n))
		want[0].Points[0], want[0].Points[1] = want[0].Points[1], want[0].Points[0]
		want[2].Points[0].Buckets = want[2].Points[0].Buckets[:2]
		want[4].Points[0].Quantiles = nil
		require.Equal(t, len(want), len(families))
		for i := range want {
			for k := range families[i].Points {
				if p := &families[i].Points[k]; len(p.Buckets) == 0 {
					p.Buckets = nil
				}
			}
			require.Equal(t, want[i], families[i])
		}
	}
	b.Publish(published(100))
	want := []string{
		"a_total 59.5", `a_total{l="v"} 119`, `b{l="v"} 100`, `c{l="v"} n=357 sum=119 1:119 2:238`, `d{l="v"} n=476 sum=119`, `e{l="v"} n=119 sum=119`,
		`f_info{l="v"} 1`, `g{g="on"} 1`, `h{l="v"} n=119 sum=119 1:119`, `i{l="v"} 119`,
	}
	require.Equal(t, want, gathered(t, a))
	require.NoError(t, b.Close())
	// Only totals, and gauges that are not live ones, are left of who has ended.
	require.Equal(t, []string{
		"a_total 59.5", `a_total{l="v"} 119`, `b{l="v"} 100`, `c{l="v"} n=357 sum=119 1:119 2:238`, `d{l="v"} n=476 sum=119`, `e{l="v"} n=119 sum=119`,
		`f_info{l="v"} 1`, `g{g="on"} 1`, `h{l="v"} n=19 sum=19 1:19`, `i{l="v"} 19`,
	}, gathered(t, a))
}

// Series that go and come again, as those of a flapping device, use no further space.
func TestPublishedSeriesGoAndCome(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	all := published(5)
	d.Publish(all)
	d.Publish(all)
	want := gathered(t, d)
	require.Len(t, want, 10)
	records := used(t, d)
	for range 3 {
		for i := range all {
			d.Publish(all[:i])
			lines := gathered(t, d)
			if i > 0 {
				i++ // the first has two
			}
			require.Equal(t, want[:i], append([]string{}, lines...))
		}
		d.Publish(all)
		require.Equal(t, want, gathered(t, d))
	}
	require.Equal(t, records, used(t, d))
	d.Publish(nil)
	require.Empty(t, gathered(t, d))
}

// Native buckets that are fewer than before leave nothing behind.
func TestPublishedNativeShrinks(t *testing.T) {
	d := openDir(t, newPath(t))
	for _, n := range []*metric.Native{
		{Schema: 1, Positive: []metric.NativeBucket{{Index: 1, Count: 3}, {Index: 40, Count: 1}, {Index: 41, Count: 1}}},
		{Schema: 1, Negative: []metric.NativeBucket{{Index: 5, Count: 2}}},
		{Schema: -2, ZeroCount: 4, ZeroThreshold: 1},
		{Schema: 1, Positive: []metric.NativeBucket{{Index: 17, Count: 3}, {Index: 32, Count: 1}, {Index: 33, Count: 1}, {Index: 90, Count: 9}}},
	} {
		count := n.ZeroCount
		for _, b := range append(append([]metric.NativeBucket{}, n.Positive...), n.Negative...) {
			count += b.Count
		}
		d.Publish([]*metric.Family{{Name: "h", Kind: metric.Histogram, Points: []metric.Point{{Count: count, Native: n}}}})
		p := gather(t, d)[0].Points[0]
		require.Equal(t, n, p.Native)
		require.Equal(t, count, p.Count)
	}
}

// What cannot be added up, and what a file cannot say, is left out or said otherwise.
func TestPublishedOddities(t *testing.T) {
	d := openDir(t, newPath(t))
	point := func(v float64) []metric.Point { return []metric.Point{{Value: v}} }
	d.Publish([]*metric.Family{
		{Name: "nan_total", Kind: metric.Counter, Points: point(math.NaN())},
		{Name: "inf_total", Kind: metric.Counter, Points: point(math.Inf(1))},
		{Name: "minus_zero", Kind: metric.Gauge, Points: point(math.Copysign(0, -1))},
		{Name: "odd_nan", Kind: metric.Gauge, Points: point(math.Float64frombits(ended))},
		{Name: "other_nan", Kind: metric.Gauge, Points: point(math.Float64frombits(Unset))},
		{Name: "twice", Kind: metric.Gauge, Points: append(point(1), point(2)...)},
		{Name: "falling", Kind: metric.Histogram, Points: []metric.Point{{Count: 3, Buckets: []metric.Bucket{{UpperBound: 1, Count: 5}, {UpperBound: 2, Count: 4}}}}},
		{Name: "bad", Kind: metric.Histogram, Points: []metric.Point{{Labels: []metric.Label{{Name: "le", Value: "1"}}}}},
		{Name: "utf8", Kind: metric.Gauge, Points: []metric.Point{{Labels: []metric.Label{{Name: "l", Value: "a\xff"}}, Value: 1}}},
	})
	require.Equal(t, []string{"falling n=5 sum=0 1:5 2:5", "minus_zero 0", "odd_nan NaN", "other_nan NaN", "twice 1", `utf8{l="a` + "\uFFFD" + `"} 1`}, gathered(t, d))
	require.Empty(t, d.Stats().FileErrors)
	require.EqualValues(t, 1, d.Stats().SeriesWithoutPlace)
}

func TestReadersDoNotPublish(t *testing.T) {
	path := newPath(t)
	r := openReader0(t, path)
	r.Publish(published(1))
	f := counter("x_total")
	_, ok := r.Family(&f).Series(nil, CounterWords)
	require.False(t, ok)
	require.Nil(t, r.Attach(new(uint64), KindStripes, 16))
	r.RetireAt(new(uint64))
	require.Empty(t, gathered(t, r))
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	require.LessOrEqual(t, len(entries), 2)
	require.Zero(t, r.Stats().SeriesWithoutPlace)
}
