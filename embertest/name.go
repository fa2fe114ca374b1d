// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"slices"
	"strings"
	"unicode"

	"github.com/embermetrics/ember/metric"
)

// sampleSuffixes are those that samples of a family have, without their underscore.
var sampleSuffixes = []string{"bucket", "sum", "count", "created", "gsum", "gcount"}

// kindWords are the types that people put into names.
var kindWords = []string{"counter", "gauge", "histogram", "summary"}

// afterUnit are words that stand behind the unit.
var afterUnit = append([]string{"total", "max", "min", "avg", "mean"}, sampleSuffixes...)

// words splits a name into words of small letters and digits: at everything else, and
// where capitals begin words.
func words(name string) []string {
	var list []string
	runes := []rune(name)
	start := 0
	end := func(i int) {
		if i > start {
			list = append(list, strings.ToLower(string(runes[start:i])))
		}
		start = i
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			end(i)
			start = i + 1
		case !unicode.IsUpper(r) || i == 0:
		case !unicode.IsUpper(runes[i-1]), i+1 < len(runes) && unicode.IsLower(runes[i+1]):
			end(i)
		}
	}
	end(len(runes))
	return list
}

// stem returns the words up to and including the one where a unit would stand.
func stem(w []string) []string {
	for len(w) > 1 && slices.Contains(afterUnit, w[len(w)-1]) {
		w = w[:len(w)-1]
	}
	return w
}

// checkName applies the rules of help, name and unit.
func (l *linter) checkName() {
	f := l.family
	if strings.TrimSpace(f.Help) == "" {
		l.name(RuleHelp, "it has no help: say in a sentence what it counts or measures")
	}
	l.info = isInfo(f)
	l.checkNameAlone(words(f.Name), l.callIt())
	if w := words(f.Name); len(stem(w)) == 1 {
		l.name(RulePrefix, "%s may mean something else in another program: put the name of the service or library before it, as Namespace does", quotedName(f.Name))
	}
}

// checkNameAlone applies the rules that another name could follow. Fix ends the
// sentences.
func (l *linter) checkNameAlone(w []string, fix string) {
	l.checkSpelled("", l.family.Name, fix)
	l.checkSuffix(fix)
	l.checkKind(w, fix)
	l.checkUnits(w, fix)
}

// checkSpelled applies the rules that hold for the characters of names, of metrics and
// of labels alike.
func (l *linter) checkSpelled(label, name, fix string) {
	if label == "" && strings.Contains(name, ":") {
		l.name(RuleColon, "a colon is for the names of recording rules%s", fix)
		name = strings.ReplaceAll(name, ":", "")
	}
	if !classic(name) {
		l.label(label, RuleClassic, "a name with other characters than ASCII letters, digits and underscores has to be quoted in queries, and not all readers know it%s", fix)
	}
	switch {
	case strings.ContainsFunc(name, unicode.IsUpper):
		l.label(label, RuleSnakeCase, "a name is written in small letters, with underscores between words%s", fix)
	case strings.HasPrefix(name, "_") || strings.HasSuffix(name, "_") || strings.Contains(name, "__"):
		l.label(label, RuleSnakeCase, "underscores stand between words, and alone%s", fix)
	}
}

// classic reports whether a name is one of ASCII letters, digits and underscores that
// does not start with a digit.
func classic(name string) bool {
	for i, c := range []byte(name) {
		if !(c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}

// checkSuffix applies the rules of suffixes that mean something to readers.
func (l *linter) checkSuffix(fix string) {
	f := l.family
	if f.Kind == metric.Unknown {
		return // what reads like a counter may be one
	}
	i := strings.LastIndexByte(f.Name, '_')
	suffix := f.Name[i+1:]
	if i < 0 {
		suffix = ""
	}
	switch {
	case f.Kind == metric.Counter && suffix != "total":
		l.name(RuleTotal, "a counter's name ends in \"_total\"%s", fix)
	case f.Kind != metric.Counter && suffix == "total":
		l.name(RuleTotal, "\"_total\" stands for counters, and this is a %v%s", f.Kind, fix)
	case f.Kind == metric.Info && suffix != "info":
		l.name(RuleInfo, "an info's name ends in \"_info\"%s", fix)
	case suffix == "info" && !l.info:
		l.name(RuleInfo, "\"_info\" stands for infos, which are always 1, and this is a %v%s", f.Kind, fix)
	}
	if slices.Contains(sampleSuffixes, suffix) {
		l.name(RuleSuffix, "\"_%s\" stands for a sample of a histogram or summary%s", suffix, fix)
	}
}

// isInfo reports whether f is an info, or the gauge that one is in formats without.
func isInfo(f *metric.Family) bool {
	if f.Kind != metric.Gauge && f.Kind != metric.Unknown {
		return f.Kind == metric.Info
	}
	return strings.HasSuffix(f.Name, "_info") && !slices.ContainsFunc(f.Points, func(p metric.Point) bool { return p.Value != 1 })
}

// checkKind applies RuleKind to all words but the first, which says what the metric
// belongs to.
func (l *linter) checkKind(w []string, fix string) {
	for i, word := range w {
		if i > 0 && slices.Contains(kindWords, word) {
			l.name(RuleKind, "the name need not say %q, for readers are told the type%s", word, fix)
			return
		}
	}
}

// checkUnits applies the rules of units.
func (l *linter) checkUnits(w []string, fix string) {
	f := l.family
	s := stem(w)
	reported := false
	for i, word := range w {
		last := i == len(s)-1 && (i == 0 || w[i-1] != "per")
		if base, ok := baseUnit(word, last); ok {
			l.name(RuleBaseUnit, "%q is no base unit: use %s%s", word, phrase(base), fix)
			reported = true
			break
		}
	}
	for i, word := range w {
		if base, ok := spelledOut(word, i == len(s)-1); ok && i > 0 {
			l.name(RuleAbbreviation, "%q abbreviates a unit: use %s, spelled out%s", word, phrase(base), fix)
			reported = true
			break
		}
	}
	if f.Unit != "" {
		name := f.Name
		if f.Kind == metric.Counter {
			name = strings.TrimSuffix(name, "_total")
		}
		if !strings.HasSuffix(name, "_"+f.Unit) {
			before := ""
			if f.Kind == metric.Counter {
				before = ", before \"_total\""
			}
			l.name(RuleUnit, "its unit %s is not at the end of the name%s%s", quotedName(f.Unit), before, fix)
		}
		if base, derived := unitBase(f.Unit); derived && !reported {
			l.name(RuleBaseUnit, "%s is no base unit: use %s%s", quotedName(f.Unit), phrase(base), fix)
		}
	} else if lacksUnit(f.Kind, s) && !reported {
		l.name(RuleUnit, "%q has a unit, which is not in the name%s", s[len(s)-1], fix)
	}
}

// phrase says what to use, of a base unit that may be unknown.
func phrase(base string) string {
	switch base {
	case "":
		return "its base unit"
	case "ratio":
		return "a ratio, from 0 to 1"
	default:
		return base
	}
}

// lacksUnit reports whether a name of these words ends in a quantity of time. Some of
// them can be counted, too.
func lacksUnit(kind metric.Kind, s []string) bool {
	if len(s) == 0 || kind == metric.Info || kind == metric.StateSet {
		return false
	}
	switch last := s[len(s)-1]; last {
	case "delay", "timeout", "timestamp":
		return kind != metric.Counter
	default:
		return timeWords[last]
	}
}

// callIt returns the end of a sentence that names a better name for the family, one
// that follows all rules, if there is one.
func (l *linter) callIt() string {
	f := *l.family
	f.Name = better(l.family, words(f.Name), l.info)
	if base, ok := unitBase(f.Unit); ok {
		f.Unit = base
	}
	if f.Name == "" {
		return anotherName
	}
	check := linter{family: &f, info: l.info}
	check.checkNameAlone(words(f.Name), "")
	if len(check.problems) > 0 {
		return anotherName
	}
	return ": call it " + quotedName(f.Name)
}

// anotherName is the end of a sentence that cannot name a better name.
const anotherName = ": choose another name"

// better returns a name for f that follows the rules: made of the words of its name.
func better(f *metric.Family, w []string, info bool) string {
	s := stem(w)
	var out []string
	in := make(map[string]bool) // out
	for i, word := range w {
		last := i == len(s)-1
		if i > 0 && (slices.Contains(kindWords, word) || word == "total" && f.Kind == metric.Counter) {
			continue
		}
		base, ok := baseUnit(word, last)
		if !ok && i > 0 {
			base, ok = spelledOut(word, last)
		}
		if ok && base != "" && !(last && i > 0 && w[i-1] == "per") {
			word = base
			if in[word] {
				continue
			}
		}
		out = append(out, word)
		in[word] = true
	}
	if f.Kind != metric.Unknown {
		for len(out) > 1 {
			last := out[len(out)-1]
			if !slices.Contains(sampleSuffixes, last) && last != "total" && (last != "info" || f.Kind != metric.Info && info) {
				break
			}
			out = out[:len(out)-1]
		}
	}
	if len(out) == 0 {
		return ""
	}
	if unit := strings.Join(words(f.Unit), "_"); unit != "" && f.Kind != metric.Info && f.Kind != metric.StateSet {
		if base, ok := unitBase(unit); ok && base != "" {
			unit = base
		}
		if !strings.HasSuffix("_"+strings.Join(out, "_"), "_"+unit) {
			out = append(slices.DeleteFunc(out, func(word string) bool { return word == unit }), unit)
		}
	} else if lacksUnit(f.Kind, stem(out)) {
		out = slices.Insert(out, len(stem(out)), "seconds")
	}
	switch f.Kind {
	case metric.Counter:
		out = append(out, "total")
	case metric.Info:
		out = append(out, "info")
	}
	return strings.Join(out, "_")
}
