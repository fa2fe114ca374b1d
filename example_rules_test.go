// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"log"
	"os"

	"github.com/embermetrics/ember"
)

// What the operator wrote in a file, or in EMBER_RULES, changes what is exposed, and
// nothing in the code.
func ExampleParseRules() {
	rules, err := ember.ParseRules([]byte(`
		[
		  {"metric": "http_requests_total", "drop_labels": ["path"], "rename_labels": {"status": "code"}},
		  {"metric": "*_seconds", "buckets": [0.1, 1, 10]},
		  {"metric": "debug_*", "drop": true}
		]
	`))
	if err != nil {
		log.Fatal(err)
	}
	reg := ember.NewRegistry(ember.WithRules(rules))

	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "path", "status")
	latency := reg.NewHistogram(ember.HistogramOpts{Name: "rpc_seconds"})
	steps := reg.NewCounter(ember.CounterOpts{Name: "debug_steps_total"})
	if err := reg.CheckRules(); err != nil {
		log.Fatal(err)
	}
	requests.With("/", "200").Inc()
	requests.With("/login", "200").Inc()
	latency.Observe(0.5)
	steps.Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # TYPE http_requests_total counter
	// http_requests_total{code="200"} 2
	// # TYPE rpc_seconds histogram
	// rpc_seconds_bucket{le="0.1"} 0
	// rpc_seconds_bucket{le="1"} 1
	// rpc_seconds_bucket{le="10"} 1
	// rpc_seconds_bucket{le="+Inf"} 1
	// rpc_seconds_sum 0.5
	// rpc_seconds_count 1
}

func ExampleNewRules() {
	_, err := ember.NewRules(
		ember.Rule{Metric: "logins_total", DropLabels: []string{"user"}, RenameLabels: map[string]string{"user": "id"}},
		ember.Rule{Metric: "rpc_seconds", Buckets: []float64{1, 0.1}},
	)
	fmt.Println(err)
	// Output:
	// ember: rule 1 ("logins_total"): the label "user" is both dropped and renamed
	// ember: rule 2 ("rpc_seconds"): bucket 1 (0.1) must be above bucket 0 (1)
}

// A rule that was for nothing, or for what a metric does not have, stops no service unless
// it wants to be stopped.
func ExampleRegistry_CheckRules() {
	rules, err := ember.NewRules(
		ember.Rule{Metric: "login_total", Drop: true},
		ember.Rule{Metric: "logins_*", MaxSeries: 1000, DropLabels: []string{"user_id"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	reg := ember.NewRegistry(ember.WithRules(rules))
	reg.NewCounterVec(ember.CounterOpts{Name: "logins_total"}, "user")

	fmt.Println(reg.CheckRules())
	// Output:
	// ember: rule 1 ("login_total") is for nothing that is registered
	// ember: rule 2 ("logins_*"): nothing that it is for has the label "user_id"
}

// The pieces of the tour.
func Example_rules() {
	if false {
		if err := ember.Default().CheckRules(); err != nil {
			log.Fatal(err)
		}
	}
	reg := ember.NewRegistry()
	rules, err := ember.NewRules(ember.Rule{Metric: "go_*", Drop: true})
	if err != nil {
		log.Fatal(err)
	}
	reg.Configure(ember.WithRules(rules))
	// Output:
}
