// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// A real server that scrapes the histograms of docs/time.md, in protobuf and in both kinds
// of text, answers the queries of that guide as it says.
func TestGuideTime(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "docs", "time.md"))
	require.NoError(t, err)
	var queries []string
	for _, part := range strings.Split(string(guide), "```promql\n")[1:] {
		block, _, ended := strings.Cut(part, "\n```\n")
		require.True(t, ended)
		queries = append(queries, strings.Split(block, "\n\n")...)
	}
	want := []struct{ value, within float64 }{
		{math.Inf(1), 0}, // checkouts in a second: as many as are scraped
		{0.331, 1e-9},
		{0.94, 1e-9},
		{0.525, 1e-9}, // evenly spread, a quarter of the way from 0.3 to 1.2
		{0.96, 1e-9},
		{0.9, 0.1}, // a bucket is at most so wide
		{0.94, 1e-9},
		{0.289, 1e-9},
	}
	require.Len(t, queries, len(want))

	reg := ember.NewRegistry()
	checkout := reg.NewHistogram(ember.HistogramOpts{
		Name:    "shop_checkout_duration_seconds",
		Buckets: []float64{0.1, 0.3, 1.2, 5},
		Native:  &ember.NativeOpts{},
	})
	search := reg.NewHistogram(ember.HistogramOpts{
		Name:   "shop_search_duration_seconds",
		Native: &ember.NativeOpts{},
	})
	var mu sync.Mutex // so that each scrape has a multiple of a hundred calls
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for i := range 100 {
			switch {
			case i < 94:
				checkout.ObserveDuration(250 * time.Millisecond)
				search.ObserveDuration(250 * time.Millisecond)
			case i < 98:
				checkout.ObserveDuration(900 * time.Millisecond)
				search.ObserveDuration(900 * time.Millisecond)
			default:
				checkout.ObserveDuration(3 * time.Second)
				search.ObserveDuration(900 * time.Millisecond)
			}
		}
		r.Header.Set("Accept", jobs[strings.TrimPrefix(r.URL.Path, "/")].accept(r.Header.Get("Accept")))
		ember.HandlerFor(reg, ember.HandlerOpts{}).ServeHTTP(w, r)
	}))
	t.Cleanup(target.Close)
	s := startServer(t, strings.TrimPrefix(target.URL, "http://"), "protobuf", "openmetrics", "text")
	t.Cleanup(target.CloseClientConnections) // the server's end first
	s.scrape()
	s.scrape()
	s.scrape() // a rate needs two

	for i, query := range queries {
		got := s.value(query)
		if math.IsInf(want[i].value, 1) {
			require.Greater(t, got, 0.0, query)
		} else {
			require.InEpsilon(t, want[i].value, got, want[i].within, query)
		}
	}
	// Who asks for native buckets does not get the classic ones beside them.
	require.Len(t, s.query(`shop_checkout_duration_seconds_bucket{le="0.3"}`), 2)
	require.Len(t, s.query(`shop_checkout_duration_seconds{job="protobuf"}`), 1)
	// A bound that is a whole number is not the same everywhere.
	require.Len(t, s.query(`shop_checkout_duration_seconds_bucket{le="5.0",job="openmetrics"}`), 1)
	require.Len(t, s.query(`shop_checkout_duration_seconds_bucket{le="5",job="text"}`), 1)
	s.requireHealthy()
}
