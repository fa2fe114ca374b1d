// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// List returns the paths of the cell files in a directory, of dead processes too,
// sorted. Files that are still being made are not among them. That a name looks right
// says nothing about the content.
func List(dir string) ([]string, error) { return list(dir, suffix) }

func list(dir, suffix string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("ember: multi-process directory %q: %w", dir, err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// Check reports why a directory cannot be one of cell files: it must exist, belong to the
// effective user and have mode 0700.
func Check(dir string) error {
	if err := supported(); err != nil {
		return err
	}
	return checkDir(dir)
}

// TryLock locks a file in a directory, which is made if it is missing, and returns what
// unlocks it. It returns nil if somebody else has locked it; the end of a process unlocks
// what it has locked.
func TryLock(dir, name string) (unlock func(), err error) {
	if err := Check(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, name)
	fd, err := openToLock(path)
	if err == nil {
		var locked bool
		if locked, err = lock(fd); locked {
			return func() { closeFile(fd) }, nil
		}
		closeFile(fd)
	}
	if err != nil {
		return nil, fmt.Errorf("ember: multi-process directory %q: %q cannot be locked: %w", dir, name, err)
	}
	return nil, nil
}

// Sweep removes what processes that died in Create left in a directory, and returns
// how many files that were. What it cannot look at or remove it leaves, and says so
// when it is done with the others.
func Sweep(dir string) (int, error) {
	if err := supported(); err != nil {
		return 0, err
	}
	paths, err := list(dir, tmpSuffix)
	if err != nil {
		return 0, err
	}
	var removed int
	var errs []error
	for _, path := range paths {
		ok, err := sweep(path)
		if ok {
			removed++
		}
		errs = append(errs, err)
	}
	return removed, errors.Join(errs...)
}

// sweep removes a file if nobody has locked it. Whoever made it and has not yet locked
// it will find it locked or gone, and make another.
func sweep(path string) (bool, error) {
	file, _, err := openToRead(path)
	if err != nil {
		var e *ReadError
		if errors.As(err, &e) && e.Reason == Vanished {
			return false, nil
		}
		return false, err
	}
	defer file.Close()
	if locked, err := lock(int(file.Fd())); err != nil || !locked {
		return false, err
	}
	// Under this name nobody makes another: names are random.
	if err := os.Remove(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		return false, fmt.Errorf("ember: cell file %q: cannot be removed: %w", path, err)
	}
	return true, nil
}
