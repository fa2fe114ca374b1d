// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"cmp"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// limits is what a vector's options say of how many series it may have.
type limits struct {
	series    int
	budgets   map[string]int
	known     map[string][]string
	normalize map[string]func(string) string
	idleAfter time.Duration
}

// defaultMaxSeries is how many series a vector may have if nobody says anything.
const defaultMaxSeries = 100_000

// WithMaxSeries makes n the limit of series of each vector that does not have its own,
// from its registration on. Zero means 100,000, negative no limit.
func WithMaxSeries(n int) RegistryOption {
	return func(s *registryState) { s.maxSeries.Store(int64(n)) }
}

// apply makes the children of a vector heed l, and leaves what is wrong with it to
// Register.
func (l *limits) apply(d *definition, children *childmap.Map) {
	d.children, d.limits = children, l
	d.limit(defaultMaxSeries)
	policy := l.policy(d, d.Labels, d.Labels)
	if err := l.check(d); err != nil {
		d.fail(err)
		policy.Labels = nil
	}
	children.SetPolicy(policy)
	if len(l.budgets)+len(l.known) > 0 {
		d.differ("label budgets %v and known values %v", l.budgets, l.known)
	}
	if l.idleAfter != 0 {
		d.differ("idle after %v", l.idleAfter)
	}
	if l.series != 0 {
		d.differ("at most %d series", l.series)
	}
}

// policy returns what l says of some of d's labels, which the log calls as they are
// exposed.
func (l *limits) policy(d *definition, labels, exposed []string) childmap.Policy {
	p := childmap.Policy{Overflowed: func(label int, values []string) { d.overflowed(exposed, label, values) }}
	if len(l.budgets)+len(l.normalize) > 0 {
		for _, name := range labels {
			p.Labels = append(p.Labels, childmap.LabelPolicy{Normalize: l.normalize[name], MaxValues: l.budgets[name], Known: l.known[name]})
		}
	}
	if d.Kind == metric.Gauge {
		p.Overflow = func(c *childmap.Child) { childmap.Item[Gauge](c).initOthers() }
	}
	return p
}

// check returns what is wrong with the limits.
func (l *limits) check(d *definition) error {
	for _, names := range [][]string{
		sortedKeys(l.budgets), sortedKeys(l.known), sortedKeys(l.normalize),
	} {
		for _, name := range names {
			if !slices.Contains(d.Labels, name) {
				return errorf("ember: %s has no label %q to limit; its labels are %q", d, name, d.Labels)
			}
		}
	}
	var flaws flawList
	for _, name := range d.Labels {
		if _, limited := l.budgets[name]; !limited && len(l.known[name]) > 0 {
			flaws.add(unlimited, name)
		}
		l.flaws(name, &flaws)
		if f, ok := l.normalize[name]; ok && f == nil {
			flaws.add("the function to normalize label %q is nil", name)
		}
	}
	if l.idleAfter < 0 {
		flaws.add("IdleAfter (%v) must not be negative", l.idleAfter)
	}
	if flaws == nil {
		return nil
	}
	return wrong(&d.Desc, "%s", flaws[0])
}

const unlimited = "label %q has known values, but no budget"

// flaws adds what is wrong with the budget of a label and with its known values.
func (l *limits) flaws(name string, flaws *flawList) {
	budget, limited := l.budgets[name]
	known := l.known[name]
	switch {
	case !limited:
	case budget < 1:
		flaws.add("the budget of label %q (%d) must be positive", name, budget)
	case len(known) > budget:
		flaws.add("label %q has %d known values, but a budget of %d", name, len(known), budget)
	}
	for i, v := range known {
		if childmap.Valid(v) != v {
			flaws.add("the known value %.64q of label %q is not valid UTF-8", v, name)
			continue
		}
		if f := l.normalize[name]; f != nil {
			var to string
			if err := guard(func() error { to = f(v); return nil }); err != nil || to != v {
				flaws.add("the known value %q of label %q is not normal: Normalize makes %q of it", v, name, to)
			}
		}
		if slices.Contains(known[:i], v) {
			flaws.add("the known value %q of label %q stands twice", v, name)
		}
	}
}

// limit sets how many series a vector may have, if neither it nor a rule says so.
func (d *definition) limit(n int) { d.children.Limit(d.maxSeries(n)) }

// maxSeries returns how many series a vector may have, by a rule, by itself, or else n;
// 0: any number.
func (d *definition) maxSeries(n int) int {
	return max(cmp.Or(d.exposed().maxSeries(), d.limits.series, n), 0)
}

// overflowed says once that there was no place for a series, or for a label's value.
func (d *definition) overflowed(labels []string, label int, values []string) {
	if label < 0 {
		slog.Warn(`ember: too many series; further ones are counted as "other"`,
			"metric", d.Name, "labels", labels, "example", cutAll(values))
		return
	}
	slog.Warn(`ember: too many values of a label; further ones are counted as "other"`,
		"metric", d.Name, "label", labels[label], "example", cut(values[0]))
}

// cut returns what of a value may stand in a log: not whatever anybody sends.
func cut(value string) string {
	const most = 64
	if len(value) <= most {
		return value
	}
	end := most - len("…")
	for end > 0 && !utf8.RuneStart(value[end]) {
		end--
	}
	return value[:end] + "…"
}

func cutAll(values []string) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = cut(v)
	}
	return list
}
