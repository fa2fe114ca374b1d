// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

func TestListAndSweep(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"2-b.ember", "1-a.ember", "3-c.ember.tmp", "counter_1.db", "ember", "notes.txt"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(dir, "4-d.ember.tmp")))
	busy, err := os.Create(filepath.Join(dir, "5-e.ember.tmp"))
	require.NoError(t, err)
	defer busy.Close()
	require.NoError(t, syscall.Flock(int(busy.Fd()), syscall.LOCK_EX))

	paths, err := cellfile.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "1-a.ember"), filepath.Join(dir, "2-b.ember")}, paths)

	n, err := cellfile.Sweep(dir)
	require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: not_regular: is a symbolic link, should be a regular file`, filepath.Join(dir, "4-d.ember.tmp")))
	require.Equal(t, 1, n)
	require.NoFileExists(t, filepath.Join(dir, "3-c.ember.tmp"))
	require.FileExists(t, busy.Name())

	_, err = cellfile.List(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.True(t, strings.HasPrefix(err.Error(), `ember: multi-process directory "`+dir+`/none": `))
}

// Whoever creates is not disturbed by who sweeps at the same time, and whoever lists
// finds no file that is half made.
func TestCreateWhileSweepingAndListing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cells")
	createIn(t, dir, cellfile.Limits{})
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := cellfile.Sweep(dir); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			paths, err := cellfile.List(dir)
			if err != nil {
				t.Error(err)
				return
			}
			for _, path := range paths {
				r, err := cellfile.Open(path)
				if err == nil {
					err = r.Read()
					r.Close()
				}
				var e *cellfile.ReadError
				if err != nil && (!errors.As(err, &e) || e.Reason != cellfile.Vanished) {
					t.Error(err)
					return
				}
			}
		}
	})
	for range 200 {
		f, err := cellfile.Create(dir, cellfile.Limits{})
		if err != nil {
			t.Error(err)
			break
		}
		r, err := cellfile.Open(f.Path())
		if err != nil {
			t.Error(err)
			break
		}
		r.Close()
		os.Remove(f.Path())
		f.Unmap()
	}
	close(done)
	wg.Wait()
}
