// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// OnClose makes Close call f before it ends anything, once. After Close it does nothing.
func (d *Dir) OnClose(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onClose = append(d.onClose, f)
}

// takeOnClose returns what Close has to call.
func (d *Dir) takeOnClose() []func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.onClose
	d.onClose = nil
	return list
}

// Writes reports whether the directory has a file for the words of this process.
func (d *Dir) Writes() bool { return d.file != nil }

// Tmpfs reports whether the file of this process is in memory, and false for known if the
// system does not say, or there is no such file.
func (d *Dir) Tmpfs() (tmpfs, known bool) {
	if d.file == nil {
		return false, false
	}
	return d.file.Tmpfs()
}

// ReviveAt undoes RetireAt.
func (d *Dir) ReviveAt(first *uint64) {
	if d.file == nil {
		return
	}
	if r, kind, ok := d.file.Locate(first); ok && kind == KindSeries {
		r.Restore()
	}
}

// Add returns the families of both lists, which are sorted by name, as one: series that
// both have, of the same kind, are added up if they are counters, histograms or summaries,
// and are otherwise those of the first.
//
// Neither list nor their points are changed.
func Add(a, b []*metric.Family) []*metric.Family {
	all := make([]*metric.Family, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := strings.Compare(a[0].Name, b[0].Name); {
		case c < 0:
			all, a = append(all, a[0]), a[1:]
		case c > 0:
			all, b = append(all, b[0]), b[1:]
		default:
			all = append(all, addFamily(a[0], b[0]))
			a, b = a[1:], b[1:]
		}
	}
	return append(append(all, a...), b...)
}

func addFamily(a, b *metric.Family) *metric.Family {
	if a.Kind != b.Kind {
		return a
	}
	sum := *a
	sum.Points = slices.Clone(a.Points)
	at := make(map[string]int, len(sum.Points))
	for i := range sum.Points {
		at[labelsID(sum.Points[i].Labels)] = i
	}
	for i := range b.Points {
		p := &b.Points[i]
		if j, ok := at[labelsID(p.Labels)]; ok {
			addPoint(a.Kind, &sum.Points[j], p)
		} else {
			sum.Points = append(sum.Points, *p)
		}
	}
	slices.SortFunc(sum.Points, func(a, b metric.Point) int { return compareLabels(a.Labels, b.Labels) })
	return &sum
}

// labelsID returns what two lists of labels have in common that say the same.
func labelsID(labels []metric.Label) string {
	sorted := slices.Clone(labels)
	slices.SortFunc(sorted, func(a, b metric.Label) int { return strings.Compare(a.Name, b.Name) })
	var b []byte
	for _, l := range sorted {
		b = appendString(appendString(b, l.Name), l.Value)
	}
	return string(b)
}

// addPoint adds o to p, whose slices it replaces.
func addPoint(kind metric.Kind, p, o *metric.Point) {
	switch kind {
	case metric.Counter:
		p.Value += o.Value
	case metric.Histogram, metric.GaugeHistogram:
		p.Buckets = addBuckets(p, o)
		p.Count += o.Count
		p.Sum += o.Sum
	case metric.Summary:
		p.Count += o.Count
		p.Sum += o.Sum
	default:
		return
	}
	if p.Created.IsZero() || !o.Created.IsZero() && o.Created.Before(p.Created) {
		p.Created = o.Created
	}
}

// addBuckets returns the buckets of p with the counts of o. What o counted below a bound
// that p does not have counts at the next one that it has, as if it had been greater.
func addBuckets(p, o *metric.Point) []metric.Bucket {
	buckets := slices.Clone(p.Buckets)
	for i := range buckets {
		b := &buckets[i]
		var below uint64
		for _, other := range o.Buckets {
			if other.UpperBound > b.UpperBound {
				break
			}
			below = other.Count
		}
		b.Count += below
	}
	return buckets
}
