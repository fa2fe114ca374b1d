// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Whatever is recorded is what Gather says, and what somebody else's parsers read in
// every format; what is written is the same each time.
func TestEverythingSurvives(t *testing.T) {
	r := random(t)
	start := time.Now()
	for round := 0; round < 30 || round < 500 && time.Since(start) < 2*time.Second; round++ {
		inBubble(t, func(t *testing.T) {
			w := &world{t: t, Rand: r, reg: ember.NewRegistry()}
			for i := range 1 + r.IntN(8) {
				w.addFamily(i)
			}
			w.reg.MustRegister(&w.foreign)
			families, err := w.reg.Gather()
			require.NoError(t, err)
			requireSame(t, fullExposition(t, w.families), fullExposition(t, families))

			text := scrapeOf(t, w.reg)
			want := newExposition()
			for _, f := range w.families {
				want.add(t, written(f))
			}
			requireSame(t, want, parseText(t, text))
			e := escapings[r.IntN(len(escapings))]
			requireProto(t, w.reg, e)
			requireOpenMetrics(t, w.reg, e)
			for name, f := range formats {
				require.Equal(t, wire(t, w.reg, f), wire(t, ember.Gatherers{w.reg}, f), name)
			}
			requireLikePrometheus(t, w.reg)
		})
	}
}

// requireLikePrometheus compares what g writes with what prometheus/common writes of
// the same, where it is not wrong.
func requireLikePrometheus(t testing.TB, g ember.Gatherer) {
	t.Helper()
	var text, open strings.Builder
	for _, f := range decode(t, wire(t, g, ember.FormatProtobuf)) {
		for _, m := range f.GetMetric() {
			// It knows no gauge histograms in OpenMetrics, and a counter that it makes
			// unknown keeps its exemplar.
			if c := m.GetCounter(); c != nil && (!strings.HasSuffix(f.GetName(), "_total") || f.GetName() == "_total") {
				c.Exemplar = nil
			}
			// Its exemplars have nanoseconds.
			exemplars := []*dto.Exemplar{m.GetCounter().GetExemplar()}
			for _, b := range m.GetHistogram().GetBucket() {
				exemplars = append(exemplars, b.GetExemplar())
			}
			for _, x := range exemplars {
				if x.GetTimestamp() != nil {
					x.Timestamp.Nanos -= x.Timestamp.Nanos % 1e6
				}
			}
		}
		_, err := expfmt.MetricFamilyToText(&text, f)
		require.NoError(t, err)
		if f.GetType() != dto.MetricType_GAUGE_HISTOGRAM {
			_, err = expfmt.MetricFamilyToOpenMetrics(&open, f)
			require.NoError(t, err)
		}
	}
	theirs, ours := parseText(t, text.String()), parseText(t, scrapeOf(t, g))
	for id, v := range ours.samples { // it knows no -0
		ours.samples[id] = strings.ReplaceAll(v, "8000000000000000 (-0)", "0000000000000000 (0)")
	}
	requireSame(t, theirs, ours)

	want := openSamples(t, open.String())
	got := openSamples(t, wire(t, g, ember.FormatOpenMetrics))
	families, err := g.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.Kind == metric.GaugeHistogram {
			maps.DeleteFunc(got, func(id, _ string) bool { return strings.HasPrefix(id, escaped(f.Name)+"_") })
		}
		// Nor does it have exemplars of native buckets.
		for _, p := range f.Points {
			id := escaped(f.Name) + "_bucket" + labelsID(append(written(&metric.Family{Points: []metric.Point{p}}).Points[0].Labels, label("le", "+Inf")))
			if p.Native != nil && got[id] != "" {
				got[id], _, _ = strings.Cut(got[id], " # ")
				want[id], _, _ = strings.Cut(want[id], " # ")
			}
		}
	}
	for id := range got {
		require.Equal(t, want[id], got[id], "%q", id)
	}
	require.Len(t, want, len(got))
}

// sampleLine is a sample of OpenMetrics 1.0.0: name and labels, value, time, exemplar.
var sampleLine = regexp.MustCompile(`^([a-zA-Z0-9_:]+)(\{(?:[a-zA-Z0-9_]+="(?:[^"\\]|\\.)*",?)*\})? (\S+)(?: ([0-9.e+-]+))?(?: # (\{.*\}) (\S+)(?: (\S+))?)?$`)

// openSamples returns all samples of a text in OpenMetrics 1.0.0, with numbers in one
// notation.
func openSamples(t testing.TB, text string) map[string]string {
	t.Helper()
	number := func(s string) string {
		if s == "" {
			return s
		}
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return fmt.Sprint(v + 0) // no -0
	}
	moment := func(s string) string { // which prometheus/common rounds
		if s == "" {
			return s
		}
		v, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return fmt.Sprintf("%.3f", v)
	}
	all := make(map[string]string)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		m := sampleLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		require.NotNil(t, m, "%q", line)
		r := openReader{t: t, line: strings.TrimPrefix(m[2], "{")}
		var labels []metric.Label
		if m[2] != "" {
			labels = r.labels(nil)
		}
		id := m[1] + labelsID(labels)
		require.NotContains(t, all, id)
		all[id] = fmt.Sprint(number(m[3]), "@", moment(m[4]), " # ", m[5], " ", number(m[6]), "@", moment(m[7]))
	}
	return all
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

// written returns f as the text format has it, with all names as prometheus/common
// would write them.
func written(f *metric.Family) *metric.Family {
	g := *f
	g.Name = escaped(f.Name)
	switch f.Kind {
	case metric.GaugeHistogram:
		g.Kind = metric.Histogram
	case metric.Info, metric.StateSet:
		g.Kind = metric.Gauge
	}
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

	families []*metric.Family
}

// outsider is a collector that writes families as they are.
type outsider struct{ families []*metric.Family }

func (o *outsider) Collect(_ context.Context, out *metric.Sink) error {
	for _, f := range o.families {
		d := &metric.Desc{Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind}
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
	if w.IntN(3) == 0 {
		d.Unit = []string{"seconds", "x", "é"}[w.IntN(3)]
		if w.IntN(4) > 0 {
			d.Name += "_" + d.Unit
		}
	}
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
	f := &metric.Family{Name: d.Name, Help: d.Help, Unit: d.Unit}
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
		w.addCounters, w.addGauges, w.addHistograms, w.addSummaries, w.addInfos, w.addStates, w.addForeign, w.addForeign, w.addForeign,
	}
	kinds[w.IntN(len(kinds))](reg, &d, f, constant)
	if len(f.Points) > 0 {
		w.families = append(w.families, f)
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
	if w.IntN(4) > 0 {
		d.Name, f.Name = d.Name+"_total", f.Name+"_total"
	}
	v := reg.NewCounterVec(ember.CounterOpts{Name: d.Name, Help: d.Help, Unit: d.Unit, ConstLabels: constant}, d.Labels...)
	w.series(d, f, func(values []string) metric.Point {
		p := metric.Point{Value: w.total(), Created: time.Now()}
		if w.IntN(3) > 0 {
			v.With(values...).Add(p.Value)
		} else {
			p.Exemplar = w.exemplar()
			p.Exemplar.Value, p.Exemplar.Time = p.Value, time.Now()
			labels := make(ember.Labels)
			for _, l := range p.Exemplar.Labels {
				labels[l.Name] = l.Value
			}
			v.With(values...).AddWithExemplar(p.Value, labels)
		}
		if w.IntN(4) == 0 {
			total := w.total()
			v.SetFunc(func() float64 { return total }, values...)
			p = metric.Point{Value: total}
		}
		return p
	})
}

// exemplar returns any exemplar that is taken.
func (w *world) exemplar() *metric.Exemplar {
	x := &metric.Exemplar{Value: w.float()}
	for i := range 1 + w.IntN(2) { // prometheus/common takes no labels for no exemplar
		value := []rune(strings.ReplaceAll(w.validText(), "\x00", ""))
		x.Labels = append(x.Labels, metric.Label{Name: fmt.Sprint("_x", i), Value: string(value[:min(len(value), 61)])})
	}
	if w.IntN(3) > 0 {
		x.Time = w.time()
	}
	return x
}

// time returns any time that is not before 1970.
func (w *world) time() time.Time {
	switch w.IntN(3) {
	case 0:
		return time.Unix(1+w.Int64N(9_000_000_000), w.Int64N(1e9))
	case 1:
		return time.UnixMilli(w.Int64N(3000) * w.Int64N(2)) // 1970 itself too
	default:
		return time.Unix(1_700_000_000+w.Int64N(1000), 0)
	}
}

// addInfos adds one info, whose labels are no constant ones.
func (w *world) addInfos(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind, f.Unit = metric.Info, ""
	if w.IntN(4) > 0 {
		d.Name, f.Name = d.Name+"_info", f.Name+"_info"
	}
	labels := make(ember.Labels)
	p := metric.Point{Value: 1, Labels: slices.Clone(d.ConstLabels)}
	for _, name := range d.Labels {
		labels[name] = w.text()
		p.Labels = append(p.Labels, metric.Label{Name: name, Value: strings.ToValidUTF8(labels[name], "\uFFFD")})
	}
	reg.NewInfo(ember.InfoOpts{Name: d.Name, Help: d.Help, ConstLabels: constant}, labels)
	f.Points = []metric.Point{p}
}

func (w *world) addStates(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind, f.Unit = metric.StateSet, ""
	d.Name, f.Name = strings.ReplaceAll(d.Name, ":", "!"), strings.ReplaceAll(f.Name, ":", "!")
	states := []string{w.validText() + "1", w.validText() + "2"}
	s := reg.NewStateSet(ember.StateSetOpts{Name: d.Name, Help: d.Help, ConstLabels: constant}, states...)
	on := w.IntN(2)
	s.Switch(states[on])
	for i, state := range states {
		p := metric.Point{Labels: append(slices.Clone(d.ConstLabels), metric.Label{Name: f.Name, Value: state})}
		if i == on {
			p.Value = 1
		}
		f.Points = append(f.Points, p)
	}
}

func (w *world) addGauges(reg *ember.Registry, d *metric.Desc, f *metric.Family, constant ember.Labels) {
	f.Kind = metric.Gauge
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: d.Name, Help: d.Help, Unit: d.Unit, ConstLabels: constant}, d.Labels...)
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
	v := reg.NewHistogramVec(ember.HistogramOpts{Name: d.Name, Help: d.Help, Unit: d.Unit, Buckets: bounds, ConstLabels: constant}, d.Labels...)
	w.series(d, f, func(values []string) metric.Point {
		p := metric.Point{Created: time.Now()}
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
	v := reg.NewSummaryVec(ember.SummaryOpts{Name: d.Name, Help: d.Help, Unit: d.Unit, Quantiles: quantiles, ConstLabels: constant}, d.Labels...)
	slices.Sort(quantiles)
	w.series(d, f, func(values []string) metric.Point {
		p := metric.Point{Created: time.Now()}
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
	f.Kind = metric.Kind(w.IntN(int(metric.StateSet) + 1))
	switch f.Kind {
	case metric.Info:
		f.Unit = ""
	case metric.StateSet:
		f.Unit = ""
		f.Name = strings.ReplaceAll(f.Name, ":", "!")
		d.Labels = append(d.Labels, f.Name)
	}
	raw := &metric.Family{Name: f.Name, Help: f.Help, Unit: f.Unit, Kind: f.Kind}
	w.foreign.families = append(w.foreign.families, raw)
	bounds, quantiles := w.bounds(), w.quantiles()
	slices.Sort(quantiles)
	w.series(d, f, func(values []string) metric.Point {
		p := w.foreignPoint(f.Kind, bounds, quantiles)
		q := p
		for i, name := range d.Labels {
			q.Labels = append(q.Labels, metric.Label{Name: name, Value: values[i]})
		}
		w.Shuffle(len(q.Labels), func(i, j int) { q.Labels[i], q.Labels[j] = q.Labels[j], q.Labels[i] })
		raw.Points = append(raw.Points, q)
		return p
	})
}

func (w *world) foreignPoint(kind metric.Kind, bounds, quantiles []float64) metric.Point {
	var p metric.Point
	if w.IntN(4) == 0 {
		p.Time = w.time()
	}
	if w.IntN(2) == 0 {
		p.Created = w.time()
	}
	exemplar := func() *metric.Exemplar {
		if w.IntN(3) > 0 {
			return nil
		}
		return w.exemplar()
	}
	switch kind {
	case metric.Histogram, metric.GaugeHistogram:
		p.Sum = w.float()
		if w.IntN(3) == 0 {
			p.Native = w.native()
			p.Count = p.Native.ZeroCount
			for _, b := range slices.Concat(p.Native.Positive, p.Native.Negative) {
				p.Count += b.Count
			}
			if w.IntN(2) == 0 {
				break
			}
			for i, b := range bounds {
				p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b, Count: p.Count / uint64(len(bounds)-i), Exemplar: exemplar()})
			}
			break
		}
		for _, b := range bounds {
			p.Count = max(p.Count, w.count())
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b, Count: p.Count, Exemplar: exemplar()})
		}
		p.Count = max(p.Count, w.count())
		if w.IntN(2) == 0 {
			p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count, Exemplar: exemplar()})
		}
	case metric.Summary:
		p.Count, p.Sum = w.count(), w.float()
		for _, q := range quantiles {
			p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q, Value: w.float()})
		}
	case metric.Counter:
		p.Exemplar = exemplar()
		p.Value = math.Abs(w.float())
		for p.Value != p.Value {
			p.Value = math.Abs(w.float())
		}
	case metric.Info:
		p.Value = 1
	case metric.StateSet:
		p.Value = float64(w.IntN(2))
	default:
		p.Value = w.float()
	}
	return p
}

// native returns any native buckets.
func (w *world) native() *metric.Native {
	n := &metric.Native{Schema: w.IntN(13) - 4, ZeroThreshold: float64(w.IntN(3)) / 1000, ZeroCount: w.Uint64N(3)}
	for _, buckets := range []*[]metric.NativeBucket{&n.Positive, &n.Negative} {
		index := w.IntN(30) - 66
		for range w.IntN(10) {
			index += 1 + w.IntN(1+w.IntN(10))
			*buckets = append(*buckets, metric.NativeBucket{Index: index, Count: w.Uint64N(1 << w.IntN(50))})
		}
	}
	for range w.IntN(3) {
		n.Exemplars = append(n.Exemplars, *w.exemplar())
	}
	return n
}
