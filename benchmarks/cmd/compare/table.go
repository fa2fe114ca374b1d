// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// The libraries that are compared, by the names that the benchmarks give them.
const (
	ours   = "ember"
	theirs = "client_golang"
)

// units are what the table shows of all that was measured.
var units = []string{"sec/op", "B/series"}

// table holds results by unit, case and library.
type table struct {
	rows  map[row]map[string][]float64
	order []row    // as they were met
	impls []string // as they were met
}

// row is one line of the printed table.
type row struct {
	unit string
	name string // of the benchmark, without the library
}

// read collects results as go test prints them.
func read(r io.Reader, fileName string) (*table, error) {
	t := &table{rows: make(map[row]map[string][]float64)}
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
				if slices.Contains(units, v.Unit) && v.Value > 0 {
					t.add(row{v.Unit, name}, impl, v.Value)
				}
			}
		}
	}
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

// ratio returns how many times as much client_golang takes, or false if one of the
// two was not measured.
func (t *table) ratio(r row) (float64, bool) {
	our, ok1 := t.median(r, ours)
	their, ok2 := t.median(r, theirs)
	return their / our, ok1 && ok2
}

// print writes the medians and the ratios, a table for each unit.
func (t *table) print(out io.Writer) error {
	for i, unit := range units {
		lines := [][]string{append(append([]string{unit}, t.impls...), theirs+"/"+ours)}
		for _, r := range t.order {
			if r.unit == unit {
				lines = append(lines, t.line(r))
			}
		}
		if len(lines) == 1 {
			continue
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := align(out, lines); err != nil {
			return err
		}
	}
	return nil
}

// line returns the cells of one row: name, medians, ratio.
func (t *table) line(r row) []string {
	cells := []string{r.name}
	for _, impl := range t.impls {
		cell := ""
		if v, ok := t.median(r, impl); ok {
			cell = benchunit.Scale(v, benchunit.ClassOf(r.unit))
		}
		cells = append(cells, cell)
	}
	if ratio, ok := t.ratio(r); ok {
		return append(cells, formatRatio(ratio))
	}
	return append(cells, "")
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

func formatRatio(ratio float64) string { return strconv.FormatFloat(ratio, 'f', 2, 64) }
