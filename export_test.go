// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"time"
)

// Spread makes h count in further shards from now on, as contention would.
func (h *Histogram) Spread() {
	n := h.layout.words()
	_, held := h.block.Acquire(n)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, other := h.block.Acquire(n)
		h.block.Release(other)
	}()
	<-done
	h.block.Release(held)
}

// Elsewhere calls f while the shard is taken in which the caller's goroutine has h, which
// must be spread, count otherwise.
func (h *Histogram) Elsewhere(f func()) {
	_, held := h.block.Acquire(h.layout.words())
	defer h.block.Release(held)
	f()
}

// Age makes c, which must not be in use, that much older for its exemplars.
func (c *Counter) Age(d time.Duration) { c.def.clock.start = c.def.clock.start.Add(-d) }

// PublishNow does for other processes what a scrape of r does before it reads what they
// have.
func PublishNow(r *Registry) { (*r.others.Load()).(*processes).publish(context.Background()) }
