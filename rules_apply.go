// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// plan is what rules make of one registration: worked out before it is known whether the
// registration succeeds, and put into effect after that.
type plan struct {
	reg     *registration
	orders  *orders      // nil: no rule is for it
	has     map[ask]bool // what the instrument has
	refused []refusal

	dropped bool           // nothing of it is exposed
	shared  []metric.Label // constant labels that are left, as exposed
	want    *wish          // of a vector or histogram

	exposure *exposure // by want
}

// plan works out what r's rules make of reg, and sets how it is exposed. mu is held, and
// so is shaping, if it is of an instrument.
func (r *Registry) plan(reg *registration) {
	def := reg.part.def
	p := &plan{reg: reg}
	if g := r.ruling; g != nil && g.rules != nil && reg.desc.Name != "" {
		p.orders = g.rules.ordersFor(reg.desc.Name)
	}
	if p.orders == nil && (def == nil || def.shaped.Load() == nil || def.exposed().want == nil) {
		return
	}
	reg.plan = p
	if def == nil {
		reg.hidden = p.orders.drops()
		return
	}
	p.declare()
	if p.orders != nil {
		p.has = def.has(&reg.desc)
		p.make()
	}
	p.reconcile()
	p.expose()
}

// declare makes p leave everything as it is declared.
func (p *plan) declare() {
	p.dropped, p.want = false, nil
	p.shared = p.reg.desc.ConstLabels
}

// refuse notes why rules are not applied.
func (p *plan) refuse(rules []int, format string, args ...any) {
	p.refused = append(p.refused, refusal{p.orders.rules.called(rules...), describe(&p.reg.desc), fmt.Sprintf(format, args...)})
}

// make works out what the rules make of the metric. If that is impossible nothing is
// changed.
func (p *plan) make() {
	o := p.orders
	for _, i := range o.exact.all {
		for _, a := range o.rules.list[i].asks() {
			if !p.has[a] {
				p.refuse([]int{i}, "%s", a.missing(&p.reg.desc))
			}
		}
	}
	if p.refused != nil {
		return
	}
	if o.drops() {
		p.dropped = true
		if p.reg.part.def.children != nil {
			p.want = &wish{dropped: true}
		}
		return
	}
	p.makeLabels()
	p.makeLimits()
	if p.refused != nil {
		p.declare()
	}
}

func (p *plan) clashes(c *clash) bool {
	if c == nil {
		return false
	}
	p.refuse(c.rules, "%s", c.why)
	return true
}

// makeLabels works out the labels.
func (p *plan) makeLabels() {
	d := &p.reg.desc
	if d.Kind == metric.Info { // Set would have to know
		return
	}
	var w wish
	exposed := *d
	exposed.ConstLabels, exposed.Labels = nil, nil
	changed := false
	for i, name := range labelNames(d) {
		drop, rename, _, c := p.orders.label(name)
		if p.clashes(c) {
			return
		}
		changed = changed || drop || rename >= 0
		to := name
		if rename >= 0 {
			to = p.orders.rules.list[rename].RenameLabels[name]
		}
		i -= len(d.ConstLabels)
		switch {
		case drop:
			w.relabelled = w.relabelled || i >= 0
		case i < 0:
			exposed.ConstLabels = append(exposed.ConstLabels, metric.Label{Name: to, Value: d.ConstLabels[i+len(d.ConstLabels)].Value})
		default:
			exposed.Labels = append(exposed.Labels, to)
			w.keep = append(w.keep, i)
			w.relabelled = w.relabelled || rename >= 0
		}
	}
	if !changed {
		return
	}
	if err := checkDesc(&exposed); err != nil {
		p.refuse(p.orders.all, "%s", strings.TrimPrefix(err.Error(), "ember: "+describe(d)+": "))
		return
	}
	p.shared = exposed.ConstLabels
	if w.relabelled {
		w.names = exposed.Labels
		p.want = &w
	}
}

// makeLimits works out buckets and limits.
func (p *plan) makeLimits() {
	def, o := p.reg.part.def, p.orders
	w := wish{}
	if p.want != nil {
		w = *p.want
	}
	if def.layout != nil {
		i, c := o.buckets()
		if p.clashes(c) {
			return
		}
		if i >= 0 && !slices.Equal(o.rules.list[i].Buckets, def.layout.bounds) {
			w.bounds = o.rules.list[i].Buckets
		}
	}
	if def.children != nil {
		i, c := o.maxSeries()
		if p.clashes(c) {
			return
		}
		if i >= 0 {
			w.maxSeries = o.rules.list[i].MaxSeries
		}
		for _, name := range def.Labels {
			_, _, i, c := o.label(name)
			if c != nil {
				return // as makeLabels said
			}
			if i < 0 {
				continue
			}
			if w.budgets == nil {
				w.budgets = make(map[string]int)
			}
			w.budgets[name] = o.rules.list[i].LabelBudgets[name]
			if known := o.rules.list[i].KnownValues[name]; known != nil {
				if w.known == nil {
					w.known = make(map[string][]string)
				}
				w.known[name] = known
			}
		}
		if err := w.limits(def).check(def); err != nil {
			p.refuse(o.all, "%s", strings.TrimPrefix(err.Error(), "ember: "+def.String()+": "))
			return
		}
	}
	if !reflect.DeepEqual(w, wish{}) {
		p.want = &w
	}
}

// reconcile keeps what was made of a vector or histogram when it was registered first.
func (p *plan) reconcile() {
	def := p.reg.part.def
	if def.shaped.Load() == nil || def.children == nil && def.layout == nil {
		return
	}
	e := def.exposed()
	same := reflect.DeepEqual(e.want, p.want) || p.dropped && !e.dropped()
	p.want = e.want
	p.dropped = p.dropped || e.dropped()
	if same {
		return
	}
	f := refusal{"", describe(&p.reg.desc), "it was registered before, and stays what it was made then"}
	if p.orders != nil {
		f.rules = p.orders.rules.called(p.orders.all...)
	}
	p.refused = append(p.refused, f)
}

// expose sets how the registration is exposed.
func (p *plan) expose() {
	def := p.reg.part.def
	p.exposure = def.exposed()
	if def.shaped.Load() == nil {
		p.exposure = def.exposeAs(p.want)
	}
	p.reg.hidden = p.dropped
	p.reg.part = newPart(p.shared, def, p.exposure)
}

// settle sees to it that what rules have made of reg has no series in common with the
// other members of its family, which without rules it has not.
func (reg *registration) settle(f *family) {
	other := reg.meets(f)
	if other == nil || reg.hidden {
		return
	}
	p := reg.plan
	if p == nil { // the other one is what has changed
		p = &plan{reg: reg}
		p.declare()
		reg.plan = p
	}
	rules := ""
	if p.orders != nil {
		rules = p.orders.rules.called(p.orders.all...)
	}
	refused := refusal{rules, describe(&reg.desc), "its series would be those of " + seriesName(f.name, other.declaredText()) + ", which is registered already"}
	p.declare()
	p.refused = nil
	p.reconcile()
	p.expose()
	p.refused = []refusal{refused}
	if reg.meets(f) != nil {
		p.refused[0].why += "; it is not exposed"
		reg.hidden = true
	}
}

// meets returns a member of the family that may have a series in common with reg.
func (reg *registration) meets(f *family) *registration {
	for _, other := range f.members {
		if !other.hidden && !disjoint(reg.part, other.part) && !disjoint(other.part, reg.part) {
			return other
		}
	}
	return nil
}

// disjoint reports whether a constant label of a proves that no series of it is one of b.
func disjoint(a, b *partInfo) bool {
	for _, l := range a.shared {
		if l.Value == "" || slices.Contains(b.labels, l.Name) {
			continue
		}
		if !contains(b.shared, l) {
			return true
		}
	}
	return false
}

// declaredText returns the labels that all series of reg share, as they were declared.
func (reg *registration) declaredText() string {
	if reg.part.def == nil {
		return reg.part.text[EscapingUnderscores]
	}
	return string(appendLabels(nil, reg.desc.ConstLabels, EscapingUnderscores))
}

// effect puts the plans of one call of Register into effect, which has succeeded. What is
// returned, if anything, must be called once the registry is not locked any more. mu is
// held.
func (r *Registry) effect(c Collector, regs []*registration) (later func()) {
	d := regs[0].part.def
	var e *exposure
	if d != nil {
		e = &d.plain
	}
	for _, reg := range regs {
		p := reg.plan
		switch {
		case p == nil:
			continue
		case d == nil:
			r.foreign(p.orders, &reg.desc)
			if reg.hidden {
				reg.first.hide(reg.in, reg.desc.Name)
			}
		case p.orders != nil:
			r.ruling.matched(p.orders, p.has)
		}
		for _, f := range p.refused {
			r.refuse(f)
		}
		e = p.exposure
		reg.plan, reg.ruled = nil, true
	}
	if d == nil || d.children == nil && d.layout == nil {
		return nil
	}
	return d.expose(c, e, r.limitOfSeries())
}

// limitOfSeries returns how many series a vector may have that does not say so itself.
func (s *registryState) limitOfSeries() int {
	return cmp.Or(int(s.maxSeries.Load()), defaultMaxSeries)
}

// hide notes that one of the families that a collector describes is dropped.
func (reg *registration) hide(in *Registry, name string) {
	if reg.dropped == nil {
		reg.dropped = make(map[string]bool)
	}
	reg.dropped[strings.TrimPrefix(name, in.prefix)] = true
}

// drops reports whether a family is dropped that the collector has written.
func (reg *registration) drops(f *metric.Family) bool {
	if reg.described == nil {
		return reg.in.dropsWritten(reg.in.prefix+f.Name, f.Kind)
	}
	return reg.dropped[f.Name]
}
