// SPDX-License-Identifier: Apache-2.0

package embertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/embermetrics/ember"
)

// Accept is a finding of Lint that is right where it stands. Empty fields match
// anything, so the zero Accept accepts everything.
type Accept struct {
	// Metric is the name of a family, or a prefix followed by one asterisk.
	Metric string
	Label  string // of that label alone
	Rule   Rule

	Why string // for who reads the test; not used otherwise
}

// Covers reports whether a accepts p.
func (a Accept) Covers(p Problem) bool {
	return (a.Metric == "" || matches(a.Metric, p.Metric)) &&
		(a.Label == "" || a.Label == p.Label) &&
		(a.Rule == "" || a.Rule == p.Rule)
}

func (a Accept) String() string {
	metric, rule := a.Metric, string(a.Rule)
	if metric == "" {
		metric = "*"
	}
	if rule == "" {
		rule = "any rule"
	}
	return subject(metric, a.Label) + ": " + rule
}

// matches reports whether pattern is name, or an asterisk after a prefix of it.
func matches(pattern, name string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// RequireClean ends the test with one line for each problem that Lint finds in what g
// exposes now and that is not accepted. Mere advice is only logged.
//
//	embertest.RequireClean(t, reg, embertest.Accept{
//		Metric: "shop_cache_hit_percent",
//		Rule:   embertest.RuleBaseUnit,
//		Why:    "the dashboards of the last shop show it",
//	})
func RequireClean(t testing.TB, g ember.Gatherer, accepted ...Accept) {
	t.Helper()
	var findings, advice []string
	used := make([]bool, len(accepted))
	for _, p := range Lint(g) {
		covered := false
		for i, a := range accepted {
			if a.Covers(p) {
				used[i], covered = true, true
			}
		}
		switch {
		case covered:
		case p.Rule.Advice():
			advice = append(advice, p.String())
		default:
			findings = append(findings, p.String())
		}
	}
	if len(advice) > 0 {
		t.Logf("embertest: advice:%s", lines(advice))
	}
	if len(findings) == 0 {
		return
	}
	text := fmt.Sprintf("embertest: %d to fix, or to accept by an embertest.Accept with metric and rule:%s", len(findings), lines(findings))
	// An acceptance with a typing error is the likely reason why a finding is here.
	var unused []string
	for i, a := range accepted {
		if !used[i] {
			unused = append(unused, a.String())
		}
	}
	if len(unused) > 0 {
		text += "\naccepted, but not found:" + lines(slices.Compact(unused))
	}
	t.Fatal(text)
}

func lines(list []string) string { return "\n\t" + strings.Join(list, "\n\t") }
