// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// orders are what all rules together say of the metrics of one name. Rules are numbered by
// their places, from 0.
type orders struct {
	rules  *Rules
	all    []int // those that are for the name, in order
	exact  said
	others said // by patterns
}

// said is which rules say something.
type said struct {
	all                      []int
	drop, buckets, maxSeries []int
	labels                   map[string]*saidOfLabel
}

type saidOfLabel struct{ drop, rename, budget []int }

// ordersFor returns what r says of a name, or nil if that is nothing.
func (r *Rules) ordersFor(name string) *orders {
	if r == nil || len(r.list) == 0 {
		return nil
	}
	written := escapeName(name)
	o := &orders{rules: r}
	for i := range r.list {
		pattern := r.list[i].Metric
		star := strings.Contains(pattern, "*")
		switch {
		case !star && (pattern == name || pattern == written):
			o.exact.add(i, &r.list[i])
		case star && (matchesPattern(pattern, name) || matchesPattern(pattern, written)):
			o.others.add(i, &r.list[i])
		default:
			continue
		}
		o.all = append(o.all, i)
	}
	if o.all == nil {
		return nil
	}
	return o
}

func (s *said) add(i int, r *Rule) {
	s.all = append(s.all, i)
	if r.Drop {
		s.drop = append(s.drop, i)
	}
	if len(r.Buckets) > 0 {
		s.buckets = append(s.buckets, i)
	}
	if r.MaxSeries != 0 {
		s.maxSeries = append(s.maxSeries, i)
	}
	for _, name := range r.DropLabels {
		l := s.label(name)
		l.drop = append(l.drop, i)
	}
	for name := range r.RenameLabels {
		l := s.label(name)
		l.rename = append(l.rename, i)
	}
	for name := range r.LabelBudgets {
		l := s.label(name)
		l.budget = append(l.budget, i)
	}
}

// label returns what is said of a label, for more to be added.
//
//go:noinline
func (s *said) label(name string) *saidOfLabel {
	if s.labels == nil {
		s.labels = make(map[string]*saidOfLabel)
	}
	l := s.labels[name]
	if l == nil {
		l = new(saidOfLabel)
		s.labels[name] = l
	}
	return l
}

// ofLabel returns what is said of a label.
func (s *said) ofLabel(name string) *saidOfLabel {
	if l := s.labels[name]; l != nil {
		return l
	}
	return new(saidOfLabel)
}

// clash is two rules that contradict each other on a metric.
type clash struct {
	rules []int
	why   string
}

// drops reports whether the metrics are dropped.
func (o *orders) drops() bool {
	return o != nil && (len(o.exact.drop) > 0 || len(o.exact.all) == 0 && len(o.others.drop) > 0)
}

// pick returns which rule says something, -1 if none does.
func pick(exact, others []int, what string, label ...any) (int, *clash) {
	switch {
	case len(exact) > 0:
		return exact[0], nil
	case len(others) > 1:
		return -1, &clash{others[:2], fmt.Sprintf("both set "+what, label...)}
	case len(others) == 1:
		return others[0], nil
	}
	return -1, nil
}

func (o *orders) buckets() (int, *clash) { return pick(o.exact.buckets, o.others.buckets, "buckets") }

func (o *orders) maxSeries() (int, *clash) {
	return pick(o.exact.maxSeries, o.others.maxSeries, "max_series")
}

// label returns what becomes of a label: whether it is dropped, and which rules rename it
// and give it a budget, -1 if none does.
func (o *orders) label(name string) (drop bool, rename, budget int, c *clash) {
	e, p := o.exact.ofLabel(name), o.others.ofLabel(name)
	switch {
	case len(e.drop) > 0:
		return true, -1, -1, nil
	case len(e.rename)+len(e.budget) > 0: // so no pattern drops it
	case len(p.drop) > 0 && len(p.rename) > 0:
		return false, -1, -1, &clash{inOrder(p.drop[0], p.rename[0]), fmt.Sprintf("one drops the label %q, the other renames it", name)}
	case len(p.drop) > 0 && len(p.budget) > 0:
		return false, -1, -1, &clash{inOrder(p.drop[0], p.budget[0]), fmt.Sprintf("one drops the label %q, the other gives it a budget", name)}
	case len(p.drop) > 0:
		return true, -1, -1, nil
	}
	if rename, c = pick(e.rename, p.rename, aName, name); c != nil {
		return false, -1, -1, c
	}
	budget, c = pick(e.budget, p.budget, aBudget, name)
	return false, rename, budget, c
}

func inOrder(i, j int) []int { return []int{min(i, j), max(i, j)} }

// matchesPattern reports whether a name is what a pattern says, in which a * stands for
// any run of bytes.
func matchesPattern(pattern, name string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, first)
	if !ok {
		return false
	}
	// The earliest place for each piece leaves most for those that follow.
	for {
		piece, further, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, piece)
		}
		_, after, found := strings.Cut(name, piece)
		if !found {
			return false
		}
		name, rest = after, further
	}
}

// ask is what a metric must have for some of a rule to be for it.
type ask struct {
	what  asked
	label string
}

type asked uint8

const (
	nothing asked = iota
	aLabel
	aLabelToLimit
	buckets
	series
)

// asks returns all that a metric must have for the whole of a rule.
func (r *Rule) asks() (all []ask) {
	for _, name := range append(slices.Clip(r.DropLabels), sortedKeys(r.RenameLabels)...) {
		all = append(all, ask{aLabel, name})
	}
	if len(r.Buckets) > 0 {
		all = append(all, ask{what: buckets})
	}
	if r.MaxSeries != 0 {
		all = append(all, ask{what: series})
	}
	for _, name := range sortedKeys(r.LabelBudgets) {
		all = append(all, ask{aLabelToLimit, name})
	}
	return all
}

// String says that something has what is asked for.
func (a ask) String() string {
	switch a.what {
	case aLabel:
		return fmt.Sprintf("has the label %q", a.label)
	case aLabelToLimit:
		return fmt.Sprintf("is a vector with the label %q", a.label)
	case buckets:
		return "is a histogram"
	}
	return "is a vector"
}

// has returns what a registered instrument has.
func (d *definition) has(desc *metric.Desc) map[ask]bool {
	all := make(map[ask]bool)
	if d.layout != nil {
		all[ask{what: buckets}] = true
	}
	if d.children != nil {
		all[ask{what: series}] = true
		for _, name := range d.Labels {
			all[ask{aLabelToLimit, name}] = true
		}
	}
	if d.Kind != metric.Info { // whose Set would have to know
		for _, name := range labelNames(desc) {
			all[ask{aLabel, name}] = true
		}
	}
	return all
}

// missing says that a metric does not have what is asked for.
func (a ask) missing(d *metric.Desc) string {
	names := labelNames(d)
	switch {
	case a.what == buckets:
		return "it is no histogram"
	case a.what == series:
		return "it is no vector"
	case d.Kind == metric.Info:
		return "the labels of an info stay as they are"
	case slices.Contains(names, a.label):
		return fmt.Sprintf("the label %q always has the same value, so it can have no budget", a.label)
	}
	return fmt.Sprintf("it has no label %q; its labels are %q", a.label, names)
}
