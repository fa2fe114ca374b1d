// SPDX-License-Identifier: Apache-2.0

package cellfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// A filesystem without space is an error of Add, and not the end of the process.
func TestFullFilesystem(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("cannot apply: only root can mount the filesystem that is to be full")
	}
	if err := syscall.Mount("cells", dir, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		t.Skipf("cannot apply: this system, a container say, lets nobody mount the filesystem that is to be full: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })

	f := createIn(t, dir, cellfile.Limits{})
	tmpfs, known := f.Tmpfs()
	require.True(t, tmpfs)
	require.True(t, known)

	var all []cellfile.Record
	fill := func() error {
		for {
			r, err := f.Add(1, fmt.Appendf(nil, "record %d", len(all)), 100)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
	}
	check := func() {
		for _, r := range all {
			for i := range r.Words {
				atomic.AddUint64(&r.Words[i], 1) // touches each page
			}
		}
		r := open(t, f.Path())
		require.NoError(t, r.Read())
		require.Equal(t, len(all), r.Len())
		for i := range all {
			e := r.At(i)
			require.Equal(t, fmt.Sprintf("record %d", i), string(e.Key))
			require.Equal(t, all[i].Words, e.Words)
		}
	}
	err := fill()
	size := fileSize(t, f.Path())
	// All of it was given out: after two large segments come small ones.
	require.Equal(t, int64(1<<20), size)
	require.EqualError(t, err, fmt.Sprintf("ember: cell file %q: cannot grow from 1048576 to 1114112 bytes: "+
		"no space left on device (free space on its filesystem, or keep cell files on a larger one)", f.Path()))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NotErrorIs(t, err, cellfile.ErrFull)
	check()

	_, err = cellfile.Create(dir, cellfile.Limits{})
	require.ErrorIs(t, err, syscall.ENOSPC)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	// With more space it goes on.
	require.NoError(t, syscall.Mount("cells", dir, "tmpfs", syscall.MS_REMOUNT, "size=2m,mode=0700"))
	before := len(all)
	require.ErrorIs(t, fill(), syscall.ENOSPC)
	require.Greater(t, len(all), before)
	require.Greater(t, fileSize(t, f.Path()), size)
	check()

	// A file that takes the last pages from under it.
	g := filepath.Join(dir, "other")
	require.Error(t, os.WriteFile(g, make([]byte, 4<<20), 0o600))
	check()
}

func fileSize(t *testing.T, path string) int64 {
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}
