// SPDX-License-Identifier: Apache-2.0

// Package benchmarks compares Ember with its rivals, side by side in one process:
// [prometheus/client_golang], and [VictoriaMetrics/metrics] where that has the
// same thing. It is a module of its own, so that they never reach a user's
// go.mod.
//
// One command runs every case several times, each round all of them, and prints
// the medians and how many times faster Ember is:
//
//	go run ./cmd/compare
//
// With -check it fails if a ratio is below what Ember promises. What it measured
// is left in bench.txt, for
//
//	go tool benchstat -col /impl bench.txt
//
// The names of the benchmarks say what was done:
//
//   - work=0 is a tight loop of updates; work=100ns and work=1us compute for about
//     that long after each, as programs do. BenchmarkWork is that work alone.
//   - cores=1 is one goroutine, cores=2 are two that update the same instrument, or
//     vector, at once. The time is that of the whole divided by the updates of all.
//   - set is what is scraped, format and encoding are those of the answer, which is
//     that of each library's http.Handler.
//   - classic is how many classic buckets a native histogram has besides.
//   - impl is the library.
//
// Instruments are fresh in each, and were in use by all the cores for a moment
// before the clock starts.
//
// [prometheus/client_golang]: https://github.com/prometheus/client_golang
// [VictoriaMetrics/metrics]: https://github.com/VictoriaMetrics/metrics
package benchmarks
