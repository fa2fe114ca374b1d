// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/multiproc"
)

// workerVariable makes the test binary a program that knows of the environment alone.
const workerVariable = "EMBER_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		jobs := ember.NewCounter(ember.CounterOpts{Name: "jobs_total", Help: "Jobs done."})
		ember.MustRegister(jobs)
		jobs.Add(5)
		ember.WriteText(os.Stdout, ember.Default())
		os.Exit(3) // without a word to anybody
	}
	leaktest.Main(m)
}

// worker runs a program with a directory in its environment, and returns what it exposes of
// its jobs, and the log.
func worker(t *testing.T, dir string) (jobs, log string) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), workerVariable+"=1", "PROMETHEUS_MULTIPROC_DIR="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.EqualError(t, err, "exit status 3")
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "jobs_total ") {
			jobs = strings.TrimSpace(line)
		}
	}
	return jobs, stderr.String()
}

func TestDefaultHeedsTheEnvironment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	for _, want := range []string{"jobs_total 5", "jobs_total 10", "jobs_total 15"} {
		jobs, log := worker(t, dir)
		require.Equal(t, want, jobs)
		require.Empty(t, log)
	}
	d, err := multiproc.OpenReader(dir)
	require.NoError(t, err)
	defer d.Close()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, d))
	require.Contains(t, b.String(), "\njobs_total 15\n")
	require.Contains(t, b.String(), "\ngo_memstats_mallocs_total ", "what comes from collectors stays too")
	require.NotContains(t, b.String(), "\ngo_goroutines ", "but no gauge of those that have ended")
}

// A service goes on if its directory cannot be.
func TestDefaultWithoutADirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	for range 2 {
		jobs, log := worker(t, dir)
		require.Equal(t, "jobs_total 5", jobs)
		require.Contains(t, log, "ember: metrics are of this process alone")
		require.Contains(t, log, "mode 0755, should have mode 0700")
	}
}
