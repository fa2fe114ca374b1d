// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"maps"
	"slices"
	"sort"

	"github.com/embermetrics/ember/metric"
)

// family is everything registered under one name. It is not changed once it is in
// a registry, but replaced.
type family struct {
	*familyInfo
	desc    metric.Desc     // of the first registered: the others agree
	members []*registration // by the text of their shared labels
}

// join adds reg to its family in fresh, which holds the families that a call of
// add makes or changes. Families of one collector may collide with each other:
// the names are its own business.
func (r *Registry) join(fresh map[string]*family, reg *registration) error {
	f := fresh[reg.desc.Name]
	if f == nil {
		f = r.families[reg.desc.Name]
	}
	if f == nil {
		d := reg.desc
		if err := r.checkClaims(d.Name, d.Kind); err != nil {
			return err
		}
		fresh[d.Name] = &family{newFamilyInfo(d.Name, d.Help, d.Unit, d.Kind), d, []*registration{reg}}
		return nil
	}
	if err := checkAgree(&f.desc, &reg.desc); err != nil {
		return err
	}
	for _, other := range f.members {
		// What a collector will write is known only when it does.
		if (other.part.def == nil) != (reg.part.def == nil) {
			return errorf("ember: %q is registered by a %T, so a %T cannot write to it too", f.name, other.collector, reg.collector)
		}
		if sameLabels(other.desc.ConstLabels, reg.desc.ConstLabels) {
			return &AlreadyRegisteredError{Name: seriesName(f.name, other.declaredText()), Existing: other.collector, New: reg.collector}
		}
	}
	if reg.part.def != nil && (reg.plan != nil || slices.ContainsFunc(f.members, func(o *registration) bool { return o.ruled })) {
		reg.settle(f)
	}
	changed := *f
	changed.members = append(slices.Clip(f.members), reg)
	for m, i := changed.members, len(f.members); i > 0 && m[i].part.text[0] < m[i-1].part.text[0]; i-- {
		m[i], m[i-1] = m[i-1], m[i]
	}
	fresh[f.name] = &changed
	return nil
}

// find returns who is registered with this description.
func (r *Registry) find(d *metric.Desc) *registration {
	f := r.families[d.Name]
	if f == nil || checkAgree(&f.desc, d) != nil {
		return nil
	}
	for _, reg := range f.members {
		if sameLabels(reg.desc.ConstLabels, d.ConstLabels) {
			return reg
		}
	}
	return nil
}

func (r *Registry) leave(reg *registration) {
	f := *r.families[reg.desc.Name]
	f.members = slices.DeleteFunc(slices.Clone(f.members), func(o *registration) bool { return o == reg })
	if len(f.members) > 0 {
		f.desc = f.members[0].desc
		r.families[f.name] = &f
		return
	}
	delete(r.families, f.name)
	for _, w := range claims(f.name, f.kind) {
		left := slices.DeleteFunc(slices.Clone(r.claimed[w]), func(name string) bool { return name == f.name })
		if len(left) > 0 {
			r.claimed[w] = left
		} else {
			delete(r.claimed, w)
		}
	}
}

// claim notes the names that a family may write.
//
//go:noinline
func (s *registryState) claim(f *familyInfo) {
	for _, w := range claims(f.name, f.kind) {
		s.claimed[w] = append(s.claimed[w], f.name)
	}
}

// checkClaims returns which registered family writes a name that a family of this
// name and kind would write too.
func (s *registryState) checkClaims(name string, kind metric.Kind) error {
	for _, w := range claims(name, kind) {
		if len(s.claimed[w]) == 0 {
			continue
		}
		other, otherKind := s.claimed[w][0], metric.Counter // as all but one of Ember's own are
		if f := s.families[other]; f != nil {
			otherKind = f.kind
		} else if other == seriesCount.name {
			otherKind = seriesCount.kind
		}
		return errorf("ember: %v %q collides with %v %q: both write %q", kind, name, otherKind, other, w)
	}
	return nil
}

func sameLabels(a, b []metric.Label) bool {
	if len(a) != len(b) {
		return false
	}
	for _, l := range a {
		if !contains(b, l) {
			return false
		}
	}
	return true
}

//go:noinline
func contains(labels []metric.Label, l metric.Label) bool { return slices.Contains(labels, l) }

// inOrder returns all families by written name.
func (s *registryState) inOrder() []*family {
	if s.sorted == nil {
		s.sorted = slices.Collect(maps.Values(s.families))
		sort.Sort((*familiesByName)(&s.sorted))
	}
	return s.sorted
}
