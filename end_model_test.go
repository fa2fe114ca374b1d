// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// modelVector is what a vector should be: a map under a mutex, and what is known of the
// instruments that somebody holds.
type modelVector struct {
	idleAfter time.Duration
	gauge     bool
	series    map[[2]string]*modelSeries
}

type modelSeries struct {
	value float64

	// What idleness needs.
	changes   int // updates
	seen      int // of those, at the scrape that last saw a change
	since     time.Time
	looked    bool
	set, plus bool // a gauge was set or added to since the last scrape
	pending   bool // a gauge was added to, and that may be taken off again

	// Once it has ended: what a gauge had, and the series that gets its updates.
	left float64
	next *modelSeries
}

// modelHandle is an instrument that somebody holds.
type modelHandle struct {
	labels [2]string
	series *modelSeries
}

func (m *modelVector) with(labels [2]string) *modelSeries {
	s := m.series[labels]
	if s == nil {
		s = new(modelSeries)
		m.series[labels] = s
	}
	return s
}

func (m *modelVector) update(h *modelHandle, v float64, set bool) {
	s := h.series
	for s != m.series[h.labels] {
		if !set {
			v += s.left
		}
		s.left = 0
		if s.next == nil {
			s.next = m.with(h.labels)
		}
		s = s.next
	}
	s.changes++
	if set {
		s.value, s.set = v, true
	} else {
		s.value += v
		s.plus = true
	}
}

// look notes what has been done to a gauge, as scrapes do.
func (s *modelSeries) look() {
	if s.set || s.plus {
		s.pending = s.plus
	}
	s.set, s.plus = false, false
}

func (m *modelVector) remove(match func([2]string) bool) (n int) {
	for labels, s := range m.series {
		if !match(labels) {
			continue
		}
		n++
		delete(m.series, labels)
		s.look()
		// Of a gauge, what was added that is not taken off yet; unless it is known to have
		// been set.
		if m.gauge && (m.idleAfter == 0 || s.pending) {
			s.left = s.value
		}
	}
	return n
}

func (m *modelVector) scrape(now time.Time) {
	for labels, s := range m.series {
		s.look()
		changed := !s.looked || s.changes != s.seen || m.gauge && s.pending && s.value != 0
		switch {
		case m.idleAfter == 0:
		case changed:
			s.looked, s.seen, s.since = true, s.changes, now
		case now.Sub(s.since) >= m.idleAfter:
			m.remove(func(l [2]string) bool { return l == labels })
		}
	}
}

// modelled vectors of one kind, so that the test does not depend on it.
type endingVector[T any] interface {
	ember.Collector
	With(values ...string) *T
	Lookup(values ...string) (*T, bool)
	Delete(values ...string) bool
	DeleteMatching(ember.Labels) int
	Reset()
	Len() int
}

// Several goroutines do anything with a vector, one after the other, and hold on to the
// instruments that they get. It behaves like the model, scrape by scrape, also when time
// ends series.
func TestEndingLikeModel(t *testing.T) {
	for _, after := range []time.Duration{0, time.Minute} {
		t.Run(fmt.Sprint("idle after ", after), func(t *testing.T) {
			t.Run("counter", func(t *testing.T) {
				v := ember.NewCounterVec(ember.CounterOpts{Name: "x", IdleAfter: after}, "a", "b")
				testEnding(t, v, after, (*ember.CounterVec).Curry, "", (*ember.Counter).Value,
					func(c *ember.Counter, v float64, _ bool) { c.Add(v) })
			})
			t.Run("gauge", func(t *testing.T) {
				v := ember.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: after}, "a", "b")
				testEnding(t, v, after, (*ember.GaugeVec).Curry, "", (*ember.Gauge).Value,
					func(g *ember.Gauge, v float64, set bool) {
						if set {
							g.Set(v)
						} else {
							g.Add(v)
						}
					})
			})
			t.Run("histogram", func(t *testing.T) {
				v := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", IdleAfter: after, Buckets: []float64{1}}, "a", "b")
				testEnding(t, v, after, (*ember.HistogramVec).Curry, "_sum", (*ember.Histogram).Sum,
					func(h *ember.Histogram, v float64, _ bool) { h.Observe(v) })
			})
			t.Run("native histogram", func(t *testing.T) {
				v := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", IdleAfter: after, Native: &ember.NativeOpts{}}, "a", "b")
				testEnding(t, v, after, (*ember.HistogramVec).Curry, "_sum", (*ember.Histogram).Sum,
					func(h *ember.Histogram, v float64, _ bool) { h.Observe(v) })
			})
			t.Run("summary", func(t *testing.T) {
				v := ember.NewSummaryVec(ember.SummaryOpts{Name: "x", IdleAfter: after, Quantiles: []float64{0.5}}, "a", "b")
				testEnding(t, v, after, (*ember.SummaryVec).Curry, "_sum", (*ember.Summary).Sum,
					func(s *ember.Summary, v float64, _ bool) { s.Observe(v) })
			})
		})
	}
}

func testEnding[T any, V endingVector[T]](t *testing.T, v V, after time.Duration, curry func(V, ember.Labels) (V, error),
	suffix string, value func(*T) float64, update func(*T, float64, bool),
) {
	seed := random(t).Uint64()
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		require.NoError(t, reg.Register(v))
		mu := make(chan bool, 1) // while one of them sleeps, the others wait in a way that lets time pass
		_, gauge := any(v).(*ember.GaugeVec)
		model := &modelVector{idleAfter: after, gauge: gauge, series: make(map[[2]string]*modelSeries)}
		var handles []*modelHandle
		held := make(map[*T]*modelHandle)

		// hold notes an instrument that stands for a series now.
		hold := func(item *T, labels [2]string) *T {
			s := model.with(labels)
			h := held[item]
			if h == nil {
				h = &modelHandle{labels: labels, series: s}
				held[item] = h
				handles = append(handles, h)
			}
			require.Equal(t, labels, h.labels)
			require.True(t, h.series == s, "an instrument of a series that has ended")
			return item
		}
		scrape := func() {
			var lines []string
			model.scrape(time.Now())
			for labels, s := range model.series {
				lines = append(lines, fmt.Sprintf("x%s{a=%q,b=%q} %v\n", suffix, labels[0], labels[1], s.value))
			}
			slices.Sort(lines)
			var got []string
			for line := range strings.Lines(scrapeOf(t, reg)) {
				if strings.HasPrefix(line, "x"+suffix+"{") && !strings.Contains(line, "quantile") {
					got = append(got, line)
				}
			}
			slices.Sort(got)
			require.Equal(t, lines, got)
			require.Equal(t, len(model.series), v.Len())
		}
		step := func(r *rand.Rand, mine map[*T]bool) {
			labels := [2]string{fmt.Sprint(r.IntN(2)), fmt.Sprint(r.IntN(3))}
			curried, err := curry(v, ember.Labels{"a": labels[0]})
			require.NoError(t, err)
			switch r.IntN(20) {
			case 0, 1:
				mine[hold(v.With(labels[0], labels[1]), labels)] = true
			case 2:
				mine[hold(curried.With(labels[1]), labels)] = true
			case 3:
				item, ok := v.Lookup(labels[0], labels[1])
				require.Equal(t, model.series[labels] != nil, ok)
				if ok {
					mine[hold(item, labels)] = true
				}
			case 4:
				_, ok := model.series[labels]
				require.Equal(t, ok, v.Delete(labels[0], labels[1]))
				model.remove(func(l [2]string) bool { return l == labels })
			case 5:
				n := model.remove(func(l [2]string) bool { return l[1] == labels[1] })
				require.Equal(t, n, v.DeleteMatching(ember.Labels{"b": labels[1]}))
			case 6:
				if r.IntN(5) == 0 {
					v.Reset()
					model.remove(func([2]string) bool { return true })
				} else {
					curried.Reset()
					model.remove(func(l [2]string) bool { return l[0] == labels[0] })
				}
			case 7, 8, 9:
				scrape()
			case 10:
				time.Sleep(time.Duration(r.IntN(90)) * time.Second)
				scrape()
			default:
				keys := slices.SortedFunc(maps.Keys(mine), func(a, b *T) int {
					return slices.Index(handles, held[a]) - slices.Index(handles, held[b])
				})
				if len(keys) == 0 {
					return
				}
				item := keys[r.IntN(len(keys))]
				h := held[item]
				amount, set := float64(r.IntN(4)), gauge && r.IntN(2) == 0
				if amount == 0 && !gauge && suffix == "" {
					amount = 1 // adding nothing to a counter is no change
				}
				if gauge {
					amount -= 2
				}
				update(item, amount, set)
				model.update(h, amount, set)
				require.Equal(t, model.series[h.labels].value, value(item))
				if r.IntN(20) == 0 {
					delete(mine, item)
				}
			}
		}
		const goroutines, steps = 4, 800
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(g)))
				mine := make(map[*T]bool)
				for range steps {
					mu <- true
					step(r, mine)
					<-mu
				}
			})
		}
		wg.Wait()
		scrape()
	})
}

// Goroutines do anything with a vector of gauges at once, and add to whatever they have
// ever got. In the end its series have the sum of all that was added, since deleting a
// gauge does not take off what it counts.
func TestGaugesEndConcurrently(t *testing.T) {
	for _, after := range []time.Duration{0, 1} {
		t.Run(fmt.Sprint("idle after ", after), func(t *testing.T) {
			seed := random(t).Uint64()
			reg := ember.NewRegistry()
			v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: after}, "a")
			const goroutines, steps = 6, 3000
			totals := make([]float64, goroutines)
			holders := make([]map[*ember.Gauge]bool, goroutines)
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(g)))
					held := make(map[*ember.Gauge]bool)
					holders[g] = held
					for range steps {
						label := fmt.Sprint(r.IntN(3))
						switch r.IntN(30) {
						case 0:
							v.Delete(label)
						case 1:
							v.Reset()
						case 2:
							scrapeOf(t, reg)
						default:
							x := v.With(label)
							held[x] = true
							if r.IntN(3) == 0 {
								for x = range held {
									break
								}
							}
							n := float64(r.IntN(5))
							x.Add(n)
							totals[g] += n
						}
					}
				})
			}
			wg.Wait()
			want, got := 0.0, 0.0
			for g := range goroutines {
				want += totals[g]
				for x := range holders[g] {
					x.Add(0) // brings along what it had
				}
			}
			for _, x := range v.All() {
				got += x.Value()
			}
			require.Equal(t, want, got)
		})
	}
}
