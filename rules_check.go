// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// ruling is the rules of a registry, and what has come of them. It is used under the
// registry's mu.
type ruling struct {
	rules   *Rules
	misread error // why there are none

	fits    map[fit]bool    // of each rule, what it was for
	refused []refusal       // in order
	known   map[string]bool // the texts of refused
	written map[string]bool // whether families that nobody described are dropped, by full name
	said    bool            // that there are rules without effect
}

// fit is that a rule was for some metric: one that has what it asks for, or, if that is
// the zero ask, any.
type fit struct {
	rule int
	ask  ask
}

// refusal is why rules were not applied to a metric.
type refusal struct {
	rules  string // rule 2 ("x"); empty: earlier ones, or of another registry
	metric string // counter "x"
	why    string
}

func (f *refusal) text() string {
	if f.rules == "" {
		return fmt.Sprintf("earlier rules cannot be undone for %s: %s", f.metric, f.why)
	}
	return fmt.Sprintf("%s cannot be applied to %s: %s", f.rules, f.metric, f.why)
}

// maxWritten is of how many names of undescribed families it is known whether they are
// dropped.
const maxWritten = 10_000

// WithRules makes a registry heed rules, in the place of those that it had. They hold for
// what is registered from now on, and not for what was registered before: so give them to
// NewRegistry, or call Configure before anything else. Nil means no rules.
func WithRules(rules *Rules) RegistryOption {
	return func(s *registryState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ruling = nil
		if rules != nil {
			s.rule(&ruling{rules: rules})
		}
	}
}

// rule makes g the rules of a registry. mu is held.
func (s *registryState) rule(g *ruling) {
	g.fits, g.known, g.written = make(map[fit]bool), make(map[string]bool), make(map[string]bool)
	s.ruling = g
	if g.misread != nil {
		s.note(slog.LevelError, "ember: the rules are not heeded", "error", g.misread.Error())
		return
	}
	for _, f := range ownFamilies {
		o := g.rules.ordersFor(f.name)
		if o == nil {
			continue
		}
		g.matched(o, nil)
		g.written[f.name] = o.drops()
		for _, i := range o.exact.all {
			if !g.rules.list[i].Drop {
				s.refuse(refusal{g.rules.called(i), describe(&metric.Desc{Kind: f.kind, Name: f.name}), "it is Ember's own, which can only be dropped"})
			}
		}
	}
}

// matched notes that rules are for a metric which has this.
func (g *ruling) matched(o *orders, has map[ask]bool) {
	for _, i := range o.all {
		g.fits[fit{i, ask{}}] = true
		for _, a := range g.rules.list[i].asks() {
			if has[a] {
				g.fits[fit{i, a}] = true
			}
		}
	}
}

// logLine is a line for the log, which is written when no lock is held: whoever writes
// logs may count them.
type logLine struct {
	level slog.Level
	text  string
	attrs []any
}

// note leaves a line to say. mu is held.
//
//go:noinline
func (s *registryState) note(level slog.Level, text string, attrs ...any) {
	s.unsaid = append(s.unsaid, logLine{level, text, attrs})
	s.saying.Store(true)
}

// say logs what there is to say.
func (s *registryState) say() {
	if !s.saying.Load() {
		return
	}
	s.mu.Lock()
	lines := s.unsaid
	s.unsaid = nil
	s.saying.Store(false)
	s.mu.Unlock()
	for _, l := range lines {
		s.log().Log(context.Background(), l.level, l.text, l.attrs...)
	}
}

// refuse notes why rules are not applied to a metric. mu is held.
func (s *registryState) refuse(f refusal) {
	if s.ruling == nil { // of another registry
		s.ruling = &ruling{rules: &Rules{}}
		s.rule(s.ruling)
	}
	g := s.ruling
	if g.known[f.text()] {
		return
	}
	g.known[f.text()] = true
	g.refused = append(g.refused, f)
	s.note(slog.LevelError, "ember: rules not applied; the metric stays as it was declared", "rules", f.rules, "metric", f.metric, "reason", f.why)
}

// dropsWritten reports whether a family is dropped that a collector writes without having
// described it.
func (s *registryState) dropsWritten(name string, kind metric.Kind) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.ruling
	if g == nil || g.misread != nil {
		return false
	}
	drops, ok := g.written[name]
	if ok {
		return drops
	}
	if o := g.rules.ordersFor(name); o != nil {
		drops = o.drops()
		s.foreign(o, &metric.Desc{Name: name, Kind: kind})
	}
	if len(g.written) < maxWritten {
		g.written[name] = drops
	}
	return drops
}

// dropsOwn reports whether one of Ember's own families is dropped. mu is held.
func (s *registryState) dropsOwn(name string) bool {
	return s.ruling != nil && s.ruling.written[name]
}

// foreign notes that rules are for a family of a collector. mu is held.
func (s *registryState) foreign(o *orders, d *metric.Desc) {
	s.ruling.matched(o, nil)
	for _, i := range o.exact.all {
		if !s.ruling.rules.list[i].Drop {
			s.refuse(refusal{s.ruling.rules.called(i), describe(d), "it is written by a collector, so it can only be dropped"})
		}
	}
}

// CheckRules returns what has come of r's rules that was not meant, one line each: why
// there are none, which could not be applied to a metric and why, and which were for
// nothing that is registered so far. Call it when everything is registered; a service may
// want to end then:
//
//	if err := ember.Default().CheckRules(); err != nil {
//		log.Fatal(err)
//	}
//
// Collectors that have not described what they write are asked, as by a scrape, if some
// rule is for nothing else.
func (r *Registry) CheckRules() error {
	r.askCollectors()
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.ruling
	if g == nil {
		return nil
	}
	var errs []error
	if g.misread != nil {
		errs = append(errs, g.misread)
	}
	for _, f := range g.refused {
		errs = append(errs, errors.New("ember: "+f.text()))
	}
	for _, text := range g.idle() {
		errs = append(errs, errors.New("ember: "+text))
	}
	return joined(errs)
}

// idle returns which rules were for nothing so far.
func (g *ruling) idle() (texts []string) {
	for i := range g.rules.listed() {
		rule := &g.rules.list[i]
		if !g.fits[fit{i, ask{}}] {
			texts = append(texts, g.rules.called(i)+" is for nothing that is registered")
			continue
		}
		if !strings.Contains(rule.Metric, "*") {
			continue // it would have been refused
		}
		for _, a := range rule.asks() {
			if !g.fits[fit{i, a}] {
				texts = append(texts, fmt.Sprintf("%s: nothing that it is for %v", g.rules.called(i), a))
			}
		}
	}
	return texts
}

// listed returns how many rules there are.
func (r *Rules) listed() int {
	if r == nil {
		return 0
	}
	return len(r.list)
}

// askCollectors calls the collectors that describe nothing, if some rule may be for what
// they write.
func (r *Registry) askCollectors() {
	r.mu.Lock()
	var regs []*registration
	if r.ruling != nil && len(r.ruling.idle()) > 0 {
		for _, reg := range r.custom {
			if reg.desc.Name == "" {
				regs = append(regs, reg)
			}
		}
	}
	r.mu.Unlock()
	for _, j := range collect(context.Background(), regs) {
		if j.err != nil {
			continue
		}
		for _, f := range j.sink.Families() {
			r.dropsWritten(j.reg.in.prefix+f.Name, f.Kind)
		}
	}
	r.say()
}

// sayIdle logs once, at the first scrape, which rules are for nothing.
func (s *registryState) sayIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.ruling
	if g == nil || g.said {
		return
	}
	g.said = true
	for _, text := range g.idle() {
		s.note(slog.LevelWarn, "ember: rule without effect", "reason", text)
	}
}
