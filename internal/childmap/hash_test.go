// SPDX-License-Identifier: Apache-2.0

package childmap

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHashDependsOnBoundaries(t *testing.T) {
	for name, tc := range map[string][][]string{
		"shifted":                   {{"ab", "c"}, {"a", "bc"}, {"abc", ""}, {"", "abc"}},
		"empty":                     {nil, {""}, {"", ""}, {"", "", ""}},
		"zeros":                     {{"\x00"}, {"\x00\x00"}, {"\x00", "\x00"}, {"", "\x00\x00"}},
		"swapped":                   {{"a", "b"}, {"b", "a"}},
		"long, shifted":             {{long, "x"}, {long + "x", ""}, {long[:len(long)-1], long[len(long)-1:] + "x"}},
		"length against first byte": {{"11"}, {"101"}, {"10"}, {"110"}},
		"length against a word":     {{"aaaa"}, {"`aaaa"}, {"aaaaaaaa"}, {"`aaaaaaaa"}},
		"repeated":                  {{"aa"}, {"aaa"}, {"a", "a"}, {"a", "aa"}, {"aa", "a"}, {"a", "a", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(map[uint64][]string)
			for _, values := range tc {
				h := hash(values)
				require.Equal(t, h, hash(values))
				require.NotContains(t, seen, h, "%q and %q", seen[h], values)
				seen[h] = values
			}
		})
	}
}

// Every byte of a value counts, whatever its length.
func TestHashDependsOnEveryByte(t *testing.T) {
	const text = "The quick brown fox jumps over the lazy dog."
	seen := make(map[uint64]string)
	add := func(s string) {
		h := hash([]string{s})
		if other, ok := seen[h]; ok || h == 0 {
			t.Fatalf("%q and %q have the hash %d", other, s, h)
		}
		seen[h] = s
	}
	for n := range 41 {
		add(text[:n])
		add(strings.Repeat("\x00", n) + "!")
		for i := range n {
			b := []byte(text[:n])
			for _, bit := range []byte{1, 0x80} {
				b[i] ^= bit
				add(string(b))
				b[i] ^= bit
			}
		}
	}
}

func TestHashDependsOnNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 41 {
		b := make([]byte, n+16)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		want := hash([]string{string(b[8 : 8+n])})
		for i := range b {
			if i < 8 || i >= 8+n {
				b[i]++
			}
		}
		require.Equal(t, want, hash([]string{string(b)[8 : 8+n]}), "length %d", n)
	}
}

// The top bits of a hash choose a segment and the low bits a slot, so both must
// look random for the values that people have. For 256 cells, chi-square is about
// 255 if they do. Single keys may be unlucky with some values, so what counts is
// the median of several.
func TestHashIsEven(t *testing.T) {
	defer func(k [3]uint64) { key = k }(key)
	const n, keys = 1 << 13, 9
	for name, values := range map[string]func(i int) []string{
		"numbers":        func(i int) []string { return []string{strconv.Itoa(i)} },
		"padded numbers": func(i int) []string { return []string{fmt.Sprintf("user-%012d", i)} },
		"last of three":  func(i int) []string { return []string{"GET", "/api/v1/users", strconv.Itoa(i)} },
		"first of three": func(i int) []string { return []string{strconv.Itoa(i), "GET", "/api/v1/users"} },
		"long":           func(i int) []string { return []string{fmt.Sprintf("https://example.com/%d/and/some/more/of/it", i)} },
		"grid":           func(i int) []string { return []string{strconv.Itoa(i % 64), strconv.Itoa(i / 64)} },
		"binary":         func(i int) []string { return []string{string([]byte{byte(i), byte(i >> 8)})} },
		"lengths":        func(i int) []string { return []string{long[:i%64], long[:i/64]} },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 6))
			chis := make(map[string][]float64)
			for range keys {
				key = [3]uint64{r.Uint64() | 1, r.Uint64() | 1, r.Uint64() | 1}
				var high, low, middle [256]int
				seen := make(map[uint64]struct{}, n)
				for i := range n {
					h := hash(values(i))
					high[h>>56]++
					low[h&255]++
					middle[h>>28&255]++
					seen[h] = struct{}{}
				}
				require.Equal(t, n, len(seen), "distinct values collide under the keys %x", key)
				chis["high"] = append(chis["high"], chiSquare(&high, n))
				chis["low"] = append(chis["low"], chiSquare(&low, n))
				chis["middle"] = append(chis["middle"], chiSquare(&middle, n))
			}
			for bits, chi := range chis {
				slices.Sort(chi)
				require.Less(t, chi[keys/2], 350.0, "%s bits of %q and the like: %.0f", bits, values(12345), chi)
			}
		})
	}
}

func chiSquare(counts *[256]int, n int) float64 {
	chi, want := 0.0, float64(n)/256
	for _, c := range counts {
		chi += (float64(c) - want) * (float64(c) - want) / want
	}
	return chi
}
