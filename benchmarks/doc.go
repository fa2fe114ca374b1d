// SPDX-License-Identifier: Apache-2.0

// Package benchmarks compares Ember with its rivals, side by side in one process:
// [prometheus/client_golang], and [VictoriaMetrics/metrics] and the SDK of
// [OpenTelemetry] where those have the same thing. It is a module of its own, so that
// they never reach a user's go.mod. What Ember's documents claim comes from here.
//
// One command runs every case several times, each round all of them and the libraries
// of one case right after each other, and prints the medians and how many times faster
// Ember is:
//
//	go run ./cmd/compare
//
// With -check it fails if a ratio is below what Ember promises. What it measured is left
// in bench.txt, for
//
//	go tool benchstat -col /impl bench.txt
//
// The README's table and docs/performance.md are made from results.txt, which is such a
// file, and missed.md, which says why a promise was missed:
//
//	go run ./cmd/compare -o results.txt -document
//	go run ./cmd/compare -from results.txt -document
//
// What it costs that many processes are scraped as one is measured apart, and left in
// results-multiproc.txt:
//
//	go run ./cmd/compare -multiproc -o results-multiproc.txt -document
//
// The names of the benchmarks say what was done:
//
//   - work=0 is a tight loop of updates; work=100ns and work=1us compute for about
//     that long after each, as programs do. BenchmarkWork is that work alone.
//   - goroutines=1 is one; goroutines=2 are as many as there are cores, and update the
//     same instrument, or vector, at once; goroutines=64 do so in turns. The time is that
//     of the whole divided by the updates of all.
//   - series is how many there are, or of what kind they are.
//   - set is what is scraped, format and encoding are those of the answer, which is
//     that of each library's http.Handler.
//   - classic is how many classic buckets a native histogram has besides.
//   - symbols is whether a binary has its symbols and debug information.
//   - impl is the library. Some are none: impl=atomic is the bare instruction, impl=typed
//     is Ember by structs instead of strings, impl=none is the work alone. impl=heap is
//     Ember without a directory that processes share.
//
// Instruments are fresh in each, and were in use by all the cores for a moment before
// the clock starts. Each library is used as it advises. What is not the time of an
// operation has a unit of its own:
//
//   - B/series is the heap of a series, scan-B/series what of it garbage collections look
//     through, gc-ns/series how much longer they take for it.
//   - wire-B/op is the size of an answer; stdlib1-B/op is that of the same answer
//     compressed by level 1 of the standard library.
//   - extra-MiB is by how much a scrape lets the process grow, longest-wait-ms what a new
//     series waits for it at most.
//   - added-B and added-ns are what a library adds to the size and the start of a bare
//     HTTP server.
//
// Rivals with 1,000,000 series take minutes, and are measured only with -million, which
// cmd/compare gives in its first round.
//
// [prometheus/client_golang]: https://github.com/prometheus/client_golang
// [VictoriaMetrics/metrics]: https://github.com/VictoriaMetrics/metrics
// [OpenTelemetry]: https://opentelemetry.io/docs/languages/go/
package benchmarks
