// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/sketch"
	"github.com/embermetrics/ember/metric"
)

// table is where what files have is added up. It keeps its families, series and memory
// from one round to the next: a round is one scrape, or one compaction.
type table struct {
	max      int  // how many slots there may be
	compacts bool // for an archive: summaries keep periods apart
	tries    bool // values are looked at, but not added
	round    uint64
	now      int64 // of the round, in Unix nanoseconds

	families map[string]*family
	sorted   []*family // by name, once in order
	ordered  bool
	slots    int
	served   int                // slots that had a value in the last round
	present  int                // families that some file defined in it
	ends     map[[2]uint64]bool // scratch

	scratch native.Buckets
	key     []byte
	pairs   []metric.Label
}

// family is all that goes by one name.
type family struct {
	name   string
	groups map[string]*group // by shape
	seen   uint64            // the last round that some file defined it in
	newest *group            // of that round
}

// group is the series of a family whose values can be added up: of one kind, with one
// layout of buckets, of one mode.
type group struct {
	family *family
	def    *Family // the newest of the round
	origin origin  // of def
	seen   uint64
	series map[string]*slot
	list   []*slot // the same, by labels once in order
	sorted bool
}

// origin says when a definition was made: the newest one counts.
type origin struct {
	created uint64
	id      [16]byte
}

func (o origin) compare(p origin) int {
	return cmp.Or(cmp.Compare(o.created, p.created), bytes.Compare(o.id[:], p.id[:]))
}

// slot is one series of the table.
type slot struct {
	labels  []metric.Label
	base    string // identifies the labels; pid is not among them
	apart   bool   // of one process, whose pid is the last label
	seen    uint64 // the last round in which there was a value
	created uint64 // the earliest, in Unix nanoseconds; 0: not known

	count uint64 // the whole part of a counter, or of a summary; of each, see gauge
	sum   sum    // a counter's rest, the sum of observations or of a gauge's values

	buckets []uint64 // of a histogram, each alone, +Inf's last
	native  *native.Buckets
	sketch  *sketch.Sketch           // what is within the window
	periods map[int64]*sketch.Sketch // instead if the table compacts, by when they began

	// Of a gauge: what the modes make of its values.
	least, most, latest float64
	time                uint64 // of latest
	pid                 uint64
	alive               bool
	isNative            bool
}

func newTable(max int) *table {
	return &table{max: max, families: make(map[string]*family), ends: make(map[[2]uint64]bool)}
}

// begin begins a round.
func (t *table) begin(now int64) {
	t.round++
	t.now = now
}

// shape appends what definitions of one group have in common.
func (f *Family) shape(b []byte) []byte {
	b = append(b, byte(f.Kind), 0)
	switch {
	case f.Kind == metric.Gauge:
		b[len(b)-1] = byte(f.mode())
	case f.Native:
		b[len(b)-1] = 1
	case f.Periods > 0:
		b = binary.AppendUvarint(b, uint64(f.Periods))
		b = binary.AppendUvarint(b, uint64(f.Period))
	}
	for _, v := range f.Bounds {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// differs reports whether values cannot become one without changing what they say.
func (f *Family) differs(o *Family) bool {
	return f.Kind != o.Kind || !slices.Equal(f.Bounds, o.Bounds) || f.Kind == metric.Gauge && f.mode() != o.mode()
}

// Of families there may be so many more than of series.
const moreFamilies = 10_000

// group returns the group that a definition belongs to, or nil if there are too many
// families.
func (t *table) group(def *Family) *group {
	f := t.families[def.Name]
	if f == nil {
		if len(t.families) >= t.max+moreFamilies {
			return nil
		}
		f = &family{name: def.Name, groups: make(map[string]*group)}
		t.families[f.name] = f
		t.sorted, t.ordered = append(t.sorted, f), false
	}
	t.key = def.shape(t.key[:0])
	g := f.groups[string(t.key)]
	if g == nil {
		g = &group{family: f, series: make(map[string]*slot)}
		f.groups[string(t.key)] = g
	}
	return g
}

// define says that there is a file with a definition in this round.
func (t *table) define(g *group, def *Family, from origin) {
	if g.seen != t.round || from.compare(g.origin) > 0 {
		g.seen, g.def, g.origin = t.round, def, from
	}
	if f := g.family; f.seen != t.round || from.compare(f.newest.origin) > 0 {
		f.seen, f.newest = t.round, g
	}
}

// slot returns the slot of a series whose labels are given, in the order of the
// definition, and nil if there is no place for it. A pid that is not empty is one more
// label.
func (t *table) slot(g *group, labels []metric.Label, pid string) *slot {
	t.pairs = append(t.pairs[:0], labels...)
	slices.SortFunc(t.pairs, func(a, b metric.Label) int { return strings.Compare(a.Name, b.Name) })
	key := t.key[:0]
	apart := pid != ""
	for _, l := range t.pairs {
		if l.Value == "" {
			continue // which is as if there were no such label
		}
		if l.Name == pidLabel {
			apart = false
		}
		key = appendString(appendString(key, l.Name), l.Value)
	}
	base := len(key)
	if apart {
		key = append(append(key, 0), pid...) // no name is empty
	}
	t.key = key
	s := g.series[string(key)]
	if s != nil || t.slots >= t.max {
		return s
	}
	t.slots++
	kept := append([]metric.Label(nil), labels...)
	if apart {
		kept = append(kept, metric.Label{Name: pidLabel, Value: pid})
	}
	text := string(key)
	s = &slot{labels: kept[:len(kept):len(kept)], base: text[:base], apart: apart}
	g.series[text] = s
	g.list, g.sorted = append(g.list, s), false
	return s
}

const pidLabel = "pid"

// touch makes the slot ready for a value, and adds when that began.
func (t *table) touch(s *slot, created uint64) {
	const day = 24 * 60 * 60 * 1e9
	if created > uint64(t.now)+day {
		created = 0 // no clock is that wrong
	}
	if s.seen == t.round {
		if created != 0 && (s.created == 0 || created < s.created) {
			s.created = created
		}
		return
	}
	s.seen, s.created = t.round, created
	s.count = 0
	s.sum.reset()
	clear(s.buckets)
	s.isNative = false
	s.time, s.alive = 0, false
	s.least, s.most, s.latest = math.NaN(), math.NaN(), math.NaN()
	if s.sketch != nil {
		s.sketch.Clear()
	}
	clear(s.periods)
}

// gauge adds a value of a gauge, which was set at a time if that is known.
func (s *slot) gauge(v float64, time uint64) {
	s.sum.add(v)
	if !(s.least <= v) && v == v {
		s.least = v
	}
	if !(s.most >= v) && v == v {
		s.most = v
	}
	if s.latest != s.latest || time > s.time || time == s.time && v > s.latest {
		s.latest, s.time = v, time
	}
	s.count++
}

// process sets the value that a process has of a gauge of mode each, unless there is one
// of a newer process with the same id. One that lives is newer than one that does not.
func (s *slot) process(v float64, pid, created uint64, alive bool) {
	if s.count > 0 && (s.alive && !alive || s.alive == alive && s.time >= created) {
		return
	}
	s.sum.reset()
	s.sum.add(v)
	s.count, s.pid, s.time, s.alive = 1, pid, created, alive
	s.least, s.most, s.latest = v, v, v
}

// value returns the value of a gauge.
func (s *slot) value(m metric.Mode) float64 {
	switch m {
	case metric.ModeMax, metric.ModeLiveMax:
		return s.most
	case metric.ModeMin, metric.ModeLiveMin:
		return s.least
	case metric.ModeLatest, metric.ModeLiveLatest, metric.ModeEach, metric.ModeLiveEach:
		return s.latest
	}
	return s.sum.value()
}

// live reports whether only living processes count.
func (f *Family) live() bool {
	switch f.Kind {
	case metric.Counter, metric.Histogram, metric.Summary:
		return false
	case metric.Gauge:
		return f.Mode == metric.ModeDefault || f.Mode >= metric.ModeLiveSum
	}
	return true
}

// mode returns how values of gauges, and of kinds that are like gauges, become one.
func (f *Family) mode() metric.Mode {
	switch f.Kind {
	case metric.Info, metric.StateSet:
		return metric.ModeLiveMax // 1 if that is so anywhere
	case metric.Gauge:
		if f.Mode != metric.ModeDefault {
			return f.Mode
		}
	}
	return metric.ModeLiveSum
}

// apart reports whether each process has a series of its own.
func (f *Family) apart() bool {
	m := f.mode()
	return m == metric.ModeEach || m == metric.ModeLiveEach
}

// addNative adds t.scratch, and returns how many values that is.
func (t *table) addNative(s *slot) uint64 {
	if s.native == nil {
		s.native = new(native.Buckets)
	}
	if !s.isNative {
		s.isNative = true
		s.native.Reset(t.scratch.Scale())
	}
	s.native.Merge(&t.scratch)
	return t.scratch.Total()
}

// addClassic adds counts of classic buckets to native ones, as if all values were as
// large as the bound. +Inf's are no numbers that are known, and go where +Inf does.
func (t *table) addClassic(s *slot, bounds []float64, alone []uint64) {
	scale := native.Scale{Schema: native.MaxSchema, ZeroThreshold: 0x1p-128}
	if s.isNative {
		scale = s.native.Scale()
	}
	t.scratch.Reset(scale)
	for i, n := range alone {
		v := math.Inf(1)
		if i < len(bounds) {
			v = bounds[i]
		}
		switch {
		case v > scale.ZeroThreshold:
			t.scratch.Positive.Add(native.Index(v, scale.Schema), n)
		case v < -scale.ZeroThreshold:
			t.scratch.Negative.Add(native.Index(-v, scale.Schema), n)
		default:
			t.scratch.Zero = addCounts(t.scratch.Zero, n)
		}
	}
	t.addNative(s)
}

// period returns the sketch of a slot for the period that began at a time.
func (t *table) period(s *slot, start int64) *sketch.Sketch {
	if !t.compacts {
		if s.sketch == nil {
			s.sketch = new(sketch.Sketch)
		}
		return s.sketch
	}
	if s.periods == nil {
		s.periods = make(map[int64]*sketch.Sketch)
	}
	k := s.periods[start]
	if k == nil {
		k = new(sketch.Sketch)
		s.periods[start] = k
	}
	return k
}

// floorDiv is a/b, rounded down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
