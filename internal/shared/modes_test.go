// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// pretend gives the file of a process another process id, and makes it as old as if it
// had been made so many seconds after 2020.
func pretend(t testing.TB, d *Dir, pid, second int) {
	f, err := os.OpenFile(d.file.Path(), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 112)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	binary.NativeEndian.PutUint64(b[48:], uint64(pid))
	binary.NativeEndian.PutUint64(b[64:], uint64(time.Date(2020, 1, 1, 0, 0, second, 0, time.UTC).UnixNano()))
	binary.NativeEndian.PutUint32(b[108:], crc32.Checksum(b[:108], crc32.MakeTable(crc32.Castagnoli)))
	_, err = f.WriteAt(b, 0)
	require.NoError(t, err)
}

// Four processes have a gauge: 1 and 2 live, 3 and 4 have ended; and one of each never set
// it. What is exposed is the same while those that have ended are read, when they are in the
// archive, and when others have been added to that.
func TestModes(t *testing.T) {
	for mode, want := range map[metric.Mode][2][]string{
		metric.ModeDefault:    {{"g 6"}, {"g 6"}},
		metric.ModeSum:        {{"g 16"}, {"g 36"}},
		metric.ModeMax:        {{"g 7"}, {"g 20"}},
		metric.ModeMin:        {{"g 2"}, {"g 2"}},
		metric.ModeLatest:     {{"g 3"}, {"g 20"}},
		metric.ModeEach:       {{`g{pid="101"} 4`, `g{pid="102"} 2`, `g{pid="103"} 3`, `g{pid="104"} 7`}, {`g{pid="101"} 4`, `g{pid="102"} 2`, `g{pid="103"} 3`, `g{pid="104"} 7`, `g{pid="107"} 20`}},
		metric.ModeLiveSum:    {{"g 6"}, {"g 6"}},
		metric.ModeLiveMax:    {{"g 4"}, {"g 4"}},
		metric.ModeLiveMin:    {{"g 2"}, {"g 2"}},
		metric.ModeLiveLatest: {{"g 2"}, {"g 2"}},
		metric.ModeLiveEach:   {{`g{pid="101"} 4`, `g{pid="102"} 2`}, {`g{pid="101"} 4`, `g{pid="102"} 2`}},
	} {
		t.Run(mode.String(), func(t *testing.T) {
			path := newPath(t)
			f := gauge("g", mode)
			process := func(pid int, v float64, time uint64) *Dir {
				d := openDir(t, path)
				pretend(t, d, pid, pid)
				s := add(t, d, f)
				s.setFloat(0, v)
				s.set(1, time)
				return d
			}
			process(101, 4, 10)
			process(102, 2, 20)
			third, fourth := process(103, 3, 40), process(104, 7, 30)
			unset := math.Float64frombits(Unset)
			process(105, unset, 0)
			sixth := process(106, unset, 0)
			reader := openReader(t, path, Options{})
			for _, d := range []*Dir{third, fourth, sixth} {
				require.NoError(t, d.Close())
			}

			unlock := lockDir(t, path)
			require.Equal(t, want[0], gathered(t, reader))
			require.Equal(t, 3, reader.Stats().Dead)
			unlock()
			require.Equal(t, want[0], gathered(t, reader))
			require.Equal(t, 3, files(t, path))
			require.Equal(t, want[0], gathered(t, openReader(t, path, Options{})))

			require.NoError(t, process(107, 20, 50).Close())
			require.Equal(t, want[1], gathered(t, reader))
			require.Equal(t, 3, files(t, path))
			require.Equal(t, want[1], gathered(t, openReader(t, path, Options{})))
		})
	}
}

func TestGaugesThatAreNoGauges(t *testing.T) {
	path := newPath(t)
	for i := range 3 {
		d := openDir(t, path)
		for _, kind := range []metric.Kind{metric.Unknown, metric.Info, metric.StateSet} {
			f := gauge(kind.String(), 0)
			f.Kind = kind
			add(t, d, f).setFloat(0, 1)
		}
		if i == 0 {
			require.NoError(t, d.Close())
		}
	}
	require.Equal(t, []string{"info 1", "stateset 1", "unknown 2"}, gathered(t, openReader(t, path, Options{})))
}

// NaN is a value, but does not hide others.
func TestNotANumber(t *testing.T) {
	path := newPath(t)
	for i, v := range []float64{math.NaN(), 3, math.NaN()} {
		d := openDir(t, path)
		pretend(t, d, i+1, i)
		for _, m := range []metric.Mode{metric.ModeMax, metric.ModeMin, metric.ModeSum, metric.ModeLatest, metric.ModeEach} {
			add(t, d, gauge(m.String(), m)).setFloat(0, v)
		}
		f := gauge("only", metric.ModeMax)
		add(t, d, f).setFloat(0, math.NaN())
	}
	require.Equal(t, []string{`each{pid="1"} NaN`, `each{pid="2"} 3`, `each{pid="3"} NaN`, "latest 3", "max 3", "min 3", "only NaN", "sum NaN"},
		gathered(t, openReader(t, path, Options{})))
}

// Two processes with one id, as containers have them, stay apart.
func TestOneProcessIDTwice(t *testing.T) {
	path := newPath(t)
	a, b := openDir(t, path), openDir(t, path)
	for i, d := range []*Dir{b, a} {
		pretend(t, d, 7, i)
		add(t, d, counter("x_total")).inc(uint64(i + 1))
		add(t, d, gauge("g", metric.ModeLiveEach, "l"), "v").setFloat(0, float64(i+1))
	}
	r := openReader(t, path, Options{})
	id := fmt.Sprintf("%x", readerID(t, a))[:8]
	require.Equal(t, []string{`g{l="v",pid="7"} 1`, `g{l="v",pid="7-` + id + `"} 2`, "x_total 3"}, gathered(t, r))
	require.NoError(t, b.Close())
	require.Equal(t, []string{`g{l="v",pid="7"} 2`, "x_total 3"}, gathered(t, r))
}

func readerID(t testing.TB, d *Dir) [16]byte {
	r, err := cellfile.Open(d.file.Path())
	require.NoError(t, err)
	defer r.Close()
	return r.Identity().ID
}

// The id of a process that has ended is used again: there is one series of that id, that
// of the newest, or of the one that lives.
func TestProcessIDUsedAgain(t *testing.T) {
	path := newPath(t)
	r := func() []string { return gathered(t, openReader(t, path, Options{})) }
	for i, v := range []float64{5, 6} {
		d := openDir(t, path)
		pretend(t, d, 7, 10-i)
		add(t, d, gauge("g", metric.ModeEach)).setFloat(0, v)
		require.NoError(t, d.Close())
		require.Equal(t, []string{`g{pid="7"} 5`}, r())
	}
	d := openDir(t, path)
	pretend(t, d, 7, 5)
	s := add(t, d, gauge("g", metric.ModeEach))
	s.setFloat(0, 8)
	require.Equal(t, []string{`g{pid="7"} 8`}, r())
	s.Retire()
	require.Equal(t, []string{`g{pid="7"} 5`}, r())
	// The same while neither is in the archive, in whatever order they are read.
	s.record.Restore()
	newer := openDir(t, path)
	pretend(t, newer, 7, 20)
	add(t, newer, gauge("g", metric.ModeEach)).setFloat(0, 9)
	reader := openReader(t, path, Options{})
	defer lockDir(t, path)()
	require.NoError(t, newer.Close())
	for range 20 {
		require.Equal(t, []string{`g{pid="7"} 8`}, gathered(t, reader))
	}
}

// The archive keeps the newest processes only.
func TestArchiveOfManyProcesses(t *testing.T) {
	path := newPath(t)
	r := openDir(t, path)
	for i := range 2 {
		for k := range 50 {
			d := openDir(t, path)
			pretend(t, d, 1000+50*i+k, 1000+50*i+k)
			add(t, d, gauge("g", metric.ModeEach, "l"), "a").setFloat(0, 1)
			if k == 0 {
				add(t, d, gauge("g", metric.ModeEach, "l"), "b").setFloat(0, 2)
			}
			require.NoError(t, d.Close())
		}
		gather(t, r)
	}
	lines := gathered(t, r)
	require.Len(t, lines, maxApart+2)
	require.Equal(t, `g{l="a",pid="1036"} 1`, lines[0])
	require.Equal(t, `g{l="b",pid="1050"} 2`, lines[maxApart+1])
}
