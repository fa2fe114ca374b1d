// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/embermetrics/ember/internal/native"
	"github.com/embermetrics/ember/metric"
)

// checkDesc returns what is wrong with a description by itself.
func checkDesc(d *metric.Desc) error {
	if err := checkName(d); err != nil {
		return err
	}
	if !utf8.ValidString(d.Help) {
		return wrong(d, "the help %q is not valid UTF-8", d.Help)
	}
	if !utf8.ValidString(d.Unit) {
		return wrong(d, "the unit %q is not valid UTF-8", d.Unit)
	}
	if !d.Kind.Valid() {
		return errorf("ember: %q: there is no kind %v", d.Name, d.Kind)
	}
	if err := checkUnit(d); err != nil {
		return err
	}
	for _, l := range d.ConstLabels {
		if _, ok := alike(l.Name, d.Name); ok && d.Kind == metric.StateSet {
			return wrong(d, "the label name %q is reserved for the state", l.Name)
		}
		if !utf8.ValidString(l.Value) {
			return wrong(d, "the value %q of label %q is not valid UTF-8", l.Value, l.Name)
		}
	}
	names := labelNames(d)
	if d.Kind == metric.StateSet && !slices.Contains(names, d.Name) {
		names = append(names, d.Name)
	}
	return checkLabelNames(d, names)
}

// checkUnit refuses units of what has none, in OpenMetrics.
func checkUnit(d *metric.Desc) error {
	if d.Unit != "" && (d.Kind == metric.Info || d.Kind == metric.StateSet) {
		return errorf("ember: %s has the unit %q, but %s has none", describe(d), d.Unit, withArticle(d.Kind))
	}
	return nil
}

// withArticle returns "a counter", but "an info".
func withArticle(k metric.Kind) string {
	if k == metric.Info || k == metric.Unknown {
		return "an " + k.String()
	}
	return "a " + k.String()
}

func checkName(d *metric.Desc) error {
	switch {
	case d.Kind == metric.StateSet && strings.Contains(d.Name, ":"):
		return wrong(d, "the name is that of a label too, which must not contain a colon")
	case d.Name == "":
		return errorf("ember: %s without a name", withArticle(d.Kind))
	case !utf8.ValidString(d.Name):
		return errorf("ember: the %v name %q is not valid UTF-8", d.Kind, d.Name)
	case strings.ContainsAny(d.Name, unwritable):
		return errorf("ember: the %v name %q has a NUL, CR or LF, which not all formats can write", d.Kind, d.Name)
	}
	return nil
}

// unwritable are characters that stand in no name: readers take a NUL for the end, and
// OpenMetrics 2.0.0 excludes the ends of lines.
const unwritable = "\x00\r\n"

// labelNames returns all label names of d, the constant ones first.
//
//go:noinline
func labelNames(d *metric.Desc) []string { return append(namesOf(d.ConstLabels), d.Labels...) }

// namesOf returns the names of labels.
//
//go:noinline
func namesOf(labels []metric.Label) []string {
	names := make([]string, len(labels))
	for i := range labels {
		names[i] = labels[i].Name
	}
	return names
}

// reservedLabels are written by Ember itself.
var reservedLabels = map[metric.Kind]string{metric.Histogram: "le", metric.GaugeHistogram: "le", metric.Summary: "quantile"}

// checkLabelName returns what is wrong with a label's name by itself.
func checkLabelName(k metric.Kind, name string) error {
	_, isName := alike(name, "__name__")
	switch {
	case name == "":
		return errors.New("an empty label name")
	case !utf8.ValidString(name):
		return errorf("the label name %q is not valid UTF-8", name)
	case strings.ContainsAny(name, unwritable):
		return errorf("the label name %q has a NUL, CR or LF, which not all formats can write", name)
	case strings.HasPrefix(name, "__"):
		return errorf("the label name %q starts with \"__\", which is reserved", name)
	case isName:
		return errorf("the label name %q is written \"__name__\", which is the metric's name", name)
	case name == reservedLabels[k]:
		return errorf("the label name %q is reserved in a %v", name, k)
	}
	return nil
}

func checkLabelNames(d *metric.Desc, names []string) error {
	for i, name := range names {
		if err := checkLabelName(d.Kind, name); err != nil {
			return wrong(d, "%w", err)
		}
		for _, earlier := range names[:i] {
			if earlier == name {
				return wrong(d, "the label name %q stands twice", name)
			}
			if both, ok := alike(earlier, name); ok {
				return wrong(d, "the label names %q and %q are both written %q", earlier, name, both)
			}
		}
	}
	return nil
}

// checkBounds returns the upper bounds without a final +Inf, which every
// histogram has, or what is wrong with them.
func checkBounds(bounds []float64) ([]float64, error) {
	if n := len(bounds); n > 0 && isInf(bounds[n-1], 1) {
		bounds = bounds[:n-1]
	}
	for i, b := range bounds {
		switch {
		case b != b || isInf(b, 0):
			return nil, errorf("bucket %d (%g) must be a number", i, b)
		case i > 0 && b <= bounds[i-1]:
			return nil, errorf("bucket %d (%g) must be above bucket %d (%g)", i, b, i-1, bounds[i-1])
		}
	}
	return bounds, nil
}

func checkQuantiles(d *metric.Desc, sorted []float64) error {
	for i, q := range sorted {
		switch {
		case !(q >= 0 && q <= 1):
			return wrong(d, "the quantile %g must be between 0 and 1", q)
		case i > 0 && q == sorted[i-1]:
			return wrong(d, "the quantile %g stands twice", q)
		}
	}
	return nil
}

// checkAgree returns how a second description under one name contradicts the
// first: all series of a family share kind, help, unit and label names, and which
// of them are constant.
func checkAgree(first, second *metric.Desc) error {
	for _, c := range [...]struct{ what, first, second string }{
		{"type", first.Kind.String(), second.Kind.String()},
		{"help", quote(first.Help), quote(second.Help)},
		{"unit", quote(first.Unit), quote(second.Unit)},
		// A series could stand in both if a label were constant in one alone.
		{"constant labels", quoteSorted(namesOf(first.ConstLabels)), quoteSorted(namesOf(second.ConstLabels))},
		{"labels", quoteSorted(first.Labels), quoteSorted(second.Labels)},
	} {
		if c.first != c.second {
			return errorf("ember: %q has the %s %s, but is registered with the %s %s", second.Name, c.what, c.second, c.what, c.first)
		}
	}
	return nil
}

//go:noinline
func quote(s string) string { return strconv.Quote(s) }

// quoteSorted returns names, sorted, as errors have them.
//
//go:noinline
func quoteSorted(names []string) string {
	sorted := slices.Clone(names)
	sort.Strings(sorted)
	return fmt.Sprintf("%q", sorted)
}

// checkFamily returns what is wrong with a family that was collected, rather
// than described.
func checkFamily(f *metric.Family) error {
	d := &metric.Desc{Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind}
	if err := checkDesc(d); err != nil {
		return err
	}
	var known []metric.Label // label names of the point before: usually the same
	for i := range f.Points {
		p := &f.Points[i]
		if !sameNames(known, p.Labels) {
			if err := checkLabelNames(d, namesOf(p.Labels)); err != nil {
				return err
			}
			known = p.Labels
		}
		for j, b := range p.Buckets {
			if j > 0 && !(b.UpperBound > p.Buckets[j-1].UpperBound) {
				return wrong(d, "bucket %d (%g) must be above bucket %d (%g)", j, b.UpperBound, j-1, p.Buckets[j-1].UpperBound)
			}
			if b.UpperBound != b.UpperBound || isInf(b.UpperBound, -1) {
				return wrong(d, "bucket %d (%g) must be a number", j, b.UpperBound)
			}
			if j > 0 && b.Count < p.Buckets[j-1].Count {
				return wrong(d, "bucket %d counts %d, fewer than bucket %d (%d); counts are cumulative", j, b.Count, j-1, p.Buckets[j-1].Count)
			}
			if b.Count > p.Count || isInf(b.UpperBound, 1) && b.Count != p.Count {
				return wrong(d, "bucket %d (%g) counts %d of %d observations", j, b.UpperBound, b.Count, p.Count)
			}
		}
		if err := checkNative(d, p); err != nil {
			return err
		}
		for j, q := range p.Quantiles {
			if !(q.Quantile >= 0 && q.Quantile <= 1) {
				return wrong(d, "the quantile %g must be between 0 and 1", q.Quantile)
			}
			if j > 0 && q.Quantile <= p.Quantiles[j-1].Quantile {
				return wrong(d, "quantile %d (%g) must be above quantile %d (%g)", j, q.Quantile, j-1, p.Quantiles[j-1].Quantile)
			}
		}
	}
	return nil
}

// checkValue returns why a point that was collected cannot be exposed, although its
// family can.
func checkValue(f *metric.Family, p *metric.Point) error {
	impossible := func(format string, args ...any) error {
		return errorf("ember: %s %w", seriesName(f.Name, string(appendLabels(nil, p.Labels, EscapingUnderscores))), errorf(format, args...))
	}
	switch f.Kind {
	case metric.Counter:
		if !(p.Value >= 0) {
			return impossible("is %g, which no counter can be", p.Value)
		}
	case metric.Info:
		if p.Value != 1 {
			return impossible("is %g, but an info is always 1", p.Value)
		}
	case metric.StateSet:
		if p.Value != 0 && p.Value != 1 {
			return impossible("is %g, but a state is 1 or 0", p.Value)
		}
		if !slices.ContainsFunc(p.Labels, func(l metric.Label) bool { return l.Name == f.Name }) {
			return impossible("has no label %q, which must name the state", f.Name)
		}
	}
	if t := p.Time; !t.IsZero() && (t.Before(time.Unix(0, 0)) || t.UTC().Year() > 9999) {
		return impossible("has the time %v, which is not between the years 1970 and 9999", t)
	}
	if t := p.Created; !t.IsZero() && !countable(t) {
		return impossible("began at %v, which is not between the years 1678 and 2262", t)
	}
	return nil
}

// countable reports whether a time can be counted in nanoseconds.
func countable(t time.Time) bool { return time.Unix(0, t.UnixNano()).Equal(t) }

// checkNative returns what is wrong with native buckets.
func checkNative(d *metric.Desc, p *metric.Point) error {
	n := p.Native
	if n == nil {
		return nil
	}
	if n.Schema < native.MinSchema || n.Schema > native.MaxSchema {
		return wrong(d, "the schema %d must be between %d and %d", n.Schema, native.MinSchema, native.MaxSchema)
	}
	if !(n.ZeroThreshold >= 0) || isInf(n.ZeroThreshold, 1) {
		return wrong(d, "the zero threshold %g must be a number that is not negative", n.ZeroThreshold)
	}
	sum := n.ZeroCount
	for _, buckets := range [][]metric.NativeBucket{n.Negative, n.Positive} {
		for i, b := range buckets {
			if i > 0 && b.Index <= buckets[i-1].Index {
				return wrong(d, "native bucket %d must be above native bucket %d", b.Index, buckets[i-1].Index)
			}
			if least, most := native.Index(math.SmallestNonzeroFloat64, n.Schema), native.Index(math.Inf(1), n.Schema); b.Index < least || b.Index > most {
				return wrong(d, "native bucket %d must be between %d and %d", b.Index, least, most)
			}
			if sum += b.Count; sum < b.Count {
				return wrong(d, "the native buckets count more than 2^64 observations")
			}
		}
	}
	if sum != p.Count {
		return wrong(d, "the native buckets count %d of %d observations", sum, p.Count)
	}
	return nil
}

func sameNames(a, b []metric.Label) bool {
	return slices.EqualFunc(a, b, func(x, y metric.Label) bool { return x.Name == y.Name })
}

// errNilCollector is what Register says to nil.
var errNilCollector = errors.New("ember: the collector to register is nil")
