// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// Series beyond the limit of a file have no place, which is counted and logged once; those
// that have one go on.
func TestNoPlace(t *testing.T) {
	var log logged
	d := openWith(t, newPath(t), Options{Limits: cellfile.Limits{Records: 3}, Logger: log.logger()})
	f, g := counter("x_total", "l"), counter("y_total")
	s, ok := d.Family(&f).Series([]string{"1"}, CounterWords, 5)
	require.True(t, ok)
	_, ok = d.Family(&f).Series([]string{"2"}, CounterWords)
	require.True(t, ok)
	for i := range 5 {
		_, ok = d.Family(&f).Series([]string{"3"}, CounterWords)
		require.False(t, ok)
		none, ok := d.Family(&g).Series(nil, CounterWords)
		require.False(t, ok)
		require.Nil(t, none.Words())
		none.Retire()
		require.Nil(t, d.Attach(&s.Words()[0], KindStripes, 16))
		require.EqualValues(t, 2*(i+1), d.Stats().SeriesWithoutPlace)
	}
	d.saying.Wait()
	require.Len(t, log.lines(), 1)
	require.Contains(t, log.lines()[0], "raise the limit of records")
	s.inc(1)
	require.Equal(t, []string{`x_total{l="1"} 6`, `x_total{l="2"} 0`}, gathered(t, d))
}

// A definition that cannot be has no place for series either.
func TestBadDefinition(t *testing.T) {
	var log logged
	d := openWith(t, newPath(t), Options{Logger: log.logger()})
	f := histogram("h", []float64{2, 1})
	w := d.Family(&f)
	require.Same(t, w, d.Family(&f))
	_, ok := w.Series(nil, f.words())
	require.False(t, ok)
	d.saying.Wait()
	require.Len(t, log.lines(), 1)
	require.Contains(t, log.lines()[0], "bounds do not increase")
	require.Empty(t, gathered(t, d))
	require.Panics(t, func() { w.Series([]string{"v"}, f.words()) })
	require.Panics(t, func() { w.Series(nil, 1) })
}

// Series beyond what may be exposed are left out and counted once; when others go, they
// come.
func TestMaxSeries(t *testing.T) {
	path := newPath(t)
	var log logged
	r := openWith(t, path, Options{MaxSeries: 3, Logger: log.logger()})
	d := openDir(t, path)
	var all []Series
	for i := range 5 {
		all = append(all, add(t, d, counter("x_total", "l"), fmt.Sprint(i)))
	}
	for range 3 {
		require.Equal(t, []string{`x_total{l="0"} 0`, `x_total{l="1"} 0`, `x_total{l="2"} 0`}, gathered(t, r))
		require.EqualValues(t, 2, r.Stats().SeriesLeftOut)
	}
	require.Len(t, log.lines(), 1)
	all[1].Retire()
	gather(t, r)
	require.Equal(t, []string{`x_total{l="0"} 0`, `x_total{l="2"} 0`, `x_total{l="3"} 0`}, gathered(t, r))
	// What does not fit is not moved to the archive either.
	require.NoError(t, d.Close())
	require.Equal(t, []string{`x_total{l="0"} 0`, `x_total{l="2"} 0`, `x_total{l="3"} 0`}, gathered(t, r))
	require.Equal(t, 2, files(t, path))
}

// Series come and go all the time. What is known of those that are gone does not stay.
func TestSeriesComeAndGo(t *testing.T) {
	path := newPath(t)
	r := openReader0(t, path)
	d := openDir(t, path)
	add(t, d, counter("x_total", "l"), "stays").inc(7)
	for i := range 30 {
		var all []Series
		for k := range 1000 {
			all = append(all, add(t, d, counter("x_total", "l"), fmt.Sprint(i, " ", k)))
		}
		require.Len(t, gathered(t, r), 1001)
		for _, s := range all {
			s.Retire()
		}
		require.Equal(t, []string{`x_total{l="stays"} 7`}, gathered(t, r))
		require.LessOrEqual(t, r.table.slots, 6000)
	}
}

func TestClosed(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	s := add(t, d, counter("x_total"))
	require.Equal(t, path, d.Path())
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	s.inc(1) // stays memory
	_, err := d.Gather(context.Background())
	require.ErrorIs(t, err, ErrClosed)
	f := counter("y_total")
	_, ok := d.Family(&f).Series(nil, CounterWords)
	require.False(t, ok)
	d.MarkProcessDead(1)
	require.Equal(t, []string{"x_total 1"}, gathered(t, openDir(t, path)))
}

func TestMarkProcessDead(t *testing.T) {
	path := newPath(t)
	d, other := openDir(t, path), openDir(t, path)
	d.MarkProcessDead(os.Getpid()) // it lives, whatever the caller says
	require.Equal(t, 2, files(t, path))
	require.NoError(t, other.Close())
	d.MarkProcessDead(os.Getpid())
	require.Equal(t, 1, files(t, path))
}

func TestWrongDirectories(t *testing.T) {
	path := newPath(t)
	_, err := OpenReader(path, Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.Mkdir(path, 0o755))
	_, err = OpenReader(path, Options{})
	require.EqualError(t, err, fmt.Sprintf("ember: multi-process directory %q has mode 0755, should have mode 0700 (chmod 700)", path))
	_, err = Open(path, Options{})
	require.EqualError(t, err, fmt.Sprintf("ember: multi-process directory %q has mode 0755, should have mode 0700 (chmod 700)", path))
}

func TestContext(t *testing.T) {
	d := openDir(t, newPath(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := d.Gather(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, gathered(t, d))
}

// Many scrapes and writers at once.
func TestConcurrent(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for k := range 50 {
				f := counter("x_total", "l")
				if s, ok := d.Family(&f).Series([]string{fmt.Sprint(i, k)}, CounterWords); ok {
					s.inc(1)
				} else {
					t.Error("no place")
				}
				d.Publish(published(float64(k)))
				if _, err := d.Gather(context.Background()); err != nil {
					t.Error(err)
				}
				d.Stats()
				d.MarkProcessDead(k)
			}
		})
	}
	wg.Wait()
	require.Len(t, gathered(t, d), 210)
}

// A filesystem is full: compaction changes nothing, says so once, and everything is served
// from the files; with more space it goes on.
func TestFullDisk(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.Mkdir(path, 0o700))
	mount(t, path, "size=1m,mode=0700")
	var log logged
	d := openWith(t, path, Options{Logger: log.logger()})
	first := openDir(t, path)
	add(t, first, counter("x_total", "l"), "0").inc(1)
	require.NoError(t, first.Close())
	want := []string{`x_total{l="0"} 1`}
	require.Equal(t, want, gathered(t, d))
	dead := openDir(t, path)
	add(t, dead, counter("x_total", "l"), "1").inc(1)
	want = append(want, `x_total{l="1"} 1`)
	filler := path + "/filler"
	require.ErrorIs(t, os.WriteFile(filler, make([]byte, 2<<20), 0o600), syscall.ENOSPC)
	require.NoError(t, dead.Close())
	before := files(t, path)
	for range 3 {
		d.later = d.later.AddDate(-1, 0, 0) // as if time had passed
		require.Equal(t, want, gathered(t, d))
	}
	require.Equal(t, before, files(t, path))
	require.Equal(t, 1, d.Stats().Dead)
	require.Len(t, log.lines(), 1)
	require.Contains(t, log.lines()[0], "no space left on device")
	require.NoError(t, os.Remove(filler))
	d.later = d.later.AddDate(-1, 0, 0)
	require.Equal(t, want, gathered(t, d))
	require.Equal(t, 1, files(t, path))
}

// What is gathered again needs no memory for what is known: only for what it returns.
func TestGatherAllocatesLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("cannot apply: the race detector allocates")
	}
	d := manyFiles(t, newPath(t), 4, 500)[0]
	gather(t, d)
	per := testing.AllocsPerRun(20, func() {
		if _, err := d.Gather(context.Background()); err != nil {
			t.Error(err)
		}
	})
	t.Logf("%v allocations", per)
	require.LessOrEqual(t, per, 150.0)
}

// Absurd counts do not wrap around.
func TestLargeCounts(t *testing.T) {
	path := newPath(t)
	const most = 1<<62 - 1
	for range 6 {
		d := openDir(t, path)
		add(t, d, counter("x_total")).set(0, most)
		h := add(t, d, histogram("h", []float64{1}))
		h.set(2, most)
		h.set(3, most)
	}
	families := gather(t, openReader(t, path, Options{}))
	require.EqualValues(t, uint64(math.MaxUint64), families[0].Points[0].Count)
	require.Equal(t, float64(math.MaxUint64), families[1].Points[0].Value)
	require.Equal(t, metric.Counter, families[1].Kind)
}
