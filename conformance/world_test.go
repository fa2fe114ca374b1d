// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// world is a registry with anything in it.
type world struct {
	*rand.Rand
	t       testing.TB
	reg     *ember.Registry
	foreign outsider

	// lawful keeps numbers within what OpenMetrics 1 allows, so that its strictest
	// reader accepts the whole.
	lawful bool
	// classic keeps names within what needs no quotes.
	classic bool
}

func newWorld(t testing.TB, r *rand.Rand) *world {
	w := &world{Rand: r, t: t, reg: ember.NewRegistry(), lawful: r.IntN(4) > 0, classic: r.IntN(2) == 0}
	for i := range 1 + r.IntN(8) {
		w.addFamily(i)
	}
	w.reg.MustRegister(&w.foreign)
	return w
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

func (w *world) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w *world) one(of int) bool { return w.IntN(of) == 0 }

// text returns a string that readers may stumble over.
func (w *world) text() string {
	switch w.IntN(40) {
	case 0:
		return strings.Repeat("x", 3000)
	case 1, 2:
		b := make([]byte, w.IntN(40))
		for i := range b {
			b[i] = byte(w.Uint32())
		}
		return string(b)
	}
	var b strings.Builder
	for range w.IntN(5) {
		b.WriteString(w.pick(
			"a", "B9", " ", "\t", "\n", `"`, `\`, `\n`, `\\`, `"} 1`, `",x="`, "{", "}", ",", "=", "#", " # ", " # {", "\n# EOF\n", "\n# TYPE x gauge\n",
			"\r", "\x00", "\x7f", "é", "☃", "𝄞", "\uFFFD", "\u2028", "\u00a0", "\xff", "\xe2\x98", "\xed\xa0\x80", "+Inf", "le", "NaN",
		))
	}
	return b.String()
}

func (w *world) validText() string { return strings.ToValidUTF8(w.text(), "\uFFFD") }

var unusual = []float64{
	0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 1e6, 999999, 1e21, 1e-5, 1 << 53, 1<<53 + 2, 1 << 63, 1 << 64,
	math.MaxFloat64, math.SmallestNonzeroFloat64, 0x1p-1022, math.Float64frombits(0x7ff0000000000002), // the mark of a stale series
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

// total returns a finite number that is not negative.
func (w *world) total() float64 {
	for {
		if v := math.Abs(w.float()); v <= math.MaxFloat64 {
			return v
		}
	}
}

// sum returns what observations may have for a sum.
func (w *world) sum() float64 {
	if w.lawful {
		return w.total()
	}
	return w.float()
}

// observation returns what a histogram or a summary takes.
func (w *world) observation() float64 {
	for {
		if v := w.sum(); v == v && (!w.lawful || v < 1e300) {
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

// bounds returns strictly increasing numbers.
func (w *world) bounds() []float64 {
	var all []float64
	for range w.IntN(12) {
		if v := w.sum() + 0; v-v == 0 {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// quantiles returns some, in order.
func (w *world) quantiles() []float64 {
	var all []float64
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.999, 1} {
		if w.one(2) {
			all = append(all, q)
		}
	}
	return all
}

// moment returns a time not before 1970, if any.
func (w *world) moment() time.Time {
	switch w.IntN(6) {
	case 0:
		return time.Unix(0, 1+w.Int64N(1<<62))
	case 1:
		return time.UnixMilli(w.Int64N(3000) * w.Int64N(2)) // 1970 itself too
	case 2:
		return time.UnixMilli(1_700_000_000_000 + w.Int64N(1e9))
	case 3:
		return time.Unix(1_700_000_000+w.Int64N(1e9), 0)
	default:
		return time.Time{}
	}
}

// names returns up to n label names.
func (w *world) names(prefix string, n int) []string {
	var all []string
	for i := range w.IntN(n + 1) {
		name := fmt.Sprint(prefix, i)
		if w.classic {
			name += w.pick("", "_", "__", "Z")
		} else {
			name += w.pick("", "_", "__", "é", ".x", ":", " ", `"`, `\`, "-.☃")
		}
		all = append(all, name)
	}
	return all
}

func (w *world) exemplarLabels() ember.Labels {
	labels := make(ember.Labels)
	for _, name := range w.names("e", 2) {
		if classicName(name, false) {
			labels[name] = w.pick("", "4bf92f3577b34da6", "☃", "a b", "\n", w.validText())
		}
	}
	if w.one(8) { // the longest that is allowed, or one more
		labels = ember.Labels{"trace": strings.Repeat("☃", 123+w.IntN(2))}
	}
	return labels
}

// exemplar returns one as collectors write it, for the bucket between two bounds. None
// is refused, or each scrape would count that it was dropped.
func (w *world) exemplar(above, upTo float64) *metric.Exemplar {
	if !w.one(3) {
		return nil
	}
	e := &metric.Exemplar{Value: w.observation(), Time: w.moment()}
	if e.Value <= above || e.Value > upTo {
		e.Value = upTo
	}
	length := 0
	for name, value := range w.exemplarLabels() {
		value = strings.ReplaceAll(value, "\x00", "")
		if length += utf8.RuneCountInString(name + value); length <= 128 {
			e.Labels = append(e.Labels, metric.Label{Name: name, Value: value})
		}
	}
	return e
}

// family is what a random family of any kind has.
type family struct {
	name, help, unit string
	constant         ember.Labels
	labels           []string
}

// addFamily adds the i-th family, of any kind and with any number of series.
func (w *world) addFamily(i int) {
	f := family{name: fmt.Sprint("m", i), constant: make(ember.Labels), labels: append(w.names("l", 2), w.names("z", 1)...)}
	if w.classic {
		f.name += w.pick("", "_x", ":y", "_seconds")
	} else {
		f.name += w.pick("", ":y", ".z", "é☃", "_seconds", ".seconds", ` "q"`, `\`, "\t", "__")
	}
	if w.one(2) {
		f.unit = w.pick("seconds", "seconds", "s", "é")
	}
	if w.one(2) {
		f.name += "_" + f.unit
	}
	if !w.one(4) {
		f.help = w.validText()
	}
	if w.one(3) {
		for _, name := range w.names("c", 2) {
			f.constant[name] = w.validText()
		}
	}
	reg := w.reg
	if w.one(4) {
		prefix := "sub_"
		if !w.classic {
			prefix = w.pick("sub.", "1☃", "sub_")
		}
		reg = reg.Sub(prefix, ember.Labels{"sub": w.validText()})
	}
	kinds := []func(*ember.Registry, family){
		w.addCounters, w.addGauges, w.addHistograms, w.addSummaries, w.addForeign, w.addForeign, w.addInfo, w.addStateSet,
	}
	kinds[w.IntN(len(kinds))](reg, f)
}

// valid returns values as they are exposed.
func valid(values []string) []string {
	var all []string
	for _, v := range values {
		all = append(all, strings.ToValidUTF8(v, "\uFFFD"))
	}
	return all
}

// series calls add with some sets of label values, as a user has them.
func (w *world) series(f family, add func(values []string)) {
	seen := make(map[string]bool)
	for range w.IntN(5) {
		values := make([]string, len(f.labels))
		for i := range values {
			values[i] = w.text()
		}
		if id := fmt.Sprintf("%q", valid(values)); !seen[id] {
			seen[id] = true
			add(values)
		}
	}
}

func (w *world) addCounters(reg *ember.Registry, f family) {
	if !w.one(4) {
		f.name += "_total"
	}
	v := reg.NewCounterVec(ember.CounterOpts{Name: f.name, Help: f.help, Unit: f.unit, ConstLabels: f.constant}, f.labels...)
	w.series(f, func(values []string) {
		c := v.With(values...)
		c.Add(w.total())
		if w.one(2) {
			c.AddWithExemplar(float64(w.IntN(10)), w.exemplarLabels())
		}
		if w.one(4) {
			total := w.total()
			v.SetFunc(func() float64 { return total }, values...)
		}
	})
}

func (w *world) addGauges(reg *ember.Registry, f family) {
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: f.name, Help: f.help, Unit: f.unit, ConstLabels: f.constant}, f.labels...)
	w.series(f, func(values []string) { v.With(values...).Set(w.float()) })
}

func (w *world) addHistograms(reg *ember.Registry, f family) {
	opts := ember.HistogramOpts{Name: f.name, Help: f.help, Unit: f.unit, Buckets: w.bounds(), ConstLabels: f.constant}
	if w.one(2) {
		opts.Native = &ember.NativeOpts{
			Factor:        []float64{0, 1.003, 1.5, 65536}[w.IntN(4)],
			ZeroThreshold: []float64{0, 0.5, -1}[w.IntN(3)],
			MaxBuckets:    []int{0, 3, -1}[w.IntN(3)],
		}
		if w.one(2) {
			opts.Buckets = nil
		}
	}
	v := reg.NewHistogramVec(opts, f.labels...)
	w.series(f, func(values []string) {
		h := v.With(values...)
		for range w.IntN(12) {
			if w.one(2) {
				h.ObserveWithExemplar(w.observation(), w.exemplarLabels())
			} else {
				h.Observe(w.observation())
			}
		}
	})
}

func (w *world) addSummaries(reg *ember.Registry, f family) {
	v := reg.NewSummaryVec(ember.SummaryOpts{Name: f.name, Help: f.help, Unit: f.unit, Quantiles: w.quantiles(), ConstLabels: f.constant}, f.labels...)
	w.series(f, func(values []string) {
		s := v.With(values...)
		for range w.IntN(5) {
			s.Observe(w.observation())
		}
	})
}

func (w *world) addInfo(reg *ember.Registry, f family) {
	if !w.one(4) {
		f.name += "_info"
	}
	labels := make(ember.Labels)
	for _, name := range f.labels {
		labels[name] = w.validText()
	}
	reg.NewInfo(ember.InfoOpts{Name: f.name, Help: f.help, ConstLabels: f.constant}, labels)
}

func (w *world) addStateSet(reg *ember.Registry, f family) {
	f.name = strings.ReplaceAll(f.name, ":", "_")
	states := []string{"on", "off", w.validText() + "☃", `"\` + "\n"}
	s := reg.NewStateSet(ember.StateSetOpts{Name: f.name, Help: f.help, ConstLabels: f.constant}, states...)
	for _, state := range states {
		s.Set(state, w.one(2))
	}
}

// addForeign adds a family that a collector writes, not through a sub-registry.
func (w *world) addForeign(_ *ember.Registry, d family) {
	f := &metric.Family{Name: d.name, Help: d.help, Unit: d.unit, Kind: metric.Kind(w.IntN(int(metric.StateSet) + 1))}
	switch f.Kind {
	case metric.Counter:
		if !w.one(4) {
			f.Name += "_total"
		}
	case metric.Info:
		f.Unit = ""
		f.Name += "_info"
	case metric.StateSet:
		f.Unit = ""
		f.Name = strings.ReplaceAll(f.Name, ":", "_")
		d.labels = append(d.labels, f.Name)
	}
	w.foreign.families = append(w.foreign.families, f)
	bounds, quantiles := w.bounds(), w.quantiles()
	at := w.moment()
	w.series(d, func(values []string) {
		if f.Kind != metric.Info && f.Kind != metric.StateSet {
			at = w.moment() // the series of these are one metric
		}
		p := metric.Point{Time: at}
		switch f.Kind {
		case metric.Counter:
			p.Value, p.Created = w.total(), w.moment()
			p.Exemplar = w.exemplar(math.Inf(-1), math.Inf(1))
		case metric.Histogram, metric.GaugeHistogram:
			w.histogramPoint(&p, f.Kind, bounds)
		case metric.Summary:
			p.Count, p.Sum, p.Created = w.count(), w.sum(), w.moment()
			for _, q := range quantiles {
				v := w.float()
				if w.lawful {
					v = math.Abs(v)
				}
				p.Quantiles = append(p.Quantiles, metric.Quantile{Quantile: q, Value: v})
			}
		case metric.Info:
			p.Value = 1
		case metric.StateSet:
			p.Value = float64(w.IntN(2))
		default:
			p.Value = w.float()
		}
		for i, name := range d.labels {
			p.Labels = append(p.Labels, metric.Label{Name: name, Value: values[i]})
		}
		w.Shuffle(len(p.Labels), func(i, j int) { p.Labels[i], p.Labels[j] = p.Labels[j], p.Labels[i] })
		f.Points = append(f.Points, p)
	})
}

func (w *world) histogramPoint(p *metric.Point, kind metric.Kind, bounds []float64) {
	p.Sum = w.sum()
	if kind == metric.Histogram {
		p.Created = w.moment()
	}
	if w.one(2) {
		p.Native = w.native()
		p.Count = p.Native.ZeroCount
		for _, b := range slices.Concat(p.Native.Positive, p.Native.Negative) {
			p.Count += b.Count
		}
		if w.one(2) {
			for range w.IntN(3) {
				if e := w.exemplar(math.Inf(-1), math.Inf(1)); e != nil {
					p.Native.Exemplars = append(p.Native.Exemplars, *e)
				}
			}
			slices.SortFunc(p.Native.Exemplars, func(a, b metric.Exemplar) int { return a.Time.Compare(b.Time) })
			return
		}
	}
	count, last := uint64(0), math.Inf(-1)
	for _, b := range bounds {
		if p.Native == nil {
			count = max(count, w.count())
		} else if count < p.Count {
			count += w.Uint64N(p.Count - count)
		}
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: b, Count: count, Exemplar: w.exemplar(last, b)})
		last = b
	}
	if p.Native == nil {
		p.Count = max(count, w.count())
	}
	if w.one(2) && (p.Native == nil || len(p.Buckets) > 0) {
		p.Buckets = append(p.Buckets, metric.Bucket{UpperBound: math.Inf(1), Count: p.Count, Exemplar: w.exemplar(last, math.Inf(1))})
	}
}

// native returns buckets as Prometheus can add them up.
func (w *world) native() *metric.Native {
	n := &metric.Native{Schema: w.IntN(13) - 4, ZeroThreshold: []float64{0, 0x1p-128, 0.25}[w.IntN(3)]}
	if w.one(2) {
		n.ZeroCount = w.Uint64N(1 << 40)
	}
	for _, side := range []*[]metric.NativeBucket{&n.Positive, &n.Negative} {
		index := w.IntN(40)
		for range w.IntN(8) {
			*side = append(*side, metric.NativeBucket{Index: index, Count: 1 + w.Uint64N(1<<40)})
			index += 1 + w.IntN(6)*w.IntN(2)
		}
	}
	return n
}
