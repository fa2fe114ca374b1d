// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"sort"

	"github.com/embermetrics/ember/metric"
)

// The metrics that a registry has of itself. They appear once there is something
// to say.
var (
	collectorErrors = newFamilyInfo("ember_collector_errors_total",
		"Scrapes in which a collector or a callback failed, so that its series were missing.", "", metric.Counter)
	invalidUpdates = newFamilyInfo("ember_invalid_updates_total",
		"Updates that were dropped, by why they cannot be applied.", "", metric.Counter)

	invalidExemplars = newFamilyInfo("ember_invalid_exemplars_total",
		"Exemplars that were dropped because no format can have them.", "", metric.Counter)

	seriesOverflow = newFamilyInfo("ember_series_overflow_total",
		"Lookups of series, or of values of the named label, that there was no place for; they were counted as \"other\".", "", metric.Counter)

	multiprocErrors = newFamilyInfo("ember_multiproc_file_errors_total",
		"Files of processes that could not be read, or not all of them, by why.", "", metric.Counter)
	multiprocConflicts = newFamilyInfo("ember_multiproc_conflicts_total",
		"Files of processes that say something else of a metric than the newest one.", "", metric.Counter)
	multiprocNoPlace = newFamilyInfo("ember_multiproc_series_without_place_total",
		"Times that there was no place for a series, so that other processes cannot see it.", "", metric.Counter)

	ownFamilies = []*familyInfo{
		collectorErrors, invalidExemplars, invalidUpdates,
		multiprocConflicts, multiprocErrors, multiprocNoPlace,
		seriesCount, seriesOverflow,
	}
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
		if p, ok := errors.AsType[*panicError](j.err); ok {
			attrs = append(attrs, "stack", string(p.stack))
		}
		r.log().Error("ember: collector failed; series are missing from the scrape", attrs...)
	}
	return errorf("ember: collector %s: %w", j.name, j.err)
}

// tally holds points of one of these families, by their labels as written.
type tally map[string]*point

func (t *tally) add(n float64, labels ...metric.Label) {
	if n == 0 {
		return
	}
	if *t == nil { // as it most often stays
		*t = make(tally)
	}
	text := string(appendLabels(nil, labels, EscapingUnderscores))
	p := (*t)[text]
	if p == nil {
		p = &point{text: text, Point: metric.Point{Labels: labels}}
		(*t)[text] = p
	}
	p.Value += n
}

// own returns the families of a registry's own metrics that are wanted, as of now.
func (r *Registry) own(q request) []*scrapeFamily {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failed, updates, exemplars, overflows, series tally
	var fileErrors, conflicts, noPlace tally
	if o := r.others.Load(); o != nil {
		s := (*o).stats()
		for reason, n := range s.FileErrors {
			fileErrors.add(float64(n), metric.Label{Name: "reason", Value: reason})
		}
		for name, n := range s.Conflicts {
			conflicts.add(float64(n), metric.Label{Name: "metric", Value: name})
		}
		// Even if there is none yet, so that it has a place itself.
		noPlace = tally{"": {Point: metric.Point{Value: float64(s.SeriesWithoutPlace + s.SeriesLeftOut)}}}
	}
	for name, n := range r.failures {
		failed.add(float64(n), metric.Label{Name: "collector", Value: name})
	}
	for why, n := range r.flawed {
		exemplars.add(float64(n), metric.Label{Name: "reason", Value: flawNames[why]})
	}
	defs := make(map[*definition]string) // the full name of each, once in however many views it is
	for d := range r.retired {
		defs[d] = d.Name
	}
	for _, f := range r.inOrder() {
		for _, m := range f.members {
			d := m.part.def
			if d == nil {
				continue
			}
			if d.droppedAny() {
				defs[d] = f.name
			}
			if d.children != nil && !m.hidden && r.countSeries.Load() {
				series.add(float64(d.children.Len()), metric.Label{Name: "metric", Value: f.name})
			}
		}
	}
	for d, name := range defs {
		for why := range d.dropped {
			updates.add(float64(d.dropped[why].Load()), metric.Label{Name: "reason", Value: reasonNames[why]})
		}
		for why := range d.droppedExemplars {
			exemplars.add(float64(d.droppedExemplars[why].Load()), metric.Label{Name: "reason", Value: flawNames[why]})
		}
		d.overflows(func(label string, n float64) {
			labels := []metric.Label{{Name: "metric", Value: name}}
			if label != "" {
				labels = append([]metric.Label{{Name: "label", Value: label}}, labels...)
			}
			overflows.add(n, labels...)
		})
	}
	var all []*scrapeFamily
	for _, own := range []struct {
		info   *familyInfo
		points tally
	}{
		{collectorErrors, failed},
		{invalidExemplars, exemplars},
		{invalidUpdates, updates},
		{multiprocConflicts, conflicts},
		{multiprocErrors, fileErrors},
		{multiprocNoPlace, noPlace},
		{seriesCount, series},
		{seriesOverflow, overflows},
	} {
		if len(own.points) == 0 || !q.wants(own.info.name, own.info.kind) || r.dropsOwn(own.info.name) {
			continue
		}
		var points []point
		for _, p := range own.points {
			points = append(points, *p)
		}
		sort.Sort((*pointsByText)(&points))
		all = append(all, collected(own.info, points))
	}
	return all
}
