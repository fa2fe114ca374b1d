// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// childDir is set in the environment of a child, which then writes there until it is
// killed.
const childDir = "EMBER_CELLFILE_CHILD"

// writeUntilKilled adds records as fast as it can. When record i and its updates are
// done it confirms i+1.
func writeUntilKilled(dir string) {
	f, err := cellfile.Create(dir, cellfile.Limits{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	total, err := f.Add(1, []byte("total"), 1)
	for i := 0; err == nil; i++ {
		var r cellfile.Record
		r, err = f.Add(2, childKey(i), 1+i%50)
		if err != nil {
			break
		}
		for range 1 + i%7 {
			atomic.AddUint64(&r.Words[i%50], 1)
		}
		if i%11 == 0 {
			r.Retire()
		}
		atomic.AddUint64(&total.Words[0], 1)
		_, err = os.Stdout.Write(binary.NativeEndian.AppendUint64(nil, uint64(i+1)))
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func childKey(i int) []byte {
	return append(fmt.Appendf(nil, "record %d ", i), bytes.Repeat([]byte("k"), i%90)...)
}

// confirmations takes what a child writes, and keeps the last whole number.
type confirmations struct {
	rest  []byte
	last  uint64
	first chan struct{} // closed by the first
}

func (c *confirmations) Write(b []byte) (int, error) {
	c.rest = append(c.rest, b...)
	for len(c.rest) >= 8 {
		if c.last == 0 {
			close(c.first)
		}
		c.last = binary.NativeEndian.Uint64(c.rest)
		c.rest = c.rest[8:]
	}
	return len(b), nil
}

func TestKilled(t *testing.T) {
	var confirmed, created uint64
	for round := range 50 {
		dir := filepath.Join(t.TempDir(), "cells")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir)
		var stderr bytes.Buffer
		out := &confirmations{first: make(chan struct{})}
		child.Stdout, child.Stderr = out, &stderr
		require.NoError(t, child.Start())
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		if early := round%5 == 0; !early {
			select {
			case <-out.first:
			case err := <-ended:
				t.Fatalf("child ended: %v: %s", err, stderr.String())
			}
			paths, err := cellfile.List(dir)
			require.NoError(t, err)
			require.Len(t, paths, 1)
			r := open(t, paths[0])
			require.NoError(t, r.Read())
			alive, err := r.Alive()
			require.NoError(t, err)
			require.True(t, alive)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(30 * time.Millisecond))))
		require.NoError(t, child.Process.Signal(syscall.SIGKILL))
		require.EqualError(t, <-ended, "signal: killed", stderr.String())

		if _, err := os.Stat(dir); err != nil {
			require.Zero(t, out.last)
			continue
		}
		_, err := cellfile.Sweep(dir)
		require.NoError(t, err)
		all, err := os.ReadDir(dir)
		require.NoError(t, err)
		paths, err := cellfile.List(dir)
		require.NoError(t, err)
		require.Len(t, paths, len(all))
		if len(paths) == 0 {
			require.Zero(t, out.last)
			continue
		}
		checkKilled(t, paths[0], out.last, child.Process.Pid)
		confirmed += out.last
		created++
	}
	t.Logf("%d files, %d confirmed records", created, confirmed)
	require.Positive(t, confirmed)
}

// checkKilled looks whether all is there that was confirmed, and nothing more than the
// one that was under way.
func checkKilled(t *testing.T, path string, confirmed uint64, pid int) {
	r := open(t, path)
	require.NoError(t, r.Read())
	require.Equal(t, pid, r.Identity().PID)
	alive, err := r.Alive()
	require.NoError(t, err)
	require.False(t, alive)
	if r.Len() == 0 {
		require.Zero(t, confirmed)
		return
	}
	require.Equal(t, "total", string(r.At(0).Key))
	total := r.At(0).Words[0]
	require.GreaterOrEqual(t, total, confirmed)
	n := uint64(r.Len() - 1)
	require.Contains(t, []uint64{total, total + 1}, n)
	for i := range int(n) {
		e := r.At(i + 1)
		require.Equal(t, childKey(i), e.Key)
		require.Equal(t, 1+i%50, len(e.Words))
		if uint64(i) < total {
			require.Equal(t, uint64(1+i%7), e.Words[i%50])
			require.Equal(t, i%11 == 0, e.Retired)
		}
	}
}
