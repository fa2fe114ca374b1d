// SPDX-License-Identifier: Apache-2.0

//go:build !linux && !darwin

package cellfile

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

// supported is asked first, so that what is below is never called.
func supported() error {
	return fmt.Errorf("ember: cell files need Linux or macOS, and this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

func checkDir(string) error                     { return supported() }
func createFile(string) (int, error)            { return -1, supported() }
func openToLock(string) (int, error)            { return -1, supported() }
func closeFile(int) error                       { return supported() }
func truncate(int, int64)                       {}
func lock(int) (bool, error)                    { return false, supported() }
func locked(*os.File) (bool, error)             { return false, supported() }
func mapShared(int, int64, int) ([]byte, error) { return nil, supported() }
func unmap([]byte) error                        { return supported() }
func mayGrow(int64) error                       { return supported() }
func isFull(error) bool                         { return false }
func allocate(int, int64, int64) error          { return supported() }
func onTmpfs(string) knownBool                  { return knownBool{} }
func processStart() uint64                      { return 0 }
func bootID() string                            { return "" }
func deleted(os.FileInfo) bool                  { return false }
func ioError(path string, err error) error      { return &ReadError{Path: path, Reason: IO, Err: err} }

func openToRead(path string) (*os.File, os.FileInfo, error) {
	return nil, nil, ioError(path, supported())
}
