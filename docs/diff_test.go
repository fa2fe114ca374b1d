// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lineDiff returns what tells two texts apart, line by line, with two equal lines around:
// "-" is what is in want alone, "+" what is in got alone. It is empty if nothing does.
func lineDiff(want, got string) string {
	if want == got {
		return ""
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	// common[i][j] is how many lines a[i:] and b[j:] can have in common.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i, line := range slices.Backward(a) {
		for j, other := range slices.Backward(b) {
			if line == other {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	const around = 2
	var out strings.Builder
	last := -1 // the last line that was written
	for i, line := range lines {
		if !slices.ContainsFunc(lines[max(0, i-around):min(len(lines), i+around+1)], func(l string) bool { return l[0] != ' ' }) {
			continue
		}
		if last != i-1 {
			out.WriteString("  …\n")
		}
		last = i
		out.WriteString(line + "\n")
	}
	if last != len(lines)-1 {
		out.WriteString("  …\n")
	}
	return out.String()
}

func TestLineDiff(t *testing.T) {
	require.Empty(t, lineDiff("a\nb", "a\nb"))
	require.Equal(t, "  …\n  2\n  3\n- 4\n+ four\n  5\n  6\n  …\n", lineDiff("1\n2\n3\n4\n5\n6\n7", "1\n2\n3\nfour\n5\n6\n7"))
	require.Equal(t, "- a\n  b\n+ c\n", lineDiff("a\nb", "b\nc"))
	require.Equal(t, "  a\n  b\n- c\n", lineDiff("a\nb\nc", "a\nb"))
}
