// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// idling is a vector of each kind whose series are idle after a minute, as what to do to
// the series of a label value, and what it then adds to the series' exposition.
type idling struct {
	name   string
	vector ember.Collector
	// update returns a function that changes the series by one.
	update func(label string) func()
	line   string  // of a series
	unit   float64 // how much an update adds to its value
}

func idlingKinds(after time.Duration) []idling {
	counters := ember.NewCounterVec(ember.CounterOpts{Name: "x_total", IdleAfter: after}, "a")
	fractions := ember.NewCounterVec(ember.CounterOpts{Name: "x_total", IdleAfter: after}, "a")
	adding := ember.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: after}, "a")
	setting := ember.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: after}, "a")
	histograms := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", IdleAfter: after, Buckets: []float64{1, 2}}, "a")
	natives := ember.NewHistogramVec(ember.HistogramOpts{Name: "x", IdleAfter: after, Native: &ember.NativeOpts{}}, "a")
	summaries := ember.NewSummaryVec(ember.SummaryOpts{Name: "x", IdleAfter: after}, "a")
	return []idling{
		{"counter", counters, func(l string) func() { return counters.With(l).Inc }, "x_total{a=%q} %v\n", 1},
		{"counter of fractions", fractions, func(l string) func() {
			c := fractions.With(l)
			return func() { c.Add(0.125) }
		}, "x_total{a=%q} %v\n", 0.125},
		{"gauge that is added to", adding, func(l string) func() { return adding.With(l).Inc }, "x{a=%q} %v\n", 1},
		{"gauge that is set", setting, func(l string) func() {
			g := setting.With(l)
			return func() { g.Set(setting.With(l).Value() + 1) }
		}, "x{a=%q} %v\n", 1},
		{"histogram", histograms, func(l string) func() {
			h := histograms.With(l)
			return func() { h.Observe(1.5) }
		}, "x_count{a=%q} %v\n", 1},
		{"native histogram", natives, func(l string) func() {
			h := natives.With(l)
			return func() { h.Observe(1.5) }
		}, "x_count{a=%q} %v\n", 1},
		{"summary", summaries, func(l string) func() {
			s := summaries.With(l)
			return func() { s.Observe(1.5) }
		}, "x_count{a=%q} %v\n", 1},
	}
}

func TestIdleAfter(t *testing.T) {
	for _, k := range idlingKinds(time.Minute) {
		if k.name == "gauge that is added to" {
			continue // is not idle before it is back at zero
		}
		t.Run(k.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testIdleAfter(t, k.name) })
		})
	}
}

func testIdleAfter(t *testing.T, name string) {
	var k idling
	for _, k = range idlingKinds(time.Minute) {
		if k.name == name {
			break
		}
	}
	reg := ember.NewRegistry()
	reg.MustRegister(k.vector)
	require.Empty(t, scrapeOf(t, reg))
	has := func(label string, n int) {
		t.Helper()
		require.Contains(t, scrapeOf(t, reg), fmt.Sprintf(k.line, label, float64(n)*k.unit))
	}
	hasNot := func(label string) {
		t.Helper()
		require.NotContains(t, scrapeOf(t, reg), fmt.Sprintf("a=%q", label))
	}

	update := k.update("x")
	other := k.update("y")
	has("x", 0)
	time.Sleep(time.Minute - time.Nanosecond)
	has("x", 0)
	time.Sleep(time.Nanosecond)
	hasNot("x") // which was there from the beginning, and a minute ago

	// What comes through the instrument begins a new series.
	update()
	has("x", 1)
	time.Sleep(30 * time.Second)
	update()
	has("x", 2)
	time.Sleep(time.Minute - time.Nanosecond)
	has("x", 2)
	update() // through what ended twice by now, though it never was idle
	time.Sleep(time.Nanosecond)
	has("x", 3)
	time.Sleep(time.Minute - time.Nanosecond)
	has("x", 3)
	time.Sleep(time.Nanosecond)
	hasNot("x")

	// And what comes through a new one does so too, both together.
	k.update("x")()
	has("x", 1)
	k.update("x")()
	has("x", 2)
	hasNot("y")
	for range 1000 {
		other()
		scrapeOf(t, reg)
		time.Sleep(59 * time.Second)
	}
	has("y", 1000)
	hasNot("x")
}

// A gauge knows that it was set, even to the value that it had.
func TestIdleGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: time.Minute}, "a")
		up, down, inFlight, negative := v.With("up"), v.With("down"), v.With("in flight"), v.With("negative")
		up.Set(1)
		down.Set(1)
		done := inFlight.Track()
		negative.Set(math.Copysign(0, -1))
		for range 10 {
			time.Sleep(30 * time.Second)
			up.Set(1)
			negative.Inc()
			negative.Dec()
			scrapeOf(t, reg)
		}
		require.Equal(t, "# TYPE x gauge\nx{a=\"in flight\"} 1\nx{a=\"negative\"} 0\nx{a=\"up\"} 1\n", scrapeOf(t, reg))

		done()
		scrapeOf(t, reg)
		time.Sleep(time.Minute)
		require.Empty(t, scrapeOf(t, reg))

		// What it is set to, it is.
		for range 3 {
			up.Set(1)
			require.Equal(t, "# TYPE x gauge\nx{a=\"up\"} 1\n", scrapeOf(t, reg))
		}
		v.With("up").Set(5)
		up.Add(2)
		require.Contains(t, scrapeOf(t, reg), `x{a="up"} 7`)
		up.Set(5)
		up.Add(2)
		require.Contains(t, scrapeOf(t, reg), `x{a="up"} 7`)
		up.Add(2)
		up.Set(5)
		require.Contains(t, scrapeOf(t, reg), `x{a="up"} 5`)
	})
}

// What was in flight when its series was deleted comes back as what it is then.
func TestDeletedGaugesCountOn(t *testing.T) {
	for name, after := range map[string]time.Duration{"deleted": 0, "may be idle": time.Hour} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: after}, "a")
			one, two := v.With("1").Track(), v.With("1").Track()
			v.Reset()
			require.Empty(t, scrapeOf(t, reg))
			one()
			require.Equal(t, "# TYPE x gauge\nx{a=\"1\"} 1\n", scrapeOf(t, reg))
			three := v.With("1").Track()
			require.Equal(t, 2.0, v.With("1").Value())
			two()
			require.Equal(t, "# TYPE x gauge\nx{a=\"1\"} 1\n", scrapeOf(t, reg))
			require.True(t, v.Delete("1"))
			four := v.With("1").Track()
			three()
			require.Equal(t, "# TYPE x gauge\nx{a=\"1\"} 1\n", scrapeOf(t, reg))
			four()
			require.Equal(t, "# TYPE x gauge\nx{a=\"1\"} 0\n", scrapeOf(t, reg))
		})
	}
}

// Deleting includes what has come through an instrument before, and is not exposed yet.
func TestDeleteWhatHasComeBack(t *testing.T) {
	for name, remove := range map[string]func(v *ember.CounterVec){
		"Delete":         func(v *ember.CounterVec) { require.True(t, v.Delete("1", "2")) },
		"DeleteMatching": func(v *ember.CounterVec) { require.Equal(t, 1, v.DeleteMatching(ember.Labels{"b": "2"})) },
		"Reset":          func(v *ember.CounterVec) { v.Reset() },
		"Curry, Delete": func(v *ember.CounterVec) {
			c, err := v.Curry(ember.Labels{"a": "1"})
			require.NoError(t, err)
			require.True(t, c.Delete("2"))
		},
		"Curry, Reset": func(v *ember.CounterVec) {
			c, err := v.Curry(ember.Labels{"a": "1"})
			require.NoError(t, err)
			c.Reset()
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a", "b")
			c := v.With("1", "2")
			v.Reset()
			c.Inc()
			remove(v)
			require.Empty(t, scrapeOf(t, reg))
			c.Inc()
			require.Equal(t, "# TYPE x_total counter\nx_total{a=\"1\",b=\"2\"} 1\n", scrapeOf(t, reg))
			require.False(t, v.Delete("1"))
		})
	}
	type labels struct{ A, B string }
	reg := ember.NewRegistry()
	v := ember.CounterVecOfIn[labels](reg, ember.CounterOpts{Name: "x_total"})
	c := v.With(labels{"1", "2"})
	v.Reset()
	c.Inc()
	require.True(t, v.Delete(labels{"1", "2"}))
	require.Empty(t, scrapeOf(t, reg))
}

// Everything that an instrument has goes to the one after it.
func TestComingBackWhole(t *testing.T) {
	reg := ember.NewRegistry()
	counters := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a")
	histograms := reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 2}, Native: &ember.NativeOpts{Factor: 4}}, "a")
	natives := reg.NewHistogramVec(ember.HistogramOpts{Name: "n", Native: &ember.NativeOpts{Factor: 1.1, MaxBuckets: 4}}, "a")
	summaries := reg.NewSummaryVec(ember.SummaryOpts{Name: "s", Quantiles: []float64{0, 0.5, 1}}, "a")
	update := func(c *ember.Counter, h, n *ember.Histogram, s *ember.Summary, from int) {
		c.Add(2)
		c.Add(0.5)
		if from == 0 {
			c.AddWithExemplar(2, ember.Labels{"trace": "c"})
			h.ObserveWithExemplar(1, ember.Labels{"trace": "1"})
			h.ObserveWithExemplar(5, ember.Labels{"trace": "5"})
		}
		for i := from; i < from+10; i++ {
			v := float64(i) - 3
			h.Observe(v)
			n.Observe(v * 100)
			s.Observe(v)
		}
	}
	want := func(f func()) []*metric.Family {
		f()
		return timeless(t, reg)
	}
	// Once straight, once through what has ended, with something in between.
	c, h, n, s := counters.With("1"), histograms.With("1"), natives.With("1"), summaries.With("1")
	straight := want(func() {
		update(c, h, n, s, 0)
		update(c, h, n, s, 5)
	})
	detour := want(func() {
		counters.Reset()
		histograms.Reset()
		natives.Reset()
		summaries.Reset()
		update(c, h, n, s, 0)
		update(counters.With("1"), histograms.With("1"), natives.With("1"), summaries.With("1"), 5)
	})
	require.Equal(t, straight, detour)
	again := want(func() {})
	require.Equal(t, straight, again, "once")
	runtime.KeepAlive(c)
}

// timeless is what g exposes, but for when things began and happened.
func timeless(t *testing.T, g ember.Gatherer) []*metric.Family {
	t.Helper()
	families := gather(t, g)
	for _, f := range families {
		for i := range f.Points {
			p := &f.Points[i]
			p.Created = time.Time{}
			exemplars := []*metric.Exemplar{p.Exemplar}
			for b := range p.Buckets {
				exemplars = append(exemplars, p.Buckets[b].Exemplar)
			}
			for _, x := range exemplars {
				if x != nil {
					x.Time = time.Time{}
				}
			}
		}
	}
	return families
}

// Updates from several goroutines, while a scraper ends whatever is idle: what it sees
// grow is what was counted, fractions included.
func TestNothingIsLostToSweeps(t *testing.T) {
	const goroutines, rounds = 4, 3000
	// Longer than it takes to create a series: one that was begun earlier and is there later
	// than another cannot be told from its continuation.
	const idleAfter = 2 * time.Millisecond
	for _, k := range idlingKinds(idleAfter) {
		if strings.HasPrefix(k.name, "gauge") {
			continue
		}
		t.Run(k.name, func(t *testing.T) {
			reg := ember.NewRegistry()
			reg.MustRegister(k.vector)
			s := random(t).Uint64()
			var seen increases
			var updates atomic.Int64
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(s, uint64(g)))
					held := map[string]func(){}
					for n := 0; n < rounds || seen.resets.Load() <= 20 && n < 100*rounds; n++ {
						label := fmt.Sprint(r.IntN(5))
						update := held[label]
						if update == nil || r.IntN(10) == 0 {
							update = k.update(label)
							held[label] = update
						}
						update()
						updates.Add(1)
						if r.IntN(100) == 0 {
							time.Sleep(2 * idleAfter)
						}
					}
				})
			}
			stop, stopped := make(chan bool), make(chan bool)
			go func() {
				defer close(stopped)
				for {
					seen.add(gather(t, reg))
					select {
					case <-stop:
						return
					default:
					}
				}
			}()
			wg.Wait()
			close(stop)
			<-stopped
			for range 3 {
				seen.add(gather(t, reg))
			}
			require.Equal(t, float64(updates.Load())*k.unit, seen.total)
			require.Greater(t, seen.resets.Load(), int64(5), "no series has ended")
		})
	}
}

// increases adds up how much the series of a family grow, as Prometheus does that knows when
// they began: what was gone in between, or began after it was read last, began at zero.
type increases struct {
	before map[string]metric.Point
	read   time.Time // when before was there
	total  float64
	resets atomic.Int64
}

func (s *increases) add(families []*metric.Family) {
	now := make(map[string]metric.Point)
	for _, f := range families {
		for _, p := range f.Points {
			label := p.Labels[0].Value
			now[label] = p
			before, ok := s.before[label]
			if !ok || p.Created.After(s.read) {
				before = metric.Point{}
				s.resets.Add(1)
			}
			s.total += p.Value - before.Value + float64(p.Count) - float64(before.Count)
		}
	}
	s.before, s.read = now, time.Now()
}

func TestIdleAfterIsPartOfTheDefinition(t *testing.T) {
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", IdleAfter: time.Minute}, "a")
	require.Same(t, v, reg.NewCounterVec(ember.CounterOpts{Name: "x_total", IdleAfter: time.Minute}, "a"))
	require.PanicsWithError(t, `ember: x_total is already registered, by a *ember.CounterVec; it is a *ember.CounterVec of "x_total" with the labels ["a"] and idle after 1m0s, not a *ember.CounterVec of "x_total" with the labels ["a"]`, func() {
		reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a")
	})
	require.EqualError(t, reg.Register(ember.NewGaugeVec(ember.GaugeOpts{Name: "y", IdleAfter: -time.Second}, "a")),
		`ember: gauge "y": IdleAfter (-1s) must not be negative`)
}

// A series that has a function, or stands for others, is never idle.
func TestNeverIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := ember.NewRegistry()
		v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", IdleAfter: time.Minute, MaxSeries: 2}, "a")
		v.SetFunc(func() float64 { return 4 }, "function")
		v.With("second").Set(1)
		captureLog(t)
		v.With("third").Add(2)
		scrapeOf(t, reg)
		for range 3 {
			time.Sleep(time.Hour)
			require.Equal(t, "x{a=\"function\"} 4\nx{a=\"other\"} 2\n", onlyX(scrapeOf(t, reg)))
		}
		v.SetFunc(nil, "function")
		require.Equal(t, "x{a=\"function\"} 0\nx{a=\"other\"} 2\n", onlyX(scrapeOf(t, reg)))
		time.Sleep(time.Minute)
		require.Equal(t, "x{a=\"other\"} 2\n", onlyX(scrapeOf(t, reg)))
	})
}

func onlyX(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "x{") {
			b.WriteString(line)
		}
	}
	return b.String()
}
