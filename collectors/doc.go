// SPDX-License-Identifier: Apache-2.0

// Package collectors reads the Go runtime, the process and the build, and
// writes them under the names that existing dashboards and alerts know.
//
//	reg.Register(collectors.NewGo(collectors.GoOpts{}))
//	reg.Register(collectors.NewProcess(collectors.ProcessOpts{}))
//	reg.Register(collectors.NewBuildInfo())
//
// Names, kinds, labels and values are those of client_golang's collectors of the
// same purpose, and the help texts are not. There are three differences:
//
//   - process_network_receive_bytes_total and process_network_transmit_bytes_total
//     are left out. They count the traffic of the whole network namespace, not
//     that of the process.
//   - go_build_info has two labels more, revision and modified.
//   - Sums of the runtime's distributions of time, which are estimates, take an
//     observation for the middle of its bucket and not for the lower end.
//
// # More of the runtime
//
// [Go] writes a fixed set by default. GoOpts.Allow adds any other metric of
// [runtime/metrics], one by one or by prefix:
//
//	collectors.NewGo(collectors.GoOpts{Allow: []string{
//		"/sched/latencies:seconds", // how long goroutines wait to run
//		"/cpu/classes/*",           // where the CPU time goes
//	}})
//
// # Price
//
// No collector stops the world. Scraping [Go] or [Process] reuses the buffers of
// the scrape before; scrapes of one collector that overlap take turns, each for
// some microseconds. Apart from what the sink keeps, a scrape of Go allocates
// once, or twice if it has histograms, and one of Process three times.
// [BuildInfo] is read once, and its scrapes allocate nothing.
package collectors
