// SPDX-License-Identifier: Apache-2.0

package emberhttp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/emberhttp"
)

// A nil registry is the default one, as in the other packages.
func TestNilRegistry(t *testing.T) {
	h := emberhttp.Middleware(nil, emberhttp.Options{Namespace: "nil_registry"})(http.HandlerFunc(ok))
	serve(h, "GET", "/")
	rt := emberhttp.Transport(nil, emberhttp.TransportOptions{Namespace: "nil_registry"}, roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200}, nil
	}))
	rt.RoundTrip(httptest.NewRequest("GET", "http://h/", nil))
	require.Subset(t, samples(t, ember.Default()), []string{
		"nil_registry_http_requests_in_flight 0",
		"nil_registry_http_client_requests_in_flight 0",
	})
}

// TestOptionsThatContradict holds that what cannot be registered panics with a text that
// names the metric and what is wrong with it.
func TestOptionsThatContradict(t *testing.T) {
	taken := func(opts emberhttp.Options) *ember.Registry {
		reg := ember.NewRegistry()
		emberhttp.Middleware(reg, opts)
		emberhttp.Middleware(reg, opts) // which shares them
		return reg
	}
	for name, tc := range map[string]struct {
		reg  *ember.Registry
		opts emberhttp.Options
		want string
	}{
		"namespace": {
			ember.NewRegistry(),
			emberhttp.Options{Namespace: "\xff"},
			"ember: the counter name \"\\xff_http_requests_total\" is not valid UTF-8",
		},
		"label of its own": {
			ember.NewRegistry(),
			emberhttp.Options{ConstLabels: ember.Labels{"path": "/"}},
			`ember: counter "http_requests_total": the label name "path" stands twice`,
		},
		"outcome, with an outcome": {
			ember.NewRegistry(),
			emberhttp.Options{ConstLabels: ember.Labels{"outcome": "x"}, Outcome: emberhttp.SuccessOrFailure},
			`ember: counter "http_requests_total": the label name "outcome" stands twice`,
		},
		"label of histograms": {
			ember.NewRegistry(),
			emberhttp.Options{ConstLabels: ember.Labels{"le": "1"}},
			`ember: histogram "http_request_duration_seconds": the label name "le" is reserved in a histogram`,
		},
		"buckets": {
			ember.NewRegistry(),
			emberhttp.Options{Buckets: []float64{2, 1}},
			`ember: histogram "http_request_duration_seconds": bucket 1 (1) must be above bucket 0 (2)`,
		},
		"outcome or not": {
			taken(emberhttp.Options{}),
			emberhttp.Options{Outcome: emberhttp.SuccessOrFailure},
			`ember: "http_requests_total" has the labels ["method" "outcome" "path" "status"], but is registered with the labels ["method" "path" "status"]; these names are those of emberhttp: give it a Namespace in its options, or the others another name`,
		},
		"a metric of somebody else": {
			func() *ember.Registry {
				reg := ember.NewRegistry()
				reg.NewCounterVec(ember.CounterOpts{Name: "http_requests_total", Help: "HTTP requests served."}, "method", "route")
				return reg
			}(),
			emberhttp.Options{},
			`ember: "http_requests_total" has the labels ["method" "path" "status"], but is registered with the labels ["method" "route"]; these names are those of emberhttp: give it a Namespace in its options, or the others another name`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.PanicsWithError(t, tc.want, func() { emberhttp.Middleware(tc.reg, tc.opts) })
		})
	}
}

func TestTransportOptionsThatContradict(t *testing.T) {
	reg := ember.NewRegistry()
	reg.NewGauge(ember.GaugeOpts{Name: "http_client_requests_total"})
	require.PanicsWithError(t, `ember: "http_client_requests_total" has the type counter, but is registered with the type gauge; these names are those of emberhttp: give it a Namespace in its options, or the others another name`,
		func() { emberhttp.Transport(reg, emberhttp.TransportOptions{}, nil) })
	require.PanicsWithError(t, `ember: counter "http_client_requests_total": the label name "host" stands twice`,
		func() {
			emberhttp.Transport(reg, emberhttp.TransportOptions{ConstLabels: ember.Labels{"host": "x"}}, nil)
		})
}
