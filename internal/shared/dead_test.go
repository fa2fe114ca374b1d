// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// deadFiles makes files of processes that have ended, each with the counter x_total at 1.
func deadFiles(t testing.TB, path string, n int) {
	other := newPath(t)
	d := openDir(t, other)
	add(t, d, counter("x_total")).inc(1)
	content, err := os.ReadFile(d.file.Path())
	require.NoError(t, err)
	content = content[:1024]
	require.NoError(t, os.MkdirAll(path, 0o700))
	for i := range n {
		copyAs(t, content, path, i)
	}
}

// copyAs writes a file as another one would have: of another id and process.
func copyAs(t testing.TB, content []byte, path string, i int) string {
	c := append([]byte(nil), content...)
	setID(c, i)
	name := filepath.Join(path, fmt.Sprintf("%d-%032x.ember", i+1, i))
	require.NoError(t, os.WriteFile(name, c, 0o600))
	return name
}

// setID gives the content of a file the id and the process id of another, made as many
// seconds later.
func setID(c []byte, i int) {
	binary.BigEndian.PutUint64(c[32:], uint64(i))
	binary.NativeEndian.PutUint64(c[48:], uint64(i+1))
	created := binary.NativeEndian.Uint64(c[64:])
	binary.NativeEndian.PutUint64(c[64:], created-uint64(time.Hour)+uint64(i)*uint64(time.Second))
	binary.NativeEndian.PutUint32(c[108:], crc32.Checksum(c[:108], crc32.MakeTable(crc32.Castagnoli)))
}

// Thousands of processes have ended. The first scrape takes what that takes, and leaves
// one archive; the next is as quick as if they had never been. There is a benchmark with
// more of them.
func TestThousandsDead(t *testing.T) {
	const n = 1000
	path := newPath(t)
	d := openDir(t, path)
	add(t, d, counter("x_total")).inc(5)
	require.Equal(t, []string{"x_total 5"}, gathered(t, d))
	deadFiles(t, path, n)
	start := time.Now()
	require.Equal(t, []string{"x_total 1005"}, gathered(t, d))
	first := time.Since(start)
	require.Equal(t, 1, files(t, path))
	require.Len(t, d.sources, 1)
	start = time.Now()
	require.Equal(t, []string{"x_total 1005"}, gathered(t, d))
	t.Logf("first scrape %v, next %v", first, time.Since(start))
	require.EqualValues(t, n, d.Stats().Absorbed)
	require.Less(t, first, 30*time.Second) // by far, so that no busy machine fails it
}

// If nobody can move them to the archive, they are read one after the other, and few stay
// open.
func TestThousandsDeadThatStay(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	add(t, d, counter("x_total")).inc(5)
	deadFiles(t, path, 300)
	unlock := lockDir(t, path)
	for range 3 {
		require.Equal(t, []string{"x_total 305"}, gathered(t, d))
		require.LessOrEqual(t, len(d.sources), 1+maxOpenDead)
		require.Equal(t, 300, d.Stats().Dead)
	}
	unlock()
	require.Equal(t, []string{"x_total 305"}, gathered(t, d))
	require.Equal(t, 1, files(t, path))
	require.Zero(t, d.Stats().Dead)
}

// lockDir takes the lock of a directory as somebody who compacts does.
func lockDir(t testing.TB, path string) (unlock func()) {
	unlock, err := cellfile.TryLock(path, lockName)
	require.NoError(t, err)
	require.NotNil(t, unlock)
	return unlock
}
