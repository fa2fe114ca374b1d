// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"errors"
	"log/slog"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// foreign is somebody else's gatherer.
type foreign struct {
	families []*metric.Family
	err      error
}

func (f foreign) Gather() ([]*metric.Family, error) { return f.families, f.err }

func family(name string, kind metric.Kind, points ...metric.Point) *metric.Family {
	return &metric.Family{Name: name, Kind: kind, Points: points}
}

func TestGatherersMerge(t *testing.T) {
	a, b := ember.NewRegistry(), ember.NewRegistry()
	a.NewGauge(ember.GaugeOpts{Name: "b_only_a"})
	b.NewGauge(ember.GaugeOpts{Name: "a_only_b"})
	a.NewCounterVec(ember.CounterOpts{Name: "shared_total"}, "x", "y").With("1", "2").Inc()
	b.NewCounterVec(ember.CounterOpts{Name: "shared_total"}, "y", "x").With("2", "0").Inc()
	all := ember.Gatherers{a, ember.Gatherers{b}, foreign{families: []*metric.Family{
		family("shared_total", metric.Counter, metric.Point{Labels: []metric.Label{label("x", "5")}, Value: 5}), nil,
		family("m", metric.Unknown, metric.Point{Value: 1}),
	}}}
	require.Equal(t, `# TYPE a_only_b gauge
a_only_b 0
# TYPE b_only_a gauge
b_only_a 0
# TYPE m untyped
m 1
# TYPE shared_total counter
shared_total{x="1",y="2"} 1
shared_total{x="5"} 5
shared_total{y="2",x="0"} 1
`, text(t, all))
	families, err := all.Gather()
	require.NoError(t, err)
	require.Len(t, families, 4)
	require.Equal(t, "shared_total", families[3].Name)
	require.Len(t, families[3].Points, 3)
}

func TestGatherersCollide(t *testing.T) {
	reg := func(cs ...ember.Collector) *ember.Registry {
		r := ember.NewRegistry()
		r.MustRegister(cs...)
		return r
	}
	for name, tc := range map[string]struct {
		second ember.Gatherer
		want   string
	}{
		"same series":         {reg(gauge("x")), `ember: x of gatherer 2 is there already, from gatherer 1`},
		"other kind":          {reg(counter("x")), `ember: "x" is a counter, but a gauge according to gatherer 1; that of gatherer 2 is left out`},
		"other help":          {reg(ember.NewGauge(ember.GaugeOpts{Name: "x", Help: "X."})), `ember: "x" has the help "X.", but "" according to gatherer 1; that of gatherer 2 is left out`},
		"written alike":       {reg(gauge("a_b")), `ember: "a.b" of gatherer 1 and "a_b" of gatherer 2 are both written "a_b"`},
		"sample of another":   {reg(gauge("h_count")), `ember: gauge "h_count" of gatherer 2 collides with histogram "h" of gatherer 1: both write "h_count"`},
		"another's sample":    {foreign{families: []*metric.Family{family("s", metric.Summary)}}, `ember: summary "s" of gatherer 2 collides with gauge "s_sum" of gatherer 1: both write "s_sum"`},
		"error":               {foreign{err: errors.New("no answer")}, `no answer`},
		"bad name":            {foreign{families: []*metric.Family{family("\xff", metric.Gauge)}}, `ember: the gauge name "\xff" is not valid UTF-8`},
		"gathered twice":      {foreign{families: []*metric.Family{family("new", metric.Gauge), family("new", metric.Gauge)}}, `ember: gauge "new" was gathered twice`},
		"point twice":         {foreign{families: []*metric.Family{family("new", metric.Gauge, metric.Point{}, metric.Point{})}}, `ember: new was written twice`},
		"NaN bound of theirs": {foreign{families: []*metric.Family{family("new", metric.Histogram, metric.Point{Buckets: []metric.Bucket{{UpperBound: math.NaN()}}})}}, `ember: histogram "new": bucket 0 (NaN) must be a number`},
	} {
		t.Run(name, func(t *testing.T) {
			first := reg(gauge("x"), gauge("a.b"), histogram("h"), gauge("s_sum"))
			alone := text(t, first)
			got, err := exposed(ember.Gatherers{first, tc.second})
			require.EqualError(t, err, tc.want)
			if name == "point twice" || name == "gathered twice" || name == "NaN bound of theirs" {
				return
			}
			require.Equal(t, alone, got, "the first is exposed")
		})
	}
}

// TestGatherersAddUpOwnMetrics: each registry counts its own invalid updates.
func TestGatherersAddUpOwnMetrics(t *testing.T) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	var all ember.Gatherers
	for _, name := range []string{"a_total", "b_total"} {
		reg := ember.NewRegistry()
		reg.NewCounter(ember.CounterOpts{Name: name}).Add(-1)
		all = append(all, reg)
	}
	require.Contains(t, text(t, all), "ember_invalid_updates_total{reason=\"negative\"} 2\n")
}

func TestForeignGathererAlone(t *testing.T) {
	require.Equal(t, "# TYPE a gauge\na{x=\"1\"} 1\na{x=\"2\"} 2\n# TYPE b gauge\nb 0\n", text(t, foreign{families: []*metric.Family{
		family("b", metric.Gauge, metric.Point{}),
		family("a", metric.Gauge, metric.Point{Labels: []metric.Label{label("x", "2")}, Value: 2}, metric.Point{Labels: []metric.Label{label("x", "1")}, Value: 1}),
	}}))
}
