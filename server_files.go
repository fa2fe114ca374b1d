// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"bytes"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often files are looked at, at most.
const lookEvery = time.Second

// maxFile is how many bytes a file may have.
const maxFile = 16 << 20

// readFile returns what a file says, without the mark that some editors put before it. It
// reads only what has an end, and waits for nobody.
func readFile(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil {
		switch {
		case !info.Mode().IsRegular():
			return nil, errorf("%s is no regular file", path)
		case info.Size() > maxFile:
			return nil, errorf("%s has %d bytes, and may have %d", path, info.Size(), maxFile)
		}
	}
	text, err := os.ReadFile(path)
	return bytes.TrimPrefix(text, []byte("\ufeff")), err
}

// files are read again when they have changed. Whoever uses what was read calls refresh
// before; nothing runs in between.
type files struct {
	paths []string
	load  func() error // reads them all; after an error, what was read before stays
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   []os.FileInfo // when they were read last; nil: there was none
	failed string        // why they could not be used then; empty: they could
}

// newFiles reads files for the first time.
func newFiles(log *slog.Logger, load func() error, paths ...string) (*files, error) {
	f := &files{paths: paths, load: load, log: log}
	f.looked, f.seen = time.Now(), f.look()
	return f, load()
}

// look is done before reading, so that what changes meanwhile is seen the next time.
func (f *files) look() []os.FileInfo {
	seen := make([]os.FileInfo, len(f.paths))
	for i, path := range f.paths {
		seen[i], _ = os.Stat(path)
	}
	return seen
}

// refresh reads the files again if they have changed. It waits for nobody who does the
// same: what was read before will do.
func (f *files) refresh() {
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.looked) < lookEvery {
		return
	}
	f.looked = now
	seen := f.look()
	changed := !unchanged(f.seen, seen)
	if !changed && f.failed == "" {
		return
	}
	f.seen = seen
	if err := f.load(); err != nil {
		// Even if nothing seems to have changed: one of two files may have been new only.
		if text := err.Error(); text != f.failed {
			f.failed = text
			f.log.Error("ember: changed files cannot be used; what was read before stays", "files", f.paths, "error", text)
		}
		return
	}
	f.failed = ""
	f.log.Info("ember: changed files are used", "files", f.paths)
}

func unchanged(a, b []os.FileInfo) bool {
	for i := range a {
		switch {
		case a[i] == nil || b[i] == nil:
			if a[i] != b[i] {
				return false
			}
		case !os.SameFile(a[i], b[i]), a[i].Size() != b[i].Size(), !a[i].ModTime().Equal(b[i].ModTime()):
			return false
		}
	}
	return true
}
