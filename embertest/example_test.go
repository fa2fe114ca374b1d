// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"fmt"
	"testing"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
)

// anOldShop stands for the service that is linted.
func anOldShop() *ember.Registry {
	reg := ember.NewRegistry()
	served := reg.NewCounterVec(ember.CounterOpts{
		Name: "shop_requests",
		Help: "Requests served.",
	}, "path", "statusCode")
	served.With("/orders/17", "200").Inc()
	served.With("/orders/23", "200").Inc()
	served.With("/orders/31", "404").Inc()
	reg.NewHistogram(ember.HistogramOpts{
		Name: "shop_payment_duration_ms",
		Help: "Time to pay.",
	})
	return reg
}

func ExampleLint() {
	for _, p := range embertest.Lint(anOldShop()) {
		fmt.Println(p)
	}
	// Output:
	// shop_payment_duration_ms: abbreviation: "ms" abbreviates a unit: use seconds, spelled out: call it "shop_payment_duration_seconds"
	// shop_requests: total: a counter's name ends in "_total": call it "shop_requests_total"
	// shop_requests{path}: cardinality: 3 distinct values look like paths with ids in them, such as "/orders/17"; each of them stays a series: use the route's pattern, such as "/orders/{id}"
	// shop_requests{statusCode}: snake-case: a name is written in small letters, with underscores between words: call it "status_code"
}

func ExampleRequireClean() {
	test := func(t *testing.T) {
		embertest.RequireClean(t, ember.Default(), embertest.Accept{
			Metric: "shop_cache_hit_percent",
			Rule:   embertest.RuleBaseUnit,
			Why:    "the dashboards of the last shop show it",
		})
	}
	_ = test
}

func ExampleAccept_Covers() {
	old := embertest.Accept{Metric: "shop_payment_*", Rule: embertest.RuleAbbreviation}
	for _, p := range embertest.Lint(anOldShop()) {
		if !old.Covers(p) {
			fmt.Println(p.Metric, p.Label, p.Rule)
		}
	}
	// Output:
	// shop_requests  total
	// shop_requests path cardinality
	// shop_requests statusCode snake-case
}

func ExampleProblem() {
	p := embertest.Problem{Metric: "jobs", Rule: embertest.RuleHelp, Text: "it has no help: say in a sentence what it counts or measures"}
	fmt.Println(p)
	// Output:
	// jobs: help: it has no help: say in a sentence what it counts or measures
}

func ExampleRule_Advice() {
	for _, rule := range []embertest.Rule{embertest.RuleTotal, embertest.RulePrefix} {
		fmt.Println(rule, rule.Advice())
	}
	// Output:
	// total false
	// prefix true
}
