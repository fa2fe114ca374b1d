// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// entry is a line of a scrape: a sample, or a part of a family's header.
type entry struct {
	line   int    // its number, from 1
	text   string // the line, but for space around it
	key    string // what it says something of: "# HELP x", "# TYPE x", or a series with its labels in order
	name   string // of the sample, or of the family
	header bool

	value string  // what it says
	float float64 // of a sample
	stamp string  // of a sample; most often empty
}

// same reports whether two entries of one key say the same.
func (e *entry) same(o *entry) bool {
	if e.header {
		return e.value == o.value
	}
	return (e.float == o.float || math.IsNaN(e.float) && math.IsNaN(o.float)) && e.stamp == o.stamp
}

// parse reads lines of the text format 0.0.4, in any order, with space around each. No
// line may say the same as another one.
func parse(text string) ([]entry, error) {
	var all []entry
	at := make(map[string]int) // the line of each key
	n := 0
	for line := range strings.Lines(text) {
		n++
		e, ok, err := parseLine(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w: %s", n, err, oneWordOrMore(strings.TrimSpace(line)))
		}
		if !ok {
			continue
		}
		if first := at[e.key]; first > 0 {
			return nil, fmt.Errorf("lines %d and %d are both of %s", first, n, e.key)
		}
		at[e.key] = n
		e.line = n
		all = append(all, e)
	}
	return all, nil
}

func oneWordOrMore(line string) string {
	if strconv.CanBackquote(line) {
		return line
	}
	return strconv.Quote(line)
}

// parseLine reads one line; ok is false if it says nothing.
func parseLine(line string) (e entry, ok bool, err error) {
	e.text = line
	if rest, is := strings.CutPrefix(line, "#"); is {
		keyword, rest := word(rest)
		if keyword != "HELP" && keyword != "TYPE" {
			return e, false, nil
		}
		e.name, e.value = word(rest)
		if e.name == "" {
			return e, false, fmt.Errorf("there is no name after %s", keyword)
		}
		e.header, e.key = true, "# "+keyword+" "+e.name
		return e, true, nil
	}
	if line == "" {
		return e, false, nil
	}
	end := strings.IndexAny(line, "{ \t")
	if end < 0 {
		return e, false, fmt.Errorf("there is no value")
	}
	e.name = line[:end]
	if !classicMetric(e.name) {
		return e, false, fmt.Errorf("%q is no name", e.name)
	}
	labels, rest, err := parseLabels(line[end:])
	if err != nil {
		return e, false, err
	}
	e.key = e.name
	if len(labels) > 0 {
		e.key += "{" + strings.Join(labels, ",") + "}"
	}
	e.value, rest = word(rest)
	e.stamp, rest = word(rest)
	if e.float, err = strconv.ParseFloat(e.value, 64); err != nil {
		if e.value == "" {
			return e, false, fmt.Errorf("there is no value")
		}
		return e, false, fmt.Errorf("the value %q is no number", e.value)
	}
	if rest != "" {
		return e, false, fmt.Errorf("%q is too much", rest)
	}
	return e, true, nil
}

// word cuts the first word off a text.
func word(text string) (first, rest string) {
	text = strings.TrimLeft(text, " \t")
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		return text[:i], strings.TrimLeft(text[i:], " \t")
	}
	return text, ""
}

// parseLabels reads what may stand in braces, and returns each label as written, in order.
func parseLabels(text string) (labels []string, rest string, err error) {
	rest, ok := strings.CutPrefix(strings.TrimLeft(text, " \t"), "{")
	if !ok {
		return nil, text, nil
	}
	var names []string
	for {
		rest = strings.TrimLeft(rest, " \t,")
		if after, ok := strings.CutPrefix(rest, "}"); ok {
			slices.Sort(labels)
			return labels, after, nil
		}
		name, after, ok := strings.Cut(rest, "=")
		name, after = strings.TrimSpace(name), strings.TrimLeft(after, " \t")
		if !ok || !classic(name) || name == "" {
			return nil, "", fmt.Errorf("there is no label at %q", rest)
		}
		if slices.Contains(names, name) {
			return nil, "", fmt.Errorf("the label %q is there twice", name)
		}
		names = append(names, name)
		n := quotedLength(after)
		if n == 0 {
			return nil, "", fmt.Errorf("the value of %q is not in quotes", name)
		}
		value := after[:n]
		if v, err := strconv.ParseFloat(value[1:n-1], 64); err == nil && (name == "le" || name == "quantile") {
			value = `"` + number(v) + `"`
		}
		labels, rest = append(labels, name+"="+value), after[n:]
	}
}

// quotedLength returns how long the text in quotes is that a text begins with, quotes
// included; 0: it begins with none.
func quotedLength(text string) int {
	if !strings.HasPrefix(text, `"`) {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// classicMetric reports whether the formats write a metric's name without quotes.
func classicMetric(name string) bool {
	return name != "" && classic(strings.ReplaceAll(name, ":", "_"))
}
