// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"unsafe"
)

// Reader reads a file of any process of the same user, alive or dead. Open makes it;
// the zero Reader is of no use. One goroutine at a time may call its methods.
//
// Whatever the file contains or becomes, a Reader returns errors, always *ReadError,
// and neither panics nor faults: it copies, and believes nothing it has not checked.
// What comes after something that cannot be right is not read; what comes before it
// is, and served.
type Reader struct {
	path   string
	file   *os.File
	id     Identity
	header [headerSize]byte // scratch

	// The index, appended to by Refresh.
	entries []entry
	keys    [][]byte // pieces that are never moved, since keys point into them
	parsed  int64    // where the next record will be
	used    int64    // what the header said last

	values   []uint64
	valid    int        // entries that the last Values read
	replaced *ReadError // once set, there is nothing more to read
}

// entry is what does not change about a record, and its state when it was last read.
type entry struct {
	at    int64
	key   []byte
	value int // where its words are in values
	words int
	sum   uint32
	kind  uint16
	dead  bool
}

// Entry is a record as it was last read.
type Entry struct {
	At      int64 // where it is in the file
	Kind    uint16
	Retired bool
	Key     []byte   // must not be changed; stays as it is
	Words   []uint64 // valid until the next call of Values, Refresh or Read
}

// Open opens a file and looks at its header. Only regular files of the effective user
// are opened, and links are not followed.
func Open(path string) (*Reader, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	file, _, err := openToRead(path)
	if err != nil {
		return nil, err
	}
	r := &Reader{path: path, file: file, parsed: headerSize}
	id, used, _, err := r.readHeader()
	if err != nil {
		file.Close()
		return nil, err
	}
	r.id, r.used = id, used
	return r, nil
}

// Path returns what was opened.
func (r *Reader) Path() string { return r.path }

// Identity returns what the header says about the writer.
func (r *Reader) Identity() Identity { return r.id }

// Close closes the file. What was read can still be asked for.
func (r *Reader) Close() error { return r.file.Close() }

// Alive reports whether the process that writes the file lives and has not closed it.
// It asks for the lock that the writer holds, so it needs no process id, and is right
// across containers and when ids are used again.
func (r *Reader) Alive() (bool, error) {
	alive, err := locked(r.file)
	if err != nil {
		return false, ioError(r.path, err)
	}
	return alive, nil
}

// Len returns the number of records that the last Values read.
func (r *Reader) Len() int { return r.valid }

// Known returns the number of records that Refresh has found.
func (r *Reader) Known() int { return len(r.entries) }

// At returns record i, from 0 to Len()-1, in the order in which they were added.
func (r *Reader) At(i int) Entry {
	e := &r.entries[:r.valid][i]
	return Entry{
		At:      e.at,
		Kind:    e.kind,
		Retired: e.dead,
		Key:     e.key,
		Words:   r.values[e.value : e.value+e.words : e.value+e.words],
	}
}

// Read is Refresh and Values. It returns the first error, and has read what can be
// read all the same.
func (r *Reader) Read() error {
	err := r.Refresh()
	if e := r.Values(); err == nil {
		err = e
	}
	return err
}

// Refresh looks for records added since the last call, and reads their keys. Values
// must be called to see them.
//
// If the file has been deleted, it says so when it is done: what is read from it is
// still right. If it has been overwritten by another, nothing is served any more.
func (r *Reader) Refresh() error {
	if r.replaced != nil {
		return r.replaced
	}
	id, used, info, err := r.readHeader()
	if err != nil {
		return err
	}
	if id != r.id {
		r.replaced = r.failed(Replaced, fmt.Sprintf("its id is %x, should be %x", id.ID, r.id.ID))
		r.valid = 0
		return r.replaced
	}
	if used < r.used {
		return r.failed(Corrupt, fmt.Sprintf("used is %d, should be %d or more, as it was", used, r.used))
	}
	r.used = used
	if err := r.parse(min(used, info.Size())); err != nil {
		if used > info.Size() {
			return r.truncated(info.Size(), used)
		}
		return err
	}
	if used > info.Size() {
		return r.truncated(info.Size(), used)
	}
	if deleted(info) {
		return r.failed(Vanished, "deleted while open")
	}
	return nil
}

// readHeader reads and checks the header, and then asks for the size of the file, so
// that it is of a time when all that is used was there.
func (r *Reader) readHeader() (id Identity, used int64, info os.FileInfo, err error) {
	n, err := r.file.ReadAt(r.header[:], 0)
	if err != nil && err != io.EOF {
		return id, 0, nil, ioError(r.path, err)
	}
	id, used, reason, detail := parseHeader(r.header[:n])
	if reason != "" {
		return id, 0, nil, r.failed(reason, detail)
	}
	info, err = r.file.Stat()
	if err != nil {
		return id, 0, nil, ioError(r.path, err)
	}
	return id, used, info, nil
}

// parse appends what lies between parsed and limit to the index.
func (r *Reader) parse(limit int64) error {
	if r.parsed >= limit {
		return nil
	}
	w := newWindow(limit)
	defer w.free()
	for r.parsed < limit {
		at := r.parsed
		b, err := w.bytes(r.file, at, headSize)
		if err != nil {
			return r.cannotRead(at, limit, err)
		}
		h, detail := parseHead(b, at, limit)
		if detail != "" {
			return r.failed(Corrupt, detail)
		}
		state, sum := order.Uint32(b[4:]), checksum(b, nil)
		key, err := w.bytes(r.file, at+h.keyAt(), int64(h.key))
		if err != nil {
			return r.cannotRead(at, limit, err)
		}
		if sum = crc32.Update(sum, castagnoli, key); sum != h.sum {
			return r.failed(Corrupt, fmt.Sprintf("record at %d has checksum %#x, should have %#x", at, h.sum, sum))
		}
		if state != live && state != retired {
			return r.failed(Corrupt, badState(at, state))
		}
		if h.kind != filler {
			r.append(&h, key)
		}
		r.parsed += int64(h.size)
	}
	return nil
}

func badState(at int64, state uint32) string {
	return fmt.Sprintf("record at %d has state %#x, should have %#x or %#x", at, state, uint32(live), uint32(retired))
}

func (r *Reader) append(h *head, key []byte) {
	e := entry{at: h.at, key: r.keep(key), words: int(h.words), sum: h.sum, kind: h.kind}
	if n := len(r.entries); n > 0 {
		e.value = r.entries[n-1].value + r.entries[n-1].words
	}
	r.entries = append(r.entries, e)
}

// keep copies a key to memory that stays.
func (r *Reader) keep(key []byte) []byte {
	const piece = 16 << 10
	n := len(r.keys)
	if n == 0 || cap(r.keys[n-1])-len(r.keys[n-1]) < len(key) {
		r.keys = append(r.keys, make([]byte, 0, max(piece, len(key))))
		n++
	}
	p := r.keys[n-1]
	from := len(p)
	r.keys[n-1] = append(p, key...)
	return r.keys[n-1][from : from+len(key) : from+len(key)]
}

// Values reads the words and the states of all records that Refresh has found, in few
// large reads.
func (r *Reader) Values() error {
	r.valid = 0
	if r.replaced != nil {
		return r.replaced
	}
	if len(r.entries) == 0 {
		return nil
	}
	last := &r.entries[len(r.entries)-1]
	if n := last.value + last.words; cap(r.values) < n {
		r.values = make([]uint64, n, n+n/4)
	} else {
		r.values = r.values[:n]
	}
	w := newWindow(r.parsed)
	defer w.free()
	for i := range r.entries {
		e := &r.entries[i]
		b, err := w.words(r.file, e.at, int64(headSize/8+e.words))
		if err != nil {
			return r.cannotRead(e.at, r.parsed, err)
		}
		sum, state := halves(b[0])
		if int64(b[3]) != e.at || sum != e.sum {
			return r.failed(Corrupt, fmt.Sprintf("record at %d has checksum %#x, should have %#x, as it had", e.at, sum, e.sum))
		}
		if state != live && state != retired {
			return r.failed(Corrupt, badState(e.at, state))
		}
		e.dead = state == retired
		copy(r.values[e.value:], b[headSize/8:])
		r.valid = i + 1
	}
	return nil
}

// Copy reads the words of record i once more, into a slice that is as long as its Words,
// which stay as they are. It is for words that belong together: what is the same in two
// copies, one soon after the other, was not being changed.
func (r *Reader) Copy(i int, words []uint64) error {
	e := &r.entries[:r.valid][i]
	words = words[:e.words]
	if len(words) == 0 {
		return nil
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 8*len(words))
	if n, err := r.file.ReadAt(b, e.at+headSize); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return r.cannotRead(e.at, r.parsed, err)
	}
	return nil
}

// cannotRead says why what should lie at an offset was not read.
func (r *Reader) cannotRead(at, limit int64, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return r.failed(Truncated, fmt.Sprintf("ends within the record at %d, should have %d bytes or more", at, limit))
	}
	return ioError(r.path, err)
}

func (r *Reader) truncated(size, used int64) error {
	return r.failed(Truncated, fmt.Sprintf("%d bytes, should be at least %d", size, used))
}

func (r *Reader) failed(reason Reason, detail string) *ReadError {
	return &ReadError{Path: r.path, Reason: reason, Detail: detail}
}
