// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// File is a file that this process keeps words in. Create makes it; the zero File is
// closed. Its methods may be called by any goroutine.
type File struct {
	path   string
	draft  string // its name before it has that
	limits Limits
	id     Identity
	tmpfs  knownBool

	mu        sync.Mutex
	fd        int     // raw: a finalizer that closes it would give up the lock
	open      bool    // until Close
	size      int64   // allocated and mapped
	used      int64   // where the next record will be
	records   int     // added so far
	published *uint64 // used, in the header
	segments  [][]byte
	last      int64 // where the last segment begins
}

// knownBool is a bool that may be unknown.
type knownBool struct{ value, known bool }

// Record is a record of a file. Whoever holds it may update its words, atomically.
// The zero Record has no words and must not be retired.
type Record struct {
	Words []uint64 // never move
	At    int64    // where the record is in its file, a multiple of Align
	state *uint32
}

// Retire makes readers skip the record, at one atomic store. The words stay valid
// memory, and the space is not used for other records.
func (r Record) Retire() { atomic.StoreUint32(r.state, retired) }

// Restore undoes Retire.
func (r Record) Restore() { atomic.StoreUint32(r.state, live) }

// Align is what offsets of records are multiples of.
const Align = recordAlign

const (
	suffix    = ".ember"
	tmpSuffix = suffix + ".tmp"
)

// Create makes a file in the directory, under a name that was never used before. The
// directory is made if it is missing, and so are those above it; it must belong to the effective user and be
// closed to all others, mode 0700. The file is locked until Close or the end of the
// process, and readers see it only once it is whole.
//
// If it fails it leaves nothing behind but perhaps the directory.
func Create(dir string, limits Limits) (*File, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	limits, err := limits.checked()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("ember: multi-process directory %q: %w", dir, err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	for range 10 {
		var f *File
		if f, err = create(dir, limits, ""); !errors.Is(err, errSwept) {
			return f, err
		}
	}
	return nil, err
}

// Draft makes a file as Create does, but in a directory that exists, and such that
// readers do not see it before Publish. What a process that dies leaves of it, Sweep
// removes.
func Draft(dir string, limits Limits, name string) (*File, error) {
	if err := Check(dir); err != nil {
		return nil, err
	}
	limits, err := limits.checked()
	if err != nil {
		return nil, err
	}
	return create(dir, limits, name)
}

// Publish gives a draft its name, in the place of the file that had it. If it fails
// nothing has changed.
func (f *File) Publish() error {
	if err := os.Rename(f.draft, f.path); err != nil {
		return f.failed("cannot be renamed into place", err)
	}
	return nil
}

// Discard removes a draft that was not published. It must be closed or unmapped too.
func (f *File) Discard() error { return os.Remove(f.draft) }

// errSwept says that Sweep took a file for stale before it was locked.
var errSwept = errors.New("another process removes it again and again")

// create makes a file, and leaves it a draft if it gets a name.
func create(dir string, limits Limits, name string) (_ *File, err error) {
	f := &File{
		limits: limits,
		id:     Identity{PID: os.Getpid(), Start: processStart(), BootID: bootID(), Created: time.Now()},
		tmpfs:  onTmpfs(dir),
		open:   true,
	}
	rand.Read(f.id.ID[:])
	random := strconv.Itoa(f.id.PID) + "-" + hex.EncodeToString(f.id.ID[:]) + suffix
	f.path = filepath.Join(dir, cmp.Or(name, random))
	tmp := filepath.Join(dir, random+".tmp")
	f.draft = tmp
	f.fd, err = createFile(tmp)
	if err != nil {
		return nil, f.failed("cannot be created", err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
			f.Unmap()
		}
	}()
	switch locked, err := lock(f.fd); {
	case err != nil:
		return nil, f.failed("cannot be locked", err)
	case !locked:
		return nil, f.failed("cannot be locked", errSwept)
	}
	if err := f.grow(headerSize); err != nil {
		return nil, err
	}
	header := f.segments[0]
	f.id.encode(header, f.size)
	f.used = headerSize
	f.published = (*uint64)(unsafe.Pointer(&header[usedAt]))
	if name != "" {
		return f, nil
	}
	if err := os.Rename(tmp, f.path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errSwept
		}
		return nil, f.failed("cannot be renamed into place", err)
	}
	return f, nil
}

// failed says what went wrong with the file.
func (f *File) failed(what string, err error) error {
	return fmt.Errorf("ember: cell file %q: %s: %w", f.path, what, err)
}

// Path returns where the file is.
func (f *File) Path() string { return f.path }

// Identity returns what the header says about the writer.
func (f *File) Identity() Identity { return f.id }

// Tmpfs reports whether the file is in memory, and false for known if the system does
// not say. On a disk, updates may stall for as long as the disk is busy.
func (f *File) Tmpfs() (tmpfs, known bool) { return f.tmpfs.value, f.tmpfs.known }

// Add adds a record with a number of words, the first of which are given and the others
// zero, and publishes it: readers see it whole, or not at all if the process ends before.
// The key is copied. Kind 0 is reserved.
//
// If it fails the file is as it was, and its words remain good. The error matches
// ErrFull if the record would exceed Limits, ErrClosed after Close, and
// syscall.ENOSPC if there is no space on the filesystem; then a later call may succeed.
func (f *File) Add(kind uint16, key []byte, words int, first ...uint64) (Record, error) {
	if len(first) > words && words >= 0 {
		return Record{}, fmt.Errorf("ember: cell file %q: record with %d words begins with %d words", f.path, words, len(first))
	}
	if kind == filler || words < 0 {
		return Record{}, fmt.Errorf("ember: cell file %q: record of kind %d with %d words: kind must be above 0, and words not below", f.path, kind, words)
	}
	size, ok := recordSize(words, len(key))
	if !ok {
		return Record{}, fmt.Errorf("ember: cell file %q: record with %d words and a key of %d bytes must not be larger than %d bytes", f.path, words, len(key), maxRecordSize)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		return Record{}, fmt.Errorf("%w: %q", ErrClosed, f.path)
	}
	if f.records >= f.limits.Records {
		return Record{}, &FullError{Path: f.path, What: "records", Need: int64(f.records) + 1, Limit: int64(f.limits.Records)}
	}
	if f.used+size > f.size {
		if err := f.next(size); err != nil {
			return Record{}, err
		}
	}
	h := head{size: uint32(size), words: uint32(words), key: uint32(len(key)), kind: kind, at: f.used}
	b := f.segments[len(f.segments)-1][f.used-f.last:][:size]
	h.encode(b, key)
	r := Record{At: f.used, state: (*uint32)(unsafe.Pointer(&b[4]))}
	if words > 0 {
		r.Words = unsafe.Slice((*uint64)(unsafe.Pointer(&b[headSize])), words)
		copy(r.Words, first)
	}
	f.used += size
	f.records++
	// Whoever sees this sees all of the above, for it is a store with release order.
	atomic.StoreUint64(f.published, seal(f.used))
	return r, nil
}

// Locate returns the record whose words begin at first, and its kind. It returns false if
// that is no such place of the file's.
func (f *File) Locate(first *uint64) (r Record, kind uint16, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var start int64 // of the segment
	for _, mem := range f.segments {
		// Whatever first is, it is not used: what is compared are addresses.
		at := int64(uintptr(unsafe.Pointer(first)) - uintptr(unsafe.Pointer(&mem[0])))
		if at >= headSize && at < int64(len(mem)) && at%8 == 0 && start+at-headSize >= headerSize && start+at <= f.used {
			b := mem[at-headSize:]
			h, detail := parseHead(b, start+at-headSize, start+int64(len(mem)))
			if detail != "" || h.words == 0 || h.kind == filler || checksum(b, b[h.keyAt():h.keyAt()+int64(h.key)]) != h.sum {
				return Record{}, 0, false
			}
			return Record{
				Words: unsafe.Slice((*uint64)(unsafe.Pointer(&b[headSize])), int(h.words)),
				At:    h.at,
				state: (*uint32)(unsafe.Pointer(&b[4])),
			}, h.kind, true
		}
		start += int64(len(mem))
	}
	return Record{}, 0, false
}

// next goes on to a new segment with room for need bytes.
func (f *File) next(need int64) error {
	at, rest := f.used, f.segments[len(f.segments)-1][f.used-f.last:]
	if err := f.grow(need); err != nil {
		return err
	}
	if len(rest) > 0 { // and then for a head at least, since all is aligned
		h := head{size: uint32(len(rest)), kind: filler, at: at}
		h.encode(rest, nil)
	}
	f.used = f.last // published with the record
	return nil
}

// grow appends a segment of need bytes or more, and maps it. The larger the file, the
// larger its segments, so that there are few.
func (f *File) grow(need int64) error {
	unit := int64(granule())
	least := (need + unit - 1) / unit * unit
	most := f.limits.Bytes/unit*unit - f.size
	if least > most {
		return &FullError{Path: f.path, What: "bytes", Need: f.size + least, Limit: f.limits.Bytes}
	}
	n := min(max(least, min(f.size, maxSegment)), most)
	err := f.allocate(n)
	if err != nil && n > least && isFull(err) {
		n = least
		err = f.allocate(n)
	}
	if err != nil {
		if isFull(err) {
			err = &spaceError{err}
		}
		return f.failed(fmt.Sprintf("cannot grow from %d to %d bytes", f.size, f.size+n), err)
	}
	mem, err := mapShared(f.fd, f.size, int(n))
	if err != nil {
		truncate(f.fd, f.size)
		return f.failed(fmt.Sprintf("cannot map %d bytes at %d", n, f.size), err)
	}
	f.segments = append(f.segments, mem)
	f.last = f.size
	f.size += n
	return nil
}

// allocate makes the file n bytes longer, and leaves it as it was on failure. It goes in
// pieces, for some filesystems begin anew when a signal comes, and with a profiler on
// one comes every 10 ms.
func (f *File) allocate(n int64) error {
	err := mayGrow(f.size + n)
	for at, end := f.size, f.size+n; err == nil && at < end; at += maxSegment {
		err = allocate(f.fd, at, min(maxSegment, end-at))
	}
	if err != nil {
		truncate(f.fd, f.size)
	}
	return err
}

// spaceError adds what to do to an error of the system.
type spaceError struct{ err error }

func (e *spaceError) Error() string {
	return e.err.Error() + " (free space on its filesystem, or keep cell files on a larger one)"
}

func (e *spaceError) Unwrap() error { return e.err }

// Close gives up the lock, so that readers take the writer for dead, and makes Add
// fail. The file stays, and so does the mapping: words may still be updated, and
// readers see it. A second call does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.close()
}

func (f *File) close() error {
	if !f.open {
		return nil
	}
	f.open = false
	if err := closeFile(f.fd); err != nil {
		return f.failed("cannot be closed", err)
	}
	return nil
}

// Unmap closes the file and gives back its memory. Whoever uses a word of it
// afterwards, or retires a record, crashes the process: it is for callers who know
// that nobody does.
func (f *File) Unmap() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.close()
	for _, mem := range f.segments {
		if e := unmap(mem); e != nil && err == nil {
			err = f.failed("cannot be unmapped", e)
		}
	}
	f.segments = nil
	return err
}
