// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// What collectors write can be dropped, described or not, and then is not asked for.
func TestRulesForCollectors(t *testing.T) {
	logged := captureLog(t)
	reg := ruled(t,
		ember.Rule{Metric: "a_*", Drop: true},
		ember.Rule{Metric: "b_x", Drop: true},
		ember.Rule{Metric: "sub_c", Drop: true},
		ember.Rule{Metric: "d", DropLabels: []string{"l"}},
		ember.Rule{Metric: "e", MaxSeries: 3},
		ember.Rule{Metric: "*", MaxSeries: 9},
	)
	calls := 0
	undescribed := collectorFunc(func(out *metric.Sink) {
		calls++
		out.Gauge("a_x", "", 1)
		out.Gauge("a_y", "", 1)
		out.Gauge("b_x", "", 1)
		out.Gauge("b_y", "", 1)
		out.Gauge("c", "", 1)
		out.Gauge("e", "", 1)
	})
	reg.MustRegister(&undescribed)
	sub := collectorFunc(func(out *metric.Sink) { out.Gauge("c", "", 1); out.Gauge("d", "", 2) })
	reg.Sub("sub_", nil).MustRegister(&sub)
	whole := &describedCollector{names: []string{"a_1", "a_2"}}
	reg.MustRegister(whole, &describedCollector{names: []string{"a_3", "d"}})
	for range 2 {
		require.Equal(t, "# TYPE b_y gauge\nb_y 1\n# TYPE c gauge\nc 1\n# TYPE d gauge\nd{l=\"v\"} 1\n# TYPE e gauge\ne 1\n# TYPE sub_d gauge\nsub_d 2\n", scrapeOf(t, reg))
	}
	require.Zero(t, whole.calls, "there is nothing to collect")
	require.EqualError(t, reg.CheckRules(), `ember: rule 4 ("d") cannot be applied to gauge "d": it is written by a collector, so it can only be dropped
ember: rule 5 ("e") cannot be applied to gauge "e": it is written by a collector, so it can only be dropped
ember: rule 6 ("*"): nothing that it is for is a vector`)
	require.Equal(t, `level=ERROR msg="ember: rules not applied; the metric stays as it was declared" rules="rule 4 (\"d\")" metric="gauge \"d\"" reason="it is written by a collector, so it can only be dropped"
level=ERROR msg="ember: rules not applied; the metric stays as it was declared" rules="rule 5 (\"e\")" metric="gauge \"e\"" reason="it is written by a collector, so it can only be dropped"
level=WARN msg="ember: rule without effect" reason="rule 6 (\"*\"): nothing that it is for is a vector"
`, logged.String())
	require.True(t, reg.Unregister(whole))
}

type collectorFunc func(*metric.Sink)

func (f *collectorFunc) Collect(_ context.Context, out *metric.Sink) error { (*f)(out); return nil }

// describedCollector writes gauges with a label.
type describedCollector struct {
	names []string
	calls int
}

func (c *describedCollector) Describe() (descs []metric.Desc) {
	for _, name := range c.names {
		descs = append(descs, metric.Desc{Name: name, Kind: metric.Gauge, Labels: []string{"l"}})
	}
	return descs
}

func (c *describedCollector) Collect(_ context.Context, out *metric.Sink) error {
	c.calls++
	for _, name := range c.names {
		out.Gauge(name, "", 1, metric.Label{Name: "l", Value: "v"})
	}
	return nil
}

// Ember's own metrics can be dropped, and nothing else.
func TestRulesForOwnMetrics(t *testing.T) {
	captureLog(t)
	reg := ruled(t, ember.Rule{Metric: "ember_*", Drop: true})
	reg.NewCounter(ember.CounterOpts{Name: "x_total"}).Add(-1)
	require.Equal(t, "# TYPE x_total counter\nx_total 0\n", scrapeOf(t, reg))
	require.NoError(t, reg.CheckRules())
	reg = ruled(t, ember.Rule{Metric: "ember_invalid_updates_total", DropLabels: []string{"reason"}})
	require.EqualError(t, reg.CheckRules(), `ember: rule 1 ("ember_invalid_updates_total") cannot be applied to counter "ember_invalid_updates_total": it is Ember's own, which can only be dropped`)
}
