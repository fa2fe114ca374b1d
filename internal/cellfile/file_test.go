// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// Many goroutines add records over many segments and update them, while a reader looks
// on: what it sees is whole and only grows.
func TestWritersAndReader(t *testing.T) {
	const writers, each, wide = 4, 2000, 20_000
	f := create(t, cellfile.Limits{})
	var wg, reading sync.WaitGroup
	done := make(chan struct{})
	reading.Go(func() {
		r, err := cellfile.Open(f.Path())
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		last := map[string]uint64{}
		for n := 0; ; {
			select {
			case <-done:
				return
			default:
			}
			if err := r.Read(); err != nil || r.Len() < n {
				t.Errorf("%d records after %d: %v", r.Len(), n, err)
				return
			}
			n = r.Len()
			for i := range n {
				e := r.At(i)
				v := e.Words[0]
				if v>>32 != v&(1<<32-1) || v < last[string(e.Key)] {
					t.Errorf("record %q has %#x after %#x", e.Key, v, last[string(e.Key)])
					return
				}
				last[string(e.Key)] = v
			}
		}
	})
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				n := 1 + i%13
				if i%(each/4) == each/8 {
					n = wide // of the size of a segment and more
				}
				r, err := f.Add(uint16(w+1), fmt.Appendf(nil, "%d/%d", w, i), n)
				if err != nil {
					t.Error(err)
					return
				}
				if a := uintptr(unsafe.Pointer(&r.Words[0])); a%8 != 0 || len(r.Words) != n || cap(r.Words) != n {
					t.Errorf("%d words at %#x", len(r.Words), a)
				}
				for range 10 {
					atomic.AddUint64(&r.Words[0], 1<<32+1)
				}
				atomic.AddUint64(&r.Words[n-1], uint64(i)<<32+uint64(i))
				if i%5 == 0 {
					r.Retire()
				}
			}
		})
	}
	wg.Wait()
	close(done)
	reading.Wait()

	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.Equal(t, writers*each, r.Len())
	seen := map[string]bool{}
	for i := range r.Len() {
		e := r.At(i)
		var w, n int
		_, err := fmt.Sscanf(string(e.Key), "%d/%d", &w, &n)
		require.NoError(t, err)
		require.Equal(t, w+1, int(e.Kind))
		require.Equal(t, n%5 == 0, e.Retired)
		first, last := uint64(10), uint64(n)
		if len(e.Words) == 1 {
			first += last
			last = first
		}
		require.Equal(t, first*(1<<32+1), e.Words[0])
		require.Equal(t, last*(1<<32+1), e.Words[len(e.Words)-1])
		seen[string(e.Key)] = true
	}
	require.Len(t, seen, writers*each)
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	before := time.Now()
	f := createIn(t, dir, cellfile.Limits{})
	g := createIn(t, dir, cellfile.Limits{})

	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.ModeDir|0o700, info.Mode())
	info, err = os.Stat(f.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	// Of one process, and yet apart.
	add(t, f, 1, "f", 1)
	add(t, g, 1, "g", 2)
	paths, err := cellfile.List(dir)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{f.Path(), g.Path()}, paths)
	require.True(t, paths[0] < paths[1])
	for _, file := range []*cellfile.File{f, g} {
		r := open(t, file.Path())
		require.NoError(t, r.Read())
		id := r.Identity()
		require.Equal(t, os.Getpid(), id.PID)
		require.Equal(t, fmt.Sprintf("%d-%x.ember", id.PID, id.ID), filepath.Base(r.Path()))
		require.WithinRange(t, id.Created, before, time.Now())
		want := file.Identity()
		require.True(t, want.Created.Equal(id.Created))
		want.Created, id.Created = time.Time{}, time.Time{}
		require.Equal(t, want, id)
		require.Equal(t, 1, r.Len())
	}
	require.NotEqual(t, f.Identity().ID, g.Identity().ID)
}

func TestCreateRefuses(t *testing.T) {
	uid := os.Geteuid()
	for name, tc := range map[string]struct {
		make   func(t *testing.T, dir string) error
		limits cellfile.Limits
		want   string // %s is the directory
	}{
		"open to the group": {
			make: func(_ *testing.T, dir string) error { return mkdir(dir, 0o750) },
			want: `ember: multi-process directory "%s" has mode 0750, should have mode 0700 (chmod 700)`,
		},
		"open to all": {
			make: func(_ *testing.T, dir string) error { return mkdir(dir, 0o777) },
			want: `ember: multi-process directory "%s" has mode 0777, should have mode 0700 (chmod 700)`,
		},
		"closed to the owner": {
			make: func(_ *testing.T, dir string) error { return mkdir(dir, 0o500) },
			want: `ember: multi-process directory "%s" has mode 0500, should have mode 0700 (chmod 700)`,
		},
		"of another user": {
			make: func(t *testing.T, dir string) error {
				if uid != 0 {
					t.Skip("cannot apply: only root can give a directory to another user, which is what must be refused")
				}
				if err := mkdir(dir, 0o700); err != nil {
					return err
				}
				return os.Chown(dir, 4321, -1)
			},
			want: `ember: multi-process directory "%s" belongs to user 4321, should belong to user ` + fmt.Sprint(uid),
		},
		"a file": {
			make: func(_ *testing.T, dir string) error { return os.WriteFile(dir, nil, 0o700) },
			want: `ember: multi-process directory "%s" is a regular file, should be a directory`,
		},
		"a link": {
			make: func(t *testing.T, dir string) error { return os.Symlink(t.TempDir(), dir) },
			want: `ember: multi-process directory "%s" is a symbolic link, should be a directory`,
		},
		"below a file": {
			make: func(_ *testing.T, dir string) error { return os.WriteFile(filepath.Dir(dir), nil, 0o700) },
			want: `ember: multi-process directory "%s": lstat %[1]s: not a directory`,
		},
		"few bytes": {
			limits: cellfile.Limits{Bytes: 1000},
			want:   fmt.Sprintf(`ember: cell file: limit of 1000 bytes must be between %d and 1073741824`, max(65536, os.Getpagesize())),
		},
		"many bytes": {
			limits: cellfile.Limits{Bytes: 1<<30 + 1},
			want:   fmt.Sprintf(`ember: cell file: limit of 1073741825 bytes must be between %d and 1073741824`, max(65536, os.Getpagesize())),
		},
		"negative records": {
			limits: cellfile.Limits{Records: -1},
			want:   `ember: cell file: limit of -1 records must be above 0`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d", "cells")
			if name != "below a file" {
				require.NoError(t, os.Mkdir(filepath.Dir(dir), 0o700))
			}
			want := tc.want
			if tc.make != nil {
				require.NoError(t, tc.make(t, dir))
				want = fmt.Sprintf(want, dir)
			}
			f, err := cellfile.Create(dir, tc.limits)
			require.EqualError(t, err, want)
			require.Nil(t, f)
		})
	}
}

// mkdir makes a directory of this mode, whatever the umask.
func mkdir(dir string, mode os.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

func TestAddRefuses(t *testing.T) {
	unit := max(65536, os.Getpagesize())
	f := create(t, cellfile.Limits{Bytes: int64(unit), Records: 2})
	path := f.Path()

	_, err := f.Add(0, nil, 1)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: record of kind 0 with 1 words: kind must be above 0, and words not below`, path))
	_, err = f.Add(1, nil, -1)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: record of kind 1 with -1 words: kind must be above 0, and words not below`, path))
	_, err = f.Add(1, []byte("key"), 1<<25)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: record with 33554432 words and a key of 3 bytes must not be larger than 268435456 bytes`, path))

	one := add(t, f, 1, "one", 1)
	_, err = f.Add(1, make([]byte, unit), 0)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: %d bytes would exceed the limit of %d`, path, 3*unit, unit))
	var full *cellfile.FullError
	require.ErrorAs(t, err, &full)
	require.ErrorIs(t, err, cellfile.ErrFull)

	add(t, f, 1, "two", 2).Retire()
	_, err = f.Add(1, []byte("three"), 1)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: 3 records would exceed the limit of 2`, path))
	require.ErrorIs(t, err, cellfile.ErrFull)

	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
	_, err = f.Add(1, nil, 1)
	require.EqualError(t, err, fmt.Sprintf("ember: cell file is closed: %q", path))
	require.ErrorIs(t, err, cellfile.ErrClosed)

	// Words outlive Close.
	atomic.AddUint64(&one.Words[0], 41)
	r := open(t, path)
	require.NoError(t, r.Read())
	require.Equal(t, []record{{1, false, "one", "[42]"}, {1, true, "two", "[2]"}}, records(r))
}

// The space of all words is there before they are written.
func TestSpaceIsAllocated(t *testing.T) {
	f := create(t, cellfile.Limits{})
	add(t, f, 1, "large", make([]uint64, 1<<20)...)
	info, err := os.Stat(f.Path())
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(8<<20))
	require.GreaterOrEqual(t, info.Sys().(*syscall.Stat_t).Blocks*512, info.Size())
}

// A limit of the process would otherwise end it by a signal.
func TestFileSizeLimit(t *testing.T) {
	f := create(t, cellfile.Limits{})
	size := max(65536, os.Getpagesize())
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	low := syscall.Rlimit{Cur: uint64(size) + 1000, Max: limit.Max}
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low))
	_, err := f.Add(1, make([]byte, size), 0)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	require.EqualError(t, err, fmt.Sprintf("ember: cell file %q: cannot grow from %d to %d bytes: file too large", f.Path(), size, 3*size))
	require.ErrorIs(t, err, syscall.EFBIG)
	add(t, f, 1, string(make([]byte, size)), 1)
}

func TestAlive(t *testing.T) {
	f := create(t, cellfile.Limits{})
	r, again := open(t, f.Path()), open(t, f.Path())
	for range 3 {
		for _, r := range []*cellfile.Reader{r, again} {
			alive, err := r.Alive()
			require.NoError(t, err)
			require.True(t, alive)
		}
	}
	require.NoError(t, f.Close())
	for _, r := range []*cellfile.Reader{r, again} {
		alive, err := r.Alive()
		require.NoError(t, err)
		require.False(t, alive)
	}
	require.NoError(t, r.Close())
	_, err := r.Alive()
	require.Error(t, err)
}
