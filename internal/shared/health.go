// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/embermetrics/ember/internal/cellfile"
)

// Stats says how the directory fares, as far as this process has seen.
type Stats struct {
	FileErrors         map[string]uint64 // files that could not be read, or not all of them, by reason
	Conflicts          map[string]uint64 // files that say something else of a metric than the newest one, by metric
	SeriesWithoutPlace uint64            // that could not be added to our own file
	SeriesLeftOut      uint64            // of all files, that were beyond MaxSeries
	Live, Dead         int               // files that the last Gather read, the archive aside
	Absorbed           uint64            // files that the archive has everything of
}

// Content is a reason besides those of package cellfile.
const Content cellfile.Reason = "content" // the records cannot be what they say

// Stats returns how the directory fares.
func (d *Dir) Stats() Stats {
	h := &d.health
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.stats
	s.FileErrors, s.Conflicts = maps.Clone(s.FileErrors), maps.Clone(s.Conflicts)
	s.SeriesWithoutPlace = d.noPlace.Load()
	return s
}

// health is what is wrong with files: each thing is counted and logged once for a file.
type health struct {
	mu    sync.Mutex // of stats
	stats Stats

	errors    map[string]cellfile.Reason // by path
	conflicts map[[16]byte][]string      // names of metrics, by file
	leftOut   map[[16]byte]int           // series, by file
	present   map[[16]byte]bool          // files of this attempt
	vanished  []*cellfile.ReadError      // of this attempt: only if it is the last it means something

	movable     int // dead files of this attempt that may be moved to the archive
	live, ended int // of this attempt
	saidFull    bool
	saidSweep   bool
	saidCompact string
}

func (h *health) init() {
	h.stats.FileErrors, h.stats.Conflicts = make(map[string]uint64), make(map[string]uint64)
	h.errors = make(map[string]cellfile.Reason)
	h.conflicts = make(map[[16]byte][]string)
	h.leftOut = make(map[[16]byte]int)
	h.present = make(map[[16]byte]bool)
}

// begin begins an attempt to read all files.
func (h *health) begin() {
	clear(h.present)
	h.vanished = nil
	h.movable, h.live, h.ended = 0, 0, 0
}

// there says that there is a file with an id.
func (h *health) there(id [16]byte) { h.present[id] = true }

// listed forgets files that are not there any more.
func (h *health) listed(paths map[string]bool) {
	for path := range h.errors {
		if !paths[path] && filepath.Base(path) != archiveName {
			delete(h.errors, path)
		}
	}
	for id := range h.conflicts {
		if !h.present[id] {
			delete(h.conflicts, id)
		}
	}
	for id := range h.leftOut {
		if !h.present[id] {
			delete(h.leftOut, id)
		}
	}
}

// failed notes that a file cannot be read, or not all of it.
func (h *health) failed(d *Dir, path string, err error) {
	reason := Content
	var e *cellfile.ReadError
	if errors.As(err, &e) {
		reason = e.Reason
		if reason == cellfile.Vanished {
			h.vanished = append(h.vanished, e)
			return
		}
	}
	if old, ok := h.errors[path]; ok && old == reason {
		return
	}
	h.errors[path] = reason
	h.count(d, reason, err)
}

func (h *health) count(d *Dir, reason cellfile.Reason, err error) {
	h.mu.Lock()
	h.stats.FileErrors[string(reason)]++
	h.mu.Unlock()
	d.log().Warn("ember: a file of another process cannot be read, or not all of it", "error", err)
}

// conflict notes that a file defines a metric otherwise than the newest.
func (h *health) conflict(id [16]byte, def, newest *Family) {
	if slices.Contains(h.conflicts[id], def.Name) {
		return
	}
	h.conflicts[id] = append(h.conflicts[id], def.Name)
	h.mu.Lock()
	h.stats.Conflicts[def.Name]++
	h.mu.Unlock()
}

// left notes how many series of a file the table has no place for.
func (h *health) left(id [16]byte, n int) {
	if old := h.leftOut[id]; n > old {
		h.leftOut[id] = n
		h.mu.Lock()
		h.stats.SeriesLeftOut += uint64(n - old)
		h.mu.Unlock()
	}
}

// note ends an attempt that succeeded.
func (d *Dir) note() {
	h := &d.health
	for _, e := range h.vanished {
		h.count(d, cellfile.Vanished, e)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stats.Live, h.stats.Dead = h.live, h.ended
	if d.archive != nil {
		h.stats.Absorbed = d.archive.tally
	}
	if h.stats.SeriesLeftOut > 0 && !h.saidFull {
		h.saidFull = true
		d.log().Error("ember: processes have more series together than may be exposed: some are left out, raise MaxSeries or see to it that there are fewer",
			"dir", d.path, "limit", d.table.max)
	}
}
