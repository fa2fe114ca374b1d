// SPDX-License-Identifier: Apache-2.0

//go:build !race

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every benchmark runs and says what it does, all that is promised is measured, and
// all that VictoriaMetrics/metrics can record is promised.
func TestRunsEachBenchmarkOnce(t *testing.T) {
	measured := runOnce(t, false)
	promised := make(map[string]bool)
	for _, p := range promises {
		promised[p.String()] = true
		if !p.minutes() {
			require.True(t, measured.judge(p).measured, "%s was not measured", p)
		}
	}
	about, err := comments("../..")
	require.NoError(t, err)
	for _, r := range measured.order {
		benchmark, _, _ := strings.Cut(r.name, "/")
		require.Contains(t, about[benchmark], "Benchmark"+benchmark+" ")
		_, ok := measured.median(r, ours)
		require.True(t, ok || benchmark == "Work", "%s has no result of %s", r.name, ours)
		if _, ok := measured.median(r, "victoriametrics"); ok && r.unit == "sec/op" && strings.Contains(r.name, "goroutines=") {
			require.True(t, promised[r.name+" against victoriametrics"], "%s is not promised", r.name)
		}
	}
	for _, h := range headlines {
		_, ok := measured.median(h.row, ours)
		require.True(t, ok, "the README's %q was not measured", h.label)
	}
}

// All that is promised of many processes is measured.
func TestRunsMultiprocOnce(t *testing.T) {
	measured := runOnce(t, true)
	for _, p := range multiprocPromises {
		v := measured.judge(p)
		if !v.measured && p.than.impl == "client_python" {
			t.Log("client_python is missing; on Debian: apt-get install python3-prometheus-client")
			continue
		}
		require.True(t, v.measured, "%s was not measured", p)
	}
	about, err := comments("../..")
	require.NoError(t, err)
	for _, r := range measured.order {
		benchmark, _, _ := strings.Cut(r.name, "/")
		require.Contains(t, about[benchmark], "Benchmark"+benchmark+" ")
	}
}

func runOnce(t *testing.T, multiproc bool) *table {
	var results, log bytes.Buffer
	m := measurement{count: 1, benchtime: "1x", filter: ".", multiproc: multiproc}
	require.NoError(t, m.run(t.Context(), &results, &log), "%s\n%s", &log, &results)
	measured, err := read(&results, "results")
	require.NoError(t, err)
	return measured
}
