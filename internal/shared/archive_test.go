// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// copyDir copies a directory as it is.
func copyDir(t testing.TB, from string) string {
	to := newPath(t)
	require.NoError(t, os.Mkdir(to, 0o700))
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(to, e.Name()), content, 0o600))
	}
	return to
}

// Compaction is stopped after every step, of the first and of a later one, by looking at
// the directory as it is then. Whoever comes next sees everything once, both before and
// after going on with it.
func TestCompactionStopsAnywhere(t *testing.T) {
	path := newPath(t)
	type stop struct {
		step, path string
		want       []string
	}
	var stops []stop
	var want []string
	reader := openDir(t, path)
	for round := range 3 {
		var dirs [3]*Dir
		for i := range dirs {
			dirs[i] = openDir(t, path)
		}
		for i, d := range dirs {
			add(t, d, counter("x_total", "l"), "a").inc(uint64(1 + i))
			s := add(t, d, counter("x_total", "l"), "b")
			s.setFloat(1, 0.1)
			add(t, d, histogram("h", []float64{1, float64(2 + round)})).observe(i, 0.3)
			add(t, d, gauge("g", metric.ModeSum)).setFloat(0, 1)
			add(t, d, gauge("each", metric.ModeEach)).setFloat(0, 1)
			require.NoError(t, d.Close())
		}
		unlock := lockDir(t, path)
		want = gathered(t, reader)
		unlock()
		reader.step = func(step string) { stops = append(stops, stop{step, copyDir(t, path), want}) }
		require.Equal(t, want, gathered(t, reader))
		reader.step = nil
		require.Equal(t, 1, files(t, path))
	}
	var steps []string
	for _, s := range stops[len(stops)-7:] {
		steps = append(steps, s.step)
	}
	require.Equal(t, []string{"read", "created", "written", "renamed", "removed", "removed", "removed"}, steps)
	for i, s := range stops {
		t.Run(fmt.Sprintf("%d %s", i, s.step), func(t *testing.T) {
			unlock := lockDir(t, s.path)
			r := openReader(t, s.path, Options{})
			require.Equal(t, s.want, gathered(t, r), "before")
			unlock()
			require.Equal(t, s.want, gathered(t, r), "while it is done")
			require.Equal(t, s.want, gathered(t, r), "after")
			require.Equal(t, s.want, gathered(t, openReader(t, s.path, Options{})), "by somebody else")
			entries, err := os.ReadDir(s.path)
			require.NoError(t, err)
			require.Len(t, entries, 2) // the archive and the lock
			require.EqualValues(t, 3*(1+i/7)+1, r.Stats().Absorbed)
			require.Empty(t, r.Stats().FileErrors)
		})
	}
}

// Sums of floats do not become less when files are moved: not by the last bit.
func TestSumsDoNotDependOnCompaction(t *testing.T) {
	path := newPath(t)
	reader := openDir(t, path)
	rng := rand.New(rand.NewPCG(3, 4))
	var alive []*Dir
	var last []string
	for range 60 {
		d := openDir(t, path)
		alive = append(alive, d)
		s := add(t, d, counter("x_total"))
		s.setFloat(1, rng.Float64()*float64(uint64(1)<<rng.IntN(40)))
		add(t, d, histogram("h", []float64{1})).observe(0, rng.Float64()*float64(uint64(1)<<rng.IntN(40)))
		m := add(t, d, Family{Desc: metric.Desc{Name: "s", Kind: metric.Summary}})
		m.set(1, 1)
		m.setFloat(2, rng.Float64())
		last = gathered(t, reader)
		if rng.IntN(2) == 0 {
			i := rng.IntN(len(alive))
			require.NoError(t, alive[i].Close())
			alive = append(alive[:i], alive[i+1:]...)
			require.Equal(t, last, gathered(t, reader))
			require.Equal(t, len(alive)+1, files(t, path))
		}
	}
	for _, d := range alive {
		require.NoError(t, d.Close())
	}
	require.Equal(t, last, gathered(t, reader))
	require.Equal(t, last, gathered(t, openReader(t, path, Options{})))
}

// Totals only grow, whoever looks, while processes come and go and several move files.
func TestTotalsOnlyGrow(t *testing.T) {
	path := newPath(t)
	openDir(t, path)
	const seconds = 500 * time.Millisecond
	end := time.Now().Add(seconds)
	var wg sync.WaitGroup
	var written [2]uint64
	for i := range written {
		wg.Go(func() {
			for time.Now().Before(end) {
				d, err := Open(path, Options{Logger: quiet})
				if err != nil {
					t.Error(err)
					return
				}
				f, h := counter("x_total"), histogram("h", []float64{1})
				s, ok := d.Family(&f).Series(nil, f.words())
				o, also := d.Family(&h).Series(nil, h.words())
				if !ok || !also {
					t.Error("no place")
				}
				for range 100 {
					s.inc(1)
					o.observe(0, 1)
					written[i]++
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				if err := d.file.Unmap(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var gathers [2]int
	for i := range gathers {
		wg.Go(func() {
			r, err := OpenReader(path, Options{Logger: quiet})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			var count, total uint64
			for time.Now().Before(end) {
				families, err := r.Gather(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				for _, f := range families {
					p := f.Points[0]
					switch f.Name {
					case "h":
						// Each writer may have lost the processor between the two.
						if p.Count < count || math.Abs(p.Sum-float64(p.Count)) > float64(len(written)) || p.Buckets[0].Count != p.Count {
							t.Errorf("after %d: %+v", count, p)
						}
						count = p.Count
					case "x_total":
						if uint64(p.Value) < total {
							t.Errorf("%d became %v", total, p.Value)
						}
						total = uint64(p.Value)
					}
				}
				gathers[i]++
			}
			if n := r.Stats().FileErrors; len(n) > 0 {
				t.Error(n)
			}
		})
	}
	wg.Wait()
	all := written[0] + written[1]
	require.Equal(t, []string{fmt.Sprintf("h n=%d sum=%d 1:%d", all, all, all), fmt.Sprintf("x_total %d", all)}, gathered(t, openReader(t, path, Options{})))
	t.Logf("%d counted, gathered %v times", all, gathers)
}

// A process is killed at any instruction: what it has confirmed is there.
func TestKilled(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	var before float64
	for round := range 8 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+path)
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		scanner := bufio.NewScanner(out)
		var confirmed int
		for scanner.Scan() {
			confirmed, err = strconv.Atoi(strings.TrimSpace(scanner.Text()))
			require.NoError(t, err)
			if confirmed >= 1000*(10+round) {
				break
			}
			if confirmed%4000 == 0 {
				require.Equal(t, 2, d.statsAfter(t).Live)
			}
		}
		require.NoError(t, child.Process.Signal(syscall.SIGKILL))
		require.EqualError(t, child.Wait(), "signal: killed")
		families := gather(t, d)
		require.Len(t, families, 1)
		require.Len(t, families[0].Points, 8)
		first, last := families[0].Points[0].Value, families[0].Points[7].Value
		for i, p := range families[0].Points {
			require.GreaterOrEqual(t, p.Value, before+float64(confirmed))
			require.True(t, i == 0 || p.Value <= families[0].Points[i-1].Value)
		}
		require.LessOrEqual(t, first-last, float64(round+1))
		before = last
		require.Equal(t, 1, files(t, path))
	}
}

// statsAfter gathers and returns how that went.
func (d *Dir) statsAfter(t testing.TB) Stats {
	gather(t, d)
	return d.Stats()
}

// crashed returns a directory in which somebody ended after the archive had been renamed
// and before the files that are in it were removed: three with x_total at 1.
func crashed(t testing.TB) string {
	path := newPath(t)
	r := openReader0(t, path)
	var dirs [3]*Dir
	for i := range dirs {
		dirs[i] = openDir(t, path)
		add(t, dirs[i], counter("x_total")).inc(1)
	}
	for _, d := range dirs {
		require.NoError(t, d.Close())
	}
	var copied string
	r.step = func(step string) {
		if step == "renamed" {
			copied = copyDir(t, path)
		}
	}
	require.Equal(t, []string{"x_total 3"}, gathered(t, r))
	require.Equal(t, 3, files(t, copied))
	return copied
}

// Files that are in the archive and cannot be removed do not count again, whatever happens
// to the archive.
func TestAbsorbedFilesThatStay(t *testing.T) {
	end := func(path string) { // of a further process
		d, err := Open(path, Options{Logger: quiet})
		require.NoError(t, err)
		add(t, d, counter("x_total")).inc(1)
		require.NoError(t, d.Close())
	}
	t.Run("cannot be removed", func(t *testing.T) {
		path := crashed(t)
		unlock := lockDir(t, path)
		r := openReader(t, path, Options{})
		end(path)
		unlock()
		paths, err := cellfile.List(path)
		require.NoError(t, err)
		for _, p := range paths {
			if strings.Contains(p, "-") && len(r.stays) < 2 {
				r.stays[p] = true
			}
		}
		removed := 0
		r.step = func(step string) {
			if step == "removed" {
				removed++
			}
		}
		require.Equal(t, []string{"x_total 4"}, gathered(t, r))
		require.Positive(t, removed)
		require.Equal(t, []string{"x_total 4"}, gathered(t, r))
		require.Equal(t, []string{"x_total 4"}, gathered(t, openReader(t, path, Options{})))
	})
	t.Run("cannot be opened", func(t *testing.T) {
		path := crashed(t)
		unlock := lockDir(t, path)
		r := openReader(t, path, Options{})
		end(path)
		unlock()
		paths, err := cellfile.List(path)
		require.NoError(t, err)
		hidden := filepath.Join(path, "hidden")
		absorbed := paths[0]
		for _, p := range paths {
			s, err := openSource(p)
			require.NoError(t, err)
			if s.id.PID == os.Getpid() && p != filepath.Join(path, archiveName) {
				if a := archiveAbsorbs(t, path); a[s.id.ID] {
					absorbed = p
				}
			}
			s.close()
		}
		require.NoError(t, os.Rename(absorbed, hidden))
		require.NoError(t, os.Symlink(hidden, absorbed))
		require.Equal(t, []string{"x_total 4"}, gathered(t, r))
		require.NoError(t, os.Rename(hidden, absorbed))
		require.Equal(t, []string{"x_total 4"}, gathered(t, r))
		require.Zero(t, files(t, path))
	})
	t.Run("after all is forgotten", func(t *testing.T) {
		path := crashed(t)
		unlock := lockDir(t, path)
		defer unlock()
		r := openReader(t, path, Options{})
		d := openDir(t, path)
		for range 10 {
			var all []Series
			for k := range 1000 {
				all = append(all, add(t, d, counter("y_total", "l"), fmt.Sprint(rand.Int(), k)))
			}
			require.Equal(t, "x_total 3", gathered(t, r)[0])
			for _, s := range all {
				s.Retire()
			}
			require.Equal(t, []string{"x_total 3"}, gathered(t, r))
		}
	})
}

func archiveAbsorbs(t testing.TB, path string) map[[16]byte]bool {
	s, err := openSource(filepath.Join(path, archiveName))
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, s.read())
	s.parse(newTable(10))
	return s.absorbed
}

// Something that looks like a draft and cannot be removed keeps nobody from compacting.
func TestForeignDraft(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	require.NoError(t, os.Mkdir(filepath.Join(path, "x.ember.tmp"), 0o700))
	dead := openDir(t, path)
	add(t, dead, counter("x_total")).inc(1)
	require.NoError(t, dead.Close())
	require.Equal(t, []string{"x_total 1"}, gathered(t, d))
	require.Equal(t, 1, files(t, path))
}

// Who never gathers keeps no files of others open.
func TestOpenKeepsNothingOpen(t *testing.T) {
	path := newPath(t)
	for range 5 {
		require.Empty(t, openDir(t, path).sources)
	}
}

// Somebody else moves files to the archive while files are listed and read.
func TestOthersCompactMeanwhile(t *testing.T) {
	for _, when := range []string{"archive opened", "listed", "reading", "reading the dead"} {
		t.Run(when, func(t *testing.T) {
			path := newPath(t)
			r, other := openDir(t, path), openReader(t, path, Options{})
			var dirs []*Dir
			for range maxOpenDead + 20 { // so that some are opened late
				d := openDir(t, path)
				add(t, d, counter("x_total")).inc(1)
				dirs = append(dirs, d)
			}
			want := []string{fmt.Sprintf("x_total %d", len(dirs))}
			unlock := lockDir(t, path)
			if strings.HasPrefix(when, "reading") {
				for _, d := range dirs {
					require.NoError(t, d.Close())
				}
			} else {
				require.Equal(t, want, gathered(t, r))
			}
			paused := 0
			r.pause = func(at string) {
				if paused++; at != when || unlock == nil {
					return
				}
				for _, d := range dirs {
					require.NoError(t, d.Close())
				}
				unlock()
				unlock = nil
				require.Equal(t, want, gathered(t, other))
				require.Equal(t, 1, files(t, path))
			}
			require.Equal(t, want, gathered(t, r))
			require.Greater(t, paused, 3)
			require.Equal(t, want, gathered(t, r))
			require.Empty(t, r.Stats().FileErrors)
		})
	}
}
