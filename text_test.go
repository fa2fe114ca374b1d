// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// scrapeOf returns what g exposes as text, which must go without an error.
func scrapeOf(t testing.TB, g ember.Gatherer) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	return b.String()
}

// exposition is what a scrape says, flat and without any order, so that it can be
// compared: whoever says it.
type exposition struct {
	families map[string]string // by name as written: type and help
	samples  map[string]string // by name and sorted labels: the value, or every number of it
}

func newExposition() *exposition {
	return &exposition{families: make(map[string]string), samples: make(map[string]string)}
}

// add adds a family. All names must be as written.
func (x *exposition) add(t testing.TB, f *metric.Family) {
	t.Helper()
	help := strings.TrimLeft(f.Help, " \t") // as TextParser reads it
	if _, ok := x.families[f.Name]; ok {
		t.Fatalf("the family %q comes twice", f.Name)
	}
	x.families[f.Name] = f.Kind.String() + " " + help
	for _, p := range f.Points {
		id := f.Name + labelsID(p.Labels)
		if _, ok := x.samples[id]; ok {
			t.Fatalf("the series %s comes twice", id)
		}
		x.samples[id] = numbers(f.Kind, p)
	}
}

// labelsID tells any two sets of labels apart.
func labelsID(labels []metric.Label) string {
	labels = slices.SortedFunc(slices.Values(labels), func(a, b metric.Label) int { return strings.Compare(a.Name, b.Name) })
	b := []byte{'{'}
	for _, l := range labels {
		b = strconv.AppendQuote(append(append(b, l.Name...), '='), l.Value)
		b = append(b, ',')
	}
	return string(append(b, '}'))
}

// numbers returns what is meant of p, every bit of it.
func numbers(kind metric.Kind, p metric.Point) string {
	var b strings.Builder
	float := func(v float64) {
		if v != v {
			v = math.NaN() // the text has but one
		}
		fmt.Fprintf(&b, "%016x (%g) ", math.Float64bits(v), v)
	}
	switch kind {
	case metric.Histogram:
		float(float64(p.Count))
		float(p.Sum)
		buckets := p.Buckets
		if n := len(buckets); n == 0 || !math.IsInf(buckets[n-1].UpperBound, 1) {
			buckets = append(slices.Clip(buckets), metric.Bucket{UpperBound: math.Inf(1), Count: p.Count})
		}
		for _, bucket := range buckets {
			float(bucket.UpperBound)
			float(float64(bucket.Count))
		}
	case metric.Summary:
		// TextParser makes a uint64 of the count again, which 2^64 does not fit in:
		// it becomes 2^63, or 0 on 32-bit processors.
		count := min(p.Count, 1<<63)
		if strconv.IntSize == 32 && count == 1<<63 {
			count = 0
		}
		float(float64(count))
		float(p.Sum)
		for _, q := range p.Quantiles {
			float(q.Quantile)
			float(q.Value)
		}
	default:
		float(p.Value)
	}
	if !p.Time.IsZero() {
		fmt.Fprint(&b, "at ", p.Time.UnixMilli())
	}
	return b.String()
}

// parseText returns what prometheus/common reads in a text.
func parseText(t testing.TB, text string) *exposition {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	x := newExposition()
	for name, p := range parsed {
		if name != p.GetName() {
			t.Fatalf("%q is called %q", name, p.GetName())
		}
		f := &metric.Family{Name: name, Help: p.GetHelp()}
		for kind := range metric.Summary + 1 {
			if p.GetType().String() == strings.ToUpper(kind.String()) {
				f.Kind = kind
			}
		}
		for _, m := range p.GetMetric() {
			var q metric.Point
			for _, l := range m.GetLabel() {
				q.Labels = append(q.Labels, metric.Label{Name: l.GetName(), Value: l.GetValue()})
			}
			if m.TimestampMs != nil {
				q.Time = time.UnixMilli(m.GetTimestampMs())
			}
			q.Value = m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
			switch f.Kind {
			case metric.Counter:
				q.Value = m.GetCounter().GetValue()
			case metric.Gauge:
				q.Value = m.GetGauge().GetValue()
			case metric.Unknown:
				q.Value = m.GetUntyped().GetValue()
			case metric.Histogram:
				h := m.GetHistogram()
				require.NotNil(t, h.SampleSum)
				q.Sum = h.GetSampleSum()
				q.Count = parsedCount(h.GetSampleCount(), h.SampleCountFloat)
				for _, b := range h.GetBucket() {
					q.Buckets = append(q.Buckets, metric.Bucket{UpperBound: b.GetUpperBound(), Count: parsedCount(b.GetCumulativeCount(), b.CumulativeCountFloat)})
				}
			case metric.Summary:
				s := m.GetSummary()
				require.NotNil(t, s.SampleSum)
				require.NotNil(t, s.SampleCount)
				q.Sum, q.Count = s.GetSampleSum(), s.GetSampleCount()
				for _, r := range s.GetQuantile() {
					q.Quantiles = append(q.Quantiles, metric.Quantile{Quantile: r.GetQuantile(), Value: r.GetValue()})
				}
			}
			f.Points = append(f.Points, q)
		}
		x.add(t, f)
	}
	return x
}

// parsedCount returns a count that TextParser has read: as a float64 only if it is
// 2^64, to which the largest of uint64 are rounded.
func parsedCount(n uint64, f *float64) uint64 {
	switch {
	case f == nil:
		return n
	case *f < 1<<64:
		return uint64(*f)
	default:
		return math.MaxUint64
	}
}

func TestTextHasNothingToSay(t *testing.T) {
	reg := ember.NewRegistry()
	require.Empty(t, scrapeOf(t, reg))
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total", Help: "Help."}, "a")
	require.Empty(t, scrapeOf(t, reg), "a family without series")
	v.With("b")
	require.Equal(t, "# HELP x_total Help.\n# TYPE x_total counter\nx_total{a=\"b\"} 0\n", scrapeOf(t, reg))
	v.Reset()
	require.Empty(t, scrapeOf(t, reg))
}

func TestTextEscapes(t *testing.T) {
	for name, tc := range map[string]struct{ value, want string }{
		"nothing":        {``, ``},
		"plain":          {`abc`, `abc`},
		"all of them":    {"a\"b\\c\n", `a\"b\\c\n`},
		"escaped before": {`\n\"`, `\\n\\\"`},
		"at the ends":    {"\n\n", `\n\n`},
		"syntax":         {`",b="c"} 1`, `\",b=\"c\"} 1`},
		"raw controls":   {"\r\x00\t", "\r\x00\t"},
		"invalid UTF-8":  {"a\xffb\xc3", "a\uFFFDb\uFFFD"},
		"valid UTF-8":    {"é☃𝄞", "é☃𝄞"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			reg.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a").With(tc.value).Set(1)
			want := "# TYPE x gauge\nx{a=\"" + tc.want + "\"} 1\n"
			require.Equal(t, want, scrapeOf(t, reg))

			// The labels of collectors and constant labels take other ways.
			other := ember.NewRegistry()
			other.MustRegister(collectFunc(func(out *metric.Sink) {
				out.Gauge("x", "", 1, metric.Label{Name: "a", Value: tc.value})
			}))
			require.Equal(t, want, scrapeOf(t, other))
			if valid := strings.ToValidUTF8(tc.value, "\uFFFD"); valid == tc.value {
				other = ember.NewRegistry()
				other.NewGauge(ember.GaugeOpts{Name: "x", ConstLabels: ember.Labels{"a": tc.value}}).Set(1)
				require.Equal(t, want, scrapeOf(t, other))
			}
		})
	}
}

// collectFunc makes a collector of a function.
func collectFunc(f func(out *metric.Sink)) ember.Collector { return &funcCollector{f} }

type funcCollector struct{ f func(out *metric.Sink) }

func (c *funcCollector) Collect(_ context.Context, out *metric.Sink) error {
	c.f(out)
	return nil
}

func TestTextEscapesHelp(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "x", Help: "A \"quoted\" back\\slash\nand \\n."})
	require.Equal(t, "# HELP x A \"quoted\" back\\\\slash\\nand \\\\n.\n# TYPE x gauge\nx 0\n", scrapeOf(t, reg))
}

func TestTextCounts(t *testing.T) {
	reg := ember.NewRegistry()
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		out.Add(&metric.Desc{Name: "h", Kind: metric.Histogram}, metric.Point{
			Count: math.MaxUint64, Sum: math.Inf(-1),
			Buckets: []metric.Bucket{{UpperBound: -5, Count: 1<<53 - 1}, {UpperBound: 1, Count: 1 << 53}, {UpperBound: 2, Count: 1<<53 + 1}, {UpperBound: 3, Count: 1<<53 + 2}},
		})
		out.Add(&metric.Desc{Name: "s", Kind: metric.Summary}, metric.Point{Count: math.MaxUint64, Sum: math.NaN(), Quantiles: []metric.Quantile{{Quantile: 1, Value: math.Copysign(0, -1)}}})
		out.Add(&metric.Desc{Name: "u"}, metric.Point{Value: 5e-324})
	}))
	require.Equal(t, `# TYPE h histogram
h_bucket{le="-5"} 9.007199254740991e+15
h_bucket{le="1"} 9.007199254740992e+15
h_bucket{le="2"} 9.007199254740992e+15
h_bucket{le="3"} 9.007199254740994e+15
h_bucket{le="+Inf"} 1.8446744073709552e+19
h_sum -Inf
h_count 1.8446744073709552e+19
# TYPE s summary
s{quantile="1"} -0
s_sum NaN
s_count 1.8446744073709552e+19
# TYPE u untyped
u 5e-324
`, scrapeOf(t, reg))
}

func TestWriteKnowsItsFormats(t *testing.T) {
	var b strings.Builder
	require.EqualError(t, ember.Write(&b, ember.NewRegistry(), ember.Format(200)), "ember: there is no format 200")
	require.Empty(t, b.String())
}

// limitedWriter fails once n bytes are written.
type limitedWriter struct {
	n      int
	b      strings.Builder
	failed int
}

var errFull = errors.New("full")

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.n {
		w.failed++
		n, _ := w.b.Write(p[:w.n-w.b.Len()])
		return n, errFull
	}
	return w.b.Write(p)
}

func TestWriteStopsAtErrors(t *testing.T) {
	reg := ember.NewRegistry()
	for i := range 10 {
		v := reg.NewHistogramVec(ember.HistogramOpts{Name: "h" + strconv.Itoa(i)}, "a")
		for j := range 50 {
			v.With(strconv.Itoa(j))
		}
	}
	whole := scrapeOf(t, reg)
	require.Greater(t, len(whole), 100<<10)
	for _, n := range []int{0, 1, 1000, 50_000, len(whole) - 1} {
		w := &limitedWriter{n: n}
		require.ErrorIs(t, ember.WriteText(w, reg), errFull)
		require.Equal(t, 1, w.failed, "written to after it failed")
		require.Equal(t, whole[:n], w.b.String())
	}
	require.Equal(t, whole, scrapeOf(t, reg), "the next scrape is not affected")
}

// create creates the families a to e with some series each, in any order, and
// calls between before each.
func createShuffled(r *rand.Rand, reg *ember.Registry, between func()) {
	type step struct{ family, series int }
	var steps []step
	for i := range 5 {
		for j := range 12 {
			steps = append(steps, step{i, j})
		}
	}
	r.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, s := range steps {
		between()
		n := float64(s.family*100 + s.series)
		values := []string{strconv.Itoa(s.series % 4), "\"\n\\"[s.series%3 : s.series%3+1]}
		switch s.family {
		case 0:
			reg.NewCounterVec(ember.CounterOpts{Name: "b_total", Help: "B."}, "x", "a").With(values...).Add(n)
		case 1:
			reg.NewGaugeVec(ember.GaugeOpts{Name: "a", Help: "A."}, "x", "a").With(values...).Set(n)
		case 2:
			reg.NewHistogramVec(ember.HistogramOpts{Name: "d", Help: "D."}, "x", "a").With(values...).Observe(n)
		case 3:
			reg.NewSummaryVec(ember.SummaryOpts{Name: "c", Help: "C."}, "x", "a").With(values...).Observe(n)
		case 4:
			reg.NewGauge(ember.GaugeOpts{Name: "e", Help: "E.", ConstLabels: ember.Labels{"x": values[0], "a": values[1]}}).Set(n)
		}
	}
}

// The same values are the same bytes, whatever was created first, and whether
// there were scrapes in between.
func TestTextIsStable(t *testing.T) {
	r := random(t)
	var want string
	for round := range 6 {
		reg := ember.NewRegistry()
		createShuffled(r, reg, func() {
			if round%2 == 1 && r.IntN(4) == 0 {
				_ = scrapeOf(t, reg)
			}
		})
		got := scrapeOf(t, reg)
		if want == "" {
			want = got
		}
		require.Equal(t, want, got)
		require.Equal(t, want, scrapeOf(t, reg))
	}
	requireSorted(t, want)
}

// requireSorted fails unless families are sorted by name and, in each, series by
// labels.
func requireSorted(t testing.TB, text string) {
	t.Helper()
	family, series := "", ""
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			require.Greater(t, name, family)
			family, series = name, ""
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		require.True(t, strings.HasPrefix(line, family), "%q is among %q", line, family)
		labels := line[strings.IndexByte(line, '{'):strings.LastIndexByte(line, ' ')]
		labels, _, _ = strings.Cut(labels, `,le=`)
		require.GreaterOrEqual(t, labels, series, "of %s", family)
		series = labels
	}
	require.NotEmpty(t, family)
}

// Series that come and go between scrapes leave the others where they were.
func TestTextWithSeriesComingAndGoing(t *testing.T) {
	r := random(t)
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a")
	want := make(map[string]uint64)
	for range 300 {
		for range r.IntN(5) {
			value := strconv.Itoa(r.IntN(40))
			if _, ok := want[value]; ok && r.IntN(2) == 0 {
				require.True(t, v.Delete(value))
				delete(want, value)
				continue
			}
			v.With(value).Inc()
			want[value]++
		}
		var b strings.Builder
		for i, value := range slices.Sorted(maps.Keys(want)) {
			if i == 0 {
				b.WriteString("# TYPE x_total counter\n")
			}
			fmt.Fprintf(&b, "x_total{a=%q} %d\n", value, want[value])
		}
		require.Equal(t, b.String(), scrapeOf(t, reg))
	}
}
