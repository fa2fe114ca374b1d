// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// Compare ends the test with a diff if g does not expose what is wanted, which is what
// ember.WriteText writes, or a part of that:
//
//	embertest.Compare(t, reg, `
//		# TYPE shop_orders_total counter
//		shop_orders_total{status="paid"} 2
//		shop_orders_total{status="failed"} 1
//	`, "shop_orders_total")
//
// With names, only these families are compared; without, everything. Each sample of them
// must be wanted, with its value. The order of lines and of labels, empty lines and space
// around lines do not matter, nor how a number is written. Lines of HELP and TYPE are
// compared if they are wanted; they need not be.
//
// With nothing wanted, none of the families may be exposed. Else each name must be wanted or
// exposed, so that a wrong one does not go unnoticed. What could not be gathered is a failure
// unless families of all the names are among the rest.
//
// Native buckets are not in the text; see Histogram.
func Compare(t testing.TB, g ember.Gatherer, want string, names ...string) {
	t.Helper()
	if text := compare(g, want, names); text != "" {
		t.Fatal("embertest: " + text)
	}
}

// maxShown is how many lines of a diff a failure shows.
const maxShown = 200

// families is a Gatherer of what was gathered before.
type families []*metric.Family

func (f families) Gather() ([]*metric.Family, error) { return f, nil }

// compare returns what is to be said; nothing if all is as wanted.
func compare(g ember.Gatherer, text string, names []string) string {
	want, err := parse(text)
	if err != nil {
		return "what is wanted cannot be read: " + err.Error()
	}
	everything, gatherErr := g.Gather()
	all := slices.DeleteFunc(slices.Clone(everything), func(f *metric.Family) bool {
		return f == nil || len(names) > 0 && !slices.Contains(names, f.Name)
	})
	var b strings.Builder
	if err := ember.WriteText(&b, families(all)); err != nil {
		return "what is exposed cannot be written: " + err.Error()
	}
	got, err := parse(b.String())
	if err != nil {
		return "what is exposed cannot be read: " + err.Error()
	}
	d := newDiff(want, got, names)
	if text := checkNames(d, everything, names); text != "" {
		return text
	}
	if !d.differs() {
		if gatherErr != nil && !allExposed(all, names) {
			return "what is exposed is what is wanted, but may not be everything, for some failed to be gathered: " + oneLine(gatherErr.Error())
		}
		return ""
	}
	shown := d.lines()
	if more := len(shown) - maxShown; more > 0 {
		shown = append(shown[:maxShown], fmt.Sprintf("and %d more lines", more))
	}
	result := "what is exposed is not what is wanted (- wanted, + exposed):" + lines(shown)
	for _, b := range d.blocks {
		if b.got == 0 {
			if near, ok := near(b.name, familyNames(everything)); ok {
				result += fmt.Sprintf("\nnothing exposed is called %q; is %q meant?", b.name, near)
			}
		}
	}
	if gatherErr != nil {
		result += "\nwhat failed to be gathered is not there: " + oneLine(gatherErr.Error())
	}
	return result
}

// allExposed reports whether families with all of the names are exposed. Without names it
// cannot know.
func allExposed(all []*metric.Family, names []string) bool {
	exposed := familyNames(all)
	for _, name := range names {
		if !slices.Contains(exposed, name) {
			return false
		}
	}
	return len(names) > 0
}

// written returns a family's name as the text has it.
func written(name string) string {
	if name != "" && '0' <= name[0] && name[0] <= '9' {
		name = "_" + name[1:]
	}
	return strings.Map(func(r rune) rune {
		if r == ':' || r < utf8.RuneSelf && classic("_"+string(r)) {
			return r
		}
		return '_'
	}, name)
}

func familyNames(all []*metric.Family) (names []string) {
	for _, f := range all {
		if f != nil && len(f.Points) > 0 {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// checkNames wants the names of families and what is wanted to be about the same.
func checkNames(d *diff, everything []*metric.Family, names []string) string {
	if len(names) == 0 {
		return ""
	}
	wanted := false
	for _, b := range d.blocks {
		if b.want > 0 && !slices.ContainsFunc(names, func(name string) bool { return written(name) == b.name }) {
			return fmt.Sprintf("%s is wanted, but not among the names to compare: %s", b.name, quotedList(names))
		}
		wanted = wanted || b.want > 0
	}
	for _, name := range names {
		if !wanted || slices.ContainsFunc(d.blocks, func(b *block) bool { return b.name == written(name) }) {
			continue
		}
		text := fmt.Sprintf("%q is to be compared, but neither wanted nor exposed", name)
		if best, ok := near(name, familyNames(everything)); ok {
			text += fmt.Sprintf("; is %q meant?", best)
		}
		return text
	}
	return ""
}
