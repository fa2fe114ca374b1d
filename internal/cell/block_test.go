// SPDX-License-Identifier: Apache-2.0

package cell

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// blockWords is the size of the blocks here: a count, a sum, the sum again and
// a few buckets, over more than one cache line.
const blockWords = 21

// observe writes one observation of v.
func observe(b *Block, v uint64) int {
	shard, w := b.Acquire(blockWords)
	w[1]++
	w[2] += v
	w[4+v%(blockWords-4)]++
	w[3] += v
	b.Release(w)
	return shard
}

// torn says what is wrong with a shard as f of Read sees it, if anything is.
func torn(w []uint64) string {
	var buckets uint64
	for _, n := range w[4:] {
		buckets += n
	}
	switch {
	case len(w) != blockWords:
		return "wrong length"
	case atomic.LoadUint64(&w[0])&1 == 0:
		return "it is not taken, so a writer may come in"
	case w[2] != w[3]:
		return "only one of the sums is written"
	case buckets != w[1]:
		return "count and buckets differ"
	}
	return ""
}

// blockTotals adds up the shards of b, leaving out the first words.
func blockTotals(b *Block, n int) []uint64 {
	sums := make([]uint64, n)
	b.Read(n, func(_ int, w []uint64) {
		for i := 1; i < n; i++ {
			sums[i] += w[i]
		}
	})
	return sums
}

func newBlock() *Block {
	b := new(Block)
	b.Init(make([]uint64, blockWords))
	return b
}

func newSpreadBlock() *Block {
	b := newBlock()
	b.spreadOut(blockWords)
	return b
}

func TestBlockIsWholeAndExact(t *testing.T) {
	within := func(w []uint64) func() *Block {
		return func() *Block {
			b := new(Block)
			b.Init(w)
			return b
		}
	}
	large := make([]uint64, 10_000)
	for name, tc := range map[string]struct {
		new            func() *Block
		writers, procs int
		rounds         int
	}{
		"one writer":              {newBlock, 1, 2, 20_000},
		"two writers":             {newBlock, 2, 2, 10_000},
		"eight writers":           {newBlock, 8, 2, 3000},
		"eight writers, spread":   {newSpreadBlock, 8, 2, 3000},
		"one processor":           {newBlock, 8, 1, 3000},
		"one processor, spread":   {newSpreadBlock, 8, 1, 3000},
		"oversubscribed":          {newBlock, 300, 2, 100},
		"oversubscribed, spread":  {newSpreadBlock, 300, 2, 100},
		"more threads than cores": {newBlock, 64, 16, 300},
		"words elsewhere":         {within(large[5000 : 5000+blockWords]), 8, 2, 3000},
	} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(tc.procs))
			b := tc.new()
			done := make(chan struct{})
			var writers, readers sync.WaitGroup
			for range tc.writers {
				writers.Go(func() {
					for i := range uint64(tc.rounds) {
						observe(b, i)
					}
				})
			}
			for range 2 {
				readers.Go(func() {
					var count uint64
					for {
						var sum uint64
						b.Read(blockWords, func(shard int, w []uint64) {
							if what := torn(w); what != "" {
								t.Errorf("shard %d: %s: %v", shard, what, w)
							}
							sum += w[1]
						})
						if sum < count {
							t.Errorf("count fell from %d to %d", count, sum)
						}
						count = sum
						select {
						case <-done:
							return
						default:
							runtime.Gosched()
						}
					}
				})
			}
			writers.Wait()
			close(done)
			readers.Wait()

			sums := blockTotals(b, blockWords)
			n := uint64(tc.rounds)
			require.Equal(t, uint64(tc.writers)*n, sums[1])
			require.Equal(t, uint64(tc.writers)*(n*(n-1)/2), sums[2])
			require.Equal(t, sums[2], sums[3])
		})
	}
	for i, v := range large {
		if (i < 5000 || i >= 5000+blockWords) && v != 0 {
			t.Fatalf("word %d, outside of the block, is %d", i, v)
		}
	}
}

func TestBlockFirstWord(t *testing.T) {
	words := make([]uint64, blockWords)
	var b Block
	b.Init(words)
	for range 5 {
		require.Zero(t, observe(&b, 1))
		require.Zero(t, words[0])
	}
	shard, w := b.Acquire(blockWords)
	require.Zero(t, shard)
	require.Same(t, &words[0], &w[0])
	require.Len(t, w, blockWords)
	require.Equal(t, uint64(1), words[0])
	b.Release(w)
	require.Zero(t, words[0])

	b.Read(blockWords, func(_ int, w []uint64) {
		require.Equal(t, uint64(1), w[0], "a reader holds a shard too")
	})
	require.Zero(t, words[0])
}

// Waiting now and then is no reason to spread, however often in all.
func TestBlockForgetsWaitsWhenRead(t *testing.T) {
	b := newBlock()
	p := b.at.Load()
	for range 10 {
		for range spreadWaits - 1 {
			require.True(t, b.wait(p))
			release(p)
		}
		blockTotals(b, blockWords)
	}
	for range spreadWaits - 1 {
		require.True(t, b.wait(p))
		release(p)
	}
	require.False(t, b.wait(p))
}

func TestBlockAloneDoesNotSpread(t *testing.T) {
	b := newBlock()
	for i := range uint64(100_000) {
		observe(b, i)
	}
	blockTotals(b, blockWords)
	require.Nil(t, b.spread.Load())
}

// A writer that lost its processor while holding a shard must hold up nobody.
func TestBlockHolderKeepsNobodyWaiting(t *testing.T) {
	for name, procs := range map[string]int{"one processor": 1, "two": 2, "many": 8} {
		t.Run(name, func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			b := newBlock()
			shard, held := b.Acquire(blockWords)
			require.Zero(t, shard)

			var wg sync.WaitGroup
			var onFirst atomic.Int64
			for range 8 {
				wg.Go(func() {
					for i := range uint64(1000) {
						if observe(b, i) == 0 {
							onFirst.Add(1)
						}
					}
				})
			}
			wg.Wait()
			require.NotNil(t, b.spread.Load())
			require.Zero(t, onFirst.Load(), "a held shard was handed out")

			b.Release(held)
			require.Equal(t, uint64(8000), blockTotals(b, blockWords)[1])
		})
	}
}

func TestBlockGoesAroundHeldStripes(t *testing.T) {
	b := newSpreadBlock()
	held := make(map[int][]uint64)
	for range Stripes() {
		shard, w := b.Acquire(blockWords)
		require.NotContains(t, held, shard)
		require.GreaterOrEqual(t, shard, 1)
		require.LessOrEqual(t, shard, Stripes())
		held[shard] = w
	}

	// With every stripe held, writers wait; with one given back, all share that.
	shards := make(chan int)
	for range 4 {
		go func() { shards <- observe(b, 3) }()
	}
	b.Release(held[5])
	for range 4 {
		require.Equal(t, 5, <-shards)
	}
	delete(held, 5)
	for range 100 {
		require.Equal(t, 5, observe(b, 3))
	}
	for _, w := range held {
		b.Release(w)
	}
	require.Equal(t, uint64(104), blockTotals(b, blockWords)[1])
}

func TestBlockReadWaitsForHolder(t *testing.T) {
	b := newBlock()
	_, w := b.Acquire(blockWords)
	w[1]++
	read := make(chan []uint64)
	go func() { read <- blockTotals(b, blockWords) }()
	runtime.Gosched()
	w[2], w[3] = 4, 4
	b.Release(w)
	require.Equal(t, []uint64{0, 1, 4, 4}, (<-read)[:4])
}

func TestBlockReadNumbersShardsAsAcquireDoes(t *testing.T) {
	b := newSpreadBlock()
	var wg sync.WaitGroup
	writes := make([]atomic.Uint64, 1+Stripes())
	for range 200 {
		wg.Go(func() { writes[observe(b, 1)].Add(1) })
	}
	wg.Wait()
	next := 0
	b.Read(blockWords, func(shard int, w []uint64) {
		require.Equal(t, next, shard)
		require.Equal(t, writes[shard].Load(), w[1])
		next++
	})
	require.Equal(t, 1+Stripes(), next)
}

func TestBlockSpreadsOnce(t *testing.T) {
	b := newBlock()
	first := b.spreadOut(blockWords)
	require.Same(t, first, b.spreadOut(blockWords))
	require.Equal(t, uint(2*lineWords), first.stride, "stripes must not share a line")
	require.Len(t, first.words, 2*lineWords*Stripes())
}

// A shard that a reader waits for goes to a reader next, whatever writers try.
func TestBlockWantedShardIsLeftToReaders(t *testing.T) {
	var p uint64
	require.True(t, take(&p))
	require.False(t, take(&p))
	require.False(t, takeToRead(&p))
	require.False(t, takeToRead(&p), "another reader")
	require.Equal(t, uint64(taken+wanted), p)
	release(&p)
	require.Equal(t, uint64(wanted), p)
	require.False(t, take(&p))
	require.True(t, takeToRead(&p))
	require.False(t, takeToRead(&p), "another reader")
	release(&p)
	require.True(t, takeToRead(&p))
	release(&p)
	require.True(t, take(&p))
	release(&p)
	require.Zero(t, p)
}
