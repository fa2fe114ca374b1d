// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
)

// TestKeptIsLikeNew makes, changes, overwrites, replaces and removes files at random.
// A Dir that has seen it all says the same as one that sees the files for the first
// time.
func TestKeptIsLikeNew(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	kept := pydb.New(dir)
	names := []string{"counter_1.db", "counter_2.db", "gauge_max_1.db", "gauge_liveall_2.db", "gauge_mostrecent_1.db", "gauge_mostrecent_2.db", "summary_1.db", "histogram_1.db", "histogram_2.db"}
	records := func(n int) (recs []rec) {
		for range n {
			l := fmt.Sprint(r.IntN(5))
			v, at := float64(r.IntN(100)), float64(r.IntN(5))
			recs = append(recs, []rec{
				counter(fmt.Sprintf("m%d", r.IntN(3)), v, "l", l),
				sample("f", "f_sum", v, "l", l),
				sample("f", "f_count", v, "l", l),
				sample("f", "f_bucket", v, "l", l, "le", fmt.Sprint(r.IntN(4))),
			}[r.IntN(4)].at(at))
		}
		return recs
	}
	all := make(map[string][]rec)
	for range 1500 {
		name := names[r.IntN(len(names))]
		path := filepath.Join(dir, name)
		timed := r.IntN(10) > 0
		switch r.IntN(8) {
		case 0, 1: // grows
			all[name] = append(all[name], records(1+r.IntN(3))...)
		case 2: // is overwritten
			all[name] = records(r.IntN(6))
		case 3: // is another file, perhaps with the same inode
			require.NoError(t, os.RemoveAll(path))
			all[name] = records(r.IntN(6))
		case 4:
			delete(all, name)
			require.NoError(t, os.RemoveAll(path))
			continue
		case 5: // is damaged
			if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
				b[r.IntN(len(b))] ^= 1 << r.IntN(8)
				write(t, dir, name, b)
			}
			timed = false
		case 6: // is cut
			if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
				require.NoError(t, os.Truncate(path, int64(r.IntN(len(b)))))
			}
			timed = false
		default:
			for i := range all[name] {
				all[name][i].value = float64(r.IntN(100))
			}
		}
		if timed {
			write(t, dir, name, content(true, all[name]...))
		}
		wantSeries, wantProblems := read(t, pydb.New(dir))
		series, problems := read(t, kept)
		require.Equal(t, wantSeries, series)
		require.Equal(t, wantProblems, problems)
	}
	// Nothing is held of what is gone.
	for _, name := range names {
		require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
	}
	series, problems := read(t, kept)
	require.Empty(t, series)
	require.Empty(t, problems)
	bytes, families, files := kept.Held()
	require.Zero(t, bytes)
	require.Zero(t, families)
	require.Zero(t, files)
}

// TestLimit has more in a directory than a Dir is ready to hold. What it holds already
// it goes on to serve.
func TestLimit(t *testing.T) {
	dir := t.TempDir()
	d := pydb.New(dir)
	put(t, dir, "counter_1.db", counter("a_total", 1))
	read(t, d)
	used, _, _ := d.Held()
	d.SetLimit(used + 8)
	put(t, dir, "counter_1.db", counter("a_total", 2), counter("b_total", 2))
	put(t, dir, "counter_0.db", counter("c_total", 3))
	series, problems := read(t, d)
	require.Equal(t, []string{`a_total{} 2`}, series)
	require.Len(t, problems, 2)
	require.Regexp(t, `^counter_0.db: full: all files together use \d+ bytes or more, should use \d+ or less$`, problems[0])
	require.Regexp(t, `^counter_1.db: full: all files together use \d+ bytes or more, should use \d+ or less$`, problems[1])
	d.SetLimit(1 << 20)
	series, problems = read(t, d)
	require.Equal(t, []string{`a_total{} 2`, `b_total{} 2`, `c_total{} 3`}, series)
	require.Empty(t, problems)
}

// TestUnreadable has a file that was read before, and that the system refuses to open
// now: a total does not fall for that.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "counter_1.db", counter("a_total", 1))
	if os.Geteuid() == 0 { // whom nothing is refused
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
		require.NoError(t, os.Chown(dir, 1234, -1))
		require.NoError(t, os.Chown(path, 1234, -1))
		require.NoError(t, syscall.Seteuid(1234))
		defer func() { require.NoError(t, syscall.Seteuid(0)) }()
	}
	d := pydb.New(dir)
	put(t, dir, "counter_2.db", counter("a_total", 2))
	series, problems := read(t, d)
	require.Equal(t, []string{`a_total{} 3`}, series)
	require.Empty(t, problems)
	require.NoError(t, os.Chmod(path, 0))
	put(t, dir, "counter_2.db", counter("a_total", 4))
	for range 2 {
		series, problems = read(t, d)
		require.Equal(t, []string{`a_total{} 5`}, series)
		require.Equal(t, []string{"counter_1.db: io"}, problems)
	}
	series, problems = read(t, pydb.New(dir))
	require.Equal(t, []string{`a_total{} 4`}, series)
	require.Equal(t, []string{"counter_1.db: io"}, problems)
}

// vanishing is a context that has a file removed, at the moment before the first file
// is opened.
type vanishing struct {
	context.Context
	path string
}

func (v vanishing) Err() error { os.Remove(v.path); return nil }

func TestVanished(t *testing.T) {
	dir := t.TempDir()
	d := pydb.New(dir)
	for _, tc := range []struct {
		name string
		want []pydb.Reason
	}{
		{"counter_2.db", []pydb.Reason{pydb.Vanished}},
		{"gauge_max_2.db", []pydb.Reason{pydb.Vanished}},
		{"gauge_livemax_2.db", nil}, // as mark_process_dead does
	} {
		put(t, dir, "counter_1.db", counter("a_total", 1))
		path := put(t, dir, tc.name, gauge("g", 1))
		families, problems, err := d.Read(vanishing{t.Context(), path})
		require.NoError(t, err)
		require.Equal(t, []string{`a_total{} 1`}, text(t, families))
		var reasons []pydb.Reason
		for _, p := range problems {
			require.Equal(t, path, p.Path)
			reasons = append(reasons, p.Reason)
		}
		require.Equal(t, tc.want, reasons)
	}
}

func TestCanceled(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "counter_1.db", counter("a_total", 1))
	d := pydb.New(dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	families, problems, err := d.Read(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, fmt.Sprintf("ember: directory %q of client_python: context canceled", dir))
	require.Empty(t, families)
	require.Empty(t, problems)
	series, _ := read(t, d)
	require.Equal(t, []string{`a_total{} 1`}, series)
}

// TestJustMade has files as they are before their writers come to write used.
func TestJustMade(t *testing.T) {
	dir := t.TempDir()
	d := pydb.New(dir)
	for _, b := range [][]byte{make([]byte, 65536), append(content(true), make([]byte, 65528)...)} {
		write(t, dir, "counter_1.db", b)
		series, problems := read(t, d)
		require.Empty(t, series)
		require.Empty(t, problems)
	}
	put(t, dir, "counter_1.db", counter("a_total", 1))
	series, problems := read(t, d)
	require.Equal(t, []string{`a_total{} 1`}, series)
	require.Empty(t, problems)
}

// values is a file in which each read of a number finds the next one.
type values []float64

func (v *values) ReadAt(b []byte, _ int64) (int, error) {
	if len(*v) == 0 {
		return 0, io.EOF
	}
	binary.NativeEndian.PutUint64(b, math.Float64bits((*v)[0]))
	*v = (*v)[1:]
	return 8, nil
}

// TestTorn has numbers that are read while they are written: what two reads agree on is
// right, and what never stops changing is taken as it is.
func TestTorn(t *testing.T) {
	for name, tc := range map[string]struct {
		first float64
		then  values
		want  float64
		err   error
	}{
		"torn":     {3, values{10, 10, 99}, 10, nil},
		"fell":     {3, values{3, 99}, 3, nil},
		"writing":  {3, values{10, 11, 11, 99}, 11, nil},
		"restless": {3, values{10, 11, 12, 13, 99}, 13, nil},
		"gone":     {3, values{10}, 0, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := pydb.Reread(&tc.then, 0, tc.first)
			require.Equal(t, tc.err, err)
			require.Equal(t, tc.want, v)
		})
	}
}

// headers is a file in which each read of its header finds the next number of bytes used.
type headers []uint32

func (h *headers) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	binary.NativeEndian.PutUint32(b, (*h)[0])
	*h = (*h)[1:]
	return 8, io.EOF
}

// TestUsedOfOldClients has what old versions do: they write zeros before each number.
func TestUsedOfOldClients(t *testing.T) {
	for name, tc := range map[string]struct {
		parsed int64
		reads  headers
		want   int64
	}{
		"grown":   {80, headers{160, 1}, 160},
		"zero":    {80, headers{0, 160, 1}, 160},
		"shrunk":  {80, headers{40, 40, 1}, 40},
		"unknown": {0, headers{0, 1}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			used, err := pydb.ReadUsed(&tc.reads, tc.parsed)
			require.NoError(t, err)
			require.Equal(t, tc.want, used)
		})
	}
}

// TestLongKeys has keys longer than what is read at once, and one that is too long.
func TestLongKeys(t *testing.T) {
	dir := t.TempDir()
	long := strings.Repeat("x", 400<<10)
	put(t, dir, "counter_1.db",
		counter("a_total", 1), counter("b_total", 2, "l", long), counter("c_total", 3), counter("d_total", 4, "l", long+long),
		counter("e_total", 5), counter("f_total", 6, "l", long+long+long), counter("g_total", 7))
	d := pydb.New(dir)
	for range 2 {
		series, problems := read(t, d)
		require.Equal(t, []string{`a_total{} 1`, `b_total{l="` + long + `"} 2`, `c_total{} 3`, `d_total{l="` + long + long + `"} 4`, `e_total{} 5`}, series)
		require.Len(t, problems, 1)
		require.Regexp(t, "^counter_1.db: corrupt: record at [0-9]+ has a key of 1228837 bytes, should be from 12 to 1048576$", problems[0])
	}
}

// TestReplacedWithSameUse has a file whose keys change in place, with nothing else.
func TestReplacedWithSameUse(t *testing.T) {
	dir := t.TempDir()
	d := pydb.New(dir)
	for _, name := range []string{"a_total", "b_total", "a_total"} {
		put(t, dir, "counter_1.db", counter(name, 1))
		series, problems := read(t, d)
		require.Equal(t, []string{name + `{} 1`}, series)
		require.Empty(t, problems)
	}
}

func TestManyFilesNeedFewDescriptors(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	dir := t.TempDir()
	for i := range 200 {
		put(t, dir, fmt.Sprintf("counter_%d.db", i), counter("a_total", 1))
	}
	few := limit
	few.Cur = 64
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	d := pydb.New(dir)
	for range 2 {
		series, problems := read(t, d)
		require.Equal(t, []string{`a_total{} 200`}, series)
		require.Empty(t, problems)
	}
}
