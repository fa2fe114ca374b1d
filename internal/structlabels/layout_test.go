// SPDX-License-Identifier: Apache-2.0

package structlabels

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/childmap"
	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func TestSnakeCase(t *testing.T) {
	for field, want := range map[string]string{
		"A": "a", "ID": "id", "UserID": "user_id", "HTTPStatus": "http_status", "HTTP": "http", "APIKeyID": "api_key_id",
		"Path2": "path2", "V2API": "v2_api", "Utf8Name": "utf8_name", "X_Y": "x_y", "X_y": "x_y", "Größe": "größe", "ÄÖÜber": "äö_über", "_": "_",
	} {
		require.Equal(t, want, snakeCase(field), field)
	}
}

func TestSmall(t *testing.T) {
	for n := range uint64(smallEnd) {
		require.Equal(t, strconv.FormatUint(n, 10), small(n))
	}
}

func TestDigits(t *testing.T) {
	var d digits
	check := func(n uint64) {
		require.Equal(t, strconv.FormatUint(n, 10), d.format(n, false))
		require.Equal(t, strconv.FormatInt(int64(n), 10), d.format(n, true))
	}
	for shift := range 64 {
		for near := range uint64(3) {
			check(1<<shift + near - 1)
			check(-(1 << shift) + near - 1)
		}
	}
	for n := uint64(1); n < math.MaxUint64/10; n *= 10 {
		check(n - 1)
		check(n)
	}
	for range 10_000 {
		check(rand.Uint64() >> rand.IntN(64))
	}
}

type number int32

func (n number) String() string { return fmt.Sprintf("<%d>", int32(n)) }

// parts is a Stringer of everything that can be copied.
type parts struct {
	a uint8
	s string
	f float64
	n [2]struct {
		b bool
		s string
	}
	c complex64
	e [0]*int
	z int32
}

func (p parts) String() string { return fmt.Sprint(p.a, p.s, p.f, p.n, p.c, len(p.e), p.z) }

type sample struct {
	Before uint16
	Parts  parts
	Number number
	Text   string
	I8     int8
	I16    int16
	I32    int32
	U32    uint32
	U64    uint64
	Yes    bool
	I64    int64
}

func randomSample() sample {
	var s sample
	s.Before, s.Number, s.Yes = uint16(rand.Uint32()), number(rand.Uint32()), rand.IntN(2) == 0
	s.Text = strings.Repeat("x", rand.IntN(20))
	s.I8, s.I16, s.I32, s.I64 = int8(rand.Uint32()), int16(rand.Uint32()), int32(rand.Uint32()), int64(rand.Uint64())
	s.U32, s.U64 = rand.Uint32(), rand.Uint64()
	s.Parts = parts{a: uint8(rand.Uint32()), s: s.Text, f: rand.NormFloat64(), c: complex(rand.Float32(), 1), z: -1}
	s.Parts.n[1].b, s.Parts.n[1].s = s.Yes, s.Text
	return s
}

// values is what fmt makes of a struct.
func values(s any) []string {
	v := reflect.ValueOf(s)
	list := make([]string, v.NumField())
	for i := range list {
		list[i] = fmt.Sprint(v.Field(i).Interface())
	}
	return list
}

func newMap(l *Layout) *childmap.Map {
	return childmap.New(childmap.NewSyntax(l.Names()), func(*int) {})
}

func TestLayout(t *testing.T) {
	l := Of(reflect.TypeFor[sample]())
	require.NoError(t, l.Err())
	require.Equal(t, []string{"before", "parts", "number", "text", "i8", "i16", "i32", "u32", "u64", "yes", "i64"}, l.Names())
	m := newMap(l)
	for range 1000 {
		s := randomSample()
		require.Equal(t, values(s), l.Values(At(&s)))
		require.Nil(t, l.Get(m, At(&s)))
		c := l.GetOrCreate(m, At(&s))
		require.Equal(t, values(s), m.Values(c))
		require.Same(t, c, l.GetOrCreate(m, At(&s)))
		require.Same(t, c, l.Get(m, At(&s)))
		var back sample
		require.True(t, l.Set(At(&back), m.Values(c), nil))
		require.Equal(t, s, back)
	}
}

// On the heap, where the pointer checks of the compiler see every address, structs end
// where their last field does.
func TestLayoutReadsNothingBeyond(t *testing.T) {
	type byteLast struct {
		A string
		B uint8
	}
	one := Of(reflect.TypeFor[struct{ A bool }]())
	last := Of(reflect.TypeFor[byteLast]())
	ones, lasts := newMap(one), newMap(last)
	for range 100 {
		s, b := new(struct{ A bool }), &byteLast{"x", 255}
		require.Equal(t, `a="false"`, one.GetOrCreate(ones, At(s)).Text())
		require.Equal(t, `a="x",b="255"`, last.GetOrCreate(lasts, At(b)).Text())
		require.True(t, one.Set(At(s), []string{"true"}, nil))
		require.Equal(t, `a="true"`, one.GetOrCreate(ones, At(s)).Text())
	}
}

func TestWithin(t *testing.T) {
	type rest struct {
		C uint16
		A string
	}
	x, y := "x", "y\n"
	l := Of(reflect.TypeFor[rest]()).Within([]string{"a", "b", "c", "d"}, []*string{nil, &x, nil, &y})
	m := newMap(l)
	for _, r := range []rest{{1, "z"}, {65535, ""}} {
		c := l.GetOrCreate(m, At(&r))
		require.Equal(t, []string{r.A, "x", strconv.Itoa(int(r.C)), "y\n"}, m.Values(c))
		require.Same(t, c, l.Get(m, At(&r)))
		var back rest
		require.True(t, l.Set(At(&back), []string{r.A, strconv.Itoa(int(r.C))}, nil))
		require.Equal(t, r, back)
	}
}

func TestDense(t *testing.T) {
	type in struct{ B, C string }
	for name, tc := range map[string]struct {
		of    reflect.Type
		dense bool
	}{
		"strings": {reflect.TypeFor[struct{ A, B string }](), true},
		"embedded": {reflect.TypeFor[struct {
			A string
			in
		}](), true},
		"behind a number": {reflect.TypeFor[struct {
			N int
			A string
		}](), false},
		"before a number": {reflect.TypeFor[struct {
			A string
			N int
		}](), false},
		"unexported first": {reflect.TypeFor[struct{ a, B string }](), false},
		"nothing":          {reflect.TypeFor[struct{}](), false},
	} {
		require.Equal(t, tc.dense, Of(tc.of).dense, name)
	}
	l := Of(reflect.TypeFor[in]())
	require.True(t, l.Within([]string{"b", "c"}, make([]*string, 2)).dense)
	require.False(t, l.Within([]string{"c", "b"}, make([]*string, 2)).dense, "in another order")
}

// few numbers are kept, but all are right.
type many uint64

func (m many) String() string { return "many " + strconv.FormatUint(uint64(m), 10) }

func TestTextsAreBounded(t *testing.T) {
	l := Of(reflect.TypeFor[struct{ M many }]())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range many(3 * maxNumbers) {
				s := struct{ M many }{n * 0x123456789}
				if got := l.Values(At(&s)); got[0] != s.M.String() {
					t.Errorf("%d is %q", s.M, got)
					return
				}
			}
		})
	}
	wg.Wait()
	texts := textsOf(reflect.TypeFor[many]())
	require.Equal(t, maxNumbers, texts.numbers.Load().used)
	require.Equal(t, int64(3*maxNumbers), texts.count.Load())
}

// A text that is empty is one too.
type mute uint8

var muteCalls int

func (mute) String() string { muteCalls++; return "" }

func TestTextsMayBeEmpty(t *testing.T) {
	l := Of(reflect.TypeFor[struct{ M mute }]())
	m := newMap(l)
	for range 5 {
		s := struct{ M mute }{1}
		require.Equal(t, `m=""`, l.GetOrCreate(m, At(&s)).Text())
	}
	require.Equal(t, 1, muteCalls)
}

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		value string
		op    op
		want  uint64
		ok    bool
	}{
		"least":      {"-128", signed8, math.MaxUint64 - 127, true},
		"too small":  {"-129", signed8, 0, false},
		"greatest":   {"65535", unsigned16, 65535, true},
		"too great":  {"65536", unsigned16, 0, false},
		"negative":   {"-1", unsigned64, 0, false},
		"64 bits":    {"18446744073709551615", unsigned64, math.MaxUint64, true},
		"zeros":      {"00", signed32, 0, false},
		"minus zero": {"-0", signed64, 0, false},
		"plus":       {"+1", unsigned32, 0, false},
		"empty":      {"", unsigned8, 0, false},
		"underscore": {"1_0", signed16, 0, false},
	} {
		n, ok := parse(tc.value, tc.op)
		require.Equal(t, tc.ok, ok, name)
		if ok {
			require.Equal(t, tc.want, n, name)
		}
	}
}
