// SPDX-License-Identifier: Apache-2.0

package ember

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/embermetrics/ember/metric"
)

// Rule is what an operator wants to be different about the metrics of one name, or of many,
// without touching the code that declares them. See Rules.
//
// Only Metric is needed, and something to change. The zero of everything else changes
// nothing.
type Rule struct {
	// Metric is the full name, with everything that is put before it: as it is declared
	// and exposed, or as it is written with underscores. A * stands for any run of
	// characters, so that a rule may be for many metrics, or for all.
	Metric string `json:"metric"`

	// Drop takes the metrics out of what is exposed. Their instruments work as ever, and
	// whatever labels a vector has, it keeps one series. A rule that drops does nothing else.
	Drop bool `json:"drop,omitempty"`

	// DropLabels are labels that are not exposed, by the names that the code declares. The
	// series that differ in nothing else become one. Counters, histograms and summaries
	// add up. So do additions to gauges, such as those of Track, but of what gauges are set
	// to the last counts, and so it is with the functions of SetFunc.
	//
	// Labels of a sub-registry and constant ones may be dropped, too, unless that would
	// make one series of two registrations.
	DropLabels []string `json:"drop_labels,omitempty"`

	// RenameLabels leads from the names that the code declares to what is exposed.
	RenameLabels map[string]string `json:"rename_labels,omitempty"`

	// Buckets are the upper bounds of a histogram's classic buckets, in the place of those
	// that it was declared with. A native histogram has them besides.
	//
	// What was counted before the metric was registered is counted again by the upper
	// bounds of the buckets that it was in: never as less than it was, but perhaps as more.
	Buckets []float64 `json:"buckets,omitempty"`

	// MaxSeries is how many series a vector may have, in the place of MaxSeries in its
	// options. Negative means no limit.
	MaxSeries int `json:"max_series,omitempty"`

	// LabelBudgets is how many different values a label of a vector may have, by the name
	// that the code declares, in the place of its budget in the options.
	LabelBudgets map[string]int `json:"label_budgets,omitempty"`

	// KnownValues always have a place in their label's budget, which must be in this rule
	// too. They stand in the place of those in the options.
	KnownValues map[string][]string `json:"known_values,omitempty"`
}

// Rules change what a registry exposes, for operators who cannot or will not rebuild a
// service: they drop metrics and labels, rename labels, choose buckets and set limits.
// WithRules makes a registry heed them. The default one reads its own: see RulesFromEnv.
//
// Rules are applied when a metric is registered and when a series is created, never at a
// scrape, but for what collectors write without having described it: that is dropped when
// it is written. Of what collectors write, described or not, whole families can be
// dropped, but not labels.
//
// All rules for a metric count, and what they drop adds up. What a rule for the very name
// sets beats what patterns set, one setting at a time: whether the metric is dropped, what
// becomes of each label, the buckets, each limit. So a metric that a rule of its own says
// anything of is not dropped by a pattern. If two patterns set the same for one metric,
// or if one drops a label that another one renames or limits, neither is taken.
//
// Where a rule for the very name asks for what a metric does not have, such as buckets of a
// counter, or rules would make labels which cannot be exposed, the metric stays as a whole
// as it was declared. That is logged, and CheckRules says it. A pattern may well ask for
// what only some of its metrics have.
//
// What rules make of the labels, buckets and limits of a vector or histogram when it is first
// registered stays, whatever registry it is registered in after that: one whose own rules
// want something else says so in CheckRules. Dropping it, and constant labels, are each
// registry's own affair, but a vector that the first one drops is not exposed by others
// either. The labels of an Info stay as they are.
//
// Rules do not change. They may be used by any number of registries.
type Rules struct{ list []Rule }

// NewRules returns rules, or everything that is wrong with them by themselves. It keeps
// nothing of what it is given.
func NewRules(rules ...Rule) (*Rules, error) {
	r, flaws := newRules(rules)
	return r, rulesError("", flaws)
}

// rulesError makes one error of all flaws. Each is a line.
func rulesError(where string, flaws []string) error {
	var errs []error
	for _, f := range flaws {
		errs = append(errs, errors.New("ember: "+where+f))
	}
	return joined(errs)
}

func newRules(rules []Rule) (*Rules, []string) {
	r := &Rules{slices.Clone(rules)}
	groups := make(map[string][]int) // by Metric
	for i := range r.list {
		r.list[i].own()
		groups[rules[i].Metric] = append(groups[rules[i].Metric], i)
	}
	var all flawList
	for i := range r.list {
		rule := &r.list[i]
		for _, f := range rule.flaws() {
			all.add("%s: %s", r.called(i), f)
		}
		if group := groups[rule.Metric]; group[0] == i {
			all = append(all, r.contradictions(group)...)
		}
	}
	if all != nil {
		return nil, all
	}
	return r, nil
}

// own replaces what somebody else may change by copies.
func (r *Rule) own() {
	r.DropLabels = slices.Clone(r.DropLabels)
	r.RenameLabels = maps.Clone(r.RenameLabels)
	r.Buckets = slices.Clone(r.Buckets)
	r.LabelBudgets = maps.Clone(r.LabelBudgets)
	r.KnownValues = maps.Clone(r.KnownValues)
	for name, values := range r.KnownValues {
		r.KnownValues[name] = slices.Clone(values)
	}
}

// flawList is what is wrong.
type flawList []string

//go:noinline
func (l *flawList) add(format string, args ...any) { *l = append(*l, fmt.Sprintf(format, args...)) }

// both is called for one rule or two.
func (r *Rules) both(i, j int) string {
	if i == j {
		return r.called(i)
	}
	return r.called(inOrder(i, j)...)
}

// called names rules in errors: rule 2 ("x"), or rules 1 ("x") and 3 ("*").
func (r *Rules) called(places ...int) string {
	text := "rule"
	if len(places) > 1 {
		text = "rules"
	}
	for i, p := range places {
		switch {
		case i == 0:
			text += " "
		case i == len(places)-1:
			text += " and "
		default:
			text += ", "
		}
		text += fmt.Sprintf("%d (%q)", p+1, r.list[p].Metric)
	}
	return text
}

// flaws returns what is wrong with a rule by itself.
func (r *Rule) flaws() (flaws flawList) {
	switch {
	case r.Metric == "":
		flaws.add("it names no metric")
	case !utf8.ValidString(r.Metric):
		flaws.add("the metric's name is not valid UTF-8")
	case strings.ContainsAny(r.Metric, unwritable):
		flaws.add("the metric's name has a NUL, CR or LF, which no metric has")
	}
	others := len(r.DropLabels)+len(r.RenameLabels)+len(r.Buckets)+len(r.LabelBudgets)+len(r.KnownValues) > 0 || r.MaxSeries != 0
	switch {
	case !r.Drop && !others:
		flaws.add("it changes nothing")
	case r.Drop && others:
		flaws.add("it drops the metric, so there is nothing else to change")
	}
	names := r.labels()
	for i, name := range names {
		switch {
		case i > 0 && name == names[i-1]:
		case name == "":
			flaws.add("an empty label name")
		case !utf8.ValidString(name):
			flaws.add("the label name %q is not valid UTF-8", name)
		}
	}
	for _, name := range sortedKeys(r.RenameLabels) {
		to := r.RenameLabels[name]
		if to == name {
			flaws.add("it renames the label %q to itself", name)
			continue
		}
		err := checkLabelName(metric.Histogram, to)
		if err == nil {
			err = checkLabelName(metric.Summary, to)
		}
		if err != nil {
			flaws.add("it renames the label %q: %v", name, err)
		}
	}
	bounds, err := checkBounds(r.Buckets)
	switch {
	case err != nil:
		flaws.add("%v", err)
	case len(bounds) == 0 && len(r.Buckets) > 0:
		flaws.add("the only bucket is the one for +Inf, which every histogram has")
	default:
		r.Buckets = bounds
	}
	limits := limits{budgets: r.LabelBudgets, known: r.KnownValues}
	for _, name := range sortedKeys(r.LabelBudgets) {
		limits.flaws(name, &flaws)
	}
	for _, name := range sortedKeys(r.KnownValues) {
		if _, limited := r.LabelBudgets[name]; !limited {
			flaws.add(unlimited, name)
			limits.flaws(name, &flaws)
		}
	}
	return flaws
}

// sortedKeys returns the keys of m, which are strings, in order. It is not generic, for then
// it would be there for each type of map, and less code than the iterators of package maps.
func sortedKeys(m any) []string {
	var keys []string
	for all := reflect.ValueOf(m).MapRange(); all.Next(); {
		keys = append(keys, all.Key().String())
	}
	sort.Strings(keys)
	return keys
}

// labels returns all label names that the rule is about, as declared, in order.
func (r *Rule) labels() []string {
	names := slices.Clone(r.DropLabels)
	for _, m := range []any{r.RenameLabels, r.LabelBudgets, r.KnownValues} {
		names = append(names, sortedKeys(m)...)
	}
	sort.Strings(names)
	return names
}

// contradictions returns in what rules for the same Metric contradict themselves or each
// other.
func (r *Rules) contradictions(group []int) (flaws flawList) {
	var all said
	for _, i := range group {
		all.add(i, &r.list[i])
	}
	flaw := func(i, j int, format string, args ...any) {
		flaws.add("%s: %s", r.both(i, j), fmt.Sprintf(format, args...))
	}
	once := func(places []int, what string, label ...any) {
		if len(places) > 1 {
			flaw(places[0], places[1], "both set "+what, label...)
		}
	}
	once(all.drop, "drop")
	once(all.buckets, "buckets")
	once(all.maxSeries, "max_series")
	for _, i := range all.drop {
		for _, j := range group {
			if !r.list[j].Drop {
				flaw(i, j, "the one drops the metric, so there is nothing for the other to change")
			}
		}
	}
	renamed := make(map[string]string) // by the new name
	for _, name := range sortedKeys(all.labels) {
		l := all.labels[name]
		once(l.rename, aName, name)
		once(l.budget, aBudget, name)
		if len(l.drop) > 0 && len(l.rename) > 0 {
			flaw(l.drop[0], l.rename[0], "the label %q is both dropped and renamed", name)
		}
		if len(l.drop) > 0 && len(l.budget) > 0 {
			flaw(l.drop[0], l.budget[0], "the label %q is both dropped and given a budget", name)
		}
		for _, i := range l.rename {
			to := r.list[i].RenameLabels[name]
			if other, ok := renamed[to]; ok && other != name {
				flaw(all.labels[other].rename[0], i, "the labels %q and %q would both be %q", other, name, to)
			}
			renamed[to] = name
		}
	}
	return flaws
}

// What rules set of a label.
const (
	aName   = "a name for the label %q"
	aBudget = "a budget for the label %q"
)
