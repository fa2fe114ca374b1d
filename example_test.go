// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

func Example() {
	reg := ember.NewRegistry()
	jobs := reg.NewCounter(ember.CounterOpts{
		Name: "jobs_total",
		Help: "Jobs finished.",
	})
	jobs.Inc()
	jobs.Inc()
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP jobs_total Jobs finished.
	// # TYPE jobs_total counter
	// jobs_total 2
}

func ExampleCounter() {
	reg := ember.NewRegistry()
	sent := reg.NewCounter(ember.CounterOpts{Name: "sent_bytes_total", Help: "Bytes sent.", Unit: "bytes"})

	sent.Add(1500)
	sent.Inc()

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP sent_bytes_total Bytes sent.
	// # TYPE sent_bytes_total counter
	// sent_bytes_total 1501
}

func ExampleCounterOpts() {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{
		Namespace:   "shop",
		Subsystem:   "cart",
		Name:        "additions_total",
		Help:        "Things put into carts.",
		ConstLabels: ember.Labels{"region": "north"},
	})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP shop_cart_additions_total Things put into carts.
	// # TYPE shop_cart_additions_total counter
	// shop_cart_additions_total{region="north"} 0
}

func ExampleGauge() {
	reg := ember.NewRegistry()
	inFlight := reg.NewGauge(ember.GaugeOpts{Name: "http_requests_in_flight", Help: "Requests being served."})
	handle := func() {
		defer inFlight.Track()()
		ember.WriteText(os.Stdout, reg) // scraped while one request is served
	}

	handle()
	fmt.Println("afterwards:", inFlight.Value())
	// Output:
	// # HELP http_requests_in_flight Requests being served.
	// # TYPE http_requests_in_flight gauge
	// http_requests_in_flight 1
	// afterwards: 0
}

func ExampleHistogram() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{
		Name:    "rpc_duration_seconds",
		Help:    "Time to answer a call.",
		Buckets: []float64{0.1, 0.5, 1},
	})

	latency.ObserveDuration(50 * time.Millisecond)
	latency.ObserveDuration(700 * time.Millisecond)
	latency.Observe(1) // a bound belongs to its bucket

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP rpc_duration_seconds Time to answer a call.
	// # TYPE rpc_duration_seconds histogram
	// rpc_duration_seconds_bucket{le="0.1"} 1
	// rpc_duration_seconds_bucket{le="0.5"} 1
	// rpc_duration_seconds_bucket{le="1"} 3
	// rpc_duration_seconds_bucket{le="+Inf"} 3
	// rpc_duration_seconds_sum 1.75
	// rpc_duration_seconds_count 3
}

// The buckets of a native histogram need no choice. They do not travel in the text
// format, where only the one for +Inf is there.
func ExampleNativeOpts() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{
		Name:   "rpc_duration_seconds",
		Help:   "Time to answer a call.",
		Native: &ember.NativeOpts{Factor: 2}, // coarse, to be short here
	})
	for _, seconds := range []float64{0, 0.2, 0.25, 0.7, 3} {
		latency.Observe(seconds)
	}

	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	native := families[0].Points[0].Native
	fmt.Println("zero:", native.ZeroCount)
	for _, b := range native.Positive {
		fmt.Printf("(%g, %g]: %d\n", math.Pow(2, float64(b.Index-1)), math.Pow(2, float64(b.Index)), b.Count)
	}
	ember.WriteText(os.Stdout, reg)
	// Output:
	// zero: 1
	// (0.125, 0.25]: 2
	// (0.5, 1]: 1
	// (2, 4]: 1
	// # HELP rpc_duration_seconds Time to answer a call.
	// # TYPE rpc_duration_seconds histogram
	// rpc_duration_seconds_bucket{le="+Inf"} 5
	// rpc_duration_seconds_sum 4.15
	// rpc_duration_seconds_count 5
}

// untimed writes OpenMetrics without the times of exemplars.
func untimed(reg *ember.Registry) {
	var text strings.Builder
	ember.Write(&text, reg, ember.FormatOpenMetrics)
	for line := range strings.Lines(text.String()) {
		if i := strings.LastIndexByte(line, ' '); strings.Contains(line, " # {") {
			line = line[:i] + "\n"
		}
		fmt.Print(line)
	}
}

func ExampleHistogram_ObserveWithExemplar() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{Name: "rpc_duration_seconds", Buckets: []float64{0.1, 1}})

	latency.Observe(0.05)
	latency.ObserveWithExemplar(0.7, ember.Labels{"trace_id": "4bf92f3577b34da6"})

	untimed(reg)
	// Output:
	// # TYPE rpc_duration_seconds histogram
	// rpc_duration_seconds_bucket{le="0.1"} 1
	// rpc_duration_seconds_bucket{le="1.0"} 2 # {trace_id="4bf92f3577b34da6"} 0.7
	// rpc_duration_seconds_bucket{le="+Inf"} 2
	// rpc_duration_seconds_count 2
	// rpc_duration_seconds_sum 0.75
	// # EOF
}

// span stands for what a tracing library keeps in contexts.
type span struct{ TraceID string }

type spanKey struct{}

// The registry knows how to find a trace, so that those who count need not.
func ExampleWithExemplarSource() {
	reg := ember.NewRegistry(ember.WithExemplarSource(func(ctx context.Context) ember.Labels {
		s, ok := ctx.Value(spanKey{}).(span)
		if !ok {
			return nil
		}
		return ember.Labels{"trace_id": s.TraceID}
	}))
	jobs := reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."})

	jobs.IncContext(context.Background()) // no trace, no exemplar
	jobs.IncContext(context.WithValue(context.Background(), spanKey{}, span{"4bf92f3577b34da6"}))

	untimed(reg)
	// Output:
	// # TYPE jobs counter
	// # HELP jobs Jobs finished.
	// jobs_total 2.0 # {trace_id="4bf92f3577b34da6"} 1.0
	// # EOF
}

func ExampleInfo() {
	reg := ember.NewRegistry()
	leader := reg.NewInfo(ember.InfoOpts{Name: "cluster_leader_info", Help: "Who leads."}, ember.Labels{"node": "a"})

	// The labels change together.
	if err := leader.Set(ember.Labels{"node": "b", "since": "epoch 7"}); err != nil {
		panic(err)
	}

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP cluster_leader_info Who leads.
	// # TYPE cluster_leader_info gauge
	// cluster_leader_info{node="b",since="epoch 7"} 1
}

func ExampleStateSet() {
	reg := ember.NewRegistry()
	breaker := reg.NewStateSet(ember.StateSetOpts{Name: "breaker_state", Help: "What the circuit breaker does."},
		"closed", "open", "half_open")

	breaker.Switch("closed")
	breaker.Switch("open") // and closed no longer

	ember.WriteText(os.Stdout, reg)
	fmt.Println(breaker.On())
	// Output:
	// # HELP breaker_state What the circuit breaker does.
	// # TYPE breaker_state gauge
	// breaker_state{breaker_state="closed"} 0
	// breaker_state{breaker_state="half_open"} 0
	// breaker_state{breaker_state="open"} 1
	// [open]
}

func ExampleSummary() {
	reg := ember.NewRegistry()
	size := reg.NewSummary(ember.SummaryOpts{
		Name: "request_size_bytes",
		Help: "Size of a request's body.",
	})

	size.Observe(100)
	size.Observe(250)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP request_size_bytes Size of a request's body.
	// # TYPE request_size_bytes summary
	// request_size_bytes_sum 350
	// request_size_bytes_count 2
}

func ExampleSummary_quantiles() {
	reg := ember.NewRegistry()
	latency := reg.NewSummary(ember.SummaryOpts{
		Name:      "rpc_duration_seconds",
		Help:      "Time to answer a call.",
		Quantiles: []float64{0.5, 0.99},
		MaxAge:    5 * time.Minute,
	})
	for i := range 1000 {
		latency.ObserveDuration(time.Duration(i) * time.Millisecond)
	}

	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	for _, q := range families[0].Points[0].Quantiles {
		fmt.Printf("%g: %.1f s\n", q.Quantile, q.Value) // within 1 %
	}
	// Output:
	// 0.5: 0.5 s
	// 0.99: 1.0 s
}

func ExampleTimer() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{Name: "rpc_duration_seconds", Help: "Time to answer a call."})

	always := func() error {
		defer latency.Start().Stop()
		return errors.New("counted all the same")
	}
	onlyGood := func() error {
		t := latency.Start()
		defer t.Stop()
		t.Discard()
		return errors.New("a failed call is not timed")
	}
	fmt.Println(always(), latency.Count())
	fmt.Println(onlyGood(), latency.Count())
	// Output:
	// counted all the same 1
	// a failed call is not timed 1
}

func ExampleCounterFunc() {
	reg := ember.NewRegistry()
	hits := 41 // a total that another library keeps
	reg.NewCounterFunc(ember.CounterOpts{Name: "cache_hits_total", Help: "Values found in the cache."},
		func() float64 { return float64(hits) })

	hits++
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP cache_hits_total Values found in the cache.
	// # TYPE cache_hits_total counter
	// cache_hits_total 42
}

func ExampleGaugeFunc() {
	reg := ember.NewRegistry()
	queue := make(chan string, 10)
	reg.NewGaugeFunc(ember.GaugeOpts{
		Name: "queue_length",
		Help: "Jobs waiting.",
	}, func() float64 { return float64(len(queue)) })

	queue <- "print"
	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP queue_length Jobs waiting.
	// # TYPE queue_length gauge
	// queue_length 1
}

func ExampleCounterVec() {
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	}, "method", "status")
	requests.With("GET", "200").Inc()

	// Kept, a series need not be looked up again.
	ok := requests.With("GET", "200")
	ok.Inc()
	requests.WithLabels(ember.Labels{"status": "201", "method": "POST"}).Inc()
	requests.With("GET", "500") // exposed as zero

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP http_requests_total HTTP requests served.
	// # TYPE http_requests_total counter
	// http_requests_total{method="GET",status="200"} 2
	// http_requests_total{method="GET",status="500"} 0
	// http_requests_total{method="POST",status="201"} 1
}

// A test reads what was counted.
func ExampleCounterVec_Lookup() {
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "method", "status")
	requests.With("GET", "200").Inc()

	got := requests.With("GET", "200").Value()
	fmt.Println(got)
	_, found := requests.Lookup("GET", "500")
	fmt.Println(found, requests.Len())
	// Output:
	// 1
	// false 1
}

func ExampleGaugeVec() {
	reg := ember.NewRegistry()
	jobs := make(chan string, 10)
	length := reg.NewGaugeVec(ember.GaugeOpts{Name: "queue_length", Help: "Items waiting."}, "queue")

	length.With("mail").Set(3)
	length.SetFunc(func() float64 { return float64(len(jobs)) }, "jobs")

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP queue_length Items waiting.
	// # TYPE queue_length gauge
	// queue_length{queue="jobs"} 0
	// queue_length{queue="mail"} 3
}

func ExampleHistogramVec() {
	reg := ember.NewRegistry()
	latency := reg.NewHistogramVec(ember.HistogramOpts{
		Name:    "rpc_duration_seconds",
		Help:    "Time to answer a call.",
		Buckets: []float64{0.1, 1},
	}, "service", "method")

	// What users is given cannot count on another service.
	users, err := latency.Curry(ember.Labels{"service": "users"})
	if err != nil {
		panic(err)
	}
	users.With("Get").Observe(0.25)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP rpc_duration_seconds Time to answer a call.
	// # TYPE rpc_duration_seconds histogram
	// rpc_duration_seconds_bucket{service="users",method="Get",le="0.1"} 0
	// rpc_duration_seconds_bucket{service="users",method="Get",le="1"} 1
	// rpc_duration_seconds_bucket{service="users",method="Get",le="+Inf"} 1
	// rpc_duration_seconds_sum{service="users",method="Get"} 0.25
	// rpc_duration_seconds_count{service="users",method="Get"} 1
}

func ExampleSummaryVec() {
	reg := ember.NewRegistry()
	size := reg.NewSummaryVec(ember.SummaryOpts{Name: "message_size_bytes", Help: "Size of a message."}, "tenant")
	size.With("acme").Observe(100)
	size.With("initech").Observe(200)
	size.With("acme").Observe(300)

	for values, s := range size.All() {
		fmt.Println(values[0], s.Count(), s.Sum())
	}
	size.Delete("acme") // a tenant that is gone
	ember.WriteText(os.Stdout, reg)
	// Output:
	// acme 2 400
	// initech 1 200
	// # HELP message_size_bytes Size of a message.
	// # TYPE message_size_bytes summary
	// message_size_bytes_sum{tenant="initech"} 200
	// message_size_bytes_count{tenant="initech"} 1
}

func ExampleLabels() {
	reg := ember.NewRegistry()
	errorsSeen := reg.NewCounterVec(ember.CounterOpts{Name: "errors_total"}, "op", "code")
	errorsSeen.With("read", "5").Inc()
	errorsSeen.With("write", "5").Inc()
	errorsSeen.With("write", "28").Inc()

	fmt.Println("deleted:", errorsSeen.DeleteMatching(ember.Labels{"op": "write"}))
	ember.WriteText(os.Stdout, reg)
	// Output:
	// deleted: 2
	// # TYPE errors_total counter
	// errors_total{op="read",code="5"} 1
}

func ExampleRegistry() {
	reg := ember.NewRegistry()
	ready := ember.NewGauge(ember.GaugeOpts{Name: "ready", Help: "1 once everything is loaded."})
	ready.Set(1) // works, registered or not

	reg.MustRegister(ready)
	fmt.Println(reg.Register(ember.NewCounter(ember.CounterOpts{Name: "ready"})))

	ember.WriteText(os.Stdout, reg)
	fmt.Println(reg.Unregister(ready))
	// Output:
	// ember: "ready" has the type counter, but is registered with the type gauge
	// # HELP ready 1 once everything is loaded.
	// # TYPE ready gauge
	// ready 1
	// true
}

// A package is given a view of the registry, in which it is free to name things.
func ExampleRegistry_Sub() {
	newCache := func(reg *ember.Registry) {
		reg.NewCounter(ember.CounterOpts{Name: "hits_total", Help: "Values found."}).Inc()
	}

	reg := ember.NewRegistry()
	newCache(reg.Sub("cache_", ember.Labels{"cache": "sessions"}))
	newCache(reg.Sub("cache_", ember.Labels{"cache": "pages"}))

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP cache_hits_total Values found.
	// # TYPE cache_hits_total counter
	// cache_hits_total{cache="pages"} 1
	// cache_hits_total{cache="sessions"} 1
}

func ExampleRegistry_Gather() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "temperature_celsius"}).Set(21.5)

	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		fmt.Println(f.Name, f.Kind, f.Points[0].Value)
	}
	// Output: temperature_celsius gauge 21.5
}

func ExampleWithLogger() {
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "stack" {
			return slog.Attr{}
		}
		return a
	}})
	reg := ember.NewRegistry(ember.WithLogger(slog.New(plain)))
	reg.NewGaugeFunc(ember.GaugeOpts{Name: "broken"}, func() float64 { panic("no value today") })

	_, err := reg.Gather()
	fmt.Println(err)
	// Output:
	// level=ERROR msg="ember: collector failed; series are missing from the scrape" collector=broken error="the function of broken: panic: no value today"
	// ember: collector broken: the function of broken: panic: no value today
}

func ExampleAlreadyRegisteredError() {
	reg := ember.NewRegistry()
	opts := ember.CounterOpts{Name: "jobs_total"}
	reg.MustRegister(ember.NewCounter(opts))

	err := reg.Register(ember.NewCounter(opts))
	var exists *ember.AlreadyRegisteredError
	if errors.As(err, &exists) {
		exists.Existing.(*ember.Counter).Inc()
	}
	fmt.Println(err)
	// Output: ember: jobs_total is already registered, by a *ember.Counter
}

// pool stands for a library that keeps numbers of its own.
type pool struct{ idle, busy int }

// Collect implements ember.Collector.
func (p *pool) Collect(_ context.Context, out *metric.Sink) error {
	const name, help = "pool_connections", "Connections, by what they do."
	out.Gauge(name, help, float64(p.idle), metric.Label{Name: "state", Value: "idle"})
	out.Gauge(name, help, float64(p.busy), metric.Label{Name: "state", Value: "busy"})
	return nil
}

func ExampleCollector() {
	reg := ember.NewRegistry()
	reg.MustRegister(&pool{idle: 3, busy: 1})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP pool_connections Connections, by what they do.
	// # TYPE pool_connections gauge
	// pool_connections{state="busy"} 1
	// pool_connections{state="idle"} 3
}

// received is a snapshot that another process sent.
type received []*metric.Family

func (r received) Gather() ([]*metric.Family, error) { return slices.Clone(r), nil }

func ExampleGatherer() {
	var g ember.Gatherer = received{{
		Name: "workers", Help: "Processes at work.", Kind: metric.Gauge,
		Points: []metric.Point{{Value: 4}},
	}}

	ember.WriteText(os.Stdout, g)
	// Output:
	// # HELP workers Processes at work.
	// # TYPE workers gauge
	// workers 4
}

func ExampleGatherers() {
	a, b := ember.NewRegistry(), ember.NewRegistry()
	for name, reg := range map[string]*ember.Registry{"a": a, "b": b} {
		reg.NewCounter(ember.CounterOpts{Name: "jobs_total", ConstLabels: ember.Labels{"worker": name}}).Inc()
	}

	ember.WriteText(os.Stdout, ember.Gatherers{b, a})
	// Output:
	// # TYPE jobs_total counter
	// jobs_total{worker="a"} 1
	// jobs_total{worker="b"} 1
}

func ExampleWriteText() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "ready"}).Set(1)

	var text strings.Builder
	err := ember.WriteText(&text, reg)
	fmt.Printf("%q %v\n", text.String(), err)
	// Output: "# TYPE ready gauge\nready 1\n" <nil>
}

func ExampleFormat() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "queue_age_seconds", Help: "Age of the oldest job.", Unit: "seconds"}).Set(2)

	fmt.Println(ember.FormatOpenMetrics.ContentType())
	ember.Write(os.Stdout, reg, ember.FormatOpenMetrics)
	// Output:
	// application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores
	// # TYPE queue_age_seconds gauge
	// # UNIT queue_age_seconds seconds
	// # HELP queue_age_seconds Age of the oldest job.
	// queue_age_seconds 2.0
	// # EOF
}

func ExampleFormat_WithEscaping() {
	reg := ember.NewRegistry()
	reg.NewGaugeVec(ember.GaugeOpts{Name: "queue.length"}, "queue.name").With("mail").Set(3)

	ember.Write(os.Stdout, reg, ember.FormatOpenMetrics.WithEscaping(ember.EscapingAllowUTF8))
	// Output:
	// # TYPE "queue.length" gauge
	// {"queue.length","queue.name"="mail"} 3.0
	// # EOF
}

func ExampleEscaping() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "queue.length"}).Set(3)

	for _, e := range []ember.Escaping{
		ember.EscapingUnderscores, ember.EscapingAllowUTF8, ember.EscapingDots, ember.EscapingValues,
	} {
		var text strings.Builder
		ember.Write(&text, reg, ember.FormatText1.WithEscaping(e))
		_, line, _ := strings.Cut(text.String(), "\n")
		fmt.Printf("%-12v %s", e, line)
	}
	// Output:
	// underscores  queue_length 3
	// allow-utf-8  {"queue.length"} 3
	// dots         queue_dot_length 3
	// values       U__queue_2e_length 3
}

func ExampleHandler() {
	requests := ember.NewCounter(ember.CounterOpts{
		Name: "http_requests_total",
		Help: "HTTP requests served.",
	})
	ember.MustRegister(requests)
	http.Handle("GET /metrics", ember.Handler())

	requests.Inc()
	scrape := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(scrape.Body.String()) {
		if strings.Contains(line, "http_requests_total") { // the runtime's metrics are there too
			fmt.Print(line)
		}
	}
	ember.Unregister(requests)
	// Output:
	// # HELP http_requests_total HTTP requests served.
	// # TYPE http_requests_total counter
	// http_requests_total 1
}

func ExampleHandlerFor() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "ready", Help: "1 once everything is loaded."}).Set(1)

	// A failing collector fails the scrape, and none takes longer than 5 seconds.
	handler := ember.HandlerFor(reg, ember.HandlerOpts{OnError: ember.Fail, Timeout: 5 * time.Second})

	scrape := httptest.NewRecorder()
	handler.ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	fmt.Println(scrape.Code, scrape.Header().Get("Content-Type"))
	fmt.Print(scrape.Body)
	// Output:
	// 200 text/plain; version=0.0.4; charset=utf-8; escaping=underscores
	// # HELP ready 1 once everything is loaded.
	// # TYPE ready gauge
	// ready 1
}
