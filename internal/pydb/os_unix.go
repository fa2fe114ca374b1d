// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func supported() error { return nil }

// openToRead opens a regular file of this user for reading, whatever lies at path. If
// it cannot, the problem has a reason.
func openToRead(path string) (*os.File, fs.FileInfo, Problem) {
	// A look before opening it, for to open some devices is to change them. What
	// counts is the look afterwards.
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, refused(err)
	}
	if p := checkFile(info); p.Reason != "" {
		return nil, nil, p
	}
	// A pipe that appeared meanwhile does not keep O_NONBLOCK waiting.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, refused(err)
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, nil, refused(err)
	}
	if p := checkFile(info); p.Reason != "" {
		file.Close()
		return nil, nil, p
	}
	return file, info, Problem{}
}

func checkFile(info fs.FileInfo) (p Problem) {
	if !info.Mode().IsRegular() {
		return Problem{Reason: NotRegular, Detail: fmt.Sprintf("has the mode %v, should be a regular file", info.Mode())}
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; int(uid) != os.Geteuid() {
		return Problem{Reason: Owner, Detail: fmt.Sprintf("belongs to user %d, should belong to user %d", uid, os.Geteuid())}
	}
	return p
}

// refused says why the system does not open a file.
func refused(err error) Problem {
	p := Problem{Reason: IO, Err: bare(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Reason = Vanished
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENXIO):
		p.Reason = NotRegular // a link, or a socket, since we looked
	}
	return p
}

func identify(info fs.FileInfo) (id identity, modified int64) {
	st := info.Sys().(*syscall.Stat_t)
	return identity{uint64(st.Dev), st.Ino}, info.ModTime().UnixNano()
}
