// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
)

// The rules that the guide shows are rules, are for what it has shown before, and do what it
// says.
func TestLabelsRules(t *testing.T) {
	blocks := fenced(t, "labels.md", "json")
	require.Len(t, blocks, 1)
	t.Setenv("EMBER_RULES", blocks[0])
	rules, err := ember.RulesFromEnv()
	require.NoError(t, err)

	reg := ember.NewRegistry(ember.WithRules(rules))
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "shop_requests_total"}, "method", "route", "status")
	checkout := reg.NewHistogram(ember.HistogramOpts{Name: "shop_checkout_duration_seconds"})
	steps := reg.NewCounter(ember.CounterOpts{Name: "shop_debug_steps_total"})
	require.NoError(t, reg.CheckRules())
	requests.With("GET", "/carts/{id}", "200").Inc()
	requests.With("HEAD", "/carts/{id}", "200").Inc()
	checkout.ObserveDuration(250 * time.Millisecond)
	steps.Inc()

	var got strings.Builder
	require.NoError(t, ember.WriteText(&got, reg))
	require.Equal(t, `# TYPE shop_checkout_duration_seconds histogram
shop_checkout_duration_seconds_bucket{le="0.1"} 0
shop_checkout_duration_seconds_bucket{le="0.3"} 1
shop_checkout_duration_seconds_bucket{le="1.2"} 1
shop_checkout_duration_seconds_bucket{le="5"} 1
shop_checkout_duration_seconds_bucket{le="+Inf"} 1
shop_checkout_duration_seconds_sum 0.25
shop_checkout_duration_seconds_count 1
# TYPE shop_requests_total counter
shop_requests_total{route="/carts/{id}",status="200"} 2
`, got.String())
}
