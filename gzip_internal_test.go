// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
)

// TestGzip lets one writer serve texts of many sizes, some of them given up, and reads
// them back with package gzip, which checks sum and size.
func TestGzip(t *testing.T) {
	f, err := flate.NewWriter(io.Discard, gzipLevel)
	require.NoError(t, err)
	z := &gzipWriter{flate: f}
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{0, 1, 100, 40_000, 1_000_000, 0, 7} {
		z.Reset(io.Discard)
		_, err := z.Write([]byte("given up"))
		require.NoError(t, err)

		text := make([]byte, size)
		for i := range text {
			text[i] = "0123456789{}\n"[random.IntN(13)]
		}
		var compressed bytes.Buffer
		z.Reset(&compressed)
		for left := text; len(left) > 0; {
			n := min(len(left), 1+random.IntN(50_000))
			_, err := z.Write(left[:n])
			require.NoError(t, err)
			left = left[n:]
		}
		require.NoError(t, z.Close())

		r, err := gzip.NewReader(&compressed)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, string(text), string(got))
		require.Zero(t, compressed.Len())
	}
}
