// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

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
