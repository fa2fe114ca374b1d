// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cell

import (
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Words may lie in memory that Go knows nothing of.
func TestWordsInMappedMemory(t *testing.T) {
	mem, err := syscall.Mmap(-1, 0, 1<<16, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(mem)) }()

	const blockAt, totalAt = 4096 - 40, 512 // the block lies across two pages
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&mem[blockAt])), blockWords)
	var b Block
	b.Init(words)
	var total Total
	total.Init((*TotalWords)(unsafe.Pointer(&mem[totalAt])))

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range uint64(2000) {
				observe(&b, i)
				total.Inc()
				total.Add(0.5)
			}
		})
	}
	wg.Wait()

	require.Equal(t, uint64(16_000), blockTotals(&b, blockWords)[1])
	require.Equal(t, 24_000.0, total.Load())
	require.Positive(t, words[1])
	for i, v := range mem {
		inBlock := i >= blockAt && i < blockAt+8*blockWords
		inTotal := i >= totalAt && i < totalAt+16
		if v != 0 && !inBlock && !inTotal {
			t.Fatalf("byte %d, outside of block and total, is %d", i, v)
		}
	}
}
