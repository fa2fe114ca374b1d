// SPDX-License-Identifier: Apache-2.0

package embertest_test

import (
	"fmt"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/embertest"
)

// shop is a service that is tested.
type shop struct {
	orders  *ember.CounterVec
	payment *ember.Histogram
}

func newShop(reg *ember.Registry) *shop {
	return &shop{
		orders: reg.NewCounterVec(ember.CounterOpts{
			Name: "shop_orders_total",
			Help: "Orders, by what became of them.",
		}, "status"),
		payment: reg.NewHistogram(ember.HistogramOpts{
			Name: "shop_payment_seconds",
			Help: "Time to pay.",
		}),
	}
}

func (s *shop) sell(_ string, n int) {
	if n < 1 {
		s.orders.With("failed").Inc()
		return
	}
	s.payment.Observe(0.08)
	s.orders.With("paid").Inc()
}

func TestMetrics(t *testing.T) {
	reg := ember.NewRegistry()
	s := newShop(reg)
	s.sell("apples", 3)
	s.sell("pears", 1)

	if got := embertest.Value(t, reg, "shop_orders_total", "status", "paid"); got != 2 {
		t.Errorf("%g orders were paid", got)
	}
	embertest.RequireClean(t, reg)
}

func TestTourOfValues(t *testing.T) {
	reg := ember.NewRegistry()
	s := newShop(reg)
	s.sell("apples", 3)
	s.sell("pears", 1)
	failed := embertest.Delta(t, reg, func() { s.sell("pears", -1) }, "shop_orders_total", "status", "failed")
	require.EqualValues(t, 1, failed)

	h := embertest.Histogram(t, reg, "shop_payment_seconds")
	least, most := h.Within(0, 0.1)
	p95 := h.Quantile(0.95)
	require.Equal(t, []uint64{2, 2}, []uint64{least, most})
	require.InDelta(t, 0.0975, p95, 1e-9)

	embertest.Compare(t, reg, `
		# TYPE shop_orders_total counter
		shop_orders_total{status="paid"} 2
		shop_orders_total{status="failed"} 1
	`, "shop_orders_total")
}

// tourFailures are those that the tour shows.
func tourFailures() string {
	reg := ember.NewRegistry()
	s := newShop(reg)
	s.sell("apples", 3)
	s.sell("pears", 1)
	s.sell("pears", 0)
	text := recorded(func(t testing.TB) { embertest.Value(t, reg, "shop_order_total") }).fatal
	s.sell("pears", 0)
	return text + "\n" + compared(reg, `
		# TYPE shop_orders_total counter
		shop_orders_total{status="paid"} 2
		shop_orders_total{status="failed"} 1
	`, "shop_orders_total") + "\n"
}

// Every piece of code in the package's documentation is in a test, and every failure
// happens as it is shown.
func TestTour(t *testing.T) {
	flat := func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	source, err := os.ReadFile("tour_test.go")
	require.NoError(t, err)
	all := flat(string(source)) + flat(tourFailures())
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	require.NoError(t, err)
	blocks := 0
	for _, b := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := b.(*comment.Code); ok {
			require.True(t, strings.Contains(all, flat(code.Text)), "in no test:\n%s", code.Text)
			blocks++
		}
	}
	require.Equal(t, 6, blocks)
}

func ExampleHistogramSeries_Within() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	sizes := reg.NewHistogram(ember.HistogramOpts{Name: "size_bytes", Buckets: []float64{100, 1000, 10000}})
	for _, size := range []float64{50, 300, 400, 5000} {
		sizes.Observe(size)
	}

	h := embertest.Histogram(t, reg, "size_bytes")
	fmt.Println(h.Within(100, 1000))
	fmt.Println(h.Within(100, 350)) // which the buckets do not tell
	// Output:
	// 2 2
	// 0 2
}

func ExampleHistogramSeries_Quantile() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	latency := reg.NewHistogram(ember.HistogramOpts{Name: "rpc_seconds", Native: &ember.NativeOpts{}})
	for i := range 1000 {
		latency.Observe(float64(i+1) / 1000)
	}

	fmt.Printf("%.2f\n", embertest.Histogram(t, reg, "rpc_seconds").Quantile(0.95))
	// Output:
	// 0.95
}

func ExampleSummary() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	reg.NewSummary(ember.SummaryOpts{Name: "rpc_seconds"}).Observe(0.5)

	s := embertest.Summary(t, reg, "rpc_seconds")
	fmt.Println(s.Count, s.Sum)
	// Output:
	// 1 0.5
}

func ExampleValue() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total"}, "method", "status")
	requests.With("GET", "200").Inc()
	requests.With("GET", "404").Add(2)

	fmt.Println(embertest.Value(t, reg, "http_requests_total", "status", "404"))
	// Output:
	// 2
}

func ExampleDelta() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	jobs := reg.NewCounter(ember.CounterOpts{Name: "jobs_total"})
	jobs.Inc()

	fmt.Println(embertest.Delta(t, reg, func() { jobs.Add(3) }, "jobs_total"))
	// Output:
	// 3
}

func ExampleCompare() {
	t := new(testing.T) // in a test, its own
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "jobs_total"}).Inc()

	embertest.Compare(t, reg, "jobs_total 1")
	fmt.Println(t.Failed())
	// Output:
	// false
}
