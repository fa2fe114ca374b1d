// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/internal/leaktest"
	"github.com/embermetrics/ember/metric"
	"github.com/embermetrics/ember/multiproc"
)

// Variables of child processes, which are this binary again: what they do, and where.
const (
	childRole = "EMBER_MULTIPROC_CHILD"
	childDir  = "EMBER_MULTIPROC_DIR"
	childName = "EMBER_MULTIPROC_NAME"
)

var childRoles = map[string]func(dir, name string){}

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		childRoles[role](os.Getenv(childDir), os.Getenv(childName))
		os.Exit(0)
	}
	leaktest.Main(m)
}

// must ends a child process that cannot do what it is there for.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child returns a child process, to be started.
func child(role, dir, name string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir, childName+"="+name, "GORACE=halt_on_error=1 atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	return cmd
}

// conversation is a child process that does what it is told, a line for a line.
type conversation struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	end func()
}

func converse(t testing.TB, cmd *exec.Cmd) *conversation {
	t.Helper()
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := &conversation{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	c.end = sync.OnceFunc(func() {
		in.Close()
		cmd.Wait()
	})
	t.Cleanup(c.end)
	return c
}

func (c *conversation) hear() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	require.NoError(c.t, err)
	return strings.TrimSuffix(line, "\n")
}

func (c *conversation) say(line string) string {
	c.t.Helper()
	_, err := io.WriteString(c.in, line+"\n")
	require.NoError(c.t, err)
	return c.hear()
}

func (c *conversation) kill() {
	c.t.Helper()
	require.NoError(c.t, c.cmd.Process.Signal(syscall.SIGKILL))
	c.end()
}

// tempPath returns the path of a directory in memory that does not exist yet.
func tempPath(t testing.TB) string {
	parent := t.TempDir()
	if _, err := os.Stat("/dev/shm"); err == nil {
		parent, err = os.MkdirTemp("/dev/shm", "ember-test-")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, os.RemoveAll(parent)) })
	}
	return filepath.Join(parent, "cells")
}

// openDir opens a directory until the test ends.
func openDir(t testing.TB, path string, options ...multiproc.Option) *multiproc.Dir {
	t.Helper()
	return opened(t, multiproc.Open, path, options)
}

func openReader(t testing.TB, path string, options ...multiproc.Option) *multiproc.Dir {
	t.Helper()
	return opened(t, multiproc.OpenReader, path, options)
}

func opened(t testing.TB, open func(string, ...multiproc.Option) (*multiproc.Dir, error), path string, options []multiproc.Option) *multiproc.Dir {
	t.Helper()
	d, err := open(path, append([]multiproc.Option{multiproc.WithLogger(slog.New(slog.DiscardHandler))}, options...)...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// files returns what is in a directory.
func files(t testing.TB, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// logged collects what is logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) option() multiproc.Option {
	return multiproc.WithLogger(slog.New(slog.NewTextHandler(l, nil)))
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines returns how many lines have all of some texts.
func (l *logged) lines(texts ...string) (n int) {
	for line := range strings.Lines(l.String()) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}

// totals are values by sample, as the text format has them.
type totals map[string]float64

// scraped returns the samples of a scrape.
func scraped(text string) (totals, error) {
	all := make(totals)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[max(i, 0)+1:], 64)
		if err != nil || i < 0 {
			return nil, fmt.Errorf("line %q: %v", line, err)
		}
		if _, twice := all[line[:i]]; twice {
			return nil, fmt.Errorf("line %q: there is another one of the series", line)
		}
		all[line[:i]] = v
	}
	return all, nil
}

// scrape writes what g has as text, and returns its samples.
func scrape(t testing.TB, g ember.Gatherer) totals {
	t.Helper()
	var b strings.Builder
	require.NoError(t, ember.WriteText(&b, g))
	all, err := scraped(b.String())
	require.NoError(t, err)
	return all
}

// only returns the samples whose names begin so, but for ember's own.
func (t totals) only(prefixes ...string) totals {
	some := make(totals)
	for name, v := range t {
		if len(prefixes) == 0 && !strings.HasPrefix(name, "ember_") || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
			some[name] = v
		}
	}
	return some
}

func (t totals) sum(prefix string) (sum float64) {
	for _, v := range t.only(prefix) {
		sum += v
	}
	return sum
}

// family returns a family of a name, or nil.
func family(families []*metric.Family, name string) *metric.Family {
	for _, f := range families {
		if f.Name == name {
			return f
		}
	}
	return nil
}
