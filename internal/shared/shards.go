// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"math"
	"strconv"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/internal/words"
)

// shards calls f for each shard of a block whose words are not over. It returns false if
// the block has ended.
func (s *source) shards(l *link, f func(shard int, w []uint64)) bool {
	n := l.family.def.shard()
	w := s.words(l, 0)
	if w[0] == over {
		return false
	}
	f(0, w[:n])
	i := 0
	for k := range l.attached {
		if s.r.At(int(l.attached[k])).Kind != KindStripes {
			continue
		}
		w := s.words(l, k+1)
		for ; len(w) > 0; w = w[stride(n):] {
			i++
			if w[0] == over {
				return false
			}
			f(i, w[:n])
		}
	}
	return true
}

func badCount(n uint64) string {
	if n >= absurd {
		return "count of " + strconv.FormatUint(n, 10)
	}
	return ""
}

func (s *source) addHistogram(t *table, l *link, w []uint64) (bad string) {
	def := l.family.def
	if !s.shards(l, func(_ int, w []uint64) {
		for _, n := range w[2:] {
			if b := badCount(n); b != "" {
				bad = b
			}
		}
	}) {
		return ""
	}
	if bad == "" {
		bad = s.badNative(t, l)
	}
	if bad != "" {
		return bad
	}
	slot := s.find(t, l, 0)
	if slot == nil || t.tries {
		return ""
	}
	t.touch(slot, w[len(w)-1])
	if len(slot.buckets) == 0 {
		slot.buckets = make([]uint64, len(def.Bounds)+1)
	}
	s.shards(l, func(shard int, w []uint64) {
		slot.sum.add(math.Float64frombits(w[1]))
		var classic uint64
		for i, n := range w[2:] {
			slot.buckets[i] = addCounts(slot.buckets[i], n)
			classic = addCounts(classic, n)
		}
		// Native buckets are counted first: a writer that ended in between has counted one
		// more of these.
		if native := s.addNative(t, l, slot, uint64(shard)); native > classic {
			inf := &slot.buckets[len(slot.buckets)-1]
			*inf = addCounts(*inf, native-classic)
		}
	})
	return ""
}

// head returns the current slot of a native head.
func head(w []uint64) (schema, zero uint64, threshold float64) {
	at := 2 + 3*(w[1]&1)
	return w[at], w[at+2], math.Float64frombits(w[at+1])
}

// buckets makes t.scratch the native buckets of a head.
func (s *source) buckets(t *table, l *link, w []uint64) (bad string) {
	schema, zero, threshold := head(w)
	if n := int64(schema); n < -4 || n > 8 || !(threshold >= 0) || math.IsInf(threshold, 1) || zero >= absurd {
		return "native buckets of schema " + strconv.FormatInt(n, 10) + ", zero threshold " +
			strconv.FormatFloat(threshold, 'g', -1, 64) + " and zero count " + strconv.FormatUint(zero, 10)
	}
	t.scratch.Reset(native.Scale{Schema: int(int64(schema)), ZeroThreshold: threshold})
	t.scratch.Zero = zero
	for k := range l.attached {
		if s.r.At(int(l.attached[k])).Kind != KindNativePage {
			continue
		}
		p := s.words(l, k+1)
		if p[0]>>1 != w[0] || p[1] != w[1] {
			continue
		}
		counts := (*[16]uint64)(p[3:])
		for _, n := range counts {
			if bad := badCount(n); bad != "" {
				return bad
			}
		}
		if number := int64(p[2]); number != int64(int(number)) || !t.scratch.AddPage(p[0]&1 == 1, int(number), counts) {
			return "page " + strconv.FormatInt(number, 10) + " of native buckets"
		}
	}
	return ""
}

// badNative returns what is wrong with the native buckets of a series.
func (s *source) badNative(t *table, l *link) (bad string) {
	for k := range l.attached {
		if s.r.At(int(l.attached[k])).Kind == KindNativeHead && bad == "" {
			bad = s.buckets(t, l, s.words(l, k+1))
		}
	}
	return bad
}

// addNative adds the native buckets of a shard, and returns how many values they have.
func (s *source) addNative(t *table, l *link, to *slot, shard uint64) (total uint64) {
	for k := range l.attached {
		if s.r.At(int(l.attached[k])).Kind != KindNativeHead {
			continue
		}
		w := s.words(l, k+1)
		if w[0] == shard && s.buckets(t, l, w) == "" {
			total = addCounts(total, t.addNative(to))
		}
	}
	return total
}

func (s *source) addSummary(t *table, l *link, w []uint64) (bad string) {
	if !s.shards(l, func(_ int, w []uint64) {
		if b := badCount(w[1]); b != "" {
			bad = b
		}
	}) || bad != "" {
		return bad
	}
	for k := range l.attached {
		if p := s.words(l, k+1); s.r.At(int(l.attached[k])).Kind == KindSketchPage && p[1] != 0 && !sketch.ValidPage(int64(p[2])) {
			return "page " + strconv.FormatInt(int64(p[2]), 10) + " of a sketch"
		}
	}
	slot := s.find(t, l, 0)
	if slot == nil || t.tries {
		return ""
	}
	t.touch(slot, w[3])
	s.shards(l, func(_ int, w []uint64) {
		slot.count = addCounts(slot.count, w[1])
		slot.sum.add(math.Float64frombits(w[2]))
	})
	if l.family.def.Periods == 0 {
		return ""
	}
	base := int64(w[4])
	clear(t.ends)
	for k := range l.attached {
		if s.r.At(int(l.attached[k])).Kind == KindSketchEnds {
			p := s.words(l, k+1)
			// Who ended in the middle of beginning a period left ends that cannot be.
			if math.Float64frombits(p[2]) <= math.Float64frombits(p[3]) {
				t.ends[[2]uint64{p[0], p[1]}] = true
			}
		}
	}
	for k := range l.attached {
		p := s.words(l, k+1)
		switch s.r.At(int(l.attached[k])).Kind {
		case KindSketchEnds:
			if start, ok := l.family.def.start(t.now, base, p[1]); ok {
				t.period(slot, start).Extend(math.Float64frombits(p[2]), math.Float64frombits(p[3]))
			}
		case KindSketchPage:
			start, ok := l.family.def.start(t.now, base, p[1])
			if !ok {
				continue
			}
			counts := *words.Halves((*[8]uint64)(p[3:]))
			to := t.period(slot, start)
			to.AddPage(int(int64(p[2])), &counts)
			if !t.ends[[2]uint64{p[0], p[1]}] {
				to.ExtendPage(int(int64(p[2])), &counts)
			}
		}
	}
	return ""
}

// start returns when a period began that a process numbers, plus one, from a base on. It
// returns false if that is not in the window that ends now.
func (f *Family) start(now, base int64, number uint64) (int64, bool) {
	length, n := int64(f.Period), int64(f.Periods)
	if number == 0 || number > math.MaxInt64 || base < 0 || now < 0 {
		return 0, false
	}
	current := floorDiv(now-base, length)
	if age := current - int64(number-1); age <= -n || age >= n {
		return 0, false
	}
	return base + int64(number-1)*length, true
}
