// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/embermetrics/ember/metric"
)

// The metrics that a registry has of itself. They appear once there is something
// to say.
var (
	collectorErrors = newFamilyInfo("ember_collector_errors_total",
		"Scrapes in which a collector or a callback failed, so that its series were missing.", "", metric.Counter)
	invalidUpdates = newFamilyInfo("ember_invalid_updates_total",
		"Updates that were dropped because no metric of that type can have the value.", "", metric.Counter)

	invalidExemplars = newFamilyInfo("ember_invalid_exemplars_total",
		"Exemplars that were dropped because no format can have them.", "", metric.Counter)

	ownFamilies = []*familyInfo{collectorErrors, invalidExemplars, invalidUpdates}
)

// failed counts and logs that a job failed, and returns its error with the
// collector's name. The same error again is only counted.
func (r *Registry) failed(j *job) error {
	text := j.err.Error()
	r.mu.Lock()
	r.failures[j.name]++
	news := j.reg.run.logged != text
	j.reg.run.logged = text
	r.mu.Unlock()
	if news {
		attrs := []any{"collector", j.name, "error", text}
		if p := (*panicError)(nil); errors.As(j.err, &p) {
			attrs = append(attrs, "stack", string(p.stack))
		}
		r.log().Error("ember: collector failed; its series are missing from the scrape", attrs...)
	}
	return fmt.Errorf("ember: collector %s: %w", j.name, j.err)
}

// own returns the families of a registry's own metrics that are wanted, as of now.
func (r *Registry) own(q request) []*scrapeFamily {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []*scrapeFamily
	add := func(f *familyInfo, label string, values map[string]uint64) {
		if len(values) == 0 || !q.wants(f.name, f.kind) {
			return
		}
		points := make([]point, 0, len(values))
		for _, name := range slices.Sorted(maps.Keys(values)) {
			labels := []metric.Label{{Name: label, Value: name}}
			points = append(points, point{text: string(appendLabels(nil, labels, EscapingUnderscores)), Point: metric.Point{Labels: labels, Value: float64(values[name])}})
		}
		all = append(all, &scrapeFamily{f, []scrapePart{{info: &partInfo{}, points: points}}})
	}

	add(collectorErrors, "collector", r.failures)

	dropped, exemplars := make(map[string]uint64), make(map[string]uint64)
	for why, n := range r.flawed {
		if n > 0 {
			exemplars[flawNames[why]] = n
		}
	}
	defs := maps.Clone(r.retired)
	for _, f := range r.families {
		for _, m := range f.members {
			if d := m.part.def; d != nil && d.droppedAny() {
				defs[d] = true // once, in however many views it is
			}
		}
	}
	for d := range defs {
		for why, name := range reasonNames {
			if n := d.dropped[why].Load(); n > 0 {
				dropped[name] += n
			}
		}
		for why, name := range flawNames {
			if n := d.droppedExemplars[why].Load(); n > 0 {
				exemplars[name] += n
			}
		}
	}
	add(invalidExemplars, "reason", exemplars)
	add(invalidUpdates, "reason", dropped)
	return all
}
