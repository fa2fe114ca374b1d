// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
)

// damaged are files that cannot be read, or not as a whole. Each of them also holds or
// held the counter a_total, 1, before what is wrong.
func damaged() map[string]struct {
	name    string
	content []byte
	want    string // what is said of the file
	served  bool   // a_total is
} {
	good := content(true, counter("a_total", 1), counter("b_total", 2))
	set := func(at int, v uint32) []byte {
		b := bytes.Clone(good)
		binary.NativeEndian.PutUint32(b[at:], v)
		return b
	}
	second := len(content(true, counter("a_total", 1)))
	n := len(good)
	swapped := make([]byte, 64)
	binary.NativeEndian.PutUint32(swapped, bits.ReverseBytes32(64))
	binary.NativeEndian.PutUint32(swapped[8:], bits.ReverseBytes32(36))
	key := func(key string) []byte { return content(true, counter("a_total", 1), rec{key: key}) }
	garbage := func(key, why string) string {
		return fmt.Sprintf("corrupt: record at %d: the key %q %s", second, key, why)
	}
	type file = struct {
		name    string
		content []byte
		want    string
		served  bool
	}
	const c = "counter_1.db"
	return map[string]file{
		"empty":            {c, nil, "empty: 0 bytes, should be 65536 or more", false},
		"half a header":    {c, good[:4], "truncated: 4 bytes, should be at least 8", false},
		"header alone":     {c, good[:8], fmt.Sprintf("truncated: 8 bytes, should be at least %d", n), false},
		"first record cut": {c, good[:second-20], fmt.Sprintf("truncated: %d bytes, should be at least %d", second-20, n), false},
		"second cut":       {c, good[:n-1], fmt.Sprintf("truncated: %d bytes, should be at least %d", n-1, n), true},
		"negative":         {c, set(0, 1<<31), "corrupt: used is -2147483648, should be a multiple of 8, and at least 8", false},
		"used too small":   {c, set(0, 4), "corrupt: used is 4, should be a multiple of 8, and at least 8", false},
		"used odd":         {c, set(0, 81), "corrupt: used is 81, should be a multiple of 8, and at least 8", false},
		"used within":      {c, set(0, uint32(n-16)), fmt.Sprintf("corrupt: record at %d ends at %d, should end at %d or before", second, n, n-16), true},
		"end too short":    {c, set(0, uint32(second)), "", true},
		"key runs over":    {c, set(second, 1000), fmt.Sprintf("corrupt: record at %d ends at %d, should end at %d or before", second, second+1024, n), true},
		"key is huge":      {c, set(second, 1<<30), fmt.Sprintf("corrupt: record at %d has a key of 1073741824 bytes, should be from 12 to 1048576", second), true},
		"negative length":  {c, set(second, 1<<31), fmt.Sprintf("corrupt: record at %d has a key of -2147483648 bytes, should be from 12 to 1048576", second), true},
		"sparse record":    {c, append(append(set(0, uint32(n+64)), make([]byte, 64)...), 0), fmt.Sprintf("corrupt: record at %d has a key of 0 bytes, should be from 12 to 1048576", n), true},
		"other byte order": {c, swapped, "byte_order: used is 1073741824, and 64 in the other byte order", false},
		"SQLite":           {c, append([]byte("SQLite format 3\x00"), make([]byte, 4080)...), "foreign: is a database of SQLite", false},
		"Berkeley":         {c, append([]byte("\x00\x00\x00\x00\x01\x00\x00\x00"), make([]byte, 504)...), `foreign: begins with "\x00\x00\x00\x00\x01\x00\x00\x00", should begin with a length and four zero bytes`, false},
		"foreign name":     {"cache.db", good, `foreign: is called "cache.db", should be called counter, gauge_MODE, histogram or summary, with a process`, false},
		"no process":       {"counter_.db", good, `foreign: is called "counter_.db", should be called counter, gauge_MODE, histogram or summary, with a process`, false},
		"no mode":          {"gauge_1.db", good, `foreign: is called "gauge_1.db", should be called counter, gauge_MODE, histogram or summary, with a process`, false},
		"unknown mode":     {"gauge_median_1.db", good, `version: has gauges of the mode "median", should be of one that is known`, false},
		"no list":          {c, key(`{"a":1, "b":2}`), fmt.Sprintf("corrupt: record at %d has the key %q, should be a JSON list", second, `{"a":1, "b":2}`), true},
		"no JSON":          {c, key(`[not a list at all]`), garbage(`[not a list at all]`, "is not a list of a family, a sample and labels"), true},
		"numbers":          {c, key(`["b", "b", {"l": 1}]`), garbage(`["b", "b", {"l": 1}]`, "has no labels that can be read"), true},
		"label twice":      {c, key(`["b", "b", {"l": "1", "l": "2"}]`), garbage(`["b", "b", {"l": "1", "l": "2"}]`, "has a label twice"), true},
		"no name":          {c, key(`["", "", {}, ""]`), garbage(`["", "", {}, ""]`, "has a name that no metric can have"), true},
		"reserved label":   {c, key(`["b", "b", {"__name__": "x"}]`), garbage(`["b", "b", {"__name__": "x"}]`, "has a label with a name that it cannot have"), true},
		"two helps":        {c, key(`["b", "b", {}, "", ""]`), garbage(`["b", "b", {}, "", ""]`, "does not end after the help"), true},
	}
}

// TestDamage has each file beside a good one, which is served whatever the other is.
// client_python serves nothing at all beside most of them.
func TestDamage(t *testing.T) {
	for name, tc := range damaged() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "counter_2.db", counter("good_total", 5))
			write(t, dir, tc.name, tc.content)
			d := pydb.New(dir)
			want := []string{`good_total{} 5`}
			switch {
			case name == "sparse record":
				want = []string{`a_total{} 1`, `b_total{} 2`, `good_total{} 5`}
			case tc.served:
				want = []string{`a_total{} 1`, `good_total{} 5`}
			}
			problems := []string{}
			if tc.want != "" {
				problems = []string{tc.name + ": " + tc.want}
			}
			for range 3 { // once per Read, and what was read once is read again
				series, found := read(t, d)
				require.Equal(t, want, series)
				require.Equal(t, problems, found)
			}

			// Mended, it is served.
			if strings.HasPrefix(tc.name, "counter_1") {
				put(t, dir, tc.name, counter("a_total", 1), counter("b_total", 2), counter("c_total", 3))
				series, found := read(t, d)
				require.Equal(t, []string{`a_total{} 1`, `b_total{} 2`, `c_total{} 3`, `good_total{} 5`}, series)
				require.Empty(t, found)
			}
		})
	}
}

// TestEveryTruncation cuts a file of either layout at each byte.
func TestEveryTruncation(t *testing.T) {
	for _, timed := range []bool{false, true} {
		dir := t.TempDir()
		kept := pydb.New(dir)
		b := content(timed, counter("a_total", 1), counter("b_total", 2, "l", "v"), counter("c_total", 3))
		all := []string{`a_total{} 1`, `b_total{l="v"} 2`, `c_total{} 3`}
		ends := []int{
			len(content(timed, counter("a_total", 1))),
			len(content(timed, counter("a_total", 1), counter("b_total", 2, "l", "v"))),
			len(b),
		}
		for n := len(b); n >= 0; n-- {
			write(t, dir, "counter_1.db", b[:n])
			whole := 0
			for whole < len(ends) && ends[whole] <= n {
				whole++
			}
			series, problems := read(t, pydb.New(dir))
			reread, again := read(t, kept)
			require.Equal(t, series, reread, "%d bytes", n)
			require.Equal(t, problems, again, "%d bytes", n)
			switch {
			case n == len(b):
				require.Empty(t, problems)
			case n == 0:
				require.Equal(t, []string{"counter_1.db: empty: 0 bytes, should be 65536 or more"}, problems)
			case n < 8:
				require.Equal(t, []string{fmt.Sprintf("counter_1.db: truncated: %d bytes, should be at least 8", n)}, problems)
			default:
				require.Equal(t, []string{fmt.Sprintf("counter_1.db: truncated: %d bytes, should be at least %d", n, len(b))}, problems)
			}
			if timed && n < ends[0] && n >= ends[0]-8 {
				whole = 1 // but for the time, which counters do without
			}
			require.Equal(t, all[:whole], series, "%d of %d bytes", n, len(b))
		}
	}
}

func TestWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	outside := put(t, t.TempDir(), "counter_1.db", counter("a_total", 1))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "counter_1.db")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "counter_2.db")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "counter_3.db"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "counter_4.db"), 0o600))
	put(t, dir, ".counter_5.db", counter("hidden_total", 1))
	put(t, dir, "counter_6.db.tmp", counter("tmp_total", 1))
	put(t, dir, "counter_7.db", counter("good_total", 5))
	series, problems := read(t, pydb.New(dir))
	require.Equal(t, []string{`good_total{} 5`}, series)
	require.Equal(t, []string{
		"counter_1.db: not_regular: has the mode Lrwxrwxrwx, should be a regular file",
		"counter_2.db: not_regular: has the mode Lrwxrwxrwx, should be a regular file",
		"counter_3.db: not_regular: has the mode drwx------, should be a regular file",
		"counter_4.db: not_regular: has the mode prw-------, should be a regular file",
	}, problems)
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chown(put(t, dir, "counter_1.db", counter("a_total", 1)), 1234, -1))
	series, problems := read(t, pydb.New(dir))
	require.Empty(t, series)
	require.Equal(t, []string{"counter_1.db: owner: belongs to user 1234, should belong to user 0"}, problems)
}

func TestNoDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	d := pydb.New(path)
	_, _, err := d.Read(t.Context())
	require.EqualError(t, err, fmt.Sprintf("ember: directory %q of client_python: no such file or directory", path))
	require.NoError(t, os.Mkdir(path, 0o700))
	put(t, path, "counter_1.db", counter("a_total", 1))
	series, _ := read(t, d)
	require.Equal(t, []string{`a_total{} 1`}, series)
}

func TestProblemText(t *testing.T) {
	p := pydb.Problem{Path: "/x/counter_1.db", Reason: pydb.IO, Err: syscall.EIO}
	require.EqualError(t, p, `ember: file "/x/counter_1.db" of client_python: io: input/output error`)
	require.ErrorIs(t, p, syscall.EIO)
	p = pydb.Problem{Path: "/x/counter_1.db", Reason: pydb.Value, Detail: "d", More: 2}
	require.EqualError(t, p, `ember: file "/x/counter_1.db" of client_python: value: d (and 2 more)`)
}
