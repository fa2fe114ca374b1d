// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/embermetrics/ember/internal/cell"
)

// Other is the value of labels that stand for all values there was no place for.
const Other = "other"

// Policy says which children a map takes. The zero Policy takes all. What it costs, only
// those pay who ask for a child that there is not, under these values.
type Policy struct {
	// Labels has a policy for each label, or is nil.
	Labels []LabelPolicy

	// Overflowed is called once for each label, and once for the map itself (label -1),
	// with the first value or values that there was no place for.
	Overflowed func(label int, values []string)
	// Overflow prepares the item of a child that stands for others, before anyone sees
	// it. Nil: it is like all others.
	Overflow func(*Child)
}

// LabelPolicy says which values a label may have.
type LabelPolicy struct {
	// Normalize returns what is put in the place of a value, and always the same. Nil: the
	// value itself. Normalizing twice must be the same as once.
	Normalize func(string) string
	// MaxValues is how many different values there may be, Other not counted. 0: any
	// number.
	MaxValues int
	// Known are values that always have a place. They count, whether they occur or not.
	Known []string
}

// admission is a Policy at work.
type admission struct {
	Policy
	values []*valueSet // by label; nil where any number of values may be
	memos  []memo      // by label: what its values were normalized to

	limit     atomic.Int64          // how many children there may be; 0: any number
	other     atomic.Pointer[Child] // stands for all that there was no place for; nil: none did
	overflows cell.Total            // children asked for that there was no place for
	said      []atomic.Bool
}

// valueSet counts the children by the value of a label. It is read by anyone and
// changed under the mu of the map that it belongs to.
type valueSet struct {
	uses      *Map // of the values; the item of each is a use
	overflows cell.Total
}

// use is how many children have a value; 1 more for a known one.
type use struct{ children int }

// SetPolicy makes m heed p. It must come before any other use.
func (m *Map) SetPolicy(p Policy) {
	a := &m.admission
	a.Policy = p
	a.said = make([]atomic.Bool, 1+len(p.Labels))
	a.memos = make([]memo, len(p.Labels))
	for i, l := range p.Labels {
		if l.MaxValues <= 0 {
			continue
		}
		if a.values == nil {
			a.values = make([]*valueSet, len(p.Labels))
		}
		s := &valueSet{uses: New(NewSyntax([]string{"v"}), func(*use) {})}
		s.overflows.Init(nil)
		for _, known := range l.Known {
			Item[use](s.uses.GetOrCreate([]string{known})).children++
		}
		s.uses.admission.limit.Store(int64(l.MaxValues))
		a.values[i] = s
	}
}

// Limit lets m have at most n children, besides the one that stands for others. Those
// that there are already stay. 0: any number. It may be called at any time.
func (m *Map) Limit(n int) { m.Target().admission.limit.Store(int64(n)) }

// MaxChildren returns what Limit was given. 0: any number.
func (m *Map) MaxChildren() int { return int(m.Target().admission.limit.Load()) }

// MaxValues returns how many different values a label may have, by its number. 0: any
// number.
func (m *Map) MaxValues(label int) int {
	if label >= len(m.admission.Labels) {
		return 0
	}
	return m.admission.Labels[label].MaxValues
}

// Overflows returns how many times a child was asked for that there was no place for:
// in the map, and by label, which is nil without limits of labels.
func (m *Map) Overflows() (series float64, labels []float64) {
	a := &m.admission
	for _, s := range a.values {
		n := 0.0
		if s != nil {
			n = s.overflows.Load()
		}
		labels = append(labels, n)
	}
	if f := m.forward.Load(); f != nil {
		return f.overflows(a.overflows.Load(), labels)
	}
	return a.overflows.Load(), labels
}

// full reports whether there is no place for one child more.
func (m *Map) full() bool {
	limit := m.admission.limit.Load()
	if limit == 0 {
		return false
	}
	if m.admission.other.Load() != nil {
		limit++
	}
	return m.count.Load() >= limit
}

// takes reports whether a value has a place, or could have one.
func (s *valueSet) takes(value string) bool {
	return value == Other || !s.uses.full() || s.uses.Get([]string{value}) != nil
}

// overflow returns the child that stands for all that there is no place for, or nil if
// the map forwards.
func (m *Map) overflow(values []string) *Child {
	m.admission.overflows.Inc()
	m.admission.say(-1, values) // without a lock: who hears it may ask for children
	return m.allOthers(len(values))
}

// allOthers returns the child whose values are all Other because there is no place.
func (m *Map) allOthers(labels int) *Child {
	a := &m.admission
	if c := a.other.Load(); c != nil {
		return c
	}
	all := make([]string, labels)
	for i := range all {
		all[i] = Other
	}
	fresh := m.make(all, true)
	told := m.tellBefore(fresh)
	c := m.insertOthers(hash(all), fresh, all)
	m.tellAfter(fresh, c == fresh, told)
	return c
}

// insertOthers makes the child of values that are all Other the one for all others: fresh,
// unless there is one. It returns nil if the map forwards.
func (m *Map) insertOthers(h uint64, fresh *Child, all []string) *Child {
	a := &m.admission
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := a.other.Load(); c != nil || m.forward.Load() != nil {
		return c
	}
	c := m.table.Load().find(h, all, m.syntax)
	if c == nil {
		c = fresh
		m.put(h, c)
	}
	a.other.Store(c)
	return c
}

// normalize makes values valid and normal.
func (a *admission) normalize(values []string) {
	for i, v := range values {
		if i < len(a.Labels) && a.Labels[i].Normalize != nil {
			values[i] = a.normal(i, v)
		} else if !isValid(v) {
			values[i] = Valid(strings.Clone(v))
		}
	}
}

// normal returns what is put in the place of a value of a label that is normalized.
func (a *admission) normal(label int, value string) string {
	m := &a.memos[label]
	if to, ok := m.recall(value); ok {
		return to
	}
	to := normal(a.Labels[label].Normalize, Valid(strings.Clone(value)))
	m.remember(value, to)
	return to
}

// Normal returns what is put in the place of a value of a label, by its number.
func (m *Map) Normal(label int, value string) string {
	if f := m.forward.Load(); f != nil {
		if label = slices.Index(f.keep, label); label < 0 {
			return Valid(value)
		}
		m = f.to
	}
	if a := &m.admission; label < len(a.Labels) && a.Labels[label].Normalize != nil {
		return a.normal(label, value)
	}
	return Valid(value)
}

// normal calls a user's function. A value that it panics over stays.
func normal(f func(string) string, value string) (result string) {
	defer func() {
		if recover() != nil {
			result = value
		}
	}()
	return Valid(f(value))
}

// replace puts Other in the place of values that there is no place for, and notes
// that.
func (a *admission) replace(values []string) (replaced bool) {
	for i, s := range a.values {
		if s == nil || s.takes(values[i]) {
			continue
		}
		s.overflows.Inc()
		a.say(i, values[i:i+1])
		values[i] = Other
		replaced = true
	}
	return replaced
}

// say reports an overflow once: of a label, or of the map itself, which is label -1.
func (a *admission) say(label int, values []string) {
	if len(a.said) == 0 || a.Overflowed == nil || a.said[label+1].Load() || !a.said[label+1].CompareAndSwap(false, true) {
		return
	}
	kept := make([]string, len(values))
	for i, v := range values {
		kept[i] = strings.Clone(v)
	}
	a.Overflowed(label, kept)
}

// admit counts that a child has these values; it is false if there has come to be no
// place for one of them. The map's mu is held.
func (a *admission) admit(values []string) bool {
	for i, s := range a.values {
		if s != nil && !s.takes(values[i]) {
			return false
		}
	}
	for i, s := range a.values {
		if s != nil && values[i] != Other {
			Item[use](s.uses.GetOrCreate(values[i:i+1])).children++
		}
	}
	return true
}

// dismiss takes back an admission. The map's mu is held.
func (a *admission) dismiss(values []string) {
	for i, s := range a.values {
		if s == nil || values[i] == Other {
			continue
		}
		c := s.uses.Get(values[i : i+1])
		if u := Item[use](c); u.children > 1 {
			u.children--
		} else {
			s.uses.Delete(c)
		}
	}
}
