// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Prometheus' own tool takes the rules, and they do what their tests say.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint-fatal", "ember.rules.yml"},
		{"test", "rules", "ember.rules.test.yml"},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// No rule is without tests: each alert is seen silent, firing and silent again, and each
// recorded series has a value.
func TestRulesAreTested(t *testing.T) {
	tests := readText(t, "ember.rules.test.yml")
	for _, a := range readAlerts(t) {
		var seen string
		for _, m := range regexp.MustCompile(`(?m)alertname: `+a.name+`(\n +exp_alerts:|, exp_alerts:|)`).FindAllStringSubmatch(tests, -1) {
			if m[1] == "" {
				seen += "silent "
			} else {
				seen += "firing "
			}
		}
		require.Regexp(t, `^(silent )+(firing )+(silent )+$`, seen, a.name)
	}
	records := regexp.MustCompile(`(?m)- record: (.+)$`).FindAllStringSubmatch(readText(t, "ember.rules.yml"), -1)
	require.NotEmpty(t, records)
	for _, m := range records {
		require.Contains(t, tests, "- expr: "+m[1]+"\n")
	}
}

// The guide lists all alerts, with what is in the file, and all recorded series; its query is
// in the tests.
func TestGuide(t *testing.T) {
	guide := readText(t, filepath.Join("..", "docs", "monitoring.md"))
	var want, got []string
	for _, a := range readAlerts(t) {
		want = append(want, fmt.Sprintf("%s %s", a.name, a.severity))
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Ember\\w+)` \\| (\\w+) \\|").FindAllStringSubmatch(guide, -1) {
		got = append(got, m[1]+" "+m[2])
	}
	require.Equal(t, want, got)

	want, got = nil, nil
	for _, m := range regexp.MustCompile(`(?m)- record: (.+)$`).FindAllStringSubmatch(readText(t, "ember.rules.yml"), -1) {
		want = append(want, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+:\\w+:\\w+)` \\|").FindAllStringSubmatch(guide, -1) {
		got = append(got, m[1])
	}
	require.Equal(t, want, got)

	query := regexp.MustCompile("```promql\n(.+)\n```").FindStringSubmatch(guide)
	require.NotNil(t, query)
	require.Contains(t, readText(t, "ember.rules.test.yml"), "- expr: "+query[1]+"\n")
}

// The alerts are what the comment at the head of the file says, of which the tests for
// promtool have each case once; and each says what happened and what to do.
func TestAlerts(t *testing.T) {
	text := readText(t, "ember.rules.yml")
	var comment []string
	for _, m := range regexp.MustCompile(`(?m)^#     (.+)$`).FindAllStringSubmatch(text, -1) {
		comment = append(comment, m[1])
	}
	whole := squeezed(strings.Join(comment, " "))
	first, _, ok := strings.Cut(whole, " or X and ")
	require.True(t, ok, whole)
	want := map[string]string{
		"EmberCollectorFailing":    "increase(X[10m]) > 0",
		"EmberUpdatesDropped":      whole,
		"EmberExemplarsDropped":    whole,
		"EmberSeriesOverflow":      whole,
		"EmberMultiprocIncomplete": first,
		"EmberMultiprocConflict":   first,
	}
	metric := regexp.MustCompile(`ember_(collector_errors|invalid_updates|invalid_exemplars|series_overflow)_total|` +
		`\{__name__=~"ember_multiproc_.+?"\}|ember_multiproc_conflicts_total`)
	got := make(map[string]string)
	for _, a := range readAlerts(t) {
		m := regexp.MustCompile(`(?s)\n +expr: (?:\|\n)?(.+?)\n +(?:for|labels):`).FindStringSubmatch(a.text)
		require.NotNil(t, m, a.name)
		metrics := metric.FindAllString(m[1], -1)
		require.Len(t, slices.Compact(metrics), 1, a.name)
		got[a.name] = squeezed(metric.ReplaceAllString(m[1], "X"))
		require.Contains(t, []string{"warning", "info"}, a.severity, a.name)
		require.Regexp(t, `(?m)^ +annotations:\n +summary: `, a.text)
		require.Regexp(t, `(?m)^ +description: >-\n`, a.text)
	}
	require.Equal(t, want, got)
}

// squeezed returns a text with one blank in the place of each white space.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// alert is one of the rules.
type alert struct{ name, severity, text string }

func readAlerts(t *testing.T) []alert {
	t.Helper()
	var all []alert
	severity := regexp.MustCompile(`(?m)^ +severity: (\w+)$`)
	for _, text := range strings.Split(readText(t, "ember.rules.yml"), "- alert: ")[1:] {
		name, _, _ := strings.Cut(text, "\n")
		m := severity.FindStringSubmatch(text)
		require.NotNil(t, m, name)
		all = append(all, alert{name, m[1], text})
	}
	return all
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}
