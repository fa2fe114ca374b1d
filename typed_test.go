// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// typedVector is what vectors of structs have in common; T is the instrument, V the vector
// that takes strings.
type typedVector[L comparable, T, V any] interface {
	ember.Collector
	With(L) *T
	Lookup(L) (*T, bool)
	Delete(L) bool
	DeleteMatching(ember.Labels) int
	Reset()
	Len() int
	All() iter.Seq2[L, *T]
	Untyped() *V
}

type pair struct {
	A string
	B int
}

// Each kind of vector has the same methods, by the same code; this shows that all of them
// are there, and do something.
func TestTypedVectors(t *testing.T) {
	t.Run("counter", func(t *testing.T) {
		opts := ember.CounterOpts{Name: "x_total"}
		testTypedVector(t, ember.NewCounterVecOf[pair](opts), ember.NewCounterVec(opts, "a", "b"), (*ember.Counter).Inc, (*ember.Counter).Value)
		in := func(reg *ember.Registry) typedVector[pair, ember.Counter, ember.CounterVec] {
			return ember.CounterVecOfIn[pair](reg, opts)
		}
		testTypedIn(t, in, func(reg *ember.Registry) *ember.CounterVec { return reg.NewCounterVec(opts, "a", "b") })
		v := ember.NewCounterVecOf[pair](opts)
		curried, err := ember.CurryCounterVec[struct{ B int }](v, struct{ A string }{"x"})
		require.NoError(t, err)
		require.Same(t, v.With(pair{"x", 1}), curried.With(struct{ B int }{1}))
	})
	t.Run("gauge", func(t *testing.T) {
		opts := ember.GaugeOpts{Name: "x"}
		testTypedVector(t, ember.NewGaugeVecOf[pair](opts), ember.NewGaugeVec(opts, "a", "b"), (*ember.Gauge).Inc, (*ember.Gauge).Value)
		in := func(reg *ember.Registry) typedVector[pair, ember.Gauge, ember.GaugeVec] {
			return ember.GaugeVecOfIn[pair](reg, opts)
		}
		testTypedIn(t, in, func(reg *ember.Registry) *ember.GaugeVec { return reg.NewGaugeVec(opts, "a", "b") })
		v := ember.NewGaugeVecOf[pair](opts)
		curried, err := ember.CurryGaugeVec[struct{ B int }](v, struct{ A string }{"x"})
		require.NoError(t, err)
		require.Same(t, v.With(pair{"x", 1}), curried.With(struct{ B int }{1}))
	})
	t.Run("histogram", func(t *testing.T) {
		opts := ember.HistogramOpts{Name: "x"}
		inc := func(h *ember.Histogram) { h.Observe(1) }
		testTypedVector(t, ember.NewHistogramVecOf[pair](opts), ember.NewHistogramVec(opts, "a", "b"), inc, (*ember.Histogram).Sum)
		in := func(reg *ember.Registry) typedVector[pair, ember.Histogram, ember.HistogramVec] {
			return ember.HistogramVecOfIn[pair](reg, opts)
		}
		testTypedIn(t, in, func(reg *ember.Registry) *ember.HistogramVec { return reg.NewHistogramVec(opts, "a", "b") })
		v := ember.NewHistogramVecOf[pair](opts)
		curried, err := ember.CurryHistogramVec[struct{ B int }](v, struct{ A string }{"x"})
		require.NoError(t, err)
		require.Same(t, v.With(pair{"x", 1}), curried.With(struct{ B int }{1}))
	})
	t.Run("summary", func(t *testing.T) {
		opts := ember.SummaryOpts{Name: "x", Quantiles: []float64{1}}
		inc := func(s *ember.Summary) { s.Observe(1) }
		testTypedVector(t, ember.NewSummaryVecOf[pair](opts), ember.NewSummaryVec(opts, "a", "b"), inc, (*ember.Summary).Sum)
		in := func(reg *ember.Registry) typedVector[pair, ember.Summary, ember.SummaryVec] {
			return ember.SummaryVecOfIn[pair](reg, opts)
		}
		testTypedIn(t, in, func(reg *ember.Registry) *ember.SummaryVec { return reg.NewSummaryVec(opts, "a", "b") })
		v := ember.NewSummaryVecOf[pair](opts)
		curried, err := ember.CurrySummaryVec[struct{ B int }](v, struct{ A string }{"x"})
		require.NoError(t, err)
		require.Same(t, v.With(pair{"x", 1}), curried.With(struct{ B int }{1}))
	})
}

func testTypedVector[T any, V vector[T, V], U typedVector[pair, T, E], E any](t *testing.T, v U, equal V, inc func(*T), value func(*T) float64) {
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(v))
	exists := new(ember.AlreadyRegisteredError)
	require.ErrorAs(t, reg.Register(v), &exists)
	require.Same(t, v.Untyped(), exists.Existing)
	require.ErrorAs(t, reg.Register(equal), &exists)
	require.Empty(t, scrapeOf(t, reg))

	x := v.With(pair{"1", 2})
	inc(x)
	require.Same(t, x, v.With(pair{"1", 2}))
	require.Same(t, x, any(v.Untyped()).(V).With("1", "2"))
	y := v.With(pair{"1", 30_000})
	require.NotSame(t, x, y)
	found, ok := v.Lookup(pair{"1", 30_000})
	require.True(t, ok)
	require.Same(t, y, found)
	found, ok = v.Lookup(pair{"2", 30_000})
	require.False(t, ok)
	require.Nil(t, found)
	require.Equal(t, 2, v.Len())
	all := make(map[pair]*T)
	for l, item := range v.All() {
		all[l] = item
	}
	require.Equal(t, map[pair]*T{{"1", 2}: x, {"1", 30_000}: y}, all)
	for range v.All() {
		break
	}

	text := scrapeOf(t, reg)
	require.Contains(t, text, `{a="1",b="2"} 1`)
	require.Contains(t, text, `{a="1",b="30000"} 0`)
	collected := ember.NewRegistry()
	collected.MustRegister(collectFunc(func(out *metric.Sink) { require.NoError(t, v.Collect(t.Context(), out)) }))
	require.Equal(t, text, scrapeOf(t, collected))

	require.True(t, v.Delete(pair{"1", 2}))
	require.False(t, v.Delete(pair{"1", 2}))
	require.Zero(t, value(v.With(pair{"1", 2})), "a new series starts at zero")
	inc(x)
	require.NotZero(t, value(v.With(pair{"1", 2})), "what is deleted leads to it")
	require.Equal(t, 1, v.DeleteMatching(ember.Labels{"b": "2"}))
	require.Equal(t, 1, v.Len())
	v.Reset()
	require.Zero(t, v.Len())

	require.True(t, reg.Unregister(v))
	require.False(t, reg.Unregister(v))
	require.NoError(t, reg.Register(equal))
	require.True(t, reg.Unregister(v), "by what it describes")
}

// What is registered is one vector, whoever asks for it first.
func testTypedIn[T any, V vector[T, V], E any](t *testing.T, typed func(*ember.Registry) typedVector[pair, T, E], untyped func(*ember.Registry) V) {
	for name, first := range map[string]func(*ember.Registry){
		"typed first":   func(reg *ember.Registry) { typed(reg) },
		"untyped first": func(reg *ember.Registry) { untyped(reg) },
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			first(reg)
			v := typed(reg)
			require.Same(t, untyped(reg), any(v.Untyped()))
			require.Same(t, untyped(reg).With("x", "7"), v.With(pair{"x", 7}))
			require.Same(t, v.With(pair{"x", 7}), typed(reg).With(pair{"x", 7}))
		})
	}
}

func TestTypedInConflict(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewCounterVec(ember.CounterOpts{Name: "x_total"}, "b", "a")
	require.PanicsWithError(t, `ember: x_total is already registered, by a *ember.CounterVec; `+
		`it is a *ember.CounterVec of "x_total" with the labels ["b" "a"], not a *ember.CounterVec of "x_total" with the labels ["a" "b"]`,
		func() { ember.CounterVecOfIn[pair](reg, ember.CounterOpts{Name: "x_total"}) })
	require.PanicsWithError(t, `ember: gauge "x": the labels' type int is no struct`,
		func() { ember.GaugeVecOfIn[int](reg, ember.GaugeOpts{Name: "x"}) })
	require.PanicsWithError(t, `ember: gauge "x": the labels' type int is no struct`,
		func() { reg.MustRegister(ember.NewGaugeVecOf[int](ember.GaugeOpts{Name: "x"})) })
}

func TestTypedNotMade(t *testing.T) {
	reg := ember.NewRegistry()
	require.EqualError(t, reg.Register(&ember.CounterVecOf[pair]{}), "ember: a *ember.CounterVecOf[github.com/embermetrics/ember_test.pair] that was not made by a constructor cannot be registered")
	require.Equal(t, (&ember.GaugeVec{}).Collect(t.Context(), nil), (&ember.GaugeVecOf[pair]{}).Collect(t.Context(), nil))
	require.EqualError(t, reg.Register((*ember.CounterVecOf[pair])(nil)), "ember: the collector to register is nil")
	require.False(t, reg.Unregister((*ember.CounterVecOf[pair])(nil)))
	require.False(t, reg.Unregister(&ember.SummaryVecOf[pair]{}))
}

// Types with String methods.

type state uint8

const (
	idle state = iota
	busy
)

func (s state) String() string { return [...]string{"idle", "busy"}[s] }

type level int16

func (l level) String() string { return fmt.Sprintf("level %+d", int16(l)) }

type toggle bool

func (f toggle) String() string {
	if f {
		return "on"
	}
	return "off"
}

type word string

func (w word) String() string { return strings.ToUpper(string(w)) }

type version struct {
	Name         string
	Major, Minor uint16
	pre          bool
}

func (v version) String() string {
	if v.pre {
		panic("not yet")
	}
	return fmt.Sprintf("%s v%d.%d", v.Name, v.Major, v.Minor)
}

type ratio float64

func (r ratio) String() string { return fmt.Sprintf("%.0f%%", float64(r)*100) }

// byPointer has no String method itself, as fmt sees it.
type byPointer int

func (*byPointer) String() string { return "pointer" }

type method string

type code int

type hit bool

type common struct {
	Zone    string
	UserID  uint32
	Elapsed time.Duration
}

type Inner struct{ HTTPStatus int }

func TestTypedFields(t *testing.T) {
	type labels struct {
		common
		Inner
		Method    method `label:"verb"`
		Code      code
		Hit       hit
		Bool      bool
		Int       int
		Int8      int8
		Int16     int16
		Int32     int32
		Int64     int64
		Uint      uint
		Uint8     uint8
		Uint16    uint16
		Uint32    uint32
		Uint64    uint64
		Uintptr   uintptr
		State     state
		Level     level
		Toggle    toggle
		Word      word
		Version   version
		Ratio     ratio
		ByPointer byPointer
	}
	v := ember.NewCounterVecOf[labels](ember.CounterOpts{Name: "x_total"})
	reg := ember.NewRegistry()
	require.NoError(t, reg.Register(v))
	first := labels{
		common{"north", 7, 1500 * time.Millisecond},
		Inner{404},
		"GET", -1, true, true, math.MinInt32, math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64,
		math.MaxUint32, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64, 1000,
		busy, -3, true, "go",
		version{"x", 1, 20, false},
		0.25, 999,
	}
	v.With(first).Inc()
	v.With(labels{}).Inc()
	require.Equal(t, `# TYPE x_total counter
x_total{zone="",user_id="0",elapsed="0s",http_status="0",verb="",code="0",hit="false",bool="false",`+
		`int="0",int8="0",int16="0",int32="0",int64="0",uint="0",uint8="0",uint16="0",uint32="0",uint64="0",uintptr="0",`+
		`state="idle",level="level +0",toggle="off",word="",version=" v0.0",ratio="0%",by_pointer="0"} 1
x_total{zone="north",user_id="7",elapsed="1.5s",http_status="404",verb="GET",code="-1",hit="true",bool="true",`+
		`int="-2147483648",int8="-128",int16="-32768",int32="-2147483648",int64="-9223372036854775808",`+
		`uint="4294967295",uint8="255",uint16="65535",uint32="4294967295",uint64="18446744073709551615",uintptr="1000",`+
		`state="busy",level="level -3",toggle="on",word="GO",version="x v1.20",ratio="25%",by_pointer="999"} 1
`, scrapeOf(t, reg))
	all := []labels{}
	for l := range v.All() {
		all = append(all, l)
	}
	require.Equal(t, []labels{{}, first}, all)
	require.True(t, v.Delete(first))
	_, ok := v.Lookup(labels{})
	require.True(t, ok)
}

func TestTypedNames(t *testing.T) {
	type tagged struct {
		ID, UserID, HTTPStatus, A, AB, Path2, V2API, Already_Snake, X_, Größe, Äther string
		Tagged                                                                       string `json:"x" label:"tag.ged"`
		Word                                                                         word   `label:"été"`
	}
	require.Equal(t, []string{"id", "user_id", "http_status", "a", "ab", "path2", "v2_api", "already_snake", "x_", "größe", "äther", "tag.ged", "été"},
		labelsOf[tagged]())
}

// labelsOf returns the names of the labels that a struct has.
func labelsOf[L comparable]() []string {
	v := ember.NewGaugeVecOf[L](ember.GaugeOpts{Name: "x"})
	var zero L
	v.With(zero)
	reg := ember.NewRegistry()
	reg.MustRegister(v)
	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	var names []string
	for _, l := range families[0].Points[0].Labels {
		names = append(names, l.Name)
	}
	return names
}

func TestTypedMistakes(t *testing.T) {
	type nested struct{ A string }
	type twice struct {
		Path  string
		Route string `label:"path"`
	}
	type shadowed struct {
		common
		Zone string
	}
	type anonymous struct{ error }
	const kinds = "which is no label: a string, a bool, an integer or a type with a String method is"
	const pointers = "whose String method is given pointers, which it could keep: make it a string"
	for name, tc := range map[string]struct {
		c    ember.Collector
		want string
	}{
		"no struct":            {counterOf[string](), "the labels' type string is no struct"},
		"a pointer":            {counterOf[*pair](), "the labels' type *ember_test.pair is no struct"},
		"an interface":         {counterOf[any](), "the labels' type interface {} is no struct"},
		"no fields":            {counterOf[struct{}](), "the labels' type struct {} has no fields"},
		"nothing but embedded": {counterOf[struct{ struct0 }](), "the labels' type struct { ember_test.struct0 } has no fields"},
		"unexported":           {counterOf[struct{ A, b string }](), "the field b of struct { A string; b string } is not exported"},
		"blank":                {counterOf[struct{ A, _ string }](), "the field _ of struct { A string; _ string } is not exported"},
		"unexported, embedded": {counterOf[struct{ word }](), "the field word of struct { ember_test.word } is not exported"},
		"unexported within":    {counterOf[struct{ withSecret }](), "the field withSecret.secret of struct { ember_test.withSecret } is not exported"},
		"embedded interface":   {counterOf[anonymous](), "the field error of ember_test.anonymous is not exported"},
		"float":                {counterOf[struct{ A float64 }](), "the field A of struct { A float64 } is of type float64, " + kinds},
		"complex":              {counterOf[struct{ A complex64 }](), "the field A of struct { A complex64 } is of type complex64, " + kinds},
		"pointer":              {counterOf[struct{ A *string }](), "the field A of struct { A *string } is of type *string, " + kinds},
		"channel":              {counterOf[struct{ A chan int }](), "the field A of struct { A chan int } is of type chan int, " + kinds},
		"array":                {counterOf[struct{ A [2]level }](), "the field A of struct { A [2]ember_test.level } is of type [2]ember_test.level, " + kinds},
		"any":                  {counterOf[struct{ A any }](), "the field A of struct { A interface {} } is of type interface {}, " + kinds},
		"error":                {counterOf[struct{ A error }](), "the field A of struct { A error } is of type error, " + kinds},
		"struct":               {counterOf[struct{ A nested }](), "the field A of struct { A ember_test.nested } is of type ember_test.nested, " + kinds},
		"embedded pointer":     {counterOf[struct{ *Inner }](), "the field Inner of struct { *ember_test.Inner } is of type *ember_test.Inner, " + kinds},
		"embedded, tagged": {
			counterOf[struct {
				Inner `label:"x"`
			}](),
			"the field Inner of struct { ember_test.Inner \"label:\\\"x\\\"\" } is of type ember_test.Inner, " + kinds,
		},
		"Stringer":              {counterOf[struct{ A fmt.Stringer }](), "the field A of struct { A fmt.Stringer } is of type fmt.Stringer, " + pointers},
		"Stringer, pointer":     {counterOf[struct{ A *word }](), "the field A of struct { A *ember_test.word } is of type *ember_test.word, " + pointers},
		"Stringer with pointer": {counterOf[struct{ A netip.Addr }](), "the field A of struct { A netip.Addr } is of type netip.Addr, " + pointers},
		"twice":                 {counterOf[twice](), `the fields Path and Route of ember_test.twice are both the label "path"`},
		"twice, embedded":       {counterOf[shadowed](), `the fields common.Zone and Zone of ember_test.shadowed are both the label "zone"`},
		"empty tag": {
			counterOf[struct {
				A int `label:""`
			}](),
			`the field A of struct { A int "label:\"\"" } has the tag "", but every field is a label`,
		},
		"skipped": {
			counterOf[struct {
				A int `label:"-"`
			}](),
			`the field A of struct { A int "label:\"-\"" } has the tag "-", but every field is a label`,
		},
		"bad name": {
			counterOf[struct {
				A int `label:"__a"`
			}](),
			`the label name "__a" starts with "__", which is reserved`,
		},
		"reserved": {
			ember.NewHistogramVecOf[struct{ Le string }](ember.HistogramOpts{Name: "x"}),
			`the label name "le" is reserved in a histogram`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry()
			kind := `counter "x_total": `
			if strings.Contains(tc.want, "histogram") {
				kind = `histogram "x": `
			}
			require.EqualError(t, reg.Register(tc.c), "ember: "+kind+tc.want)
			require.Empty(t, scrapeOf(t, reg))
		})
	}
}

type struct0 struct{}

type withSecret struct {
	A      string
	secret int
}

var _ = withSecret{}.secret

// counterOf returns a vector that was used, which must do no harm, whatever L is.
func counterOf[L comparable]() *ember.CounterVecOf[L] {
	v := ember.NewCounterVecOf[L](ember.CounterOpts{Name: "x_total"})
	var l L
	v.With(l).Inc()
	v.SetFunc(nil, l)
	if c, ok := v.Lookup(l); !ok || c != v.With(l) || v.Len() != 1 {
		panic("a series gets lost")
	}
	if !v.Delete(l) {
		panic("a series stays")
	}
	v.With(l)
	for range v.All() {
	}
	return v
}

// What cannot be read is empty.
func TestTypedMistakesAreEmpty(t *testing.T) {
	type flawed struct {
		A string
		B float64
		C any
		d string
		E int
	}
	v := ember.NewCounterVecOf[flawed](ember.CounterOpts{Name: "x_total"})
	v.With(flawed{"a", 1, []int{}, "d", 5}).Inc()
	require.Equal(t, 1.0, v.Untyped().With("a", "", "", "", "5").Value())
	for l := range v.All() {
		require.Equal(t, flawed{A: "a", E: 5}, l)
	}
}

// counted counts the calls of its String method.
type counted int

var countedCalls int

func (c counted) String() string {
	countedCalls++
	return fmt.Sprint("counted ", int(c))
}

func TestTypedStringersOfNumbersAreCalledOnce(t *testing.T) {
	v := ember.NewCounterVecOf[struct{ C counted }](ember.CounterOpts{Name: "x_total"})
	values := []counted{-1, 0, 1, 127, 128, math.MaxInt}
	before := countedCalls
	for range 3 {
		for _, c := range values {
			v.With(struct{ C counted }{c}).Inc()
		}
	}
	if before == 0 { // what is kept is kept for the whole process, so also when this test runs again
		require.Equal(t, len(values), countedCalls)
	} else {
		require.Equal(t, before, countedCalls)
	}
	before = countedCalls
	require.Equal(t, 3.0, v.Untyped().With("counted 128").Value())
	again := ember.NewGaugeVecOf[struct {
		X string
		C counted
	}](ember.GaugeOpts{Name: "y"})
	again.With(struct {
		X string
		C counted
	}{"", -1})
	require.Equal(t, before, countedCalls, "whoever asks")

	for c := range counted(1000) { // too many to be kept, but not to be right
		v.With(struct{ C counted }{c}).Inc()
	}
	require.Equal(t, 1002, v.Len())
	n := 0
	for l, c := range v.All() {
		require.Same(t, v.With(l), c)
		n++
	}
	require.Equal(t, 1002, n)
}

// A String method that fails costs nobody anything.
func TestTypedStringerPanics(t *testing.T) {
	type labels struct {
		S state
		V version
		T toggle
	}
	v := ember.NewCounterVecOf[labels](ember.CounterOpts{Name: "x_total"})
	for range 2 {
		v.With(labels{7, version{pre: true}, true}).Inc()
	}
	require.Equal(t, 2.0, v.Untyped().With("7", "", "on").Value())
	for l := range v.All() {
		require.Equal(t, labels{7, version{pre: true}, true}, l)
	}
}

// givenWords is what a String method was given, which it may do what it likes with.
var givenWords []word2

type word2 string

func (w word2) String() string {
	givenWords = append(givenWords, w)
	return string(w)
}

func TestTypedStringerKeepsWhatItIsGiven(t *testing.T) {
	givenWords = nil
	v := ember.NewCounterVecOf[struct{ W word2 }](ember.CounterOpts{Name: "x_total"})
	b := []byte("aaaa")
	for i := range 10 {
		b[0] = byte('a' + i)
		v.With(struct{ W word2 }{word2(b)}).Inc() // on the stack
	}
	require.Equal(t, []word2{"aaaa", "baaa", "caaa", "daaa", "eaaa", "faaa", "gaaa", "haaa", "iaaa", "jaaa"}, givenWords)
}

func TestTypedValuesAreThoseOfWith(t *testing.T) {
	v := ember.NewCounterVecOf[pair](ember.CounterOpts{Name: "x_total"})
	c := v.With(pair{"\xff", 1})
	require.Same(t, v.With(pair{"\uFFFD", 1}), c)
	require.Same(t, v.With(pair{"\"\n\\", 1}), v.Untyped().With("\"\n\\", "1"))
	for l, c := range v.All() {
		require.Same(t, v.With(l), c)
	}
	require.Equal(t, 2, v.Len())
}

// Series that no struct leads to are there, but not met.
func TestTypedAllLeavesOut(t *testing.T) {
	type labels struct {
		I int8
		B bool
		S state
	}
	v := ember.NewCounterVecOf[labels](ember.CounterOpts{Name: "x_total"})
	v.With(labels{1, true, busy})
	for _, values := range [][]string{
		{"x", "true", "busy"},
		{"", "true", "busy"},
		{"+1", "true", "busy"},
		{"01", "true", "busy"},
		{"-0", "true", "busy"},
		{"128", "true", "busy"},
		{"1", "1", "busy"},
		{"1", "True", "busy"},
		{"1", "", "busy"},
		{"1", "true", "lazy"},
		{"1", "true", ""},
	} {
		v.Untyped().With(values...)
	}
	v.Untyped().With("-128", "false", "busy")
	require.Equal(t, 13, v.Len())
	var all []labels
	for l := range v.All() {
		all = append(all, l)
	}
	require.Equal(t, []labels{{-128, false, busy}, {1, true, busy}}, all)
}

// Limits and normalizers see the values that structs have.
func TestTypedLimits(t *testing.T) {
	reg := ember.NewRegistry()
	v := ember.CounterVecOfIn[pair](reg, ember.CounterOpts{
		Name: "x_total", MaxSeries: 2, Normalize: map[string]func(string) string{"a": strings.ToUpper},
	})
	v.With(pair{"a", 1}).Inc()
	v.With(pair{"A", 1}).Inc()
	v.With(pair{"b", 1}).Inc()
	v.With(pair{"c", 1}).Inc()
	v.With(pair{"d", 1}).Inc()
	v.SetFunc(func() float64 { return 5 }, pair{"e", 1})
	all := make(map[pair]float64)
	for l, c := range v.All() {
		all[l] = c.Value()
	}
	require.Equal(t, map[pair]float64{{"A", 1}: 2, {"B", 1}: 1}, all, "but for the others, of which b is no number")
	require.Equal(t, 2.0, v.Untyped().With("other", "other").Value())
}

func TestTypedSetFunc(t *testing.T) {
	reg := ember.NewRegistry()
	c := ember.CounterVecOfIn[pair](reg, ember.CounterOpts{Name: "c_total"})
	g := ember.GaugeVecOfIn[pair](reg, ember.GaugeOpts{Name: "g"})
	c.With(pair{"x", 1}).Inc()
	c.SetFunc(func() float64 { return 7 }, pair{"x", 1})
	g.SetFunc(func() float64 { return -1 }, pair{"x", 5000})
	curried, err := ember.CurryGaugeVec[struct{ A string }](g, struct{ B int }{2})
	require.NoError(t, err)
	curried.SetFunc(func() float64 { return 3 }, struct{ A string }{"y"})
	require.Equal(t, `# TYPE c_total counter
c_total{a="x",b="1"} 7
# TYPE g gauge
g{a="x",b="5000"} -1
g{a="y",b="2"} 3
`, scrapeOf(t, reg))
	c.SetFunc(nil, pair{"x", 1})
	require.True(t, g.Delete(pair{"x", 5000}))
	curried.Reset()
	require.Equal(t, "# TYPE c_total counter\nc_total{a=\"x\",b=\"1\"} 1\n", scrapeOf(t, reg))
}

func TestTypedCurry(t *testing.T) {
	type labels struct {
		A string
		B int
		C state
		D bool
	}
	v := ember.NewCounterVecOf[labels](ember.CounterOpts{Name: "x_total"})
	x := v.With(labels{"a", 2000, busy, true})
	v.With(labels{"a", 1, busy, true})

	type fixed struct {
		C state
		A string
	}
	type rest struct { // in another order
		D bool
		B int
	}
	c, err := ember.CurryCounterVec[rest](v, fixed{busy, "a"})
	require.NoError(t, err)
	require.Same(t, x, c.With(rest{true, 2000}))
	require.Same(t, x, c.Untyped().With("2000", "true"))
	found, ok := c.Lookup(rest{true, 2000})
	require.True(t, ok)
	require.Same(t, x, found)
	require.False(t, c.Delete(rest{false, 2000}))
	require.Equal(t, 2, c.Len())
	v.With(labels{"other", 1, busy, true})
	var all []rest
	for l := range c.All() {
		all = append(all, l)
	}
	require.Equal(t, []rest{{true, 1}, {true, 2000}}, all)
	require.EqualError(t, ember.NewRegistry().Register(c), `ember: counter "x_total" is curried: register the vector itself`)

	// Further, with another type for a field, until nothing is left.
	d, err := ember.CurryCounterVec[struct{ D string }](c, struct{ B string }{"2000"})
	require.NoError(t, err)
	require.Same(t, x, d.With(struct{ D string }{"true"}))
	e, err := ember.CurryCounterVec[struct{}](d, struct{ D bool }{true})
	require.NoError(t, err)
	require.Same(t, x, e.With(struct{}{}))
	for l, c := range e.All() {
		require.Equal(t, struct{}{}, l)
		require.Same(t, x, c)
	}
	require.Equal(t, 1, e.Len())

	// Nothing is fixed, but the order changes.
	type reversed struct {
		D, C string
		B    int64
		A    string
	}
	r, err := ember.CurryCounterVec[reversed](v, struct{}{})
	require.NoError(t, err)
	require.Same(t, x, r.With(reversed{"true", "busy", 2000, "a"}))
	require.Same(t, x, r.Untyped().With("a", "2000", "busy", "true"))
	for l, c := range r.All() {
		require.Same(t, r.With(l), c)
	}

	require.Equal(t, 1, c.DeleteMatching(ember.Labels{"b": "1"}))
	c.Reset()
	require.Equal(t, 1, v.Len())

	type a struct{ A string }
	type abc struct {
		A, C string
		B    int
	}
	for name, tc := range map[string]struct {
		curry func() error
		want  string
	}{
		"missing":         {curryError[a](v, struct{ B int }{}), `label "c" is neither in struct { B int } nor in ember_test.a`},
		"twice":           {curryError[abc](v, struct{ D, C string }{}), `label "c" is both in struct { D string; C string } and in ember_test.abc`},
		"unknown":         {curryError[a](v, struct{ Z int }{}), `ember: counter "x_total" has no label "z" to curry; its labels are ["a" "b" "c" "d"]`},
		"unknown rest":    {curryError[struct{ Z int }](v, a{}), `ember: counter "x_total" has no label "z" for struct { Z int }; left are ["b" "c" "d"]`},
		"curried already": {curryError[rest](c, a{"z"}), `ember: counter "x_total": label "a" is curried already, with "a"; it cannot become "z"`},
		"curried, rest":   {curryError[abc](c, struct{}{}), `ember: counter "x_total" has no label "a" for ember_test.abc; left are ["b" "d"]`},
		"bad fixed":       {curryError[a](v, struct{ B float64 }{}), `the field B of struct { B float64 } is of type float64, which is no label: a string, a bool, an integer or a type with a String method is`},
		"bad rest":        {curryError[int](v, a{}), `the labels' type int is no struct`},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(tc.want, "ember") {
				tc.want = `ember: counter "x_total": ` + tc.want
			}
			require.EqualError(t, tc.curry(), tc.want)
		})
	}
}

func curryError[Rest, L, Fixed comparable](v *ember.CounterVecOf[L], fixed Fixed) func() error {
	return func() error {
		c, err := ember.CurryCounterVec[Rest](v, fixed)
		if err == nil || c != nil {
			return errors.New("no error")
		}
		return err
	}
}

// As many labels as there are ways to hold them.
func TestTypedOfAnyWidth(t *testing.T) {
	type four struct{ A, B, C, D int }
	type w5 struct {
		four
		E string
	}
	type w16 struct {
		four
		E, F, G, H, I, J, K, L, M, N, O string
		P                               uint64
	}
	type w17 struct {
		w16
		Q word
	}
	type strings17 struct{ A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q string }

	testWidth(t, four{1, -2, 3000, 4}, "1", "-2", "3000", "4")
	testWidth(t, w5{four{1, -2, 3000, 4}, "e"}, "1", "-2", "3000", "4", "e")
	l16 := w16{four{1, -2, 3000, 4}, "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", math.MaxUint64}
	testWidth(t, l16, strings.Split("1 -2 3000 4 e f g h i j k l m n o 18446744073709551615", " ")...)
	testWidth(t, w17{l16, "q"}, strings.Split("1 -2 3000 4 e f g h i j k l m n o 18446744073709551615 Q", " ")...)
	testWidth(t, strings17{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"}, strings.Split("a b c d e f g h i j k l m n o p q", " ")...)
}

func testWidth[L comparable](t *testing.T, l L, values ...string) {
	v := ember.NewCounterVecOf[L](ember.CounterOpts{Name: "x_total"})
	require.NoError(t, ember.NewRegistry().Register(v))
	c := v.With(l)
	for range 3 {
		require.Same(t, c, v.With(l))
	}
	require.Same(t, c, v.Untyped().With(values...))
	found, ok := v.Lookup(l)
	require.True(t, ok)
	require.Same(t, c, found)
	for got := range v.All() {
		require.Equal(t, l, got)
	}
	require.True(t, v.Delete(l))
	require.Zero(t, v.Len())
}
