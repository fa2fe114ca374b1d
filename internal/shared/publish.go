// SPDX-License-Identifier: Apache-2.0

package shared

import (
	"math"
	"time"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/internal/words"
	"github.com/embermetrics/ember/metric"
)

// publisher keeps the records of series whose values do not live in cells. It has one
// user at a time.
type publisher struct {
	round    uint64
	families map[string]*publishedFamily // by definition
	key      []byte
	words    []uint64
}

type publishedFamily struct {
	writer *FamilyWriter
	series map[string]*publishedSeries // by the values of labels
}

type publishedSeries struct {
	Series
	seen    uint64 // the round in which it was published last
	retired bool
	head    []uint64
	pages   [][]uint64 // of the head's epoch
	spare   [][]uint64 // of earlier ones
}

// Publish makes families visible to other processes whose values do not live in cells,
// such as those of collectors. Each call replaces what the last one published: series
// that are not there any more are retired. A series that is published again has the
// record that it had, so that the file only grows by series that are new.
//
// Quantiles of summaries cannot be added up and are left out, as are exemplars.
func (d *Dir) Publish(families []*metric.Family) {
	if d.file == nil {
		return
	}
	d.publishing.Lock()
	defer d.publishing.Unlock()
	p := &d.published
	if p.families == nil {
		p.families = make(map[string]*publishedFamily)
	}
	p.round++
	now := uint64(time.Now().UnixNano())
	for _, f := range families {
		for i := range f.Points {
			d.publish(f, &f.Points[i], now)
		}
	}
	for _, f := range p.families {
		for _, s := range f.series {
			if s.seen != p.round && !s.retired {
				s.retired = true
				s.Retire()
			}
		}
	}
}

func (d *Dir) publish(f *metric.Family, p *metric.Point, now uint64) {
	def := Family{Desc: metric.Desc{Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind, Mode: f.Mode}}
	def.Labels = make([]string, len(p.Labels))
	values := make([]string, len(p.Labels))
	for i, l := range p.Labels {
		def.Labels[i], values[i] = l.Name, l.Value
	}
	if def.shards() && f.Kind != metric.Summary {
		for _, b := range p.Buckets {
			if !math.IsInf(b.UpperBound, 1) {
				def.Bounds = append(def.Bounds, b.UpperBound)
			}
		}
		def.Native = p.Native != nil
	}
	u := &d.published
	u.key = def.encode(u.key[:0], 0)
	pf := u.families[string(u.key)]
	if pf == nil {
		pf = &publishedFamily{writer: d.Family(&def), series: make(map[string]*publishedSeries)}
		u.families[string(u.key)] = pf
	}
	u.key = u.key[:0]
	for _, v := range values {
		u.key = appendString(u.key, v)
	}
	s := pf.series[string(u.key)]
	if s != nil && s.seen == u.round {
		return // one series twice: the first counts
	}
	point := d.pointWords(&def, p, now)
	if point == nil {
		return
	}
	if s == nil {
		first := point
		if def.Native {
			first = nil // until native buckets are there too, there is nothing in it
		}
		added, ok := pf.writer.Series(values, len(point), first...)
		if !ok {
			return
		}
		s = &publishedSeries{Series: added}
		pf.series[string(u.key)] = s
	}
	s.seen = u.round
	w := s.Words()
	if !def.shards() {
		for i, v := range point {
			words.Store(&w[i], v)
		}
	} else {
		// As a Block's shard that is taken and given back, native buckets first.
		words.Store(&w[0], 1)
		if p.Native != nil {
			d.publishNative(s, p.Native)
		}
		for i, v := range point[1:] {
			words.Store(&w[i+1], v)
		}
		words.Store(&w[0], 0)
	}
	if s.retired {
		s.retired = false
		s.record.Restore()
	}
}

// pointWords returns the words of a series, or none if it has no value that others could
// add up.
func (d *Dir) pointWords(def *Family, p *metric.Point, now uint64) []uint64 {
	created := uint64(0)
	if !p.Created.IsZero() {
		created = uint64(max(p.Created.UnixNano(), 0))
	}
	w := d.published.words[:0]
	switch def.Kind {
	case metric.Counter:
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			return nil
		}
		w = append(w, 0, math.Float64bits(p.Value), created)
	case metric.Histogram, metric.GaugeHistogram:
		w = append(w, 0, math.Float64bits(p.Sum))
		var below uint64
		for _, b := range p.Buckets {
			if math.IsInf(b.UpperBound, 1) {
				break
			}
			w = append(w, b.Count-min(below, b.Count))
			below = max(below, b.Count)
		}
		w = append(w, p.Count-min(below, p.Count), created)
	case metric.Summary:
		w = append(w, 0, p.Count, math.Float64bits(p.Sum), created, 0)
	default:
		bits := math.Float64bits(p.Value)
		switch bits {
		case Unset, ended:
			bits = math.Float64bits(math.NaN())
		}
		set := uint64(0)
		if m := def.mode(); m == metric.ModeLatest || m == metric.ModeLiveLatest {
			set = now
			if !p.Time.IsZero() {
				set = uint64(max(p.Time.UnixNano(), 0))
			}
		}
		w = append(w, bits, set, 0)
	}
	d.published.words = w
	return w
}

// publishNative writes native buckets, whose lock is held. If there is no place for some
// of them, others see their values as beyond all buckets. They take effect by one store, as
// those of instruments do when the scale changes: a process that is killed meanwhile leaves
// those of before.
func (d *Dir) publishNative(s *publishedSeries, n *metric.Native) {
	if s.head == nil {
		if s.head = d.Attach(&s.Words()[0], KindNativeHead, NativeHeadWords); s.head == nil {
			return
		}
	}
	epoch := s.head[1] + 1
	for i, v := range []uint64{uint64(n.Schema), math.Float64bits(n.ZeroThreshold), n.ZeroCount} {
		words.Store(&s.head[2+3*(epoch&1)+uint64(i)], v)
	}
	before := s.pages
	s.pages = nil
	for sign, buckets := range [][]metric.NativeBucket{n.Positive, n.Negative} {
		for from := 0; from < len(buckets); {
			number := (buckets[from].Index - 1) >> 4
			page := [NativePageWords]uint64{uint64(sign), epoch, uint64(number)}
			for ; from < len(buckets) && (buckets[from].Index-1)>>4 == number; from++ {
				page[3+(buckets[from].Index-1)&(native.PageLen-1)] = buckets[from].Count
			}
			if last := len(s.spare) - 1; last >= 0 {
				for i, v := range page {
					words.Store(&s.spare[last][i], v)
				}
				s.pages, s.spare = append(s.pages, s.spare[last]), s.spare[:last]
			} else if w := d.Attach(&s.Words()[0], KindNativePage, NativePageWords, page[:]...); w != nil {
				s.pages = append(s.pages, w)
			}
		}
	}
	words.Store(&s.head[1], epoch)
	s.spare = append(s.spare, before...)
}
