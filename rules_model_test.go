// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Random rules for random vectors: every update is found again in the series of what is
// left of its labels.
func TestRulesLikeAggregation(t *testing.T) {
	r := random(t)
	for range 200 {
		newRulesModel(t, r, false).run(t, r)
	}
}

// rulesModel is vectors of the same random labels, and what must come of them.
type rulesModel struct {
	labels  []string // of the code
	exposed []string // "" is dropped
	bounds  []float64
	reg     *ember.Registry
	before  bool // updates come before the registration too

	counters   *ember.CounterVec
	gauges     *ember.GaugeVec
	histograms *ember.HistogramVec
	summaries  *ember.SummaryVec

	count map[string]uint64  // updates by series
	sum   map[string]float64 // of their values
	below map[string][]uint64
}

// declaredBounds are such that every value is a bound.
var declaredBounds = []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}

func newRulesModel(t *testing.T, r *rand.Rand, before bool) *rulesModel {
	m := &rulesModel{before: before, count: make(map[string]uint64), sum: make(map[string]float64), below: make(map[string][]uint64)}
	var rule ember.Rule
	rule.Metric = []string{"*", "m*", "*m*"}[r.IntN(3)]
	rule.RenameLabels = make(map[string]string)
	for i := range r.IntN(5) {
		name := []string{"a", "b.c", "d", "é1", "f"}[i]
		to := name
		switch r.IntN(3) {
		case 0:
			to = ""
			rule.DropLabels = append(rule.DropLabels, name)
		case 1:
			to = []string{"x", "y.z", "ü2", "v", "w"}[i]
			rule.RenameLabels[name] = to
		}
		m.labels, m.exposed = append(m.labels, name), append(m.exposed, to)
	}
	m.bounds = declaredBounds
	if r.IntN(2) == 0 {
		m.bounds = []float64{2, 5, 9}
		rule.Buckets = m.bounds
	}
	if r.IntN(4) == 0 || len(rule.DropLabels)+len(rule.RenameLabels)+len(rule.Buckets) == 0 {
		rule.MaxSeries = -1
	}
	m.reg = ruled(t, rule)
	m.counters = ember.NewCounterVec(ember.CounterOpts{Name: "m1_total"}, m.labels...)
	m.gauges = ember.NewGaugeVec(ember.GaugeOpts{Name: "m2"}, m.labels...)
	m.histograms = ember.NewHistogramVec(ember.HistogramOpts{Name: "m3", Buckets: declaredBounds}, m.labels...)
	m.summaries = ember.NewSummaryVec(ember.SummaryOpts{Name: "m4"}, m.labels...)
	return m
}

func (m *rulesModel) run(t *testing.T, r *rand.Rand) {
	if m.before {
		m.update(r, 100)
	}
	m.reg.MustRegister(m.counters, m.gauges, m.histograms, m.summaries)
	m.update(r, 100)
	m.check(t)
	m.update(r, 20)
	m.check(t)
}

func (m *rulesModel) update(r *rand.Rand, n int) {
	for range n {
		values := make([]string, len(m.labels))
		var key []string
		for i := range values {
			values[i] = []string{"1", "2", "\n\"", "", "other"}[r.IntN(5)]
			if m.exposed[i] != "" {
				key = append(key, fmt.Sprintf("%s=%q", m.exposed[i], values[i]))
			}
		}
		k := strings.Join(key, ",")
		v := float64(1 + r.IntN(12))
		m.counters.With(values...).Add(v)
		m.gauges.With(values...).Add(v)
		m.histograms.With(values...).Observe(v)
		m.summaries.With(values...).Observe(v)
		m.count[k]++
		m.sum[k] += v
		if m.below[k] == nil {
			m.below[k] = make([]uint64, len(m.bounds))
		}
		for i, b := range m.bounds {
			if v <= b {
				m.below[k][i]++
			}
		}
	}
}

func (m *rulesModel) check(t *testing.T) {
	t.Helper()
	families, err := m.reg.Gather()
	require.NoError(t, err)
	require.Len(t, families, 4)
	for _, f := range families {
		require.Len(t, f.Points, len(m.count), f.Name)
		for _, p := range f.Points {
			var key []string
			for _, l := range p.Labels {
				key = append(key, fmt.Sprintf("%s=%q", l.Name, l.Value))
			}
			k := strings.Join(key, ",")
			require.Contains(t, m.count, k)
			if f.Kind == metric.Histogram || f.Kind == metric.Summary {
				require.Equal(t, m.count[k], p.Count, k)
				require.Equal(t, m.sum[k], p.Sum, k)
			} else {
				require.Equal(t, m.sum[k], p.Value, k)
			}
			if f.Kind == metric.Histogram {
				var below []uint64
				for _, b := range p.Buckets {
					below = append(below, b.Count)
				}
				require.Equal(t, m.below[k], below, k)
			}
		}
	}
	require.Equal(t, len(m.count), m.counters.Len())
	for values, c := range m.counters.All() {
		var key []string
		for i, v := range values {
			if m.exposed[i] != "" {
				key = append(key, fmt.Sprintf("%s=%q", m.exposed[i], v))
			} else {
				require.Empty(t, v)
			}
		}
		require.Equal(t, m.sum[strings.Join(key, ",")], c.Value())
		got, ok := m.counters.Lookup(slices.Clone(values)...)
		require.True(t, ok)
		require.Same(t, c, got)
	}
	require.NoError(t, m.reg.CheckRules())
}
