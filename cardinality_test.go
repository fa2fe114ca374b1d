// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// census is a registry with something of everything to count.
func census(t *testing.T) *ember.Registry {
	captureLog(t)
	reg := ember.NewRegistry(ember.WithLogger(slog.New(slog.DiscardHandler)))
	v := reg.NewCounterVec(ember.CounterOpts{
		Name: "requests_total", MaxSeries: 8, ConstLabels: ember.Labels{"app": "a"},
		LabelBudgets: map[string]int{"user": 6},
	}, "user", "x.y")
	for i := range 10 {
		v.With(fmt.Sprint("user", i), []string{"1", "2", "3"}[i%3]).Inc()
	}
	v.With("user0", "3").Inc()
	h := reg.NewHistogramVec(ember.HistogramOpts{Name: "h", Buckets: []float64{1, 2}, MaxSeries: -1}, "path")
	h.With(strings.Repeat("é", 100)).Observe(1)
	h.With("\"\n").Observe(1)
	reg.NewSummary(ember.SummaryOpts{Name: "s", Quantiles: []float64{0.5}})
	reg.NewGaugeVec(ember.GaugeOpts{Name: "empty"}, "a")
	reg.MustRegister(collectFunc(func(out *metric.Sink) {
		out.Gauge("c", "", 1, label("b", "2"), label("a.a", "1"))
		out.Gauge("c", "", 1, label("b", "3"))
	}))
	return reg
}

func TestCardinality(t *testing.T) {
	c, err := census(t).Cardinality()
	require.NoError(t, err)
	var b strings.Builder
	n, err := c.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, int64(b.Len()), n)
	require.Equal(t, `16 series, 26 samples in a scrape

requests_total (counter): 9 series, limit 8; no place 2 times
  user: 7 values, budget 6; no place 4 times, such as ["other" "user0" "user1" "user2" "user3"]
  x.y: 4 values, such as ["1" "2" "3" "other"]
  app: 1 values, such as ["a"]

c (gauge): 2 series
  b: 2 values, such as ["2" "3"]
  a.a: 1 values, such as ["1"]

ember_series_overflow_total (counter): 2 series
  label: 1 values, such as ["user"]
  metric: 1 values, such as ["requests_total"]

h (histogram): 2 series, 10 samples
  path: 2 values, such as ["\"\n" "`+strings.Repeat("é", 30)+`…"]

s (summary): 1 series, 3 samples
`, b.String())
}

func TestCardinalityHandler(t *testing.T) {
	reg := census(t)
	c, err := reg.Cardinality()
	require.NoError(t, err)
	h := ember.CardinalityHandler(reg)
	serve := func(method, query, accept string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "/x"+query, nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	var text strings.Builder
	_, err = c.WriteTo(&text)
	require.NoError(t, err)
	w := serve(http.MethodGet, "", "*/*")
	require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, text.String(), w.Body.String())

	for _, w := range []*httptest.ResponseRecorder{serve(http.MethodGet, "?format=json", ""), serve(http.MethodGet, "", "text/html, application/json;q=0.9")} {
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		var got ember.Cardinality
		d := json.NewDecoder(w.Body)
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&got))
		require.Equal(t, c, &got)
	}
	w = serve(http.MethodPost, "", "")
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))

	reg.MustRegister(&custom{func(context.Context, *metric.Sink) error { return errors.New("no answer") }})
	require.True(t, strings.HasPrefix(serve(http.MethodGet, "", "").Body.String(), "incomplete: ember: collector ember_test.custom: no answer\n"))
	require.Contains(t, serve(http.MethodGet, "?format=json", "").Body.String(), `"error": "ember: collector ember_test.custom: no answer"`)
}

func TestSeriesMetric(t *testing.T) {
	captureLog(t)
	reg := ember.NewRegistry(ember.WithSeriesMetric())
	v := reg.NewGaugeVec(ember.GaugeOpts{Name: "x", MaxSeries: 2}, "a")
	sub := reg.Sub("app_", nil).NewCounterVec(ember.CounterOpts{Name: "y_total"}, "a")
	reg.NewGauge(ember.GaugeOpts{Name: "z"})
	require.Equal(t, "# TYPE z gauge\nz 0\n", scrapeOf(t, reg))
	for i := range 5 {
		v.With(fmt.Sprint(i)).Add(1)
	}
	sub.With("1")
	const help = "# HELP ember_series Series of a vector, the one of all others included.\n# TYPE ember_series gauge\n"
	require.Contains(t, scrapeOf(t, reg), help+"ember_series{metric=\"app_y_total\"} 1\nember_series{metric=\"x\"} 3\n")
	v.Delete("0")
	require.Contains(t, scrapeOf(t, reg), "ember_series{metric=\"x\"} 2\n")
	require.EqualError(t, reg.Register(gauge("ember_series")), `ember: gauge "ember_series" collides with gauge "ember_series": both write "ember_series"`)
}
