// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"os"
	"strings"

	"github.com/embermetrics/ember"
)

func Example_limits() {
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{
		Name:         "http_requests_total",
		Help:         "HTTP requests served.",
		LabelBudgets: map[string]int{"path": 100, "method": 10},
		KnownValues:  map[string][]string{"path": {"/", "/login"}},
		Normalize:    map[string]func(string) string{"method": strings.ToUpper},
	}, "method", "path")
	requests.With("get", "/").Inc()
	requests.With("GET", "/").Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP http_requests_total HTTP requests served.
	// # TYPE http_requests_total counter
	// http_requests_total{method="GET",path="/"} 2
}

// Past the limit totals stay true.
func ExampleWithMaxSeries() {
	reg := ember.NewRegistry(ember.WithMaxSeries(2))
	logins := reg.NewCounterVec(ember.CounterOpts{Name: "logins_total"}, "user")
	for _, user := range []string{"ada", "bob", "cyd", "dan"} {
		logins.With(user).Inc()
	}

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP ember_series_overflow_total Lookups of series, or of values of the named label, that there was no place for; they were counted as "other".
	// # TYPE ember_series_overflow_total counter
	// ember_series_overflow_total{metric="logins_total"} 2
	// # TYPE logins_total counter
	// logins_total{user="ada"} 1
	// logins_total{user="bob"} 1
	// logins_total{user="other"} 2
}

// The operator sees which label it was.
func ExampleRegistry_Cardinality() {
	reg := ember.NewRegistry()
	logins := reg.NewCounterVec(ember.CounterOpts{Name: "logins_total"}, "user", "status")
	for _, user := range []string{"ada", "bob", "cyd", "dan"} {
		logins.With(user, "ok").Inc()
	}

	report, err := reg.Cardinality()
	if err != nil {
		panic(err)
	}
	report.WriteTo(os.Stdout)
	// Output:
	// 4 series, 4 samples in a scrape
	//
	// logins_total (counter): 4 series, limit 100000
	//   user: 4 values, such as ["ada" "bob" "cyd" "dan"]
	//   status: 1 values, such as ["ok"]
}
