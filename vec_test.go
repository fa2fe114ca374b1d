// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// vector is what vectors of T have in common; V is the vector itself.
type vector[T, V any] interface {
	ember.Collector
	With(values ...string) *T
	WithLabels(ember.Labels) *T
	Get(values ...string) (*T, error)
	Lookup(values ...string) (*T, bool)
	Delete(values ...string) bool
	DeleteMatching(ember.Labels) int
	Reset()
	Len() int
	Curry(ember.Labels) (V, error)
	All() iter.Seq2[[]string, *T]
}

func newCounterVec(labels ...string) *ember.CounterVec {
	return ember.NewCounterVec(ember.CounterOpts{Name: "x_total"}, labels...)
}

// seriesOf returns the label values of all series, in order, joined by commas.
func seriesOf[T any, V any](v vector[T, V]) []string {
	all := []string{}
	for values := range v.All() {
		all = append(all, strings.Join(values, ","))
	}
	return all
}

// Each kind of vector has the same methods, by the same code; this shows that all
// of them are there, and do something.
func TestVectors(t *testing.T) {
	t.Run("counter", func(t *testing.T) {
		testVector(t, `counter "x_total"`, newCounterVec("a", "b"), (*ember.Counter).Inc, (*ember.Counter).Value)
	})
	t.Run("gauge", func(t *testing.T) {
		v := ember.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a", "b")
		testVector(t, `gauge "x"`, v, (*ember.Gauge).Inc, (*ember.Gauge).Value)
	})
	t.Run("histogram", func(t *testing.T) {
		v := ember.NewHistogramVec(ember.HistogramOpts{Name: "x"}, "a", "b")
		testVector(t, `histogram "x"`, v, func(h *ember.Histogram) { h.Observe(1) }, (*ember.Histogram).Sum)
	})
	t.Run("summary", func(t *testing.T) {
		v := ember.NewSummaryVec(ember.SummaryOpts{Name: "x", Quantiles: []float64{1}}, "a", "b")
		testVector(t, `summary "x"`, v, func(s *ember.Summary) { s.Observe(1) }, (*ember.Summary).Sum)
	})
}

func testVector[T any, V vector[T, V]](t *testing.T, name string, v V, inc func(*T), value func(*T) float64) {
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(v))
	require.Empty(t, scrapeOf(t, reg))

	x := v.With("1", "2")
	inc(x)
	require.Same(t, x, v.With("1", "2"))
	require.Same(t, x, v.WithLabels(ember.Labels{"b": "2", "a": "1"}))
	y, err := v.Get("2", "1")
	require.NoError(t, err)
	require.NotSame(t, x, y)
	_, err = v.Get("1")
	require.EqualError(t, err, `ember: `+name+` takes 2 values, for ["a" "b"], but got 1: ["1"]`)
	found, ok := v.Lookup("2", "1")
	require.True(t, ok)
	require.Same(t, y, found)
	_, ok = v.Lookup("2", "2")
	require.False(t, ok)
	require.Equal(t, 2, v.Len())
	require.Equal(t, []string{"1,2", "2,1"}, seriesOf(v))
	text := scrapeOf(t, reg)
	require.Contains(t, text, `{a="1",b="2"} 1`)
	require.Contains(t, text, `{a="2",b="1"} 0`)

	curried, err := v.Curry(ember.Labels{"a": "1"})
	require.NoError(t, err)
	require.Same(t, x, curried.With("2"))
	require.Equal(t, []string{"2"}, seriesOf(curried))
	_, err = curried.Curry(ember.Labels{"a": "1"})
	require.EqualError(t, err, `ember: `+name+`: label "a" is curried already, with "1"; it cannot become "1"`)
	inc(curried.With("3"))
	require.Equal(t, 1.0, value(v.With("1", "3")))

	require.True(t, v.Delete("1", "2"))
	require.False(t, v.Delete("1", "2"))
	require.NotContains(t, scrapeOf(t, reg), `{a="1",b="2"}`)
	require.Zero(t, value(v.With("1", "2")), "a new series starts at zero")
	inc(x)
	require.NotZero(t, value(v.With("1", "2")), "what is deleted leads to it")
	require.Equal(t, value(x), value(v.With("1", "2")))
	require.Equal(t, 2, v.DeleteMatching(ember.Labels{"a": "1"}))
	require.Equal(t, []string{"2,1"}, seriesOf(v))
	v.Reset()
	require.Zero(t, v.Len())
	require.Empty(t, scrapeOf(t, reg))
}

func TestVecWithPanicsOnlyOverTheCount(t *testing.T) {
	v := newCounterVec("a", "b")
	for _, values := range [][]string{nil, {"\xff"}, {"x", "y", "z"}} {
		want := fmt.Sprintf(`ember: counter "x_total" takes 2 values, for ["a" "b"], but got %d: %q`, len(values), values)
		require.PanicsWithError(t, want, func() { v.With(values...) })
		require.PanicsWithError(t, want, func() { v.SetFunc(func() float64 { return 1 }, values...) })
		_, err := v.Get(values...)
		require.EqualError(t, err, want)
		_, ok := v.Lookup(values...)
		require.False(t, ok)
		require.False(t, v.Delete(values...))
	}
	require.Zero(t, v.Len())
	require.PanicsWithError(t, `ember: counter "x_total" takes 2 values, for ["a" "b"], but got 0: []`, func() { v.With() })
	for _, value := range []string{"", "\xff", "\x00", strings.Repeat("x", 1<<20), `"`, "\n"} {
		require.NotPanics(t, func() { v.With(value, value) })
	}

	curried, err := v.Curry(ember.Labels{"a": "1"})
	require.NoError(t, err)
	require.PanicsWithError(t, `ember: counter "x_total" takes 1 values, for ["b"], but got 2: ["x" "y"]`, func() { curried.With("x", "y") })
	full, err := curried.Curry(ember.Labels{"b": "2"})
	require.NoError(t, err)
	require.PanicsWithError(t, `ember: counter "x_total" takes 0 values, for [], but got 1: ["x"]`, func() { full.With("x") })
	require.Same(t, v.With("1", "2"), full.With())
}

// The values belong to whoever called: a message or a label must not change with
// them.
func TestVecKeepsNoValues(t *testing.T) {
	v := newCounterVec("a")
	values := []string{"1"}
	v.With(values...).Inc()
	values[0] = "2"
	require.Equal(t, []string{"1"}, seriesOf(v))
	for all := range v.All() {
		all[0] = "3" // nor do they see what is kept
	}
	require.Equal(t, []string{"1"}, seriesOf(v))
	require.Equal(t, 1.0, v.With("1").Value())
}

func TestVecWithLabels(t *testing.T) {
	v := newCounterVec("b", "a")
	require.Same(t, v.With("1", "2"), v.WithLabels(ember.Labels{"a": "2", "b": "1"}))
	curried, err := v.Curry(ember.Labels{"a": "2"})
	require.NoError(t, err)
	require.Same(t, v.With("1", "2"), curried.WithLabels(ember.Labels{"b": "1"}))
	for name, tc := range map[string]struct {
		v      *ember.CounterVec
		labels ember.Labels
		want   string
	}{
		"none":         {v, nil, `ember: counter "x_total" takes values for ["b" "a"], but got []`},
		"missing":      {v, ember.Labels{"a": "1"}, `ember: counter "x_total" takes values for ["b" "a"], but got ["a"]`},
		"unknown":      {v, ember.Labels{"a": "1", "c": "2"}, `ember: counter "x_total" takes values for ["b" "a"], but got ["a" "c"]`},
		"one too many": {v, ember.Labels{"a": "1", "c": "2", "b": "3"}, `ember: counter "x_total" takes values for ["b" "a"], but got ["a" "b" "c"]`},
		"curried":      {curried, ember.Labels{"a": "2", "b": "1"}, `ember: counter "x_total" takes values for ["b"], but got ["a" "b"]`},
		"curried only": {curried, ember.Labels{"a": "2"}, `ember: counter "x_total" takes values for ["b"], but got ["a"]`},
	} {
		t.Run(name, func(t *testing.T) {
			require.PanicsWithError(t, tc.want, func() { tc.v.WithLabels(tc.labels) })
		})
	}
	require.Equal(t, []string{"1,2"}, seriesOf(v))
}

func TestVecDeleteMatching(t *testing.T) {
	all := []string{"1,1,x", "1,2,\uFFFD", "2,1,x", "2,2,\"\n\\"}
	for name, tc := range map[string]struct {
		curry, labels ember.Labels
		gone          []int
	}{
		"everything":               {nil, nil, []int{0, 1, 2, 3}},
		"one label":                {nil, ember.Labels{"a": "1"}, []int{0, 1}},
		"another label":            {nil, ember.Labels{"b": "1"}, []int{0, 2}},
		"two labels":               {nil, ember.Labels{"a": "2", "b": "1"}, []int{2}},
		"all labels":               {nil, ember.Labels{"a": "2", "b": "2", "c": "\"\n\\"}, []int{3}},
		"no such value":            {nil, ember.Labels{"a": "3"}, nil},
		"empty value":              {nil, ember.Labels{"a": ""}, nil},
		"no such label":            {nil, ember.Labels{"d": "1"}, nil},
		"no such label beside one": {nil, ember.Labels{"a": "1", "d": ""}, nil},
		"invalid UTF-8":            {nil, ember.Labels{"c": "\xff"}, []int{1}},
		"curried":                  {ember.Labels{"a": "1"}, nil, []int{0, 1}},
		"curried, another label":   {ember.Labels{"a": "1"}, ember.Labels{"b": "1"}, []int{0}},
		"curried, the same":        {ember.Labels{"a": "1"}, ember.Labels{"a": "1"}, []int{0, 1}},
		"curried, contradicted":    {ember.Labels{"a": "1"}, ember.Labels{"a": "2"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			v := newCounterVec("a", "b", "c")
			for _, s := range all {
				v.With(strings.Split(s, ",")...)
			}
			view, err := v.Curry(tc.curry)
			require.NoError(t, err)
			require.Equal(t, len(tc.gone), view.DeleteMatching(tc.labels))
			var left []string
			for i, s := range all {
				if !slices.Contains(tc.gone, i) {
					left = append(left, s)
				}
			}
			require.ElementsMatch(t, left, seriesOf(v))
			require.Equal(t, len(left), v.Len())
			require.Zero(t, view.DeleteMatching(tc.labels))
		})
	}
}

func TestVecCurry(t *testing.T) {
	v := newCounterVec("a", "b", "c")
	v.With("1", "2", "3").Add(6)
	v.With("2", "2", "3").Add(7)
	v.With("1", "1", "\uFFFD").Add(8)
	b, err := v.Curry(ember.Labels{"b": "2"})
	require.NoError(t, err)
	require.Equal(t, []string{"1,3", "2,3"}, seriesOf(b))
	require.Equal(t, 2, b.Len())
	require.Equal(t, 7.0, b.With("2", "3").Value())
	bc, err := b.Curry(ember.Labels{"c": "3"})
	require.NoError(t, err)
	require.Equal(t, []string{"1", "2"}, seriesOf(bc))
	require.Same(t, v.With("1", "2", "3"), bc.With("1"))
	require.Equal(t, []string{"1,3", "2,3"}, seriesOf(b), "currying a curried vector changes only the new one")
	c, ok := bc.Lookup("3")
	require.False(t, ok)
	require.Nil(t, c)
	require.False(t, bc.Delete("3"))

	ac, err := v.Curry(ember.Labels{"a": "1", "c": "\xff"})
	require.NoError(t, err)
	require.Equal(t, 8.0, ac.With("1").Value(), "values are made valid UTF-8")
	none, err := v.Curry(nil)
	require.NoError(t, err)
	require.Equal(t, 3, none.Len())
	require.Same(t, v.With("1", "2", "3"), none.With("1", "2", "3"))

	bc.Reset()
	require.Equal(t, []string{"1,1,\uFFFD"}, seriesOf(v))
	require.Zero(t, bc.Len())

	for name, tc := range map[string]struct {
		v      *ember.CounterVec
		labels ember.Labels
		want   string
	}{
		"unknown":         {v, ember.Labels{"d": "1"}, `ember: counter "x_total" has no label "d" to curry; its labels are ["a" "b" "c"]`},
		"one unknown":     {v, ember.Labels{"a": "1", "d": "1"}, `ember: counter "x_total" has no label "d" to curry; its labels are ["a" "b" "c"]`},
		"curried already": {b, ember.Labels{"b": "3"}, `ember: counter "x_total": label "b" is curried already, with "2"; it cannot become "3"`},
		"curried twice":   {bc, ember.Labels{"a": "1", "c": "3"}, `ember: counter "x_total": label "c" is curried already, with "3"; it cannot become "3"`},
	} {
		t.Run(name, func(t *testing.T) {
			curried, err := tc.v.Curry(tc.labels)
			require.EqualError(t, err, tc.want)
			require.Nil(t, curried)
		})
	}

	// A view is not another collector: the vector is what is registered.
	reg := ember.NewRegistry()
	require.EqualError(t, reg.Register(bc), `ember: counter "x_total" is curried: register the vector itself`)
	reg.MustRegister(v)
	require.Equal(t, "# TYPE x_total counter\nx_total{a=\"1\",b=\"1\",c=\"\uFFFD\"} 8\n", scrapeOf(t, reg))
}

func TestVecAll(t *testing.T) {
	v := newCounterVec("a")
	require.Empty(t, seriesOf(v))
	for _, a := range []string{"5", "1", "3", "2", "4"} {
		v.With(a)
	}
	require.Equal(t, []string{"1", "2", "3", "4", "5"}, seriesOf(v))
	var met []string
	for values, c := range v.All() {
		met = append(met, values[0])
		require.Same(t, v.With(values...), c)
		if values[0] == "3" {
			break
		}
	}
	require.Equal(t, []string{"1", "2", "3"}, met)
}

// The body of a loop over All may do anything.
func TestVecAllWhileChanging(t *testing.T) {
	v := newCounterVec("a")
	fill := func() {
		for i := range 10 {
			v.With(strconv.Itoa(i))
		}
	}
	met := func(body func(value string)) []string {
		var met []string
		for values := range v.All() {
			met = append(met, values[0])
			body(values[0])
		}
		return met
	}
	digits := strings.Split("0123456789", "")

	fill()
	require.Equal(t, digits, met(func(a string) { require.True(t, v.Delete(a)) }), "deleting what is met")
	require.Zero(t, v.Len())

	fill()
	require.Equal(t, []string{"0", "2", "4", "6", "8"}, met(func(a string) {
		n, _ := strconv.Atoi(a)
		v.Delete(strconv.Itoa(n + 1))
	}), "deleting what is next")

	fill()
	require.Equal(t, digits, met(func(a string) { // deleting what was before, and creating it anew
		n, _ := strconv.Atoi(a)
		v.Delete(strconv.Itoa(n - 1))
		v.With(strconv.Itoa(n - 1))
		v.With("\x00" + a)
		require.NotEmpty(t, seriesOf(v)) // puts them in order
	}))
	v.Reset()

	fill()
	require.Equal(t, []string{"0"}, met(func(string) { v.Reset() }))
	require.Zero(t, v.Len())

	fill()
	seen := met(func(a string) {
		if len(a) < 3 {
			v.With(a + a)
			v.Len()
			seriesOf(v)
		}
	})
	require.True(t, slices.IsSorted(seen), "%q", seen)
	for _, a := range digits {
		require.Contains(t, seen, a)
	}
}

func TestVecSetFunc(t *testing.T) {
	reg := ember.NewRegistry()
	c := reg.NewCounterVec(ember.CounterOpts{Name: "c_total"}, "a", "b")
	g := reg.NewGaugeVec(ember.GaugeOpts{Name: "g"}, "a")
	c.With("1", "1").Add(5)
	c.SetFunc(func() float64 { return 7 }, "1", "1")
	c.SetFunc(func() float64 { return 8 }, "2", "2") // creates the series
	g.SetFunc(func() float64 { return -1.5 }, "\xff")
	require.Equal(t, `# TYPE c_total counter
c_total{a="1",b="1"} 7
c_total{a="2",b="2"} 8
# TYPE g gauge
g{a="`+"\uFFFD"+`"} -1.5
`, scrapeOf(t, reg))
	require.Equal(t, 2, c.Len())

	c.With("1", "1").Inc() // not exposed, but not lost
	c.SetFunc(func() float64 { return 9 }, "1", "1")
	curried, err := c.Curry(ember.Labels{"a": "2"})
	require.NoError(t, err)
	curried.SetFunc(func() float64 { return 10 }, "2")
	curried.SetFunc(func() float64 { return 11 }, "0")
	g.SetFunc(nil, "\uFFFD")
	require.Equal(t, `# TYPE c_total counter
c_total{a="1",b="1"} 9
c_total{a="2",b="0"} 11
c_total{a="2",b="2"} 10
# TYPE g gauge
g{a="`+"\uFFFD"+`"} 0
`, scrapeOf(t, reg))

	c.SetFunc(nil, "1", "1")
	require.True(t, c.Delete("2", "2"))
	c.With("2", "2").Inc() // a new series has no function
	require.Equal(t, 1, c.DeleteMatching(ember.Labels{"b": "0"}))
	g.Reset()
	g.SetFunc(nil, "x")
	require.Equal(t, `# TYPE c_total counter
c_total{a="1",b="1"} 6
c_total{a="2",b="2"} 1
# TYPE g gauge
g{a="x"} 0
`, scrapeOf(t, reg))
}

// The function of a series that is gone is not called any more.
func TestVecSetFuncOfDeleted(t *testing.T) {
	reg := ember.NewRegistry()
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x"}, "a")
	calls := 0
	for _, a := range []string{"1", "2", "3"} {
		v.SetFunc(func() float64 { calls++; return 1 }, a)
	}
	scrapeOf(t, reg)
	require.Equal(t, 3, calls)
	require.True(t, v.Delete("1"))
	require.Equal(t, 1, v.DeleteMatching(ember.Labels{"a": "2"}))
	scrapeOf(t, reg)
	require.Equal(t, 4, calls)
	v.SetFunc(nil, "3")
	require.Equal(t, "# TYPE x gauge\nx{a=\"3\"} 0\n", scrapeOf(t, reg))
	require.Equal(t, 4, calls)
}

// A function that fails costs its own series.
func TestVecSetFuncFails(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry()
	v := reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "a")
	v.With("1").Inc()
	v.SetFunc(func() float64 { return -1 }, "2")
	v.SetFunc(func() float64 { return 3 }, "3")
	v.SetFunc(func() float64 { panic("over") }, "4")
	var b strings.Builder
	require.ErrorContains(t, ember.WriteText(&b, reg), "ember: collector x_total: the function of x_total{a=")
	require.Equal(t, `# HELP ember_collector_errors_total Scrapes in which a collector or a callback failed, so that its series were missing.
# TYPE ember_collector_errors_total counter
ember_collector_errors_total{collector="x_total"} 1
# TYPE x_total counter
x_total{a="1"} 1
x_total{a="3"} 3
`, b.String())
}

// More labels than anyone has, and none at all.
func TestVecOfAnyWidth(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 17, 40} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			names, values, labels := make([]string, n), make([]string, n), make(ember.Labels)
			for i := range n {
				names[i], values[i] = fmt.Sprintf("l%02d", i), fmt.Sprintf("v%d\n", i)
				labels[names[i]] = values[i]
			}
			v := newCounterVec(names...)
			c := v.With(values...)
			c.Inc()
			require.Same(t, c, v.With(values...))
			require.Same(t, c, v.WithLabels(labels))
			found, ok := v.Lookup(values...)
			require.True(t, ok)
			require.Same(t, c, found)
			got, err := v.Get(values...)
			require.NoError(t, err)
			require.Same(t, c, got)
			require.Equal(t, []string{strings.Join(values, ",")}, seriesOf(v))
			require.PanicsWithError(t, fmt.Sprintf(`ember: counter "x_total" takes %d values, for %q, but got %d: %q`, n, names, n+1, append(slices.Clip(values), "x")),
				func() { v.With(append(slices.Clip(values), "x")...) })

			view := v
			for i := 0; i < n; i += 2 { // every second label, one after the other
				view, err = view.Curry(ember.Labels{names[i]: values[i]})
				require.NoError(t, err)
				delete(labels, names[i])
			}
			var free []string
			for i := 1; i < n; i += 2 {
				free = append(free, values[i])
			}
			require.Same(t, c, view.With(free...))
			require.Same(t, c, view.WithLabels(labels))
			view.SetFunc(func() float64 { return 3 }, free...)
			require.Equal(t, 1, view.Len())

			reg := ember.NewRegistry()
			reg.MustRegister(v)
			for _, value := range parseText(t, scrapeOf(t, reg)).samples {
				require.Equal(t, "4008000000000000 (3) ", value)
			}
			require.True(t, view.Delete(free...))
			require.Zero(t, v.Len())
		})
	}
}
