// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/embermetrics/ember/metric"
)

// checkLabels applies the rules of labels, and notes their names in all.
func (l *linter) checkLabels(all spellings) {
	f := l.family
	values := make(map[string]map[string]bool)
	for i := range f.Points {
		for _, label := range f.Points[i].Labels {
			if f.Kind == metric.StateSet && label.Name == f.Name {
				continue // names the state
			}
			if values[label.Name] == nil {
				values[label.Name] = make(map[string]bool)
			}
			values[label.Name][label.Value] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		all.add(name, f.Name)
		l.checkLabelName(name)
		if text := unbounded(name, values[name], l.info); text != "" {
			l.label(name, RuleCardinality, "%s", text)
		}
	}
}

func (l *linter) checkLabelName(name string) {
	f := l.family
	w := words(name)
	fix := anotherName
	if snake := strings.Join(w, "_"); snake != name && snake != "" && classic(snake) {
		fix = ": call it " + quotedName(snake)
	}
	l.checkSpelled(name, name, fix)

	switch {
	case f.Kind == metric.Unknown && (name == "le" || name == "quantile"):
	case name == "le" && f.Kind != metric.Histogram && f.Kind != metric.GaugeHistogram:
		l.label(name, RuleReservedLabel, "\"le\" is the bound of a histogram's bucket, and this is a %v: call it something else", f.Kind)
	case name == "quantile" && f.Kind != metric.Summary:
		l.label(name, RuleReservedLabel, "\"quantile\" is a label of summaries, and this is a %v: call it something else", f.Kind)
	case name == "job" || name == "instance":
		l.label(name, RuleTargetLabel, "Prometheus has a label of this name for whom it scrapes, and renames this one to \"exported_%s\": call it something else", name)
	}

	s := stem(words(f.Name))
	whole, base := strings.Join(w, "_"), strings.Join(s, "_")
	switch short, long := strings.CutPrefix(whole, base+"_"); {
	case whole == "":
	case whole == base || whole == strings.Join(words(f.Name), "_"):
		l.label(name, RuleRepetition, "the label is called like the metric: call it after what its values tell apart")
	case f.Unit != "" && name == f.Unit:
		l.label(name, RuleRepetition, "the label is called like the metric's unit: call it after what its values tell apart")
	case long && len(s) > 1:
		l.label(name, RuleRepetition, "the label repeats the metric's name: call it %s", quotedName(short))
	case strings.HasSuffix(base, "_by_"+whole) || strings.Contains(base, "_by_"+whole+"_"):
		l.label(name, RuleRepetition, "the metric's name repeats the label, and is wrong once that is summed over: leave \"by_%s\" out of the name", whole)
	}
}

// spellings holds the names of labels by what they are regardless of case and
// separators, and for each spelling the names of the families that have it.
type spellings map[string]map[string][]string

func (s spellings) add(label, family string) {
	key := strings.Join(words(label), "")
	if s[key] == nil {
		s[key] = make(map[string][]string)
	}
	s[key][label] = append(s[key][label], family)
}

// checkSpellings applies RuleSpelling: of the spellings of a label one is taken for the
// right one, in snake case if there is one, and else the most frequent.
func (l *linter) checkSpellings(all spellings) {
	for key, spelled := range all {
		if len(spelled) == 1 || key == "" {
			continue
		}
		names := slices.Collect(maps.Keys(spelled))
		tidy := func(name string) int {
			if strings.Join(words(name), "_") == name {
				return 0
			}
			return 1
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(
				cmp.Compare(tidy(a), tidy(b)),
				cmp.Compare(len(spelled[b]), len(spelled[a])),
				cmp.Compare(len(words(b)), len(words(a))),
				cmp.Compare(a, b))
		})
		example := slices.Min(spelled[names[0]])
		for _, name := range names[1:] {
			for _, family := range spelled[name] {
				l.family = &metric.Family{Name: family}
				l.label(name, RuleSpelling, "the label is called %s elsewhere, as in %s: call it so here too", quotedName(names[0]), oneWord(example))
			}
		}
	}
}
