// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"context"
	"log/slog"
	"sort"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// exemplar is one event among those that were counted. It does not change.
type exemplar struct {
	labels string // rendered: trace_id="4bf9",span_id="00f0"; all names are classic
	value  float64
	at     instant
	period uint64 // of its definition's clock, in which it was taken
}

// maxExemplarRunes is how long the label names and values of an exemplar may be
// together, as OpenMetrics 1.0.0 has it.
const maxExemplarRunes = 128

// exemplarPeriod is how long an exemplar keeps its place from the next one.
const exemplarPeriod = time.Second

// flaw says why an exemplar was dropped.
type flaw uint8

const (
	tooLong flaw = iota
	badName
	badValue
	badTime
	sourcePanicked
	flaws
	flawless = flaws
)

var flawNames = [flaws]string{"too_long", "label_name", "label_value", "time", "source_panicked"}

// renderExemplar returns labels, which it sorts, as text, or what is wrong with them.
func renderExemplar(labels []metric.Label) (string, flaw) {
	sort.Sort(&labelsByName{list: labels})
	length := 0
	for i, l := range labels {
		switch {
		case !classic(l.Name, false) || i > 0 && labels[i-1].Name == l.Name:
			return "", badName
		case !utf8.ValidString(l.Value) || strings.IndexByte(l.Value, 0) >= 0: // which Prometheus takes for the end
			return "", badValue
		}
		if length += len(l.Name) + utf8.RuneCountInString(l.Value); length > maxExemplarRunes {
			return "", tooLong
		}
	}
	return string(appendLabels(nil, labels, EscapingUnderscores)), flawless
}

// newExemplar returns what a collector wrote as it is exposed, or what is wrong with
// it.
func newExemplar(x *metric.Exemplar) (*exemplar, flaw) {
	text, why := renderExemplar(append([]metric.Label(nil), x.Labels...))
	if why != flawless {
		return nil, why
	}
	e := &exemplar{labels: text, value: x.Value}
	if !x.Time.IsZero() {
		if !countable(x.Time) {
			return nil, badTime
		}
		e.at = instantOf(x.Time.UnixNano())
	}
	return e, flawless
}

// point returns the exemplar as a collector would write it.
func (x *exemplar) point() metric.Exemplar {
	p := metric.Exemplar{Value: x.value}
	for name, value := range childmap.Pairs(x.labels) {
		p.Labels = append(p.Labels, metric.Label{Name: name, Value: value})
	}
	if x.at.known() {
		p.Time = x.at.time()
	}
	return p
}

// exemplarSlot keeps one exemplar of a series: the first of the present period, or
// the newest one before. The zero slot is empty.
type exemplarSlot struct{ kept atomic.Pointer[exemplar] }

// due reports whether the slot takes another one. It costs an atomic load or two.
func (s *exemplarSlot) due(d *definition) bool {
	x := s.kept.Load()
	return x == nil || x.period != d.clock.now(exemplarPeriod)
}

// offer keeps an exemplar if the slot is due, and counts what is wrong with it.
func (s *exemplarSlot) offer(d *definition, v float64, labels Labels) {
	if len(labels) == 0 || !s.due(d) {
		return
	}
	text, why := renderExemplar(labels.sorted())
	if why != flawless {
		d.dropExemplar(why)
		return
	}
	s.kept.Store(&exemplar{labels: text, value: v, at: instantOf(time.Now().UnixNano()), period: d.clock.now(exemplarPeriod)})
}

// ask offers an exemplar that the registry's source finds in ctx. The source is
// asked only if the slot is due.
func (s *exemplarSlot) ask(ctx context.Context, d *definition, source exemplarSource, v float64) {
	if !s.due(d) {
		return
	}
	labels, ok := source.labels(ctx)
	if !ok {
		d.dropExemplar(sourcePanicked)
		return
	}
	s.offer(d, v, labels)
}

// exemplarSource returns the labels of an exemplar for what happens in a context.
type exemplarSource func(context.Context) Labels

// labels calls the source, and reports whether it got to its end.
func (f exemplarSource) labels(ctx context.Context) (l Labels, ok bool) {
	defer func() {
		if !ok {
			_ = recover()
		}
	}()
	return f(ctx), true
}

// WithExemplarSource lets instruments find exemplars in contexts: source returns the
// labels, such as the ids of the trace and span that ctx carries, or nil if there
// are none or none that are worth it. It is called by IncContext, AddContext and
// ObserveContext of what is registered, by any number of goroutines: once a second for
// each counter and each bucket, but until it finds an exemplar in that second at every
// update, so it should be quick. If it panics the update is made without an exemplar,
// and counted in ember_invalid_exemplars_total. Nil means no source.
//
//	ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
//		span, ok := tracing.FromContext(ctx)
//		if !ok || !span.Sampled {
//			return nil
//		}
//		return ember.Labels{"trace_id": span.TraceID, "span_id": span.ID}
//	}))
func WithExemplarSource(source func(context.Context) Labels) RegistryOption {
	return func(s *registryState) {
		if source == nil {
			s.exemplars.Store(nil)
			return
		}
		f := exemplarSource(source)
		s.exemplars.Store(&f)
	}
}

// source returns the exemplar source of the registry in which d is, or nil.
func (d *definition) source() exemplarSource {
	r := d.registry.Load()
	if r == nil {
		return nil
	}
	f := r.exemplars.Load()
	if f == nil {
		return nil
	}
	return *f
}

// dropExemplar counts an exemplar that cannot be exposed, and says so once.
func (d *definition) dropExemplar(why flaw) {
	d.droppedExemplars[why].Add(1)
	if d.warnedExemplar.CompareAndSwap(false, true) {
		slog.Warn("ember: exemplar dropped; further ones are only counted", "metric", d.Name, "reason", flawNames[why])
	}
}
