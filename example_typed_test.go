// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"fmt"
	"os"

	"github.com/embermetrics/ember"
)

// Route is what requests are counted by.
type Route struct {
	Method string
	Path   string `label:"route"`
	Status int
	Cached bool
}

func ExampleCounterVecOf() {
	reg := ember.NewRegistry()
	served := ember.CounterVecOfIn[Route](reg, ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	})
	served.With(Route{Method: "GET", Path: "/users/{id}", Status: 200}).Inc()

	for route, c := range served.All() {
		fmt.Printf("%+v: %v\n", route, c.Value())
	}
	ember.WriteText(os.Stdout, reg)
	// Output:
	// {Method:GET Path:/users/{id} Status:200 Cached:false}: 1
	// # HELP http_requests_total HTTP requests served.
	// # TYPE http_requests_total counter
	// http_requests_total{method="GET",route="/users/{id}",status="200",cached="false"} 1
}

// Priority is a label by its String method.
type Priority int

func (p Priority) String() string { return [...]string{"low", "high"}[p] }

func ExampleGaugeVecOf() {
	type Queue struct {
		Name     string
		Priority Priority
	}
	jobs := make(chan string, 10)
	length := ember.NewGaugeVecOf[Queue](ember.GaugeOpts{Name: "queue_length", Help: "Items waiting."})
	reg := ember.NewRegistry()
	reg.MustRegister(length)

	length.With(Queue{"mail", 1}).Set(3)
	length.SetFunc(func() float64 { return float64(len(jobs)) }, Queue{Name: "jobs"})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP queue_length Items waiting.
	// # TYPE queue_length gauge
	// queue_length{name="jobs",priority="low"} 0
	// queue_length{name="mail",priority="high"} 3
}

// What all series of a service have in common can be embedded.
func ExampleHistogramVecOf() {
	type Service struct{ Zone, Service string }
	type Call struct {
		Service
		Method string
		OK     bool
	}
	reg := ember.NewRegistry()
	latency := ember.HistogramVecOfIn[Call](reg, ember.HistogramOpts{
		Name:    "rpc_duration_seconds",
		Buckets: []float64{0.1},
	})

	latency.With(Call{Service{"north", "users"}, "Get", true}).Observe(0.25)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # TYPE rpc_duration_seconds histogram
	// rpc_duration_seconds_bucket{zone="north",service="users",method="Get",ok="true",le="0.1"} 0
	// rpc_duration_seconds_bucket{zone="north",service="users",method="Get",ok="true",le="+Inf"} 1
	// rpc_duration_seconds_sum{zone="north",service="users",method="Get",ok="true"} 0.25
	// rpc_duration_seconds_count{zone="north",service="users",method="Get",ok="true"} 1
}

// Structs and strings lead to the same series.
func ExampleSummaryVecOf() {
	type Tenant struct{ TenantID uint32 }
	reg := ember.NewRegistry()
	size := ember.SummaryVecOfIn[Tenant](reg, ember.SummaryOpts{Name: "message_size_bytes"})

	size.With(Tenant{7}).Observe(100)
	size.Untyped().With("7").Observe(200)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # TYPE message_size_bytes summary
	// message_size_bytes_sum{tenant_id="7"} 300
	// message_size_bytes_count{tenant_id="7"} 2
}

func ExampleCurryCounterVec() {
	type Query struct {
		Database string
		Table    string
		Failed   bool
	}
	type Database struct{ Database string }
	type InDatabase struct {
		Table  string
		Failed bool
	}
	reg := ember.NewRegistry()
	queries := ember.CounterVecOfIn[Query](reg, ember.CounterOpts{Name: "queries_total"})

	// What users is given cannot count on another database.
	users, err := ember.CurryCounterVec[InDatabase](queries, Database{"users"})
	if err != nil {
		panic(err)
	}
	users.With(InDatabase{Table: "sessions"}).Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # TYPE queries_total counter
	// queries_total{database="users",table="sessions",failed="false"} 1
}
