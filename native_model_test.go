// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

const (
	minSchema = -4
	maxSchema = 8
)

// nativeIndex returns the bucket of v > 0 by definition: the least i for which v is
// not above 2^(i*2^-schema), with the fraction of that power rounded to a float64. It
// computes without rounding.
func nativeIndex(v float64, schema int) int {
	if math.IsInf(v, 1) {
		return nativeIndex(math.MaxFloat64, schema) + 1
	}
	fraction, exponent := math.Frexp(v)
	if schema < 0 {
		if fraction == 0.5 {
			exponent-- // a power of two
		}
		return ceilDiv(exponent, 1<<-schema)
	}
	// It is at most 2^(i*2^-schema) if its 2^schema-th power is at most 2^i.
	x := new(big.Float).SetPrec(53 << maxSchema).SetFloat64(fraction)
	for range schema {
		x.Mul(x, x)
	}
	i := x.MantExp(x)
	if x.Cmp(big.NewFloat(0.5)) == 0 {
		i--
	}
	if fraction <= nativeBound(i-1, schema) {
		i-- // that bound was rounded up
	}
	return i + exponent<<schema
}

func ceilDiv(a, b int) int { return int(math.Ceil(float64(a) / float64(b))) }

// nativeBound returns 2^(i*2^-schema), correctly rounded.
func nativeBound(i, schema int) float64 {
	if schema < 0 {
		return math.Ldexp(1, i<<-schema)
	}
	exponent, fraction := i>>schema, i&(1<<schema-1)
	x := new(big.Float).SetPrec(200).SetInt64(1)
	root := new(big.Float).SetPrec(200).SetInt64(2)
	for bit := 1 << schema >> 1; bit > 0; bit >>= 1 {
		root.Sqrt(root)
		if fraction&bit != 0 {
			x.Mul(x, root)
		}
	}
	bound, _ := x.SetMantExp(x, exponent).Float64()
	return bound
}

func TestNativeIndexByDefinition(t *testing.T) {
	for _, tc := range []struct {
		v            float64
		schema, want int
	}{
		{1, 0, 0},
		{1, 8, 0},
		{1, -4, 0},
		{2, 0, 1},
		{2, 3, 8},
		{1.5, 0, 1},
		{0.5, 0, -1},
		{math.Nextafter(1, 2), -4, 1},
		{math.Sqrt2, 1, 1},
		{1.4142135623730954, 1, 2},
		{65536, -4, 1},
		{65537, -4, 2},
		{math.SmallestNonzeroFloat64, 0, -1074},
		{math.MaxFloat64, 0, 1024},
		{math.Inf(1), 0, 1025},
		{math.Inf(1), -4, 65},
	} {
		require.Equal(t, tc.want, nativeIndex(tc.v, tc.schema), "%g at %d", tc.v, tc.schema)
	}
}

// nativeModel is what a native histogram should be: all observations, and from them
// whatever it exposes.
type nativeModel struct {
	metric.Native
	bounds  []float64
	values  []float64
	indices []int // of each value at maxSchema; of 0, nothing
}

func (m *nativeModel) observe(v float64) {
	index := 0
	if v != 0 {
		index = nativeIndex(math.Abs(v), maxSchema)
	}
	m.values, m.indices = append(m.values, v), append(m.indices, index)
}

// point puts all values into buckets of the model's schema and threshold.
func (m *nativeModel) point() metric.Point {
	p := metric.Point{Count: uint64(len(m.values)), Native: &metric.Native{Schema: m.Schema, ZeroThreshold: m.ZeroThreshold}}
	p.Buckets = make([]metric.Bucket, len(m.bounds))
	positive, negative := make(map[int]uint64), make(map[int]uint64)
	for i, v := range m.values {
		p.Sum += v
		index := ceilDiv(m.indices[i], 1<<(maxSchema-m.Schema))
		switch {
		case math.Abs(v) <= m.ZeroThreshold:
			p.Native.ZeroCount++
		case v > 0:
			positive[index]++
		default:
			negative[index]++
		}
		for j, bound := range m.bounds {
			p.Buckets[j].UpperBound = bound
			if v <= bound {
				p.Buckets[j].Count++
			}
		}
	}
	for j, bound := range m.bounds {
		p.Buckets[j].UpperBound = bound
	}
	p.Native.Positive, p.Native.Negative = nativeList(positive), nativeList(negative)
	return p
}

func nativeList(counts map[int]uint64) (list []metric.NativeBucket) {
	for index, n := range counts {
		list = append(list, metric.NativeBucket{Index: index, Count: n})
	}
	slices.SortFunc(list, func(a, b metric.NativeBucket) int { return a.Index - b.Index })
	return list
}

// fit makes the model coarser until it is within a budget.
func (m *nativeModel) fit(budget int, maxZeroThreshold float64) {
	for {
		n := m.point().Native
		if len(n.Positive)+len(n.Negative) <= budget {
			return
		}
		closest := math.Inf(1)
		for _, side := range [][]metric.NativeBucket{n.Positive, n.Negative} {
			if len(side) > 0 {
				closest = min(closest, nativeBound(side[0].Index, n.Schema))
			}
		}
		if closest <= maxZeroThreshold {
			m.ZeroThreshold = max(m.ZeroThreshold, closest)
		} else if m.Schema--; m.Schema < minSchema {
			panic("the budget cannot be kept")
		}
	}
}

// requireNative compares what c exposes with a model.
func requireNative(t testing.TB, m *nativeModel, c ember.Collector) {
	t.Helper()
	got, want := pointOf(t, c), m.point()
	requireWhole(t, got)
	if want.Sum != want.Sum && got.Sum != got.Sum {
		want.Sum, got.Sum = 0, 0
	}
	got.Created = time.Time{}
	require.Equal(t, want, got)
}

// requireWhole fails if an observation is in no native bucket, or in two.
func requireWhole(t testing.TB, p metric.Point) {
	t.Helper()
	if sum := nativeSum(p.Native); sum != p.Count {
		t.Fatalf("the native buckets count %d of %d", sum, p.Count)
	}
}

func nativeSum(n *metric.Native) uint64 {
	sum := n.ZeroCount
	for _, b := range slices.Concat(n.Positive, n.Negative) {
		sum += b.Count
	}
	return sum
}
