// SPDX-License-Identifier: Apache-2.0

package monitoring_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write emberhttp.dashboard.json anew")

// The dashboard is what is said here. Change it here, and run
// go test ./monitoring -run TestDashboard -update.
func TestDashboard(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	require.NoError(t, e.Encode(dashboard()))
	const file = "emberhttp.dashboard.json"
	if *update {
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o644))
	}
	require.Equal(t, b.String(), readText(t, file), "if this is as it should be: go test ./monitoring -run TestDashboard -update")
}

// The series that the variables choose, of a target, of a server and of a client.
const (
	target = `job=~"$job", instance=~"$instance"`
	server = target + `, path=~"$path"`
	client = target
)

func dashboard() object {
	const (
		fails  = `, status=~"5.."`
		breaks = `, status=~"5..|timeout|error"`
	)
	return board(
		row("Server",
			stat(6, "Requests", "reqps", "Requests served a second.",
				query("", rate("http_requests_total", server, ""))),
			stat(6, "Errors", "percentunit", "Part of the requests that were answered with a status of 500 and more.",
				query("", ratio("http_requests_total", server, fails, ""))).warn(0.01, 0.05),
			stat(6, "Duration, p95", "s", "What 95 of 100 requests did not take longer than.",
				query("", quantile("0.95", "http_request_duration_seconds", server, ""))),
			stat(6, "In flight", "short", "Requests being served now.",
				query("", `sum(http_requests_in_flight{`+target+`})`)),
			graph(12, "Requests by status", "reqps", "Requests served a second. 4xx has those whose client was gone, as 499.",
				classes("http_requests_total", server)...).stacked("purple", "green", "blue", "orange", "red"),
			graph(12, "Requests by route", "reqps", `Requests served a second. "unmatched" are those that no route is for.`,
				query("{{path}}", rate("http_requests_total", server, "path"))),
			graph(12, "Errors by route", "percentunit", "Part of the requests that were answered with a status of 500 and more.",
				query("{{path}}", ratio("http_requests_total", server, fails, "path"))).warn(0.01, 0.05),
			graph(12, "In flight", "short", "Requests being served, by instance, whatever their route.",
				query("{{instance}}", `sum by (instance) (http_requests_in_flight{`+target+`})`)),
			table(24, "Routes", "Routes that were asked for, those with most requests first.", "path", "Route",
				column{"Requests", "reqps", rate("http_requests_total", server, "path") + " > 0"},
				column{"Errors", "percentunit", ratio("http_requests_total", server, fails, "path")},
				column{"Duration, p95", "s", "(" + quantile("0.95", "http_request_duration_seconds", server, "path") + ") >= 0"},
			).sorted("Requests").warnColumn("Errors", 0.01, 0.05),
		),
		row("Server: durations",
			graph(12, "Durations", "s", "What 50, 95 and 99 of 100 requests did not take longer than, until the handler was done. Of classic buckets it is an estimate between their bounds.",
				quantiles("http_request_duration_seconds", server)...),
			graph(12, "Duration by route, p50", "s", "What half of the requests did not take longer than.",
				query("{{path}}", quantile("0.5", "http_request_duration_seconds", server, "path"))),
			graph(12, "Duration by route, p95", "s", "What 95 of 100 requests did not take longer than.",
				query("{{path}}", quantile("0.95", "http_request_duration_seconds", server, "path"))),
			graph(12, "Duration by route, p99", "s", "What 99 of 100 requests did not take longer than.",
				query("{{path}}", quantile("0.99", "http_request_duration_seconds", server, "path"))),
		),
		row("Server: sizes",
			graph(8, "Bodies", "Bps", "Bytes a second of all bodies of requests and of responses, before they are compressed.",
				query("requests", sum("http_request_size_bytes", server)),
				query("responses", sum("http_response_size_bytes", server))),
			graph(8, "Size of requests by route, p95", "bytes", "What 95 of 100 bodies of requests were not larger than.",
				query("{{path}}", quantile("0.95", "http_request_size_bytes", server, "path"))),
			graph(8, "Size of responses by route, p95", "bytes", "What 95 of 100 bodies of responses were not larger than.",
				query("{{path}}", quantile("0.95", "http_response_size_bytes", server, "path"))),
		),
		row("Client",
			graph(12, "Requests by host", "reqps", "Requests sent a second, answered or not.",
				query("{{host}}", rate("http_client_requests_total", client, "host"))),
			graph(12, "Errors by host", "percentunit", "Part of the requests that were answered with a status of 500 and more, or not at all. Those that were canceled do not count.",
				query("{{host}}", ratio("http_client_requests_total", client, breaks, "host"))).warn(0.01, 0.05),
			graph(12, "Durations", "s", "What 50, 95 and 99 of 100 requests did not take longer than, until the header of the response was there.",
				quantiles("http_client_request_duration_seconds", client)...),
			graph(12, "Duration by host, p95", "s", "What 95 of 100 requests did not take longer than.",
				query("{{host}}", quantile("0.95", "http_client_request_duration_seconds", client, "host"))),
			graph(8, "Without a response", "reqps", "Requests a second that nobody answered, by why.",
				query("{{host}} {{status}}", rate("http_client_requests_total", client+`, status=~"canceled|timeout|error"`, "host, status"))),
			graph(8, "Broken bodies", "reqps", "Responses a second whose body failed after its header had come.",
				query("{{host}}", rate("http_client_response_errors_total", client, "host"))),
			graph(8, "In flight", "short", "Requests sent whose response did not end yet, by instance. If it only rises, somebody does not close bodies.",
				query("{{instance}}", `sum by (instance) (http_client_requests_in_flight{`+target+`})`)),
		),
		row("Ember",
			graph(8, "Series", "short", "Series of vectors, the ten largest at each moment. They are there if the registry has WithSeriesMetric.",
				query("{{metric}}", `topk(10, sum by (metric) (ember_series{`+target+`}))`)),
			graph(8, `Counted as "other"`, "short", "Lookups, since processes began, of series or of values of a label that there was no place for. Totals are right all the same.",
				query("{{metric}} {{label}}", `sum by (metric, label) (ember_series_overflow_total{`+target+`})`)),
			graph(8, "Dropped and failed", "short", "Since processes began: updates and exemplars that were dropped, by why, and scrapes without the series of a collector.",
				query("updates: {{reason}}", `sum by (reason) (ember_invalid_updates_total{`+target+`})`),
				query("exemplars: {{reason}}", `sum by (reason) (ember_invalid_exemplars_total{`+target+`})`),
				query("collector: {{collector}}", `sum by (collector) (ember_collector_errors_total{`+target+`})`)),
		),
	)
}

// rate returns the expression of a counter's rate, by labels.
func rate(metric, series, by string) string {
	return aggregate("sum", by, "rate("+metric+"{"+series+"}[$__rate_interval])")
}

// ratio returns that of the part of a counter's rate that more matchers choose; there is
// none where there is no rate.
func ratio(metric, series, more, by string) string {
	all := rate(metric, series, by)
	return "(" + rate(metric, series+more, by) + " or 0 * " + all + ") / (" + all + " > 0)"
}

// sum returns that of the rate of what histograms observed, some of which may have classic
// buckets and others be native ones.
func sum(metric, series string) string {
	return "sum(rate(" + metric + "_sum{" + series + "}[$__rate_interval]) or histogram_sum(rate(" + metric + "{" + series + "}[$__rate_interval])))"
}

// quantile returns that of a histogram's quantile, of classic buckets if there are any.
func quantile(q, metric, series, by string) string {
	le := "le"
	if by != "" {
		le = by + ", le"
	}
	return "histogram_quantile(" + q + ", " + rate(metric+"_bucket", series, le) +
		") or histogram_quantile(" + q + ", " + rate(metric, series, by) + ")"
}

// quantiles returns queries of three quantiles; one of them asks for exemplars.
func quantiles(metric, series string) []object {
	p50 := query("p50", quantile("0.5", metric, series, ""))
	p95 := query("p95", quantile("0.95", metric, series, ""))
	p99 := query("p99", quantile("0.99", metric, series, ""))
	p99["exemplar"] = true
	return []object{p50, p95, p99}
}

// classes returns queries of a counter's rate by class of status.
func classes(metric, series string) []object {
	var all []object
	for _, class := range []string{"1", "2", "3", "4", "5"} {
		all = append(all, query(class+"xx", rate(metric, series+`, status=~"`+class+`.."`, "")))
	}
	return all
}

// aggregate returns that of an aggregation; without labels it is one of all.
func aggregate(by, labels, expr string) string {
	if labels == "" {
		return by + "(" + expr + ")"
	}
	return by + " by (" + labels + ") (" + expr + ")"
}
