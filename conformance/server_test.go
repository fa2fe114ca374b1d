// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/conformance/judge"
)

// scrapeInterval is how often the server scrapes.
const scrapeInterval = time.Second

// listening is where the log says which port was free.
var listening = regexp.MustCompile(`msg="Listening on" address=(\S+)`)

// server is a running Prometheus.
type server struct {
	t    testing.TB
	jobs int
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  logBuffer
}

// logBuffer collects what a process writes while others read it.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startServer runs Prometheus until the test ends. It scrapes the given paths of
// target, each as a job that is called like the path.
func startServer(t testing.TB, target string, paths ...string) *server {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		judge.Missing(t, err.Error(), "prometheus")
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: %v, scrape_timeout: %v}\nscrape_configs:\n", scrapeInterval, scrapeInterval)
	for _, path := range paths {
		config += fmt.Sprintf("- {job_name: %s, metrics_path: /%s, static_configs: [{targets: [%q]}]}\n", path, path, target)
	}
	configFile := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(configFile, []byte(config), 0o600))

	s := &server{t: t, jobs: len(paths), done: make(chan struct{})}
	s.cmd = exec.Command(program,
		"--config.file="+configFile,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0",
		"--enable-feature=native-histograms,exemplar-storage",
	)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	require.NoError(t, s.cmd.Start())
	go func() {
		_ = s.cmd.Wait() // how it ended shows in its log
		close(s.done)
	}()
	t.Cleanup(s.stop)
	// A shell that reads until the tests let go of it, which the kernel does for them if they
	// are killed, kills the server.
	watch := exec.Command("sh", "-c", "cat; kill -9 "+strconv.Itoa(s.cmd.Process.Pid))
	_, err = watch.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, watch.Start())
	t.Cleanup(func() {
		_ = watch.Process.Kill()
		_ = watch.Wait()
	})
	s.eventually(20*time.Second, "it listens", func() bool {
		m := listening.FindStringSubmatch(s.log.String())
		if m != nil {
			s.url = "http://" + m[1]
		}
		return m != nil
	})
	s.eventually(20*time.Second, "it is ready", func() bool {
		resp, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// stop ends the server, by force if need be.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

// eventually waits until ok returns true.
func (s *server) eventually(limit time.Duration, what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		select {
		case <-s.done:
			s.t.Fatalf("the server has ended:\n%s", &s.log)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("after %v it is still not so that %s; the log:\n%s", limit, what, &s.log)
		}
	}
}

// get calls the API and stores the data of its answer.
func (s *server) get(path string, query url.Values, data any) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/api/v1/"+path+"?"+query.Encode(), nil)
	require.NoError(s.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	require.NoError(s.t, json.Unmarshal(body, &answer), "%s", body)
	require.Equal(s.t, "success", answer.Status, "%s: %s", path, answer.Error)
}

// target is what the server says about one of its targets.
type target struct {
	Labels            map[string]string
	Health, LastError string
	LastScrape        time.Time
}

func (s *server) targets() []target {
	s.t.Helper()
	var data struct{ ActiveTargets []target }
	s.get("targets", url.Values{"state": {"active"}}, &data)
	return data.ActiveTargets
}

// vector is the answer to an instant query, one element for each series.
type vector []struct {
	Metric map[string]string
	Value  [2]any // time, and the number as text
}

func (s *server) query(q string) vector {
	s.t.Helper()
	var data struct{ Result vector }
	s.get("query", url.Values{"query": {q}}, &data)
	return data.Result
}

// value returns the only element of an answer.
func (s *server) value(q string) float64 {
	s.t.Helper()
	v := s.query(q)
	require.Len(s.t, v, 1, q)
	f, err := strconv.ParseFloat(v[0].Value[1].(string), 64)
	require.NoError(s.t, err)
	return f
}

// scrape waits until a scrape of every target has begun and ended since.
func (s *server) scrape() {
	s.t.Helper()
	start := time.Now()
	// At first the server waits five seconds for more targets to turn up.
	s.eventually(20*scrapeInterval, "it scraped every target", func() bool {
		targets := s.targets()
		for _, t := range targets {
			if !t.LastScrape.After(start) {
				return false
			}
		}
		return len(targets) == s.jobs
	})
}

// requireHealthy fails unless every scrape so far went without a fault.
func (s *server) requireHealthy() {
	s.t.Helper()
	for _, target := range s.targets() {
		require.Equal(s.t, "up", target.Health, "%v", target)
		require.Empty(s.t, target.LastError, "%v", target)
	}
	for line := range strings.Lines(s.log.String()) {
		require.NotContains(s.t, line, "level=warn")
		require.NotContains(s.t, line, "level=error")
	}
	resp, err := http.Get(s.url + "/metrics")
	require.NoError(s.t, err)
	defer resp.Body.Close()
	own, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	for _, name := range []string{
		"prometheus_target_scrapes_sample_duplicate_timestamp_total",
		"prometheus_target_scrapes_sample_out_of_order_total",
		"prometheus_target_scrapes_sample_out_of_bounds_total",
		"prometheus_target_scrapes_exemplar_out_of_order_total",
		"prometheus_target_scrapes_exceeded_sample_limit_total",
	} {
		require.Contains(s.t, string(own), "\n"+name+" 0\n")
	}
}
