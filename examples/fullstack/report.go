// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
)

// What to ask Prometheus.
const (
	failureRatio = `sum(rate(api_requests_total{status="failure"}[5m])) / sum(rate(api_requests_total[5m]))`
	p95          = `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{path="/api/payments"}[5m])))`
	p95Native    = `histogram_quantile(0.95, sum(rate(api_request_duration_seconds[5m])))`
)

// every is how long it is from one line of the report to the next.
const every = 10 * time.Second

// printLinks says where to look. There may be no Prometheus.
func printLinks(addr string, p *prometheus) {
	fmt.Printf("metrics:  http://%s/metrics\n", addr)
	if p != nil {
		graphs := url.Values{
			"g0.expr": {failureRatio}, "g0.tab": {"0"}, "g0.range_input": {"5m"},
			"g1.expr": {p95}, "g1.tab": {"0"}, "g1.range_input": {"5m"},
		}
		fmt.Printf("targets:  %s\n", p.page.JoinPath("../targets"))
		fmt.Printf("alerts:   %s\n", p.page.JoinPath("../alerts"))
		fmt.Printf("graphs:   %s?%s\n", p.page, graphs.Encode())
	}
	fmt.Printf("failures: curl -X PUT -d 0.1 %s/failures\nCtrl-C stops.\n\n", addr)
}

// report prints every ten seconds how the requests of the last five minutes went, by the
// traffic's own record and by what Prometheus says, until ctx is done.
func report(ctx context.Context, t *traffic, p *prometheus) {
	if p != nil {
		fmt.Printf("%-28s  by Prometheus:\n", "")
	}
	fmt.Printf("%6s%9s%9s%10s", "after", "requests", "failed", "p95")
	if p != nil {
		fmt.Printf("%9s%10s%12s  alerts", "failed", "p95", "p95 native")
	}
	fmt.Println()
	start := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		truth := t.truth()
		line := fmt.Sprintf("%6s%9d%9s%10s", fmt.Sprintf("%.0f s", time.Since(start).Seconds()),
			truth.requests, percent(truth.failed), millis(truth.p95))
		if p != nil {
			line += fmt.Sprintf("%9s%10s%12s  %s",
				percent(p.value(ctx, failureRatio)),
				millis(p.value(ctx, p95)), millis(p.value(ctx, p95Native)),
				p.describeAlerts(ctx))
		}
		if ctx.Err() == nil { // else not all of it is there
			fmt.Println(line)
		}
	}
}

func percent(ratio float64) string {
	if math.IsNaN(ratio) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*ratio)
}

func millis(seconds float64) string {
	if math.IsNaN(seconds) {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", 1000*seconds)
}

func (p *prometheus) describeAlerts(ctx context.Context) string {
	alerts, err := p.alerts(ctx)
	if err != nil {
		return err.Error()
	}
	if len(alerts) == 0 {
		return "none"
	}
	var all []string
	for _, a := range alerts {
		text := a.Labels["alertname"] + " " + a.State
		if a.State == "firing" {
			text += ": " + a.Annotations["summary"]
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
