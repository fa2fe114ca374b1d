// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// group is one family as the files of one kind and mode have it.
type group struct {
	groupKey
	help   string
	series map[string]*series // by their labels, see Dir.seriesOf
	order  []*series          // the same in order, if sorted
	sorted bool

	// In one round.
	round  uint64
	file   *file // the first that has it
	newest int64 // when the last of its files was modified
}

type groupKey struct {
	kind metric.Kind
	mode mode
	name string
}

// series is what all files of a group say under the same labels.
type series struct {
	group  *group
	key    string
	labels []metric.Label
	cells  []*cell // in order
	wrong  uint64  // the round in which some file had an impossible number
}

// role is what a cell is to its series. Cells are ordered by it, and then by bound.
type role uint8

const (
	total  role = iota // the value of a counter
	level              // the value of a gauge
	sum                // of observations
	count              // of a summary's observations
	bucket             // count of the observations in one bucket alone

	derived // from other cells; there is none
)

// grows reports whether what one process has only grows.
func (r role) grows() bool { return r == total || r == count || r == bucket }

// cell is one number of a series. Records of all files lead to it.
type cell struct {
	series *series
	role   role
	bound  float64 // of a bucket
	refs   int     // entries that lead here

	// In one round.
	round uint64
	file  *file // the first that has it
	files int   // how many have it
	value float64
	n     uint64 // of counts and buckets, instead of value
	time  float64
}

func (c *cell) compare(r role, bound float64) int {
	switch {
	case c.role != r:
		return int(c.role) - int(r)
	case c.bound < bound:
		return -1
	case c.bound > bound:
		return 1
	}
	return 0
}

// resolve finds or makes the cell that a key means in a file, or says what is wrong with
// the key. What is known without the key has no cell.
func (d *Dir) resolve(f *file, k *key) (c *cell, wrong string) {
	name, r, wrong := sample(f.kind, k)
	if wrong != "" || r == derived {
		return nil, wrong
	}
	var bound float64
	if r == bucket {
		if bound, wrong = k.takeBound(); wrong != "" {
			return nil, wrong
		}
	}
	if f.kind == metric.Gauge {
		k.drop("pid") // as client_python does
		if f.mode == modeAll {
			k.labels = append(k.labels, pair{[]byte("pid"), []byte(f.pid)})
		}
	}
	if wrong = k.check(f.kind, name); wrong != "" {
		return nil, wrong
	}
	slices.SortFunc(k.labels, func(a, b pair) int { return bytes.Compare(a.name, b.name) })

	g := d.group(f, name, k)
	s := d.seriesOf(g, k)
	i, found := slices.BinarySearchFunc(s.cells, r, func(c *cell, r role) int { return c.compare(r, bound) })
	if !found {
		s.cells = slices.Insert(s.cells, i, &cell{series: s, role: r, bound: bound})
	}
	c = s.cells[i]
	c.refs++
	return c, ""
}

// sample returns the name of the family and the role of a key's sample in it.
func sample(kind metric.Kind, k *key) (name []byte, r role, wrong string) {
	switch kind {
	case metric.Counter:
		return k.sample, total, "" // with its _total
	case metric.Gauge:
		return k.sample, level, ""
	}
	suffix, ok := bytes.CutPrefix(k.sample, k.family)
	if ok {
		switch {
		case string(suffix) == "_sum":
			return k.family, sum, ""
		case string(suffix) == "_count" && kind == metric.Summary:
			return k.family, count, ""
		case string(suffix) == "_count":
			return k.family, derived, "" // client_python does not write it, and overrules it
		case string(suffix) == "_bucket" && kind == metric.Histogram:
			return k.family, bucket, ""
		}
	}
	return nil, 0, "is of no sample of a " + kind.String()
}

// takeBound removes the label le, and returns its value.
func (k *key) takeBound() (bound float64, wrong string) {
	for i := range k.labels {
		if string(k.labels[i].name) == "le" {
			bound, err := strconv.ParseFloat(string(k.labels[i].value), 64)
			if err != nil || math.IsNaN(bound) || math.IsInf(bound, -1) {
				return 0, "has no bound that a bucket can have"
			}
			k.labels = slices.Delete(k.labels, i, i+1)
			return bound, ""
		}
	}
	return 0, "is of a bucket without a bound"
}

// drop removes the label with a name.
func (k *key) drop(name string) {
	k.labels = slices.DeleteFunc(k.labels, func(p pair) bool { return string(p.name) == name })
}

// check returns what stands against names in any format.
func (k *key) check(kind metric.Kind, name []byte) string {
	if len(name) == 0 || bytes.ContainsAny(name, "\x00\r\n") {
		return "has a name that no metric can have"
	}
	for _, p := range k.labels {
		switch {
		case len(p.name) == 0 || bytes.ContainsAny(p.name, "\x00\r\n") || bytes.HasPrefix(p.name, []byte("__")),
			kind == metric.Histogram && string(p.name) == "le",
			kind == metric.Summary && string(p.name) == "quantile":
			return "has a label with a name that it cannot have"
		}
	}
	return ""
}

// group finds or makes the group for a family in a file.
func (d *Dir) group(f *file, name []byte, k *key) *group {
	// Keys of one family mostly stand together.
	if n := len(f.groups); n > 0 && f.groups[n-1].name == string(name) {
		return f.groups[n-1]
	}
	g := d.groups[groupKey{f.kind, f.mode, string(name)}]
	if g == nil {
		g = &group{groupKey: groupKey{f.kind, f.mode, string(name)}, series: make(map[string]*series)}
		d.groups[g.groupKey] = g
		d.sorted = false
	}
	if g.help == "" {
		g.help = string(k.help)
	}
	if !slices.Contains(f.groups, g) {
		f.groups = append(f.groups, g)
	}
	return g
}

// seriesOf finds or makes the series for a key's labels, which are in order. Labels
// without a value identify nothing, as to Prometheus they are not there.
func (d *Dir) seriesOf(g *group, k *key) *series {
	id := d.name[:0]
	for _, p := range k.labels {
		if len(p.value) > 0 {
			id = binary.AppendUvarint(id, uint64(len(p.name)))
			id = append(id, p.name...)
			id = binary.AppendUvarint(id, uint64(len(p.value)))
			id = append(id, p.value...)
		}
	}
	d.name = id
	s := g.series[string(id)]
	if s == nil {
		s = &series{group: g, key: string(id)}
		if len(k.labels) > 0 {
			s.labels = make([]metric.Label, len(k.labels))
			for i, p := range k.labels {
				s.labels[i] = metric.Label{Name: string(p.name), Value: string(p.value)}
			}
		}
		g.series[s.key] = s
		g.sorted = false
	}
	return s
}

// release takes back what resolve gave.
func (d *Dir) release(c *cell) {
	if c.refs--; c.refs > 0 {
		return
	}
	s := c.series
	s.cells = slices.DeleteFunc(s.cells, func(other *cell) bool { return other == c })
	if len(s.cells) > 0 {
		return
	}
	g := s.group
	delete(g.series, s.key)
	g.sorted = false
	if len(g.series) == 0 {
		delete(d.groups, g.groupKey)
		d.sorted = false
	}
}

// apply merges the values of a file into the cells.
func (d *Dir) apply(f *file) {
	for _, g := range f.groups {
		if g.round != d.round {
			g.round, g.file, g.newest = d.round, f, f.modified
		}
		g.newest = max(g.newest, f.modified)
	}
	for i := range f.entries {
		e := &f.entries[i]
		c := e.cell
		if c == nil || e.fresh {
			continue
		}
		if c.role == level && f.mode == modeMostRecent && !c.newer(f.times[i], d.round) {
			continue // never set, or set by another process since
		}
		first := c.round != d.round
		if first {
			c.round, c.file, c.files, c.value, c.n = d.round, f, 0, 0, 0
		}
		c.files++
		switch c.role {
		case total:
			if !(e.last >= 0) {
				d.impossible(f, c, e.last)
			}
			c.value += e.last
		case level:
			c.value = merge(f.mode, c.value, e.last, first)
			if f.mode == modeMostRecent {
				c.time = f.times[i]
			}
		case sum:
			c.value += e.last
		case count, bucket:
			n, ok := whole(e.last)
			if ok = ok && c.n+n >= n; !ok {
				d.impossible(f, c, e.last)
			}
			c.n += n
		}
	}
}

// newer reports whether a value with this time is the last that was set.
func (c *cell) newer(time float64, round uint64) bool {
	if c.round != round {
		return time > 0
	}
	return time > c.time
}

// merge returns a gauge with the value of one more process.
func merge(m mode, old, v float64, first bool) float64 {
	switch {
	case m == modeSum:
		return old + v
	case first, m == modeAll, m == modeMostRecent, old != old:
		return v
	case m == modeMin && v < old, m == modeMax && v > old:
		return v
	}
	return old
}

// whole returns a count, which in a float64 is exact up to 2^53.
func whole(v float64) (n uint64, ok bool) {
	if !(v >= 0 && v <= 1<<53 && v == math.Trunc(v)) {
		return 0, false
	}
	return uint64(v), true
}

func (d *Dir) impossible(f *file, c *cell, v float64) {
	c.series.wrong = d.round
	if d.repeat(f, Value) {
		return
	}
	what := "a counter"
	if c.role != total {
		what = "a count"
	}
	d.report(f, Problem{Reason: Value, Detail: fmt.Sprintf("%s is %g, which %s cannot be", c.series, v, what)})
}

// String returns the series' name and labels, for people.
func (s *series) String() string {
	var b strings.Builder
	b.WriteString(s.group.name)
	for i, l := range s.labels {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteString(", ")
		}
		b.WriteString(l.Name + "=" + strconv.Quote(l.Value))
	}
	if len(s.labels) > 0 {
		b.WriteByte('}')
	}
	return b.String()
}
