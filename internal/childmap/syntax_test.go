// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// long is longer than any buffer that somebody might have put somewhere.
var long = strings.Repeat(`0123456789abcde"`, 640)

// nasty are pieces of values that look like something else.
var nasty = []string{
	`"`, `\`, "\n", ",", "=", "", "a", "b", "n", `\n`, `\"`, `\\`, "é", "\uFFFD",
	`x",b="y`, `",b="`, `x",b=`, `zzzz`, "\xff", "\xc3", "\xff\xff", "\x00", "{}", long[:8],
}

// nastyValues returns n values of a few pieces each.
func nastyValues(r *rand.Rand, n int) []string {
	values := make([]string, n)
	for i := range values {
		if r.IntN(500) == 0 {
			values[i] = long
			continue
		}
		for range r.IntN(4) {
			values[i] += nasty[r.IntN(len(nasty))]
		}
	}
	return values
}

// valid is what the map makes of values, by the letter.
func valid(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return out
}

// spell writes labels as the text formats ask, the slow and obvious way.
func spell(names, values []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	labels := make([]string, len(names))
	for i := range names {
		labels[i] = names[i] + `="` + escape.Replace(values[i]) + `"`
	}
	return strings.Join(labels, ",")
}

func TestRender(t *testing.T) {
	for name, tc := range map[string]struct {
		names, values []string
		want          string
		plain         bool
	}{
		"no labels":     {nil, nil, "", true},
		"one":           {[]string{"a"}, []string{"x"}, `a="x"`, true},
		"two":           {[]string{"a", "b"}, []string{"x", "y"}, `a="x",b="y"`, true},
		"empty values":  {[]string{"a", "b"}, []string{"", ""}, `a="",b=""`, true},
		"quote":         {[]string{"a"}, []string{`say "x"`}, `a="say \"x\""`, false},
		"backslash":     {[]string{"a"}, []string{`c:\x`}, `a="c:\\x"`, false},
		"line feed":     {[]string{"a"}, []string{"x\ny"}, `a="x\ny"`, false},
		"other control": {[]string{"a"}, []string{"\r\t\x00"}, "a=\"\r\t\x00\"", true},
		"syntax inside": {[]string{"a", "b"}, []string{`x",b="y`, ""}, `a="x\",b=\"y",b=""`, false},
		"one of three":  {[]string{"a", "b", "c"}, []string{"x", `\`, "z"}, `a="x",b="\\",c="z"`, false},
		"beyond ASCII":  {[]string{"a"}, []string{"é→\U0001F600"}, "a=\"é→\U0001F600\"", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSyntax(tc.names)
			text, plain := rendered(s, tc.values)
			require.Equal(t, tc.want, text)
			require.Equal(t, tc.plain, plain)
			require.Equal(t, len(tc.names), len(s.Values(text)))
			require.Equal(t, append([]string{}, tc.values...), s.Values(text))
			require.True(t, s.equal(text, plain, tc.values))
		})
	}
}

// A value that holds label syntax must not pass for several, nor several for it.
func TestEqualIsNotFooled(t *testing.T) {
	for name, tc := range map[string]struct{ a, b []string }{
		"value moved":               {[]string{"x", "y"}, []string{"xy", ""}},
		"swapped":                   {[]string{"x", "y"}, []string{"y", "x"}},
		"prefix":                    {[]string{"xx", "y"}, []string{"x", "y"}},
		"longer":                    {[]string{"x", "y"}, []string{"x", "yy"}},
		"both in one":               {[]string{"x", "y"}, []string{`x",b="y`, ""}},
		"rest in the second":        {[]string{"x", "y"}, []string{"x", `y"`}},
		"ends at an opening quote":  {[]string{"x", "zzzzzzzz"}, []string{`x",b=`, "zzzz"}},
		"same, names alike":         {[]string{"", "zzzzzzz"}, []string{`",b=`, "zzz"}},
		"quote escaped":             {[]string{`x"`, "y"}, []string{`x\"`, "y"}},
		"backslash and n":           {[]string{"\n", "y"}, []string{`\n`, "y"}},
		"backslash and n, reversed": {[]string{`\n`, "y"}, []string{"\n", "y"}},
		"escaped, both in one":      {[]string{`\`, "y"}, []string{`\",b="y`, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSyntax([]string{"a", "b"})
			text, plain := rendered(s, tc.a)
			require.False(t, s.equal(text, plain, tc.b))
			require.True(t, s.equal(text, plain, tc.a))
			text, plain = rendered(s, tc.b)
			require.False(t, s.equal(text, plain, tc.a))
			require.True(t, s.equal(text, plain, tc.b))
		})
	}
}

func TestSyntaxOnRandomValues(t *testing.T) {
	for name, names := range map[string][]string{
		"none":  nil,
		"one":   {"a"},
		"two":   {"a", "b"},
		"three": {"method", "b", "n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 5000 {
				checkSyntax(t, names, nastyValues(r, len(names)), nastyValues(r, len(names)))
			}
		})
	}
}

// FuzzSyntax checks render, equal and Values against each other and against
// spell, with two labels of any values.
func FuzzSyntax(f *testing.F) {
	for _, v := range nasty {
		f.Add(v, "y", "x", v)
		f.Add(v, "", "", v)
	}
	f.Add("x", "zzzzzzzz", `x",b=`, "zzzz")
	f.Fuzz(func(t *testing.T, a0, a1, b0, b1 string) {
		checkSyntax(t, []string{"a", "b"}, []string{a0, a1}, []string{b0, b1})
		checkSyntax(t, []string{"a"}, []string{a0}, []string{b0})
	})
}

func checkSyntax(t *testing.T, names, a, b []string) {
	t.Helper()
	s := NewSyntax(names)
	validA, validB := valid(a), valid(b)
	text, plain := rendered(s, validA)
	if want := spell(names, validA); text != want || len(text) != s.size+len(strings.Join(validA, ""))+escapes(validA) {
		t.Fatalf("%q is rendered as %q, want %q", validA, text, want)
	}
	if want := escapes(validA) == 0; plain != want {
		t.Fatalf("%q: plain is %t, want %t", validA, plain, want)
	}
	if got := s.Values(text); !same(got, validA) {
		t.Fatalf("%q is read as %q, want %q", text, got, validA)
	}
	if !s.equal(text, plain, validA) {
		t.Fatalf("%q is not equal to its own %q", text, validA)
	}
	if got, want := s.equal(text, plain, validB), same(validA, validB); got != want {
		t.Fatalf("equal(%q, %t, %q) is %t, want %t", text, plain, validB, got, want)
	}
	// The map asks for values as they come before it looks whether they are valid.
	if got, want := s.equal(text, plain, b), same(validA, b); got != want {
		t.Fatalf("equal(%q, %t, %q) is %t, want %t", text, plain, b, got, want)
	}
}

func same(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// escapes returns by how many bytes values grow when they are escaped.
func escapes(values []string) int {
	n := 0
	for _, v := range values {
		n += strings.Count(v, `"`) + strings.Count(v, `\`) + strings.Count(v, "\n")
	}
	return n
}

// Values have an end, and are cut where no character is.
func TestValid(t *testing.T) {
	long := strings.Repeat("x", MaxValue-1)
	for name, tc := range map[string]struct{ value, want string }{
		"empty":                   {"", ""},
		"plain":                   {"é", "é"},
		"invalid":                 {"a\xffb", "a\uFFFDb"},
		"as long as may be":       {long + "y", long + "y"},
		"longer":                  {long + "yz", long + "y"},
		"a character at the end":  {long + "é", long},
		"longer when made valid":  {long + "\xff", long},
		"invalid before the end":  {"\xff" + long, "\uFFFD" + long[:len(long)-2]},
		"invalid, and far longer": {long + "\xff" + long, long},
	} {
		require.True(t, Valid(tc.value) == tc.want, name)
		require.Equal(t, tc.value == tc.want, isValid(tc.value), name)
	}
	m := newMap("a")
	c := m.GetOrCreate([]string{long + "yz"})
	require.Same(t, c, m.GetOrCreate([]string{long + "yzz"}))
	require.Same(t, c, m.Get([]string{long + "yz"}))
	require.Equal(t, []string{long + "y"}, m.Values(c))
}

// rendered returns the text for values, and whether they stand in it unchanged.
func rendered(s *Syntax, values []string) (text string, plain bool) {
	size, plain := s.measure(values)
	b := s.render(make([]byte, 0, size), values, plain)
	if len(b) != size {
		panic(fmt.Sprintf("%q is of %d bytes, not %d", b, len(b), size))
	}
	return string(b), plain
}

func TestValueEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(value, after string) {
		t.Helper()
		escaped := spell([]string{"a"}, []string{value})[len(`a="`):]
		end, plain := ValueEnd(escaped + after)
		require.Equal(t, len(escaped)-1, end, "%q%q", escaped, after)
		require.Equal(t, len(value) == len(escaped)-1, plain, "%q%q", escaped, after)
	}
	for n := range 40 { // whatever stands where a word ends
		for _, c := range []string{`"`, `\`, "\n", "a", "\x00", "\x01", "\x21", "\x23", "\x5b", "\x5d", "\xa2", "\xdc", "\xff"} {
			for _, d := range []string{"", `"`, `\`, "x", "\xff", `",b="\"`, strings.Repeat("y", 9)} {
				check(strings.Repeat("x", n)+c, d)
				check(strings.Repeat("x", n)+c+d, `,b="y"`)
			}
		}
	}
	for range 10_000 {
		values := nastyValues(r, 2)
		check(values[0], values[1])
	}
}
