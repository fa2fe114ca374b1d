// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

var seed = flag.Uint64("seed", 0, "the seed of tests with random input; 0: another one each time")

// promtool returns what Prometheus' own linter says of a scrape: lines of a metric's
// name and a problem.
func promtool(t *testing.T, g ember.Gatherer) []string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	var text bytes.Buffer
	require.NoError(t, ember.WriteText(&text, g))
	cmd := exec.CommandContext(t.Context(), path, "check", "metrics")
	cmd.Stdin = &text
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 3) {
		require.NoError(t, err, "%s", out) // 3: there are problems
	}
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool { return line == "" })
}

// promlintRules are how promtool begins its problems, with the rule that says the same
// here.
var promlintRules = []struct {
	text string
	rule embertest.Rule
}{
	{"no help text", embertest.RuleHelp},
	{`counter metrics should have "_total" suffix`, embertest.RuleTotal},
	{`non-counter metrics should not have "_total" suffix`, embertest.RuleTotal},
	{`non-histogram metrics should not have "_bucket" suffix`, embertest.RuleSuffix},
	{`non-histogram and non-summary metrics should not have "_`, embertest.RuleSuffix},
	{`non-histogram metrics should not have "le" label`, embertest.RuleReservedLabel},
	{`non-summary metrics should not have "quantile" label`, embertest.RuleReservedLabel},
	{`metric name should not include type '`, embertest.RuleKind},
	{`metric names should not contain ':'`, embertest.RuleColon},
	{`metric names should be written in 'snake_case'`, embertest.RuleSnakeCase},
	{`label names should be written in 'snake_case'`, embertest.RuleSnakeCase},
	{"metric names should not contain abbreviated units", embertest.RuleAbbreviation},
	{`use base unit "`, embertest.RuleBaseUnit},
}

// finding is what both linters say.
type finding struct {
	metric string
	rule   embertest.Rule
}

func ofPromtool(t *testing.T, g ember.Gatherer) map[finding]bool {
	t.Helper()
	all := make(map[finding]bool)
	for _, line := range promtool(t, g) {
		name, text, ok := strings.Cut(line, " ")
		require.True(t, ok, line)
		i := slices.IndexFunc(promlintRules, func(r struct {
			text string
			rule embertest.Rule
		},
		) bool {
			return strings.HasPrefix(text, r.text)
		})
		require.GreaterOrEqual(t, i, 0, "promtool has a rule that nothing here stands for: %s", line)
		all[finding{name, promlintRules[i].rule}] = true
	}
	return all
}

// ofLint returns the findings of rules that promtool has, too.
func ofLint(g ember.Gatherer) map[finding]bool {
	all := make(map[finding]bool)
	for _, p := range embertest.Lint(g) {
		for _, r := range promlintRules {
			if r.rule == p.Rule {
				all[finding{p.Metric, p.Rule}] = true
			}
		}
	}
	return all
}

// sharedWords are words on which both linters agree; ourWords are known here alone.
var (
	sharedWords = strings.Fields("shop order orders seconds bytes meters kelvin celsius milliseconds minutes kilobytes megabits hours inches " +
		"milligrams gibibytes fahrenheit calories ms s us sec kb m b size counter gauge histogram summary httpOrders orderSize x:y total bucket count sum")
	baseWords = strings.Fields("seconds bytes meters kelvin celsius")
	ourWords  = strings.Fields("percent pct msec info created gsum HTTPOrders __ hz kg years millisecond latency uptime Ms")
)

// randomRegistry returns a registry of metrics whose names are made of words.
func randomRegistry(r *rand.Rand, pool []string) *ember.Registry {
	word := func() string { return pool[r.IntN(len(pool))] }
	reg := ember.NewRegistry()
	for range 150 {
		var parts []string
		for range 1 + r.IntN(4) {
			parts = append(parts, word())
		}
		help := ""
		if r.IntN(4) > 0 {
			help = "Help."
		}
		label := []string{"kind", "le", "quantile", "orderKind", "order_kind"}[r.IntN(5)]
		labels := ember.Labels{label: "1"}
		kind := r.IntN(5)
		if kind == 0 && r.IntN(3) > 0 {
			parts = append(parts, "total")
		}
		name := strings.Join(parts, "_")
		// What cannot be registered is not there to be compared.
		switch kind {
		case 0:
			reg.Register(ember.NewCounter(ember.CounterOpts{Name: name, Help: help, ConstLabels: labels}))
		case 1:
			reg.Register(ember.NewGauge(ember.GaugeOpts{Name: name, Help: help, ConstLabels: labels}))
		case 2:
			reg.Register(ember.NewHistogram(ember.HistogramOpts{Name: name, Help: help, ConstLabels: labels}))
		case 3:
			reg.Register(ember.NewSummary(ember.SummaryOpts{Name: name, Help: help, ConstLabels: labels}))
		case 4:
			reg.Register(&described{metric.Desc{Name: name, Help: help, Labels: []string{label}}})
		}
	}
	return reg
}

func TestAgreesWithPromtool(t *testing.T) {
	s := cmp.Or(*seed, rand.Uint64())
	t.Logf("the random input is that of -args -seed=%d", s)
	r := rand.New(rand.NewPCG(s, 0))
	t.Run("on shared words", func(t *testing.T) {
		seen := make(map[embertest.Rule]int)
		for range 12 {
			reg := randomRegistry(r, sharedWords)
			kinds := make(map[string]metric.Kind)
			families, err := reg.Gather()
			require.NoError(t, err)
			for _, f := range families {
				kinds[f.Name] = f.Kind
			}
			theirs, ours := ofPromtool(t, reg), ofLint(reg)
			for f := range ours {
				seen[f.rule]++
				if !theirs[f] {
					require.True(t, oursAlone(f, kinds[f.metric]), "found here and not by promtool: %v of a %v", f, kinds[f.metric])
				}
			}
			for f := range theirs {
				require.True(t, ours[f], "found by promtool and not here: %v of a %v", f, kinds[f.metric])
			}
		}
		for _, rule := range promlintRules {
			require.Greater(t, seen[rule.rule], 10, "%s was hardly compared", rule.rule)
		}
	})
	t.Run("it finds nothing else on others", func(t *testing.T) {
		for range 6 {
			reg := randomRegistry(r, append(ourWords, sharedWords...))
			ours := ofLint(reg)
			for f := range ofPromtool(t, reg) {
				if strings.HasPrefix(f.metric, "_") {
					f.rule = embertest.RuleSnakeCase // it is first, without the underscore
				}
				require.True(t, ours[f], "found by promtool and not here: %v", f)
			}
		}
	})
	t.Run("on what is clean", func(t *testing.T) {
		require.Empty(t, promtool(t, ember.Default()))
		require.Empty(t, found(ember.Default()))
	})
}

// oursAlone reports whether a finding is one that promtool does not have by intent.
func oursAlone(f finding, kind metric.Kind) bool {
	switch f.rule {
	case embertest.RuleSuffix: // the samples would be called x_count_count
		return kind == metric.Histogram || kind == metric.Summary
	case embertest.RuleBaseUnit: // promtool looks no further than the first unit
		return slices.ContainsFunc(strings.Split(f.metric, "_"), func(word string) bool { return slices.Contains(baseWords, word) })
	}
	return false
}
