// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/embermetrics/ember/internal/cellfile"
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
