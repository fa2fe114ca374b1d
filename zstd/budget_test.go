// SPDX-License-Identifier: Apache-2.0

//go:build !race

package zstd_test

import (
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/zstd"
)

// What a compressor holds does not depend on what it compresses.
func TestCompressorsHoldLittle(t *testing.T) {
	encoding := zstd.Encoding()
	compress(t, encoding.NewWriter(), io.Discard, []byte("x")) // tables that all share
	for _, n := range []int{10, 1000, 10_000} {
		_, text := exposition(t, n)
		const writers = 10
		var all [writers]ember.EncodingWriter
		before := heap()
		for i := range all {
			all[i] = encoding.NewWriter()
			for range 3 {
				compress(t, all[i], io.Discard, text)
			}
		}
		each := (heap() - before) / writers
		t.Logf("%d bytes of text: %d bytes each", len(text), each)
		require.Less(t, each, int64(800<<10))
		runtime.KeepAlive(all)
		runtime.KeepAlive(text)
	}
}

// heap returns the bytes in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
