// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/metric"
)

func nativeHistogram(name string, bounds []float64) Family {
	f := histogram(name, bounds)
	f.Native = true
	return f
}

// attachNative writes native buckets of a shard, at an epoch.
func attachNative(t testing.TB, d *Dir, s Series, shard, epoch uint64, b *native.Buckets) {
	scale := b.Scale()
	head := [NativeHeadWords]uint64{shard, epoch}
	copy(head[2+3*(epoch&1):], []uint64{uint64(scale.Schema), math.Float64bits(scale.ZeroThreshold), b.Zero})
	require.NotNil(t, d.Attach(&s.Words()[0], KindNativeHead, NativeHeadWords, head[:]...))
	for sign, c := range []*native.Counts{&b.Positive, &b.Negative} {
		c.EachPage(func(number int, counts *[native.PageLen]uint64) {
			words := append([]uint64{shard<<1 | uint64(sign), epoch, uint64(number)}, counts[:]...)
			require.NotNil(t, d.Attach(&s.Words()[0], KindNativePage, NativePageWords, words...))
			// One of another epoch, which says nothing.
			words[1]++
			require.NotNil(t, d.Attach(&s.Words()[0], KindNativePage, NativePageWords, words...))
		})
	}
}

func pointOf(b *native.Buckets) *metric.Native {
	return &metric.Native{
		Schema: b.Scale().Schema, ZeroThreshold: b.Scale().ZeroThreshold, ZeroCount: b.Zero,
		Positive: nativeBuckets(&b.Positive), Negative: nativeBuckets(&b.Negative),
	}
}

// Native buckets of several processes and shards are what they are when merged directly,
// in the archive too.
func TestNative(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		path := newPath(t)
		r := openReader0(t, path)
		want := native.New(native.Scale{Schema: native.MaxSchema})
		var sum float64
		var dirs []*Dir
		for i := range 4 {
			d := openDir(t, path)
			dirs = append(dirs, d)
			f := nativeHistogram("h", []float64{1})
			s := add(t, d, f)
			stripes := d.Attach(&s.Words()[0], KindStripes, 2*stride(f.shard()))
			for shard := range 3 {
				b := native.New(native.Scale{Schema: 3 - i%2, ZeroThreshold: []float64{0, 1e-9, 1e-3}[rng.IntN(3)]})
				w := s.Words()
				if shard > 0 {
					w = stripes[(shard-1)*stride(f.shard()):]
				}
				for range rng.IntN(50) {
					v := float64(rng.IntN(2000)-500) / 64
					if rng.IntN(10) == 0 {
						v = 0
					}
					bucket := 0
					if v > 1 {
						bucket = 1
					}
					observeIn(w, bucket, v)
					b.Observe(v)
					sum += v
				}
				attachNative(t, d, s, uint64(shard), uint64(rng.IntN(4)), b)
				want.Merge(b)
			}
		}
		check := func() {
			t.Helper()
			p := gather(t, r)[0].Points[0]
			require.Equal(t, want.Total(), p.Count)
			require.Equal(t, sum, p.Sum)
			require.Equal(t, pointOf(want), p.Native)
		}
		check()
		for _, d := range dirs {
			require.NoError(t, d.Close())
			check()
		}
		require.Equal(t, 0, files(t, path))
	}
}

// A writer was killed after it had counted in a native bucket, and before the classic one.
func TestNativeIsOneAhead(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	s := add(t, d, nativeHistogram("h", []float64{1}))
	s.observe(0, 0.5)
	s.set(0, 1)
	b := native.New(native.Scale{Schema: 3})
	b.Observe(0.5)
	b.Observe(0.5)
	attachNative(t, d, s, 0, 0, b)
	requireThroughout(t, path, map[string]uint64{}, []string{"h n=2 sum=0.5 1:1"}, d)
}

// One version has classic buckets, and the newer one native ones too: all values are in
// native buckets.
func TestNativeAndNot(t *testing.T) {
	path := newPath(t)
	old, newest := aged(t, path, 1), aged(t, path, 2)
	s := add(t, old, histogram("h", []float64{-4, 0, 1}))
	for i := range 4 {
		s.observe(i, 1)
	}
	n := add(t, newest, nativeHistogram("h", []float64{-4, 0, 1}))
	n.observe(3, 100)
	b := native.New(native.Scale{Schema: 0, ZeroThreshold: 1e-9})
	b.Observe(100)
	attachNative(t, newest, n, 0, 0, b)
	want := native.New(native.Scale{Schema: 0, ZeroThreshold: 1e-9})
	for _, v := range []float64{-4, 0, 1, math.Inf(1), 100} {
		want.Observe(v)
	}
	requireThroughout(t, path, map[string]uint64{}, []string{"h n=5 sum=104 -4:1 0:2 1:3"}, old)
	p := gather(t, openReader(t, path, Options{}))[0].Points[0]
	require.Equal(t, pointOf(want), p.Native)
}

// There was no place for native buckets: their values are beyond all of them.
func TestNativeWithoutPlace(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	add(t, d, nativeHistogram("h", nil)).observe(0, 1)
	p := gather(t, d)[0].Points[0]
	require.EqualValues(t, 1, p.Count)
	require.Len(t, p.Native.Positive, 1)
	require.EqualValues(t, 1, p.Native.Positive[0].Count)
}

func summary(name string, periods int, period time.Duration, quantiles ...float64) Family {
	return Family{Desc: metric.Desc{Name: name, Kind: metric.Summary}, Quantiles: quantiles, Periods: periods, Period: period}
}

// attachSketch writes the sketch of a shard for a period.
func attachSketch(t testing.TB, d *Dir, s Series, shard, period uint64, k *sketch.Sketch) {
	low, high, ok := k.Ends()
	require.True(t, ok)
	first := &s.Words()[0]
	require.NotNil(t, d.Attach(first, KindSketchEnds, SketchEndsWords, shard, period+1, math.Float64bits(low), math.Float64bits(high)))
	k.EachPage(func(number int, counts *[sketch.PageBins]uint32) {
		words := []uint64{shard, period + 1, uint64(number)}
		for i := 0; i < len(counts); i += 2 {
			words = append(words, uint64(counts[i])|uint64(counts[i+1])<<32)
		}
		require.NotNil(t, d.Attach(first, KindSketchPage, SketchPageWords, words...))
	})
}

// Quantiles of several processes are those of sketches merged directly, of what was
// observed within the window, whenever the processes began; and so they are in the archive,
// however often it is written.
func TestQuantiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := newPath(t)
		r := openReader0(t, path)
		quantiles := []float64{0, 0.5, 0.9, 1}
		const periods, period = 5, 10 * time.Second
		f := summary("s", periods, period, quantiles...)
		rng := rand.New(rand.NewPCG(7, 8))
		var observed []struct {
			period time.Time // when it began
			value  float64
		}
		wantNow := func() (values []float64, n int) {
			var k sketch.Sketch
			for _, o := range observed {
				if time.Since(o.period) < periods*period {
					k.Add(o.value)
					n++
				}
			}
			values = make([]float64, len(quantiles))
			k.Quantiles(quantiles, values)
			return values, n
		}
		check := func(exact bool) {
			t.Helper()
			p := gather(t, r)[0].Points[0]
			require.EqualValues(t, len(observed), p.Count)
			want, n := wantNow()
			if n == 0 {
				require.True(t, math.IsNaN(p.Quantiles[1].Value))
				return
			}
			for i, q := range p.Quantiles {
				require.Equal(t, quantiles[i], q.Quantile)
				if exact {
					require.Equal(t, want[i], q.Value, i)
				}
			}
		}
		for range 6 {
			time.Sleep(time.Duration(rng.IntN(10000)) * time.Millisecond)
			d := openDir(t, path)
			base := time.Now()
			s := add(t, d, f)
			s.set(4, uint64(base.UnixNano()))
			for number := range uint64(3) {
				var k sketch.Sketch
				for range 20 {
					v := rng.ExpFloat64()
					k.Add(v)
					observed = append(observed, struct {
						period time.Time
						value  float64
					}{base.Add(time.Duration(number) * period), v})
					s.set(1, s.Words()[1]+1)
				}
				attachSketch(t, d, s, 0, number, &k)
				check(true)
				time.Sleep(period)
			}
			for range rng.IntN(3) * 4 {
				check(true)
				time.Sleep(period)
			}
			check(true)
			require.NoError(t, d.Close())
			// The archive's periods begin at whole ones, so that they end earlier, but by less
			// than one.
			check(false)
			require.Equal(t, 0, files(t, path))
			archived := gathered(t, r)
			// Compaction again and again changes nothing.
			for range 3 {
				o := openDir(t, path)
				add(t, o, summary("s", periods, period, quantiles...))
				require.NoError(t, o.Close())
				require.Equal(t, archived, gathered(t, r))
			}
			time.Sleep(2 * periods * period)
			check(true)
		}
	})
}

// Ends that were half written, and none at all.
func TestSketchWithoutEnds(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	s := add(t, d, summary("s", 2, time.Hour, 0, 1))
	s.set(4, uint64(time.Now().UnixNano()))
	s.set(1, 3)
	var k sketch.Sketch
	for _, v := range []float64{1, 2, 4} {
		k.Add(v)
	}
	k.EachPage(func(number int, counts *[sketch.PageBins]uint32) {
		words := []uint64{0, 1, uint64(number)}
		for i := 0; i < len(counts); i += 2 {
			words = append(words, uint64(counts[i])|uint64(counts[i+1])<<32)
		}
		require.NotNil(t, d.Attach(&s.Words()[0], KindSketchPage, SketchPageWords, words...))
	})
	check := func() {
		t.Helper()
		p := gather(t, d)[0].Points[0]
		require.InEpsilon(t, 1, p.Quantiles[0].Value, 1.01*sketch.MaxError)
		require.InEpsilon(t, 4, p.Quantiles[1].Value, 1.01*sketch.MaxError)
		require.Empty(t, d.Stats().FileErrors)
	}
	check()
	require.NotNil(t, d.Attach(&s.Words()[0], KindSketchEnds, SketchEndsWords, 0, 1, math.Float64bits(5), math.Float64bits(3)))
	check()
}
