// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// fixture begins the names of metrics that a scene needs and that are not Ember's.
const fixture = "fixture_"

// metricsScene is a part of Ember that is brought to expose all the metrics that it has.
type metricsScene struct {
	t       testing.TB
	own     bool     // it is of metrics that registries have of themselves: others are not
	steps   []string // what made metrics appear, in this order
	metrics map[string]*exposedMetric
	known   map[string]labelValues // by label, or by metric and label
	used    map[string]bool        // which of known are in the page
}

// exposedMetric is what was seen of a metric, of whichever registries.
type exposedMetric struct {
	metric.Family // with the points of all
	step          string
	labels        []string // as they are written, in this order
}

// labelValues are values of a label that the code knows.
type labelValues struct {
	values []string
	others bool // the label has others as well
	rare   bool // not all of them can be provoked
}

func newScene(t testing.TB) *metricsScene {
	return &metricsScene{
		t:       t,
		metrics: make(map[string]*exposedMetric),
		known:   make(map[string]labelValues),
		used:    make(map[string]bool),
	}
}

// expose notes what g exposes. What was never seen before has appeared by what step says,
// which is "" if nothing may have. The error is what g's must contain, or "" for none.
func (s *metricsScene) expose(step string, g ember.Gatherer, wantError string) {
	s.t.Helper()
	families, err := g.Gather()
	if wantError == "" {
		require.NoError(s.t, err)
	} else {
		require.ErrorContains(s.t, err, wantError)
	}
	fresh := false
	for _, f := range families {
		if strings.HasPrefix(f.Name, fixture) || strings.HasPrefix(f.Name, "ember_") && !s.own {
			continue
		}
		m := s.metrics[f.Name]
		if m == nil {
			require.NotEmpty(s.t, step, "%s appears too late to say when", f.Name)
			fresh = true
			m = &exposedMetric{Family: *f, step: step}
			m.Points = nil
			s.metrics[f.Name] = m
		}
		require.Equal(s.t, m.Kind, f.Kind, f.Name)
		require.Equal(s.t, m.Unit, f.Unit, f.Name)
		require.Equal(s.t, m.Help, f.Help, f.Name)
		for _, p := range f.Points {
			m.add(p)
		}
	}
	if step != "" {
		require.True(s.t, fresh, "nothing appears: %s", step)
		if !slices.Contains(s.steps, step) {
			s.steps = append(s.steps, step)
		}
	}
}

// add adds a point, if there is none with its labels.
func (m *exposedMetric) add(p metric.Point) {
	for _, l := range p.Labels {
		if !slices.Contains(m.labels, l.Name) {
			m.labels = append(m.labels, l.Name)
		}
	}
	if !slices.ContainsFunc(m.Points, func(o metric.Point) bool { return slices.Equal(o.Labels, p.Labels) }) {
		m.Points = append(m.Points, p)
	}
}

// always reports whether all series have a label.
func (m *exposedMetric) always(label string) bool {
	return !slices.ContainsFunc(m.Points, func(p metric.Point) bool {
		return !slices.ContainsFunc(p.Labels, func(l metric.Label) bool { return l.Name == label })
	})
}

// values returns the values of a label that were seen.
func (m *exposedMetric) values(label string) map[string]bool {
	seen := make(map[string]bool)
	for _, p := range m.Points {
		for _, l := range p.Labels {
			if l.Name == label {
				seen[l.Value] = true
			}
		}
	}
	return seen
}

// bounds returns the upper bounds of a histogram's buckets, without the infinite one.
func (m *exposedMetric) bounds() []float64 {
	var all []float64
	for _, b := range m.Points[0].Buckets {
		all = append(all, b.UpperBound)
	}
	return all
}

// metric returns what was seen of a metric.
func (s *metricsScene) metric(name string) *exposedMetric {
	require.NotNil(s.t, s.metrics[name], "%s was not exposed", name)
	return s.metrics[name]
}

// sorted returns what was exposed, by name.
func (s *metricsScene) sorted() []*exposedMetric {
	var all []*exposedMetric
	for _, name := range slices.Sorted(maps.Keys(s.metrics)) {
		all = append(all, s.metrics[name])
	}
	return all
}

// only says that a label, of one metric if its name and a slash precede the label, has
// these values and no others. All must have been seen when the page is written.
func (s *metricsScene) only(label string, values []string) {
	s.known[label] = labelValues{values: values}
}

// rarely is only for values of which not all can be provoked.
func (s *metricsScene) rarely(label string, values []string) {
	s.known[label] = labelValues{values: values, rare: true}
}

// some says that a label has these values beside others.
func (s *metricsScene) some(label string, values ...string) {
	s.known[label] = labelValues{values: values, others: true}
}

// valuesOf returns the values of a label that are fixed: what the code knows of them, if
// that agrees with what was seen, or else what was seen.
func (s *metricsScene) valuesOf(label string) []string {
	name, of := "", label
	if i := strings.IndexByte(label, '/'); i >= 0 {
		name, of = label[:i], label[i+1:]
	}
	seen := make(map[string]bool)
	for _, m := range s.metrics {
		if name == "" || name == m.Name {
			maps.Copy(seen, m.values(of))
		}
	}
	require.NotEmpty(s.t, seen, "no series has the label %s", label)
	list := slices.Sorted(maps.Keys(seen))
	known, ok := s.known[label]
	if !ok {
		return list
	}
	s.used[label] = true
	require.NotEmpty(s.t, known.values, label)
	switch {
	case known.rare:
		require.Subset(s.t, known.values, list, label)
	case known.others:
		require.Subset(s.t, list, known.values, label)
		require.Greater(s.t, len(list), len(known.values), "%s has no other values", label)
	default:
		require.ElementsMatch(s.t, known.values, list, label)
	}
	return known.values
}

// gatheredMetrics is a Gatherer of what was gathered before.
type gatheredMetrics []*metric.Family

func (g gatheredMetrics) Gather() ([]*metric.Family, error) { return g, nil }

// A scene that does not say what there is, or says what there is not, is found out.
func TestMetricsScene(t *testing.T) {
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "seen_total", Help: "Seen."}, "by", "of")
	s := newScene(t)
	v.With("a", "x").Inc()
	reg.NewCounter(ember.CounterOpts{Name: fixture + "total"}).Inc()
	s.expose("At once", reg, "")
	v.With("b", "x").Inc()
	reg.NewGauge(ember.GaugeOpts{Name: "later", Help: "Later."})
	s.expose("Later", reg, "")
	require.Equal(t, []string{"At once", "Later"}, s.steps)
	require.Len(t, s.metrics, 2)
	require.Equal(t, []string{"by", "of"}, s.metrics["seen_total"].labels)
	require.True(t, s.metrics["seen_total"].always("by"))
	require.False(t, s.metrics["later"].always("by"))
	require.Equal(t, []string{"a", "b"}, s.valuesOf("seen_total/by"))
	for name, tc := range map[string]struct {
		known labelValues
		ok    bool
	}{
		"all of them":              {labelValues{values: []string{"b", "a"}}, true},
		"one was not seen":         {labelValues{values: []string{"a", "b", "c"}}, false},
		"one is not known":         {labelValues{values: []string{"a"}}, false},
		"rare":                     {labelValues{values: []string{"a", "b", "c"}, rare: true}, true},
		"rare, one is not known":   {labelValues{values: []string{"a", "c"}, rare: true}, false},
		"beside others":            {labelValues{values: []string{"a"}, others: true}, true},
		"beside others, not seen":  {labelValues{values: []string{"c"}, others: true}, false},
		"beside others, but alone": {labelValues{values: []string{"a", "b"}, others: true}, false},
		"nothing":                  {labelValues{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.ok, passes(t, func(t testing.TB) {
				of := *s
				of.t, of.known = t, map[string]labelValues{"by": tc.known}
				of.valuesOf("by")
			}))
		})
	}
	expose := func(step string) bool {
		return passes(t, func(t testing.TB) {
			of := *s
			of.t = t
			of.expose(step, reg, "")
		})
	}
	require.False(t, expose("Nothing new"))
	require.True(t, expose(""))
	reg.NewGauge(ember.GaugeOpts{Name: "last", Help: "Last."})
	require.False(t, expose(""))
}

// passes reports whether a test passes.
func passes(t testing.TB, test func(testing.TB)) bool {
	v := verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(&v)
	}()
	<-done
	return !v.failed
}

// verdict is a test of which only matters whether it fails.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) FailNow() {
	v.failed = true
	runtime.Goexit()
}
