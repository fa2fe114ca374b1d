// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package pydb_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/pydb"
)

// fill writes files of a thousand samples each: 400 of counters and 600 of histograms.
func fill(tb testing.TB, dir string, files int) {
	for i := range files {
		var counters, histograms []rec
		for n := range 400 {
			counters = append(counters, counter("http_requests_total", float64(n), "method", "GET", "path", fmt.Sprintf("/users/%d", n), "status", "200"))
		}
		for n := range 600 {
			le := "+Inf"
			if n%12 < 11 {
				le = fmt.Sprint(float64(n%12) + 0.5)
			}
			histograms = append(histograms, sample("latency_seconds", "latency_seconds_bucket", float64(n), "path", fmt.Sprintf("/users/%d", n/12), "le", le))
		}
		put(tb, dir, fmt.Sprintf("counter_%d.db", i), counters...)
		put(tb, dir, fmt.Sprintf("histogram_%d.db", i), histograms...)
	}
}

// BenchmarkRead reads what 64 workers with a thousand samples each have written: anew,
// as the first scrape does, and again, as all others do.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 64)
	read := func(d *pydb.Dir) {
		families, problems, err := d.Read(b.Context())
		require.NoError(b, err)
		require.Empty(b, problems)
		require.Len(b, families, 2)
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read(pydb.New(dir))
		}
	})
	b.Run("again", func(b *testing.B) {
		d := pydb.New(dir)
		read(d)
		b.ReportAllocs()
		for b.Loop() {
			read(d)
		}
	})
}
