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
BenchmarkCounterInc/work=0/cores=2/impl=ember-2          1000   4.0 ns/op   0 B/op  0 allocs/op
BenchmarkCounterInc/work=0/cores=2/impl=client_golang-2  1000  12.0 ns/op   0 B/op  0 allocs/op
BenchmarkSummary/work=0/cores=1/impl=ember-2             1000  50.0 ns/op
BenchmarkSummary/work=0/cores=1/impl=client_golang-2     1000   450 ns/op
BenchmarkHeap/series=counter/impl=ember-2                   1   175 B/series
BenchmarkCounterInc/work=0/cores=2/impl=ember-2          1000   6.0 ns/op
BenchmarkCounterInc/work=0/cores=2/impl=client_golang-2  1000  12.0 ns/op
BenchmarkCounterInc/work=0/cores=2/impl=ember-2          1000   400 ns/op
BenchmarkCounterInc/work=0/cores=2/impl=client_golang-2  1000  15.0 ns/op
BenchmarkWork/work=1us/cores=1/impl=none-2               1000  1000 ns/op
PASS
`

func TestComparesMediansAndPromises(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bench.txt")
	require.NoError(t, os.WriteFile(file, []byte(sample), 0o666))

	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-from", file}, &out, &out))
	require.Equal(t, strings.TrimPrefix(`
sec/op                      ember  client_golang    none  client_golang/ember
CounterInc/work=0/cores=2  6.000n         12.00n                         2.00
Summary/work=0/cores=1     50.00n         450.0n                         9.00
Work/work=1us/cores=1                             1.000µ

B/series             ember  client_golang  none  client_golang/ember
Heap/series=counter  175.0
`, "\n"), out.String())

	out.Reset()
	err := run(t.Context(), []string{"-from", file, "-check"}, &out, &out)
	require.EqualError(t, err, "2 of 22 promises were missed")
	verdicts := out.String()[strings.LastIndex(out.String(), "\n\n")+2:]
	require.Equal(t, strings.TrimPrefix(`
MISSED  CounterInc/work=0/cores=2 is 2.00 times faster, promised 2.50
MISSED  Summary/work=0/cores=1 is 9.00 times faster, promised 10.00
kept    Heap/series=counter is 175 B/series, promised at most 260
`, "\n"), verdicts)
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	var out bytes.Buffer
	require.EqualError(t, run(t.Context(), []string{"-from", "x", "more"}, &out, &out), `unexpected argument "more"`)
	require.Error(t, run(t.Context(), []string{"-from", filepath.Join(t.TempDir(), "none")}, &out, &out))
}

// Every benchmark runs, and all that is promised is measured.
func TestRunsEachBenchmarkOnce(t *testing.T) {
	var results, log bytes.Buffer
	m := measurement{count: 1, benchtime: "1x", filter: "."}
	require.NoError(t, m.run(t.Context(), &results, &log), "%s\n%s", &log, &results)

	measured, err := read(&results, "results")
	require.NoError(t, err)
	for _, p := range promises {
		_, _, ok := measured.judge(p)
		require.True(t, ok, "%s was not measured", p.name)
	}
	for _, r := range measured.order {
		_, ok := measured.median(r, ours)
		require.True(t, ok || strings.HasPrefix(r.name, "Work/"), "%s has no result of %s", r.name, ours)
	}
}
