// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"runtime"
	"testing"
)

// heapCase is something whose memory is weighed. There are so many of it that what
// belongs to the process, a few KiB, does not show.
type heapCase struct {
	name      string
	series    int
	make      func(s service, series int)
	libraries []library
}

var heapCases = []heapCase{
	{"counter", 100_000, func(s service, n int) { s.counters("x_total", n) }, []library{emberLib, clientLib, victoriaLib, otelLib}},
	{"histogram", 100_000, func(s service, n int) { s.histograms("x_seconds", n) }, []library{emberLib, clientLib, otelLib}},
	{"native_1000", 2_000, func(s service, n int) { s.natives("x_seconds", n, 1_000) }, []library{emberLib, clientLib}},
	{"summary_idle", 2_000, func(s service, n int) { s.summaries("x_seconds", n, 0) }, []library{emberLib, clientLib, victoriaLib}},
	{"summary_1000", 2_000, func(s service, n int) { s.summaries("x_seconds", n, 1_000) }, []library{emberLib, clientLib, victoriaLib}},
}

// perSeries returns how many bytes the heap has more for each series. The label
// values are strings made for the purpose, as those of requests are.
func (c *heapCase) perSeries(l library) float64 {
	before := heapInUse()
	s := l.service()
	c.make(s, c.series)
	after := heapInUse()
	runtime.KeepAlive(s)
	return (float64(after) - float64(before)) / float64(c.series)
}

// heapInUse returns the bytes of all live objects.
func heapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what the first one put aside: pools, finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHeap weighs a counter with three labels; a histogram with two and the 11
// default buckets; a native one with two after a thousand observations; and a summary
// with two and three quantiles, before the first observation and after a thousand. It is
// exact, and takes no time worth a number.
func BenchmarkHeap(b *testing.B) {
	for _, c := range heapCases {
		for _, l := range c.libraries {
			var bytes float64
			b.Run("series="+c.name+"/impl="+string(l), func(b *testing.B) {
				if bytes == 0 {
					bytes = c.perSeries(l)
				}
				b.ReportMetric(bytes, "B/series")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
