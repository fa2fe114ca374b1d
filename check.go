// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"
	"math"
	"slices"
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
		return fmt.Errorf("ember: %s: the help %q is not valid UTF-8", describe(d), d.Help)
	}
	if !utf8.ValidString(d.Unit) {
		return fmt.Errorf("ember: %s: the unit %q is not valid UTF-8", describe(d), d.Unit)
	}
	if !d.Kind.Valid() {
		return fmt.Errorf("ember: %q: there is no kind %v", d.Name, d.Kind)
	}
	if err := checkUnit(d); err != nil {
		return err
	}
	for _, l := range d.ConstLabels {
		if _, ok := alike(l.Name, d.Name); ok && d.Kind == metric.StateSet {
			return fmt.Errorf("ember: %s: the label name %q is reserved for the state", describe(d), l.Name)
		}
		if !utf8.ValidString(l.Value) {
			return fmt.Errorf("ember: %s: the value %q of label %q is not valid UTF-8", describe(d), l.Value, l.Name)
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
		return fmt.Errorf("ember: %s has the unit %q, but %s has none", describe(d), d.Unit, withArticle(d.Kind))
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
		return fmt.Errorf("ember: %s: the name is that of a label too, which must not contain a colon", describe(d))
	case d.Name == "":
		return fmt.Errorf("ember: %s without a name", withArticle(d.Kind))
	case !utf8.ValidString(d.Name):
		return fmt.Errorf("ember: the %v name %q is not valid UTF-8", d.Kind, d.Name)
	case strings.ContainsAny(d.Name, unwritable):
		return fmt.Errorf("ember: the %v name %q has a NUL, CR or LF, which not all formats can write", d.Kind, d.Name)
	}
	return nil
}

// unwritable are characters that stand in no name: readers take a NUL for the end, and
// OpenMetrics 2.0.0 excludes the ends of lines.
const unwritable = "\x00\r\n"

// labelNames returns all label names of d, the constant ones first.
func labelNames(d *metric.Desc) []string {
	names := make([]string, 0, len(d.ConstLabels)+len(d.Labels))
	for _, l := range d.ConstLabels {
		names = append(names, l.Name)
	}
	return append(names, d.Labels...)
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
		return fmt.Errorf("the label name %q is not valid UTF-8", name)
	case strings.ContainsAny(name, unwritable):
		return fmt.Errorf("the label name %q has a NUL, CR or LF, which not all formats can write", name)
	case strings.HasPrefix(name, "__"):
		return fmt.Errorf("the label name %q starts with \"__\", which is reserved", name)
	case isName:
		return fmt.Errorf("the label name %q is written \"__name__\", which is the metric's name", name)
	case name == reservedLabels[k]:
		return fmt.Errorf("the label name %q is reserved in a %v", name, k)
	}
	return nil
}

func checkLabelNames(d *metric.Desc, names []string) error {
	for i, name := range names {
		if err := checkLabelName(d.Kind, name); err != nil {
			return fmt.Errorf("ember: %s: %w", describe(d), err)
		}
		for _, earlier := range names[:i] {
			if earlier == name {
				return fmt.Errorf("ember: %s: the label name %q stands twice", describe(d), name)
			}
			if both, ok := alike(earlier, name); ok {
				return fmt.Errorf("ember: %s: the label names %q and %q are both written %q", describe(d), earlier, name, both)
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
			return nil, fmt.Errorf("bucket %d (%g) must be a number", i, b)
		case i > 0 && b <= bounds[i-1]:
			return nil, fmt.Errorf("bucket %d (%g) must be above bucket %d (%g)", i, b, i-1, bounds[i-1])
		}
	}
	return bounds, nil
}

func checkQuantiles(d *metric.Desc, sorted []float64) error {
	for i, q := range sorted {
		switch {
		case !(q >= 0 && q <= 1):
			return fmt.Errorf("ember: %s: the quantile %g must be between 0 and 1", describe(d), q)
		case i > 0 && q == sorted[i-1]:
			return fmt.Errorf("ember: %s: the quantile %g stands twice", describe(d), q)
		}
	}
	return nil
}

// checkAgree returns how a second description under one name contradicts the
// first: all series of a family share kind, help, unit and label names, and which
// of them are constant.
func checkAgree(first, second *metric.Desc) error {
	disagree := func(what string, a, b any) error {
		return fmt.Errorf("ember: %q has the %s %v, but is registered with the %s %v", second.Name, what, b, what, a)
	}
	quote := func(s string) string { return fmt.Sprintf("%q", s) }
	if first.Kind != second.Kind {
		return disagree("type", first.Kind, second.Kind)
	}
	if first.Help != second.Help {
		return disagree("help", quote(first.Help), quote(second.Help))
	}
	if first.Unit != second.Unit {
		return disagree("unit", quote(first.Unit), quote(second.Unit))
	}
	// A series could stand in both if a label were constant in one alone.
	names := func(d *metric.Desc) (constant, variable string) {
		return fmt.Sprintf("%q", slices.Sorted(slices.Values(labelNames(&metric.Desc{ConstLabels: d.ConstLabels})))),
			fmt.Sprintf("%q", slices.Sorted(slices.Values(d.Labels)))
	}
	firstConstant, firstVariable := names(first)
	secondConstant, secondVariable := names(second)
	if firstConstant != secondConstant {
		return disagree("constant labels", firstConstant, secondConstant)
	}
	if firstVariable != secondVariable {
		return disagree("labels", firstVariable, secondVariable)
	}
	return nil
}

// checkFamily returns what is wrong with a family that was collected, rather
// than described.
func checkFamily(f *metric.Family) error {
	d := &metric.Desc{Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind}
	if err := checkDesc(d); err != nil {
		return err
	}
	var known []metric.Label // label names of the point before: usually the same
	var names []string
	for i := range f.Points {
		p := &f.Points[i]
		if !sameNames(known, p.Labels) {
			names = names[:0]
			for _, l := range p.Labels {
				names = append(names, l.Name)
			}
			if err := checkLabelNames(d, names); err != nil {
				return err
			}
			known = p.Labels
		}
		for j, b := range p.Buckets {
			if j > 0 && !(b.UpperBound > p.Buckets[j-1].UpperBound) {
				return fmt.Errorf("ember: %s: bucket %d (%g) must be above bucket %d (%g)", describe(d), j, b.UpperBound, j-1, p.Buckets[j-1].UpperBound)
			}
			if b.UpperBound != b.UpperBound || isInf(b.UpperBound, -1) {
				return fmt.Errorf("ember: %s: bucket %d (%g) must be a number", describe(d), j, b.UpperBound)
			}
			if j > 0 && b.Count < p.Buckets[j-1].Count {
				return fmt.Errorf("ember: %s: bucket %d counts %d, fewer than bucket %d (%d); counts are cumulative", describe(d), j, b.Count, j-1, p.Buckets[j-1].Count)
			}
			if b.Count > p.Count || isInf(b.UpperBound, 1) && b.Count != p.Count {
				return fmt.Errorf("ember: %s: bucket %d (%g) counts %d of %d observations", describe(d), j, b.UpperBound, b.Count, p.Count)
			}
		}
		if err := checkNative(d, p); err != nil {
			return err
		}
		for j, q := range p.Quantiles {
			if !(q.Quantile >= 0 && q.Quantile <= 1) {
				return fmt.Errorf("ember: %s: the quantile %g must be between 0 and 1", describe(d), q.Quantile)
			}
			if j > 0 && q.Quantile <= p.Quantiles[j-1].Quantile {
				return fmt.Errorf("ember: %s: quantile %d (%g) must be above quantile %d (%g)", describe(d), j, q.Quantile, j-1, p.Quantiles[j-1].Quantile)
			}
		}
	}
	return nil
}

// checkValue returns why a point that was collected cannot be exposed, although its
// family can.
func checkValue(f *metric.Family, p *metric.Point) error {
	series := func() string { return seriesName(f.Name, string(appendLabels(nil, p.Labels, EscapingUnderscores))) }
	switch f.Kind {
	case metric.Counter:
		if !(p.Value >= 0) {
			return fmt.Errorf("ember: %s is %g, which no counter can be", series(), p.Value)
		}
	case metric.Info:
		if p.Value != 1 {
			return fmt.Errorf("ember: %s is %g, but an info is always 1", series(), p.Value)
		}
	case metric.StateSet:
		if p.Value != 0 && p.Value != 1 {
			return fmt.Errorf("ember: %s is %g, but a state is 1 or 0", series(), p.Value)
		}
		if !slices.ContainsFunc(p.Labels, func(l metric.Label) bool { return l.Name == f.Name }) {
			return fmt.Errorf("ember: %s has no label %q, which must name the state", series(), f.Name)
		}
	}
	if t := p.Time; !t.IsZero() && (t.Before(time.Unix(0, 0)) || t.UTC().Year() > 9999) {
		return fmt.Errorf("ember: %s has the time %v, which is not between the years 1970 and 9999", series(), t)
	}
	if t := p.Created; !t.IsZero() && !countable(t) {
		return fmt.Errorf("ember: %s began at %v, which is not between the years 1678 and 2262", series(), t)
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
		return fmt.Errorf("ember: %s: the schema %d must be between %d and %d", describe(d), n.Schema, native.MinSchema, native.MaxSchema)
	}
	if !(n.ZeroThreshold >= 0) || isInf(n.ZeroThreshold, 1) {
		return fmt.Errorf("ember: %s: the zero threshold %g must be a number that is not negative", describe(d), n.ZeroThreshold)
	}
	sum := n.ZeroCount
	for _, buckets := range [][]metric.NativeBucket{n.Negative, n.Positive} {
		for i, b := range buckets {
			if i > 0 && b.Index <= buckets[i-1].Index {
				return fmt.Errorf("ember: %s: native bucket %d must be above native bucket %d", describe(d), b.Index, buckets[i-1].Index)
			}
			if least, most := native.Index(math.SmallestNonzeroFloat64, n.Schema), native.Index(math.Inf(1), n.Schema); b.Index < least || b.Index > most {
				return fmt.Errorf("ember: %s: native bucket %d must be between %d and %d", describe(d), b.Index, least, most)
			}
			if sum += b.Count; sum < b.Count {
				return fmt.Errorf("ember: %s: the native buckets count more than 2^64 observations", describe(d))
			}
		}
	}
	if sum != p.Count {
		return fmt.Errorf("ember: %s: the native buckets count %d of %d observations", describe(d), sum, p.Count)
	}
	return nil
}

func sameNames(a, b []metric.Label) bool {
	return slices.EqualFunc(a, b, func(x, y metric.Label) bool { return x.Name == y.Name })
}

// errNilCollector is what Register says to nil.
var errNilCollector = errors.New("ember: the collector to register is nil")
