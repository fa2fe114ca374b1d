// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"math"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const goroutines = 64

// newTotals are the states a Total can be in.
var newTotals = map[string]func() *Total{
	"own words": func() *Total {
		t := new(Total)
		t.Init(nil)
		return t
	},
	"words elsewhere": func() *Total {
		t, words := new(Total), make([]TotalWords, 9)
		t.Init(&words[4])
		return t
	},
	"spread": func() *Total {
		t := new(Total)
		t.Init(nil)
		t.spreadOut(t.at.Load())
		return t
	},
	"spread late": func() *Total {
		t := new(Total)
		t.Init(nil)
		t.AddWhole(1)
		t.Add(-1)
		t.spreadOut(t.at.Load())
		return t
	},
}

func TestTotalIsExact(t *testing.T) {
	const rounds = 700
	for state, newTotal := range newTotals {
		for name, tc := range map[string]struct {
			add   func(*Total, int)
			whole uint64
			sum   float64
		}{
			"Inc": {
				func(t *Total, _ int) { t.Inc() },
				goroutines * rounds, goroutines * rounds,
			},
			"AddWhole": {
				func(t *Total, i int) { t.AddWhole(uint64(i % 4)) },
				goroutines * rounds * 3 / 2, goroutines * rounds * 3 / 2,
			},
			"AddWhole of many": {
				func(t *Total, _ int) { t.AddWhole(5000) },
				goroutines * rounds * 5000, goroutines * rounds * 5000,
			},
			"Add": {
				func(t *Total, _ int) { t.Add(0.375) },
				0, goroutines * rounds * 0.375,
			},
			"Add up and down": {
				func(t *Total, i int) { t.Add(float64(1-i%2*2) / 1024) },
				0, 0,
			},
			"all": {
				func(t *Total, _ int) { t.Inc(); t.AddWhole(2); t.Add(0.25) },
				goroutines * rounds * 3, goroutines * rounds * 3.25,
			},
		} {
			t.Run(state+"/"+name, func(t *testing.T) {
				total := newTotal()
				before := wholeOf(total)
				var wg sync.WaitGroup
				for range goroutines {
					wg.Go(func() {
						for i := range rounds {
							tc.add(total, i)
						}
					})
				}
				wg.Wait()
				require.Equal(t, tc.whole, wholeOf(total)-before)
				require.Equal(t, tc.sum, total.Load())
			})
		}
	}
}

// A total that spreads meanwhile must lose nothing.
func TestTotalIsExactWhileItSpreads(t *testing.T) {
	const rounds = 200
	for range 50 {
		var total Total
		total.Init(nil)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range rounds {
					total.Inc()
					total.Add(0.5)
					if i == rounds/2 {
						total.spreadOut(total.at.Load())
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, uint64(8*rounds), wholeOf(&total))
		require.Equal(t, 8*rounds*1.5, total.Load())
	}
}

func TestTotalNeverFallsForReaders(t *testing.T) {
	for state, newTotal := range newTotals {
		t.Run(state, func(t *testing.T) {
			total := newTotal()
			done := make(chan struct{})
			var writers, readers sync.WaitGroup
			for range 8 {
				writers.Go(func() {
					for range 3000 {
						total.Inc()
						total.Add(0.1)
						total.AddWhole(3)
					}
				})
			}
			for range 2 {
				readers.Go(func() {
					var whole uint64
					sum := math.Inf(-1)
					for {
						w, s := wholeOf(total), total.Load()
						if w < whole || s < sum {
							t.Errorf("Whole fell from %d to %d or Load from %g to %g", whole, w, sum, s)
							return
						}
						whole, sum = w, s
						select {
						case <-done:
							return
						default:
						}
					}
				})
			}
			writers.Wait()
			close(done)
			readers.Wait()
		})
	}
}

func TestTotalAloneDoesNotSpread(t *testing.T) {
	var total Total
	total.Init(nil)
	for range 20 * probeEvery {
		total.Inc()
		total.Add(0.5)
		total.AddWhole(7)
	}
	require.Nil(t, total.spread.Load())
	require.Equal(t, uint64(20*probeEvery*8), wholeOf(&total))
}

func TestTotalUnderContentionSpreads(t *testing.T) {
	if min(runtime.NumCPU(), runtime.GOMAXPROCS(0)) < 2 {
		t.Skip("one core knows no contention")
	}
	for name, add := range map[string]func(*Total){
		"Inc":              func(t *Total) { t.Inc() },
		"AddWhole":         func(t *Total) { t.AddWhole(3) },
		"AddWhole of many": func(t *Total) { t.AddWhole(3 * probeEvery) },
		"Add":              func(t *Total) { t.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			var total Total
			total.Init(nil)
			deadline := time.Now().Add(30 * time.Second)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for i := 0; total.spread.Load() == nil; i++ {
						add(&total)
						if i%(1<<10) == 0 && time.Now().After(deadline) {
							return
						}
					}
				})
			}
			wg.Wait()
			s := total.spread.Load()
			require.NotNil(t, s, "eight goroutines have not met for half a minute")
			require.Len(t, s.stripes, Stripes())
		})
	}
}

// Two goroutines that find contention at the same moment must agree on stripes.
func TestTotalSpreadsOnce(t *testing.T) {
	var total Total
	total.Init(nil)
	first := total.spreadOut(total.at.Load())
	require.Same(t, first, total.spreadOut(total.at.Load()))
	require.Same(t, first, total.spread.Load())
}

func TestTotalWordsElsewhere(t *testing.T) {
	var total Total
	var words TotalWords
	total.Init(&words)
	total.Inc()
	total.AddWhole(2)
	total.Add(0.5)
	require.Equal(t, uint64(3), words.n.Load())
	require.Equal(t, 0.5, math.Float64frombits(words.f.Load()))
	require.Zero(t, total.own.n.Load())

	var next Total // takes up where the other stopped
	next.Init(&words)
	require.Equal(t, uint64(3), wholeOf(&next))
	require.Equal(t, 3.5, next.Load())
}

func TestTotalExtremes(t *testing.T) {
	for name, tc := range map[string]struct {
		add  []float64
		want float64
	}{
		"nothing":   {nil, 0},
		"negative":  {[]float64{-1.5, 0.25}, -1.25},
		"infinite":  {[]float64{1, math.Inf(1)}, math.Inf(1)},
		"greatest":  {[]float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
		"subnormal": {[]float64{5e-324, 5e-324}, 1e-323},
	} {
		t.Run(name, func(t *testing.T) {
			var total Total
			total.Init(nil)
			for _, v := range tc.add {
				total.Add(v)
			}
			require.Equal(t, math.Float64bits(tc.want), math.Float64bits(total.Load()))
		})
	}
}

func TestTotalWholeIsExactBeyondFloats(t *testing.T) {
	var total Total
	total.Init(nil)
	total.AddWhole(1 << 53)
	total.Inc()
	require.Equal(t, uint64(1<<53+1), wholeOf(&total))
}

// wholeOf returns the sum of all whole additions, which Load may have to round.
func wholeOf(t *Total) uint64 {
	w, s := t.at.Load(), t.spread.Load()
	if s != nil {
		w = s.first
	}
	n := w.n.Load()
	if s != nil {
		for i := range s.stripes {
			n += s.stripes[i].n.Load()
		}
	}
	return n
}
