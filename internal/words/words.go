// SPDX-License-Identifier: Apache-2.0

// Package words has what those agree on who keep counts in words that other processes
// read, and those who hand out such words: whose memory it is, the one does not know,
// and what it counts, not the other.
//
// The holder of the words may be killed between any two stores. What it leaves must be
// whole, so each change is prepared in words that do not count yet, and takes effect by
// one Store.
package words

import (
	"sync/atomic"
	"unsafe"
)

// Home hands out words that other processes can read.
type Home interface {
	// Words returns words of a kind of record, the first of them as given and the others
	// zero, or nil if there is no place. Other processes see the record whole or not at
	// all. The words are 8-byte aligned, never move, and are the caller's alone to write.
	Words(kind uint16, words int, first ...uint64) []uint64
}

// Kinds of records.
const (
	NativeHead = 4 // see package native
	NativePage = 5
	SketchPage = 6 // see package sketch
	SketchEnds = 7
)

// Store stores v: other processes see it no sooner than what was stored before, and no
// later than what is stored after.
func Store(word *uint64, v uint64) {
	atomic.StoreUint64(word, v)
	Stored()
}

// Stored is to be called after other stores than those of Store, where each must leave
// the words whole and it need not be fast.
func Stored() {
	if Watch != nil {
		Watch()
	}
}

// Watch is called after each store. It is for tests, which look at the words then.
var Watch func()

// Halves returns words as twice as many counts, in the order in which they lie in
// memory: which half of a word comes first goes by the byte order of the machine, as
// all does in such words.
func Halves(w *[8]uint64) *[16]uint32 { return (*[16]uint32)(unsafe.Pointer(w)) }
