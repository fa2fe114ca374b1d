// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"slices"
	"sort"

	"github.com/embermetrics/ember/metric"
)

// merger puts together what collectors wrote, of each collector all or nothing, but
// for values that no series of their kind can have.
type merger struct {
	r        *Registry
	request  request
	families map[string]*scrapeFamily // by full name; the points of each in order
	owners   map[string]*registration // of the names that undescribed families may write
	names    nameSet                  // of all families, also those that the request does not want
}

func (m *merger) add(j *job) error {
	families := j.sink.Families()
	if slices.ContainsFunc(families, j.reg.drops) {
		families = slices.DeleteFunc(slices.Clone(families), j.reg.drops)
	}
	rendered := make([][]point, len(families))
	var lost losses
	names := make(siblings)
	for i, f := range families {
		if err := m.check(j.reg, f); err != nil {
			return err
		}
		if err := names.add(f.Name, f.Kind); err != nil {
			return err
		}
		rename(f, j.reg.in.prefix+f.Name)
		var err error
		if rendered[i], err = render(f, j.reg.in.labels, m.request.escaping, &lost); err != nil {
			return err
		}
		if known := m.families[f.Name]; known != nil {
			if err := agree(known.familyInfo, f, "another collector"); err != nil {
				return err
			}
			if text, ok := common(known.parts[0].points, rendered[i]); ok {
				return errorf("ember: %s was written by another collector; a label of Registry.Sub can tell them apart", seriesName(f.Name, text))
			}
		}
	}
	for i, f := range families {
		m.names.add(f.Name, f.Kind)
		if !m.request.wants(f.Name, f.Kind) {
			continue
		}
		if known := m.families[f.Name]; known != nil {
			points := &known.parts[0].points
			*points = append(*points, rendered[i]...)
			sort.Sort((*pointsByText)(points))
		} else {
			m.families[f.Name] = collected(newFamilyInfo(f.Name, f.Help, f.Unit, f.Kind), rendered[i])
		}
		for _, name := range claims(f.Name, f.Kind) {
			m.owners[name] = j.reg
		}
	}
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	for why, n := range lost.exemplars {
		m.r.flawed[why] += n
	}
	return lost.point
}

// rename gives a family another name, and so the label of a state set that is called
// like it.
//
//go:noinline
func rename(f *metric.Family, name string) {
	if f.Kind == metric.StateSet && f.Name != name {
		for i := range f.Points {
			labels := f.Points[i].Labels
			for j := range labels {
				if labels[j].Name == f.Name {
					labels[j].Name = name
				}
			}
		}
	}
	f.Name = name
}

// check refuses a family that is wrong by itself, is not as described, or writes
// names that are somebody else's.
func (m *merger) check(reg *registration, f *metric.Family) error {
	if err := checkFamily(f); err != nil {
		return err
	}
	if reg.described != nil {
		return checkDescribed(reg.described[f.Name], f)
	}
	name := reg.in.prefix + f.Name
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	if err := m.r.checkClaims(name, f.Kind); err != nil {
		return err
	}
	for _, w := range claims(name, f.Kind) {
		if other := m.owners[w]; other != nil && other != reg && m.families[name] == nil {
			return errorf("ember: %v %q collides with what the collector %T wrote: both write %q", f.Kind, name, other.collector, w)
		}
	}
	return nil
}

// checkDescribed refuses a family that is not as its collector described it.
func checkDescribed(descs []metric.Desc, f *metric.Family) error {
	if len(descs) == 0 {
		return errorf("ember: %v %q was written, but not described", f.Kind, f.Name)
	}
	d := descs[0] // the others agree
	if err := agree(&familyInfo{name: d.Name, help: d.Help, unit: d.Unit, kind: d.Kind}, f, "its description"); err != nil {
		return err
	}
	for i := range f.Points {
		labels, ok := f.Points[i].Labels, false
		for j := range descs {
			ok = ok || fits(&descs[j], labels)
		}
		if !ok {
			return errorf("ember: %s has not the labels of its description", seriesName(f.Name, string(appendLabels(nil, labels, EscapingUnderscores))))
		}
	}
	return nil
}

// fits reports whether labels are those that d describes.
func fits(d *metric.Desc, labels []metric.Label) bool {
	if len(labels) != len(d.ConstLabels)+len(d.Labels) {
		return false
	}
	for _, l := range labels {
		if !contains(d.ConstLabels, l) && !slices.Contains(d.Labels, l.Name) {
			return false
		}
	}
	return true
}

func agree(known *familyInfo, f *metric.Family, source string) error {
	switch {
	case known.kind != f.Kind:
		return errorf("ember: %q is %s, but %s according to %s", f.Name, withArticle(f.Kind), withArticle(known.kind), source)
	case known.help != f.Help:
		return errorf("ember: %q has the help %q, but %q according to %s", f.Name, f.Help, known.help, source)
	case known.unit != f.Unit:
		return errorf("ember: %q has the unit %q, but %q according to %s", f.Name, f.Unit, known.unit, source)
	}
	return nil
}

// common returns labels that stand in both of two lists, which are in order.
func common(a, b []point) (text string, ok bool) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].text == b[0].text:
			return a[0].text, true
		case a[0].text < b[0].text:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return "", false
}
