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
	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeUntilKilled(dir)
	}
	leaktest.Main(m)
}

// create makes a file in a directory of its own, and unmaps it after the test.
func create(t testing.TB, limits cellfile.Limits) *cellfile.File {
	return createIn(t, filepath.Join(t.TempDir(), "cells"), limits)
}

func createIn(t testing.TB, dir string, limits cellfile.Limits) *cellfile.File {
	f, err := cellfile.Create(dir, limits)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Unmap()) })
	return f
}

func open(t testing.TB, path string) *cellfile.Reader {
	r, err := cellfile.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

func add(t testing.TB, f *cellfile.File, kind uint16, key string, words ...uint64) cellfile.Record {
	r, err := f.Add(kind, []byte(key), len(words))
	require.NoError(t, err)
	copy(r.Words, words)
	return r
}

// record is what is compared of an Entry.
type record struct {
	kind  uint16
	dead  bool
	key   string
	words string
}

func records(r *cellfile.Reader) []record {
	all := []record{}
	for i := range r.Len() {
		e := r.At(i)
		all = append(all, record{e.Kind, e.Retired, string(e.Key), fmt.Sprint(e.Words)})
	}
	return all
}

// small makes a file with few records and returns the part of it that is used.
func small(t testing.TB) (content []byte, want []record) {
	f := create(t, cellfile.Limits{})
	add(t, f, 1, "requests", 7, 1<<63)
	add(t, f, 2, "", 3)
	add(t, f, 3, "gone", 4, 5, 6, 7).Retire()
	add(t, f, 65535, "no words, but a key that is longer than the others")
	r := open(t, f.Path())
	require.NoError(t, r.Read())
	want = []record{
		{1, false, "requests", "[7 9223372036854775808]"},
		{2, false, "", "[3]"},
		{3, true, "gone", "[4 5 6 7]"},
		{65535, false, "no words, but a key that is longer than the others", "[]"},
	}
	require.Equal(t, want, records(r))
	content, err := os.ReadFile(f.Path())
	require.NoError(t, err)
	return content[:256+64+64+96+96], want
}
