// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"slices"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/structlabels"
)

// structs is a view whose methods take structs, of which it gets to see addresses only:
// so it is compiled once, and for each type of struct little more than taking these.
type structs struct {
	view     view
	children *childmap.Map       // the view's, which are sooner found here
	layout   structlabels.Layout // from a struct to the values of all labels
}

// structsOf pairs the view of a new vector with the layout that its labels come from.
func structsOf(v *view, l *structlabels.Layout) structs {
	err := l.Err()
	if err == nil && len(l.Names()) == 0 {
		err = fmt.Errorf("the labels' type %v has no fields", l.Type())
	}
	if err != nil {
		// This is why, whatever else is wrong with the labels.
		v.def.err = fmt.Errorf("ember: %s: %w", v.def, err)
	}
	return structs{*v, v.children, *l}
}

// of returns structs of v's type for another view with the same labels.
func (v *structs) of(other *view) structs { return structs{*other, other.children, v.layout} }

// child returns the child of a struct's labels, creating it if there is none.
func (v *structs) child(s structlabels.Struct) *childmap.Child {
	return v.layout.GetOrCreate(v.children, s)
}

func (v *structs) lookup(s structlabels.Struct) *childmap.Child {
	return v.layout.Get(v.children, s)
}

func (v *structs) delete(s structlabels.Struct) bool {
	c := v.lookup(s)
	return c != nil && v.view.remove(c)
}

// each sets the struct to the labels of one series after the other and calls f, until
// that returns false. It leaves out series whose labels no struct has.
func (v *structs) each(s structlabels.Struct, f func(c *childmap.Child) bool) {
	v.view.each(func(values []string, c *childmap.Child) bool { return !v.layout.Set(s, values) || f(c) })
}

func (v *structs) setFunc(f func() float64, s structlabels.Struct) {
	whole := view{viewState: v.view.viewState, free: len(v.view.def.Labels)}
	whole.setFunc(f, v.layout.Values(s))
}

// curry returns the view in which the labels of s, a struct of the layout fixed, have the
// values that they have there. Its structs are of the layout free.
func (v *structs) curry(s structlabels.Struct, fixed, free *structlabels.Layout) (structs, error) {
	for _, l := range []*structlabels.Layout{fixed, free} {
		if err := l.Err(); err != nil {
			return structs{}, fmt.Errorf("ember: %s: %w", v.view.def, err)
		}
	}
	labels := make(Labels)
	for i, value := range fixed.Values(s) {
		labels[fixed.Names()[i]] = value
	}
	c, err := v.view.curry(labels)
	if err != nil {
		return structs{}, err
	}
	for _, name := range free.Names() {
		if slices.Contains(fixed.Names(), name) {
			return structs{}, fmt.Errorf("ember: %s: label %q is both in %v and in %v", c.def, name, fixed.Type(), free.Type())
		}
		if !slices.Contains(c.freeLabels(), name) {
			return structs{}, fmt.Errorf("ember: %s has no label %q for %v; left are %q", c.def, name, free.Type(), c.freeLabels())
		}
	}
	for _, name := range c.freeLabels() {
		if !slices.Contains(free.Names(), name) {
			return structs{}, fmt.Errorf("ember: %s: label %q is neither in %v nor in %v", c.def, name, fixed.Type(), free.Type())
		}
	}
	if c.fixed == nil {
		c.fixed = make([]*string, len(c.def.Labels)) // nothing is: an order of its own
	}
	return structs{c, c.children, *free.Within(c.def.Labels, c.fixed)}, nil
}
