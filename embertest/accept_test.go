// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// recorder is a test that notes what becomes of it.
type recorder struct {
	testing.TB
	fatal, log string
}

// ended is what a recorder panics with, instead of ending a goroutine.
type ended struct{}

func (*recorder) Helper()                           {}
func (r *recorder) Logf(format string, args ...any) { r.log += fmt.Sprintf(format, args...) }
func (r *recorder) Fatal(args ...any) {
	r.fatal += fmt.Sprint(args...)
	panic(ended{})
}

// requireClean runs RequireClean in a test of its own.
func requireClean(g ember.Gatherer, accepted ...embertest.Accept) (r recorder) {
	defer func() {
		if e := recover(); e != nil && e != (ended{}) {
			panic(e)
		}
	}()
	embertest.RequireClean(&r, g, accepted...)
	return r
}

func TestRequireClean(t *testing.T) {
	label := func(name string) metric.Label { return metric.Label{Name: name, Value: "x"} }
	dirty := gathered{
		family(metric.Counter, "shop_orders", label("statusCode")),
		family(metric.Gauge, "shop_full_percent"),
		family(metric.Gauge, "orders"),
	}
	const (
		intro   = "embertest: %d to fix, or to accept by an embertest.Accept with metric and rule:"
		percent = "\n\tshop_full_percent: base-unit: \"percent\" is no base unit: use a ratio, from 0 to 1: call it \"shop_full_ratio\""
		total   = "\n\tshop_orders: total: a counter's name ends in \"_total\": call it \"shop_orders_total\""
		snake   = "\n\tshop_orders{statusCode}: snake-case: a name is written in small letters, with underscores between words: call it \"status_code\""
		advice  = "embertest: advice:\n\torders: prefix (advice): \"orders\" may mean something else in another program: put the name of the service or library before it, as Namespace does"
	)
	for name, tc := range map[string]struct {
		accepted []embertest.Accept
		n        int
		fatal    string
		log      string
	}{
		"nothing accepted":       {nil, 3, percent + total + snake, advice},
		"by metric and rule":     {[]embertest.Accept{{Metric: "shop_orders", Rule: embertest.RuleTotal}}, 2, percent + snake, advice},
		"by metric":              {[]embertest.Accept{{Metric: "shop_orders"}}, 1, percent, advice},
		"by rule":                {[]embertest.Accept{{Rule: embertest.RuleTotal}, {Rule: embertest.RulePrefix}}, 2, percent + snake, ""},
		"by label":               {[]embertest.Accept{{Label: "statusCode"}}, 2, percent + total, advice},
		"by prefix":              {[]embertest.Accept{{Metric: "shop_*"}}, 0, "", advice},
		"everything":             {[]embertest.Accept{{}}, 0, "", ""},
		"each by name":           {[]embertest.Accept{{Metric: "shop_orders", Why: "old"}, {Metric: "shop_full_percent", Rule: embertest.RuleBaseUnit, Why: "old"}}, 0, "", advice},
		"a name that is not":     {[]embertest.Accept{{Metric: "shop_order", Rule: embertest.RuleTotal}}, 3, percent + total + snake + "\naccepted, but not found:\n\tshop_order: total", advice},
		"a label that is not":    {[]embertest.Accept{{Label: "status"}}, 3, percent + total + snake + "\naccepted, but not found:\n\t*{status}: any rule", advice},
		"too much, but no fault": {[]embertest.Accept{{Metric: "shop_*"}, {Metric: "shop_order"}}, 0, "", advice},
	} {
		t.Run(name, func(t *testing.T) {
			got := requireClean(dirty, tc.accepted...)
			want := ""
			if tc.fatal != "" {
				want = fmt.Sprintf(intro, tc.n) + tc.fatal
			}
			require.Equal(t, want, got.fatal)
			require.Equal(t, tc.log, got.log)
		})
	}
	t.Run("clean", func(t *testing.T) {
		embertest.RequireClean(t, ember.Default())
		require.Equal(t, recorder{}, requireClean(ember.NewRegistry()))
	})
}
