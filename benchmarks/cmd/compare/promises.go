// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
)

// never is how "never slower" is judged. Where most of the time is somebody else's work,
// or both libraries are one instruction, the medians of ten rounds differ by as much as
// two in a hundred from run to run, whichever library it is.
const never = 0.98

// promises are for two cores and medians of ten rounds.
var promises = slices.Concat(
	recording(),
	[]promise{
		// One atomic addition is all that a counter can be.
		{row: row{"sec/op", "CounterInc/work=0/goroutines=1"}, than: subject{impl: "atomic"}, most: 1.10},
		faster("Create", "client_golang", 2.5),
		// All metrics of a request, against promhttp's wrappers.
		faster("Middleware/routing=none/goroutines=1", "client_golang", 5),
		// Many series cost what few do.
		{
			row:  row{"sec/op", "WithFresh/series=100000/work=0/goroutines=1"},
			than: subject{name: "WithFresh/series=100/work=0/goroutines=1"}, most: 2.5,
		},
		{
			row:  row{"sec/op", "WithFresh/series=100000/work=0/goroutines=2"},
			than: subject{name: "WithFresh/series=100/work=0/goroutines=2"}, most: 2.5,
		},
	},
	scraping(),
	[]promise{
		smaller("B/series", "Heap/series=counter", 0.35),
		smaller("B/series", "Heap/series=histogram", 0.45),
		smaller("B/series", "Heap/series=summary_idle", 0.08),
		smaller("B/series", "Heap/series=summary_1000", 0.08),
		smaller("added-B", "Binary/symbols=true", 0.3),
		smaller("added-B", "Binary/symbols=false", 0.3),
	},
	neverSlower(),
)

// promisesOf returns the promises of many processes, or all others.
func promisesOf(multiproc bool) []promise {
	if multiproc {
		return multiprocPromises
	}
	return promises
}

// multiprocPromises are that an instrument in a mapped file costs what any other does, and
// that the files of many processes are read in no time that matters.
var multiprocPromises = slices.Concat(
	mapped(),
	[]promise{
		{row: row{"scrape-ms", "MultiprocScrape/files=64/as=data"}, most: 25},
		{row: row{"scrape-ms", "MultiprocScrape/files=64/as=text"}, most: 25},
		faster("MultiprocScrape/files=64/as=text", "client_python", 20),
		{row: row{"first-scrape-ms", "MultiprocDead/dead=10000"}, most: 3000},
		{row: row{"sec/op", "MultiprocDead/dead=10000"}, than: subject{name: "MultiprocDead/dead=0"}, most: 1.1},
	},
)

func mapped() (all []promise) {
	for _, op := range []string{"inc", "add", "gauge_set", "gauge_add", "histogram", "native", "summary", "with_inc"} {
		for _, goroutines := range []int{1, 2} {
			all = append(all, promise{
				row:  row{"sec/op", fmt.Sprintf("MultiprocUpdate/op=%s/work=0/goroutines=%d", op, goroutines)},
				than: subject{impl: "heap"}, most: 1.1,
			})
		}
	}
	return all
}

// faster promises that a library takes so many times as long as Ember.
func faster(name, impl string, least float64) promise {
	return promise{row: row{"sec/op", name}, than: subject{impl: impl}, least: least}
}

// smaller promises that Ember needs at most this part of what client_golang does.
func smaller(unit, name string, most float64) promise {
	return promise{row: row{unit, name}, than: subject{impl: "client_golang"}, most: most}
}

// recording is how much faster updates are than client_golang's, on one goroutine and
// on two.
func recording() (all []promise) {
	for _, c := range []struct {
		name     string
		one, two float64
	}{
		{"CounterInc", 1.15, 3.5},
		{"CounterAdd", 0, 7},
		{"WithConstant", 5, 20},
		{"WithFresh/series=100000", 3, 6},
		{"Histogram", 1.8, 12},
		{"Native/classic=0", 2.2, 12},
		{"Summary", 14, 25},
	} {
		if c.one > 0 {
			all = append(all, faster(c.name+"/work=0/goroutines=1", "client_golang", c.one))
		}
		all = append(all, faster(c.name+"/work=0/goroutines=2", "client_golang", c.two))
	}
	return all
}

// scraping is of speed, size, memory and waiting.
func scraping() (all []promise) {
	const mixed, many = "Scrape/set=mixed/series=10000", "Scrape/set=counters/series=1000000"
	for _, c := range []struct {
		format      string
		plain, gzip float64
	}{
		{"text", 30, 9}, {"openmetrics", 30, 9}, {"protobuf", 20, 9},
	} {
		name := mixed + "/format=" + c.format
		all = append(all,
			faster(name+"/encoding=identity", "client_golang", c.plain),
			faster(name+"/encoding=gzip", "client_golang", c.gzip),
			promise{row: row{"wire-B/op", name + "/encoding=gzip"}, than: subject{impl: stdlib1}, most: 1})
	}
	const plainText = "/format=text/encoding=identity"
	return append(all,
		faster(many+plainText, "client_golang", 60),
		faster("Scrape/set=counters/series=10000"+plainText, "victoriametrics", 4),
		promise{
			row:  row{"sec/series", many + plainText},
			than: subject{name: "Scrape/set=counters/series=10000" + plainText}, most: 2.5,
		},
		promise{row: row{"extra-MiB", "Memory/series=1000000"}, most: 8},
		promise{row: row{"longest-wait-ms", "Wait/series=1000000"}, most: 5},
	)
}

// neverSlower is that with 1 µs of work between updates, as programs have, no update
// costs more than client_golang's; and that none costs more than that of
// VictoriaMetrics/metrics, whatever happens between updates.
func neverSlower() (all []promise) {
	for _, name := range []string{
		"CounterInc", "CounterAdd", "WithConstant", "WithFresh/series=100000",
		"Histogram", "Native/classic=0", "Summary",
	} {
		for _, goroutines := range []int{1, 2} {
			all = append(all, faster(fmt.Sprintf("%s/work=1us/goroutines=%d", name, goroutines), "client_golang", never))
		}
	}
	for _, name := range []string{
		"CounterInc", "CounterAdd", "GaugeSet", "GaugeAdd", "WithConstant",
		"WithFresh/series=100000", "Native/classic=0", "Summary",
	} {
		for _, work := range []string{"0", "100ns", "1us"} {
			for _, goroutines := range []int{1, 2, 64} {
				all = append(all, faster(fmt.Sprintf("%s/work=%s/goroutines=%d", name, work, goroutines), "victoriametrics", never))
			}
		}
	}
	for _, series := range []int{1, 100, 1_000} {
		for _, goroutines := range []int{1, 2} {
			all = append(all, faster(fmt.Sprintf("WithFresh/series=%d/work=0/goroutines=%d", series, goroutines), "victoriametrics", never))
		}
	}
	return all
}
