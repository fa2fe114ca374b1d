// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/perf/benchfmt"
)

// ours is what the benchmarks call Ember.
const ours = "ember"

// stdlib1 stands in a column of its own though it is reported with Ember's results:
// the size of an answer compressed by level 1 of the standard library.
const stdlib1 = "stdlib1"

// units are what tables show of all that was measured. Less is better in each.
var units = []string{
	"sec/op", "B/series", "scan-B/series", "gc-sec/series", "wire-B/op",
	"extra-MiB", "longest-wait-ms", "scrape-ms", "first-scrape-ms", "added-sec", "added-B",
}

// table holds results by unit, case and library.
type table struct {
	rows   map[row]map[string][]float64
	order  []row             // as they were met
	impls  []string          // Ember, its rivals, and others as they were met
	config map[string]string // of the last result
}

// row is one line of a table.
type row struct {
	unit string
	name string // of the benchmark, without the library
}

// readFile collects the results in a file.
func readFile(name string) (*table, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return read(file, name)
}

// read collects results as go test prints them.
func read(r io.Reader, fileName string) (*table, error) {
	t := &table{rows: make(map[row]map[string][]float64), config: make(map[string]string)}
	reader := benchfmt.NewReader(r, fileName)
	for reader.Scan() {
		switch result := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, result
		case *benchfmt.Result:
			name, impl := splitName(result.Name)
			if impl == "" {
				continue
			}
			for _, v := range result.Values {
				switch {
				case v.Value == 0: // nothing was timed
				case v.Unit == "stdlib1-B/op":
					t.add(row{"wire-B/op", name}, stdlib1, v.Value)
				default:
					t.add(row{v.Unit, name}, impl, v.Value)
				}
			}
			for _, c := range result.Config {
				t.config[c.Key] = string(c.Value)
			}
		}
	}
	t.impls = inOrder(t.impls)
	return t, reader.Err()
}

func (t *table) add(r row, impl string, value float64) {
	if t.rows[r] == nil {
		t.rows[r] = make(map[string][]float64)
		t.order = append(t.order, r)
	}
	if !slices.Contains(t.impls, impl) {
		t.impls = append(t.impls, impl)
	}
	t.rows[r][impl] = append(t.rows[r][impl], value)
}

// inOrder puts Ember and its rivals first.
func inOrder(impls []string) []string {
	known := append([]string{ours}, compared()...)
	rank := func(impl string) int {
		if i := slices.Index(known, impl); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(impls, func(a, b string) int { return rank(a) - rank(b) })
	return impls
}

// splitName takes the library and the number of processors out of a benchmark's
// name.
func splitName(n benchfmt.Name) (name, impl string) {
	base, parts := n.Parts()
	var b strings.Builder
	b.Write(base)
	for _, part := range parts {
		s := string(part)
		switch after, ok := strings.CutPrefix(s, "/impl="); {
		case ok:
			impl = after
		case !strings.HasPrefix(s, "-"):
			b.WriteString(s)
		}
	}
	return b.String(), impl
}

// median returns the middle of a library's results, or false if it has none.
func (t *table) median(r row, impl string) (float64, bool) {
	values := slices.Sorted(slices.Values(t.rows[r][impl]))
	n := len(values)
	if n == 0 {
		return 0, false
	}
	return (values[(n-1)/2] + values[n/2]) / 2, true
}

// ratio returns how many times as much as Ember a library takes, to two digits as it is
// printed, or false if one of the two was not measured or needs nothing at all.
func (t *table) ratio(r row, impl string) (float64, bool) {
	our, ok1 := t.median(r, ours)
	their, ok2 := t.median(r, impl)
	if !ok1 || !ok2 || our <= 0 || their <= 0 {
		return 0, false
	}
	return rounded(their / our), true
}

// print writes the medians and the ratios, a table for each unit.
func (t *table) print(out io.Writer) error {
	first := true
	for _, unit := range units {
		var rows []row
		for _, r := range t.order {
			if r.unit == unit {
				rows = append(rows, r)
			}
		}
		if len(rows) == 0 {
			continue
		}
		if !first {
			fmt.Fprintln(out)
		}
		first = false
		impls := t.columns(rows)
		heads := append([]string{unit}, impls...)
		for _, impl := range compared() {
			if slices.Contains(impls, impl) {
				heads = append(heads, impl+"/"+ours)
			}
		}
		lines := [][]string{heads}
		for _, r := range rows {
			lines = append(lines, t.line(r, impls))
		}
		if err := align(out, lines); err != nil {
			return err
		}
	}
	return nil
}

// columns returns the libraries that have a result in one of the rows.
func (t *table) columns(rows []row) (impls []string) {
	for _, impl := range t.impls {
		if slices.ContainsFunc(rows, func(r row) bool { return len(t.rows[r][impl]) > 0 }) {
			impls = append(impls, impl)
		}
	}
	return impls
}

// line returns the cells of one row: name, medians, ratios.
func (t *table) line(r row, impls []string) []string {
	cells := []string{r.name}
	for _, impl := range impls {
		cell := ""
		if v, ok := t.median(r, impl); ok {
			cell = quantity(v, r.unit)
		}
		cells = append(cells, cell)
	}
	for _, impl := range compared() {
		if slices.Contains(impls, impl) {
			cell := ""
			if ratio, ok := t.ratio(r, impl); ok {
				cell = formatRatio(ratio)
			}
			cells = append(cells, cell)
		}
	}
	return cells
}

// align writes cells in columns, the first flush left, the others flush right.
func align(out io.Writer, lines [][]string) error {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range lines {
		line := fmt.Sprintf("%-*s", widths[0], cells[0])
		for i, cell := range cells[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}

// rounded is what all ratios are, printed or judged.
func rounded(ratio float64) float64 { return math.Round(ratio*100) / 100 }

func formatRatio(ratio float64) string {
	if ratio >= 100 {
		return strconv.FormatFloat(ratio, 'f', 0, 64)
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64)
}
