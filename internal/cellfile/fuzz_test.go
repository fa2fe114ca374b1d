// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// FuzzReader reads any bytes, and then the same file with other bytes in it. If mend,
// checksums are made right, so that what is behind them is reached. Run it with
// -fuzzminimizetime 50x, or the engine spends all its time on making inputs small.
func FuzzReader(f *testing.F) {
	content, _ := small(f)
	other, _ := small(f)
	// A filler, which a file otherwise has behind 64 KiB, and minimizing those takes
	// the engine minutes.
	filled := bytes.Clone(content)
	filled[ends[1]+20], filled[ends[1]+21] = 0, 0
	f.Add(content, content, false)
	f.Add(content, other, false)
	f.Add(content[:300], content, false)
	f.Add(filled, content[:500], true)
	f.Add([]byte{}, []byte("EMBRcell"), true)
	f.Fuzz(func(t *testing.T, first, second []byte, mend bool) {
		if mend {
			first, second = bytes.Clone(first), bytes.Clone(second) // the engine's are not ours to change
			mendSums(first)
			mendSums(second)
		}
		path := filepath.Join(t.TempDir(), "1-a.ember")
		require.NoError(t, os.WriteFile(path, first, 0o600))
		r, err := cellfile.Open(path)
		if err != nil {
			requireKnown(t, path, err)
			return
		}
		defer r.Close()
		touch(r, r.Read(), t, path)
		require.NoError(t, os.WriteFile(path, second, 0o600))
		touch(r, r.Values(), t, path)
		touch(r, r.Read(), t, path)
	})
}

// touch looks at all that is served.
func touch(r *cellfile.Reader, err error, t *testing.T, path string) {
	if err != nil {
		requireKnown(t, path, err)
	}
	records(r)
}

func requireKnown(t *testing.T, path string, err error) {
	require.Contains(t, []cellfile.Reason{
		cellfile.Truncated, cellfile.Empty, cellfile.Foreign, cellfile.Version,
		cellfile.ByteOrder, cellfile.Corrupt, cellfile.Replaced,
	}, reasonOf(t, path, err), err)
}

// mendSums makes the checksums of a file right, as far as it can be followed.
func mendSums(b []byte) {
	if len(b) < 256 {
		return
	}
	order, table := binary.NativeEndian, crc32.MakeTable(crc32.Castagnoli)
	order.PutUint32(b[108:], crc32.Checksum(b[:108], table))
	for at := uint64(256); at+32 <= uint64(len(b)); {
		h := b[at:]
		size, words, key := uint64(order.Uint32(h[8:])), uint64(order.Uint32(h[12:])), uint64(order.Uint32(h[16:]))
		if from := 32 + 8*words; from+key <= uint64(len(h)) {
			order.PutUint32(h, crc32.Update(crc32.Checksum(h[8:32], table), table, h[from:from+key]))
		}
		if size == 0 {
			return
		}
		at += size
	}
}
