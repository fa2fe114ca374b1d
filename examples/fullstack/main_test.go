// SPDX-License-Identifier: Apache-2.0

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
	"runtime"
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

// What Prometheus makes of it is tested in e2e.
func TestService(t *testing.T) {
	program := build(t)

	t.Run("failures are counted, whatever HTTP knows of them", func(t *testing.T) {
		s := start(t, program, "-prometheus", "none", "-rate", "200", "-failures", "0.5")
		require.Eventually(t, func() bool { return s.samples(t)[`api_requests_total{status="failure"}`] > 40 },
			20*time.Second, 50*time.Millisecond)
		output := s.stop(t, syscall.SIGTERM)
		m := regexp.MustCompile(`(?m)^Of the last five minutes' (\d+) requests (\S+) % failed, and 95 % took at most (\S+) ms\.$`).FindStringSubmatch(output)
		require.NotNil(t, m, output)
		failed, err := strconv.ParseFloat(m[2], 64)
		require.NoError(t, err)
		requests, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		require.Greater(t, requests, 80.0)
		require.InDelta(t, 50, failed, 2)
	})

	for name, tc := range map[string]struct {
		failures string
		never    string // the status that no request may have
	}{
		"all succeed": {"0", "failure"},
		"all fail":    {"1", "success"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, program, "-prometheus", "none", "-rate", "100", "-failures", tc.failures)
			total := func(m map[string]float64) float64 {
				return m[`api_requests_total{status="failure"}`] + m[`api_requests_total{status="success"}`]
			}
			m := s.samples(t)
			require.Contains(t, m, `api_requests_total{status="failure"}`)
			require.Contains(t, m, `api_requests_total{status="success"}`)
			require.Eventually(t, func() bool {
				m = s.samples(t)
				return total(m) > 40
			}, 20*time.Second, 50*time.Millisecond)
			require.Zero(t, m[`api_requests_total{status="`+tc.never+`"}`])
			require.InDelta(t, total(m), m[`api_request_duration_seconds_count`], 20)

			http200 := m[`http_request_duration_seconds_count{method="POST",path="/api/payments",status="200"}`]
			http503 := m[`http_request_duration_seconds_count{method="POST",path="/api/payments",status="503"}`]
			if tc.failures == "0" {
				require.Zero(t, http503)
			} else {
				require.Positive(t, http200)
				// Those that HTTP calls good are half of them, give or take what is between.
				require.InDelta(t, http503, http200, 20)
			}
			s.stop(t, syscall.SIGINT)
		})
	}

	t.Run("the ratio can be changed", func(t *testing.T) {
		s := start(t, program, "-prometheus", "none", "-rate", "1", "-failures", "1")
		for _, tc := range []struct {
			body string
			code int
			want string
		}{
			{"0", 200, "From now on 0 % of the payments fail.\n"},
			{" 0.125\n", 200, "From now on 12.5 % of the payments fail.\n"},
			{"1", 200, "From now on 100 % of the payments fail.\n"},
			{"1.01", 400, "\"1.01\" is not between 0 and 1\n"},
			{"-1", 400, "\"-1\" is not between 0 and 1\n"},
			{"NaN", 400, "\"NaN\" is not between 0 and 1\n"},
			{"", 400, "\"\" is not between 0 and 1\n"},
			{strings.Repeat("0", 101), 400, "http: request body too large\n"},
			{"0", 200, "From now on 0 % of the payments fail.\n"},
		} {
			code, body := s.do(t, http.MethodPut, "/failures", tc.body)
			require.Equal(t, tc.want, body)
			require.Equal(t, tc.code, code)
		}
		code, body := s.do(t, http.MethodPost, "/api/payments", "")
		require.Equal(t, "{\"paid\": true}\n", body)
		require.Equal(t, 200, code)
		s.do(t, http.MethodPut, "/failures", "1")
		answers := make(map[string]bool)
		for deadline := time.Now().Add(20 * time.Second); len(answers) < 2 && time.Now().Before(deadline); {
			code, body := s.do(t, http.MethodPost, "/api/payments", "")
			answers[fmt.Sprint(code, " ", body)] = true
		}
		require.Equal(t, map[string]bool{"200 {\"paid\": false}\n": true, "503 the bank is not available\n": true}, answers)
	})
}

func TestRefusals(t *testing.T) {
	program := build(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { busy.Close() }) // which is after the parallel tests
	file := filepath.Join(t.TempDir(), "missing")
	bare, half, other := t.TempDir(), t.TempDir(), t.TempDir()
	write := func(dir, name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write(half, configFile, readText(t, configFile))
	write(other, configFile, strings.ReplaceAll(readText(t, configFile), "127.0.0.1:8080", "127.0.0.1:8081"))
	write(other, rulesFile, readText(t, rulesFile))

	// Any program will do where it does not come to that.
	some, err := exec.LookPath("go")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"an argument too many": {[]string{"serve"}, "unexpected argument \"serve\"\n"},
		"no traffic":           {[]string{"-rate", "0"}, "-rate 0 is not between 1 and 1000\n"},
		"too much traffic":     {[]string{"-rate", "1001"}, "-rate 1001 is not between 1 and 1000\n"},
		"a ratio above 1":      {[]string{"-failures", "40"}, "-failures 40 is not between 0 and 1\n"},
		"a ratio below 0":      {[]string{"-failures", "-0.1"}, "-failures -0.1 is not between 0 and 1\n"},
		"no ratio":             {[]string{"-failures", "NaN"}, "-failures NaN is not between 0 and 1\n"},
		"no address":           {[]string{"-addr", "127.0.0.1"}, "-addr: listen tcp: address 127.0.0.1: missing port in address\n"},
		"a busy port": {
			[]string{"-addr", busy.Addr().String()},
			busy.Addr().String() + " is in use already; choose another address with -addr\n",
		},
		"a busy port for Prometheus": {
			[]string{"-prometheus", some, "-prometheus-addr", busy.Addr().String()},
			busy.Addr().String() + " is in use already; choose another address with -prometheus-addr\n",
		},
		"no Prometheus": {[]string{"-prometheus", file}, "there is no Prometheus: exec: \"" + file + `": stat ` + file + `: no such file or directory
  on Debian and Ubuntu: apt-get install prometheus
  elsewhere:            unpack one of https://prometheus.io/download/ and say -prometheus PATH
  without one:          -prometheus none
`},
		"a directory without files": {
			[]string{"-prometheus", some, "-config", bare},
			"-config: open prometheus.yml: no such file or directory\n",
		},
		"a directory without rules": {
			[]string{"-prometheus", some, "-config", half},
			"-config: open alert.rules.yml: no such file or directory\n",
		},
		"another target": {
			[]string{"-prometheus", some, "-config", other},
			"-config: prometheus.yml does not have the target \"127.0.0.1:8080\", which is replaced by the address of the service\n",
		},
		"a Prometheus that is none": {
			[]string{"-prometheus", some},
			"prometheus has ended by itself\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && (strings.Contains(tc.want, " in use ") || strings.Contains(tc.want, "no such file")) {
				t.Skip("Windows says it in other words")
			}
			temp := t.TempDir()
			cmd := exec.CommandContext(t.Context(), program, append([]string{"-addr", "127.0.0.1:0", "-prometheus-addr", "127.0.0.1:0"}, tc.args...)...)
			cmd.Env = append(os.Environ(), "TMPDIR="+temp, "TMP="+temp)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			require.NoError(t, cmd.Start())
			leaktest.KillWith(t, cmd)
			kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			cmd.Wait()
			require.Equal(t, 1, cmd.ProcessState.ExitCode(), "%s", &stderr)
			require.Empty(t, stdout.String())
			said := stderr.String()
			if name == "a Prometheus that is none" {
				itself, _, found := strings.Cut(said, "fullstack: ")
				require.True(t, found, said)
				require.Contains(t, itself, "flag provided but not defined: -config.file")
				require.Contains(t, itself, "exit status 2")
				said = strings.TrimPrefix(said, itself)
			}
			require.Equal(t, "fullstack: "+tc.want, said)
			left, err := os.ReadDir(temp)
			require.NoError(t, err)
			require.Empty(t, left, "a temporary directory stays")
		})
	}
}

// build returns the path of the program.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "fullstack")
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", file, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// server is a running fullstack.
type server struct {
	cmd            *exec.Cmd
	url            string
	stdout, stderr bytes.Buffer // read them when the program has ended
	wait           func() error
}

// start runs the program on a free port until the test ends.
func start(t *testing.T, program string, args ...string) *server {
	t.Helper()
	s := &server{cmd: exec.Command(program, append([]string{"-addr", "127.0.0.1:0"}, args...)...)}
	s.cmd.Stderr = &s.stderr
	stdout, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	lines := bufio.NewReader(stdout)
	s.wait = sync.OnceValue(func() error {
		io.Copy(&s.stdout, lines)
		return s.cmd.Wait()
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.cmd.Process.Kill()
		s.wait()
	})
	leaktest.KillWith(t, s.cmd)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	m := regexp.MustCompile(`^metrics: +(http://.+)/metrics\n$`).FindStringSubmatch(line)
	require.NotNil(t, m, line)
	s.url = m[1]
	return s
}

// stop sends the signal, wants a clean end soon, and returns what the program wrote.
func (s *server) stop(t *testing.T, sig os.Signal) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be signalled on Windows")
	}
	require.NoError(t, s.cmd.Process.Signal(sig))
	kill := time.AfterFunc(20*time.Second, func() { s.cmd.Process.Kill() })
	defer kill.Stop()
	require.NoError(t, s.wait(), "%s", &s.stderr)
	require.Empty(t, s.stderr.String())
	return s.stdout.String()
}

func (s *server) do(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func (s *server) scrape(t *testing.T) string {
	t.Helper()
	code, text := s.do(t, http.MethodGet, "/metrics", "")
	require.Equal(t, 200, code, text)
	return text
}

// samples returns a scrape by name and labels.
func (s *server) samples(t *testing.T) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for line := range strings.Lines(s.scrape(t)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[at+1:]), 64)
		require.NoError(t, err)
		all[line[:at]] = v
	}
	return all
}
