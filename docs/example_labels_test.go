// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
)

func Example_labels() {
	reg := ember.NewRegistry()

	requests := reg.NewCounterVec(ember.CounterOpts{
		Name: "shop_requests_total",
		Help: "Requests served.",
	}, "method", "route", "status")
	requests.With("GET", "/carts/{id}", "200").Inc()
	requests.With("GET", "/carts/{id}", "500").Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_requests_total Requests served.
	// # TYPE shop_requests_total counter
	// shop_requests_total{method="GET",route="/carts/{id}",status="200"} 1
	// shop_requests_total{method="GET",route="/carts/{id}",status="500"} 1
}

func Example_labelsTyped() {
	reg := ember.NewRegistry()

	type request struct {
		Method string
		Path   string `label:"route"`
		Status int
	}
	requests := ember.CounterVecOfIn[request](reg, ember.CounterOpts{
		Name: "shop_requests_total",
		Help: "Requests served.",
	})
	requests.With(request{Method: "GET", Path: "/carts/{id}", Status: 200}).Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_requests_total Requests served.
	// # TYPE shop_requests_total counter
	// shop_requests_total{method="GET",route="/carts/{id}",status="200"} 1
}

func Example_labelsKept() {
	reg := ember.NewRegistry()
	read := reg.NewCounterVec(ember.CounterOpts{Name: "shop_rows_read_total"}, "table")
	rows := make([]int, 3)

	carts := read.With("carts")
	for range rows {
		carts.Inc()
	}

	fmt.Println(carts.Value())
	// Output: 3
}

func Example_labelsBudgets() {
	reg := ember.NewRegistry()

	searches := reg.NewCounterVec(ember.CounterOpts{
		Name:         "shop_searches_total",
		Help:         "Searches, by who asked.",
		MaxSeries:    500,
		LabelBudgets: map[string]int{"client": 3},
		KnownValues:  map[string][]string{"client": {"web", "app"}},
		Normalize:    map[string]func(string) string{"client": strings.ToLower},
	}, "client", "language")
	for _, client := range []string{"Partner", "scanner-1", "scanner-2", "WEB", "app"} {
		searches.With(client, "en").Inc()
	}

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP ember_series_overflow_total Lookups of series, or of values of the named label, that there was no place for; they were counted as "other".
	// # TYPE ember_series_overflow_total counter
	// ember_series_overflow_total{label="client",metric="shop_searches_total"} 2
	// # HELP shop_searches_total Searches, by who asked.
	// # TYPE shop_searches_total counter
	// shop_searches_total{client="app",language="en"} 1
	// shop_searches_total{client="other",language="en"} 2
	// shop_searches_total{client="partner",language="en"} 1
	// shop_searches_total{client="web",language="en"} 1
}

func Example_labelsIdle() {
	reg := ember.NewRegistry()

	sent := reg.NewCounterVec(ember.CounterOpts{
		Name:      "shop_sync_sent_bytes_total",
		Help:      "Bytes sent to a branch.",
		IdleAfter: time.Hour,
	}, "branch")

	sent.With("north").Add(100)
	sent.With("south").Add(200)

	sent.Delete("north") // it has closed

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_sync_sent_bytes_total Bytes sent to a branch.
	// # TYPE shop_sync_sent_bytes_total counter
	// shop_sync_sent_bytes_total{branch="south"} 200
}

func Example_labelsCardinality() {
	mux := http.NewServeMux()
	reg := ember.NewRegistry()
	logins := reg.NewCounterVec(ember.CounterOpts{Name: "shop_logins_total", Help: "Logins."}, "user", "outcome")

	mux.Handle("GET /debug/cardinality", ember.CardinalityHandler(reg)) // for operators alone

	for i := range 40 {
		logins.With("u"+strconv.Itoa(i), "ok").Inc()
	}
	curl(mux, "/debug/cardinality", "")
	// Output:
	// 40 series, 40 samples in a scrape
	//
	// shop_logins_total (counter): 40 series, limit 100000
	//   user: 40 values, such as ["u0" "u1" "u10" "u11" "u12"]
	//   outcome: 1 values, such as ["ok"]
}

func Example_labelsSeriesMetric() {
	reg := ember.NewRegistry()
	reg.NewCounterVec(ember.CounterOpts{Name: "shop_logins_total"}, "user", "outcome").With("ada", "ok")

	reg.Configure(ember.WithSeriesMetric())

	var b strings.Builder
	ember.WriteText(&b, reg)
	text, _, _ := strings.Cut(b.String(), "# TYPE shop")
	fmt.Print(text)
	// Output:
	// # HELP ember_series Series of a vector, the one of all others included.
	// # TYPE ember_series gauge
	// ember_series{metric="shop_logins_total"} 1
}

func Example_labelsLint() {
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "shop_requests_total", Help: "Requests served."}, "route")
	for _, path := range []string{"/carts/17", "/carts/23", "/carts/31"} {
		requests.With(path).Inc()
	}

	for _, p := range embertest.Lint(reg) {
		fmt.Println(p)
	}
	// Output:
	// shop_requests_total{route}: cardinality: 3 distinct values look like paths with ids in them, such as "/carts/17"; each of them stays a series: use the route's pattern, such as "/carts/{id}"
}
