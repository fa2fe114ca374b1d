// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// broker stands for the client of a message broker.
type broker struct {
	queues []queueStats
	err    error
	slow   time.Duration
	asked  int
}

// queueStats is what the broker says of a queue.
type queueStats struct {
	Name      string
	Waiting   int
	Delivered uint64
	Waits     [4]uint64 // messages, by how long they waited: see waitBounds
	Seconds   float64   // that they waited, together
}

// waitBounds are the upper bounds of Waits but the last.
var waitBounds = []float64{0.1, 1, 10}

func (b *broker) Stats(ctx context.Context) ([]queueStats, error) {
	b.asked++
	select {
	case <-time.After(b.slow):
		return b.queues, b.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func aBroker() *broker {
	return &broker{queues: []queueStats{
		{Name: "mail", Waiting: 3, Delivered: 1204, Waits: [4]uint64{1000, 200, 3, 1}, Seconds: 187.5},
		{Name: "print", Waiting: 0, Delivered: 17, Waits: [4]uint64{17, 0, 0, 0}, Seconds: 0.25},
	}}
}

func Example_functionOfQueue() {
	reg := ember.NewRegistry()
	queue := make(chan string, 100)
	queue <- "a job"

	reg.NewGaugeFunc(ember.GaugeOpts{
		Name: "jobs_waiting",
		Help: "Jobs waiting.",
	}, func() float64 { return float64(len(queue)) })

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP jobs_waiting Jobs waiting.
	// # TYPE jobs_waiting gauge
	// jobs_waiting 1
}

func Example_functionsOfQueues() {
	reg := ember.NewRegistry()
	urgent, normal := make(chan string, 100), make(chan string, 100)
	normal <- "a job"

	waiting := reg.NewGaugeVec(ember.GaugeOpts{Name: "jobs_waiting", Help: "Jobs waiting."}, "queue")
	waiting.SetFunc(func() float64 { return float64(len(urgent)) }, "urgent")
	waiting.SetFunc(func() float64 { return float64(len(normal)) }, "normal")

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP jobs_waiting Jobs waiting.
	// # TYPE jobs_waiting gauge
	// jobs_waiting{queue="normal"} 1
	// jobs_waiting{queue="urgent"} 0
}

// queues writes what a broker says of its queues.
type queues struct{ broker *broker }

func (q *queues) Collect(ctx context.Context, out *metric.Sink) error {
	stats, err := q.broker.Stats(ctx)
	if err != nil {
		return err
	}
	for _, s := range stats {
		queue := metric.Label{Name: "queue", Value: s.Name}
		out.Gauge("broker_messages_waiting", "Messages in a queue.", float64(s.Waiting), queue)
		out.Counter("broker_messages_delivered_total", "Messages delivered.", float64(s.Delivered), queue)
	}
	return nil
}

func Example_collectorOfQueues() {
	reg := ember.NewRegistry()
	reg.MustRegister(&queues{aBroker()})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP broker_messages_delivered_total Messages delivered.
	// # TYPE broker_messages_delivered_total counter
	// broker_messages_delivered_total{queue="mail"} 1204
	// broker_messages_delivered_total{queue="print"} 17
	// # HELP broker_messages_waiting Messages in a queue.
	// # TYPE broker_messages_waiting gauge
	// broker_messages_waiting{queue="mail"} 3
	// broker_messages_waiting{queue="print"} 0
}

// withoutTime returns a logger whose lines are always the same.
func withoutTime() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func Example_collectorThatFails() {
	reg := ember.NewRegistry(ember.WithLogger(withoutTime()))
	reg.NewGauge(ember.GaugeOpts{Name: "ready", Help: "1 once everything is loaded."}).Set(1)
	reg.MustRegister(&queues{&broker{err: errors.New("broker.example:5672: connection refused")}})

	scrape := httptest.NewRecorder()
	ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(scrape, httptest.NewRequest("GET", "/metrics", nil))
	fmt.Print(scrape.Body)
	// Output:
	// level=ERROR msg="ember: collector failed; series are missing from the scrape" collector=docs_test.queues error="broker.example:5672: connection refused"
	// # HELP ember_collector_errors_total Scrapes in which a collector or a callback failed, so that its series were missing.
	// # TYPE ember_collector_errors_total counter
	// ember_collector_errors_total{collector="docs_test.queues"} 1
	// # HELP ready 1 once everything is loaded.
	// # TYPE ready gauge
	// ready 1
}

// describedQueues is queues, and says in advance what it writes.
type describedQueues struct{ broker *broker }

var (
	messagesWaiting = metric.Desc{
		Name:   "broker_messages_waiting",
		Help:   "Messages in a queue.",
		Kind:   metric.Gauge,
		Labels: []string{"queue"},
	}
	waitSeconds = metric.Desc{
		Name:   "broker_wait_seconds",
		Help:   "How long messages waited in a queue.",
		Unit:   "seconds",
		Kind:   metric.Histogram,
		Labels: []string{"queue"},
	}
)

func (q *describedQueues) Describe() []metric.Desc {
	return []metric.Desc{messagesWaiting, waitSeconds}
}

func (q *describedQueues) Collect(ctx context.Context, out *metric.Sink) error {
	stats, err := q.broker.Stats(ctx)
	if err != nil {
		return err
	}
	for _, s := range stats {
		queue := []metric.Label{{Name: "queue", Value: s.Name}}
		out.Add(&messagesWaiting, metric.Point{Labels: queue, Value: float64(s.Waiting)})

		waits := metric.Point{Labels: queue, Sum: s.Seconds}
		for i, n := range s.Waits {
			waits.Count += n
			if i < len(waitBounds) { // the rest waited longer
				waits.Buckets = append(waits.Buckets, metric.Bucket{UpperBound: waitBounds[i], Count: waits.Count})
			}
		}
		out.Add(&waitSeconds, waits)
	}
	return nil
}

func Example_collectorThatDescribes() {
	reg := ember.NewRegistry()
	b := aBroker()
	b.queues = b.queues[:1]
	reg.MustRegister(&describedQueues{b})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP broker_messages_waiting Messages in a queue.
	// # TYPE broker_messages_waiting gauge
	// broker_messages_waiting{queue="mail"} 3
	// # HELP broker_wait_seconds How long messages waited in a queue.
	// # TYPE broker_wait_seconds histogram
	// broker_wait_seconds_bucket{queue="mail",le="0.1"} 1000
	// broker_wait_seconds_bucket{queue="mail",le="1"} 1200
	// broker_wait_seconds_bucket{queue="mail",le="10"} 1203
	// broker_wait_seconds_bucket{queue="mail",le="+Inf"} 1204
	// broker_wait_seconds_sum{queue="mail"} 187.5
	// broker_wait_seconds_count{queue="mail"} 1204
}

func Example_collectorThatClashes() {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "broker_wait_seconds_count"})
	fmt.Println(reg.Register(&describedQueues{aBroker()}))
	// Output:
	// ember: histogram "broker_wait_seconds" collides with gauge "broker_wait_seconds_count": both write "broker_wait_seconds_count"
}

// polledQueues writes what a broker has said last, so that no scrape waits for it.
type polledQueues struct {
	broker *broker
	last   atomic.Pointer[answer]
}

type answer struct {
	stats []queueStats
	at    time.Time
}

// poll asks the broker until ctx is done.
func (q *polledQueues) poll(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, every)
		if stats, err := q.broker.Stats(limited); err == nil { // or else the last one grows old
			q.last.Store(&answer{stats, time.Now()})
		}
		<-limited.Done()
		cancel()
	}
}

func (q *polledQueues) Collect(_ context.Context, out *metric.Sink) error {
	last := q.last.Load()
	if last == nil {
		return errors.New("the broker has not answered yet")
	}
	out.Gauge("broker_answered_timestamp_seconds", "When the broker has last answered, as Unix time.", float64(last.at.Unix()))
	for _, s := range last.stats {
		queue := metric.Label{Name: "queue", Value: s.Name}
		out.Gauge("broker_messages_waiting", "Messages in a queue.", float64(s.Waiting), queue)
	}
	return nil
}

func Example_collectorOfWhatWasSaidLast() {
	reg := ember.NewRegistry()
	q := &polledQueues{broker: aBroker()}
	q.last.Store(&answer{q.broker.queues, time.Unix(1_800_000_000, 0)})
	reg.MustRegister(q)

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP broker_answered_timestamp_seconds When the broker has last answered, as Unix time.
	// # TYPE broker_answered_timestamp_seconds gauge
	// broker_answered_timestamp_seconds 1.8e+09
	// # HELP broker_messages_waiting Messages in a queue.
	// # TYPE broker_messages_waiting gauge
	// broker_messages_waiting{queue="mail"} 3
	// broker_messages_waiting{queue="print"} 0
}

func TestPolledQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
		b := aBroker()
		b.slow = 20 * time.Second
		q := &polledQueues{broker: b}
		reg.MustRegister(q)
		go q.poll(ctx, time.Minute)

		_, err := reg.Gather()
		require.EqualError(t, err, "ember: collector docs_test.polledQueues: the broker has not answered yet")
		start := time.Now()
		time.Sleep(30 * time.Second)
		require.Equal(t, 3.0, embertest.Value(t, reg, "broker_messages_waiting", "queue", "mail"))
		require.Equal(t, float64(start.Add(20*time.Second).Unix()), embertest.Value(t, reg, "broker_answered_timestamp_seconds"))
		time.Sleep(time.Minute)
		require.Equal(t, float64(start.Add(80*time.Second).Unix()), embertest.Value(t, reg, "broker_answered_timestamp_seconds"))
		require.Equal(t, 2, b.asked)
	})
}

func TestQueues(t *testing.T) {
	reg := ember.NewRegistry()
	reg.MustRegister(&queues{aBroker()})

	embertest.Compare(t, reg, `
		broker_messages_waiting{queue="mail"} 3
		broker_messages_waiting{queue="print"} 0
	`, "broker_messages_waiting")
	embertest.RequireClean(t, reg)
}

// Two collectors of one type need labels that tell their series apart.
func TestTwoBrokers(t *testing.T) {
	same := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	same.MustRegister(&queues{aBroker()}, &queues{aBroker()})
	_, err := same.Gather()
	require.EqualError(t, err, `ember: collector docs_test.queues: ember: broker_messages_waiting{queue="mail"} was written by another collector; a label of Registry.Sub can tell them apart`)

	reg := ember.NewRegistry()
	for _, name := range []string{"north", "south"} {
		reg.Sub("", ember.Labels{"broker": name}).MustRegister(&queues{aBroker()})
	}
	require.Equal(t, 3.0, embertest.Value(t, reg, "broker_messages_waiting", "broker", "south", "queue", "mail"))
}

// What one that describes nothing will write is not known before it is called; a described
// one is spared, clashes when it is registered, and is found again by an equal one.
func TestWhatDescribingIsGoodFor(t *testing.T) {
	described, plain := aBroker(), aBroker()
	reg := ember.NewRegistry()
	reg.MustRegister(&describedQueues{described})
	reg.Sub("other_", nil).MustRegister(&queues{plain})
	ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics?name[]=ready", nil))
	require.Equal(t, []int{0, 1}, []int{described.asked, plain.asked})
	require.Error(t, reg.Register(&describedQueues{aBroker()}))
	require.True(t, reg.Unregister(&describedQueues{}))
	require.False(t, reg.Unregister(&queues{}))
}

// What is expensive has a registry and a path of its own.
func TestExpensiveQueues(t *testing.T) {
	b := aBroker()
	mux := http.NewServeMux()
	reg := ember.NewRegistry()
	mux.Handle("GET /metrics", ember.HandlerFor(reg, ember.HandlerOpts{}))

	expensive := ember.NewRegistry()
	expensive.MustRegister(&queues{b})
	mux.Handle("GET /metrics/queues", ember.HandlerFor(expensive, ember.HandlerOpts{}))

	get := func(path string) string {
		scrape := httptest.NewRecorder()
		mux.ServeHTTP(scrape, httptest.NewRequest("GET", path, nil))
		return scrape.Body.String()
	}
	require.NotContains(t, get("/metrics"), "broker")
	require.Zero(t, b.asked)
	require.Contains(t, get("/metrics/queues"), `broker_messages_waiting{queue="mail"} 3`)
	require.Equal(t, 1, b.asked)
}
