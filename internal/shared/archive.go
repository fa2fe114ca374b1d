// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

// The archive has what processes have counted that have ended. Compaction, by whoever has
// the lock of the directory, makes a new one of the old one and of files of such
// processes, under another name; renames it over the old one; and removes the files.
// The new one names them. Who ends before the rename has changed nothing; who ends after
// it leaves files that nobody reads any more.

const (
	archiveName = "archive.ember"
	lockName    = "lock"

	// Of a gauge that each process has for itself the archive keeps the values of so many
	// processes, the newest ones.
	maxApart = 64
	// Of layouts that a family had in the course of time, so many are kept apart.
	maxShapes = 16

	compactAgain = 30 * time.Second // after a failure
)

// mayCompact reports whether there is something to be moved, and whether it is time.
func (d *Dir) mayCompact() bool {
	return d.health.movable > 0 && !time.Now().Before(d.later)
}

// tidy compacts if need be.
func (d *Dir) tidy() {
	<-d.gathering
	defer func() { d.gathering <- struct{}{} }()
	if d.closed {
		return
	}
	idle := len(d.sources) == 0
	if _, err := d.open(context.Background()); err == nil && d.mayCompact() {
		d.compact(context.Background())
	}
	if idle { // who never gathers need not keep files open
		for path, s := range d.sources {
			s.close()
			delete(d.sources, path)
		}
	}
}

// compact moves what it can to the archive. It returns true if anything has changed, in
// the directory or in what is known of it. Failures are logged, and leave the directory
// as it was.
func (d *Dir) compact(ctx context.Context) (changed bool) {
	unlock, err := cellfile.TryLock(d.path, lockName)
	if err == nil {
		if unlock == nil {
			return false // somebody else is at it
		}
		defer unlock()
		if _, err := cellfile.Sweep(d.path); err != nil && !d.health.saidSweep {
			d.health.saidSweep = true
			d.log().Warn("ember: what processes have left that ended while they began cannot be removed", "dir", d.path, "error", err)
		}
		changed, err = d.compactLocked(ctx)
	}
	if err != nil && ctx.Err() == nil {
		d.later = time.Now().Add(compactAgain)
		if text := err.Error(); d.health.saidCompact != text {
			d.health.saidCompact = text
			d.log().Error("ember: what processes have counted that have ended cannot be moved to the archive: their files are read at each scrape", "dir", d.path, "error", err)
		}
	}
	return changed
}

func (d *Dir) at(step string) {
	if d.step != nil {
		d.step(step)
	}
}

// absorbed is a file that is in an archive.
type absorbed struct {
	id   [16]byte
	path string
}

func (d *Dir) compactLocked(ctx context.Context) (changed bool, err error) {
	t := newTable(d.table.max)
	t.compacts = true
	t.begin(time.Now().UnixNano())
	old, aside, err := d.oldArchive(t)
	if err != nil || aside {
		return aside, err
	}
	tally := uint64(0)
	if old != nil {
		defer old.close()
		tally = old.tally
	}
	paths, err := cellfile.List(d.path)
	if err != nil {
		return false, err
	}
	var moved, before []absorbed
	unknown := false // there are files that are perhaps in the archive
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if path == d.archivePath() {
			continue
		}
		s, err := openSource(path)
		if err != nil {
			unknown = true
			continue // whoever reads it says so
		}
		switch alive, err := s.r.Alive(); {
		case old != nil && old.absorbed[s.id.ID]:
			before = append(before, absorbed{s.id.ID, path})
		case err != nil || alive || d.stays[path]:
		case s.moveTo(t):
			moved = append(moved, absorbed{s.id.ID, path})
		default:
			d.stays[path] = true
			changed = true
		}
		s.close()
	}
	if len(moved) > 0 {
		d.at("read")
		ids := make(map[[16]byte]bool, len(moved)+len(before))
		if unknown && old != nil {
			maps.Copy(ids, old.absorbed)
		}
		for _, a := range append(before, moved...) {
			ids[a.id] = true
		}
		if err := d.writeArchive(t, ids, tally+uint64(len(moved))); err != nil {
			return changed, err
		}
	}
	for _, a := range append(before, moved...) {
		if err := os.Remove(a.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			d.stays[a.path] = true // it is known to be in the archive
		}
		d.at("removed")
		changed = true
	}
	return changed, nil
}

// oldArchive reads the archive that there is. If it cannot be read whole it is set aside,
// to be read like the file of a process: what is in it must not be lost. But what a
// newer version has written is left alone.
func (d *Dir) oldArchive(t *table) (s *source, aside bool, err error) {
	s, err = openSource(d.archivePath())
	name := ""
	if err == nil {
		s.archive = true
		if s.moveTo(t) {
			return s, false, nil
		}
		name = hex.EncodeToString(s.id.ID[:])
		if err = s.err; err == nil {
			err = &contentError{s.path, s.content}
		}
		s.close()
	}
	var e *cellfile.ReadError
	if errors.As(err, &e) {
		switch e.Reason {
		case cellfile.Vanished:
			return nil, false, nil
		case cellfile.Truncated, cellfile.Empty, cellfile.Foreign, cellfile.Corrupt:
		default:
			return nil, false, err
		}
	} else if s.newer {
		return nil, false, err
	}
	if name == "" {
		name = strconv.FormatInt(time.Now().UnixNano(), 16)
	}
	if err := os.Rename(d.archivePath(), filepath.Join(d.path, "damaged-"+name+".ember")); err != nil {
		return nil, false, fmt.Errorf("ember: directory %q: %w", d.path, err)
	}
	d.at("set aside")
	return nil, true, nil
}

// moveTo adds everything of the file of a process that has ended to a table for an
// archive, or nothing: it returns false if there is something that it cannot add.
func (s *source) moveTo(t *table) bool {
	s.load(t)
	if s.err != nil || s.content != "" || s.newer {
		return false
	}
	// Everything is looked at before anything is added.
	t.tries = true
	s.add(t)
	t.tries = false
	if s.content != "" || s.leftOut > 0 {
		return false
	}
	s.add(t)
	return true
}

// writeArchive makes the archive of what is in a table. It has everything of the files
// with the given ids, and of tally files in all.
func (d *Dir) writeArchive(t *table, ids map[[16]byte]bool, tally uint64) (err error) {
	f, err := cellfile.Draft(d.path, cellfile.Limits{Bytes: 1 << 30, Records: math.MaxInt32}, archiveName)
	if err != nil {
		return err
	}
	published := false
	defer func() {
		if !published {
			f.Discard()
		}
		if e := f.Unmap(); e != nil && err == nil {
			err = e
		}
	}()
	d.at("created")
	w := archiver{file: f, table: t}
	if err := w.write(); err != nil {
		return err
	}
	for id := range ids {
		if _, err := f.Add(KindAbsorbed, id[:], 0); err != nil {
			return err
		}
	}
	if _, err := f.Add(KindTally, nil, 1, tally); err != nil {
		return err
	}
	d.at("written")
	if err := f.Publish(); err != nil {
		return err
	}
	published = true
	d.at("renamed")
	return nil
}

// archiver writes a table to a file.
type archiver struct {
	file  *cellfile.File
	table *table
	key   []byte
	words []uint64
	err   error // the first
}

func (w *archiver) add(kind uint16, key []byte, words ...uint64) cellfile.Record {
	if w.err != nil {
		return cellfile.Record{}
	}
	r, err := w.file.Add(kind, key, len(words), words...)
	w.err = err
	return r
}

func (w *archiver) write() error {
	t := w.table
	for _, f := range slices.SortedFunc(maps.Values(t.families), func(a, b *family) int { return strings.Compare(a.name, b.name) }) {
		var groups []*group
		for _, g := range f.groups {
			if g.seen == t.round && g.count(t.round) > 0 {
				groups = append(groups, g)
			}
		}
		slices.SortFunc(groups, func(a, b *group) int { return b.origin.compare(a.origin) })
		for len(groups) > maxShapes {
			last := groups[len(groups)-1]
			groups = groups[:len(groups)-1]
			if i := slices.IndexFunc(groups, func(g *group) bool { return g.def.Kind == last.def.Kind }); i >= 0 {
				t.fold(groups[i], last)
			}
		}
		for _, g := range groups {
			w.group(g)
		}
	}
	return w.err
}

// group writes the series of a group, with a definition for each set of names of labels.
func (w *archiver) group(g *group) {
	families := make(map[string]int64)
	var names []string
	var values []string
	for _, s := range w.series(g) {
		labels := s.labels
		if s.apart {
			labels = labels[:len(labels)-1]
		}
		names, values = names[:0], values[:0]
		w.key = w.key[:0]
		for _, l := range labels {
			names, values = append(names, l.Name), append(values, l.Value)
			w.key = appendString(w.key, l.Name)
		}
		at, ok := families[string(w.key)]
		if !ok {
			set := string(w.key)
			def := *g.def
			def.ConstLabels, def.Labels = nil, names
			at = w.add(KindFamily, def.encode(nil, g.origin.created)).At
			families[set] = at
		}
		w.key = seriesKey(w.key[:0], at, values)
		w.slot(g.def, s)
	}
}

// series returns the series of a group that are to be kept.
func (w *archiver) series(g *group) []*slot {
	var all []*slot
	for _, s := range g.list {
		if s.seen == w.table.round {
			all = append(all, s)
		}
	}
	if !g.def.apart() {
		return all
	}
	slices.SortStableFunc(all, func(a, b *slot) int {
		if c := strings.Compare(a.base, b.base); c != 0 {
			return c
		}
		return int(min(max(int64(b.time-a.time), -1), 1))
	})
	kept := all[:0]
	n := 0
	for _, s := range all {
		if len(kept) > 0 && kept[len(kept)-1].base == s.base {
			n++
		} else {
			n = 0
		}
		if n < maxApart {
			kept = append(kept, s)
		}
	}
	return kept
}

// slot writes a series, whose key is w.key.
func (w *archiver) slot(def *Family, s *slot) {
	parts := s.parts()
	first := math.Float64bits(parts[0])
	switch def.Kind {
	case metric.Counter:
		w.stripes(w.add(KindSeries, w.key, s.count, first, s.created).At, parts, 1, stripeWords)
	case metric.Histogram, metric.GaugeHistogram:
		w.words = append(w.words[:0], 0, first)
		w.words = append(w.words, s.buckets...)
		w.words = append(w.words, s.created)
		at := w.add(KindSeries, w.key, w.words...).At
		w.stripes(at, parts, 1, stride(def.shard()))
		if s.isNative {
			w.native(at, s.native)
		}
	case metric.Summary:
		at := w.add(KindSeries, w.key, 0, s.count, first, s.created, 0).At
		w.stripes(at, parts, 2, stride(def.shard()))
		w.sketches(at, def, s)
	default:
		v := s.value(def.mode())
		bits := math.Float64bits(v)
		if bits == Unset {
			bits = 0
		}
		w.add(KindSeries, w.key, bits, s.time, s.pid)
	}
}

// parts returns what adds up to the sum, one number at least, the largest first.
func (s *slot) parts() []float64 {
	if s.sum.rough != 0 || len(s.sum.parts) == 0 {
		return []float64{s.sum.value()}
	}
	parts := slices.Clone(s.sum.parts)
	slices.Reverse(parts)
	return parts
}

// stripes writes all but the first of the parts of a sum.
func (w *archiver) stripes(at int64, parts []float64, word, each int) {
	if len(parts) < 2 {
		return
	}
	words := make([]uint64, each*(len(parts)-1))
	for i, v := range parts[1:] {
		words[i*each+word] = math.Float64bits(v)
	}
	w.add(KindStripes, attachedKey(nil, at), words...)
}

func (w *archiver) native(at int64, b *native.Buckets) {
	key := attachedKey(nil, at)
	scale := b.Scale()
	w.add(KindNativeHead, key, 0, 0, uint64(scale.Schema), math.Float64bits(scale.ZeroThreshold), b.Zero, 0, 0, 0)
	for sign, c := range []*native.Counts{&b.Positive, &b.Negative} {
		c.EachPage(func(number int, counts *[native.PageLen]uint64) {
			w.words = append(append(w.words[:0], uint64(sign), 0, uint64(number)), counts[:]...)
			w.add(KindNativePage, key, w.words...)
		})
	}
}

// sketches writes what is within the window. Periods are numbered from 1970 on, so that
// they begin at the same times whoever writes them.
func (w *archiver) sketches(at int64, def *Family, s *slot) {
	if def.Periods == 0 {
		return
	}
	key := attachedKey(nil, at)
	periods := make(map[uint64]*sketch.Sketch)
	for start, k := range s.periods {
		p := uint64(max(floorDiv(start, int64(def.Period)), 0)) + 1
		if _, ok := def.start(w.table.now, 0, p); !ok {
			continue
		}
		if periods[p] == nil {
			periods[p] = new(sketch.Sketch)
		}
		periods[p].Merge(k)
	}
	for p, k := range periods {
		low, high, ok := k.Ends()
		if !ok {
			continue
		}
		w.add(KindSketchEnds, key, 0, p, math.Float64bits(low), math.Float64bits(high))
		k.EachPage(func(number int, counts *[sketch.PageBins]uint32) {
			var halves [8]uint64
			*words.Halves(&halves) = *counts
			w.words = append(append(w.words[:0], 0, p, uint64(number)), halves[:]...)
			w.add(KindSketchPage, key, w.words...)
		})
	}
}
