// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// A file begins with the number of bytes used, itself included, as an int32 of the
// machine's byte order, and four zero bytes. Records follow without gaps:
//
//	int32    length of the key
//	key      JSON
//	padding  1 to 8 spaces, so that the value lies at a multiple of 8
//	float64  value
//	float64  Unix time at which it was set, or 0: in the later layout only
//
// A record is written whole before used includes it. The rest of the file is zeros that
// occupy no space.
const (
	headerSize = 8
	minKey     = len(`["a","a",{}]`)
	maxKey     = 1 << 20
)

var order = binary.NativeEndian

// layout is what follows the key of a record, in bytes.
type layout int64

const (
	unknownLayout layout = 0
	valueOnly     layout = 8
	valueAndTime  layout = 16
)

// record is a record in a window.
type record struct {
	body  []byte // the length, the key and the padding
	key   []byte
	value float64
	time  float64 // 0 if the layout has none
	end   int64
}

// flaw says why there is no record at an offset.
type flaw struct {
	detail string
	err    error // of reading it
}

func (f flaw) any() bool { return f.detail != "" || f.err != nil }

// padded returns the length of a record's body.
func padded(key int) int { return 4 + key + 8 - (key+4)%8 }

// record reads the record at an offset. It believes nothing.
func (w *window) record(at int64, l layout) (r record, f flaw) {
	if at+headerSize > w.limit {
		return r, flaw{detail: fmt.Sprintf("record at %d begins within the last %d bytes of %d", at, w.limit-at, w.limit)}
	}
	b, err := w.bytes(at, 4)
	if err != nil {
		return r, flaw{err: err}
	}
	n := int(int32(order.Uint32(b)))
	if n < minKey || n > maxKey {
		return r, flaw{detail: fmt.Sprintf("record at %d has a key of %d bytes, should be from %d to %d", at, n, minKey, maxKey)}
	}
	body := padded(n)
	r.end = at + int64(body) + int64(l)
	if r.end > w.limit {
		return r, flaw{detail: fmt.Sprintf("record at %d ends at %d, should end at %d or before", at, r.end, w.limit)}
	}
	if b, err = w.bytes(at, body+int(l)); err != nil {
		return r, flaw{err: err}
	}
	r.body, r.key = b[:body], b[4:4+n]
	if r.key[0] != '[' || r.key[n-1] != ']' {
		return r, flaw{detail: fmt.Sprintf("record at %d has the key %.40q, should be a JSON list", at, r.key)}
	}
	for _, c := range r.body[4+n:] {
		if c != ' ' {
			return r, flaw{detail: fmt.Sprintf("record at %d is padded with %q, should be spaces", at, r.body[4+n:])}
		}
	}
	r.value = float(b[body:])
	if l == valueAndTime {
		r.time = float(b[body+8:])
	}
	return r, flaw{}
}

func float(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }

// detect returns the layout in which the first records fit together: up to some number,
// or exactly up to used. If they do in none, it is the one in which more do, and it is not
// sure.
func (w *window) detect(used int64) (l layout, sure bool) {
	best := -1
	for _, try := range [...]layout{valueAndTime, valueOnly} {
		n := 0
		at := int64(headerSize)
		for ; n < 64 && at < w.limit; n++ {
			r, f := w.record(at, try)
			if f.any() {
				break
			}
			at = r.end
		}
		if n > 0 && (n == 64 || at == used) {
			return try, true
		}
		if n > best {
			l, best = try, n
		}
	}
	return l, best > 1
}

// window is a piece of a file, copied to memory. What it is asked for should come in
// ascending order, and then each byte is read once, in large pieces.
type window struct {
	file  io.ReaderAt
	buf   []byte
	start int64 // in the file
	n     int   // bytes of buf that are valid
	limit int64 // no byte beyond is read
}

const windowSize = 256 << 10

func (w *window) open(file io.ReaderAt, limit int64) {
	if w.buf == nil {
		w.buf = make([]byte, windowSize)
	}
	w.file, w.start, w.n, w.limit = file, 0, 0, limit
}

// clear has everything read again.
func (w *window) clear() { w.n = 0 }

// bytes returns n bytes at an offset, valid until the next call. It returns
// io.ErrUnexpectedEOF if they are not all there.
func (w *window) bytes(at int64, n int) ([]byte, error) {
	if at+int64(n) > w.limit {
		return nil, io.ErrUnexpectedEOF
	}
	if at < w.start || at+int64(n) > w.start+int64(w.n) {
		if n > len(w.buf) {
			w.buf = make([]byte, n)
		}
		read, err := w.file.ReadAt(w.buf[:min(int64(len(w.buf)), w.limit-at)], at)
		w.start, w.n = at, read
		if read < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	from := int(at - w.start)
	return w.buf[from : from+n], nil
}
