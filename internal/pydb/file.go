// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/bits"
	"os"
	"path/filepath"
)

// file is what is held of one file between reads.
type file struct {
	path string
	origin
	excluded Problem // that its name alone is; or none

	id       identity
	modified int64 // ns since 1970
	layout   layout
	unsure   bool  // of the layout, so that it must be found anew
	parsed   int64 // where the next record will be; 0: nothing is held
	broken   int64 // what used was when what had been parsed made sense, but not what came then
	entries  []entry
	times    []float64 // one for each entry, in files of modeMostRecent only
	groups   []*group  // that the entries belong to, each once
	unusable int       // entries without a cell
	why      string    // and what is wrong with the first of them

	round    uint64 // in which the file was last listed
	reported uint64 // in which problems was last filled
	problems []int  // where its problems are in Dir.problems
}

// entry is a record that was parsed, and its value when it was last read.
type entry struct {
	at, body uint32 // offset and length of the key's part, see record.body
	sum      uint32 // checksum of that
	fresh    bool   // not read yet
	last     float64
	cell     *cell // nil if the key is of no use
}

// identity is of a file for as long as somebody has it open or it has a name.
type identity struct{ device, inode uint64 }

func newFile(path string) *file {
	f := &file{path: path}
	f.origin, f.excluded = parseName(filepath.Base(path))
	return f
}

// seed is of checksums that never leave the process.
var seed = maphash.MakeSeed()

func checksum(b []byte) uint32 { return uint32(maphash.Bytes(seed, b)) }

// read reads what is new in a file and then all its values, and reports what is wrong.
// It returns whether there is something to serve.
func (d *Dir) read(f *file) bool {
	file, info, p := openToRead(f.path)
	if p.Reason != "" {
		return d.unreadable(f, p)
	}
	defer file.Close()
	id, modified := identify(info)
	if id != f.id {
		d.forget(f)
		f.id, f.broken = id, 0
	}
	f.modified = modified
	// The first round may find that the file is another than it was, and somebody may
	// overwrite it during the second.
	for range 3 {
		used, size, p := f.header(file)
		if p.Reason != "" {
			return d.unreadable(f, p)
		}
		d.window.open(file, min(used, size))
		if d.window.limit < f.parsed || f.unsure {
			d.forget(f)
		}
		known := len(f.entries)
		same, err := d.values(f, 0)
		if same && err == nil {
			p = d.parse(f, used)
			if p.Reason == Corrupt && known > 0 && f.broken != used {
				f.broken = used
				same = false // perhaps it is whole, but in the other layout
			} else {
				same, err = d.values(f, known)
			}
		}
		switch {
		case err == io.ErrUnexpectedEOF:
			return d.unreadable(f, Problem{Reason: Truncated, Detail: "became shorter while it was read"})
		case err != nil:
			return d.unreadable(f, Problem{Reason: IO, Err: bare(err)})
		case same:
			d.reportAll(f, p, used, size)
			return true
		}
		d.forget(f)
	}
	d.report(f, Problem{Reason: Replaced, Detail: "its keys changed while it was read"})
	return false
}

// reportAll reports what is wrong with a file that is served. p is what parse found.
func (d *Dir) reportAll(f *file, p Problem, used, size int64) {
	if used > size && (p.Reason == "" || p.Reason == Corrupt) {
		p = Problem{Reason: Truncated, Detail: fmt.Sprintf("%d bytes, should be at least %d", size, used)}
	}
	if p.Reason != "" {
		d.report(f, p)
	}
	if f.unusable > 0 {
		d.report(f, Problem{Reason: Corrupt, Detail: f.why, More: f.unusable - 1})
	}
}

// unreadable reports why a file is not served. If it is the system that does not let it
// be read, what was last read of it is better than a total without it.
func (d *Dir) unreadable(f *file, p Problem) bool {
	if p.Reason != Vanished || !f.live {
		d.report(f, p)
	}
	if p.Reason == IO && f.parsed > 0 {
		return true
	}
	d.forget(f)
	return false
}

var sqlite = []byte("SQLite format 3\x00")

// header reads the header of a file, and then its size, which so is of a time when all
// that is used was there. If there is nothing to read, the problem has a reason.
func (f *file) header(file *os.File) (used, size int64, p Problem) {
	head, n, err := readHeader(file, f.parsed)
	if err != nil {
		return 0, 0, Problem{Reason: IO, Err: bare(err)}
	}
	info, err := file.Stat()
	if err != nil {
		return 0, 0, Problem{Reason: IO, Err: bare(err)}
	}
	p.Reason, p.Detail = checkHeader(head, n, info.Size())
	return usedOf(head), info.Size(), p
}

// readHeader reads the header of a file until it uses what was parsed of it, or two
// reads agree that it does not.
func readHeader(file io.ReaderAt, parsed int64) (head [16]byte, n int, err error) {
	before := int64(-1)
	for range 4 {
		if n, err = file.ReadAt(head[:], 0); err != nil && err != io.EOF {
			return head, n, err
		}
		used := usedOf(head)
		if used >= parsed || used == before {
			break
		}
		before = used
	}
	return head, n, nil
}

func usedOf(head [16]byte) int64 { return int64(int32(order.Uint32(head[:]))) }

// checkHeader returns why a file that begins with n bytes of head is not read, although
// its name is right.
func checkHeader(head [16]byte, n int, size int64) (reason Reason, detail string) {
	used := usedOf(head)
	switch {
	case n == 0:
		return Empty, "0 bytes, should be 65536 or more"
	case bytes.Equal(head[:], sqlite):
		return Foreign, "is a database of SQLite"
	case n < headerSize:
		return Truncated, fmt.Sprintf("%d bytes, should be at least %d", n, headerSize)
	case order.Uint32(head[4:]) != 0:
		return Foreign, fmt.Sprintf("begins with %q, should begin with a length and four zero bytes", head[:headerSize])
	case used == 0 || used >= headerSize && used%8 == 0 && used <= size:
		return "", ""
	}
	swapped := int64(int32(bits.ReverseBytes32(order.Uint32(head[:]))))
	length := int32(bits.ReverseBytes32(order.Uint32(head[8:])))
	if swapped == headerSize || swapped > headerSize && swapped%8 == 0 && minKey <= int(length) && int(length) <= maxKey {
		return ByteOrder, fmt.Sprintf("used is %d, and %d in the other byte order", used, swapped)
	}
	if used < headerSize || used%8 != 0 {
		return Corrupt, fmt.Sprintf("used is %d, should be a multiple of 8, and at least %d", used, headerSize)
	}
	return "", "" // truncated, but what is there can be read
}

// parse appends the records between parsed and the window's limit to the entries, as
// far as they make sense, and says why not all do. It will try those again at the next
// call.
func (d *Dir) parse(f *file, used int64) (p Problem) {
	w := &d.window
	// Of a file that was just made, nothing is used yet.
	if w.limit <= max(f.parsed, headerSize) {
		return p
	}
	if need := d.bytes + w.limit - f.parsed; need > d.limit {
		return Problem{Reason: Full, Detail: fmt.Sprintf("all files together use %d bytes or more, should use %d or less", need, d.limit)}
	}
	if f.layout == unknownLayout {
		var sure bool
		f.layout, sure = w.detect(used)
		f.unsure = !sure
	}
	before := f.parsed
	f.parsed = max(f.parsed, headerSize)
	again := false
	for f.parsed < w.limit {
		r, flaw := w.record(f.parsed, f.layout)
		if !flaw.any() {
			d.add(f, &r)
			f.parsed = r.end
			continue
		}
		if !again {
			// Perhaps used has overtaken what it promises, on its way from another core.
			again = true
			w.clear()
			continue
		}
		switch flaw.err {
		case nil:
			p = Problem{Reason: Corrupt, Detail: flaw.detail}
		case io.ErrUnexpectedEOF:
			p = Problem{Reason: Truncated, Detail: "became shorter while it was read"}
		default:
			p = Problem{Reason: IO, Err: bare(flaw.err)}
		}
		break
	}
	d.bytes += f.parsed - before
	return p
}

// add makes an entry of a record.
func (d *Dir) add(f *file, r *record) {
	e := entry{at: uint32(f.parsed), body: uint32(len(r.body)), sum: checksum(r.body), fresh: true}
	why := d.key.parse(r.key)
	if why == "" {
		e.cell, why = d.resolve(f, &d.key)
	}
	if why != "" {
		if f.unusable++; f.unusable == 1 {
			f.why = fmt.Sprintf("record at %d: the key %.200q %s", f.parsed, r.key, why)
		}
	}
	f.entries = append(f.entries, e)
	if f.mode == modeMostRecent {
		f.times = append(f.times, 0)
	}
}

// values reads the values of all entries but the first ones. It returns false if a key is
// not what it was.
func (d *Dir) values(f *file, from int) (same bool, err error) {
	w := &d.window
	timed := 0
	if f.mode == modeMostRecent && f.layout == valueAndTime {
		timed = 8
	}
	for i := from; i < len(f.entries); i++ {
		e := &f.entries[i]
		n := int(e.body)
		b, err := w.bytes(int64(e.at), n+8+timed)
		if err != nil {
			return false, err
		}
		if checksum(b[:n]) != e.sum {
			return false, nil
		}
		v := float(b[n:])
		if timed > 0 {
			f.times[i] = float(b[n+8:])
		}
		if !e.fresh && v != e.last && e.cell != nil && (v == 0 || v < e.last && e.cell.role.grows()) {
			if v, err = reread(w.file, int64(e.at)+int64(n), v); err != nil {
				return false, err
			}
		}
		e.last, e.fresh = v, false
	}
	return true, nil
}

// reread reads a value until it is what it was before, or a few times.
func reread(file io.ReaderAt, at int64, v float64) (float64, error) {
	var b [8]byte
	for range 4 {
		if n, err := file.ReadAt(b[:], at); n < len(b) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		before := v
		if v = float(b[:]); v == before {
			break
		}
	}
	return v, nil
}

// forget drops all that is held of a file's content.
func (d *Dir) forget(f *file) {
	for i := range f.entries {
		if c := f.entries[i].cell; c != nil {
			d.release(c)
		}
	}
	d.bytes -= f.parsed
	f.layout, f.unsure, f.parsed = unknownLayout, false, 0
	f.entries, f.times, f.groups = nil, nil, nil
	f.unusable, f.why = 0, ""
}

// bare returns an error of the system without the path, which a Problem has.
func bare(err error) error {
	if p := (*os.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
