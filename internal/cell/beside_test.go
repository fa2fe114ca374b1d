// SPDX-License-Identifier: Apache-2.0

package cell_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cell"
)

func TestBeside(t *testing.T) {
	var b cell.Beside[int]
	for shard := range 1 + cell.Stripes() {
		require.Nil(t, *b.At(shard))
		*b.At(shard) = &shard
	}
	for shard := range 1 + cell.Stripes() {
		require.Equal(t, shard, **b.At(shard))
	}
}

// What is beside a shard belongs to its holder alone, however many there are.
func TestBesideShardsAtOnce(t *testing.T) {
	const goroutines, rounds = 16, 2000
	var block cell.Block
	var counts cell.Beside[int]
	block.Init(make([]uint64, 2))
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				shard, w := block.Acquire(2)
				count := counts.At(shard)
				if *count == nil {
					*count = new(int)
				}
				**count++
				w[1]++
				block.Release(w)
			}
		})
	}
	wg.Wait()
	total := 0
	block.Read(2, func(shard int, w []uint64) {
		if count := *counts.At(shard); count != nil {
			require.Equal(t, w[1], uint64(*count))
			total += *count
		}
	})
	require.Equal(t, goroutines*rounds, total)
}
