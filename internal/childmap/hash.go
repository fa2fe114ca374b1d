// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// The keys differ from process to process, so that nobody who chooses label
// values can choose collisions.
var key = [3]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1}

// hash mixes values, their lengths included, into 64 bits, never 0. Each round
// folds the 128-bit product of two words, as the wyhash family of functions does;
// a value of up to 16 bytes takes one round and no call.
func hash(values []string) uint64 {
	h := key[0]
	for _, s := range values {
		n := len(s)
		for len(s) > 16 {
			hi, lo := bits.Mul64(load64(s)^key[1], load64(s[8:])^h)
			h = hi ^ lo
			s = s[16:]
		}
		var a, b uint64
		switch {
		case len(s) >= 8:
			a, b = load64(s), load64(s[len(s)-8:])
		case len(s) >= 4:
			a, b = load32(s), load32(s[len(s)-4:])
		case len(s) > 0:
			a, b = uint64(s[0])<<8|uint64(s[len(s)>>1]), uint64(s[len(s)-1])
		}
		// a and b can differ in any bit, so the length must come in by a key of
		// its own: plainly, it could make up for a difference of theirs.
		hi, lo := bits.Mul64(a^key[1], b^(h+uint64(n)*key[2]))
		h = hi ^ lo ^ h
	}
	// Short values leave some bits of h depending on few of the keys'.
	h *= 0x9e3779b97f4a7c15
	h ^= h >> 32
	if h == 0 {
		return 1
	}
	return h
}

// The compiler turns these into one load each.

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// The same for what somebody has made sure is there.

func word64(p unsafe.Pointer) uint64 {
	b := (*[8]byte)(p)
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func word32(p unsafe.Pointer) uint32 {
	b := (*[4]byte)(p)
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func word16(p unsafe.Pointer) uint16 {
	b := (*[2]byte)(p)
	return uint16(b[0]) | uint16(b[1])<<8
}
