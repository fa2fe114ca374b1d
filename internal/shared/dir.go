// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"cmp"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/embermetrics/ember/internal/cellfile"
)

// Options of a directory. The zero Options are the defaults.
type Options struct {
	Limits    cellfile.Limits // of the file of our own
	MaxSeries int             // of all processes together; 1,000,000
	Logger    *slog.Logger    // slog.Default()
}

const defaultMaxSeries = 1_000_000

// Dir is a directory in which processes keep the words of their series. Open and
// OpenReader make it. Its methods may be called by any goroutine.
type Dir struct {
	path   string
	logger *slog.Logger
	file   *cellfile.File // nil: only read

	mu       sync.Mutex // of who defines families
	families map[string]*FamilyWriter
	onClose  []func()

	publishing sync.Mutex
	published  publisher

	noPlace atomic.Uint64  // series without a place in our file
	said    atomic.Bool    // that there is no place
	saying  sync.WaitGroup // of who logs it

	gathering chan struct{} // has one element; who takes it may use what follows
	reader
}

// ErrClosed is what Gather returns after Close.
var ErrClosed = errors.New("ember: directory of cells is closed")

// Open returns the directory at a path, with a file for the words of this process. The
// directory is made if it is missing. It must belong to the effective user and have mode
// 0700. What processes that have ended left behind is tidied up, as far as that is
// possible.
func Open(dir string, o Options) (*Dir, error) {
	f, err := cellfile.Create(dir, o.Limits)
	if err != nil {
		return nil, err
	}
	d := newDir(dir, o)
	d.file = f
	d.tidy()
	return d, nil
}

// OpenReader returns a directory that exists, to gather what others keep in it: its
// Family and Publish do nothing.
func OpenReader(dir string, o Options) (*Dir, error) {
	if err := cellfile.Check(dir); err != nil {
		return nil, err
	}
	d := newDir(dir, o)
	d.tidy()
	return d, nil
}

func newDir(dir string, o Options) *Dir {
	d := &Dir{path: dir, logger: o.Logger, families: make(map[string]*FamilyWriter), gathering: make(chan struct{}, 1)}
	d.reader.init(cmp.Or(max(o.MaxSeries, 0), defaultMaxSeries))
	d.gathering <- struct{}{}
	return d
}

// Path returns where the directory is.
func (d *Dir) Path() string { return d.path }

// Close ends what this process takes part in: others see it as one that has ended, and
// move what it has counted to the archive. Words stay valid memory, but what is counted
// from now on is lost sooner or later. There is no place for series any more, and Gather
// returns ErrClosed. It waits for a Gather that is under way. A second call does nothing.
func (d *Dir) Close() error {
	for _, f := range d.takeOnClose() {
		f()
	}
	var err error
	if d.file != nil {
		err = d.file.Close()
	}
	<-d.gathering
	d.reader.close()
	d.gathering <- struct{}{}
	return err
}

// MarkProcessDead is there for those who used to have to call it, with the id of a
// process that has ended. That it has, its file shows. All that the call does is to move
// what such processes have counted to the archive, which the next Gather would do.
func (d *Dir) MarkProcessDead(pid int) { d.tidy() }

func (d *Dir) log() *slog.Logger {
	if d.logger != nil {
		return d.logger
	}
	return slog.Default()
}
