// SPDX-License-Identifier: Apache-2.0

package cell

import "sync/atomic"

// Beside keeps a *T beside each shard of a Block, for what a fixed number of words
// cannot hold. Each belongs to whoever holds the shard. The zero Beside has none yet.
//
// A block that was never contended pays a word and a pointer.
type Beside[T any] struct {
	first   *T
	further atomic.Pointer[[]*T] // of the stripes; set once, by whoever held one of them first
}

// At returns where the pointer of a shard is, which the caller must hold: nil until
// the caller sets it.
func (b *Beside[T]) At(shard int) **T {
	if shard == 0 {
		return &b.first
	}
	return b.stripe(shard - 1)
}

//go:noinline
func (b *Beside[T]) stripe(i int) **T {
	p := b.further.Load()
	if p == nil {
		fresh := make([]*T, Stripes())
		if p = &fresh; !b.further.CompareAndSwap(nil, p) {
			p = b.further.Load()
		}
	}
	return &(*p)[i]
}
