// SPDX-License-Identifier: Apache-2.0

package ember_test

import (
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember/internal/leaktest"
)

// The README's program is a program, and its session happens as it says.
func TestReadme(t *testing.T) {
	readme := readText(t, "README.md")
	program := fencedBlock(t, readme, "go")
	source := readText(t, filepath.Join("examples", "hello", "main.go"))
	require.Equal(t, source[strings.Index(source, "package main\n"):], program)

	addr := runServer(t, "./examples/hello")
	var got strings.Builder
	session := fencedBlock(t, readme, "console")
	for line := range strings.Lines(session) {
		command, ok := strings.CutPrefix(line, "$ curl -s localhost:8080")
		if !ok {
			continue
		}
		got.WriteString(line)
		path, pattern, _ := strings.Cut(strings.TrimSpace(command), " | grep ")
		resp, err := http.Get("http://" + addr + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		for answer := range strings.Lines(string(body)) {
			if strings.Contains(answer, pattern) {
				got.WriteString(answer)
			}
		}
	}
	// How long the request took differs.
	sum := regexp.MustCompile(`(?m)^(greeting_duration_seconds_sum) .+$`)
	require.Len(t, sum.FindAllString(session, -1), 1)
	require.Equal(t, sum.ReplaceAllString(session, "$1 #"), sum.ReplaceAllString(got.String(), "$1 #"))
}

// Every piece of code and every output in the package's documentation is in an
// example.
func TestTour(t *testing.T) {
	flat := func(s string) string {
		var b strings.Builder
		for line := range strings.Lines(s) {
			b.WriteString(strings.TrimPrefix(strings.TrimSpace(line), "// "))
			b.WriteByte('\n')
		}
		return b.String()
	}
	var examples string
	files, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	for _, name := range files {
		examples += flat(readText(t, name))
	}
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	require.NoError(t, err)
	blocks := 0
	for _, b := range new(comment.Parser).Parse(file.Doc.Text()).Content {
		if code, ok := b.(*comment.Code); ok {
			require.True(t, strings.Contains(examples, flat(code.Text)), "in no example:\n%s", code.Text)
			blocks++
		}
	}
	require.Greater(t, blocks, 5)
}

// Every piece of Go in the documents is in an example or a program, and compiles there.
func TestDocumentsCode(t *testing.T) {
	var sources string
	for _, pattern := range []string{"example*_test.go", "*/example*_test.go", "docs/*_test.go", "examples/*/*.go", "multiproc/multiproc.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files, pattern)
		for _, name := range files {
			sources += readText(t, name)
		}
	}
	documents, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	blocks := 0
	for _, name := range append(documents, "README.md") {
		for _, part := range strings.Split(readText(t, name), "```go\n")[1:] {
			code, _, ok := strings.Cut(part, "```\n")
			require.True(t, ok, name)
			require.True(t, strings.Contains(sources, code), "%s: in no example:\n%s", name, code)
			blocks++
		}
	}
	require.GreaterOrEqual(t, blocks, 50)
}

// The alert of the guide is one to Prometheus, and the one that ships.
func TestDocumentsAlert(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		const missing = "promtool is missing; on Debian: apt-get install prometheus"
		require.NotEqual(t, "true", os.Getenv("CI"), missing)
		t.Skip(missing)
	}
	guide := readText(t, filepath.Join("docs", "multiproc.md"))
	_, alert, ok := strings.Cut(guide, "```yaml\n      - alert:")
	require.True(t, ok)
	alert, _, ok = strings.Cut("      - alert:"+alert, "```\n")
	require.True(t, ok)
	require.True(t, strings.Contains(readText(t, filepath.Join("monitoring", "ember.rules.yml")), alert+"\n"), "another one ships")
	file := filepath.Join(t.TempDir(), "rules.yaml")
	tests := filepath.Join(t.TempDir(), "tests.yaml")
	require.NoError(t, os.WriteFile(file, []byte("groups:\n  - name: ember\n    rules:\n"+alert), 0o600))
	// It fires when a series appears as well as when one grows.
	require.NoError(t, os.WriteFile(tests, []byte(`rule_files: [`+file+`]
tests:
  - interval: 1m
    input_series:
      - series: 'up{job="a", instance="x"}'
        values: 1+0x60
      - series: 'ember_multiproc_series_without_place_total{job="a", instance="x"}'
        values: 0+0x60
      - series: 'ember_multiproc_file_errors_total{job="a", instance="x", reason="corrupt"}'
        values: _x29 1+0x30
      - series: 'ember_multiproc_series_without_place_total{job="a", instance="y"}'
        values: 7+0x60
      - series: 'ember_multiproc_series_without_place_total{job="a", instance="z"}'
        values: 7+0x29 8+0x30
    alert_rule_test:
      - {eval_time: 25m, alertname: EmberMultiprocIncomplete}
      - {eval_time: 55m, alertname: EmberMultiprocIncomplete}
      - eval_time: 35m
        alertname: EmberMultiprocIncomplete
        exp_alerts:
          - exp_labels: {job: a, instance: x, reason: corrupt, severity: warning}
            exp_annotations:
              summary: Some metrics of x lack what some process has counted.
              description: >-
                In the last 15 minutes there were files of processes that could not be read, or not
                all of them, for corrupt. Other processes are counted in full. The log of the
                processes says which file it is, or what is to be raised.
          - exp_labels: {job: a, instance: z, severity: warning}
            exp_annotations:
              summary: Some metrics of z lack what some process has counted.
              description: >-
                In the last 15 minutes there was no place for some series, so scrapes lack what is
                counted in them. There is not enough space for the directory, a file has reached
                WithMaxBytes, or all processes together have more series than WithMaxSeries. The log
                of the processes says which file it is, or what is to be raised.
`), 0o600))
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", tests).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func readText(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(b)
}

// fencedBlock returns the text of the first fenced block of a language.
func fencedBlock(t *testing.T, markdown, language string) string {
	t.Helper()
	parts := strings.Split(markdown, "```"+language+"\n")
	require.Greater(t, len(parts), 1)
	text, _, ok := strings.Cut(parts[1], "```\n")
	require.True(t, ok)
	return text
}

// runServer runs an HTTP server until the test ends, and returns its address.
func runServer(t *testing.T, dir string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program.exe")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	free.Close()
	cmd := exec.Command(program, "-addr", addr)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		cmd.Process.Kill()
		cmd.Wait()
	})
	leaktest.KillWith(t, cmd)
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 10*time.Millisecond)
	return addr
}
