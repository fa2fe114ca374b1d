// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// modelled has a field of each sort.
type modelled struct {
	common
	Text  string
	Mark  mark
	State state
	Count int64
	Small uint8
	Hit   hit
}

// mark is a Stringer of which no two values have the same text.
type mark string

func (m mark) String() string { return "<" + string(m) + ">" }

// values returns the labels as package fmt writes them.
func (m modelled) values() []string {
	return formatted(m.Zone, m.UserID, m.Elapsed, m.Text, m.Mark, m.State, m.Count, m.Small, m.Hit)
}

func formatted(fields ...any) []string {
	values := make([]string, len(fields))
	for i, f := range fields {
		values[i] = fmt.Sprint(f)
	}
	return values
}

func randomModelled(r *rand.Rand) modelled {
	return modelled{
		common: common{Zone: []string{"", "north"}[r.IntN(2)]},
		Text:   []string{"x", "\"\n"}[r.IntN(2)],
		Mark:   mark([]string{"a", "b"}[r.IntN(2)]),
		State:  state(r.IntN(2)),
		Count:  []int64{-1, 5, 123_456}[r.IntN(3)],
		Hit:    r.IntN(2) == 0,
	}
}

// Two vectors of one definition live through the same things, one of them asked with
// structs, the other with strings, and so do their curried views.
func TestTypedLikeUntyped(t *testing.T) {
	r := random(t)
	names := []string{"zone", "user_id", "elapsed", "text", "mark", "state", "count", "small", "hit"}
	opts := ember.CounterOpts{Name: "x_total"}
	typed, plain := ember.NewCounterVecOf[modelled](opts), ember.NewCounterVec(opts, names...)
	model := make(map[modelled]float64)
	type fixed struct {
		Zone  string
		Count int64
	}
	type rest struct {
		Hit   hit
		Text  string
		State string
		common2
		Mark  string
		Small uint8
	}
	for step := range 3000 {
		l := randomModelled(r)
		values := l.values()
		switch r.IntN(10) {
		default:
			typed.With(l).Inc()
			plain.With(values...).Inc()
			model[l]++
		case 4:
			_, was := model[l]
			require.Equal(t, was, typed.Delete(l), "step %d", step)
			require.Equal(t, was, plain.Delete(values...), "step %d", step)
			delete(model, l)
		case 5:
			c, ok := typed.Lookup(l)
			want, wanted := model[l]
			require.Equal(t, wanted, ok, "step %d", step)
			if ok {
				require.Equal(t, want, c.Value(), "step %d", step)
			}
		case 6:
			labels := ember.Labels{"state": values[5], "count": values[6], "text": values[3], "hit": values[8]}
			n := typed.DeleteMatching(labels)
			require.Equal(t, n, plain.DeleteMatching(labels), "step %d", step)
			before := len(model)
			maps.DeleteFunc(model, func(m modelled, _ float64) bool {
				return m.State == l.State && m.Count == l.Count && m.Text == l.Text && m.Hit == l.Hit
			})
			require.Equal(t, before-len(model), n, "step %d", step)
		case 7:
			c, err := ember.CurryCounterVec[rest](typed, fixed{l.Zone, l.Count})
			require.NoError(t, err)
			c.With(rest{l.Hit, l.Text, values[5], common2{l.UserID, values[2]}, values[4], l.Small}).Inc()
			curried, err := plain.Curry(ember.Labels{"zone": l.Zone, "count": values[6]})
			require.NoError(t, err)
			curried.WithLabels(ember.Labels{
				"user_id": values[1], "elapsed": values[2], "text": values[3], "mark": values[4], "state": values[5], "small": values[7], "hit": values[8],
			}).Inc()
			model[l]++
			require.Equal(t, curried.Len(), c.Len(), "step %d", step)
		case 8:
			if r.IntN(50) == 0 {
				typed.Reset()
				plain.Reset()
				clear(model)
			}
		case 9:
			require.Equal(t, len(model), typed.Len(), "step %d", step)
		}
	}

	got := make(map[modelled]float64)
	for l, c := range typed.All() {
		got[l] = c.Value()
	}
	require.Equal(t, model, got)
	require.Equal(t, scrapeOf(t, registryWith(t, plain)), scrapeOf(t, registryWith(t, typed)))
}

type common2 struct {
	UserID  uint32
	Elapsed string
}

func registryWith(t *testing.T, c ember.Collector) *ember.Registry {
	t.Helper()
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(c))
	return reg
}

// Structs and strings lead to the same series from any number of goroutines.
func TestTypedConcurrently(t *testing.T) {
	const goroutines, rounds = 8, 2000
	seed := random(t).Uint64()
	reg := ember.NewRegistry()
	v := ember.CounterVecOfIn[modelled](reg, ember.CounterOpts{Name: "x_total"})
	fromGoroutines(goroutines, func(i int) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		for range rounds {
			l := randomModelled(r)
			l.Small = uint8(r.IntN(256))
			if c := v.With(l); c != v.Untyped().With(l.values()...) {
				t.Errorf("%+v leads to another series than %q", l, l.values())
				return
			}
			v.With(l).Inc()
			if r.IntN(200) == 0 {
				for l, c := range v.All() {
					if v.With(l) != c {
						t.Errorf("%+v is not the series that it comes with", l)
						return
					}
				}
			}
		}
	})
	total := 0.0
	for _, c := range v.All() {
		total += c.Value()
	}
	require.Equal(t, float64(goroutines*rounds), total)
}
