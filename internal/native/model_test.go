// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"encoding/binary"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/native"
)

// bucket is a bucket of a model: one of the negative ones, or of the positive.
type bucket struct {
	negative bool
	index    int
}

// model is what Buckets should be: a map.
type model struct {
	scale  native.Scale
	zero   uint64
	counts map[bucket]uint64
}

func newModel(s native.Scale) *model { return &model{scale: s, counts: make(map[bucket]uint64)} }

func (m *model) clone() *model { return &model{m.scale, m.zero, maps.Clone(m.counts)} }

func (m *model) total() uint64 {
	total := m.zero
	for _, n := range m.counts {
		total += n
	}
	return total
}

func (m *model) observe(v float64) (fresh bool) {
	if math.Abs(v) <= m.scale.ZeroThreshold {
		m.zero++
		return false
	}
	b := bucket{v < 0, native.Index(math.Abs(v), m.scale.Schema)}
	m.counts[b]++
	return m.counts[b] == 1
}

func (m *model) rescale(to native.Scale) {
	m.scale.ZeroThreshold = max(m.scale.ZeroThreshold, to.ZeroThreshold)
	for b, n := range m.counts {
		if native.UpperBound(b.index, m.scale.Schema) <= m.scale.ZeroThreshold {
			m.zero += n
			delete(m.counts, b)
		}
	}
	for ; m.scale.Schema > max(to.Schema, native.MinSchema); m.scale.Schema-- {
		halved := make(map[bucket]uint64)
		for b, n := range m.counts {
			halved[bucket{b.negative, int(math.Ceil(float64(b.index) / 2))}] += n
		}
		m.counts = halved
	}
}

func (m *model) merge(o *model) {
	o = o.clone()
	o.rescale(m.scale)
	m.rescale(o.scale)
	m.zero += o.zero
	for b, n := range o.counts {
		m.counts[b] += n
	}
}

func (m *model) fit(budget int, maxZeroThreshold float64) (changed bool) {
	for budget > 0 && len(m.counts) > budget {
		closest := math.Inf(1)
		for b := range m.counts {
			closest = min(closest, native.UpperBound(b.index, m.scale.Schema))
		}
		if closest <= maxZeroThreshold {
			m.rescale(native.Scale{Schema: m.scale.Schema, ZeroThreshold: closest})
		} else if m.scale.Schema > native.MinSchema {
			m.rescale(native.Scale{Schema: m.scale.Schema - 1})
		} else {
			break
		}
		changed = true
	}
	return changed
}

// requireSame compares all that can be seen of buckets.
func requireSame(t *testing.T, m *model, b *native.Buckets) {
	t.Helper()
	require.Equal(t, m.scale, b.Scale())
	require.Equal(t, m.zero, b.Zero)
	require.Equal(t, len(m.counts), b.Populated())
	require.Equal(t, m.total(), total(b))
	for _, side := range []struct {
		negative bool
		counts   *native.Counts
	}{{false, &b.Positive}, {true, &b.Negative}} {
		var want []int
		for b := range m.counts {
			if b.negative == side.negative {
				want = append(want, b.index)
			}
		}
		slices.Sort(want)
		var got []int
		side.counts.Each(func(index int, n uint64) {
			got = append(got, index)
			require.Equal(t, m.counts[bucket{side.negative, index}], n, "bucket %d", index)
		})
		require.Equal(t, want, got)
		require.Equal(t, len(want), side.counts.Len())
	}
}

func total(b *native.Buckets) uint64 {
	total := b.Zero
	for _, c := range []*native.Counts{&b.Positive, &b.Negative} {
		c.Each(func(_ int, n uint64) { total += n })
	}
	return total
}

// distributions are ways to draw values.
var distributions = map[string]func(r *rand.Rand) float64{
	"latencies": func(r *rand.Rand) float64 { return 0.020 * math.Exp(r.NormFloat64()/2) },
	"wide":      func(r *rand.Rand) float64 { return math.Exp(20 * r.NormFloat64()) },
	"narrow":    func(r *rand.Rand) float64 { return 1000 + r.Float64() },
	"constant":  func(*rand.Rand) float64 { return 0.1 },
	"integers":  func(r *rand.Rand) float64 { return float64(r.IntN(300)) },
	"negative":  func(r *rand.Rand) float64 { return -r.ExpFloat64() },
	"mixed":     func(r *rand.Rand) float64 { return r.NormFloat64() },
	"any bits":  anyFloat,
	"subnormal": func(r *rand.Rand) float64 {
		return math.Copysign(math.Float64frombits(r.Uint64()>>(12+r.IntN(52))), float64(r.IntN(2))-0.5)
	},
	"powers": func(r *rand.Rand) float64 { return math.Ldexp(1-2*float64(r.IntN(2)), r.IntN(2098)-1074) },
	"special": func(r *rand.Rand) float64 {
		v := []float64{
			0, 1, 1.5, 64, math.SmallestNonzeroFloat64, leastNormal, math.Nextafter(leastNormal, 0),
			math.MaxFloat64, math.Inf(1), 0x1p-128, math.Nextafter(0x1p-128, 1),
		}[r.IntN(11)]
		return math.Copysign(v, float64(r.IntN(2))-0.5)
	},
}

// randomThreshold is often none, at times at a value or a bound, or extreme.
func randomThreshold(r *rand.Rand, draw func(*rand.Rand) float64) float64 {
	switch r.IntN(12) {
	case 0:
		return math.Abs(draw(r)) / 100
	case 1:
		return math.Abs(draw(r)) / 2
	case 2:
		if v := math.Abs(draw(r)); v > 0 {
			s := native.MinSchema + r.IntN(13)
			return native.UpperBound(native.Index(v, s)-1, s)
		}
	case 3:
		return 0x1p-128
	case 4:
		return math.SmallestNonzeroFloat64
	case 5:
		if r.IntN(5) == 0 {
			return math.Inf(1)
		}
	}
	return 0
}

func randomSchema(r *rand.Rand) int {
	return native.MinSchema + r.IntN(native.MaxSchema-native.MinSchema+1)
}

func TestBucketsAgainstModel(t *testing.T) {
	for name, draw := range distributions {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, uint64(len(name))))
			const sets = 3
			var buckets [sets]native.Buckets // reset again and again
			var models [sets]*model
			for range 30 {
				for i := range buckets {
					s := native.Scale{Schema: max(randomSchema(r), randomSchema(r)), ZeroThreshold: randomThreshold(r, draw)}
					buckets[i].Reset(s)
					models[i] = newModel(s)
					requireSame(t, models[i], &buckets[i])
				}
				for range 40 {
					i := r.IntN(sets)
					b, m := &buckets[i], models[i]
					before := m.total()
					switch r.IntN(12) {
					case 0:
						to := native.Scale{Schema: b.Scale().Schema + 1 - r.IntN(3), ZeroThreshold: randomThreshold(r, draw)}
						if r.IntN(10) == 0 {
							to.Schema = randomSchema(r) - 2
						}
						b.Rescale(to)
						m.rescale(to)
						require.Equal(t, before, total(b))
					case 1:
						other := r.IntN(sets)
						b.Merge(&buckets[other])
						m.merge(models[other])
						requireSame(t, models[other], &buckets[other])
					case 2:
						budget, limit := r.IntN(100)-1, randomThreshold(r, draw)
						changed := m.fit(budget, limit)
						require.Equal(t, changed, b.Fit(budget, limit))
						require.Equal(t, before, total(b))
						requireFits(t, b, budget, limit)
					default:
						for range r.IntN(20) {
							v := draw(r)
							require.Equal(t, m.observe(v), b.Observe(v), "%g", v)
						}
					}
					requireSame(t, m, b)
				}
			}
		})
	}
}

// requireFits checks that Fit went as far as it can.
func requireFits(t *testing.T, b *native.Buckets, budget int, maxZeroThreshold float64) {
	t.Helper()
	if budget <= 0 || b.Populated() <= budget {
		return
	}
	require.Equal(t, native.MinSchema, b.Scale().Schema)
	for _, c := range []*native.Counts{&b.Positive, &b.Negative} {
		c.Each(func(index int, _ uint64) {
			require.Greater(t, native.UpperBound(index, native.MinSchema), maxZeroThreshold)
		})
	}
}

// FuzzBuckets takes bytes for values, eight for each, observes them with two scales
// in turn, fits one of both into a budget and merges them.
func FuzzBuckets(f *testing.F) {
	values := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.BigEndian.AppendUint64(data, math.Float64bits(v))
		}
		return data
	}
	f.Add([]byte{}, 3, 0x1p-128, 160, 0.0)
	f.Add(values(0.1, 0.2, 0.3, 0.3, 1, 2, 4, 8), 3, 0x1p-128, 2, 0.25)
	f.Add(values(-1, 1, 0, math.Inf(1), math.Inf(-1), math.MaxFloat64), 8, 0.0, 1, 0.0)
	f.Add(values(5e-324, -5e-324, 1e-310, 1e-308), 0, 5e-324, 1, 1e-300)
	f.Add(values(1, 1.001, 1.002, 1.003, 1.004, 1.005), -4, 1.0, 1, math.Inf(1))
	f.Fuzz(func(t *testing.T, data []byte, schema int, threshold float64, budget int, maxZeroThreshold float64) {
		if threshold != threshold || threshold < 0 {
			t.Skip("no threshold")
		}
		scales := [2]native.Scale{{Schema: 8}, {Schema: min(max(schema, native.MinSchema), native.MaxSchema), ZeroThreshold: threshold}}
		buckets := [2]*native.Buckets{native.New(scales[0]), native.New(scales[1])}
		models := [2]*model{newModel(scales[0]), newModel(scales[1])}
		for i := 0; len(data) >= 8; data = data[8:] {
			v := math.Float64frombits(binary.BigEndian.Uint64(data))
			if v != v {
				continue
			}
			require.Equal(t, models[i].observe(v), buckets[i].Observe(v))
			i = 1 - i
		}
		requireSame(t, models[0], buckets[0])
		requireSame(t, models[1], buckets[1])

		require.Equal(t, models[0].fit(budget, maxZeroThreshold), buckets[0].Fit(budget, maxZeroThreshold))
		requireSame(t, models[0], buckets[0])
		requireFits(t, buckets[0], budget, maxZeroThreshold)

		models[1].merge(models[0])
		buckets[1].Merge(buckets[0])
		requireSame(t, models[0], buckets[0])
		requireSame(t, models[1], buckets[1])
	})
}
