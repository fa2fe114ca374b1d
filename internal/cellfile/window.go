// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"io"
	"sync"
	"unsafe"
)

// window is a piece of a file, copied to memory. What it is asked for should come in
// ascending order, and then each byte is read once, in large pieces.
type window struct {
	buf   []uint64 // rather than bytes, so that words are aligned in it
	start int64    // in the file, a multiple of recordAlign
	n     int64    // bytes of buf that are valid
	limit int64    // no byte beyond is read
}

const (
	windowSize    = 256 << 10
	maxWindowKept = 4 << 20
)

var windows = sync.Pool{New: func() any { return &window{buf: make([]uint64, windowSize/8)} }}

// newWindow returns an empty window, to be given back with free.
func newWindow(limit int64) *window {
	w := windows.Get().(*window)
	w.start, w.n, w.limit = 0, 0, limit
	return w
}

func (w *window) free() {
	if len(w.buf) <= maxWindowKept/8 {
		windows.Put(w)
	}
}

func (w *window) raw() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&w.buf[0])), 8*len(w.buf))
}

// bytes returns n bytes at an offset, valid until the next call. It returns
// io.ErrUnexpectedEOF if they are not all there.
func (w *window) bytes(f io.ReaderAt, at, n int64) ([]byte, error) {
	if err := w.fill(f, at, n); err != nil {
		return nil, err
	}
	from := at - w.start
	return w.raw()[from : from+n], nil
}

// words is bytes for words. at must be a multiple of 8.
func (w *window) words(f io.ReaderAt, at, n int64) ([]uint64, error) {
	if err := w.fill(f, at, 8*n); err != nil {
		return nil, err
	}
	from := (at - w.start) / 8
	return w.buf[from : from+n], nil
}

func (w *window) fill(f io.ReaderAt, at, n int64) error {
	if at >= w.start && at+n <= w.start+w.n {
		return nil
	}
	start := at &^ (recordAlign - 1)
	if at+n > w.limit {
		return io.ErrUnexpectedEOF
	}
	need := at + n - start
	if need > int64(8*len(w.buf)) {
		w.buf = make([]uint64, (need+recordAlign-1)/recordAlign*recordAlign/8)
	}
	read, err := f.ReadAt(w.raw()[:min(int64(8*len(w.buf)), w.limit-start)], start)
	w.start, w.n = start, int64(read)
	if w.n >= need {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}
