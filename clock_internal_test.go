// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// now is what clock.now must return once everything has happened that happens by now.
func now(c *clock, length time.Duration) uint64 { return uint64(time.Since(c.start) / length) }

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock{start: time.Now()}
		at := func(d time.Duration) {
			time.Sleep(time.Until(c.start.Add(d)))
			synctest.Wait()
		}
		look := func() uint64 { return c.now(time.Minute) }
		require.False(t, c.armed())
		require.Zero(t, look())
		require.True(t, c.armed())
		at(time.Minute - 1)
		require.Zero(t, look())
		at(time.Minute)
		require.False(t, c.armed(), "nobody has looked")
		require.Equal(t, uint64(1), look())
		at(2*time.Minute - 1)
		require.Equal(t, uint64(1), look())

		// Periods that nobody looked in.
		at(10*time.Minute + 1)
		require.False(t, c.armed())
		require.Equal(t, uint64(10), look())
		at(11*time.Minute - 1)
		require.Equal(t, uint64(10), look())
		at(11 * time.Minute)
		require.Equal(t, uint64(11), look())

		// Readers set no timer.
		at(12 * time.Minute)
		require.Equal(t, uint64(12), c.advance(time.Minute))
		require.Equal(t, uint64(12), c.advance(time.Minute))
		require.False(t, c.armed())
	})
}

// Looking at random moments, always with the right answer and at most one timer.
func TestClockAgainstTime(t *testing.T) {
	for _, length := range []time.Duration{1, 7, time.Second, 72 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := clock{start: time.Now()}
			time.Sleep(time.Duration(rand.Int64N(int64(3 * length))))
			for range 500 {
				synctest.Wait()
				want := now(&c, length)
				if rand.IntN(3) == 0 {
					require.Equal(t, want, c.advance(length))
				} else {
					require.Equal(t, want, c.now(length))
					require.True(t, c.armed())
				}
				time.Sleep(time.Duration(rand.Int64N(int64(2 * length))))
			}
		})
	}
}

// A timer that never fires, since it belongs to a bubble that has ended, is made up for
// by whoever advances the clock.
func TestClockWithoutItsTimer(t *testing.T) {
	c := clock{start: time.Now().Add(-90 * time.Minute)}
	c.state.Store(0<<1 | 1) // period 0 seems to last
	require.Zero(t, c.now(time.Hour))
	require.Equal(t, uint64(1), c.advance(time.Hour))
	require.False(t, c.armed())
	c.state.Store(1<<1 | 1)
	require.Equal(t, uint64(1), c.advance(time.Hour), "nothing to make up for")
	require.True(t, c.armed())
}

// A clock never goes back, whatever the time does.
func TestClockBeforeItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock{start: time.Now().Add(time.Hour)}
		require.Zero(t, c.advance(time.Minute))
		require.Zero(t, c.now(time.Minute))
		c = clock{start: time.Now().Add(time.Hour)}
		c.state.Store(7 << 1)
		require.Equal(t, uint64(7), c.now(time.Minute))
		require.Equal(t, uint64(7), c.advance(time.Minute))
	})
}

// Many looks at once agree on the period, and set one timer for all.
func TestClockAtOnce(t *testing.T) {
	c := clock{start: time.Now()}
	const length = 50 * time.Microsecond
	var most atomic.Uint64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			last := uint64(0)
			for range 2000 {
				var p uint64
				if i == 0 {
					p = c.advance(length)
				} else {
					p = c.now(length)
				}
				// Not behind what another goroutine has seen before, nor ahead of time.
				if p < last || p > now(&c, length) {
					t.Errorf("period %d after %d, at %d", p, last, now(&c, length))
					return
				}
				last = p
				for m := most.Load(); p > m && !most.CompareAndSwap(m, p); m = most.Load() {
				}
				last = max(last, most.Load())
			}
		})
	}
	wg.Wait()
	for c.armed() { // until its timer fires
		time.Sleep(length)
	}
}
