// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rule is one of the rules file.
type rule struct{ Record, Alert, Expr string }

func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	require.NoError(t, yaml.Unmarshal([]byte(readText(t, "monitoring", "ember.rules.yml")), &file))
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// Rules and dashboard ask for metrics that there are, by labels that they have.
func TestExpressions(t *testing.T) {
	m := newMonitored(t)
	m.goWrong()
	var known map[string]map[string]bool
	require.Eventually(t, func() bool { // once each request was sent
		known = m.labels(t)
		return known["http_request_duration_seconds"] != nil && known["http_client_response_errors_total"] != nil &&
			known["http_client_request_duration_seconds"] != nil
	}, 20*time.Second, 20*time.Millisecond)

	expressions := 0
	for _, r := range readRules(t) {
		require.NoError(t, checkExpression(r.Expr, known), "%s%s", r.Record, r.Alert)
		expressions++
	}
	d := readDashboard(t, readText(t, "monitoring", "emberhttp.dashboard.json"))
	for _, q := range d.queries {
		require.NoError(t, checkExpression(substitute(q.expr, ".+", ".+"), known), "%s: %s", q.panel, q.expr)
		expressions++
	}
	for _, v := range d.variables {
		require.NoError(t, checkExpression(substitute(v.selector, ".+", ".+"), known), v.name)
		require.NoError(t, checkExpression(fmt.Sprintf("count by (%s) (%s)", v.label, substitute(v.selector, ".+", ".+")), known), v.name)
	}
	require.Greater(t, expressions, 40)

	// The guide says how the dashboard becomes one of metrics with a namespace.
	dir := t.TempDir()
	command := exec.CommandContext(t.Context(), "sh", "-ec",
		"cp \"$1\" "+dir+"\ncd "+dir+"\n"+strings.Join(fenced(t, readText(t, "docs", "monitoring.md"), "sh"), ""),
		"sh", "../monitoring/emberhttp.dashboard.json")
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(filepath.Join(dir, "shop.dashboard.json"))
	require.NoError(t, err)
	changed := readDashboard(t, string(text))
	require.NotEqual(t, *d.model.Uid, *changed.model.Uid)
	require.NotEqual(t, *d.model.Title, *changed.model.Title)
	require.Equal(t, len(d.queries), len(changed.queries))
	shop := make(map[string]map[string]bool)
	for name, labels := range known {
		if strings.HasPrefix(name, "http_") {
			name = "shop_" + name
		}
		shop[name] = labels
	}
	for _, q := range changed.queries {
		require.NoError(t, checkExpression(substitute(q.expr, ".+", ".+"), shop), "%s: %s", q.panel, q.expr)
	}
	for _, v := range changed.variables {
		require.NoError(t, checkExpression(substitute(v.selector, ".+", ".+"), shop), v.name)
	}

	for expr, want := range map[string]string{
		`http_request_total`:                               `there is no metric http_request_total`,
		`rate(http_requests_total{route="/"}[5m])`:         `http_requests_total has no label "route"`,
		`http_request_duration_seconds_bucket{le="1"}`:     ``,
		`http_request_duration_seconds_count{le="1"}`:      `http_request_duration_seconds_count has no label "le"`,
		`sum by (route) (rate(http_requests_total[5m]))`:   `nothing has the label "route" in sum by (route) (rate(http_requests_total[5m]))`,
		`sum by (path) (http_requests_in_flight)`:          `nothing has the label "path" in sum by (path) (http_requests_in_flight)`,
		`up * on (path) http_requests_in_flight`:           `nothing has the label "path" in up * on (path) http_requests_in_flight`,
		`{__name__=~"ember_nothing_.+"}`:                   `there is no metric {__name__=~"ember_nothing_.+"}`,
		`{__name__=~"ember_invalid_.+_total", metric="x"}`: `{__name__=~"ember_invalid_.+_total",metric="x"} has no label "metric"`,
		`{__name__=~"ember_invalid_.+_total", reason="x"}`: ``,
	} {
		err := checkExpression(expr, known)
		if want == "" {
			require.NoError(t, err, expr)
		} else {
			require.EqualError(t, err, want)
		}
	}
}

// checkExpression returns an error if an expression asks for metrics or labels that are not
// known.
func checkExpression(text string, known map[string]map[string]bool) error {
	expr, err := parser.ParseExpr(text)
	if err != nil {
		return err
	}
	// seen returns the labels of what a part of the expression asks for.
	seen := func(part parser.Node) map[string]bool {
		all := make(map[string]bool)
		parser.Inspect(part, func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok {
				for l := range selected(s, known) {
					all[l] = true
				}
			}
			return nil
		})
		return all
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		var grouping []string
		switch n := n.(type) {
		case *parser.VectorSelector:
			has := selected(n, known)
			if has == nil {
				err = fmt.Errorf("there is no metric %s", n)
			}
			for _, m := range n.LabelMatchers {
				if m.Name != labels.MetricName && has != nil && !has[m.Name] {
					err = fmt.Errorf("%s has no label %q", name(n), m.Name)
				}
			}
		case *parser.AggregateExpr:
			grouping = n.Grouping
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouping = append(n.VectorMatching.MatchingLabels, n.VectorMatching.Include...)
			}
		}
		for _, l := range grouping {
			if !seen(n)[l] {
				err = fmt.Errorf("nothing has the label %q in %s", l, n)
			}
		}
		return nil
	})
	return err
}

func name(s *parser.VectorSelector) string {
	if s.Name != "" {
		return s.Name
	}
	return s.String()
}

// selected returns the labels of the metrics that a selector is for; nil: there are none.
func selected(s *parser.VectorSelector, known map[string]map[string]bool) map[string]bool {
	var all map[string]bool
	for metric, has := range known {
		fits := true
		for _, m := range s.LabelMatchers {
			fits = fits && (m.Name != labels.MetricName || m.Matches(metric))
		}
		if fits {
			if all == nil {
				all = make(map[string]bool)
			}
			for l := range has {
				all[l] = true
			}
		}
	}
	return all
}

var labelValues = regexp.MustCompile(`^label_values\((.+), *(\w+)\)$`)
