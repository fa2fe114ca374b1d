// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"
)

// BenchmarkGC measures what live series cost each garbage collection: gc-ns/series is how
// much longer one takes than without them, on all cores, and scan-B/series how many bytes
// it has to look through for pointers. The series are those of BenchmarkHeap.
func BenchmarkGC(b *testing.B) {
	for _, c := range heapCases[:2] {
		for _, l := range c.libraries {
			b.Run(fmt.Sprintf("series=%s/impl=%s", c.name, l), func(b *testing.B) {
				cost, scan := collections(b.N), scannable()
				s := l.service()
				c.make(s, c.series)
				cost, scan = collections(b.N)-cost, scannable()-scan
				runtime.KeepAlive(s)
				b.ReportMetric(float64(cost.Nanoseconds())/float64(c.series), "gc-ns/series")
				b.ReportMetric(scan/float64(c.series), "scan-B/series")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// collections returns the median time of n garbage collections.
func collections(n int) time.Duration {
	runtime.GC() // what was allocated until now
	took := make([]time.Duration, n)
	for i := range took {
		start := time.Now()
		runtime.GC()
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took[n/2]
}

// scannable returns the bytes of live objects that may hold pointers.
func scannable() float64 {
	s := []metrics.Sample{{Name: "/gc/scan/heap:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64())
}
