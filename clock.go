// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"sync/atomic"
	"time"
)

// clock numbers periods of time. Looking at it costs an atomic load, where reading
// the time would cost more than all the rest of an update: the first look in a period
// sets a timer for the period's end. A clock that nobody looks at costs no timer.
//
// Period 0 begins with start. All calls must give the same length.
type clock struct {
	// state is the number of the present period, doubled, plus one while a timer is
	// set for the period's end.
	state atomic.Uint64
	start time.Time
}

// now returns the number of the present period.
func (c *clock) now(length time.Duration) uint64 {
	if s := c.state.Load(); s&1 != 0 {
		return s >> 1
	}
	return c.arm(length)
}

// arm brings the clock up to date and sets a timer that will do so when the period
// ends. It returns the present period.
//
//go:noinline
func (c *clock) arm(length time.Duration) uint64 {
	for {
		old := c.state.Load()
		if old&1 != 0 {
			return old >> 1
		}
		age := max(time.Since(c.start), 0)
		now := max(uint64(age/length), old>>1)
		if c.state.CompareAndSwap(old, now<<1|1) {
			end := time.Duration(now+1) * length
			time.AfterFunc(end-age, func() { c.advance(length) })
			return now
		}
	}
}

// armed reports whether a timer is set.
func (c *clock) armed() bool { return c.state.Load()&1 != 0 }

// advance brings the clock up to date if a period has ended, and leaves setting the
// next timer to the next look. It returns the present period. Who reads values calls
// it too, so that a timer that never fires (one of a testing/synctest bubble that has
// ended) delays little.
func (c *clock) advance(length time.Duration) uint64 {
	now := uint64(max(time.Since(c.start), 0) / length)
	for {
		old := c.state.Load()
		if now <= old>>1 {
			return old >> 1
		}
		if c.state.CompareAndSwap(old, now<<1) {
			return now
		}
	}
}
