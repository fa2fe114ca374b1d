// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

func init() { childRoles["beside python"] = besidePython }

// besidePython counts what testdata/worker.py does, and waits until its input ends.
func besidePython(dir, name string) {
	n, err := strconv.Atoi(name)
	must(err)
	d, err := multiproc.Open(dir)
	must(err)
	reg := ember.NewRegistry(ember.WithMultiproc(d))
	requests := reg.NewCounterVec(ember.CounterOpts{Name: "requests_total", Help: "Requests."}, "method")
	requests.With("GET").Add(float64(n))
	requests.With("go").Add(float64(n) + 0.5)
	latency := reg.NewHistogramVec(ember.HistogramOpts{Name: "latency_seconds", Help: "Latency.", Buckets: []float64{0.25, 1, 4}}, "path")
	for i := range n {
		latency.With("/").Observe(float64(i % 8))
	}
	reg.NewSummary(ember.SummaryOpts{Name: "size_bytes", Help: "Sizes."}).Observe(float64(n))
	fmt.Println(os.Getpid())
	bufio.NewReader(os.Stdin).ReadByte()
}

// missing skips a test for which a program is missing, unless all must be there.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	text := fmt.Sprintf(format, args...)
	require.NotEqual(t, "true", os.Getenv("CI"), text)
	t.Skip(text)
}

// Workers in Python and in Go have one directory, and are scraped as one.
func TestPython(t *testing.T) {
	// Packages of the distribution are in no other interpreter than the system's own.
	const python = "/usr/bin/python3"
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import prometheus_client").CombinedOutput(); err != nil {
		missing(t, "client_python is missing (%v: %s); on Debian: apt-get install python3-prometheus-client", err, out)
	}
	path := newDir(t, tempPath(t))
	log := new(logged)
	exporter := ember.NewRegistry(ember.WithMultiproc(openReader(t, path, log.option())))
	server := httptest.NewServer(ember.HandlerFor(exporter, ember.HandlerOpts{}))
	defer server.Close()
	served := func() (text string, all totals) {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
		all, err = scraped(string(body))
		require.NoError(t, err)
		return string(body), all
	}
	var pythons, goes []*conversation
	var pids []string
	for i := range 4 {
		n := strconv.Itoa(8 << i) // 8, 16, 32, 64
		cmd := exec.Command(python, "testdata/worker.py", n)
		cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+path, "PYTHONDONTWRITEBYTECODE=1")
		cmd.Stderr = os.Stderr
		pythons = append(pythons, converse(t, cmd))
		pids = append(pids, pythons[i].hear())
	}
	for i := range 3 {
		goes = append(goes, converse(t, child("beside python", path, strconv.Itoa(1024<<i))))
		goes[i].hear()
	}

	// counted are the samples of what was counted in Python and in Go.
	counted := func(python, goes float64, pythons, gos float64) totals {
		all := python + goes
		return totals{
			`requests_total{method="GET"}`:               all,
			`requests_total{method="python"}`:            python + 0.5*pythons,
			`requests_total{method="go"}`:                goes + 0.5*gos,
			`latency_seconds_bucket{path="/",le="0.25"}`: all / 8,
			`latency_seconds_bucket{path="/",le="1"}`:    all / 4,
			`latency_seconds_bucket{path="/",le="4"}`:    all * 5 / 8,
			`latency_seconds_bucket{path="/",le="+Inf"}`: all,
			`latency_seconds_sum{path="/"}`:              all * 3.5,
			`latency_seconds_count{path="/"}`:            all,
			`size_bytes_sum`:                             all,
			`size_bytes_count`:                           pythons + gos,
		}
	}
	check := func(want totals) string {
		t.Helper()
		text, all := served()
		require.Equal(t, want, all.only("requests", "latency", "size"))
		levels := totals{"level_min_now": 8, "level_livemin_now": 8, "level_max_now": 64, "level_livemax_now": 64, "level_sum_now": 120, "level_livesum_now": 120}
		for i, pid := range pids {
			for _, mode := range []string{"all", "liveall"} {
				levels[fmt.Sprintf("level_%s_now{pid=%q}", mode, pid)] = float64(int(8) << i)
			}
		}
		require.Equal(t, levels, all.only("level"))
		return text
	}
	want := counted(120, 7*1024, 4, 3)
	check(want)
	// One of each is killed, and the others end.
	pythons[1].kill()
	goes[1].kill()
	check(want)
	pythons[2].end()
	goes[2].end()
	text := check(want)
	require.Empty(t, log.String())

	t.Run("promtool", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			missing(t, "promtool is missing; on Debian: apt-get install prometheus")
		}
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, string(out))
	})

	// A new worker goes on, beside files of nobody.
	require.NoError(t, os.WriteFile(filepath.Join(path, "counter_1.db"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "counter_2.db"), bytes.Repeat([]byte("SQLite format 3\x00"), 100), 0o600))
	goes = append(goes, converse(t, child("beside python", path, "512")))
	goes[3].hear()
	want = counted(120, 7*1024+512, 4, 4)
	for range 2 {
		check(want)
		_, all := served()
		errs := all.only("ember_multiproc_file_errors_total")
		require.Equal(t, 1.0, errs[`ember_multiproc_file_errors_total{reason="empty"}`], "%v", errs)
		require.Len(t, errs, 2)
		require.Equal(t, 2.0, errs.sum(""))
	}
	require.Equal(t, 1, log.lines("counter_1.db", "reason=empty"), log.String())
	require.Equal(t, 1, log.lines("counter_2.db"), log.String())
	require.Equal(t, 2, log.lines("level=WARN"), log.String())
}
