// SPDX-License-Identifier: Apache-2.0

//go:build unix

package e2e

import (
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fullstack is the running example, and the Prometheus that it runs.
type fullstack struct {
	server
	dir string // of temporary files
}

// startFullstack runs the example on free ports until it prints its report. The signal is
// what stop sends.
func startFullstack(t *testing.T, program, signal string, args ...string) *fullstack {
	t.Helper()
	lookPrometheus(t)
	f := &fullstack{dir: t.TempDir()}
	t.Setenv("TMPDIR", f.dir)
	f.process = start(t, nil, t.TempDir(), signal, append([]string{program, "-addr", "127.0.0.1:0", "-prometheus-addr", "127.0.0.1:0"}, args...)...)
	f.until(t, "the report begins", func() bool { return strings.Contains(f.output.String(), " alerts\n") })
	f.url = "http://" + f.host(t, "alerts")
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

// record returns what the customers have recorded by the end: the ratio of their requests that
// failed, and how many seconds 95 % of them took at most.
func (f *fullstack) record(t *testing.T) (failed, p95 float64) {
	t.Helper()
	m := regexp.MustCompile(`(?m)^Of the last five minutes' \d+ requests (\S+) % failed, and 95 % took at most (\S+) ms\.$`).FindStringSubmatch(f.output.String())
	require.NotNil(t, m)
	return number(t, m[1]) / 100, number(t, m[2]) / 1000
}

// link returns one of the URLs that the program prints.
func (f *fullstack) link(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `: +(\S+)$`).FindStringSubmatch(f.output.String())
	require.NotNil(t, m, "there is no link %q", name)
	return m[1]
}

// host returns the host and port of a link.
func (f *fullstack) host(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(f.link(t, link))
	require.NoError(t, err)
	return u.Host
}

// lives reports whether the program's Prometheus does.
func (f *fullstack) lives(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "command=").Output()
	require.NoError(t, err)
	return strings.Contains(string(out), "--config.file="+f.dir)
}

// requireGone wants nothing to be left over soon.
func (f *fullstack) requireGone(t *testing.T) {
	t.Helper()
	reachable := func(link string) bool {
		conn, err := net.Dial("tcp", f.host(t, link))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		files, err := os.ReadDir(f.dir)
		require.NoError(t, err)
		if !f.lives(t) && !reachable("metrics") && !reachable("targets") && len(files) == 0 {
			return
		}
		require.True(t, time.Now().Before(deadline), "something goes on, perhaps with these files: %v", files)
	}
}

func (f *fullstack) setFailures(t *testing.T, ratio, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+f.host(t, "metrics")+"/failures", strings.NewReader(ratio))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, answer, string(body))
}

type activeAlert struct {
	State               string
	ActiveAt            time.Time
	Labels, Annotations map[string]string
}

// alert returns the only alert, if it is in this state, or nil.
func (f *fullstack) alert(t *testing.T, state string) *activeAlert {
	t.Helper()
	var data struct{ Alerts []activeAlert }
	f.get(t, "alerts", nil, &data)
	require.LessOrEqual(t, len(data.Alerts), 1)
	if len(data.Alerts) == 0 || data.Alerts[0].State != state {
		return nil
	}
	return &data.Alerts[0]
}

// value returns the only value of an expression.
func (f *fullstack) value(t *testing.T, expr string) float64 {
	t.Helper()
	all := f.query(t, expr)
	require.Len(t, all, 1, expr)
	require.False(t, math.IsNaN(all[0].value), expr)
	return all[0].value
}

// masked returns a line without its numbers, its addresses, and where Debian has its pages.
func masked(line string) string {
	line = strings.ReplaceAll(line, "/classic/", "/")
	line = regexp.MustCompile(`[0-9.]*[0-9](:[0-9]+)?`).ReplaceAllString(line, "#")
	return strings.Join(strings.Fields(line), " ")
}
