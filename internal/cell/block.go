// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Block is a fixed number of words that change together: one observation's
// count, sum and bucket. The zero Block needs Init.
//
// A writer takes a shard of the block for itself, writes with plain stores and
// gives it back, at two locked instructions in all:
//
//	i, w := b.Acquire(n)
//	w[1]++
//	b.Release(w)
//
// w[0] belongs to the block: odd while the shard is taken. A reader that cannot
// take a shard, in another process say, can still tell whether what it copied was
// whole, if every write makes some word grow: w[0] was even before and after, and a
// second copy is the same.
//
// A writer is never kept waiting by one that lost its processor while holding a
// shard: it spreads the block and takes another. Only while every stripe is held
// so does it yield.
type Block struct {
	at     atomic.Pointer[uint64]       // the first shard's words; set by Init
	spread atomic.Pointer[blockStripes] // set once, by the writer that found contention

	// waits is how many writers have had to wait for the first shard since it was
	// last read. Written by whoever holds it. It is atomic for the race detector's
	// sake alone, which does not see that a shard is held if its words are not Go's
	// memory.
	//
	// With reshaping locked, moved is set in it once at is not where Init put it.
	waits atomic.Uint32
}

const moved = 1 << 31

// blockStripes are the further shards: Stripes() of them, each stride words
// long, in one piece.
type blockStripes struct {
	picker
	words  []uint64
	stride uint        // n rounded up to whole lines
	count  uint        // a power of two; 0 if the block ended before it spread
	over   atomic.Bool // see End
}

const (
	// A writer that finds the first shard taken watches it this often before it
	// takes the holder for descheduled: about the microseconds that a reader
	// may need for a large block.
	spinLoads = 2000
	// How often a reader looks at the shards that are taken before it yields: a
	// holder that is on a processor is done by then.
	readRounds = 100
	// A block spreads when so many writers had to wait between two reads. That is
	// nothing to a busy histogram, and more than chance brings about.
	spreadWaits = 256
)

// Init makes b ready with its first shard at w, which must be len(w) zero words,
// 8-byte aligned, and stay where it is. It must come before any other use; all
// later calls must pass n = len(w).
func (b *Block) Init(w []uint64) { b.at.Store(&w[0]) }

// Acquire returns a shard of n words and its number (0 is the first, stripes
// follow), to be written by the caller alone until Release. It returns no words if the
// block has ended.
func (b *Block) Acquire(n int) (shard int, w []uint64) {
	p := b.at.Load()
	if b.spread.Load() == nil && take(p) {
		acquired(b)
		return 0, unsafe.Slice(p, n)
	}
	return b.acquireSlow(n)
}

// Release gives a shard back.
func (b *Block) Release(w []uint64) {
	released(b)
	release(&w[0])
}

// The states of a shard, in its first word. Only readers take a shard that is
// wanted, so that a writer that comes back to it again and again, and is off the
// processor whenever a reader looks, leaves it to the reader at once.
const (
	free   = 0
	taken  = 1
	wanted = 2 // by a reader; added to taken until the holder gives it back
)

// take tries once to take the shard at p for writing.
func take(p *uint64) bool { return atomic.CompareAndSwapUint64(p, free, taken) }

// takeToRead tries once to take the shard at p for reading, and otherwise says that
// it is wanted.
func takeToRead(p *uint64) bool {
	switch atomic.LoadUint64(p) {
	case free:
		return take(p)
	case wanted:
		return atomic.CompareAndSwapUint64(p, wanted, taken)
	case taken:
		atomic.CompareAndSwapUint64(p, taken, taken+wanted)
	}
	return false
}

// release gives back what is taken, and keeps it wanted if it is.
func release(p *uint64) { atomic.AddUint64(p, ^uint64(taken-1)) }

//go:noinline
func (b *Block) acquireSlow(n int) (int, []uint64) {
	for {
		s := b.spread.Load()
		if s == nil {
			p := b.at.Load()
			if b.wait(p) {
				acquired(b)
				return 0, unsafe.Slice(p, n)
			}
			s = b.spreadOut(n)
		}
		for round := 0; s.count == 0 && !s.over.Load(); round++ {
			if p := b.at.Load(); take(p) {
				acquired(b)
				return 0, unsafe.Slice(p, n)
			}
			if round > spinLoads {
				runtime.Gosched()
			}
		}
		for i := s.pick(s.count); !s.over.Load(); {
			for range s.count {
				p := &s.words[i*s.stride]
				if take(p) {
					acquired(b)
					return int(i) + 1, unsafe.Slice(p, n)
				}
				s.met()
				i = (i + 1) & (s.count - 1)
			}
			runtime.Gosched()
		}
		if s == b.spread.Load() {
			return 0, nil
		}
		// The shards have moved.
	}
}

// wait takes the first shard, or reports that it is better to spread: because
// its holder is off the processor, or because writers meet here often.
func (b *Block) wait(p *uint64) bool {
	for range spinLoads {
		if atomic.LoadUint64(p) != free || !take(p) {
			continue
		}
		if b.waits.Add(1)&^moved < spreadWaits {
			return true
		}
		release(p)
		return false
	}
	return false
}

// spreadOut makes writers take stripes, beside the first shard. There are none if that
// lies elsewhere, where there is no place for more.
func (b *Block) spreadOut(n int) *blockStripes {
	reshaping.Lock()
	defer reshaping.Unlock()
	if s := b.spread.Load(); s != nil {
		return s
	}
	s := &blockStripes{stride: uint((n + lineWords - 1) / lineWords * lineWords), count: uint(Stripes())}
	if b.elsewhere() {
		if s.words = wordsBeside(b.at.Load(), int(s.stride*s.count)); s.words == nil {
			s.count = 0
		}
	} else {
		s.words = make([]uint64, s.stride*s.count)
	}
	b.spread.Store(s)
	return s
}

// Read calls f for each shard, holding that shard, so that what f sees of it is
// whole: no write is half in it. f must be brief, for writers step aside meanwhile.
//
// If the block has ended it returns false, and what f saw is not all.
func (b *Block) Read(n int, f func(shard int, w []uint64)) bool {
	s := b.spread.Load()
	shards := 1
	if s != nil {
		shards += int(s.count)
	}
	var read [maxStripes + 1]bool
	for left, round := shards, 0; left > 0; round++ {
		if round > readRounds {
			runtime.Gosched() // a holder is off the processor
		}
		if b.Ended() {
			return false
		}
		if shards > 1 {
			s = b.spread.Load() // the same shards, but perhaps elsewhere
		}
		for i := range shards {
			p := b.shard(s, i)
			if read[i] || !takeToRead(p) {
				continue
			}
			if i == 0 {
				b.waits.And(moved)
			}
			acquired(b)
			f(i, unsafe.Slice(p, n))
			released(b)
			release(p)
			read[i] = true
			left--
		}
	}
	return true
}
