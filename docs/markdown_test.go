// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"strconv"
	"strings"
)

// quoted returns names as code.
func quoted(names ...string) string { return strings.Join(quotedEach(names), ", ") }

func quotedEach(names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, "`"+n+"`")
	}
	return all
}

// markdownTable returns a table whose columns are as wide as their cells, but the last.
func markdownTable(rows [][]string) string {
	widths := make([]int, len(rows[0])-1)
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], len([]rune(row[i])))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		for j, cell := range row[:len(widths)] {
			fmt.Fprintf(&b, "| %-*s ", widths[j], cell)
		}
		fmt.Fprintf(&b, "| %s |\n", row[len(widths)])
		if i == 0 {
			for _, w := range widths {
				fmt.Fprintf(&b, "|%s", strings.Repeat("-", w+2))
			}
			b.WriteString("|---|\n")
		}
	}
	return b.String()
}

// inCell returns a text as it can be in the cell of a table.
func inCell(s string) string { return strings.NewReplacer("|", `\|`, "<", "&lt;").Replace(s) }

// wrapped returns a paragraph of lines that begin with indent.
func wrapped(text, indent string) string {
	const width = 97
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && len([]rune(line))+len([]rune(word)) > width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		}
		line += word + " "
	}
	return b.String() + strings.TrimRight(line, " ") + "\n"
}

// numbers returns numbers as they are written in a scrape.
func numbers(list []float64) string {
	var all []string
	for _, v := range list {
		all = append(all, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(all, ", ")
}

// hanging returns a point of a list, in lines.
func hanging(text string) string { return strings.TrimPrefix(wrapped(text, "  "), "  ") }

// evenLines breaks the lines of paragraphs, and of what is said of labels, anew: the
// template does not know how long the values are.
func evenLines(page string) string {
	var b strings.Builder
	var prose []string
	flush := func() {
		if text := strings.Join(prose, " "); strings.HasPrefix(text, "- ") {
			b.WriteString(hanging(text))
		} else if text != "" {
			b.WriteString(wrapped(text, ""))
		}
		prose = nil
	}
	code := false
	for line := range strings.Lines(page) {
		text := strings.TrimSuffix(line, "\n")
		fence := strings.HasPrefix(text, "```")
		switch {
		case explained.MatchString(text):
			flush()
			prose = append(prose, text)
		case code || fence || text == "" || strings.ContainsAny(text[:1], "#|<-") || text[0] == ' ' && prose == nil:
			flush()
			b.WriteString(line)
		default:
			prose = append(prose, strings.TrimSpace(text))
		}
		code = code != fence
	}
	flush()
	return b.String()
}
