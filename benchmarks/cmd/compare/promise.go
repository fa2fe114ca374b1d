// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
)

// promise is what Ember says of itself in one case.
type promise struct {
	row
	ratio float64 // client_golang takes at least so many times as much; 0: not promised
	most  float64 // Ember takes at most this; 0: not promised
}

// promises are for two cores and a median of at least six rounds.
var promises = []promise{
	{row: row{"sec/op", "CounterInc/work=0/cores=1"}, ratio: 1},
	{row: row{"sec/op", "CounterInc/work=0/cores=2"}, ratio: 2.5},
	{row: row{"sec/op", "WithConstant/work=0/cores=1"}, ratio: 4},
	{row: row{"sec/op", "WithConstant/work=0/cores=2"}, ratio: 10},
	{row: row{"sec/op", "Histogram/work=0/cores=1"}, ratio: 1.5},
	{row: row{"sec/op", "Histogram/work=0/cores=2"}, ratio: 8},
	{row: row{"sec/op", "Native/classic=0/work=0/cores=1"}, ratio: 2},
	{row: row{"sec/op", "Native/classic=0/work=0/cores=2"}, ratio: 8},
	{row: row{"sec/op", "Native/classic=11/work=0/cores=1"}, ratio: 2},
	{row: row{"sec/op", "Native/classic=11/work=0/cores=2"}, ratio: 8},
	{row: row{"sec/op", "Summary/work=0/cores=1"}, ratio: 10},
	{row: row{"sec/op", "Scrape/set=counters/format=text/encoding=identity"}, ratio: 20},
	{row: row{"sec/op", "Scrape/set=counters/format=text/encoding=gzip"}, ratio: 6},
	{row: row{"sec/op", "Scrape/set=counters/format=openmetrics/encoding=identity"}, ratio: 20},
	{row: row{"sec/op", "Scrape/set=counters/format=openmetrics/encoding=gzip"}, ratio: 7},
	{row: row{"sec/op", "Scrape/set=counters/format=protobuf/encoding=identity"}, ratio: 15},
	{row: row{"sec/op", "Scrape/set=counters/format=protobuf/encoding=gzip"}, ratio: 7},
	{row: row{"sec/op", "Scrape/set=mixed/format=openmetrics/encoding=identity"}, ratio: 20},
	{row: row{"sec/op", "Scrape/set=mixed/format=openmetrics/encoding=gzip"}, ratio: 7},
	{row: row{"sec/op", "Scrape/set=mixed/format=protobuf/encoding=identity"}, ratio: 15},
	{row: row{"sec/op", "Scrape/set=mixed/format=protobuf/encoding=gzip"}, ratio: 7},
	{row: row{"B/series", "Heap/series=counter"}, most: 260},
}

// judge says in words how a promise fared.
func (t *table) judge(p promise) (verdict string, kept, measured bool) {
	if p.most > 0 {
		v, ok := t.median(p.row, ours)
		return fmt.Sprintf("%s is %.0f %s, promised at most %.0f", p.name, v, p.unit, p.most), v <= p.most, ok
	}
	v, ok := t.ratio(p.row)
	return fmt.Sprintf("%s is %s times faster, promised %s", p.name, formatRatio(v), formatRatio(p.ratio)), v >= p.ratio, ok
}

// check writes how each promise fared, and returns an error if one was missed. If
// only part was measured, on purpose, the rest does not count.
func (t *table) check(out io.Writer, partial bool) error {
	fmt.Fprintln(out)
	missed := 0
	for _, p := range promises {
		verdict, kept, measured := t.judge(p)
		switch {
		case measured && kept:
			fmt.Fprintln(out, "kept   ", verdict)
		case measured:
			missed++
			fmt.Fprintln(out, "MISSED ", verdict)
		case !partial:
			missed++
			fmt.Fprintln(out, "MISSED ", p.name, "was not measured")
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d promises were missed", missed, len(promises))
	}
	return nil
}
