// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/embermetrics/ember/internal/cellfile"
	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/metric"
)

// source is a file and what is known of it: records are looked at once.
type source struct {
	path    string
	r       *cellfile.Reader
	id      cellfile.Identity
	archive bool
	alive   bool
	gone    bool   // has no name any more
	pid     string // what tells the process from all others

	entries  int // of the reader that have been looked at
	families []*definition
	series   []link
	blocks   bool // some series have words that belong together
	absorbed map[[16]byte]bool
	tally    uint64
	leftOut  int // series that the table has no place for

	err     error  // why not all could be read
	newer   bool   // some definition has a format that only later versions know
	content string // what the first record that cannot be has wrong; empty: nothing
}

// definition is a family as a file defines it.
type definition struct {
	at     uint32 // where, in units of cellfile.Align
	def    *Family
	origin origin
	group  *group
	labels []metric.Label // scratch: the constant ones, and the names of all
}

// link is a series as a file has it.
type link struct {
	at       uint32 // where, in units of cellfile.Align
	entry    int32
	family   *definition
	slot     *slot   // nil: not known yet
	attached []int32 // entries
	heads    uint16  // of these, heads of native buckets
	bad      bool    // cannot be, and is left out
	leftOut  bool

	// Of words that belong together, while their writer lives: what counts of a series
	// and of what is attached to it.
	now [][]uint64
}

func openSource(path string) (*source, error) {
	r, err := cellfile.Open(path)
	if err != nil {
		return nil, err
	}
	s := &source{path: path, r: r, id: r.Identity()}
	s.pid = strconv.Itoa(s.id.PID)
	return s, nil
}

func (s *source) close() { s.r.Close() }

// forget makes the next load look at all records again.
func (s *source) forget() {
	s.entries, s.families, s.series, s.absorbed, s.leftOut = 0, nil, nil, nil, 0
}

// load reads the file, looks at what is new in it, and says in the table what it
// defines. Errors are kept: what could be read is served.
func (s *source) load(t *table) {
	s.err = s.read()
	s.parse(t)
	if s.alive && s.blocks {
		s.settle(t)
	}
	for _, d := range s.families {
		t.define(d.group, d.def, d.origin)
	}
}

// read reads the file. That it was deleted meanwhile is no reason not to serve it.
func (s *source) read() error {
	err := s.r.Read()
	var e *cellfile.ReadError
	if errors.As(err, &e) && e.Reason == cellfile.Vanished {
		s.gone = true
		return nil
	}
	return err
}

// wrong notes that a record cannot be.
func (s *source) wrong(at int64, what string) {
	if s.content == "" {
		s.content = "record at " + strconv.FormatInt(at, 10) + ": " + what
	}
}

// parse looks at records that are new.
func (s *source) parse(t *table) {
	for ; s.entries < s.r.Len(); s.entries++ {
		e := s.r.At(s.entries)
		switch e.Kind {
		case KindFamily:
			s.parseFamily(t, &e)
		case KindSeries:
			s.parseSeries(&e)
		case KindStripes, KindNativeHead, KindNativePage, KindSketchPage, KindSketchEnds:
			s.parseAttached(&e)
		case KindAbsorbed:
			if len(e.Key) != 16 {
				s.wrong(e.At, "id of an absorbed file has "+strconv.Itoa(len(e.Key))+" bytes, should have 16")
				continue
			}
			if s.absorbed == nil {
				s.absorbed = make(map[[16]byte]bool)
			}
			s.absorbed[[16]byte(e.Key)] = true
		case KindTally:
			if len(e.Words) == 1 {
				s.tally = e.Words[0]
			}
		}
	}
}

func (s *source) parseFamily(t *table, e *cellfile.Entry) {
	f, when, bad := decodeFamily(e.Key)
	if bad != "" {
		if v, _ := binary.Uvarint(e.Key); v > format {
			s.newer = true
		}
		s.wrong(e.At, bad)
		return
	}
	d := &definition{at: uint32(e.At / cellfile.Align), def: f, origin: origin{when, s.id.ID}, group: t.group(f)}
	if d.group == nil {
		s.wrong(e.At, "more families than there may be")
		return
	}
	if when == 0 {
		d.origin.created = uint64(max(s.id.Created.UnixNano(), 0))
	}
	d.labels = append(d.labels, f.ConstLabels...)
	for _, name := range f.Labels {
		d.labels = append(d.labels, metric.Label{Name: name})
	}
	s.families = append(s.families, d)
}

func (s *source) parseSeries(e *cellfile.Entry) {
	at, n := binary.Uvarint(e.Key)
	i, ok := slices.BinarySearchFunc(s.families, at, func(d *definition, at uint64) int {
		if uint64(d.at) < at {
			return -1
		}
		return int(min(uint64(d.at)-at, 1))
	})
	l := link{at: uint32(e.At / cellfile.Align), entry: int32(s.entries), bad: true}
	switch {
	case n <= 0 || !ok:
		s.wrong(e.At, "series of a family that is not there")
	case len(e.Words) != s.families[i].def.words():
		s.wrong(e.At, "series with "+strconv.Itoa(len(e.Words))+" words, should have "+strconv.Itoa(s.families[i].def.words()))
	default:
		l.family = s.families[i]
		l.bad = false
		d := decoder{b: e.Key[n:]}
		for range l.family.def.Labels {
			d.bytes("value of a label")
		}
		if d.bad == "" && len(d.b) > 0 {
			d.fail("more values than labels")
		}
		if d.bad != "" {
			s.wrong(e.At, d.bad)
			l.bad = true
		}
		s.blocks = s.blocks || l.family.def.shards()
	}
	s.series = append(s.series, l) // bad ones too, for what is attached to them
}

func (s *source) parseAttached(e *cellfile.Entry) {
	at, n := binary.Uvarint(e.Key)
	i, ok := slices.BinarySearchFunc(s.series, at, func(l link, at uint64) int {
		if uint64(l.at) < at {
			return -1
		}
		return int(min(uint64(l.at)-at, 1))
	})
	if n <= 0 || !ok {
		s.wrong(e.At, "is attached to a series that is not there")
		return
	}
	l := &s.series[i]
	if l.bad {
		return
	}
	if bad := l.family.def.attaches(e.Kind, len(e.Words)); bad != "" {
		s.wrong(e.At, bad)
		return
	}
	if e.Kind == KindNativeHead {
		if l.heads == maxHeads {
			s.wrong(e.At, "more than "+strconv.Itoa(maxHeads)+" native heads of one series")
			return
		}
		l.heads++
	}
	l.attached = append(l.attached, int32(s.entries))
}

const maxHeads = 1000 // each is one of a shard

// attaches returns what is wrong with a record that is attached to a series.
func (f *Family) attaches(kind uint16, words int) string {
	var of, ok bool
	switch histogram := f.Kind == metric.Histogram || f.Kind == metric.GaugeHistogram; kind {
	case KindStripes:
		of = histogram || f.Kind == metric.Counter || f.Kind == metric.Summary
		each := stripeWords
		if f.Kind != metric.Counter {
			each = stride(f.shard())
		}
		ok = words%each == 0
	case KindNativeHead:
		of, ok = histogram, words == NativeHeadWords
	case KindNativePage:
		of, ok = histogram, words == NativePageWords
	case KindSketchPage:
		of, ok = f.Kind == metric.Summary, words == SketchPageWords
	case KindSketchEnds:
		of, ok = f.Kind == metric.Summary, words == SketchEndsWords
	}
	if of && ok {
		return ""
	}
	return "record of kind " + strconv.Itoa(int(kind)) + " with " + strconv.Itoa(words) + " words is attached to a " + f.Kind.String()
}

// find returns the slot of a series, or nil if the table has no place for it. pid is that
// of a process that is gone, or 0.
func (s *source) find(t *table, l *link, pid uint64) *slot {
	if l.slot != nil {
		return l.slot
	}
	if l.leftOut && t.slots >= t.max {
		return nil
	}
	f := l.family
	d := decoder{b: s.r.At(int(l.entry)).Key}
	d.uint("family")
	labels := f.labels
	values := labels[len(f.def.ConstLabels):]
	for i := range values {
		values[i].Value = d.string("value of a label")
	}
	text := ""
	if f.def.apart() {
		text = s.pid
		if pid != 0 {
			text = strconv.FormatUint(pid, 10)
		}
	}
	l.slot = t.slot(f.group, labels, text)
	if l.slot == nil && !l.leftOut {
		l.leftOut = true
		s.leftOut++
	}
	return l.slot
}

// add adds the values of all series to the table.
func (s *source) add(t *table) {
	for i := range s.series {
		l := &s.series[i]
		if !s.readable(l) {
			continue
		}
		if !s.alive && (l.family.def.live() || !t.compacts && l.family.group.family.newest.def.live()) {
			continue
		}
		if bad := s.addSeries(t, l); bad != "" {
			s.wrong(int64(l.at)*cellfile.Align, bad)
		}
	}
}

const absurd = 1 << 62 // a count that nobody comes to

// addSeries adds a series, or nothing if it has no value, or says what is wrong with it.
func (s *source) addSeries(t *table, l *link) (bad string) {
	e := s.r.At(int(l.entry))
	if e.Retired {
		return ""
	}
	switch l.family.def.Kind {
	case metric.Counter:
		return s.addCounter(t, l, e.Words)
	case metric.Histogram, metric.GaugeHistogram:
		return s.addHistogram(t, l, s.words(l, 0))
	case metric.Summary:
		return s.addSummary(t, l, s.words(l, 0))
	}
	w := e.Words
	if w[0] == Unset || w[0] == ended {
		return ""
	}
	slot := s.find(t, l, w[2])
	if slot == nil || t.tries {
		return ""
	}
	t.touch(slot, 0)
	switch v := math.Float64frombits(w[0]); {
	case !l.family.def.apart():
		slot.gauge(v, w[1])
	case w[2] != 0:
		slot.process(v, w[2], w[1], false)
	default:
		slot.process(v, uint64(max(s.id.PID, 0)), l.family.origin.created, s.alive)
	}
	return ""
}

func (s *source) addCounter(t *table, l *link, w []uint64) (bad string) {
	n, f := w[0], w[1]
	if n >= endedWhole || f == ended {
		return ""
	}
	for _, k := range l.attached {
		e := s.r.At(int(k))
		for i := 0; i+1 < len(e.Words); i += stripeWords {
			if e.Words[i] >= endedWhole || e.Words[i+1] == ended {
				return ""
			}
			if bad := badCounter(e.Words[i], e.Words[i+1]); bad != "" {
				return bad
			}
		}
	}
	if bad := badCounter(n, f); bad != "" {
		return bad
	}
	slot := s.find(t, l, 0)
	if slot == nil || t.tries {
		return ""
	}
	t.touch(slot, w[2])
	slot.addCounter(n, f)
	for _, k := range l.attached {
		e := s.r.At(int(k))
		for i := 0; i+1 < len(e.Words); i += stripeWords {
			slot.addCounter(e.Words[i], e.Words[i+1])
		}
	}
	return ""
}

func badCounter(n, f uint64) string {
	if v := math.Float64frombits(f); n >= absurd || v != v || math.IsInf(v, 0) {
		return "counter of " + strconv.FormatUint(n, 10) + " and " + strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

func (s *slot) addCounter(n, f uint64) {
	s.count = addCounts(s.count, n)
	s.sum.add(math.Float64frombits(f))
}

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
			var counts [16]uint32
			for i, v := range p[3:] {
				counts[2*i], counts[2*i+1] = uint32(v), uint32(v>>32)
			}
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
