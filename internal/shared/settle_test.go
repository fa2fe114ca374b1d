// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

// A writer that lost the processor in the middle of an observation: all see it as it is,
// as if the writer had ended there. Who has seen the series before has perhaps not seen what
// others have.
func TestHeldShard(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	h := add(t, d, histogram("h", []float64{1}))
	m := add(t, d, summary("s", 0, 0))
	h.observe(0, 0.5)
	m.set(1, 1)
	m.setFloat(2, 0.5)
	require.Equal(t, []string{"h n=1 sum=0.5 1:1", "s n=1 sum=0.5"}, gathered(t, d))
	h.observe(0, 0.5)
	m.set(1, 2)
	m.setFloat(2, 1)
	h.set(0, 1)
	h.set(2, 3)
	m.set(0, 3) // and somebody wants it
	m.set(1, 3)
	half := []string{"h n=3 sum=1 1:3", "s n=3 sum=1"}
	require.Equal(t, half, gathered(t, openReader(t, path, Options{})))
	for range 3 {
		require.Equal(t, half, gathered(t, d))
	}
	r := openReader(t, path, Options{})
	require.NoError(t, d.Close())
	require.Equal(t, half, gathered(t, r))
	require.Zero(t, files(t, path))
	require.Equal(t, half, gathered(t, r))
}

// The same for one stripe of many: the others go on.
func TestHeldStripe(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	f := nativeHistogram("h", []float64{1})
	s := add(t, d, f)
	n := stride(f.shard())
	stripes := d.Attach(&s.Words()[0], KindStripes, 4*n)
	b := native.New(native.Scale{Schema: 3})
	b.Observe(1)
	for shard := range 5 {
		w := s.Words()
		if shard > 0 {
			w = stripes[(shard-1)*n:]
		}
		observeIn(w, 0, 1)
		attachNative(t, d, s, uint64(shard), uint64(shard), b)
	}
	require.Equal(t, []string{"h n=5 sum=5 1:5"}, gathered(t, d))
	held := stripes[2*n:]
	atomic.StoreUint64(&held[0], 1)
	atomic.StoreUint64(&held[1], math.Float64bits(100))
	observeIn(stripes, 0, 1)
	s.observe(1, 7)
	// Native buckets are not written here, so nothing is added to the classic ones.
	require.Equal(t, []string{"h n=7 sum=112 1:6"}, gathered(t, d))
	atomic.StoreUint64(&held[0], 0)
	require.Equal(t, []string{"h n=7 sum=112 1:6"}, gathered(t, d))
}

// Writers are at it all the time, in shards, stripes and native buckets, while series come
// too. What is gathered only grows, and is whole but for writers that do nothing else.
func TestBusyWriters(t *testing.T) {
	t.Run("do nothing else", func(t *testing.T) { busyWriters(t, 100, 1) })
	t.Run("pause", func(t *testing.T) { busyWriters(t, 100_000, 0.3) })
}

func busyWriters(t *testing.T, pause int, mayBeTorn float64) {
	path := newPath(t)
	d := openDir(t, path)
	r := openReader(t, path, Options{})
	f := nativeHistogram("h", []float64{1})
	s := add(t, d, f)
	n := stride(f.shard())
	stripes := d.Attach(&s.Words()[0], KindStripes, n)
	var stop atomic.Bool
	var wg sync.WaitGroup
	for i, w := range [][]uint64{s.Words(), stripes} {
		head := d.Attach(&s.Words()[0], KindNativeHead, NativeHeadWords, uint64(i))
		page := d.Attach(&s.Words()[0], KindNativePage, NativePageWords, uint64(i<<1))
		require.NotNil(t, head)
		wg.Go(func() {
			for !stop.Load() {
				atomic.StoreUint64(&w[0], 1)
				atomic.AddUint64(&page[3], 1)
				atomic.AddUint64(&w[2], 1)
				atomic.StoreUint64(&w[1], math.Float64bits(math.Float64frombits(atomic.LoadUint64(&w[1]))+1))
				atomic.StoreUint64(&w[0], 0)
				for range pause {
					if stop.Load() {
						break
					}
				}
			}
		})
	}
	wg.Go(func() {
		for !stop.Load() {
			c := counter("c_total", "l")
			d.Family(&c).Series([]string{"v"}, CounterWords)
			time.Sleep(100 * time.Microsecond)
		}
	})
	var last uint64
	gathers, torn := 0, 0
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); gathers++ {
		families, err := r.Gather(context.Background())
		if err != nil {
			t.Error(err)
			break
		}
		p := families[len(families)-1].Points[0]
		var total uint64
		for _, b := range p.Native.Positive {
			total += b.Count
		}
		switch {
		case p.Count < last:
			t.Errorf("%d became %d", last, p.Count)
		case total != p.Count:
			t.Errorf("%d in native buckets of %d", total, p.Count)
		case p.Sum != float64(p.Buckets[0].Count) || p.Count != p.Buckets[0].Count:
			torn++
		}
		last = p.Count
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("gathered %d times, %d with a part of an observation", gathers, torn)
	require.LessOrEqual(t, float64(torn), mayBeTorn*float64(gathers))
	p := gather(t, r)
	h := p[len(p)-1].Points[0]
	require.Equal(t, float64(h.Count), h.Sum)
}

// What has ended has no value, and what is retired is not there.
func TestEnded(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	c, h, g := add(t, d, counter("c_total")), add(t, d, histogram("h", nil)), add(t, d, gauge("g", 0))
	m := add(t, d, summary("s", 0, 0))
	c2, c3 := add(t, d, counter("c2_total")), add(t, d, counter("c3_total"))
	stripes := d.Attach(&c3.Words()[0], KindStripes, 2*stripeWords)
	c4 := add(t, d, counter("c4_total"))
	stay := add(t, d, counter("stays_total"))
	for _, s := range []Series{c, c2, c3, c4, stay} {
		s.inc(1)
	}
	g.setFloat(0, 1)
	h.observe(0, 1)
	require.Len(t, gathered(t, d), 8)
	c.set(0, 1<<63|1023)
	c2.set(1, ended)
	atomic.StoreUint64(&stripes[stripeWords], 1<<63)
	h.set(0, over)
	g.set(0, ended)
	m.set(0, over)
	c4.Retire()
	want := []string{"stays_total 1"}
	require.Equal(t, want, gathered(t, d))
	require.Empty(t, d.Stats().FileErrors)
	requireThroughout(t, path, map[string]uint64{}, want, d)
}

// Stripes add up, and a stripe that is retired with its series is gone with it.
func TestStripes(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	s := add(t, d, counter("x_total"))
	s.inc(1)
	stripes := d.Attach(&s.Words()[0], KindStripes, 2*stripeWords, 10, math.Float64bits(0.5))
	atomic.AddUint64(&stripes[stripeWords], 100)
	more := d.Attach(&s.Words()[0], KindStripes, stripeWords, 1000)
	require.NotNil(t, more)
	require.Equal(t, []string{"x_total 1111.5"}, gathered(t, d))
	m := add(t, d, summary("s", 0, 0))
	require.NotNil(t, d.Attach(&m.Words()[0], KindStripes, stripeWords, 0, 5, math.Float64bits(2)))
	require.Equal(t, []string{"s n=5 sum=2", "x_total 1111.5"}, gathered(t, d))
	require.Nil(t, d.Attach(&stripes[0], KindStripes, stripeWords), "not a series")
	require.Nil(t, d.Attach(new(uint64), KindStripes, stripeWords), "not in the file")
	d.RetireAt(new(uint64))
	d.RetireAt(&stripes[0])
	require.Len(t, gathered(t, d), 2)
	d.RetireAt(&s.Words()[0])
	requireThroughout(t, path, map[string]uint64{}, []string{"s n=5 sum=2"}, d)
}
