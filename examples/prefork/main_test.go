// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package main_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
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

	"github.com/embermetrics/ember/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const workers = 4

func TestPrefork(t *testing.T) {
	program := build(t)

	t.Run("is scraped as one", func(t *testing.T) {
		s := start(t, program)
		// On a connection of its own each, so that any worker may get it.
		byWorker := make(map[string]int)
		var mu sync.Mutex
		requests := 0
		for deadline := time.Now().Add(20 * time.Second); ; {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 25 {
						pid := s.pid(t)
						mu.Lock()
						byWorker[pid]++
						requests++
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			if len(byWorker) == workers || time.Now().After(deadline) {
				break
			}
		}
		t.Logf("%d requests, by worker: %v", requests, byWorker)
		require.Len(t, byWorker, workers)
		for range 10 {
			m := s.scrape(t)
			require.Equal(t, float64(requests), m[`http_requests_total{route="GET /{$}"}`])
			require.Equal(t, float64(requests), m[`http_request_duration_seconds_count`])
			require.Equal(t, float64(requests), m[`http_request_duration_seconds_bucket{le="+Inf"}`])
			require.Zero(t, m[`http_requests_in_flight`])
			require.EqualValues(t, workers, m[`workers_started_total`])
			require.EqualValues(t, workers+1, m[`ember_multiproc_files{state="live"}`], "and the parent")
		}
		require.Empty(t, s.stop(t, syscall.SIGTERM))
	})

	t.Run("loses nothing when workers are killed", func(t *testing.T) {
		s := start(t, program)
		const kills, between = 20, 10
		requests := 0
		for i := range kills {
			for range between {
				s.pid(t)
				requests++
			}
			s.kill(t)
			m := s.scrape(t) // by another one
			require.Equal(t, float64(requests), m[`http_requests_total{route="GET /{$}"}`], "after %d kills", i+1)
			require.Equal(t, float64(i+1), m[`http_requests_total{route="POST /kill"}`])
			require.Equal(t, float64(requests), m[`http_request_duration_seconds_count`], "killed ones have not been timed")
			require.Eventually(t, func() bool {
				m := s.scrape(t)
				return m[`workers_started_total`] == float64(workers+i+1) && m[`ember_multiproc_files{state="live"}`] == workers+1
			}, 20*time.Second, 10*time.Millisecond, "another worker takes the place of the one that was killed")
		}
		s.pid(t)
		requests++
		m := s.scrape(t)
		require.Equal(t, float64(requests), m[`http_requests_total{route="GET /{$}"}`])
		require.Zero(t, m[`http_requests_in_flight`], "the killed ones are not in flight any more")
		require.Zero(t, m[`ember_multiproc_files{state="dead"}`])

		files, err := os.ReadDir(s.dir(t))
		require.NoError(t, err)
		names := make([]string, 0, len(files))
		for _, f := range files {
			names = append(names, f.Name())
		}
		require.Len(t, names, workers+1+2, "a file of each process, the archive and the lock: %v", names)

		log := s.stop(t, syscall.SIGINT)
		require.Equal(t, kills, strings.Count(log, "a worker has ended (signal: killed), another one takes its place\n"), log)
		require.Equal(t, kills, strings.Count(log, "\n"), log)
	})

	t.Run("ends although a client hangs on", func(t *testing.T) {
		t.Parallel()
		s := start(t, program)
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		defer conn.Close()
		s.pid(t)
		require.Empty(t, s.stop(t, syscall.SIGTERM))
	})

	t.Run("workers end with a parent that is killed", func(t *testing.T) {
		t.Parallel()
		s := start(t, program)
		s.dirGoesOn = true
		dir := s.dir(t)
		defer os.RemoveAll(dir)
		require.NoError(t, s.cmd.Process.Kill())
		require.Error(t, s.wait())
		s.requireGone(t)
	})

	t.Run("other sites cannot have it killed", func(t *testing.T) {
		s := start(t, program)
		req, err := http.NewRequest(http.MethodPost, "http://"+s.addr+"/kill", nil)
		require.NoError(t, err)
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := s.client.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		require.Empty(t, s.stop(t, syscall.SIGTERM))
	})

	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"a busy port":          {[]string{"-addr", busy.Addr().String()}, fmt.Sprintf("prefork: %s is in use already; choose another address with -addr\n", busy.Addr())},
		"no workers":           {[]string{"-workers", "0"}, "prefork: -workers 0 is not between 1 and 100\n"},
		"an argument too many": {[]string{"serve"}, "prefork: unexpected argument \"serve\"\n"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), program, tc.args...).CombinedOutput()
			require.Error(t, err)
			require.Equal(t, tc.want, string(out))
		})
	}
}

func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prefork")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// server is a running prefork.
type server struct {
	program   string
	cmd       *exec.Cmd
	addr      string
	client    *http.Client // each request on a connection of its own
	stderr    bytes.Buffer // read it when all processes have ended
	wait      func() error
	dirGoesOn bool
}

func start(t *testing.T, program string) *server {
	t.Helper()
	s := &server{program: program, cmd: exec.Command(program, "-addr", "127.0.0.1:0")}
	s.client = &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.wait = sync.OnceValue(s.cmd.Wait)
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.cmd.Process.Signal(syscall.SIGTERM) // so that no worker stays
			s.wait()
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(line, "metrics: http://")
	require.True(t, ok, line)
	s.addr, ok = strings.CutSuffix(url, "/metrics\n")
	require.True(t, ok, line)
	require.Eventually(t, func() bool {
		return s.scrape(t)[`ember_multiproc_files{state="live"}`] == workers+1
	}, 20*time.Second, 10*time.Millisecond)
	return s
}

func (s *server) get(t *testing.T, path string) string {
	resp, err := s.client.Get("http://" + s.addr + path)
	for tries := 0; err != nil && path == "/metrics" && tries < 3; tries++ {
		// A worker that was just being killed had accepted the connection.
		resp, err = s.client.Get("http://" + s.addr + path)
	}
	if err != nil {
		t.Error(err) // perhaps in another goroutine
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %v, %s", resp.Status, err, text)
	}
	return string(text)
}

var pidPattern = regexp.MustCompile(`worker <b>(\d+)</b>`)

// pid asks for the page, and returns which worker has answered.
func (s *server) pid(t *testing.T) string {
	m := pidPattern.FindStringSubmatch(s.get(t, "/"))
	if m == nil {
		t.Error("the page does not say which worker has answered")
		return ""
	}
	return m[1]
}

// kill does what the page's button does.
func (s *server) kill(t *testing.T) {
	t.Helper()
	resp, err := s.client.Post("http://"+s.addr+"/kill", "application/x-www-form-urlencoded", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusSeeOther, resp.StatusCode)
}

// scrape returns the samples by name and labels.
func (s *server) scrape(t *testing.T) map[string]float64 {
	samples := make(map[string]float64)
	for line := range strings.Lines(s.get(t, "/metrics")) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		if err != nil {
			t.Error(err)
		}
		samples[line[:at]] = v
	}
	return samples
}

// dir returns the directory that the workers share.
func (s *server) dir(t *testing.T) string {
	t.Helper()
	for _, above := range []string{"/dev/shm", os.TempDir()} {
		dirs, err := filepath.Glob(filepath.Join(above, "prefork-*", strconv.Itoa(s.cmd.Process.Pid)+"-*.ember"))
		require.NoError(t, err)
		if len(dirs) == 1 {
			return filepath.Dir(dirs[0])
		}
	}
	require.Fail(t, "there is no directory with a file of the parent")
	return ""
}

// stop sends the signal, wants all processes to end soon, and returns what they wrote to
// stderr.
func (s *server) stop(t *testing.T, sig os.Signal) string {
	t.Helper()
	dir := s.dir(t)
	require.NoError(t, s.cmd.Process.Signal(sig))
	ended := make(chan error, 1)
	go func() { ended <- s.wait() }() // which ends when no process has stderr any more
	select {
	case err := <-ended:
		require.NoError(t, err, "%s", &s.stderr)
	case <-time.After(15 * time.Second):
		s.cmd.Process.Kill()
		<-ended
		require.Fail(t, "the program goes on", "after %v", sig)
	}
	require.NoDirExists(t, dir)
	s.requireGone(t)
	return s.stderr.String()
}

// requireGone wants no process to be left over soon.
func (s *server) requireGone(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.addr)
		if err == nil {
			conn.Close()
		}
		out, _ := exec.Command("ps", "-A", "-o", "command=").Output()
		return err != nil && !strings.Contains(string(out), s.program)
	}, 10*time.Second, 20*time.Millisecond, "a process is left over")
}
