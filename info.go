// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/embermetrics/ember/metric"
)

// InfoOpts says what an info is. Only Name is needed.
type InfoOpts struct {
	// Namespace, Subsystem and Name, those that are not empty, are joined with
	// underscores to the full name, which should end in "_info".
	Namespace, Subsystem, Name string

	Help string // one sentence on what the labels say

	ConstLabels Labels // beside the labels that change
}

// Info says something about the process in labels, such as its version; its value is
// always 1. Its methods may be called by any number of goroutines.
//
// Create one with NewInfo or Registry.NewInfo; the zero Info is not usable, and an
// Info must not be copied.
type Info struct {
	def *definition
	now atomic.Pointer[infoLabels]

	mu    sync.Mutex       // of those who change the labels or register the info
	taken [][]metric.Label // of each registry that it was registered in
}

// infoLabels are labels at one time, and as they are written. They do not change.
type infoLabels struct {
	list []metric.Label
	text spelling
}

// NewInfo returns an info with these labels, which is not registered. It never fails:
// what is wrong with opts and labels, Register says.
func NewInfo(opts InfoOpts, labels Labels) *Info {
	i := &Info{def: newDefinition(metric.Info, opts.Namespace, opts.Subsystem, opts.Name, opts.Help, "", opts.ConstLabels, nil)}
	list := labels.sorted()
	if err := i.check(nil, list); err != nil {
		i.def.fail(err)
		list = nil
	}
	i.set(list)
	return i
}

// Set replaces all labels but the constant ones, at one moment: there may be others
// than before. If they cannot be exposed nothing is changed, and the error says why: a
// bad name, or one that a constant label has, or a label of a sub-registry that the
// info is in. Invalid UTF-8 in values is replaced by U+FFFD.
func (i *Info) Set(labels Labels) error {
	list := labels.sorted()
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, shared := range append(i.taken, nil) {
		if err := i.check(shared, list); err != nil {
			return err
		}
	}
	i.set(list)
	return nil
}

// check returns why labels cannot stand beside the constant ones and those of a
// registry.
func (i *Info) check(shared, list []metric.Label) error {
	return checkLabelNames(&i.def.Desc, append(append(namesOf(shared), namesOf(i.def.ConstLabels)...), namesOf(list)...))
}

func (i *Info) set(list []metric.Label) {
	for j, l := range list {
		if !utf8.ValidString(l.Value) {
			list[j].Value = strings.ToValidUTF8(l.Value, "\uFFFD")
		}
	}
	i.now.Store(&infoLabels{list, newPartInfo(list, nil).text})
}

// Labels returns the labels as they were set, without the constant ones.
func (i *Info) Labels() Labels {
	labels := make(Labels)
	for _, l := range i.now.Load().list {
		labels[l.Name] = l.Value
	}
	return labels
}

// Collect writes the info to out, as it would be exposed.
func (i *Info) Collect(_ context.Context, out *metric.Sink) error { return collectTo(out, i) }

func (i *Info) definition() *definition { return i.def }

func (i *Info) write(e encoder, _ []calledSeries) {
	_, escaping := e.names()
	e.value(i.now.Load().text[escaping], 1, nil)
}
