// SPDX-License-Identifier: Apache-2.0

package shared

import "slices"

// Words that belong together are copied while their writer goes on. A copy of a shard
// with what is attached to it is whole if nobody had it, and if the next copy is the same.
// All are copied twice in passing; those that differ are then copied again by themselves,
// a few times. If they never stay the same, their writer is at it all the time, and a copy
// lacks no more than parts of what was observed while it was made: what is counted last is
// copied first. If they stay the same, but somebody has the shard, its writer has lost the
// processor in the middle, and what was copied before is taken.

const settleTries = 6

// words returns the words of a series, or of record k-1 that is attached to it.
func (s *source) words(l *link, k int) []uint64 {
	if k < len(l.now) && s.alive {
		return l.now[k]
	}
	return s.raw(l, k)
}

// raw returns words as they were read last.
func (s *source) raw(l *link, k int) []uint64 { return s.r.At(l.record(k)).Words }

// record returns the entry of a series, or of record k-1 that is attached to it.
func (l *link) record(k int) int {
	if k == 0 {
		return int(l.entry)
	}
	return int(l.attached[k-1])
}

// readable reports whether a series could be read with all that is attached to it.
func (s *source) readable(l *link) bool {
	return !l.bad && l.record(len(l.attached)) < s.r.Len()
}

// block reports whether a series has words that belong together, and is there.
func (s *source) block(l *link) bool {
	return s.readable(l) && l.family.def.shards() && !s.r.At(int(l.entry)).Retired
}

// settle reads the file again, and makes copies of what belongs together that are whole.
func (s *source) settle(t *table) {
	for i := range s.series {
		l := &s.series[i]
		if !s.block(l) {
			l.now = nil
			continue
		}
		s.fit(l, &l.now)
		for k := range l.now {
			copy(l.now[k], s.raw(l, k))
		}
	}
	if err := s.read(); s.err == nil {
		s.err = err
	}
	s.parse(t)
	for i := range s.series {
		l := &s.series[i]
		if !s.block(l) {
			l.now = nil
			continue
		}
		if !s.same(l) {
			s.settleSeries(t, l)
		}
	}
}

// fit makes copies as many and as long as the records of a series, new ones zero.
func (s *source) fit(l *link, copies *[][]uint64) {
	for k := len(*copies); k <= len(l.attached); k++ {
		*copies = append(*copies, make([]uint64, len(s.raw(l, k))))
	}
}

// same reports whether what was read last is what was copied, and whole.
func (s *source) same(l *link) bool {
	if len(l.now) != 1+len(l.attached) {
		return false
	}
	n := stride(l.family.def.shard())
	for k, w := range l.now {
		if !slices.Equal(w, s.raw(l, k)) {
			return false
		}
		if k == 0 || s.r.At(l.record(k)).Kind == KindStripes {
			for ; len(w) > 0; w = w[min(n, len(w)):] {
				if w[0]&1 != 0 {
					return false
				}
			}
		}
	}
	return true
}

// each calls f for all parts of copies that belong to a shard.
func (s *source) each(l *link, copies [][]uint64, shard int, f func(k, from, to int)) {
	n := stride(l.family.def.shard())
	first := 1
	for k := range copies {
		if k == 0 {
			if shard == 0 {
				f(0, 0, len(copies[0]))
			}
			continue
		}
		w := copies[k]
		switch s.r.At(l.record(k)).Kind {
		case KindStripes:
			if i := shard - first; i >= 0 && i < len(w)/n {
				f(k, i*n, (i+1)*n)
			}
			first += len(w) / n
		case KindNativePage:
			if w[0]>>1 == uint64(shard) {
				f(k, 0, len(w))
			}
		default:
			if w[0] == uint64(shard) {
				f(k, 0, len(w))
			}
		}
	}
}

// settleSeries copies a series until each shard is whole.
func (s *source) settleSeries(t *table, l *link) {
	shards := 1
	for k := 1; k <= len(l.attached); k++ {
		if s.r.At(l.record(k)).Kind == KindStripes {
			shards += len(s.raw(l, k)) / stride(l.family.def.shard())
		}
	}
	var before, after [][]uint64
	s.fit(l, &l.now)
	s.fit(l, &before)
	for k := range l.now {
		copy(before[k], l.now[k])
	}
	s.fit(l, &after)
	for k := range after {
		copy(after[k], s.raw(l, k))
	}
	done := make([]bool, shards)
	left := shards
	for try := 0; ; try++ {
		for i := range done {
			if done[i] || !s.whole(l, before, after, i) {
				continue
			}
			s.take(l, after, i)
			done[i] = true
			left--
		}
		if left == 0 {
			return
		}
		if try == settleTries || !s.again(t, l, &before) {
			break
		}
		s.fit(l, &l.now)
		s.fit(l, &after)
		before, after = after, before
	}
	for i := range done {
		if !done[i] {
			s.take(l, after, i)
		}
	}
}

// again copies the records of a series, and those that have come since. It returns false
// if that fails.
func (s *source) again(t *table, l *link, copies *[][]uint64) bool {
	for k := range *copies {
		if s.r.Copy(l.record(k), (*copies)[k]) != nil {
			return false
		}
	}
	if s.r.Refresh() != nil {
		return false
	}
	if s.r.Known() == s.r.Len() {
		return true
	}
	if s.r.Values() != nil {
		return false
	}
	s.parse(t)
	for k := len(*copies); k <= len(l.attached); k++ {
		*copies = append(*copies, slices.Clone(s.raw(l, k)))
	}
	return true
}

// whole reports whether a shard is the same in two copies, and nobody had it.
func (s *source) whole(l *link, before, after [][]uint64, shard int) bool {
	return s.equal(l, before, after, shard) && !s.odd(l, after, shard)
}

func (s *source) equal(l *link, before, after [][]uint64, shard int) bool {
	same := true
	s.each(l, after, shard, func(k, from, to int) {
		same = same && k < len(before) && slices.Equal(before[k][from:to], after[k][from:to])
	})
	return same
}

// odd reports whether somebody had a shard.
func (s *source) odd(l *link, copies [][]uint64, shard int) (odd bool) {
	s.each(l, copies, shard, func(k, from, _ int) {
		if k == 0 || s.r.At(l.record(k)).Kind == KindStripes {
			odd = copies[k][from]&1 != 0
		}
	})
	return odd
}

// take makes copies of a shard the ones that count.
func (s *source) take(l *link, copies [][]uint64, shard int) {
	// Of what has come since, a copy that is older has nothing.
	s.each(l, l.now, shard, func(k, from, to int) { clear(l.now[k][from:to]) })
	s.each(l, copies, shard, func(k, from, to int) {
		copy(l.now[k][from:to], copies[k][from:to])
	})
}
