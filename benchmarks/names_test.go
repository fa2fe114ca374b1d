// SPDX-License-Identifier: Apache-2.0

package benchmarks_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/metric"
)

// leftOut are the families of client_golang's default registry that Ember's does
// not have, with the reason.
var leftOut = map[string]string{
	"process_network_receive_bytes_total":  "counts the whole network namespace, not the process",
	"process_network_transmit_bytes_total": "counts the whole network namespace, not the process",

	"promhttp_metric_handler_requests_in_flight": "about the handler, not the program",
	"promhttp_metric_handler_requests_total":     "about the handler, not the program",
}

// Dashboards and alerts that were made for the default registry keep working.
func TestDefaultRegistryHasTheKnownNames(t *testing.T) {
	promhttp.Handler() // registers its own metrics
	theirs, err := prometheus.DefaultGatherer.Gather()
	require.NoError(t, err)
	families, err := ember.Default().Gather()
	require.NoError(t, err)
	ours := make(map[string]metric.Kind)
	for _, f := range families {
		ours[f.Name] = f.Kind
	}
	left := make(map[string]string)
	for name, why := range leftOut {
		left[name] = why
	}
	for _, f := range theirs {
		name := f.GetName()
		kind, ok := ours[name]
		if why, out := left[name]; out {
			require.False(t, ok, "%s is there after all; it was left out because it %s", name, why)
			delete(left, name)
			continue
		}
		require.True(t, ok, "%s is missing", name)
		require.Equal(t, kindOf(f.GetType()), kind.String(), "the type of %s", name)
	}
	require.Empty(t, left, "client_golang does not have these any more")
}

func kindOf(t dto.MetricType) string {
	if t == dto.MetricType_UNTYPED {
		return "unknown"
	}
	return strings.ToLower(t.String())
}
