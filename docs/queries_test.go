// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every query in a guide has an answer in a Prometheus that scrapes what the examples
// write: it parses, it asks for nothing that is not exposed, and its labels match. Those of
// alert.md are about a whole service, and asked in the test that runs it, in module e2e; the
// one of monitoring.md is in the tests of the rules.
func TestQueries(t *testing.T) {
	exposed := exposedByExamples(t)
	var tests strings.Builder
	queries := 0
	for _, name := range guides(t) {
		if name == "alert.md" || name == "monitoring.md" {
			continue
		}
		for _, block := range fenced(t, name, "promql") {
			for query := range strings.SplitSeq(strings.TrimSpace(block), "\n\n") {
				queries++
				// A series of native buckets cannot be written in a test of rules.
				if names := exposed.histograms(query); names != nil {
					promtool(t, nil, "check", "rules", write(t, fmt.Sprintf("groups: [{name: a, rules: [{record: a, expr: %q}]}]", query)))
					continue
				}
				fmt.Fprintf(&tests, "  - {expr: %q, eval_time: 4h, exp_samples: []}\n", "absent(\n"+query+"\n)")
			}
		}
	}
	require.Greater(t, queries, 10)
	var input strings.Builder
	for _, series := range slices.Sorted(maps.Keys(exposed.series)) {
		fmt.Fprintf(&input, "  - {series: %q, values: %q}\n", series, exposed.series[series])
	}
	promtool(t, nil, "test", "rules", write(t, "tests:\n- interval: 1m\n  input_series:\n"+input.String()+"  promql_expr_test:\n"+tests.String()))
}

// What the guides claim that queries return, they return.
func TestQueriesClaims(t *testing.T) {
	const same = "0+60x60"
	for name, tc := range map[string]struct {
		input map[string]string
		query string
		want  string // empty: nothing
	}{
		"a first failure of a series that was there": {
			map[string]string{`shop_payments_total{outcome="failed"}`: "0x30 1x30"},
			`increase(shop_payments_total[45m]) > bool 0`,
			"1",
		},
		"a first failure of a series that was not there": {
			map[string]string{`shop_payments_total{outcome="failed"}`: "_x30 1x30"},
			`increase(shop_payments_total[45m]) > bool 0`,
			"0",
		},
		"a ratio without sum": {
			map[string]string{
				`shop_payments_total{outcome="failed"}`: "0+1x60",
				`shop_payments_total{outcome="paid"}`:   "0+99x60",
			},
			`rate(shop_payments_total{outcome="failed"}[5m]) / rate(shop_payments_total[5m])`,
			"1",
		},
		"a ratio with sum": {
			map[string]string{
				`shop_payments_total{outcome="failed"}`: "0+1x60",
				`shop_payments_total{outcome="paid"}`:   "0+99x60",
			},
			`sum(rate(shop_payments_total{outcome="failed"}[5m])) / sum(rate(shop_payments_total[5m]))`,
			"0.01",
		},
		"a ratio of nothing": {
			map[string]string{
				`shop_payments_total{outcome="failed"}`: "1x60",
				`shop_payments_total{outcome="paid"}`:   "9x60",
			},
			`sum(rate(shop_payments_total{outcome="failed"}[5m])) / sum(rate(shop_payments_total[5m])) > 0`,
			"",
		},
		"a rate over a restart": {
			map[string]string{`shop_orders_total`: "0+60x30 0+60x30"},
			`rate(shop_orders_total[10m]) > bool 0.9`,
			"1",
		},
		"calls of 150 ms between distant bounds": {
			map[string]string{
				`x_bucket{le="0.1"}`: "0x60", `x_bucket{le="1"}`: same, `x_bucket{le="+Inf"}`: same,
			},
			`round(histogram_quantile(0.95, rate(x_bucket[5m])), 0.001)`,
			"0.955",
		},
		"calls above the last bound": {
			map[string]string{`x_bucket{le="0.1"}`: "0x60", `x_bucket{le="1"}`: "0x60", `x_bucket{le="+Inf"}`: same},
			`histogram_quantile(0.95, rate(x_bucket[5m]))`,
			"1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString("tests:\n- interval: 1m\n  input_series:\n")
			for series, values := range tc.input {
				fmt.Fprintf(&b, "  - {series: %q, values: %q}\n", series, values)
			}
			samples := ""
			if tc.want != "" {
				samples = "{labels: '{}', value: " + tc.want + "}"
			}
			fmt.Fprintf(&b, "  promql_expr_test:\n  - {expr: %q, eval_time: 1h, exp_samples: [%s]}\n", "sum("+tc.query+")", samples)
			promtool(t, nil, "test", "rules", write(t, b.String()))
		})
	}
}

// exposition is what examples write.
type exposition struct {
	series map[string]string // by their names and labels: how they go on, as tests of rules have it
	native *regexp.Regexp    // finds histograms that are asked for by the name of their family
}

// histograms returns the histograms that a query asks for by the name of their family, as
// one does for native buckets.
func (e exposition) histograms(query string) []string { return e.native.FindAllString(query, -1) }

var (
	histogramLine = regexp.MustCompile(`^# TYPE (\S+) histogram$`)
	sampleLine    = regexp.MustCompile(`^(([a-z]+_\w+)(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) ([-+\w.]+)(?: # \{.*)?$`) // and an exemplar
	growing       = regexp.MustCompile(`_(total|bucket|sum|count)$`)
)

func exposedByExamples(t *testing.T) exposition {
	t.Helper()
	series := make(map[string]string)
	var histograms []string
	for _, output := range exampleOutputs(t) {
		for line := range strings.Lines(output) {
			line = strings.TrimSuffix(line, "\n")
			if m := histogramLine.FindStringSubmatch(line); m != nil {
				histograms = append(histograms, m[1])
				continue
			}
			m := sampleLine.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			switch value, err := strconv.ParseFloat(m[3], 64); {
			case err != nil: // no sample, but looks like one
			case growing.MatchString(m[2]): // even if nothing was counted
				series[m[1]] = fmt.Sprintf("0+%.0fx240", max(value, 1))
			case value > 5e8: // a moment, and tests of rules begin in 1970
				series[m[1]] = "0x240"
			default:
				series[m[1]] = fmt.Sprintf("%.0fx240", value)
			}
		}
	}
	require.Greater(t, len(series), 10)
	return exposition{series, regexp.MustCompile(`\b(?:` + strings.Join(histograms, "|") + `)\b`)}
}
