// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/embermetrics/ember"
)

// serve serves one request, and returns the response and what is exposed then.
func serve(t *testing.T, sampler sdktrace.Sampler) (body, exposed string) {
	t.Helper()
	reg := ember.NewRegistry(ember.WithExemplarSource(currentTrace))
	service := newService(reg, sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler)))
	w := httptest.NewRecorder()
	service.ServeHTTP(w, httptest.NewRequest("GET", "/users/1", nil))

	scrape := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text")
	service.ServeHTTP(scrape, r)
	return w.Body.String(), scrape.Body.String()
}

// The trace that the handler sees is the one that the metrics lead to.
func TestExemplarsAreOfTheTrace(t *testing.T) {
	body, exposed := serve(t, sdktrace.AlwaysSample())
	id, ok := strings.CutPrefix(strings.TrimSpace(body), "user 1 in trace ")
	require.True(t, ok, body)
	require.Regexp(t, "^[0-9a-f]{32}$", id)

	const labels = `\{method="GET",path="/users/\{id\}",status="200"`
	exemplar := ` # \{span_id="[0-9a-f]{16}",trace_id="` + id + `"\} `
	require.Regexp(t, `(?m)^http_requests_total`+labels+`\} 1\.0`+exemplar, exposed)
	require.Len(t, regexp.MustCompile(`(?m)^http_request_duration_seconds_bucket`+labels+`,le="[^"]+"\} 1`+exemplar).FindAllString(exposed, -1), 1)
}

// What is not sampled is nowhere to be found.
func TestNoExemplarsOfWhatIsNotSampled(t *testing.T) {
	body, exposed := serve(t, sdktrace.NeverSample())
	require.Contains(t, body, "user 1 in trace ")
	require.Contains(t, exposed, `http_requests_total{method="GET",path="/users/{id}",status="200"} 1.0`+"\n")
	require.NotContains(t, exposed, " # {")
}
