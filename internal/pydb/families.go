// SPDX-License-Identifier: Apache-2.0

package pydb

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// families returns what was merged in this round, by name.
func (d *Dir) families() []*metric.Family {
	if !d.sorted {
		d.sorted = true
		d.order = d.order[:0]
		for _, g := range d.groups {
			d.order = append(d.order, g)
		}
		slices.SortFunc(d.order, func(a, b *group) int {
			return cmp.Or(strings.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind), cmp.Compare(a.mode, b.mode))
		})
	}
	var all []*metric.Family
	owners := make(map[string]*group) // by the names of samples
	for i := 0; i < len(d.order); {
		g := d.order[i]
		for i++; i < len(d.order) && d.order[i].name == g.name && d.order[i].kind == g.kind; i++ {
			g = d.newest(g, d.order[i])
		}
		if g.round != d.round || !d.claim(owners, g) {
			continue
		}
		if points := d.points(g); len(points) > 0 {
			all = append(all, &metric.Family{Name: g.name, Help: g.help, Kind: g.kind, Points: points})
		}
	}
	return all
}

// newest returns which of two groups that differ in mode only is served.
func (d *Dir) newest(a, b *group) *group {
	if a.round != d.round {
		return b
	}
	if b.round != d.round {
		return a
	}
	if b.newest > a.newest {
		a, b = b, a
	}
	if !d.repeat(b.file, Conflict) {
		d.report(b.file, Problem{Reason: Conflict, Detail: fmt.Sprintf("gauge %q has the mode %v here, but %v in %s, which was written later", b.name, b.mode, a.mode, a.file.path)})
	}
	return a
}

// claim reports whether no family before has a sample of the same name as one of g, and
// notes the names.
func (d *Dir) claim(owners map[string]*group, g *group) bool {
	names := []string{g.name}
	switch g.kind {
	case metric.Histogram:
		names = append(names, g.name+"_bucket", g.name+"_sum", g.name+"_count")
	case metric.Summary:
		names = append(names, g.name+"_sum", g.name+"_count")
	}
	for _, name := range names {
		if o := owners[name]; o != nil {
			if !d.repeat(g.file, Conflict) {
				d.report(g.file, Problem{Reason: Conflict, Detail: fmt.Sprintf("%v %q has samples called %q, as has %v %q in %s", g.kind, g.name, name, o.kind, o.name, o.file.path)})
			}
			return false
		}
	}
	for _, name := range names {
		owners[name] = g
	}
	return true
}

// points returns the series of a group, by their labels.
func (d *Dir) points(g *group) []metric.Point {
	if !g.sorted {
		g.sorted = true
		g.order = g.order[:0]
		for _, s := range g.series {
			g.order = append(g.order, s)
		}
		slices.SortFunc(g.order, func(a, b *series) int {
			return cmp.Or(slices.CompareFunc(a.labels, b.labels, func(a, b metric.Label) int {
				return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Value, b.Value))
			}), strings.Compare(a.key, b.key))
		})
	}
	points := make([]metric.Point, 0, len(g.order))
	for _, s := range g.order {
		if s.wrong == d.round {
			continue
		}
		p := metric.Point{Labels: s.labels}
		if d.fill(&p, s) {
			points = append(points, p)
		}
	}
	return points
}

// fill sets the numbers of a point. It returns false if no file has them.
func (d *Dir) fill(p *metric.Point, s *series) bool {
	if s.group.kind == metric.Histogram {
		return d.fillHistogram(p, s)
	}
	ok := false
	for _, c := range s.cells {
		if c.round != d.round {
			continue
		}
		ok = true
		switch c.role {
		case sum:
			p.Sum = c.value
		case count:
			p.Count = c.n
		default:
			p.Value = c.value
		}
	}
	return ok
}

// fillHistogram accumulates buckets. Without any, nothing was observed yet.
func (d *Dir) fillHistogram(p *metric.Point, s *series) bool {
	p.Buckets = make([]metric.Bucket, 0, len(s.cells))
	whole := 0 // files that have all buckets: +Inf is made last
	if c := s.cells[len(s.cells)-1]; c.round == d.round && c.role == bucket && math.IsInf(c.bound, 1) {
		whole = c.files
	}
	for _, c := range s.cells {
		switch {
		case c.round != d.round:
			continue
		case c.role == sum:
			p.Sum = c.value
			continue
		case c.files < whole && !d.repeat(c.file, Conflict):
			d.report(c.file, Problem{Reason: Conflict, Detail: fmt.Sprintf("%s has a bucket up to %g, which other files lack: it counts too few", s, c.bound)})
		}
		if p.Count+c.n < c.n {
			d.impossible(c.file, c, float64(c.n))
			return false
		}
		p.Count += c.n
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: c.bound, Count: p.Count})
	}
	return len(p.Buckets) > 0
}
