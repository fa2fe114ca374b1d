// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
)

// A record is published with its first words, and the others zero.
func TestFirstWords(t *testing.T) {
	f := create(t, cellfile.Limits{})
	a, err := f.Add(1, []byte("a"), 3, 7, 8)
	require.NoError(t, err)
	require.Equal(t, []uint64{7, 8, 0}, a.Words)
	b, err := f.Add(2, []byte("b"), 1, 9)
	require.NoError(t, err)
	require.EqualValues(t, 256, a.At)
	require.EqualValues(t, 256+64, b.At)
	require.Zero(t, a.At%cellfile.Align+b.At%cellfile.Align)
	_, err = f.Add(2, nil, 1, 1, 2)
	require.EqualError(t, err, `ember: cell file "`+f.Path()+`": record with 1 words begins with 2 words`)
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.Equal(t, []record{{1, false, "a", "[7 8 0]"}, {2, false, "b", "[9]"}}, records(r))
	require.Equal(t, []int64{a.At, b.At}, []int64{r.At(0).At, r.At(1).At})
}

// What is retired can be restored, and keeps its words.
func TestRestore(t *testing.T) {
	f := create(t, cellfile.Limits{})
	a := add(t, f, 1, "a", 5)
	r := open(t, f.Path())
	for range 3 {
		a.Retire()
		require.NoError(t, r.Read())
		require.Equal(t, []record{{1, true, "a", "[5]"}}, records(r))
		a.Restore()
		require.NoError(t, r.Read())
		require.Equal(t, []record{{1, false, "a", "[5]"}}, records(r))
	}
}

// A record is found by its first word, in whatever segment it is, and by no other word.
func TestLocate(t *testing.T) {
	f := create(t, cellfile.Limits{})
	none := add(t, f, 9, "none")
	var all []cellfile.Record
	for i := range 3000 {
		all = append(all, add(t, f, uint16(1+i%5), childKeyText(i), make([]uint64, 1+i%40)...))
	}
	for i, r := range all {
		found, kind, ok := f.Locate(&r.Words[0])
		require.True(t, ok)
		require.EqualValues(t, 1+i%5, kind)
		require.Equal(t, r, found)
		for k := range r.Words[1:] {
			_, _, ok = f.Locate(&r.Words[k+1])
			require.False(t, ok)
		}
	}
	other := create(t, cellfile.Limits{})
	_, _, ok := f.Locate(&add(t, other, 1, "", 0).Words[0])
	require.False(t, ok)
	_, _, ok = f.Locate(new(uint64))
	require.False(t, ok)
	_, _, ok = f.Locate(nil)
	require.False(t, ok)
	require.Empty(t, none.Words)
	found, _, _ := f.Locate(&all[7].Words[0])
	found.Retire()
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	require.True(t, r.At(8).Retired)
}

func childKeyText(i int) string { return string(childKey(i)) }

// A word may look like a record.
func TestLocateIsNotDeceived(t *testing.T) {
	f := create(t, cellfile.Limits{})
	a := add(t, f, 1, "a", make([]uint64, 64)...)
	b := add(t, f, 1, "b", 0)
	content, err := os.ReadFile(f.Path())
	require.NoError(t, err)
	for i := range 4 { // the head of b as words of a, but for where it is
		for k := range 8 {
			a.Words[4+i] |= uint64(content[b.At+int64(8*i+k)]) << (8 * k)
		}
	}
	_, _, ok := f.Locate(&a.Words[8])
	require.False(t, ok)
	a.Words[7] = uint64(a.At) + 32 + 32
	_, _, ok = f.Locate(&a.Words[8])
	require.False(t, ok, "the checksum is another")
}

// Words are copied once more, and those of At stay as they are.
func TestCopy(t *testing.T) {
	f := create(t, cellfile.Limits{})
	a := add(t, f, 1, "a", 5, 6)
	add(t, f, 1, "none")
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	a.Words[1] = 7
	words := make([]uint64, 2)
	require.NoError(t, r.Copy(0, words))
	require.Equal(t, []uint64{5, 7}, words)
	require.Equal(t, []uint64{5, 6}, r.At(0).Words)
	require.NoError(t, r.Copy(1, nil))
	add(t, f, 1, "later")
	require.NoError(t, r.Refresh())
	require.Equal(t, 3, r.Known())
	require.Equal(t, 2, r.Len())
	require.NoError(t, r.Close())
	require.Error(t, r.Copy(0, words))
}

func TestCopyOfWhatIsCutOff(t *testing.T) {
	f := create(t, cellfile.Limits{})
	add(t, f, 1, "a", 5, 6)
	content, err := os.ReadFile(f.Path())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	r := open(t, path)
	require.NoError(t, r.Read())
	require.NoError(t, os.Truncate(path, 256+40))
	require.Equal(t, cellfile.Truncated, reasonOf(t, path, r.Copy(0, make([]uint64, 2))))
}

// A draft is not seen before it is published, and then stands in the place of what had its
// name. One that is left is swept, but not while somebody makes it.
func TestDraft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cells")
	_, err := cellfile.Draft(dir, cellfile.Limits{}, "archive.ember")
	require.ErrorIs(t, err, os.ErrNotExist)
	old := createIn(t, dir, cellfile.Limits{})
	archive := filepath.Join(dir, "archive.ember")
	require.NoError(t, os.Rename(old.Path(), archive))

	f, err := cellfile.Draft(dir, cellfile.Limits{}, "archive.ember")
	require.NoError(t, err)
	require.Equal(t, archive, f.Path())
	add(t, f, 1, "new", 1)
	removed, err := cellfile.Sweep(dir)
	require.NoError(t, err)
	require.Zero(t, removed)
	paths, err := cellfile.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{archive}, paths)
	require.Zero(t, open(t, archive).Len())
	require.NoError(t, f.Publish())
	require.NoError(t, f.Unmap())
	r := open(t, archive)
	require.NoError(t, r.Read())
	require.Equal(t, []record{{1, false, "new", "[1]"}}, records(r))

	g, err := cellfile.Draft(dir, cellfile.Limits{}, "archive.ember")
	require.NoError(t, err)
	require.NoError(t, g.Close())
	removed, err = cellfile.Sweep(dir)
	require.NoError(t, err)
	require.Equal(t, 1, removed)
	require.ErrorIs(t, g.Publish(), os.ErrNotExist)
	require.NoError(t, g.Unmap())
	h, err := cellfile.Draft(dir, cellfile.Limits{}, "archive.ember")
	require.NoError(t, err)
	require.NoError(t, h.Discard())
	require.NoError(t, h.Unmap())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, r.Refresh()) // is still the one that lies there
}

func TestTryLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cells")
	_, err := cellfile.TryLock(dir, "lock")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, cellfile.Check(dir), os.ErrNotExist)
	createIn(t, dir, cellfile.Limits{})
	require.NoError(t, cellfile.Check(dir))
	for range 3 {
		unlock, err := cellfile.TryLock(dir, "lock")
		require.NoError(t, err)
		require.NotNil(t, unlock)
		second, err := cellfile.TryLock(dir, "lock")
		require.NoError(t, err)
		require.Nil(t, second)
		unlock()
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "lock")))
	_, err = cellfile.TryLock(dir, "lock")
	require.ErrorContains(t, err, `ember: multi-process directory "`+dir+`": "lock" cannot be locked: `)
}
