// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"math"
	"strings"
	"unicode/utf8"
)

// near returns the candidate that is most probably meant by what is not among them, or
// nothing if none is like it: the one with the fewest letters wrong, or else with the
// fewest more or less around it. The first of equally near ones wins.
func near(given string, candidates []string) (best string, ok bool) {
	lower := strings.ToLower(given)
	forgiven := utf8.RuneCountInString(given)/5 + 1
	least, leastAround := forgiven+1, math.MaxInt
	for _, candidate := range candidates {
		c := strings.ToLower(candidate)
		switch d := distance(lower, c); {
		case d < least:
			best, ok, least = candidate, true, d
		case least > forgiven && d < leastAround && part(lower, c):
			best, ok, leastAround = candidate, true, d
		}
	}
	return best, ok
}

// part reports whether one of two names is words in a row of the other, such as "http_requests"
// of "http_requests_total".
func part(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) > 2 && strings.Contains("_"+b+"_", "_"+a+"_")
}

// distance is how many letters must be put in, taken out, replaced or swapped with their
// neighbour to make b of a (the optimal string alignment distance, of which see
// https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	// Three rows of the table: the one being filled, and the two above it.
	now, above, above2 := make([]int, len(to)+1), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range now {
		now[j] = j
	}
	for i := 1; i <= len(from); i++ {
		above2, above, now = above, now, above2
		now[0] = i
		for j := 1; j <= len(to); j++ {
			replaced := above[j-1]
			if from[i-1] != to[j-1] {
				replaced++
			}
			now[j] = min(replaced, above[j]+1, now[j-1]+1)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				now[j] = min(now[j], above2[j-2]+1)
			}
		}
	}
	return now[len(to)]
}
