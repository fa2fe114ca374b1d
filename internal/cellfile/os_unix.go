// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package cellfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

func supported() error { return nil }

// again calls f until no signal interrupts it.
func again(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR {
			return err
		}
	}
}

// checkDir reports what is wrong with a directory. What may be trusted in it is what
// this user has written, so nobody else may write, and nobody need read.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("ember: multi-process directory %q: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("ember: multi-process directory %q is a %s, should be a directory", dir, typeName(info.Mode()))
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
		return fmt.Errorf("ember: multi-process directory %q belongs to user %d, should belong to user %d", dir, uid, os.Geteuid())
	}
	if perm := info.Mode().Perm(); perm != 0o700 {
		return fmt.Errorf("ember: multi-process directory %q has mode %#o, should have mode 0700 (chmod 700)", dir, perm)
	}
	return nil
}

func typeName(mode fs.FileMode) string {
	switch mode.Type() {
	case 0:
		return "regular file"
	case fs.ModeDir:
		return "directory"
	case fs.ModeSymlink:
		return "symbolic link"
	case fs.ModeNamedPipe:
		return "named pipe"
	case fs.ModeSocket:
		return "socket"
	}
	return "device"
}

func createFile(path string) (fd int, err error) {
	err = again(func() error {
		fd, err = syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return -1, err
	}
	// The umask may have taken away what readers need.
	if err := again(func() error { return syscall.Fchmod(fd, 0o600) }); err != nil {
		os.Remove(path)
		syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func openToLock(path string) (fd int, err error) {
	err = again(func() error {
		fd, err = syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// closeFile gives up the lock too, which closing does not do: mappings keep the open
// file, and with it the lock.
func closeFile(fd int) error {
	err := again(func() error { return syscall.Flock(fd, syscall.LOCK_UN) })
	if e := syscall.Close(fd); err == nil {
		err = e
	}
	return err
}

func truncate(fd int, size int64) {
	// If this fails too, the file is longer than it need be and nothing else.
	_ = again(func() error { return syscall.Ftruncate(fd, size) })
}

// flock tries to lock, and returns false if somebody else has a lock that excludes it.
func flock(fd, how int) (bool, error) {
	err := again(func() error { return syscall.Flock(fd, how|syscall.LOCK_NB) })
	if err == syscall.EWOULDBLOCK {
		return false, nil
	}
	return err == nil, err
}

func lock(fd int) (bool, error) { return flock(fd, syscall.LOCK_EX) }

// locked reports whether somebody has locked the file with lock.
func locked(file *os.File) (bool, error) {
	defer runtime.KeepAlive(file)
	fd := int(file.Fd())
	free, err := flock(fd, syscall.LOCK_SH)
	if err != nil || !free {
		return !free, err
	}
	return false, again(func() error { return syscall.Flock(fd, syscall.LOCK_UN) })
}

func mapShared(fd int, at int64, n int) ([]byte, error) {
	return syscall.Mmap(fd, at, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
}

func unmap(mem []byte) error { return syscall.Munmap(mem) }

// mayGrow returns an error if this process may not have files of this size. Trying would
// end it by SIGXFSZ.
func mayGrow(size int64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err == nil && uint64(size) > limit.Cur {
		return syscall.EFBIG
	}
	return nil
}

// isFull reports whether there is no space, or none left to this user.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writeZeros allocates space where the system has no call for it.
func writeZeros(fd int, at, n int64) error {
	zeros := make([]byte, min(n, maxSegment))
	for n > 0 {
		var wrote int
		err := again(func() (err error) {
			wrote, err = syscall.Pwrite(fd, zeros[:min(n, int64(len(zeros)))], at)
			return err
		})
		if err != nil {
			return err
		}
		at += int64(wrote)
		n -= int64(wrote)
	}
	return nil
}

// openToRead opens a regular file of this user for reading, whatever lies at path. All
// errors are *ReadError.
func openToRead(path string) (*os.File, os.FileInfo, error) {
	// A look before opening it, for to open some devices is to change them. What
	// counts is the look afterwards.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, ioError(path, err)
	}
	if err := checkFile(path, info); err != nil {
		return nil, nil, err
	}
	// A pipe that appeared meanwhile does not keep O_NONBLOCK waiting.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, ioError(path, err)
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, nil, ioError(path, err)
	}
	if err := checkFile(path, info); err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func checkFile(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &ReadError{Path: path, Reason: NotRegular, Detail: fmt.Sprintf("is a %s, should be a regular file", typeName(info.Mode()))}
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
		return &ReadError{Path: path, Reason: Owner, Detail: fmt.Sprintf("belongs to user %d, should belong to user %d", uid, os.Geteuid())}
	}
	return nil
}

// ioError says why the system refuses.
func ioError(path string, err error) error {
	e := &ReadError{Path: path, Reason: IO, Err: err}
	var p *fs.PathError
	if errors.As(err, &p) {
		e.Err = p.Err // the path is in ours
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Reason = Vanished
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO):
		e.Reason = NotRegular // a link, or a socket, since we looked
	}
	return e
}

// deleted reports whether a file that is open has no name any more.
func deleted(info os.FileInfo) bool { return info.Sys().(*syscall.Stat_t).Nlink == 0 }
