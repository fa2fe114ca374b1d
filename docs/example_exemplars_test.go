// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
	"github.com/embermetrics/ember/embertest"
	"github.com/embermetrics/ember/metric"
)

// writeExemplars writes a metric's samples as OpenMetrics, without the times of exemplars,
// which are never the same.
func writeExemplars(g ember.Gatherer, name string) {
	var text strings.Builder
	ember.Write(&text, g, ember.FormatOpenMetrics)
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, name) {
			continue
		}
		if strings.Contains(line, " # {") {
			line = line[:strings.LastIndexByte(line, ' ')] + "\n"
		}
		io.WriteString(os.Stdout, line)
	}
}

func Example_exemplarByHand() {
	reg := ember.NewRegistry()
	checkout := reg.NewHistogram(ember.HistogramOpts{
		Name:    "checkout_duration_seconds",
		Help:    "Time to check out.",
		Buckets: []float64{0.1, 1},
	})

	checkout.Observe(0.04)
	checkout.ObserveWithExemplar(0.7, ember.Labels{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"})

	writeExemplars(reg, "checkout_duration_seconds")
	// Output:
	// checkout_duration_seconds_bucket{le="0.1"} 1
	// checkout_duration_seconds_bucket{le="1.0"} 2 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.7
	// checkout_duration_seconds_bucket{le="+Inf"} 2
	// checkout_duration_seconds_count 2
	// checkout_duration_seconds_sum 0.74
}

// traced stands for the context of a request that is traced.
func traced(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

type traceKey struct{}

// traceOf finds what traced has put there.
func traceOf(ctx context.Context) ember.Labels {
	id, ok := ctx.Value(traceKey{}).(string)
	if !ok {
		return nil
	}
	return ember.Labels{"trace_id": id}
}

func Example_exemplarFromContext() {
	reg := ember.NewRegistry()
	failed := reg.NewCounter(ember.CounterOpts{Name: "checkout_failures_total", Help: "Check-outs that failed."})
	reg.Configure(ember.WithExemplarSource(traceOf)) // of ember.Default(), in main

	ctx := traced(context.Background(), "4bf92f3577b34da6a3ce929d0e0e4736")
	failed.IncContext(ctx)

	writeExemplars(reg, "checkout_failures_total")
	// Output:
	// checkout_failures_total 1.0 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 1.0
}

// Each middleware finds the span in the context that it is called with.
func TestExemplarsOfHTTP(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	tracing := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(traced(r.Context(), id)))
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(http.ResponseWriter, *http.Request) {})
	for name, tc := range map[string]struct {
		handler func(measured func(http.Handler) http.Handler) http.Handler
		want    []string
	}{
		"tracing outside":            {func(m func(http.Handler) http.Handler) http.Handler { return tracing(m(mux)) }, []string{id}},
		"tracing inside":             {func(m func(http.Handler) http.Handler) http.Handler { return m(tracing(mux)) }, nil},
		"tracing inside, and Routes": {func(m func(http.Handler) http.Handler) http.Handler { return m(tracing(emberhttp.Routes(mux))) }, []string{id}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := ember.NewRegistry(ember.WithExemplarSource(traceOf))
			h := tc.handler(emberhttp.Middleware(reg, emberhttp.Options{}))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/1", nil))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/nowhere", nil))
			var found []string
			for _, b := range embertest.Histogram(t, reg, "http_request_duration_seconds", "status", "200").Buckets {
				if b.Exemplar != nil {
					found = append(found, b.Exemplar.Labels[0].Value)
				}
			}
			require.Equal(t, tc.want, found)
		})
	}
}

func Example_exemplarThatIsTooLong() {
	reg := ember.NewRegistry()
	jobs := reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs finished."})

	jobs.IncWithExemplar(ember.Labels{"url": "https://shop.example/" + strings.Repeat("very-", 30) + "long"})

	ember.WriteText(os.Stdout, reg)
	// Output:
	// # HELP ember_invalid_exemplars_total Exemplars that were dropped because no format can have them.
	// # TYPE ember_invalid_exemplars_total counter
	// ember_invalid_exemplars_total{reason="too_long"} 1
	// # HELP jobs_total Jobs finished.
	// # TYPE jobs_total counter
	// jobs_total 1
}

func TestExemplarOfCheckout(t *testing.T) {
	reg := ember.NewRegistry(ember.WithExemplarSource(traceOf))
	checkout := reg.NewHistogram(ember.HistogramOpts{Name: "checkout_duration_seconds", Buckets: []float64{0.1, 1}})
	func() {
		ctx := traced(t.Context(), "4bf92f35")
		defer checkout.Start().StopContext(ctx)
		time.Sleep(200 * time.Millisecond)
	}()

	for i, b := range embertest.Histogram(t, reg, "checkout_duration_seconds").Buckets {
		if i == 0 {
			require.Nil(t, b.Exemplar)
		} else if x := b.Exemplar; x != nil { // in the second, unless the machine is very slow
			require.Equal(t, []metric.Label{{Name: "trace_id", Value: "4bf92f35"}}, x.Labels)
			require.GreaterOrEqual(t, x.Value, 0.2)
			return
		}
	}
	t.Error("there is no exemplar")
}

// A scraper that does not ask for OpenMetrics or protobuf gets no exemplars.
func Example_exemplarsOfCurl() {
	reg := ember.NewRegistry()
	reg.NewCounter(ember.CounterOpts{Name: "jobs_total"}).IncWithExemplar(ember.Labels{"trace_id": "4bf92f35"})
	for _, accept := range []string{"", "application/openmetrics-text"} {
		scrape := httptest.NewRecorder()
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(scrape, r)
		fmt.Println(strings.Contains(scrape.Body.String(), "trace_id"))
	}
	// Output:
	// false
	// true
}
