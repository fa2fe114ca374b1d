// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package shared

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// bad writes a file of a process that has ended, with the counter x_total at 1 and
// whatever else is added.
func bad(t testing.TB, path string, more func(f *cellfile.File, d *Dir)) string {
	d := openDir(t, path)
	add(t, d, counter("x_total")).inc(1)
	more(d.file, d)
	require.NoError(t, d.Close())
	return d.file.Path()
}

// definitionKey is a definition as it should be, but for what change makes of it.
func definitionKey(f Family, change func(b []byte) []byte) []byte { return change(f.encode(nil, 0)) }

// Whatever is wrong with a file, the others are served, and what can be read of it. It is
// counted and logged once, and stays where it is.
func TestHostileFiles(t *testing.T) {
	raw := func(kind uint16, key []byte, words int, first ...uint64) func(*cellfile.File, *Dir) {
		return func(f *cellfile.File, _ *Dir) { f.Add(kind, key, words, first...) }
	}
	family := func(f Family) func(*cellfile.File, *Dir) { return raw(KindFamily, f.encode(nil, 0), 0) }
	inFamily := func(f Family, key func(at int64) []byte, words int, first ...uint64) func(*cellfile.File, *Dir) {
		return func(file *cellfile.File, d *Dir) {
			r, _ := file.Add(KindFamily, f.encode(nil, 0), 0)
			file.Add(KindSeries, key(r.At), words, first...)
		}
	}
	none := func(at int64) []byte { return seriesKey(nil, at, nil) }
	attach := func(f Family, kind uint16, words ...uint64) func(*cellfile.File, *Dir) {
		return func(_ *cellfile.File, d *Dir) {
			s := add(t, d, f)
			if f.Kind == metric.Summary {
				s.set(4, 1)
			}
			d.Attach(&s.Words()[0], kind, len(words), words...)
		}
	}
	many := counter("y_total")
	for i := range maxLabels + 1 {
		many.Labels = append(many.Labels, fmt.Sprint("l", i))
	}
	million := binary.AppendUvarint([]byte{1, byte(metric.Counter), 0, 1, 'y', 0, 0, 0}, 1_000_000)
	million = append(million, make([]byte, 1_000_000)...)
	page := make([]uint64, NativePageWords)
	withPage := func(number, count uint64) []uint64 {
		p := append([]uint64{}, page...)
		p[2], p[3] = number, count
		return p
	}
	native := nativeHistogram("y", nil)
	headed := func(page []uint64) func(*cellfile.File, *Dir) {
		return func(_ *cellfile.File, d *Dir) {
			s := add(t, d, native)
			d.Attach(&s.Words()[0], KindNativeHead, NativeHeadWords)
			d.Attach(&s.Words()[0], KindNativePage, NativePageWords, page...)
		}
	}
	content := map[string]func(*cellfile.File, *Dir){
		"series of an unknown family":      raw(KindSeries, []byte{100}, 3, 5),
		"series of no family":              raw(KindSeries, nil, 3, 5),
		"series of a series":               raw(KindSeries, []byte{11}, 3, 5),
		"too few words":                    inFamily(counter("y_total"), none, 2, 5),
		"too many words":                   inFamily(counter("y_total"), none, 4, 5),
		"words of another kind":            inFamily(histogram("y", []float64{1}), none, 3, 5),
		"no value of a label":              inFamily(counter("y_total", "l"), none, 3, 5),
		"more values than labels":          inFamily(counter("y_total"), func(at int64) []byte { return seriesKey(nil, at, []string{"v"}) }, 3, 5),
		"value that is cut off":            inFamily(counter("y_total", "l"), func(at int64) []byte { return append(none(at), 200, 1, 'v') }, 3, 5),
		"value that is not UTF-8":          inFamily(counter("y_total", "l"), func(at int64) []byte { return append(none(at), 1, 0xff) }, 3, 5),
		"length of a value overflows":      inFamily(counter("y_total", "l"), func(at int64) []byte { return append(none(at), bytes.Repeat([]byte{0xff}, 9)...) }, 3, 5),
		"definition is empty":              raw(KindFamily, nil, 0),
		"definition of a later format":     raw(KindFamily, definitionKey(counter("y"), func(b []byte) []byte { b[0] = 2; return b }), 0),
		"definition is cut off":            raw(KindFamily, definitionKey(counter("y"), func(b []byte) []byte { return b[:len(b)-3] }), 0),
		"kind that is none":                raw(KindFamily, definitionKey(counter("y"), func(b []byte) []byte { b[1] = 99; return b }), 0),
		"mode that is none":                raw(KindFamily, definitionKey(counter("y"), func(b []byte) []byte { b[2] = 99; return b }), 0),
		"no name":                          family(counter("")),
		"name that is not UTF-8":           family(counter("y\xff")),
		"a thousand labels and one":        family(many),
		"a million labels":                 raw(KindFamily, million, 0),
		"label twice":                      family(counter("y", "l", "l")),
		"label without a name":             family(counter("y", "")),
		"label le of a histogram":          family(histogram("y", nil, "le")),
		"label quantile of a summary":      family(Family{Desc: metric.Desc{Name: "y", Kind: metric.Summary, Labels: []string{"quantile"}}}),
		"bounds that fall":                 family(histogram("y", []float64{2, 1})),
		"bound that is NaN":                family(histogram("y", []float64{math.NaN()})),
		"bound that is infinite":           family(histogram("y", []float64{1, math.Inf(1)})),
		"buckets of a counter":             family(Family{Desc: metric.Desc{Name: "y", Kind: metric.Counter}, Bounds: []float64{1}}),
		"quantiles of a counter":           family(Family{Desc: metric.Desc{Name: "y", Kind: metric.Counter}, Quantiles: []float64{0.5}}),
		"quantile above 1":                 family(summary("y", 1, 1, 2)),
		"quantiles without a window":       family(summary("y", 0, 0, 0.5)),
		"periods that are too many":        family(summary("y", math.MaxInt32, 1, 0.5)),
		"counter that is NaN":              inFamily(counter("y"), none, 3, 5, math.Float64bits(math.NaN())+1),
		"counter that is infinite":         inFamily(counter("y"), none, 3, 5, math.Float64bits(math.Inf(1))),
		"absurd counter":                   inFamily(counter("y"), none, 3, 1<<63-1),
		"absurd stripe":                    attach(counter("y"), KindStripes, append([]uint64{1<<63 - 1}, make([]uint64, 15)...)...),
		"absurd count of a bucket":         inFamily(histogram("y", nil), none, 4, 0, 0, 1<<62),
		"absurd count of a summary":        inFamily(summary("y", 0, 0), none, 5, 0, 1<<62),
		"attached to nothing":              raw(KindStripes, []byte{77}, 16),
		"attached without a key":           raw(KindStripes, nil, 16),
		"attached to a definition":         raw(KindStripes, []byte{8}, 16),
		"stripes of a gauge":               attach(gauge("y", 0), KindStripes, make([]uint64, 16)...),
		"half a stripe":                    attach(counter("y"), KindStripes, make([]uint64, 8)...),
		"native buckets of a counter":      attach(counter("y"), KindNativeHead, make([]uint64, 8)...),
		"native head that is too short":    attach(native, KindNativeHead, 1),
		"native page that is too long":     attach(native, KindNativePage, make([]uint64, 20)...),
		"sketch of a histogram":            attach(native, KindSketchPage, make([]uint64, 11)...),
		"native schema that is none":       attach(native, KindNativeHead, 0, 0, 9, 0, 0, 0, 0, 0),
		"native schema that is negative":   attach(native, KindNativeHead, 0, 1, 0, 0, 0, ^uint64(4), 0, 0),
		"native threshold that is NaN":     attach(native, KindNativeHead, 0, 0, 0, math.Float64bits(math.NaN()), 0, 0, 0, 0),
		"absurd native zero count":         attach(native, KindNativeHead, 0, 0, 0, 0, 1<<62, 0, 0, 0),
		"native page that is out of range": headed(withPage(1<<40, 1)),
		"absurd count of a native bucket":  headed(withPage(0, 1<<63)),
		"sketch page that is out of range": attach(summary("y", 1, 1, 0.5), KindSketchPage, 0, 1, 1<<40, 1, 0, 0, 0, 0, 0, 0, 0),
		"id that is too short":             raw(KindAbsorbed, []byte("short"), 0),
	}
	for name, more := range content {
		t.Run(name, func(t *testing.T) {
			requireHostile(t, Content, true, func(path string) string { return bad(t, path, more) })
		})
	}

	damaged := func(damage func(content []byte) []byte) func(path string) string {
		return func(path string) string {
			name := bad(t, path, func(*cellfile.File, *Dir) {})
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(name, damage(content), 0o600))
			return name
		}
	}
	whole := func(damage func(path string) error) func(path string) string {
		return func(path string) string {
			name := filepath.Join(path, "7-0123.ember")
			require.NoError(t, damage(name))
			return name
		}
	}
	for name, tc := range map[string]struct {
		reason cellfile.Reason
		served bool
		make   func(path string) string
	}{
		"cut off":       {cellfile.Truncated, false, damaged(func(b []byte) []byte { return b[:300] })},
		"empty":         {cellfile.Empty, false, damaged(func(b []byte) []byte { return nil })},
		"foreign":       {cellfile.Foreign, false, damaged(func(b []byte) []byte { return []byte("#!/bin/sh\n") })},
		"later version": {cellfile.Version, false, damaged(func(b []byte) []byte { b[12] = 9; return b })},
		"header bit":    {cellfile.Corrupt, false, damaged(func(b []byte) []byte { b[40] ^= 4; return b })},
		"record bit":    {cellfile.Corrupt, false, damaged(func(b []byte) []byte { b[256+40] ^= 4; return b })},
		"second record": {cellfile.Corrupt, false, damaged(func(b []byte) []byte { b[256+32+64] ^= 4; return b })},
		"link":          {cellfile.NotRegular, false, whole(func(name string) error { return os.Symlink("/etc/passwd", name) })},
		"directory":     {cellfile.NotRegular, false, whole(func(name string) error { return os.Mkdir(name, 0o700) })},
	} {
		t.Run(name, func(t *testing.T) { requireHostile(t, tc.reason, tc.served, tc.make) })
	}
}

func requireHostile(t *testing.T, reason cellfile.Reason, served bool, make func(path string) string) {
	path := newPath(t)
	var log logged
	d := openWith(t, path, Options{Logger: log.logger()})
	add(t, d, counter("x_total")).inc(10)
	name := make(path)
	good := openDir(t, path)
	add(t, good, counter("x_total")).inc(100)
	require.NoError(t, good.Close())
	want := 110.0
	if served {
		want++
	}
	for range 4 {
		var x *metric.Family
		for _, f := range gather(t, d) {
			if f.Name == "x_total" {
				x = f
			} else {
				require.Equal(t, "y", f.Name[:1])
				for _, p := range f.Points {
					require.Zero(t, p.Value)
					require.Zero(t, p.Sum)
				}
			}
		}
		require.Equal(t, want, x.Points[0].Value)
		require.Equal(t, map[string]uint64{string(reason): 1}, d.Stats().FileErrors)
		require.Len(t, log.lines(), 1)
		require.Contains(t, log.lines()[0], filepath.Base(name))
		require.Equal(t, 2, files(t, path)) // the good one was moved to the archive
		_, err := os.Lstat(name)
		require.NoError(t, err)
	}
}

// Files that vanish, or are replaced while they are open.
func TestFilesThatChange(t *testing.T) {
	path := newPath(t)
	d := openDir(t, path)
	a, b := openDir(t, path), openDir(t, path)
	for i, d := range []*Dir{d, a, b} {
		add(t, d, counter("x_total")).inc([]uint64{1, 10, 100}[i])
	}
	require.Equal(t, []string{"x_total 111"}, gathered(t, d))
	require.NoError(t, os.Remove(a.file.Path()))
	require.Equal(t, []string{"x_total 101"}, gathered(t, d))
	require.Empty(t, d.Stats().FileErrors)
	// Another file under the same name.
	content, err := os.ReadFile(b.file.Path())
	require.NoError(t, err)
	other := copyAs(t, content[:1024], newDirIn(t, path), 1)
	require.NoError(t, os.Rename(other, b.file.Path()))
	require.Equal(t, []string{"x_total 101"}, gathered(t, d))
	require.Equal(t, []string{"x_total 101"}, gathered(t, d))
	require.Equal(t, 1, files(t, path)) // for the other's process has ended
	// And one that is overwritten.
	c := openDir(t, path)
	add(t, c, counter("x_total")).inc(1000)
	require.Equal(t, []string{"x_total 1101"}, gathered(t, d))
	overwritten := append([]byte(nil), content[:1024]...)
	setID(overwritten, 3)
	file, err := os.OpenFile(c.file.Path(), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = file.WriteAt(overwritten, 0)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, []string{"x_total 101"}, gathered(t, d))
	require.Equal(t, map[string]uint64{"replaced": 1}, d.Stats().FileErrors)
}

func newDirIn(t testing.TB, path string) string {
	dir := filepath.Join(filepath.Dir(path), "other")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

// A damaged archive is set aside, and served as far as it can be read. One of a later
// version stays, and nothing is moved.
func TestDamagedArchive(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(b []byte) []byte
		kept   string // of the archive
		files  int
	}{
		"empty":             {func(b []byte) []byte { return nil }, "", 3},
		"foreign":           {func(b []byte) []byte { return []byte("foreign") }, "", 3},
		"last record":       {func(b []byte) []byte { b[lastRecord(b)+24] ^= 1; return b }, "a_total 1", 3},
		"later version":     {func(b []byte) []byte { b[12] = 2; return b }, "", 3},
		"later definitions": {func(b []byte) []byte { return laterFormat(t, b) }, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			var log logged
			first := openDir(t, path)
			for _, name := range []string{"a_total", "b_total"} {
				add(t, first, counter(name)).inc(1)
			}
			require.NoError(t, first.Close())
			d := openWith(t, path, Options{Logger: log.logger()})
			require.Equal(t, []string{"a_total 1", "b_total 1"}, gathered(t, d))
			damage := tc.damage(archiveOf(t, path))
			archive := filepath.Join(path, archiveName)
			require.NoError(t, os.WriteFile(archive, damage, 0o600))

			add(t, d, counter("c_total")).inc(1)
			dead := openDir(t, path)
			add(t, dead, counter("d_total")).inc(1)
			require.NoError(t, dead.Close())
			var want []string
			if tc.kept != "" {
				want = []string{"a_total 1", "b_total 1"}[:strings.Count(tc.kept, "_")]
			}
			if name == "last record" {
				want = []string{"a_total 1", "b_total 1"} // the last one is the tally
			}
			want = append(want, "c_total 1", "d_total 1")
			for range 3 {
				require.Equal(t, want, gathered(t, d))
			}
			entries, err := os.ReadDir(path)
			require.NoError(t, err)
			if strings.HasPrefix(name, "later") {
				require.Len(t, entries, 4) // all are where they were
				require.Equal(t, 2, files(t, path))
				after, err := os.ReadFile(archive)
				require.NoError(t, err)
				require.True(t, bytes.Equal(damage, after))
				require.LessOrEqual(t, len(log.lines()), 2)
				return
			}
			require.Len(t, entries, 4)
			require.Equal(t, 2, files(t, path)) // ours, and what was set aside
			require.Len(t, d.Stats().FileErrors, 1)
			require.Equal(t, want, gathered(t, openReader(t, path, Options{})))
		})
	}
}

// archiveOf returns what is in an archive.
func archiveOf(t testing.TB, path string) []byte {
	content, err := os.ReadFile(filepath.Join(path, archiveName))
	require.NoError(t, err)
	return content
}

// lastRecord returns where the last record of a file begins.
func lastRecord(b []byte) (last int) {
	used := int(binary.NativeEndian.Uint64(b[128:]) & (1<<48 - 1))
	for at := 256; at < used; at += int(binary.NativeEndian.Uint32(b[at+8:])) {
		last = at
	}
	return last
}

// laterFormat returns a file whose only record is a definition of a later format.
func laterFormat(t testing.TB, b []byte) []byte {
	dir := newPath(t)
	f, err := cellfile.Create(dir, cellfile.Limits{})
	require.NoError(t, err)
	defer f.Unmap()
	_, err = f.Add(KindFamily, []byte{2, 3, 4}, 0)
	require.NoError(t, err)
	content, err := os.ReadFile(f.Path())
	require.NoError(t, err)
	setID(content, 9)
	return content
}

// Any bytes as keys and words of records never do worse than be counted.
func FuzzRecords(f *testing.F) {
	c, h, s := counter("x", "l"), nativeHistogram("h", []float64{1, 2}), summary("s", 3, 1e9, 0.5)
	for _, def := range []Family{c, h, s, gauge("g", metric.ModeEach), gauge("g", metric.ModeLatest)} {
		values := make([]string, len(def.Labels))
		f.Add(uint16(KindFamily), def.encode(nil, 0), uint16(KindSeries), seriesKey(nil, 256, values), bytesOf(0, 0, 2, 3, 1, 0), uint16(KindStripes), make([]byte, 128))
		f.Add(uint16(KindFamily), def.encode(nil, 9), uint16(KindSeries), seriesKey(nil, 256, values), bytesOf(0, 5, 2), uint16(KindNativeHead), bytesOf(0, 1, 1, 1, 1, 3, 1, 9))
		f.Add(uint16(KindFamily), def.encode(nil, 9), uint16(KindSeries), seriesKey(nil, 256, values), bytesOf(0, 5, 2, 0, 0), uint16(KindSketchPage), bytesOf(0, 1, 5, 1, 2, 3, 4, 5, 6, 7, 8))
		f.Add(uint16(KindFamily), def.encode(nil, 9), uint16(KindSeries), seriesKey(nil, 256, values), bytesOf(0, 5, 2, 0, 0), uint16(KindSketchEnds), bytesOf(0, 1, 5, 1))
	}
	f.Fuzz(func(t *testing.T, kind1 uint16, key1 []byte, kind2 uint16, key2, words2 []byte, kind3 uint16, words3 []byte) {
		path := newPath(t)
		d := openDir(t, path)
		file := d.file
		file.Add(kind1, key1, 0)
		r, err := file.Add(kind2, key2, len(words2)/8, take(words2)...)
		if err == nil {
			file.Add(kind3, attachedKey(nil, r.At), len(words3)/8, take(words3)...)
			file.Add(KindNativePage, attachedKey(nil, r.At), NativePageWords, 0, 1, uint64(len(words3)), 1)
		}
		add(t, d, counter("good_total")).inc(1)
		reader := openReader(t, path, Options{})
		check := func() {
			t.Helper()
			n := 0
			for _, f := range gather(t, reader) {
				if f.Name == "good_total" && f.Kind == metric.Counter && len(f.Points) == 1 {
					n++
				}
			}
			if n == 0 && !bytes.Contains(key1, []byte("good_total")) {
				t.Fatal("what is good is not served")
			}
		}
		check()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		check()
		check()
		if n := files(t, path); n > 0 && len(reader.Stats().FileErrors) == 0 {
			t.Fatal("left without saying why")
		}
	})
}

func bytesOf(list ...uint64) (b []byte) {
	for _, w := range list {
		b = binary.NativeEndian.AppendUint64(b, w)
	}
	return b
}

func take(b []byte) (words []uint64) {
	for ; len(b) >= 8; b = b[8:] {
		words = append(words, binary.NativeEndian.Uint64(b))
	}
	return words
}
