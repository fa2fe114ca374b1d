// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/multiproc"
)

// Files that cannot be what their names say are counted and named, at the first scrape,
// and all others served, for as long as they are there.
func TestHostileNeighbours(t *testing.T) {
	path := tempPath(t)
	log := new(logged)
	reg := ember.NewRegistry(ember.WithMultiproc(openDir(t, path, log.option())))
	reg.NewCounter(ember.CounterOpts{Name: "a_total"}).Add(1)
	other := ember.NewRegistry(ember.WithMultiproc(openDir(t, path)))
	other.NewCounter(ember.CounterOpts{Name: "a_total"}).Add(2)
	h := other.NewHistogram(ember.HistogramOpts{Name: "h", Buckets: []float64{1}})
	h.Observe(1)
	want := scrape(t, reg).only()
	require.Equal(t, 3.0, want["a_total"])
	require.Empty(t, log.String())

	// What a process leaves that has counted much.
	elsewhere := tempPath(t)
	d := openDir(t, elsewhere)
	many := ember.NewRegistry(ember.WithMultiproc(d))
	v := many.NewCounterVec(ember.CounterOpts{Name: "many_total"}, "l")
	for i := range 500 {
		v.With(fmt.Sprint(i)).Inc()
	}
	require.NoError(t, d.Close())
	paths, err := cellfile.List(elsewhere)
	require.NoError(t, err)
	require.Len(t, paths, 1)
	content, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	r, err := cellfile.Open(paths[0])
	require.NoError(t, err)
	require.NoError(t, r.Read())
	record := r.At(200).At
	require.NoError(t, r.Close())

	in := func(name string) string { return filepath.Join(path, name+".ember") }
	write := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(in(name), content, 0o600))
	}
	changed := func(change func(b []byte)) []byte {
		b := append([]byte(nil), content...)
		change(b)
		return b
	}
	write("empty", nil)
	write("cut", content[:1000])
	write("cut in the header", content[:100])
	write("foreign", []byte(strings.Repeat("not a cell file ", 100)))
	write("flipped in the header", changed(func(b []byte) { b[20] ^= 4 }))
	write("flipped in a record", changed(func(b []byte) { b[record+8] ^= 4 }))
	require.NoError(t, os.Symlink(paths[0], in("link")))
	require.NoError(t, os.Symlink("nowhere", in("broken link")))
	require.NoError(t, os.Mkdir(in("directory"), 0o700))
	require.NoError(t, syscall.Mkfifo(in("pipe"), 0o600))
	write("future", changed(futureVersion))

	reasons := map[string]float64{"empty": 1, "truncated": 2, "foreign": 1, "corrupt": 2, "not_regular": 4, "version": 1}
	names := []string{"empty", "cut", "cut in the header", "foreign", "flipped in the header", "flipped in a record", "link", "broken link", "directory", "pipe", "future"}
	const errs = "ember_multiproc_file_errors_total"
	for range 4 {
		all := scrape(t, reg)
		served := all.only()
		// Of a file with a few bad bytes, what comes before them is served.
		part := 0.0
		for name, v := range served {
			if strings.HasPrefix(name, "many_total{") {
				require.LessOrEqual(t, v, 2.0)
				part += v
				delete(served, name)
			}
		}
		require.Greater(t, part, 0.0)
		require.Equal(t, want, served)
		found := make(map[string]float64)
		for name, v := range all.only(errs) {
			found[strings.TrimSuffix(strings.TrimPrefix(name, errs+`{reason="`), `"}`)] = v
		}
		require.Equal(t, reasons, found, log.String())
	}
	for _, name := range names {
		require.Equal(t, 1, log.lines("level=WARN", "/"+name+".ember"), "%s: %s", name, log)
	}
	require.Equal(t, len(names), log.lines(""), log.String())
	for _, name := range names {
		_, err := os.Lstat(in(name))
		require.NoError(t, err, "nobody removes what is not a file of a process")
	}

	// A process that begins now is not kept from it.
	late := ember.NewRegistry(ember.WithMultiproc(openDir(t, path)))
	late.NewCounter(ember.CounterOpts{Name: "a_total"}).Add(4)
	require.Equal(t, 7.0, scrape(t, late)["a_total"])
	require.Equal(t, 7.0, scrape(t, reg)["a_total"])
}

// futureVersion makes a file one of a later version.
func futureVersion(b []byte) {
	binary.NativeEndian.PutUint32(b[12:], 2)
	binary.NativeEndian.PutUint32(b[108:], crc32.Checksum(b[:108], crc32.MakeTable(crc32.Castagnoli)))
}

// Whatever bits flip in a file, the rest is served, and counts are those of it or less.
func TestFlippedBits(t *testing.T) {
	path := tempPath(t)
	reg := ember.NewRegistry(ember.WithMultiproc(openDir(t, path)))
	reg.NewCounter(ember.CounterOpts{Name: "a_total"}).Add(1)
	elsewhere := tempPath(t)
	d := openDir(t, elsewhere)
	count(ember.NewRegistry(ember.WithMultiproc(d)), 100)
	require.NoError(t, d.Close())
	paths, err := cellfile.List(elsewhere)
	require.NoError(t, err)
	content, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range 200 {
		b := append([]byte(nil), content...)
		for range 1 + rng.IntN(3) {
			b[rng.IntN(1<<(8+rng.IntN(8)))] ^= 1 << rng.IntN(8)
		}
		// With the lock of the directory held nothing is moved to the archive.
		unlock, err := cellfile.TryLock(path, "lock")
		require.NoError(t, err)
		file := filepath.Join(path, fmt.Sprint(i, ".ember"))
		require.NoError(t, os.WriteFile(file, b, 0o600))
		families, err := reg.Gather()
		require.NoError(t, err)
		_, err = gatheredTotals(families)
		require.NoError(t, err)
		require.Equal(t, 1.0, family(families, "a_total").Points[0].Value)
		require.NoError(t, os.Remove(file))
		unlock()
	}
}

func TestOpenWantsAPath(t *testing.T) {
	for _, open := range []func(string, ...multiproc.Option) (*multiproc.Dir, error){multiproc.Open, multiproc.OpenReader} {
		_, err := open("")
		require.EqualError(t, err, "ember: the path of the multi-process directory is empty")
	}
}
