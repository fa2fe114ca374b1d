// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const sample = `go: go1.26.0
goos: linux
BenchmarkCounterInc/work=0/goroutines=1/impl=ember-2          1000   5.0 ns/op
BenchmarkCounterInc/work=0/goroutines=1/impl=atomic-2         1000   4.5 ns/op
BenchmarkCounterInc/work=0/goroutines=2/impl=ember-2          1000   4.0 ns/op   0 B/op  0 allocs/op
BenchmarkCounterInc/work=0/goroutines=2/impl=otel-2           1000   3.0 ns/op   0 B/op  0 allocs/op
BenchmarkCounterInc/work=0/goroutines=2/impl=client_golang-2  1000  12.0 ns/op   0 B/op  0 allocs/op
BenchmarkSummary/work=0/goroutines=1/impl=ember-2             1000  50.0 ns/op
BenchmarkSummary/work=0/goroutines=1/impl=client_golang-2     1000   799.9 ns/op
BenchmarkHeap/series=counter/impl=ember-2                        1   175 B/series
BenchmarkHeap/series=counter/impl=client_golang-2                1   500 B/series
BenchmarkCounterInc/work=0/goroutines=2/impl=ember-2          1000   6.0 ns/op
BenchmarkCounterInc/work=0/goroutines=2/impl=client_golang-2  1000  12.0 ns/op
BenchmarkCounterInc/work=0/goroutines=2/impl=ember-2          1000   400 ns/op
BenchmarkCounterInc/work=0/goroutines=2/impl=client_golang-2  1000  15.0 ns/op
BenchmarkWithFresh/series=100/work=0/goroutines=1/impl=ember-2     1000  50 ns/op
BenchmarkWithFresh/series=100000/work=0/goroutines=1/impl=ember-2  1000  75 ns/op
BenchmarkMemory/series=1000000/impl=ember-2                      1   0.25 extra-MiB
BenchmarkScrape/set=mixed/series=10000/format=text/encoding=gzip/impl=ember-2  10  1200 wire-B/op  1100 stdlib1-B/op  0 ns/op
BenchmarkWork/work=1us/goroutines=1/impl=none-2               1000  1000 ns/op
PASS
`

func TestComparesMediansAndPromises(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.txt")
	require.NoError(t, os.WriteFile(file, []byte(sample), 0o666))

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-from", file}, &out, &out))
	require.Equal(t, strings.TrimPrefix(`
sec/op                                         ember  client_golang     otel   atomic     none  client_golang/ember  otel/ember
CounterInc/work=0/goroutines=1               5.00 ns                          4.50 ns
CounterInc/work=0/goroutines=2               6.00 ns        12.0 ns  3.00 ns                                   2.00        0.50
Summary/work=0/goroutines=1                  50.0 ns         800 ns                                           16.00
WithFresh/series=100/work=0/goroutines=1     50.0 ns
WithFresh/series=100000/work=0/goroutines=1  75.0 ns
Work/work=1us/goroutines=1                                                             1.00 µs

B/series             ember  client_golang  client_golang/ember
Heap/series=counter  175 B          500 B                 2.86

wire-B/op                                                 ember  stdlib1
Scrape/set=mixed/series=10000/format=text/encoding=gzip  1200 B   1100 B

extra-MiB                 ember
Memory/series=1000000  0.25 MiB
`, "\n"), out.String())

	out.Reset()
	err := run(t.Context(), []string{"-from", file, "-check", "-filter=some"}, &out, &out)
	require.ErrorContains(t, err, "3 of ")
	verdicts := out.String()[strings.LastIndex(out.String(), "\n\n")+2:]
	require.Equal(t, strings.TrimPrefix(`
MISSED  CounterInc/work=0/goroutines=2 against client_golang: 2.00, promised at least 3.50
kept    Summary/work=0/goroutines=1 against client_golang: 16.00, promised at least 14.00
MISSED  CounterInc/work=0/goroutines=1 against atomic: 1.11, promised at most 1.10
kept    WithFresh/series=100000/work=0/goroutines=1 against WithFresh/series=100/work=0/goroutines=1: 1.50, promised at most 2.50
MISSED  Scrape/set=mixed/series=10000/format=text/encoding=gzip wire-B/op against stdlib1: 1.09, promised at most 1.00
kept    Memory/series=1000000 extra-MiB: 0.25, promised at most 8.00
kept    Heap/series=counter B/series against client_golang: 0.35, promised at most 0.35
`, "\n"), verdicts)
}

// What is not measured is missed, unless it was left out on purpose.
func TestChecksThatAllWasMeasured(t *testing.T) {
	results, err := read(strings.NewReader(sample), "sample")
	require.NoError(t, err)
	var out bytes.Buffer
	require.Error(t, results.check(&out, promises, false))
	require.Contains(t, out.String(), "MISSED  Wait/series=1000000 longest-wait-ms was not measured\n")
}

func TestPromisesDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range append(promisesOf(false), promisesOf(true)...) {
		require.False(t, seen[p.String()], "%s is promised twice", p)
		seen[p.String()] = true
		require.NotEqual(t, p.least > 0, p.most > 0, "%s has one bound", p)
	}
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	var out bytes.Buffer
	require.EqualError(t, run(t.Context(), []string{"-from", "x", "more"}, &out, &out), `unexpected argument "more"`)
	require.Error(t, run(t.Context(), []string{"-from", filepath.Join(t.TempDir(), "none")}, &out, &out))
}

func TestFilters(t *testing.T) {
	var names []string
	for _, c := range classes {
		names = append(names, c.names...)
	}
	names = append(names, "CounterInc", "Summary")
	for filter, want := range map[string]struct {
		patterns []string
		err      string
	}{
		"Inc$":                      {patterns: []string{"^Benchmark(CounterInc)$"}},
		"Counter|^BenchmarkS/set=x": {patterns: []string{"^Benchmark(CounterInc|Summary)$/set=x", "^Benchmark(Scrape|Serve)$/set=x", "^Benchmark(Start)$/set=x"}},
		"none":                      {err: `no benchmark matches "none"`},
		"(":                         {err: "the filter: error parsing regexp: missing closing ): `(`"},
	} {
		t.Run(filter, func(t *testing.T) {
			got, err := (&measurement{filter: filter}).patterns(names)
			if want.err != "" {
				require.EqualError(t, err, want.err)
				return
			}
			require.NoError(t, err)
			var patterns []string
			for _, p := range got {
				patterns = append(patterns, p.pattern)
			}
			require.Equal(t, want.patterns, patterns)
		})
	}
	got, err := (&measurement{filter: ".", multiproc: true}).patterns(append(names, "MultiprocUpdate"))
	require.NoError(t, err)
	require.Len(t, got, 2, "those of many processes, and no others")
	require.Equal(t, "^Benchmark(MultiprocUpdate)$", got[0].pattern)
	require.Equal(t, "^Benchmark(MultiprocScrape|MultiprocDead)$", got[1].pattern)
	_, err = (&measurement{filter: "."}).patterns([]string{"CounterInc"})
	require.EqualError(t, err, `there is no benchmark of the name "Create"`)
}
