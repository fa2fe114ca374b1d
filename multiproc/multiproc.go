// SPDX-License-Identifier: Apache-2.0

// Package multiproc lets many processes be scraped as one: prefork servers, supervised
// workers, services that are restarted, jobs that run on the command line.
//
//	dir, err := multiproc.Open("/dev/shm/my-service")
//	if err != nil { ... }
//	defer dir.Close()
//	reg := ember.NewRegistry(ember.WithMultiproc(dir))
//
// Each process keeps what it counts in a file of its own in the directory, by the same
// atomic instructions on other addresses, and any of them exposes what all have counted,
// those that have ended included. Nothing is lost when a process is killed. What ended
// processes have left is folded into one archive, so the directory does not grow.
//
// The directory belongs on a filesystem in memory, such as /dev/shm or /run: updates of a
// file on a disk may have to wait for the disk. It must be of this user and closed to all
// others; Open makes it so if it does not exist. Counters go on for as long as it does: to
// begin anew with the service, let it be removed then (systemd's RuntimeDirectory does);
// to let jobs add up, keep it.
//
// Importing the package, if only for that, makes ember.Default() heed the environment
// variable PROMETHEUS_MULTIPROC_DIR:
//
//	import _ "github.com/embermetrics/ember/multiproc"
//
// Python processes that use prometheus_client may have the same directory: their files,
// *.db, are read too, and what they count is added to what has the same name and labels.
//
// It works on Linux and macOS, on filesystems with flock and mmap. Elsewhere opening fails.
package multiproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/shared"
	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

func init() {
	words.Open = func(path string) (option any, err error) {
		d, err := Open(path)
		if err != nil {
			return nil, err
		}
		return ember.WithMultiproc(d), nil
	}
}

// Option changes what Open and OpenReader return.
type Option func(*shared.Options)

// WithMaxBytes makes n bytes the most that the file of this process may have, 256 MiB by
// default. What has no place there is not seen by other processes: that is counted in
// ember_multiproc_series_without_place_total and logged.
func WithMaxBytes(n int64) Option { return func(o *shared.Options) { o.Limits.Bytes = n } }

// WithMaxSeries makes n the most series that all processes may have together, 1,000,000
// by default. What is beyond is left out and counted.
func WithMaxSeries(n int) Option { return func(o *shared.Options) { o.MaxSeries = n } }

// WithLogger makes a directory log to l instead of slog.Default().
func WithLogger(l *slog.Logger) Option { return func(o *shared.Options) { o.Logger = l } }

// Dir is a directory that processes share. Its methods may be called by any goroutine.
type Dir struct {
	shared *shared.Dir
	python python
}

// Open returns the directory at a path, with a file for this process. The directory and
// those above it are made if they are missing. On error nothing has changed, but perhaps
// for the directory. That it is not on a filesystem in memory is logged.
func Open(path string, options ...Option) (*Dir, error) { return open(shared.Open, path, options) }

// OpenReader returns a directory that exists, without a file for this process: for an
// exporter that counts nothing itself.
func OpenReader(path string, options ...Option) (*Dir, error) {
	return open(shared.OpenReader, path, options)
}

func open(f func(string, shared.Options) (*shared.Dir, error), path string, options []Option) (*Dir, error) {
	var o shared.Options
	for _, option := range options {
		option(&o)
	}
	if path == "" { // which would be wherever the process is
		return nil, errors.New("ember: the path of the multi-process directory is empty")
	}
	path, err := filepath.Abs(path) // the process may go elsewhere
	if err != nil {
		return nil, fmt.Errorf("ember: multi-process directory %q: %w", path, err)
	}
	s, err := f(path, o)
	if err != nil {
		return nil, err
	}
	d := &Dir{shared: s}
	d.python.init(path, o.Logger)
	if tmpfs, known := s.Tmpfs(); known && !tmpfs {
		d.python.log().Warn("ember: the directory that processes share is not in memory: updates may have to wait for a disk",
			"dir", path, "advice", "have it on a tmpfs, such as /dev/shm or /run")
	}
	return d, nil
}

// Path returns where the directory is.
func (d *Dir) Path() string { return d.shared.Path() }

// Close lets a process leave the directory before it ends: what comes from functions and
// collectors is written down a last time, and others take it for ended. What is counted
// from now on is lost, and registries with the directory cannot be scraped any more. A
// process that simply ends loses nothing that was counted either. A second call does
// nothing.
func (d *Dir) Close() error { return d.shared.Close() }

// MarkProcessDead is for programs that are used to having to say when a process has
// ended. It need not be called: others see that by themselves, for sure.
func (d *Dir) MarkProcessDead(pid int) { d.shared.MarkProcessDead(pid) }

// Gather returns what all processes have counted.
func (d *Dir) Gather() ([]*metric.Family, error) { return d.Words().Gather(context.Background(), nil) }

// Words is for package ember.
func (d *Dir) Words() words.Dir { return (*seam)(d) }

var _ ember.Gatherer = (*Dir)(nil)

// seam is a Dir as package ember needs it.
type seam Dir

func (s *seam) Family(f *words.Family) words.Writer {
	return writer{s.shared.Family((*shared.Family)(f))}
}

type writer struct{ family *shared.FamilyWriter }

func (w writer) Series(values []string, n int, first ...uint64) []uint64 {
	s, ok := w.family.Series(values, n, first...)
	if !ok {
		return nil
	}
	return s.Words()
}

func (s *seam) Attach(first *uint64, kind uint16, n int, init ...uint64) []uint64 {
	return s.shared.Attach(first, kind, n, init...)
}
func (s *seam) RetireAt(first *uint64)            { s.shared.RetireAt(first) }
func (s *seam) ReviveAt(first *uint64)            { s.shared.ReviveAt(first) }
func (s *seam) Publish(families []*metric.Family) { s.shared.Publish(families) }
func (s *seam) Writes() bool                      { return s.shared.Writes() }
func (s *seam) OnClose(f func())                  { s.shared.OnClose(f) }

func (s *seam) Gather(ctx context.Context, local []*metric.Family) ([]*metric.Family, error) {
	families, err := s.shared.Gather(ctx)
	if err != nil {
		return nil, err
	}
	theirs, err := s.python.gather(ctx)
	if err != nil {
		return nil, err
	}
	families = shared.Add(families, theirs)
	if !s.shared.Writes() {
		families = shared.Add(families, local)
	}
	return families, nil
}

func (s *seam) Stats() words.Stats {
	stats := words.Stats(s.shared.Stats())
	s.python.addTo(stats.FileErrors)
	return stats
}
