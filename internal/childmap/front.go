// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// front remembers some children by the addresses of the strings that led to them.
// Most programs ask for a series with the same constants over and over, and hashing
// two or three addresses costs a quarter of hashing what they point to. A number that a
// value was made from does as well as the address.
//
// An address proves nothing, since a caller may reuse the memory behind it. So what
// is found here is compared with the values like any other child.
type front [frontSlots]frontSlot

// frontSlot is written by whoever does not find what it looks for. The two fields
// may be of different writers: tag only saves looking at the child in vain.
type frontSlot struct {
	tag   atomic.Uint64
	child atomic.Pointer[Child]
}

const (
	frontSlots = 64
	// One in so many children that are found elsewhere takes a slot from another,
	// so that strings built for one call do not wear out the cache lines.
	frontReplace = 32
)

// Hint says where values are, or what they were made from, one after the other. The
// same hint most often means the same values.
type Hint uint64

// At returns the hint with one value more, by where it is.
func (h Hint) At(value string) Hint {
	return h.From(uint64(uintptr(unsafe.Pointer(unsafe.StringData(value)))))
}

// From returns the hint with one value more, by the number that it was made from.
func (h Hint) From(n uint64) Hint { return Hint(bits.RotateLeft64(uint64(h), 21) ^ n) }

func (h Hint) hash() uint64 { return uint64(h) * 0x9e3779b97f4a7c15 }

// addresses hashes where the values are.
func addresses(values []string) uint64 {
	var h Hint
	for i := range values {
		h = h.At(values[i])
	}
	return h.hash()
}

// recall returns the child that values at these addresses led to, or another one.
func (f *front) recall(a uint64) *Child {
	slot := &f[a>>58]
	if slot.tag.Load() != a {
		return nil
	}
	return slot.child.Load()
}

// remember notes that values at these addresses led to c.
func (m *Map) remember(a uint64, c *Child) {
	if c.state.Load()&escaped != 0 {
		return
	}
	f := m.front.Load()
	if f == nil {
		f = new(front)
		if !m.front.CompareAndSwap(nil, f) {
			return
		}
	}
	slot := &f[a>>58]
	if slot.child.Load() != nil && rand.Uint32()%frontReplace != 0 {
		return
	}
	slot.child.Store(c)
	slot.tag.Store(a)
}
