// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

// seen is what a test compares of Buckets.
type seen struct {
	scale              native.Scale
	zero               uint64
	positive, negative map[int]uint64
}

func see(b *native.Buckets) seen {
	counts := func(c *native.Counts) map[int]uint64 {
		m := make(map[int]uint64)
		c.Each(func(index int, n uint64) { m[index] = n })
		return m
	}
	return seen{b.Scale(), b.Zero, counts(&b.Positive), counts(&b.Negative)}
}

func bucketsOf(s native.Scale, values ...float64) *native.Buckets {
	b := native.New(s)
	for _, v := range values {
		b.Observe(v)
	}
	return b
}

type (
	scale  = native.Scale
	counts = map[int]uint64
)

func TestObserve(t *testing.T) {
	for name, tc := range map[string]struct {
		scale  scale
		values []float64
		want   seen
	}{
		"nothing":              {scale{0, 0}, nil, seen{scale{0, 0}, 0, counts{}, counts{}}},
		"both signs":           {scale{0, 0}, []float64{1, 1.5, 2, -2, -2.1}, seen{scale{0, 0}, 0, counts{0: 1, 1: 2}, counts{1: 1, 2: 1}}},
		"zeros":                {scale{0, 0}, []float64{0, math.Copysign(0, -1)}, seen{scale{0, 0}, 2, counts{}, counts{}}},
		"no threshold":         {scale{0, 0}, []float64{5e-324, -5e-324}, seen{scale{0, 0}, 0, counts{-1074: 1}, counts{-1074: 1}}},
		"at the threshold":     {scale{0, 0.5}, []float64{0.5, -0.5}, seen{scale{0, 0.5}, 2, counts{}, counts{}}},
		"above the threshold":  {scale{0, 0.5}, []float64{0.51, -0.51}, seen{scale{0, 0.5}, 0, counts{0: 1}, counts{0: 1}}},
		"infinite":             {scale{0, 0}, []float64{math.Inf(1), math.Inf(-1)}, seen{scale{0, 0}, 0, counts{1025: 1}, counts{1025: 1}}},
		"infinite threshold":   {scale{0, math.Inf(1)}, []float64{math.Inf(1), -3}, seen{scale{0, math.Inf(1)}, 2, counts{}, counts{}}},
		"too fine a schema":    {scale{9, 0}, []float64{2}, seen{scale{8, 0}, 0, counts{256: 1}, counts{}}},
		"too coarse a schema":  {scale{-5, 0}, []float64{2}, seen{scale{-4, 0}, 0, counts{1: 1}, counts{}}},
		"a negative threshold": {scale{0, -1}, []float64{0, -0.5}, seen{scale{0, 0}, 1, counts{}, counts{-1: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, see(bucketsOf(tc.scale, tc.values...)))
		})
	}
}

func TestRescale(t *testing.T) {
	values := []float64{0.25, 0.5, 0.75, 1, 3, -3}
	for name, tc := range map[string]struct {
		to   scale
		want seen
	}{
		"same":            {scale{1, 0.25}, seen{scale{1, 0.25}, 1, counts{-2: 1, 0: 2, 4: 1}, counts{4: 1}}},
		"finer":           {scale{5, 0.1}, seen{scale{1, 0.25}, 1, counts{-2: 1, 0: 2, 4: 1}, counts{4: 1}}},
		"coarser":         {scale{0, 0}, seen{scale{0, 0.25}, 1, counts{-1: 1, 0: 2, 2: 1}, counts{2: 1}}},
		"at a bound":      {scale{1, 0.5}, seen{scale{1, 0.5}, 2, counts{0: 2, 4: 1}, counts{4: 1}}},
		"within a bucket": {scale{1, 0.9}, seen{scale{1, 0.9}, 2, counts{0: 2, 4: 1}, counts{4: 1}}},
		// What ends within the threshold is found before the bounds become fewer.
		"both":                {scale{-1, 1}, seen{scale{-1, 1}, 4, counts{1: 1}, counts{1: 1}}},
		"all":                 {scale{1, 4}, seen{scale{1, 4}, 6, counts{}, counts{}}},
		"coarser than can be": {scale{-9, 0}, seen{scale{-4, 0.25}, 1, counts{0: 3, 1: 1}, counts{1: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := bucketsOf(scale{1, 0.25}, values...)
			b.Rescale(tc.to)
			require.Equal(t, tc.want, see(b))
		})
	}
}

func TestMerge(t *testing.T) {
	for name, tc := range map[string]struct {
		b, o *native.Buckets
		want seen
	}{
		"of nothing":       {bucketsOf(scale{2, 0}, 1), bucketsOf(scale{2, 0}), seen{scale{2, 0}, 0, counts{0: 1}, counts{}}},
		"into nothing":     {bucketsOf(scale{2, 0}), bucketsOf(scale{2, 0}, 1, -1, 0), seen{scale{2, 0}, 1, counts{0: 1}, counts{0: 1}}},
		"same scale":       {bucketsOf(scale{2, 0}, 1, 2), bucketsOf(scale{2, 0}, 1, 4), seen{scale{2, 0}, 0, counts{0: 2, 4: 1, 8: 1}, counts{}}},
		"finer":            {bucketsOf(scale{0, 1}, 2), bucketsOf(scale{2, 0}, 0.5, 1.9, -1), seen{scale{0, 1}, 2, counts{1: 2}, counts{}}},
		"coarser":          {bucketsOf(scale{2, 0}, 0.5, 1.9, -1), bucketsOf(scale{0, 1}, 2), seen{scale{0, 1}, 2, counts{1: 2}, counts{}}},
		"nothing, coarser": {bucketsOf(scale{2, 0}, 1.5), bucketsOf(scale{0, 1}), seen{scale{0, 1}, 0, counts{1: 1}, counts{}}},
		"each in one":      {bucketsOf(scale{0, 0}, 0.5, 2), bucketsOf(scale{2, 1}, 2), seen{scale{0, 1}, 1, counts{1: 2}, counts{}}},
	} {
		t.Run(name, func(t *testing.T) {
			before := see(tc.o)
			tc.b.Merge(tc.o)
			require.Equal(t, tc.want, see(tc.b))
			require.Equal(t, before, see(tc.o), "what is merged must not change")
		})
	}
	t.Run("itself", func(t *testing.T) {
		b := bucketsOf(scale{2, 0}, 0, 1, 1, -3)
		b.Merge(b)
		require.Equal(t, seen{scale{2, 0}, 2, counts{0: 4}, counts{7: 2}}, see(b))
	})
}

func TestFit(t *testing.T) {
	values := []float64{0.5, 1, 2, 4, -1, -4}
	all := seen{scale{0, 0}, 0, counts{-1: 1, 0: 1, 1: 1, 2: 1}, counts{0: 1, 2: 1}}
	for name, tc := range map[string]struct {
		budget  int
		maxZero float64
		want    seen
		changed bool
	}{
		"fits":           {6, 100, all, false},
		"no budget":      {0, 100, all, false},
		"below none":     {-1, 100, all, false},
		"widened":        {5, 100, seen{scale{0, 0.5}, 1, counts{0: 1, 1: 1, 2: 1}, counts{0: 1, 2: 1}}, true},
		"widened, both":  {4, 100, seen{scale{0, 1}, 3, counts{1: 1, 2: 1}, counts{2: 1}}, true},
		"widened to all": {1, 4, seen{scale{0, 4}, 6, counts{}, counts{}}, true},
		"just too wide":  {5, 0.49, seen{scale{-1, 0}, 0, counts{0: 2, 1: 2}, counts{0: 1, 1: 1}}, true},
		"both":           {3, 1, seen{scale{0, 1}, 3, counts{1: 1, 2: 1}, counts{2: 1}}, true},
		"both, further":  {2, 1, seen{scale{-1, 1}, 3, counts{1: 2}, counts{1: 1}}, true},
		"exhausted":      {1, 0, seen{scale{-4, 0}, 0, counts{0: 2, 1: 2}, counts{0: 1, 1: 1}}, true},
		"not a number":   {5, math.NaN(), seen{scale{-1, 0}, 0, counts{0: 2, 1: 2}, counts{0: 1, 1: 1}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := bucketsOf(scale{0, 0}, values...)
			require.Equal(t, tc.changed, b.Fit(tc.budget, tc.maxZero))
			require.Equal(t, tc.want, see(b))
			require.False(t, b.Fit(tc.budget, tc.maxZero) && b.Populated() <= tc.budget, "once is enough")
		})
	}
}

// What is counted directly, below the threshold even, does not keep Fit from ending.
func TestFitAfterAdd(t *testing.T) {
	b := native.New(scale{8, 1})
	for i := -300_000; i < -250_000; i += 100 {
		b.Positive.Add(i, 1)
		b.Negative.Add(i+50, 1)
	}
	require.True(t, b.Fit(20, 0x1p-1074))
	require.LessOrEqual(t, b.Populated(), 20)
	require.Equal(t, uint64(1000), total(b))
}

func TestZeroBuckets(t *testing.T) {
	var b native.Buckets
	require.True(t, b.Observe(3))
	require.False(t, b.Observe(4))
	require.False(t, b.Observe(0))
	require.Equal(t, seen{scale{0, 0}, 1, counts{2: 2}, counts{}}, see(&b))
}

func TestReset(t *testing.T) {
	b := bucketsOf(scale{8, 0}, 1, 2, 3, -1, 0)
	b.Rescale(scale{2, 1})
	b.Reset(scale{5, 0.25})
	require.Equal(t, seen{scale{5, 0.25}, 0, counts{}, counts{}}, see(b))
	require.Zero(t, b.Populated())
	require.True(t, b.Observe(2))
	require.Equal(t, seen{scale{5, 0.25}, 0, counts{32: 1}, counts{}}, see(b))
}
