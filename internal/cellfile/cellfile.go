// SPDX-License-Identifier: Apache-2.0

// Package cellfile keeps words in a file that one process writes and any other
// process of the same user can read at any time, whatever state the writer is in.
//
// The writer maps its file into memory, so that an update of a word is the same
// atomic instruction as on the heap: no lock, no system call, no look at who is
// running. Words never move. A process that is killed at any instruction leaves a
// file that is whole, and the kernel takes back the lock by which others saw that it
// was alive.
//
//	f, err := cellfile.Create(dir, cellfile.Limits{})
//	r, err := f.Add(kind, key, 2)
//	atomic.AddUint64(&r.Words[0], 1)
//
// The price is 32 bytes, and the padding to the next 32, for each record; 64 KiB for
// the smallest file; and an open descriptor for each file. Add costs a copy of the
// key, and now and then the system calls that make the file longer. A reader copies
// the file piece by piece with pread and keeps the keys and the words: reading costs
// what copying the file costs.
//
// What is not promised:
//
//   - Each word is read whole, but two words are read at two times. Who needs words
//     that belong together keeps a sequence word among them, as package cell's Block
//     does, and reads twice. (A word is whole because it is aligned, and kernels copy
//     aligned memory in words or larger pieces. POSIX does not say so; every system
//     that this package is built for does so.)
//   - Nothing is flushed to a disk: a file survives its process, not its machine.
//   - Space is allocated before it is mapped, so that a full disk is an error of
//     Add. Filesystems that copy on write may still run out of space when a page of a
//     snapshotted file is written, and then the kernel kills the writer, as it does
//     when somebody of the same user truncates the file under it. Keep files on tmpfs.
//   - Words themselves bear no checksum.
//
// Package cellfile knows nothing of instruments, names, labels or formats, and does
// not delete what dead processes left behind.
package cellfile

import (
	"cmp"
	"fmt"
)

// Limits bound what one file may hold. Zero means the default.
type Limits struct {
	Bytes   int64 // the size of the file; 256 MiB; at least 64 KiB and at most 1 GiB
	Records int   // retired ones included, for their space is not used again; 1,048,576
}

const (
	defaultBytes   = 256 << 20
	defaultRecords = 1 << 20
)

// checked returns l with defaults in place.
func (l Limits) checked() (Limits, error) {
	l.Bytes = cmp.Or(l.Bytes, defaultBytes)
	l.Records = cmp.Or(l.Records, defaultRecords)
	if least := int64(granule()); l.Bytes < least || l.Bytes > maxFileSize {
		return l, fmt.Errorf("ember: cell file: limit of %d bytes must be between %d and %d", l.Bytes, least, maxFileSize)
	}
	if l.Records < 0 {
		return l, fmt.Errorf("ember: cell file: limit of %d records must be above 0", l.Records)
	}
	return l, nil
}
