// SPDX-License-Identifier: Apache-2.0

// Package cell holds the numbers behind instruments: a Total that is added to,
// and a Block of words that change together.
//
// Both start as a few words and cost what one core needs. When writers on
// several cores meet on them, they spread into padded stripes, one picked per
// goroutine, and from then on writers rarely meet. Only what was contended pays
// the memory for stripes (Stripes() of 128 bytes or more each), and reading then
// visits every stripe: read while scraping, not while recording.
//
// The first words are reached through a pointer, so that they may live elsewhere than on
// the heap: whatever hands out zeroed, 8-byte aligned words can stand behind it, from the
// beginning, by Init, or later, by Move, while writers write.
//
// Package cell knows nothing of names, labels or formats.
package cell

import (
	"math/bits"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// lineSize keeps stripes apart. 128 bytes covers the paired 64-byte prefetch of
// x86 and the wider lines of some arm64 parts.
const lineSize = 128

// lineWords is lineSize in 8-byte words.
const lineWords = lineSize / 8

// maxStripes bounds what a contended cell costs on machines with many cores.
const maxStripes = 128

// stripes does not follow later changes of GOMAXPROCS, so that who keeps
// something beside each stripe can count on their number.
var stripes = func() int {
	n := 8 * runtime.GOMAXPROCS(0)
	return 1 << bits.Len(uint(min(max(n, 8), maxStripes)-1))
}()

// Stripes is how many stripes a contended cell spreads into in this process: a
// power of two, eight for each core, so that two busy goroutines seldom share.
func Stripes() int { return stripes }

// picker chooses a stripe for the calling goroutine, by hashing the address of its
// stack. Each goroutine has a stack of its own, of 2 KiB or more, so goroutines
// mostly differ and one goroutine mostly stays the same: all that a stripe needs. It
// costs about a nanosecond and asks nothing of the runtime. A stack that moves
// changes the answer, which costs a cache miss and nothing else.
//
// Two busy goroutines whose stacks hash alike would meet for ever. So who meets
// somebody on a stripe says so with met, and after a while all are shuffled: a few
// times, since with more busy goroutines than stripes it is of no use.
type picker struct {
	shuffle atomic.Uint64 // goes into the hash
	meets   atomic.Uint32 // calls of met
}

const (
	meetsPerShuffle = 8
	maxMeets        = 16 * meetsPerShuffle
)

// pick returns a number below n, which is a power of two up to maxStripes.
func (p *picker) pick(n uint) uint {
	var x byte
	// The address is only hashed, never turned back into a pointer. Multiplying
	// by the golden ratio puts stacks that lie side by side far apart.
	a := uint64(uintptr(unsafe.Pointer(&x)))>>11 ^ p.shuffle.Load()
	return uint(a*0x9e3779b97f4a7c15>>57) * n / maxStripes
}

// met notes that the caller found somebody else on its stripe.
func (p *picker) met() {
	if p.meets.Load() >= maxMeets {
		return // not even to be counted: writing here costs all others a cache miss
	}
	if p.meets.Add(1)%meetsPerShuffle == 0 {
		// Any number will do that changes which stacks collide.
		p.shuffle.Add(0x5851f42d4c957f2d)
	}
}
