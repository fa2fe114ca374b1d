// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/leaktest"
)

// maxAdded is how many bytes the metrics may add to the binary.
const maxAdded = 1_900_000

func TestQuickstart(t *testing.T) {
	program := build(t, "quickstart")

	t.Run("counts and times what it served", func(t *testing.T) {
		s := start(t, program)
		const requests, paths = 100, 100
		status := make(map[int]int)
		for range requests {
			status[s.get(t, "/api/data")]++
		}
		require.Equal(t, requests, status[200]+status[500], "%v", status)
		for range paths {
			require.Equal(t, 404, s.get(t, fmt.Sprintf("/%016x", rand.Uint64())))
		}
		require.Equal(t, 200, s.get(t, "/api/jobs/1"))
		require.Equal(t, 500, s.get(t, "/api/jobs/0"))
		// On a connection of its own, for what ends a used one is sent again.
		fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		_, err := fresh.Get(s.url + "/api/panic")
		require.ErrorIs(t, err, io.EOF, "net/http closes the connection after a panic")
		resp, err := http.Post(s.url+"/api/data", "text/plain", nil)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, 405, resp.StatusCode)

		families := s.parse(t)
		require.Equal(t, map[string]float64{
			"success": float64(status[200] + 1), // and a job
			"failure": float64(status[500] + 2), // and no job, and the panic
		}, values(families["api_requests_total"], "status"))
		require.Equal(t, map[string]float64{"": 0}, values(families["api_requests_in_flight"], ""))
		require.Contains(t, families, "jobs_queued")

		counts := make(map[string]uint64)
		for _, m := range families["api_request_duration_seconds"].GetMetric() {
			h, route := m.GetHistogram(), label(m, "route")
			counts[route] = h.GetSampleCount()
			buckets := h.GetBucket()
			require.Equal(t, h.GetSampleCount(), buckets[len(buckets)-1].GetCumulativeCount(), route)
			require.Positive(t, h.GetSampleSum(), route)
		}
		require.Equal(t, map[string]uint64{
			"GET /api/data":      requests,
			"GET /api/jobs/{id}": 2,
			"GET /api/panic":     1,
			"unmatched":          paths + 1, // and the POST
		}, counts)

		require.Contains(t, s.stop(t, syscall.SIGTERM), "panic serving")
	})

	t.Run("moves by itself under -load", func(t *testing.T) {
		s := start(t, program, "-load", "200")
		require.Eventually(t, func() bool {
			v := values(s.parse(t)["api_requests_total"], "status")
			return v["success"] > 10 && v["failure"] > 1
		}, 20*time.Second, 50*time.Millisecond)

		text := s.scrape(t)
		again, err := parse(text)
		require.NoError(t, err)
		require.Greater(t, len(again), 40, "the runtime and the process are there too")
		t.Run("promtool", func(t *testing.T) { promtool(t, text) })

		require.Empty(t, s.stop(t, syscall.SIGINT))
	})

	for name, sig := range map[string]os.Signal{"SIGINT": os.Interrupt, "SIGTERM": syscall.SIGTERM} {
		t.Run("ends by "+name+" although a client hangs on", func(t *testing.T) {
			t.Parallel()
			s := start(t, program)
			idle, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			require.NoError(t, err)
			defer idle.Close()
			require.Equal(t, 404, s.get(t, "/"))
			require.Empty(t, s.stop(t, sig))
		})
	}

	t.Run("a busy port is one line and status 1", func(t *testing.T) {
		busy, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer busy.Close()
		stdout, stderr, code := runToEnd(t, program, "-addr", busy.Addr().String())
		require.Equal(t, 1, code)
		require.Empty(t, stdout)
		if runtime.GOOS == "windows" {
			require.Equal(t, 1, strings.Count(stderr, "\n"))
			return
		}
		require.Equal(t, fmt.Sprintf("quickstart: %s is in use already; choose another address with -addr\n", busy.Addr()), stderr)
	})

	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a negative load":       {[]string{"-load", "-1"}, "quickstart: -load -1 is not between 0 and 10000\n"},
		"too much load":         {[]string{"-load", "10001"}, "quickstart: -load 10001 is not between 0 and 10000\n"},
		"an argument too many":  {[]string{"serve"}, "quickstart: unexpected argument \"serve\"\n"},
		"an address that isn't": {[]string{"-addr", "127.0.0.1"}, "quickstart: listen tcp: address 127.0.0.1: missing port in address\n"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			stdout, stderr, code := runToEnd(t, program, tc.args...)
			require.Equal(t, tc.want, stderr)
			require.Equal(t, 1, code)
			require.Empty(t, stdout)
		})
	}
}

// TestSize builds the service once more with a stand-in for metrics.go that
// measures nothing.
func TestSize(t *testing.T) {
	real, err := filepath.Abs("metrics.go")
	require.NoError(t, err)
	bare, err := filepath.Abs(filepath.Join("testdata", "bare", "metrics.go"))
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {real: bare}})
	require.NoError(t, err)
	overlayFile := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

	added := func(flags ...string) int64 {
		with := size(t, build(t, "with", flags...))
		without := size(t, build(t, "without", append(flags, "-overlay", overlayFile)...))
		t.Logf("go build %q: %d bytes with metrics, %d without: %d added", flags, with, without, with-without)
		return with - without
	}
	added("-ldflags=-s -w")
	n := added()
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skip("the limit is that of what go1.26 links")
	}
	require.LessOrEqual(t, n, int64(maxAdded))
}

func size(t *testing.T, file string) int64 {
	info, err := os.Stat(file)
	require.NoError(t, err)
	return info.Size()
}

// build returns the path of the program, built with these flags.
func build(t *testing.T, name string, flags ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	args := append([]string{"build", "-buildvcs=false", "-o", file}, flags...)
	out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// runToEnd runs a program that is expected to end by itself.
func runToEnd(t *testing.T, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Run()
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// server is a running quickstart.
type server struct {
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer // read it when the process has ended
	wait   func() error
}

// start runs the program on a free port until the test ends.
func start(t *testing.T, program string, args ...string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(program, append([]string{"-addr", "127.0.0.1:0"}, args...)...)}
	s.wait = sync.OnceValue(s.cmd.Wait)
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.cmd.Process.Kill()
		s.wait()
	})
	leaktest.KillWith(t, s.cmd)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "metrics: ")
	require.True(t, ok, line)
	s.url, ok = strings.CutSuffix(url, "/metrics")
	require.True(t, ok, line)
	return s
}

// stop sends the signal, expects a clean end soon, and returns what the program
// wrote to stderr.
func (s *server) stop(t *testing.T, sig os.Signal) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be signalled on Windows")
	}
	require.NoError(t, s.cmd.Process.Signal(sig))
	ended := make(chan error, 1)
	go func() { ended <- s.wait() }()
	select {
	case err := <-ended:
		require.NoError(t, err, "%s", &s.stderr)
	case <-time.After(10 * time.Second):
		s.cmd.Process.Kill()
		<-ended
		require.Fail(t, "the program goes on", "after %v", sig)
	}
	_, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.Error(t, err, "the port is free")
	return s.stderr.String()
}

// get returns the status of the response.
func (s *server) get(t *testing.T, path string) int {
	t.Helper()
	resp, err := http.Get(s.url + path)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}

func (s *server) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(s.url + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 200, resp.StatusCode, "%s", text)
	return string(text)
}

func (s *server) parse(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := parse(s.scrape(t))
	require.NoError(t, err)
	return families
}

// parse reads a scrape with Prometheus' own parser.
func parse(text string) (map[string]*dto.MetricFamily, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return parser.TextToMetricFamilies(strings.NewReader(text))
}

// values returns the values of a counter or gauge by one of its labels.
func values(f *dto.MetricFamily, by string) map[string]float64 {
	all := make(map[string]float64)
	for _, m := range f.GetMetric() {
		all[label(m, by)] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return all
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// promtool wants Prometheus' own linter to have nothing to say about a scrape.
func promtool(t *testing.T, text string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	cmd := exec.CommandContext(t.Context(), path, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}
