// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// Several goroutines do anything to the series that are theirs, beside each other
// in one vector, while others scrape it. Each keeps a list of what must be there.
func TestVecLikeAMap(t *testing.T) {
	const goroutines, steps = 6, 1500
	seed := random(t).Uint64()
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "owner", "a", "b")
	models := make([]map[[2]string]float64, goroutines)
	fromGoroutines(goroutines+1, func(i int) {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		if i == goroutines {
			for range 100 {
				var b strings.Builder
				if err := ember.WriteText(&b, reg); err != nil {
					t.Error(err)
				}
				for values := range v.All() {
					v.Lookup(values...)
				}
			}
			return
		}
		models[i] = make(map[[2]string]float64)
		if err := ownSeries(r, v, strconv.Itoa(i), models[i], steps); err != nil {
			t.Errorf("goroutine %d: %v", i, err)
		}
	})

	all := make(map[string]float64)
	for i, m := range models {
		for key, value := range m {
			all[strings.Join([]string{strconv.Itoa(i), key[0], key[1]}, ",")] = value
		}
	}
	require.Equal(t, len(all), v.Len())
	require.ElementsMatch(t, slices.Collect(maps.Keys(all)), seriesOf(v))
	for values, c := range v.All() {
		require.Equal(t, all[strings.Join(values, ",")], c.Value(), "%q", values)
	}
	requireSorted(t, scrapeOf(t, reg))
}

// ownSeries does random things to the series of one owner, and returns the first
// difference to the model.
func ownSeries(r *rand.Rand, v *ember.CounterVec, owner string, model map[[2]string]float64, steps int) error {
	mine, err := v.Curry(ember.Labels{"owner": owner})
	if err != nil {
		return err
	}
	for range steps {
		key := [2]string{strconv.Itoa(r.IntN(8)), "\n\"\\x"[:r.IntN(5)]}
		switch r.IntN(12) {
		default:
			n := float64(1 + r.IntN(5))
			mine.With(key[:]...).Add(n)
			model[key] += n
		case 5, 6:
			v.WithLabels(ember.Labels{"owner": owner, "b": key[1], "a": key[0]}).Inc()
			model[key]++
		case 7:
			_, was := model[key]
			if v.Delete(owner, key[0], key[1]) != was {
				return fmt.Errorf("deleting %q does not tell that it was there: %t", key, was)
			}
			delete(model, key)
		case 8:
			n := mine.DeleteMatching(ember.Labels{"b": key[1]})
			for k := range model {
				if k[1] == key[1] {
					delete(model, k)
					n--
				}
			}
			if n != 0 {
				return fmt.Errorf("deleting %q was off by %d", key[1], n)
			}
		case 9:
			if r.IntN(20) == 0 {
				mine.Reset()
				clear(model)
			}
		case 10:
			if mine.Len() != len(model) {
				return fmt.Errorf("there are %d series, not %d", mine.Len(), len(model))
			}
		case 11:
			for values, c := range mine.All() {
				if want, ok := model[[2]string(values)]; !ok || c.Value() != want {
					return fmt.Errorf("%q is %g, not %g", values, c.Value(), want)
				}
			}
		}
		c, ok := v.Lookup(owner, key[0], key[1])
		if want, wanted := model[key]; ok != wanted || ok && c.Value() != want {
			return fmt.Errorf("%q is there: %t, not %t", key, ok, wanted)
		}
	}
	return nil
}
