// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

func TestOpenRefuses(t *testing.T) {
	content, _ := small(t)
	uid := os.Geteuid()
	with := func(change func(b []byte)) func(string) error {
		return func(path string) error {
			b := append([]byte(nil), content...)
			change(b)
			return os.WriteFile(path, b, 0o600)
		}
	}
	write := func(b string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(b), 0o600) }
	}
	for name, tc := range map[string]struct {
		make   func(path string) error
		reason cellfile.Reason
		want   string // after the path
	}{
		"missing":   {func(string) error { return nil }, cellfile.Vanished, `no such file or directory`},
		"empty":     {write(""), cellfile.Empty, `0 bytes, should be at least 256`},
		"foreign":   {write("# a python file"), cellfile.Foreign, `begins with "# a pyth", should begin with "EMBRcell"`},
		"short":     {write("EMBR"), cellfile.Truncated, `4 bytes, should be at least 256`},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, cellfile.NotRegular, `is a directory, should be a regular file`},
		"link": {func(path string) error {
			if err := with(func([]byte) {})(path + ".target"); err != nil {
				return err
			}
			return os.Symlink(path+".target", path)
		}, cellfile.NotRegular, `is a symbolic link, should be a regular file`},
		"pipe": {func(path string) error { return syscall.Mkfifo(path, 0o600) }, cellfile.NotRegular, `is a named pipe, should be a regular file`},
		"other byte order": {with(func(b []byte) {
			binary.NativeEndian.PutUint32(b[8:], bits.ReverseBytes32(0x01020304))
		}), cellfile.ByteOrder, `byte order mark is 0x4030201, should be 0x1020304`},
		"no byte order": {with(func(b []byte) {
			binary.NativeEndian.PutUint32(b[8:], 0)
		}), cellfile.Corrupt, `byte order mark is 0x0, should be 0x1020304`},
		"future": {with(func(b []byte) {
			binary.NativeEndian.PutUint32(b[12:], 2)
		}), cellfile.Version, `version is 2, should be 1`},
		"used is zero": {with(func(b []byte) {
			binary.NativeEndian.PutUint64(b[128:], 0)
		}), cellfile.Corrupt, `used is 0x0, should be between 256 and 1073741824 and checked by its upper bits`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "1-a.ember")
			require.NoError(t, tc.make(path))
			_, err := cellfile.Open(path)
			require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: %s: %s`, path, tc.reason, tc.want))
			var e *cellfile.ReadError
			require.ErrorAs(t, err, &e)
			require.Equal(t, path, e.Path)
			require.Equal(t, tc.reason, e.Reason)
		})
	}
	t.Run("socket", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "") // short, as paths of sockets must be
		require.NoError(t, err)
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "s.ember")
		l, err := net.Listen("unix", path)
		require.NoError(t, err)
		defer l.Close()
		_, err = cellfile.Open(path)
		require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: not_regular: is a socket, should be a regular file`, path))
	})
	t.Run("device", func(t *testing.T) {
		_, err := cellfile.Open("/dev/null")
		require.EqualError(t, err, `ember: cell file "/dev/null": not_regular: is a device, should be a regular file`)
	})
	t.Run("of another user", func(t *testing.T) {
		if uid != 0 {
			t.Skip("cannot apply: only root can give a file to another user, which is what must be refused")
		}
		path := filepath.Join(t.TempDir(), "1-a.ember")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, os.Chown(path, 4321, -1))
		_, err := cellfile.Open(path)
		require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: owner: belongs to user 4321, should belong to user 0`, path))
	})
}

// Keys that were handed out stay what they are while the index grows, and so does what
// is served until Values is called.
func TestRefresh(t *testing.T) {
	f := create(t, cellfile.Limits{})
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.Zero(t, r.Len())
	var keys [][]byte
	for i := range 3000 {
		rec := add(t, f, 1, fmt.Sprintf("key %d", i), uint64(i))
		if i%100 != 0 {
			continue
		}
		require.NoError(t, r.Refresh())
		require.Equal(t, len(keys), min(r.Len(), len(keys)))
		require.NoError(t, r.Values())
		require.Equal(t, i+1, r.Len())
		keys = append(keys, r.At(i).Key)
		atomic.AddUint64(&rec.Words[0], 1)
		require.NoError(t, r.Values())
		require.Equal(t, []uint64{uint64(i + 1)}, r.At(i).Words)
		rec.Retire()
		require.NoError(t, r.Values())
		require.True(t, r.At(i).Retired)
	}
	for i, key := range keys {
		require.Equal(t, fmt.Sprintf("key %d", 100*i), string(key))
	}
	require.NoError(t, r.Close())
	require.Equal(t, "key 0", string(r.At(0).Key))
	require.ErrorContains(t, r.Read(), "io: ")
}

// A key and words that are larger than what a reader reads at once.
func TestLargeRecords(t *testing.T) {
	f := create(t, cellfile.Limits{})
	key := make([]byte, 3<<20)
	for i := range key {
		key[i] = byte(i * 7)
	}
	words := make([]uint64, 1<<18)
	for i := range words {
		words[i] = uint64(i) * 3
	}
	add(t, f, 1, "small", 1)
	add(t, f, 2, string(key), words...)
	add(t, f, 3, "small too", 2)
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.Equal(t, 3, r.Len())
	require.Equal(t, "small", string(r.At(0).Key))
	require.True(t, string(key) == string(r.At(1).Key))
	require.Equal(t, words, r.At(1).Words)
	require.Equal(t, []uint64{2}, r.At(2).Words)
}

// Logs how long it takes to read what a large service may have.
func TestManyFiles(t *testing.T) {
	const files, each = 64, 1000
	dir := filepath.Join(t.TempDir(), "cells")
	for range files {
		f := createIn(t, dir, cellfile.Limits{})
		for i := range each {
			add(t, f, 1, fmt.Sprintf(`http_requests_total{method="GET",path="/users/%d",status="200"}`, i), uint64(i), 0)
		}
	}
	paths, err := cellfile.List(dir)
	require.NoError(t, err)
	require.Len(t, paths, files)
	start := time.Now()
	var readers []*cellfile.Reader
	for _, path := range paths {
		r := open(t, path)
		require.NoError(t, r.Read())
		require.Equal(t, each, r.Len())
		readers = append(readers, r)
	}
	first := time.Since(start)
	start = time.Now()
	for _, r := range readers {
		require.NoError(t, r.Read())
	}
	t.Logf("%d files of %d records: %v at first, %v again", files, each, first, time.Since(start))
}
