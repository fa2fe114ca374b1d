// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"github.com/embermetrics/ember/metric"
)

// StateSetOpts says what a state set is. Only Name is needed.
type StateSetOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name. It also is the name of the label that names the
	// state, so it must not contain a colon.
	Namespace, Subsystem, Name string

	Help string // one sentence on what has these states

	ConstLabels Labels // on every series, with these values
}

// StateSet says of some states which ones are on: of a breaker that is open, closed
// or half open, or of features. Each state is a series of 1 or 0. Its methods may be
// called by any number of goroutines, never block and never fail.
//
// Create one with NewStateSet or Registry.NewStateSet; the zero StateSet is not
// usable, and a StateSet must not be copied.
type StateSet struct {
	def    *definition
	states []string      // sorted
	on     atomic.Uint64 // a bit for each
	texts  atomic.Pointer[stateTexts]
}

// stateTexts are the labels of the states as they are written.
type stateTexts struct {
	name     string // of the family
	escaping Escaping
	text     []string
}

// maxStates is how many states a StateSet may have, so that they change together.
const maxStates = 64

// NewStateSet returns a state set of which no state is on, which is not registered.
// It never fails: what is wrong with opts and states, Register says. There may be up
// to 64 states.
func NewStateSet(opts StateSetOpts, states ...string) *StateSet {
	s := &StateSet{
		def:    newDefinition(metric.StateSet, opts.Namespace, opts.Subsystem, opts.Name, opts.Help, "", opts.ConstLabels, nil),
		states: slices.Sorted(slices.Values(states)),
	}
	if err := checkStates(s.def, s.states); err != nil {
		s.def.fail(err)
		s.states = nil
	}
	s.def.differ("states %q", s.states)
	return s
}

func checkStates(d *definition, sorted []string) error {
	if n := len(sorted); n == 0 || n > maxStates {
		return errorf("ember: %s has %d states; there must be between 1 and %d", d, n, maxStates)
	}
	for i, state := range sorted {
		switch {
		case !utf8.ValidString(state):
			return wrong(&d.Desc, "the state %q is not valid UTF-8", state)
		case i > 0 && state == sorted[i-1]:
			return wrong(&d.Desc, "the state %q stands twice", state)
		}
	}
	return nil
}

// Set turns a state on or off. A state that the set does not have is counted in
// ember_invalid_updates_total and logged once.
func (s *StateSet) Set(state string, on bool) {
	bit, ok := s.bit(state)
	switch {
	case !ok:
	case on:
		s.on.Or(bit)
	default:
		s.on.And(^bit)
	}
}

// Switch turns a state on and all others off, at one moment. A state that the set
// does not have is counted in ember_invalid_updates_total and logged once.
func (s *StateSet) Switch(state string) {
	if bit, ok := s.bit(state); ok {
		s.on.Store(bit)
	}
}

func (s *StateSet) bit(state string) (uint64, bool) {
	i, ok := slices.BinarySearch(s.states, state)
	if !ok {
		s.def.dropState(state)
		return 0, false
	}
	return 1 << i, true
}

// On returns the states that are on, in alphabetical order.
func (s *StateSet) On() []string {
	var list []string
	on := s.on.Load()
	for i, state := range s.states {
		if on>>i&1 != 0 {
			list = append(list, state)
		}
	}
	return list
}

// Collect writes the state set to out, as it would be exposed.
func (s *StateSet) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, s) }

func (s *StateSet) definition() *definition { return s.def }

func (s *StateSet) write(e encoder, _ []calledSeries) {
	on := s.on.Load()
	for i, text := range s.text(e) {
		e.value(text, float64(on>>i&1), nil)
	}
}

// text returns the labels of each state, in which the family's name stands as the
// encoder writes it.
func (s *StateSet) text(e encoder) []string {
	f, escaping := e.names()
	t := s.texts.Load()
	if t == nil || t.name != f.name || t.escaping != escaping {
		t = &stateTexts{name: f.name, escaping: escaping}
		for _, state := range s.states {
			t.text = append(t.text, string(appendLabels(nil, []metric.Label{{Name: f.name, Value: state}}, escaping)))
		}
		s.texts.Store(t)
	}
	return t.text
}
