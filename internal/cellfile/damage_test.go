// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// readAll opens and reads a file, and returns what is served and the reason why it is
// not more.
func readAll(t testing.TB, path string) ([]record, cellfile.Reason) {
	r, err := cellfile.Open(path)
	if err != nil {
		return []record{}, reasonOf(t, path, err)
	}
	defer r.Close()
	err = r.Read()
	got := records(r)
	if err == nil {
		return got, ""
	}
	// What can be read can be read again.
	require.Equal(t, err, r.Read())
	require.Equal(t, got, records(r))
	return got, reasonOf(t, path, err)
}

func reasonOf(t testing.TB, path string, err error) cellfile.Reason {
	var e *cellfile.ReadError
	require.ErrorAs(t, err, &e)
	require.Equal(t, path, e.Path)
	return e.Reason
}

// ends are where the records of small end.
var ends = []int{256 + 64, 256 + 128, 256 + 224, 256 + 320}

func before(want []record, at int) []record {
	n := 0
	for n < len(ends) && ends[n] <= at {
		n++
	}
	return want[:n]
}

func TestEveryTruncation(t *testing.T) {
	content, want := small(t)
	path := filepath.Join(t.TempDir(), "1-a.ember")
	for n := range content {
		require.NoError(t, os.WriteFile(path, content[:n], 0o600))
		got, reason := readAll(t, path)
		require.Equal(t, before(want, n), got, "%d bytes", n)
		switch {
		case n == 0:
			require.Equal(t, cellfile.Empty, reason)
		default:
			require.Equal(t, cellfile.Truncated, reason, "%d bytes", n)
		}
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	got, reason := readAll(t, path)
	require.Equal(t, want, got)
	require.Empty(t, reason)
}

func TestEveryFlippedBit(t *testing.T) {
	content, want := small(t)
	path := filepath.Join(t.TempDir(), "1-a.ember")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer file.Close()
	seen := map[cellfile.Reason]int{}
	for i := range 8 * len(content) {
		at := i / 8
		_, err := file.WriteAt([]byte{content[at] ^ 1<<(i%8)}, int64(at))
		require.NoError(t, err)
		got, reason := readAll(t, path)
		seen[reason]++
		intact := before(want, at)
		switch reason {
		case "": // words, padding and what is reserved are not checked
			require.Len(t, got, len(want), "bit %d", i)
			require.Equal(t, intact, got[:len(intact)], "bit %d", i)
			for j := range got {
				got[j].words = want[j].words
			}
			require.Equal(t, want, got, "bit %d", i)
		case cellfile.Corrupt, cellfile.Foreign, cellfile.Version:
			if at < 256 {
				intact = []record{}
			}
			require.Equal(t, intact, got, "bit %d", i)
		default:
			t.Fatalf("bit %d: %s", i, reason)
		}
		_, err = file.WriteAt(content[at:at+1], int64(at))
		require.NoError(t, err)
	}
	t.Log(seen)
}

// What happens to a file while it is open.
func TestWhileOpen(t *testing.T) {
	content, want := small(t)
	other, _ := small(t)
	corrupt := append([]byte(nil), content...)
	corrupt[ends[1]+8]++
	for name, tc := range map[string]struct {
		change func(path string) error
		want   string // after the path
		served int    // records
	}{
		"nothing": {func(string) error { return nil }, "", 4},
		"deleted": {os.Remove, `vanished: deleted while open`, 4},
		"replaced by name": {func(path string) error {
			if err := os.WriteFile(path+".new", other, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}, `vanished: deleted while open`, 4},
		"overwritten": {
			func(path string) error { return os.WriteFile(path, other, 0o600) },
			fmt.Sprintf(`replaced: its id is %x, should be %x`, other[32:48], content[32:48]), 0,
		},
		"truncated": {
			func(path string) error { return os.Truncate(path, int64(ends[2]+5)) },
			`truncated: 485 bytes, should be at least 576`, 3,
		},
		"emptied": {
			func(path string) error { return os.Truncate(path, 0) },
			`empty: 0 bytes, should be at least 256`, 0,
		},
		"corrupted": {
			func(path string) error { return os.WriteFile(path, corrupt, 0o600) },
			"", 4, // what is known already is still there
		},
		"used goes back": {func(path string) error {
			f := create(t, cellfile.Limits{})
			b, err := os.ReadFile(f.Path())
			if err != nil {
				return err
			}
			return os.WriteFile(path, append(append(append([]byte(nil), content[:128]...), b[128:136]...), content[136:]...), 0o600)
		}, `corrupt: used is 256, should be 576 or more, as it was`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "1-a.ember")
			require.NoError(t, os.WriteFile(path, content, 0o600))
			r := open(t, path)
			require.NoError(t, r.Read())
			require.Equal(t, want, records(r))
			require.NoError(t, tc.change(path))
			for range 2 {
				err := r.Read()
				if tc.want == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, fmt.Sprintf(`ember: cell file %q: %s`, path, tc.want))
				}
				require.Equal(t, want[:tc.served], records(r))
			}
		})
	}
}

// Values alone sees a record change that may not.
func TestValuesOfChangedRecord(t *testing.T) {
	content, want := small(t)
	for name, tc := range map[string]struct {
		at   int
		want string
	}{
		"checksum": {ends[1], `corrupt: record at 384 has checksum`},
		"state":    {ends[1] + 4, `corrupt: record at 384 has state`},
		"offset":   {ends[1] + 24, `corrupt: record at 384 has checksum`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "1-a.ember")
			b := append([]byte(nil), content...)
			require.NoError(t, os.WriteFile(path, b, 0o600))
			r := open(t, path)
			require.NoError(t, r.Read())
			b[tc.at] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o600))
			require.ErrorContains(t, r.Values(), fmt.Sprintf(`ember: cell file %q: %s`, path, tc.want))
			require.Equal(t, want[:2], records(r))
			b[tc.at] ^= 1
			require.NoError(t, os.WriteFile(path, b, 0o600))
			require.NoError(t, r.Values())
			require.Equal(t, want, records(r))
		})
	}
}
