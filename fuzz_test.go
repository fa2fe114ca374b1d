// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// FuzzText exposes one series of any name, help, label and value. What Register
// accepts, somebody else's parser must read back; what it refuses must not be
// exposed.
func FuzzText(f *testing.F) {
	f.Add("", "", "x_total", "Help.", "a", "b", math.Float64bits(1.5), uint8(metric.Counter))
	f.Add("n", "s", "x", "back\\slash\n\"quoted\"", "a", "\"\\\n", math.Float64bits(math.NaN()), uint8(metric.Gauge))
	f.Add("n", "", "x", "", "le", "1", uint64(0), uint8(metric.Histogram))
	f.Add("", "s", "x", " \t ", "b", "\xff\xfe", math.Float64bits(math.Inf(-1)), uint8(metric.Histogram))
	f.Add("", "", "x", "x", "quantile", `",quantile="`, uint64(1<<63), uint8(metric.Summary))
	f.Add("", "", "x.é", "\xff", "a:b", "", uint64(1), uint8(metric.Summary))
	f.Add("1", "2", "3", "3", "1", "4", uint64(4), uint8(metric.Gauge))
	f.Add("a b", "#", "{}", "# TYPE", "\"", "\x00\r", uint64(math.MaxUint64), uint8(metric.Gauge))
	f.Add("ember", "invalid_updates", "total", "", "reason", "negative", uint64(0), uint8(metric.Counter))
	f.Add("", "", "x", "", "é_name__", "y", uint64(0), uint8(metric.Gauge))
	f.Add("", "", "x", "", "__name__", "y", uint64(0), uint8(metric.Gauge))
	f.Add("", "", "☃", "", "日本", "語", uint64(0), uint8(metric.Counter))
	f.Fuzz(func(t *testing.T, namespace, subsystem, name, help, label, value string, bits uint64, kind uint8) {
		v := math.Float64frombits(bits)
		want := &metric.Family{Help: help, Kind: metric.Counter + metric.Kind(kind%4)}
		p := metric.Point{Labels: []metric.Label{{Name: escapedLabel(label), Value: strings.ToValidUTF8(value, "\uFFFD")}}}
		var c ember.Collector
		switch want.Kind {
		case metric.Counter:
			v = math.Min(math.Abs(v), math.MaxFloat64)
			if v != v {
				v = 0
			}
			vec := ember.NewCounterVec(ember.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, label)
			vec.With(value).Add(v)
			c, p.Value = vec, v
		case metric.Gauge:
			vec := ember.NewGaugeVec(ember.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, label)
			vec.With(value).Set(v)
			c, p.Value = vec, v
		case metric.Histogram:
			if v != v {
				v = 0
			}
			bound := float64(bits % 7)
			vec := ember.NewHistogramVec(ember.HistogramOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help, Buckets: []float64{bound}}, label)
			vec.With(value).Observe(v)
			p.Buckets = []metric.Bucket{{UpperBound: bound}}
			if v <= bound {
				p.Buckets[0].Count = 1
			}
			c, p.Count, p.Sum = vec, 1, v+0
		case metric.Summary:
			if v != v {
				v = 0
			}
			vec := ember.NewSummaryVec(ember.SummaryOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, label)
			vec.With(value).Observe(v)
			c, p.Count, p.Sum = vec, 1, v+0
		}
		reg := ember.NewRegistry()
		if err := reg.Register(c); err != nil {
			require.Empty(t, scrapeOf(t, reg))
			require.ErrorContains(t, err, "ember: ")
			return
		}
		parts := slices.DeleteFunc([]string{namespace, subsystem, name}, func(s string) bool { return s == "" })
		want.Name = escaped(strings.Join(parts, "_"))
		want.Points = []metric.Point{p}
		x := newExposition()
		x.add(t, want)
		requireSame(t, x, parseText(t, scrapeOf(t, reg)))
	})
}

// FuzzFormats exposes a family of any kind, name, help, unit, labels and value in any
// format, together with what an own metric, a constant label and an exemplar of any
// name add. What Register accepts, readers of that format must understand.
func FuzzFormats(f *testing.F) {
	f.Add("x_total", "Help.", "a", "b", "trace_id", "4bf9", "", math.Float64bits(1.5), uint8(metric.Counter), uint8(ember.FormatOpenMetrics))
	f.Add("x_seconds_total", "A \\ \" \n.", "a.b", "\"\\\n", "id", "\"\\\n", "seconds", math.Float64bits(math.NaN()), uint8(metric.Counter), uint8(ember.FormatOpenMetrics2.WithEscaping(ember.EscapingAllowUTF8)))
	f.Add("x.y", "\xff", "a:b", "\xff\xfe", "a:b", "\xff", "y", uint64(0), uint8(metric.Gauge), uint8(ember.FormatText.WithEscaping(ember.EscapingValues)))
	f.Add("é\"\n_info", "", "éname☃", "\r\x00", "", "", "", uint64(1), uint8(metric.Info), uint8(ember.FormatProtobuf.WithEscaping(ember.EscapingDots)))
	f.Add("_info", "", "b", "", "a", strings.Repeat("☃", 127), "", uint64(1), uint8(metric.Info), uint8(ember.FormatOpenMetrics0))
	f.Add("a.b", "", "a_dot_b", "on", "b", "", "", uint64(1), uint8(metric.StateSet), uint8(ember.FormatOpenMetrics.WithEscaping(ember.EscapingDots)))
	f.Add("h_seconds", "", "le", strings.Repeat("x", 200), "b", "", "seconds", math.Float64bits(-1), uint8(metric.Histogram), uint8(ember.FormatProtobuf))
	f.Add("h", "", "a", strings.Repeat("\"", 20000), "b", "c", "h", math.Float64bits(math.Inf(1)), uint8(metric.GaugeHistogram), uint8(ember.FormatOpenMetrics.WithCreated()))
	f.Add("s", "# EOF", "quantile", "# EOF\n", "b", "c", "", math.Float64bits(5e-324), uint8(metric.Summary), uint8(ember.FormatOpenMetrics2))
	f.Add("_total", "", "a", "", "b", "c", "total", uint64(1<<63), uint8(metric.Counter), uint8(ember.FormatOpenMetrics))
	f.Add("1:2", "", "3", "4", "5", "6", "2", uint64(1<<63), uint8(metric.Unknown), uint8(ember.FormatText1.WithEscaping(ember.EscapingAllowUTF8)))
	f.Add("ember.collector_errors_total", "", "reason", "", "a", "", "", uint64(0), uint8(metric.Gauge), uint8(ember.FormatText))
	f.Fuzz(func(t *testing.T, name, help, labelName, value, exemplarName, exemplarValue, unit string, bits uint64, kindBits, formatBits uint8) {
		format := ember.Format(formatBits)
		if format.ContentType() == "" {
			var b strings.Builder
			require.EqualError(t, ember.Write(&b, ember.NewRegistry(), format), fmt.Sprintf("ember: there is no format %d", formatBits))
			require.Empty(t, b.String())
			return
		}
		slog.SetDefault(slog.New(slog.DiscardHandler))
		v := math.Float64frombits(bits)
		d := metric.Desc{Name: name, Help: help, Unit: unit, Kind: metric.Kind(kindBits) % (metric.StateSet + 1), Labels: []string{labelName}}
		x := &metric.Exemplar{Labels: []metric.Label{label(exemplarName, exemplarValue)}, Value: v, Time: time.UnixMilli(int64(bits >> 24))}
		p := metric.Point{Labels: []metric.Label{label(labelName, value)}, Created: time.UnixMilli(int64(bits >> 24)), Exemplar: x}
		switch d.Kind {
		case metric.Counter:
			p.Value = math.Abs(v)
		case metric.Info:
			p.Value = 1
		case metric.StateSet:
			d.Labels = append(d.Labels, name)
			p.Labels = append(p.Labels, label(name, value))
			p.Value = float64(bits % 2)
		case metric.Histogram, metric.GaugeHistogram:
			p.Count, p.Sum = bits, v
			if bits%3 > 0 {
				p.Native = &metric.Native{Schema: int(bits%13) - 4, Positive: []metric.NativeBucket{{Index: int(bits % 60), Count: bits / 2}}, ZeroCount: bits - bits/2, Exemplars: []metric.Exemplar{*x}}
			}
			if bits%3 < 2 && v-v == 0 {
				p.Buckets = []metric.Bucket{{UpperBound: v, Count: bits / 3, Exemplar: x}}
			}
		case metric.Summary:
			p.Count, p.Sum = bits, v
			p.Quantiles = []metric.Quantile{{Quantile: 0.5, Value: v}}
		default:
			p.Value = v
		}
		if bits%5 == 0 {
			p.Time = time.UnixMilli(int64(bits >> 24))
		}
		reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
		reg.NewCounter(ember.CounterOpts{Name: "own"}).Add(-1)
		var failed error
		if err := reg.Register(&announced{d, p}); err != nil {
			require.ErrorContains(t, err, "ember: ")
			failed = err
		}
		// A collector that says nothing before is held to the same at the scrape.
		wild := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
		wild.MustRegister(point(d, p))
		var b strings.Builder
		if err := ember.Write(&b, wild, format); failed != nil && d.Name != "own" && !strings.HasPrefix(escaped(d.Name), "own") {
			require.Error(t, err, "though Register says %v", failed)
		}
		for _, g := range []ember.Gatherer{reg, wild, ember.Gatherers{wild, reg}} {
			requireReadable(t, g, format)
		}
	})
}

// requireReadable fails unless somebody else understands what g writes.
func requireReadable(t testing.TB, g ember.Gatherer, f ember.Format) {
	t.Helper()
	var b strings.Builder
	_ = ember.Write(&b, g, f) // what failed is missing, no more
	e, kind := ember.EscapingUnderscores, ""
	for _, escaping := range escapings {
		if f.WithEscaping(escaping) == f {
			e = escaping
		}
	}
	kind, _, _ = strings.Cut(f.ContentType(), "; charset")
	switch kind {
	case "text/plain; version=0.0.4", "text/plain; version=1.0.0":
		if e == ember.EscapingAllowUTF8 {
			parser := expfmt.NewTextParser(model.UTF8Validation)
			_, err := parser.TextToMetricFamilies(strings.NewReader(b.String()))
			require.NoError(t, err, "%q", b.String())
			return
		}
		parseText(t, b.String())
	case "application/openmetrics-text; version=2.0.0":
		readOpenMetrics(t, b.String(), true, e == ember.EscapingAllowUTF8)
	case "application/openmetrics-text; version=1.0.0", "application/openmetrics-text; version=0.0.1":
		readOpenMetrics(t, b.String(), false, e == ember.EscapingAllowUTF8)
	default:
		fullExposition(t, fromProto(t, decode(t, b.String())))
	}
}

// FuzzGetLabels looks a series up by any values, in every way there is.
func FuzzGetLabels(f *testing.F) {
	f.Add("", "", "")
	f.Add("a", "b", "c")
	f.Add(`a",y="b`, "", `\`)
	f.Add("\n", `\n`, `"`)
	f.Add("\xff", "\uFFFD", "\xff\xff")
	f.Add("\xffa", "\xc3\xa9", "é")
	f.Add(strings.Repeat("x", 10<<10), strings.Repeat("\\", 1000), "x")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		v := ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a", "b", "c")
		valid := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
		model := make(map[[3]string]*ember.Gauge)
		for _, values := range [][3]string{{a, b, c}, {b, c, a}, {c, a, b}, {a + b, "", c}, {a, b + c, ""}, {"", a, b + c}, {a, b, c}, {valid(a), valid(b), valid(c)}} {
			key := [3]string{valid(values[0]), valid(values[1]), valid(values[2])}
			g, ok := v.Lookup(values[:]...)
			require.Equal(t, model[key], g, "%q", values)
			require.Equal(t, model[key] != nil, ok)
			g = v.With(values[:]...)
			if model[key] == nil {
				model[key] = g
			}
			require.Same(t, model[key], g)
			g, err := v.Get(values[:]...)
			require.NoError(t, err)
			require.Same(t, model[key], g)
			require.Same(t, g, v.WithLabels(ember.Labels{"a": values[0], "b": values[1], "c": values[2]}))
			curried, err := v.Curry(ember.Labels{"b": values[1]})
			require.NoError(t, err)
			require.Same(t, g, curried.With(values[0], values[2]))
			g, ok = v.Lookup(values[:]...)
			require.True(t, ok)
			require.Same(t, model[key], g)
		}
		require.Equal(t, len(model), v.Len())
		left := maps.Clone(model)
		for values, g := range v.All() {
			key := [3]string(values)
			require.Same(t, left[key], g, "%q", values)
			delete(left, key)
		}
		require.Empty(t, left)
		for key := range model {
			require.True(t, v.Delete(key[:]...))
			require.False(t, v.Delete(key[:]...))
			_, ok := v.Lookup(key[:]...)
			require.False(t, ok)
		}
		require.Zero(t, v.Len())
	})
}

// wish is what an Accept-Encoding header says, by RFC 9110, section 12.5.3:
// weights in thousandths.
type wish struct {
	named map[string]int // by coding, in lower case
	clear bool           // by its grammar, and naming nothing with two weights
}

var (
	element = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=([0-9.]+))?$")
	weight  = regexp.MustCompile(`^(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$`)
)

func readWish(lines []string) wish {
	w := wish{make(map[string]int), true}
	for e := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		e = strings.Trim(e, " \t")
		if e == "" {
			continue // lists may have empty elements
		}
		m := element.FindStringSubmatch(e)
		if m == nil || m[2] != "" && !weight.MatchString(m[2]) {
			w.clear = false
			continue
		}
		q := 1000
		if m[2] != "" {
			whole, fraction, _ := strings.Cut(m[2], ".")
			q = 0
			for _, digit := range whole + (fraction + "000")[:3] {
				q = 10*q + int(digit-'0')
			}
		}
		name := strings.ToLower(m[1])
		if name == "x-gzip" { // the same, by section 8.4.1.3
			name = "gzip"
		}
		if old, ok := w.named[name]; ok && old != q {
			w.clear = false
		}
		w.named[name] = q
	}
	return w
}

// choose returns the coding of the response, or that there is none.
func (w wish) choose(offered bool) string {
	other, any := w.named["*"]
	gzip, ok := w.named["gzip"]
	if !ok {
		gzip = other // not acceptable if not even "*" is there
	}
	identity, ok := w.named["identity"]
	switch {
	case ok:
	case any:
		identity = other
	default: // acceptable, but not asked for
		if offered && gzip > 0 {
			return "gzip"
		}
		return ""
	}
	switch {
	case offered && gzip > 0 && gzip >= identity:
		return "gzip"
	case identity > 0:
		return ""
	default:
		return "not acceptable"
	}
}

func FuzzAcceptEncoding(f *testing.F) {
	for _, s := range []string{
		"", "gzip", "GZIP", "x-gzip", "identity", "*", "br", "zstd,gzip", "gzip;q=0", "gzip;q=0,*", "*;q=0", "identity;q=0",
		"identity;q=0,*;q=0", "identity;q=0, gzip", "identity;q=0\nbr", "gzip;q=0.5, identity;q=0.6", "gzip;q=0.001",
		"gzip ; Q=0.5,identity;q=0.500", "*;q=0.1,gzip;q=0", "deflate\ngzip;q=1.000", ",, gzip ,", "gzip;q=1.001",
		"gzip;level=1", "gzip;q=x", "gzip;q", "gzip;q=\"0\"", "gzip;q=0;q=1", "gzip;q=NaN", "gzip;q=-1", "gzip;q=1e-9", "gzipx", "gzip gzip",
		"identity;q=0.5,*;q=0", "identity,*;q=0", "gzip;q=1,gzip;q=0", "\x00", ";", ";;q=,=", "*;q=0,identity;q=0.001", "identity;q=1, *;q=1",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "x_total"})
	handlers := map[bool]http.Handler{
		true:  ember.HandlerFor(reg, ember.HandlerOpts{}),
		false: ember.HandlerFor(reg, ember.HandlerOpts{DisableCompression: true}),
	}
	f.Fuzz(func(t *testing.T, header string, offered bool) {
		lines := strings.Split(header, "\n")
		r := httptest.NewRequest(http.MethodHead, "/metrics", nil)
		r.Header["Accept-Encoding"] = lines
		rec := httptest.NewRecorder()
		handlers[offered].ServeHTTP(rec, r)
		got := rec.Header().Get("Content-Encoding")
		switch rec.Code {
		case http.StatusNotAcceptable:
			require.Empty(t, got)
			got = "not acceptable"
		default:
			require.Equal(t, http.StatusOK, rec.Code)
		}

		w := readWish(lines)
		if w.clear {
			require.Equal(t, w.choose(offered), got, "%q", lines)
			return
		}
		// Of what has no clear meaning, some things are clear nevertheless.
		lower := strings.ToLower(header)
		switch got {
		case "gzip":
			require.True(t, offered)
			require.True(t, strings.Contains(lower, "gzip") || strings.Contains(lower, "*"), "%q", lines)
		case "not acceptable":
			require.True(t, strings.Contains(lower, "q") && (strings.Contains(lower, "identity") || strings.Contains(lower, "*")), "%q", lines)
		default:
			require.Empty(t, got)
		}
	})
}

func TestWish(t *testing.T) {
	for header, want := range map[string]string{
		"":                            "",
		"gzip":                        "gzip",
		"br":                          "",
		"*":                           "gzip",
		"gzip;q=0":                    "",
		"identity;q=0":                "not acceptable",
		"gzip;q=0.4,identity;q=0.5":   "",
		"gzip;q=0.05,identity;q=0.05": "gzip",
		"*;q=0":                       "not acceptable",
		"*;q=0,identity;q=0.001":      "",
	} {
		w := readWish([]string{header})
		require.True(t, w.clear)
		require.Equal(t, want, w.choose(true), fmt.Sprintf("%q", header))
	}
}
