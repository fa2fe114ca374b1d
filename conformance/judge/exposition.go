// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/embermetrics/ember/metric"
)

// Exposition is what a scrape says, flat and without any order. Its strings and
// slices are canonical: equal expositions are equal under reflect.DeepEqual. The
// zero Exposition is empty; use New.
type Exposition struct {
	Families map[string]Family // by name, as the format has it
	Samples  map[string]Sample // by ID
}

// Family is what is said about all series of a name.
type Family struct {
	Type string // in lower case, as OpenMetrics spells it
	Help string
	Unit string
}

// Sample is one number, or one native histogram, with what stands beside it.
// Histograms and summaries are as many samples as the text format has lines for
// them, in every format.
type Sample struct {
	Name   string
	Labels []metric.Label // by name

	Value  Number // of all but native histograms
	Native string // a native histogram: its numbers, as Native.String has them

	Time      Instant // explicitly
	Created   Instant
	Exemplars []Exemplar
}

// Exemplar is an event that a sample comes with.
type Exemplar struct {
	Labels []metric.Label // by name
	Value  Number
	Time   Instant
}

// Number is a float64 in the shortest form that reads back as it: text, since NaN
// must equal itself.
type Number string

// Num returns v as a Number.
func Num(v float64) Number { return Number(strconv.FormatFloat(v, 'g', -1, 64)) }

// Float returns the number.
func (n Number) Float() float64 {
	v, err := strconv.ParseFloat(string(n), 64)
	if err != nil {
		panic(err) // not made by Num
	}
	return v
}

// String shows every character.
func (f Family) String() string { return fmt.Sprintf("%s, help %q, unit %q", f.Type, f.Help, f.Unit) }

// String shows what there is.
func (s Sample) String() string {
	text := string(s.Value) + s.Native
	if s.Time.Known {
		text += fmt.Sprint(" at ", s.Time)
	}
	if s.Created.Known {
		text += fmt.Sprint(" since ", s.Created)
	}
	for _, e := range s.Exemplars {
		text += fmt.Sprintf(" # %s %s at %v", ID("", e.Labels), e.Value, e.Time)
	}
	return text
}

// Instant is a moment, or none.
type Instant struct {
	Known bool
	Nanos int64 // since 1970
}

// At returns t as an Instant; the zero time is none.
func At(t time.Time) Instant {
	if t.IsZero() {
		return Instant{}
	}
	return Instant{true, t.UnixNano()}
}

// atMillis returns the moment that Prometheus counts in milliseconds.
func atMillis(ms int64) Instant { return Instant{true, ms * int64(time.Millisecond)} }

// atSeconds returns the moment nearest to so many seconds.
func atSeconds(s float64) (Instant, error) {
	nanos := math.Round(s * 1e9)
	if !(math.Abs(nanos) < 1<<63) {
		return Instant{}, fmt.Errorf("judge: the timestamp %g is out of range", s)
	}
	return Instant{true, int64(nanos)}, nil
}

// String returns the moment in seconds.
func (i Instant) String() string {
	if !i.Known {
		return "none"
	}
	return time.Unix(0, i.Nanos).UTC().Format(time.RFC3339Nano)
}

// Native is a native histogram.
type Native struct {
	Gauge              bool
	Schema             int
	ZeroThreshold      float64
	ZeroCount          uint64
	Count              uint64
	Sum                float64
	Positive, Negative map[int]uint64 // by index, what is in the bucket alone
}

// String returns every number of h. Empty buckets are left out.
func (h *Native) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gauge %t schema %d zero %s:%d count %d sum %s", h.Gauge, h.Schema, Num(h.ZeroThreshold), h.ZeroCount, h.Count, Num(h.Sum))
	for _, side := range []struct {
		name    string
		buckets map[int]uint64
	}{{"positive", h.Positive}, {"negative", h.Negative}} {
		fmt.Fprintf(&b, " %s", side.name)
		var indexes []int
		for i, n := range side.buckets {
			if n > 0 {
				indexes = append(indexes, i)
			}
		}
		slices.Sort(indexes)
		for _, i := range indexes {
			fmt.Fprintf(&b, " %d:%d", i, side.buckets[i])
		}
	}
	return b.String()
}

// New returns an empty Exposition.
func New() *Exposition {
	return &Exposition{Families: make(map[string]Family), Samples: make(map[string]Sample)}
}

// ID tells any two series apart: the name with the labels by name.
func ID(name string, labels []metric.Label) string {
	b := append([]byte(name), '{')
	for i, l := range sorted(labels) {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(append(append(b, l.Name...), '='), l.Value)
	}
	return string(append(b, '}'))
}

// sorted returns labels by name; none is nil.
func sorted(labels []metric.Label) []metric.Label {
	return slices.SortedFunc(slices.Values(labels), func(a, b metric.Label) int { return cmp.Compare(a.Name, b.Name) })
}

// ID returns what tells s from any other series.
func (s *Sample) ID() string { return ID(s.Name, s.Labels) }

// With returns labels with one more, whose value is a number: le or quantile.
func With(labels []metric.Label, name string, v float64) []metric.Label {
	return append(slices.Clone(labels), metric.Label{Name: name, Value: string(Num(v))})
}

// Add adds a sample. The same series twice is an error.
func (x *Exposition) Add(s Sample) error {
	s.Labels = sorted(s.Labels)
	for i, l := range s.Labels {
		if i > 0 && s.Labels[i-1].Name == l.Name {
			return fmt.Errorf("judge: %s has the label %q twice", s.ID(), l.Name)
		}
		// Formats differ in how they write these numbers.
		if l.Name == "le" || l.Name == "quantile" {
			if v, err := strconv.ParseFloat(l.Value, 64); err == nil {
				s.Labels[i].Value = string(Num(v))
			}
		}
	}
	for i := range s.Exemplars {
		s.Exemplars[i].Labels = sorted(s.Exemplars[i].Labels)
	}
	id := s.ID()
	if _, ok := x.Samples[id]; ok {
		return fmt.Errorf("judge: the series %s comes twice", id)
	}
	x.Samples[id] = s
	return nil
}

// describe calls change with what is known about the family called name.
func (x *Exposition) describe(name string, change func(f *Family)) {
	f := x.Families[name]
	change(&f)
	x.Families[name] = f
}

// Diff returns how two expositions differ, one line for each family or series, at
// most n of them. Empty: not at all.
func Diff(want, got *Exposition, n int) string {
	var lines []string
	compare(want.Families, got.Families, &lines)
	compare(want.Samples, got.Samples, &lines)
	slices.Sort(lines)
	if more := len(lines) - n; more > 0 {
		lines = append(lines[:n], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func compare[T any](want, got map[string]T, lines *[]string) {
	for id, w := range want {
		if g, ok := got[id]; !ok {
			*lines = append(*lines, fmt.Sprintf("%.300s is missing, want %v", id, w))
		} else if a, b := fmt.Sprint(w), fmt.Sprint(g); a != b {
			*lines = append(*lines, fmt.Sprintf("%.300s\n\twant %s\n\tgot  %s", id, a, b))
		}
	}
	for id, g := range got {
		if _, ok := want[id]; !ok {
			*lines = append(*lines, fmt.Sprintf("%.300s is too much: %v", id, g))
		}
	}
}

// Clone returns a copy of x that can be changed.
func (x *Exposition) Clone() *Exposition {
	y := New()
	for name, f := range x.Families {
		y.Families[name] = f
	}
	for id, s := range x.Samples {
		s.Exemplars = slices.Clone(s.Exemplars)
		for i := range s.Exemplars {
			s.Exemplars[i].Labels = slices.Clone(s.Exemplars[i].Labels)
		}
		y.Samples[id] = s
	}
	return y
}

// Refusal is a judge's verdict that what it was given is no exposition.
type Refusal struct {
	Judge string
	Err   error
}

// Error names the judge.
func (r *Refusal) Error() string { return fmt.Sprintf("judge: %s refuses it: %v", r.Judge, r.Err) }

// Unwrap returns the judge's own error.
func (r *Refusal) Unwrap() error { return r.Err }
