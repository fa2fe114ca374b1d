// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Whatever is recorded is what somebody else's parser reads, and what Gather says.
func TestEverythingSurvives(t *testing.T) {
	r := random(t)
	start := time.Now()
	for round := 0; round < 30 || round < 500 && time.Since(start) < time.Second; round++ {
		w := &world{t: t, Rand: r, reg: ember.NewRegistry(), want: newExposition()}
		for i := range 1 + r.IntN(8) {
			w.addFamily(i)
		}
		w.reg.MustRegister(&w.foreign)

		text := scrapeOf(t, w.reg)
		requireSame(t, w.want, parseText(t, text))
		families, err := w.reg.Gather()
		require.NoError(t, err)
		gathered := newExposition()
		for _, f := range families {
			gathered.add(t, written(f))
		}
		requireSame(t, w.want, gathered)
		require.Equal(t, text, scrapeOf(t, w.reg))
	}
}

// requireSame is require.Equal with a message that stays readable.
func requireSame(t testing.TB, want, got *exposition) {
	t.Helper()
	require.Equal(t, want.families, got.families)
	for id, v := range want.samples {
		if got.samples[id] != v {
			t.Fatalf("%.200s is %q, not %q", id, got.samples[id], v)
		}
	}
	for id := range got.samples {
		if _, ok := want.samples[id]; !ok {
			t.Fatalf("%.200s was never recorded", id)
		}
	}
}

// written returns f with all names as prometheus/common would write them.
func written(f *metric.Family) *metric.Family {
	g := *f
	g.Name = escaped(f.Name)
	g.Points = slices.Clone(f.Points)
	for i := range g.Points {
		p := &g.Points[i]
		p.Labels = slices.Clone(p.Labels)
		for j := range p.Labels {
			p.Labels[j].Name = escapedLabel(p.Labels[j].Name)
		}
	}
	return &g
}

func escaped(name string) string { return model.EscapeName(name, model.UnderscoreEscaping) }

// escapedLabel differs in that a label must not have a colon.
func escapedLabel(name string) string { return strings.ReplaceAll(escaped(name), ":", "_") }

// world is a registry with anything in it, and what it must expose.
type world struct {
	*rand.Rand
	t       testing.TB
	reg     *ember.Registry
	foreign outsider
	want    *exposition
}

// outsider is a collector that writes families as they are.
type outsider struct{ families []*metric.Family }

func (o *outsider) Collect(_ context.Context, out *metric.Sink) error {
	for _, f := range o.families {
		d := &metric.Desc{Name: f.Name, Help: f.Help, Kind: f.Kind}
		for _, p := range f.Points {
			out.Add(d, p)
		}
	}
	return nil
}

var fragments = []string{
	"a", "b", "Z9", " ", "\t", "\n", `"`, `\`, `\n`, `\\`, `"} 1`, `",b="`, "{", "}", ",", "=", "#", "\n# TYPE x gauge\n",
	"\r", "\x00", "\x7f", "é", "☃", "𝄞", "\uFFFD", "\u2028", "\xff", "\xc3", "\xe2\x98", "\xed\xa0\x80", "+Inf", "le",
}

// text returns a string that encoders may stumble over.
func (w *world) text() string {
	switch w.IntN(40) {
	case 0:
		return strings.Repeat(fragments[w.IntN(len(fragments))], 1+10<<10/8)
	case 1:
		return strings.Repeat("x", 10<<10)
	case 2, 3:
		b := make([]byte, w.IntN(70))
		for i := range b {
			b[i] = byte(w.Uint32())
		}
		return string(b)
	}
	var b strings.Builder
	for range w.IntN(6) {
		b.WriteString(fragments[w.IntN(len(fragments))])
	}
	return b.String()
}

func (w *world) validText() string { return strings.ToValidUTF8(w.text(), "\uFFFD") }

var unusual = []float64{
	0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 1e6, 999999, 1e21, 1e-5,
	1 << 53, 1<<53 - 1, 1<<53 + 2, -1 << 53, 1 << 63, -1 << 63, 1 << 64, math.MaxFloat64, -math.MaxFloat64,
	math.SmallestNonzeroFloat64, 0x1p-1022, 0x1p-1022 - 0x1p-1074, math.Float64frombits(0x7ff0000000000002), // StaleNaN
}

func (w *world) float() float64 {
	switch w.IntN(4) {
	case 0:
		return unusual[w.IntN(len(unusual))]
	case 1:
		return math.Float64frombits(w.Uint64())
	case 2:
		return float64(w.Int64() >> w.IntN(64))
	default:
		return float64(w.IntN(100000)) / 100
	}
}

// total returns what a counter can be after one addition.
func (w *world) total() float64 {
	for {
		if v := math.Abs(w.float()); v <= math.MaxFloat64 {
			return v
		}
	}
}

func (w *world) count() uint64 {
	switch w.IntN(4) {
	case 0:
		return math.MaxUint64 - w.Uint64N(3)
	case 1:
		return 1<<53 + w.Uint64N(5) - 2
	default:
		return w.Uint64() >> w.IntN(64)
	}
}

// observations returns what a histogram or a summary accepts.
func (w *world) observations() []float64 {
	var all []float64
	for range w.IntN(4) {
		if v := w.float(); v == v {
			all = append(all, v)
		}
	}
	return all
}

// bounds returns strictly increasing numbers.
func (w *world) bounds() []float64 {
	var all []float64
	for range w.IntN(25) {
		if v := w.float() + 0; v-v == 0 {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (w *world) quantiles() []float64 {
	all := []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:w.IntN(len(all)+1)]
}

// labels returns up to n label names, none twice as written.
func (w *world) labels(prefix string, n int) []string {
	var names []string
	for i := range w.IntN(n + 1) {
		names = append(names, fmt.Sprint(prefix, i, []string{"", "_", "é", ".x", ":"}[w.IntN(5)]))
	}
	return names
}

// addFamily adds the i-th family, of any kind and with any number of series.
func (w *world) addFamily(i int) {
	d := metric.Desc{Name: fmt.Sprint("m", i, []string{"", "_x", ":y", ".z", "é☃"}[w.IntN(5)])}
	if w.IntN(4) > 0 {
		d.Help = w.validText()
	}
	reg := w.reg
	constant := make(ember.Labels)
	if w.IntN(3) == 0 {
		for _, name := range w.labels("c", 2) {
			constant[name] = w.validText()
		}
	}
	f := &metric.Family{Name: d.Name, Help: d.Help}
	for name, value := range constant {
		d.ConstLabels = append(d.ConstLabels, metric.Label{Name: name, Value: value})
	}
	if w.IntN(4) == 0 {
		labels := ember.Labels{"sub": w.validText()}
		reg = reg.Sub("sub.", labels)
		f.Name = "sub." + f.Name
		d.ConstLabels = append(d.ConstLabels, metric.Label{Name: "sub", Value: labels["sub"]})
	}
	d.Labels = w.labels("l", 4)
	kinds := []func(*ember.Registry, *metric.Desc, *metric.Family, ember.Labels){
		w.addCounters, w.addGauges, w.addHistograms, w.addSummaries, w.addForeign,
	}
	kinds[w.IntN(len(kinds))](reg, &d, f, constant)
	if len(f.Points) > 0 {
		w.want.add(w.t, written(f))
	}
}

// series calls add for some series, none twice, with values as a user has them,
// and notes the points that it returns with the labels that they must have.
func (w *world) series(d *metric.Desc, f *metric.Family, add func(values []string) metric.Point) {
	seen := make(map[string]bool)
	for range w.IntN(6) {
		values := make([]string, len(d.Labels))
		labels := slices.Clone(d.ConstLabels)
		for i := range values {
			values[i] = w.text()
			labels = append(labels, metric.Label{Name: d.Labels[i], Value: strings.ToValidUTF8(values[i], "\uFFFD")})
		}
		if id := labelsID(labels); !seen[id] {
			seen[id] = true
			p := add(values)
			p.Labels = labels
			f.Points = append(f.Points, p)
		}
	}
}

func (w *world) addCounters(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind = metric.Counter
	v := reg.NewCounterVec(ember.CounterOpts{Name: d.Name, Help: d.Help, ConstLabels: constant}, d.Labels...)
	w.series(d, f, func(values []string) metric.Point {
		total := w.total()
		v.With(values...).Add(total)
		if w.IntN(4) == 0 {
			total = w.total()
			v.SetFunc(func() float64 { return total }, values...)
		}
		return metric.Point{Value: total}
	})
}

func (w *world) addGauges(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind = metric.Gauge
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: d.Name, Help: d.Help, ConstLabels: constant}, d.Labels...)
	w.series(d, f, func(values []string) metric.Point {
		value := w.float()
		v.With(values...).Set(value)
		if w.IntN(4) == 0 {
			value = w.float()
			v.SetFunc(func() float64 { return value }, values...)
		}
		return metric.Point{Value: value}
	})
}

func (w *world) addHistograms(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind = metric.Histogram
	bounds := w.bounds()
	if len(bounds) == 0 {
		bounds = ember.DefBuckets
	}
	v := reg.NewHistogramVec(ember.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: bounds, ConstLabels: constant}, d.Labels...)
	w.series(d, f, func(values []string) metric.Point {
		var p metric.Point
		for _, b := range bounds {
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b})
		}
		for _, x := range w.observations() {
			v.With(values...).Observe(x)
			p.Count++
			p.Sum += x
			for i := range p.Buckets {
				if x <= p.Buckets[i].UpperBound {
					p.Buckets[i].Count++
				}
			}
		}
		v.With(values...) // without observations it is there too
		return p
	})
}

// addSummaries leaves the values of quantiles to summary_test.go: at most one
// observation, of which there is an exact estimate only if it is 0.
func (w *world) addSummaries(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind = metric.Summary
	quantiles := w.quantiles()
	v := reg.NewSummaryVec(ember.SummaryOpts{Name: d.Name, Help: d.Help, Quantiles: quantiles, ConstLabels: constant}, d.Labels...)
	slices.Sort(quantiles)
	w.series(d, f, func(values []string) metric.Point {
		var p metric.Point
		estimate := math.NaN()
		if len(quantiles) == 0 {
			for _, x := range w.observations() {
				v.With(values...).Observe(x)
				p.Count++
				p.Sum += x
			}
		} else if w.IntN(2) == 0 {
			v.With(values...).Observe(0)
			p.Count, estimate = 1, 0
		}
		for _, q := range quantiles {
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q, Value: estimate})
		}
		v.With(values...)
		return p
	})
}

// addForeign adds a family that a collector writes, not through a sub-registry.
func (w *world) addForeign(_ *ember.Registry, d *metric.Desc, f *metric.Family, _ ember.Labels) {
	f.Name = d.Name
	d.ConstLabels = nil
	f.Kind = metric.Kind(w.IntN(int(metric.Summary) + 1))
	w.foreign.families = append(w.foreign.families, &metric.Family{Name: f.Name, Help: f.Help, Kind: f.Kind})
	raw := w.foreign.families[len(w.foreign.families)-1]
	bounds, quantiles := w.bounds(), w.quantiles()
	slices.Sort(quantiles)
	w.series(d, f, func(values []string) metric.Point {
		var p metric.Point
		switch f.Kind {
		case metric.Histogram:
			p.Sum = w.float()
			for _, b := range bounds {
				p.Count = max(p.Count, w.count())
				p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b, Count: p.Count})
			}
			p.Count = max(p.Count, w.count())
			if w.IntN(2) == 0 {
				p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count})
			}
		case metric.Summary:
			p.Count, p.Sum = w.count(), w.float()
			for _, q := range quantiles {
				p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q, Value: w.float()})
			}
		case metric.Counter:
			p.Value = math.Abs(w.float())
			for p.Value != p.Value {
				p.Value = math.Abs(w.float())
			}
		default:
			p.Value = w.float()
		}
		q := p
		for i, name := range d.Labels {
			q.Labels = append(q.Labels, metric.Label{Name: name, Value: values[i]})
		}
		w.Shuffle(len(q.Labels), func(i, j int) { q.Labels[i], q.Labels[j] = q.Labels[j], q.Labels[i] })
		raw.Points = append(raw.Points, q)
		return p
	})
}
