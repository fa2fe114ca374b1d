// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Problem is one finding of Lint. The zero Problem means nothing.
type Problem struct {
	Metric string // the family's full name; empty: the scrape as a whole
	Label  string // the label's name if the problem is that label's; else empty
	Rule   Rule   // what was broken
	Text   string // what is wrong and what to do about it, on one line
}

// String returns the problem on one line:
//
//	http_requests_total{user_id}: cardinality: 25 distinct values that look like …
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(subject(p.Metric, p.Label))
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(string(p.Rule))
	if p.Rule.Advice() {
		b.WriteString(" (advice)")
	}
	b.WriteString(": ")
	b.WriteString(p.Text)
	return b.String()
}

// subject names a metric and a label, quoted where that is needed for one line.
func subject(metric, label string) string {
	if label == "" {
		return oneWord(metric)
	}
	return oneWord(metric) + "{" + oneWord(label) + "}"
}

func oneWord(s string) string {
	odd := func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar }
	if strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// oneLine returns a text of several lines as one.
func oneLine(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, s)
}

// Lint gathers once and returns what is wrong with the names, helps, units and labels
// of what is exposed, sorted by metric, label and rule: the same metrics and values
// have the same result. It is empty if nothing is wrong.
//
// Lint sees only what a scrape would: a vector without a series is not exposed, and a
// label has only the values that were used so far. What could not be gathered is a
// problem of its own, of RuleGather.
//
// It takes time in proportion to the number of series.
func Lint(g ember.Gatherer) []Problem {
	families, err := g.Gather()
	var l linter
	if err != nil {
		l.problems = append(l.problems, Problem{Rule: RuleGather, Text: "what failed to be gathered was not checked: " + oneLine(err.Error())})
	}
	labels := make(spellings)
	for _, f := range families {
		if f == nil {
			continue
		}
		l.family = f
		l.checkName()
		l.checkLabels(labels)
	}
	l.checkSpellings(labels)

	slices.SortFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(l.problems)
}

// linter collects the problems of one family after the other.
type linter struct {
	family   *metric.Family
	info     bool // the family is one, or a gauge that serves as one
	problems []Problem
}

// name reports a problem of the family's name, or of all of it.
func (l *linter) name(rule Rule, format string, args ...any) {
	l.label("", rule, format, args...)
}

// label reports a problem of one label.
func (l *linter) label(label string, rule Rule, format string, args ...any) {
	p := Problem{Metric: l.family.Name, Label: label, Rule: rule, Text: fmt.Sprintf(format, args...)}
	if !fixed(p) {
		l.problems = append(l.problems, p)
	}
}

// fixedNames are findings in what Ember itself exposes, about which nobody could do
// anything. A prefix may stand before the names.
var fixedNames = []Accept{
	{Metric: "go_gc_gogc_percent", Rule: RuleBaseUnit, Why: "dashboards know it, for client_golang called it so"},
	{Metric: "ember_collector_errors_total", Label: "collector", Rule: RuleCardinality, Why: "there are as many as the program has collectors and functions"},
	{Metric: "ember_multiproc_conflicts_total", Label: "metric", Rule: RuleCardinality, Why: "there are as many as the program has metrics"},
	{Metric: "ember_series", Label: "metric", Rule: RuleCardinality, Why: "there are as many as the program has metrics"},
	{Metric: "ember_series_overflow_total", Label: "metric", Rule: RuleCardinality, Why: "there are as many as the program has metrics"},
}

func fixed(p Problem) bool {
	return slices.ContainsFunc(fixedNames, func(a Accept) bool {
		before, ok := strings.CutSuffix(p.Metric, a.Metric)
		return ok && (before == "" || strings.HasSuffix(before, "_")) && p.Label == a.Label && p.Rule == a.Rule
	})
}
