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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/multiproc"
)

// workerVariable makes the test binary a worker of the directory that it names.
const workerVariable = "EMBER_TEST_WORKER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerVariable); dir != "" {
		work(dir)
		return
	}
	leaktest.Main(m)
}

// work counts, says so, and goes on living until its input ends.
func work(path string) {
	dir, err := multiproc.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	reg := ember.NewRegistry(ember.WithMultiproc(dir))
	reg.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs done."}).Add(5)
	reg.NewGauge(ember.GaugeOpts{Name: "busy", Help: "Jobs being done."}).Set(2)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// worker is a process that counts in a directory.
type worker struct{ cmd *exec.Cmd }

func startWorker(t *testing.T, dir string) *worker {
	t.Helper()
	w := &worker{exec.Command(os.Args[0])}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+dir)
	w.cmd.Stderr = os.Stderr
	_, err := w.cmd.StdinPipe() // closed when the process has ended
	require.NoError(t, err)
	out, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.cmd.Start())
	t.Cleanup(w.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return w
}

// kill ends the worker as a crash does.
func (w *worker) kill() {
	w.cmd.Process.Kill()
	w.cmd.Wait()
}

// program is the path of the program, built by TestEmber.
var program string

func TestEmber(t *testing.T) {
	program = filepath.Join(t.TempDir(), "ember")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Run("serves the living and the dead", servesTheLivingAndTheDead)
	t.Run("serves the dead alone", servesTheDeadAlone)
	t.Run("serves an empty directory", servesAnEmptyDirectory)
	t.Run("waits for the directory", waitsForTheDirectory)
	t.Run("serves a directory that comes again", servesADirectoryThatComesAgain)
	t.Run("ends although a client hangs on", endsAlthoughAClientHangsOn)
	t.Run("serves Python beside Go", servesPythonBesideGo)
	t.Run("command line", commandLine)
	t.Run("directory of the environment", directoryOfTheEnvironment)
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(program, args...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PROMETHEUS_MULTIPROC_DIR=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// newDir returns the path of a directory that workers may make.
func newDir(t *testing.T) string { return filepath.Join(t.TempDir(), "metrics") }

// exporter is the program, serving.
type exporter struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer // read it when the process has ended
	wait   func() error
}

func startExporter(t *testing.T, dir string, args ...string) *exporter {
	t.Helper()
	e := &exporter{t: t, cmd: command(t, append([]string{"multiproc", "-dir", dir, "-addr", "127.0.0.1:0"}, args...)...)}
	e.cmd.Stderr = &e.stderr
	e.wait = sync.OnceValue(e.cmd.Wait)
	out, err := e.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, e.cmd.Start())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		e.cmd.Process.Kill()
		e.wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(line, "metrics of "+dir+": ")
	require.True(t, ok, line)
	e.url, ok = strings.CutSuffix(url, "/metrics\n")
	require.True(t, ok, line)
	require.NotContains(t, e.url, ":0/")
	return e
}

func (e *exporter) get(path string) (status int, text string) {
	e.t.Helper()
	resp, err := http.Get(e.url + path)
	require.NoError(e.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(e.t, err)
	return resp.StatusCode, string(b)
}

// samples returns the lines of a scrape that are samples.
func (e *exporter) samples() string {
	e.t.Helper()
	status, text := e.get("/metrics")
	require.Equal(e.t, http.StatusOK, status, text)
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// stop sends the signal, wants a clean end soon, and returns what was written to stderr.
func (e *exporter) stop(sig os.Signal) string {
	e.t.Helper()
	require.NoError(e.t, e.cmd.Process.Signal(sig))
	ended := make(chan error, 1)
	go func() { ended <- e.wait() }()
	select {
	case err := <-ended:
		require.NoError(e.t, err, "%s", &e.stderr)
	case <-time.After(10 * time.Second):
		e.cmd.Process.Kill()
		<-ended
		require.Fail(e.t, "the exporter goes on", "after %v", sig)
	}
	return e.stderr.String()
}

// files is what the exporter says of the files, and that nothing is wrong.
func files(live, dead int) string {
	return fmt.Sprintf("ember_multiproc_files{state=\"dead\"} %d\nember_multiproc_files{state=\"live\"} %d\n"+
		"ember_multiproc_series_without_place_total 0\n", dead, live)
}

func servesTheLivingAndTheDead(t *testing.T) {
	dir := newDir(t)
	first, second := startWorker(t, dir), startWorker(t, dir)
	e := startExporter(t, dir)
	require.Equal(t, "busy 4\n"+files(2, 0)+"jobs_total 10\n", e.samples())
	first.kill()
	require.Equal(t, "busy 2\n"+files(1, 0)+"jobs_total 10\n", e.samples())
	second.kill()
	for range 3 {
		require.Equal(t, files(0, 0)+"jobs_total 10\n", e.samples())
	}
	startWorker(t, dir)
	require.Equal(t, "busy 2\n"+files(1, 0)+"jobs_total 15\n", e.samples())

	status, text := e.get("/")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, `<a href="/metrics">`)
	status, text = e.get("/-/healthy")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "healthy\n", text)
	status, _ = e.get("/other")
	require.Equal(t, http.StatusNotFound, status)
	resp, err := http.Post(e.url+"/metrics", "text/plain", nil)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Empty(t, e.stop(syscall.SIGTERM))
}

// All processes may have ended before the exporter begins.
func servesTheDeadAlone(t *testing.T) {
	dir := newDir(t)
	startWorker(t, dir).kill()
	e := startExporter(t, dir)
	require.Equal(t, files(0, 0)+"jobs_total 5\n", e.samples())
	require.Empty(t, e.stop(os.Interrupt))
}

func servesAnEmptyDirectory(t *testing.T) {
	dir := newDir(t)
	require.NoError(t, os.Mkdir(dir, 0o700))
	e := startExporter(t, dir)
	require.Equal(t, files(0, 0), e.samples())
	require.Empty(t, e.stop(syscall.SIGTERM))
}

func waitsForTheDirectory(t *testing.T) {
	dir := newDir(t)
	e := startExporter(t, dir, "-wait")
	status, text := e.get("/metrics")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, fmt.Sprintf("ember: multi-process directory %q: lstat %s: no such file or directory\n", dir, dir), text)
	status, _ = e.get("/-/healthy")
	require.Equal(t, http.StatusOK, status)
	startWorker(t, dir)
	require.Equal(t, "busy 2\n"+files(1, 0)+"jobs_total 5\n", e.samples())
	require.Empty(t, e.stop(syscall.SIGTERM))
}

// A service manager may remove the directory with the service, and make it anew.
func servesADirectoryThatComesAgain(t *testing.T) {
	dir := newDir(t)
	w := startWorker(t, dir)
	e := startExporter(t, dir)
	require.Contains(t, e.samples(), "jobs_total 5\n")
	w.kill()
	require.NoError(t, os.RemoveAll(dir))
	status, text := e.get("/metrics")
	require.Equal(t, http.StatusInternalServerError, status, text)
	startWorker(t, dir)
	require.Contains(t, e.samples(), "jobs_total 5\n")
}

func servesPythonBesideGo(t *testing.T) {
	const python = "/usr/bin/python3" // the system's own: packages of the distribution are in no other
	if out, err := exec.Command(python, "-c", "import prometheus_client").CombinedOutput(); err != nil {
		missing := fmt.Sprintf("client_python is missing (%v: %s); on Debian: apt-get install python3-prometheus-client", err, out)
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	dir := newDir(t)
	startWorker(t, dir)
	cmd := exec.Command(python, "-c", `
from prometheus_client import Counter, Gauge
Counter("jobs_total", "Jobs done.").inc(7)
Gauge("oldest", "The oldest job.", multiprocess_mode="max").set(3)
`)
	cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+dir, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	e := startExporter(t, dir)
	require.Equal(t, "busy 2\n"+files(1, 0)+"jobs_total 12\noldest 3\n", e.samples())
	require.Empty(t, e.stop(syscall.SIGTERM))
}

// Who takes nothing, or sends nothing, does not keep the exporter from ending.
func endsAlthoughAClientHangsOn(t *testing.T) {
	dir := newDir(t)
	startWorker(t, dir)
	e := startExporter(t, dir)
	conn, err := net.Dial("tcp", strings.TrimPrefix(e.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\n")
	require.NoError(t, err)
	require.Contains(t, e.samples(), "jobs_total 5\n")
	require.Empty(t, e.stop(syscall.SIGTERM))
}

func commandLine(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	empty := newDir(t)
	require.NoError(t, os.Mkdir(empty, 0o700))
	open := newDir(t)
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.Chmod(open, 0o755))
	file := newDir(t)
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, tc := range map[string]struct {
		args  []string
		code  int
		begin string // of what is written to stderr
	}{
		"nothing":                  {nil, 2, "usage: ember <command> [flags]\n"},
		"help":                     {[]string{"help"}, 0, "usage: ember <command> [flags]\n"},
		"-h":                       {[]string{"-h"}, 0, "usage: ember <command> [flags]\n"},
		"another command":          {[]string{"serve"}, 2, "ember: command \"serve\" is not known\n\nusage: ember"},
		"help of a command":        {[]string{"multiproc", "-h"}, 0, "Usage of ember multiproc:\n  -addr"},
		"another flag":             {[]string{"multiproc", "-directory", "x"}, 2, "flag provided but not defined: -directory\n"},
		"a flag without its value": {[]string{"multiproc", "-dir"}, 2, "flag needs an argument: -dir\n"},
		"a flag that is no bool":   {[]string{"multiproc", "-wait=5s"}, 2, "invalid boolean value \"5s\" for -wait"},
		"an argument":              {[]string{"multiproc", "-dir", empty, "more"}, 2, "ember multiproc: unexpected argument \"more\"\n"},
		"no directory":             {[]string{"multiproc"}, 2, "ember multiproc: -dir is missing, and PROMETHEUS_MULTIPROC_DIR is not set\n"},
		"a directory that is not there": {
			[]string{"multiproc", "-dir", "/does/not/exist"},
			1,
			"ember multiproc: -dir /does/not/exist does not exist; -wait waits until a process makes it\n",
		},
		"a directory of others": {
			[]string{"multiproc", "-wait", "-dir", open},
			1,
			fmt.Sprintf("ember: multi-process directory %q has mode 0755, should have mode 0700 (chmod 700)\n", open),
		},
		"a file": {
			[]string{"multiproc", "-dir", file},
			1,
			fmt.Sprintf("ember: multi-process directory %q is a regular file, should be a directory\n", file),
		},
		"no address": {
			[]string{"multiproc", "-dir", empty, "-addr", "localhost"},
			1,
			"ember multiproc: -addr: listen tcp: address localhost: missing port in address\n",
		},
		"an address in use": {
			[]string{"multiproc", "-dir", empty, "-addr", busy.Addr().String()},
			1,
			fmt.Sprintf("ember multiproc: -addr %s is in use already\n", busy.Addr()),
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, tc.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			cmd.Run()
			require.True(t, strings.HasPrefix(stderr.String(), tc.begin), "%s", &stderr)
			require.Equal(t, tc.code, cmd.ProcessState.ExitCode())
			require.Empty(t, stdout.String())
		})
	}
}

func directoryOfTheEnvironment(t *testing.T) {
	cmd := command(t, "multiproc")
	cmd.Env = append(cmd.Env, "PROMETHEUS_MULTIPROC_DIR=/does/not/exist")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "-dir /does/not/exist does not exist")
}
