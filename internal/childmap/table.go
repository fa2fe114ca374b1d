// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"sync/atomic"
	"unsafe"
)

// table is an extendible hash table: a directory of small segments, of which one
// at a time is rebuilt as it fills up. So the slowest insertion copies one
// segment, not the whole table, and readers never wait.
//
// The top depth bits of a hash choose the directory entry, the low bits the
// first slot to look at.
type table struct {
	dir   []atomic.Pointer[segment] // 1<<depth entries, written under the map's mu
	depth uint
}

// segment is an open-addressed part of the table. It is filled in place, and
// replaced when three quarters of its slots have been used.
type segment struct {
	slots []slot // a power of two
	used  int    // slots with a hash, deleted ones included; under mu
	live  int    // slots with a child; under mu
	depth uint   // how many leading bits all hashes here share
}

// slot is empty until hash is set, and deleted when child is nil after that.
// child is stored before hash, so who sees the hash sees the child.
type slot struct {
	hash  atomic.Uint64
	child atomic.Pointer[Child]
}

const (
	minSlots = 8
	maxSlots = 1024 // beyond this a segment splits instead of growing
	maxDepth = 20   // unless it is this deep: a million segments, or hashes that are no good
)

func newTable() *table {
	t := &table{dir: make([]atomic.Pointer[segment], 1)}
	t.dir[0].Store(&segment{slots: make([]slot, minSlots)})
	return t
}

func (t *table) entry(h uint64) *atomic.Pointer[segment] {
	return &t.dir[h>>(64-t.depth)] // a shift by 64 gives 0
}

func (t *table) find(h uint64, values []string, s *Syntax) *Child {
	slots := t.entry(h).Load().slots
	mask := uint64(len(slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot := &slots[i]
		switch slot.hash.Load() {
		case h:
			c := slot.child.Load()
			if c != nil && s.equal(c.Text(), c.state.Load()&escaped == 0, values) {
				return c
			}
		case 0:
			return nil
		}
	}
}

// insert adds a child that is not there yet, and returns the table to use from
// now on.
func (t *table) insert(h uint64, c *Child) *table {
	for {
		seg := t.entry(h).Load()
		if (seg.used+1)*4 <= len(seg.slots)*3 {
			seg.put(h, c)
			return t
		}
		switch {
		case seg.live*2 <= len(seg.slots): // mostly the deleted: as large again will do
			t.replace(seg, seg.rebuild(len(seg.slots), seg.depth, anyBit))
		case len(seg.slots) < maxSlots || seg.depth == maxDepth:
			t.replace(seg, seg.rebuild(2*len(seg.slots), seg.depth, anyBit))
		default:
			if seg.depth == t.depth {
				t = t.doubled()
			}
			t.replace(seg, seg.rebuild(maxSlots, seg.depth+1, 0), seg.rebuild(maxSlots, seg.depth+1, 1))
		}
	}
}

// remove takes out a child that is there.
func (t *table) remove(h uint64, c *Child) {
	seg := t.entry(h).Load()
	mask := uint64(len(seg.slots) - 1)
	for i := h & mask; seg.slots[i].hash.Load() != 0; i = (i + 1) & mask {
		if seg.slots[i].child.Load() == c {
			seg.slots[i].child.Store(nil)
			seg.live--
			return
		}
	}
}

// doubled returns a table with two entries for each one of t.
func (t *table) doubled() *table {
	d := &table{dir: make([]atomic.Pointer[segment], 2*len(t.dir)), depth: t.depth + 1}
	for i := range d.dir {
		d.dir[i].Store(t.dir[i/2].Load())
	}
	return d
}

// replace puts by in the entries of old: all of them, or half and half.
func (t *table) replace(old *segment, by ...*segment) {
	n := 0
	for i := range t.dir {
		if t.dir[i].Load() == old {
			n++
		}
	}
	done := 0
	for i := range t.dir {
		if t.dir[i].Load() == old {
			t.dir[i].Store(by[done*len(by)/n])
			done++
		}
	}
}

const anyBit = 2

// rebuild copies the living children of s to a new segment: all of them, or
// those whose first bit beyond the old depth is bit.
func (s *segment) rebuild(slots int, depth uint, bit uint64) *segment {
	fresh := &segment{slots: make([]slot, slots), depth: depth}
	for i := range s.slots {
		h, c := s.slots[i].hash.Load(), s.slots[i].child.Load()
		if c != nil && (bit == anyBit || h>>(64-depth)&1 == bit) {
			fresh.putUnseen(h, c)
		}
	}
	return fresh
}

// put adds a child where lookups go on meanwhile.
func (s *segment) put(h uint64, c *Child) {
	slot := s.unused(h)
	slot.setChild(c) // nobody reads it before the hash is there
	slot.hash.Store(h)
}

// putUnseen adds a child to a segment that nobody else has seen yet.
func (s *segment) putUnseen(h uint64, c *Child) {
	slot := s.unused(h)
	slot.setChild(c)
	slot.setHash(h)
}

// unused returns the slot for one child more, with that hash, and counts it.
func (s *segment) unused(h uint64) *slot {
	mask := uint64(len(s.slots) - 1)
	i := h & mask
	for s.slots[i].hash.Load() != 0 {
		i = (i + 1) & mask
	}
	s.used++
	s.live++
	return &s.slots[i]
}

// setChild and setHash are for who alone knows the slot: a locked instruction would cost
// as much as all the rest of moving a child.

func (s *slot) setChild(c *Child) { *(**Child)(unsafe.Pointer(&s.child)) = c }

func (s *slot) setHash(h uint64) { *(*uint64)(unsafe.Pointer(&s.hash)) = h }
