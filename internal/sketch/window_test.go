// SPDX-License-Identifier: Apache-2.0

package sketch

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// timed is a value and the period that a Window counts it in.
type timed struct {
	period uint64
	v      float64
}

// windowModel is what a Window should be: all values there ever were.
type windowModel struct {
	periods uint64
	latest  uint64
	all     []timed
}

func (m *windowModel) add(period uint64, v float64) {
	m.latest = max(m.latest, period)
	m.all = append(m.all, timed{m.latest, v})
}

// within returns the values of the window that ends with a period. What is not
// in the window that ends with the latest is forgotten.
func (m *windowModel) within(period uint64) []float64 {
	var values []float64
	for _, a := range m.all {
		if end := max(period, m.latest); end-a.period < m.periods {
			values = append(values, a.v)
		}
	}
	return values
}

func TestWindowAgainstModel(t *testing.T) {
	for name, tc := range map[string]struct {
		periods int
		start   uint64
	}{
		"one period":        {1, 0},
		"two":               {2, 0},
		"five":              {5, 0},
		"five, later":       {5, 1_700_000_003},
		"sixty":             {60, 7},
		"end of all time":   {5, math.MaxUint64 - 60},
		"end, two":          {2, math.MaxUint64 - 60},
		"end, power of two": {8, math.MaxUint64 - 60},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(10, uint64(tc.periods)))
			for range 20 {
				w, m := NewWindow(tc.periods), &windowModel{periods: uint64(tc.periods)}
				period := tc.start
				move := func() {
					switch r.IntN(12) {
					case 0, 1:
						period = later(period, 1)
					case 2:
						period = later(period, r.Uint64N(uint64(tc.periods)))
					case 3:
						period = later(period, r.Uint64N(uint64(3*tc.periods)))
					case 4:
						period -= min(period, r.Uint64N(uint64(2*tc.periods)))
					}
				}
				for range 60 {
					for range r.IntN(4) {
						move()
						v := 1 + r.Float64()
						w.Add(period, v)
						m.add(period, v)
					}
					asked := period
					if r.IntN(3) == 0 {
						asked = later(period, r.Uint64N(uint64(2*tc.periods)))
					}
					var s Sketch
					w.MergeInto(&s, asked)
					require.Equal(t, counts(sketchOf(m.within(asked))), counts(&s), "window of %d that ends with %d", tc.periods, asked)
				}
			}
		})
	}
}

// later adds without overflow.
func later(period, n uint64) uint64 { return period + min(n, math.MaxUint64-period) }

func sketchOf(values []float64) *Sketch {
	s := new(Sketch)
	for _, v := range values {
		s.Add(v)
	}
	return s
}

func TestWindow(t *testing.T) {
	for name, tc := range map[string]struct {
		add  []timed
		ask  uint64
		want []float64
	}{
		"empty":                  {nil, 0, nil},
		"empty, later":           {nil, 1000, nil},
		"first period":           {[]timed{{0, 1}}, 0, []float64{1}},
		"all within":             {[]timed{{0, 1}, {1, 2}, {2, 3}}, 2, []float64{1, 2, 3}},
		"oldest falls out":       {[]timed{{0, 1}, {1, 2}, {2, 3}, {3, 4}}, 3, []float64{2, 3, 4}},
		"falls out with time":    {[]timed{{0, 1}, {1, 2}, {2, 3}}, 4, []float64{3}},
		"all fall out":           {[]timed{{0, 1}, {1, 2}, {2, 3}}, 5, nil},
		"gap":                    {[]timed{{0, 1}, {2, 3}}, 2, []float64{1, 3}},
		"gap over a whole round": {[]timed{{0, 1}, {1, 2}, {4, 5}}, 4, []float64{5}},
		"jump":                   {[]timed{{0, 1}, {1_000_000_000_000, 2}}, 1_000_000_000_000, []float64{2}},
		"jump to the end":        {[]timed{{0, 1}, {math.MaxUint64, 2}}, math.MaxUint64, []float64{2}},
		"backwards":              {[]timed{{5, 1}, {3, 2}, {0, 3}}, 5, []float64{1, 2, 3}},
		"backwards, then out":    {[]timed{{5, 1}, {3, 2}, {0, 3}}, 8, nil},
		"asked for the past":     {[]timed{{4, 1}, {5, 2}}, 1, []float64{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWindow(3)
			for _, a := range tc.add {
				w.Add(a.period, a.v)
			}
			var s Sketch
			w.MergeInto(&s, tc.ask)
			require.Equal(t, counts(sketchOf(tc.want)), counts(&s))
		})
	}
}

func TestWindowAbsorbs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		periods := 1 + r.IntN(5)
		ours, theirs := uint64(r.IntN(20)), uint64(r.IntN(20))
		w, o, both := NewWindow(periods), NewWindow(periods), NewWindow(periods)
		// What has the same age stands in the same period of both.
		type value struct {
			age uint64
			v   float64
		}
		var values []value
		for range r.IntN(10) {
			v := value{uint64(r.IntN(7)), float64(1 + r.IntN(100))}
			if v.age <= ours && v.age <= theirs {
				values = append(values, v)
			}
		}
		slices.SortFunc(values, func(a, b value) int { return cmp.Compare(b.age, a.age) })
		for i, v := range values {
			if i%2 == 0 {
				w.Add(ours-v.age, v.v)
			} else {
				o.Add(theirs-v.age, v.v)
			}
			both.Add(ours-v.age, v.v)
		}
		w.Absorb(ours, o, theirs)
		for later := range uint64(7) {
			var got, want Sketch
			w.MergeInto(&got, ours+later)
			both.MergeInto(&want, ours+later)
			qs := []float64{0, 0.5, 1}
			gotten, wanted := make([]float64, 3), make([]float64, 3)
			got.Quantiles(qs, gotten)
			want.Quantiles(qs, wanted)
			if !math.IsNaN(wanted[0]) || !math.IsNaN(gotten[0]) {
				require.Equal(t, wanted, gotten, "%v of %v, %d periods later", values, periods, later)
			}
		}
	}
}

// What is older than the window that absorbs it stays as long as if it had just begun.
func TestWindowAbsorbsWhatIsOlder(t *testing.T) {
	o := NewWindow(3)
	o.Add(10, 5)
	w := NewWindow(3)
	w.Absorb(0, o, 12)
	for later, want := range []float64{5, 5, 5, math.NaN()} {
		var s Sketch
		w.MergeInto(&s, uint64(later))
		got := []float64{0}
		s.Quantiles([]float64{0.5}, got)
		require.Equal(t, math.IsNaN(want), math.IsNaN(got[0]), later)
	}
}
