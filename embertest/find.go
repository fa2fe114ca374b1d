// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// maxListed is how many names or series a failure lists.
const maxListed = 20

// query asks for one series.
type query struct {
	name   string
	labels []metric.Label // what it must have, beside others
}

// newQuery checks the arguments of a test.
func newQuery(name string, pairs []string) (query, error) {
	q := query{name: name}
	if len(pairs)%2 != 0 {
		return q, fmt.Errorf("embertest: %s: labels are pairs of a name and a value, and these are %d: %s", oneWord(name), len(pairs), quotedList(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		l := metric.Label{Name: pairs[i], Value: pairs[i+1]}
		for _, before := range q.labels {
			if before.Name == l.Name {
				return q, fmt.Errorf("embertest: %s: the label %q is given twice, as %q and %q", oneWord(name), l.Name, before.Value, l.Value)
			}
		}
		q.labels = append(q.labels, l)
	}
	return q, nil
}

func (q query) String() string { return seriesName(q.name, q.labels) }

// missing is the error of a search for what is not there.
type missing struct{ text string }

func (m *missing) Error() string { return m.text }

// exposed is what a gatherer exposes at one moment.
type exposed struct {
	families []*metric.Family
	samples  []sample
	whole    string // what the samples are whole series of; empty: they are numbers
	err      error  // why it may not be everything
}

// expose gathers once. The samples of a family are what the function says.
func expose(g ember.Gatherer, whole string, samples func(*metric.Family) []sample) *exposed {
	x := &exposed{whole: whole}
	x.families, x.err = g.Gather()
	x.families = slices.DeleteFunc(slices.Clone(x.families), func(f *metric.Family) bool { return f == nil })
	for _, f := range x.families {
		x.samples = append(x.samples, samples(f)...)
	}
	return x
}

// find returns the only sample that q asks for. If there is none, the error is a
// *missing, unless it may be among what could not be gathered.
func (x *exposed) find(q query) (*sample, error) {
	s, err := x.search(q)
	if m := (*missing)(nil); x.err != nil && errors.As(err, &m) {
		return nil, fmt.Errorf("%w\nwhat failed to be gathered is not there: %s", errors.New(m.text), oneLine(x.err.Error()))
	}
	return s, err
}

func (x *exposed) search(q query) (*sample, error) {
	var named []*sample
	for i := range x.samples {
		if x.samples[i].name == q.name {
			named = append(named, &x.samples[i])
		}
	}
	if len(named) == 0 {
		return nil, &missing{x.noName(q.name)}
	}
	for _, l := range q.labels {
		if err := checkLabel(q, l.Name, named); err != nil {
			return nil, err
		}
	}
	var found []*sample
	for _, s := range named {
		if s.hits(q.labels) == len(q.labels) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, &missing{fmt.Sprintf("embertest: %v is not there%s:%s", q, nearValues(q, named), listed(named, q))}
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("embertest: %v is not one series but %d; give more labels to tell them apart:%s", q, len(found), listed(found, q))
}

// noName says that no sample has a name.
func (x *exposed) noName(name string) string {
	for _, f := range x.families {
		switch {
		case f.Name != name:
		case x.whole != "":
			return fmt.Sprintf("embertest: %s is a %v and no %s", oneWord(name), f.Kind, x.whole)
		case f.Kind == metric.Summary:
			return fmt.Sprintf("embertest: %s is a summary without quantiles; ask for %s_sum or %s_count", oneWord(name), oneWord(name), oneWord(name))
		case f.Kind == metric.Histogram || f.Kind == metric.GaugeHistogram:
			return fmt.Sprintf("embertest: %s is a %v; ask for %s_count, _sum or _bucket, or use embertest.Histogram", oneWord(name), f.Kind, oneWord(name))
		}
	}
	text := "embertest: nothing exposed is called " + strconv.Quote(name)
	if x.whole != "" {
		text = "embertest: no " + x.whole + " is called " + strconv.Quote(name)
	}
	var names []string
	for _, s := range x.samples {
		names = append(names, s.name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return text + ", nor anything else"
	}
	if best, ok := near(name, names); ok {
		return fmt.Sprintf("%s; is %q meant? There is:%s", text, best, list(names))
	}
	return text + "; there is:" + list(names)
}

// checkLabel wants a label to be in use.
func checkLabel(q query, name string, named []*sample) error {
	var names []string
	for _, s := range named {
		for _, l := range s.labels {
			if l.Name == name {
				return nil
			}
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	text := fmt.Sprintf("embertest: %s has no label %q", oneWord(q.name), name)
	if len(names) == 0 {
		return &missing{text + ", and no other"}
	}
	if best, ok := near(name, names); ok {
		return &missing{fmt.Sprintf("%s; is %q meant? It has: %s", text, best, quotedList(names))}
	}
	return &missing{fmt.Sprintf("%s; it has: %s", text, quotedList(names))}
}

// nearValues asks whether other values are meant than those which no series has.
func nearValues(q query, named []*sample) string {
	var meant []string
	for _, want := range q.labels {
		var values []string
		known := false
		for _, s := range named {
			known = known || s.has(want)
			for _, l := range s.labels {
				if l.Name == want.Name && l.Name != s.number {
					values = append(values, l.Value)
				}
			}
		}
		if known {
			continue
		}
		if best, ok := near(want.Value, values); ok {
			meant = append(meant, oneWord(want.Name)+"="+strconv.Quote(best))
		}
	}
	if len(meant) == 0 {
		return "; there is"
	}
	return "; is " + strings.Join(meant, ",") + " meant? There is"
}

// listed lists samples, and if there are too many those which have most of the labels
// that were asked for.
func listed(all []*sample, q query) string {
	if len(all) > maxListed {
		all = slices.Clone(all)
		slices.SortStableFunc(all, func(a, b *sample) int { return b.hits(q.labels) - a.hits(q.labels) })
	}
	var texts []string
	for _, s := range all {
		texts = append(texts, s.String())
	}
	return list(texts)
}

// list lists texts below each other.
func list(texts []string) string {
	if more := len(texts) - maxListed; more > 1 {
		texts = append(slices.Clip(texts[:maxListed]), fmt.Sprintf("and %d more", more))
	}
	return lines(texts)
}

func quotedList(texts []string) string {
	var quoted []string
	for _, t := range texts {
		quoted = append(quoted, strconv.Quote(t))
	}
	return strings.Join(quoted, ", ")
}
