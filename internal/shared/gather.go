// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/metric"
)

// reader is what is known of all files. It is used by whoever gathers.
type reader struct {
	closed  bool
	table   *table
	archive *source            // nil: none that can be read
	is      string             // what identifies what lay at the path of the archive
	sources map[string]*source // by path: those that stay open
	dead    []string           // those of processes that have ended, which are opened at each scrape

	stays map[string]bool   // dead files that cannot be moved to the archive, by path
	later time.Time         // when a compaction that failed may be tried again
	step  func(step string) // for tests: called between all that a compaction does
	pause func(at string)   // for tests: called when files have been found, but not read

	health
}

// How many files stay open. Others are opened at each scrape, one after the other.
const (
	maxOpenLive = 512
	maxOpenDead = 64
)

func (r *reader) init(maxSeries int) {
	r.table = newTable(maxSeries)
	r.sources = make(map[string]*source)
	r.stays = make(map[string]bool)
	r.health.init()
}

func (r *reader) close() {
	r.closed = true
	for _, s := range r.sources {
		s.close()
	}
	if r.archive != nil {
		r.archive.close()
	}
	r.sources, r.archive, r.table = nil, nil, nil
}

// Gather returns what all processes have, families sorted by name and points by labels.
// Labels are shared with what later calls return and must not be changed.
//
// A file that cannot be read, or not all of it, is never an error: what can be read is
// served, and Stats and the log say what could not. Errors are those of ctx, of a
// directory that cannot be listed, and ErrClosed. One call at a time does the work, and
// others wait for it.
func (d *Dir) Gather(ctx context.Context) ([]*metric.Family, error) {
	select {
	case <-d.gathering:
		defer func() { d.gathering <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if d.closed {
		return nil, ErrClosed
	}
	return d.gather(ctx)
}

// Reading begins anew when somebody has moved files to the archive meanwhile: what was in
// them was perhaps read twice, or not at all.
const maxAttempts = 50

func (d *Dir) gather(ctx context.Context) ([]*metric.Family, error) {
	compacted := false
	for range maxAttempts {
		again, err := d.open(ctx)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		if !compacted && d.mayCompact() {
			compacted = true
			if d.compact(ctx) {
				continue
			}
		}
		again, err = d.read(ctx)
		if err != nil {
			return nil, err
		}
		if !again {
			d.note()
			families := d.table.emit()
			d.shrink()
			return families, nil
		}
	}
	return nil, fmt.Errorf("ember: directory %q: the archive was replaced %d times while it was read", d.path, maxAttempts)
}

// archiveID identifies what lies at the path of the archive.
func (d *Dir) archiveID() string {
	r, err := cellfile.Open(d.archivePath())
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	id := r.Identity().ID
	return string(id[:])
}

func (d *Dir) archivePath() string { return filepath.Join(d.path, archiveName) }

// open looks which files there are and whether their processes live. It returns true if
// it must begin anew.
func (d *Dir) open(ctx context.Context) (again bool, err error) {
	d.health.begin()
	if err := d.openArchive(); err != nil {
		d.health.failed(d, d.archivePath(), err)
	}
	d.pauses("archive opened")
	paths, err := cellfile.List(d.path)
	if err != nil {
		return false, err
	}
	d.pauses("listed")
	listed := make(map[string]bool, len(paths))
	openDead := 0
	openLive := 0
	d.dead = d.dead[:0]
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if path == d.archivePath() {
			continue
		}
		listed[path] = true
		s := d.sources[path]
		if s == nil {
			if s, err = openSource(path); err != nil {
				if !d.isMoved(path, err) {
					d.health.failed(d, path, err)
				}
				continue
			}
		}
		keep := false
		if d.archive == nil || !d.archive.absorbed[s.id.ID] {
			if s.alive, err = s.r.Alive(); err != nil {
				d.health.failed(d, path, err)
				s.alive = true // it is not ours to decide otherwise
			}
			switch {
			case s.alive:
				openLive++
				keep = openLive <= maxOpenLive
			default:
				openDead++
				keep = openDead <= maxOpenDead
			}
			if !keep {
				d.dead = append(d.dead, path)
			}
			d.health.there(s.id.ID)
		}
		if keep {
			d.sources[path] = s
		} else {
			s.close()
			delete(d.sources, path)
		}
		if !s.alive && !d.stays[path] {
			d.health.movable++
		}
	}
	for path, s := range d.sources {
		if !listed[path] {
			s.close()
			delete(d.sources, path)
		}
	}
	for path := range d.stays {
		if !listed[path] {
			delete(d.stays, path)
		}
	}
	d.health.listed(listed)
	d.tellApart()
	return false, nil
}

func (d *Dir) pauses(at string) {
	if d.pause != nil {
		d.pause(at)
	}
}

// isMoved reports whether a file cannot be opened because somebody who has moved it to the
// archive is just removing it. Names end with the id.
func (d *Dir) isMoved(path string, err error) bool {
	var e *cellfile.ReadError
	if d.archive == nil || !errors.As(err, &e) || e.Reason != cellfile.Vanished {
		return false
	}
	name := strings.TrimSuffix(filepath.Base(path), ".ember")
	var id [16]byte
	n, err := hex.Decode(id[:], []byte(name[max(0, len(name)-32):]))
	return err == nil && n == len(id) && d.archive.absorbed[id]
}

// openArchive opens the archive unless it is the one that is open.
func (d *Dir) openArchive() error {
	s, err := openSource(d.archivePath())
	if err != nil {
		if d.archive != nil {
			d.archive.close()
			d.archive = nil
		}
		d.is = err.Error()
		var e *cellfile.ReadError
		if errors.As(err, &e) && e.Reason == cellfile.Vanished {
			return nil
		}
		return err
	}
	d.is = string(s.id.ID[:])
	if d.archive != nil && d.archive.id.ID == s.id.ID {
		s.close()
		return nil
	}
	if d.archive != nil {
		d.archive.close()
	}
	s.archive = true
	d.archive = s
	// What it has absorbed must be known before files are.
	s.err = s.read()
	s.parse(d.table)
	return nil
}

// tellApart gives processes that live and have the same id different ones: in containers
// that is so. The oldest has its id alone.
func (d *Dir) tellApart() {
	byPID := make(map[int]*source, len(d.sources))
	for _, s := range d.sources {
		if t := byPID[s.id.PID]; s.alive && (t == nil || s.origin().compare(t.origin()) < 0) {
			byPID[s.id.PID] = s
		}
	}
	for _, s := range d.sources {
		pid := strconv.Itoa(s.id.PID)
		if first := byPID[s.id.PID]; s.alive && first != s {
			pid += "-" + hex.EncodeToString(s.id.ID[:4])
		}
		if pid != s.pid {
			s.pid = pid
			s.unlink()
		}
	}
}

func (s *source) origin() origin {
	return origin{uint64(max(s.id.Created.UnixNano(), 0)), s.id.ID}
}

// unlink makes the series of processes be looked up again.
func (s *source) unlink() {
	for i := range s.series {
		if l := &s.series[i]; !l.bad && l.family.def.apart() {
			l.slot = nil
		}
	}
}

// read adds everything up. It returns true if it must begin anew.
func (d *Dir) read(ctx context.Context) (again bool, err error) {
	if d.archiveID() != d.is {
		return true, nil
	}
	d.pauses("reading")
	t := d.table
	t.begin(time.Now().UnixNano())
	if d.archive != nil {
		d.archive.load(t)
	}
	for _, s := range d.sources {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if s.load(t); s.gone {
			again = true // perhaps there is another of that name
			s.close()
			delete(d.sources, s.path)
		}
	}
	if again {
		return true, nil
	}
	d.pauses("reading the dead")
	for _, path := range d.dead {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		s, err := openSource(path)
		if err != nil {
			d.health.failed(d, path, err)
			continue
		}
		if s.alive, err = s.r.Alive(); err != nil {
			s.alive = true
		}
		s.load(t)
		s.add(t)
		d.served(s)
		s.close()
	}
	if d.archive != nil {
		d.archive.add(t)
		d.served(d.archive)
	}
	for _, s := range d.sources {
		s.add(t)
		d.served(s)
	}
	return d.archiveID() != d.is, nil
}

// served notes what was not right with a file that was read.
func (d *Dir) served(s *source) {
	switch {
	case s.err != nil:
		d.health.failed(d, s.path, s.err)
	case s.content != "":
		d.health.failed(d, s.path, &contentError{s.path, s.content})
	}
	if s.alive {
		d.health.live++
	} else if !s.archive {
		d.health.ended++
	}
	d.health.left(s.id.ID, s.leftOut)
	for _, f := range s.families {
		if newest := f.group.family.newest; newest != f.group && !s.archive && f.def.differs(newest.def) {
			d.health.conflict(s.id.ID, f.def, newest.def)
		}
	}
}

// contentError says that records of a file cannot be.
type contentError struct{ path, what string }

func (e *contentError) Error() string {
	return fmt.Sprintf("ember: cell file %q: content: %s", e.path, e.what)
}

// shrink forgets series that no file has any more, if they are many or others need their
// place.
func (d *Dir) shrink() {
	t := d.table
	stale := t.slots - t.served
	few := stale <= 4096 || stale <= t.slots/2
	if t.slots >= t.max {
		few = stale <= t.max/10
	}
	if few && len(t.sorted) <= 2*t.present+4096 {
		return
	}
	round := t.round
	*t = *newTable(t.max)
	t.round = round
	for _, s := range d.sources {
		s.forget()
	}
	if d.archive != nil {
		d.archive.close() // to be opened again, for what it has absorbed must be known
		d.archive = nil
	}
}
