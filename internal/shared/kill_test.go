// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// killDir and killAt are set in the environment of a child that compacts a directory and
// is killed at a step, by its number.
const (
	killDir = "EMBER_SHARED_COMPACT"
	killAt  = "EMBER_SHARED_KILL_AT"
)

func init() {
	dir := os.Getenv(killDir)
	if dir == "" {
		return
	}
	left, err := strconv.Atoi(os.Getenv(killAt))
	if err == nil {
		d := newDir(dir, Options{})
		d.step = func(step string) {
			if left--; left >= 0 {
				return
			}
			fmt.Println(step)
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		_, err = d.Gather(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// compactKilled has a child compact that is killed at a step, and returns the name of that.
func compactKilled(t *testing.T, path string, at int) string {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), killDir+"="+path, killAt+"="+strconv.Itoa(at))
	child.Stderr = os.Stderr
	out, err := child.Output()
	require.EqualError(t, err, "signal: killed")
	return string(out[:len(out)-1])
}

// A process that compacts is killed after each step. Whoever comes next, also one that is
// killed at the same step again, sees everything once.
func TestKilledCompacting(t *testing.T) {
	for at, step := range []string{"read", "created", "written", "renamed", "removed", "removed", "removed"} {
		t.Run(fmt.Sprintf("%d %s", at, step), func(t *testing.T) {
			path := newPath(t)
			reader := openDir(t, path)
			total := uint64(0)
			for round := range 3 {
				unlock := lockDir(t, path)
				for i := range 3 {
					d := openDir(t, path)
					n := uint64(10*round + i + 1)
					total += n
					add(t, d, counter("x_total", "l"), strconv.Itoa(i)).inc(n)
					h := add(t, d, nativeHistogram("h", []float64{1}))
					observeIn(h.Words(), 0, 1)
					add(t, d, gauge("g", metric.ModeSum)).setFloat(0, 1)
					require.NoError(t, d.Close())
				}
				want := gathered(t, reader)
				unlock()
				require.Equal(t, step, compactKilled(t, path, at))
				unlock = lockDir(t, path) // the lock went with the process
				require.Equal(t, want, gathered(t, reader), "by who was there before")
				require.Equal(t, want, gathered(t, openReader(t, path, Options{})), "by who comes after")
				unlock()
				if round == 1 { // and leave the rest to the next one
					continue
				}
				require.Equal(t, want, gathered(t, reader), "once it is done")
				entries, err := os.ReadDir(path)
				require.NoError(t, err)
				require.Len(t, entries, 3, "the archive, the lock, and that of the reader")
			}
			var sum float64
			for _, f := range gather(t, reader) {
				if f.Name == "x_total" {
					for _, p := range f.Points {
						sum += p.Value
					}
				}
			}
			require.EqualValues(t, total, sum)
			require.Empty(t, reader.Stats().FileErrors)
		})
	}
	t.Run("set aside", func(t *testing.T) {
		path := newPath(t)
		reader := openDir(t, path)
		end := func() {
			unlock := lockDir(t, path)
			d := openDir(t, path)
			add(t, d, counter("x_total")).inc(5)
			require.NoError(t, d.Close())
			unlock()
		}
		end()
		require.Equal(t, []string{"x_total 5"}, gathered(t, reader))
		// The archive loses its last record, which is the number of files in it.
		archive := filepath.Join(path, archiveName)
		content, err := os.ReadFile(archive)
		require.NoError(t, err)
		r, err := cellfile.Open(archive)
		require.NoError(t, err)
		require.NoError(t, r.Read())
		content[r.At(r.Len()-1).At+8] ^= 1
		require.NoError(t, r.Close())
		require.NoError(t, os.WriteFile(archive, content, 0o600))
		end()
		require.Equal(t, "set aside", compactKilled(t, path, 0))
		for range 2 {
			require.Equal(t, []string{"x_total 10"}, gathered(t, reader))
			require.Equal(t, []string{"x_total 10"}, gathered(t, openReader(t, path, Options{})))
		}
	})
}
