// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/metric"
)

// Labels are label names with their values.
type Labels map[string]string

// sorted returns the labels as a list, by name.
func (l Labels) sorted() []metric.Label {
	if len(l) == 0 {
		return nil
	}
	list := make([]metric.Label, 0, len(l))
	for name, value := range l {
		list = append(list, metric.Label{Name: name, Value: value})
	}
	sort.Sort(&labelsByName{list: list})
	return list
}

// definition is what an instrument or a vector was declared to be. All but the
// counts of dropped updates is constant once New… returns.
type definition struct {
	metric.Desc
	plain exposure // as declared
	shape string   // what else makes two definitions differ: buckets, quantiles, limits
	err   error    // what is wrong with it; Register returns it

	children *childmap.Map // of a vector
	limits   *limits       // likewise: its own
	layout   *layout       // of a histogram
	summary  *summaryShape // of a summary

	home atomic.Pointer[home] // where its series live that other processes see; nil: none do

	shaping sync.Mutex               // held while it is registered
	shaped  atomic.Pointer[exposure] // set once, under shaping: how it has been exposed since it was first registered

	registry atomic.Pointer[registryState] // where it was registered last; nil once it was unregistered there
	clock    clock                         // of exemplars

	dropped [reasons]atomic.Uint64 // updates that were not applied, by any goroutine
	warned  atomic.Bool            // one line in the log was enough

	droppedExemplars [flaws]atomic.Uint64 // likewise
	warnedExemplar   atomic.Bool
}

// reason says why an update was dropped.
type reason uint8

const (
	negative reason = iota
	notANumber
	infinite
	unknownState
	noPlace
	reasons
)

var reasonNames = [reasons]string{"negative", "nan", "infinite", "unknown_state", "series_limit"}

// newDefinition joins the parts of a name and keeps copies of everything.
func newDefinition(kind metric.Kind, namespace, subsystem, name, help, unit string, constant Labels, labels []string) *definition {
	d := &definition{Desc: metric.Desc{
		Name:        joinName(namespace, subsystem, name),
		Help:        help,
		Unit:        unit,
		Kind:        kind,
		ConstLabels: constant.sorted(),
		Labels:      slices.Clone(labels),
	}, clock: clock{start: time.Now()}}
	d.plain.spell(d.Labels)
	d.err = checkDesc(&d.Desc)
	return d
}

// joinName puts the parts that are not empty together with underscores. Without
// a name there is nothing to qualify.
func joinName(namespace, subsystem, name string) string {
	if name == "" {
		return ""
	}
	for _, part := range [...]string{subsystem, namespace} {
		if part != "" {
			name = part + "_" + name
		}
	}
	return name
}

// fail notes what is wrong, unless something was before.
func (d *definition) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// differ notes what else tells d from other definitions.
//
//go:noinline
func (d *definition) differ(format string, args ...any) {
	if d.shape != "" {
		d.shape += and
	}
	d.shape += fmt.Sprintf(format, args...)
}

// same reports whether an instrument of d can stand for one of o.
func (d *definition) same(o *definition) bool {
	return d.Kind == o.Kind && d.Name == o.Name && d.Help == o.Help && d.Unit == o.Unit && d.shape == o.shape &&
		slices.Equal(d.ConstLabels, o.ConstLabels) && slices.Equal(d.Labels, o.Labels)
}

// and is between the parts of a shape.
const and = " and "

// detail says in errors how d differs from another definition that has the same name.
func (d *definition) detail(other *definition) string {
	detail := fmt.Sprintf("%q with the labels %q", d.Name, d.Labels)
	for part := range strings.SplitSeq(d.shape, and) {
		if part != "" && !strings.Contains(and+other.shape+and, and+part+and) {
			detail += and + part
		}
	}
	return detail
}

// drop counts an update that cannot be applied, and says so once.
//
//go:noinline
func (d *definition) drop(why reason, value float64) {
	d.dropped[why].Add(1)
	if d.warned.CompareAndSwap(false, true) {
		slog.Warn("ember: update dropped; further ones are only counted",
			"metric", d.Name, "value", value, "reason", reasonNames[why])
	}
}

// dropState is drop for an update of a state that there is not.
func (d *definition) dropState(state string) {
	d.dropped[unknownState].Add(1)
	if d.warned.CompareAndSwap(false, true) {
		slog.Warn("ember: update dropped; further ones are only counted",
			"metric", d.Name, "state", state, "reason", reasonNames[unknownState])
	}
}

func (d *definition) droppedAny() bool {
	for i := range d.dropped {
		if d.dropped[i].Load() > 0 {
			return true
		}
	}
	for i := range d.droppedExemplars {
		if d.droppedExemplars[i].Load() > 0 {
			return true
		}
	}
	return d.overflows(func(string, float64) {})
}

// overflows calls f with how often there was no place for a series, and by label for a
// value, unless it is never. It reports whether it called f.
func (d *definition) overflows(f func(label string, n float64)) (any bool) {
	if d.children == nil {
		return false
	}
	series, labels := d.children.Overflows()
	if series > 0 {
		any = true
		f("", series)
	}
	for i, n := range labels {
		if n > 0 {
			any = true
			f(d.exposed().label(d, i), n)
		}
	}
	return any
}

// String describes d in errors: counter "x_total".
func (d *definition) String() string { return describe(&d.Desc) }

// describe is not worth a copy wherever an error is made.
//
//go:noinline
func describe(d *metric.Desc) string { return fmt.Sprintf("%v %q", d.Kind, d.Name) }

// seriesName names a series in errors: x{a="1"}, or x without labels.
func seriesName(name, labels string) string {
	if labels == "" {
		return name
	}
	return name + "{" + labels + "}"
}
