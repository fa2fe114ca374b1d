// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The documents are what the committed results make of them: nobody wrote a number by
// hand, and nobody forgot to run -document.
func TestDocumentsAreGenerated(t *testing.T) {
	const dir = "../.."
	results, err := readFile(filepath.Join(dir, resultsFile))
	require.NoError(t, err)
	multiproc, err := readFile(filepath.Join(dir, multiprocFile))
	require.NoError(t, err)
	p, err := newDocument(results, multiproc, dir)
	require.NoError(t, err)
	const again = "run: cd benchmarks && go run ./cmd/compare -from results.txt -document"

	performance, err := os.ReadFile(filepath.Join(dir, "..", "docs", "performance.md"))
	require.NoError(t, err)
	require.Equal(t, p.performance(), string(performance), again)

	readme, err := os.ReadFile(filepath.Join(dir, "..", "README.md"))
	require.NoError(t, err)
	want, err := p.readme(string(readme))
	require.NoError(t, err)
	require.Equal(t, want, string(readme), again)
}

func TestReadmeNeedsItsMarkers(t *testing.T) {
	results, err := read(strings.NewReader(sample), "sample")
	require.NoError(t, err)
	p := &page{table: results}
	_, err = p.readme("# Ember\n")
	require.EqualError(t, err, "the README has no place for the table")
	got, err := p.readme("before\n" + readmeBegin + "stale\n" + readmeEnd + "after\n")
	require.NoError(t, err)
	require.Contains(t, got, "\n| count one, both cores | 6.00 ns | 12.0 ns |  | **3.00 ns** | 2.00 |\n")
	require.NotContains(t, got, "stale")
	require.True(t, strings.HasPrefix(got, "before\n"+readmeBegin) && strings.HasSuffix(got, readmeEnd+"after\n"))
}

// Each missed promise has its explanation, and nothing else has.
func TestExplanations(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "missed.md"), []byte(`# Missed

Of no interest.

## A counter in a crowd

- `+"`CounterInc/work=0/goroutines=2 against client_golang`"+`
- `+"`Summary/work=0/goroutines=1 against client_golang`"+`
- `+"`Nothing at all`"+`

It is slow.

- A list of what was tried.
`), 0o666))
	results, err := read(strings.NewReader(sample), "sample")
	require.NoError(t, err)
	p, err := newPage(results, promises, dir)
	require.NoError(t, err)
	p.verdicts = nil
	for _, promised := range promises {
		if v := results.judge(promised); v.measured {
			p.verdicts = append(p.verdicts, v)
		}
	}
	require.Equal(t, []string{
		`section "A counter in a crowd" is about a promise that is kept: Summary/work=0/goroutines=1 against client_golang`,
		`section "A counter in a crowd" is about what is not promised: Nothing at all`,
		"unexplained: CounterInc/work=0/goroutines=1 against atomic: 1.11, promised at most 1.10",
		"unexplained: Scrape/set=mixed/series=10000/format=text/encoding=gzip wire-B/op against stdlib1: 1.09, promised at most 1.00",
	}, compareExplained(p.verdicts, p.explained))

	var b strings.Builder
	p.missed(&b, "## What was missed, and why")
	require.Equal(t, `## What was missed, and why

### A counter in a crowd

- CounterInc/work=0/goroutines=2 against client_golang: 2.00, promised at least 3.50

It is slow.

- A list of what was tried.

### Unexplained

- CounterInc/work=0/goroutines=1 against atomic: 1.11, promised at most 1.10
- Scrape/set=mixed/series=10000/format=text/encoding=gzip wire-B/op against stdlib1: 1.09, promised at most 1.00

`, b.String())

	b.Reset()
	p.losses(&b)
	require.Contains(t, b.String(), "\n| `CounterInc/work=0/goroutines=2` | 6.00 ns | OpenTelemetry | 3.00 ns | **0.50** |\n")
}

func TestExplanationsNeedAListAndAText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "missed.md")
	for name, tc := range map[string]struct {
		text string
		ok   bool
	}{
		"empty":     {"# Missed\n", true},
		"no list":   {"## A\n\nText.\n", false},
		"no text":   {"## A\n\n- `x`\n", false},
		"all there": {"## A\n\n- `x`\n- `y`\n\nText.\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(file, []byte(tc.text), 0o666))
			_, err := readMissed(file)
			if tc.ok {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, file+`: section "A" needs a list of promises and a text`)
			}
		})
	}
}

func TestQuantities(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{6e-9, "sec/op", "6.00 ns"},
		{12.74e-9, "sec/op", "12.7 ns"},
		{9.996e-9, "sec/op", "10.0 ns"},
		{183e-9, "gc-sec/series", "183 ns"},
		{2.7e-6, "sec/op", "2.70 µs"},
		{-1.25e-3, "added-sec", "-1.25 ms"},
		{9.7, "sec/op", "9.70 s"},
		{620, "B/series", "620 B"},
		{71341, "B/series", "71.3 KB"},
		{4375100, "added-B", "4.38 MB"},
		{0.2031, "extra-MiB", "0.20 MiB"},
		{0.038, "longest-wait-ms", "0.04 ms"},
	} {
		require.Equal(t, tc.want, quantity(tc.value, tc.unit))
	}
}
