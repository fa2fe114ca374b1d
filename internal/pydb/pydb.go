// SPDX-License-Identifier: Apache-2.0

// Package pydb reads the files in which Python's prometheus_client keeps its metrics in
// multiprocess mode, and merges them as its MultiProcessCollector does:
//
//	dir := pydb.New(os.Getenv("PROMETHEUS_MULTIPROC_DIR"))
//	families, problems, err := dir.Read(ctx)
//
// Counters and summaries are added up over all files, those of dead processes included.
// The counts of histograms are added up bound by bound, and then accumulated. Gauges are
// merged by the mode that the file's name states: the smallest, the largest, the sum, the
// one set last, or one series per process. That a process is dead cannot be seen in its
// files, and its id says nothing in another container: gauges of the live modes count
// for as long as their file is there, and it is for mark_process_dead in Python to
// remove it.
//
// What differs from client_python:
//
//   - One file that is empty, damaged or not of client_python fails its whole scrape.
//     Here it is a Problem, and everything else is served, of that file too as far as it
//     can be read.
//   - Both layouts are read, with a time beside each value (since 0.19) and without. A file
//     does not say which it is, but its records fit together in one of them only.
//   - Bounds of histograms that differ between files are united in both. Each count then
//     stands at its own bound, so a bucket that some files lack counts too few: only what
//     those files count at lower bounds. Buckets still grow with their bounds and with
//     time, +Inf is exact, and so is each bound that all files have. As such counts look
//     better than they are, the difference is a Problem.
//   - A gauge whose files are of several modes, as after a deployment that changed it, is
//     that of the file modified last, and the values in files of other modes are left
//     out. client_python merges all by the mode of any of them.
//   - A process identifier with underscores is the pid label as it is, not its beginning.
//   - NaN takes no part in a minimum or maximum if there is a number.
//   - A series with a number that its kind cannot have, such as a negative counter, is
//     left out.
//
// Reading pays once for what does not change: keys are parsed when a file is first seen
// or has grown, and later reads copy values, see that the keys are still the same, and
// add. That costs 32 bytes a record, and each series is held once, in however many
// files it is.
//
// Writers hold no lock, and none is asked for. A value lies at a multiple of 8 bytes and
// is written by one copy of 8 or 16 bytes, which all machines that Go runs on make by
// whole words, and the kernel copies files likewise; client_python rests on the same.
// Nothing promises it, and old versions write zeros before each number. So a number that
// has become 0, or that should only grow and has not, is read until two reads agree. A
// time is written beside its value, not with it: of a gauge that is set at this moment,
// the value may be seen with the time before.
//
// Package pydb knows nothing of registries or formats. It needs Linux or macOS.
package pydb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// maxBytes is how much of all files together is read.
const maxBytes = 1 << 30

// Dir reads the files of one directory. New makes it; the zero Dir is of no use. One
// goroutine at a time may call its methods. Between calls it has no file open.
type Dir struct {
	path  string
	limit int64 // maxBytes, but in tests

	files  map[string]*file // by path
	groups map[groupKey]*group
	order  []*group // the groups in order, if sorted
	sorted bool
	bytes  int64  // of all files' records that are held
	round  uint64 // counts calls of Read; what the merge holds of other rounds is void

	problems []Problem
	window   window
	key      key    // scratch
	name     []byte // scratch
}

// New returns a Dir for a directory, which need not exist yet.
func New(dir string) *Dir {
	return &Dir{path: dir, limit: maxBytes, files: make(map[string]*file), groups: make(map[groupKey]*group)}
}

// Read returns what all files say now, by name, and what is wrong with which of them:
// of one file, no reason twice. The caller may keep and change what is returned, but not
// the labels.
//
// The error says that the directory cannot be listed or that ctx is done. Then nothing
// is returned, since a part of the files is a sum that is too small.
func (d *Dir) Read(ctx context.Context) ([]*metric.Family, []Problem, error) {
	if err := supported(); err != nil {
		return nil, nil, err
	}
	paths, err := list(d.path)
	if err != nil {
		return nil, nil, err
	}
	d.round++
	d.problems = nil
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, nil, fmt.Errorf("ember: directory %q of client_python: %w", d.path, err)
		}
		f := d.files[path]
		if f == nil {
			f = newFile(path)
			d.files[path] = f
		}
		f.round = d.round
		switch {
		case f.excluded.Reason != "":
			d.report(f, f.excluded)
		case d.read(f):
			d.apply(f)
		}
	}
	for path, f := range d.files {
		if f.round != d.round {
			d.forget(f)
			delete(d.files, path)
		}
	}
	return d.families(), d.problems, nil
}

// list returns the paths of all *.db files, sorted, without those that a shell's glob
// would not find.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err
		}
		return nil, fmt.Errorf("ember: directory %q of client_python: %w", dir, err)
	}
	var paths []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, suffix) && name[0] != '.' {
			paths = append(paths, filepath.Join(dir, name))
		}
	}
	return paths, nil
}
