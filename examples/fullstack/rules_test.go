// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	configFile = "prometheus.yml"
	rulesFile  = "alert.rules.yml"
	testsFile  = "alert.rules.test.yml"
)

// asked is the rule that this example is there for.
const asked = `sum(rate(api_requests_total{status="failure"}[5m])) / sum(rate(api_requests_total[5m])) > 0.3`

// rule is what a test wants to know of one.
type rule struct {
	alert, expr, duration string
	rest                  string // labels and annotations
}

var rulePattern = regexp.MustCompile(`(?s)^(\w+)\n +expr: (?:\|\n)?(.+?)\n +for: (\w+)\n(.+)$`)

// rules returns what is in the file of rules.
func rules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, text := range strings.Split(readText(t, rulesFile), "- alert: ")[1:] {
		m := rulePattern.FindStringSubmatch(text)
		require.NotNil(t, m, text)
		all = append(all, rule{m[1], m[2], m[3], m[4]})
	}
	require.Len(t, all, 2)
	return all
}

func TestRuleIsTheOneAskedFor(t *testing.T) {
	r := rules(t)[0]
	require.Equal(t, asked, strings.Join(strings.Fields(r.expr), " "))
	require.Equal(t, "1m", r.duration)
}

// Every alert says how bad it is, in short what is wrong, and what to do.
func TestRulesTell(t *testing.T) {
	for _, r := range rules(t) {
		for _, want := range []string{"severity", "summary", "description"} {
			require.Regexp(t, want+`: *\S`, r.rest, r.alert)
		}
	}
}

// Whatever the rules want is in a scrape of the service that has had no request yet, or is
// the server's own.
func TestRulesNameWhatIsThere(t *testing.T) {
	s := start(t, build(t), "-prometheus", "none", "-rate", "1", "-failures", "0")
	text := s.scrape(t)
	selector := regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*)\})?(?:\[| [=<>])`)
	matcher := regexp.MustCompile(`(\w+)="([^"]*)"`)
	found := 0
	for _, r := range rules(t) {
		selectors := selector.FindAllStringSubmatch(r.expr, -1)
		require.NotEmpty(t, selectors, r.expr)
		for _, m := range selectors {
			if m[1] == "up" {
				require.Equal(t, `job="api"`, m[2])
				require.Contains(t, readText(t, configFile), "job_name: api\n")
				continue
			}
			found++
			series := regexp.MustCompile(`(?m)^`+m[1]+`(\{.*\})? `).FindAllString(text, -1)
			require.NotEmpty(t, series, "%s is not in\n%s", m[1], text)
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				require.Contains(t, strings.Join(series, ""), l[0], "%s has no such label", m[1])
			}
		}
	}
	require.Equal(t, 2, found)
}

func TestPromtool(t *testing.T) {
	promtool := lookPromtool(t)
	for _, args := range [][]string{
		{"check", "config", configFile},
		{"check", "rules", rulesFile},
		{"test", "rules", testsFile},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "SUCCESS")
		require.NotContains(t, string(out), "FAILED")
	}
}

// Rules that are a little different do not pass the tests that are shipped.
func TestPromtoolTellsWrongRules(t *testing.T) {
	promtool := lookPromtool(t)
	for name, tc := range map[string]struct{ old, new string }{
		"at 28 %":                   {"> 0.3", "> 0.28"},
		"at 32 %":                   {"> 0.3", "> 0.32"},
		"at once":                   {"for: 1m", "for: 0s"},
		"a little later":            {"for: 1m", "for: 75s"},
		"no sum of failures":        {`sum(rate(api_requests_total{status="failure"}[5m]))`, `rate(api_requests_total{status="failure"}[5m])`},
		"no sum of all":             {`sum(rate(api_requests_total[5m]))`, `rate(api_requests_total[5m])`},
		"no sums":                   {"sum(", "("},
		"by instance":               {"sum(", "sum by (instance) ("},
		"failures over successes":   {`sum(rate(api_requests_total[5m]))`, `sum(rate(api_requests_total{status="success"}[5m]))`},
		"counters as they are":      {"rate(", "last_over_time("},
		"half a minute is enough":   {"[5m]", "[30s]"},
		"another label":             {`status="failure"`, `status="error"`},
		"no labels":                 {"severity: page", "severity: ticket"},
		"without requests it fires": {"> 0.3\n", "> 0.3 or sum(rate(api_requests_total[5m])) == 0\n"},
		"down is at once":           {"up{job=\"api\"} == 0\n        for: 1m", "up{job=\"api\"} == 0\n        for: 0s"},
		"down is absent":            {`up{job="api"} == 0`, `absent(up{job="api"}) == 1`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := readText(t, rulesFile)
			require.Contains(t, text, tc.old)
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, rulesFile), []byte(strings.ReplaceAll(text, tc.old, tc.new)), 0o600))
			require.NoError(t, os.WriteFile(filepath.Join(dir, testsFile), []byte(readText(t, testsFile)), 0o600))
			out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", filepath.Join(dir, rulesFile)).CombinedOutput()
			require.NoError(t, err, "%s", out)
			out, err = exec.CommandContext(t.Context(), promtool, "test", "rules", filepath.Join(dir, testsFile)).CombinedOutput()
			require.Error(t, err, "%s", out)
			require.Contains(t, string(out), "alertname: Api", "something else fails than an alert that should or should not be")
		})
	}
}

func lookPromtool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	return path
}

// What the guide shows as YAML is in these files, or one of those for a service of one's own.
func TestGuideQuotesTheFiles(t *testing.T) {
	var files string
	own, err := filepath.Glob(filepath.Join(filepath.Dir(guide), "testdata", "alert", "*.yml"))
	require.NoError(t, err)
	require.Len(t, own, 3)
	for _, name := range append(own, configFile, rulesFile, testsFile) {
		files += readText(t, name)
	}
	blocks := fenced(t, readText(t, guide), "yaml")
	require.GreaterOrEqual(t, len(blocks), 3)
	for _, b := range blocks {
		require.True(t, strings.Contains(files, b), "in no file:\n%s", b)
	}
}

// The queries that the report asks are the guide's.
func TestGuideHasTheQueries(t *testing.T) {
	source := readText(t, "report.go")
	queries := strings.Join(fenced(t, readText(t, guide), "promql"), "\n")
	consts := regexp.MustCompile("(?m)^\t\\w+ += `(.+)`$").FindAllStringSubmatch(source, -1)
	require.Len(t, consts, 3)
	for _, c := range consts {
		require.Contains(t, queries, c[1])
	}
	require.Contains(t, asked, consts[0][1])
}

var guide = filepath.Join("..", "..", "docs", "alert.md")

// fenced returns the blocks of a language.
func fenced(t *testing.T, markdown, language string) []string {
	t.Helper()
	var blocks []string
	for _, part := range strings.Split(markdown, fmt.Sprintf("```%s\n", language))[1:] {
		text, _, ok := strings.Cut(part, "```\n")
		require.True(t, ok)
		blocks = append(blocks, text)
	}
	return blocks
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}
