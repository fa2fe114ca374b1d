// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	failureRatio = `sum(rate(api_requests_total{status="failure"}[5m])) / sum(rate(api_requests_total[5m]))`
	p95          = `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{path="/api/payments"}[5m])))`
	p95Native    = `histogram_quantile(0.95, sum(rate(api_request_duration_seconds[5m])))`
)

// The example does what its guide says, with shorter intervals.
func TestFullstack(t *testing.T) {
	program := buildFullstack(t)
	f := startFullstack(t, program, "TERM", "-rate", "200", "-config", shortened(t))

	f.until(t, "the target is up", func() bool {
		var data struct {
			ActiveTargets []struct {
				Health, LastError, ScrapeURL string
			}
		}
		f.get(t, "targets", nil, &data)
		return len(data.ActiveTargets) == 1 && data.ActiveTargets[0].Health == "up" &&
			data.ActiveTargets[0].ScrapeURL == f.link(t, "metrics")
	})
	f.until(t, "the alert fires", func() bool { return f.alert(t, "firing") != nil })
	alert := f.alert(t, "firing")
	require.GreaterOrEqual(t, time.Since(alert.ActiveAt), 3*time.Second)
	require.NotEmpty(t, f.query(t, `count_over_time(ALERTS{alertstate="pending"}[5m])`), "it was never pending")
	require.Equal(t, map[string]string{"alertname": "ApiFailures", "severity": "page"}, alert.Labels)
	require.Regexp(t, `^[34]\d(\.\d+)?% of the API requests fail\.$`, alert.Annotations["summary"])
	require.NotContains(t, alert.Annotations["description"], "<no value>")

	for _, page := range []string{"metrics", "targets", "alerts", "graphs"} {
		resp, err := http.Get(f.link(t, page))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", f.link(t, page), body)
	}

	guide := readText(t, "docs", "alert.md")
	t.Run("every query of the guide has an answer", func(t *testing.T) {
		queries := fenced(t, guide, "promql")
		require.GreaterOrEqual(t, len(queries), 4)
		for _, q := range queries {
			require.NotEmpty(t, f.query(t, q), q)
		}
		m := regexp.MustCompile(`sum by .*$`).FindString(alert.Annotations["description"])
		require.Len(t, f.query(t, m), 2, "what the alert says to ask has 200 and 503: %q", m)
	})

	f.until(t, "the report says it, too", func() bool {
		return strings.Contains(f.output.String(), "ApiFailures firing: ")
	})
	f.setFailures(t, "0.2", "From now on 20 % of the payments fail.\n")
	f.until(t, "the alert ends", func() bool { return f.alert(t, "pending") == nil && f.alert(t, "firing") == nil })
	f.until(t, "the report says that, too", func() bool {
		_, after, _ := strings.Cut(f.output.String(), "firing")
		return strings.Contains(after, " none\n")
	})
	f.setFailures(t, "0", "From now on 0 % of the payments fail.\n")

	ratio := f.value(t, failureRatio)
	require.Empty(t, f.stop())
	failed, _ := f.record(t)
	require.InDelta(t, failed, ratio, 0.05)
	f.requireGone(t)

	t.Run("the session of the guide", func(t *testing.T) {
		said := make(map[string]bool)
		for line := range strings.Lines(f.output.String()) {
			said[masked(line)] = true
		}
		lines := 0
		for _, session := range fenced(t, guide, "console") {
			for line := range strings.Lines(session) {
				switch {
				case strings.HasPrefix(line, "$ "), strings.HasPrefix(line, "graphs: "), line == "...\n", line == "\n":
					continue
				case strings.HasPrefix(line, "From now on "): // curl's, see setFailures
					require.Equal(t, "From now on 0 % of the payments fail.\n", line)
					continue
				}
				// Here it is not pending for so long that a line of the report has it.
				line = strings.Replace(line, "ApiFailures pending", "none", 1)
				require.True(t, said[masked(line)], "the program did not say %q, but:\n%s", line, f.output.String())
				lines++
			}
		}
		require.Greater(t, lines, 8)
	})
}

// By classic buckets and by native ones, what Prometheus says that 95 % of the requests take is
// within 10 % of what the customers have recorded.
func TestFullstackQuantiles(t *testing.T) {
	program := buildFullstack(t)
	// On a machine that is busy with other things, customers may wait for more than the
	// service.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		f := startFullstack(t, program, "TERM", "-rate", "200", "-failures", "0", "-config", shortened(t))
		f.until(t, "there are enough requests", func() bool {
			v := f.query(t, "sum(api_requests_total)")
			return len(v) == 1 && v[0].value >= 2000
		})
		classic, native := f.value(t, p95), f.value(t, p95Native)
		require.Empty(t, f.stop())
		_, truth := f.record(t)
		t.Logf("it is %.1f ms, %.1f by classic buckets and %.1f by native ones", 1000*truth, 1000*classic, 1000*native)
		if max(math.Abs(classic/truth-1), math.Abs(native/truth-1)) <= 0.1 {
			return
		}
		require.Less(t, attempt, attempts, "it was never within 10 %%")
	}
}

// Below the threshold there is no alert.
func TestFullstackSilent(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "TERM", "-rate", "200", "-failures", "0.2", "-config", shortened(t))
	f.untilQuery(t, failureRatio, finite)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		require.Nil(t, f.alert(t, "pending"))
		require.Nil(t, f.alert(t, "firing"))
	}
	require.InDelta(t, 0.2, f.value(t, failureRatio), 0.05)
	require.Empty(t, f.stop())
	f.requireGone(t)
}

// Prometheus does not outlive the program.
func TestFullstackKilled(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "KILL")
	require.True(t, f.lives(t))
	require.Equal(t, "exit status 137", f.stop()) // 128 + SIGKILL, as a shell says it
	f.requireGone(t)
}

// Ctrl-C comes to all processes, in whichever order, and says nothing of an error.
func TestFullstackInterrupted(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "KILL")
	require.NoError(t, syscall.Kill(-f.group, syscall.SIGINT))
	f.requireGone(t)
	<-f.ended
	_, end, _ := strings.Cut(f.output.String(), " alerts\n")
	require.Regexp(t, `^.+ last five minutes.+\n$`, end)
}

// What Prometheus does not like is seen.
func TestFullstackWrongRules(t *testing.T) {
	dir := shortened(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "alert.rules.yml"), []byte("groups: [{name: a, rules: [{alert: b, expr: '1 +'}]}]\n"), 0o600))
	lookPrometheus(t)
	p := start(t, nil, t.TempDir(), "TERM", buildFullstack(t), "-addr", "127.0.0.1:0", "-prometheus-addr", "127.0.0.1:0", "-config", dir)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		require.Fail(t, "it goes on")
	}
	require.EqualError(t, p.err, "exit status 1")
	require.Contains(t, p.output.String(), "unexpected end of input")
	require.True(t, strings.HasSuffix(p.output.String(), "\nfullstack: prometheus has ended by itself\n"), p.output.String())
}

// The files work by themselves, for a service that is where they say.
func TestFullstackByHand(t *testing.T) {
	s := startPrometheus(t, "..", "--config.file=examples/fullstack/prometheus.yml")
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health string }
		}
	}
	s.until(t, "the rules are evaluated", func() bool {
		s.get(t, "rules", nil, &data)
		return len(data.Groups) == 1 && len(data.Groups[0].Rules) == 2 && data.Groups[0].Rules[1].Health == "ok"
	})
	require.Equal(t, "ok", data.Groups[0].Rules[0].Health)
	require.Equal(t, "ApiFailures", data.Groups[0].Rules[0].Name)
}
