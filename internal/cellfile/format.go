// SPDX-License-Identifier: Apache-2.0

package cellfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"os"
	"time"
)

// A file is a header and records, in segments. All numbers have the byte order of
// the machine.
//
//	0          256                              64 KiB                  used      size
//	├──────────┼────────┬────────┬───┬──────────┼────────┬───┬──────────┼─────────┤
//	│ header   │ record │ record │ … │ filler   │ record │ … │ record   │ zeros   │
//	├──────────┴────────┴────────┴───┴──────────┼────────┴───┴──────────┴─────────┤
//	│ first segment                             │ second segment                  │
//	└───────────────────────────────────────────┴─────────────────────────────────┘
//
// The header, written before the file has its name. Only used changes, by one atomic
// store for each record, when the record is written:
//
//	0    8  magic
//	8    4  byte order mark
//	12   4  version
//	16   4  size of the header: where the first record is
//	20   4  what records are aligned to
//	24   8  size of the first segment; later ones are as large or larger
//	32  16  id of the file, random
//	48   8  process id of the writer
//	56   8  when that process started, in clock ticks since the boot; 0: not known
//	64   8  when the file was made, in Unix nanoseconds
//	72  36  boot id; zeros: not known
//	108  4  CRC-32C of the bytes before
//	112 16  zeros
//	128  8  used, where the next record will be: 48 bits, and 16 bits to check them
//	136     zeros
//
// A record, on a multiple of 32, never in two segments. Only the state and the words
// change after it is published. Words come first, so that two of them never lie in
// two cache lines:
//
//	0   4  CRC-32C of the bytes 8 to 32 and the key
//	4   4  state: live or retired
//	8   4  size of the record, a multiple of 32
//	12  4  number of words
//	16  4  length of the key
//	20  2  kind; 0: a filler, which makes up for what is left of a segment
//	22  2  zeros
//	24  8  where the record is
//	32     words, key, padding
const (
	magic     = "EMBRcell"
	orderMark = 0x01020304
	version   = 1

	headerSize  = 256
	usedAt      = 128
	headerSumAt = 108
	bootIDSize  = 36

	headSize    = 32
	recordAlign = 32
	filler      = 0 // kind

	// Between the states lie so many bits that no flipped one makes another.
	live    = 0x4556494c
	retired = 0xbaa9b6b3

	minSegment    = 64 << 10
	maxSegment    = 1 << 20 // but for a record that is larger
	maxFileSize   = 1 << 30 // so that 32 bits can hold what is read
	maxRecordSize = 1 << 28
)

var (
	order      = binary.NativeEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// granule is what the sizes of segments are multiples of.
func granule() int { return max(minSegment, os.Getpagesize()) }

// Identity says whose a file is. It is for people to read: whether the writer is alive
// only Reader.Alive can tell.
type Identity struct {
	ID      [16]byte // of the file, random
	PID     int      // of the writer, in its own namespace
	Start   uint64   // when that process started, in clock ticks since the boot; 0 if not known
	BootID  string   // of the kernel it ran on; empty if not known
	Created time.Time
}

func (id *Identity) encode(b []byte, firstSegment int64) {
	copy(b, magic)
	order.PutUint32(b[8:], orderMark)
	order.PutUint32(b[12:], version)
	order.PutUint32(b[16:], headerSize)
	order.PutUint32(b[20:], recordAlign)
	order.PutUint64(b[24:], uint64(firstSegment))
	copy(b[32:], id.ID[:])
	order.PutUint64(b[48:], uint64(id.PID))
	order.PutUint64(b[56:], id.Start)
	order.PutUint64(b[64:], uint64(id.Created.UnixNano()))
	copy(b[72:72+bootIDSize], id.BootID)
	order.PutUint32(b[headerSumAt:], crc32.Checksum(b[:headerSumAt], castagnoli))
	order.PutUint64(b[usedAt:], seal(headerSize))
}

// parseHeader reads the header from what could be read of it, and returns a reason
// and a detail if it cannot be trusted.
func parseHeader(b []byte) (id Identity, used int64, reason Reason, detail string) {
	n := min(len(b), len(magic))
	switch {
	case n == 0:
		return id, 0, Empty, fmt.Sprintf("0 bytes, should be at least %d", headerSize)
	case string(b[:n]) != magic[:n]:
		return id, 0, Foreign, fmt.Sprintf("begins with %q, should begin with %q", b[:n], magic)
	case len(b) < headerSize:
		return id, 0, Truncated, fmt.Sprintf("%d bytes, should be at least %d", len(b), headerSize)
	}
	switch mark := order.Uint32(b[8:]); mark {
	case orderMark:
	case bits.ReverseBytes32(orderMark):
		return id, 0, ByteOrder, fmt.Sprintf("byte order mark is %#x, should be %#x", mark, orderMark)
	default:
		return id, 0, Corrupt, fmt.Sprintf("byte order mark is %#x, should be %#x", mark, orderMark)
	}
	if v := order.Uint32(b[12:]); v != version {
		return id, 0, Version, fmt.Sprintf("version is %d, should be %d", v, version)
	}
	if got, want := order.Uint32(b[headerSumAt:]), crc32.Checksum(b[:headerSumAt], castagnoli); got != want {
		return id, 0, Corrupt, fmt.Sprintf("checksum of the header is %#x, should be %#x", got, want)
	}
	if h, a := order.Uint32(b[16:]), order.Uint32(b[20:]); h != headerSize || a != recordAlign {
		return id, 0, Corrupt, fmt.Sprintf("header size and alignment are %d and %d, should be %d and %d", h, a, headerSize, recordAlign)
	}
	sealed := order.Uint64(b[usedAt:])
	used = int64(sealed & usedMask)
	if seal(used) != sealed || used < headerSize || used > maxFileSize || used%recordAlign != 0 {
		return id, 0, Corrupt, fmt.Sprintf("used is %#x, should be between %d and %d and checked by its upper bits", sealed, headerSize, maxFileSize)
	}
	id = Identity{
		PID:     int(order.Uint64(b[48:])),
		Start:   order.Uint64(b[56:]),
		BootID:  string(bytes.TrimRight(b[72:72+bootIDSize], "\x00")),
		Created: time.Unix(0, int64(order.Uint64(b[64:]))),
	}
	copy(id.ID[:], b[32:48])
	return id, used, "", ""
}

const usedMask = 1<<48 - 1

// seal returns used with a check of it in the upper 16 bits, so that one atomic store
// publishes both.
func seal(used int64) uint64 {
	return uint64(used) | uint64(used)*0x9e3779b97f4a7c15&^usedMask
}

// head is the beginning of a record.
type head struct {
	sum   uint32
	size  uint32
	words uint32
	key   uint32 // its length
	kind  uint16
	at    int64
}

// recordSize returns the size of a record, and false if it may not be so large.
func recordSize(words, key int) (int64, bool) {
	if words > maxRecordSize/8 || key > maxRecordSize {
		return 0, false
	}
	n := (headSize + 8*int64(words) + int64(key) + recordAlign - 1) &^ (recordAlign - 1)
	return n, n <= maxRecordSize
}

// encode writes the record but for its words, which are zero already. b is the whole of it.
func (h *head) encode(b, key []byte) {
	order.PutUint32(b[4:], live)
	order.PutUint32(b[8:], h.size)
	order.PutUint32(b[12:], h.words)
	order.PutUint32(b[16:], h.key)
	order.PutUint16(b[20:], h.kind)
	order.PutUint64(b[24:], uint64(h.at))
	if len(key) > 0 {
		copy(b[h.keyAt():], key)
	}
	order.PutUint32(b, checksum(b, key))
}

func (h *head) keyAt() int64 { return headSize + 8*int64(h.words) }

// checksum returns what the record's checksum should be.
func checksum(b, key []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[8:headSize], castagnoli), castagnoli, key)
}

// parseHead reads a head at an offset of which limit-at bytes are there, and returns a
// detail if it cannot be right.
func parseHead(b []byte, at, limit int64) (h head, detail string) {
	h = head{
		sum:   order.Uint32(b),
		size:  order.Uint32(b[8:]),
		words: order.Uint32(b[12:]),
		key:   order.Uint32(b[16:]),
		kind:  order.Uint16(b[20:]),
		at:    int64(order.Uint64(b[24:])),
	}
	end := h.keyAt() + int64(h.key)
	switch size := int64(h.size); {
	case h.at != at:
		return h, fmt.Sprintf("record at %d says that it is at %d", at, h.at)
	case size < headSize || size > maxRecordSize || size%recordAlign != 0:
		return h, fmt.Sprintf("record at %d has %d bytes, should be a multiple of %d up to %d", at, size, recordAlign, maxRecordSize)
	case end > size:
		return h, fmt.Sprintf("record at %d has %d words and a key of %d bytes, should fit into %d bytes", at, h.words, h.key, size)
	case size > limit-at:
		return h, fmt.Sprintf("record at %d has %d bytes, should be at most %d", at, size, limit-at)
	}
	return h, ""
}

// halves returns the two halves of a word, in the order in which they lie in memory.
func halves(w uint64) (first, second uint32) {
	var b [8]byte
	order.PutUint64(b[:], w)
	return order.Uint32(b[:4]), order.Uint32(b[4:])
}
