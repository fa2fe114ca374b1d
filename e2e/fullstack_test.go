// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
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

	f.eventually("the target is up", func() bool {
		var data struct {
			ActiveTargets []struct {
				Health, LastError, ScrapeURL string
			}
		}
		f.call("targets", nil, &data)
		return len(data.ActiveTargets) == 1 && data.ActiveTargets[0].Health == "up" &&
			data.ActiveTargets[0].ScrapeURL == f.link("metrics")
	})
	f.eventually("the alert is pending", func() bool { return f.alert("pending") != nil })
	require.Nil(t, f.alert("firing"))
	pending := time.Now()
	f.eventually("the alert fires", func() bool { return f.alert("firing") != nil })
	require.Greater(t, time.Since(pending), time.Second, "it must have been pending for three seconds")
	alert := f.alert("firing")
	require.Equal(t, map[string]string{"alertname": "ApiFailures", "severity": "page"}, alert.Labels)
	require.Regexp(t, `^(40|[34]\d\.\d+)% of the API requests fail\.$`, alert.Annotations["summary"])
	require.NotContains(t, alert.Annotations["description"], "<no value>")

	for _, page := range []string{"metrics", "targets", "alerts", "graphs"} {
		resp, err := http.Get(f.link(page))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", f.link(page), body)
	}

	guide := readText(t, "docs", "alert.md")
	t.Run("every query of the guide has an answer", func(t *testing.T) {
		queries := fenced(t, guide, "promql")
		require.GreaterOrEqual(t, len(queries), 4)
		for _, q := range queries {
			require.NotEmpty(t, f.query(q), q)
		}
		m := regexp.MustCompile(`sum by .*$`).FindString(alert.Annotations["description"])
		require.Len(t, f.query(m), 2, "what the alert says to ask has 200 and 503: %q", m)
	})

	f.eventually("the report says it, too", func() bool {
		return strings.Contains(f.output.String(), "ApiFailures firing: ")
	})
	f.setFailures("0.2", "From now on 20 % of the payments fail.\n")
	f.eventually("the alert ends", func() bool { return f.alert("pending") == nil && f.alert("firing") == nil })
	f.eventually("the report says that, too", func() bool {
		_, after, _ := strings.Cut(f.output.String(), "firing")
		return strings.Contains(after, " none\n")
	})
	f.setFailures("0", "From now on 0 % of the payments fail.\n")

	classic, native, ratio := f.value(p95), f.value(p95Native), f.value(failureRatio)
	require.Empty(t, f.stop())
	m := regexp.MustCompile(`(?m)^Of the last five minutes' (\d+) requests (\S+) % failed, and 95 % took at most (\S+) ms\.$`).FindStringSubmatch(f.output.String())
	require.NotNil(t, m)
	t.Logf("%s Prometheus: %.1f %%, %.1f ms by classic buckets, %.1f ms by native ones", m[0], 100*ratio, 1000*classic, 1000*native)
	truth := number(t, m[3]) / 1000
	require.InEpsilon(t, truth, classic, 0.1)
	require.InEpsilon(t, truth, native, 0.1)
	require.InDelta(t, number(t, m[2])/100, ratio, 0.05)
	f.requireGone()

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

// Below the threshold there is no alert.
func TestFullstackSilent(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "TERM", "-rate", "200", "-failures", "0.2", "-config", shortened(t))
	f.eventually("there are rates", func() bool { return len(f.query(failureRatio)) == 1 && f.value(failureRatio) > 0 })
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		require.Nil(t, f.alert("pending"))
		require.Nil(t, f.alert("firing"))
	}
	require.InDelta(t, 0.2, f.value(failureRatio), 0.05)
	require.Empty(t, f.stop())
	f.requireGone()
}

// Prometheus does not outlive the program.
func TestFullstackKilled(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "KILL")
	require.True(t, f.lives())
	require.Equal(t, "exit status 137", f.stop()) // 128 + SIGKILL, as a shell says it
	f.requireGone()
}

// Ctrl-C comes to all processes, in whichever order, and says nothing of an error.
func TestFullstackInterrupted(t *testing.T) {
	f := startFullstack(t, buildFullstack(t), "KILL")
	require.NoError(t, syscall.Kill(-f.group, syscall.SIGINT))
	f.requireGone()
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
	lookPrometheus(t)
	path, err := exec.LookPath("prometheus")
	require.NoError(t, err)
	p := start(t, nil, filepath.Join(".."), "TERM", path, "--config.file=examples/fullstack/prometheus.yml",
		"--storage.tsdb.path="+filepath.Join(t.TempDir(), "data"), "--web.listen-address=127.0.0.1:0")
	f := &fullstack{process: p, t: t}
	f.eventually("it is ready", func() bool {
		m := regexp.MustCompile(`msg="Listening on".* address=(\S+)`).FindStringSubmatch(p.output.String())
		if m == nil || !strings.Contains(p.output.String(), "Server is ready to receive web requests.") {
			return false
		}
		f.api = "http://" + m[1]
		return true
	})
	var data struct {
		Groups []struct {
			Rules []struct{ Name, Health string }
		}
	}
	f.eventually("the rules are evaluated", func() bool {
		f.call("rules", nil, &data)
		return len(data.Groups) == 1 && len(data.Groups[0].Rules) == 2 && data.Groups[0].Rules[1].Health == "ok"
	})
	require.Equal(t, "ok", data.Groups[0].Rules[0].Health)
	require.Equal(t, "ApiFailures", data.Groups[0].Rules[0].Name)
}

// fullstack is the running example.
type fullstack struct {
	*process
	t   *testing.T
	api string // of Prometheus
	dir string // of temporary files
}

// startFullstack runs the example on free ports until it prints its report. The signal is
// what stop sends.
func startFullstack(t *testing.T, program, signal string, args ...string) *fullstack {
	t.Helper()
	lookPrometheus(t)
	f := &fullstack{t: t, dir: t.TempDir()}
	t.Setenv("TMPDIR", f.dir)
	f.process = start(t, nil, t.TempDir(), signal, append([]string{program, "-addr", "127.0.0.1:0", "-prometheus-addr", "127.0.0.1:0"}, args...)...)
	f.eventually("the report begins", func() bool { return strings.Contains(f.output.String(), " alerts\n") })
	u, err := url.Parse(f.link("alerts"))
	require.NoError(t, err)
	f.api = "http://" + u.Host
	return f
}

func buildFullstack(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fullstack")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, "./examples/fullstack")
	build.Dir = ".."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

func lookPrometheus(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		missing(t, "prometheus", "prometheus")
	}
}

// shortened returns a directory with the example's files, in which all times are shorter.
func shortened(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, replace := range map[string][]string{
		"prometheus.yml":  {"scrape_interval: 2s", "scrape_interval: 500ms", "evaluation_interval: 2s", "evaluation_interval: 500ms"},
		"alert.rules.yml": {"[5m]", "[10s]", "for: 1m", "for: 3s"},
	} {
		text := readText(t, "examples", "fullstack", name)
		for i := 0; i < len(replace); i += 2 {
			require.Contains(t, text, replace[i], name)
		}
		text = strings.NewReplacer(replace...).Replace(text)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// stop sends the signal that was given to start, and returns how the program ended, which
// is empty for a status of zero.
func (f *fullstack) stop() string {
	f.process.stop()
	if f.err != nil {
		return f.err.Error()
	}
	return ""
}

// link returns one of the URLs that the program prints.
func (f *fullstack) link(name string) string {
	f.t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `: +(\S+)$`).FindStringSubmatch(f.output.String())
	require.NotNil(f.t, m, "there is no link %q", name)
	return m[1]
}

// lives reports whether any process of the program or of its Prometheus does.
func (f *fullstack) lives() bool {
	out, err := exec.Command("ps", "-A", "-o", "command=").Output()
	require.NoError(f.t, err)
	return strings.Contains(string(out), "--config.file="+f.dir)
}

// requireGone wants nothing to be left over soon.
func (f *fullstack) requireGone() {
	f.t.Helper()
	reachable := func(link string) bool {
		u, err := url.Parse(f.link(link))
		require.NoError(f.t, err)
		conn, err := net.Dial("tcp", u.Host)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		files, err := os.ReadDir(f.dir)
		require.NoError(f.t, err)
		if !f.lives() && !reachable("metrics") && !reachable("targets") && len(files) == 0 {
			return
		}
		require.True(f.t, time.Now().Before(deadline), "something goes on, perhaps with these files: %v", files)
	}
}

func (f *fullstack) eventually(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		require.True(f.t, time.Now().Before(deadline), "it is still not so that %s", what)
		select {
		case <-f.ended:
			require.Fail(f.t, "the program has ended", "before %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (f *fullstack) setFailures(ratio, answer string) {
	f.t.Helper()
	service := strings.TrimSuffix(f.link("metrics"), "/metrics")
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPut, service+"/failures", strings.NewReader(ratio))
	require.NoError(f.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	require.Equal(f.t, answer, string(body))
}

// call asks Prometheus' API, and stores the data of its answer.
func (f *fullstack) call(endpoint string, query url.Values, data any) {
	f.t.Helper()
	resp, err := http.Get(f.api + "/api/v1/" + endpoint + "?" + query.Encode())
	require.NoError(f.t, err)
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	require.NoError(f.t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(f.t, "success", answer.Status, "%s: %s", query, answer.Error)
}

type activeAlert struct {
	State               string
	Labels, Annotations map[string]string
}

// alert returns the only alert, if it is in this state, or nil.
func (f *fullstack) alert(state string) *activeAlert {
	f.t.Helper()
	var data struct{ Alerts []activeAlert }
	f.call("alerts", nil, &data)
	require.LessOrEqual(f.t, len(data.Alerts), 1)
	if len(data.Alerts) == 0 || data.Alerts[0].State != state {
		return nil
	}
	return &data.Alerts[0]
}

// query returns the values of an expression.
func (f *fullstack) query(expr string) []float64 {
	f.t.Helper()
	var data struct {
		Result []struct {
			Value [2]any // time, and the number as text
		}
	}
	f.call("query", url.Values{"query": {expr}}, &data)
	var all []float64
	for _, r := range data.Result {
		v := number(f.t, r.Value[1].(string))
		require.False(f.t, math.IsNaN(v), expr)
		all = append(all, v)
	}
	return all
}

func (f *fullstack) value(expr string) float64 {
	f.t.Helper()
	all := f.query(expr)
	require.Len(f.t, all, 1, expr)
	return all[0]
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return v
}

// masked returns a line without its numbers, its addresses, and where Debian has its pages.
func masked(line string) string {
	line = strings.ReplaceAll(line, "/classic/", "/")
	line = regexp.MustCompile(`[0-9.]*[0-9](:[0-9]+)?`).ReplaceAllString(line, "#")
	return strings.Join(strings.Fields(line), " ")
}

// fenced returns the blocks of a language in a document.
func fenced(t *testing.T, markdown, language string) []string {
	t.Helper()
	var blocks []string
	for _, part := range strings.Split(markdown, "```"+language+"\n")[1:] {
		text, _, ok := strings.Cut(part, "```\n")
		require.True(t, ok)
		blocks = append(blocks, text)
	}
	return blocks
}

// readText returns a file of the repository.
func readText(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	require.NoError(t, err)
	return string(b)
}
