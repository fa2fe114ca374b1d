// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin

package multiproc_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/embermetrics/ember"
	"github.com/embermetrics/ember/multiproc"
)

func init() {
	childRoles["default"] = func(_, _ string) { countInDefault() }
	childRoles["default elsewhere"] = func(dir, _ string) {
		ember.Default()
		must(os.Chdir(dir))
		countInDefault()
	}
	childRoles["default counts logs"] = func(_, _ string) {
		slog.SetDefault(slog.New(countingLogs{slog.NewTextHandler(os.Stderr, nil)}))
		countInDefault()
	}
}

// countInDefault counts one in the default registry, and writes what that has.
func countInDefault() {
	ember.Default().NewCounter(ember.CounterOpts{Name: "a_total", Help: "A."}).Inc()
	must(ember.WriteText(os.Stdout, ember.Default()))
}

// countingLogs counts what is logged in the default registry.
type countingLogs struct{ slog.Handler }

func (h countingLogs) Handle(ctx context.Context, r slog.Record) error {
	c := ember.NewCounter(ember.CounterOpts{Name: "logs_total", Help: "Logs."})
	if err := ember.Register(c); err == nil {
		c.Inc()
	}
	return h.Handler.Handle(ctx, r)
}

const variable = "PROMETHEUS_MULTIPROC_DIR"

// runDefault runs a child with the variable, and returns what it writes.
func runDefault(t *testing.T, cmd *exec.Cmd, path string) (all totals, log *logged) {
	t.Helper()
	var out bytes.Buffer
	log = new(logged)
	cmd.Env = append(cmd.Environ(), variable+"="+path)
	cmd.Stdout, cmd.Stderr = &out, log
	require.NoError(t, cmd.Start())
	stop := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer stop.Stop()
	require.NoError(t, cmd.Wait(), "%s", log)
	all, err := scraped(out.String())
	require.NoError(t, err)
	require.Contains(t, all, "go_goroutines")
	return all, log
}

// Default heeds the variable.
func TestDefault(t *testing.T) {
	path := tempPath(t)
	for i := range 3 {
		all, log := runDefault(t, child("default", "", ""), path)
		require.EqualValues(t, 1+i, all["a_total"], "what those before have counted is there")
		require.Empty(t, log.String())
	}
	all := scrape(t, openReader(t, path))
	require.EqualValues(t, 3, all["a_total"])
	require.Contains(t, all, "go_memstats_mallocs_total", "what comes from collectors stays too")
	require.NotContains(t, all, "go_goroutines", "but no gauge of those that have ended")
	all, _ = runDefault(t, child("default", "", ""), "")
	require.EqualValues(t, 1, all["a_total"])
	require.NotContains(t, all, `ember_multiproc_files{state="live"}`)
}

// A path may be relative, and parents may be missing.
func TestDefaultPaths(t *testing.T) {
	path := tempPath(t)
	top := filepath.Dir(path)
	for i := range 2 {
		cmd := child("default elsewhere", t.TempDir(), "")
		cmd.Dir = top
		cmd.Env = append(cmd.Env, "PWD="+top)
		all, log := runDefault(t, cmd, "some/where/cells")
		require.EqualValues(t, 1+i, all["a_total"])
		require.Empty(t, log.String())
	}
	all, _ := runDefault(t, child("default", "", ""), filepath.Join(top, "some/where/cells"))
	require.EqualValues(t, 3, all["a_total"])
}

// A directory that cannot be had is an error in the log, and the registry that of its
// process.
func TestDefaultAlone(t *testing.T) {
	alone := filepath.Join(t.TempDir(), "alone")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", alone, "./testdata/alone").CombinedOutput()
	require.NoError(t, err, "%s", out)
	in := func(name string, make func(path string) error) string {
		path := filepath.Join(filepath.Dir(tempPath(t)), name)
		require.NoError(t, make(path))
		return path
	}
	mkdir := func(path string) error { return os.Mkdir(path, 0o700) }
	for name, tc := range map[string]struct {
		path string
		want string
	}{
		"a file": {
			in("file", func(path string) error { return os.WriteFile(path, nil, 0o600) }),
			"is a regular file, should be a directory",
		},
		"below a file": {
			filepath.Join(in("file", func(path string) error { return os.WriteFile(path, nil, 0o600) }), "cells"),
			"not a directory",
		},
		"open to others": {in("open", func(path string) error {
			if err := mkdir(path); err != nil {
				return err
			}
			return os.Chmod(path, 0o755)
		}), "has mode 0755, should have mode 0700"},
		"a link": {
			in("link", func(path string) error { return os.Symlink(t.TempDir(), path) }),
			"is a symbolic link, should be a directory",
		},
		"of somebody else": {in("theirs", func(path string) error {
			if err := mkdir(path); err != nil || os.Geteuid() != 0 {
				return err
			}
			return os.Chown(path, 12345, -1)
		}), "belongs to user 12345, should belong to user 0"},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(tc.want, "12345") && os.Geteuid() != 0 {
				t.Skip("cannot apply: only root can give a directory to another user")
			}
			for _, role := range []string{"default", "default counts logs"} {
				all, log := runDefault(t, child(role, "", ""), tc.path)
				require.EqualValues(t, 1, all["a_total"])
				require.NotContains(t, all, `ember_multiproc_files{state="live"}`)
				require.Equal(t, 1, log.lines("ERROR", "metrics are of this process alone", "variable="+variable, "dir="+tc.path, tc.want), log.String())
				require.Equal(t, 1, log.lines(""), log.String())
			}
			_, err := multiproc.Open(tc.path)
			require.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("not linked", func(t *testing.T) {
		all, log := runDefault(t, exec.Command(alone), tempPath(t))
		require.EqualValues(t, 1, all["a_total"])
		require.Equal(t, 1, log.lines(""), log.String())
		require.Equal(t, 1, log.lines("metrics are of this process alone", variable, `import _ \"github.com/embermetrics/ember/multiproc\"`), log.String())
		all, log = runDefault(t, exec.Command(alone), "")
		require.EqualValues(t, 1, all["a_total"])
		require.Empty(t, log.String())
	})
}
